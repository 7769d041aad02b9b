/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/store.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"

#define WAIT_NS (15 * NS_PER_S)

static void on_timeout(void *arg)
{
    loop_stop(arg);
}

/* Runs the loop until it is stopped or WAIT_NS have passed since the last time that it was asked. */
static void wait_for(struct store_session *s)
{
    struct loop_timer timeout;
    struct error err;

    loop_timer_init(&timeout, s->loop, on_timeout, s->loop);
    loop_timer_at(&timeout, mono_add(loop_clock(), WAIT_NS));
    (void)loop_run(s->loop, &err);
    loop_timer_done(&timeout);
}

/* --- ZooKeeper ------------------------------------------------------------------------------------------ */

static int unreachable(const struct store_session *s, struct error *err)
{
    return error_set(err, ERR_UNAVAILABLE, "ZooKeeper at %.150s does not answer", s->url.servers);
}

static void on_answer(void *arg, const struct zk_result *r)
{
    struct store_answer *a = arg;

    a->over = true;
    a->code = r->code;
    (void)snprintf(a->text, sizeof a->text, "%s", r->text != NULL ? r->text : "");
    a->children = xcalloc(r->child_count + 1, sizeof *a->children);
    for (; a->child_count < r->child_count; a->child_count++)
        a->children[a->child_count] = xstrdup(r->children[a->child_count]);
    loop_stop(a->s->loop);
}

void store_answer_done(struct store_answer *a)
{
    for (size_t i = 0; i < a->child_count; i++)
        free(a->children[i]);
    free(a->children);
    *a = (struct store_answer){ .s = a->s };
}

static int answer_wait(struct store_session *s, struct store_answer *a, const char *path, struct error *err)
{
    wait_for(s);
    if (!a->over) {
        zk_forget(s->zk, a);
        return unreachable(s, err);
    }
    if (a->code == ZK_OK || a->code == ZK_NO_NODE)
        return 0;
    return error_set(err, a->code == ZK_DENIED ? ERR_DENIED : ERR_IO, "ZooKeeper, node %.120s: %.100s%s",
                     path, a->text,
                     a->code == ZK_DENIED ? "; the URL needs user:password@ as its owner has it" : "");
}

int store_session_children(struct store_session *s, const char *path, struct store_answer *ret,
                           struct error *err)
{
    *ret = (struct store_answer){ .s = s };
    zk_children(s->zk, path, NULL, on_answer, ret);
    return answer_wait(s, ret, path, err);
}

int store_session_delete_node(struct store_session *s, const char *path, struct error *err)
{
    struct store_answer a = { .s = s };
    int rc;

    zk_delete(s->zk, path, -1, on_answer, &a);
    rc = answer_wait(s, &a, path, err);
    store_answer_done(&a);
    return rc;
}

/* Somebody who may write, now or as soon as the one that leads is gone. */
static int refuse_candidates(struct store_session *s, struct error *err)
{
    char path[STORE_PLACE_BYTES];
    struct store_answer a;
    struct candidate c;
    size_t n = 0;
    int rc;

    (void)snprintf(path, sizeof path, "%s%s", s->url.path, s->kind->candidates);
    rc = store_session_children(s, path, &a, err);
    for (size_t i = 0; i < a.child_count; i++)
        n += candidate_parse(s->kind->rule, str_of(a.children[i]), &c);
    store_answer_done(&a);
    if (rc == 0 && n != 0)
        return error_set(err, ERR_CONFLICT,
                         "%zu %s%s run%s with %.200s: stop all of them first (one that was killed is gone "
                         "after its session timeout)",
                         n, s->kind->name, n == 1 ? "" : "s", n == 1 ? "s" : "", path);
    return rc;
}

static int read_url(const char *where, struct sbuf *b, struct error *err)
{
    struct str s = str_of(where);

    if (!str_skip(&s, STR("file://"))) {
        sbuf_c(b, where);
        return 0;
    }
    return fs_read(s.p, b, err);
}

static int open_zookeeper(struct store_session *s, const char *where, enum store_session_as as, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(4096);
    int rc = read_url(where, &text, err);
    struct store_answer a;
    char path[STORE_PLACE_BYTES + 20];

    if (rc == 0)
        rc = zk_url_parse(&s->url, str_trim(sbuf_view(&text)), false, err);
    if (rc != 0)
        return rc;
    struct zk_options zo = { .url = &s->url };
    rc = zk_new(&s->zk, s->loop, &zo, err);
    if (rc != 0)
        return rc;
    rc = refuse_candidates(s, err);
    bool beside_owner = rc == -ERR_CONFLICT && as == STORE_SESSION_READ;
    if (rc != 0 && !beside_owner)
        return rc;
    (void)snprintf(s->place, sizeof s->place, "%s%s", s->url.path, s->kind->root);
    (void)snprintf(path, sizeof path, "%s/journal", s->place);
    rc = store_session_children(s, path, &a, err);
    s->unfinished = a.child_count;
    bool is_there = a.code == ZK_OK;
    store_answer_done(&a);
    if (rc != 0)
        return rc;
    if (!is_there && as != STORE_SESSION_MAKE)
        return error_set(err, ERR_NOT_FOUND, "there is no state of a %s in ZooKeeper at %.300s",
                         s->kind->name, s->place);
    struct store_zk_options so = {
        .zk = s->zk, .path = s->place, .owner = "stoa store", .world_read = s->kind->rule == ELECTION_MASTER,
        .beside_owner = beside_owner
    };
    return store_open_zk(&s->store, s->loop, &so, err);
}

/* --- the embedded store --------------------------------------------------------------------------------- */

const char *store_database_path(const struct state_kind *kind, const char *where, char *buf, size_t size)
{
    if (strncmp(where, "zk://", 5) == 0 || strncmp(where, "file://", 7) == 0)
        return NULL;
    (void)snprintf(buf, size, str_ends(str_of(where), STR(".db")) ? "%s" : "%s/%s", where, kind->file);
    return buf;
}

static int open_database(struct store_session *s, enum store_session_as as, struct error *err)
{
    struct store_sqlite_options o = { .path = s->place };
    struct stat st;
    int rc;

    if (stat(s->place, &st) != 0 && as != STORE_SESSION_MAKE)
        return error_set(err, ERR_NOT_FOUND, "there is no state of a %s at %.400s", s->kind->name, s->place);
    rc = store_open_sqlite(&s->store, s->loop, &o, err);
    if (rc == -ERR_CONFLICT && as == STORE_SESSION_READ) {
        o.beside_owner = true;
        rc = store_open_sqlite(&s->store, s->loop, &o, err);
    }
    if (rc == -ERR_CONFLICT)
        return error_set(err, ERR_CONFLICT, "a %s runs with %.300s: stop it first", s->kind->name, s->place);
    return rc;
}

/* --- a session ------------------------------------------------------------------------------------------ */

int store_session_open(struct store_session *s, const struct state_kind *kind, const char *where, enum store_session_as as,
                       struct error *err)
{
    int rc = loop_new(&s->loop, NULL, err);

    s->kind = kind;
    if (rc != 0)
        return rc;
    s->in_zookeeper = store_database_path(kind, where, s->place, sizeof s->place) == NULL;
    if (!s->in_zookeeper)
        return open_database(s, as, err);
    rc = open_zookeeper(s, where, as, err);
    return rc != 0 ? error_wrap(err, "--%s", kind->name) : 0;
}

void store_session_close(struct store_session *s)
{
    store_close(s->store);
    zk_free(s->zk);
    zk_url_done(&s->url);
    loop_free(s->loop);
    *s = (struct store_session){ .kind = s->kind };
}

struct waiting {
    struct store_session *s;
    bool over;
    struct error err;
    struct arena *arena; /* of a listing */
    struct store_record *records;
    size_t count;
};

static void on_list(void *arg, const struct store_record *records, size_t count, const struct error *err)
{
    struct waiting *w = arg;

    w->over = true;
    if (err != NULL) {
        w->err = *err;
    } else {
        w->records = xcalloc(count + 1, sizeof *w->records);
        w->count = count;
        for (size_t i = 0; i < count; i++)
            w->records[i] =
                (struct store_record){ arena_str(w->arena, records[i].key),
                                       arena_str(w->arena, records[i].value), records[i].version };
    }
    loop_stop(w->s->loop);
}

static int waited(struct store_session *s, struct waiting *w, struct error *err)
{
    wait_for(s);
    if (!w->over) /* only ZooKeeper makes anybody wait; w must not be touched any more, and is not: the
                     command ends */
        exit((unreachable(s, err), cli_fail(err)));
    if (w->err.code == ERR_OK)
        return 0;
    *err = w->err;
    return -(int)w->err.code;
}

int store_session_list(struct store_session *s, const struct store_record **ret, size_t *ret_count,
                       struct error *err)
{
    static struct arena arena; /* of the last listing */
    static struct store_record *last;
    struct waiting w = { .s = s, .arena = &arena };
    int rc;

    free(last);
    last = NULL;
    arena_done(&arena);
    arena_init(&arena, (size_t)4 << 30);
    store_list(s->store, STR(""), on_list, &w);
    rc = waited(s, &w, err);
    if (rc != 0)
        return rc;
    last = w.records;
    *ret = w.records;
    *ret_count = w.count;
    return 0;
}

static void on_commit(void *arg, const struct store_result *r)
{
    struct waiting *w = arg;

    w->over = true;
    if (r->err != NULL)
        w->err = *r->err;
    loop_stop(w->s->loop);
}

int store_session_commit(struct store_session *s, struct store_batch *b, struct error *err)
{
    struct waiting w = { .s = s };

    store_commit(s->store, b, on_commit, &w);
    return waited(s, &w, err);
}
