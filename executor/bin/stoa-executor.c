/* SPDX-License-Identifier: Apache-2.0 */
/* The executors as a small static program of their own. */
#include "executor/builtin.h"

int main(int argc, char **argv)
{
    return executor_main(argc, argv);
}
