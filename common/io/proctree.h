/* SPDX-License-Identifier: Apache-2.0 */
/* The processes below a process, from /proc: for killing and measuring without cgroups. A process that lost its parent is
 * found as long as an ancestor here is a child subreaper. Uses no event loop. */
#ifndef STOA_IO_PROCTREE_H
#define STOA_IO_PROCTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/str.h"

enum { PROCTREE_MAX = 32768 }; /* processes looked at in one walk */

struct proctree_entry {
    pid_t pid, ppid, pgrp, session;
};

/* Calls f for root (when it exists) and everything below it, parents first. Returns how many. */
size_t proctree_each(pid_t root, void (*f)(void *arg, pid_t pid), void *arg);
/* As proctree_each, and also every process that shares a session or process group with one found, and what is
 * below those: what daemonised without our being its reaper. Sessions and groups in which the caller itself
 * is are left alone. */
size_t proctree_each_session(pid_t root, void (*f)(void *arg, pid_t pid), void *arg);
/* Sends sig to all of that; returns how many got it. With freeze, all are stopped first so that none can fork away
 * meanwhile, and continued after. The caller itself never gets the signal. */
size_t proctree_kill(pid_t root, int sig);

/* What /proc/PID/stat says, from the third field on: the state (fields by their numbers in proc(5); the second, the name in
 * parentheses, may have any letter in it). *ret lies in buf. False: there is no such process. */
enum { PROCTREE_STAT_FIRST = 3, PROCTREE_STAT_BYTES = 1024 };
bool proctree_stat(pid_t pid, char buf[PROCTREE_STAT_BYTES], struct str *ret);

#endif
