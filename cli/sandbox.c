/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sandbox.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/base/cleanup.h"

enum { READ_BYTES = 65536, SHOWN_MAX = 3 };

bool task_is_active(const cJSON *task)
{
    static const char *const states[] = { "TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE" };

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(json_text(task, "state"), states[i]) == 0)
            return true;
    return false;
}

const cJSON *task_find(const cJSON *tasks, const char *id, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf names = SBUF_INIT(2000);
    const cJSON *t, *found = json_find(tasks, "id", id), *active = NULL;
    unsigned count = 0, active_count = 0;

    if (found != NULL)
        return found;
    cJSON_ArrayForEach(t, tasks)
    {
        struct str have = str_of(json_text(t, "id"));

        if (!str_contains(have, str_of(id)))
            continue;
        found = t;
        if (task_is_active(t) && active_count++ == 0)
            active = t;
        if (count++ < SHOWN_MAX)
            sbuf_fmt(&names, "%s%.*s", count > 1 ? ", " : "", STR_ARG(have));
    }
    if (count == 1)
        return found;
    if (active_count == 1)
        return active;
    if (count == 0)
        (void)error_set(err, ERR_NOT_FOUND, "there is no task \"%s\"; `stoa ps --all` lists the tasks", id);
    else
        (void)error_set(err, ERR_NOT_FOUND, "several tasks match \"%s\"; give more of the id: %.*s%s", id, STR_ARG(sbuf_view(&names)),
                        count > SHOWN_MAX ? ", …" : "");
    return NULL;
}

const cJSON *task_container(const cJSON *task)
{
    const cJSON *status, *container = NULL;

    cJSON_ArrayForEach(status, json_get(task, "statuses"))
    {
        const cJSON *id = json_get(json_get(status, "container_status"), "container_id");

        if (id != NULL)
            container = id;
    }
    return container;
}

int sandbox_find(const char *master, const char *task_id, struct sandbox *ret, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tasks = NULL, *slaves = NULL;
    const cJSON *task, *slave, *container;
    struct str pid, id;
    const char *executor;
    bool is_nested;
    int r = json_fetch(master, "/tasks?limit=-1", &tasks, err);

    if (r == 0)
        r = json_fetch(master, "/slaves", &slaves, err);
    if (r != 0)
        return r;
    task = task_find(json_get(tasks, "tasks"), task_id, err);
    if (task == NULL)
        return -(int)ERR_NOT_FOUND;
    slave = json_find(json_get(slaves, "slaves"), "id", json_text(task, "slave_id"));
    if (slave == NULL)
        return error_set(err, ERR_NOT_FOUND, "task %s: its agent %s is not registered", task_id, json_text(task, "slave_id"));
    pid = str_of(json_text(slave, "pid"));
    (void)str_cut(&pid, '@', &id);
    executor = json_text(task, "executor_id");
    (void)snprintf(ret->agent, sizeof ret->agent, "%.*s", STR_ARG(pid));
    /* A task of a group has a container, and a sandbox, inside its executor's. */
    container = task_container(task);
    is_nested = json_get(container, "parent") != NULL;
    (void)snprintf(ret->path, sizeof ret->path, "/frameworks/%s/executors/%s/runs/latest%s%s", json_text(task, "framework_id"),
                   executor[0] != 0 ? executor : json_text(task, "id"), is_nested ? "/containers/" : "",
                   is_nested ? json_text(container, "value") : "");
    (void)snprintf(ret->state, sizeof ret->state, "%s", json_text(task, "state"));
    return 0;
}

void query_encode(struct sbuf *b, const char *s)
{
    for (; *s != 0; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
                     strchr("/-._~", *s) != NULL;

        if (plain)
            sbuf_char(b, *s);
        else
            sbuf_fmt(b, "%%%02X", (unsigned char)*s);
    }
}

int sandbox_read(const struct sandbox *s, const char *file, int64_t *offset, FILE *out, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(8192);
    CLEANUP(json_free_p) cJSON *j = NULL;
    const char *data;
    size_t n;
    int r;

    sbuf_c(&path, "/files/read?path=");
    query_encode(&path, s->path);
    sbuf_char(&path, '/');
    query_encode(&path, file);
    sbuf_fmt(&path, "&offset=%lld&length=%d", (long long)*offset, READ_BYTES);
    r = json_fetch(s->agent, path.p, &j, err);
    if (r != 0)
        return r;
    data = json_text(j, "data");
    n = strlen(data);
    (void)fwrite(data, 1, n, out);
    (void)fflush(out);
    *offset += (int64_t)n;
    return (int)(n > INT32_MAX ? INT32_MAX : n);
}
