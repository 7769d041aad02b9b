/* SPDX-License-Identifier: Apache-2.0 */
/* What `stoa app`, `stoa pod` and `stoa job` share as verbs over marathon's REST API: a change, a list, a wait, a number of
 * instances. All return 0 or a negative error code. */
#ifndef STOA_CLI_SERVICE_H
#define STOA_CLI_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"

/* A call that changes something. Says what has happened (done), or with json prints the answer as it came, if there is one. */
int service_change(const char *marathon, const char *method, const char *path, struct str body, bool json, const char *done,
                   struct error *err);

/* cli_read_file of a definition; what is no JSON is an error with the file's name and the line. */
int service_read(const char *file, struct sbuf *b, struct error *err);

/* GET of a list as a table, or as it came. member: of the answer that is the list; NULL: the answer itself. row adds one
 * cell for each of the columns. */
struct service_list {
    const char *path, *member;
    const char *const *names; /* of the columns */
    unsigned columns;
    void (*row)(struct cli_table *t, const cJSON *element);
};
int service_list(const char *marathon, const struct service_list *list, bool json, struct error *err);

/* Asks for path until settled says so. A marathon that is being started again is no reason to give up; after `timeout` (seconds, as text) it is, and late says
 * what is missing. */
struct service_wait {
    const char *path, *timeout, *id;
    bool (*settled)(const cJSON *answer);
    int (*late)(const cJSON *answer, const char *id, unsigned seconds, struct error *err); /* sets err, returns its code */
};
int service_wait(const char *marathon, const struct service_wait *wait, struct error *err);

/* Instances as written on the command line; what: "app" or "pod". */
int service_instances(const char *text, const char *what, uint64_t *ret, struct error *err);

#endif
