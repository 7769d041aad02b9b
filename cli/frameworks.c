/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa frameworks` and `stoa teardown FRAMEWORK`. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"

static void roles_cell(struct cli_table *t, const cJSON *framework)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    const cJSON *role, *roles = json_get(framework, "roles");

    cJSON_ArrayForEach(role, roles) sbuf_fmt(&b, "%s%s", b.n != 0 ? "," : "", cJSON_IsString(role) ? role->valuestring : "");
    if (b.n == 0)
        sbuf_c(&b, json_text(framework, "role"));
    cli_table_add(t, b.n != 0 ? sbuf_view(&b) : STR("*"));
}

static void framework_row(struct cli_table *t, const cJSON *f, bool is_completed)
{
    const cJSON *used = json_get(f, "used_resources");

    cli_table_add(t, str_of(json_text(f, "id")));
    cli_table_add(t, str_of(json_text(f, "name")));
    roles_cell(t, f);
    cli_table_fmt(t, "%d", cJSON_GetArraySize(json_get(f, "tasks")));
    cli_table_fmt(t, "%g", json_number(used, "cpus"));
    cli_table_fmt(t, "%g", json_number(used, "mem"));
    cli_table_add(t, is_completed                              ? STR("completed")
                     : cJSON_IsFalse(json_get(f, "connected")) ? STR("disconnected")
                     : cJSON_IsTrue(json_get(f, "active"))     ? STR("active")
                                                               : STR("inactive"));
}

int frameworks_main(int argc, char **argv)
{
    static const char *const names[] = { "FRAMEWORK", "NAME", "ROLES", "TASKS", "CPUS", "MEM", "STATE" };
    const char *master = NULL, *all = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "all", 'a', &all, true, "also those that have ended" },
        { "json", 0, &json, true, "the master's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_table t = { .columns = 7 };
    const cJSON *f;
    int count;

    if (cli_options(argc, argv, "stoa frameworks [options]", options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 0)
        return cli_usage("stoa frameworks [--all] [--json]");
    master = cli_master_address(master);
    if (json != NULL)
        return cli_end(json_show(master, "/frameworks", &err), &err);
    if (json_fetch(master, "/frameworks", &j, &err) != 0)
        return cli_fail(&err);
    cli_table_head(&t, names);
    cJSON_ArrayForEach(f, json_get(j, "frameworks")) framework_row(&t, f, false);
    if (all != NULL)
        cJSON_ArrayForEach(f, json_get(j, "completed_frameworks")) framework_row(&t, f, true);
    cli_table_print(&t);
    cli_table_done(&t);
    return CLI_OK;
}

/* The framework whose id or name is the text, else the only one whose id contains it. */
static const cJSON *framework_find(const cJSON *frameworks, const char *text, struct error *err)
{
    const cJSON *f, *part = NULL, *named = NULL;
    unsigned parts = 0, names = 0;

    cJSON_ArrayForEach(f, frameworks)
    {
        struct str id = str_of(json_text(f, "id"));

        if (str_is(id, text))
            return f;
        if (strcmp(json_text(f, "name"), text) == 0)
            named = f, names++;
        if (text[0] != 0 && str_contains(id, str_of(text)))
            part = f, parts++;
    }
    if (names == 1)
        return named;
    if (names == 0 && parts == 1)
        return part;
    (void)error_set(err, ERR_NOT_FOUND, names + parts == 0 ? "there is no framework \"%s\"; `stoa frameworks` lists them"
                                                           : "several frameworks match \"%s\"; give the whole id",
                    text);
    return NULL;
}

int teardown_main(int argc, char **argv)
{
    const char *master = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { NULL, 0, NULL, false, NULL },
    };
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct error err = { 0 };
    const cJSON *f;
    cJSON *call, *sub;
    int count, r;

    if (cli_options(argc, argv, "stoa teardown FRAMEWORK   (its id, a part of it, or its name)", options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1)
        return cli_usage("stoa teardown FRAMEWORK");
    master = cli_master_address(master);
    if (json_fetch(master, "/frameworks", &j, &err) != 0)
        return cli_fail(&err);
    f = framework_find(json_get(j, "frameworks"), argv[1], &err);
    if (f == NULL)
        return cli_fail(&err);
    call = v1_new("TEARDOWN", "teardown", &sub);
    v1_add_id(sub, "framework_id", json_text(f, "id"));
    r = v1_call(master, call, NULL, &err);
    if (r == 0)
        printf("framework %s (%s) is ended, its tasks are being killed\n", json_text(f, "id"), json_text(f, "name"));
    return cli_end(r, &err);
}
