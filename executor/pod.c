/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "executor/builtin.h"

int pod_executor_main(void)
{
    (void)fprintf(stderr, "not built\n");
    return 1;
}
