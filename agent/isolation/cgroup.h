/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's cgroups: which controller is where (v1, v2, or hybrid: decided per controller from the mounts), and the
 * groups of containers in them. libcgroup makes the root group; the rest are directories and files (why: cgroup.c).
 *
 * Layout v1: <mount>/<root>/<id>[/mesos/<nested>]. Layout v2: the same below the one mount, and processes live in the
 * group's "leaf", because a v2 group that has controllers in its subtree may hold no processes itself. A hybrid machine
 * (v2 mounted beside v1 controllers) is used as v1. */
#ifndef STOA_AGENT_ISOLATION_CGROUP_H
#define STOA_AGENT_ISOLATION_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

enum cg_controller {
    CG_CPU, CG_CPUACCT, CG_MEMORY, CG_PIDS, CG_FREEZER, CG_DEVICES, CG_BLKIO, CG_CPUSET, CG_HUGETLB, CG_PERF_EVENT,
    CG_NET_PRIO, CG_NET_CLS, CG_COUNT
};
#define CG_BIT(c) (1u << (c))

enum { CG_PATH_MAX = 2048, CG_VALUES_MAX = 32 };

struct cgroups {
    bool v2;                         /* the machine's controllers are in a v2 tree */
    char v2_mount[256];              /* "" when there is none; on a hybrid machine it only serves inspection */
    char mount[CG_COUNT][256];       /* v1 mount point; all v2 controllers name v2_mount; "": not there */
    char root[256];                  /* --cgroups_root, relative */
    uint32_t used;                   /* CG_BITs that containers get; frozen after cgroups_start */
};

const char *cg_name(enum cg_controller c);

/* Reads the layout from the text of /proc/self/mountinfo and, for v2, of cgroup.controllers. hierarchy: where the
 * flag expects it; mounts elsewhere count only when there is nothing there. Pure. */
void cgroups_parse(struct cgroups *ret, struct str mountinfo, struct str v2_controllers, const char *hierarchy,
                   const char *root);
/* The mount point of the v2 tree in the same text: the one at hierarchy if any; empty when none. */
struct str cgroups_v2_mount(struct str mountinfo, const char *hierarchy);
/* The same from this machine. */
int cgroups_detect(struct cgroups *ret, const char *hierarchy, const char *root, struct error *err);
/* Makes the root group in each hierarchy of used; starts libcgroup. */
int cgroups_start(struct cgroups *cg, uint32_t used, struct error *err);

/* A container's group. */
struct cg_group {
    uint32_t controllers; /* v1: where it has directories; v2: what is enabled for it */
    const char *path;     /* relative to the mount, "mesos/<id>"; somebody else's */
};
/* The path of a container by its id in printed form. */
int cg_path_of(const struct cgroups *cg, const char *id, char ret[CG_PATH_MAX], struct error *err);

struct cg_value {
    enum cg_controller controller;
    const char *file;
    char text[48];
};
struct cg_values {
    struct cg_value v[CG_VALUES_MAX];
    size_t n;
};
void cg_value_set(struct cg_values *vs, enum cg_controller c, const char *file, int64_t v);
void cg_value_text(struct cg_values *vs, enum cg_controller c, const char *file, const char *text);

int cg_create(const struct cgroups *cg, const struct cg_group *g, const struct cg_values *vs, struct error *err);
/* 0: gone. ERR_CONFLICT: still busy, try again. */
int cg_remove(const struct cgroups *cg, const struct cg_group *g, struct error *err);
bool cg_exists(const struct cgroups *cg, const struct cg_group *g);

/* Absolute path of a file of the group; false when the group has no such controller. */
bool cg_file(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file,
             char ret[CG_PATH_MAX]);
int cg_write(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, const char *text,
             struct error *err);
int cg_write_i64(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, int64_t v,
                 struct error *err);
/* The whole file appended to b; -ERR_NOT_FOUND ... */
int cg_read(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, struct sbuf *b,
            struct error *err);
/* A file of one number; "max" and v1's huge numbers give INT64_MAX; -1 when it cannot be read. */
int64_t cg_read_i64(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file);

/* Thaws the groups below it (v1), which a process with the rights to may have made and frozen. */
void cg_thaw_below(const struct cgroups *cg, const struct cg_group *g);
/* Takes this process out of the group, to the root of the hierarchy, if somebody put it there: what is in a group is killed with it. */
void cg_leave(const struct cgroups *cg, const struct cg_group *g);
/* Calls f for every process of the group and the groups below it, in whichever controller knows them; returns how many. */
size_t cg_each_pid(const struct cgroups *cg, const struct cg_group *g, void (*f)(void *arg, pid_t pid), void *arg);

/* Calls f with the name of every group below the root group, in each hierarchy that has one: a name may come several times. */
void cg_each_group(const struct cgroups *cg, void (*f)(void *arg, const char *name), void *arg);

/* Reads a small file of /proc or /sys whole. */
int file_read(const char *path, struct sbuf *b, struct error *err);

#endif
