/* SPDX-License-Identifier: Apache-2.0 */
/* xoshiro256** by Blackman and Vigna (2018), seeded through splitmix64 as its authors advise. */
#include "common/base/rng.h"

#include <string.h>

#include "common/base/assert.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t limit, x;

    ASSERT(n != 0);
    limit = UINT64_MAX - UINT64_MAX % n; /* a multiple of n: values at or over it would favour the low ones */
    do
        x = rng_u64(r);
    while (x >= limit);
    return x % n;
}

double rng_double(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

void rng_bytes(struct rng *r, void *p, size_t n)
{
    unsigned char *out = p;

    while (n != 0) {
        uint64_t v = rng_u64(r);
        size_t k = n < sizeof v ? n : sizeof v;

        memcpy(out, &v, k);
        out += k;
        n -= k;
    }
}
