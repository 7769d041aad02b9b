/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking request over the HTTP client: a loop of its own that runs until the answer is there. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/base/cleanup.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, REDIRECTS_MAX = 3, CALL_TIMEOUT_MS = 10000, LOCATION_MAX = 4096 };

struct request {
    struct loop *loop;
    struct cli_response *response;
    struct error *err;
    char location[LOCATION_MAX]; /* of a redirect */
    int result;
};

static void on_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct request *q = arg;
    struct str location;

    (void)c;
    if (err != NULL) {
        q->result = error_set(q->err, err->code, "%s", err->msg);
    } else {
        q->response->status = (int)a->status;
        sbuf_str(&q->response->body, a->body);
        location = http_answer_header(a, "Location");
        (void)snprintf(q->location, sizeof q->location, "%.*s", STR_ARG(location));
    }
    loop_stop(q->loop);
}

/* host:port of "host:port", "http://host:port" or "//host:port/path"; *rest gets the path behind it, if any. */
static struct str host_port(const char *address, struct str *rest)
{
    struct str s = str_of(address), host;

    (void)str_skip(&s, STR("http:"));
    (void)str_skip(&s, STR("//"));
    host = str_sub(s, 0, str_index(s, '/'));
    *rest = str_sub(s, host.n, s.n);
    return host;
}

static int set_target(struct http_call_params *p, struct str address, struct error *err)
{
    struct str rest = address, host;
    uint64_t port;

    if (net_parse(address, &p->addr))
        return 0;
    if (!str_cut(&rest, ':', &host) || host.n == 0 || !str_u64(&rest, 65535, &port) || rest.n != 0)
        return error_set(err, ERR_INVALID, "\"%.*s\" is no address; use HOST:PORT", STR_ARG(address));
    p->host = host;
    p->port = (uint16_t)port;
    return 0;
}

static int once(struct request *q, struct http_call_params *p, struct error *err)
{
    struct http_client *client = NULL;
    int r = loop_new(&q->loop, NULL, err);

    if (r == 0)
        r = http_client_new(&client, q->loop, NULL, err);
    if (r == 0) {
        (void)http_client_call(client, p);
        r = loop_run(q->loop, err);
    }
    http_client_free(client);
    loop_free(q->loop);
    return r != 0 ? r : q->result;
}

int cli_http(const char *method, const char *address, const char *path, struct str body, const char *content_type,
             int timeout_ms, struct cli_response *ret, struct error *err)
{
    struct request q = { .response = ret, .err = err };
    struct http_call_params p = {
        .method = method, .content_type = content_type, .body = body, .target = str_of(path), .arg = &q,
        .answer_bytes_max = ANSWER_MAX, .answer_timeout_ns = (int64_t)timeout_ms * NS_PER_MS,
        .stall_timeout_ns = (int64_t)timeout_ms * NS_PER_MS, .on_done = on_done,
    };
    char at[LOCATION_MAX];
    struct str rest;

    (void)snprintf(at, sizeof at, "%s", address);
    for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
        int r = set_target(&p, host_port(at, &rest), err);

        ret->body = SBUF_INIT(ANSWER_MAX);
        if (r == 0)
            r = once(&q, &p, err);
        if (r != 0)
            return error_wrap(err, "%s", at);
        if (ret->status != 307 && ret->status != 302)
            return 0;
        (void)snprintf(at, sizeof at, "%s", q.location);
        sbuf_done(&ret->body);
    }
    return error_set(err, ERR_PROTOCOL, "%s: more than %d redirects; the servers do not agree who leads", address,
                     REDIRECTS_MAX);
}

void cli_response_done(struct cli_response *r)
{
    sbuf_done(&r->body);
}

int cli_call(const char *method, const char *address, const char *path, struct str body, struct cli_response *ret,
             struct error *err)
{
    int r = cli_http(method, address, path, body, body.n != 0 ? "application/json" : NULL, CALL_TIMEOUT_MS, ret, err);
    CLEANUP(json_free_p) cJSON *j = NULL;
    const char *message;

    if (r != 0 || ret->status < 400)
        return r;
    j = cJSON_ParseWithLengthOpts(ret->body.p != NULL ? ret->body.p : "", ret->body.n + 1, NULL, 1);
    message = json_text(j, "message");
    if (message[0] != 0)
        r = error_set(err, ERR_PROTOCOL, "%s (status %d)", message, ret->status);
    else
        r = error_set(err, ERR_PROTOCOL, "%s %s%s: status %d %.*s", method, address, path, ret->status,
                      STR_ARG(str_sub(sbuf_view(&ret->body), 0, 150)));
    cli_response_done(ret);
    return r;
}
