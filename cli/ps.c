/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa ps` and `stoa agents`: tables over the master's /tasks, /frameworks and /slaves. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/sandbox.h"
#include "common/base/cleanup.h"

/* "12s", "5m", "3h", "2d" since a time in seconds; "-" when unknown. */
static struct str age(double since, char *buf, size_t size)
{
    double s = (double)time(NULL) - since;

    if (since <= 0)
        return STR("-");
    if (s < 0)
        s = 0;
    if (s < 120)
        (void)snprintf(buf, size, "%.0fs", s);
    else if (s < 7200)
        (void)snprintf(buf, size, "%.0fm", s / 60);
    else if (s < 172800)
        (void)snprintf(buf, size, "%.0fh", s / 3600);
    else
        (void)snprintf(buf, size, "%.0fd", s / 86400);
    return str_of(buf);
}

static double newest_status(const cJSON *task)
{
    const cJSON *s;
    double newest = 0;

    cJSON_ArrayForEach(s, json_get(task, "statuses"))
    {
        double t = json_number(s, "timestamp");

        if (t > newest)
            newest = t;
    }
    return newest;
}

static void task_row(struct cli_table *t, const cJSON *task, const cJSON *slaves, const cJSON *frameworks)
{
    const cJSON *resources = json_get(task, "resources"),
                *slave = json_find(slaves, "id", json_text(task, "slave_id")),
                *framework = json_find(frameworks, "id", json_text(task, "framework_id"));
    struct str state = str_of(json_text(task, "state"));
    char buf[64];

    cli_table_add(t, str_of(json_text(task, "id")));
    (void)str_skip(&state, STR("TASK_"));
    cli_table_add(t, state);
    cli_table_add(t, age(newest_status(task), buf, sizeof buf));
    (void)snprintf(buf, sizeof buf, "%g", json_number(resources, "cpus"));
    cli_table_add(t, str_of(buf));
    (void)snprintf(buf, sizeof buf, "%g", json_number(resources, "mem"));
    cli_table_add(t, str_of(buf));
    cli_table_add(t, str_of(slave != NULL ? json_text(slave, "hostname") : json_text(task, "slave_id")));
    cli_table_add(t, str_of(framework != NULL ? json_text(framework, "name") : json_text(task, "framework_id")));
}

static int header(struct cli_table *t, const char *const *names)
{
    for (unsigned i = 0; i < t->columns; i++)
        cli_table_add(t, str_of(names[i]));
    return 0;
}

int ps_main(int argc, char **argv)
{
    static const char *const names[] = { "TASK", "STATE", "FOR", "CPUS", "MEM", "AGENT", "FRAMEWORK" };
    const char *master = NULL, *all = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "all", 'a', &all, true, "also what has ended" },
        { "json", 0, &json, true, "the master's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    CLEANUP(json_free_p) cJSON *tasks = NULL, *slaves = NULL, *frameworks = NULL;
    struct cli_table t = { .columns = 7 };
    const cJSON *task;
    int positional;

    if (cli_options(argc, argv, "stoa ps [options]", options, &positional, &err) != 0)
        return cli_fail(&err);
    master = cli_master_address(master);
    if (json != NULL)
        return json_show(master, "/tasks?limit=-1", &err) != 0 ? cli_fail(&err) : CLI_OK;
    if (json_fetch(master, "/tasks?limit=-1", &tasks, &err) != 0 || json_fetch(master, "/slaves", &slaves, &err) != 0 ||
        json_fetch(master, "/frameworks", &frameworks, &err) != 0)
        return cli_fail(&err);
    (void)header(&t, names);
    cJSON_ArrayForEach(task, json_get(tasks, "tasks"))
    {
        if (all != NULL || task_is_active(task))
            task_row(&t, task, json_get(slaves, "slaves"), json_get(frameworks, "frameworks"));
    }
    cli_table_print(&t);
    cli_table_done(&t);
    return CLI_OK;
}

static void agent_row(struct cli_table *t, const cJSON *slave)
{
    const cJSON *total = json_get(slave, "resources"), *used = json_get(slave, "used_resources");
    struct str pid = str_of(json_text(slave, "pid")), id;
    char buf[64];

    (void)str_cut(&pid, '@', &id);
    cli_table_add(t, str_of(json_text(slave, "id")));
    cli_table_add(t, pid);
    cli_table_add(t, cJSON_IsTrue(json_get(slave, "active")) ? STR("active") : STR("inactive"));
    (void)snprintf(buf, sizeof buf, "%g/%g", json_number(used, "cpus"), json_number(total, "cpus"));
    cli_table_add(t, str_of(buf));
    (void)snprintf(buf, sizeof buf, "%g/%g", json_number(used, "mem"), json_number(total, "mem"));
    cli_table_add(t, str_of(buf));
    cli_table_add(t, age(json_number(slave, "registered_time"), buf, sizeof buf));
}

/* Known from the registry; it has not come back since the master began to lead. */
static void returning_row(struct cli_table *t, const cJSON *slave)
{
    char buf[300];

    cli_table_add(t, str_of(json_text(slave, "id")));
    (void)snprintf(buf, sizeof buf, "%s:%g", json_text(slave, "hostname"), json_number(slave, "port"));
    cli_table_add(t, str_of(buf));
    cli_table_add(t, STR("returning"));
    for (int i = 0; i < 3; i++)
        cli_table_add(t, STR("-"));
}

int agents_main(int argc, char **argv)
{
    static const char *const names[] = { "AGENT", "ADDRESS", "STATE", "CPUS", "MEM", "SINCE" };
    const char *master = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "json", 0, &json, true, "the master's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    CLEANUP(json_free_p) cJSON *slaves = NULL;
    struct cli_table t = { .columns = 6 };
    const cJSON *slave;
    int positional;

    if (cli_options(argc, argv, "stoa agents [options]", options, &positional, &err) != 0)
        return cli_fail(&err);
    master = cli_master_address(master);
    if (json != NULL)
        return json_show(master, "/slaves", &err) != 0 ? cli_fail(&err) : CLI_OK;
    if (json_fetch(master, "/slaves", &slaves, &err) != 0)
        return cli_fail(&err);
    (void)header(&t, names);
    cJSON_ArrayForEach(slave, json_get(slaves, "slaves")) agent_row(&t, slave);
    cJSON_ArrayForEach(slave, json_get(slaves, "recovered_slaves")) returning_row(&t, slave);
    cli_table_print(&t);
    cli_table_done(&t);
    return CLI_OK;
}
