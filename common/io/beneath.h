/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that lead through what a stranger owns, taken by somebody with more rights. The first `trusted` bytes of a path are
 * ours and may hold links; what follows is walked directory by directory, and a link in it is an error, whenever it was
 * put there. The result is a descriptor: whoever has it does not look the path up again.
 * Needs nothing but the system: the static launcher uses it too. */
#ifndef STOA_IO_BENEATH_H
#define STOA_IO_BENEATH_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/error.h"

/* The directory of path's last component, which *ret_last points to (in path). make: mode of missing directories, 0: they
 * are an error. A trusted of the whole path or more: its directory is trusted. */
int beneath_parent(const char *path, size_t trusted, mode_t make, const char **ret_last, struct error *err);
/* The thing itself; flags as for open, with O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK and O_NOCTTY added. */
int beneath_open(const char *path, size_t trusted, int flags, mode_t mode, struct error *err);

#endif
