/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "common/base/cleanup.h"

enum { WAIT_PAUSE_MS = 200, WAIT_MAX_S = 86400, INSTANCES_MAX = 1000000 };

int service_change(const char *marathon, const char *method, const char *path, struct str body, bool json, const char *done,
                   struct error *err)
{
    struct cli_response r = { 0 };
    int rc = cli_call(method, marathon, path, body, &r, err);

    if (rc != 0)
        return rc;
    if (json && r.body.n != 0)
        printf("%.*s\n", STR_ARG(sbuf_view(&r.body)));
    else if (!json)
        printf("%s\n", done);
    cli_response_done(&r);
    return 0;
}

int service_read(const char *file, struct sbuf *b, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    const char *end = NULL;
    size_t line = 1;
    int r = cli_read_file(file, b, err);

    if (r != 0)
        return r;
    if (b->n == 0)
        return error_set(err, ERR_INVALID, "%s is empty; write a definition in JSON into it", strcmp(file, "-") == 0 ? "standard input" : file);
    j = cJSON_ParseWithLengthOpts(b->p, b->n + 1, &end, 1);
    if (j != NULL)
        return 0;
    for (const char *p = b->p; p < end && p < b->p + b->n; p++)
        line += *p == '\n';
    if (file[0] == '{' || file[0] == '[')
        file = "the definition";
    if (strcmp(file, "-") == 0)
        file = "standard input";
    if (end == NULL || *end == 0)
        return error_set(err, ERR_INVALID, "%s is no JSON: it ends too early, in line %zu", file, line);
    return error_set(err, ERR_INVALID, "%s is no JSON: line %zu, at \"%.*s\"", file, line, (int)str_sub(str_mem(end, strcspn(end, "\n")), 0, 30).n, end);
}

int service_list(const char *marathon, const struct service_list *list, bool json, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_table t = { .columns = list->columns };
    const cJSON *elements, *element;
    int r;

    if (json)
        return json_show(marathon, list->path, err);
    r = json_fetch(marathon, list->path, &j, err);
    if (r != 0)
        return r;
    cli_table_head(&t, list->names);
    elements = list->member != NULL ? json_get(j, list->member) : j;
    cJSON_ArrayForEach(element, elements) list->row(&t, element);
    cli_table_print(&t);
    cli_table_done(&t);
    return 0;
}

int service_wait(const char *marathon, const struct service_wait *w, struct error *err)
{
    struct str t = str_of(w->timeout);
    time_t deadline;
    uint64_t seconds;

    if (!str_u64(&t, WAIT_MAX_S, &seconds) || t.n != 0)
        return error_set(err, ERR_INVALID, "--timeout=%s: use a number of seconds up to %d", w->timeout, WAIT_MAX_S);
    deadline = time(NULL) + (time_t)seconds;
    for (;;) {
        CLEANUP(json_free_p) cJSON *j = NULL;
        int r = json_fetch(marathon, w->path, &j, err);

        if (r == 0 && w->settled(j))
            return 0;
        if (r != 0 && r != -(int)ERR_IO && r != -(int)ERR_UNAVAILABLE && r != -(int)ERR_TIMEOUT)
            return r;
        if (time(NULL) >= deadline)
            return r != 0 ? r : w->late(j, w->id, (unsigned)seconds, err);
        (void)nanosleep(&(struct timespec){ 0, WAIT_PAUSE_MS * 1000000 }, NULL);
    }
}

int service_instances(const char *text, const char *what, uint64_t *ret, struct error *err)
{
    struct str number = str_of(text);

    if (!str_u64(&number, INSTANCES_MAX, ret) || number.n != 0)
        return error_set(err, ERR_INVALID, "instances is \"%s\"; use 0 or more (0 suspends the %s)", text, what);
    return 0;
}
