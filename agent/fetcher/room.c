/* SPDX-License-Identifier: Apache-2.0 */
/* What is fetched comes from strangers: a server that never ends, an archive of 300 kB that is 300 MB. The disk of the sandbox is that of
 * every other task and of the agent's own records, so one fetcher takes at most nine tenths of what was free when it began. */
#include "agent/fetcher/fetcher.h"

#include <stdbool.h>
#include <sys/statvfs.h>

static int64_t room;

void room_measure(void)
{
    struct statvfs v;

    room = statvfs(".", &v) == 0 ? (int64_t)((double)v.f_bavail * (double)v.f_frsize * 0.9) : INT64_MAX;
}

int room_take(size_t n, struct error *err)
{
    if ((int64_t)n > room)
        return error_set(err, ERR_LIMIT, "there is more of it than nine tenths of the disk that was free");
    room -= (int64_t)n;
    return 0;
}
