/* SPDX-License-Identifier: Apache-2.0 */
/* A rendering: WAITING for its turn, then RUNNING in a child (common/io/forked.h) whose bytes arrive piece by piece, HELD_UP while
 * reading is paused, and gone when the child has ended. Readers that join share the pieces (http_blob). */
#include "master/render.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/forked.h"
#include "common/wire/json_memo.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"

enum { SPILL_BYTES = 64 << 10 };
_Static_assert((int)RENDER_PIECE_BYTES <= (int)FORKED_PIECE_BYTES, "a piece is read at once");

struct held {
    struct http_blob *b;
    struct held *next, *prev;
};

struct render_reader {
    struct render *render;
    struct http_req *r;
    struct stream *s; /* NULL: of a request */
    const struct render_follow *then; /* of a stream */
    bool begun;
    struct held *held;
    size_t held_bytes;
    struct render_reader *next, *prev;
};

enum render_state { RENDER_WAITING, RENDER_RUNNING, RENDER_HELD_UP };

struct render { /* owned by shell->renders */
    struct shell *sh;
    enum render_state state;
    struct render_doc doc;
    struct sbuf texts; /* what doc points to */
    uint64_t version;  /* steps of the core when it was forked */
    bool has_bytes;
    struct forked *child; /* NULL: waits for its turn */
    struct loop_timer deadline;
    struct render_reader *readers;
    struct render *next, *prev;
};

/* --- documents --- */

static bool query_eq(const struct view_query *a, const struct view_query *b)
{
    return str_eq(a->slave_id, b->slave_id) && str_eq(a->framework_id, b->framework_id) && str_eq(a->task_id, b->task_id) &&
           a->limit == b->limit && a->offset == b->offset && a->ascending == b->ascending;
}

static bool doc_eq(const struct render_doc *a, const struct render_doc *b)
{
    return a->what == b->what && a->call_type == b->call_type && a->json == b->json && str_eq(a->principal, b->principal) && str_eq(a->jsonp, b->jsonp) &&
           query_eq(&a->q, &b->q);
}

static struct str keep(struct sbuf *texts, struct str s)
{
    size_t at = texts->n;

    if (s.n == 0)
        return (struct str){ NULL, 0 };
    sbuf_str(texts, s);
    return str_sub(sbuf_view(texts), at, texts->n);
}

static void doc_copy(struct render *x, const struct render_doc *doc)
{
    x->doc = *doc;
    sbuf_init(&x->texts, 1 << 20);
    (void)sbuf_room(&x->texts, doc->q.slave_id.n + doc->q.framework_id.n + doc->q.task_id.n + doc->jsonp.n + doc->principal.n + 1); /* stays in place */
    x->doc.q.slave_id = keep(&x->texts, doc->q.slave_id);
    x->doc.q.framework_id = keep(&x->texts, doc->q.framework_id);
    x->doc.q.task_id = keep(&x->texts, doc->q.task_id);
    x->doc.jsonp = keep(&x->texts, doc->jsonp);
    x->doc.principal = keep(&x->texts, doc->principal);
}

static size_t tasks_of(const struct framework *f)
{
    return f->tasks.count + f->unreachable_ring.count + f->completed.count;
}

/* About how long it takes, in tasks. */
static size_t units(const struct master *m, const struct render_doc *doc)
{
    size_t tasks = 0, frameworks = HASH_COUNT(m->frameworks) + m->completed_count, agents = HASH_COUNT(m->agents);

    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        tasks += tasks_of(f);
    for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
        tasks += tasks_of(f);
    switch (doc->what) {
    case RENDER_STATE:
    case RENDER_SUBSCRIBED:
        return tasks + 2 * frameworks + 3 * agents;
    case RENDER_SUMMARY:
        return tasks / 20 + frameworks + 3 * agents;
    case RENDER_SLAVES:
        return doc->q.slave_id.n != 0 ? 1 : 5 * agents;
    case RENDER_FRAMEWORKS:
        return tasks + 2 * frameworks;
    case RENDER_TASKS:
        return tasks / 20 + (doc->q.limit < 0 || (uint64_t)doc->q.limit > tasks ? tasks : (size_t)doc->q.limit);
    case RENDER_WHY:
        return doc->q.framework_id.n != 0 ? agents : agents * frameworks;
    case RENDER_V1:
        break;
    }
    switch (doc->call_type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_STATE:
        return tasks + 2 * frameworks + 3 * agents;
    case MESOS__V1__MASTER__CALL__TYPE__GET_TASKS:
    case MESOS__V1__MASTER__CALL__TYPE__GET_EXECUTORS: /* at most one for each task */
        return tasks;
    case MESOS__V1__MASTER__CALL__TYPE__GET_FRAMEWORKS:
        return 2 * frameworks;
    case MESOS__V1__MASTER__CALL__TYPE__GET_AGENTS:
        return 3 * agents;
    default: /* a number of the wire; the others are small */
        return 0;
    }
}

static const char *type_of(const struct render_doc *doc)
{
    if (doc->jsonp.n != 0)
        return "text/javascript";
    return (doc->what == RENDER_V1 || doc->what == RENDER_SUBSCRIBED) && !doc->json ? "application/x-protobuf" : "application/json";
}

static void write_doc(struct shell *sh, struct view *v, const struct render_doc *doc, struct sbuf *b)
{
    struct view_now now = { loop_now(sh->loop), loop_wall(sh->loop) };

    v->acls = sh->acls;
    v->principal = doc->principal;
    if (doc->jsonp.n != 0) {
        sbuf_str(b, doc->jsonp);
        sbuf_char(b, '(');
    }
    switch (doc->what) {
    case RENDER_STATE:
        view_state(v, b);
        break;
    case RENDER_SUMMARY:
        view_state_summary(v, b);
        break;
    case RENDER_SLAVES:
        view_slaves(v, &doc->q, b);
        break;
    case RENDER_FRAMEWORKS:
        view_frameworks(v, &doc->q, b);
        break;
    case RENDER_TASKS:
        view_tasks(v, &doc->q, b);
        break;
    case RENDER_WHY:
        view_why(v, &now, &doc->q, b);
        break;
    case RENDER_V1:
        (void)view_v1(v, doc->call_type, doc->json, b);
        break;
    case RENDER_SUBSCRIBED:
        view_subscribed(v, doc->json, b);
        break;
    }
    if (doc->jsonp.n != 0)
        sbuf_char(b, ')');
}

/* --- the child --- */

static void spill(void *arg, struct sbuf *b)
{
    (void)arg;
    forked_put(b);
}

/* A record begins with its length. */
static void put_record(struct render *x, struct view *v, struct sbuf *b)
{
    struct sbuf line = SBUF_INIT(32);

    write_doc(x->sh, v, &x->doc, b);
    sbuf_fmt(&line, "%zu\n", b->n);
    forked_put(&line);
}

static bool make(void *arg, struct sbuf *b)
{
    struct render *x = arg;
    struct view v = *mshell_view(x->sh);

    if (x->doc.what == RENDER_SUBSCRIBED) {
        put_record(x, &v, b);
        return true;
    }
    v.spill = spill;
    v.spill_bytes = SPILL_BYTES;
    v.memo = json_memo_new(); /* goes with the child */
    write_doc(x->sh, &v, &x->doc, b);
    return true;
}

/* --- readers --- */

static void advance(struct render *x);

static void reader_free(struct render_reader *y)
{
    struct held *h, *next;

    DL_FOREACH_SAFE(y->held, h, next) {
        http_blob_unref(h->b);
        free(h);
    }
    if (y->s != NULL)
        y->s->first = NULL;
    DL_DELETE(y->render->readers, y);
    y->render->sh->render_readers--;
    free(y);
}

void render_forget(struct render_reader *y)
{
    struct render *x = y->render;

    reader_free(y);
    advance(x);
}

static void reader_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct render_reader *y = arg;

    (void)r;
    if (why == HTTP_GONE_SLOW)
        log_warn("answer_dropped", "reason=\"the reader is too slow\" bytes_max=%d", RENDER_PENDING_MAX);
    render_forget(y);
}

static void reader_begin(struct render_reader *y)
{
    if (y->begun)
        return;
    y->begun = true;
    if (y->s == NULL)
        http_stream_begin(y->r, 200, type_of(&y->render->doc));
    http_stream_set_cap(y->r, RENDER_PENDING_MAX);
}

static void on_drained(void *arg, struct http_req *r)
{
    struct render_reader *y = arg;

    (void)r;
    advance(y->render);
}

static struct render_reader *reader_new(struct render *x, struct http_req *r, struct stream *s,
                                        const struct render_follow *then)
{
    struct render_reader *y = xcalloc(1, sizeof *y);

    y->render = x;
    y->r = r;
    y->s = s;
    y->then = then;
    DL_APPEND(x->readers, y);
    x->sh->render_readers++;
    if (s == NULL)
        http_req_on_gone(r, reader_gone, y);
    else
        s->first = y;
    http_stream_on_drained(r, on_drained, y);
    return y;
}

bool render_hold(struct render_reader *y, struct http_blob *b, size_t bytes_max)
{
    if (y->render->state == RENDER_WAITING)
        return true; /* the first event will tell it */
    if (y->held_bytes > bytes_max)
        return false;
    struct held *h = xcalloc(1, sizeof *h);
    h->b = http_blob_ref(b);
    y->held_bytes += http_blob_bytes(b).n;
    DL_APPEND(y->held, h);
    return true;
}

/* The first event is out: what was held back, in its order, and the stream goes on by itself. */
static void release_stream(struct render_reader *y)
{
    const struct render_follow *then = y->then;
    struct stream *s = y->s;
    struct held *h;

    http_stream_on_drained(y->r, NULL, NULL);
    DL_FOREACH(y->held, h)
        (void)http_stream_write_blob(y->r, h->b); /* over the cap: gone is called at the end of the turn */
    reader_free(y);
    then->written(s);
}

/* --- the rendering --- */

static void render_free(struct render *x)
{
    ASSERT(x->readers == NULL);
    loop_timer_done(&x->deadline);
    DL_DELETE(x->sh->renders, x);
    sbuf_done(&x->texts);
    free(x);
}

static void start_next(struct shell *sh);

static void refuse(struct render_reader *y)
{
    struct http_req *r = y->r;
    const struct render_follow *then = y->then;
    struct stream *s = y->s;
    bool begun = y->begun;

    reader_free(y);
    if (s != NULL) {
        then->cut(s);
    } else {
        http_req_on_gone(r, NULL, NULL);
        if (begun)
            http_abort(r); /* cut off: the reader sees that it is incomplete */
        else
            http_reply_text(r, 503, "The answer could not be written; try again");
    }
}

static void on_ended(void *arg, int status)
{
    struct render *x = arg;
    struct shell *sh = x->sh;
    bool ok = status == 0;

    if (!ok && x->readers != NULL)
        log_warn("answer_failed", "status=%d reason=\"the process that writes it ended early\"", status);
    while (x->readers != NULL) {
        struct render_reader *y = x->readers;
        struct http_req *r = y->r;
        if (!ok) {
            refuse(y);
        } else if (y->s != NULL) {
            release_stream(y);
        } else {
            reader_begin(y);
            reader_free(y);
            http_stream_on_drained(r, NULL, NULL);
            http_stream_end(r);
        }
    }
    render_free(x);
    start_next(sh);
}

/* Less at a time for many readers: a turn writes it to each of them. */
static size_t piece_room(void *arg)
{
    const struct render *x = arg;
    const struct render_reader *y;
    unsigned readers = 0;

    DL_COUNT(x->readers, y, readers);
    if (readers <= 4)
        return RENDER_PIECE_BYTES;
    size_t share = (size_t)RENDER_PIECE_BYTES * 4 / readers;
    return share > RENDER_PIECE_BYTES_MIN ? share : RENDER_PIECE_BYTES_MIN;
}

static void on_bytes(void *arg, struct sbuf *piece)
{
    struct render *x = arg;
    struct http_blob *blob = http_blob_new(piece);
    struct render_reader *y, *next;

    x->has_bytes = true;
    DL_FOREACH_SAFE(x->readers, y, next) {
        reader_begin(y);
        (void)http_stream_write_blob(y->r, blob); /* over the cap: gone is called at the end of the turn */
    }
    http_blob_unref(blob);
    advance(x);
}

/* Reading goes on while the fastest reader keeps up. */
static bool may_read(const struct render *x)
{
    const struct render_reader *y;

    DL_FOREACH(x->readers, y)
        if (!y->begun || http_stream_pending(y->r) < RENDER_AHEAD_MAX)
            return true;
    return false;
}

/* After each change of what reads it. x may be gone then. */
static void advance(struct render *x)
{
    struct shell *sh = x->sh;

    if (x->readers == NULL) {
        if (x->state == RENDER_WAITING)
            render_free(x);
        else
            forked_kill(x->child);
        return;
    }
    if (x->state == RENDER_WAITING)
        return;
    bool read_on = may_read(x), was_held_up = x->state == RENDER_HELD_UP;
    if (read_on == !was_held_up)
        return;
    forked_pause(x->child, !read_on);
    x->state = read_on ? RENDER_RUNNING : RENDER_HELD_UP;
    if (!read_on)
        start_next(sh);
}

static void on_deadline(void *arg)
{
    struct render *x = arg;

    log_warn("answer_dropped", "reason=\"it took more than %d s\"", RENDER_TIME_MAX_S);
    while (x->readers != NULL)
        refuse(x->readers);
    advance(x);
}

/* False: no process can be had. */
static bool start(struct render *x)
{
    static const struct forked_handler handler = { make, piece_room, on_bytes, on_ended };
    struct shell *sh = x->sh;

    x->child = forked_start(sh->loop, &handler, x);
    if (x->child == NULL)
        return false;
    x->version = sh->m->metrics.events;
    x->state = RENDER_RUNNING;
    sh->renderings++;
    loop_timer_init(&x->deadline, sh->loop, on_deadline, x);
    loop_timer_in(&x->deadline, RENDER_TIME_MAX_S * NS_PER_S);
    return true;
}

static void write_inline(struct shell *sh, const struct render_doc *doc, struct http_req *r)
{
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);

    struct view v = *mshell_view(sh);

    write_doc(sh, &v, doc, &b);
    http_reply_sbuf(r, 200, type_of(doc), &b);
}

static void first_inline(struct shell *sh, struct stream *s)
{
    struct render_doc doc = { .what = RENDER_SUBSCRIBED, .principal = str_of(s->principal), .json = s->json };
    struct view v = *mshell_view(sh);

    sbuf_clear(&sh->text);
    write_doc(sh, &v, &doc, &sh->text);
    stream_write_record(s->r, sbuf_view(&sh->text));
}

/* Without a process it is written at once, as long as it takes. */
static void write_here(struct render *x)
{
    log_warn("answer_inline", "reason=\"no process can be started\"");
    while (x->readers != NULL) {
        struct render_reader *y = x->readers;
        struct http_req *r = y->r;
        struct stream *s = y->s;
        if (s != NULL) {
            reader_begin(y);
            first_inline(x->sh, s);
            release_stream(y);
        } else {
            reader_free(y);
            http_req_on_gone(r, NULL, NULL);
            write_inline(x->sh, &x->doc, r);
        }
    }
    render_free(x);
}

static void start_next(struct shell *sh)
{
    struct render *x, *next;
    unsigned running = 0, held_up = 0;

    if (sh->stopping)
        return;
    DL_FOREACH(sh->renders, x) {
        running += x->state == RENDER_RUNNING;
        held_up += x->state == RENDER_HELD_UP;
    }
    DL_FOREACH_SAFE(sh->renders, x, next) {
        if (running != 0 || running + held_up >= RENDER_RUNNING_MAX)
            break;
        if (x->state != RENDER_WAITING)
            continue;
        if (start(x))
            running++;
        else
            write_here(x);
    }
}

static struct render *render_for(struct shell *sh, const struct render_doc *doc)
{
    struct render *x;

    DL_FOREACH(sh->renders, x)
        if (doc_eq(&x->doc, doc) &&
            (x->state == RENDER_WAITING ||
             (x->readers != NULL && !x->has_bytes && x->version == sh->m->metrics.events)))
            return x; /* without readers it has been killed */
    x = xcalloc(1, sizeof *x);
    x->sh = sh;
    doc_copy(x, doc);
    DL_APPEND(sh->renders, x);
    return x;
}

void render_answer(struct shell *sh, struct http_req *r, const struct render_doc *asked)
{
    struct render_doc copy = *asked, *doc = &copy;

    if (sh->acls == NULL)
        copy.principal = (struct str){ NULL, 0 }; /* everyone sees the same */
    if (units(sh->m, doc) <= RENDER_INLINE_UNITS) {
        write_inline(sh, doc, r);
        return;
    }
    if (sh->render_readers >= RENDER_READERS_MAX) {
        http_reply_text(r, 503, "More than %d big answers are being written; try again", RENDER_READERS_MAX);
        return;
    }
    (void)reader_new(render_for(sh, doc), r, NULL, NULL);
    start_next(sh);
}

void render_first_event(struct shell *sh, struct stream *s, const struct render_follow *then)
{
    struct render_doc doc = { .what = RENDER_SUBSCRIBED, .principal = str_of(s->principal), .json = s->json };

    if (units(sh->m, &doc) <= RENDER_INLINE_UNITS) {
        first_inline(sh, s);
        return;
    }
    (void)reader_new(render_for(sh, &doc), s->r, s, then);
    start_next(sh);
}

void renders_done(struct shell *sh)
{
    while (sh->renders != NULL) {
        struct render *x = sh->renders;
        while (x->readers != NULL)
            reader_free(x->readers);
        forked_cancel(x->child);
        render_free(x);
    }
}
