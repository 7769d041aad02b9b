/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa why APP` asks marathon why an app, a pod or a job waits; `stoa why TASK` asks the master what became of a task, of any framework. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/sandbox.h"
#include "cli/v1.h"
#include "cli/why.h"
#include "common/base/cleanup.h"

enum { PATH_MAX_BYTES = 4096 };

/* --- an app --- */

static const char *plural(double n)
{
    return n > 1 || n < 1 ? "s" : "";
}

static bool is_lack(const cJSON *agent)
{
    return strncmp(json_text(agent, "reason"), "Insufficient", 12) == 0;
}

/* An agent's latest offer, or what is said of the agent. Who holds it matters where there is too little of something. */
static void agent_print(const cJSON *agent)
{
    const cJSON *holder;

    if (json_text(agent, "at")[0] != 0)
        printf("  offer of %s at %s: %s\n", json_text(agent, "hostname"), json_text(agent, "at"), json_text(agent, "text"));
    else
        printf("  agent %s: %s\n", json_text(agent, "hostname"), json_text(agent, "text"));
    if (!is_lack(agent) || strcmp(json_text(agent, "reason"), "InsufficientPorts") == 0)
        return;
    cJSON_ArrayForEach(holder, json_get(agent, "heldBy"))
        printf("    held there by %s: %g instance%s, %g cpus, %g MB\n", json_text(holder, "app"), json_number(holder, "instances"),
               plural(json_number(holder, "instances")), json_number(holder, "cpus"), json_number(holder, "mem"));
}

static void failure_print(const cJSON *failure)
{
    const char *message = json_text(failure, "message"), *task = json_text(failure, "taskId");

    printf("  last failure: %s on %s at %s: %.*s\n", json_text(failure, "state"), json_text(failure, "host"), json_text(failure, "at"),
           (int)strcspn(message, "\n"), message);
    if (task[0] != 0)
        printf("    what it wrote: stoa logs %s [--stderr]\n", task);
}

/* One paragraph per fact: what holds the app up, since when, what failed last, and per agent the rule that did not fit. */
static void why_print(const cJSON *j)
{
    const cJSON *failure = json_get(j, "lastFailure"), *agent, *sick;
    const char *since = json_text(j, "waitingSince"), *until = json_text(j, "delayedUntil"),
               *deployment = json_text(j, "deployment"), *app = json_text(j, "app");
    double instances = json_number(j, "instances"), waiting = json_number(j, "waiting");

    printf("%s: %s\n", app[0] != 0 ? app : json_text(j, "job"), json_text(j, "summary"));
    printf("  %g of %g instance%s run", json_number(j, "running"), instances, plural(instances));
    if (waiting > 0)
        printf(", %g wait%s%s%s", waiting, waiting > 1 ? "" : "s", since[0] != 0 ? " since " : "", since);
    printf("\n");
    if (until[0] != 0)
        printf("  the next start is due at %s\n", until);
    if (deployment[0] != 0)
        printf("  deployment %s is under way: %s\n", deployment, json_text(j, "deploymentText"));
    if (json_text(j, "smallestChange")[0] != 0)
        printf("  %s\n", json_text(j, "smallestChange"));
    cJSON_ArrayForEach(sick, json_get(j, "unhealthy"))
        printf("  %s on %s failed its health check %g time%s in a row: %s\n", json_text(sick, "taskId"), json_text(sick, "host"),
               json_number(sick, "consecutiveFailures"), plural(json_number(sick, "consecutiveFailures")), json_text(sick, "cause"));
    if (failure != NULL)
        failure_print(failure);
    cJSON_ArrayForEach(agent, json_get(j, "agents")) agent_print(agent);
    cJSON_ArrayForEach(agent, json_get(j, "excluded"))
        printf("  agent %s is not meant: %s\n", json_text(agent, "hostname"), json_text(agent, "text"));
}

/* kind: "apps" (pods too) or "jobs". ERR_NOT_FOUND when marathon has none of this id. */
static int why_of(const char *kind, const char *marathon, const char *master, const char *id, bool json, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    CLEANUP(json_free_p) cJSON *j = NULL;
    int r;

    sbuf_fmt(&path, "/stoa/v1/%s%s%s/why", kind, id[0] == '/' ? "" : "/", id);
    if (json)
        return json_show(marathon, path.p, err);
    r = json_fetch(marathon, path.p, &j, err);
    if (r != 0)
        return r;
    why_print(j);
    master = cli_master_text(master);
    if (strchr(master, '/') == NULL) { /* one that is found through ZooKeeper is not looked for */
        why_cluster_print(master, j);
        why_returning_print(master, marathon, id);
    }
    return 0;
}

/* The error is the one about the app: more people have apps than jobs. */
static int why_app(const char *marathon, const char *master, const char *id, bool json, struct error *err)
{
    struct error of_job = { 0 };
    int r = why_of("apps", marathon, master, id, json, err);

    return r != 0 && err->code == ERR_NOT_FOUND ? (why_of("jobs", marathon, master, id, json, &of_job) == 0 ? 0 : r) : r;
}

/* --- a task --- */

static void when_print(double seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[32];

    if (seconds <= 0 || gmtime_r(&t, &tm) == NULL)
        return;
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    printf("  %s.%03dZ ", text, (int)((seconds - (double)t) * 1000));
}

static const char *plain(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 ? name + n : name;
}

/* The lives of a task as its updates tell them: each state with its time, its reason, who said so, and in what words. */
static void task_print(const cJSON *task, const char *id)
{
    const cJSON *status, *last = NULL;

    cJSON_ArrayForEach(status, json_get(task, "statuses")) last = status;
    printf("%s: %s\n", id, plain(json_text(task, "state"), "TASK_"));
    cJSON_ArrayForEach(status, json_get(task, "statuses"))
    {
        const char *reason = json_text(status, "reason"), *source = json_text(status, "source"),
                   *message = json_text(status, "message");

        when_print(json_number(status, "timestamp"));
        printf("%s", plain(json_text(status, "state"), "TASK_"));
        if (reason[0] != 0)
            printf(", %s", plain(reason, "REASON_"));
        if (source[0] != 0)
            printf(", said by %s", plain(source, "SOURCE_"));
        if (message[0] != 0)
            printf(": %.*s", (int)strcspn(message, "\n"), message);
        if (cJSON_IsBool(json_get(status, "healthy")))
            printf(" (%s)", cJSON_IsTrue(json_get(status, "healthy")) ? "healthy" : "not healthy");
        printf("\n");
    }
    if (last == NULL)
        printf("  the agent has not reported on it yet\n");
    printf("  agent %s, framework %s\n", json_text(json_get(task, "agent_id"), "value"),
           json_text(json_get(task, "framework_id"), "value"));
    printf("  what it wrote: stoa logs %s [--stderr]\n", id);
}

/* The task with this id, whether it runs, cannot be reached, or has ended. */
static const cJSON *task_of(const cJSON *answer, const char *id)
{
    static const char *const lists[] = { "tasks", "unreachable_tasks", "completed_tasks" };
    const cJSON *task;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        cJSON_ArrayForEach(task, json_get(answer, lists[i]))
        {
            if (strcmp(json_text(json_get(task, "task_id"), "value"), id) == 0)
                return task;
        }
    return NULL;
}

static int why_task(const char *master, const char *text, bool json, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tasks = NULL;
    CLEANUP(json_free_p) cJSON *answer = NULL;
    const cJSON *found, *task;
    const char *id;
    int r = json_fetch(master, "/tasks?limit=-1", &tasks, err);

    if (r != 0)
        return r;
    found = task_find(json_get(tasks, "tasks"), text, err);
    if (found == NULL)
        return -(int)ERR_NOT_FOUND;
    id = json_text(found, "id");
    /* The words of an update are in the operator API alone. */
    r = v1_call(master, v1_new("GET_TASKS", NULL, NULL), &answer, err);
    if (r != 0)
        return r;
    task = task_of(json_get(answer, "get_tasks"), id);
    if (task == NULL)
        return error_set(err, ERR_NOT_FOUND, "the master has just forgotten task %s", id);
    if (json) {
        char *printed = cJSON_PrintUnformatted(task);

        printf("%s\n", printed != NULL ? printed : "{}");
        cJSON_free(printed);
    } else {
        task_print(task, id);
    }
    return 0;
}

int why_main(int argc, char **argv)
{
    static const char usage[] = "stoa why APP|POD|JOB|TASK";
    const char *marathon = NULL, *json = NULL, *master = NULL;
    const struct cli_option options[] = {
        { "master", 0, &master, false, "host:port of the master, for tasks and for who else uses an agent (STOA_MASTER)" },
        { "marathon", 'm', &marathon, false, "host:port of marathon (STOA_MARATHON, 127.0.0.1:8080)" },
        { "json", 0, &json, true, "the server's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 }, of_task = { 0 }, both;
    int count, r;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1)
        return cli_usage(usage);
    r = why_app(cli_marathon_address(marathon), master, argv[1], json != NULL, &err);
    /* An app's id has a slash in front; without it a task may be meant, which has a life without marathon too. */
    if (r == 0 || argv[1][0] == '/')
        return cli_end(r, &err);
    if (why_task(cli_master_address(master), argv[1], json != NULL, &of_task) == 0)
        return CLI_OK;
    if (err.code != ERR_NOT_FOUND && of_task.code != ERR_NOT_FOUND)
        return cli_fail(&err);
    (void)error_set(&both, ERR_NOT_FOUND, "\"%s\" is no app, pod or job (%.200s) and no task (%.200s)", argv[1], err.msg, of_task.msg);
    return cli_fail(&both);
}
