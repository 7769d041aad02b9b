/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of stoa-launcher: the parts of the program. It is single-threaded, linked statically, and uses no heap, no
 * stdio and no name service, so that a thousand of them cost little and none depends on the root file system. */
#ifndef STOA_AGENT_LAUNCHER_LAUNCHER_H
#define STOA_AGENT_LAUNCHER_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/launcher/instructions.h"

/* The instructions, checked: every record lies inside [p, p + n) and every text is terminated. */
struct plan {
    const char *p;
    size_t n;
    const struct launch_header *header;
    int host_exec; /* LAUNCH_HOST_EXEC, opened; -1: none */
};

/* The next record of this tag after *pos (0 to begin); NULL at the end. *ret_size may be NULL. */
const void *plan_next(const struct plan *p, uint32_t tag, size_t *pos, uint32_t *ret_size);
const char *plan_text(const struct plan *p, uint32_t tag); /* the first one; NULL: not there */
int plan_map(struct plan *ret, int fd, struct error *err);

/* A file of output that the supervisor writes. Descriptors; -1: none. */
struct log {
    int fd, dir;        /* the file, the folder it is in */
    int from, to;       /* ends of the pipe that the command writes to */
    uint64_t written, size_max; /* 0: no limit */
    unsigned keep;
    uint32_t uid, gid;  /* whose it is */
};

/* The command's input, and what of its output the supervisor copies. Descriptors; -1: none. */
struct io {
    int socket;         /* where the agent asks for the input */
    int input;          /* writing end: of a pipe, or the terminal's master side */
    int command;        /* what becomes the command's standard input */
    struct log logs[2]; /* stdout: a terminal's, or with a limit; stderr: with a limit */
    bool is_tty, is_hung; /* hung: nobody has the terminal open */
};
int io_open(const struct plan *p, struct io *ret, struct error *err); /* in the host's namespaces */
int io_open_log(const struct plan *p, struct io *io, struct error *err);
void io_started(struct io *io);   /* the command has what it needs */
void io_copy(struct io *io);      /* what the terminal has to say now, to the log */
void io_answer(struct io *io);    /* a datagram has come */

/* Output with a limit (logs.c). */
bool logs_limited(const struct plan *p);
int logs_open(const struct plan *p, struct io *io, struct error *err);
void logs_started(struct io *io);
void logs_write(struct log *l, unsigned stream, const char *p, size_t n);
void logs_copy(struct io *io, bool last); /* what the pipes hold now; last: the writers are gone */

/* Steps of the supervisor before it starts the command. */
int setup_join_cgroups(const struct plan *p, struct error *err);                 /* v1 */
int setup_enter_namespaces(const struct plan *p, struct error *err);
int setup_enter_network(int fd, struct error *err);                              /* -1: stay */
int setup_hostname(const struct plan *p, struct error *err);
int setup_mounts(const struct plan *p, const struct io *io, struct error *err); /* mounts.c */
/* root.c: makes dir the root, with /proc, /sys and /dev in it; what is left once the container's mounts are there. */
int root_enter(const struct plan *p, const char *dir, struct error *err);
int root_complete(const struct plan *p, struct error *err);
int root_make_parents(const char *path, struct error *err); /* missing directories above path */
int setup_write_number(int fd, const char *path, long n, struct error *err);     /* closes fd */
/* Appends to a file of the sandbox with the user's own rights; io_open_log gives them back. -1: err. ret_dir, unless it is
 * NULL, gets its folder, or -1. */
int setup_open_log(const struct plan *p, const char *path, int *ret_dir, struct error *err);
/* Steps of the command's process; the last does not return on success. */
int setup_stdio(const struct plan *p, const struct io *io, struct error *err);
int setup_privileges(const struct plan *p, struct error *err);
/* Before the privileges go: the working directory, if it is the sandbox, for a user who cannot walk there. -1: it is not. */
int setup_open_sandbox(const struct plan *p);
int setup_exec(const struct plan *p, int sandbox, char **argv, char **envp, struct error *err);

/* Reaps and forwards signals until the command has ended and nothing is left below; writes the status. */
_Noreturn void supervise(pid_t command, int status_fd, struct io *io);

#endif
