/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa job ...`: jobs of marathon and their runs. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/service.h"
#include "common/base/cleanup.h"

enum { JOB_FILE_MAX = 8 << 20, PATH_BYTES_MAX = 4096, WAIT_PAUSE_MS = 500 };

struct job_args {
    const char *marathon;
    bool json, stop_runs, wait;
    int argc; /* without the verb */
    char **argv;
};

static const char *job_path(struct sbuf *b, const char *id, const char *suffix)
{
    sbuf_fmt(b, "/stoa/v1/jobs%s%s%s", id[0] == '/' ? "" : "/", id, suffix);
    return b->p;
}

static int usage(struct error *err, const char *text)
{
    return error_set(err, ERR_INVALID, "usage: stoa job %s", text);
}

static int change(const struct job_args *a, const char *method, const char *path, struct str body, const char *done, struct error *err)
{
    return service_change(a->marathon, method, path, body, a->json, done, err);
}

static int job_create(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(JOB_FILE_MAX);
    int r;

    if (a->argc != 1)
        return usage(err, "create FILE (- is standard input)");
    r = service_read(a->argv[0], &b, err);
    return r != 0 ? r : change(a, "POST", "/stoa/v1/jobs", sbuf_view(&b), "job created; see: stoa job list", err);
}

static int job_update(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(JOB_FILE_MAX), path = SBUF_INIT(PATH_BYTES_MAX);
    int r;

    if (a->argc != 2)
        return usage(err, "update ID FILE (members to change; - is standard input)");
    r = service_read(a->argv[1], &b, err);
    return r != 0 ? r : change(a, "PATCH", job_path(&path, a->argv[0], ""), sbuf_view(&b), "job updated", err);
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void job_row(struct cli_table *t, const cJSON *job)
{
    const cJSON *s = json_get(job, "schedule"), *h = json_get(job, "history");
    bool off = s != NULL && cJSON_IsFalse(json_get(s, "enabled"));

    cli_table_add(t, str_of(json_text(job, "id")));
    cli_table_add(t, str_of(or_dash(json_text(s, "cron"))));
    cli_table_add(t, str_of(or_dash(json_text(s, "timeZone"))));
    cli_table_add(t, str_of(off ? "off" : or_dash(json_text(job, "nextRunAt"))));
    cli_table_fmt(t, "%d", cJSON_GetArraySize(json_get(job, "activeRuns")));
    cli_table_fmt(t, "%g", json_number(h, "succeeded"));
    cli_table_fmt(t, "%g", json_number(h, "failed"));
    cli_table_fmt(t, "%g", json_number(h, "skipped"));
}

static int job_list(const struct job_args *a, struct error *err)
{
    static const char *const names[] = { "JOB", "SCHEDULE", "ZONE", "NEXT", "ACTIVE", "SUCCEEDED", "FAILED", "SKIPPED" };
    const struct service_list list = { "/stoa/v1/jobs", "jobs", names, 8, job_row };

    return service_list(a->marathon, &list, a->json, err);
}

static int job_show(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    if (a->argc != 1)
        return usage(err, "show ID");
    (void)job_path(&path, a->argv[0], "");
    return a->json ? json_show(a->marathon, path.p, err) : json_pretty(a->marathon, path.p, NULL, err);
}

static bool is_over(const char *state)
{
    return strcmp(state, "SUCCEEDED") == 0 || strcmp(state, "FAILED") == 0 || strcmp(state, "KILLED") == 0;
}

/* Until the run is over; an error unless it succeeds. */
static int wait_for_run(const struct job_args *a, const char *path, struct error *err)
{
    for (;;) {
        CLEANUP(json_free_p) cJSON *j = NULL;
        int r = json_fetch(a->marathon, path, &j, err);
        const char *state = json_text(j, "state");

        /* A marathon that is being started again is no reason to give up. */
        if (r != 0 && r != -(int)ERR_IO && r != -(int)ERR_UNAVAILABLE && r != -(int)ERR_TIMEOUT)
            return r;
        if (r == 0 && is_over(state)) {
            printf("%s\n", state);
            return strcmp(state, "SUCCEEDED") == 0
                       ? 0
                       : error_set(err, ERR_CONFLICT, "run %s of %s: %s after %g attempt(s): %s", json_text(j, "id"), json_text(j, "jobId"),
                                   state, json_number(j, "attempt"), or_dash(json_text(j, "message")));
        }
        (void)nanosleep(&(struct timespec){ 0, WAIT_PAUSE_MS * 1000000 }, NULL);
    }
}

static int job_run(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_response r = { 0 };
    int rc;

    if (a->argc != 1)
        return usage(err, "run ID [--wait]");
    rc = cli_call("POST", a->marathon, job_path(&path, a->argv[0], "/runs"), (struct str){ NULL, 0 }, &r, err);
    if (rc != 0)
        return rc;
    j = cJSON_ParseWithLength(r.body.p != NULL ? r.body.p : "", r.body.n);
    if (a->json && !a->wait)
        printf("%.*s\n", STR_ARG(sbuf_view(&r.body)));
    else
        printf("run %s\n", json_text(j, "id"));
    cli_response_done(&r);
    if (!a->wait)
        return 0;
    (void)fflush(stdout);
    sbuf_fmt(&path, "/%s", json_text(j, "id"));
    return wait_for_run(a, path.p, err);
}

static int job_history(const struct job_args *a, struct error *err)
{
    static const char *const names[] = { "RUN", "STATE", "DUE", "STARTED", "FINISHED", "ATTEMPT", "TASK", "MESSAGE" };
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_table t = { .columns = 8 };
    const cJSON *run;
    int r;

    if (a->argc != 1)
        return usage(err, "history ID");
    if (a->json)
        return json_show(a->marathon, job_path(&path, a->argv[0], "/runs"), err);
    r = json_fetch(a->marathon, job_path(&path, a->argv[0], "/runs"), &j, err);
    if (r != 0)
        return r;
    cli_table_head(&t, names);
    cJSON_ArrayForEach(run, json_get(j, "runs"))
    {
        cli_table_add(&t, str_of(json_text(run, "id")));
        cli_table_add(&t, str_of(json_text(run, "state")));
        cli_table_add(&t, str_of(or_dash(json_text(run, "scheduledFor"))));
        cli_table_add(&t, str_of(or_dash(json_text(run, "startedAt"))));
        cli_table_add(&t, str_of(or_dash(json_text(run, "finishedAt"))));
        cli_table_fmt(&t, "%g", json_number(run, "attempt"));
        cli_table_add(&t, str_of(or_dash(json_text(run, "taskId"))));
        cli_table_add(&t, str_of(json_text(run, "message")));
    }
    cli_table_print(&t);
    cli_table_done(&t);
    return 0;
}

static int job_kill(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    if (a->argc != 2)
        return usage(err, "kill ID RUN");
    (void)job_path(&path, a->argv[0], "/runs/");
    sbuf_c(&path, a->argv[1]);
    return change(a, "DELETE", path.p, (struct str){ NULL, 0 }, "run is being killed", err);
}

static int job_delete(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    if (a->argc != 1)
        return usage(err, "delete ID [--stop-runs]");
    return change(a, "DELETE", job_path(&path, a->argv[0], a->stop_runs ? "?stopRuns=true" : ""), (struct str){ NULL, 0 }, "job deleted", err);
}

static int job_why(const struct job_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);
    CLEANUP(json_free_p) cJSON *j = NULL;
    const cJSON *agent;
    int r;

    if (a->argc != 1)
        return usage(err, "why ID");
    if (a->json)
        return json_show(a->marathon, job_path(&path, a->argv[0], "/why"), err);
    r = json_fetch(a->marathon, job_path(&path, a->argv[0], "/why"), &j, err);
    if (r != 0)
        return r;
    printf("%s: %s\n", json_text(j, "job"), json_text(j, "summary"));
    cJSON_ArrayForEach(agent, json_get(j, "agents"))
        printf("  offer of %s at %s: %s\n", json_text(agent, "hostname"), json_text(agent, "at"), json_text(agent, "text"));
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct job_args *a, struct error *err);
} verbs[] = {
    { "create", job_create },   { "list", job_list }, { "show", job_show },     { "update", job_update }, { "run", job_run },
    { "history", job_history }, { "kill", job_kill }, { "delete", job_delete }, { "why", job_why },
};

int job_main(int argc, char **argv)
{
    const char *marathon = NULL, *json = NULL, *stop_runs = NULL, *wait = NULL;
    const struct cli_option options[] = {
        { "marathon", 'm', &marathon, false, "host:port of marathon (STOA_MARATHON, 127.0.0.1:8080)" },
        { "json", 0, &json, true, "marathon's answer as it is" },
        { "wait", 'w', &wait, true, "with run: until the run is over; fails unless it succeeds" },
        { "stop-runs", 0, &stop_runs, true, "with delete: kill what runs" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count;

    if (cli_options(argc, argv, "stoa job create FILE | list | show ID | update ID FILE | run ID | history ID | kill ID RUN | delete ID | why ID",
                    options, &count, &err) != 0)
        return cli_fail(&err);
    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof verbs[0]; i++) {
        struct job_args a = { cli_marathon_address(marathon), json != NULL, stop_runs != NULL, wait != NULL, count - 1, argv + 2 };

        if (strcmp(argv[1], verbs[i].name) == 0)
            return cli_end(verbs[i].run(&a, &err), &err);
    }
    (void)error_set(&err, ERR_INVALID, "stoa job %s: use create, list, show, update, run, history, kill, delete or why",
                    count > 0 ? argv[1] : "needs a verb");
    return cli_fail(&err);
}
