/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of frameworks. Source: scheduler API, sections 5, 6, 8. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/validate.h"
#include "master/core/state.h"
#include "master/wire/decode_internal.h"

void decoded_init(struct decoded *d)
{
    memset(d, 0, sizeof *d);
    arena_init(&d->arena, DECODE_BUDGET);
    sbuf_init(&d->wire, DECODE_BUDGET);
    d->ev.type = MASTER_EV_TICK;
}

void decoded_done(struct decoded *d)
{
    if (d->ev.type == MASTER_EV_AGENT_REGISTER || d->ev.type == MASTER_EV_AGENT_REREGISTER)
        agent_report_unref(d->ev.report);
    else if (d->ev.type == MASTER_EV_AGENT_STATUS)
        task_status_unref(d->ev.status.status);
    else if (d->ev.type == MASTER_EV_AGENT_UPDATE && d->ev.update.oversubscribed != NULL)
        resources_done((struct resources *)(uintptr_t)d->ev.update.oversubscribed);
    framework_info_unref(d->subscribe.info);
    offer_constraints_unref(d->subscribe.constraints);
    free(d->invalid);
    for (size_t i = 0; i < d->op_count; i++)
        operation_done(&d->ops[i]);
    for (size_t i = 0; i < d->quota_count; i++) {
        quantities_done(&d->quotas[i].guarantees);
        quantities_done(&d->quotas[i].limits);
    }
    for (size_t i = 0; i < d->name_count; i++)
        name_unref(d->names[i]);
    sbuf_done(&d->wire);
    arena_done(&d->arena);
}

/* --- the original's words for what is wrong with JSON --- */

static int syntax_text(struct str body, struct error *err)
{
    (void)json_syntax_near(body, err);
    return error_wrap(err, "Failed to parse body into JSON");
}

static const char *json_kind(struct str value)
{
    if ((value.n != 0 && value.p[0] == '"') || str_starts(value, STR("a string")))
        return "string";
    if (str_starts(value, STR("an array")))
        return "array";
    if (str_starts(value, STR("an object")))
        return "object";
    return str_starts(value, STR("true")) || str_starts(value, STR("false")) || str_starts(value, STR("a bool")) ? "boolean"
                                                                                                                   : "number";
}

/* "a.b.c: VALUE is not WANT": says which field must not be what. */
static int convert_text(const ProtobufCMessageDescriptor *type, struct error *err)
{
    struct error was = *err;
    struct str rest = str_of(was.msg), path, field, value;
    const char *name = type->short_name;

    if (!str_cut(&rest, ':', &path) || !str_skip(&rest, STR(" ")))
        return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: %s", name, was.msg);
    if (str_starts(rest, STR("missing required fields")))
        return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: M%.*s", name,
                         STR_ARG(str_sub(rest, 1, rest.n)));
    if (str_is(path, name))
        return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: Expecting a JSON object", name);
    for (bool more = true; more;)
        more = str_cut(&path, '.', &field);
    field = str_sub(field, 0, str_index(field, '['));
    value = rest;
    if (str_ends(rest, STR("base64 text"))) {
        size_t i = 1;
        while (i < value.n && (value.p[i] == '+' || value.p[i] == '/' || value.p[i] == '=' ||
                               (value.p[i] >= '0' && value.p[i] <= '9') || ((value.p[i] | 32) >= 'a' && (value.p[i] | 32) <= 'z')))
            i++;
        if (i < value.n && value.p[i] != '"')
            return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: Failed to base64 decode bytes field "
                                               "'%.*s': Invalid character '%c'", name, STR_ARG(field), value.p[i]);
    } else if (str_contains(rest, STR(" is not ")) && !str_contains(rest, STR(" is not a number")) &&
               !str_contains(rest, STR(" from "))) {
        return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: Not expecting a JSON %s for field '%.*s'",
                         name, json_kind(value), STR_ARG(field));
    }
    return error_set(err, ERR_INVALID, "Failed to convert JSON into %s protobuf: %s", name, was.msg);
}

int decode_body(const ProtobufCMessageDescriptor *type, struct str body, bool json, struct decoded *d, struct str *ret_bytes,
                struct error *err)
{
    if (!json) {
        struct error why;
        if (wire_check(type, body, &why) != 0)
            return error_set(err, ERR_INVALID, "Failed to parse body into %s protobuf", type->short_name);
        *ret_bytes = body;
        return 0;
    }
    sbuf_clear(&d->wire);
    if (json_to_wire(type, body, &d->wire, err) != 0)
        return str_starts(str_of(err->msg), STR("JSON")) ? syntax_text(body, err) : convert_text(type, err);
    *ret_bytes = sbuf_view(&d->wire);
    return 0;
}

static bool uuid_of(ProtobufCBinaryData v, struct uuid *ret)
{
    if (v.len != sizeof ret->b)
        return false;
    memcpy(ret->b, v.data, sizeof ret->b);
    return true;
}

static int take_names(struct decoded *d, char *const *v, size_t n, struct error *err)
{
    d->names = arena_array(&d->arena, n + 1, sizeof *d->names);
    if (d->names == NULL)
        return error_set(err, ERR_NOMEM, "%zu roles are too many", n);
    for (size_t i = 0; i < n; i++)
        d->names[d->name_count++] = name_of(str_of(v[i]));
    return 0;
}

/* --- SUBSCRIBE and UPDATE_FRAMEWORK --- */

static void refuse(struct decoded *d, const struct error *err)
{
    d->invalid = xstrdup(err->msg);
    d->subscribe.invalid = d->invalid;
}

/* Fields that a subscription cannot change stay what they were; an authenticated principal is filled in. */
static void keep_immutable(const struct master *m, Mesos__V1__FrameworkInfo *i, bool update, struct str principal,
                           struct arena *arena)
{
    const struct framework_info *known = i->id != NULL ? master_framework_info(m, framework_id(str_of(i->id->value))) : NULL;

    if (i->principal == NULL && principal.n != 0)
        i->principal = (char *)(uintptr_t)arena_str(arena, principal).p;
    if (known == NULL || update)
        return;
    i->user = known->user;
    i->has_checkpoint = i->has_checkpoint || known->checkpoint;
    i->checkpoint = known->checkpoint;
}

static int constraint_roles_refused(const Mesos__V1__Scheduler__OfferConstraints *c, const struct framework_info *info,
                                    struct error *err)
{
    for (size_t i = 0; c != NULL && i < c->n_role_constraints; i++)
        if (!framework_info_has_role(info, str_of(c->role_constraints[i]->key)))
            return error_set(err, ERR_INVALID, "Offer constraints specify `role_constraints` for a role '%s'not contained in "
                                               "the set of roles", c->role_constraints[i]->key);
    return 0;
}

static bool constraints_too_large(const struct master *m, const struct offer_constraints *c, struct error *err)
{
    uint64_t size = offer_constraints_pattern_size(c), max = master_pattern_size_max(m);

    if (max == 0 || size <= max)
        return false;
    (void)error_set(err, ERR_LIMIT, "Offer constraints are not valid: a regular expression is too complex: its program size of %llu is larger "
                                    "than the maximum of %llu (--offer_constraints_re2_max_program_size)",
                    (unsigned long long)size, (unsigned long long)max);
    return true;
}

int decode_subscription(const struct master *m, const struct subscription *s, struct str principal, struct decoded *d,
                        struct error *err)
{
    Mesos__V1__FrameworkInfo *i = s->info;
    struct error why;

    if (principal.n != 0 && i->principal != NULL && !str_is(principal, i->principal))
        return error_set(err, ERR_INVALID, "Failed to validate scheduler::Call: Authenticated principal '%.*s' does not match "
                                           "principal '%s' set in `FrameworkInfo`", STR_ARG(principal), i->principal);
    if (i->id != NULL && i->id->value[0] == '\0')
        i->id = NULL;
    keep_immutable(m, i, s->update, principal, &d->arena);
    d->subscribe.principal = principal;
    if (convert_framework_info(i, &d->subscribe.info, &why) != 0 ||
        validate_suppressed_roles(s->suppressed, s->n_suppressed, i, &why) != 0 ||
        constraint_roles_refused(s->constraints, d->subscribe.info, &why) != 0 ||
        (s->constraints != NULL && convert_offer_constraints(s->constraints, &d->subscribe.constraints, &why) != 0) ||
        constraints_too_large(m, d->subscribe.constraints, &why)) {
        refuse(d, &why);
        return 0;
    }
    if (d->subscribe.info->failover_timeout_ns == INT64_MAX) {
        (void)error_set(&why, ERR_INVALID, "The framework failover_timeout (%g) is invalid", i->failover_timeout);
        refuse(d, &why);
        return 0;
    }
    d->subscribe.has_id = framework_id_is_set(d->subscribe.info->id);
    if (!d->subscribe.has_id) {
        char id[MASTER_ID_TEXT];
        struct framework_info *without = d->subscribe.info;
        master_next_framework_id(m, id);
        d->subscribe.info = framework_info_with_id(without, framework_id(str_of(id)));
        framework_info_unref(without);
    }
    int rc = take_names(d, s->suppressed, s->n_suppressed, err);
    d->subscribe.suppressed = d->names;
    d->subscribe.suppressed_count = d->name_count;
    return rc;
}

/* --- ACCEPT --- */

static int take_offers(struct decoded *d, Mesos__V1__OfferID **v, size_t n, struct error *err)
{
    struct offer_id *ids = arena_array(&d->arena, n + 1, sizeof *ids);

    if (ids == NULL)
        return error_set(err, ERR_NOMEM, "%zu offers are too many", n);
    for (size_t i = 0; i < n; i++)
        ids[i] = offer_id(str_of(v[i]->value));
    d->call.offers = ids;
    d->call.offer_count = n;
    return 0;
}

static int take_accept(const struct master *m, Mesos__V1__Scheduler__Call__Accept *a, struct decoded *d, struct error *err)
{
    int rc = take_offers(d, a->offer_ids, a->n_offer_ids, err);
    const struct framework_info *f = master_framework_info(m, d->call.framework);
    bool refinement = f != NULL && framework_info_can(f, FRAMEWORK_CAP_RESERVATION_REFINEMENT);

    if (rc != 0)
        return rc;
    d->call.refuse_ns = convert_filters_ns(a->filters);
    d->ops = arena_array(&d->arena, a->n_operations + 1, sizeof *d->ops);
    if (d->ops == NULL)
        return error_set(err, ERR_NOMEM, "%zu operations are too many", a->n_operations);
    struct name *role = master_offers_role(m, d->call.offers, d->call.offer_count);
    for (size_t i = 0; i < a->n_operations; i++) {
        struct task_context ctx = { .role = role, .framework = d->call.framework,
                                    .is_group = a->operations[i]->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP };
        convert_operation(a->operations[i], &ctx, refinement, &d->arena, &d->ops[i]);
        d->op_count = i + 1;
    }
    d->call.ops = d->ops;
    d->call.op_count = d->op_count;
    return 0;
}

static int take_items(struct decoded *d, size_t n, struct reconcile_item **ret, struct error *err)
{
    *ret = arena_array(&d->arena, n + 1, sizeof **ret);
    if (*ret == NULL)
        return error_set(err, ERR_NOMEM, "%zu entries are too many", n);
    d->call.items = *ret;
    d->call.item_count = n;
    return 0;
}

static struct agent_id agent_of(const Mesos__V1__AgentID *id)
{
    return agent_id(id != NULL ? str_of(id->value) : (struct str){ NULL, 0 });
}

/* Bytes of a sub-message of the call's body: body is the call, number the field of the call's own sub-message. */
static struct str sub_bytes(struct str body, uint32_t call_field, uint32_t number)
{
    return wire_field_bytes(wire_field_bytes(body, call_field), number);
}

static int take_call(const struct master *m, Mesos__V1__Scheduler__Call *c, struct str bytes, struct str principal,
                     struct decoded *d, struct error *err)
{
    struct call_request *q = &d->call;
    struct reconcile_item *items;
    int rc = 0;

    switch (c->type) {
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT:
        return take_accept(m, c->accept, d, err);
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE:
        q->refuse_ns = convert_filters_ns(c->decline->filters);
        return take_offers(d, c->decline->offer_ids, c->decline->n_offer_ids, err);
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS:
        q->refuse_ns = convert_filters_ns(c->accept_inverse_offers->filters);
        return take_offers(d, c->accept_inverse_offers->inverse_offer_ids, c->accept_inverse_offers->n_inverse_offer_ids, err);
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS:
        q->refuse_ns = convert_filters_ns(c->decline_inverse_offers->filters);
        return take_offers(d, c->decline_inverse_offers->inverse_offer_ids, c->decline_inverse_offers->n_inverse_offer_ids,
                           err);
    case MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE:
    case MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS:
        if (c->revive != NULL && c->type == MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE)
            rc = take_names(d, c->revive->roles, c->revive->n_roles, err);
        else if (c->suppress != NULL && c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS)
            rc = take_names(d, c->suppress->roles, c->suppress->n_roles, err);
        q->roles = d->names;
        q->role_count = d->name_count;
        return rc;
    case MESOS__V1__SCHEDULER__CALL__TYPE__KILL:
        q->task = task_id(str_of(c->kill->task_id->value));
        q->agent = agent_of(c->kill->agent_id);
        q->kill_policy = sub_bytes(bytes, 6, 3);
        return 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__SHUTDOWN:
        q->executor = executor_id(str_of(c->shutdown->executor_id->value));
        q->agent = agent_of(c->shutdown->agent_id);
        return 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE:
        q->task = task_id(str_of(c->acknowledge->task_id->value));
        q->agent = agent_of(c->acknowledge->agent_id);
        return uuid_of(c->acknowledge->uuid, &q->uuid) ? 0 : error_set(err, ERR_INVALID, "Not a valid UUID");
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE_OPERATION_STATUS:
        q->agent = agent_of(c->acknowledge_operation_status->agent_id);
        q->operation = operation_id(str_of(c->acknowledge_operation_status->operation_id->value));
        return uuid_of(c->acknowledge_operation_status->uuid, &q->uuid) ? 0
                                                                        : error_set(err, ERR_INVALID, "Not a valid UUID");
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE:
        rc = take_items(d, c->reconcile->n_tasks, &items, err);
        for (size_t i = 0; rc == 0 && i < c->reconcile->n_tasks; i++)
            items[i] = (struct reconcile_item){ str_of(c->reconcile->tasks[i]->task_id->value),
                                                agent_of(c->reconcile->tasks[i]->agent_id) };
        return rc;
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE_OPERATIONS:
        rc = take_items(d, c->reconcile_operations->n_operations, &items, err);
        for (size_t i = 0; rc == 0 && i < c->reconcile_operations->n_operations; i++)
            items[i] = (struct reconcile_item){ str_of(c->reconcile_operations->operations[i]->operation_id->value),
                                                agent_of(c->reconcile_operations->operations[i]->agent_id) };
        return rc;
    case MESOS__V1__SCHEDULER__CALL__TYPE__MESSAGE:
        q->agent = agent_of(c->message->agent_id);
        q->executor = executor_id(str_of(c->message->executor_id->value));
        q->data = str_mem(c->message->data.data, c->message->data.len);
        return 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__UPDATE_FRAMEWORK: {
        Mesos__V1__Scheduler__Call__UpdateFramework *u = c->update_framework;
        struct subscription s = { u->framework_info, u->suppressed_roles, u->n_suppressed_roles, u->offer_constraints, true };
        q->update = &d->subscribe;
        return decode_subscription(m, &s, principal, d, err);
    }
    case MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN:
    case MESOS__V1__SCHEDULER__CALL__TYPE__REQUEST:
    case MESOS__V1__SCHEDULER__CALL__TYPE__UNKNOWN:
    case MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE:
    case _MESOS__V1__SCHEDULER__CALL__TYPE_IS_INT_SIZE:
        return 0;
    }
    return 0;
}

int decode_scheduler_call(const struct master *m, struct str bytes, struct str principal, struct decoded *d,
                          struct error *err)
{
    Mesos__V1__Scheduler__Call *c;
    int rc = WIRE_UNPACK(mesos__v1__scheduler__call, bytes, &d->arena, &c, err);

    if (rc == 0)
        rc = validate_scheduler_call(c, err);
    if (rc != 0)
        return error_wrap(err, "Failed to validate scheduler::Call");
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        d->ev.type = MASTER_EV_SUBSCRIBE;
        d->ev.subscribe.req = &d->subscribe;
        struct subscription s = { c->subscribe->framework_info, c->subscribe->suppressed_roles,
                                  c->subscribe->n_suppressed_roles, c->subscribe->offer_constraints, false };
        return decode_subscription(m, &s, principal, d, err);
    }
    d->ev.type = MASTER_EV_CALL;
    d->ev.call = &d->call;
    d->call.type = (enum call_type)c->type;
    d->call.framework = framework_id(c->framework_id != NULL ? str_of(c->framework_id->value) : (struct str){ NULL, 0 });
    d->call.principal = principal;
    return take_call(m, c, bytes, principal, d, err);
}
