/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: definitions, schedules, runs, retries, policies, history, and what a crash leaves. Virtual time begins at
 * 2023-11-14T22:13:20Z. */
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

#define JOBS "/stoa/v1/jobs"

static const char *job(const char *members)
{
    static char text[2000];

    (void)snprintf(text, sizeof text, "{\"id\":\"/batch/nightly\",\"run\":{\"cmd\":\"sleep 1\",\"cpus\":0.1}%s%s}", members[0] != '\0' ? "," : "", members);
    return text;
}

static void begin(const char *members)
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", JOBS, job(members)), 201);
}

static void end_tasks(enum task_state s)
{
    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        if (aw.w.tasks[i].id != NULL && !aw.w.tasks[i].killed)
            world_end_task(&aw.w, &aw.w.tasks[i], s);
}

static struct job *j(void)
{
    return job_find(aw.w.m, STR("/batch/nightly"));
}

static const char *state(unsigned newest)
{
    char path[40];

    (void)call(&aw, "GET", JOBS "/batch/nightly/runs", NULL);
    (void)snprintf(path, sizeof path, "runs/%u/state", newest);
    return at(&aw, path);
}

TEST("a job is created, shown with its defaults, changed and removed")
{
    begin("");
    CHECK_STR(sbuf_view(&aw.answer.location), STR("http://h:8080/stoa/v1/jobs/batch/nightly"));
    CHECK_CSTR(at(&aw, "concurrencyPolicy"), "\"ALLOW\"");
    CHECK_CSTR(at(&aw, "run/cpus"), "0.1");
    CHECK_CSTR(at(&aw, "run/instances"), "");
    CHECK_CSTR(at(&aw, "retries"), "0");
    CHECK_INT(call(&aw, "POST", JOBS, job("")), 409);
    CHECK_INT(call(&aw, "PATCH", JOBS "/batch/nightly", "{\"retries\":2,\"run\":{\"mem\":64}}"), 200);
    CHECK_CSTR(at(&aw, "run/mem"), "64");
    CHECK_CSTR(at(&aw, "run/cmd"), "\"sleep 1\"");
    CHECK_INT(call(&aw, "PUT", JOBS "/batch/nightly", "{\"run\":{\"cmd\":\"sleep 2\"}}"), 200);
    CHECK_CSTR(at(&aw, "retries"), "0");
    CHECK_INT(call(&aw, "PUT", JOBS "/other", "{\"run\":{\"cmd\":\"sleep 2\"}}"), 201);
    (void)call(&aw, "GET", JOBS, NULL);
    CHECK_CSTR(at(&aw, "jobs/1/id"), "\"/other\"");
    CHECK_INT(call(&aw, "DELETE", JOBS "/batch/nightly", NULL), 204);
    CHECK_INT(call(&aw, "GET", JOBS "/batch/nightly", NULL), 404);
    CHECK_INT(call(&aw, "DELETE", JOBS "/other", NULL), 204);
    CHECK_INT(aw.record_count, 1); /* the framework's id */
    apiworld_done(&aw);
}

TEST("bad definitions are refused with the path and a way out, and change nothing")
{
    static const struct {
        const char *body, *says;
    } bad[] = {
        { "{\"id\":\"/a\"}", "must be there" },
        { "{\"id\":\"/a\",\"run\":{}}", "AppDefinition must either contain" },
        { "{\"id\":\"/a/runs\",\"run\":{\"cmd\":\"aa\"}}", "must not contain the names" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\",\"instances\":2}}", "is a field of apps" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"retries\":-1}", "/retries" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"concurrencyPolicy\":\"SOME\"}", "/concurrencyPolicy" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"schedule\":{\"cron\":\"* * *\"}}", "/schedule/cron" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"schedule\":{\"cron\":\"0 0 30 2 *\"}}", "is never due" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"schedule\":{\"cron\":\"@daily\",\"timeZone\":\"Mars/Base\"}}", "is not known here" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"schedule\":{\"cron\":\"@daily\",\"timeZone\":\"../../etc/passwd\"}}", "is no time zone" },
        { "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"},\"schedule\":{}}", "/schedule" },
    };

    apiworld_init(&aw, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(call(&aw, "POST", JOBS, bad[i].body), 422);
        if (!str_contains(body_of(&aw), str_of(bad[i].says)))
            test_fail(__FILE__, __LINE__, "%s: %.*s", bad[i].body, STR_ARG(body_of(&aw)));
    }
    CHECK_INT(call(&aw, "PUT", JOBS "/b", "{\"id\":\"/a\",\"run\":{\"cmd\":\"aa\"}}"), 422);
    CHECK_INT(call(&aw, "POST", JOBS, "{"), 400);
    CHECK_INT(call(&aw, "POST", JOBS "/none/runs", NULL), 404);
    CHECK_INT(HASH_COUNT(aw.w.m->jobs), 0);
    apiworld_done(&aw);
}

TEST("a run on request runs once and is in the history; apps and tasks do not show it")
{
    begin("");
    CHECK_INT(call(&aw, "POST", JOBS "/batch/nightly/runs", NULL), 201);
    CHECK_CSTR(at(&aw, "state"), "\"PENDING\"");
    world_run(&aw.w, 500);
    CHECK_CSTR(state(0), "\"RUNNING\"");
    CHECK(str_contains(str_of(at(&aw, "runs/0/taskId")), STR("\"batch_nightly.run-20231114221320")));
    (void)call(&aw, "GET", "/v2/apps", NULL);
    CHECK_STR(body_of(&aw), STR("{\"apps\":[]}"));
    (void)call(&aw, "GET", "/v2/tasks", NULL);
    CHECK_STR(body_of(&aw), STR("{\"tasks\":[]}"));
    CHECK_INT(aw.w.counts[BUS_INSTANCE_CHANGED] + aw.w.counts[BUS_STATUS_UPDATE], 0);
    end_tasks(TASK_FINISHED);
    world_run(&aw.w, 60000);
    CHECK_CSTR(state(0), "\"SUCCEEDED\"");
    CHECK_INT(aw.w.launches, 1);
    CHECK_INT(j()->active, 0);
    CHECK_INT(j()->succeeded, 1);
    apiworld_done(&aw);
}

TEST("an attempt that fails is tried again after a growing delay, as often as retries says")
{
    begin("\"retries\":2,\"retryDelaySeconds\":10,\"retryDelayFactor\":3");
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 500);
    end_tasks(TASK_FAILED);
    CHECK_CSTR(state(0), "\"RETRYING\"");
    world_run(&aw.w, 9000);
    CHECK_INT(aw.w.launches, 1);
    world_run(&aw.w, 2000);
    CHECK_INT(aw.w.launches, 2);
    end_tasks(TASK_FAILED);
    world_run(&aw.w, 29000);
    CHECK_INT(aw.w.launches, 2);
    world_run(&aw.w, 2000);
    CHECK_INT(aw.w.launches, 3);
    end_tasks(TASK_FAILED);
    CHECK_CSTR(state(0), "\"FAILED\"");
    CHECK_CSTR(at(&aw, "runs/0/attempt"), "3");
    CHECK_CSTR(at(&aw, "runs/0/message"), "\"m\"");
    world_run(&aw.w, 100000);
    CHECK_INT(aw.w.launches, 3);
    apiworld_done(&aw);
}

TEST("a schedule runs when it is due; a launch that is lost does not count as a failure")
{
    begin("\"schedule\":{\"cron\":\"*/10 * * * *\"}");
    CHECK_CSTR(at(&aw, "nextRunAt"), "\"2023-11-14T22:20:00.000Z\"");
    world_run(&aw.w, 399000);
    CHECK_INT(aw.w.launches, 0);
    world_run(&aw.w, 2000);
    CHECK_INT(aw.w.launches, 1);
    CHECK_CSTR(state(0), "\"RUNNING\"");
    CHECK_CSTR(at(&aw, "runs/0/scheduledFor"), "\"2023-11-14T22:20:00.000Z\"");
    end_tasks(TASK_FINISHED);
    world_run(&aw.w, 600000);
    CHECK_INT(aw.w.launches, 2);
    end_tasks(TASK_GONE);
    CHECK_CSTR(state(0), "\"FAILED\"");
    world_run(&aw.w, 590000);
    aw.w.agents = 0; /* nobody offers */
    world_run(&aw.w, 20000);
    CHECK_CSTR(state(0), "\"PENDING\"");
    CHECK_INT(call(&aw, "PATCH", JOBS "/batch/nightly", "{\"schedule\":{\"enabled\":false}}"), 200);
    CHECK_CSTR(at(&aw, "nextRunAt"), "");
    world_run(&aw.w, 1300000);
    CHECK_INT(j()->run_count, 3);
    apiworld_done(&aw);
}

static void policy(const char *name, size_t runs, size_t active, int64_t skipped)
{
    char members[200];

    (void)snprintf(members, sizeof members, "\"concurrencyPolicy\":\"%s\",\"schedule\":{\"cron\":\"* * * * *\"}", name);
    begin(members);
    world_run(&aw.w, 185000);
    CHECK_INT(j()->run_count, runs);
    CHECK_INT(j()->active, active);
    CHECK_INT(j()->skipped, skipped);
    apiworld_done(&aw);
}

TEST("ALLOW lets runs overlap, FORBID leaves the later out, REPLACE ends the earlier")
{
    policy("ALLOW", 3, 3, 0);
    policy("FORBID", 1, 1, 2);
    policy("REPLACE", 3, 1, 0);
    begin("\"concurrencyPolicy\":\"FORBID\"");
    CHECK_INT(call(&aw, "POST", JOBS "/batch/nightly/runs", NULL), 201);
    CHECK_INT(call(&aw, "POST", JOBS "/batch/nightly/runs", NULL), 409);
    apiworld_done(&aw);
}

TEST("runs are killed on request, by their deadline, and with their job")
{
    char path[200];

    begin("\"retries\":5,\"activeDeadlineSeconds\":100");
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 500);
    (void)snprintf(path, sizeof path, JOBS "/batch/nightly/runs/%s", j()->runs->id);
    CHECK_INT(call(&aw, "DELETE", path, NULL), 202);
    world_run(&aw.w, 500);
    CHECK_CSTR(state(0), "\"KILLED\"");
    CHECK_CSTR(at(&aw, "runs/0/message"), "\"killed on request\"");
    CHECK_INT(call(&aw, "DELETE", path, NULL), 409);
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 102000);
    CHECK_CSTR(state(0), "\"KILLED\"");
    CHECK_CSTR(at(&aw, "runs/0/message"), "\"the active deadline has passed\"");
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "DELETE", JOBS "/batch/nightly", NULL), 409);
    CHECK_INT(call(&aw, "DELETE", JOBS "/batch/nightly?stopRuns=true", NULL), 204);
    world_run(&aw.w, 500);
    CHECK_INT(aw.w.kills, 3);
    CHECK_INT(aw.record_count, 1);
    CHECK_INT(HASH_COUNT(aw.w.m->slots), 0);
    apiworld_done(&aw);
}

TEST("the history keeps as many as it says, the newest")
{
    begin("\"successfulRunsKept\":2,\"failedRunsKept\":1");
    for (int i = 0; i < 6; i++) {
        (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
        world_run(&aw.w, 500);
        end_tasks(i % 2 == 0 ? TASK_FINISHED : TASK_FAILED);
    }
    CHECK_INT(j()->run_count, 3);
    CHECK_CSTR(state(0), "\"FAILED\"");
    CHECK_CSTR(state(1), "\"SUCCEEDED\"");
    CHECK_INT(j()->succeeded, 3);
    CHECK_INT(aw.record_count, 1 + 1 + 3);
    apiworld_done(&aw);
}

TEST("after a crash at any point nothing runs twice, and nothing that was due is forgotten")
{
    for (int stop = 0; stop < 12; stop++) {
        begin("\"schedule\":{\"cron\":\"20 22 * * *\"}");
        world_run(&aw.w, 398000);
        for (int k = 0; k < 30; k++)
            world_tick(&aw.w, 100);
        for (int k = 0; k < stop && world_act(&aw.w); k++)
            ;
        apiworld_restart(&aw);
        world_run(&aw.w, 60000);
        CHECK_INT(aw.w.launches, 1);
        CHECK_INT(j()->run_count, 1);
        CHECK_CSTR(state(0), "\"RUNNING\"");
        apiworld_restart(&aw);
        end_tasks(TASK_FINISHED);
        apiworld_restart(&aw);
        world_run(&aw.w, 60000);
        CHECK_CSTR(state(0), "\"SUCCEEDED\"");
        CHECK_INT(aw.w.launches, 1);
        apiworld_done(&aw);
    }
}

TEST("what was due while nobody was there runs once, unless the starting deadline has passed")
{
    begin("\"schedule\":{\"cron\":\"*/5 * * * *\",\"startingDeadlineSeconds\":600}");
    aw.w.now = mono_add(aw.w.now, 3000 * NS_PER_S);
    aw.w.wall.ms += 3000 * 1000; /* 23:03:20; due at 22:15, ..., 22:55, 23:00 */
    apiworld_restart(&aw);
    world_run(&aw.w, 1000);
    CHECK_INT(aw.w.launches, 1);
    (void)state(0);
    CHECK_CSTR(at(&aw, "runs/0/scheduledFor"), "\"2023-11-14T23:00:00.000Z\"");
    CHECK_INT(call(&aw, "PATCH", JOBS "/batch/nightly", "{\"schedule\":{\"cron\":\"10 23 * * *\",\"startingDeadlineSeconds\":60}}"), 200);
    aw.w.now = mono_add(aw.w.now, 600 * NS_PER_S);
    aw.w.wall.ms += 600 * 1000;
    apiworld_restart(&aw);
    world_run(&aw.w, 1000);
    CHECK_INT(aw.w.launches, 1);
    (void)call(&aw, "GET", JOBS "/batch/nightly", NULL);
    CHECK_CSTR(at(&aw, "history/lastSkippedBecause"), "\"the starting deadline had passed\"");
    CHECK_CSTR(at(&aw, "nextRunAt"), "\"2023-11-15T23:10:00.000Z\"");
    apiworld_done(&aw);
}

TEST("a retry that waits, and a run with an earlier definition, survive a restart")
{
    begin("\"retries\":1,\"retryDelaySeconds\":100");
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "PATCH", JOBS "/batch/nightly", "{\"run\":{\"cmd\":\"other thing\"}}"), 200);
    end_tasks(TASK_FAILED);
    apiworld_restart(&aw);
    CHECK_CSTR(state(0), "\"RETRYING\"");
    world_run(&aw.w, 90000);
    CHECK_INT(aw.w.launches, 1);
    world_run(&aw.w, 12000);
    CHECK_INT(aw.w.launches, 2);
    CHECK_CSTR(j()->runs->spec->app.cmd.p, "sleep 1");
    CHECK_CSTR(j()->spec->app.cmd.p, "other thing");
    apiworld_done(&aw);
}

TEST("a run keeps the retries and the deadline that it began with, also over a restart")
{
    begin("\"retries\":1,\"retryDelaySeconds\":10,\"activeDeadlineSeconds\":100");
    (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "PUT", JOBS "/batch/nightly", "{\"run\":{\"cmd\":\"sleep 2\"}}"), 200); /* no retries, no deadline */
    end_tasks(TASK_FAILED);
    CHECK_CSTR(state(0), "\"RETRYING\"");
    apiworld_restart(&aw);
    world_run(&aw.w, 11000);
    CHECK_INT(aw.w.launches, 2);
    world_run(&aw.w, 100000);
    CHECK_CSTR(state(0), "\"KILLED\"");
    CHECK_CSTR(at(&aw, "runs/0/message"), "\"the active deadline has passed\"");
    CHECK_CSTR(at(&aw, "runs/0/version"), "\"2023-11-14T22:13:20.000Z\"");
    apiworld_restart(&aw);
    (void)state(0);
    CHECK_CSTR(at(&aw, "runs/0/version"), "\"2023-11-14T22:13:20.000Z\"");
    apiworld_done(&aw);
}

TEST("a clock that is set back or forward changes neither a retry's delay nor a deadline")
{
    static const int64_t hours[] = { -1, 1 };

    for (int i = 0; i < 4; i++) {
        begin("\"retries\":1,\"retryDelaySeconds\":10,\"activeDeadlineSeconds\":60");
        (void)call(&aw, "POST", JOBS "/batch/nightly/runs", NULL);
        world_run(&aw.w, 500);
        end_tasks(TASK_FAILED);
        aw.w.wall.ms += hours[i % 2] * 3600 * 1000;
        if (i == 2) /* who begins after a clock was set back has to believe it: no longer than the whole delay */
            apiworld_restart(&aw);
        world_run(&aw.w, 9000);
        CHECK_INT(aw.w.launches, 1);
        world_run(&aw.w, 2000);
        CHECK_INT(aw.w.launches, 2);
        CHECK_CSTR(state(0), "\"RUNNING\"");
        world_run(&aw.w, 61000);
        CHECK_CSTR(state(0), "\"KILLED\"");
        apiworld_done(&aw);
    }
}

TEST("why a run waits")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", JOBS, "{\"id\":\"/big\",\"run\":{\"cmd\":\"sleep 1\",\"cpus\":100}}");
    (void)call(&aw, "POST", JOBS "/big/runs", NULL);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", JOBS "/big/why", NULL), 200);
    CHECK_CSTR(at(&aw, "summary"), "\"no offer fits; see agents\"");
    CHECK(str_contains(body_of(&aw), STR("needs 100 cpus")));
    (void)call(&aw, "GET", "/v2/queue", NULL);
    CHECK_STR(body_of(&aw), STR("{\"queue\":[]}"));
    apiworld_done(&aw);
}
