/* SPDX-License-Identifier: Apache-2.0 */
/* The session around the library's handle. The library wants three calls: interest (which descriptor, what
 * for, how long), process (when it is ready or the time is over), and requests; its descriptor may change
 * with every reconnect, so the event is made anew whenever it does. Requests and events only note that the
 * interest must be asked again at the end of the turn.
 *
 * The library's own log goes nowhere but into a buffer: its last line explains an unreachable server in ours.
 */
#include "common/io/zk.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <zookeeper/zookeeper.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "common/base/sbuf.h"
#include "common/io/net.h"

#define SESSION_NS_DEFAULT (10 * NS_PER_S)
#define COMPLAIN_NS (30 * NS_PER_S) /* between two lines about a connection that does not come */
#define RETRY_NS (100 * NS_PER_MS)  /* when the library names no time */

enum { ANSWERS_MAX = 500 }; /* taken in one turn */

/* An operation under way, a watch that waits, or an operation that failed before it was sent. */
struct pending {
    struct zk *zk;
    zk_done_fn *done;
    void *arg;
    struct zk_multi *multi;
    int failed_rc;
    bool exists_ok;
    struct pending *next, *prev;
};

struct zk {
    struct loop *loop;
    char *servers, *credentials; /* servers: addresses */
    int64_t session_timeout_ns;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
    zhandle_t *zh;
    struct event *ev;
    int ev_fd, ev_what;
    struct zk_listener *listeners;
    struct pending *ops, *watches, *failed;
    struct loop_work interest_work, failed_work, renew_work, free_work;
    struct loop_timer complain, again;
    struct mono since; /* without a connection */
    struct mono heard;
    bool deaf; /* nothing was heard for a session's time: what is read now may be old */
    bool connected, had_session, expired, freeing;
    unsigned inside; /* library calls that may call us back */
};

struct zk_multi {
    zoo_op_t *ops;
    zoo_op_result_t *results;
    enum zk_acl *acls;
    size_t count, cap, acls_cap;
};

/* --- the library's log ------------------------------------------------------------------------------- */
static char last_line[300]; /* of the process: the library's callback has no argument */

static void library_says(const char *line)
{
    const char *p = strrchr(line, '@'); /* "date:pid:ZOO_WARN@function@line: text" */
    p = p != NULL ? strchr(p, ':') : NULL;
    (void)snprintf(last_line, sizeof last_line, "%s", p != NULL ? p + 2 : line);
}

static void say(struct zk *zk, enum zk_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct zk *zk, enum zk_log_level level, const char *event, const char *fmt, ...)
{
    char text[700];
    va_list ap;

    if (zk->log == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    zk->log(zk->log_arg, level, event, text);
}

/* --- the event --------------------------------------------------------------------------------------- */
static void ask_interest(struct zk *zk);
static void ask_sign(struct zk *zk);

/* A process that was stopped finds what came meanwhile, an answer of before or a farewell: that says nothing about now. Only
 * an answer to something that is asked after this does. */
static void heard(struct zk *zk)
{
    struct mono now = loop_now(zk->loop);

    if (zk->connected && !zk->deaf && mono_diff(now, zk->heard) >= zk_session_timeout_ns(zk)) {
        zk->deaf = true;
        ask_sign(zk);
    }
    if (!zk->deaf)
        zk->heard = now;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct zk *zk = arg;
    int events =
        ((what & EV_READ) != 0 ? ZOOKEEPER_READ : 0) | ((what & EV_WRITE) != 0 ? ZOOKEEPER_WRITE : 0);

    int more = 1;
    if ((what & EV_READ) != 0)
        heard(zk);
    /* The library writes every request in two pieces, also those that callbacks of answers ask for: together they make full
     * packets, and half the work for the server. */
    int one = 1, zero = 0;
    bool cork = zk->connected && fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CORK, &one, sizeof one) == 0;
    zk->inside++;
    /* The library takes one answer per call; what went wrong comes as an event or with the operations. */
    for (unsigned i = 0; i < ANSWERS_MAX && more > 0; i++) {
        int rc = zookeeper_process(zk->zh, events);
        more = 0;
        if (rc != ZOK || fd < 0 || !zk->connected || zk->freeing || ioctl(fd, FIONREAD, &more) != 0)
            break;
        events = ZOOKEEPER_READ;
    }
    zk->inside--;
    if (cork) /* the descriptor may be closed by now: then this fails, or does no harm to another */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &zero, sizeof zero);
    if (!zk->freeing)
        loop_defer(zk->loop, &zk->interest_work);
}

static void drop_event(struct zk *zk)
{
    if (zk->ev != NULL)
        event_free(zk->ev);
    zk->ev = NULL;
}

static void ask_interest(struct zk *zk)
{
    int fd = -1, interest = 0;
    struct timeval tv = { 0, 0 };

    if (zk->zh == NULL || zk->freeing || zk->expired)
        return;
    zk->inside++;
    int rc = zookeeper_interest(zk->zh, &fd, &interest, &tv);
    zk->inside--;
    if (zk->freeing || zk->expired)
        return;
    if (fd < 0 || rc != ZOK) {
        interest = 0;
        if (tv.tv_sec == 0 && tv.tv_usec == 0)
            tv.tv_usec = RETRY_NS / NS_PER_US;
    }
    int what =
        ((interest & ZOOKEEPER_READ) != 0 ? EV_READ : 0) | ((interest & ZOOKEEPER_WRITE) != 0 ? EV_WRITE : 0);
    /* Not kept over the turn: the number may be that of another connection now. */
    drop_event(zk);
    zk->ev = event_new(loop_base(zk->loop), what != 0 ? fd : -1, (short)what, on_ready, zk);
    ASSERT(zk->ev != NULL);
    (void)event_add(zk->ev, &tv);
}

static void on_interest(void *arg)
{
    ask_interest(arg);
}

/* --- session ----------------------------------------------------------------------------------------- */
static void tell(struct zk *zk, enum zk_event ev)
{
    struct zk_listener *l, *next;
    DL_FOREACH_SAFE(zk->listeners, l, next)
    if (!zk->freeing)
        l->fn(l->arg, ev);
}

static void on_connected(struct zk *zk)
{
    if (zk->connected)
        return;
    zk->connected = zk->had_session = true;
    zk->deaf = false;
    zk->heard = loop_now(zk->loop);
    loop_timer_cancel(&zk->complain);
    const char *server = zoo_get_current_server(zk->zh);
    say(zk, ZK_LOG_INFO, "zookeeper_connected", "server=%s session=0x%llx timeout_ms=%d",
        server != NULL ? server : "?", (unsigned long long)zk_session_id(zk), zoo_recv_timeout(zk->zh));
    tell(zk, ZK_CONNECTED);
}

static void on_suspended(struct zk *zk)
{
    if (!zk->connected)
        return;
    zk->connected = false;
    zk->since = loop_now(zk->loop);
    loop_timer_in(&zk->complain, COMPLAIN_NS);
    say(zk, ZK_LOG_WARN, "zookeeper_suspended", "then=reconnecting servers=%s because=\"%s\"", zk->servers,
        last_line);
    tell(zk, ZK_SUSPENDED);
}

static void on_expired(struct zk *zk)
{
    if (zk->expired)
        return;
    zk->connected = false;
    zk->expired = true;
    say(zk, ZK_LOG_WARN, "zookeeper_session_expired", "session=0x%llx then=\"opening a new one\"",
        (unsigned long long)zk_session_id(zk));
    tell(zk, ZK_EXPIRED);
    if (!zk->freeing)
        loop_defer(zk->loop, &zk->renew_work);
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
    struct zk *zk = ctx;

    (void)path;
    if (type != ZOO_SESSION_EVENT || zk->freeing || zh != zk->zh)
        return;
    if (state == ZOO_CONNECTED_STATE)
        on_connected(zk);
    else if (state == ZOO_EXPIRED_SESSION_STATE)
        on_expired(zk);
    else if (state == ZOO_AUTH_FAILED_STATE) { /* the handle is of no more use */
        say(zk, ZK_LOG_WARN, "zookeeper_authentication_failed",
            "the server refuses the credentials of the URL");
        on_expired(zk);
    } else
        on_suspended(zk);
}

static void complain(void *arg)
{
    struct zk *zk = arg;

    say(zk, ZK_LOG_WARN, "zookeeper_unreachable", "for_s=%lld servers=%s because=\"%s\" then=\"trying on\"",
        (long long)(mono_diff(loop_now(zk->loop), zk->since) / NS_PER_S), zk->servers, last_line);
    loop_timer_in(&zk->complain, COMPLAIN_NS);
}

static int open_handle(struct zk *zk, struct error *err)
{
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zk->zh = zookeeper_init2(zk->servers, on_session, (int)(zk->session_timeout_ns / NS_PER_MS), NULL, zk,
                             ZOO_NO_LOG_CLIENTENV, library_says);
    if (zk->zh == NULL)
        return error_set_errno(err, errno, "ZooKeeper at %s: no session can be made", zk->servers);
    (void)zoo_set_servers_resolution_delay(zk->zh, -1); /* addresses need no second look */
    if (zk->credentials != NULL)
        (void)zoo_add_auth(zk->zh, "digest", zk->credentials, (int)strlen(zk->credentials), NULL, NULL);
    zk->connected = zk->expired = false;
    zk->since = loop_now(zk->loop);
    loop_timer_in(&zk->complain, zk->had_session ? COMPLAIN_NS : 3 * NS_PER_S);
    return 0;
}

static void close_handle(struct zk *zk)
{
    zhandle_t *zh = zk->zh;
    struct pending *p, *next;

    drop_event(zk);
    zk->zh = NULL;
    if (zh == NULL)
        return;
    zk->inside++;
    (void)zookeeper_close(zh); /* calls what is under way with an error */
    zk->inside--;
    DL_FOREACH_SAFE(zk->watches, p, next)
    {
        DL_DELETE(zk->watches, p);
        free(p);
    }
}

static void renew(void *arg)
{
    struct zk *zk = arg;
    struct error err;

    if (zk->freeing)
        return;
    close_handle(zk);
    if (open_handle(zk, &err) != 0) { /* out of descriptors or memory */
        say(zk, ZK_LOG_WARN, "zookeeper_unusable", "%s; retrying in 2 s", err.msg);
        zk->expired = true;
        loop_timer_in(&zk->again, 2 * NS_PER_S);
        return;
    }
    loop_defer(zk->loop, &zk->interest_work);
}

static void again(void *arg)
{
    struct zk *zk = arg;

    loop_defer(zk->loop, &zk->renew_work);
}

/* --- operations under way ----------------------------------------------------------------------------- */
static enum zk_code code_of(int rc)
{
    switch (rc) {
    case ZOK:
        return ZK_OK;
    case ZNONODE:
        return ZK_NO_NODE;
    case ZNODEEXISTS:
        return ZK_NODE_EXISTS;
    case ZBADVERSION:
        return ZK_BAD_VERSION;
    case ZNOTEMPTY:
        return ZK_NOT_EMPTY;
    case ZNOAUTH:
    case ZAUTHFAILED:
    case ZINVALIDACL:
        return ZK_DENIED;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZCLOSING:
    case ZINVALIDSTATE:
    case ZSESSIONMOVED:
        return ZK_LOST;
    default: /* of a library's int, not of an enum of ours */
        return ZK_FAILED;
    }
}

static struct pending *op_new(struct zk *zk, zk_done_fn *done, void *arg)
{
    struct pending *p = xcalloc(1, sizeof *p);

    *p = (struct pending){ .zk = zk, .done = done, .arg = arg };
    DL_APPEND(zk->ops, p);
    loop_defer(zk->loop, &zk->interest_work);
    return p;
}

static void op_end(struct pending *p, struct pending **list, struct zk_result *r, int rc)
{
    struct zk *zk = p->zk;

    DL_DELETE(*list, p);
    r->code = rc == ZNODEEXISTS && p->exists_ok ? ZK_OK : code_of(rc);
    r->text = rc == ZOK ? "" : zerror(rc);
    if (p->done != NULL && !zk->freeing)
        p->done(p->arg, r);
    zk_multi_free(p->multi);
    free(p);
}

/* The library did not take the request: called back later, like any other. */
static void op_sent(struct pending *p, int rc)
{
    struct zk *zk = p->zk;

    if (rc == ZOK)
        return;
    DL_DELETE(zk->ops, p);
    p->failed_rc = rc;
    DL_APPEND(zk->failed, p);
    loop_defer(zk->loop, &zk->failed_work);
}

static void run_failed(void *arg)
{
    struct zk *zk = arg;
    struct pending *list = zk->failed, *p, *next;

    zk->failed = NULL;
    zk->inside++;
    DL_FOREACH_SAFE(list, p, next)
    {
        struct zk_result r = { .code = ZK_OK };
        op_end(p, &list, &r, p->failed_rc);
    }
    zk->inside--;
}

static void release(void *arg)
{
    struct zk *zk = arg;
    struct pending *p, *next;

    close_handle(zk);
    DL_FOREACH_SAFE(zk->failed, p, next)
    {
        zk_multi_free(p->multi);
        free(p);
    }
    loop_undefer(zk->loop, &zk->interest_work);
    loop_undefer(zk->loop, &zk->failed_work);
    loop_undefer(zk->loop, &zk->renew_work);
    loop_timer_done(&zk->complain);
    loop_timer_done(&zk->again);
    free(zk->servers);
    if (zk->credentials != NULL)
        explicit_bzero(zk->credentials, strlen(zk->credentials));
    free(zk->credentials);
    free(zk);
}

/* --- life --------------------------------------------------------------------------------------------- */
/* Names become addresses here, so that the library, which resolves again at every reconnect, never waits for
 * DNS. */
static int resolve(const char *servers, struct sbuf *b, struct error *err)
{
    struct str rest = str_of(servers), one;
    struct error why = { .code = ERR_OK };
    bool more = true;

    while (more) {
        more = str_cut(&rest, ',', &one);
        size_t colon = one.n;
        while (one.p[colon - 1] != ':')
            colon--;
        struct str port_text = str_sub(one, colon, one.n);
        char host[256], text[NET_TEXT_SIZE];
        struct net_addr addr;
        uint64_t port = 0;
        (void)str_u64(&port_text, 65535, &port); /* checked by zk_url_parse */
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - 1), one.p);
        if (net_resolve(host, (uint16_t)port, &addr, &why) != 0)
            continue; /* the others may do */
        net_text(&addr, text);
        sbuf_fmt(b, "%s%s", b->n != 0 ? "," : "", text);
    }
    if (b->n != 0)
        return 0;
    *err = why;
    return error_wrap(err, "ZooKeeper at %.120s", servers);
}

int zk_new(struct zk **ret, struct loop *loop, const struct zk_options *o, struct error *err)
{
    struct zk *zk = xcalloc(1, sizeof *zk);
    struct sbuf servers = SBUF_INIT(8192);
    int rc = resolve(o->url->servers, &servers, err);

    if (rc != 0) {
        sbuf_done(&servers);
        free(zk);
        return rc;
    }
    *zk = (struct zk){ .loop = loop,
                       .servers = sbuf_steal(&servers),
                       .log = o->log,
                       .log_arg = o->log_arg,
                       .credentials = o->url->credentials != NULL ? xstrdup(o->url->credentials) : NULL,
                       .session_timeout_ns =
                           o->session_timeout_ns > 0 ? o->session_timeout_ns : SESSION_NS_DEFAULT };
    zk->interest_work = LOOP_WORK(LOOP_SEND, on_interest, zk);
    zk->failed_work = LOOP_WORK(LOOP_STEP, run_failed, zk);
    zk->renew_work = LOOP_WORK(LOOP_FREE, renew, zk);
    zk->free_work = LOOP_WORK(LOOP_FREE, release, zk);
    loop_timer_init(&zk->complain, loop, complain, zk);
    loop_timer_init(&zk->again, loop, again, zk);
    rc = open_handle(zk, err);
    if (rc != 0) {
        zk->freeing = true;
        release(zk);
        return rc;
    }
    loop_defer(loop, &zk->interest_work);
    *ret = zk;
    return 0;
}

void zk_free(struct zk *zk)
{
    if (zk == NULL || zk->freeing)
        return;
    zk->freeing = true;
    loop_timer_cancel(&zk->complain);
    loop_timer_cancel(&zk->again);
    if (zk->inside != 0)
        loop_defer(zk->loop, &zk->free_work);
    else
        release(zk);
}

void zk_listen(struct zk *zk, struct zk_listener *l)
{
    DL_APPEND(zk->listeners, l);
}

void zk_unlisten(struct zk *zk, struct zk_listener *l)
{
    DL_DELETE(zk->listeners, l);
}

bool zk_is_connected(const struct zk *zk)
{
    return zk->connected;
}

bool zk_is_fresh(const struct zk *zk)
{
    return zk->connected && mono_diff(loop_now(zk->loop), zk->heard) < zk_session_timeout_ns(zk);
}

int64_t zk_session_id(const struct zk *zk)
{
    return zk->zh != NULL ? zoo_client_id(zk->zh)->client_id : 0;
}

int64_t zk_session_timeout_ns(const struct zk *zk)
{
    return zk->zh != NULL ? zoo_recv_timeout(zk->zh) * NS_PER_MS : zk->session_timeout_ns;
}

bool zk_has_credentials(const struct zk *zk)
{
    return zk->credentials != NULL;
}

const char *zk_credentials(const struct zk *zk)
{
    return zk->credentials;
}

bool zk_peer(const struct zk *zk, struct net_addr *ret)
{
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;

    if (zk->zh == NULL || !zk->connected ||
        zookeeper_get_connected_host(zk->zh, (struct sockaddr *)&sa, &size) == NULL)
        return false;
    net_from_sockaddr((struct sockaddr *)&sa, ret);
    return true;
}

void zk_forget(struct zk *zk, const void *arg)
{
    struct pending *lists[] = { zk->ops, zk->watches, zk->failed }, *p;

    for (size_t i = 0; i < 3; i++)
        DL_FOREACH(lists[i], p)
    if (p->arg == arg)
        p->done = NULL;
}

void zk_pump(struct zk *zk, int64_t timeout_ns)
{
    int fd = -1, interest = 0;
    struct timeval tv = { 0, 0 };

    ASSERT(zk->inside == 0);
    run_failed(zk);
    if (zk->expired)
        renew(zk);
    if (zk->zh == NULL)
        return;
    drop_event(zk);
    zk->inside++;
    (void)zookeeper_interest(zk->zh, &fd, &interest, &tv);
    int64_t ns = tv.tv_sec * NS_PER_S + tv.tv_usec * NS_PER_US;
    if (ns > timeout_ns || fd < 0)
        ns = timeout_ns;
    struct pollfd pf = { .fd = fd,
                         .events = (short)(((interest & ZOOKEEPER_READ) != 0 ? POLLIN : 0) |
                                           ((interest & ZOOKEEPER_WRITE) != 0 ? POLLOUT : 0)) };
    (void)poll(&pf, 1, (int)(ns / NS_PER_MS));
    int events = ((pf.revents & (POLLIN | POLLHUP | POLLERR)) != 0 ? ZOOKEEPER_READ : 0) |
                 ((pf.revents & POLLOUT) != 0 ? ZOOKEEPER_WRITE : 0);
    (void)zookeeper_process(zk->zh, events);
    zk->inside--;
    loop_defer(zk->loop, &zk->interest_work);
}

/* --- operations --------------------------------------------------------------------------------------- */
static const struct ACL_vector *acl_of(const struct zk *zk, enum zk_acl acl)
{
    static struct ACL creator_and_readers[2];
    static struct ACL_vector world_read = { 2, creator_and_readers };

    if (zk->credentials == NULL)
        return &ZOO_OPEN_ACL_UNSAFE;
    if (acl == ZK_ACL_PRIVATE)
        return &ZOO_CREATOR_ALL_ACL;
    creator_and_readers[0] = (struct ACL){ ZOO_PERM_ALL, ZOO_AUTH_IDS };
    creator_and_readers[1] = (struct ACL){ ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE };
    return &world_read;
}

static void done_string(int rc, const char *value, const void *data)
{
    struct pending *p = (struct pending *)(uintptr_t)data;
    struct zk_result r = { .path = value };

    op_end(p, &p->zk->ops, &r, rc);
}

static void done_void(int rc, const void *data)
{
    struct pending *p = (struct pending *)(uintptr_t)data;
    struct zk_result r = { .code = ZK_OK };

    if (p->multi != NULL) {
        const struct zk_multi *m = p->multi;
        while (rc != ZOK && r.failed_index < m->count && m->results[r.failed_index].err != rc)
            r.failed_index++;
    }
    op_end(p, &p->zk->ops, &r, rc);
}

static void fill_stat(struct zk_result *r, int rc, const struct Stat *stat)
{
    if (rc != ZOK || stat == NULL)
        return;
    r->zxid = stat->mzxid;
    r->version = stat->version;
    r->data_bytes = stat->dataLength;
    r->ephemeral_owner = stat->ephemeralOwner;
}

static void done_stat(int rc, const struct Stat *stat, const void *data)
{
    struct pending *p = (struct pending *)(uintptr_t)data;
    struct zk_result r = { .code = ZK_OK };

    fill_stat(&r, rc, stat);
    op_end(p, &p->zk->ops, &r, rc);
}

static void done_data(int rc, const char *value, int size, const struct Stat *stat, const void *data)
{
    struct pending *p = (struct pending *)(uintptr_t)data;
    struct zk_result r = { .data = str_mem(value, rc == ZOK && size > 0 ? (size_t)size : 0) };

    fill_stat(&r, rc, stat);
    op_end(p, &p->zk->ops, &r, rc);
}

static void done_strings(int rc, const struct String_vector *strings, const void *data)
{
    struct pending *p = (struct pending *)(uintptr_t)data;
    struct zk_result r = { .code = ZK_OK };

    if (rc == ZOK && strings != NULL) {
        r.children = (const char *const *)strings->data;
        r.child_count = (size_t)strings->count;
    }
    op_end(p, &p->zk->ops, &r, rc);
}

static void on_sign(void *arg, const struct zk_result *r)
{
    struct zk *zk = arg;

    if (r->code == ZK_LOST)
        return; /* the next connection is the sign */
    zk->deaf = false;
    zk->heard = loop_now(zk->loop);
}

static void ask_sign(struct zk *zk)
{
    zk_exists(zk, "/", on_sign, zk);
}

static void create(struct zk *zk, const char *path, struct str data, int flags, enum zk_acl acl,
                   struct pending *p)
{
    int mode = (flags & ZK_EPHEMERAL) != 0
                   ? ((flags & ZK_SEQUENCE) != 0 ? ZOO_EPHEMERAL_SEQUENTIAL : ZOO_EPHEMERAL)
                   : ((flags & ZK_SEQUENCE) != 0 ? ZOO_PERSISTENT_SEQUENTIAL : ZOO_PERSISTENT);

    op_sent(p, zk->zh == NULL ? ZINVALIDSTATE
                              : zoo_acreate(zk->zh, path, data.n != 0 ? data.p : "", (int)data.n,
                                            acl_of(zk, acl), mode, done_string, p));
}

void zk_create(struct zk *zk, const char *path, struct str data, int flags, enum zk_acl acl, zk_done_fn *done,
               void *arg)
{
    create(zk, path, data, flags, acl, op_new(zk, done, arg));
}

void zk_get(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg);
    op_sent(p, zk->zh == NULL ? ZINVALIDSTATE : zoo_awget(zk->zh, path, NULL, NULL, done_data, p));
}

void zk_exists(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg);
    op_sent(p, zk->zh == NULL ? ZINVALIDSTATE : zoo_awexists(zk->zh, path, NULL, NULL, done_stat, p));
}

void zk_set(struct zk *zk, const char *path, struct str data, int32_t version, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg);
    op_sent(p, zk->zh == NULL
                   ? ZINVALIDSTATE
                   : zoo_aset(zk->zh, path, data.n != 0 ? data.p : "", (int)data.n, version, done_stat, p));
}

void zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg);
    op_sent(p, zk->zh == NULL ? ZINVALIDSTATE : zoo_adelete(zk->zh, path, version, done_void, p));
}

static void on_watch(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
    struct pending *p = ctx;
    struct zk *zk = p->zk;

    (void)state;
    (void)path;
    if (type == ZOO_SESSION_EVENT || zh != zk->zh) /* the library sets watches again when it reconnects */
        return;
    DL_DELETE(zk->watches, p);
    if (p->done != NULL && !zk->freeing)
        p->done(p->arg, NULL);
    free(p);
}

void zk_children(struct zk *zk, const char *path, zk_done_fn *watch, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg), *w = NULL;
    int rc = ZINVALIDSTATE;

    if (zk->zh != NULL && watch != NULL) {
        w = xcalloc(1, sizeof *w);
        *w = (struct pending){ .zk = zk, .done = watch, .arg = arg };
        DL_APPEND(zk->watches, w); /* when the request fails it stays, unused, until the session ends */
    }
    if (zk->zh != NULL)
        rc = zoo_awget_children(zk->zh, path, w != NULL ? on_watch : NULL, w, done_strings, p);
    op_sent(p, rc);
}

/* Requests keep their order, so parents exist when their children are made; only the last answer matters,
 * since a parent that could not be made shows in it. */
void zk_make_path(struct zk *zk, const char *path, enum zk_acl acl, zk_done_fn *done, void *arg)
{
    char part[ZK_PATH_BYTES_MAX];
    size_t n = strlen(path);

    ASSERT(n < sizeof part);
    for (size_t i = 1; i < n; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            zk_create(zk, part, STR(""), 0, acl, NULL, NULL);
        }
    struct pending *p = op_new(zk, done, arg);
    p->exists_ok = true;
    create(zk, path, STR(""), 0, acl, p);
}

/* --- multi -------------------------------------------------------------------------------------------- */
struct zk_multi *zk_multi_new(void)
{
    return xcalloc(1, sizeof(struct zk_multi));
}

void zk_multi_free(struct zk_multi *m)
{
    if (m == NULL)
        return;
    free(m->ops);
    free(m->results);
    free(m->acls);
    free(m);
}

static zoo_op_t *multi_op(struct zk_multi *m)
{
    ARRAY_ROOM(m->ops, m->count, m->cap);
    ARRAY_ROOM(m->acls, m->count, m->acls_cap);
    return &m->ops[m->count++];
}

void zk_multi_create(struct zk_multi *m, const char *path, struct str data, enum zk_acl acl)
{
    zoo_op_t *op = multi_op(m);
    m->acls[m->count - 1] = acl;
    zoo_create_op_init(op, path, data.n != 0 ? data.p : "", (int)data.n, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                       NULL, 0);
}

void zk_multi_set(struct zk_multi *m, const char *path, struct str data, int32_t version)
{
    zoo_set_op_init(multi_op(m), path, data.n != 0 ? data.p : "", (int)data.n, version, NULL);
}

void zk_multi_delete(struct zk_multi *m, const char *path, int32_t version)
{
    zoo_delete_op_init(multi_op(m), path, version);
}

size_t zk_multi_count(const struct zk_multi *m)
{
    return m->count;
}

void zk_multi_send(struct zk *zk, struct zk_multi *m, zk_done_fn *done, void *arg)
{
    struct pending *p = op_new(zk, done, arg);

    ASSERT(m->count > 0);
    p->multi = m;
    m->results = xcalloc(m->count, sizeof *m->results);
    for (size_t i = 0; i < m->count; i++)
        if (m->ops[i].type == ZOO_CREATE_OP)
            m->ops[i].create_op.acl = acl_of(zk, m->acls[i]);
    op_sent(p, zk->zh == NULL ? ZINVALIDSTATE
                              : zoo_amulti(zk->zh, (int)m->count, m->ops, m->results, done_void, p));
}
