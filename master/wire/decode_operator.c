/* SPDX-License-Identifier: Apache-2.0 */
/* The writing calls of operators, v1 and forms. Source: operator API, sections 2, 4, 7. */
#include "common/base/alloc.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/decode.h"
#include "master/wire/registry.h"
#include "proto/mesos_v1_master.pb-c.h"

typedef Mesos__V1__Offer__Operation operation_message;

static void set(struct decoded *d, enum operator_type type)
{
    d->ev.type = MASTER_EV_OPERATOR;
    d->ev.op = &d->op;
    d->op.type = type;
    d->op.max_grace_ns = -1;
}

static int take_operation(struct decoded *d, operation_message *op, struct agent_id agent, struct error *err)
{
    struct task_context ctx = { 0 };

    set(d, OPERATOR_OPERATION);
    d->ops = arena_array(&d->arena, 1, sizeof *d->ops);
    if (d->ops == NULL)
        return error_set(err, ERR_NOMEM, "out of memory");
    convert_operation(op, &ctx, false, &d->arena, &d->ops[0]);
    d->op_count = 1;
    d->op.op = &d->ops[0];
    d->op.agent = agent;
    return 0;
}

static struct agent_id id_of(const Mesos__V1__AgentID *id)
{
    return agent_id(id != NULL ? str_of(id->value) : (struct str){ NULL, 0 });
}

/* --- parts of calls --- */

static int take_resources_call(Mesos__V1__Master__Call *c, struct decoded *d, struct error *err)
{
    operation_message op = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation__Reserve reserve = MESOS__V1__OFFER__OPERATION__RESERVE__INIT;
    Mesos__V1__Offer__Operation__Unreserve unreserve = MESOS__V1__OFFER__OPERATION__UNRESERVE__INIT;
    Mesos__V1__Offer__Operation__Create create = MESOS__V1__OFFER__OPERATION__CREATE__INIT;
    Mesos__V1__Offer__Operation__Destroy destroy = MESOS__V1__OFFER__OPERATION__DESTROY__INIT;
    Mesos__V1__Offer__Operation__GrowVolume grow = MESOS__V1__OFFER__OPERATION__GROW_VOLUME__INIT;
    Mesos__V1__Offer__Operation__ShrinkVolume shrink = MESOS__V1__OFFER__OPERATION__SHRINK_VOLUME__INIT;
    const Mesos__V1__AgentID *agent = NULL;

    op.has_type = true;
    if (c->type == MESOS__V1__MASTER__CALL__TYPE__RESERVE_RESOURCES) {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__RESERVE;
        reserve.n_resources = c->reserve_resources->n_resources;
        reserve.resources = c->reserve_resources->resources;
        reserve.n_source = c->reserve_resources->n_source;
        reserve.source = c->reserve_resources->source;
        op.reserve = &reserve;
        agent = c->reserve_resources->agent_id;
    } else if (c->type == MESOS__V1__MASTER__CALL__TYPE__UNRESERVE_RESOURCES) {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__UNRESERVE;
        unreserve.n_resources = c->unreserve_resources->n_resources;
        unreserve.resources = c->unreserve_resources->resources;
        op.unreserve = &unreserve;
        agent = c->unreserve_resources->agent_id;
    } else if (c->type == MESOS__V1__MASTER__CALL__TYPE__CREATE_VOLUMES) {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__CREATE;
        create.n_volumes = c->create_volumes->n_volumes;
        create.volumes = c->create_volumes->volumes;
        op.create = &create;
        agent = c->create_volumes->agent_id;
    } else if (c->type == MESOS__V1__MASTER__CALL__TYPE__DESTROY_VOLUMES) {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__DESTROY;
        destroy.n_volumes = c->destroy_volumes->n_volumes;
        destroy.volumes = c->destroy_volumes->volumes;
        op.destroy = &destroy;
        agent = c->destroy_volumes->agent_id;
    } else if (c->type == MESOS__V1__MASTER__CALL__TYPE__GROW_VOLUME) {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__GROW_VOLUME;
        grow.volume = c->grow_volume->volume;
        grow.addition = c->grow_volume->addition;
        op.grow_volume = &grow;
        agent = c->grow_volume->agent_id;
    } else {
        op.type = MESOS__V1__OFFER__OPERATION__TYPE__SHRINK_VOLUME;
        shrink.volume = c->shrink_volume->volume;
        shrink.subtract = c->shrink_volume->subtract;
        op.shrink_volume = &shrink;
        agent = c->shrink_volume->agent_id;
    }
    return take_operation(d, &op, id_of(agent), err);
}

/* Of one call: each is a record that is stored in one batch with the others. */
enum { OPERATOR_ENTRIES_MAX = 100000 };

static int too_many(const char *what, size_t n, struct error *err)
{
    return error_set(err, ERR_LIMIT, "%zu %s in one call; up to %d are taken", n, what, (int)OPERATOR_ENTRIES_MAX);
}

static int take_weights(Mesos__V1__WeightInfo **v, size_t n, struct decoded *d, struct error *err)
{
    struct weight_value *w = arena_array(&d->arena, n + 1, sizeof *w);

    set(d, OPERATOR_UPDATE_WEIGHTS);
    if (n > OPERATOR_ENTRIES_MAX)
        return too_many("weights", n, err);
    if (w == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for %zu weights", n);
    for (size_t i = 0; i < n; i++)
        w[i] = (struct weight_value){ str_of(v[i]->role), v[i]->weight };
    d->op.weights = w;
    d->op.weight_count = n;
    return 0;
}

static int take_machines(Mesos__V1__MachineID **v, size_t n, enum operator_type type, struct decoded *d, struct error *err)
{
    struct machine_id *ids = arena_array(&d->arena, n + 1, sizeof *ids);

    set(d, type);
    if (n > OPERATOR_ENTRIES_MAX)
        return too_many("machines", n, err);
    if (ids == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for %zu machines", n);
    for (size_t i = 0; i < n; i++)
        ids[i] = (struct machine_id){ str_of(v[i]->hostname), str_of(v[i]->ip) };
    d->op.machines = ids;
    d->op.machine_count = n;
    return 0;
}

static int take_quota_configs(struct str update, struct decoded *d, struct error *err)
{
    struct str rest = update;
    struct wire_field f;
    size_t n = 0;

    while (wire_field_next(&rest, &f) == 1)
        n += f.number == 2;
    if (n > OPERATOR_ENTRIES_MAX)
        return too_many("quotas", n, err);
    d->quotas = arena_array(&d->arena, n + 1, sizeof *d->quotas);
    if (d->quotas == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for %zu quotas", n);
    rest = update;
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 2)
            continue;
        int rc = quota_of_config(f.bytes, &d->arena, &d->quotas[d->quota_count], err);
        d->quota_count++;
        if (rc != 0)
            return rc;
    }
    set(d, OPERATOR_UPDATE_QUOTA);
    d->op.quotas = d->quotas;
    d->op.quota_count = d->quota_count;
    d->op.force = wire_field_u64(update, 1, 0) != 0;
    return 0;
}

/* Only plain scalars, each name once; what the original refuses, too. */
static int quota_guarantee_check(const Mesos__V1__Quota__QuotaRequest *q, struct error *err)
{
    struct str role = str_of(q->role);

    if (str_is(role, "*") && q->n_guarantee != 0) /* an empty guarantee is told first */
        return error_set(err, ERR_INVALID, "QuotaInfo must not specify the default '*' role");
    for (size_t i = 0; i < q->n_guarantee; i++) {
        const Mesos__V1__Resource *r = q->guarantee[i];
        const char *what = r->type != MESOS__V1__VALUE__TYPE__SCALAR ? "non-scalar resources"
                           : r->reservation != NULL || r->n_reservations != 0 ||
                                     (r->role != NULL && strcmp(r->role, "*") != 0 && !str_is(role, r->role))
                               ? "reservations"
                           : r->disk != NULL      ? "DiskInfo"
                           : r->revocable != NULL ? "RevocableInfo"
                                                  : NULL;
        if (what != NULL)
            return error_set(err, ERR_INVALID, "QuotaInfo must not contain %s: guarantee of '%s'", what, r->name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(q->guarantee[j]->name, r->name) == 0)
                return error_set(err, ERR_INVALID, "QuotaInfo contains duplicate resource name '%s'", r->name);
    }
    return 0;
}

static int take_quota_request(const Mesos__V1__Quota__QuotaRequest *q, struct decoded *d, struct error *err)
{
    CLEANUP(resources_done_p) struct resources r = RESOURCES_INIT;
    int rc = quota_guarantee_check(q, err);

    if (rc == 0)
        rc = convert_resources(q->guarantee, q->n_guarantee, &r, err);
    if (rc != 0)
        return error_wrap(err, "Failed to validate set quota request");
    set(d, OPERATOR_SET_QUOTA);
    d->quotas = arena_array(&d->arena, 1, sizeof *d->quotas);
    if (d->quotas == NULL)
        return error_set(err, ERR_NOMEM, "out of memory");
    d->quotas[0] = (struct quota_value){ .role = str_of(q->role), .guarantees = quantities_of(&r) };
    d->quota_count = 1;
    d->op.quotas = d->quotas;
    d->op.quota_count = 1;
    d->op.force = q->force;
    return 0;
}

static int take_drain(const Mesos__V1__Master__Call__DrainAgent *q, struct decoded *d)
{
    set(d, OPERATOR_DRAIN);
    d->op.agent = id_of(q->agent_id);
    d->op.mark_gone = q->has_mark_gone && q->mark_gone;
    if (q->max_grace_period != NULL)
        d->op.max_grace_ns = q->max_grace_period->seconds * NS_PER_S + q->max_grace_period->nanos;
    return 0;
}

/* --- v1 --- */

static const struct {
    Mesos__V1__Master__Call__Type type;
    const char *name;
    size_t offset; /* of the sub-message that must be there */
} required[] = {
#define R(T, field) { MESOS__V1__MASTER__CALL__TYPE__##T, #field, offsetof(Mesos__V1__Master__Call, field) }
    R(GET_METRICS, get_metrics), R(SET_LOGGING_LEVEL, set_logging_level), R(LIST_FILES, list_files), R(READ_FILE, read_file),
    R(UPDATE_WEIGHTS, update_weights), R(RESERVE_RESOURCES, reserve_resources), R(UNRESERVE_RESOURCES, unreserve_resources),
    R(CREATE_VOLUMES, create_volumes), R(DESTROY_VOLUMES, destroy_volumes), R(GROW_VOLUME, grow_volume),
    R(SHRINK_VOLUME, shrink_volume), R(UPDATE_MAINTENANCE_SCHEDULE, update_maintenance_schedule),
    R(START_MAINTENANCE, start_maintenance), R(STOP_MAINTENANCE, stop_maintenance), R(DRAIN_AGENT, drain_agent),
    R(DEACTIVATE_AGENT, deactivate_agent), R(REACTIVATE_AGENT, reactivate_agent), R(UPDATE_QUOTA, update_quota),
    R(SET_QUOTA, set_quota), R(REMOVE_QUOTA, remove_quota), R(TEARDOWN, teardown), R(MARK_AGENT_GONE, mark_agent_gone),
#undef R
};

static int validate(const Mesos__V1__Master__Call *c, struct error *err)
{
    if (!c->has_type)
        return error_set(err, ERR_INVALID, "Expecting 'type' to be present");
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (required[i].type == c->type && *(void *const *)(const void *)((const char *)c + required[i].offset) == NULL)
            return error_set(err, ERR_INVALID, "Expecting '%s' to be present", required[i].name);
    if ((c->type == MESOS__V1__MASTER__CALL__TYPE__GROW_VOLUME && c->grow_volume->agent_id == NULL) ||
        (c->type == MESOS__V1__MASTER__CALL__TYPE__SHRINK_VOLUME && c->shrink_volume->agent_id == NULL))
        return error_set(err, ERR_INVALID, "Expecting 'agent_id' to be present");
    return 0;
}

int decode_operator_call(const struct master *m, struct str bytes, struct str principal, struct decoded *d,
                         struct error *err)
{
    Mesos__V1__Master__Call *c;
    int rc = WIRE_UNPACK(mesos__v1__master__call, bytes, &d->arena, &c, err);

    (void)m;
    if (rc == 0)
        rc = validate(c, err);
    if (rc != 0)
        return error_wrap(err, "Failed to validate master::Call");
    d->op.principal = principal;
    switch ((int)c->type) {
    case MESOS__V1__MASTER__CALL__TYPE__RESERVE_RESOURCES:
    case MESOS__V1__MASTER__CALL__TYPE__UNRESERVE_RESOURCES:
    case MESOS__V1__MASTER__CALL__TYPE__CREATE_VOLUMES:
    case MESOS__V1__MASTER__CALL__TYPE__DESTROY_VOLUMES:
    case MESOS__V1__MASTER__CALL__TYPE__GROW_VOLUME:
    case MESOS__V1__MASTER__CALL__TYPE__SHRINK_VOLUME:
        return take_resources_call(c, d, err);
    case MESOS__V1__MASTER__CALL__TYPE__UPDATE_WEIGHTS:
        return take_weights(c->update_weights->weight_infos, c->update_weights->n_weight_infos, d, err);
    case MESOS__V1__MASTER__CALL__TYPE__UPDATE_QUOTA:
        return take_quota_configs(wire_field_bytes(bytes, 20), d, err);
    case MESOS__V1__MASTER__CALL__TYPE__SET_QUOTA:
        return take_quota_request(c->set_quota->quota_request, d, err);
    case MESOS__V1__MASTER__CALL__TYPE__REMOVE_QUOTA:
        set(d, OPERATOR_REMOVE_QUOTA);
        d->op.role = str_of(c->remove_quota->role);
        return 0;
    case MESOS__V1__MASTER__CALL__TYPE__TEARDOWN:
        set(d, OPERATOR_TEARDOWN);
        d->op.framework = framework_id(str_of(c->teardown->framework_id->value));
        return 0;
    case MESOS__V1__MASTER__CALL__TYPE__MARK_AGENT_GONE:
        set(d, OPERATOR_MARK_GONE);
        d->op.agent = id_of(c->mark_agent_gone->agent_id);
        return 0;
    case MESOS__V1__MASTER__CALL__TYPE__DRAIN_AGENT:
        return take_drain(c->drain_agent, d);
    case MESOS__V1__MASTER__CALL__TYPE__DEACTIVATE_AGENT:
        set(d, OPERATOR_DEACTIVATE);
        d->op.agent = id_of(c->deactivate_agent->agent_id);
        return 0;
    case MESOS__V1__MASTER__CALL__TYPE__REACTIVATE_AGENT:
        set(d, OPERATOR_REACTIVATE);
        d->op.agent = id_of(c->reactivate_agent->agent_id);
        return 0;
    case MESOS__V1__MASTER__CALL__TYPE__UPDATE_MAINTENANCE_SCHEDULE:
        set(d, OPERATOR_UPDATE_SCHEDULE);
        return windows_of_schedule(wire_field_bytes(wire_field_bytes(bytes, 11), 1), &d->arena, &d->op.windows,
                                   &d->op.window_count, err);
    case MESOS__V1__MASTER__CALL__TYPE__START_MAINTENANCE:
        return take_machines(c->start_maintenance->machines, c->start_maintenance->n_machines, OPERATOR_START_MAINTENANCE, d,
                             err);
    case MESOS__V1__MASTER__CALL__TYPE__STOP_MAINTENANCE:
        return take_machines(c->stop_maintenance->machines, c->stop_maintenance->n_machines, OPERATOR_STOP_MAINTENANCE, d,
                             err);
    default: /* questions and calls of the shell: not an enum of ours, so a default */
        return 1;
    }
}

/* --- forms and JSON endpoints --- */

int decode_operator_form(const struct master *m, int type, struct str agent, struct str resources, struct str source,
                         struct str principal, struct decoded *d, struct error *err)
{
    static const struct {
        int type;
        const char *name, *key, *field, *param;
    } forms[] = {
        { OPERATION_RESERVE, "RESERVE", "reserve", "resources", "resources" },
        { OPERATION_UNRESERVE, "UNRESERVE", "unreserve", "resources", "resources" },
        { OPERATION_CREATE, "CREATE", "create", "volumes", "volumes" },
        { OPERATION_DESTROY, "DESTROY", "destroy", "volumes", "volumes" },
    };
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(32 << 20);
    ProtobufCMessage *msg;
    struct cJSON *tree;
    size_t i = 0;

    (void)m;
    while (forms[i].type != type)
        i++;
    int rc = json_parse(resources, &tree, err);
    if (rc != 0) {
        (void)json_syntax_near(resources, err);
        return error_wrap(err, "Error parsing '%s' query parameter in the request body", forms[i].param);
    }
    json_free(tree);
    sbuf_fmt(&text, "{\"type\":\"%s\",\"%s\":{\"%s\":", forms[i].name, forms[i].key, forms[i].field);
    sbuf_str(&text, resources);
    if (source.n != 0) {
        sbuf_c(&text, ",\"source\":");
        sbuf_str(&text, source);
    }
    sbuf_c(&text, "}}");
    rc = json_to_message(&mesos__v1__offer__operation__descriptor, sbuf_view(&text), &d->arena, &msg, err);
    if (rc != 0)
        return error_wrap(err, "Error parsing '%s' query parameter in the request body", forms[i].param);
    d->op.principal = principal;
    return take_operation(d, (operation_message *)(void *)msg, agent_id(agent), err);
}

/* A JSON value wrapped as the field of a message that has it. */
static int wrapped(const ProtobufCMessageDescriptor *type, const char *before, struct str body, const char *after,
                   struct decoded *d, ProtobufCMessage **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(32 << 20);
    struct cJSON *tree;
    int rc = json_parse(body, &tree, err);

    if (rc != 0) {
        (void)json_syntax_near(body, err);
        return error_wrap(err, "Failed to parse body into JSON");
    }
    json_free(tree);
    sbuf_c(&text, before);
    sbuf_str(&text, body);
    sbuf_c(&text, after);
    rc = json_to_message(type, sbuf_view(&text), &d->arena, ret, err);
    return rc != 0 ? error_wrap(err, "Failed to convert JSON into protobuf") : 0;
}

int decode_weights_json(struct str body, struct decoded *d, struct error *err)
{
    ProtobufCMessage *msg;
    int rc = wrapped(&mesos__v1__master__call__update_weights__descriptor, "{\"weight_infos\":", body, "}", d, &msg, err);

    if (rc != 0)
        return rc;
    Mesos__V1__Master__Call__UpdateWeights *w = (Mesos__V1__Master__Call__UpdateWeights *)(void *)msg;
    return take_weights(w->weight_infos, w->n_weight_infos, d, err);
}

int decode_schedule_json(struct str body, struct decoded *d, struct error *err)
{
    struct str bytes;
    int rc = decode_body(&mesos__v1__maintenance__schedule__descriptor, body, true, d, &bytes, err);

    if (rc != 0)
        return rc;
    set(d, OPERATOR_UPDATE_SCHEDULE);
    return windows_of_schedule(bytes, &d->arena, &d->op.windows, &d->op.window_count, err);
}

int decode_machines_json(struct str body, bool down, struct decoded *d, struct error *err)
{
    ProtobufCMessage *msg;
    int rc = wrapped(&mesos__v1__master__call__start_maintenance__descriptor, "{\"machines\":", body, "}", d, &msg, err);

    if (rc != 0)
        return rc;
    Mesos__V1__Master__Call__StartMaintenance *s = (Mesos__V1__Master__Call__StartMaintenance *)(void *)msg;
    return take_machines(s->machines, s->n_machines, down ? OPERATOR_START_MAINTENANCE : OPERATOR_STOP_MAINTENANCE, d, err);
}

int decode_quota_request_json(struct str body, struct decoded *d, struct error *err)
{
    ProtobufCMessage *msg;
    int rc = wrapped(&mesos__v1__quota__quota_request__descriptor, "", body, "", d, &msg, err);

    if (rc != 0)
        return rc;
    return take_quota_request((const Mesos__V1__Quota__QuotaRequest *)(const void *)msg, d, err);
}
