/* SPDX-License-Identifier: Apache-2.0 */
/* How a framework is connected: by a stream, or, an old driver, by the link to its pid. */
#include <stdlib.h>

#include "master/core/internal.h"

struct framework *framework_of_pid(const struct master *m, struct str pid)
{
    struct framework *f = NULL;

    HASH_FIND(hh_pid, m->frameworks_by_pid, pid.p, pid.n, f);
    return f;
}

void driver_attach(struct master *m, struct framework *f, struct str pid, bool again)
{
    if (f->pid == NULL) {
        f->pid = text_copy(pid);
        HASH_ADD_KEYPTR(hh_pid, m->frameworks_by_pid, f->pid, pid.n, f);
    }
    ASSERT(str_is(pid, f->pid));
    f->state = FRAMEWORK_ACTIVE;
    f->aborted = false;
    f->failover_at = MONO_NEVER;
    act(m, MASTER_ACT_LINK)->send.to = act_keep(m, pid);
    act_event(m, f, EVENT_SUBSCRIBED)->event.again = again;
}

void driver_detach(struct master *m, struct framework *f)
{
    act(m, MASTER_ACT_UNLINK)->send.to = act_keep(m, str_of(f->pid));
    HASH_DELETE(hh_pid, m->frameworks_by_pid, f);
    free(f->pid);
    f->pid = NULL;
}

void driver_refuse(struct master *m, struct str pid, struct str why)
{
    struct master_action *a = act(m, MASTER_ACT_EVENT);

    a->event.to = act_keep(m, pid);
    a->event.kind = EVENT_ERROR;
    a->event.bytes = act_keep(m, why);
}

void stream_attach(struct master *m, struct framework *f, const struct master_event *ev, bool again)
{
    if (ev->pid.n != 0) {
        driver_attach(m, f, ev->pid, again);
        return;
    }
    struct uuid u = uuid_make(m->rng);
    struct stream_ref s = ev->subscribe.stream;
    f->stream = s;
    uuid_text(&u, f->stream_id);
    f->state = FRAMEWORK_ACTIVE;
    f->failover_at = MONO_NEVER;
    struct master_action *o = act(m, MASTER_ACT_STREAM_OPEN);
    o->event.stream = s;
    o->event.stream_id = str_of(f->stream_id);
    act_event(m, f, EVENT_SUBSCRIBED);
    act_event(m, f, EVENT_HEARTBEAT);
    f->heartbeat_at = mono_add(m->now, HEARTBEAT_SECONDS * NS_PER_S);
    DL_APPEND2(m->heartbeats, f, hb_prev, hb_next);
}

void stream_detach(struct master *m, struct framework *f)
{
    ASSERT(f->state == FRAMEWORK_ACTIVE);
    if (f->pid == NULL)
        DL_DELETE2(m->heartbeats, f, hb_prev, hb_next);
    f->state = FRAMEWORK_DISCONNECTED;
    f->aborted = false;
    f->stream = (struct stream_ref){ 0 };
}

void stream_refuse(struct master *m, struct stream_ref s, struct str why)
{
    struct uuid u = uuid_make(m->rng);
    char text[UUID_TEXT_SIZE];

    uuid_text(&u, text);
    struct master_action *a = act(m, MASTER_ACT_STREAM_OPEN);
    a->event.stream = s;
    a->event.stream_id = act_keep(m, str_of(text));
    a = act(m, MASTER_ACT_EVENT);
    a->event.stream = s;
    a->event.kind = EVENT_ERROR;
    a->event.bytes = act_keep(m, why);
    a = act(m, MASTER_ACT_STREAM_CLOSE);
    a->event.stream = s;
}
