/* SPDX-License-Identifier: Apache-2.0 */
/* A write to a closed socket shall be an error, not the end of the process. */
#ifndef STOA_BASE_SIGPIPE_H
#define STOA_BASE_SIGPIPE_H

#include <signal.h>
#include <stddef.h>

/* Ignores SIGPIPE unless the program has a handler of its own (a virtual machine has, and misses it when it is gone). */
static inline void sigpipe_ignore(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL)
        (void)signal(SIGPIPE, SIG_IGN);
}

#endif
