/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest task: a static program that waits. */
#include <unistd.h>

int main(void)
{
    for (;;)
        (void)pause();
}
