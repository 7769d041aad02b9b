/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa executor` is the program stoa-executor, which lies beside this one (docs/decisions/0001). */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

int executor_main(int argc, char **argv)
{
    static const char name[] = "stoa-executor";
    struct error err;
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof name - 1);
    char *slash;

    (void)argc;
    if (n <= 0) {
        (void)error_set_errno(&err, errno, "readlink /proc/self/exe");
        return cli_fail(&err);
    }
    path[n] = 0;
    slash = strrchr(path, '/');
    memcpy(slash + 1, name, sizeof name);
    (void)execv(path, argv);
    (void)error_set_errno(&err, errno, "%s cannot be started; it belongs beside the stoa executable", path);
    return cli_fail(&err);
}
