/* SPDX-License-Identifier: Apache-2.0 */
/* One cycle: read the children (with a watch, unless one waits already), decide, read the leader's content
 * when it is not ours. A cycle that is asked for while one runs runs after it. The candidate is made beside
 * it: path, then node. */
#include "common/io/leader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/sbuf.h"

#define RETRY_NS (2 * NS_PER_S)

enum own { OWN_NONE, OWN_MAKING, OWN_UNCERTAIN, OWN_SEARCHING, OWN_MADE };

struct leader {
    struct loop *loop;
    struct zk *zk; /* NULL: fixed */
    struct zk_listener listener;
    char *path, *prefix, *data; /* prefix NULL: only watching */
    size_t data_size;
    enum election_rule rule;
    enum zk_acl acl;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
    leader_fn *fn;
    void *arg;
    enum own own;
    char own_node[300]; /* of OWN_MADE */
    char **search;      /* of OWN_SEARCHING: nodes; those below searching are still to be read */
    size_t search_count, searching;
    bool reading, read_again;
    bool watched, asked_watch; /* a watch waits; the question under way sets one */
    enum candidate_label next_label; /* whose content is being read */
    char next_node[300];
    struct loop_timer retry;
    struct loop_work tell_work;
    /* the view */
    enum leader_who who;
    bool unsure, told;
    enum candidate_label label;
    char node[300];
    struct sbuf content;
    size_t candidates;
};

static void read_children(struct leader *l);
static void contend(struct leader *l);

static void say(struct leader *l, enum zk_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct leader *l, enum zk_log_level level, const char *event, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    if (l->log == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->log(l->log_arg, level, event, text);
}

/* --- the view ----------------------------------------------------------------------------------------- */
void leader_view(const struct leader *l, struct leader_view *ret)
{
    *ret = (struct leader_view){ .who = l->who,
                                 .unsure = l->unsure,
                                 .label = l->label,
                                 .data = sbuf_view(&l->content),
                                 .node = l->node,
                                 .candidates = l->candidates };
}

static void tell(void *arg)
{
    struct leader *l = arg;
    struct leader_view v;

    leader_view(l, &v);
    l->fn(l->arg, &v);
}

static void changed(struct leader *l)
{
    l->told = true;
    loop_defer(l->loop, &l->tell_work);
}

static void set_view(struct leader *l, enum leader_who who, enum candidate_label label, const char *node,
                     struct str content)
{
    bool same = l->told && !l->unsure && l->who == who && strcmp(l->node, node) == 0 &&
                str_eq(sbuf_view(&l->content), content);

    l->who = who;
    l->label = label;
    l->unsure = false;
    (void)snprintf(l->node, sizeof l->node, "%s", node);
    sbuf_clear(&l->content);
    sbuf_str(&l->content, content);
    if (!same)
        changed(l);
}

/* --- reading ------------------------------------------------------------------------------------------ */
static void later(struct leader *l)
{
    loop_timer_in(&l->retry, RETRY_NS);
}

static void read_done(struct leader *l)
{
    l->reading = false;
    if (l->read_again)
        read_children(l);
}

static void full_path(const struct leader *l, const char *node, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%s", l->path, node);
}

static void on_content(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;

    if (r->code == ZK_OK)
        set_view(l, LEADER_OTHER, l->next_label, l->next_node, r->data);
    else if (r->code == ZK_NO_NODE)
        l->read_again = true; /* gone in between */
    else if (r->code != ZK_LOST) {
        say(l, ZK_LOG_WARN, "leader_unreadable", "node=%s/%s because=\"%s\"", l->path, l->next_node, r->text);
        later(l);
    }
    read_done(l);
}

static void decide(struct leader *l, const char *const *names, size_t count)
{
    struct candidate c = { CANDIDATE_UNKNOWN, 0 }, one;
    size_t i = election_leader(l->rule, names, count, &c);
    char path[ZK_PATH_BYTES_MAX];

    l->candidates = 0;
    for (size_t k = 0; k < count; k++)
        l->candidates += candidate_parse(l->rule, str_of(names[k]), &one);
    if (i == count) {
        set_view(l, LEADER_NONE, CANDIDATE_UNKNOWN, "", STR(""));
    } else if (c.label == CANDIDATE_UNKNOWN) {
        say(l, ZK_LOG_WARN, "leader_unknown", "node=%s/%s because=\"its label is none that masters write\"",
            l->path, names[i]);
        set_view(l, LEADER_NONE, CANDIDATE_UNKNOWN, "", STR(""));
    } else if (l->own == OWN_MADE && strcmp(names[i], l->own_node) == 0) {
        set_view(l, LEADER_SELF, c.label, names[i], str_mem(l->data, l->data_size));
    } else {
        if (l->who == LEADER_SELF) /* our own node is not the lowest any more: never twice */
            set_view(l, LEADER_NONE, CANDIDATE_UNKNOWN, "", STR(""));
        if (l->who == LEADER_OTHER && strcmp(l->node, names[i]) == 0 && !l->unsure) {
            read_done(l); /* content is read once */
            return;
        }
        full_path(l, names[i], path, sizeof path);
        l->next_label = c.label;
        (void)snprintf(l->next_node, sizeof l->next_node, "%s", names[i]);
        zk_get(l->zk, path, on_content, l);
        return;
    }
    read_done(l);
}

/* --- our candidate ------------------------------------------------------------------------------------ */
static void own_result(struct leader *l, const struct zk_result *r)
{
    if (r->code == ZK_LOST) {
        l->own = OWN_UNCERTAIN;
        return; /* CONNECTED goes on */
    }
    l->own = OWN_NONE;
    say(l, ZK_LOG_WARN, "candidate_refused", "path=%s because=\"%s\" then=\"retrying in 2 s\"", l->path,
        r->text);
    later(l);
}

static void own_made(struct leader *l, const char *node)
{
    l->own = OWN_MADE;
    (void)snprintf(l->own_node, sizeof l->own_node, "%s", node);
    say(l, ZK_LOG_INFO, "candidate", "node=%s/%s", l->path, l->own_node);
    read_children(l);
}

static void on_created(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;
    const char *slash = r->code == ZK_OK && r->path != NULL ? strrchr(r->path, '/') : NULL;

    if (l->own != OWN_MAKING)
        return; /* of a session that expired meanwhile */
    if (slash == NULL)
        own_result(l, r);
    else
        own_made(l, slash + 1);
}

static void on_path(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;
    char path[ZK_PATH_BYTES_MAX];

    if (r->code != ZK_OK) {
        if (r->code == ZK_LOST) {
            l->own = OWN_NONE;
            l->reading = false;
            return;
        }
        own_result(l, r);
        return;
    }
    if (l->prefix == NULL || l->own != OWN_MAKING) {
        read_children(l);
        return;
    }
    full_path(l, l->prefix, path, sizeof path);
    zk_create(l->zk, path, str_mem(l->data, l->data_size), ZK_EPHEMERAL | ZK_SEQUENCE, l->acl, on_created, l);
}

static void contend(struct leader *l)
{
    if (!zk_is_connected(l->zk))
        return;
    if (l->prefix == NULL) {
        read_children(l);
    } else if (l->own == OWN_NONE) {
        l->own = OWN_MAKING;
        zk_make_path(l->zk, l->path, l->acl, on_path, l);
    } else {
        read_children(l);
    }
}

static void search_next(struct leader *l);

static void on_searched(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;

    if (l->own != OWN_SEARCHING)
        return;
    if (r->code == ZK_LOST)
        l->own = OWN_UNCERTAIN;
    else if (r->code == ZK_OK && r->ephemeral_owner == zk_session_id(l->zk) &&
             str_eq(r->data, str_mem(l->data, l->data_size)))
        own_made(l, l->search[l->searching]);
    else
        search_next(l);
}

/* One after the other, from the last. */
static void search_next(struct leader *l)
{
    char path[ZK_PATH_BYTES_MAX];

    if (l->searching == 0) {
        l->own = OWN_NONE;
        contend(l);
        return;
    }
    full_path(l, l->search[--l->searching], path, sizeof path);
    zk_get(l->zk, path, on_searched, l);
}

static void search_free(struct leader *l)
{
    for (size_t i = 0; i < l->search_count; i++)
        free(l->search[i]);
    free(l->search);
    l->search = NULL;
    l->search_count = l->searching = 0;
}

/* Did the creation whose answer was lost happen? */
static void search(struct leader *l, const char *const *names, size_t count)
{
    struct candidate c;

    search_free(l);
    l->own = OWN_SEARCHING;
    l->search = xcalloc(count + 1, sizeof *l->search);
    for (size_t i = 0; i < count; i++)
        if (candidate_parse(l->rule, str_of(names[i]), &c))
            l->search[l->search_count++] = xstrdup(names[i]);
    l->searching = l->search_count;
    search_next(l);
}

/* --- children ----------------------------------------------------------------------------------------- */
static void on_watch(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;

    (void)r;
    l->watched = false;
    read_children(l);
}

static void on_children(void *arg, const struct zk_result *r)
{
    struct leader *l = arg;
    bool found = false;

    if (r->code == ZK_LOST) {
        read_done(l);
        return;
    }
    if (r->code != ZK_OK) {
        if (r->code == ZK_NO_NODE) {
            set_view(l, LEADER_NONE, CANDIDATE_UNKNOWN, "", STR(""));
            if (l->own == OWN_MADE)
                l->own = OWN_NONE;
        } else {
            say(l, ZK_LOG_WARN, "leader_unreadable", "path=%s because=\"%s\"", l->path, r->text);
        }
        later(l); /* a path that is not there cannot be watched for children */
        read_done(l);
        return;
    }
    l->watched = l->watched || l->asked_watch; /* an older watch may have fired since the question was sent */
    for (size_t i = 0; i < r->child_count; i++)
        found = found || strcmp(r->children[i], l->own_node) == 0;
    if (l->own == OWN_UNCERTAIN)
        search(l, r->children, r->child_count);
    if (l->own == OWN_SEARCHING) { /* the lowest may be our own: decided when that is known */
        read_done(l);
        return;
    }
    if (l->own == OWN_MADE && !found) {
        say(l, ZK_LOG_WARN, "candidate_lost", "node=%s/%s because=\"somebody deleted it\"", l->path,
            l->own_node);
        l->own = OWN_NONE;
        contend(l);
    }
    decide(l, r->children, r->child_count);
}

static void read_children(struct leader *l)
{
    l->read_again = l->reading;
    if (l->reading || !zk_is_connected(l->zk))
        return;
    l->reading = true;
    l->asked_watch = !l->watched;
    zk_children(l->zk, l->path, l->watched ? NULL : on_watch, on_children, l);
}

static void on_retry(void *arg)
{
    contend(arg);
}

static void on_zk(void *arg, enum zk_event ev)
{
    struct leader *l = arg;

    switch (ev) {
    case ZK_CONNECTED:
        l->reading = l->read_again = false;
        contend(l);
        break;
    case ZK_SUSPENDED:
        if (l->told && !l->unsure) {
            l->unsure = true;
            changed(l);
        }
        break;
    case ZK_EXPIRED:
        l->own = OWN_NONE;
        l->own_node[0] = '\0';
        l->watched = false;
        l->reading = l->read_again = false;
        if (l->who == LEADER_SELF) {
            set_view(l, LEADER_NONE, CANDIDATE_UNKNOWN, "", STR(""));
            l->unsure = true;
        } else if (l->told && !l->unsure) {
            l->unsure = true;
            changed(l);
        }
        break;
    }
}

/* --- life --------------------------------------------------------------------------------------------- */
static struct leader *make(struct loop *loop, leader_fn *fn, void *arg)
{
    struct leader *l = xcalloc(1, sizeof *l);

    l->loop = loop;
    l->fn = fn;
    l->arg = arg;
    l->label = CANDIDATE_UNKNOWN;
    sbuf_init(&l->content, 1 << 20);
    l->tell_work = LOOP_WORK(LOOP_STEP, tell, l);
    loop_timer_init(&l->retry, loop, on_retry, l);
    return l;
}

void leader_new(struct leader **ret, struct loop *loop, const struct leader_options *o, leader_fn *fn,
                void *arg)
{
    struct leader *l = make(loop, fn, arg);

    l->zk = o->zk;
    l->path = xstrdup(o->path);
    l->rule = o->rule;
    l->acl = o->acl;
    l->log = o->log;
    l->log_arg = o->log_arg;
    if (o->data.p != NULL) {
        l->prefix = xstrdup(o->prefix);
        l->data = xmemdup(o->data.p, o->data.n);
        l->data_size = o->data.n;
    }
    l->listener = (struct zk_listener){ .fn = on_zk, .arg = l };
    zk_listen(l->zk, &l->listener);
    contend(l);
    *ret = l;
}

void leader_new_fixed(struct leader **ret, struct loop *loop, enum leader_who who, struct str data,
                      leader_fn *fn, void *arg)
{
    struct leader *l = make(loop, fn, arg);

    set_view(l, who, CANDIDATE_PID, "", data);
    *ret = l;
}

void leader_free(struct leader *l)
{
    if (l == NULL)
        return;
    if (l->zk != NULL) {
        zk_forget(l->zk, l);
        zk_unlisten(l->zk, &l->listener);
    }
    loop_undefer(l->loop, &l->tell_work);
    loop_timer_done(&l->retry);
    search_free(l);
    sbuf_done(&l->content);
    free(l->path);
    free(l->prefix);
    free(l->data);
    free(l);
}
