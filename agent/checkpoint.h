/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's memory on disk: <work_dir>/meta. Whole files are written beside and renamed, so a reader finds the old or
 * the new content; update logs are appended record by record, and a tail that was cut short by a crash is dropped when
 * read. What is written survives the death of the process at any instruction; the kernel's cache is trusted to outlive it
 * (after a crash of the machine the tasks are dead anyway). Everything blocks: files are small.
 * Bytes come from agent/wire/records.h, layout from agent/paths.h. */
#ifndef STOA_AGENT_CHECKPOINT_H
#define STOA_AGENT_CHECKPOINT_H

#include "agent/core/state.h"
#include "agent/wire/env.h"
#include "common/base/arena.h"

struct checkpoint {
    const char *work_dir;  /* borrowed */
    char meta[4096];       /* <work_dir>/meta */
    char boot_id[64];      /* of this boot */
};

/* Makes the folders; an unwritable work directory is an error that names it. */
int checkpoint_init(struct checkpoint *c, const char *work_dir, struct error *err);

int checkpoint_boot_id(const struct checkpoint *c, struct error *err);
int checkpoint_info(const struct checkpoint *c, const struct agent *a, const struct agent_env *env, struct error *err);
void checkpoint_forget_agent(const struct checkpoint *c); /* removes meta/slaves/latest */
int checkpoint_framework(const struct checkpoint *c, const struct agent *a, const struct agent_framework *f,
                         struct error *err);
int checkpoint_executor(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                        struct error *err);
/* http.marker or executor.sentinel. */
int checkpoint_mark(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e, const char *name,
                    struct error *err);
/* pids/libprocess.pid of a v0 executor. */
int checkpoint_executor_pid(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                            struct error *err);
int checkpoint_task(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                    const struct agent_task *t, struct error *err);
/* Appends to task.updates; on failure nothing is left of the record. ack NULL: the update. */
int checkpoint_update(const struct checkpoint *c, const struct agent *a, const struct agent_stream *s,
                      const struct agent_update *u, const struct uuid *ack, struct error *err);
int checkpoint_resources(const struct checkpoint *c, const struct agent *a, struct error *err); /* what recovery reads */
int checkpoint_resources_info(const struct checkpoint *c, const struct agent *a, struct error *err); /* the form before operations */
int checkpoint_operation(const struct checkpoint *c, const struct agent *a, const struct agent_operation *o, bool ack,
                         struct error *err);
int checkpoint_drain(const struct checkpoint *c, const struct agent *a, struct error *err);
void checkpoint_clear_drain(const struct checkpoint *c, const struct agent *a);

/* What an earlier run left. */
struct checkpoint_state {
    struct arena arena;
    bool rebooted;                 /* the boot id differs, or there is none */
    struct agent_info *info;       /* slave.info; NULL: never registered */
    struct agent_recovered_framework *frameworks;
    size_t framework_count;
    struct resources resources;    /* reservations and volumes */
    bool has_resources;
    const struct agent_operation_desc *operations;
    size_t operation_count;
    struct str drain_config;       /* DrainConfig */
    int64_t drain_grace_ns;
    bool drain_mark_gone;
    unsigned errors;               /* records that were skipped (not strict) */
};

/* strict: a broken record is an error; otherwise it is skipped with a warning and counted. */
int checkpoint_read(const struct checkpoint *c, bool strict, struct checkpoint_state *ret, struct error *err);
void checkpoint_state_done(struct checkpoint_state *s);

#endif
