/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static void give(posix_spawn_file_actions_t *fa, int fd, int as)
{
    if (fd >= 0)
        (void)posix_spawn_file_actions_adddup2(fa, fd, as);
    else
        (void)posix_spawn_file_actions_addopen(fa, as, "/dev/null", as == 0 ? O_RDONLY : O_WRONLY, 0);
}

int helper_spawn(const char *program, char *const argv[], int in, int out, int err_fd, pid_t *ret_pid, struct error *err)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawn_file_actions_init(&fa);
    give(&fa, in, 0);
    give(&fa, out, 1);
    give(&fa, err_fd, 2);
    int e = posix_spawn(ret_pid, program, &fa, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)posix_spawnattr_destroy(&attr);
    if (e == 0)
        return 0;
    *ret_pid = 0;
    return error_set_errno(err, e, "%s (is --launcher_dir right?)", program);
}
