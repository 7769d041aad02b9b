/* SPDX-License-Identifier: Apache-2.0 */
/* A ZooKeeper session in the event loop, over the single-threaded client library.
 *
 * One struct zk is one session at a time, shared by all of a program that needs ZooKeeper (election and
 * store). It connects and reconnects by itself, for ever, and opens a new session when the old one expired.
 * Its users hear three things: CONNECTED; SUSPENDED (the connection is gone, the session may live: be
 * unsure); EXPIRED (the session is gone, ephemeral nodes with it: what rested on it is lost; CONNECTED
 * follows with the new session). Nothing here ends the process.
 *
 * Operations are asynchronous and keep their order within a session; a callback is always called later, on
 * the loop, once, unless zk_forget came first. ZK_LOST means that the connection broke with the operation
 * under way: it may have happened or not. Operations asked for while there is no connection wait for one, or
 * end with ZK_LOST when an attempt fails. Callbacks may call anything in here; the library's handle is never
 * closed inside one, but at the end of the turn.
 *
 * Names in the URL are resolved once, when the session is made (blocking: at start), so that a reconnect
 * never waits for DNS; a server that moves to another address needs a restart of its clients. Values of nodes
 * are at most ZK_DATA_BYTES_MAX. Source: reference of high availability, §1. */
#ifndef STOA_IO_ZK_H
#define STOA_IO_ZK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/io/loop.h"

enum {
    ZK_DATA_BYTES_MAX = 512 * 1000, /* of one node: half of what servers take by default */
    ZK_REQUEST_BYTES_MAX =
        1040 * 1000, /* of one request, multi included; servers refuse 1 MiB (jute.maxbuffer) */
    ZK_PATH_BYTES_MAX = 2048
};

/* zk://[user:password@]host:port,host:port/path */
struct zk_url {
    char *servers;     /* "host:port,host:port" as written; a missing port is 2181 */
    char *credentials; /* "user:password", NULL: none */
    char *path;        /* "/mesos": without a slash at the end */
};
/* The error names what is wrong with which part. root_ok: the path may be missing or "/" (then path is "").
 */
int zk_url_parse(struct zk_url *ret, struct str text, bool root_ok, struct error *err);
void zk_url_done(struct zk_url *u); /* fine on a zeroed one */

enum zk_event { ZK_CONNECTED, ZK_SUSPENDED, ZK_EXPIRED };
enum zk_log_level { ZK_LOG_WARN, ZK_LOG_INFO };

struct zk;

/* Embedded in its owner; told of every change in the order of zk_listen. */
struct zk_listener {
    void (*fn)(void *arg, enum zk_event ev);
    void *arg;
    struct zk_listener *next, *prev;
};

struct zk_options {
    const struct zk_url *url;
    int64_t session_timeout_ns; /* 0: 10 s. The server has the last word: zk_session_timeout_ns */
    /* One line for people; at most a few per state change and one in 30 s while there is no connection. NULL:
     * silent. */
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
};
int zk_new(struct zk **ret, struct loop *loop, const struct zk_options *options, struct error *err);
/* Ends the session at the server, so that its ephemeral nodes go now. Nobody is called any more. NULL is
 * fine. */
void zk_free(struct zk *zk);

void zk_listen(struct zk *zk, struct zk_listener *l);
void zk_unlisten(struct zk *zk, struct zk_listener *l);
bool zk_is_connected(const struct zk *zk);
/* Connected, and something was heard from a server within the session's timeout: a process that was stopped for longer learns
 * here that it cannot know any more, before the library notices. */
bool zk_is_fresh(const struct zk *zk);
int64_t zk_session_id(const struct zk *zk);         /* 0: none yet */
int64_t zk_session_timeout_ns(const struct zk *zk); /* as agreed with the server */
bool zk_has_credentials(const struct zk *zk);
const char *zk_credentials(const struct zk *zk); /* "user:password", NULL: none */
struct net_addr;
/* The server that the session is connected to. False: none now. */
bool zk_peer(const struct zk *zk, struct net_addr *ret);

/* --- operations --------------------------------------------------------------------------------------- */
enum zk_code {
    ZK_OK,
    ZK_NO_NODE,
    ZK_NODE_EXISTS,
    ZK_BAD_VERSION,
    ZK_NOT_EMPTY,
    ZK_DENIED,
    ZK_LOST,  /* the connection or the session: outcome unknown */
    ZK_FAILED /* anything else; text says what */
};

struct zk_result {
    enum zk_code code;
    const char *text;            /* of the failure */
    struct str data;             /* of zk_get */
    const char *path;            /* of zk_create: with the sequence number */
    int64_t zxid;                /* of zk_get, zk_set, zk_exists: of the node's last change */
    int32_t version;             /* of the same */
    int32_t data_bytes;          /* of zk_get, zk_exists */
    int64_t ephemeral_owner;     /* of zk_get, zk_exists: a session id, 0: persistent */
    const char *const *children; /* of zk_children: names, unsorted */
    size_t child_count;
    size_t failed_index; /* of a multi that failed: which operation */
};
typedef void zk_done_fn(void *arg, const struct zk_result *r);

enum { ZK_EPHEMERAL = 1, ZK_SEQUENCE = 2 };
/* Who may do what with a node, when the URL has credentials; without them everybody everything. */
enum zk_acl { ZK_ACL_WORLD_READ, ZK_ACL_PRIVATE };

/* done may be NULL. arg is also what zk_forget looks for. */
void zk_create(struct zk *zk, const char *path, struct str data, int flags, enum zk_acl acl, zk_done_fn *done,
               void *arg);
void zk_get(struct zk *zk, const char *path, zk_done_fn *done, void *arg);
void zk_exists(struct zk *zk, const char *path, zk_done_fn *done, void *arg);
void zk_set(struct zk *zk, const char *path, struct str data, int32_t version, zk_done_fn *done,
            void *arg); /* -1: any */
void zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg);
/* watch is called once, when the children change after this; with r NULL. */
void zk_children(struct zk *zk, const char *path, zk_done_fn *watch, zk_done_fn *done, void *arg);
/* Creates path and what is above it, persistent and empty; existing nodes are fine. ZK_OK or the first
 * failure. */
void zk_make_path(struct zk *zk, const char *path, enum zk_acl acl, zk_done_fn *done, void *arg);

/* All or nothing. Borrows paths and data until zk_multi_send, which takes m over. */
struct zk_multi;
struct zk_multi *zk_multi_new(void);
void zk_multi_free(struct zk_multi *m); /* one that was not sent */
void zk_multi_create(struct zk_multi *m, const char *path, struct str data, enum zk_acl acl);
void zk_multi_set(struct zk_multi *m, const char *path, struct str data, int32_t version);
void zk_multi_delete(struct zk_multi *m, const char *path, int32_t version);
size_t zk_multi_count(const struct zk_multi *m);
void zk_multi_send(struct zk *zk, struct zk_multi *m, zk_done_fn *done, void *arg);

/* Callbacks and watches with this arg are not called any more; the operations go on. */
void zk_forget(struct zk *zk, const void *arg);
/* Serves the connection for at most timeout_ns without the loop: for blocking ends only. Not inside a
 * callback. */
void zk_pump(struct zk *zk, int64_t timeout_ns);

#endif
