/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning again as a new program in the same process: for a leader whose session expired. What it knew is void, and a start
 * from nothing is the path that is tested best; a supervisor sees no end, so nothing counts restarts or gives up. */
#ifndef STOA_IO_RESTART_H
#define STOA_IO_RESTART_H

/* Executes this program anew with its own arguments; descriptors but 0, 1 and 2 are closed. Returns only on failure. */
void restart_program(void);

/* A word to the program that begins anew, in its environment. text NULL: none any more. */
void restart_note(const char *name, const char *text);
const char *restart_noted(const char *name); /* NULL: nothing */

#endif
