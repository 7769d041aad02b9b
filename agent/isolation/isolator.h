/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the containerizer: what a container is while it lives, what an isolator is, and what an isolator may use.
 *
 * An isolator is one file with one struct isolator_ops, listed in isolators.c. For each container, in the order of that
 * list: prepare (say what the cgroup and the launcher must do), [the cgroup is made], isolate (the cgroup is there, no
 * process yet), then any number of update and usage, at the end inspect (was a limit hit? the cgroup is still there)
 * and cleanup. After a restart of the agent: recover instead of prepare and isolate. Every function is optional.
 * Nested containers that share their parent's cgroups have no group with controllers; functions that work on a cgroup
 * get not called for them (needs_cgroup). To add an isolator: a file, a line in isolators.c, a line in docs/containers.md. */
#ifndef STOA_AGENT_ISOLATION_ISOLATOR_H
#define STOA_AGENT_ISOLATION_ISOLATOR_H

#include "agent/isolation/cgroup.h"
#include "agent/isolation/containerizer.h"
#include "agent/launcher/instructions.h"
#include "common/base/arena.h"
#include "common/base/hash.h"
#include "common/base/sbuf.h"
#include "common/io/loop.h"

enum container_state {
    CONTAINER_PREPARING,    /* within containerizer_launch */
    CONTAINER_PROVISIONING, /* its images are got */
    CONTAINER_FETCHING,   /* stoa-fetcher runs */
    CONTAINER_CONNECTING, /* stoa-network attaches it to its networks */
    CONTAINER_LAUNCHING,  /* stoa-launcher was started, its report is awaited */
    CONTAINER_RUNNING,
    CONTAINER_ENDING,     /* being killed, or has ended and is cleaned up */
    CONTAINER_ENDED,      /* nested or standalone: only the result is remembered */
};

struct mem_watch; /* mem.c */
struct du_watch;  /* disk_du.c */
struct kill_task; /* kill.c */
struct cni;       /* cni.c */
struct cni_job;
struct ports_watch; /* ports.c */
struct listeners;
struct cJSON;
struct provision; /* provision.c */
struct images;

struct container {
    char *id;
    struct isolation *iso;
    struct container *parent;         /* NULL for a top-level one; outlives its children */
    struct container *children;       /* list by next_sibling, prev_sibling */
    struct container *next_sibling, *prev_sibling;
    unsigned child_count;             /* of all states but ENDED */
    enum container_state state;
    enum container_class class;
    enum container_io io;
    bool standalone;
    bool accepted;                    /* launched() was called without error */
    bool destroyed;                   /* somebody asked for the end */
    bool silent;                      /* an orphan of an earlier run: no callbacks */
    char *sandbox;
    struct container_resources res;
    bool command_task, mem_limit_set; /* mem_limit_set: the hard limit was written once */
    char *cg_path;                    /* of both groups */
    struct cg_group group;            /* controllers 0: shares the parent's */
    struct cg_group kill_group;       /* where its processes are found; no controllers: by their parents */
    pid_t pid;                        /* supervisor; 0 unknown */
    pid_t first_pid;                  /* what was spawned: the supervisor, or who clones it; 0: ended or none */
    bool alive;                       /* the end of first and supervisor was not seen yet */
    bool reaped_known;
    int reaped_status;
    uid_t uid;
    gid_t gid;

    struct provision *provision;      /* from the request until the end; NULL: no images */
    char *root_workdir;               /* it has a root of its own: where its command starts in it; NULL: the host's root */

    struct launch *launch;            /* until RUNNING */
    char *forked_pid_path;
    int report_fd;
    struct loop_watch *report_watch, *pid_watch, *first_watch, *fetch_watch;
    pid_t fetch_pid;
    struct mem_watch *mem_watch;
    struct du_watch *du_watch;
    struct kill_task *kill;
    struct cni *cni;                  /* its own networks; NULL: those of the parent, or of the host */
    struct cni_job *cni_job;          /* stoa-network is at work for it */
    struct ports_watch *ports_watch;
    struct error launch_error;        /* code ERR_OK: none */
    char *fail_text;

    enum container_limit_kind limit_kind;
    char *limit_message;
    int64_t limit_bytes;
    bool status_known;                /* ENDED */
    int status;
    UT_hash_handle hh;
};

/* What a container's process is to find. Built by the isolators, sent to stoa-launcher. */
struct launch {
    struct sbuf out;                  /* records; the header is first */
    uint32_t flags;
    uint32_t arg_count, env_count;
    struct cg_values values;
    int enter_pid;
    bool has_path;
};

struct isolation;

struct isolator_ops {
    const char *name;       /* as in --isolation */
    uint32_t controllers;   /* cgroup controllers that containers must get */
    bool needs_cgroup;      /* skip for containers without an own group */
    bool needs_root;
    /* At start. Says by iso_capability what it found; an error refuses the start. */
    int (*init)(struct isolation *iso, struct error *err);
    int (*prepare)(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err);
    int (*isolate)(struct container *c, struct error *err);
    int (*update)(struct container *c, const struct container_resources *r, struct error *err);
    void (*usage)(struct container *c, struct container_usage *u);
    void (*inspect)(struct container *c);
    void (*cleanup)(struct container *c);
    int (*recover)(struct container *c, struct error *err);
};

enum { ISOLATORS_MAX = 32, CAPABILITY_LINES_MAX = 48 };

/* The containerizer, as isolators see it. */
struct isolation {
    struct loop *loop;
    struct containerizer_options o;   /* its strings are owned */
    struct cgroups cg;
    bool root;                        /* effective uid 0 */
    bool linux_launcher;              /* cgroups for killing, namespaces possible */
    bool new_mount_ns;                /* filesystem/linux or namespaces/pid */
    bool namespaces_pid;
    struct images *images;            /* NULL: no images on this agent */
    bool overlay;                     /* root file systems are overlays, not copies */
    int64_t host_mem_bytes;
    uint64_t nofile_soft, nofile_hard; /* before they were raised for the agent itself: what containers get */
    const struct isolator_ops *ops[ISOLATORS_MAX];
    size_t op_count;
    char *lines[CAPABILITY_LINES_MAX];
    size_t line_count;
    struct cni_job *cni_jobs;         /* utlist */
    struct listeners *listeners;      /* ports.c */
    struct seccomp_filters *seccomp;  /* seccomp.c */
    struct cJSON *default_dns;        /* --default_container_dns; NULL: not given */
    struct containerizer *owner;
};

void iso_capability(struct isolation *iso, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool iso_has(const struct isolation *iso, const char *name);
const struct isolator_ops *isolator_find(struct str name); /* NULL: not built */
void isolator_names(struct sbuf *b);                       /* of all that are, for error texts */

/* A limit was hit: remembers it (the first one counts) and destroys the container. message is copied. */
void container_limit_hit(struct container *c, enum container_limit_kind kind, int64_t bytes, const char *message);
/* The same without destroying: for inspect. */
void container_limit_note(struct container *c, enum container_limit_kind kind, int64_t bytes, const char *message);

/* A mount for the launcher. Texts may be NULL. The first `trusted` bytes of a path are the agent's; what follows lies in
 * folders of tasks and must hold no link (io/beneath.h). 0: all of it is trusted. */
struct launch_mount_spec {
    const char *source, *target, *type, *data;
    size_t source_trusted, target_trusted;
    uint64_t flags; /* mount(2) */
    enum launch_mount_make make;
};

/* instructions.c */
void launch_init(struct launch *l);
void launch_done(struct launch *l);
void launch_raw(struct launch *l, enum launch_tag tag, const void *p, size_t n);
void launch_text(struct launch *l, enum launch_tag tag, const char *text);
void launch_env(struct launch *l, const char *name, const char *value);
void launch_mount(struct launch *l, const struct launch_mount_spec *m);

/* launch.c */
int launch_command(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err);
/* Starts stoa-launcher; *ret_report is the reading end of its reports. */
int launch_spawn(struct isolation *iso, const char *id, struct launch *l, pid_t *ret_pid, int *ret_report,
                 struct error *err);

/* spec_copy.c */
int spec_copy(const struct container_spec *spec, struct arena *arena, struct container_spec *ret, struct error *err);

/* provision.c: from images to root file systems, <provisioner_dir>/containers/<id>[/containers/<nested>]/{root,volume<n>}/. They
 * are mounted in the container's own mount namespace only, so with its last process no mount is left. */
typedef void provision_done_fn(struct container *c, const struct container_spec *spec, const struct error *err);
int provision_init(struct isolation *iso, struct error *err);
bool provision_is_needed(const struct container_spec *spec);
/* Keeps a copy of spec, which done gets; c->alive until then. An error: done is not called. */
int provision_start(struct container *c, const struct container_spec *spec, provision_done_fn *done, struct error *err);
void provision_cancel(struct container *c);
/* After the end: what was provisioned, also in an earlier run of the agent. */
void provision_remove(struct container *c);
void provision_free(struct container *c);
/* Those of containers that are no more. */
void provision_recover(struct containerizer *owner);
struct image;
const struct image *provision_image(const struct container *c); /* of the root; NULL: none */
/* The directory that holds "rootfs"; volume: index into the spec's volumes, -1: the root. */
int provision_path(const struct container *c, int volume, char *ret, size_t size, struct error *err);
/* The overlay of the root or of a volume, for the launcher; nothing with the copy backend. */
int provision_mount(const struct container *c, int volume, struct launch *l, struct error *err);

/* image.c: what an image changes about the command. For containers without one these do nothing. */
int image_prepare(struct container *c, const struct container_spec *spec, struct error *err); /* fills root_workdir */
int image_launch_command(const struct container *c, const struct container_spec *spec, struct launch *l, struct error *err);
/* The image's variables; NULL: none. */
char *const *image_environment(const struct container *c);
/* The user as the image knows it. ERR_NOT_FOUND: it does not. */
int image_launch_user(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err);
/* Where a path of the sandbox is found by the container's processes. */
int image_sandbox_path(const struct container *c, const char *path, char *ret, size_t size, struct error *err);
/* instructions.c */
void launch_user_record(struct container *c, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t count, struct launch *l);

/* input.c: tells the launcher what the standard input is. */
int input_prepare(const struct container *c, const struct container_spec *spec, struct launch *l, struct error *err);

/* kill.c: kills everything of a container, waits for the containers nested in it, then calls done (from the loop); or
 * gives up after cgroups_destroy_timeout with the error it says. */
typedef void kill_done_fn(struct container *c, const struct error *err);
void kill_start(struct container *c, kill_done_fn *done);
void kill_again(struct kill_task *k); /* from done: not yet, once more (the cgroup is still busy) */
void kill_poke(struct kill_task *k); /* something ended: look at once; NULL is fine */
void kill_free(struct kill_task *k); /* NULL is fine */

/* <base>/containers/<id>[/containers/<nested>][/<file>] */
int container_path(const char *base, const char *id, const char *file, char *ret, size_t size, struct error *err);
/* Every one below base, parents before children. */
void container_path_each(const char *base, void (*f)(void *arg, const char *id), void *arg);

/* runtime.c: <runtime_dir>/containers/<id>[/containers/<nested>]/{pid,status,config} */
int runtime_path(const struct isolation *iso, const char *id, const char *file, char *ret, size_t size, struct error *err);
int runtime_make(struct container *c, struct error *err);
void runtime_remove(const struct isolation *iso, const char *id);
pid_t runtime_pid(const struct isolation *iso, const char *id); /* 0: none */
bool runtime_status(const struct isolation *iso, const char *id, int *ret);
/* The config of an entry. */
struct runtime_config {
    char *sandbox; /* malloc'ed; NULL: not known */
    char *root_workdir; /* malloc'ed; NULL: no root of its own */
    enum container_class class;
    enum container_io io;
    bool own_cgroups, standalone;
    struct container_resources res;
};
/* False when there is no readable config: *ret is then that of a container of which nothing is known. */
bool runtime_config(const struct isolation *iso, const char *id, struct runtime_config *ret);
/* Every entry, parents before children. */
void runtime_each(const struct isolation *iso, void (*f)(void *arg, const char *id), void *arg);

/* sandbox.c */
int sandbox_open(const char *sandbox, struct error *err); /* the directory, or an error */
int sandbox_make(const struct container *c, struct error *err); /* one that is there is fine */
/* stdout or stderr of the container, of its user, opened for appending. */
int sandbox_log(const struct container *c, const char *name, struct error *err);
void sandbox_remove(const struct container *c); /* what is large goes on in the background */

/* containerizer.c, for recover.c and start.c */
struct containerizer {
    struct isolation iso;
    struct containerizer_callbacks cb;
    struct container *table;          /* uthash by id: of all states */
    size_t alive_count;
    struct sbuf last_message;         /* of containerizer_wait_result */
};
/* In the table, with its groups named; nothing made yet. NULL: err says why. */
struct container *container_new(struct containerizer *c, const char *id, const char *sandbox, enum container_class class,
                                bool own_cgroups, struct error *err);
void container_on_supervisor_end(void *arg, pid_t pid, int status);

/* table.c */
struct container *container_find(const struct containerizer *c, const char *id);
struct container *container_find_alive(const struct containerizer *c, const char *id); /* not one that has ended */
bool container_id_valid(const char *id);

/* ending.c */
void container_end(struct container *c);            /* begins the end; callbacks follow from the loop */
void container_free(struct container *c);           /* with what is nested in it; out of the table */
void container_release_launch(struct container *c); /* what only a launch needs */
/* What is known of its end. message: of a limit; it and the container own what ret points to. */
void container_termination_fill(const struct container *c, const char *message, struct container_termination *ret);

/* fetch.c */
typedef void fetch_done_fn(struct container *c, int wait_status);
int fetch_start(struct container *c, const struct container_spec *spec, fetch_done_fn *done, struct error *err);
void fetch_cancel(struct container *c);

/* ports.c */
void listeners_free(struct listeners *l); /* NULL is fine */

/* seccomp.c */
struct seccomp_filters;
void seccomp_filters_free(struct seccomp_filters *f); /* NULL is fine */

/* The isolators. */
extern const struct isolator_ops isolator_posix_cpu, isolator_posix_mem, isolator_cgroups_cpu, isolator_cgroups_mem,
    isolator_cgroups_pids, isolator_cgroups_devices, isolator_cgroups_blkio, isolator_cgroups_cpuset,
    isolator_cgroups_hugetlb, isolator_cgroups_perf_event, isolator_posix_rlimits, isolator_linux_capabilities,
    isolator_linux_nnp, isolator_namespaces_pid, isolator_namespaces_ipc, isolator_filesystem_posix,
    isolator_filesystem_linux, isolator_disk_du, isolator_network_cni, isolator_docker_runtime,
    isolator_linux_seccomp, isolator_network_ports;

#endif
