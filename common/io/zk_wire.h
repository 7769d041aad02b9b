/* SPDX-License-Identifier: Apache-2.0 */
/* As much of ZooKeeper's client protocol as reading many nodes in one request takes (multiRead, servers from 3.6 on), which
 * the client library does not offer: a session, credentials, the request and its answer. Pure: bytes in, values out.
 *
 * Everything is a frame: its length in four bytes, big-endian, then numbers as they are and texts with their length before
 * them. Writers append whole frames; what their texts are made of is the caller's to have checked. */
#ifndef STOA_IO_ZK_WIRE_H
#define STOA_IO_ZK_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

enum { ZKW_FRAME_BYTES_MAX = 256 << 20 }; /* of an answer: larger is no answer of ours */

/* The server's numbers for what went wrong. */
enum { ZKW_OK = 0, ZKW_UNIMPLEMENTED = -6, ZKW_NO_NODE = -101, ZKW_NO_AUTH = -102 };

/* --- asking ------------------------------------------------------------------------------------------- */
/* A new session. The server refuses it while it has not seen the change seen_zxid. */
void zkw_put_hello(struct sbuf *b, int64_t seen_zxid, int32_t timeout_ms);
/* credentials: "user:password", for the scheme "digest". */
void zkw_put_auth(struct sbuf *b, struct str credentials);
/* A request for the data of several nodes: begin, each path, end. */
size_t zkw_gets_begin(struct sbuf *b, int32_t xid);
void zkw_gets_add(struct sbuf *b, struct str path);
void zkw_gets_end(struct sbuf *b, size_t begin);
/* The end of the session. */
void zkw_put_farewell(struct sbuf *b, int32_t xid);

/* --- answers ------------------------------------------------------------------------------------------ */
enum zkw_cut { ZKW_WHOLE, ZKW_MORE, ZKW_BROKEN };
/* Cuts a frame off *rest: its content. MORE: it is not all there; *rest is as it was. BROKEN: not this protocol. */
enum zkw_cut zkw_cut(struct str *rest, struct str *ret_frame);
/* The answer to the hello: whether there is a session. */
bool zkw_hello_ok(struct str frame);

struct zkw_head {
    int32_t xid; /* of the question; -4: of the credentials */
    int64_t zxid;
    int32_t err;
};
bool zkw_take_head(struct str *frame, struct zkw_head *ret);

struct zkw_node {
    int32_t err; /* ZKW_OK, or why there is none; then the rest is 0 */
    struct str data;
    int64_t zxid; /* of its last change */
    int32_t version;
    int32_t data_bytes;
    int64_t ephemeral_owner;
};
/* The next of the nodes in an answer, in the order of the paths. False: the bytes are no such answer. */
bool zkw_take_node(struct str *frame, struct zkw_node *ret);
/* What follows the last one: the mark of the end, and nothing. */
bool zkw_take_end(struct str *frame);

#endif
