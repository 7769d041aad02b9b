/* SPDX-License-Identifier: Apache-2.0 */
/* The updates of tasks on their way to the master. Per task a FIFO: an update is stored (frameworks with
 * checkpointing), acknowledged to its executor, forwarded when it is the head, repeated after 10 s doubling to 10 min,
 * and dropped when the master's acknowledgement names it. The next head starts at 10 s again. Nothing is sent while
 * the agent is not RUNNING; on (re-)registration and on UpdateFramework every head goes out at once.
 *
 * Repeats (an executor that reconnects sends what it thinks unacknowledged) are recognised by uuid: the newest
 * AGENT_SEEN_MAX of a task are remembered. Source: reference of executor and agent API, §11, §12. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

static struct agent_stream *stream_get(struct agent *a, struct str framework_id, struct agent_executor *e,
                                       struct str task_id)
{
    struct agent_stream *s = agent_stream_find(a, framework_id, task_id);

    if (s != NULL)
        return s;
    s = xcalloc(1, sizeof *s);
    s->framework_id = xstrndup(framework_id);
    s->task_id = xstrndup(task_id);
    if (e != NULL) {
        s->executor_id = xstrdup(e->id);
        s->container_id = xstrdup(e->container_id);
        s->checkpoint = e->checkpoint && agent_task_find(e, task_id) != NULL;
    }
    s->retry_at = s->store_at = MONO_NEVER;
    s->retry_ns = AGENT_RETRY_MIN_NS;
    size_t n = framework_id.n + task_id.n + 1;
    s->key = xmalloc(n + 1);
    (void)snprintf(s->key, n + 1, "%.*s/%.*s", STR_ARG(framework_id), STR_ARG(task_id)); /* room was counted */
    HASH_ADD_KEYPTR(hh, a->streams, s->key, n, s);
    return s;
}

static bool stream_has_seen(const struct agent_stream *s, const struct uuid *uuid)
{
    for (size_t i = 0; i < s->seen_count; i++)
        if (uuid_eq(&s->seen[i], uuid))
            return true;
    return false;
}

static void stream_see(struct agent_stream *s, const struct uuid *uuid)
{
    if (s->seen_count == AGENT_SEEN_MAX) {
        s->seen[s->seen_next] = *uuid;
        s->seen_next = (s->seen_next + 1) % AGENT_SEEN_MAX;
        return;
    }
    ARRAY_ROOM(s->seen, s->seen_count, s->seen_cap);
    s->seen[s->seen_count++] = *uuid;
}

static struct agent_executor *stream_executor(const struct agent *a, const struct agent_stream *s)
{
    struct agent_framework *f = agent_framework_find(a, str_of(s->framework_id));

    return f != NULL && s->executor_id != NULL ? agent_executor_find(f, str_of(s->executor_id)) : NULL;
}

static struct agent_task *stream_task(const struct agent *a, const struct agent_stream *s)
{
    struct agent_executor *e = stream_executor(a, s);

    return e != NULL ? agent_task_find(e, str_of(s->task_id)) : NULL;
}

static void stream_send(struct agent *a, struct agent_stream *s)
{
    struct agent_update *u = s->head;

    s->retry_at = MONO_NEVER;
    if (u == NULL || !u->stored || a->state != AGENT_RUNNING)
        return;
    struct agent_task *t = stream_task(a, s);
    if (t != NULL && t->forwarded != u->status) {
        task_status_unref(t->forwarded);
        t->forwarded = task_status_ref(u->status);
    }
    struct agent_action *act = agent_do(a, AGENT_DO_SEND_UPDATE);
    act->flow = s;
    act->update = u;
    act->task = t;
    s->retry_at = mono_add(a->now, s->retry_ns);
}

static void executor_ack(struct agent *a, const struct agent_stream *s, const struct uuid *uuid)
{
    struct agent_executor *e = stream_executor(a, s);

    if (e == NULL || e->stream == 0)
        return;
    struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_ACK);
    act->executor = e;
    act->stream = e->stream;
    act->task_id = str_of(s->task_id);
    act->uuid = *uuid;
}

static struct agent_update *stream_append(struct agent_stream *s, struct task_status *status)
{
    struct agent_update *u = xcalloc(1, sizeof *u);

    u->status = task_status_ref(status);
    if (s->tail != NULL)
        s->tail->next = u;
    else
        s->head = u;
    s->tail = u;
    s->count++;
    stream_see(s, &status->uuid);
    return u;
}

/* Our own executor leaves a moment after the end of its task was acknowledged. One that does not is held up by what its task
 * left behind (a fork bomb has all of the container's processor time). */
static void watch_leaving(struct agent *a, const struct agent_stream *s, const struct agent_update *u)
{
    struct agent_executor *e = stream_executor(a, s);

    if (e != NULL && e->generated && e->state == EXECUTOR_RUNNING && task_state_is_terminal(u->status->state) &&
        e->destroy_at.ns == MONO_NEVER.ns)
        e->destroy_at = mono_add(a->now, AGENT_KILL_MARGIN_NS);
}

static void update_is_stored(struct agent *a, struct agent_stream *s, struct agent_update *u)
{
    u->stored = true;
    if (u->ack_executor) {
        executor_ack(a, s, &u->status->uuid);
        watch_leaving(a, s, u);
    }
    u->ack_executor = false;
    if (u == s->head)
        stream_send(a, s);
}

static void stream_store(struct agent *a, struct agent_stream *s, struct agent_update *u)
{
    struct agent_action *act = agent_do(a, AGENT_DO_STORE_UPDATE);
    act->flow = s;
    act->update = u;
    act->uuid = u->status->uuid;
}

void agent_update_take(struct agent *a, struct framework_id framework, struct agent_executor *e,
                       struct task_status *status, bool ack_executor)
{
    struct agent_stream *s = stream_get(a, framework.s, e, status->task.s);

    if (s->executor_id == NULL && e != NULL) /* a task nobody knew, sent by this executor */
        s->executor_id = xstrdup(e->id);
    if (stream_has_seen(s, &status->uuid)) {
        for (struct agent_update *u = s->head; u != NULL; u = u->next)
            if (uuid_eq(&u->status->uuid, &status->uuid) && !u->stored) {
                u->ack_executor = u->ack_executor || ack_executor;
                return;
            }
        if (ack_executor)
            executor_ack(a, s, &status->uuid);
        return;
    }
    if (s->count >= AGENT_UPDATES_PENDING_MAX) {
        a->counters.invalid_updates++;
        agent_note(a, true, "task %s has %zu unacknowledged updates, the most this agent keeps "
                            "(AGENT_UPDATES_PENDING_MAX); ignoring a further one", s->task_id, s->count);
        return;
    }

    struct agent_update *u = stream_append(s, status);
    u->ack_executor = ack_executor;
    if (!s->checkpoint)
        update_is_stored(a, s, u);
    else if (s->store_at.ns == MONO_NEVER.ns) /* else behind the ones that wait: the log keeps the order */
        stream_store(a, s, u);
}

void agent_update_make(struct agent *a, struct framework_id framework, bool partition_aware, struct agent_executor *e,
                       struct task_id task, enum task_state state, enum task_reason reason, struct str message,
                       const struct resources *limitation)
{
    struct agent_task *t = e != NULL ? agent_task_find(e, task.s) : NULL;
    struct agent_status spec = {
        .agent = agent_id(str_of(a->id)),
        .task = task,
        .executor = executor_id(e != NULL ? str_of(e->id) : (struct str){ NULL, 0 }),
        .state = task_state_for(state, partition_aware),
        .reason = reason,
        .message = message,
        .uuid = uuid_make(&a->rng),
        .at = a->wall,
        .limitation = limitation,
    };
    struct task_status *status = a->codec.status_make(&spec);

    if (t != NULL)
        agent_task_set_state(a, t, status);
    agent_update_take(a, framework, e, status, false);
    task_status_unref(status);
}

void agent_update_stored(struct agent *a, struct framework_id framework, struct task_id task, const struct uuid *uuid)
{
    struct agent_stream *s = agent_stream_find(a, framework.s, task.s);

    if (s == NULL)
        return;
    for (struct agent_update *u = s->head; u != NULL; u = u->next)
        if (uuid_eq(&u->status->uuid, uuid)) {
            if (!u->stored)
                update_is_stored(a, s, u);
            return;
        }
}

void agent_update_not_stored(struct agent *a, struct framework_id framework, struct task_id task)
{
    struct agent_stream *s = agent_stream_find(a, framework.s, task.s);

    if (s != NULL)
        s->store_at = mono_add(a->now, AGENT_STORE_RETRY_NS);
}

static void store_again(struct agent *a, struct agent_stream *s)
{
    s->store_at = MONO_NEVER;
    for (struct agent_update *u = s->head; u != NULL; u = u->next)
        if (!u->stored)
            stream_store(a, s, u);
}

/* The terminal update of a task is acknowledged: nothing of it is left to do. */
static void stream_close(struct agent *a, struct agent_stream *s)
{
    struct agent_executor *e = stream_executor(a, s);
    struct agent_task *t = e != NULL ? agent_task_find(e, str_of(s->task_id)) : NULL;

    if (s->head != NULL)
        agent_note(a, true, "task %s: discarding %zu updates behind its terminal one", s->task_id, s->count);
    agent_stream_remove(a, s);
    if (t == NULL || t->place != AGENT_TASK_TERMINATED)
        return;
    agent_task_complete(a, t);
    if (e->state == EXECUTOR_TERMINATED && e->tasks == NULL)
        agent_executor_remove(a, e);
}

void agent_update_acked(struct agent *a, struct framework_id framework, struct task_id task, const struct uuid *uuid)
{
    struct agent_stream *s = agent_stream_find(a, framework.s, task.s);
    struct agent_update *u = s != NULL ? s->head : NULL;

    if (u == NULL || !u->stored || !uuid_eq(&u->status->uuid, uuid))
        return; /* of an update that went out twice, around a failover */
    if (s->checkpoint) {
        struct agent_action *act = agent_do(a, AGENT_DO_STORE_ACK);
        act->flow = s;
        act->uuid = *uuid;
    }
    s->head = u->next;
    if (s->head == NULL)
        s->tail = NULL;
    s->count--;
    u->next = a->dead_updates;
    a->dead_updates = u;
    s->retry_ns = AGENT_RETRY_MIN_NS;
    s->retry_at = MONO_NEVER;
    if (task_state_is_terminal(u->status->state))
        stream_close(a, s);
    else
        stream_send(a, s);
}

void agent_updates_resend(struct agent *a)
{
    for (struct agent_stream *s = a->streams; s != NULL; s = s->hh.next) {
        s->retry_ns = AGENT_RETRY_MIN_NS;
        stream_send(a, s);
    }
}

void agent_updates_tick(struct agent *a)
{
    for (struct agent_stream *s = a->streams; s != NULL; s = s->hh.next) {
        if (!mono_before(a->now, s->store_at))
            store_again(a, s);
        if (mono_before(a->now, s->retry_at))
            continue;
        s->retry_ns = s->retry_ns * 2 < AGENT_RETRY_MAX_NS ? s->retry_ns * 2 : AGENT_RETRY_MAX_NS;
        stream_send(a, s);
    }
}

struct mono agent_updates_wake_at(const struct agent *a)
{
    struct mono at = MONO_NEVER;

    for (const struct agent_stream *s = a->streams; s != NULL; s = s->hh.next)
        at = mono_min(at, mono_min(s->retry_at, s->store_at));
    return at;
}

bool agent_can_take_update(const struct agent *a, struct framework_id framework, struct task_id task)
{
    const struct agent_stream *s = agent_stream_find(a, framework.s, task.s);

    return s == NULL ? HASH_COUNT(a->streams) < AGENT_STREAMS_MAX : s->count < AGENT_UPDATES_PENDING_MAX;
}

/* Replays a log: what was acknowledged is dropped, the rest is stored already and waits for a master. */
/* How many of them, from the first on: one is sent when the one before it is acknowledged, even if that could not be written
 * down on a full disk. */
static size_t acknowledged_updates(const struct agent_recovered_task *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->update_count; i++)
        for (size_t j = 0; j < r->ack_count; j++)
            if (uuid_eq(&r->acks[j], &r->updates[i]->uuid))
                n = i + 1;
    return n;
}

void agent_updates_recover(struct agent *a, struct agent_executor *e, struct agent_task *t,
                           const struct agent_recovered_task *r)
{
    size_t acked = acknowledged_updates(r);
    bool closed = false;

    for (size_t i = 0; i < r->update_count; i++) {
        struct task_status *status = r->updates[i];
        agent_task_set_state(a, t, status);
        closed = closed || (i < acked && task_state_is_terminal(status->state));
    }
    if (r->update_count != 0 && t->place == AGENT_TASK_QUEUED)
        t->place = AGENT_TASK_LAUNCHED;
    if (closed) {
        agent_task_complete(a, t);
        return;
    }
    if (r->update_count == 0)
        return;
    struct agent_stream *s = stream_get(a, str_of(e->framework->id), e, str_of(t->id));
    for (size_t i = 0; i < r->update_count; i++) {
        if (stream_has_seen(s, &r->updates[i]->uuid))
            continue;
        if (i >= acked) {
            stream_append(s, r->updates[i])->stored = true;
            continue;
        }
        stream_see(s, &r->updates[i]->uuid);
        task_status_unref(t->forwarded);
        t->forwarded = task_status_ref(r->updates[i]);
    }
    if (s->head != NULL) { /* it may have been sent before: a master must not answer reconciliation with less */
        task_status_unref(t->forwarded);
        t->forwarded = task_status_ref(s->head->status);
    }
}
