/* SPDX-License-Identifier: Apache-2.0 */
/* RecordIO: records in a byte stream, each as its length in decimal digits, a line feed, and the bytes.
 * HTTP chunks, reads and records do not line up; the reader takes pieces of any size. */
#ifndef STOA_WIRE_RECORDIO_H
#define STOA_WIRE_RECORDIO_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

struct recordio {
    struct sbuf partial; /* bytes of the record that is not complete yet */
    size_t size;         /* its length; valid when in_record */
    size_t size_max;     /* longest record taken */
    unsigned digits;     /* digits of the length read so far */
    bool in_record;
    bool failed; /* the stream is broken for good */
    bool given;  /* partial was lent as a record; cleared at the next call */
};

void recordio_init(struct recordio *r, size_t record_size_max);
void recordio_done(struct recordio *r);

/* Consumes from *in. Returns 1 with the next record, which is valid until the next call and as long as the
 * bytes of *in; 0 when *in is used up; a negative code when the stream is broken (ERR_PROTOCOL: no number
 * where a length is due; ERR_LIMIT: a record longer than the maximum). Call until it returns something other
 * than 1. */
int recordio_next(struct recordio *r, struct str *in, struct str *ret_record, struct error *err);

/* True when bytes of an incomplete length or record are waiting: an end of the stream now is a cut. */
bool recordio_partial(const struct recordio *r);

/* Appends one framed record. */
void recordio_put(struct sbuf *b, struct str record);

#endif
