/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness as an argument: xoshiro256** seeded by the shell (from the kernel) or by a test. Same seed,
 * same sequence on every machine. Not for secrets: io/random.h reads the kernel's. */
#ifndef STOA_BASE_RNG_H
#define STOA_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n); n must not be 0. Unbiased. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1) with 53 bits. */
double rng_double(struct rng *r);
void rng_bytes(struct rng *r, void *p, size_t n);

#endif
