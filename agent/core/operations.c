/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations and volumes. An operation changes the agent's total and is stored; if it cannot be stored the change is taken
 * back, and it has failed. Its status is repeated until the master acknowledges it (10 s, doubling to 10 min). The master
 * has applied it beforehand: of one that failed or was refused it learns by a new report what is really here.
 * Sources: reference of the wire protocol, §15.7. The original ends when it cannot store; its executors then wait for an agent
 * that cannot start. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

void agent_operation_free(struct agent_operation *o)
{
    blob_unref(o->info);
    free(o->framework_id);
    free(o->operation_id);
    free(o->message);
    free(o);
}

static struct agent_operation *operation_find(const struct agent *a, const struct uuid *uuid)
{
    struct agent_operation *o = NULL;

    HASH_FIND(hh, a->operations, uuid->b, sizeof uuid->b, o);
    return o;
}

static void operation_send(struct agent *a, struct agent_operation *o)
{
    o->retry_at = MONO_NEVER;
    if (a->state != AGENT_RUNNING)
        return;
    struct agent_action *act = agent_do(a, AGENT_DO_SEND_OPERATION);
    act->operation = o;
    act->to = str_of(a->master);
    o->retry_at = mono_add(a->now, o->retry_ns);
}

static struct agent_operation *operation_add(struct agent *a, const struct agent_operation_desc *d,
                                             enum operation_state state, struct uuid status_uuid, const char *message)
{
    struct agent_operation *o = xcalloc(1, sizeof *o);

    o->uuid = d->uuid;
    o->status_uuid = status_uuid;
    o->framework_id = d->framework.s.n != 0 ? xstrndup(d->framework.s) : NULL;
    o->operation_id = d->id.s.n != 0 ? xstrndup(d->id.s) : NULL;
    o->info = blob_new(d->info);
    o->message = message != NULL ? xstrdup(message) : NULL;
    o->state = state;
    o->retry_at = MONO_NEVER;
    o->retry_ns = AGENT_RETRY_MIN_NS;
    HASH_ADD(hh, a->operations, uuid.b, sizeof o->uuid.b, o);
    return o;
}

static void remember_checkpointed(struct agent *a)
{
    resources_done(&a->checkpointed);
    a->checkpointed = resources_checkpointed(&a->total);
}

static bool has_volume(const struct resources *r, const struct resource *volume)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (resource_is_persistent_volume(&r->v[i]) && r->v[i].disk->persistence == volume->disk->persistence &&
            resource_reservation_role(&r->v[i]) == resource_reservation_role(volume))
            return true;
    return false;
}

static void remember_destroyed(struct agent *a, const struct conversion *c)
{
    resources_done(&a->destroyed);
    for (uint32_t i = 0; i < c->consumed.n; i++)
        if (resource_is_persistent_volume(&c->consumed.v[i]) && !has_volume(&c->produced, &c->consumed.v[i]))
            resources_add(&a->destroyed, &c->consumed.v[i]);
}

/* --- the change and its record --- */

static void change_begin(struct agent *a, struct agent_operation *o, struct resources before)
{
    ASSERT(!a->undo.waits); /* the shell answers before it gives another event */
    a->undo.waits = true;
    a->undo.operation = o;
    a->undo.total = before;
    remember_checkpointed(a);
    agent_do(a, AGENT_DO_STORE_RESOURCES);
}

static void change_failed(struct agent *a, struct agent_operation *o, struct str why)
{
    resources_done(&a->total);
    a->total = a->undo.total;
    a->undo.total = RESOURCES_INIT;
    remember_checkpointed(a);
    resources_done(&a->destroyed);
    agent_note(a, true, "reservations and volumes cannot be stored (%.*s); they stay as they were", STR_ARG(why));
    if (o != NULL) {
        o->state = OPERATION_FAILED;
        struct str text = agent_text(a, "The agent could not store its resources: %.*s", STR_ARG(why));
        o->message = xstrndup(text);
    }
}

void agent_on_resources_stored(struct agent *a, const struct agent_event *ev)
{
    struct agent_operation *o = a->undo.operation;
    bool failed = ev->u.written.failed;

    if (!a->undo.waits) /* only the list of operations was new: at worst a later process repeats one */
        return;
    a->undo.waits = false;
    a->undo.operation = NULL;
    if (failed)
        change_failed(a, o, ev->u.written.message);
    resources_done(&a->undo.total);
    if (o != NULL)
        agent_do(a, AGENT_DO_STORE_OPERATION)->operation = o;
    /* After the records: a crash in between leaves a folder, never a volume without one. */
    for (uint32_t i = 0; i < a->destroyed.n; i++)
        agent_do(a, AGENT_DO_REMOVE_VOLUME)->volume = &a->destroyed.v[i];
    if (o != NULL)
        operation_send(a, o);
    if (failed)
        agent_report_again(a);
}

void agent_on_apply_operation(struct agent *a, const struct agent_event *ev)
{
    const struct agent_operation_desc *d = &ev->u.operation;
    struct agent_operation *o = operation_find(a, &d->uuid);
    struct error err = { 0 };
    enum operation_state state = OPERATION_FINISHED;
    struct resources before = RESOURCES_INIT;

    if (a->state == AGENT_RECOVERING || a->state == AGENT_TERMINATING)
        return;
    if (o != NULL) { /* repeated */
        operation_send(a, o);
        return;
    }
    if (HASH_COUNT(a->operations) >= AGENT_OPERATIONS_MAX) {
        agent_note(a, true, "ignoring an operation: %d are unacknowledged already", AGENT_OPERATIONS_MAX);
        return;
    }
    if (d->resource_version != NULL && !uuid_eq(d->resource_version, &a->resource_version)) {
        state = OPERATION_DROPPED;
        (void)error_set(&err, ERR_CONFLICT, "Mismatched resource version"); /* only for the message */
    } else if (d->conversion == NULL) {
        state = OPERATION_ERROR;
        (void)error_set(&err, ERR_INVALID, "%.*s", STR_ARG(d->invalid));
    } else {
        before = resources_copy(&a->total);
        if (resources_apply(&a->total, d->conversion, &err) != 0)
            state = OPERATION_ERROR;
    }
    o = operation_add(a, d, state, uuid_make(&a->rng), state == OPERATION_FINISHED ? NULL : err.msg);
    if (state == OPERATION_FINISHED) {
        remember_destroyed(a, d->conversion);
        change_begin(a, o, before);
        return;
    }
    resources_done(&before);
    agent_do(a, AGENT_DO_STORE_RESOURCES); /* with the operation, until it is acknowledged */
    agent_do(a, AGENT_DO_STORE_OPERATION)->operation = o;
    operation_send(a, o);
    agent_report_again(a);
}

void agent_on_operation_ack(struct agent *a, const struct agent_event *ev)
{
    struct agent_operation *o = operation_find(a, &ev->u.operation_ack.operation);

    if (o == NULL || !uuid_eq(&o->status_uuid, &ev->u.operation_ack.status))
        return;
    agent_do(a, AGENT_DO_STORE_OPERATION_ACK)->operation = o;
    HASH_DEL(a->operations, o);
    o->next = a->dead_operations;
    a->dead_operations = o;
    agent_do(a, AGENT_DO_STORE_RESOURCES);
    agent_drain_check(a);
}

void agent_on_reconcile_operations(struct agent *a, const struct agent_event *ev)
{
    for (size_t i = 0; i < ev->u.reconcile_operations.count; i++) {
        struct agent_operation_desc d = { .uuid = ev->u.reconcile_operations.operations[i] };
        if (operation_find(a, &d.uuid) != NULL || HASH_COUNT(a->operations) >= AGENT_OPERATIONS_MAX)
            continue;
        struct agent_operation *o = operation_add(a, &d, OPERATION_DROPPED, uuid_make(&a->rng),
                                                  "Reconciliation: operation is unknown to the agent");
        operation_send(a, o);
    }
}

/* --- the old form: the complete list --- */

bool agent_resources_apply_checkpointed(struct agent *a, const struct resources *checkpointed)
{
    struct resources total = resources_copy(&a->declared);

    for (uint32_t i = 0; i < checkpointed->n; i++) {
        struct resource origin = resource_origin(&checkpointed->v[i]);
        bool ok = resources_contains_one(&total, &origin);
        if (ok) {
            resources_sub(&total, &origin);
            resources_add(&total, &checkpointed->v[i]);
        }
        resource_done(&origin);
        if (!ok) {
            resources_done(&total);
            return false;
        }
    }
    resources_done(&a->total);
    a->total = total;
    remember_checkpointed(a);
    return true;
}

void agent_on_checkpoint_resources(struct agent *a, const struct agent_event *ev)
{
    if (a->state == AGENT_RECOVERING || a->state == AGENT_TERMINATING)
        return;
    struct resources before = resources_copy(&a->total);
    if (!agent_resources_apply_checkpointed(a, ev->u.checkpoint.resources)) {
        agent_note(a, true, "ignoring reservations and volumes of the master that do not fit this agent's resources");
        resources_done(&before);
        return;
    }
    resources_done(&a->destroyed);
    change_begin(a, NULL, before);
}

/* --- recovery and time --- */

void agent_operations_recover(struct agent *a, const struct agent_event *ev)
{
    for (size_t i = 0; i < ev->u.recovered.operation_count; i++) {
        const struct agent_operation_desc *d = &ev->u.recovered.operations[i];
        if (operation_find(a, &d->uuid) == NULL)
            (void)operation_add(a, d, d->state, d->status_uuid, NULL); /* sent when a master is there */
    }
}

void agent_operations_resend(struct agent *a)
{
    for (struct agent_operation *o = a->operations; o != NULL; o = o->hh.next) {
        o->retry_ns = AGENT_RETRY_MIN_NS;
        operation_send(a, o);
    }
}

void agent_operations_tick(struct agent *a)
{
    for (struct agent_operation *o = a->operations; o != NULL; o = o->hh.next) {
        if (mono_before(a->now, o->retry_at))
            continue;
        o->retry_ns = o->retry_ns * 2 < AGENT_RETRY_MAX_NS ? o->retry_ns * 2 : AGENT_RETRY_MAX_NS;
        operation_send(a, o);
    }
}

struct mono agent_operations_wake_at(const struct agent *a)
{
    struct mono at = MONO_NEVER;

    for (const struct agent_operation *o = a->operations; o != NULL; o = o->hh.next)
        at = mono_min(at, o->retry_at);
    return at;
}
