/* SPDX-License-Identifier: Apache-2.0 */
/* libstoa-executor by its example. */
#include <string.h>

#include "common/wire/guard.h"
#include "executor/core/command.h"
#include "tests/integration/executor/fake_agent.h"

static void launch(struct fake_agent *a, const char *id, const char *data)
{
    struct sbuf t;
    task_put(&t, id, NULL);
    wire_put_bytes(&t, 6, str_of(data));
    fake_agent_launch(a, sbuf_view(&t));
    sbuf_done(&t);
}

TEST("sdk: the example runs many tasks at once, sends messages, and leaves on SHUTDOWN")
{
    struct fake_agent a;
    if (fake_agent_start(&a, NULL) && fake_agent_executor(&a, "examples/counter", true) && fake_agent_wait_subscribed(&a, 1)) {
        launch(&a, "t1", "6");
        launch(&a, "t2", "fail");
        launch(&a, "t3", "1000");
        struct agent_update *u = fake_agent_wait(&a, "t2", STATE_FAILED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "told to fail");
        u = fake_agent_wait(&a, "t1", STATE_FINISHED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "counted to 6");
        CHECK(FIXTURE_UNTIL(&a.f, strstr(a.messages, "t1: 1 of 6") != NULL));
        fake_agent_kill(&a, "t3", -1);
        CHECK(fake_agent_wait(&a, "t3", STATE_KILLED, 0) != NULL);
        launch(&a, "t4", "1000");
        CHECK(fake_agent_wait(&a, "t4", STATE_RUNNING, 0) != NULL);
        fake_agent_shutdown(&a);
        CHECK(fake_agent_wait(&a, "t4", STATE_KILLED, 0) != NULL);
        struct fixture_event *e = fixture_wait(&a.f, "x1", EVENT_EXITED);
        if (e != NULL)
            CHECK_INT(e->t.status, 0);
        CHECK_CSTR(fixture_file(&a.f, "x1", "stderr"), "");
    }
    fake_agent_stop(&a);
}
