/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/helper.h"

#include <errno.h>
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

static int spawn(const struct helper *h, posix_spawn_file_actions_t *fa, pid_t *ret_pid)
{
    posix_spawnattr_t attr;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | (h->same_group ? 0 : POSIX_SPAWN_SETPGROUP)));
    (void)posix_spawnattr_setsigmask(&attr, &none);
    int e = posix_spawn(ret_pid, h->program, fa, &attr, h->argv, h->envp != NULL ? h->envp : environ);
    (void)posix_spawnattr_destroy(&attr);
    return e;
}

int helper_spawn(const struct helper *h, pid_t *ret_pid, struct error *err)
{
    enum { ABOVE_ALL = 10 }; /* the further ones may themselves be 3 or 4 */
    posix_spawn_file_actions_t fa;
    int high[HELPER_MORE_MAX], e = 0;

    (void)posix_spawn_file_actions_init(&fa);
    give(&fa, h->in, 0);
    give(&fa, h->out, 1);
    give(&fa, h->err, 2);
    for (unsigned i = 0; i < h->more_count; i++) {
        high[i] = fcntl(h->more[i], F_DUPFD_CLOEXEC, ABOVE_ALL);
        e = high[i] < 0 ? errno : e;
        (void)posix_spawn_file_actions_adddup2(&fa, high[i], 3 + (int)i);
    }
    if (e == 0)
        e = spawn(h, &fa, ret_pid);
    for (unsigned i = 0; i < h->more_count; i++)
        if (high[i] >= 0)
            (void)close(high[i]);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (e == 0)
        return 0;
    *ret_pid = 0;
    return error_set_errno(err, e, "%s", h->program);
}
