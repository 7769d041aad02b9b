/* SPDX-License-Identifier: Apache-2.0 */
/* uthash and utlist with our manners: out of memory aborts with a message instead of a silent exit(-1).
 * Include this, never <uthash.h>. Wrap the macros per type (agents_find, agents_add) in one file. */
#ifndef STOA_BASE_HASH_H
#define STOA_BASE_HASH_H

#include "common/base/assert.h"

#define uthash_fatal(msg) assert_failed("hash table: " msg, __FILE__, __LINE__)

#include <uthash.h>
#include <utlist.h>

#endif
