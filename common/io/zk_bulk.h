/* SPDX-License-Identifier: Apache-2.0 */
/* Reads very many nodes of ZooKeeper fast: some hundred to a request, which takes a server a tenth of what the same
 * questions one by one do. The client library has no such call, so this is a connection and a session of its own, to the
 * server that the library is connected to, for as long as the reading takes. docs/decisions/zookeeper-bulk-reads.md.
 *
 * It is a help, not a promise: servers before 3.6 do not know the request, and nothing is tried again here. When anything
 * goes wrong every question ends with ZK_LOST, and the caller asks again the ordinary way. */
#ifndef STOA_IO_ZK_BULK_H
#define STOA_IO_ZK_BULK_H

#include "common/io/zk.h"

struct zk_bulk;

/* What is read includes the change zxid (of zk_result), whichever server answers. Never fails here; NULL while zk is not
 * connected. */
struct zk_bulk *zk_bulk_new(struct zk *zk, struct loop *loop, int64_t zxid);
/* As zk_get. Answers come in the order of the questions. */
void zk_bulk_get(struct zk_bulk *b, const char *path, zk_done_fn *done, void *arg);
/* Nobody is called any more. Fine within a callback; NULL is fine. */
void zk_bulk_free(struct zk_bulk *b);

#endif
