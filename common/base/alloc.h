/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that aborts with a message: for small, bounded objects of a long-lived process. Work whose
 * size a peer chooses uses an arena or sbuf with a budget instead, and fails as a value. */
#ifndef STOA_BASE_ALLOC_H
#define STOA_BASE_ALLOC_H

#include <stddef.h>

#include "common/base/str.h"

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t count, size_t size); /* overflow of count * size aborts */
char *xstrdup(const char *c);
char *xstrndup(struct str s);             /* terminated */
void *xmemdup(const void *p, size_t n);   /* NULL for n == 0 */

/* Grows an array p of capacity cap so that index n fits: ARRAY_ROOM(p, n, cap). */
#define ARRAY_ROOM(p, n, cap)                                         \
    do {                                                              \
        if ((n) >= (cap)) {                                           \
            (cap) = (cap) != 0 ? (cap) * 2 : 4;                       \
            (p) = xrealloc((p), (cap), sizeof *(p));                  \
        }                                                             \
    } while (0)

#endif
