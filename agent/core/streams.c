/* SPDX-License-Identifier: Apache-2.0 */
/* The table of update streams, one per task with updates on their way; status_updates.c says what happens in it. */
#include "agent/core/internal.h"

#include <stdio.h>

#include "common/base/alloc.h"

void agent_update_free(struct agent_update *u)
{
    task_status_unref(u->status);
    free(u);
}

void agent_stream_free(struct agent_stream *s)
{
    struct agent_update *u, *next;

    LL_FOREACH_SAFE(s->head, u, next)
        agent_update_free(u);
    free(s->key);
    free(s->framework_id);
    free(s->executor_id);
    free(s->task_id);
    free(s->container_id);
    free(s->seen);
    free(s);
}

struct agent_stream *agent_stream_find(const struct agent *a, struct str framework_id, struct str task_id)
{
    char key[2 * ID_SIZE_MAX + 2];
    struct agent_stream *s = NULL;

    if (framework_id.n > ID_SIZE_MAX || task_id.n > ID_SIZE_MAX)
        return NULL;
    size_t n = (size_t)snprintf(key, sizeof key, "%.*s/%.*s", STR_ARG(framework_id), STR_ARG(task_id));
    HASH_FIND(hh, a->streams, key, n, s);
    return s;
}

void agent_stream_remove(struct agent *a, struct agent_stream *s)
{
    HASH_DEL(a->streams, s);
    s->next_dead = a->dead_streams;
    a->dead_streams = s;
}

void agent_updates_pause(struct agent *a)
{
    for (struct agent_stream *s = a->streams; s != NULL; s = s->hh.next)
        s->retry_at = MONO_NEVER;
}

void agent_updates_forget_framework(struct agent *a, struct str framework_id)
{
    struct agent_stream *s, *next;

    HASH_ITER(hh, a->streams, s, next)
        if (str_is(framework_id, s->framework_id))
            agent_stream_remove(a, s);
}
