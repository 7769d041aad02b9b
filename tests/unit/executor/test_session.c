/* SPDX-License-Identifier: Apache-2.0 */
/* The subscription: reconnects, limits, and what is kept until it is acknowledged. */
#include "executor/core/session.h"
#include "tests/support/test.h"

#define S NS_PER_S

static struct session s;
static struct rng rng;

static void begin(bool checkpoint)
{
    const struct session_config c = { .checkpoint = checkpoint, .recovery_timeout_ns = 900 * S, .backoff_max_ns = 2 * S };
    session_init(&s, &c);
    rng_seed(&rng, 1);
    struct session_actions a = session_step(&s, SESSION_START, (struct mono){ 0 }, &rng);
    CHECK(a.subscribe);
}

static struct session_actions at(int64_t t, enum session_event e)
{
    return session_step(&s, e, (struct mono){ t }, &rng);
}

TEST("a refused SUBSCRIBE is sent again soon, and then ever more seldom, up to once a second")
{
    static const int64_t waits_ms[] = { 100, 200, 400, 800, 1000, 1000 };
    int64_t now = S;
    struct session_actions a;

    begin(true);
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        a = at(now, SESSION_GOT_REFUSED);
        CHECK(!a.subscribe && !a.disconnected);
        CHECK_INT(a.wake_at.ns, now + waits_ms[i] * (S / 1000));
        now = a.wake_at.ns;
        CHECK(!at(now - 1, SESSION_TICK).subscribe);
        CHECK(at(now, SESSION_TICK).subscribe);
    }
    a = at(now, SESSION_GOT_SUBSCRIBED);
    CHECK(a.wake_at.ns == MONO_NEVER.ns);
    session_done(&s);
}

TEST("silence after SUBSCRIBE is not waited for for ever")
{
    begin(true);
    CHECK(!at(9 * S, SESSION_TICK).subscribe);
    CHECK(at(10 * S, SESSION_TICK).subscribe);
    session_done(&s);
}

TEST("with checkpointing the end of the stream leads to a new subscription within the backoff")
{
    begin(true);
    (void)at(S, SESSION_GOT_SUBSCRIBED);
    struct session_actions a = at(100 * S, SESSION_GOT_EOF);
    CHECK(a.disconnected && !a.shutdown && !a.subscribe);
    CHECK(a.wake_at.ns >= 100 * S && a.wake_at.ns < 102 * S);
    a = at(a.wake_at.ns, SESSION_TICK);
    CHECK(a.subscribe);
    session_done(&s);
}

TEST("after the recovery timeout the executor gives up, however often it tried")
{
    begin(true);
    (void)at(S, SESSION_GOT_SUBSCRIBED);
    (void)at(100 * S, SESSION_GOT_EOF);
    int64_t t = 100 * S;
    unsigned tries = 0;
    for (; t < 1100 * S; t += S / 2) {
        struct session_actions a = at(t, SESSION_TICK);
        tries += a.subscribe;
        if (a.subscribe)
            (void)at(t, SESSION_GOT_REFUSED);
        if (a.shutdown)
            break;
    }
    CHECK_INT(t, 1000 * S);
    CHECK(tries > 500);
    CHECK_INT(s.state, SESSION_ENDED);
    CHECK(!at(t + S, SESSION_TICK).subscribe);
    session_done(&s);
}

TEST("without checkpointing the end of the stream is the end")
{
    begin(false);
    (void)at(S, SESSION_GOT_SUBSCRIBED);
    struct session_actions a = at(2 * S, SESSION_GOT_EOF);
    CHECK(a.disconnected && a.shutdown);
    session_done(&s);
}

TEST("an unexpected status is fatal")
{
    begin(true);
    struct session_actions a = at(S, SESSION_GOT_ERROR);
    CHECK(a.error && a.shutdown);
    session_done(&s);
}

TEST("updates stay until their own acknowledgement, tasks until any of theirs")
{
    struct uuid u[3];
    struct error err;
    begin(true);
    for (int i = 0; i < 3; i++)
        u[i] = uuid_make(&rng);
    CHECK_INT(session_add_task(&s, STR("t1"), STR("info"), &err), 0);
    CHECK_INT(session_add_update(&s, STR("t1"), &u[0], STR("a"), &err), 0);
    CHECK_INT(session_add_update(&s, STR("t1"), &u[1], STR("b"), &err), 0);
    CHECK_INT(session_add_update(&s, STR("t2"), &u[2], STR("c"), &err), 0);
    CHECK(!session_acknowledged(&s, STR("t2"), &u[0]));
    CHECK_INT(s.update_count, 3);
    CHECK_INT(s.task_count, 1);
    CHECK(session_acknowledged(&s, STR("t1"), &u[1]));
    CHECK_INT(s.task_count, 0);
    CHECK_INT(s.update_count, 2);
    CHECK(!session_acknowledged(&s, STR("t1"), &u[1]));
    CHECK(str_eq(str_mem(s.updates->bytes, s.updates->n), STR("a")));
    for (int i = 0; i < SESSION_UPDATES_MAX - 2; i++)
        (void)session_add_update(&s, STR("t"), &u[2], STR("x"), &err);
    CHECK_INT(session_add_update(&s, STR("t"), &u[2], STR("x"), &err), -ERR_LIMIT);
    session_done(&s);
}
