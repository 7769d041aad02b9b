/* SPDX-License-Identifier: Apache-2.0 */
/* Where the scripted master listens, and the standby in front of it that redirects. */
#include <stdio.h>

#include "cli/bench/bench.h"
#include "common/base/assert.h"

static void on_request(void *ctx, struct http_req *r)
{
    struct bench *b = ctx;
    struct str path = http_req_path(r);

    if (str_is(path, "/api/v1/scheduler") || str_is(path, "/master/api/v1/scheduler"))
        bench_call(b, r);
    else if (str_is(path, "/health") || str_is(path, "/master/health"))
        http_reply(r, 200, NULL, STR(""));
    else
        http_reply_text(r, 404, "this master knows /api/v1/scheduler alone");
}

static int listen_at(struct bench *b, struct http_server **server, const struct http_handler *handler, struct net_addr *addr,
                     struct error *err)
{
    struct net_addr bound;
    int rc = http_server_new(server, b->loop, NULL, handler, b, err);

    if (rc == 0)
        rc = http_server_listen(*server, addr, &bound, err);
    if (rc == 0)
        *addr = bound;
    return rc;
}

int bench_listen(struct bench *b, struct error *err)
{
    static const struct http_handler handler = { .on_request = on_request };

    ASSERT(b->server == NULL);
    return listen_at(b, &b->server, &handler, &b->addr, err);
}

void bench_unlisten(struct bench *b)
{
    bench_cut(b);
    http_server_free(b->server);
    b->server = NULL;
}

static void on_front_request(void *ctx, struct http_req *r)
{
    struct bench *b = ctx;
    char text[NET_TEXT_SIZE], location[NET_TEXT_SIZE + 40];

    net_text(&b->addr, text);
    (void)snprintf(location, sizeof location, "//%s%.*s", text, STR_ARG(http_req_path(r)));
    http_reply_header(r, "Location", str_of(location));
    http_reply(r, 307, NULL, STR(""));
}

int bench_front(struct bench *b, struct error *err)
{
    static const struct http_handler handler = { .on_request = on_front_request };

    b->front_addr = b->ip;
    return listen_at(b, &b->front, &handler, &b->front_addr, err);
}
