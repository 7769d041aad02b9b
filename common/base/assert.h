/* SPDX-License-Identifier: Apache-2.0 */
/* ASSERT stays on in production: a wrong master must stop, its standby takes over. It states what
 * our own code guarantees, never what a peer or a user sent: outside data gives an error value. */
#ifndef STOA_BASE_ASSERT_H
#define STOA_BASE_ASSERT_H

#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* Writes one line to standard error and aborts. */
_Noreturn void assert_failed(const char *what, const char *file, int line);

#endif
