/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/core/session.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"

enum { RESUBSCRIBE_S = 1, SPREAD_MS = 300, RETRY_MS = 100, SILENCE_S = 10 };

void session_init(struct session *s, const struct session_config *config)
{
    *s = (struct session){ .config = *config, .retry_at = MONO_NEVER, .give_up_at = MONO_NEVER };
}

static void free_items(struct session_item **list)
{
    struct session_item *i, *next;
    DL_FOREACH_SAFE(*list, i, next) {
        free(i->task_id);
        free(i->bytes);
        free(i);
    }
    *list = NULL;
}

void session_done(struct session *s)
{
    free_items(&s->updates);
    free_items(&s->tasks);
}

static void connect_now(struct session *s, struct mono now, struct session_actions *a)
{
    s->state = SESSION_CONNECTING;
    s->retry_at = mono_add(now, SILENCE_S * NS_PER_S);
    a->subscribe = true;
}

static void wait_for(struct session *s, struct mono now, int64_t ns)
{
    s->state = SESSION_WAITING;
    s->retry_at = mono_add(now, ns);
}

static void end(struct session *s, struct session_actions *a)
{
    s->state = SESSION_ENDED;
    s->retry_at = s->give_up_at = MONO_NEVER;
    a->shutdown = true;
}

/* An agent that is started again waits for all its executors before it registers: where it allows for much, this is enough for
 * a thousand of them not to come all at once. */
static int64_t backoff(const struct session *s, struct rng *rng)
{
    int64_t max = s->config.backoff_max_ns < SPREAD_MS * NS_PER_MS ? s->config.backoff_max_ns : SPREAD_MS * NS_PER_MS;

    return max <= 0 ? 0 : (int64_t)rng_below(rng, (uint64_t)max);
}

/* An agent that is being started is there within a moment; one that is away for longer is asked once a second. */
static int64_t again(unsigned refusals)
{
    int64_t ns = (int64_t)RETRY_MS * NS_PER_MS << (refusals < 8 ? refusals : 8);

    return ns < RESUBSCRIBE_S * NS_PER_S ? ns : RESUBSCRIBE_S * NS_PER_S;
}

static void lost(struct session *s, struct mono now, struct rng *rng, struct session_actions *a)
{
    if (s->state == SESSION_SUBSCRIBED) {
        a->disconnected = true;
        if (!s->config.checkpoint) {
            end(s, a);
            return;
        }
        s->give_up_at = mono_add(now, s->config.recovery_timeout_ns);
        s->refusals = 0;
        wait_for(s, now, backoff(s, rng));
    } else if (s->state == SESSION_CONNECTING) {
        wait_for(s, now, again(s->refusals));
        s->refusals++;
    }
}

static void tick(struct session *s, struct mono now, struct session_actions *a)
{
    if (!mono_before(now, s->give_up_at))
        end(s, a);
    else if ((s->state == SESSION_WAITING || s->state == SESSION_CONNECTING) && !mono_before(now, s->retry_at))
        connect_now(s, now, a);
}

struct session_actions session_step(struct session *s, enum session_event e, struct mono now, struct rng *rng)
{
    struct session_actions a = { .wake_at = MONO_NEVER };
    if (s->state == SESSION_ENDED)
        return a;
    switch (e) {
    case SESSION_START:
        ASSERT(s->state == SESSION_NEW);
        s->give_up_at = mono_add(now, s->config.recovery_timeout_ns);
        connect_now(s, now, &a);
        break;
    case SESSION_GOT_SUBSCRIBED:
        s->state = SESSION_SUBSCRIBED;
        s->retry_at = s->give_up_at = MONO_NEVER;
        break;
    case SESSION_GOT_REFUSED:
    case SESSION_GOT_EOF:
        lost(s, now, rng, &a);
        break;
    case SESSION_GOT_ERROR:
        a.error = true;
        end(s, &a);
        break;
    case SESSION_TICK:
        tick(s, now, &a);
        break;
    }
    a.wake_at = mono_min(s->retry_at, s->give_up_at);
    return a;
}

static struct session_item *item_new(struct str task_id, struct str bytes)
{
    struct session_item *i = xcalloc(1, sizeof *i);
    i->task_id = xstrndup(task_id);
    i->bytes = xmemdup(bytes.p, bytes.n);
    i->n = bytes.n;
    return i;
}

int session_add_update(struct session *s, struct str task_id, const struct uuid *uuid, struct str bytes, struct error *err)
{
    if (s->update_count >= SESSION_UPDATES_MAX)
        return error_set(err, ERR_LIMIT, "%zu status updates wait for their acknowledgement; at most %d", s->update_count,
                         SESSION_UPDATES_MAX);
    struct session_item *i = item_new(task_id, bytes);
    i->uuid = *uuid;
    DL_APPEND(s->updates, i);
    s->update_count++;
    return 0;
}

int session_add_task(struct session *s, struct str task_id, struct str bytes, struct error *err)
{
    if (s->task_count >= SESSION_TASKS_MAX)
        return error_set(err, ERR_LIMIT, "%zu tasks wait for the first acknowledgement; at most %d", s->task_count,
                         SESSION_TASKS_MAX);
    struct session_item *i = item_new(task_id, bytes);
    DL_APPEND(s->tasks, i);
    s->task_count++;
    return 0;
}

static bool drop(struct session_item **list, struct str task_id, const struct uuid *uuid)
{
    struct session_item *i, *next;
    DL_FOREACH_SAFE(*list, i, next) {
        if (!str_is(task_id, i->task_id) || (uuid != NULL && !uuid_eq(uuid, &i->uuid)))
            continue;
        DL_DELETE(*list, i);
        free(i->task_id);
        free(i->bytes);
        free(i);
        return true;
    }
    return false;
}

bool session_acknowledged(struct session *s, struct str task_id, const struct uuid *uuid)
{
    if (drop(&s->tasks, task_id, NULL))
        s->task_count--;
    if (!drop(&s->updates, task_id, uuid))
        return false;
    s->update_count--;
    return true;
}
