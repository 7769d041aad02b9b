/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/sbuf.h"
#include "common/io/zk.h"

static int bad(struct error *err, struct str text, const char *what)
{
    return error_set(err, ERR_INVALID,
                     "\"%.*s\" is no ZooKeeper URL: %s; write zk://[user:password@]host:port,host:port/path",
                     (int)(text.n < 120 ? text.n : 120), text.n != 0 ? text.p : "", what);
}

static int servers(struct sbuf *b, struct str hosts, struct str text, struct error *err)
{
    struct str one;
    bool more = true;

    while (more) {
        more = str_cut(&hosts, ',', &one);
        size_t colon = one.n;
        while (colon != 0 && one.p[colon - 1] != ':' && one.p[colon - 1] != ']')
            colon--;
        bool has_port = colon != 0 && one.p[colon - 1] == ':';
        struct str host = str_sub(one, 0, has_port ? colon - 1 : one.n);
        struct str port_text = has_port ? str_sub(one, colon, one.n) : STR("2181");
        uint64_t port;
        if (host.n == 0)
            return bad(err, text, "a host is missing");
        for (size_t i = 0; i < host.n; i++)
            if ((unsigned char)host.p[i] <= ' ' || host.p[i] == '/' || host.p[i] == '@')
                return bad(err, text, "a host has a character that hosts cannot have");
        if (!str_u64(&port_text, 65535, &port) || port_text.n != 0 || port == 0)
            return bad(err, text, "a port is not a number from 1 to 65535");
        sbuf_fmt(b, "%s%.*s:%u", b->n != 0 ? "," : "", STR_ARG(host), (unsigned)port);
    }
    return 0;
}

int zk_url_parse(struct zk_url *ret, struct str text, bool root_ok, struct error *err)
{
    struct str rest = text, hosts, credentials = { NULL, 0 };
    struct sbuf b = SBUF_INIT(4096);

    if (!str_skip(&rest, STR("zk://")))
        return bad(err, text, "it does not begin with zk://");
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)rest.p[i] < ' ' || rest.p[i] == 127)
            return bad(err, str_sub(text, 0, i + 5), "it has a control character after that");
    size_t slash = str_index(rest, '/');
    /* A password may have an @: the last one before the path ends the credentials. */
    size_t at = slash;
    while (at != 0 && rest.p[at - 1] != '@')
        at--;
    if (at != 0) {
        credentials = str_sub(rest, 0, at - 1);
        size_t colon = str_index(credentials, ':');
        if (colon == 0 || colon >= credentials.n)
            return bad(err, text, "before the @ there must be user:password");
    }
    hosts = str_sub(rest, at, slash - at);
    struct str path = str_sub(rest, slash, rest.n);
    while (path.n != 0 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n == 0 && !root_ok)
        return bad(err, text, "the path is missing (it must not be / alone)");
    for (size_t i = 1; i < path.n; i++)
        if (path.p[i] == '/' && path.p[i - 1] == '/')
            return bad(err, text, "the path has an empty part");
    int rc = servers(&b, hosts, text, err);
    if (rc != 0) {
        sbuf_done(&b);
        return rc;
    }
    *ret = (struct zk_url){ .servers = sbuf_steal(&b),
                            .credentials = at != 0 ? xstrndup(credentials) : NULL,
                            .path = xstrndup(path) };
    return 0;
}

void zk_url_done(struct zk_url *u)
{
    free(u->servers);
    free(u->credentials);
    free(u->path);
    *u = (struct zk_url){ NULL, NULL, NULL };
}
