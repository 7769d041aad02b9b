/* SPDX-License-Identifier: Apache-2.0 */
/* A call of the HTTP client by itself: the bytes of its request, the headers of its answer, its end. It knows
 * no connection. */
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/http_client_int.h"

enum { REQUEST_BYTES_MAX = 1 << 30 };

/* --- requests ------------------------------------------------------------------------------------------ */
static void add_value(struct sbuf *b, struct str value)
{
    size_t from = b->n;
    sbuf_str(b, value);
    for (size_t i = from; i < b->n; i++)
        if ((unsigned char)b->p[i] < 32 || b->p[i] == 127)
            b->p[i] = ' ';
    sbuf_c(b, "\r\n");
}

int client_call_build(struct http_call *call, const struct http_call_params *p, struct error *err)
{
    struct sbuf *b = &call->request;
    char addr[NET_TEXT_SIZE];
    bool stream = (p->flags & HTTP_CALL_STREAM_BODY) != 0;
    sbuf_init(b, REQUEST_BYTES_MAX);
    sbuf_c(b, p->method);
    sbuf_char(b, ' ');
    for (size_t i = 0; i < p->target.n; i++) /* a blank or control byte would end the line or the target */
        sbuf_char(b, (unsigned char)p->target.p[i] <= 32 ? '_' : p->target.p[i]);
    sbuf_c(b, " HTTP/1.1\r\nHost: ");
    if (p->host.n != 0) {
        bool is_ip6 = str_index(p->host, ':') < p->host.n && p->host.p[0] != '[';
        sbuf_c(b, is_ip6 ? "[" : "");
        sbuf_str(b, p->host);
        sbuf_c(b, is_ip6 ? "]" : "");
        uint16_t port = p->port != 0 ? p->port : p->addr.port;
        if (port != 0 && port != ((p->flags & HTTP_CALL_TLS) ? 443 : 80))
            sbuf_fmt(b, ":%u", port);
    } else if (p->addr.family == NET_UNIX) {
        sbuf_c(b, "localhost");
    } else {
        net_text(&p->addr, addr);
        sbuf_c(b, addr);
    }
    sbuf_c(b, "\r\n");
    for (size_t i = 0; i < p->header_count; i++) {
        sbuf_c(b, p->headers[i].name);
        sbuf_c(b, ": ");
        add_value(b, p->headers[i].value);
    }
    if (p->content_type != NULL)
        sbuf_fmt(b, "Content-Type: %s\r\n", p->content_type);
    if (p->flags & HTTP_CALL_NEW_CONNECTION)
        sbuf_c(b, "Connection: close\r\n");
    bool has_body = p->body.n != 0 || strcmp(p->method, "POST") == 0 || strcmp(p->method, "PUT") == 0 ||
                    strcmp(p->method, "PATCH") == 0;
    if (stream)
        sbuf_c(b, "Transfer-Encoding: chunked\r\n");
    else if (has_body)
        sbuf_fmt(b, "Content-Length: %zu\r\n", p->body.n);
    sbuf_c(b, "\r\n");
    if (!stream)
        sbuf_str(b, p->body);
    return sbuf_ok(b) ? 0
                      : error_set(err, ERR_LIMIT, "the request is larger than %d bytes", REQUEST_BYTES_MAX);
}

/* --- the answer ---------------------------------------------------------------------------------------- */
struct str http_answer_header(const struct http_answer *a, const char *name)
{
    const struct client_head *h = a->head;
    struct str want = str_of(name);
    for (uint32_t i = h != NULL ? h->count : 0; i-- > 0;) {
        const struct client_span *s = &h->spans[i];
        if (s->name_n == want.n && str_eq_nocase(str_mem(h->text.p + s->name_at, s->name_n), want))
            return str_trim(str_mem(h->text.p + s->value_at, s->value_n));
    }
    return (struct str){ NULL, 0 };
}

bool http_answer_header_at(const struct http_answer *a, size_t index, struct str *ret_name,
                           struct str *ret_value)
{
    const struct client_head *h = a->head;

    if (h == NULL || index >= h->count)
        return false;
    const struct client_span *s = &h->spans[index];
    *ret_name = str_mem(h->text.p + s->name_at, s->name_n);
    *ret_value = str_trim(str_mem(h->text.p + s->value_at, s->value_n));
    return true;
}

/* --- the end of a call --------------------------------------------------------------------------------- */
void client_call_wait_over(struct http_call *call)
{
    expiry_stop(&call->expiry);
    if (call->timer.ev != NULL)
        loop_timer_cancel(&call->timer);
}

void client_call_free(struct http_call *call)
{
    ASSERT(call->conn == NULL);
    client_call_wait_over(call);
    loop_timer_done(&call->timer);
    sbuf_done(&call->request);
    sbuf_done(&call->body);
    if (call->body_out != NULL)
        evbuffer_free(call->body_out);
    free(call->unix_path);
    free(call);
}

void client_call_end(struct http_call *call, const struct http_answer *a, const struct error *err)
{
    if (a != NULL && !call->cancelled && !call->client->closing && call->p.on_done != NULL)
        call->p.on_done(call->p.arg, call, a, err);
    client_call_free(call);
}

void client_call_fail_later(struct http_call *call, const struct error *err)
{
    call->err = *err;
    DL_APPEND(call->client->failed, call);
    loop_defer(call->client->loop, &call->client->free_work);
}
