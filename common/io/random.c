/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/random.h"

#include <errno.h>
#include <sys/random.h>

#include "common/base/assert.h"

void random_bytes(void *p, size_t n)
{
    char *at = p;
    while (n != 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

void random_rng(struct rng *r)
{
    do
        random_bytes(r->s, sizeof r->s);
    while ((r->s[0] | r->s[1] | r->s[2] | r->s[3]) == 0); /* the one state that the generator never leaves */
}
