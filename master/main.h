/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa master`. */
#ifndef STOA_MASTER_MAIN_H
#define STOA_MASTER_MAIN_H

/* argv[0] is the program's name, then flags. Returns the exit code. */
int master_main(int argc, char **argv);

#endif
