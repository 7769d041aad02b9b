/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound release of what a function holds (gnu11 cleanup attribute). Initialise every such
 * variable at its declaration: cleanup of an unset variable is a bug. */
#ifndef STOA_BASE_CLEANUP_H
#define STOA_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines fn_p(type *), which CLEANUP() takes, from a release function fn(type) that accepts NULL. */
#define DEFINE_CLEANUP(type, fn)   \
    static inline void fn##_p(type *p) \
    {                              \
        fn(*p);                    \
    }

/* Moves a pointer out of a variable that has a cleanup. */
#define TAKE(v)                  \
    ({                           \
        __typeof__(v) *v_ = &(v); \
        __typeof__(v) t_ = *v_;  \
        *v_ = NULL;              \
        t_;                      \
    })

/* Moves a descriptor out of a variable that has CLEANUP(fd_close_p). */
#define TAKE_FD(v)      \
    ({                  \
        int *v_ = &(v); \
        int t_ = *v_;   \
        *v_ = -1;       \
        t_;             \
    })

static inline void free_p(void *p)
{
    free(*(void **)p);
}

static inline void fd_close_p(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing to do about an error on a descriptor we give up */
}

static inline void file_close_p(FILE **f)
{
    if (*f != NULL)
        (void)fclose(*f);
}

#endif
