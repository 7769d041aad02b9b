/* SPDX-License-Identifier: Apache-2.0 */
/* Single fields of protobuf bytes: scanned and put. For code that keeps messages as bytes; it neither
 * allocates nor needs a descriptor. Whole messages, and bytes that nobody has checked yet, are for guard.h.
 */
#ifndef STOA_WIRE_FIELD_H
#define STOA_WIRE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

/* --- scanning --- */

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;   /* of VARINT, FIXED64 and FIXED32; for BYTES the length */
    struct str bytes; /* content of BYTES, within the scanned bytes */
    struct str raw;   /* the whole field with its tag, for splicing */
};

/* Consumes one field from *rest. Returns 1, 0 at the end, -1 when the bytes are malformed (then *rest is
 * undefined). Groups count as malformed: no message of ours has any. */
int wire_field_next_any(struct str *rest, struct wire_field *ret);
/* Most fields are short strings and messages with small numbers: a byte of tag, a byte of length. */
static inline int wire_field_next(struct str *rest, struct wire_field *ret)
{
    const uint8_t *p = (const uint8_t *)rest->p;

    if (rest->n < 2 || (p[0] & 0x87) != WIRE_BYTES || p[0] < 8 || p[1] >= 0x80 || p[1] > rest->n - 2)
        return wire_field_next_any(rest, ret);
    size_t n = p[1];
    ret->number = p[0] >> 3;
    ret->type = WIRE_BYTES;
    ret->value = n;
    ret->bytes = str_mem(p + 2, n);
    ret->raw = str_mem(p, n + 2);
    *rest = str_mem(p + n + 2, rest->n - n - 2);
    return 1;
}

/* The last field of this number (the one that counts for a singular field); false when absent or malformed.
 */
bool wire_field_find(struct str message, uint32_t number, struct wire_field *ret);
/* The content of a string, bytes or message field; empty with p NULL when absent. */
struct str wire_field_bytes(struct str message, uint32_t number);
/* Follows a path of sub-messages to a string, e.g. wire_path(task, 2, 1) for task_id.value; 0 ends the path.
 */
struct str wire_path(struct str message, uint32_t number1, uint32_t number2, uint32_t number3);
/* The value of a numeric field, or the given one when absent. */
uint64_t wire_field_u64(struct str message, uint32_t number, uint64_t absent);
double wire_field_double(struct str message, uint32_t number, double absent);

/* Takes one element of a packed list of numbers; false when there is none or it is cut. */
bool wire_packed_next(struct str *list, enum wire_type type, uint64_t *ret);

static inline double wire_as_double(uint64_t bits)
{
    union {
        uint64_t u;
        double d;
    } x = { .u = bits };
    return x.d;
}

/* --- putting; failures stick to the buffer --- */

void wire_put_varint(struct sbuf *b, uint64_t v);
void wire_put_tag(struct sbuf *b, uint32_t number, enum wire_type type);
void wire_put_u64(struct sbuf *b, uint32_t number, uint64_t v); /* every unsigned, enum and bool field */
void wire_put_i64(struct sbuf *b, uint32_t number, int64_t v);  /* int32 and int64 */
void wire_put_double(struct sbuf *b, uint32_t number, double v);
void wire_put_float(struct sbuf *b, uint32_t number, float v);
/* Strings, bytes, and sub-messages that are bytes already. */
void wire_put_bytes(struct sbuf *b, uint32_t number, struct str bytes);
/* Number of the fields that masters and agents of this project add to messages for each other (proto/mesos_internal.proto). */
enum { WIRE_OWN_FIELD = 1000 };
/* An id message: a sub-message whose field 1 is the string. */
void wire_put_id(struct sbuf *b, uint32_t number, struct str id);
/* A sub-message written in place: size_t mark = wire_open(b, 4); ...; wire_close(b, mark). Nest freely. */
size_t wire_open(struct sbuf *b, uint32_t number);
void wire_close(struct sbuf *b, size_t mark);
/* Copies a message without its fields of this number. False when it is malformed. */
bool wire_copy_without(struct sbuf *b, struct str message, uint32_t number);

#endif
