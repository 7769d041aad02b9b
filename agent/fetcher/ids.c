/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/fetcher/fetcher.h"

void become_user(const struct fetch *f)
{
    if (getuid() != 0 || f->uid == 0)
        return;
    if (setgroups(1, &f->gid) != 0 || setegid(f->gid) != 0 || seteuid(f->uid) != 0) {
        (void)fprintf(stderr, "Failed to become user %u: %s\n", (unsigned)f->uid, strerror(errno));
        _exit(1);
    }
}

void become_root(void)
{
    if (getuid() != 0 || geteuid() == 0)
        return;
    if (seteuid(0) != 0 || setegid(0) != 0)
        _exit(1);
}
