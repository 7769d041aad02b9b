/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a helper program of ours beside the loop: in a process group of its own, no signal blocked, without a copy of this
 * process' memory. Its end is loop_child's. */
#ifndef STOA_IO_HELPER_H
#define STOA_IO_HELPER_H

#include <sys/types.h>

#include "common/base/error.h"

/* in, out, err_fd become its descriptors 0, 1 and 2; -1: /dev/null. They stay the caller's. On an error *ret_pid is 0. */
int helper_spawn(const char *program, char *const argv[], int in, int out, int err_fd, pid_t *ret_pid, struct error *err);

#endif
