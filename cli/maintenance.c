/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa maintenance`: the schedule, and machines down and up. A machine is HOSTNAME@IP: an agent belongs to it only when
 * both are its own. */
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"

enum { SCHEDULE_MAX = 16 * 1024 * 1024 };

static const char usage[] = "stoa maintenance [list | schedule FILE | down HOSTNAME@IP... | up HOSTNAME@IP...]";

static void machine_row(struct cli_table *t, const cJSON *machine, const char *state)
{
    cli_table_add(t, str_of(json_text(machine, "hostname")));
    cli_table_add(t, str_of(json_text(machine, "ip")));
    cli_table_add(t, str_of(state));
}

static int list(const char *master, struct error *err)
{
    static const char *const names[] = { "HOSTNAME", "IP", "STATE" };
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_table t = { .columns = 3 };
    const cJSON *status, *m;
    int r = v1_call(master, v1_new("GET_MAINTENANCE_STATUS", NULL, NULL), &j, err);

    if (r != 0)
        return r;
    status = json_get(json_get(j, "get_maintenance_status"), "status");
    cli_table_head(&t, names);
    cJSON_ArrayForEach(m, json_get(status, "draining_machines")) machine_row(&t, json_get(m, "id"), "DRAINING");
    cJSON_ArrayForEach(m, json_get(status, "down_machines")) machine_row(&t, m, "DOWN");
    cli_table_print(&t);
    cli_table_done(&t);
    return 0;
}

/* The file is what GET /maintenance/schedule answers: {"windows":[{"machine_ids":[...],"unavailability":{...}}]}. It is sent
 * as text, so that its times keep their nanoseconds. */
static int schedule(const char *master, const char *file, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(SCHEDULE_MAX);
    struct cli_response r = { 0 };
    int rc = cli_read_file(file, &text, err);

    if (rc == 0)
        rc = cli_http("POST", master, "/maintenance/schedule", sbuf_view(&text), "application/json", 30000, &r, err);
    if (rc == 0 && r.status >= 400)
        rc = cli_status_error(err, master, r.status, sbuf_view(&r.body));
    if (rc == 0)
        printf("the schedule is replaced\n");
    cli_response_done(&r);
    return rc;
}

static int machines(const char *master, bool down, int count, char **names, struct error *err)
{
    cJSON *sub, *call = v1_new(down ? "START_MAINTENANCE" : "STOP_MAINTENANCE",
                               down ? "start_maintenance" : "stop_maintenance", &sub);
    cJSON *ids = cJSON_AddArrayToObject(sub, "machines");
    int r;

    for (int i = 0; i < count; i++) {
        struct str ip = str_of(names[i]), host;
        char text[V1_ADDRESS_MAX];
        cJSON *id = cJSON_CreateObject();

        (void)cJSON_AddItemToArray(ids, id);
        if (!str_cut(&ip, '@', &host) || host.n == 0 || ip.n == 0) {
            cJSON_Delete(call);
            return error_set(err, ERR_INVALID, "machine \"%s\": use HOSTNAME@IP, as `stoa maintenance list` shows them", names[i]);
        }
        (void)snprintf(text, sizeof text, "%.*s", STR_ARG(host));
        (void)cJSON_AddStringToObject(id, "hostname", text);
        (void)snprintf(text, sizeof text, "%.*s", STR_ARG(ip));
        (void)cJSON_AddStringToObject(id, "ip", text);
    }
    r = v1_call(master, call, NULL, err);
    for (int i = 0; r == 0 && i < count; i++)
        printf("%s is %s\n", names[i], down ? "down" : "up");
    return r;
}

int maintenance_main(int argc, char **argv)
{
    const char *master = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "json", 0, &json, true, "for list: the schedule as it is, what `schedule FILE` takes" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    const char *verb;
    int count, r;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    master = cli_master_address(master);
    verb = count == 0 ? "list" : argv[1];
    if (strcmp(verb, "list") == 0 && count <= 1)
        r = json != NULL ? json_show(master, "/maintenance/schedule", &err) : list(master, &err);
    else if (strcmp(verb, "schedule") == 0 && count == 2)
        r = schedule(master, argv[2], &err);
    else if ((strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0) && count >= 2)
        r = machines(master, verb[0] == 'd', count - 1, argv + 2, &err);
    else
        return cli_usage(usage);
    return cli_end(r, &err);
}
