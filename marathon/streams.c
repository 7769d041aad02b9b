/* SPDX-License-Identifier: Apache-2.0 */
/* /v2/events: server-sent events. A frame is rendered once for all streams, at the moment of the step, and
 * sent when the step's records are durable. A reader that lets too much pile up is dropped and counted. Source:
 * marathon-api §11.
 *
 * Events are numbered, an addition of ours: a line "id: <number>" in front. The latest are kept (ring.c) while
 * somebody listens and five minutes longer, so that who comes back with Last-Event-ID gets what was missed, and an event of
 * its own when that is not all there any more. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "marathon/api/events.h"
#include "marathon/ring.h"
#include "marathon/shell.h"

enum {
    STREAMS_MAX = 1000,
    EVENT_BYTES_ASSUMED =
        16 * 1024, /* event_stream_max_outstanding_messages counts messages; the server counts bytes */
    FRAME_BYTES_MAX = 64 << 20
};
#define HEARTBEAT_NS (10 * NS_PER_S)

struct stream {
    struct shell *sh;
    struct http_req *r;
    uint64_t wanted; /* bit per bus_type */
    enum plan_format {
        PLANS_USUAL, /* full ones, but light where that would be more than EVENT_BYTES_MAX */
        PLANS_LIGHT, /* plan-format=light */
        PLANS_FULL   /* plan-format=full */
    } plans;
    char client[NET_TEXT_SIZE];
    struct stream *prev, *next;
};

struct publication {
    struct output o;
    struct ring_event e;
};

static void send_to(struct stream *s, const struct ring_event *e)
{
    bool light = e->full == NULL || s->plans == PLANS_LIGHT || (s->plans == PLANS_USUAL && e->full_is_big);

    if ((s->wanted & (UINT64_C(1) << e->type)) != 0) {
        s->sh->api.http.stream_bytes += http_blob_bytes(light ? e->light : e->full).n;
        (void)http_stream_write_blob(s->r, light ? e->light : e->full);
    }
    /* Over the cap the bytes are not sent, and the gone callback follows. */
}

static void send_to_all(struct shell *sh, struct output *o, bool run)
{
    struct publication *p = (struct publication *)(void *)o;

    for (struct stream *s = sh->streams, *next; run && s != NULL; s = next) {
        next = s->next;
        send_to(s, &p->e);
    }
    if (run && sh->ring != NULL)
        ring_add(sh->ring, &p->e);
    http_blob_unref(p->e.light);
    http_blob_unref(p->e.full);
    free(p);
}

static struct http_blob *frame(const struct ring *ring, const struct bus_event *e, bool full, bool *ret_big)
{
    struct sbuf b = SBUF_INIT(FRAME_BYTES_MAX);
    struct http_blob *blob;

    sbuf_fmt(&b, "id: %llu\r\n", (unsigned long long)ring_id(ring, ring->last));
    event_frame(&b, e, full);
    *ret_big = b.n > EVENT_BYTES_MAX;
    blob = http_blob_new(&b);
    if (blob == NULL) {
        sbuf_done(&b);
        log_warn("event_dropped", "type=%s because=\"larger than 64 MB\"", bus_type_name(e->type));
    }
    return blob;
}

/* Certainly more than EVENT_BYTES_MAX with its definitions, each of which is some hundred bytes: not worth rendering. */
static bool is_long(const struct bus_event *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->deployment->plan.n; i++)
        n += e->deployment->plan.steps[i].n;
    return n > EVENT_BYTES_MAX / 256;
}

static bool full_is_wanted(const struct shell *sh, const struct bus_event *e)
{
    if (event_has_plan(e->type))
        for (const struct stream *s = sh->streams; s != NULL; s = s->next)
            if (s->plans == PLANS_FULL || (s->plans == PLANS_USUAL && !is_long(e)))
                return true;
    return false;
}

void streams_publish(struct shell *sh, const struct bus_event *e)
{
    struct publication *p;
    struct http_blob *light;
    bool big;

    if (sh->ring == NULL)
        return; /* nobody has listened yet */
    sh->ring->last++;
    if (sh->streams == NULL && !ring_is_wanted(sh->ring, loop_now(sh->loop)))
        return;
    light = frame(sh->ring, e, false, &big);
    if (light == NULL)
        return;
    p = xcalloc(1, sizeof *p);
    *p = (struct publication){ .o = { .fn = send_to_all }, .e = { .number = sh->ring->last, .type = e->type, .light = light } };
    if (full_is_wanted(sh, e))
        p->e.full = frame(sh->ring, e, true, &p->e.full_is_big);
    marathon_shell_output(sh, &p->o);
}

static void beat(void *arg)
{
    struct shell *sh = arg;

    for (struct stream *s = sh->streams, *next; s != NULL; s = next) {
        next = s->next;
        (void)http_stream_write(s->r, STR("\r\n"));
    }
    if (sh->streams != NULL)
        loop_timer_in(&sh->heartbeat, HEARTBEAT_NS);
}

static void forget(struct stream *s)
{
    DL_DELETE(s->sh->streams, s);
    s->sh->api.streams--;
    free(s);
}

static void gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct stream *s = arg;
    struct shell *sh = s->sh;
    struct bus_event e = { .type = BUS_STREAM_DETACHED, .at = loop_wall(sh->loop) };
    char client[NET_TEXT_SIZE];

    (void)r;
    memcpy(client, s->client, sizeof client);
    log_info("event_stream_detached", "client=%s slow=%s", client, why == HTTP_GONE_SLOW ? "true" : "false");
    sh->api.streams_dropped += why == HTTP_GONE_SLOW;
    forget(s);
    if (sh->streams == NULL)
        ring_left(sh->ring, loop_now(sh->loop));
    if (why == HTTP_GONE_SHUTDOWN)
        return;
    e.client = str_of(client);
    streams_publish(sh, &e);
}

static uint64_t wanted_types(struct str query)
{
    struct str rest = query, k, v;
    uint64_t bits = 0;
    bool any = false;

    while (http_query_next(&rest, &k, &v)) {
        struct sbuf b = SBUF_INIT(256);
        if (str_is(k, "event_type") && http_form_decode(&b, v)) {
            any = true;
            for (int t = 0; t < BUS_TYPE_COUNT; t++)
                if (str_is(sbuf_view(&b), bus_type_name((enum bus_type)t)))
                    bits |= UINT64_C(1) << t;
        }
        sbuf_done(&b);
    }
    for (int t = 0; t < BUS_TYPE_COUNT && !any; t++)
        if (!bus_type_is_ours((enum bus_type)t))
            bits |= UINT64_C(1) << t;
    return bits;
}

static enum plan_format wanted_plans(struct str query)
{
    if (str_contains(query, STR("plan-format=light")))
        return PLANS_LIGHT;
    return str_contains(query, STR("plan-format=full")) ? PLANS_FULL : PLANS_USUAL;
}

/* What it has missed, as far as that is there. */
static void catch_up(struct stream *s, struct str last_id)
{
    const struct ring *ring = s->sh->ring;
    struct sbuf b = SBUF_INIT(4096);
    size_t first;

    if (!ring_find(ring, last_id, &first)) {
        event_gap_frame(&b, str_sub(last_id, 0, 100), loop_wall(s->sh->loop));
        (void)http_stream_write(s->r, sbuf_view(&b));
        sbuf_done(&b);
    }
    for (size_t i = first; i < ring->n; i++)
        send_to(s, ring_at(ring, i));
}

void streams_open(struct shell *sh, struct http_req *r)
{
    struct stream *s;
    struct bus_event e = { .type = BUS_STREAM_ATTACHED, .at = loop_wall(sh->loop) };
    struct str last_id = http_req_header(r, "last-event-id");

    if (sh->api.streams >= STREAMS_MAX) {
        http_reply(r, 503, "application/json",
                   STR("{\"message\":\"too many event streams; the limit is 1000\"}"));
        return;
    }
    s = xcalloc(1, sizeof *s);
    *s = (struct stream){ .sh = sh,
                          .r = r,
                          .wanted = wanted_types(http_req_query(r)),
                          .plans = wanted_plans(http_req_query(r)) };
    net_ip_text(http_req_peer(r), s->client);
    http_reply_no_gzip(r);
    http_reply_close(r);
    http_req_on_gone(r, gone, s);
    http_stream_begin(r, 200, "text/event-stream;charset=utf-8");
    http_stream_set_cap(r, (size_t)sh->flags.event_stream_max_outstanding_messages * EVENT_BYTES_ASSUMED);
    if (sh->ring == NULL)
        sh->ring = ring_new(loop_wall(sh->loop));
    if (last_id.n != 0)
        catch_up(s, last_id);
    DL_APPEND(sh->streams, s);
    sh->api.streams++;
    if (sh->heartbeat.fn == NULL)
        loop_timer_init(&sh->heartbeat, sh->loop, beat, sh);
    loop_timer_in(&sh->heartbeat, HEARTBEAT_NS);
    log_info("event_stream_attached", "client=%s", s->client);
    e.client = str_of(s->client);
    streams_publish(sh, &e);
}

void streams_close(struct shell *sh)
{
    for (struct stream *s = sh->streams, *next; s != NULL; s = next) {
        struct http_req *r = s->r;
        next = s->next;
        forget(s);
        http_stream_end(r);
    }
    ring_free(sh->ring);
    sh->ring = NULL;
    if (sh->heartbeat.fn != NULL)
        loop_timer_done(&sh->heartbeat);
}
