/* SPDX-License-Identifier: Apache-2.0 */
/* What owners ask about a request, and how they want its body. */
#include "common/base/assert.h"
#include "common/io/http_server_int.h"

static struct str head_part(const struct http_req *r, uint32_t at, uint32_t n)
{
    return str_mem(r->head.p + at, n);
}

enum http_verb http_req_verb(const struct http_req *r)
{
    return r->info.verb;
}

struct str http_req_method(const struct http_req *r)
{
    return str_of(r->info.method);
}

struct str http_req_target(const struct http_req *r)
{
    return head_part(r, 0, r->url_n);
}

struct str http_req_path(const struct http_req *r)
{
    return head_part(r, 0, r->path_n);
}

struct str http_req_query(const struct http_req *r)
{
    if (r->path_n == r->url_n)
        return STR("");
    return head_part(r, r->path_n + 1, r->url_n - r->path_n - 1);
}

struct str http_req_header(const struct http_req *r, const char *name)
{
    struct str want = str_of(name);
    for (uint32_t i = r->span_count; i-- > 0;) {
        const struct http_span *s = &r->spans[i];
        if (s->name_n == want.n && str_eq_nocase(head_part(r, s->name_at, s->name_n), want))
            return str_trim(head_part(r, s->value_at, s->value_n));
    }
    return (struct str){ NULL, 0 };
}

size_t http_req_header_count(const struct http_req *r)
{
    return r->span_count;
}

void http_req_header_at(const struct http_req *r, size_t index, struct str *ret_name, struct str *ret_value)
{
    ASSERT(index < r->span_count);
    const struct http_span *s = &r->spans[index];
    *ret_name = head_part(r, s->name_at, s->name_n);
    *ret_value = str_trim(head_part(r, s->value_at, s->value_n));
}

struct str http_req_body(const struct http_req *r)
{
    return sbuf_view(&r->body);
}

int64_t http_req_content_length(const struct http_req *r)
{
    if (r->info.is_chunked)
        return -1;
    return r->info.content_length > 0 ? r->info.content_length : 0;
}

const struct net_addr *http_req_peer(const struct http_req *r)
{
    return &r->conn->peer;
}

bool http_req_is_tls(const struct http_req *r)
{
    return r->conn->c.ssl != NULL;
}

void http_req_keep_connection(struct http_req *r)
{
    struct http_conn *k = r->conn;
    if (!k->is_kept) {
        conn_one_way(&k->c);
        conn_herd(&k->c);
    }
    k->is_kept = true;
}

void http_req_unhurried(struct http_req *r)
{
    r->unhurried = true;
}

void http_req_set_data(struct http_req *r, void *data)
{
    r->data = data;
}

void *http_req_data(const struct http_req *r)
{
    return r->data;
}

void http_req_on_gone(struct http_req *r, http_gone_fn *fn, void *arg)
{
    r->gone = fn;
    r->gone_arg = arg;
}

/* --- the body ------------------------------------------------------------------------------------------ */
void http_body_collect(struct http_req *r, size_t bytes_max)
{
    ASSERT(r->body.n == 0);
    r->body_mode = BODY_COLLECT;
    r->body_max = bytes_max;
    r->body.max = bytes_max;
}

void http_body_collect_to(struct http_req *r, size_t bytes_max, http_request_fn *fn, void *arg)
{
    http_body_collect(r, bytes_max);
    r->complete = fn;
    r->complete_arg = arg;
}

void http_body_stream(struct http_req *r, http_body_fn *fn, void *arg)
{
    ASSERT(r->body.n == 0);
    r->body_mode = BODY_STREAM;
    r->body_fn = fn;
    r->body_arg = arg;
}

void http_body_pause(struct http_req *r)
{
    struct http_conn *k = r->conn;
    if (r->body_over || k->is_over)
        return;
    k->paused = true;
    expiry_start(&k->server->helds, &k->read_expiry);
    http_conn_want(k);
}

void http_body_resume(struct http_req *r)
{
    struct http_conn *k = r->conn;
    if (!k->paused)
        return;
    k->paused = false;
    if (k->state == CONN_BODY)
        expiry_start(&k->server->bodies, &k->read_expiry);
    http_conn_want(k);
}

/* --- routes -------------------------------------------------------------------------------------------- */
int http_route_find(const void *routes, size_t count, size_t stride, struct str path, struct str *ret_rest)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    int best = -1;
    size_t best_n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *route = *(const char *const *)(const void *)((const char *)routes + i * stride);
        struct str want = str_of(route);
        if (want.n < best_n || !str_starts(path, want))
            continue;
        bool at_border =
            want.n == path.n || path.p[want.n] == '/' || (want.n != 0 && want.p[want.n - 1] == '/');
        if (!at_border || (best >= 0 && want.n == best_n))
            continue;
        best = (int)i;
        best_n = want.n;
    }
    if (best < 0)
        return -1;
    struct str rest = str_sub(path, best_n, path.n);
    (void)str_skip(&rest, STR("/"));
    *ret_rest = rest;
    return best;
}
