/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs: 16 raw bytes in status updates, 36 characters in ids. */
#ifndef STOA_BASE_UUID_H
#define STOA_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/time.h"

struct uuid {
    uint8_t b[16];
};

enum { UUID_TEXT_SIZE = 37 }; /* with the terminator */

struct uuid uuid_make(struct rng *r);                         /* version 4 */
/* Version 1: of this moment, with a random clock sequence and node (a multicast one, as RFC 4122 §4.5 wants it). */
struct uuid uuid_make_timed(struct rng *r, struct wall now);
void uuid_text(const struct uuid *u, char ret[UUID_TEXT_SIZE]); /* lower case */
bool uuid_parse(struct str s, struct uuid *ret);              /* 36 characters, either case */
bool uuid_eq(const struct uuid *a, const struct uuid *b);

#endif
