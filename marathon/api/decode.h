/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to values, by the tables of core/schema.h. Every problem is an issue with its path and the original's
 * code
 * ("error.expected.jsnumber", "error.min", ...); decoding goes on, so that all problems are found at once.
 * Unknown keys are ignored, null is absent (marathon-api §1, §3). */
#ifndef STOA_MARATHON_DECODE_H
#define STOA_MARATHON_DECODE_H

#include <cjson/cJSON.h>

#include "marathon/core/issues.h"
#include "marathon/core/schema.h"

/* Texts of the value point into the tree or the arena: both must live as long. *ret was zeroed. defaults:
 * absent top-level fields get theirs; nested objects get them always. */
void value_decode(const struct schema *s, const cJSON *json, void *ret, bool defaults, struct arena *a,
                  struct issues *is, const struct place *at);

/* Text to a tree; NULL with the parser's complaint in text. Trailing bytes are refused. */
cJSON *body_parse(struct str body, char *text, size_t text_size);

/* Getters for small hand-written bodies: NULL or p NULL when absent or of another type. */
const cJSON *body_get(const cJSON *o, const char *key);
struct str body_str(const cJSON *o, const char *key);
struct opt_time body_time(const cJSON *o, const char *key); /* absent when it is none */

static inline void body_free_p(cJSON **j)
{
    cJSON_Delete(*j);
}

#endif
