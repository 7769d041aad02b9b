/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of old drivers. mesos.scheduler.Call has the bytes of the v1 Call except for SUBSCRIBE. The messages before it are
 * rewritten as calls, so that there is one way from there. Sources: wire protocol, sections 13, 14 and 19. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "master/wire/decode_internal.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v0_scheduler.pb-c.h"

struct driver {
    const struct master *m;
    struct str body, principal;
    struct decoded *d;
    struct error *err;
};

/* --- SUBSCRIBE --- */

/* Told by an error event: the driver waits for an answer. */
static int refuse(struct driver *x, const char *text)
{
    x->d->ev.type = MASTER_EV_SUBSCRIBE;
    x->d->ev.subscribe.req = &x->d->subscribe;
    if (x->d->invalid == NULL)
        x->d->invalid = xstrdup(text);
    x->d->subscribe.invalid = x->d->invalid;
    return 0;
}

static int subscribe(struct driver *x, const struct subscription *s, bool force)
{
    struct error why;

    x->d->ev.type = MASTER_EV_SUBSCRIBE;
    x->d->ev.subscribe.req = &x->d->subscribe;
    x->d->subscribe.force = force;
    return decode_subscription(x->m, s, x->principal, x->d, &why) != 0 ? refuse(x, why.msg) : 0;
}

static bool has_id(const Mesos__V1__FrameworkInfo *i)
{
    return i->id != NULL && i->id->value[0] != '\0';
}

static int decode_register(struct driver *x)
{
    Mesos__Internal__RegisterFrameworkMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__register_framework_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    struct subscription s = { .info = msg->framework };
    return has_id(s.info) ? refuse(x, "Registering with 'id' already set") : subscribe(x, &s, false);
}

static int decode_reregister(struct driver *x)
{
    Mesos__Internal__ReregisterFrameworkMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__reregister_framework_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    struct subscription s = { .info = msg->framework };
    return has_id(s.info) ? subscribe(x, &s, msg->failover) : refuse(x, "Re-registering without an 'id'");
}

static int decode_call(struct driver *x)
{
    Mesos__Scheduler__Call *c;

    if (wire_field_u64(x->body, 2, 0) != CALL_SUBSCRIBE)
        return decode_scheduler_call(x->m, x->body, x->principal, x->d, x->err);
    int rc = WIRE_UNPACK(mesos__scheduler__call, x->body, &x->d->arena, &c, x->err);
    if (rc != 0)
        return rc;
    if (c->subscribe == NULL)
        return error_set(x->err, ERR_INVALID, "SUBSCRIBE: expecting 'subscribe' to be present");
    struct subscription s = { c->subscribe->framework_info, c->subscribe->suppressed_roles, c->subscribe->n_suppressed_roles,
                              c->subscribe->offer_constraints, false };
    const char *outer = c->framework_id != NULL ? c->framework_id->value : "";
    if (strcmp(outer, has_id(s.info) ? s.info->id->value : "") != 0)
        return error_set(x->err, ERR_INVALID, "'framework_id' differs from 'subscribe.framework_info.id'");
    return subscribe(x, &s, c->subscribe->has_force && c->subscribe->force);
}

/* --- the messages before Call, rewritten --- */

/* An id message as it was, under another number. */
static void copy(struct sbuf *b, uint32_t to, struct str message, uint32_t from)
{
    struct str v = wire_field_bytes(message, from);

    if (v.p != NULL)
        wire_put_bytes(b, to, v);
}

static void copy_all(struct sbuf *b, uint32_t to, struct str message, uint32_t from)
{
    struct wire_field f;

    while (wire_field_next(&message, &f) == 1)
        if (f.number == from && f.type == WIRE_BYTES)
            wire_put_bytes(b, to, f.bytes);
}

static size_t call_open(struct driver *x, enum call_type type, uint32_t framework, uint32_t number)
{
    struct sbuf *b = &x->d->wire;

    sbuf_clear(b);
    copy(b, 1, x->body, framework);
    wire_put_u64(b, 2, (uint64_t)type);
    return number != 0 ? wire_open(b, number) : 0;
}

static int call_close(struct driver *x, size_t mark)
{
    if (mark != 0)
        wire_close(&x->d->wire, mark);
    if (!sbuf_ok(&x->d->wire))
        return error_set(x->err, ERR_LIMIT, "over %d bytes", DECODE_BUDGET);
    return decode_scheduler_call(x->m, sbuf_view(&x->d->wire), x->principal, x->d, x->err);
}

static int decode_unregister(struct driver *x)
{
    return call_close(x, call_open(x, CALL_TEARDOWN, 1, 0));
}

static int decode_launch_tasks(struct driver *x)
{
    struct sbuf *b = &x->d->wire;
    size_t accept = call_open(x, CALL_ACCEPT, 1, 4);

    copy_all(b, 1, x->body, 6);
    size_t op = wire_open(b, 2);
    wire_put_u64(b, 1, MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH);
    size_t launch = wire_open(b, 2);
    copy_all(b, 1, x->body, 3);
    wire_close(b, launch);
    wire_close(b, op);
    copy(b, 3, x->body, 5);
    return call_close(x, accept);
}

static int decode_revive(struct driver *x)
{
    size_t mark = call_open(x, CALL_REVIVE, 1, 15);

    copy_all(&x->d->wire, 1, x->body, 2);
    return call_close(x, mark);
}

static int decode_kill(struct driver *x)
{
    size_t mark = call_open(x, CALL_KILL, 1, 6);

    copy(&x->d->wire, 1, x->body, 2);
    copy(&x->d->wire, 3, x->body, 3);
    return call_close(x, mark);
}

static int decode_acknowledge(struct driver *x)
{
    size_t mark = call_open(x, CALL_ACKNOWLEDGE, 2, 8);

    copy(&x->d->wire, 1, x->body, 1);
    copy(&x->d->wire, 2, x->body, 3);
    copy(&x->d->wire, 3, x->body, 4);
    return call_close(x, mark);
}

static int decode_reconcile(struct driver *x)
{
    struct sbuf *b = &x->d->wire;
    size_t mark = call_open(x, CALL_RECONCILE, 1, 9);
    struct str rest = x->body;
    struct wire_field f;

    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 2)
            continue;
        size_t task = wire_open(b, 1);
        copy(b, 1, f.bytes, 1);
        copy(b, 2, f.bytes, 5);
        wire_close(b, task);
    }
    return call_close(x, mark);
}

static int decode_framework_message(struct driver *x)
{
    size_t mark = call_open(x, CALL_MESSAGE, 2, 10);

    copy(&x->d->wire, 1, x->body, 1);
    copy(&x->d->wire, 2, x->body, 3);
    copy(&x->d->wire, 3, x->body, 4);
    return call_close(x, mark);
}

static int decode_request(struct driver *x)
{
    size_t mark = call_open(x, CALL_REQUEST, 1, 11);

    copy_all(&x->d->wire, 1, x->body, 2);
    return call_close(x, mark);
}

static int decode_deactivate(struct driver *x)
{
    x->d->ev.type = MASTER_EV_DRIVER_ABORT;
    x->d->ev.driver_abort.framework = framework_id(wire_path(x->body, 1, 1, 0));
    return 0;
}

static const struct {
    const char *name; /* without "mesos.internal." */
    const ProtobufCMessageDescriptor *type;
    int (*fn)(struct driver *x);
} messages[] = {
    { "RegisterFrameworkMessage", &mesos__internal__register_framework_message__descriptor, decode_register },
    { "ReregisterFrameworkMessage", &mesos__internal__reregister_framework_message__descriptor, decode_reregister },
    { "UnregisterFrameworkMessage", &mesos__internal__unregister_framework_message__descriptor, decode_unregister },
    { "DeactivateFrameworkMessage", &mesos__internal__deactivate_framework_message__descriptor, decode_deactivate },
    { "LaunchTasksMessage", &mesos__internal__launch_tasks_message__descriptor, decode_launch_tasks },
    { "ReviveOffersMessage", &mesos__internal__revive_offers_message__descriptor, decode_revive },
    { "KillTaskMessage", &mesos__internal__kill_task_message__descriptor, decode_kill },
    { "StatusUpdateAcknowledgementMessage", &mesos__internal__status_update_acknowledgement_message__descriptor,
      decode_acknowledge },
    { "ReconcileTasksMessage", &mesos__internal__reconcile_tasks_message__descriptor, decode_reconcile },
    { "FrameworkToExecutorMessage", &mesos__internal__framework_to_executor_message__descriptor, decode_framework_message },
    { "ResourceRequestMessage", &mesos__internal__resource_request_message__descriptor, decode_request },
};

int decode_driver_message(const struct master *m, struct str name, struct str pid, struct str principal, struct str body,
                          struct decoded *d, struct error *err)
{
    struct driver x = { .m = m, .body = body, .principal = principal, .d = d, .err = err };
    struct str rest = name;

    d->ev.pid = pid;
    if (str_is(name, "mesos.scheduler.Call")) {
        int rc = wire_check(&mesos__scheduler__call__descriptor, body, err);
        return rc != 0 ? rc : decode_call(&x);
    }
    if (str_skip(&rest, STR("mesos.internal.")))
        for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
            if (str_is(rest, messages[i].name)) {
                int rc = wire_check(messages[i].type, body, err);
                return rc != 0 ? rc : messages[i].fn(&x);
            }
    return error_set(err, ERR_NOT_FOUND, "the master does not take %.*s", STR_ARG(name));
}
