/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa api CALL`: any call of the v1 operator API, on the master or on an agent. The answer is printed as it came: it is
 * never read as numbers and written again, which would cut 64-bit values. */
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/cleanup.h"
#include "proto/mesos_v1_agent.pb-c.h"
#include "proto/mesos_v1_master.pb-c.h"

enum { BODY_MAX = 64 * 1024 * 1024, NAME_MAX_BYTES = 64 };

static const char usage[] = "stoa api CALL [--agent=AGENT] [--body=JSON] | stoa api --list [--agent=...]";

static const ProtobufCEnumDescriptor *call_types(bool is_agent)
{
    return is_agent ? &mesos__v1__agent__call__type__descriptor : &mesos__v1__master__call__type__descriptor;
}

static void list_calls(const ProtobufCEnumDescriptor *types)
{
    for (unsigned i = 0; i < types->n_values; i++)
        if (types->values[i].value != 0) /* UNKNOWN */
            printf("%s\n", types->values[i].name);
}

/* "get-health" and "get_health" are GET_HEALTH. */
static int call_name(const char *text, bool is_agent, char name[NAME_MAX_BYTES], struct error *err)
{
    size_t n = 0;

    for (; text[n] != 0 && n < NAME_MAX_BYTES - 1; n++)
        name[n] = (char)(text[n] >= 'a' && text[n] <= 'z' ? text[n] - 'a' + 'A' : text[n] == '-' ? '_' : text[n]);
    name[n] = 0;
    if (protobuf_c_enum_descriptor_get_value_by_name(call_types(is_agent), name) != NULL)
        return 0;
    if (protobuf_c_enum_descriptor_get_value_by_name(call_types(!is_agent), name) != NULL)
        return error_set(err, ERR_INVALID, is_agent ? "%s is a call of the master; leave out --agent"
                                                    : "%s is a call of an agent; say which: --agent=AGENT", name);
    return error_set(err, ERR_INVALID, "there is no call %s; `stoa api --list%s` lists them", name,
                     is_agent ? " --agent=any" : "");
}

/* The whole call of a body that is the whole call, has the member named after the call, or is that member. The text is
 * put together, not parsed and printed, for the sake of 64-bit numbers. */
static int make_body(const char *name, struct str given, struct sbuf *b, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf terminated = SBUF_INIT(BODY_MAX + 1);
    CLEANUP(json_free_p) cJSON *j = NULL;
    char key[NAME_MAX_BYTES];
    size_t n = 0;

    for (; name[n] != 0; n++)
        key[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
    key[n] = 0;
    given = str_trim(given);
    if (given.n == 0) {
        sbuf_fmt(b, "{\"type\":\"%s\"}", name);
        return 0;
    }
    sbuf_str(&terminated, given);
    sbuf_char(&terminated, 0);
    j = sbuf_ok(&terminated) ? cJSON_ParseWithLengthOpts(terminated.p, terminated.n, NULL, 1) : NULL;
    if (!cJSON_IsObject(j))
        return error_set(err, ERR_INVALID, "--body is no JSON object");
    if (json_get(j, "type") != NULL && json_get(j, key) != NULL && strcmp(json_text(j, "type"), name) != 0)
        return error_set(err, ERR_INVALID, "the body is a %s, not a %s", json_text(j, "type"), name);
    if (strcmp(json_text(j, "type"), name) == 0)
        sbuf_str(b, given);
    else if (json_get(j, key) != NULL)
        sbuf_fmt(b, "{\"type\":\"%s\",%.*s", name, STR_ARG(str_sub(given, 1, given.n)));
    else
        sbuf_fmt(b, "{\"type\":\"%s\",\"%s\":%.*s}", name, key, STR_ARG(given));
    return sbuf_ok(b) ? 0 : error_set(err, ERR_LIMIT, "--body is larger than %d bytes", BODY_MAX);
}

static bool print_record(void *arg, struct str record)
{
    (void)arg;
    printf("%.*s\n", STR_ARG(record));
    return fflush(stdout) == 0; /* nobody reads any more: enough */
}

static bool streams(const char *name)
{
    return strcmp(name, "SUBSCRIBE") == 0 || strcmp(name, "LAUNCH_NESTED_CONTAINER_SESSION") == 0 ||
           strcmp(name, "ATTACH_CONTAINER_OUTPUT") == 0;
}

static int call(const char *address, const char *name, bool is_agent, struct str body, struct error *err)
{
    struct cli_response r = { 0 };
    int rc;

    if (streams(name))
        return v1_stream(address, body, is_agent, print_record, NULL, err);
    /* Waiting for a container takes as long as the container runs. */
    rc = cli_http("POST", address, "/api/v1", body, "application/json", strncmp(name, "WAIT_", 5) == 0 ? -1 : 30000, &r, err);
    if (rc != 0)
        return rc;
    if (r.status >= 400)
        rc = cli_status_error(err, address, r.status, sbuf_view(&r.body));
    else if (r.body.n != 0)
        printf("%.*s\n", STR_ARG(sbuf_view(&r.body)));
    cli_response_done(&r);
    return rc;
}

int api_main(int argc, char **argv)
{
    const char *master = NULL, *agent = NULL, *body = NULL, *list = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "agent", 'a', &agent, false, "ask this agent: its id, a part of it, its hostname, or host:port" },
        { "body", 'b', &body, false, "the call's content as JSON, with or without its envelope; - reads standard input" },
        { "list", 'l', &list, true, "the calls of the master, with --agent=any those of an agent" },
        { NULL, 0, NULL, false, NULL },
    };
    CLEANUP(sbuf_done_p) struct sbuf given = SBUF_INIT(BODY_MAX), whole = SBUF_INIT(BODY_MAX);
    struct v1_agent a = { .address = "" };
    struct error err = { 0 };
    char name[NAME_MAX_BYTES];
    int count, r;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (list != NULL) {
        list_calls(call_types(agent != NULL));
        return CLI_OK;
    }
    if (count != 1)
        return cli_usage(usage);
    r = call_name(argv[1], agent != NULL, name, &err);
    if (r == 0 && body != NULL && strcmp(body, "-") == 0)
        r = cli_read_file("-", &given, &err);
    else if (body != NULL)
        sbuf_c(&given, body);
    if (r == 0)
        r = make_body(name, sbuf_view(&given), &whole, &err);
    /* An address is used as it is: an agent can be asked although its master is gone. */
    if (r == 0 && agent != NULL && strchr(agent, ':') != NULL)
        (void)snprintf(a.address, sizeof a.address, "%s", agent);
    else if (r == 0 && agent != NULL)
        r = v1_agent_find(cli_master_address(master), agent, &a, &err);
    if (r == 0 && agent != NULL && a.address[0] == '\0')
        r = error_set(&err, ERR_UNAVAILABLE, "agent %s has not come back since the master began to lead", a.id);
    if (r == 0)
        r = call(agent != NULL ? a.address : cli_master_address(master), name, agent != NULL, sbuf_view(&whole), &err);
    return cli_end(r, &err);
}
