/* SPDX-License-Identifier: Apache-2.0 */
/* /files/browse, read, download, debug and the v1 LIST_FILES, READ_FILE: what is attached under a virtual path can be
 * read, nothing else. The longest attached prefix counts; the rest is resolved beneath its real folder (openat2), so that
 * neither ".." nor a link leads out of it. Source: reference of the operator API, §9. */
#ifndef STOA_AGENT_FILES_H
#define STOA_AGENT_FILES_H

#include <sys/stat.h>

#include "agent/core/state.h"
#include "common/io/http.h"

enum { FILES_READ_MAX = 65536, FILES_ATTACHED_MAX = 300000 };

struct files;

struct files *files_new(void);
/* Asked before what is attached as path, which is really real, is shown. */
typedef bool files_guard_fn(void *arg, const char *path, const char *real);
void files_set_guard(struct files *f, files_guard_fn *fn, void *arg);
void files_free(struct files *f);
void files_attach(struct files *f, const char *virtual_path, const char *real_path);
void files_detach(struct files *f, const char *virtual_path);
/* The three names of an executor's sandbox: the real path, that with runs/latest, and the virtual one. */
void files_attach_sandbox(struct files *f, const struct agent_executor *e, const char *run);
/* Every name of this folder. */
void files_detach_real(struct files *f, const char *real);

/* Opens for reading; *ret_fd is the caller's. ERR_NOT_FOUND, ERR_DENIED. */
int files_open(struct files *f, struct str path, int *ret_fd, struct stat *ret_st, struct error *err);
/* Calls fn for each entry of the folder, sorted by name; path is the virtual one. */
typedef void files_entry_fn(void *arg, const char *path, const struct stat *st);
int files_list(struct files *f, struct str path, files_entry_fn *fn, void *arg, struct error *err);

/* The endpoints; rest is what follows "/files/". */
void files_request(struct files *f, struct http_req *r, struct str rest);
/* Name of a user or group; a number when it has none. */
void files_user_name(uid_t uid, char *ret, size_t size);
void files_group_name(gid_t gid, char *ret, size_t size);

#endif
