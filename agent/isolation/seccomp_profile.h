/* SPDX-License-Identifier: Apache-2.0 */
/* From a seccomp profile in Docker's format to the program that the kernel runs for each system call. No I/O.
 *
 * Read of a profile: defaultAction, defaultErrnoRet; architectures or archMap; syscalls with name or names, action, errnoRet,
 * args, includes and excludes (caps, arches, minKernel). A system call that this machine's library does not know is passed over,
 * as Docker does: profiles name calls of all kernels and machines. Everything else that is not understood is an error.
 * Conditions on one argument twice are alternatives, on several arguments they all must hold.
 * Source: the profile format of Docker; seccomp(2). */
#ifndef STOA_AGENT_ISOLATION_SECCOMP_PROFILE_H
#define STOA_AGENT_ISOLATION_SECCOMP_PROFILE_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

enum { SECCOMP_TEXT_MAX = 1 << 20, SECCOMP_PROGRAM_MAX = 4096 * 8 };

/* The program (struct sock_filter, one after the other) for a container that may have these capabilities, appended. */
int seccomp_compile(struct str profile, uint64_t capabilities, struct sbuf *program, struct error *err);

/* The profile that is used under the name "default" where the folder has no file of that name. */
extern const char seccomp_default_profile[];

#endif
