/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking request over the HTTP client: a loop of its own that runs until the answer is there. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/base/cleanup.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"
#include "common/io/tls.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, ERROR_BODY_MAX = 64 * 1024, REDIRECTS_MAX = 3, CALL_TIMEOUT_MS = 10000, LOCATION_MAX = 4096 };

struct request {
    struct loop *loop;
    struct cli_response *response;
    struct error *err;
    char location[LOCATION_MAX]; /* of a redirect */
    FILE *out;                   /* of a download: gets the body of a good answer as it comes */
    bool out_failed;
    unsigned status;
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

static void on_head(void *arg, struct http_call *c, const struct http_answer *a)
{
    struct request *q = arg;

    (void)c;
    q->status = a->status;
}

static void on_body(void *arg, struct http_call *c, struct str bytes)
{
    struct request *q = arg;

    (void)c;
    if (q->status != 200)
        sbuf_str(&q->response->body, bytes);
    else if (fwrite(bytes.p, 1, bytes.n, q->out) != bytes.n)
        q->out_failed = true;
}

int cli_target(struct http_call_params *p, struct str address, struct error *err)
{
    static bool tls; /* as the last address that named a scheme: redirects and the pids of agents name none */
    struct str rest, host;
    uint64_t port;

    if (str_skip(&address, STR("https:")))
        tls = true;
    else if (str_skip(&address, STR("http:")))
        tls = false;
    (void)str_skip(&address, STR("//"));
    address = str_sub(address, 0, str_index(address, '/'));
    p->flags = tls ? p->flags | HTTP_CALL_TLS : p->flags & ~(uint32_t)HTTP_CALL_TLS;
    p->addr = (struct net_addr){ .family = NET_NONE };
    p->host = address;
    if (net_parse(address, &p->addr)) {
        while (p->host.n > 0 && p->host.p[--p->host.n] != ':')
            ;
        p->port = p->addr.port;
        return 0;
    }
    rest = address;
    if (!str_cut(&rest, ':', &host) || host.n == 0 || !str_u64(&rest, 65535, &port) || rest.n != 0)
        return error_set(err, ERR_INVALID, "\"%.*s\" is no address; use HOST:PORT", STR_ARG(address));
    p->host = host;
    p->port = (uint16_t)port;
    return 0;
}

int cli_client(struct http_client **ret, struct loop *loop, struct error *err)
{
    static struct ssl_ctx_st *tls; /* one for all, until the program ends */
    struct tls_config c = { .enabled = true };
    struct http_client_options o = { .tls = tls };
    int rc = 0;

    if (tls == NULL) {
        rc = tls_config_complete(&c, false, err);
        if (rc == 0)
            rc = tls_client_context(&c, &tls, err);
        o.tls = tls;
    }
    return rc == 0 ? http_client_new(ret, loop, &o, err) : rc;
}

static int once(struct request *q, struct http_call_params *p, struct error *err)
{
    struct http_client *client = NULL;
    int r = loop_new(&q->loop, NULL, err);

    if (r == 0)
        r = cli_client(&client, q->loop, err);
    if (r == 0) {
        (void)http_client_call(client, p);
        r = loop_run(q->loop, err);
    }
    http_client_free(client);
    loop_free(q->loop);
    return r != 0 ? r : q->result;
}

/* That nobody listens is told with the way out; everything else keeps its text. */
static int unreachable(struct error *err, const char *at, int code)
{
    static const char begin[] = "connecting to ";
    char why[sizeof err->msg];
    const char *reason;

    if (err == NULL)
        return code;
    if (strncmp(err->msg, begin, sizeof begin - 1) != 0)
        return error_wrap(err, "%s", at);
    reason = strrchr(err->msg, ':');
    (void)snprintf(why, sizeof why, "%s", reason != NULL ? reason + 2 : err->msg);
    return error_set(err, err->code, "nothing answers at %s (%s); say where the servers are: --master, --marathon, or STOA_MASTER, STOA_MARATHON", at, why);
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

    (void)snprintf(at, sizeof at, "%s", address);
    for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
        int r = cli_target(&p, str_of(at), err);

        ret->body = SBUF_INIT(ANSWER_MAX);
        if (r == 0)
            r = once(&q, &p, err);
        if (r != 0)
            return unreachable(err, at, r);
        if (ret->status != 307 && ret->status != 302)
            return 0;
        (void)snprintf(at, sizeof at, "%s", q.location);
        sbuf_done(&ret->body);
    }
    return error_set(err, ERR_PROTOCOL, "%s: more than %d redirects; the servers do not agree who leads", address,
                     REDIRECTS_MAX);
}

int cli_status_error(struct error *err, const char *address, int status, struct str body)
{
    body = str_trim(str_sub(body, 0, 180));
    if (body.n == 0)
        return error_set(err, ERR_PROTOCOL, "%s answered with status %d", address, status);
    return error_set(err, status == 404 ? ERR_NOT_FOUND : ERR_PROTOCOL, "%.*s (status %d)", STR_ARG(body), status);
}

int cli_download(const char *address, const char *path, FILE *out, struct error *err)
{
    struct cli_response answer = { .body = SBUF_INIT(ERROR_BODY_MAX) };
    struct request q = { .response = &answer, .err = err, .out = out };
    struct http_call_params p = {
        .method = "GET", .target = str_of(path), .arg = &q, .on_head = on_head, .on_body = on_body, .on_done = on_done,
    };
    int r = cli_target(&p, str_of(address), err);

    if (r == 0)
        r = once(&q, &p, err);
    if (r != 0)
        r = error_wrap(err, "%s", address);
    else if (answer.status != 200)
        r = cli_status_error(err, address, answer.status, sbuf_view(&answer.body));
    else if (q.out_failed || fflush(out) != 0)
        r = error_set_errno(err, errno, "writing");
    cli_response_done(&answer);
    return r;
}

void cli_response_done(struct cli_response *r)
{
    sbuf_done(&r->body);
}

/* Marathon's codes for fields, in words. */
static const char *in_words(const char *code)
{
    static const char *const words[][2] = {
        { "error.path.missing", "is missing" },
        { "error.path.empty", "is empty" },
        { "error.pattern", "has characters that are not allowed here" },
        { "error.min", "is too small" },
        { "error.max", "is too large" },
        { "error.minLength", "is too short" },
        { "error.maxLength", "is too long" },
        { "error.expected.int", "must be a whole number" },
        { "error.expected.jsnumber", "must be a number" },
        { "error.expected.jsstring", "must be text" },
        { "error.expected.jsboolean", "must be true or false" },
        { "error.expected.jsarray", "must be a list" },
        { "error.expected.jsobject", "must be an object" },
        { "error.unknown.enum.literal", "is none of the values that are known" },
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(code, words[i][0]) == 0)
            return words[i][1];
    return code;
}

/* A message with the fields that it is about (Marathon's details), or with the deployments that hold its target. */
static int refused(const cJSON *answer, const char *message, int status, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096); /* an error is cut below that anyway */
    const cJSON *detail, *text, *held = json_get(answer, "deployments");

    cJSON_ArrayForEach(detail, json_get(answer, "details"))
        cJSON_ArrayForEach(text, json_get(detail, "errors"))
            if (cJSON_IsString(text))
                sbuf_fmt(&b, "%s%s: %s", b.n == 0 ? ": " : "; ", json_text(detail, "path"), in_words(text->valuestring));
    if (status == 409 && cJSON_GetArraySize(held) > 0)
        return error_set(err, ERR_CONFLICT, "deployment %s holds it (status 409); wait until it is over, or use --force", json_text(cJSON_GetArrayItem(held, 0), "id"));
    if (b.n != 0 && strcmp(message, "Invalid JSON") == 0)
        message = "fields are not right";
    return error_set(err, status == 404 ? ERR_NOT_FOUND : ERR_PROTOCOL, "%s (status %d)%.*s", message, status, STR_ARG(sbuf_view(&b)));
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
        r = refused(j, message, ret->status, err);
    else
        r = error_set(err, ERR_PROTOCOL, "%s %s%s: status %d %.*s", method, address, path, ret->status,
                      STR_ARG(str_sub(sbuf_view(&ret->body), 0, 150)));
    cli_response_done(ret);
    return r;
}
