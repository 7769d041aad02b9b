/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes are kept in one list sorted by path: a node's children follow it, among their own children. */
#include "tests/sim/ensemble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

struct znode {
    char *path;
    struct str data;
    int32_t version;
    uint64_t made, children_version; /* numbers of changes */
    uint32_t next_sequence;
    int64_t owner; /* session, 0: persistent */
    struct proc *by;
    int64_t first_at; /* when it became the first among its siblings; -1: it is not */
};

struct session {
    int64_t id;
    int64_t timeout_ns, heard;
    struct proc *p;
    uint64_t client;
    unsigned connection;
    struct session *next;
};

struct watch {
    int64_t session;
    char *path;
    struct watch *next;
};

struct ensemble {
    struct sim *s;
    struct znode **v;
    size_t n, cap;
    struct session *sessions;
    struct watch *watches;
    int64_t next_session;
    uint64_t change;
    bool stopped;
};

/* --- values ------------------------------------------------------------------------------------------- */

static void free_str(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

static struct str own(struct str s)
{
    return str_mem(xstrndup(s), s.n);
}

void zreq_done(struct zreq *r)
{
    for (size_t i = 0; i < r->op_count; i++)
        zreq_done(&r->ops[i]);
    free(r->ops);
    free(r->path);
    free_str(r->data);
}

void zres_done(struct zres *r)
{
    for (size_t i = 0; i < r->child_count; i++)
        free(r->children[i]);
    free(r->children);
    free(r->path);
    free_str(r->data);
}

/* --- nodes -------------------------------------------------------------------------------------------- */

/* The order of path elements, not of bytes: "a/b" is right behind "a". */
static int path_cmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    int x = *a == '/' ? 1 : *a == '\0' ? 0 : (unsigned char)*a + 1, y = *b == '/' ? 1 : *b == '\0' ? 0 : (unsigned char)*b + 1;
    return x - y;
}

static size_t find_at(const struct ensemble *e, const char *path)
{
    size_t lo = 0, hi = e->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (path_cmp(e->v[mid]->path, path) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct znode *find(const struct ensemble *e, const char *path)
{
    size_t i = find_at(e, path);

    return i < e->n && strcmp(e->v[i]->path, path) == 0 ? e->v[i] : NULL;
}

static struct znode *parent_of(const struct ensemble *e, const char *path)
{
    char up[2048];
    const char *slash = strrchr(path, '/');

    (void)snprintf(up, sizeof up, "%.*s", (int)(slash - path), path);
    return find(e, up[0] != '\0' ? up : "/");
}

static const char *name_of(const struct znode *z)
{
    return strrchr(z->path, '/') + 1;
}

/* Calls fn for every child of path. */
typedef void child_fn(struct znode *z, void *arg);
static void each_child(const struct ensemble *e, const char *path, child_fn *fn, void *arg)
{
    size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);

    for (size_t i = find_at(e, path); i < e->n; i++) {
        const char *p = e->v[i]->path;
        if (strncmp(p, path, len) != 0)
            break;
        if (p[len] == '/' && p[len + 1] != '\0' && strchr(p + len + 1, '/') == NULL)
            fn(e->v[i], arg);
    }
}

static void lowest(struct znode *z, void *arg)
{
    struct znode **best = arg;
    size_t n = strlen(name_of(z));

    if (n < 10)
        return;
    if (*best == NULL || strcmp(name_of(z) + n - 10, name_of(*best) + strlen(name_of(*best)) - 10) < 0)
        *best = z;
}

static struct znode *first_child(const struct ensemble *e, const char *path)
{
    struct znode *best = NULL;

    each_child(e, path, lowest, &best);
    return best;
}

static struct session *session_find(const struct ensemble *e, int64_t id)
{
    for (struct session *x = e->sessions; x != NULL; x = x->next)
        if (x->id == id)
            return x;
    return NULL;
}

static void children_changed(struct ensemble *e, const char *child)
{
    struct znode *up = parent_of(e, child), *first;

    if (up == NULL)
        return;
    up->children_version = ++e->change;
    first = first_child(e, up->path);
    if (first != NULL && first->first_at < 0)
        first->first_at = e->s->now;
    for (struct watch **at = &e->watches; *at != NULL;) {
        struct watch *w = *at;
        if (strcmp(w->path, up->path) != 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        const struct session *x = session_find(e, w->session);
        if (x != NULL)
            sim_zk_news(e->s, x->p, x->client, x->connection, w->path);
        free(w->path);
        free(w);
    }
}

static void node_free(struct znode *z)
{
    free(z->path);
    free_str(z->data);
    free(z);
}

static void node_remove(struct ensemble *e, struct znode *z)
{
    size_t i = find_at(e, z->path);

    memmove(e->v + i, e->v + i + 1, (e->n - i - 1) * sizeof *e->v);
    e->n--;
    children_changed(e, z->path);
    node_free(z);
}

static void node_add(struct ensemble *e, char *path, struct str data, const struct session *owner, struct proc *by)
{
    struct znode *z = xcalloc(1, sizeof *z);
    size_t i = find_at(e, path);

    *z = (struct znode){ .path = path, .data = own(data), .made = ++e->change, .owner = owner != NULL ? owner->id : 0, .by = by, .first_at = -1 };
    z->children_version = e->change;
    ARRAY_ROOM(e->v, e->n, e->cap);
    memmove(e->v + i + 1, e->v + i, (e->n - i) * sizeof *e->v);
    e->v[i] = z;
    e->n++;
    children_changed(e, path);
}

/* --- requests ----------------------------------------------------------------------------------------- */

static void has_child(struct znode *z, void *arg)
{
    (void)z;
    *(bool *)arg = true;
}

/* What would come of a change; nothing is changed. */
static enum zres_code check(const struct ensemble *e, const struct zreq *q)
{
    const struct znode *z = find(e, q->path);
    bool children = false;

    if (q->kind == ZREQ_CREATE) {
        if (parent_of(e, q->path) == NULL)
            return ZRES_NO_NODE;
        return z != NULL && !q->sequence ? ZRES_NODE_EXISTS : ZRES_OK;
    }
    if (z == NULL)
        return ZRES_NO_NODE;
    if (q->version >= 0 && q->version != z->version)
        return ZRES_BAD_VERSION;
    if (q->kind == ZREQ_DELETE)
        each_child(e, q->path, has_child, &children);
    return children ? ZRES_NOT_EMPTY : ZRES_OK;
}

static char *sequence_path(struct ensemble *e, const char *path)
{
    struct znode *up = parent_of(e, path);
    char name[2200];

    (void)snprintf(name, sizeof name, "%s%010u", path, up->next_sequence++);
    return xstrdup(name);
}

static void change(struct ensemble *e, const struct session *x, const struct zreq *q, struct zres *ret)
{
    struct znode *z = find(e, q->path);

    if (q->kind == ZREQ_CREATE) {
        char *path = q->sequence ? sequence_path(e, q->path) : xstrdup(q->path);
        ret->path = xstrdup(path);
        node_add(e, path, q->data, q->ephemeral ? x : NULL, x->p);
    } else if (q->kind == ZREQ_SET) {
        free_str(z->data);
        z->data = own(q->data);
        ret->version = ++z->version;
    } else {
        node_remove(e, z);
    }
}

struct undo {
    const struct zreq *q;
    struct str data;
    int32_t version;
};

static void take_back(struct ensemble *e, struct undo *u)
{
    struct znode *z = find(e, u->q->path);

    if (u->q->kind == ZREQ_CREATE) {
        node_remove(e, z);
        return;
    }
    if (u->q->kind == ZREQ_DELETE) {
        node_add(e, xstrdup(u->q->path), u->data, NULL, NULL);
        z = find(e, u->q->path);
    } else {
        free_str(z->data);
        z->data = own(u->data);
    }
    z->version = u->version;
}

/* "owner=... term=... seq=...": whose request it is. */
static struct str mark_of(struct str fence)
{
    struct str rest = fence;

    while (rest.n != 0 && !str_starts(rest, STR(" seq=")))
        rest = str_sub(rest, 1, rest.n);
    return str_sub(fence, 0, fence.n - rest.n);
}

/* Opening a store writes its fence alone; every change afterwards sets it again, and whose it is stays. */
static void check_writer(const struct ensemble *e, const struct session *x, const struct zreq *q)
{
    const struct znode *z = find(e, q->path);
    size_t n = strlen(q->path);

    if (q->kind == ZREQ_SET && n > 6 && strcmp(q->path + n - 6, "/fence") == 0 && !str_eq(mark_of(q->data), mark_of(z->data)))
        sim_fail(e->s, "%s writes to a store that another has taken over: %.*s", x->p->name, STR_ARG(mark_of(z->data)));
}

/* All or nothing: one after the other, each on what those before it left. */
static void multi(struct ensemble *e, const struct session *x, const struct zreq *q, struct zres *ret)
{
    struct undo *undo = xcalloc(q->op_count + 1, sizeof *undo);
    size_t n = 0;

    for (; n < q->op_count; n++) {
        const struct znode *z = find(e, q->ops[n].path);
        struct zres one = { .code = ZRES_OK };
        ret->code = check(e, &q->ops[n]);
        if (ret->code != ZRES_OK)
            break;
        check_writer(e, x, &q->ops[n]);
        undo[n] = (struct undo){ &q->ops[n], own(z != NULL ? z->data : STR("")), z != NULL ? z->version : 0 };
        change(e, x, &q->ops[n], &one);
        zres_done(&one);
    }
    ret->failed_index = n;
    for (size_t i = n; i > 0; i--) {
        if (ret->code != ZRES_OK)
            take_back(e, &undo[i - 1]);
        free_str(undo[i - 1].data);
    }
    free(undo);
}

static void fill(const struct znode *z, struct zres *ret)
{
    ret->data = own(z->data);
    ret->version = z->version;
    ret->owner = z->owner;
}

static void add_child(struct znode *z, void *arg)
{
    struct zres *r = arg;

    r->children = xrealloc(r->children, r->child_count + 1, sizeof *r->children);
    r->children[r->child_count++] = xstrdup(name_of(z));
}

bool ensemble_ask(struct ensemble *e, int64_t session, unsigned connection, const struct zreq *q, struct zres *ret)
{
    struct session *x = session_find(e, session);
    const struct znode *z = q->path != NULL ? find(e, q->path) : NULL;

    *ret = (struct zres){ .code = ZRES_OK };
    if (x == NULL || x->connection != connection)
        return false;
    x->heard = e->s->now;
    if (q->kind == ZREQ_GET || q->kind == ZREQ_CHILDREN) {
        ret->code = z != NULL ? ZRES_OK : ZRES_NO_NODE;
        if (z != NULL && q->kind == ZREQ_GET)
            fill(z, ret);
        if (z != NULL && q->kind == ZREQ_CHILDREN) {
            ret->children_version = z->children_version;
            each_child(e, q->path, add_child, ret);
        }
    } else if (q->kind == ZREQ_MULTI) {
        multi(e, x, q, ret);
    } else if (q->kind != ZREQ_PING) {
        ret->code = check(e, q);
        if (ret->code == ZRES_OK)
            change(e, x, q, ret);
    }
    return true;
}

void ensemble_watch(struct ensemble *e, int64_t session, const char *path)
{
    struct watch *w;

    for (w = e->watches; w != NULL; w = w->next)
        if (w->session == session && strcmp(w->path, path) == 0)
            return;
    w = xcalloc(1, sizeof *w);
    w->session = session;
    w->path = xstrdup(path);
    w->next = e->watches;
    e->watches = w;
}

uint64_t ensemble_children_version(const struct ensemble *e, const char *path)
{
    const struct znode *z = find(e, path);

    return z != NULL ? z->children_version : 0;
}

/* --- sessions ----------------------------------------------------------------------------------------- */

static void end_session(struct ensemble *e, struct session *x)
{
    struct session **at = &e->sessions;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    for (size_t i = 0; i < e->n;) {
        if (e->v[i]->owner == x->id)
            node_remove(e, e->v[i]);
        else
            i++;
    }
    for (struct watch **w = &e->watches; *w != NULL;) {
        struct watch *one = *w;
        if (one->session != x->id) {
            w = &one->next;
            continue;
        }
        *w = one->next;
        free(one->path);
        free(one);
    }
    free(x);
}

static void expire(struct sim *s, struct proc *none, void *arg, uint64_t id)
{
    struct ensemble *e = arg;
    struct session *x = session_find(e, (int64_t)id);

    (void)none;
    if (x == NULL)
        return;
    if (e->stopped || x->heard + x->timeout_ns > s->now) {
        int64_t at = e->stopped ? s->now + SEC(1) : x->heard + x->timeout_ns;
        sim_after(s, NULL, at - s->now, expire, e, id);
        return;
    }
    sim_trace(s, "zookeeper", "the session of %s is over", x->p->name);
    sim_zk_news(s, x->p, x->client, x->connection, NULL);
    end_session(e, x);
}

int64_t ensemble_connect(struct ensemble *e, int64_t session, int64_t timeout_ns, struct proc *p, uint64_t client, unsigned connection)
{
    struct session *x = session != 0 ? session_find(e, session) : NULL;

    if (x == NULL && session != 0)
        return 0;
    if (x == NULL) {
        x = xcalloc(1, sizeof *x);
        x->id = ++e->next_session;
        x->timeout_ns = timeout_ns;
        x->p = p;
        x->client = client;
        x->next = e->sessions;
        e->sessions = x;
        sim_after(e->s, NULL, timeout_ns, expire, e, (uint64_t)x->id);
    }
    x->connection = connection;
    x->heard = e->s->now;
    return x->id;
}

void ensemble_close(struct ensemble *e, int64_t session)
{
    struct session *x = session_find(e, session);

    if (x != NULL)
        end_session(e, x);
}

bool ensemble_reachable(const struct ensemble *e, const struct proc *p)
{
    return !e->stopped && !net_is_cut(e->s, p->host, HOST_ZK);
}

/* --- the world ---------------------------------------------------------------------------------------- */

void ensemble_expire_some(struct ensemble *e, struct rng *r)
{
    size_t n = 0;

    for (struct session *x = e->sessions; x != NULL; x = x->next)
        n++;
    if (n == 0)
        return;
    n = rng_below(r, n);
    for (struct session *x = e->sessions; x != NULL; x = x->next)
        if (n-- == 0) {
            sim_trace(e->s, "zookeeper", "ends the session of %s", x->p->name);
            sim_zk_news(e->s, x->p, x->client, x->connection, NULL);
            end_session(e, x);
            return;
        }
}

void ensemble_stop(struct ensemble *e, bool stopped)
{
    e->stopped = stopped;
    sim_trouble(e->s, HOST_ZK);
    for (struct session *x = e->sessions; x != NULL; x = x->next) {
        x->heard = e->s->now; /* a new leader of the ensemble gives every session its time again */
        if (stopped)
            sim_zk_news(e->s, x->p, x->client, x->connection, NULL);
    }
}

bool ensemble_is_stopped(const struct ensemble *e)
{
    return e->stopped;
}

void ensemble_delete_first(struct ensemble *e, const char *path)
{
    struct znode *z = first_child(e, path);

    if (z != NULL)
        node_remove(e, z);
}

size_t ensemble_count(const struct ensemble *e, const char *part)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        n += strstr(e->v[i]->path, part) != NULL;
    return n;
}

const struct str *ensemble_data(const struct ensemble *e, const char *path)
{
    const struct znode *z = find(e, path);

    return z != NULL ? &z->data : NULL;
}

struct proc *ensemble_leader(const struct ensemble *e, const char *path, int64_t *ret_since)
{
    const struct znode *z = first_child(e, path);

    if (z == NULL)
        return NULL;
    *ret_since = e->s->now - z->first_at;
    return z->by;
}

struct ensemble *ensemble_new(struct sim *s)
{
    struct ensemble *e = xcalloc(1, sizeof *e);

    e->s = s;
    ARRAY_ROOM(e->v, e->n, e->cap);
    e->v[e->n] = xcalloc(1, sizeof **e->v);
    e->v[e->n++]->path = xstrdup("/");
    return e;
}

void ensemble_free(struct ensemble *e)
{
    if (e == NULL)
        return;
    while (e->sessions != NULL) {
        struct session *x = e->sessions;
        e->sessions = x->next;
        free(x);
    }
    while (e->watches != NULL) {
        struct watch *w = e->watches;
        e->watches = w->next;
        free(w->path);
        free(w);
    }
    for (size_t i = 0; i < e->n; i++)
        node_free(e->v[i]);
    free(e->v);
    free(e);
}
