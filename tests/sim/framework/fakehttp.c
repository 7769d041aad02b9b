/* SPDX-License-Identifier: Apache-2.0 */
/* common/io/http_client.h as far as the SDK uses it, on connections of the simulated network. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/http_client.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/framework/fakeloop.h"
#include "tests/sim/framework/wiretap.h"

struct http_call {
    struct http_client *client;
    struct http_call_params params; /* callbacks and arg; texts are not kept */
    uint64_t link;
    bool cancelled;
    unsigned status; /* of the head */
    char *stream_id;
    struct net_addr peer;
    uint64_t serial;
    struct http_call *next;
};

struct http_client {
    struct loop *loop;
    struct http_call *calls; /* oldest first */
    uint64_t lane;           /* the pipelined connection of the newest lane */
    uint32_t lane_number;
    uint64_t serial;
    struct http_client *next;
};

int http_client_new(struct http_client **ret_client, struct loop *loop,
                    const struct http_client_options *options, struct error *err)
{
    struct http_client *c = xcalloc(1, sizeof *c);

    (void)options;
    (void)err;
    c->loop = loop;
    c->next = loop->clients;
    loop->clients = c;
    *ret_client = c;
    return 0;
}

static void call_free(struct http_call *call)
{
    struct http_call **at = &call->client->calls;

    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    free(call->stream_id);
    free(call);
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    struct http_client **at = &c->loop->clients;
    while (c->calls != NULL)
        call_free(c->calls);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    free(c);
}

static void finish(struct http_call *call, const struct http_answer *a, const struct error *err)
{
    if (!call->cancelled && call->params.on_done != NULL)
        call->params.on_done(call->params.arg, call, a, err);
    call_free(call);
}

static bool is_pipelined(const struct http_call *call)
{
    return (call->params.flags & HTTP_CALL_PIPELINE) != 0;
}

static struct http_call *call_by_serial(struct http_client *c, uint64_t serial)
{
    for (struct http_call *k = c->calls; k != NULL; k = k->next)
        if (k->serial == serial)
            return k;
    return NULL;
}

/* No answer's head in time. */
static void timed_out(struct sim *s, struct proc *p, void *arg, uint64_t serial)
{
    struct loop *l = fake_loop(p);
    struct error err;

    (void)s;
    (void)arg;
    fake_enter(p);
    for (struct http_client *c = l != NULL ? l->clients : NULL; c != NULL; c = c->next) {
        struct http_call *call = call_by_serial(c, serial);
        if (call == NULL || call->status != 0)
            continue;
        uint64_t n = call->link;
        struct link *k = link_find(p->sim, n);
        (void)error_set(&err, ERR_TIMEOUT, "no answer in time");
        if (is_pipelined(call) && k != NULL) { /* all behind it go with it */
            fake_closed(p, k);
            k = link_find(p->sim, n);
            if (k != NULL)
                link_close(k, p);
            return;
        }
        if (k != NULL)
            link_close(k, p);
        finish(call, &(struct http_answer){ .status = 0 }, &err);
        fake_turn(p);
        return;
    }
}

struct http_call *http_client_call(struct http_client *c, const struct http_call_params *params)
{
    struct http_call *call = xcalloc(1, sizeof *call), **end = &c->calls;
    struct proc *p = c->loop->p;
    char addr[NET_TEXT_SIZE];
    struct str id = { NULL, 0 };
    bool stream = (params->flags & HTTP_CALL_NEW_CONNECTION) != 0;

    call->client = c;
    call->params = *params;
    call->peer = params->addr;
    call->serial = ((uint64_t)(p->host) << 40) + ++c->serial;
    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    net_text(&params->addr, addr);
    for (size_t i = 0; i < params->header_count; i++)
        if (strcmp(params->headers[i].name, "Mesos-Stream-Id") == 0)
            id = params->headers[i].value;
    struct link *l = stream || c->lane_number != params->lane ? NULL : link_find(p->sim, c->lane);
    if (l == NULL || !l->end[0].open || l->end[0].p != p) {
        l = link_open(p, stream ? LINK_STREAM : LINK_CALLS, str_of(addr));
        ASSERT(l != NULL);
        if (!stream) {
            c->lane = l->n;
            c->lane_number = params->lane;
        }
    }
    call->link = l->n;
    char *name = id.n != 0 ? xstrndup(id) : NULL;
    bool json = params->content_type != NULL && strcmp(params->content_type, "application/json") == 0;
    link_send(l, p,
              &(struct packet){ .type = PACKET_REQUEST, .json = json, .name = name, .body = params->body });
    free(name);
    wiretap_call(p, params->body);
    int64_t timeout = params->answer_timeout_ns == 0 ? SEC(30) : params->answer_timeout_ns;
    if (timeout > 0)
        sim_after(p->sim, p, timeout, timed_out, NULL, call->serial);
    return call;
}

void http_call_cancel(struct http_call *call)
{
    struct proc *p = call->client->loop->p;
    struct link *l = link_find(p->sim, call->link);

    if (is_pipelined(call)) {
        call->cancelled = true; /* its answer is read and dropped */
        return;
    }
    if (l != NULL && p->alive)
        link_close(l, p);
    call_free(call);
}

void http_call_peer(const struct http_call *call, struct net_addr *ret_local, struct net_addr *ret_remote)
{
    *ret_local = (struct net_addr){ .family = NET_NONE };
    *ret_remote = call->peer;
}

struct str http_answer_header(const struct http_answer *a, const char *name)
{
    const char *wanted = a->status == 307 ? "Location" : "Mesos-Stream-Id";

    if (strcmp(name, wanted) == 0 && a->head != NULL)
        return str_of(a->head);
    return (struct str){ NULL, 0 };
}

static struct http_call *call_of_link(struct loop *l, uint64_t n)
{
    for (struct http_client *c = l->clients; c != NULL; c = c->next)
        for (struct http_call *k = c->calls; k != NULL; k = k->next)
            if (k->link == n)
                return k;
    return NULL;
}

static void give_body(struct http_call *call, struct str bytes)
{
    if (call->params.on_body != NULL)
        call->params.on_body(call->params.arg, call, bytes);
}

static void record(struct http_call *call, struct str body)
{
    struct sbuf b = SBUF_INIT(SIM_BYTES_MAX);

    sbuf_fmt(&b, "%zu\n", body.n);
    sbuf_str(&b, body);
    give_body(call, sbuf_view(&b));
    sbuf_done(&b);
}

static void head(struct http_call *call, unsigned status, const char *stream_id)
{
    call->status = status;
    call->stream_id = stream_id != NULL ? xstrdup(stream_id) : NULL;
    struct http_answer a = {
        .status = status, .is_chunked = true, .content_length = -1, .head = call->stream_id
    };
    if (call->params.on_head != NULL)
        call->params.on_head(call->params.arg, call, &a);
}

static void answered(struct loop *l, struct link *k, struct http_call *call, const struct packet *packet)
{
    struct http_answer a = { .status = packet->status, .body = packet->body };
    uint64_t n = k->n;

    if (!is_pipelined(call)) { /* the stream was refused */
        head(call, packet->status, packet->name);
        call = call_of_link(l, n);
        if (call != NULL && packet->body.n != 0)
            give_body(call, packet->body);
        call = call_of_link(l, n);
        if (call == NULL)
            return;
        struct link *again = link_find(l->p->sim, n);
        if (again != NULL)
            link_close(again, l->p);
    }
    finish(call, &a, NULL);
}

void fake_packet(struct proc *p, struct link *l, struct packet *k)
{
    fake_enter(p);
    struct loop *loop = fake_loop(p);
    struct http_call *call = loop != NULL ? call_of_link(loop, l->n) : NULL;

    if (call != NULL && k->type == PACKET_HEAD) {
        head(call, k->status, k->name);
    } else if (call != NULL && k->type == PACKET_RECORD) {
        wiretap_event(p, k->body);
        record(call, k->body);
    } else if (call != NULL && k->type == PACKET_ANSWER) {
        answered(loop, l, call, k);
    }
    fake_turn(p);
}

void fake_closed(struct proc *p, struct link *l)
{
    struct loop *loop = fake_loop(p);
    struct http_call *call;
    struct error err;
    uint64_t n = l->n;

    fake_enter(p);
    (void)error_set(&err, ERR_IO, "the connection is gone");
    for (struct http_client *c = loop != NULL ? loop->clients : NULL; c != NULL; c = c->next)
        if (c->lane == n)
            c->lane = 0;
    while (fake_loop(p) == loop && loop != NULL && (call = call_of_link(loop, n)) != NULL) {
        call->link = 0;
        finish(call, &(struct http_answer){ .status = call->status }, &err);
    }
    fake_turn(p);
}
