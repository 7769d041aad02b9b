/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on an agent's resources beside launches: the rules that need the books (common/model/operation.h has the others),
 * the message to the agent, and the feedback.
 *
 * RESERVE ... SHRINK_VOLUME are speculative: the total changes when they are sent. An agent with RESOURCE_PROVIDER gets an
 * ApplyOperation and reports a status, which the framework acknowledges if it gave an id, else we do; an older agent gets the
 * whole list of checkpointed resources. Sources: scheduler API 8, 14, 17.4; wire protocol 15.7. */
#include <stdlib.h>

#include "master/core/internal.h"

void send_operation_status(struct master *m, struct framework *f, struct str status)
{
    if (framework_is_connected(f))
        act_event(m, f, EVENT_UPDATE_OPERATION_STATUS)->event.bytes = status;
}

void operation_report_error(struct master *m, struct framework *f, const struct operation *op, struct str message)
{
    act_note(m, NOTE_INFO, "operation_refused", "framework=%.*s type=%s reason=\"%.*s\"", STR_ARG(f->id.s),
             operation_type_name(op->type), STR_ARG(message));
    m->metrics.operations[op->type][OPERATION_ERROR]++;
    if (!operation_id_is_set(op->id))
        return;
    struct operation_status_spec v = { .operation = op->id.s, .state = OPERATION_ERROR, .message = message };
    sbuf_clear(&m->scratch);
    m->codec->operation_status(&m->scratch, &v);
    send_operation_status(m, f, act_keep(m, sbuf_view(&m->scratch)));
}

/* --- rules --- */

static struct str refused_create(struct master *m, const struct agent *a, const struct operation *op)
{
    for (size_t i = 0; i < op->resources.n; i++) {
        const struct resource *r = &op->resources.v[i];
        for (size_t j = 0; j < a->total.n; j++) {
            const struct resource *t = &a->total.v[j];
            if (resource_is_persistent_volume(t) && t->disk->persistence == r->disk->persistence &&
                resource_reservation_role(t) == resource_reservation_role(r))
                return act_keep_fmt(m, "Persistence ID '%s' is not unique", r->disk->persistence->text);
        }
    }
    return (struct str){ NULL, 0 };
}

static bool volume_in_use(const struct agent *a, const struct resource *volume)
{
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        for (size_t i = 0; i < s->used.n; i++) {
            const struct resource *u = &s->used.v[i];
            if (resource_is_persistent_volume(u) && u->disk->persistence == volume->disk->persistence &&
                resource_reservation_role(u) == resource_reservation_role(volume))
                return true;
        }
    return false;
}

static struct str refused_destroy(struct master *m, const struct agent *a, const struct operation *op)
{
    for (size_t i = 0; i < op->resources.n; i++) {
        const struct resource *v = &op->resources.v[i];
        CLEANUP(resources_done_p) struct resources one = RESOURCES_INIT;
        resources_add(&one, v);
        resources_unallocate(&one);
        if (!resources_contains(&a->total, &one))
            return STR("Persistent volume to be destroyed not found in the checkpointed resources");
        if (volume_in_use(a, v))
            return act_keep_fmt(m, "Persistent volume '%s' is in use", v->disk->persistence->text);
    }
    return (struct str){ NULL, 0 };
}

struct str operation_refused(struct master *m, const struct agent *a, const struct framework *f,
                             const struct operation *op, struct str principal)
{
    struct error err;

    if (operation_check(op, f != NULL ? f->info : NULL, principal, a->info->capabilities, &err) != 0)
        return act_keep(m, str_of(err.msg));
    if (operation_id_is_set(op->id) && !agent_info_can(a->info, AGENT_CAP_AGENT_OPERATION_FEEDBACK))
        return STR("Operation on agent default resources with feedback requested, but the agent does not support it");
    switch (op->type) {
    case OPERATION_CREATE:
        return refused_create(m, a, op);
    case OPERATION_DESTROY:
        return refused_destroy(m, a, op);
    case OPERATION_RESERVE:
    case OPERATION_UNRESERVE:
    case OPERATION_GROW_VOLUME:
    case OPERATION_SHRINK_VOLUME:
        return (struct str){ NULL, 0 };
    case OPERATION_TYPE_UNKNOWN:
    case OPERATION_LAUNCH:
    case OPERATION_LAUNCH_GROUP:
    case OPERATION_CREATE_DISK:
    case OPERATION_DESTROY_DISK:
        return STR("Operation is not supported here");
    }
    return (struct str){ NULL, 0 };
}

/* --- sending --- */

static struct agent_operation *operation_track(struct master *m, struct agent *a, const struct framework *f,
                                               const struct operation *op)
{
    struct agent_operation *o = xcalloc(1, sizeof *o);

    o->uuid = uuid_make(m->rng);
    o->id = operation_id_is_set(op->id) ? text_copy(op->id.s) : NULL;
    o->framework_id = f != NULL ? text_copy(f->id.s) : NULL;
    o->agent = a;
    o->type = (int)op->type;
    o->state = OPERATION_PENDING;
    struct str raw = blob_str(op->raw);
    o->info = (struct str){ xmemdup(raw.p, raw.n), raw.n };
    DL_APPEND(a->operations, o);
    HASH_ADD(hh, m->operations, uuid, sizeof o->uuid, o);
    m->metrics.operations[o->type][o->state]++;
    return o;
}

void operation_send(struct master *m, struct agent *a, struct framework *f, const struct operation *op)
{
    struct error err;
    struct conversion c = { resources_copy(&op->conversion.consumed), resources_copy(&op->conversion.produced) };

    resources_unallocate(&c.consumed);
    resources_unallocate(&c.produced);
    if (resources_apply(&a->total, &c, &err) != 0) /* the allocator has agreed: the books would differ */
        act_note(m, NOTE_ERROR, "total_differs", "agent=%.*s reason=\"%s\"", STR_ARG(agent_id_str(a)), err.msg);
    conversion_done(&c);
    if (a->link != AGENT_CONNECTED)
        return;
    if (!agent_info_can(a->info, AGENT_CAP_RESOURCE_PROVIDER)) {
        struct master_action *s = act_send(m, MSG_CHECKPOINT_RESOURCES, str_of(a->pid));
        s->send.agent = a;
        s->send.resources = &a->total;
        return;
    }
    struct agent_operation *o = operation_track(m, a, f, op);
    struct master_action *s = act_send(m, MSG_APPLY_OPERATION, str_of(a->pid));
    s->send.agent = a;
    s->send.framework_id = f != NULL ? f->id.s : (struct str){ NULL, 0 };
    s->send.bytes = o->info;
    s->send.uuid = o->uuid;
}

void operation_forget(struct master *m, struct agent_operation *o)
{
    struct agent *a = o->agent;

    DL_DELETE(a->operations, o);
    HASH_DELETE(hh, m->operations, o);
    m->metrics.operations[o->type & 15][o->state]--;
    o->next = m->dead_operations;
    m->dead_operations = o;
    if (a->change != AGENT_CHANGE_REMOVED)
        agent_check_drained(m, a);
}

/* --- feedback --- */

/* A framework that is not known has so long to come back; then its operations are acknowledged for it, at the agent's next
 * try (scheduler API, section 14). */
#define ORPHAN_WAIT_NS (600 * NS_PER_S)

static void operation_acknowledge(struct master *m, struct agent_operation *o, const struct uuid *status)
{
    struct master_action *s = act_send(m, MSG_ACKNOWLEDGE_OPERATION, str_of(o->agent->pid));

    s->send.agent = o->agent;
    s->send.uuid = *status;
    s->send.uuid2 = o->uuid;
}

static void operation_set(struct master *m, struct agent_operation *o, const struct operation_status_value *v)
{
    if (!operation_state_is_terminal(o->state) && o->state != v->state) {
        m->metrics.operations[o->type & 15][o->state]--;
        o->state = v->state;
        m->metrics.operations[o->type & 15][o->state]++;
    }
    free((void *)(uintptr_t)o->latest.p);
    o->latest = (struct str){ xmemdup(v->raw.p, v->raw.n), v->raw.n };
    o->has_status_uuid = v->has_uuid;
    o->status_uuid = v->uuid;
}

/* What was applied beforehand did not happen: no more offers of it, and the agent is asked what it really has. Launches on the
 * strength of it are refused there. */
static void take_back(struct master *m, struct agent *a)
{
    offers_rescind_agent(m, a);
    agent_ask_again(m, a);
}

/* What an agent never got it knows by its uuid alone; the framework knows its id. */
static void forward_status(struct master *m, struct framework *f, const struct agent_operation *o, const struct operation_status_value *v)
{
    struct operation_status_spec full = { .operation = str_of(o->id), .agent = agent_id_str(o->agent), .carry = v->raw,
                                          .uuid = v->has_uuid ? &v->uuid : NULL };

    if (v->has_id) {
        send_operation_status(m, f, act_keep(m, v->raw));
        return;
    }
    sbuf_clear(&m->scratch);
    m->codec->operation_status(&m->scratch, &full);
    send_operation_status(m, f, act_keep(m, sbuf_view(&m->scratch)));
}

void on_operation_status(struct master *m, const struct master_event *ev)
{
    const struct operation_update *u = &ev->operation;
    struct agent_operation *o = NULL;

    m->metrics.msg_operation_status++;
    HASH_FIND(hh, m->operations, &u->uuid, sizeof u->uuid, o);
    if (o == NULL) {
        m->metrics.invalid_op_updates++;
        struct agent *a = agent_find(m, u->agent.s);
        if (a != NULL && u->status.has_uuid) { /* nobody waits for it: end the agent's retries */
            struct master_action *s = act_send(m, MSG_ACKNOWLEDGE_OPERATION, str_of(a->pid));
            s->send.agent = a;
            s->send.uuid = u->status.uuid;
            s->send.uuid2 = u->uuid;
        }
        return;
    }
    m->metrics.valid_op_updates++;
    if (o->state == OPERATION_PENDING && operation_state_is_terminal(u->status.state) && u->status.state != OPERATION_FINISHED)
        take_back(m, o->agent);
    operation_set(m, o, u->has_latest ? &u->latest : &u->status);
    struct framework *f = o->framework_id != NULL ? framework_find(m, str_of(o->framework_id)) : NULL;
    if (o->id != NULL && f != NULL) {
        o->has_status_uuid = u->status.has_uuid;
        o->status_uuid = u->status.uuid;
        forward_status(m, f, o, &u->status);
        return;
    }
    if (o->id != NULL && o->framework_id != NULL && framework_find_completed(m, str_of(o->framework_id)) == NULL &&
        mono_diff(m->now, o->since) < ORPHAN_WAIT_NS)
        return; /* its framework may still come back and acknowledge */
    if (u->status.has_uuid)
        operation_acknowledge(m, o, &u->status.uuid);
    if (operation_state_is_terminal(u->status.state))
        operation_forget(m, o);
}

void call_acknowledge_operation(struct master *m, struct framework *f, const struct call_request *c)
{
    struct agent *a = agent_find(m, c->agent.s);
    struct agent_operation *o = NULL;

    if (a != NULL && a->link == AGENT_CONNECTED)
        for (o = a->operations; o != NULL; o = o->next)
            if (o->id != NULL && str_is(c->operation.s, o->id) && o->framework_id != NULL &&
                str_is(f->id.s, o->framework_id))
                break;
    if (o == NULL || !o->has_status_uuid || !uuid_eq(&o->status_uuid, &c->uuid)) {
        m->metrics.invalid_op_acks++;
        return;
    }
    m->metrics.valid_op_acks++;
    operation_acknowledge(m, o, &c->uuid);
    if (operation_state_is_terminal(o->state))
        operation_forget(m, o);
}

/* --- agents that come back or leave --- */

static bool reported(const struct operation_report *v, size_t n, const struct uuid *u)
{
    for (size_t i = 0; i < n; i++)
        if (uuid_eq(&v[i].uuid, u))
            return true;
    return false;
}

static void operation_adopt(struct master *m, struct agent *a, const struct operation_report *r)
{
    struct agent_operation *o = xcalloc(1, sizeof *o);

    o->uuid = r->uuid;
    o->id = operation_id_is_set(r->id) ? text_copy(r->id.s) : NULL;
    o->framework_id = framework_id_is_set(r->framework) ? text_copy(r->framework.s) : NULL;
    o->agent = a;
    o->type = r->type & 15;
    o->state = OPERATION_PENDING;
    o->since = m->now;
    o->info = (struct str){ xmemdup(r->info.p, r->info.n), r->info.n };
    DL_APPEND(a->operations, o);
    HASH_ADD(hh, m->operations, uuid, sizeof o->uuid, o);
    m->metrics.operations[o->type][o->state]++;
    operation_set(m, o, &r->latest);
}

void operations_of_report(struct master *m, struct agent *a, const struct operation_report *v, size_t n)
{
    const struct agent_operation **missing = NULL;
    size_t count = 0, cap = 0;

    for (size_t i = 0; i < n; i++) {
        struct agent_operation *o = NULL;
        HASH_FIND(hh, m->operations, &v[i].uuid, sizeof v[i].uuid, o);
        if (o == NULL)
            operation_adopt(m, a, &v[i]);
        else
            operation_set(m, o, &v[i].latest);
    }
    for (struct agent_operation *o = a->operations, *next; o != NULL; o = next) {
        next = o->next;
        if (reported(v, n, &o->uuid))
            continue;
        if (operation_state_is_terminal(o->state)) { /* the agent has had its acknowledgement: asked, it would say DROPPED */
            operation_forget(m, o);
            continue;
        }
        ARRAY_ROOM(missing, count, cap);
        missing[count++] = o;
    }
    if (count != 0) { /* the agent answers OPERATION_DROPPED for what it never got */
        const struct agent_operation **kept = arena_array(&m->arena, count, sizeof *kept);
        ASSERT(kept != NULL);
        memcpy(kept, missing, count * sizeof *kept);
        struct master_action *s = act_send(m, MSG_RECONCILE_OPERATIONS, str_of(a->pid));
        s->send.operations = kept;
        s->send.operation_count = count;
    }
    free(missing);
}

void operations_lost(struct master *m, struct agent *a, enum operation_state state)
{
    while (a->operations != NULL) {
        struct agent_operation *o = a->operations;
        struct framework *f = o->framework_id != NULL ? framework_find(m, str_of(o->framework_id)) : NULL;
        if (o->id != NULL && f != NULL && state != OPERATION_UNKNOWN) {
            struct operation_status_spec v = { .operation = str_of(o->id), .agent = agent_id_str(a), .state = state };
            sbuf_clear(&m->scratch);
            m->codec->operation_status(&m->scratch, &v);
            send_operation_status(m, f, act_keep(m, sbuf_view(&m->scratch)));
        }
        operation_forget(m, o);
    }
}

/* --- destroyed volumes in offers --- */

static bool has_volume(const struct offer *o, const struct resource *volume)
{
    for (uint32_t i = 0; i < o->resources.n; i++) {
        struct resource same = *volume; /* borrowed; the offer may be in another role */
        same.role = o->resources.v[i].role;
        if (o->resources.v[i].shared && resource_same_kind(&o->resources.v[i], &same))
            return true;
    }
    return false;
}

void operation_rescind_destroyed(struct master *m, struct agent *a, const struct operation *op)
{
    const struct resources *volumes = &op->conversion.consumed;

    for (uint32_t i = 0; i < volumes->n && op->type == OPERATION_DESTROY; i++)
        for (struct offer *o = a->offers, *next; o != NULL && volumes->v[i].shared; o = next) {
            next = o->a_next;
            if (has_volume(o, &volumes->v[i]))
                offer_rescind(m, o, RESCIND_TELL, 0);
        }
}

/* --- operators --- */

/* Offers of the agent that overlap what is needed go back, one after another, until the recovered ones would do. */
static void make_room(struct master *m, struct agent *a, const struct resources *needed)
{
    CLEANUP(resources_done_p) struct resources freed = RESOURCES_INIT;
    struct offer *o, *next;

    DL_FOREACH_SAFE2(a->offers, o, next, a_next) {
        CLEANUP(resources_done_p) struct resources in_offer = resources_copy(&o->resources);
        CLEANUP(resources_done_p) struct resources rest = resources_copy(needed);
        resources_unallocate(&in_offer);
        if (resources_contains(&freed, needed))
            return;
        resources_sub_all(&rest, &in_offer);
        if (resources_eq(&rest, needed))
            continue; /* nothing of it is in this offer */
        resources_add_all(&freed, &in_offer);
        offer_rescind(m, o, RESCIND_TELL, refuse_effective(m, 5 * NS_PER_S));
    }
}

void operator_operation(struct master *m, struct request_ref r, const struct operator_request *q)
{
    struct agent *a = agent_find(m, q->agent.s);
    const struct operation *op = q->op;
    struct error err;

    if (a == NULL) {
        act_answer(m, r, 400, "No agent found with specified ID");
        return;
    }
    struct str why = operation_refused(m, a, NULL, op, q->principal);
    if (why.p != NULL) {
        act_answer(m, r, 400, "Invalid %s operation on agent %.*s: %.*s", operation_type_name(op->type),
                   STR_ARG(agent_id_str(a)), STR_ARG(why));
        return;
    }
    if (!operation_allowed(m, op, q->principal)) {
        act_answer(m, r, 403, "403 Forbidden.");
        return;
    }
    operation_rescind_destroyed(m, a, op);
    make_room(m, a, &op->conversion.consumed);
    if (allocator_update_available(m->allocator, a->ref, &op->conversion, &err) != 0) {
        struct str have = act_keep_resources(m, allocator_agent_available(m->allocator, a->ref));
        struct str need = act_keep_resources(m, &op->conversion.consumed);
        act_answer(m, r, 409, "%.*s does not contain %.*s", STR_ARG(have), STR_ARG(need));
        return;
    }
    operation_send(m, a, NULL, op);
    act_answer(m, r, 202, "%s", "");
}
