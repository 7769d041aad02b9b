/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa app ...`: thin verbs over marathon's REST API. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/service.h"
#include "common/base/cleanup.h"

enum { APP_FILE_MAX = 8 * 1024 * 1024, PATH_MAX_BYTES = 4096 };

struct app_args {
    const char *marathon;
    bool json, force, dry_run;
    const char *timeout; /* seconds, for wait */
    int argc; /* without the verb */
    char **argv;
};

/* prefix + id + suffix, with the id's leading slash once; a: what the options add (NULL: nothing). */
static void app_path(struct sbuf *b, const char *prefix, const char *id, const char *suffix, const struct app_args *a)
{
    bool query = strchr(suffix, '?') != NULL;

    sbuf_fmt(b, "%s%s%s%s", prefix, id[0] == '/' || id[0] == '\0' ? "" : "/", id, suffix);
    if (a != NULL && a->force) {
        sbuf_fmt(b, "%cforce=true", query ? '&' : '?');
        query = true;
    }
    if (a != NULL && a->dry_run)
        sbuf_fmt(b, "%cdryRun=true", query ? '&' : '?');
}

/* The plan of a dry run, and where its instances would go. */
static void plan_print(const cJSON *j)
{
    const cJSON *step, *action, *p;
    int n = 0;

    cJSON_ArrayForEach(step, json_get(j, "steps"))
    {
        printf("step %d:", ++n);
        cJSON_ArrayForEach(action, json_get(step, "actions"))
            printf(" %s %s", json_text(action, "action"), json_text(action, "app")[0] != 0 ? json_text(action, "app") : json_text(action, "pod"));
        printf("\n");
    }
    cJSON_ArrayForEach(p, json_get(j, "placements"))
        printf("  %s: %g on agent %s, by its offer of %s\n", json_text(p, "app"), json_number(p, "instances"), json_text(p, "hostname"),
               json_text(p, "offeredAt"));
    cJSON_ArrayForEach(p, json_get(j, "unplaced"))
        printf("  %s: no place for %g: %s\n", json_text(p, "app"), json_number(p, "instances"), json_text(p, "text"));
    printf("nothing was changed\n");
}

static int call_and_print(const char *method, const struct app_args *a, const char *path, struct str body,
                          struct error *err)
{
    struct cli_response r = { 0 };
    CLEANUP(json_free_p) cJSON *j = NULL;
    int rc = cli_call(method, a->marathon, path, body, &r, err);

    if (rc != 0)
        return rc;
    j = cJSON_ParseWithLengthOpts(r.body.p != NULL ? r.body.p : "", r.body.n + 1, NULL, 1);
    if (a->json || j == NULL) {
        printf("%.*s\n", STR_ARG(sbuf_view(&r.body)));
    } else if (a->dry_run) {
        plan_print(j);
    } else {
        const char *deployment = json_text(j, "deploymentId");
        const cJSON *first = cJSON_GetArrayItem(json_get(j, "deployments"), 0);

        if (deployment[0] == 0)
            deployment = json_text(first, "id");
        printf("deployment %s started; see: stoa app list\n", deployment);
    }
    cli_response_done(&r);
    return 0;
}

static int send_file(const struct app_args *a, const char *method, const char *id, const char *file, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(APP_FILE_MAX);
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    int r = service_read(file, &b, err);

    app_path(&path, "/v2/apps", id, "", a);
    return r != 0 ? r : call_and_print(method, a, path.p, sbuf_view(&b), err);
}

static int app_create(const struct app_args *a, struct error *err)
{
    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app create FILE (- is standard input)");
    return send_file(a, "POST", "", a->argv[0], err);
}

static int app_update(const struct app_args *a, struct error *err)
{
    if (a->argc != 2)
        return error_set(err, ERR_INVALID, "usage: stoa app update ID FILE (- is standard input): what the file names is changed, the rest stays");
    return send_file(a, "PUT", a->argv[0], a->argv[1], err);
}

static void app_row(struct cli_table *t, const cJSON *app)
{
    char buf[64];
    double want = json_number(app, "instances"), running = json_number(app, "tasksRunning");

    cli_table_add(t, str_of(json_text(app, "id")));
    (void)snprintf(buf, sizeof buf, "%g/%g", running, want);
    cli_table_add(t, str_of(buf));
    if (cJSON_GetArraySize(json_get(app, "healthChecks")) == 0)
        cli_table_add(t, STR("-"));
    else
        (void)snprintf(buf, sizeof buf, "%g/%g", json_number(app, "tasksHealthy"), want), cli_table_add(t, str_of(buf));
    (void)snprintf(buf, sizeof buf, "%g", json_number(app, "cpus"));
    cli_table_add(t, str_of(buf));
    (void)snprintf(buf, sizeof buf, "%g", json_number(app, "mem"));
    cli_table_add(t, str_of(buf));
    cli_table_add(t, cJSON_GetArraySize(json_get(app, "deployments")) > 0 ? STR("deploying")
                     : want == 0                                          ? STR("suspended")
                     : running < want                                     ? STR("waiting")
                                                                          : STR("running"));
    cli_table_add(t, str_of(json_text(app, "version")));
}

static int app_list(const struct app_args *a, struct error *err)
{
    static const char *const names[] = { "APP", "RUNNING", "HEALTHY", "CPUS", "MEM", "STATUS", "VERSION" };
    const struct service_list list = { "/v2/apps?embed=apps.counts&embed=apps.deployments", "apps", names, 7, app_row };

    return service_list(a->marathon, &list, a->json, err);
}

static int app_show(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);

    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app show ID");
    app_path(&path, "/v2/apps", a->argv[0], "?embed=app.counts&embed=app.tasks&embed=app.deployments&embed=app.lastTaskFailure", NULL);
    return a->json ? json_show(a->marathon, path.p, err) : json_pretty(a->marathon, path.p, "app", err);
}

static int app_scale(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    char body[64];
    uint64_t n;
    int r;

    if (a->argc != 2)
        return error_set(err, ERR_INVALID, "usage: stoa app scale ID INSTANCES");
    r = service_instances(a->argv[1], "app", &n, err);
    if (r != 0)
        return r;
    app_path(&path, "/v2/apps", a->argv[0], "", a);
    (void)snprintf(body, sizeof body, "{\"instances\":%llu}", (unsigned long long)n);
    return call_and_print("PATCH", a, path.p, str_of(body), err); /* a PUT would create it */
}

static int app_restart(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);

    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app restart ID");
    app_path(&path, "/v2/apps", a->argv[0], "/restart", a);
    return call_and_print("POST", a, path.p, STR("{}"), err);
}

static void deleted_row(struct cli_table *t, const cJSON *d)
{
    cli_table_add(t, str_of(json_text(d, "id")));
    cli_table_add(t, str_of(json_text(d, "kind")));
    cli_table_add(t, str_of(json_text(d, "deletedAt")));
    cli_table_add(t, str_of(json_text(d, "keptUntil")));
}

static int app_deleted(const struct app_args *a, struct error *err)
{
    static const char *const names[] = { "APP", "KIND", "DELETED", "KEPT UNTIL" };
    const struct service_list list = { "/stoa/v1/deleted", "deleted", names, 4, deleted_row };

    return service_list(a->marathon, &list, a->json, err);
}

static int app_restore(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);

    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app restore ID; see: stoa app deleted");
    app_path(&path, "/stoa/v1/deleted", a->argv[0], "/restore", a);
    return call_and_print("POST", a, path.p, STR("{}"), err);
}

static int app_delete(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);

    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app delete ID");
    app_path(&path, "/v2/apps", a->argv[0], "", a);
    return call_and_print("DELETE", a, path.p, (struct str){ 0 }, err);
}

static void rollout_print(const cJSON *j)
{
    const cJSON *back = json_get(j, "lastRollback"), *rules = json_get(j, "autoRollback");

    printf("%s: %s, %s\n", json_text(j, "app"), json_text(j, "state"), json_text(j, "text"));
    if (json_get(j, "newReady") != NULL)
        printf("  of %g instances %g new ones are ready, %g old ones are left\n", json_number(j, "instances"),
               json_number(j, "newReady"), json_number(j, "old"));
    if (json_get(j, "pauseAfter") != NULL)
        printf("  holds after %g new instances\n", json_number(j, "pauseAfter"));
    if (json_get(rules, "maxFailures") != NULL)
        printf("  goes back by itself after %g failures of new instances (%g so far)\n", json_number(rules, "maxFailures"),
               json_number(j, "failures"));
    if (json_get(rules, "deadlineSeconds") != NULL)
        printf("  goes back by itself when it moves for longer than %g s\n", json_number(rules, "deadlineSeconds"));
    if (back != NULL)
        printf("  at %s: %s\n", json_text(back, "at"), json_text(back, "text"));
}

static int app_rollout(const struct app_args *a, struct error *err)
{
    static const char *const commands[] = { "status", "pause", "resume", "promote", "undo" };
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_response r = { 0 };
    char suffix[32];
    size_t k = 0;
    int rc;

    while (a->argc == 2 && k < 5 && strcmp(a->argv[0], commands[k]) != 0)
        k++;
    if (a->argc != 2 || k == 5)
        return error_set(err, ERR_INVALID, "usage: stoa app rollout status|pause|resume|promote|undo ID");
    (void)snprintf(suffix, sizeof suffix, "/rollout%s%s", k != 0 ? "/" : "", k != 0 ? commands[k] : "");
    app_path(&path, "/stoa/v1/apps", a->argv[1], suffix, NULL);
    rc = cli_call(k == 0 ? "GET" : "POST", a->marathon, path.p, k == 0 ? (struct str){ 0 } : STR("{}"), &r, err);
    if (rc != 0)
        return rc;
    j = cJSON_ParseWithLengthOpts(r.body.p != NULL ? r.body.p : "", r.body.n + 1, NULL, 1);
    if (a->json || j == NULL)
        printf("%.*s\n", STR_ARG(sbuf_view(&r.body)));
    else
        rollout_print(j);
    cli_response_done(&r);
    return 0;
}

/* Whether all wanted instances run, are healthy if there are checks, and no deployment is under way. */
static bool is_settled(const cJSON *answer)
{
    const cJSON *app = json_get(answer, "app");
    double want = json_number(app, "instances");

    return json_number(app, "tasksRunning") == want && cJSON_GetArraySize(json_get(app, "deployments")) == 0 &&
           (cJSON_GetArraySize(json_get(app, "healthChecks")) == 0 || json_number(app, "tasksHealthy") == want);
}

static int late(const cJSON *answer, const char *id, unsigned seconds, struct error *err)
{
    const cJSON *app = json_get(answer, "app");

    return error_set(err, ERR_TIMEOUT, "app %s: after %u s %g of %g instances run and %g are healthy; see: stoa why %s", id, seconds,
                     json_number(app, "tasksRunning"), json_number(app, "instances"), json_number(app, "tasksHealthy"), id);
}

static int app_wait(const struct app_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);

    if (a->argc != 1)
        return error_set(err, ERR_INVALID, "usage: stoa app wait ID [--timeout=SECONDS]");
    app_path(&path, "/v2/apps", a->argv[0], "?embed=app.counts&embed=app.deployments", NULL);
    return service_wait(a->marathon, &(struct service_wait){ path.p, a->timeout, a->argv[0], is_settled, late }, err);
}

static const struct {
    const char *name;
    int (*run)(const struct app_args *a, struct error *err);
    bool plans; /* can only tell the plan */
} verbs[] = {
    { "create", app_create, true },   { "update", app_update, true },   { "list", app_list, false },
    { "show", app_show, false },      { "scale", app_scale, true },     { "restart", app_restart, true },
    { "delete", app_delete, true },   { "wait", app_wait, false },      { "deleted", app_deleted, false },
    { "restore", app_restore, true }, { "rollout", app_rollout, false },
};

int app_main(int argc, char **argv)
{
    const char *marathon = NULL, *json = NULL, *force = NULL, *dry_run = NULL, *timeout = "60";
    const struct cli_option options[] = {
        { "timeout", 0, &timeout, false, "seconds that wait waits (60)" },
        { "marathon", 'm', &marathon, false, "host:port of marathon (STOA_MARATHON, 127.0.0.1:8080)" },
        { "force", 'f', &force, true, "go on although a deployment of the app runs" },
        { "dry-run", 'n', &dry_run, true, "only the plan, and where its instances would go" },
        { "json", 0, &json, true, "marathon's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count;

    if (cli_options(argc, argv, "stoa app create FILE | update ID FILE | list | show ID | scale ID N | restart ID | delete ID | wait ID | deleted | restore ID | rollout status|pause|resume|promote|undo ID", options,
                    &count, &err) != 0)
        return cli_fail(&err);
    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof verbs[0]; i++) {
        struct app_args a = { cli_marathon_address(marathon), json != NULL, force != NULL, dry_run != NULL, timeout, count - 1, argv + 2 };

        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        if (a.dry_run && !verbs[i].plans) {
            (void)error_set(&err, ERR_INVALID, "stoa app %s has no plan to show; leave out --dry-run", argv[1]);
            return cli_fail(&err);
        }
        return verbs[i].run(&a, &err) != 0 ? cli_fail(&err) : CLI_OK;
    }
    (void)error_set(&err, ERR_INVALID, "stoa app %s: use create, update, list, show, scale, restart, delete, wait, deleted, restore or rollout",
                    count > 0 ? argv[1] : "needs a verb");
    return cli_fail(&err);
}
