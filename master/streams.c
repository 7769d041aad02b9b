/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams: RecordIO over a chunked answer, one record per chunk with its length line in front. A framework's stream is
 * opened and closed by the core; an operator's lives here, fed with what the core tells to whoever watches. An event for
 * operators is encoded once for each encoding, whatever the number of readers. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/wire/json.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

#define JSON_TYPE "application/json"
#define PB_TYPE   "application/x-protobuf"

enum { STREAM_PENDING_MAX = 64 << 20, WATCHER_PENDING_MAX = 8 << 20 };

static void stream_lost(struct stream *s)
{
    if (s->first != NULL)
        render_forget(s->first);
    s->r = NULL;
    if (s->watcher) {
        DL_DELETE(s->sh->watchers, s);
        s->sh->watcher_count--;
    }
    DL_APPEND(s->sh->closed, s);
    mshell_wake(s->sh);
}

static void stream_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct stream *s = arg;

    (void)r;
    if (why == HTTP_GONE_SLOW) {
        s->sh->watchers_dropped += s->watcher;
        log_warn("stream_dropped", "stream=%llu reason=\"the reader is too slow\"", (unsigned long long)s->n);
    }
    stream_lost(s);
}

static void stream_abort(struct stream *s)
{
    struct http_req *r = s->r;

    stream_lost(s);
    http_abort(r);
}

struct stream *stream_new(struct shell *sh, struct http_req *r, bool json, bool watcher)
{
    struct stream *s = xcalloc(1, sizeof *s);

    s->n = ++sh->next_handle;
    s->sh = sh;
    s->r = r;
    s->json = json;
    s->watcher = watcher;
    HASH_ADD(hh, sh->streams, n, sizeof s->n, s);
    http_req_on_gone(r, stream_gone, s);
    return s;
}

static struct stream *stream_find(struct shell *sh, uint64_t n)
{
    struct stream *s = NULL;

    HASH_FIND(hh, sh->streams, &n, sizeof n, s);
    return s;
}

static void stream_free(struct shell *sh, struct stream *s)
{
    HASH_DELETE(hh, sh->streams, s);
    free(s->principal);
    free(s);
}

static void begin(struct stream *s, size_t cap)
{
    http_stream_begin(s->r, 200, s->json ? JSON_TYPE : PB_TYPE);
    http_stream_set_cap(s->r, cap);
}

void stream_open(struct shell *sh, const struct master_action *a)
{
    struct stream *s = stream_find(sh, a->event.stream.n);

    if (s == NULL || s->r == NULL)
        return;
    http_reply_header(s->r, "Mesos-Stream-Id", a->event.stream_id);
    begin(s, STREAM_PENDING_MAX);
}

void stream_event(struct shell *sh, const struct master_action *a)
{
    struct stream *s = stream_find(sh, a->event.stream.n);

    if (s == NULL || s->r == NULL)
        return;
    sbuf_clear(&sh->out);
    encode_event(sh->m, &sh->view.who, a, &sh->out);
    if (!s->json) {
        stream_write_record(s->r, sbuf_view(&sh->out));
        return;
    }
    sbuf_clear(&sh->text);
    (void)json_from_wire(&sh->text, &mesos__v1__scheduler__event__descriptor, sbuf_view(&sh->out));
    stream_write_record(s->r, sbuf_view(&sh->text));
}

void stream_close(struct shell *sh, uint64_t n)
{
    struct stream *s = stream_find(sh, n);

    if (s == NULL)
        return;
    if (s->r == NULL)
        return; /* it is in the closed list already */
    http_stream_end(s->r);
    stream_free(sh, s);
}

bool streams_next_closed(struct shell *sh, struct master_event *ret)
{
    while (sh->closed != NULL) {
        struct stream *s = sh->closed;
        bool watcher = s->watcher;
        *ret = (struct master_event){ .type = MASTER_EV_STREAM_CLOSED, .closed = { { s->n } } };
        DL_DELETE(sh->closed, s);
        stream_free(sh, s);
        if (!watcher)
            return true;
        *ret = (struct master_event){ .type = MASTER_EV_WATCHED, .watched = { false } };
        if (sh->watcher_count == 0)
            return true;
    }
    return false;
}

/* --- operators --- */

static struct http_blob *record_blob(struct str record)
{
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);

    sbuf_fmt(&b, "%zu\n", record.n);
    sbuf_str(&b, record);
    return http_blob_new(&b);
}

/* Events of what a watcher may not see are left out for it. */
static bool may_see(const struct shell *sh, const struct stream *s, const struct master_action *a)
{
    struct str principal = str_of(s->principal);

    if (sh->acls == NULL || a->watch.framework == NULL)
        return true;
    if (!acls_allow(sh->acls, ACL_VIEW_FRAMEWORKS, principal, str_of(a->watch.framework->info->user)))
        return false;
    return a->watch.task == NULL || acls_allow(sh->acls, ACL_VIEW_TASKS, principal, view_task_user(a->watch.task));
}

static void broadcast(struct shell *sh, const struct master_action *a, struct str packed)
{
    struct http_blob *pb = NULL, *json = NULL;
    struct stream *s, *next;

    DL_FOREACH_SAFE(sh->watchers, s, next) {
        struct http_blob **b = s->json ? &json : &pb;
        if (!may_see(sh, s, a))
            continue;
        if (*b == NULL && s->json) {
            sbuf_clear(&sh->text);
            struct jsonw w = JSONW(&sh->text);
            struct json_opts opts = { .hide_v0_fields = true }; /* golden 280: AGENT_ADDED is without */
            (void)json_write_wire(&w, &mesos__v1__master__event__descriptor, packed, &opts);
            *b = record_blob(sbuf_view(&sh->text));
        } else if (*b == NULL) {
            *b = record_blob(packed);
        }
        if (*b == NULL)
            continue;
        if (s->first == NULL) {
            (void)http_stream_write_blob(s->r, *b); /* over the cap: gone is called */
        } else if (!render_hold(s->first, *b, WATCHER_PENDING_MAX)) {
            sh->watchers_dropped++;
            log_warn("stream_dropped", "stream=%llu reason=\"the reader is too slow\"", (unsigned long long)s->n);
            stream_abort(s);
        }
    }
    http_blob_unref(pb);
    http_blob_unref(json);
}

void streams_watch(struct shell *sh, const struct master_action *a)
{
    if (sh->watchers == NULL)
        return;
    sbuf_clear(&sh->out);
    encode_watch(sh->m, a, &sh->out);
    broadcast(sh, a, sbuf_view(&sh->out));
}

static void heartbeat(struct stream *s)
{
    static const char packed[] = { 0x08, 0x09 }; /* Event{type: HEARTBEAT} */

    stream_write_record(s->r, s->json ? STR("{\"type\":\"HEARTBEAT\"}") : str_mem(packed, sizeof packed));
    s->heartbeat_at = mono_add(loop_now(s->sh->loop), HEARTBEAT_SECONDS * NS_PER_S);
}

static void watchers_beat(void *arg)
{
    struct shell *sh = arg;
    struct stream *s, *next;
    struct mono at = MONO_NEVER;

    DL_FOREACH_SAFE(sh->watchers, s, next) {
        if (s->first != NULL)
            continue; /* its first event is still on its way */
        if (s->heartbeat_at.ns <= loop_now(sh->loop).ns)
            heartbeat(s);
        at = mono_min(at, s->heartbeat_at);
    }
    loop_timer_at(&sh->watch_timer, at);
}

static void first_written(struct stream *s)
{
    http_stream_set_cap(s->r, http_stream_pending(s->r) + WATCHER_PENDING_MAX);
    heartbeat(s);
    watchers_beat(s->sh);
}

static void watcher_evict(struct shell *sh)
{
    struct stream *s = sh->watchers;

    log_warn("watcher_evicted", "reason=\"more than --max_operator_event_stream_subscribers\"");
    if (s->first != NULL) {
        stream_abort(s);
        return;
    }
    DL_DELETE(sh->watchers, s);
    sh->watcher_count--;
    http_stream_end(s->r);
    stream_free(sh, s);
}

void watcher_add(struct shell *sh, struct http_req *r, bool json, struct str principal)
{
    static const struct render_follow follow = { .written = first_written, .cut = stream_abort };
    struct stream *s = stream_new(sh, r, json, true);

    if (sh->acls != NULL && principal.n != 0)
        s->principal = xstrndup(principal);
    while (sh->watcher_count >= (unsigned)sh->flags.max_operator_event_stream_subscribers)
        watcher_evict(sh);
    begin(s, WATCHER_PENDING_MAX);
    DL_APPEND(sh->watchers, s);
    sh->watcher_count++;
    http_stream_set_cap(r, SIZE_MAX / 2); /* the first event may be large */
    render_first_event(sh, s, &follow);
    if (s->first == NULL)
        first_written(s);
}

void streams_init(struct shell *sh)
{
    loop_timer_init(&sh->watch_timer, sh->loop, watchers_beat, sh);
}
