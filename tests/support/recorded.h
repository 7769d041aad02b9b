/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded messages of tests/golden/libprocess. */
#ifndef STOA_TESTS_RECORDED_H
#define STOA_TESTS_RECORDED_H

#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/sbuf.h"
#include "common/io/fs.h"
#include "tests/support/test.h"

/* The body of a recorded message, appended to b: chunk framing removed. */
static inline struct str recorded(const char *name, struct sbuf *b)
{
    CLEANUP(sbuf_done_p) struct sbuf file = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(512);
    struct error err;

    sbuf_fmt(&path, "tests/golden/libprocess/%s.msg", name);
    if (fs_read(path.p, &file, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return (struct str){ NULL, 0 };
    }
    struct str rest = sbuf_view(&file), line;
    while (str_cut(&rest, '\n', &line) && str_trim(line).n != 0)
        continue;
    while (str_cut(&rest, '\n', &line)) {
        size_t n = strtoul(line.p, NULL, 16);
        if (n == 0)
            break;
        sbuf_add(b, rest.p, n);
        rest = str_sub(rest, n + 2, rest.n);
    }
    return sbuf_view(b);
}

#endif
