/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program beside the loop, without a copy of this process' memory and with no signal blocked. Its end is loop_child's. */
#ifndef STOA_IO_HELPER_H
#define STOA_IO_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"

enum { HELPER_MORE_MAX = 2 };

struct helper {
    const char *program;
    char *const *argv;
    char *const *envp;         /* NULL: that of this process */
    int in, out, err;          /* become its descriptors 0, 1 and 2; -1: /dev/null. They stay the caller's */
    int more[HELPER_MORE_MAX]; /* become 3 and 4 */
    unsigned more_count;
    bool same_group;           /* no process group of its own: it makes a session, which the leader of a group cannot */
};

/* On an error *ret_pid is 0. */
int helper_spawn(const struct helper *h, pid_t *ret_pid, struct error *err);

/* Runs a command by /bin/sh to its end and takes the first bytes of what it prints, as text. Blocks: not for use beside a loop. After
 * timeout_ns it is killed, with its process group, and that is an error (ERR_TIMEOUT). *ret_status: its wait status. */
int helper_ask(const char *command, int64_t timeout_ns, char *ret, size_t size, int *ret_status, struct error *err);

#endif
