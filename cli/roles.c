/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa quota` and `stoa weights`: what roles are promised and how they share the rest. */
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"
#include "common/model/resources.h"

static const char quota_usage[] = "stoa quota [list | set ROLE [--guarantee=AMOUNTS] [--limit=AMOUNTS] [--force] | remove ROLE]";
static const char weights_usage[] = "stoa weights [list | set ROLE WEIGHT]";

/* {"cpus":{"value":4}} as cpus:4 */
static void amounts_cell(struct cli_table *t, const cJSON *map)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    const cJSON *a;

    cJSON_ArrayForEach(a, map) sbuf_fmt(&b, "%s%s:%.15g", b.n != 0 ? ";" : "", a->string, json_number(a, "value"));
    cli_table_add(t, b.n != 0 ? sbuf_view(&b) : STR("-"));
}

/* {"cpus":4.0} as cpus:4, without zeros */
static void used_cell(struct cli_table *t, const cJSON *resources)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    const cJSON *a;

    cJSON_ArrayForEach(a, resources)
    {
        if (cJSON_IsNumber(a) && a->valuedouble > 0)
            sbuf_fmt(&b, "%s%s:%.15g", b.n != 0 ? ";" : "", a->string, a->valuedouble);
    }
    cli_table_add(t, b.n != 0 ? sbuf_view(&b) : STR("-"));
}

static int quota_list(const char *master, struct error *err)
{
    static const char *const names[] = { "ROLE", "GUARANTEE", "LIMIT", "IN USE" };
    CLEANUP(json_free_p) cJSON *j = NULL, *roles = NULL;
    struct cli_table t = { .columns = 4 };
    const cJSON *q;
    int r = v1_call(master, v1_new("GET_QUOTA", NULL, NULL), &j, err);

    if (r == 0)
        r = json_fetch(master, "/roles", &roles, err);
    if (r != 0)
        return r;
    cli_table_head(&t, names);
    cJSON_ArrayForEach(q, json_get(json_get(json_get(j, "get_quota"), "status"), "configs"))
    {
        const char *role = json_text(q, "role");

        /* A removed quota goes on being listed without amounts, as the API has it. */
        if (json_get(q, "guarantees") == NULL && json_get(q, "limits") == NULL)
            continue;
        cli_table_add(&t, str_of(role));
        amounts_cell(&t, json_get(q, "guarantees"));
        amounts_cell(&t, json_get(q, "limits"));
        used_cell(&t, json_get(json_find(json_get(roles, "roles"), "name", role), "resources"));
    }
    cli_table_print(&t);
    cli_table_done(&t);
    return 0;
}

static int add_amounts(cJSON *config, const char *key, const char *option, const char *text, struct error *err)
{
    struct quantities q = QUANTITIES_INIT;
    cJSON *map;
    int r = quantities_parse(str_of(text), &q, err);

    if (r == 0 && q.n == 0)
        r = error_set(err, ERR_INVALID, "it is empty; use name:number;..., for example cpus:4;mem:512");
    if (r != 0)
        return error_wrap(err, "--%s=%s", option, text);
    map = cJSON_AddObjectToObject(config, key);
    for (uint32_t i = 0; i < q.n; i++) {
        cJSON *scalar = cJSON_CreateObject();
        char name[256];

        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(name_str(q.v[i].name)));
        (void)cJSON_AddNumberToObject(scalar, "value", (double)q.v[i].milli / 1000);
        (void)cJSON_AddItemToObject(map, name, scalar);
    }
    quantities_done(&q);
    return 0;
}

static int quota_update(const char *master, const char *role, const char *guarantee, const char *limit, bool force,
                        struct error *err)
{
    cJSON *sub, *call = v1_new("UPDATE_QUOTA", "update_quota", &sub), *config = cJSON_CreateObject();
    int r = 0;

    if (force)
        (void)cJSON_AddTrueToObject(sub, "force");
    (void)cJSON_AddItemToArray(cJSON_AddArrayToObject(sub, "quota_configs"), config);
    (void)cJSON_AddStringToObject(config, "role", role);
    if (guarantee != NULL)
        r = add_amounts(config, "guarantees", "guarantee", guarantee, err);
    if (r == 0 && limit != NULL)
        r = add_amounts(config, "limits", "limit", limit, err);
    if (r != 0)
        cJSON_Delete(call);
    else
        r = v1_call(master, call, NULL, err);
    return r;
}

int quota_main(int argc, char **argv)
{
    const char *master = NULL, *guarantee = NULL, *limit = NULL, *force = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "guarantee", 'g', &guarantee, false, "what the role can count on, as in cpus:4;mem:512" },
        { "limit", 'l', &limit, false, "what the role never gets more of; what is not named is not limited" },
        { "force", 'f', &force, true, "although the cluster has not that much, or the role uses more already" },
        { "json", 0, &json, true, "for list: the master's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count, r;

    if (cli_options(argc, argv, quota_usage, options, &count, &err) != 0)
        return cli_fail(&err);
    master = cli_master_address(master);
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        r = json != NULL ? json_show(master, "/quota", &err) : quota_list(master, &err);
    } else if (count == 2 && strcmp(argv[1], "set") == 0) {
        if (guarantee == NULL && limit == NULL) {
            (void)error_set(&err, ERR_INVALID, "quota set %s: give --guarantee, --limit or both; they replace what is there",
                            argv[2]);
            return cli_fail(&err);
        }
        r = quota_update(master, argv[2], guarantee, limit, force != NULL, &err);
        if (r == 0)
            printf("quota of %s is set\n", argv[2]);
    } else if (count == 2 && strcmp(argv[1], "remove") == 0) {
        r = quota_update(master, argv[2], NULL, NULL, force != NULL, &err);
        if (r == 0)
            printf("quota of %s is removed\n", argv[2]);
    } else {
        return cli_usage(quota_usage);
    }
    return cli_end(r, &err);
}

/* --- weights --- */

static int weights_list(const char *master, struct error *err)
{
    static const char *const names[] = { "ROLE", "WEIGHT" };
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct cli_table t = { .columns = 2 };
    const cJSON *w;
    int r = v1_call(master, v1_new("GET_WEIGHTS", NULL, NULL), &j, err);

    if (r != 0)
        return r;
    cli_table_head(&t, names);
    cJSON_ArrayForEach(w, json_get(json_get(j, "get_weights"), "weight_infos"))
    {
        cli_table_add(&t, str_of(json_text(w, "role")));
        cli_table_fmt(&t, "%.15g", json_number(w, "weight"));
    }
    cli_table_print(&t);
    cli_table_done(&t);
    return 0;
}

static int weights_set(const char *master, const char *role, const char *text, struct error *err)
{
    struct str rest = str_of(text);
    double weight;
    cJSON *call, *sub, *info;

    if (!str_double(&rest, &weight) || rest.n != 0 || !(weight > 0))
        return error_set(err, ERR_INVALID, "weight \"%s\" of role %s: use a number over 0 (1 is what a role has by itself)", text,
                         role);
    call = v1_new("UPDATE_WEIGHTS", "update_weights", &sub);
    info = cJSON_CreateObject();
    (void)cJSON_AddItemToArray(cJSON_AddArrayToObject(sub, "weight_infos"), info);
    (void)cJSON_AddStringToObject(info, "role", role);
    (void)cJSON_AddNumberToObject(info, "weight", weight);
    return v1_call(master, call, NULL, err);
}

int weights_main(int argc, char **argv)
{
    const char *master = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "json", 0, &json, true, "for list: the master's answer as it is" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    int count, r;

    if (cli_options(argc, argv, weights_usage, options, &count, &err) != 0)
        return cli_fail(&err);
    master = cli_master_address(master);
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        r = json != NULL ? json_show(master, "/weights", &err) : weights_list(master, &err);
    } else if (count == 3 && strcmp(argv[1], "set") == 0) {
        r = weights_set(master, argv[2], argv[3], &err);
        if (r == 0)
            printf("weight of %s is %s\n", argv[2], argv[3]);
    } else {
        return cli_usage(weights_usage);
    }
    return cli_end(r, &err);
}
