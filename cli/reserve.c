/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa reserve` and `stoa unreserve`: dynamic reservations of an agent's resources. RESOURCES is the text of the agent's
 * flag: cpus:4;mem:512;ports:[31000-31100]. */
#include <stdio.h>
#include <string.h>

#include "cli/v1.h"
#include "common/base/cleanup.h"
#include "common/model/resources.h"
#include "common/wire/convert.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_master.pb-c.h"

enum { RESOURCES_TEXT_MAX = 1 << 20 };

/* The resources as a JSON array of messages, unreserved. The caller owns it. */
static int resources_json(const char *text, cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(RESOURCES_TEXT_MAX), json = SBUF_INIT(RESOURCES_TEXT_MAX);
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct resources r = RESOURCES_INIT;
    int rc = convert_resources_flag(str_of(text), STR("*"), &r, err);

    if (rc != 0)
        return rc;
    if (resources_is_empty(&r))
        rc = error_set(err, ERR_INVALID, "\"%s\" is nothing; use for example cpus:4;mem:512;ports:[31000-31100]", text);
    for (uint32_t i = 0; rc == 0 && i < r.n; i++)
        if (r.v[i].reservations != NULL)
            rc = error_set(err, ERR_INVALID, "\"%s\": leave the role out of the resources, --role says it", text);
    if (rc == 0) {
        wire_put_resources(&bytes, 2, &r, RESOURCE_POST, true);
        if (json_from_wire(&json, &mesos__v1__master__call__reserve_resources__descriptor, sbuf_view(&bytes)))
            j = cJSON_ParseWithLength(json.p, json.n);
        *ret = j != NULL ? cJSON_DetachItemFromObjectCaseSensitive(j, "resources") : NULL;
        if (*ret == NULL)
            rc = error_set(err, ERR_INVALID, "\"%s\" cannot be said in JSON", text);
    }
    resources_done(&r);
    return rc;
}

static void add_reservation(cJSON *resource, const char *role, const char *principal)
{
    cJSON *list = cJSON_AddArrayToObject(resource, "reservations"), *reservation = cJSON_CreateObject();

    (void)cJSON_AddItemToArray(list, reservation);
    (void)cJSON_AddStringToObject(reservation, "type", "DYNAMIC");
    (void)cJSON_AddStringToObject(reservation, "role", role);
    if (principal != NULL)
        (void)cJSON_AddStringToObject(reservation, "principal", principal);
}

static int change(const char *type, const char *key, const char *usage, const char *said, int argc, char **argv)
{
    const char *master = NULL, *role = NULL, *principal = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "role", 'r', &role, false, "the role (required)" },
        { "principal", 'p', &principal, false, "the principal of the reservation, where there is authentication" },
        { NULL, 0, NULL, false, NULL },
    };
    struct v1_agent agent;
    struct error err = { 0 };
    cJSON *call, *sub, *list = NULL, *resource;
    int count, r;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 2 || role == NULL)
        return cli_usage(usage);
    r = resources_json(argv[2], &list, &err);
    if (r == 0)
        r = v1_agent_find(cli_master_address(master), argv[1], &agent, &err);
    if (r != 0) {
        cJSON_Delete(list);
        return cli_fail(&err);
    }
    cJSON_ArrayForEach(resource, list) add_reservation(resource, role, principal);
    call = v1_new(type, key, &sub);
    v1_add_id(sub, "agent_id", agent.id);
    (void)cJSON_AddItemToObject(sub, "resources", list);
    r = v1_call(cli_master_address(master), call, NULL, &err);
    if (r == 0)
        printf("%s of agent %s %s %s\n", argv[2], agent.id, said, role);
    return cli_end(r, &err);
}

int reserve_main(int argc, char **argv)
{
    return change("RESERVE_RESOURCES", "reserve_resources", "stoa reserve AGENT RESOURCES --role=ROLE [--principal=NAME]",
                  "is reserved for", argc, argv);
}

int unreserve_main(int argc, char **argv)
{
    return change("UNRESERVE_RESOURCES", "unreserve_resources",
                  "stoa unreserve AGENT RESOURCES --role=ROLE [--principal=NAME]", "is no longer reserved for", argc, argv);
}
