/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/uuid.h"

#include <string.h>

struct uuid uuid_make(struct rng *r)
{
    struct uuid u;

    rng_bytes(r, u.b, sizeof u.b);
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

/* 100 ns ticks from the 15th of October 1582 to 1970. */
#define UUID_EPOCH INT64_C(0x01b21dd213814000)

struct uuid uuid_make_timed(struct rng *r, struct wall now)
{
    uint64_t ticks = (uint64_t)(now.ms * 10000 + UUID_EPOCH), random;
    struct uuid u;

    rng_bytes(r, u.b, sizeof u.b);
    memcpy(&random, u.b, sizeof random);
    ticks += random % 10000; /* within the millisecond: two of one moment differ here, and in the sequence and node */
    for (unsigned i = 0; i < 4; i++)
        u.b[i] = (uint8_t)(ticks >> (24 - 8 * i));
    u.b[4] = (uint8_t)(ticks >> 40);
    u.b[5] = (uint8_t)(ticks >> 32);
    u.b[6] = (uint8_t)(((ticks >> 56) & 0x0f) | 0x10);
    u.b[7] = (uint8_t)(ticks >> 48);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    u.b[10] |= 1;
    return u;
}

static bool dash_at(unsigned i) /* byte index in front of which the text has a dash */
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_text(const struct uuid *u, char ret[UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *p = ret;

    for (unsigned i = 0; i < 16; i++) {
        if (dash_at(i))
            *p++ = '-';
        *p++ = hex[u->b[i] >> 4];
        *p++ = hex[u->b[i] & 15];
    }
    *p = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(struct str s, struct uuid *ret)
{
    struct uuid u;
    const char *p = s.p;

    if (s.n != UUID_TEXT_SIZE - 1)
        return false;
    for (unsigned i = 0; i < 16; i++) {
        int hi, lo;

        if (dash_at(i) && *p++ != '-')
            return false;
        hi = hex_value(*p++);
        lo = hex_value(*p++);
        if (hi < 0 || lo < 0)
            return false;
        u.b[i] = (uint8_t)(hi << 4 | lo);
    }
    *ret = u;
    return true;
}

bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}
