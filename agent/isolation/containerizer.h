/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on one agent: start them isolated, learn how they end, change and read their limits, and find them
 * again after the agent was killed. The agent's shell is the only user; its core decides, this carries out.
 *
 * A container is one supervisor process (stoa-launcher), which is its pid here, and what runs under it. The
 * supervisor starts the command, reaps everything below it and writes the command's wait status to
 * <runtime_dir>/containers/<id>/status before it exits, so the status is known even when the agent was away.
 *
 * Invariants
 * - <runtime_dir>/containers/<id> exists before the first cgroup or process of the container and goes after the
 *   last: what is found without an entry there is not ours and is left alone.
 * - Every container that was accepted (launch returned 0) gets exactly one launched(), and, when that reported no
 *   error, exactly one exited(). A failed launch has cleaned up after itself when launched() is called.
 * - Callbacks come from the event loop, never from inside a containerizer_* call; they may call any of these
 *   functions. Strings they are given are valid during the callback.
 * - exited() comes after everything of the container is gone: processes, cgroups, mounts; only the sandbox stays
 *   and, for nested containers, the entry that answers a later WAIT (see containerizer_remove).
 *
 * Ids are the printed form of ContainerID: "<uuid>", nested "<parent>.<child>". An element is 1 to 255 bytes without
 * '/', '.', blanks and control bytes. cgroup: <hierarchy>/<cgroups_root>/<id>[/mesos/<nested id>].
 * Quantities: cpus in thousandths, memory and disk in bytes. Source: reference of the agent API, sections 16-19, 22. */
#ifndef STOA_AGENT_ISOLATION_CONTAINERIZER_H
#define STOA_AGENT_ISOLATION_CONTAINERIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

struct loop;
struct containerizer;

enum {
    CONTAINER_ID_MAX = 1024,     /* bytes of a printed id */
    CONTAINERS_MAX = 20000,      /* containers alive at once on one agent */
    CONTAINER_NESTING_MAX = 32,  /* levels */
};

#define CONTAINER_NONE     INT64_C(-1) /* a limit that is not given */
#define CONTAINER_INFINITY INT64_MAX   /* a limit given as "Infinity" */

enum container_class {
    CONTAINER_CLASS_DEFAULT,
    CONTAINER_CLASS_DEBUG, /* shares everything with its parent, its environment too: checks, sessions */
};

struct container_uri {
    const char *value;
    const char *output_file; /* NULL: last path component */
    bool executable;
    bool extract;
    bool cache;
};

struct container_env {
    const char *name, *value;
};

struct container_image {
    const char *name;
    bool force_pull;    /* ask the registry although the image is here */
    const char *config; /* JSON with credentials; NULL: the agent's */
};

struct container_command {
    bool shell;                  /* true: /bin/sh -c value; false: execvp-like of value with argv */
    const char *value;           /* NULL is an error unless argv is given */
    const char *const *argv;     /* argv[0] included, NULL terminated; NULL: { value } */
    const char *user;            /* NULL: the agent's own; a name or a number */
    const struct container_uri *uris;
    size_t uri_count;
    const struct container_env *env; /* complete: nothing is inherited (DEBUG: the parent's comes first).
                                        Later entries win. PATH is added when it is missing */
    size_t env_count;
    size_t env_agent_count;      /* so many of them are the agent's: an image's own variables come after these */
    const char *working_dir;     /* NULL: the image's, or the sandbox */
    bool is_builtin;             /* value is a static program of the host, and runs in the root of an image too */
};

struct container_resources {
    int64_t cpus_milli;       /* request; shares */
    int64_t cpus_limit_milli; /* CONTAINER_NONE: no quota, unless cgroups_enable_cfs; or CONTAINER_INFINITY */
    int64_t mem_bytes;        /* request; soft limit */
    int64_t mem_limit_bytes;  /* CONTAINER_NONE: the request is the limit; or CONTAINER_INFINITY */
    int64_t disk_bytes;       /* CONTAINER_NONE: not limited */
    int64_t pids_max;         /* CONTAINER_NONE: the isolator's default */
    bool cpus_revocable;
};

enum container_volume_flags { CONTAINER_VOLUME_RO = 1, CONTAINER_VOLUME_PERSISTENT = 2, CONTAINER_VOLUME_SECRET = 4 };

struct container_volume {
    const char *host_path;      /* absolute; NULL for a secret and for an image */
    const struct container_image *image; /* its content */
    struct str secret;          /* content of the file that only the container's user may read */
    size_t host_trusted;        /* bytes of it that no task can bend (links are refused behind them); 0: all */
    const char *container_path; /* absolute, or relative to the sandbox */
    unsigned flags;
};

struct container_rlimit {
    int resource;        /* RLIMIT_NOFILE ... as in <sys/resource.h>; see containerizer_rlimit_of */
    bool unlimited;      /* neither given: infinity */
    uint64_t soft, hard;
};

/* A network that the container joins instead of its parent's or the host's. */
struct container_network {
    const char *name;
    struct str info; /* the NetworkInfo, packed: plugins are told of it, and the status repeats it */
};

/* What a container's standard input is. With one of the last two it can be attached to. */
enum container_io {
    CONTAINER_IO_NULL,     /* /dev/null */
    CONTAINER_IO_PIPE,     /* written by whoever attaches; output goes to the files as ever */
    CONTAINER_IO_TERMINAL, /* a terminal; what it shows goes to the file stdout */
};

/* A file of output. */
struct container_log {
    uint64_t size_max; /* 0: no limit, the command writes it itself */
    unsigned keep;     /* full ones kept beside it: stdout.1 is the newest */
};

struct container_spec {
    const char *id;
    enum container_class class;
    const char *sandbox;          /* absolute; made (0750, owned by the user) when it is missing */
    struct container_command command;
    struct container_resources resources;
    const struct container_volume *volumes;
    size_t volume_count;
    const struct container_image *image; /* NULL: the host's root file system */
    const struct container_command *task_command; /* of a command task with an image: what its executor is to run */
    bool docker;             /* as Docker runs it: user of the image, few capabilities, processes of its own, host paths are made */
    bool privileged;         /* with docker */
    const char *docker_user; /* with docker; NULL: the image's */
    const char *entrypoint;  /* with docker: instead of the image's; NULL: not given */
    const struct container_rlimit *rlimits;
    size_t rlimit_count;
    const uint64_t *effective_caps; /* bit n: capability n of <linux/capability.h>; NULL: not set */
    const uint64_t *bounding_caps;
    const char *seccomp_profile; /* NULL: the agent's */
    bool seccomp_unconfined; /* not even the agent's */
    bool own_cgroups;        /* nested: linux_info.share_cgroups is false */
    bool own_pid_namespace;  /* ignored without the namespaces/pid isolator; nested default: as configured */
    bool share_pid_namespace;/* linux_info.share_pid_namespace: use the parent's (the agent's for a top one) */
    enum { CONTAINER_IPC_UNSET, CONTAINER_IPC_PRIVATE, CONTAINER_IPC_SHARE_PARENT } ipc;
    int64_t shm_bytes;       /* linux_info.shm_size; 0: as configured */
    bool command_task;       /* a generated command executor: mem limit over request sets oom_score_adj */
    enum container_io io;
    uint16_t tty_rows, tty_columns; /* TERMINAL: 0: as the kernel makes it */
    const struct container_network *networks; /* interfaces eth0, eth1, ... in this order */
    size_t network_count;
    bool no_networks;        /* none of these, and not the parent's: a network of its own with a loopback interface alone */
    const char *hostname;    /* with networks of its own; NULL: the container's id */
    struct container_log logs[2]; /* stdout, stderr */
    bool standalone;         /* nobody's: survives every restart of the agent, its end is remembered */
    const char *forked_pid_path; /* checkpoint: written with the pid before the command runs; NULL: none */
};

/* Why the agent ended a container. Numbers of TaskStatus.Reason are used by the shell. */
enum container_limit_kind { CONTAINER_LIMIT_NONE, CONTAINER_LIMIT_MEMORY, CONTAINER_LIMIT_DISK, CONTAINER_LIMIT_OTHER };

struct container_limitation {
    enum container_limit_kind kind;
    const char *message; /* as the original words it, with the statistics */
    int64_t mem_bytes;   /* MEMORY: most that was used; else CONTAINER_NONE */
    int64_t disk_bytes;  /* DISK */
};

struct container_termination {
    bool status_known;
    int status; /* as waitpid gives it; of the command, or 9 (SIGKILL) when the agent destroyed it first */
    struct container_limitation limitation;
};

/* Values of ResourceStatistics; a value that could not be read is CONTAINER_NONE. */
struct container_usage {
    int64_t processes, threads;
    int64_t cpus_user_ns, cpus_system_ns;
    int64_t cpus_limit_milli, cpus_soft_limit_milli;
    int64_t cpus_nr_periods, cpus_nr_throttled, cpus_throttled_ns;
    int64_t mem_total_bytes, mem_total_memsw_bytes, mem_limit_bytes, mem_soft_limit_bytes;
    int64_t mem_file_bytes, mem_anon_bytes, mem_cache_bytes, mem_rss_bytes, mem_mapped_file_bytes;
    int64_t mem_swap_bytes, mem_unevictable_bytes, mem_kmem_bytes, mem_kmem_tcp_bytes;
    int64_t mem_low_pressure, mem_medium_pressure, mem_critical_pressure;
    int64_t disk_limit_bytes, disk_used_bytes;
};

struct container_status {
    pid_t pid;                    /* supervisor: forked.pid and ContainerStatus.executor_pid; 0: not yet */
    bool has_cgroups;
    uint32_t net_cls_classid;     /* 0: none */
    const char *sandbox;          /* valid until the container ends */
    struct str networks;          /* ContainerStatus with the network_infos alone, packed; empty: the host's network. Valid as sandbox is */
    enum container_class class;
    enum container_io io;
    bool is_running;              /* its command was started and has not ended */
};

struct containerizer_callbacks {
    void *ctx;
    /* The command runs (err NULL), or the container could not be launched: err->msg is the text after
     * "Failed to launch container: ". */
    void (*launched)(void *ctx, const char *id, pid_t pid, const struct error *err);
    void (*exited)(void *ctx, const char *id, const struct container_termination *t);
    /* Something of a container is not as it should be, and it goes on; may be NULL. */
    void (*warn)(void *ctx, const char *id, const struct error *err);
    /* Whether the container may listen on this port (network/ports); NULL: on all. */
    bool (*owns_port)(void *ctx, const char *id, uint16_t port);
    void (*pulled)(void *ctx, int64_t ns); /* an image was got, or not, and it took so long; may be NULL */
};

/* The flags of the agent, already read; strings are copied. Zero means the default where one is named. */
struct containerizer_options {
    const char *runtime_dir;       /* made when missing */
    const char *launcher_dir;      /* where stoa-launcher, stoa-executor and stoa-fetcher are */
    const char *isolation;         /* --isolation; NULL: posix/cpu,posix/mem */
    const char *launcher;          /* "linux", "posix" or NULL: linux if the machine can */
    const char *cgroups_hierarchy; /* NULL: /sys/fs/cgroup */
    const char *cgroups_root;      /* NULL: mesos */
    bool cgroups_enable_cfs;
    bool cgroups_limit_swap;
    bool no_revocable_cpu_low_priority;
    bool no_switch_user;
    bool enforce_container_disk_quota;
    bool cgroups_cpu_enable_pids_and_tids_count;
    bool disallow_sharing_agent_pid_namespace, disallow_sharing_agent_ipc_namespace;
    int64_t default_container_shm_bytes;      /* 0: as the kernel makes it, half of the memory */
    int64_t container_disk_watch_interval_ns; /* 0: 15 s */
    bool enforce_container_ports;             /* end who listens on what is not its own */
    int64_t container_ports_watch_interval_ns; /* 0: 30 s */
    int64_t cgroups_destroy_timeout_ns;       /* 0: 60 s */
    int64_t fetcher_stall_timeout_ns;         /* 0: 60 s */
    const char *fetcher_cache_dir;            /* NULL: <tmp>/mesos/fetch */
    int64_t fetcher_cache_bytes;              /* 0: 2 GB */
    const char *host_path_folders;            /* separated by ":": below them missing host paths of volumes are made; NULL: nowhere */
    const char *frameworks_home;              /* for relative URIs; NULL: refuse them */
    const char *sandbox_directory;            /* NULL: /mnt/mesos/sandbox */
    /* Images: with a docker_store_dir only. */
    const char *docker_store_dir, *docker_registry, *docker_config; /* config NULL: no credentials */
    const char *provisioner_dir;              /* root file systems of containers */
    const char *image_provisioner_backend;    /* overlay or copy; NULL: overlay where the file system takes it */
    int64_t docker_pull_timeout_ns;           /* 0: 10 min */
    bool docker_ignore_runtime;               /* nothing of an image's configuration counts */
    const uint64_t *effective_caps, *bounding_caps;
    const char *seccomp_config_dir, *seccomp_profile_name; /* NULL: none */
    /* Container networks; both folders or none. Plugin folders are separated by ':'. */
    const char *cni_config_dir, *cni_plugins_dir;
    const char *cni_root_dir;                 /* state of containers with networks */
    const char *default_container_dns;        /* ContainerDNSInfo as JSON; NULL: none */
    bool cni_metrics;                         /* count what goes through containers' networks */
    int64_t pids_default_max;                 /* 0: no limit unless the container has one */
    /* Whether a container of this id was ours, of which a cgroup is left and nothing else is known; NULL: none was. */
    bool (*owned)(void *ctx, const char *id); /* ctx of the callbacks */
};

/* Checks what the machine can do, makes the cgroup root and wipes the fetcher cache. An isolator that was asked
 * for and cannot work here is an error that says why and which flag to change. */
int containerizer_new(struct containerizer **ret, struct loop *loop, const struct containerizer_options *o,
                      const struct containerizer_callbacks *cb, struct error *err);
void containerizer_free(struct containerizer *c); /* leaves the containers running */

/* One line each of what this machine can do and what is missing ("memory: cgroup v1 at ...", "pid namespaces: no, not
 * root"); for the log at start. */
size_t containerizer_capability_count(const struct containerizer *c);
const char *containerizer_capability(const struct containerizer *c, size_t index);
/* Whether limits of cpu and memory are enforced (cgroups/cpu, cgroups/mem or cgroups/all configured). */
bool containerizer_enforces_cpu(const struct containerizer *c);
bool containerizer_enforces_mem(const struct containerizer *c);

/* Copies what it needs of spec. ERR_INVALID: bad spec; ERR_CONFLICT: the id is in use; ERR_NOT_FOUND: the parent is
 * not running; ERR_LIMIT. Only then launched() is not called. */
int containerizer_launch(struct containerizer *c, const struct container_spec *spec, struct error *err);

/* Applies new totals (§18.2). ERR_NOT_FOUND, or ERR_IO: the caller destroys the container. */
int containerizer_update(struct containerizer *c, const char *id, const struct container_resources *r,
                         struct error *err);

/* Whether the container is ended for a limit that it hit. Looks now: the kernel ends a process that asks for too much memory and
 * tells of it on another way, so whoever waits for the process may know of its end first. */
bool containerizer_hit_limit(struct containerizer *c, const char *id);

/* Reads the statistics now: a few small files. ERR_NOT_FOUND. */
int containerizer_usage(struct containerizer *c, const char *id, struct container_usage *ret, struct error *err);
int containerizer_status(struct containerizer *c, const char *id, struct container_status *ret, struct error *err);

/* Appends what is counted in the container's own network (fields of ResourceStatistics); nothing when it has none, or without
 * cni_metrics. */
void containerizer_network_usage(const struct containerizer *c, const char *id, struct sbuf *b);
/* Whether a container's network of its own gave it this address. */
bool containerizer_has_address(const struct containerizer *c, const char *address);

/* Ends the container and the ones nested in it with SIGKILL, also while it is being launched; exited() (or
 * launched() with an error) follows. Asking again is harmless. ERR_NOT_FOUND when it is not alive. */
int containerizer_destroy(struct containerizer *c, const char *id, struct error *err);
/* Sends a signal to the command (KILL_NESTED_CONTAINER): to the leader's process, as the original does. SIGKILL is
 * containerizer_destroy. */
int containerizer_signal(struct containerizer *c, const char *id, int sig, struct error *err);

/* Asks for the writing end of a container's input: of its pipe, or of its terminal, whose size can be set by it too.
 * fn gets a descriptor (its own, non-blocking) or, with fd -1, the reason; it is called once from the loop, unless this was
 * cancelled before. ERR_NOT_FOUND; ERR_UNAVAILABLE: it has CONTAINER_IO_NULL. */
struct container_input;
typedef void container_input_fn(void *arg, int fd, const struct error *err);
int containerizer_input_open(struct containerizer *c, const char *id, container_input_fn *fn, void *arg,
                             struct container_input **ret, struct error *err);
void containerizer_input_cancel(struct container_input *i); /* NULL is fine; not after fn */
/* The command of a container with a pipe reads the end of its input once every writer has closed. No effect on others. */
void containerizer_input_end(struct containerizer *c, const char *id);

/* The remembered end of a nested or standalone container: 0 and *ret filled; ERR_CONFLICT: still running;
 * ERR_NOT_FOUND: unknown. *ret's strings are valid until the next call. */
int containerizer_wait_result(struct containerizer *c, const char *id, struct container_termination *ret,
                              struct error *err);
/* Forgets a terminated container: its runtime entry and its sandbox. ERR_CONFLICT while it runs; 0 when unknown. */
int containerizer_remove(struct containerizer *c, const char *id, struct error *err);

/* Removes images and layers that nobody uses and excluded does not name. ERR_UNAVAILABLE: there are no images here; ERR_CONFLICT: not
 * now. ERR_OK, and how many layers went. */
int containerizer_prune_images(struct containerizer *c, const char *const *excluded, size_t count, size_t *ret_layers, struct error *err);
size_t containerizer_new_rootfs_count(const struct containerizer *c); /* containers with a root of their own */

/* Every live container: f(ctx, id). f must not call back into this module but to read. */
void containerizer_each(const struct containerizer *c, void (*f)(void *ctx, const char *id), void *ctx);
size_t containerizer_count(const struct containerizer *c);

/* One container of the agent's checkpoints. */
struct container_known {
    const char *id;
    const char *sandbox;
    pid_t pid;          /* forked.pid; 0: it was never written */
    bool command_task;
    struct container_resources resources;
};

/* Takes back the containers of an earlier run of this agent. Call once, after containerizer_new and before any launch.
 * Known ones are adopted: if one has ended, exited() follows with its status if that was written. Nested containers
 * and standalone ones are found by their runtime entries (DEBUG ones are destroyed: the answer that they lived for is cut).
 * What has an entry but is not known is destroyed silently.
 * orphans: how many that were, may be NULL. */
int containerizer_recover(struct containerizer *c, const struct container_known *known, size_t count,
                          size_t *ret_orphans, struct error *err);

/* How many bytes of a sandbox's path nobody but the agent can bend: up to the top-level container's sandbox. */
size_t sandbox_trusted(const char *sandbox);

/* RLimitInfo.RLimit.Type ("RLMT_NOFILE") to RLIMIT_NOFILE; -1 when unknown. */
int containerizer_rlimit_of(struct str name);

#endif
