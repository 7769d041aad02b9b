/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/restart.h"

#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/sbuf.h"
#include "common/io/fs.h"

void restart_program(void)
{
    struct sbuf b = SBUF_INIT(4 << 20);
    char **argv = NULL;
    size_t n = 0, cap = 0;

    if (fs_read("/proc/self/cmdline", &b, NULL) < 0 || b.n == 0)
        return;
    for (size_t at = 0; at < b.n; at += strlen(b.p + at) + 1) {
        ARRAY_ROOM(argv, n, cap);
        argv[n++] = b.p + at;
    }
    ARRAY_ROOM(argv, n, cap);
    argv[n] = NULL;
    (void)close_range(
        3, ~0U, CLOSE_RANGE_CLOEXEC); /* an old kernel does not know it: ours are all opened so anyway */
    (void)execv("/proc/self/exe", argv);
    free(argv);
    sbuf_done(&b);
}

void restart_note(const char *name, const char *text)
{
    if (text == NULL)
        (void)unsetenv(name);
    else
        (void)setenv(name, text, 1);
}

const char *restart_noted(const char *name)
{
    return getenv(name);
}
