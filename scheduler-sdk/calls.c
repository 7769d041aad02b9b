/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the public header. Each writes a Call into a buffer and hands it to the lane. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

/* A call being written. begin ... end; between them rc keeps the first failure. */
struct call {
    struct stoa_scheduler *s;
    enum sdk_call_type type;
    struct sbuf b;
    size_t mark; /* of the body; 0: none */
    int rc;
    struct error err;
};

static void begin(struct call *c, struct stoa_scheduler *s, enum sdk_call_type type, uint32_t body)
{
    *c = (struct call){ .s = s, .type = type, .b = SBUF_INIT(SDK_CALL_BYTES_MAX) };
    c->rc = sdk_may_call(s, sdk_call_name(type), &c->err);
    if (c->rc != 0)
        return;
    sdk_call_begin(s, &c->b, type);
    if (body != 0)
        c->mark = wire_open(&c->b, body);
}

static int end(struct call *c, struct stoa_error *err)
{
    if (c->mark != 0)
        wire_close(&c->b, c->mark);
    if (c->rc == 0)
        c->rc = sdk_call_send(c->s, c->type, &c->b, &c->err);
    sbuf_done(&c->b);
    return sdk_error_from(err, c->rc, &c->err);
}

static void invalid(struct call *c, const char *what)
{
    if (c->rc == 0)
        c->rc = error_set(&c->err, ERR_INVALID, "%s: %s", sdk_call_name(c->type), what);
}

static void put_ids(struct call *c, uint32_t number, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_id(&c->b, number, str_of(ids[i]));
}

/* A required id. */
static void put_id(struct call *c, uint32_t number, const char *id, const char *what)
{
    if (id == NULL || id[0] == 0)
        invalid(c, what);
    else
        wire_put_id(&c->b, number, str_of(id));
}

static void put_optional_id(struct call *c, uint32_t number, const char *id)
{
    if (id != NULL)
        wire_put_id(&c->b, number, str_of(id));
}

static void put_filters(struct call *c, uint32_t number, double refuse_s)
{
    size_t mark;

    if (!(refuse_s >= 0))
        return; /* the master's default */
    mark = wire_open(&c->b, number);
    wire_put_double(&c->b, 1, refuse_s);
    wire_close(&c->b, mark);
}

/* --- offers -------------------------------------------------------------------------------------------- */

static void put_operations(struct call *c, const struct stoa_operation *operations, size_t count,
                           const char *agent_id)
{
    for (size_t i = 0; c->rc == 0 && i < count; i++)
        c->rc = sdk_put_operation(&c->b, 2, &operations[i], agent_id, str_of(c->s->framework_id), &c->err);
}

static int accept_offers(struct stoa_scheduler *s, const char *const *offer_ids, size_t offer_count,
                         const struct stoa_operation *operations, size_t operation_count,
                         const char *agent_id, double refuse_s, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_ACCEPT, 4);
    if (offer_count == 0)
        invalid(&c, "no offers are named");
    put_ids(&c, 1, offer_ids, offer_count);
    put_operations(&c, operations, operation_count, agent_id);
    put_filters(&c, 3, refuse_s);
    return end(&c, err);
}

int stoa_accept(struct stoa_scheduler *s, const char *const *offer_ids, size_t offer_count,
                const struct stoa_operation *operations, size_t operation_count, double refuse_s,
                struct stoa_error *err)
{
    return accept_offers(s, offer_ids, offer_count, operations, operation_count, NULL, refuse_s, err);
}

int stoa_launch(struct stoa_scheduler *s, const struct stoa_offer *offer, const struct stoa_task *tasks,
                size_t task_count, double refuse_s, struct stoa_error *err)
{
    struct stoa_operation launch = { .type = STOA_OP_LAUNCH, .tasks = tasks, .task_count = task_count };

    return accept_offers(s, &offer->id, 1, &launch, 1, offer->agent_id, refuse_s, err);
}

static int answer_offers(struct stoa_scheduler *s, enum sdk_call_type type, uint32_t body,
                         const char *const *ids, size_t count, double refuse_s, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, type, body);
    if (count == 0)
        invalid(&c, "no offers are named");
    put_ids(&c, 1, ids, count);
    put_filters(&c, 2, refuse_s);
    return end(&c, err);
}

int stoa_decline(struct stoa_scheduler *s, const char *const *offer_ids, size_t offer_count, double refuse_s,
                 struct stoa_error *err)
{
    return answer_offers(s, SDK_CALL_DECLINE, 5, offer_ids, offer_count, refuse_s, err);
}

int stoa_accept_inverse_offers(struct stoa_scheduler *s, const char *const *ids, size_t count,
                               double refuse_s, struct stoa_error *err)
{
    return answer_offers(s, SDK_CALL_ACCEPT_INVERSE_OFFERS, 13, ids, count, refuse_s, err);
}

int stoa_decline_inverse_offers(struct stoa_scheduler *s, const char *const *ids, size_t count,
                                double refuse_s, struct stoa_error *err)
{
    return answer_offers(s, SDK_CALL_DECLINE_INVERSE_OFFERS, 14, ids, count, refuse_s, err);
}

/* --- roles --------------------------------------------------------------------------------------------- */

static bool is_ours(const struct stoa_scheduler *s, const char *role)
{
    for (size_t i = 0; i < s->framework.role_count; i++)
        if (strcmp(s->framework.roles[i], role) == 0)
            return true;
    return false;
}

static int send_roles(struct stoa_scheduler *s, enum sdk_call_type type, const char *const *roles,
                      size_t count, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, type, type == SDK_CALL_REVIVE ? 15 : 16);
    for (size_t i = 0; i < count; i++)
        wire_put_bytes(&c.b, 1, str_of(roles[i]));
    return end(&c, err);
}

/* Remembers, and sends when there is someone to send to. */
static int change_roles(struct stoa_scheduler *s, enum sdk_call_type type, const char *const *roles,
                        size_t count, struct stoa_error *err)
{
    const char *const *which = count != 0 ? roles : (const char *const *)s->framework.roles;
    size_t which_count = count != 0 ? count : s->framework.role_count;
    bool live = s->session.state == SESSION_SUBSCRIBED;
    bool in_step = s->suppressed_sent == s->suppressed.version;
    struct error e;
    int rc;

    for (size_t i = 0; i < count; i++)
        if (!is_ours(s, roles[i]))
            return sdk_error_from(err,
                                  error_set(&e, ERR_INVALID, "%s: \"%s\" is not a role of this framework",
                                            sdk_call_name(type), roles[i]),
                                  &e);
    if (s->session.state == SESSION_ENDED || s->session.state == SESSION_STOPPING)
        return sdk_error_from(
            err, error_set(&e, ERR_UNAVAILABLE, "%s: the scheduler has ended", sdk_call_name(type)), &e);
    rc = live ? send_roles(s, type, roles, count, err) : 0;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < which_count; i++) {
        if (type == SDK_CALL_REVIVE)
            suppressed_remove(&s->suppressed, str_of(which[i]));
        else if (!suppressed_add(&s->suppressed, str_of(which[i])))
            return sdk_error_from(
                err, error_set(&e, ERR_LIMIT, "SUPPRESS: more than %d roles", SESSION_ROLES_MAX), &e);
    }
    if (live && in_step)
        s->suppressed_sent = s->suppressed.version;
    return 0;
}

int stoa_suppress(struct stoa_scheduler *s, const char *const *roles, size_t count, struct stoa_error *err)
{
    return change_roles(s, SDK_CALL_SUPPRESS, roles, count, err);
}

int stoa_revive(struct stoa_scheduler *s, const char *const *roles, size_t count, struct stoa_error *err)
{
    return change_roles(s, SDK_CALL_REVIVE, roles, count, err);
}

/* The subscription was on its way when roles changed: says the present state role by role. */
void sdk_send_suppressed(struct stoa_scheduler *s)
{
    for (size_t i = 0; i < s->framework.role_count; i++) {
        const char *role = s->framework.roles[i];
        bool suppressed = suppressed_has(&s->suppressed, str_of(role));

        (void)send_roles(s, suppressed ? SDK_CALL_SUPPRESS : SDK_CALL_REVIVE, &role, 1, NULL);
    }
    s->suppressed_sent = s->suppressed.version;
}

/* --- tasks and executors ------------------------------------------------------------------------------- */

int stoa_kill(struct stoa_scheduler *s, const char *task_id, const char *agent_id, double grace_s,
              struct stoa_error *err)
{
    struct call c;
    size_t policy, grace;

    begin(&c, s, SDK_CALL_KILL, 6);
    put_id(&c, 1, task_id, "no task is named");
    put_optional_id(&c, 2, agent_id);
    if (grace_s >= 0 && grace_s < 9e9) {
        policy = wire_open(&c.b, 3);
        grace = wire_open(&c.b, 1);
        wire_put_i64(&c.b, 1, (int64_t)llround(grace_s * 1e9));
        wire_close(&c.b, grace);
        wire_close(&c.b, policy);
    }
    return end(&c, err);
}

int stoa_shutdown_executor(struct stoa_scheduler *s, const char *executor_id, const char *agent_id,
                           struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_SHUTDOWN, 7);
    put_id(&c, 1, executor_id, "no executor is named");
    put_id(&c, 2, agent_id, "no agent is named");
    return end(&c, err);
}

int stoa_send_message(struct stoa_scheduler *s, const char *agent_id, const char *executor_id,
                      struct stoa_bytes data, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_MESSAGE, 10);
    put_id(&c, 1, agent_id, "no agent is named");
    put_id(&c, 2, executor_id, "no executor is named");
    wire_put_bytes(&c.b, 3, str_mem(data.p, data.n));
    return end(&c, err);
}

int sdk_acknowledge(struct stoa_scheduler *s, const char *agent_id, const char *task_id,
                    struct stoa_bytes uuid, struct error *err)
{
    struct call c;
    int rc;

    begin(&c, s, SDK_CALL_ACKNOWLEDGE, 8);
    put_id(&c, 1, agent_id, "no agent is named");
    put_id(&c, 2, task_id, "no task is named");
    if (uuid.n != 16)
        invalid(&c, "the uuid must have 16 bytes");
    wire_put_bytes(&c.b, 3, str_mem(uuid.p, uuid.n));
    rc = end(&c, NULL);
    if (rc != 0 && err != NULL)
        *err = c.err;
    return rc;
}

int stoa_acknowledge_ids(struct stoa_scheduler *s, const char *agent_id, const char *task_id,
                         struct stoa_bytes uuid, struct stoa_error *err)
{
    struct error e;

    if (!s->explicit_acks)
        return sdk_error_from(
            err,
            error_set(&e, ERR_CONFLICT,
                      "ACKNOWLEDGE: this scheduler acknowledges by itself; set explicit_acknowledgements"),
            &e);
    return sdk_error_from(err, sdk_acknowledge(s, agent_id, task_id, uuid, &e), &e);
}

int stoa_acknowledge(struct stoa_scheduler *s, const struct stoa_status *status, struct stoa_error *err)
{
    if (status->uuid.p == NULL && s->explicit_acks)
        return 0;
    return stoa_acknowledge_ids(s, status->agent_id, status->task_id, status->uuid, err);
}

int sdk_acknowledge_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status,
                              struct error *err)
{
    struct call c;
    int rc;

    begin(&c, s, SDK_CALL_ACKNOWLEDGE_OPERATION_STATUS, 17);
    put_id(&c, 1, status->agent_id, "no agent is named");
    put_optional_id(&c, 2, status->provider_id);
    wire_put_bytes(&c.b, 3, str_mem(status->uuid.p, status->uuid.n));
    put_id(&c, 4, status->operation_id, "no operation is named");
    rc = end(&c, NULL);
    if (rc != 0 && err != NULL)
        *err = c.err;
    return rc;
}

int stoa_acknowledge_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status,
                               struct stoa_error *err)
{
    struct error e;

    if (status->uuid.p == NULL)
        return 0;
    if (!s->explicit_acks)
        return sdk_error_from(
            err,
            error_set(&e, ERR_CONFLICT,
                      "ACKNOWLEDGE_OPERATION_STATUS: this scheduler acknowledges by itself; "
                      "set explicit_acknowledgements"),
            &e);
    return sdk_error_from(err, sdk_acknowledge_operation(s, status, &e), &e);
}

int stoa_reconcile(struct stoa_scheduler *s, const struct stoa_task_ref *tasks, size_t count,
                   struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_RECONCILE, 9);
    for (size_t i = 0; i < count; i++) {
        size_t mark = wire_open(&c.b, 1);

        put_id(&c, 1, tasks[i].task_id, "a task has no id");
        put_optional_id(&c, 2, tasks[i].agent_id);
        wire_close(&c.b, mark);
    }
    return end(&c, err);
}

int stoa_reconcile_operations(struct stoa_scheduler *s, const struct stoa_operation_ref *operations,
                              size_t count, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_RECONCILE_OPERATIONS, 18);
    for (size_t i = 0; i < count; i++) {
        size_t mark = wire_open(&c.b, 1);

        put_id(&c, 1, operations[i].operation_id, "an operation has no id");
        put_optional_id(&c, 2, operations[i].agent_id);
        put_optional_id(&c, 3, operations[i].provider_id);
        wire_close(&c.b, mark);
    }
    return end(&c, err);
}

int stoa_request_resources(struct stoa_scheduler *s, const struct stoa_request *requests, size_t count,
                           struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_REQUEST, 11);
    for (size_t i = 0; i < count; i++) {
        size_t mark = wire_open(&c.b, 1);

        put_optional_id(&c, 1, requests[i].agent_id);
        for (size_t k = 0; c.rc == 0 && k < requests[i].resource_count; k++)
            c.rc = sdk_put_resource(&c.b, 2, &requests[i].resources[k], &c.err);
        wire_close(&c.b, mark);
    }
    return end(&c, err);
}

/* --- the framework ------------------------------------------------------------------------------------- */

int sdk_teardown(struct stoa_scheduler *s, struct stoa_error *err)
{
    struct call c;

    begin(&c, s, SDK_CALL_TEARDOWN, 0);
    return end(&c, err);
}

/* The set of suppressed roles that an update of the framework brings along. */
static int wanted_suppressed(const struct stoa_options *o, struct suppressed *ret, struct error *err)
{
    for (size_t i = 0; o->suppressed_roles != NULL && i < o->suppressed_role_count; i++)
        if (!suppressed_add(ret, str_of(o->suppressed_roles[i])))
            return error_set(err, ERR_LIMIT, "UPDATE_FRAMEWORK: more than %d suppressed roles",
                             SESSION_ROLES_MAX);
    return 0;
}

int stoa_update_framework(struct stoa_scheduler *s, const struct stoa_options *options,
                          struct stoa_error *err)
{
    struct suppressed before = s->suppressed, wanted = { .version = s->suppressed.version + 1 };
    bool replace = options->suppressed_roles != NULL;
    struct sdk_framework next;
    struct call c;
    struct error e;
    int rc;

    if (s->update_open)
        return sdk_error_from(
            err,
            error_set(&e, ERR_CONFLICT, "UPDATE_FRAMEWORK: one is on its way already; wait for its answer"),
            &e);
    rc = wanted_suppressed(options, &wanted, &e);
    if (rc == 0)
        rc = sdk_framework_init(&next, options, &e);
    if (rc != 0) {
        suppressed_done(&wanted);
        return sdk_error_from(err, rc, &e);
    }
    if (replace)
        s->suppressed = wanted;
    begin(&c, s, SDK_CALL_UPDATE_FRAMEWORK, 0);
    if (c.rc == 0)
        sdk_put_framework(s, &c.b, 19, &next);
    rc = end(&c, err);
    if (rc != 0) {
        s->suppressed = before;
        suppressed_done(&wanted);
        sdk_framework_done(&next);
        return rc;
    }
    if (replace) {
        suppressed_done(&before);
        s->suppressed_sent = s->suppressed.version;
    }
    sdk_framework_done(&s->update);
    s->update = next;
    s->update_open = true;
    return 0;
}

/* --- any call ------------------------------------------------------------------------------------------ */

static int send_bytes(struct stoa_scheduler *s, struct str bytes, struct error *err)
{
    struct sbuf b = SBUF_INIT(SDK_CALL_BYTES_MAX);
    enum sdk_call_type type;
    int rc = wire_check(&mesos__v1__scheduler__call__descriptor, bytes, err);

    if (rc != 0)
        return rc;
    type = (enum sdk_call_type)wire_field_u64(bytes, 2, 0);
    if (type == SDK_CALL_SUBSCRIBE || type == SDK_CALL_UPDATE_FRAMEWORK)
        return error_set(err, ERR_INVALID, "%s is the library's to send", sdk_call_name(type));
    rc = sdk_may_call(s, sdk_call_name(type), err);
    if (rc != 0)
        return rc;
    wire_put_id(&b, 1, str_of(s->framework_id));
    (void)wire_copy_without(&b, bytes, 1); /* it was checked */
    rc = sdk_call_send(s, type, &b, err);
    sbuf_done(&b);
    return rc;
}

int stoa_call(struct stoa_scheduler *s, struct stoa_bytes call, struct stoa_error *err)
{
    struct error e;

    return sdk_error_from(err, send_bytes(s, str_mem(call.p, call.n), &e), &e);
}

int stoa_call_json(struct stoa_scheduler *s, const char *call, struct stoa_error *err)
{
    struct sbuf bytes = SBUF_INIT(SDK_CALL_BYTES_MAX);
    struct error e;
    int rc = json_to_wire(&mesos__v1__scheduler__call__descriptor, str_of(call), &bytes, &e);

    if (rc == 0)
        rc = send_bytes(s, sbuf_view(&bytes), &e);
    sbuf_done(&bytes);
    return sdk_error_from(err, rc, &e);
}
