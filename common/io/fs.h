/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: read with a limit, written atomically. All of it blocks; for files of a few kilobytes.
 */
#ifndef STOA_IO_FS_H
#define STOA_IO_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

enum fs_flags { FS_SYNC = 1 }; /* fsync file and folder: survives a crash of the machine */

/* Appends the content. LIMIT when b's maximum is crossed, NOT_FOUND when the file is not there. */
int fs_read(const char *path, struct sbuf *b, struct error *err);
/* A temporary file in the same folder, then rename: readers see the old or the new content, never a part. */
int fs_write(const char *path, struct str content, mode_t mode, unsigned flags, struct error *err);
/* As mkdir -p. */
int fs_mkdirs(const char *path, mode_t mode, struct error *err);
/* Removes a tree without following links or crossing file systems; a missing path is fine. */
int fs_remove_tree(const char *path, struct error *err);

#endif
