/* SPDX-License-Identifier: Apache-2.0 */
/* Large answers to reads are written by a forked child, so that the loop does not stand still meanwhile
 * (docs/decisions/big-answers-from-a-fork.md). One child at a time; requests for the same document that come before it is
 * forked share it. The document is of the moment of the fork: it leaves when the records of that moment are durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/forked.h"
#include "marathon/shell.h"

enum {
    UNITS_MIN = 1000, /* apps and tasks: about as many times 3 us */
    READERS_MAX = 1000,
    BYTES_MAX = 1 << 30
};

/* What the child says first. The content type is static text, which is at the same place in both. */
struct head {
    unsigned status;
    const char *content_type;
    char etag[40];
};

struct reader {
    struct bigread *of;
    struct http_req *r;
    struct mono begun;
    struct reader *next, *prev;
};

struct bigread {
    struct shell *sh;
    struct forked *child; /* NULL: waits for its turn, or is over */
    bool started, over, ok, durable, fenced;
    uint64_t changes; /* of the shell at the fork */
    struct sbuf head, body;
    bigread_here_fn *here;
    struct reader *readers;
    struct bigread *next, *prev;
};

/* Its place among the outputs. */
struct fence {
    struct output o;
    struct bigread *of;
};

static size_t waiting_apps(const struct marathon *m)
{
    size_t n = 0;

    for (const struct slot *s = m->waiting; s != NULL; s = s->wait_next)
        n++;
    return n;
}

static size_t planned_actions(const struct marathon *m)
{
    size_t n = 0;

    for (const struct deployment *d = m->deployment_list; d != NULL; d = d->next)
        for (size_t i = 0; i < d->plan.n; i++)
            n += d->plan.steps[i].n;
    return n;
}

/* About how long it takes to answer, in apps and tasks. */
static size_t units(const struct marathon *m, struct str path)
{
    size_t all = m->app_count + HASH_COUNT(m->instances);

    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (str_is(path, "/v2/apps") || str_is(path, "/v2/tasks") || str_is(path, "/v2/pods/::status") || str_starts(path, STR("/v2/groups")))
        return all;
    if (str_starts(path, STR("/v2/apps/")) && path.p[path.n - 1] == '*')
        return all;
    if (str_starts(path, STR("/v2/queue")))
        return waiting_apps(m);
    return str_is(path, "/v2/deployments") ? planned_actions(m) : 0;
}

bool bigread_fits(const struct shell *sh, const struct api_request *q)
{
    return q->verb == HTTP_VERB_GET && units(sh->m, q->path) >= UNITS_MIN;
}

/* --- the child ----------------------------------------------------------------------------------------- */
static void spill(void *arg, struct sbuf *b)
{
    struct api_answer *a = arg;
    struct head h = { .status = a->status, .content_type = a->content_type };
    struct sbuf first = SBUF_INIT(sizeof h);

    memcpy(h.etag, a->etag, sizeof h.etag);
    if (!a->head_sent) {
        sbuf_add(&first, &h, sizeof h);
        forked_put(&first);
        a->head_sent = true;
    }
    forked_put(b);
}

static bool make(void *arg, struct sbuf *b)
{
    struct bigread *x = arg;
    struct api_answer a;
    struct api_request q;
    char client[NET_TEXT_SIZE];

    (void)b;
    http_api_request(x->readers->r, &q, client);
    api_answer_init(&a);
    a.spill = spill;
    api_handle(&x->sh->api, &q, &a);
    if (!sbuf_ok(&a.body))
        return false;
    spill(&a, &a.body);
    return true;
}

/* --- readers ------------------------------------------------------------------------------------------- */
static void reader_free(struct reader *y)
{
    DL_DELETE(y->of->readers, y);
    y->of->sh->bigread_readers--;
    y->of->sh->requests_open--;
    free(y);
}

static void bigread_free(struct bigread *x)
{
    forked_cancel(x->child);
    DL_DELETE(x->sh->bigreads, x);
    sbuf_done(&x->head);
    sbuf_done(&x->body);
    free(x);
}

static void start_next(struct shell *sh);

/* Nobody waits for it any more; what was begun for it is ended. A fence that is still queued refers to it. */
static void drop_if_unread(struct bigread *x)
{
    struct shell *sh = x->sh;

    if (x->readers != NULL)
        return;
    forked_cancel(x->child);
    x->child = NULL;
    x->over = true;
    if (!x->fenced)
        bigread_free(x);
    start_next(sh);
}

static void gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct reader *y = arg;
    struct bigread *x = y->of;

    (void)r;
    (void)why;
    reader_free(y);
    drop_if_unread(x);
}

static void answer_all(struct bigread *x)
{
    struct shell *sh = x->sh;
    struct http_blob *blob = http_blob_new(&x->body);
    struct head h;

    memcpy(&h, x->head.p, sizeof h);
    if (h.status == 200 && x->changes == sh->changes)
        http_shared_keep(sh, http_req_target(x->readers->r), http_req_header(x->readers->r, "Accept"), h.content_type, h.etag, blob);
    while (x->readers != NULL) {
        struct http_req *r = x->readers->r;
        http_req_on_gone(r, NULL, NULL);
        if (h.etag[0] != '\0')
            http_reply_header(r, "ETag", str_of(h.etag));
        http_answer_blob(sh, r, h.status, h.content_type, blob);
        http_stats_done(&sh->api.http, HTTP_VERB_GET, h.status, mono_diff(loop_clock(), x->readers->begun), loop_clock());
        sh->api.response_bytes += http_blob_bytes(blob).n;
        reader_free(x->readers);
    }
    http_blob_unref(blob);
    bigread_free(x);
}

/* Without a child, or after one that failed: here and now. */
static void answer_here(struct bigread *x)
{
    bigread_here_fn *here = x->here;
    struct shell *sh = x->sh;

    log_warn("answer_inline", "because=\"%s\"", x->started ? "the process that writes it ended early" : "no process can be started");
    while (x->readers != NULL) {
        struct http_req *r = x->readers->r;
        http_req_on_gone(r, NULL, NULL);
        reader_free(x->readers);
        here(sh, r);
    }
    bigread_free(x);
}

static void advance(struct bigread *x)
{
    struct shell *sh = x->sh;

    if (!x->over || !x->durable)
        return;
    if (x->readers == NULL)
        bigread_free(x);
    else if (x->ok)
        answer_all(x);
    else
        answer_here(x);
    start_next(sh);
}

static void on_bytes(void *arg, struct sbuf *b)
{
    struct bigread *x = arg;
    struct str piece = sbuf_view(b);
    size_t missing = sizeof(struct head) - x->head.n;

    if (missing > piece.n)
        missing = piece.n;
    sbuf_str(&x->head, str_sub(piece, 0, missing));
    sbuf_str(&x->body, str_sub(piece, missing, piece.n));
}

static void on_ended(void *arg, int status)
{
    struct bigread *x = arg;

    x->child = NULL;
    x->over = true;
    x->ok = status == 0 && x->head.n == sizeof(struct head) && sbuf_ok(&x->body);
    advance(x);
}

static void on_fence(struct shell *sh, struct output *o, bool run)
{
    struct bigread *x = ((struct fence *)(void *)o)->of;

    (void)sh;
    free(o);
    x->fenced = false;
    x->durable = true;
    if (run || x->readers == NULL)
        advance(x); /* else the process ends: renders_close */
}

static bool start(struct bigread *x)
{
    static const struct forked_handler handler = { .make = make, .bytes = on_bytes, .ended = on_ended };
    struct fence *f;

    x->child = forked_start(x->sh->loop, &handler, x);
    if (x->child == NULL)
        return false;
    x->started = true;
    x->changes = x->sh->changes;
    f = xcalloc(1, sizeof *f);
    *f = (struct fence){ .o = { .fn = on_fence }, .of = x };
    x->fenced = true;
    marathon_shell_output(x->sh, &f->o);
    return true;
}

static void start_next(struct shell *sh)
{
    struct bigread *x, *next;

    if (sh->stopping)
        return;
    DL_FOREACH(sh->bigreads, x)
        if (x->child != NULL)
            return;
    DL_FOREACH_SAFE(sh->bigreads, x, next) {
        if (x->started || x->readers == NULL)
            continue;
        if (start(x))
            return;
        answer_here(x);
    }
}

static bool is_same(struct http_req *a, struct http_req *b)
{
    return str_eq(http_req_target(a), http_req_target(b)) &&
           str_eq(http_req_header(a, "Accept"), http_req_header(b, "Accept"));
}

/* One that is not forked yet, or of the present state. */
static struct bigread *bigread_for(struct shell *sh, struct http_req *r)
{
    struct bigread *x;

    DL_FOREACH(sh->bigreads, x)
        if (x->readers != NULL && !x->over && is_same(x->readers->r, r) && (!x->started || x->changes == sh->changes))
            return x;
    x = xcalloc(1, sizeof *x);
    x->sh = sh;
    x->head = SBUF_INIT(sizeof(struct head));
    x->body = SBUF_INIT(BYTES_MAX);
    DL_APPEND(sh->bigreads, x);
    return x;
}

bool bigread_answer(struct shell *sh, struct http_req *r, bigread_here_fn *here)
{
    struct reader *y;

    if (sh->bigread_readers >= READERS_MAX)
        return false;
    y = xcalloc(1, sizeof *y);
    y->of = bigread_for(sh, r);
    y->of->here = here;
    y->r = r;
    DL_APPEND(y->of->readers, y);
    sh->bigread_readers++;
    sh->requests_open++;
    y->begun = loop_clock();
    http_req_on_gone(r, gone, y);
    start_next(sh);
    return true;
}

void bigreads_end(struct shell *sh, void (*refuse)(struct shell *sh, struct http_req *r))
{
    struct bigread *x, *next;

    DL_FOREACH_SAFE(sh->bigreads, x, next) {
        forked_cancel(x->child);
        x->child = NULL;
        x->over = true;
        while (x->readers != NULL) {
            struct http_req *r = x->readers->r;
            http_req_on_gone(r, NULL, NULL);
            reader_free(x->readers);
            refuse(sh, r);
        }
        if (!x->fenced)
            bigread_free(x);
    }
}
