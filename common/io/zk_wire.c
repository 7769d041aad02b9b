/* SPDX-License-Identifier: Apache-2.0 */
/* Source: zookeeper.jute and MultiOperationRecord of ZooKeeper 3.8; numbers of operations from ZooDefs.OpCode. */
#include "common/io/zk_wire.h"

#include <string.h>

#include "common/base/assert.h"

enum { OP_GET_DATA = 4, OP_MULTI_READ = 22, OP_AUTH = 100, OP_CLOSE = -11, OP_ERROR = -1 };
enum { XID_AUTH = -4, PASSWORD_BYTES = 16 };

/* --- numbers and texts -------------------------------------------------------------------------------- */
static void put_number(struct sbuf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        sbuf_char(b, (char)(unsigned char)(v >> (8 * i)));
}

static void put_i32(struct sbuf *b, int32_t v)
{
    put_number(b, (uint32_t)v, 4);
}

static void put_text(struct sbuf *b, struct str s)
{
    put_number(b, s.n, 4);
    sbuf_str(b, s);
}

static bool take_number(struct str *s, unsigned bytes, uint64_t *ret)
{
    uint64_t v = 0;

    if (s->n < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)s->p[i];
    *s = str_sub(*s, bytes, s->n);
    *ret = v;
    return true;
}

static bool take_i32(struct str *s, int32_t *ret)
{
    uint64_t v;

    if (!take_number(s, 4, &v))
        return false;
    *ret = (int32_t)(uint32_t)v;
    return true;
}

static bool take_i64(struct str *s, int64_t *ret)
{
    uint64_t v;

    if (!take_number(s, 8, &v))
        return false;
    *ret = (int64_t)v;
    return true;
}

/* A length of -1 is no text at all, which is the same to us as an empty one. */
static bool take_text(struct str *s, struct str *ret)
{
    struct str rest = *s;
    int32_t n;

    if (!take_i32(&rest, &n) || n < -1 || (n > 0 && (size_t)n > rest.n))
        return false;
    *ret = str_sub(rest, 0, n > 0 ? (size_t)n : 0);
    *s = str_sub(rest, ret->n, rest.n);
    return true;
}

/* --- asking ------------------------------------------------------------------------------------------- */
static size_t frame_begin(struct sbuf *b)
{
    size_t at = b->n;

    put_i32(b, 0);
    return at;
}

static void frame_end(struct sbuf *b, size_t at)
{
    size_t n;

    if (!sbuf_ok(b))
        return;
    ASSERT(b->n >= at + 4);
    n = b->n - at - 4;
    for (size_t i = 0; i < 4; i++)
        b->p[at + i] = (char)(unsigned char)(n >> (8 * (3 - i)));
}

void zkw_put_hello(struct sbuf *b, int64_t seen_zxid, int32_t timeout_ms)
{
    static const char no_password[PASSWORD_BYTES];
    size_t at = frame_begin(b);

    put_i32(b, 0); /* version of the protocol */
    put_number(b, (uint64_t)seen_zxid, 8);
    put_i32(b, timeout_ms);
    put_number(b, 0, 8); /* session: a new one */
    put_text(b, (struct str){ no_password, PASSWORD_BYTES });
    sbuf_char(b, 0); /* not one of a server without quorum */
    frame_end(b, at);
}

void zkw_put_auth(struct sbuf *b, struct str credentials)
{
    size_t at = frame_begin(b);

    put_i32(b, XID_AUTH);
    put_i32(b, OP_AUTH);
    put_i32(b, 0);
    put_text(b, STR("digest"));
    put_text(b, credentials);
    frame_end(b, at);
}

static void put_multi_head(struct sbuf *b, int32_t op, bool is_end)
{
    put_i32(b, op);
    sbuf_char(b, is_end ? 1 : 0);
    put_i32(b, -1);
}

size_t zkw_gets_begin(struct sbuf *b, int32_t xid)
{
    size_t at = frame_begin(b);

    put_i32(b, xid);
    put_i32(b, OP_MULTI_READ);
    return at;
}

void zkw_gets_add(struct sbuf *b, struct str path)
{
    put_multi_head(b, OP_GET_DATA, false);
    put_text(b, path);
    sbuf_char(b, 0); /* no watch */
}

void zkw_gets_end(struct sbuf *b, size_t begin)
{
    put_multi_head(b, OP_ERROR, true);
    frame_end(b, begin);
}

void zkw_put_farewell(struct sbuf *b, int32_t xid)
{
    size_t at = frame_begin(b);

    put_i32(b, xid);
    put_i32(b, OP_CLOSE);
    frame_end(b, at);
}

/* --- answers ------------------------------------------------------------------------------------------ */
enum zkw_cut zkw_cut(struct str *rest, struct str *ret_frame)
{
    struct str s = *rest;
    int32_t n;

    if (!take_i32(&s, &n))
        return ZKW_MORE;
    if (n < 0 || n > ZKW_FRAME_BYTES_MAX)
        return ZKW_BROKEN;
    if (s.n < (size_t)n)
        return ZKW_MORE;
    *ret_frame = str_sub(s, 0, (size_t)n);
    *rest = str_sub(s, (size_t)n, s.n);
    return ZKW_WHOLE;
}

bool zkw_hello_ok(struct str frame)
{
    int32_t version, timeout_ms;
    int64_t session;

    return take_i32(&frame, &version) && take_i32(&frame, &timeout_ms) && take_i64(&frame, &session) && timeout_ms > 0 &&
           session != 0;
}

bool zkw_take_head(struct str *frame, struct zkw_head *ret)
{
    return take_i32(frame, &ret->xid) && take_i64(frame, &ret->zxid) && take_i32(frame, &ret->err);
}

static bool take_multi_head(struct str *frame, int32_t *ret_op, bool *ret_is_end)
{
    uint64_t is_end;
    int32_t err; /* comes again in the result */

    if (!take_i32(frame, ret_op) || !take_number(frame, 1, &is_end) || !take_i32(frame, &err))
        return false;
    *ret_is_end = is_end != 0;
    return true;
}

/* The order of Stat: czxid mzxid ctime mtime, version cversion aversion, ephemeralOwner, dataLength numChildren, pzxid. */
static bool take_stat(struct str *s, struct zkw_node *ret)
{
    int64_t skip;
    int32_t small;

    return take_i64(s, &skip) && take_i64(s, &ret->zxid) && take_i64(s, &skip) && take_i64(s, &skip) &&
           take_i32(s, &ret->version) && take_i32(s, &small) && take_i32(s, &small) && take_i64(s, &ret->ephemeral_owner) &&
           take_i32(s, &ret->data_bytes) && take_i32(s, &small) && take_i64(s, &skip);
}

bool zkw_take_node(struct str *frame, struct zkw_node *ret)
{
    struct zkw_node node = { .err = ZKW_OK };
    int32_t op;
    bool is_end;

    if (!take_multi_head(frame, &op, &is_end) || is_end)
        return false;
    if (op == OP_ERROR) {
        if (!take_i32(frame, &node.err) || node.err == ZKW_OK)
            return false;
    } else if (op != OP_GET_DATA || !take_text(frame, &node.data) || !take_stat(frame, &node)) {
        return false;
    }
    *ret = node;
    return true;
}

bool zkw_take_end(struct str *frame)
{
    int32_t op;
    bool is_end;

    return take_multi_head(frame, &op, &is_end) && is_end && frame->n == 0;
}
