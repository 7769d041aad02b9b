/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of stoa-fetcher: brings the URIs of one command into one sandbox, in order; the first failure ends it with exit
 * status 1 and a line on standard error (the sandbox's stderr). One process per container, started by the agent.
 *
 * Input (standard input): texts, each ended by a 0 byte, "name=value": sandbox, cache_dir, cache_bytes, stall_secs, uid,
 * gid, frameworks_home; then for each URI uri, output_file (optional), flags (letters x executable, e extract, c cache).
 *
 * As root it works with the effective ids of the task's user and becomes root only to touch the cache, so a URI reads
 * and writes nothing that its user could not. Source: agent reference, §16. */
#ifndef STOA_AGENT_FETCHER_FETCHER_H
#define STOA_AGENT_FETCHER_FETCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/str.h"

enum { FETCH_URIS_MAX = 1024, FETCH_PATH_MAX = 4096 };

struct fetch_uri {
    const char *value, *output_file;
    bool executable, extract, cache;
};

struct fetch {
    const char *sandbox, *cache_dir, *frameworks_home;
    int64_t cache_bytes;
    long stall_secs;
    uid_t uid;
    gid_t gid;
    struct fetch_uri uris[FETCH_URIS_MAX];
    size_t count;
};

bool fetch_parse(struct fetch *f, char *text, size_t n, struct error *err);
/* The target's name in the sandbox: output_file, or the last path component. ERR_INVALID when it would leave it. */
int fetch_target(const struct fetch_uri *u, char *ret, size_t size, struct error *err);

/* source.c: writes the content of the URI to fd. */
int source_read(const struct fetch *f, const char *uri, int fd, struct error *err);
/* Copies from one descriptor to another. */
int copy_fd(int from, int to, struct error *err);

/* extract.c */
enum archive_kind { ARCHIVE_NONE, ARCHIVE_ALL, ARCHIVE_GZ };
enum archive_kind archive_kind_of(const char *name);
/* Unpacks the archive open at fd into the directory dir; nothing lands outside of it. */
int archive_extract(int fd, const char *dir, struct error *err);
/* name.gz to name in dir. */
int archive_gunzip(int fd, const char *dir, const char *name, struct error *err);

/* cache.c: a descriptor of the content, read-only; a negative code: no luck, go without the cache. *ret_lock keeps the
 * entry from being evicted until it is closed. */
int cache_open(const struct fetch *f, const char *uri, int *ret_lock, struct error *err);

/* room.c: how much of the disk of the working directory may be filled in all. */
void room_measure(void);
int room_take(size_t n, struct error *err); /* before so many bytes are written */

/* ids.c: effective ids, when there is a choice. */
void become_user(const struct fetch *f);
void become_root(void);

#endif
