/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa drain`, `stoa deactivate`, `stoa reactivate` and `stoa gone`: agents out of and into service. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"
#include "common/base/time.h"

enum { WAIT_PAUSE_MS = 300 };

struct agent_command {
    const char *usage;
    const char *type, *key;
    const char *said; /* after success, behind the id */
};

static int send_call(const struct agent_command *c, const char *master, const char *text, cJSON *call, cJSON *sub,
                     struct v1_agent *ret_agent, struct error *err)
{
    int r = v1_agent_find(master, text, ret_agent, err);

    if (r != 0) {
        cJSON_Delete(call);
        return r;
    }
    v1_add_id(sub, "agent_id", ret_agent->id);
    r = v1_call(master, call, NULL, err);
    if (r == 0)
        printf("agent %s %s\n", ret_agent->id, c->said);
    return r;
}

static int simple(int argc, char **argv, const struct agent_command *c)
{
    const char *master = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { NULL, 0, NULL, false, NULL },
    };
    struct v1_agent agent;
    struct error err = { 0 };
    cJSON *call, *sub;
    int count;

    if (cli_options(argc, argv, c->usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1)
        return cli_usage(c->usage);
    call = v1_new(c->type, c->key, &sub);
    return cli_end(send_call(c, cli_master_address(master), argv[1], call, sub, &agent, &err), &err);
}

int deactivate_main(int argc, char **argv)
{
    static const struct agent_command c = { "stoa deactivate AGENT", "DEACTIVATE_AGENT", "deactivate_agent",
                                            "gets no new tasks; those it has go on" };
    return simple(argc, argv, &c);
}

int reactivate_main(int argc, char **argv)
{
    static const struct agent_command c = { "stoa reactivate AGENT", "REACTIVATE_AGENT", "reactivate_agent",
                                            "is in service again" };
    return simple(argc, argv, &c);
}

int gone_main(int argc, char **argv)
{
    static const struct agent_command c = { "stoa gone AGENT", "MARK_AGENT_GONE", "mark_agent_gone",
                                            "is gone: it is never admitted again, its tasks count as ended" };
    return simple(argc, argv, &c);
}

/* Until the agent is DRAINED, or is gone from the list because it was marked gone. */
static int wait_drained(const char *master, const char *id, struct error *err)
{
    for (;;) {
        CLEANUP(json_free_p) cJSON *j = NULL;
        const cJSON *agent, *found = NULL;
        int r = v1_call(master, v1_new("GET_AGENTS", NULL, NULL), &j, err);

        if (r != 0)
            return r;
        cJSON_ArrayForEach(agent, json_get(json_get(j, "get_agents"), "agents"))
        {
            if (strcmp(json_text(json_get(json_get(agent, "agent_info"), "id"), "value"), id) == 0)
                found = agent;
        }
        if (found == NULL || strcmp(json_text(json_get(found, "drain_info"), "state"), "DRAINED") == 0)
            return 0;
        if (json_get(found, "drain_info") == NULL)
            return error_set(err, ERR_CONFLICT, "agent %s is no longer draining: somebody reactivated it", id);
        (void)nanosleep(&(struct timespec){ 0, WAIT_PAUSE_MS * 1000000 }, NULL);
    }
}

int drain_main(int argc, char **argv)
{
    static const struct agent_command c = { "stoa drain AGENT [options]", "DRAIN_AGENT", "drain_agent",
                                            "is draining: no new tasks, those it has are being killed" };
    const char *master = NULL, *grace = NULL, *gone = NULL, *wait = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "grace", 'g', &grace, false, "the longest time a task gets to end, as in 10mins (the task's own)" },
        { "mark-gone", 0, &gone, true, "mark the agent gone when it is empty: it never comes back" },
        { "wait", 'w', &wait, true, "return when the agent is empty" },
        { NULL, 0, NULL, false, NULL },
    };
    struct v1_agent agent;
    struct error err = { 0 };
    cJSON *call, *sub, *duration;
    int64_t ns = 0;
    int count, r;

    if (cli_options(argc, argv, c.usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1)
        return cli_usage("stoa drain AGENT [--grace=10mins] [--mark-gone] [--wait]");
    if (grace != NULL && !duration_parse(str_of(grace), &ns)) {
        (void)error_set(&err, ERR_INVALID, "--grace=%s is no duration; use a number and one of ns us ms secs mins hrs days weeks",
                        grace);
        return cli_fail(&err);
    }
    call = v1_new(c.type, c.key, &sub);
    if (grace != NULL) {
        duration = cJSON_AddObjectToObject(sub, "max_grace_period");
        (void)cJSON_AddNumberToObject(duration, "seconds", (double)(ns / NS_PER_S));
        (void)cJSON_AddNumberToObject(duration, "nanos", (double)(ns % NS_PER_S));
    }
    if (gone != NULL)
        (void)cJSON_AddTrueToObject(sub, "mark_gone");
    r = send_call(&c, cli_master_address(master), argv[1], call, sub, &agent, &err);
    if (r == 0 && wait != NULL) {
        (void)fflush(stdout);
        r = wait_drained(cli_master_address(master), agent.id, &err);
        if (r == 0)
            printf("agent %s is drained\n", agent.id);
    }
    return cli_end(r, &err);
}
