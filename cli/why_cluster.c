/* SPDX-License-Identifier: Apache-2.0 */
/* What the master adds to `stoa why`: marathon knows its own apps and the offers that reach it, the master knows everybody's tasks and
 * reservations, the quota of the role, and why an agent is not offered at all. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/why.h"
#include "common/base/cleanup.h"

enum { PATH_MAX_BYTES = 4096, AGENTS_SHOWN_MAX = 16 };

/* --- an agent that has too little --- */

/* What the agent itself says of all frameworks on it: marathon knows its own apps only. */
static void holders_print(const cJSON *agent_state)
{
    const cJSON *f, *e;

    cJSON_ArrayForEach(f, json_get(agent_state, "frameworks"))
    {
        double cpus = 0, mem = 0;

        cJSON_ArrayForEach(e, json_get(f, "executors"))
        {
            cpus += json_number(json_get(e, "resources"), "cpus");
            mem += json_number(json_get(e, "resources"), "mem");
        }
        printf("  agent %s: framework %s (%s) uses %g cpus, %g MB\n", json_text(agent_state, "hostname"), json_text(f, "name"),
               json_text(f, "id"), cpus, mem);
    }
}

static void reserved_print(const cJSON *slave, const char *role)
{
    const cJSON *r;

    cJSON_ArrayForEach(r, json_get(slave, "reserved_resources"))
    {
        if (strcmp(r->string, role) != 0)
            printf("  agent %s: %g cpus, %g MB are reserved for role %s\n", json_text(slave, "hostname"), json_number(r, "cpus"),
                   json_number(r, "mem"), r->string);
    }
}

/* False when the master does not answer. */
static bool lack_print(const char *master, const cJSON *agent, const char *role)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    CLEANUP(json_free_p) cJSON *slaves = NULL;
    CLEANUP(json_free_p) cJSON *state = NULL;
    const cJSON *slave;
    const char *at;
    struct error err;

    sbuf_fmt(&path, "/slaves?slave_id=%s", json_text(agent, "agentId"));
    if (json_fetch(master, path.p, &slaves, &err) != 0)
        return false;
    slave = cJSON_GetArrayItem(json_get(slaves, "slaves"), 0);
    if (strcmp(json_text(agent, "reason"), "InsufficientPorts") == 0) {
        const char *used = json_text(json_get(slave, "used_resources"), "ports");

        printf("  agent %s has ports %s; in use are %s\n", json_text(agent, "hostname"),
               json_text(json_get(slave, "resources"), "ports"), used[0] != 0 ? used : "none");
        return true;
    }
    reserved_print(slave, role);
    at = strchr(json_text(slave, "pid"), '@');
    if (at != NULL && json_fetch(at + 1, "/state", &state, &err) == 0)
        holders_print(state);
    return true;
}

/* --- the role and its quota --- */

static void limit_print(const char *role, const char *name, const char *unit, const cJSON *quota)
{
    const cJSON *limit = json_get(json_get(quota, "limit"), name);

    if (limit != NULL)
        printf("  role %s is limited to %g %s, of which %g are taken\n", role, cJSON_GetNumberValue(limit), unit,
               json_number(json_get(quota, "consumed"), name));
}

static void quota_print(const char *master, const char *role)
{
    CLEANUP(json_free_p) cJSON *roles = NULL;
    const cJSON *quota;
    struct error err;

    if (json_fetch(master, "/roles", &roles, &err) != 0)
        return;
    quota = json_get(json_find(json_get(roles, "roles"), "name", role), "quota");
    limit_print(role, "cpus", "cpus", quota);
    limit_print(role, "mem", "MB of mem", quota);
    limit_print(role, "disk", "MB of disk", quota);
    limit_print(role, "gpus", "gpus", quota);
}

/* --- agents that are not offered --- */

/* Which of the three it is that the allocator calls inactive. */
static const char *inactive_text(const cJSON *slaves, const cJSON *a)
{
    const cJSON *slave = json_find(json_get(slaves, "slaves"), "id", json_text(a, "agent_id"));

    if (slave == NULL)
        return json_text(a, "text");
    if (json_get(slave, "drain_info") != NULL)
        return "it is being drained (stoa reactivate AGENT takes that back)";
    if (cJSON_IsTrue(json_get(slave, "deactivated")))
        return "it is deactivated (stoa reactivate AGENT takes that back)";
    return "it is not connected to the master";
}

/* What the allocator says of each agent. That the framework has refused it is known already, by its reason, when an offer is listed. */
static void unoffered_print(const char *master, const cJSON *why, bool has_offers)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    CLEANUP(json_free_p) cJSON *answer = NULL;
    CLEANUP(json_free_p) cJSON *slaves = NULL;
    const cJSON *agents, *a;
    struct error err;
    int shown = 0;

    sbuf_fmt(&path, "/stoa/v1/why?framework_id=%s&role=%s", json_text(why, "frameworkId"), json_text(why, "role"));
    if (json_fetch(master, path.p, &answer, &err) != 0 || json_fetch(master, "/slaves", &slaves, &err) != 0)
        return;
    agents = json_get(answer, "agents");
    if (cJSON_GetArraySize(agents) == 0)
        printf("  the master at %s has no agent to offer (stoa agents)\n", master);
    cJSON_ArrayForEach(a, agents)
    {
        const char *reason = json_text(a, "reason");
        bool is_offered = strcmp(reason, "GRANTED") == 0 || strcmp(reason, "FILTERED") == 0;

        if ((is_offered && has_offers) || strcmp(reason, "GRANTED") == 0 || shown++ >= AGENTS_SHOWN_MAX)
            continue;
        printf("  the master does not offer agent %s to role %s: %s\n", json_text(a, "hostname"), json_text(why, "role"),
               strcmp(reason, "AGENT_INACTIVE") == 0 ? inactive_text(slaves, a) : json_text(a, "text"));
    }
    if (shown > AGENTS_SHOWN_MAX)
        printf("  and %d agents more\n", shown - AGENTS_SHOWN_MAX);
}

void why_cluster_print(const char *master, const cJSON *why)
{
    const cJSON *agents = json_get(why, "agents"), *agent;
    const char *role = json_text(why, "role");
    bool lacks = false;

    if (json_number(why, "waiting") <= 0)
        return;
    cJSON_ArrayForEach(agent, agents)
    {
        if (strncmp(json_text(agent, "reason"), "Insufficient", 12) != 0)
            continue;
        lacks = true;
        if (!lack_print(master, agent, role))
            return;
    }
    if (json_text(why, "delayedUntil")[0] != 0) /* it waits for its time, not for an offer */
        return;
    if (lacks || cJSON_GetArraySize(agents) == 0)
        quota_print(master, role);
    unoffered_print(master, why, cJSON_GetArraySize(agents) != 0);
}

/* --- agents that may come back --- */

void why_returning_print(const char *master, const char *marathon, const char *id)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX_BYTES);
    CLEANUP(json_free_p) cJSON *slaves = NULL;
    CLEANUP(json_free_p) cJSON *tasks = NULL;
    const cJSON *recovered, *agent, *task;
    struct error err;

    if (json_fetch(master, "/slaves", &slaves, &err) != 0)
        return;
    recovered = json_get(slaves, "recovered_slaves");
    sbuf_fmt(&path, "/v2/apps%s%s/tasks", id[0] == '/' ? "" : "/", id);
    if (cJSON_GetArraySize(recovered) == 0 || json_fetch(marathon, path.p, &tasks, &err) != 0)
        return;
    cJSON_ArrayForEach(agent, recovered)
    {
        int count = 0;

        cJSON_ArrayForEach(task, json_get(tasks, "tasks"))
            count += strcmp(json_text(task, "slaveId"), json_text(agent, "id")) == 0;
        if (count == 0)
            continue;
        printf("  %d of them on agent %s (%s), which has not come back since the master began to lead: they may be gone. The master waits "
               "for its --agent_reregister_timeout, then they are replaced; if the agent will not return: stoa gone %s\n",
               count, json_text(agent, "hostname"), json_text(agent, "id"), json_text(agent, "id"));
    }
}
