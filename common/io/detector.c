/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/net.h"

enum { FILE_BYTES_MAX = 65536 };

struct detector {
    struct zk *zk;
    struct leader *leader;
    detector_fn *fn;
    void *arg;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
};

static void on_leader(void *arg, const struct leader_view *v)
{
    struct detector *d = arg;
    struct master_addr m;
    struct error err;

    if (v->who != LEADER_OTHER) {
        d->fn(d->arg, NULL, v->unsure);
    } else if (master_info_read(v->label, v->data, &m, &err) != 0) {
        if (d->log != NULL)
            d->log(d->log_arg, ZK_LOG_WARN, "leader_unreadable", err.msg);
        d->fn(d->arg, NULL, v->unsure);
    } else {
        d->fn(d->arg, &m, v->unsure);
    }
}

static int read_file(struct str *master, struct sbuf *b, struct error *err)
{
    struct str path = *master;

    if (!str_skip(&path, STR("file://")))
        return 0;
    CLEANUP(free_p) char *name = xstrndup(path);
    int rc = fs_read(name, b, err);
    if (rc < 0)
        return error_wrap(err, "%s", name);
    *master = str_trim(sbuf_view(b));
    return 0;
}

static int fixed(struct detector *d, struct loop *loop, struct str text, struct error *err)
{
    struct str rest = text, host;
    struct net_addr addr;
    char name[256], ip[NET_TEXT_SIZE], pid[320];
    uint64_t port;

    (void)str_skip(&rest, STR("master@"));
    if (!net_parse(rest, &addr)) {
        if (!str_cut(&rest, ':', &host) || !str_u64(&rest, 65535, &port) || rest.n != 0 || host.n == 0 ||
            host.n >= sizeof name)
            return error_set(err, ERR_INVALID,
                             "master \"%.*s\" is not host:port, zk://host:port,host:port/path or file://path",
                             (int)(text.n < 150 ? text.n : 150), text.n != 0 ? text.p : "");
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(host));
        int rc = net_resolve(name, (uint16_t)port, &addr, err);
        if (rc != 0)
            return error_wrap(err, "master %.*s", (int)(text.n < 150 ? text.n : 150), text.p);
    }
    net_text(&addr, ip);
    (void)snprintf(pid, sizeof pid, "master@%s", ip);
    leader_new_fixed(&d->leader, loop, LEADER_OTHER, str_of(pid), on_leader, d);
    return 0;
}

static int followed(struct detector *d, struct loop *loop, struct str text, const struct detector_options *o,
                    struct error *err)
{
    struct zk_url url = { NULL, NULL, NULL };
    struct zk_options zo = {
        .url = &url, .session_timeout_ns = o->session_timeout_ns, .log = o->log, .log_arg = o->log_arg
    };
    int rc = zk_url_parse(&url, text, false, err);

    if (rc == 0)
        rc = zk_new(&d->zk, loop, &zo, err);
    if (rc == 0) {
        struct leader_options lo = {
            .zk = d->zk, .path = url.path, .rule = ELECTION_MASTER, .log = o->log, .log_arg = o->log_arg
        };
        leader_new(&d->leader, loop, &lo, on_leader, d);
    }
    zk_url_done(&url);
    return rc;
}

int detector_new(struct detector **ret, struct loop *loop, const struct detector_options *o, detector_fn *fn,
                 void *arg, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf file = SBUF_INIT(FILE_BYTES_MAX);
    struct str master = o->master;
    struct detector *d;
    int rc = read_file(&master, &file, err);

    if (rc != 0)
        return rc;
    d = xcalloc(1, sizeof *d);
    *d = (struct detector){ .fn = fn, .arg = arg, .log = o->log, .log_arg = o->log_arg };
    rc = str_starts(master, STR("zk://")) ? followed(d, loop, master, o, err) : fixed(d, loop, master, err);
    if (rc != 0) {
        free(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void detector_free(struct detector *d)
{
    if (d == NULL)
        return;
    leader_free(d->leader);
    zk_free(d->zk);
    free(d);
}

bool detector_needs_zk(struct str master)
{
    CLEANUP(sbuf_done_p) struct sbuf file = SBUF_INIT(FILE_BYTES_MAX);

    return read_file(&master, &file, NULL) == 0 && str_starts(master, STR("zk://"));
}
