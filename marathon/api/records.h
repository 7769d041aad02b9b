/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the store: keys and values of what the core wants kept, and back. Values are JSON, small, one
 * per object (an app version, an instance, ...), so that no change writes more than it touches. Pure.
 *
 *   framework            {"id"}
 *   spec/<id>@<version>  App with version and versionInfo
 *   current/<id>         {"version"}
 *   group/<path>         {"dependencies","enforceRole","version"}
 *   change/<version>     what one update of the root changed
 *   instance/<id>        one instance
 *   deployment/<id>      one running plan
 *   failure/<id>         last task failure of an app */
#ifndef STOA_MARATHON_RECORDS_H
#define STOA_MARATHON_RECORDS_H

#include "common/base/sbuf.h"
#include "marathon/core/marathon.h"

/* *ret_delete: the record goes, and value is empty. The buffers are cleared first. */
void record_encode(const struct store_op *op, struct sbuf *key, struct sbuf *value, bool *ret_delete);

struct record {
    struct str key, value;
};
/* All records, in any order, into a new core. A record that cannot be used is reported and skipped. */
void records_load(struct marathon *m, const struct record *v, size_t n, struct mono now,
                  void (*report)(void *ctx, struct str key, const char *what), void *ctx);

/* What is wrong with these records, sorted by key: those that a start would leave out, and keys of no kind. Pieces of a large record follow
 * it as "key#001", ...; a problem of the whole is told of the first. */
void records_check(const struct record *v, size_t n, void (*report)(void *ctx, struct str key, const char *what), void *ctx);

#endif
