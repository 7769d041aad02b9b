/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/v1.h"

#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/sandbox.h"
#include "common/base/cleanup.h"
#include "common/io/loop.h"
#include "common/wire/recordio.h"

enum { REDIRECTS_MAX = 3, ERROR_BODY_MAX = 64 * 1024, CALL_TIMEOUT_MS = 30000 };

cJSON *v1_new(const char *type, const char *key, cJSON **ret_sub)
{
    cJSON *call = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(call, "type", type);
    if (key != NULL)
        *ret_sub = cJSON_AddObjectToObject(call, key);
    return call;
}

void v1_add_id(cJSON *object, const char *key, const char *value)
{
    (void)cJSON_AddStringToObject(cJSON_AddObjectToObject(object, key), "value", value);
}

int v1_call(const char *address, cJSON *call, cJSON **ret, struct error *err)
{
    struct cli_response r = { 0 };
    char *text = cJSON_PrintUnformatted(call);
    int rc;

    cJSON_Delete(call);
    if (text == NULL)
        return error_set(err, ERR_NOMEM, "out of memory");
    rc = cli_http("POST", address, "/api/v1", str_of(text), "application/json", CALL_TIMEOUT_MS, &r, err);
    cJSON_free(text);
    if (rc != 0)
        return rc;
    if (r.status >= 400)
        rc = cli_status_error(err, address, r.status, sbuf_view(&r.body));
    else if (ret != NULL)
        *ret = r.body.n == 0 ? NULL : cJSON_ParseWithLengthOpts(r.body.p, r.body.n + 1, NULL, 1);
    cli_response_done(&r);
    return rc;
}

/* --- streams --- */

struct stream {
    struct loop *loop;
    struct recordio reader;
    struct sbuf refusal; /* the body of an answer that is none of ours */
    bool (*on_record)(void *arg, struct str record);
    void *arg;
    struct error *err;
    unsigned status;
    char location[V1_ADDRESS_MAX];
    bool stopped;
    int result;
};

static void on_head(void *arg, struct http_call *c, const struct http_answer *a)
{
    struct stream *s = arg;

    (void)c;
    s->status = a->status;
    (void)snprintf(s->location, sizeof s->location, "%.*s", STR_ARG(http_answer_header(a, "Location")));
}

static void on_body(void *arg, struct http_call *c, struct str bytes)
{
    struct stream *s = arg;
    struct str record;
    int r;

    (void)c;
    if (s->stopped)
        return;
    if (s->status != 200) {
        if (s->refusal.n + bytes.n <= ERROR_BODY_MAX)
            sbuf_str(&s->refusal, bytes);
        return;
    }
    while ((r = recordio_next(&s->reader, &bytes, &record, s->err)) == 1 && s->on_record(s->arg, record))
        ;
    if (r == 0)
        return;
    s->stopped = true;
    s->result = r < 0 ? r : 0;
    loop_stop(s->loop);
}

static void on_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct stream *s = arg;

    (void)c;
    (void)a;
    if (!s->stopped && err != NULL)
        s->result = error_set(s->err, err->code, "%s", err->msg);
    loop_stop(s->loop);
}

static int stream_once(struct stream *s, const char *at, struct str body, bool is_agent, struct error *err)
{
    /* The agent's streams are RecordIO of JSON by name; the master's go by the type of their records. */
    const struct http_header headers[] = { { "Accept", is_agent ? STR("application/recordio") : STR("application/json") },
                                           { "Message-Accept", STR("application/json") } };
    struct http_call_params p = {
        .method = "POST", .target = STR("/api/v1"), .content_type = "application/json", .body = body, .headers = headers,
        .header_count = is_agent ? 2 : 1, .answer_timeout_ns = -1, .stall_timeout_ns = -1, .arg = s, .on_head = on_head,
        .on_body = on_body, .on_done = on_done,
    };
    struct http_client *client = NULL;
    int r = cli_target(&p, str_of(at), err);

    s->status = 0;
    if (r == 0)
        r = loop_new(&s->loop, NULL, err);
    if (r != 0)
        return r;
    r = cli_client(&client, s->loop, err);
    if (r == 0) {
        (void)http_client_call(client, &p);
        r = loop_run(s->loop, err);
    }
    http_client_free(client);
    loop_free(s->loop);
    return r != 0 ? r : s->result;
}

int v1_stream(const char *address, struct str body, bool is_agent, bool (*on_record)(void *arg, struct str record),
              void *arg, struct error *err)
{
    struct stream s = { .on_record = on_record, .arg = arg, .err = err, .refusal = SBUF_INIT(ERROR_BODY_MAX) };
    char at[V1_ADDRESS_MAX];
    int r, hops = 0;

    recordio_init(&s.reader, V1_RECORD_MAX);
    (void)snprintf(at, sizeof at, "%s", address);
    for (;;) {
        struct str rest, host;

        r = stream_once(&s, at, body, is_agent, err);
        if (r != 0 || s.status != 307 || hops++ == REDIRECTS_MAX)
            break;
        rest = str_of(s.location);
        (void)str_skip(&rest, STR("http:"));
        (void)str_skip(&rest, STR("//"));
        host = str_sub(rest, 0, str_index(rest, '/'));
        (void)snprintf(at, sizeof at, "%.*s", STR_ARG(host));
        sbuf_clear(&s.refusal);
    }
    if (r == 0 && s.status != 200)
        r = cli_status_error(err, at, (int)s.status, sbuf_view(&s.refusal));
    recordio_done(&s.reader);
    sbuf_done(&s.refusal);
    return r;
}

/* --- names --- */

/* ADDRESS of "slave(1)@ADDRESS"; empty of one that has not come back since the master began to lead. */
static struct str agent_address(const cJSON *slave)
{
    struct str pid = str_of(json_text(slave, "pid")), id;

    (void)str_cut(&pid, '@', &id);
    return pid;
}

static void agent_set(struct v1_agent *a, const cJSON *slave)
{
    (void)snprintf(a->id, sizeof a->id, "%s", json_text(slave, "id"));
    (void)snprintf(a->address, sizeof a->address, "%.*s", STR_ARG(agent_address(slave)));
}

struct agent_search {
    struct str want;
    unsigned count, ends;
    const cJSON *named, *found, *ending;
};

static void agent_search(struct agent_search *s, const cJSON *slaves)
{
    const cJSON *slave;

    cJSON_ArrayForEach(slave, slaves)
    {
        struct str id = str_of(json_text(slave, "id"));

        if (s->want.n == 0)
            continue;
        if (str_eq(id, s->want) || str_eq(agent_address(slave), s->want))
            s->named = slave;
        if (!(str_contains(id, s->want) || str_is(s->want, json_text(slave, "hostname"))))
            continue;
        if (str_ends(id, s->want) && s->ends++ == 0)
            s->ending = slave;
        s->found = slave;
        s->count++;
    }
}

int v1_agent_find(const char *master, const char *text, struct v1_agent *ret, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct agent_search s = { .want = str_of(text) };
    int r = json_fetch(master, "/slaves", &j, err);

    if (r != 0)
        return r;
    agent_search(&s, json_get(j, "slaves"));
    agent_search(&s, json_get(j, "recovered_slaves"));
    if (s.named == NULL) /* "S1" means the agent ...-S1 although there is a ...-S10 */
        s.named = s.ends == 1 ? s.ending : s.count == 1 ? s.found : NULL;
    if (s.named != NULL) {
        agent_set(ret, s.named);
        return 0;
    }
    return error_set(err, ERR_NOT_FOUND, s.count == 0 ? "there is no agent \"%s\"; `stoa agents` lists them"
                                                      : "several agents match \"%s\"; give the whole id",
                     text);
}

int v1_container_find(const char *master, const char *task_text, struct v1_agent *ret_agent, cJSON **ret_container,
                      struct error *err)
{
    CLEANUP(json_free_p) cJSON *tasks = NULL;
    const cJSON *task, *container;
    int r = json_fetch(master, "/tasks?limit=-1", &tasks, err);

    if (r != 0)
        return r;
    task = task_find(json_get(tasks, "tasks"), task_text, err);
    if (task == NULL)
        return -(int)ERR_NOT_FOUND;
    container = task_container(task);
    if (container == NULL)
        return error_set(err, ERR_NOT_FOUND, "task %s is %s and has no container", json_text(task, "id"),
                         json_text(task, "state"));
    r = v1_agent_find(master, json_text(task, "slave_id"), ret_agent, err);
    if (r == 0)
        *ret_container = cJSON_Duplicate(container, 1);
    return r;
}
