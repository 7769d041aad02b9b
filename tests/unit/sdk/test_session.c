/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of a subscription's life: a script of events, and the whole trace as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler-sdk/core/session.h"
#include "tests/support/test.h"

static const struct session_config config = {
    .backoff_min_ns = 500 * NS_PER_MS,
    .backoff_max_ns = 4 * NS_PER_S,
    .connect_timeout_ns = 10 * NS_PER_S,
    .drain_timeout_ns = 2 * NS_PER_S,
    .heartbeats_missed = 5,
};

struct scene {
    struct session s;
    struct rng rng;
    struct mono now;
    struct sbuf trace;
};

static void trace_action(struct scene *t, const struct session_action *a)
{
    static const char *const names[] = {
        [SESSION_CONNECT] = "connect",
        [SESSION_DISCONNECT] = "disconnect",
        [SESSION_TELL_SUBSCRIBED] = "tell subscribed",
        [SESSION_TELL_DISCONNECTED] = "tell disconnected",
        [SESSION_TELL_ERROR] = "tell error",
        [SESSION_LOG] = NULL,
        [SESSION_END] = "end",
    };

    if (a->type == SESSION_LOG)
        return; /* texts for people carry drawn pauses */
    sbuf_fmt(&t->trace, "  > %s", names[a->type]);
    if (a->address != NULL)
        sbuf_fmt(&t->trace, " %s", a->address);
    if (a->text[0] != 0)
        sbuf_fmt(&t->trace, ": %s", a->text);
    sbuf_char(&t->trace, '\n');
}

static void step(struct scene *t, struct session_event ev, const char *line)
{
    struct session_actions actions;

    ev.now = t->now;
    sbuf_fmt(&t->trace, "%s\n", line);
    session_step(&t->s, &ev, &t->rng, &actions);
    for (size_t i = 0; i < actions.count; i++)
        trace_action(t, &actions.list[i]);
}

/* One line of a script: "start", "200", "307 //m2:5051/master/api/v1/scheduler", "503", "subscribed",
 * "heard", "closed TEXT", "error TEXT", "stop", "drained", "wake" (moves the clock to wake_at and ticks),
 * "wait N" (seconds, ticks), "old closed" (news of an attempt given up). */
static void play_line(struct scene *t, const char *line)
{
    struct session_event ev = { .attempt = t->s.attempt, .heartbeat_ns = 15 * NS_PER_S };
    struct str rest = str_of(line), word;
    uint64_t number = 0;

    (void)str_cut(&rest, ' ', &word);
    ev.text = rest;
    ev.location = rest;
    if (str_is(word, "wake")) {
        t->now = t->s.wake_at;
        ev.type = SESSION_EV_TICK;
    } else if (str_is(word, "wait")) {
        (void)str_u64(&rest, 1000000, &number);
        t->now = mono_add(t->now, (int64_t)number * NS_PER_S);
        ev.type = SESSION_EV_TICK;
    } else if (str_is(word, "old")) {
        ev.type = SESSION_EV_CLOSED;
        ev.attempt--;
    } else if (word.p[0] >= '0' && word.p[0] <= '9') {
        ev.type = SESSION_EV_ANSWER;
        (void)str_u64(&word, 999, &number);
        ev.status = (unsigned)number;
    } else {
        ev.type = str_is(word, "start")        ? SESSION_EV_START
                  : str_is(word, "subscribed") ? SESSION_EV_SUBSCRIBED
                  : str_is(word, "heard")      ? SESSION_EV_HEARD
                  : str_is(word, "closed")     ? SESSION_EV_CLOSED
                  : str_is(word, "error")      ? SESSION_EV_ERROR
                  : str_is(word, "stop")       ? SESSION_EV_STOP
                                               : SESSION_EV_DRAINED;
    }
    step(t, ev, line);
}

static const struct {
    const char *name, *masters, *script, *trace;
    enum session_state state;
    bool failed;
} scenes[] = {
    { "a subscription, and a stop when the calls are written", "m1",
      "start|200|subscribed|heard|stop|drained",
      "start\n  > connect m1:5050\n200\nsubscribed\n  > tell subscribed\nheard\nstop\ndrained\n  > "
      "disconnect\n  > end\n",
      SESSION_ENDED, false },
    { "a redirect is followed at once", "m1:5050",
      "start|307 //m2.example:6060/master/api/v1/scheduler|subscribed",
      "start\n  > connect m1:5050\n307 //m2.example:6060/master/api/v1/scheduler\n  > disconnect\n"
      "  > connect m2.example:6060\nsubscribed\n  > tell subscribed\n",
      SESSION_SUBSCRIBED, false },
    { "a redirect with a scheme", "m1", "start|307 http://10.0.0.1:5050/x",
      "start\n  > connect m1:5050\n307 http://10.0.0.1:5050/x\n"
      "  > disconnect\n  > connect 10.0.0.1:5050\n",
      SESSION_CONNECTING, false },
    { "a redirect to nowhere counts as a failure", "m1", "start|307 ftp://x/|wake",
      "start\n  > connect m1:5050\n307 ftp://x/\n  > disconnect\nwake\n  > connect m1:5050\n",
      SESSION_CONNECTING, false },
    { "masters that redirect to each other", "m1",
      "start|307 //a:1/|307 //b:1/|307 //a:1/|307 //b:1/|307 //a:1/|307 //b:1/|wake",
      "start\n  > connect m1:5050\n307 //a:1/\n  > disconnect\n  > connect a:1\n307 //b:1/\n  > disconnect\n "
      " > connect b:1\n"
      "307 //a:1/\n  > disconnect\n  > connect a:1\n307 //b:1/\n  > disconnect\n  > connect b:1\n307 "
      "//a:1/\n  > disconnect\n"
      "  > connect a:1\n307 //b:1/\n  > disconnect\nwake\n  > connect m1:5050\n",
      SESSION_CONNECTING, false },
    { "masters are asked in turn", "m1,m2:6000, m3", "start|closed refused|wake|503|wake|closed x|wake",
      "start\n  > connect m1:5050\nclosed refused\nwake\n  > connect m2:6000\n503\n  > disconnect\nwake\n  > "
      "connect m3:5050\n"
      "closed x\nwake\n  > connect m1:5050\n",
      SESSION_CONNECTING, false },
    { "nothing within the connect timeout", "m1", "start|200|wake|wake",
      "start\n  > connect m1:5050\n200\nwake\n  > disconnect\nwake\n  > connect m1:5050\n",
      SESSION_CONNECTING, false },
    { "silence for five intervals, then again", "m1,m2",
      "start|subscribed|wait 74|heard|wait 74|wait 1|wake|subscribed",
      "start\n  > connect m1:5050\nsubscribed\n  > tell subscribed\nwait 74\nheard\nwait 74\nwait 1\n  > "
      "disconnect\n"
      "  > tell disconnected: no heartbeat for 75 s\nwake\n  > connect m1:5050\nsubscribed\n  > tell "
      "subscribed\n",
      SESSION_SUBSCRIBED, false },
    { "the stream ends: the same master is asked first", "m1,m2",
      "start|subscribed|closed gone|wake|closed refused|wake",
      "start\n  > connect m1:5050\nsubscribed\n  > tell subscribed\nclosed gone\n  > tell disconnected: "
      "gone\nwake\n"
      "  > connect m1:5050\nclosed refused\nwake\n  > connect m2:5050\n",
      SESSION_CONNECTING, false },
    { "late news of a connection given up is ignored", "m1",
      "start|closed refused|wake|old closed|subscribed",
      "start\n  > connect m1:5050\nclosed refused\nwake\n  > connect m1:5050\nold closed\nsubscribed\n  > "
      "tell subscribed\n",
      SESSION_SUBSCRIBED, false },
    { "an ERROR event is the end", "m1", "start|subscribed|error Framework failed over|wake|start",
      "start\n  > connect m1:5050\nsubscribed\n  > tell subscribed\nerror Framework failed over\n  > "
      "disconnect\n"
      "  > tell error: Framework failed over\n  > end\nwake\nstart\n",
      SESSION_ENDED, true },
    { "a SUBSCRIBE that was given up arrives late: once is no end", "m1",
      "start|wake|wake|subscribed|error Framework failed over|wake|subscribed|error Framework failed over",
      "start\n  > connect m1:5050\nwake\n  > disconnect\nwake\n  > connect m1:5050\nsubscribed\n  > tell subscribed\n"
      "error Framework failed over\n  > disconnect\n"
      "  > tell disconnected: an earlier SUBSCRIBE of this framework came late and took over\n"
      "wake\n  > connect m1:5050\nsubscribed\n  > tell subscribed\n"
      "error Framework failed over\n  > disconnect\n  > tell error: Framework failed over\n  > end\n",
      SESSION_ENDED, true },
    { "but a minute later it is somebody else", "m1",
      "start|wake|wake|subscribed|wait 61|heard|error Framework failed over",
      "start\n  > connect m1:5050\nwake\n  > disconnect\nwake\n  > connect m1:5050\nsubscribed\n  > tell subscribed\n"
      "wait 61\nheard\nerror Framework failed over\n  > disconnect\n  > tell error: Framework failed over\n  > end\n",
      SESSION_ENDED, true },
    { "an ERROR event instead of SUBSCRIBED", "m1", "start|200|error Framework has been removed",
      "start\n  > connect m1:5050\n200\nerror Framework has been removed\n  > disconnect\n"
      "  > tell error: Framework has been removed\n  > end\n",
      SESSION_ENDED, true },
    { "a refusal that asking again does not change", "m1", "start|401 Unauthorized",
      "start\n  > connect m1:5050\n401 Unauthorized\n  > disconnect\n"
      "  > tell error: master m1:5050 refused the subscription with HTTP status 401: Unauthorized\n  > end\n",
      SESSION_ENDED, true },
    { "a stop while connecting ends at once", "m1", "start|stop",
      "start\n  > connect m1:5050\nstop\n  > disconnect\n  > end\n", SESSION_ENDED, false },
    { "a stop does not wait for ever", "m1", "start|subscribed|stop|stop|wake",
      "start\n  > connect m1:5050\nsubscribed\n  > tell subscribed\nstop\nstop\nwake\n  > disconnect\n  > "
      "end\n",
      SESSION_ENDED, false },
    { "the master closes after a teardown", "m1", "start|subscribed|stop|closed ended",
      "start\n  > connect m1:5050\nsubscribed\n  > tell subscribed\nstop\nclosed ended\n  > end\n",
      SESSION_ENDED, false },
    { "events that do not fit are ignored", "m1", "subscribed|200|closed x|error y|drained|heard|start",
      "subscribed\n200\nclosed x\nerror y\ndrained\nheard\nstart\n  > connect m1:5050\n", SESSION_CONNECTING,
      false },
};

TEST("scenes of a subscription")
{
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        struct scene t = { .now = { NS_PER_S }, .trace = SBUF_INIT(10000) };
        struct str rest = str_of(scenes[i].script), line;
        struct error err;
        bool more;

        rng_seed(&t.rng, i);
        REQUIRE(session_init(&t.s, &config, str_of(scenes[i].masters), &err) == 0);
        do {
            char text[200];

            more = str_cut(&rest, '|', &line);
            (void)snprintf(text, sizeof text, "%.*s", STR_ARG(line));
            play_line(&t, text);
        } while (more);
        if (!CHECK_STR(sbuf_view(&t.trace), str_of(scenes[i].trace)))
            printf("# %s\n", scenes[i].name);
        CHECK_INT(t.s.state, scenes[i].state);
        CHECK(t.s.failed == scenes[i].failed);
        sbuf_done(&t.trace);
    }
}

TEST("pauses double up to the limit and are drawn from their upper half")
{
    static const int64_t bases_ms[] = { 500, 1000, 2000, 4000, 4000, 4000 };

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct scene t = { .now = { 0 }, .trace = SBUF_INIT(10000) };

        rng_seed(&t.rng, seed);
        REQUIRE(session_init(&t.s, &config, STR("m1"), NULL) == 0);
        play_line(&t, "start");
        for (size_t i = 0; i < sizeof bases_ms / sizeof bases_ms[0]; i++) {
            int64_t pause;

            play_line(&t, "closed x");
            pause = mono_diff(t.s.wake_at, t.now);
            CHECK(pause >= bases_ms[i] * NS_PER_MS / 2);
            CHECK(pause <= bases_ms[i] * NS_PER_MS);
            play_line(&t, "wake");
        }
        play_line(&t, "subscribed");
        CHECK_INT(t.s.failures, 0);
        sbuf_done(&t.trace);
    }
}

static const struct {
    const char *masters, *error;
} bad_masters[] = {
    { "", "master \"\" is not an address of the form host:port" },
    { "m1,,m2", "master \"\" is not an address of the form host:port" },
    { "m1:99999", "master \"m1:99999\" is not an address of the form host:port" },
    { "m1:0", "master \"m1:0\" is not an address of the form host:port" },
    { "m1/x", "master \"m1/x\" is not an address of the form host:port" },
};

TEST("wrong master lists are refused by name")
{
    for (size_t i = 0; i < sizeof bad_masters / sizeof bad_masters[0]; i++) {
        struct session s;
        struct error err = { .msg = "" };

        CHECK_INT(session_init(&s, &config, str_of(bad_masters[i].masters), &err), -ERR_INVALID);
        CHECK_CSTR(err.msg, bad_masters[i].error);
    }
}

TEST("an IPv6 master in brackets")
{
    struct session s;

    REQUIRE(session_init(&s, &config, STR("[::1]:6000,[fe80::1]"), NULL) == 0);
    CHECK_CSTR(s.masters[0], "[::1]:6000");
    CHECK_CSTR(s.masters[1], "[fe80::1]:5050");
}

TEST("suppressed roles are a set that knows when it changed")
{
    struct suppressed s = { .version = 0 };

    CHECK(suppressed_add(&s, STR("web")));
    CHECK(suppressed_add(&s, STR("batch")));
    CHECK(suppressed_add(&s, STR("web")));
    CHECK_INT(s.count, 2);
    CHECK_INT(s.version, 2);
    CHECK_CSTR(s.roles[0], "batch");
    suppressed_remove(&s, STR("nothing"));
    CHECK_INT(s.version, 2);
    suppressed_remove(&s, STR("batch"));
    CHECK(!suppressed_has(&s, STR("batch")));
    CHECK(suppressed_has(&s, STR("web")));
    CHECK_INT(s.version, 3);
    suppressed_done(&s);
}

/* --- the leading master is told --- */
static struct session_actions told(struct session *s, struct rng *rng, enum session_event_type type, const char *text)
{
    struct session_actions a;
    struct session_event ev = { .type = type, .now = { 0 }, .attempt = s->attempt, .text = str_of(text),
                                .heartbeat_ns = NS_PER_S };

    session_step(s, &ev, rng, &a);
    return a;
}

TEST("with ZooKeeper the session waits for a leader, and turns to a new one at once")
{
    struct session_config c = { .backoff_min_ns = NS_PER_S, .backoff_max_ns = NS_PER_S, .connect_timeout_ns = NS_PER_S,
                                     .heartbeats_missed = 5 };
    struct session s;
    struct rng rng = { { 1 } };
    struct session_actions a;

    REQUIRE(session_init(&s, &c, STR("zk://a:1/m"), NULL) == 0);
    a = told(&s, &rng, SESSION_EV_START, "");
    CHECK_INT(a.count, 0);
    a = told(&s, &rng, SESSION_EV_MASTER, "10.0.0.1:5050");
    REQUIRE(a.count == 1);
    CHECK_INT(a.list[0].type, SESSION_CONNECT);
    CHECK_CSTR(a.list[0].address, "10.0.0.1:5050");
    a = told(&s, &rng, SESSION_EV_SUBSCRIBED, "");
    CHECK_INT(s.state, SESSION_SUBSCRIBED);
    a = told(&s, &rng, SESSION_EV_MASTER, "10.0.0.2:5050");
    REQUIRE(a.count == 3);
    CHECK_INT(a.list[0].type, SESSION_DISCONNECT);
    CHECK_INT(a.list[1].type, SESSION_TELL_DISCONNECTED);
    CHECK_INT(a.list[2].type, SESSION_CONNECT);
    CHECK_CSTR(a.list[2].address, "10.0.0.2:5050");
    a = told(&s, &rng, SESSION_EV_CLOSED, "refused");
    CHECK_INT(s.state, SESSION_WAITING);
    a = told(&s, &rng, SESSION_EV_MASTER, "10.0.0.3:5050");
    CHECK_INT(s.state, SESSION_CONNECTING);
    a = told(&s, &rng, SESSION_EV_MASTER, "no address/");
    CHECK_INT(a.count, 0);
}
