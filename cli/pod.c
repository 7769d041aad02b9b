/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa pod ...`: pods of marathon, groups of containers that live and move together. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/service.h"
#include "common/base/cleanup.h"

enum { POD_FILE_MAX = 8 << 20, PATH_BYTES_MAX = 4096 };

struct pod_args {
    const char *marathon;
    bool json, force;
    const char *timeout; /* seconds, for wait */
    int argc;            /* without the verb */
    char **argv;
};

static int usage(struct error *err, const char *text)
{
    return error_set(err, ERR_INVALID, "usage: stoa pod %s", text);
}

static const char *pod_path(struct sbuf *b, const struct pod_args *a, const char *id, const char *suffix)
{
    sbuf_fmt(b, "/v2/pods%s%s%s%s", id[0] == '/' || id[0] == 0 ? "" : "/", id, suffix, a->force ? "?force=true" : "");
    return b->p;
}

static int change(const struct pod_args *a, const char *method, const char *id, struct str body, const char *done, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    return service_change(a->marathon, method, pod_path(&path, a, id, ""), body, a->json, done, err);
}

static int pod_create(const struct pod_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(POD_FILE_MAX);
    int r;

    if (a->argc != 1)
        return usage(err, "create FILE (- is standard input)");
    r = service_read(a->argv[0], &b, err);
    return r != 0 ? r : change(a, "POST", "", sbuf_view(&b), "pod created; see: stoa pod list", err);
}

static int pod_update(const struct pod_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(POD_FILE_MAX);
    int r;

    if (a->argc != 2)
        return usage(err, "update ID FILE (the whole pod; - is standard input)");
    r = service_read(a->argv[1], &b, err);
    return r != 0 ? r : change(a, "PUT", a->argv[0], sbuf_view(&b), "pod updated; see: stoa pod list", err);
}

/* A pod is changed as a whole: it is read, gets its new number of instances, and is put back. */
static int pod_scale(const struct pod_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);
    CLEANUP(json_free_p) cJSON *pod = NULL;
    cJSON *scaling;
    uint64_t n;
    char *text;
    int r;

    if (a->argc != 2)
        return usage(err, "scale ID INSTANCES");
    r = service_instances(a->argv[1], "pod", &n, err);
    if (r != 0)
        return r;
    sbuf_fmt(&path, "/v2/pods%s%s", a->argv[0][0] == '/' ? "" : "/", a->argv[0]);
    r = json_fetch(a->marathon, path.p, &pod, err);
    if (r != 0)
        return r;
    cJSON_DeleteItemFromObjectCaseSensitive(pod, "scaling");
    scaling = cJSON_AddObjectToObject(pod, "scaling");
    (void)cJSON_AddStringToObject(scaling, "kind", "fixed");
    (void)cJSON_AddNumberToObject(scaling, "instances", (double)n);
    text = cJSON_PrintUnformatted(pod);
    if (text == NULL)
        return error_set(err, ERR_NOMEM, "out of memory");
    r = change(a, "PUT", a->argv[0], str_of(text), "pod scaled; see: stoa pod list", err);
    cJSON_free(text);
    return r;
}

static unsigned instances_stable(const cJSON *status)
{
    const cJSON *i;
    unsigned n = 0;

    cJSON_ArrayForEach(i, json_get(status, "instances")) n += strcmp(json_text(i, "status"), "STABLE") == 0;
    return n;
}

static double instances_wanted(const cJSON *status)
{
    return json_number(json_get(json_get(status, "spec"), "scaling"), "instances");
}

static void pod_row(struct cli_table *t, const cJSON *status)
{
    const cJSON *spec = json_get(status, "spec"), *own = json_get(spec, "executorResources"), *c;
    double cpus = json_number(own, "cpus"), mem = json_number(own, "mem");

    cJSON_ArrayForEach(c, json_get(spec, "containers"))
    {
        cpus += json_number(json_get(c, "resources"), "cpus");
        mem += json_number(json_get(c, "resources"), "mem");
    }
    cli_table_add(t, str_of(json_text(status, "id")));
    cli_table_fmt(t, "%u/%g", instances_stable(status), instances_wanted(status));
    cli_table_fmt(t, "%d", cJSON_GetArraySize(json_get(spec, "containers")));
    cli_table_fmt(t, "%g", cpus);
    cli_table_fmt(t, "%g", mem);
    cli_table_add(t, str_of(json_text(status, "status")));
    cli_table_add(t, str_of(json_text(spec, "version")));
}

static int pod_list(const struct pod_args *a, struct error *err)
{
    static const char *const names[] = { "POD", "STABLE", "CONTAINERS", "CPUS", "MEM", "STATUS", "VERSION" };
    const struct service_list list = { "/v2/pods/::status", NULL, names, 7, pod_row };

    return service_list(a->marathon, &list, a->json, err);
}

static int pod_show(const struct pod_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    if (a->argc != 1)
        return usage(err, "show ID");
    (void)pod_path(&path, a, a->argv[0], "::status");
    return a->json ? json_show(a->marathon, path.p, err) : json_pretty(a->marathon, path.p, NULL, err);
}

static int pod_delete(const struct pod_args *a, struct error *err)
{
    if (a->argc != 1)
        return usage(err, "delete ID");
    return change(a, "DELETE", a->argv[0], (struct str){ 0 }, "pod is being deleted; see: stoa pod list", err);
}

/* As many instances are stable as are wanted, all of the newest version. */
static bool is_settled(const cJSON *status)
{
    return strcmp(json_text(status, "status"), "STABLE") == 0 && instances_stable(status) == (unsigned)instances_wanted(status);
}

static int late(const cJSON *status, const char *id, unsigned seconds, struct error *err)
{
    return error_set(err, ERR_TIMEOUT, "pod %s: after %u s it is %s, %u of %g instances are stable; see: stoa why %s", id, seconds,
                     json_text(status, "status"), instances_stable(status), instances_wanted(status), id);
}

static int pod_wait(const struct pod_args *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_BYTES_MAX);

    if (a->argc != 1)
        return usage(err, "wait ID [--timeout=SECONDS]");
    return service_wait(a->marathon, &(struct service_wait){ pod_path(&path, a, a->argv[0], "::status"), a->timeout, a->argv[0], is_settled, late },
                        err);
}

static const struct {
    const char *name;
    int (*run)(const struct pod_args *a, struct error *err);
} verbs[] = {
    { "create", pod_create }, { "update", pod_update }, { "list", pod_list }, { "show", pod_show },
    { "scale", pod_scale },   { "delete", pod_delete }, { "wait", pod_wait },
};

int pod_main(int argc, char **argv)
{
    const char *marathon = NULL, *json = NULL, *force = NULL, *timeout = "60";
    const struct cli_option options[] = {
        { "timeout", 0, &timeout, false, "seconds that wait waits (60)" },
        { "marathon", 'm', &marathon, false, "host:port of marathon (STOA_MARATHON, 127.0.0.1:8080)" },
        { "force", 'f', &force, true, "go on although a deployment of the pod runs" },
        { "json", 0, &json, true, "marathon's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count;

    if (cli_options(argc, argv, "stoa pod create FILE | update ID FILE | list | show ID | scale ID N | delete ID | wait ID", options, &count,
                    &err) != 0)
        return cli_fail(&err);
    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof verbs[0]; i++) {
        struct pod_args a = { cli_marathon_address(marathon), json != NULL, force != NULL, timeout, count - 1, argv + 2 };

        if (strcmp(argv[1], verbs[i].name) == 0)
            return cli_end(verbs[i].run(&a, &err), &err);
    }
    (void)error_set(&err, ERR_INVALID, "stoa pod %s: use create, update, list, show, scale, delete or wait", count > 0 ? argv[1] : "needs a verb");
    return cli_fail(&err);
}
