/* SPDX-License-Identifier: Apache-2.0 */
/* What the Java drivers' native half makes of their messages, seen as JSON. */
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"
#include "libmesos/wire/v0.h"
#include "tests/support/test.h"

static struct sbuf bytes_of(const char *type, const char *json)
{
    struct sbuf b = SBUF_INIT(100000);
    struct error err = { .msg = "" };

    CHECK_INT(json_to_wire(wire_type(str_of(type)), str_of(json), &b, &err), 0);
    CHECK_CSTR(err.msg, "");
    return b;
}

static void check_json(const char *type, struct str bytes, const char *want)
{
    struct sbuf json = SBUF_INIT(100000);
    struct error err = { .msg = "" };

    CHECK_INT(wire_check(wire_type(str_of(type)), bytes, &err), 0);
    CHECK_CSTR(err.msg, "");
    CHECK(json_from_wire(&json, wire_type(str_of(type)), bytes));
    CHECK_STR(sbuf_view(&json), str_of(want));
    sbuf_done(&json);
}

TEST("a status is acknowledged with its agent, task and uuid; one without uuid or agent is not")
{
    static const char *const none[] = {
        "{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_RUNNING\",\"agent_id\":{\"value\":\"a\"}}",
        "{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_RUNNING\",\"uuid\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}"
    };
    struct sbuf status = bytes_of("mesos.v1.TaskStatus",
                                  "{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_RUNNING\",\"agent_id\":{\"value\":\"a\"},"
                                  "\"message\":\"m\",\"uuid\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}");
    struct sbuf call = SBUF_INIT(10000);

    CHECK(lm_put_acknowledge(&call, sbuf_view(&status)));
    check_json("mesos.v1.scheduler.Call", sbuf_view(&call),
               "{\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{\"value\":\"a\"},\"task_id\":{\"value\":\"t\"},"
               "\"uuid\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}}");
    sbuf_done(&status);
    for (size_t i = 0; i < 2; i++) {
        status = bytes_of("mesos.v1.TaskStatus", none[i]);
        sbuf_clear(&call);
        CHECK(!lm_put_acknowledge(&call, sbuf_view(&status)));
        CHECK_INT(call.n, 0);
        sbuf_done(&status);
    }
    sbuf_done(&call);
}

TEST("a reconciliation names task and agent, or the task alone")
{
    struct sbuf with = bytes_of("mesos.v1.TaskStatus", "{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_RUNNING\","
                                                       "\"agent_id\":{\"value\":\"a\"},\"message\":\"m\"}");
    struct sbuf without = bytes_of("mesos.v1.TaskStatus", "{\"task_id\":{\"value\":\"u\"},\"state\":\"TASK_LOST\"}");
    struct sbuf call = SBUF_INIT(10000);
    size_t mark = lm_open(&call, LM_RECONCILE, LM_BODY_RECONCILE);

    lm_put_reconcile(&call, 1, sbuf_view(&with));
    lm_put_reconcile(&call, 1, sbuf_view(&without));
    wire_close(&call, mark);
    check_json("mesos.v1.scheduler.Call", sbuf_view(&call),
               "{\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"a\"}},"
               "{\"task_id\":{\"value\":\"u\"}}]}}");
    CHECK_INT(lm_call_type(sbuf_view(&call)), LM_RECONCILE);
    sbuf_done(&with);
    sbuf_done(&without);
    sbuf_done(&call);
}

TEST("a framework gets the user and the hostname that it leaves out, and nothing else")
{
    struct sbuf bare = bytes_of("mesos.v1.FrameworkInfo", "{\"user\":\"\",\"name\":\"n\"}");
    struct sbuf full = bytes_of("mesos.v1.FrameworkInfo",
                                "{\"user\":\"u\",\"name\":\"n\",\"id\":{\"value\":\"i\"},\"role\":\"r\",\"hostname\":\"h\"}");
    struct sbuf b = SBUF_INIT(10000);

    lm_put_framework(&b, sbuf_view(&bare), "me", "here");
    check_json("mesos.v1.FrameworkInfo", sbuf_view(&b), "{\"user\":\"me\",\"name\":\"n\",\"failover_timeout\":0.0,\"checkpoint\":false,\"hostname\":\"here\"}");
    sbuf_clear(&b);
    lm_put_framework(&b, sbuf_view(&full), "me", "here");
    CHECK_STR(sbuf_view(&b), sbuf_view(&full));
    sbuf_done(&bare);
    sbuf_done(&full);
    sbuf_done(&b);
}

TEST("a master that does not say who it is has an id, a port and a name for Java")
{
    struct sbuf b = SBUF_INIT(1000);

    lm_put_master(&b, STR("10.0.0.1:5051"));
    check_json("mesos.v1.MasterInfo", sbuf_view(&b),
               "{\"id\":\"10.0.0.1:5051\",\"ip\":0,\"port\":5051,\"hostname\":\"10.0.0.1\"}");
    sbuf_done(&b);
}

/* arg: a cursor over the wanted texts. */
static void next_status(void *arg, struct str status)
{
    const char *const **want = arg;

    check_json("mesos.v1.TaskStatus", status, **want);
    (*want)++;
}

TEST("every task of an ACCEPT that was not sent is lost, those of groups too")
{
    static const char *const want[] = {
        "{\"task_id\":{\"value\":\"t1\"},\"state\":\"TASK_LOST\",\"message\":\"why\",\"agent_id\":{\"value\":\"a\"},\"timestamp\":1.5,"
        "\"source\":\"SOURCE_MASTER\",\"reason\":\"REASON_MASTER_DISCONNECTED\"}",
        "{\"task_id\":{\"value\":\"t2\"},\"state\":\"TASK_LOST\",\"message\":\"why\",\"agent_id\":{\"value\":\"a\"},\"timestamp\":1.5,\"executor_id\":{\"value\":\"e\"},"
        "\"source\":\"SOURCE_MASTER\",\"reason\":\"REASON_MASTER_DISCONNECTED\"}",
        "{\"task_id\":{\"value\":\"t3\"},\"state\":\"TASK_LOST\",\"message\":\"why\",\"agent_id\":{\"value\":\"a\"},\"timestamp\":1.5,\"executor_id\":{\"value\":\"pod\"},"
        "\"source\":\"SOURCE_MASTER\",\"reason\":\"REASON_MASTER_DISCONNECTED\"}",
    };
    struct sbuf call = bytes_of(
        "mesos.v1.scheduler.Call",
        "{\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"o\"}],\"operations\":[{\"type\":\"RESERVE\",\"reserve\":{}},"
        "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":["
        "{\"name\":\"\",\"task_id\":{\"value\":\"t1\"},\"agent_id\":{\"value\":\"a\"}},"
        "{\"name\":\"\",\"task_id\":{\"value\":\"t2\"},\"agent_id\":{\"value\":\"a\"},\"executor\":{\"executor_id\":{\"value\":\"e\"}}}"
        "]}},{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{\"executor_id\":{\"value\":\"pod\"}},\"task_group\":"
        "{\"tasks\":[{\"name\":\"\",\"task_id\":{\"value\":\"t3\"},\"agent_id\":{\"value\":\"a\"}}]}}}]}}");
    const char *const *next = want;

    lm_each_lost(sbuf_view(&call), "why", 1.5, next_status, &next);
    CHECK_INT(next - want, 3);
    sbuf_done(&call);
}
