/* SPDX-License-Identifier: Apache-2.0 */
/* Machines in maintenance: what the schedule does to offers, and changes that meet others on their way into the registry. */
#include "master/core/internal.h"
#include "tests/unit/master/harness.h"

#define MACHINE(host)  "{\"hostname\":\"" host "\",\"ip\":\"127.0.0.1\"}"
#define SCHEDULE(list)                                                                                                            \
    "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\",\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[{\"machine_ids\":[" list \
    "],\"unavailability\":{\"start\":{\"nanoseconds\":7}}}]}}}"
#define NO_SCHEDULE "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\",\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[]}}}"
#define DOWN(host)  "{\"type\":\"START_MAINTENANCE\",\"start_maintenance\":{\"machines\":[" MACHINE(host) "]}}"
#define UP(host)    "{\"type\":\"STOP_MAINTENANCE\",\"stop_maintenance\":{\"machines\":[" MACHINE(host) "]}}"

TEST("a machine in the schedule drains: offers are taken back and its frameworks asked to leave")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "1"));
    (void)tick(&s, 1);
    CHECK_STR(operator_says(&s, "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\",\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[{"
                                "\"machine_ids\":[{\"hostname\":\"H\",\"ip\":\"127.0.0.1\"}],\"unavailability\":{\"start\":{"
                                "\"nanoseconds\":7}}}]}}}"),
              STR("store +6\nstream1 < RESCIND\nanswer 200 \n"));
    CHECK(str_contains(tick(&s, 0), STR("INVERSE_OFFERS")));
    CHECK_STR(operator_says(&s, "{\"type\":\"START_MAINTENANCE\",\"start_maintenance\":{\"machines\":[{\"hostname\":\"h\",\"ip\":"
                                "\"127.0.0.1\"}]}}"),
              STR("store +5\nagent < shutdown\nstore -0\nanswer 200 \nstream1 < UPDATE a TASK_LOST REASON_AGENT_REMOVED\n"
                  "stream1 < RESCIND\nstream1 < RESCIND_INVERSE\nstream1 < FAILURE agent\nunlink\n"));
    CHECK_STR(register_agent(&s), STR("agent < shutdown\n"));
    scene_done(&s);
}

TEST("a change of the schedule waits for the one before, and is judged by what that made of it")
{
    struct scene s;

    scene_new(&s);
    CHECK_STR(operator_says(&s, SCHEDULE(MACHINE("h"))), STR("store +6\n"));
    (void)store_done(&s);
    CHECK_STR(operator_says(&s, DOWN("h")), STR("store +5\n"));
    CHECK_STR(operator_says(&s, NO_SCHEDULE), STR(""));
    CHECK_STR(operator_says(&s, UP("h")), STR(""));
    CHECK_STR(store_done(&s), STR("answer 200 \nanswer 400 Machine '{\"hostname\":\"h\",\"ip\":\"127.0.0.1\"}' is deactivated and cannot be "
                                  "removed from the schedule\nstore -5 -6\n"));
    CHECK_INT(machine_find(s.m, STR("h"), STR("127.0.0.1"))->mode, MACHINE_DOWN);
    /* What is taken up is taken out of the schedule that there is then. */
    CHECK_STR(operator_says(&s, SCHEDULE(MACHINE("h") "," MACHINE("i"))), STR(""));
    CHECK_STR(store_done(&s), STR("answer 200 \nstore +6\n"));
    CHECK_STR(store_done(&s), STR("answer 200 \n"));
    CHECK_INT(s.m->windows[0].count, 2);
    CHECK_STR(operator_says(&s, SCHEDULE(MACHINE("i"))), STR("store +6\n"));
    CHECK_STR(operator_says(&s, DOWN("i")), STR("")); /* waits when the master ends */
    scene_done(&s);
}

TEST("an agent whose machine goes down while the registry stores its admission ends all the same")
{
    struct scene s;

    scene_new(&s);
    (void)operator_says(&s, SCHEDULE(MACHINE("h")));
    (void)store_done(&s);
    CHECK_STR(operator_says(&s, DOWN("h")), STR("store +5\n"));
    CHECK_STR(register_agent(&s), STR("store +0\n"));
    CHECK(str_contains(store_done(&s), STR("agent < shutdown\nstore -0\n")));
    (void)store_done(&s);
    CHECK_INT(HASH_COUNT(s.m->agents), 0);
    scene_done(&s);
}

TEST("an inverse offer that nobody answers ends with the time of offers, and is made again")
{
    struct master_config c = scene_config();
    struct scene s;

    c.offer_timeout_ns = 5 * NS_PER_S;
    scene_new_with(&s, &c);
    s.store_at_once = true;
    (void)register_agent(&s);
    (void)subscribe(&s, 1);
    (void)tick(&s, 0);
    (void)launch(&s, TASK_JSON("a", "1"));
    (void)operator_says(&s, SCHEDULE(MACHINE("h")));
    CHECK(str_contains(tick(&s, 0), STR("INVERSE_OFFERS")));
    CHECK(!str_contains(tick(&s, 4), STR("RESCIND_INVERSE")));
    struct str trace = tick(&s, 1);
    CHECK(str_contains(trace, STR("stream1 < RESCIND_INVERSE\n")));
    CHECK(str_contains(trace, STR("stream1 < INVERSE_OFFERS\n")));
    scene_done(&s);
}
