/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/recordio.h"

enum { DIGITS_MAX = 20 }; /* of a 64-bit number */

void recordio_init(struct recordio *r, size_t record_size_max)
{
    *r = (struct recordio){ .partial = SBUF_INIT(record_size_max), .size_max = record_size_max };
}

void recordio_done(struct recordio *r)
{
    sbuf_done(&r->partial);
    *r = (struct recordio){ .size_max = r->size_max };
}

/* Reads digits up to the line feed: 1 when the length is complete. */
static int read_length(struct recordio *r, struct str *in, struct error *err)
{
    while (in->n != 0) {
        char c = in->p[0];

        *in = str_sub(*in, 1, in->n);
        if (c == '\n' && r->digits != 0) {
            r->digits = 0;
            r->in_record = true;
            return 1;
        }
        if (c < '0' || c > '9' || r->digits == DIGITS_MAX) {
            r->failed = true;
            return error_set(err, ERR_PROTOCOL,
                             "record stream: byte 0x%02x where the decimal length of a record is due",
                             (unsigned)(unsigned char)c);
        }
        if (r->digits == 0)
            r->size = 0;
        r->digits++;
        if (__builtin_mul_overflow(r->size, (size_t)10, &r->size) ||
            __builtin_add_overflow(r->size, (size_t)(c - '0'), &r->size) || r->size > r->size_max) {
            r->failed = true;
            return error_set(err, ERR_LIMIT, "record stream: a record is longer than the %zu bytes allowed",
                             r->size_max);
        }
    }
    return 0;
}

int recordio_next(struct recordio *r, struct str *in, struct str *ret_record, struct error *err)
{
    size_t want;
    int rc;

    if (r->failed)
        return error_set(err, ERR_PROTOCOL, "record stream: broken before");
    if (r->given) {
        sbuf_clear(&r->partial);
        r->given = false;
    }
    if (!r->in_record) {
        rc = read_length(r, in, err);
        if (rc != 1)
            return rc;
    }
    want = r->size - r->partial.n;
    if (in->n < want) {
        sbuf_str(&r->partial, *in);
        *in = str_sub(*in, in->n, 0);
        if (sbuf_ok(&r->partial))
            return 0;
        r->failed = true;
        return error_set(err, ERR_NOMEM, "record stream: out of memory for a record of %zu bytes", r->size);
    }
    r->in_record = false;
    if (r->partial.n == 0) { /* whole in the input: lend it from there */
        *ret_record = str_sub(*in, 0, want);
    } else {
        sbuf_str(&r->partial, str_sub(*in, 0, want));
        if (!sbuf_ok(&r->partial)) {
            r->failed = true;
            return error_set(err, ERR_NOMEM, "record stream: out of memory for a record of %zu bytes",
                             r->size);
        }
        *ret_record = sbuf_view(&r->partial);
        r->given = true;
    }
    *in = str_sub(*in, want, in->n);
    return 1;
}

bool recordio_partial(const struct recordio *r)
{
    return r->in_record || r->digits != 0;
}

void recordio_put(struct sbuf *b, struct str record)
{
    sbuf_u64(b, record.n);
    sbuf_char(b, '\n');
    sbuf_str(b, record);
}
