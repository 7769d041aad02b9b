/* SPDX-License-Identifier: Apache-2.0 */
/* A raw TCP peer for tests of the io layer: everything in one loop, no threads, no sleeps. Bounded waits: a
 * condition that does not come true within five seconds fails. */
#ifndef STOA_TEST_IO_PEER_H
#define STOA_TEST_IO_PEER_H

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/sbuf.h"
#include "common/io/conn.h"
#include "common/io/loop.h"
#include "common/io/net.h"
#include "tests/support/test.h"

struct peer {
    int fd;
    bool ended; /* the other side closed */
    struct sbuf in;
};

static inline struct peer peer_open(const struct net_addr *to)
{
    struct peer p = { .fd = -1, .in = SBUF_INIT(64u << 20) };
    CHECK(conn_connect(to, NULL, &p.fd, NULL) == 0);
    return p;
}

static inline void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    sbuf_done(&p->in);
}

/* Reads what is there, at most max bytes. */
static inline void peer_read_some(struct peer *p, size_t max)
{
    static char buf[65536];
    while (!p->ended && max != 0) {
        ssize_t n = read(p->fd, buf, max < sizeof buf ? max : sizeof buf);
        if (n < 0)
            p->ended = errno != EAGAIN;
        if (n < 0)
            return;
        if (n == 0)
            p->ended = true;
        sbuf_add(&p->in, buf, (size_t)n);
        max -= (size_t)n;
    }
}

static inline void peer_send(struct loop *loop, struct peer *p, struct str bytes)
{
    size_t at = 0;
    for (int i = 0; i < 100000 && at < bytes.n; i++) {
        ssize_t n = write(p->fd, bytes.p + at, bytes.n - at);
        if (n > 0)
            at += (size_t)n;
        else if (errno != EAGAIN)
            return;
        loop_turn(loop, 0);
    }
}

/* Runs the loop until cond is true; the answer is whether it became so. */
#define LOOP_UNTIL(loop, cond)                                     \
    ({                                                             \
        struct mono end_ = mono_add(loop_clock(), 60 * NS_PER_S);  \
        bool ok_;                                                  \
        while (!(ok_ = (cond)) && mono_before(loop_clock(), end_)) \
            loop_turn((loop), NS_PER_MS);                          \
        ok_;                                                       \
    })

/* Reads until the text is in what came, or the other side closed. */
static inline bool peer_expect(struct loop *loop, struct peer *p, const char *text)
{
    bool found = LOOP_UNTIL(
        loop, (peer_read_some(p, SIZE_MAX), str_contains(sbuf_view(&p->in), str_of(text)) || p->ended));
    return found && str_contains(sbuf_view(&p->in), str_of(text));
}

static inline bool peer_expect_end(struct loop *loop, struct peer *p)
{
    return LOOP_UNTIL(loop, (peer_read_some(p, SIZE_MAX), p->ended));
}

static inline int peer_count(const struct peer *p, const char *text)
{
    struct str rest = sbuf_view(&p->in), want = str_of(text);
    int n = 0;
    for (size_t i = 0; i + want.n <= rest.n; i++)
        n += memcmp(rest.p + i, want.p, want.n) == 0;
    return n;
}

#endif
