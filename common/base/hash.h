/* SPDX-License-Identifier: Apache-2.0 */
/* uthash and utlist with our manners: out of memory aborts with a message instead of a silent exit(-1).
 * Include this, never <uthash.h>. Wrap the macros per type (agents_find, agents_add) in one file. */
#ifndef STOA_BASE_HASH_H
#define STOA_BASE_HASH_H

#include "common/base/assert.h"

#define uthash_fatal(msg) assert_failed("hash table: " msg, __FILE__, __LINE__)

#include <uthash.h>
#include <utlist.h>

/* A table grows when one of its buckets has this many, which in a table of 100,000 is so when there are 0.7 to a bucket. With
 * uthash's own ten there are twice to three times as many, and each that a lookup passes by is a miss of the cache. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 7U

#endif
