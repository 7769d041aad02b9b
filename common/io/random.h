/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's randomness: seeds for struct rng, and secrets. */
#ifndef STOA_IO_RANDOM_H
#define STOA_IO_RANDOM_H

#include <stddef.h>

#include "common/base/rng.h"

/* Fills p. Aborts when the kernel has no getrandom: nothing sensible can be done then. */
void random_bytes(void *p, size_t n);
/* Seeds r with 256 bits of the kernel's. */
void random_rng(struct rng *r);

#endif
