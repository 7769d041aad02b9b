/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON answers in the commands: getters that accept NULL and missing keys, so that a command reads a
 * server's answer without a check per line. */
#ifndef STOA_CLI_JSON_H
#define STOA_CLI_JSON_H

#include <cjson/cJSON.h>

#include "common/base/error.h"

static inline void json_free_p(cJSON **j)
{
    cJSON_Delete(*j);
}

const cJSON *json_get(const cJSON *object, const char *key); /* NULL when missing or object is NULL */
const char *json_text(const cJSON *object, const char *key); /* "" when missing or no text */
double json_number(const cJSON *object, const char *key);    /* 0 when missing or no number */
/* The element of the array whose member key is this text; NULL when there is none. */
const cJSON *json_find(const cJSON *array, const char *key, const char *text);

/* GET address/path; the caller owns *ret (cJSON_Delete). */
int json_fetch(const char *address, const char *path, cJSON **ret, struct error *err);
/* GET address/path and print the body as it came, with a newline. */
int json_show(const char *address, const char *path, struct error *err);
/* GET address/path and print it, or this member of it, for people to read. */
int json_pretty(const char *address, const char *path, const char *member, struct error *err);

#endif
