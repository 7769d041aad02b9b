/* SPDX-License-Identifier: Apache-2.0 */
/* The executor's own encoding, against the generated code. */
#include <string.h>

#include "common/base/arena.h"
#include "common/wire/guard.h"
#include "executor/core/command.h"
#include "executor/sdk/http.h"
#include "executor/sdk/wire.h"
#include "proto/mesos_v1_executor.pb-c.h"
#include "tests/support/test.h"

TEST("UPDATE is a valid call with every field")
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct sbuf status = SBUF_INIT(4096), call = SBUF_INIT(4096), check = SBUF_INIT(64);
    struct error err;
    Mesos__V1__Executor__Call *m = NULL;
    exec_put_check_status(&check, CHECK_KIND_COMMAND, -7);
    struct exec_status s = { .task_id = STR("t"), .state = STATE_KILLED, .reason = 29, .message = STR("msg"), .healthy = 0,
                             .executor_id = STR("e"), .check_status = sbuf_view(&check), .wall_us = 1500000,
                             .uuid = { { 1, 2, 3 } }, .rest = STR("\x72\x02\x08\x07") }; /* unreachable_time */
    exec_put_status(&status, &s);
    exec_put_update(&call, STR("f"), STR("e"), sbuf_view(&status));
    CHECK_INT(WIRE_UNPACK(mesos__v1__executor__call, sbuf_view(&call), &arena, &m, &err), 0);
    if (m != NULL) {
        Mesos__V1__TaskStatus *t = m->update->status;
        CHECK_INT(m->type, MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE);
        CHECK_CSTR(m->framework_id->value, "f");
        CHECK_CSTR(t->task_id->value, "t");
        CHECK_INT(t->state, MESOS__V1__TASK_STATE__TASK_KILLED);
        CHECK_INT(t->source, MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR);
        CHECK_INT(t->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
        CHECK(t->has_healthy && !t->healthy);
        CHECK_CSTR(t->message, "msg");
        CHECK(t->timestamp > 1.49 && t->timestamp < 1.51);
        CHECK_INT(t->uuid.len, 16);
        CHECK_CSTR(t->executor_id->value, "e");
        CHECK_INT(t->check_status->command->exit_code, -7);
        CHECK(t->unreachable_time != NULL && t->unreachable_time->nanoseconds == 7);
    }
    sbuf_done(&status);
    sbuf_done(&call);
    sbuf_done(&check);
    arena_done(&arena);
}

TEST("SUBSCRIBE carries tasks and updates as they were")
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct sbuf status = SBUF_INIT(4096), call = SBUF_INIT(4096), task = SBUF_INIT(4096);
    struct error err;
    struct session session;
    struct session_config config = { .checkpoint = true };
    Mesos__V1__Executor__Call *m = NULL;
    session_init(&session, &config);
    struct exec_status s = { .task_id = STR("t"), .state = STATE_RUNNING, .reason = -1, .healthy = -1 };
    exec_put_status(&status, &s);
    wire_put_bytes(&task, 1, STR("name"));
    wire_put_id(&task, 2, STR("t"));
    wire_put_id(&task, 3, STR("agent"));
    CHECK_INT(session_add_task(&session, STR("t"), sbuf_view(&task), &err), 0);
    CHECK_INT(session_add_update(&session, STR("t"), &s.uuid, sbuf_view(&status), &err), 0);
    exec_put_subscribe(&call, STR("f"), STR("e"), &session);
    CHECK_INT(WIRE_UNPACK(mesos__v1__executor__call, sbuf_view(&call), &arena, &m, &err), 0);
    if (m != NULL) {
        CHECK_INT(m->subscribe->n_unacknowledged_tasks, 1);
        CHECK_CSTR(m->subscribe->unacknowledged_tasks[0]->name, "name");
        CHECK_INT(m->subscribe->n_unacknowledged_updates, 1);
        CHECK(!m->subscribe->unacknowledged_updates[0]->status->has_healthy);
    }
    session_done(&session);
    sbuf_done(&status);
    sbuf_done(&call);
    sbuf_done(&task);
    arena_done(&arena);
}

TEST("events of the generated code are read; broken ones are not")
{
    struct sbuf b = SBUF_INIT(4096);
    struct exec_event ev;
    uint8_t uuid[16] = { 9 };
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__Executor__Event__Acknowledged ack = MESOS__V1__EXECUTOR__EVENT__ACKNOWLEDGED__INIT;
    Mesos__V1__Executor__Event e = MESOS__V1__EXECUTOR__EVENT__INIT;
    char text[] = "t1";
    id.value = text;
    ack.task_id = &id;
    ack.uuid = (ProtobufCBinaryData){ 16, uuid };
    e.has_type = 1;
    e.type = MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED;
    e.acknowledged = &ack;
    CHECK(WIRE_PACK(&b, &e));
    CHECK(exec_event_read(sbuf_view(&b), &ev));
    CHECK_INT(ev.type, EXEC_ACKNOWLEDGED);
    CHECK_STR(ev.task_id, STR("t1"));
    CHECK_INT(ev.uuid.b[0], 9);
    for (size_t n = 1; n < b.n; n++)
        (void)exec_event_read(str_sub(sbuf_view(&b), 0, n), &ev); /* must not crash */
    CHECK(!exec_event_read(STR("\xff\xff\xff"), &ev));
    CHECK(!exec_event_read(STR(""), &ev));
    sbuf_done(&b);
}

TEST("the defaults of a health check are the reference's")
{
    struct sbuf t = SBUF_INIT(256);
    struct check_spec spec;
    CHECK(!task_health_check(STR(""), &spec));
    wire_put_bytes(&t, 8, STR(""));
    CHECK(task_health_check(sbuf_view(&t), &spec));
    CHECK_INT(spec.kind, CHECK_KIND_NONE);
    CHECK_INT(spec.policy.delay_ns, 15 * NS_PER_S);
    CHECK_INT(spec.policy.interval_ns, 10 * NS_PER_S);
    CHECK_INT(spec.policy.timeout_ns, 20 * NS_PER_S);
    CHECK_INT(spec.policy.grace_ns, 10 * NS_PER_S);
    CHECK_INT(spec.policy.failures_max, 3);
    sbuf_done(&t);
}

TEST("endpoints")
{
    struct xhttp_endpoint e;
    CHECK(xhttp_endpoint_parse(STR("127.0.0.1:5051"), &e));
    CHECK_CSTR(e.host, "127.0.0.1");
    CHECK_INT(e.port, 5051);
    CHECK(xhttp_endpoint_parse(STR("[::1]:80"), &e) && e.v6);
    CHECK_CSTR(e.host, "::1");
    static const char *const bad[] = { "", ":", "x", "x:", ":1", "x:0", "x:65536", "x:1a", "[]:1" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!xhttp_endpoint_parse(str_of(bad[i]), &e));
}
