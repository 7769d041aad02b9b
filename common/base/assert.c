/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "level=error event=assertion_failed at=%s:%d what=\"%s\"\n", file, line, what);
    abort();
}
