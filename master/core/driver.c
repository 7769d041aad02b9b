/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks that are old drivers: reached by messages to a pid instead of a stream. Calls, offers, tasks and the
 * failover timeout are those of framework.c; what differs is here.
 *
 * - The connection is the link to the pid: it breaks, the framework is disconnected. The pid stays known until another
 *   connection takes its place, so that the same driver may return without force.
 * - A pid belongs to one framework at most (master->frameworks_by_pid).
 * - A driver that aborts stays connected and gets no offers until it subscribes again.
 * - Who takes a framework over must say force, and the one before is told "Framework failed over".
 *
 * Sources: wire protocol, sections 12 and 14; scheduler API, section 5.6. */
#include "master/core/internal.h"

/* It did not get the answer, or its link broke before: in both cases it is the framework it was. */
static void answer_again(struct master *m, struct framework *f, struct str pid)
{
    if (!framework_is_active(f))
        allocator_framework_activate(m->allocator, f->ref);
    driver_attach(m, f, pid, false);
}

bool driver_subscribe_answered(struct master *m, const struct master_event *ev, struct framework *known)
{
    const struct subscribe_request *q = ev->subscribe.req;
    struct framework *own = framework_of_pid(m, ev->pid);

    if (!q->has_id && own != NULL) {
        answer_again(m, own, ev->pid);
        return true;
    }
    if (own != NULL && own != known) {
        act_note(m, NOTE_WARN, "subscription_ignored", "framework=%.*s pid=%.*s reason=\"the pid is that of framework %.*s\"",
                 STR_ARG(q->info->id.s), STR_ARG(ev->pid), STR_ARG(own->id.s));
        return true;
    }
    if (known != NULL && known != own && known->state != FRAMEWORK_RECOVERED && !q->force) {
        driver_refuse(m, ev->pid, STR("Framework failed over"));
        return true;
    }
    return false;
}

void on_driver_abort(struct master *m, const struct master_event *ev)
{
    struct framework *f = framework_find(m, ev->driver_abort.framework.s);

    if (f == NULL || f->pid == NULL || !str_is(ev->pid, f->pid) || !framework_is_active(f)) {
        m->metrics.dropped_messages++;
        return;
    }
    while (f->offers != NULL)
        offer_rescind(m, f->offers, RESCIND_TELL, 0);
    offers_rescind_framework(m, f);
    allocator_framework_deactivate(m->allocator, f->ref);
    f->aborted = true;
    act_note(m, NOTE_INFO, "framework_deactivated", "framework=%.*s", STR_ARG(f->id.s));
}

void on_driver_exited(struct master *m, struct str pid)
{
    struct framework *f = framework_of_pid(m, pid);

    if (f == NULL || !framework_is_connected(f))
        return;
    driver_refuse(m, pid, STR("Framework disconnected")); /* should it only have been the connection */
    framework_disconnect(m, f);
}
