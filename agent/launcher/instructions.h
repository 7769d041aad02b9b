/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells stoa-launcher, and what comes back. The agent fills a memfd with records and spawns the launcher
 * with it as descriptor LAUNCH_FD_INSTRUCTIONS and the writing end of a pipe as LAUNCH_FD_REPORT; the launcher maps
 * the memfd and allocates nothing. Both programs are of one build, so the format has a version and no compatibility.
 *
 * Record: u32 tag, u32 size, then size bytes, padded to 8. Text has its terminating 0 inside the size. Numbers are
 * of this machine. Records are carried out in the fixed order of the launcher, repeated ones in their order here. */
#ifndef STOA_AGENT_LAUNCHER_INSTRUCTIONS_H
#define STOA_AGENT_LAUNCHER_INSTRUCTIONS_H

#include <stdint.h>

#include "common/base/error.h"

enum {
    LAUNCH_VERSION = 5,
    LAUNCH_FD_INSTRUCTIONS = 3,
    LAUNCH_FD_REPORT = 4,
    LAUNCH_SIZE_MAX = 4 << 20, /* bytes of instructions: environment and arguments, mostly */
    LAUNCH_ARGS_MAX = 8192,    /* argv or environment entries */
    LAUNCH_GROUPS_MAX = 256,
};

enum launch_tag {
    LAUNCH_HEADER = 1,   /* struct launch_header, first */
    LAUNCH_EXEC,         /* text: path, or a name to look up in the PATH of the environment */
    LAUNCH_ARG,          /* text, repeated: argv */
    LAUNCH_ENV,          /* text, repeated: NAME=value */
    LAUNCH_WORKDIR,      /* text */
    LAUNCH_STDOUT,       /* text: opened for appending, made when missing */
    LAUNCH_STDERR,       /* text */
    LAUNCH_STATUS_PATH,  /* text: gets the wait status */
    LAUNCH_PID_PATH,     /* text, repeated: gets the supervisor's pid before the command runs */
    LAUNCH_CGROUP_PROCS, /* text, repeated: cgroup v1 cgroup.procs to join */
    LAUNCH_IO_DIR,       /* text: the command has an input (or a terminal); its socket goes into this directory */
    LAUNCH_ROOT,         /* text: directory that becomes the root; with LAUNCH_NEW_MNT_NS. Later paths are inside of it */
    LAUNCH_HOST_EXEC,    /* text: instead of LAUNCH_EXEC, a static program of the host that runs in the root */
    LAUNCH_CGROUP_DIR,   /* text: cgroup v2 directory to be cloned into */
    LAUNCH_NETNS,        /* text: file of the network namespace to live in */
    LAUNCH_HOSTNAME,     /* text: with LAUNCH_NEW_UTS_NS */
    LAUNCH_USER,         /* struct launch_user */
    LAUNCH_RLIMIT,       /* struct launch_rlimit, repeated */
    LAUNCH_CAPS,         /* struct launch_caps */
    LAUNCH_MOUNT,        /* struct launch_mount followed by texts source, target, type, data; repeated */
    LAUNCH_OOM_ADJ,      /* i32 */
    LAUNCH_WINDOW,       /* struct launch_window: first size of the terminal */
    LAUNCH_SECCOMP,      /* struct sock_filter, one after the other: the program of a filter of system calls */
    LAUNCH_ROTATE,       /* struct launch_rotate, one per stream: the file has a limit */
};

enum launch_flag {
    LAUNCH_NEW_PID_NS = 1 << 0,
    LAUNCH_NEW_MNT_NS = 1 << 1,
    LAUNCH_NEW_IPC_NS = 1 << 2,
    LAUNCH_MOUNT_PROC = 1 << 3,  /* a fresh /proc, after the mounts */
    LAUNCH_NO_NEW_PRIVS = 1 << 4,
    LAUNCH_ENTER_PID = 1 << 5,   /* of enter_pid's namespaces, these are joined first */
    LAUNCH_ENTER_MNT = 1 << 6,
    LAUNCH_ENTER_IPC = 1 << 7,
    LAUNCH_ENTER_NET = 1 << 8,
    LAUNCH_ENTER_UTS = 1 << 9,
    LAUNCH_TTY = 1 << 10,        /* with LAUNCH_IO_DIR: the input is a terminal, which is the output too */
    LAUNCH_NEW_UTS_NS = 1 << 12,
    LAUNCH_PRIVILEGED = 1 << 13, /* in a root of its own: nothing of /proc and /sys is held back */
    LAUNCH_TTY_INPUT = 1 << 11,  /* the command finds the terminal as standard input only and hands it on: an executor */
};

struct launch_header {
    uint32_t version;
    uint32_t flags;     /* enum launch_flag */
    int32_t enter_pid;  /* supervisor of the parent container; 0: none */
    uint32_t arg_count, env_count;
    uint32_t pad;
};

struct launch_user {
    uint32_t uid, gid;
    uint32_t group_count;
    uint32_t groups[]; /* group_count */
};

struct launch_rlimit {
    int32_t resource;
    uint32_t pad;
    uint64_t soft, hard; /* UINT64_MAX: infinity */
};

struct launch_caps {
    uint64_t effective; /* effective, permitted, inheritable and ambient */
    uint64_t bounding;
};

struct launch_window {
    uint16_t rows, columns;
};

/* What is done about the mount point. In a root of its own, missing directories above it are made too. */
enum launch_mount_make {
    LAUNCH_MAKE_NOTHING,
    LAUNCH_MAKE_DIRECTORY, /* made when it is missing */
    LAUNCH_MAKE_FILE,
    LAUNCH_MAKE_OVERLAY,   /* no mount point: an overlay at "rootfs" in the directory target, before everything else */
    LAUNCH_MAKE_FILE_ANEW,      /* as FILE; a link in its place is replaced */
};

struct launch_rotate {
    uint32_t stream;       /* 0: stdout, 1: stderr */
    uint32_t keep;         /* files beside the current one */
    uint64_t size_max;     /* of each */
};

struct launch_mount {
    uint64_t flags;        /* mount(2) */
    uint32_t source, target, type, data; /* offsets of the texts after this struct */
    uint32_t make;         /* enum launch_mount_make */
    uint32_t source_trusted, target_trusted; /* bytes of the paths behind which links are refused; 0: they are not */
    uint32_t pad;
};

struct launch_record {
    uint32_t tag, size;
};

/* What comes back, each with one write(2). */
enum launch_report_kind {
    LAUNCH_REPORT_PID = 1, /* the supervisor lives as pid; the pid files are written */
    LAUNCH_REPORT_RUNNING, /* the command was exec'ed */
    LAUNCH_REPORT_ERROR,   /* it was not, err tells why; the supervisor is ending */
};

struct launch_report {
    uint32_t kind;
    int32_t pid;
    struct error err;
};

/* What the agent asks a supervisor with LAUNCH_IO_DIR: datagrams to the socket LAUNCH_IO_NAME in that directory. */
#define LAUNCH_IO_NAME "io"

enum launch_io_request {
    LAUNCH_IO_OPEN = 1, /* comes with a socket, on which launch_io_answer goes back, with the input's writing end */
    LAUNCH_IO_CLOSE,    /* nothing more will be written: the command is to read the end of its input */
};

struct launch_io_answer {
    uint32_t is_closed; /* 1: LAUNCH_IO_CLOSE was before; no descriptor comes */
};

#endif
