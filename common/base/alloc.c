/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"

static void *checked(void *p)
{
    if (p == NULL)
        assert_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *xmalloc(size_t n)
{
    return checked(malloc(n != 0 ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

void *xrealloc(void *p, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        assert_failed("size of an array overflows", __FILE__, __LINE__);
    return checked(realloc(p, n != 0 ? n : 1));
}

char *xstrdup(const char *c)
{
    return checked(strdup(c));
}

char *xstrndup(struct str s)
{
    return checked(str_dup(s));
}

void *xmemdup(const void *p, size_t n)
{
    return n != 0 ? memcpy(xmalloc(n), p, n) : NULL;
}
