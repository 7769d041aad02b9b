/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning and putting single fields of the protobuf wire format. */
#include "common/wire/field.h"

#define FIELD_NUMBER_MAX ((UINT64_C(1) << 29) - 1)

/* Takes a varint of at most ten bytes; NULL when it is cut or longer. */
static inline const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t c = *p++;

        if (shift < 64)
            v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *ret = v;
            return p;
        }
    }
    return NULL;
}

static inline const uint8_t *varint_fast(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    if (p < end && *p < 0x80) {
        *ret = *p;
        return p + 1;
    }
    return varint(p, end, ret);
}

int wire_field_next_any(struct str *rest, struct wire_field *ret)
{
    const uint8_t *start = (const uint8_t *)rest->p, *end, *p;
    uint64_t tag, v;

    if (rest->n == 0)
        return 0;
    end = start + rest->n;
    p = varint_fast(start, end, &tag);
    if (p == NULL || p - start > 5 || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return -1;
    ret->number = (uint32_t)(tag >> 3);
    ret->bytes = (struct str){ NULL, 0 };
    switch (tag & 7) {
    case WIRE_VARINT:
        ret->type = WIRE_VARINT;
        p = varint_fast(p, end, &v);
        if (p == NULL)
            return -1;
        break;
    case WIRE_FIXED64:
        ret->type = WIRE_FIXED64;
        if (end - p < 8)
            return -1;
        v = 0;
        for (int i = 7; i >= 0; i--)
            v = v << 8 | p[i];
        p += 8;
        break;
    case WIRE_FIXED32:
        ret->type = WIRE_FIXED32;
        if (end - p < 4)
            return -1;
        v = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
        p += 4;
        break;
    case WIRE_BYTES: {
        const uint8_t *before = p;

        ret->type = WIRE_BYTES;
        p = varint_fast(p, end, &v);
        if (p == NULL || p - before > 5 || v > (uint64_t)(end - p))
            return -1;
        ret->bytes = str_mem(p, (size_t)v);
        p += v;
        break;
    }
    default:
        return -1;
    }
    ret->value = v;
    ret->raw = str_mem(start, (size_t)(p - start));
    *rest = str_mem(p, (size_t)(end - p));
    return 1;
}

bool wire_packed_next(struct str *list, enum wire_type type, uint64_t *ret)
{
    const uint8_t *p = (const uint8_t *)list->p, *end = p + list->n;
    size_t size = type == WIRE_FIXED64 ? 8 : 4;
    uint64_t v = 0;

    if (type == WIRE_VARINT) {
        p = varint_fast(p, end, &v);
        if (p == NULL)
            return false;
    } else {
        if (list->n < size)
            return false;
        for (size_t i = size; i-- > 0;)
            v = v << 8 | p[i];
        p += size;
    }
    *ret = v;
    *list = str_mem(p, (size_t)(end - p));
    return true;
}

bool wire_field_find(struct str message, uint32_t number, struct wire_field *ret)
{
    struct wire_field f;
    bool found = false;
    int rc;

    while ((rc = wire_field_next(&message, &f)) == 1) {
        if (f.number == number) {
            *ret = f;
            found = true;
        }
    }
    return rc == 0 && found;
}

struct str wire_field_bytes(struct str message, uint32_t number)
{
    struct wire_field f = { 0 };

    if (!wire_field_find(message, number, &f) || f.type != WIRE_BYTES)
        return (struct str){ NULL, 0 };
    return f.bytes;
}

struct str wire_path(struct str message, uint32_t number1, uint32_t number2, uint32_t number3)
{
    struct str s = wire_field_bytes(message, number1);

    if (number2 != 0 && s.p != NULL)
        s = wire_field_bytes(s, number2);
    if (number2 != 0 && number3 != 0 && s.p != NULL)
        s = wire_field_bytes(s, number3);
    return s;
}

uint64_t wire_field_u64(struct str message, uint32_t number, uint64_t absent)
{
    struct wire_field f = { 0 };

    return wire_field_find(message, number, &f) && f.type != WIRE_BYTES ? f.value : absent;
}

double wire_field_double(struct str message, uint32_t number, double absent)
{
    struct wire_field f = { 0 };

    return wire_field_find(message, number, &f) && f.type == WIRE_FIXED64 ? wire_as_double(f.value) : absent;
}

static size_t varint_put(uint8_t *p, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

void wire_put_varint(struct sbuf *b, uint64_t v)
{
    uint8_t buf[10];

    sbuf_add(b, buf, varint_put(buf, v));
}

void wire_put_tag(struct sbuf *b, uint32_t number, enum wire_type type)
{
    wire_put_varint(b, (uint64_t)number << 3 | type);
}

void wire_put_u64(struct sbuf *b, uint32_t number, uint64_t v)
{
    uint8_t buf[20];
    size_t n = varint_put(buf, (uint64_t)number << 3 | WIRE_VARINT);

    n += varint_put(buf + n, v);
    sbuf_add(b, buf, n);
}

void wire_put_i64(struct sbuf *b, uint32_t number, int64_t v)
{
    wire_put_u64(b, number, (uint64_t)v);
}

void wire_put_double(struct sbuf *b, uint32_t number, double v)
{
    uint8_t buf[16];
    size_t n = varint_put(buf, (uint64_t)number << 3 | WIRE_FIXED64);
    union {
        double d;
        uint64_t u;
    } x = { .d = v };

    for (unsigned i = 0; i < 8; i++)
        buf[n++] = (uint8_t)(x.u >> (8 * i));
    sbuf_add(b, buf, n);
}

void wire_put_float(struct sbuf *b, uint32_t number, float v)
{
    uint8_t buf[16];
    size_t n = varint_put(buf, (uint64_t)number << 3 | WIRE_FIXED32);
    union {
        float f;
        uint32_t u;
    } x = { .f = v };

    for (unsigned i = 0; i < 4; i++)
        buf[n++] = (uint8_t)(x.u >> (8 * i));
    sbuf_add(b, buf, n);
}

void wire_put_bytes(struct sbuf *b, uint32_t number, struct str bytes)
{
    uint8_t buf[20];
    size_t n = varint_put(buf, (uint64_t)number << 3 | WIRE_BYTES);

    n += varint_put(buf + n, bytes.n);
    sbuf_add(b, buf, n);
    sbuf_str(b, bytes);
}

void wire_put_id(struct sbuf *b, uint32_t number, struct str id)
{
    uint8_t buf[10];

    wire_put_tag(b, number, WIRE_BYTES);
    wire_put_varint(b, 1 + varint_put(buf, id.n) + id.n);
    wire_put_bytes(b, 1, id);
}

size_t wire_open(struct sbuf *b, uint32_t number)
{
    wire_put_tag(b, number, WIRE_BYTES);
    sbuf_char(b, 0); /* room for a length below 128; wire_close makes more when it must */
    return b->n;
}

void wire_close(struct sbuf *b, size_t mark)
{
    uint8_t length[10];
    size_t size, n;

    if (!sbuf_ok(b))
        return;
    size = b->n - mark;
    n = varint_put(length, size);
    if (n > 1) {
        if (sbuf_room(b, n - 1) == NULL)
            return;
        memmove(b->p + mark + n - 1, b->p + mark, size);
        sbuf_grew(b, n - 1);
    }
    memcpy(b->p + mark - 1, length, n);
}

bool wire_copy_without(struct sbuf *b, struct str message, uint32_t number)
{
    struct wire_field f;
    int rc;

    while ((rc = wire_field_next(&message, &f)) == 1)
        if (f.number != number)
            sbuf_str(b, f.raw);
    return rc == 0;
}
