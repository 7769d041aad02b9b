/* SPDX-License-Identifier: Apache-2.0 */
/* Reads <work_dir>/meta back. A folder without its main file is what a crash between two writes leaves: the run that
 * it belongs to never began, so it is skipped. A main file that does not decode is an error (strict) or skipped. */
#include "agent/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/wire/records.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/wire/guard.h"
#include "proto/mesos_v1.pb-c.h"

enum { STATE_ARENA_BYTES = 1 << 30 };

struct reading {
    struct checkpoint_state *s;
    bool strict;
    struct error *err;
};

/* Counts and goes on, or fails. */
static int broken(struct reading *r, const char *path)
{
    if (r->strict)
        return error_wrap(r->err, "%s (--no-strict skips it)", path);
    log_warn("recovery_skip", "path=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(path)), LOG_QARG(str_of(r->err->msg)));
    r->s->errors++;
    return 0;
}

/* A file in the arena; 1: read, 0: not there, negative: error. */
static int read_file(struct reading *r, const char *path, struct str *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    int rc = fs_read(path, &b, r->err);

    if (rc == -(int)ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    *ret = arena_str(&r->s->arena, sbuf_view(&b));
    return ret->p != NULL ? 1 : error_set(r->err, ERR_NOMEM, "%s: the checkpoints are over %d bytes", path,
                                          STATE_ARENA_BYTES);
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Folders in a folder, sorted; links ("latest") are left out. */
static size_t list_dirs(struct reading *r, const char *path, const char ***ret)
{
    struct dirent **v = NULL;
    int n = scandir(path, &v, NULL, by_name);
    size_t count = 0;

    *ret = NULL;
    if (n <= 0)
        return 0;
    const char **names = arena_array(&r->s->arena, (size_t)n, sizeof(char *));
    for (int i = 0; i < n; i++) {
        struct stat st;
        if (names != NULL && v[i]->d_name[0] != '.' && lstat(path_fmt("%s/%s", path, v[i]->d_name).p, &st) == 0 &&
            S_ISDIR(st.st_mode))
            names[count++] = arena_str(&r->s->arena, str_of(v[i]->d_name)).p;
        free(v[i]);
    }
    free(v);
    *ret = names;
    return count;
}

/* The log may end in half a record: cut it there, so that the next append starts a whole one. */
static void repair_log(const char *path, size_t good, size_t size)
{
    if (good == size)
        return;
    log_warn("update_log_cut", "path=" LOG_Q " bytes=%zu kept=%zu", LOG_QARG(str_of(path)), size, good);
    if (truncate(path, (off_t)good) != 0)
        log_error("update_log_truncate", "path=" LOG_Q " errno=%d", LOG_QARG(str_of(path)), errno);
}

static int read_task(struct reading *r, const char *dir, struct agent_recovered_task *v, size_t *count)
{
    struct str info, log = { NULL, 0 };
    struct path info_path = path_fmt("%s/task.info", dir);
    struct path log_path = path_fmt("%s/task.updates", dir);
    size_t good = 0;

    int rc = read_file(r, info_path.p, &info);
    if (rc <= 0)
        return rc;
    rc = read_file(r, log_path.p, &log);
    if (rc < 0)
        return rc;
    rc = record_read_task(&v[*count], info, log, &r->s->arena, &good, r->err);
    if (rc != 0)
        return broken(r, info_path.p);
    repair_log(log_path.p, good, log.n);
    (*count)++;
    return 0;
}

static int read_tasks(struct reading *r, const char *run, struct agent_recovered_executor *e)
{
    struct path dir = path_fmt("%s/tasks", run);
    const char **names;
    size_t n = list_dirs(r, dir.p, &names);
    struct agent_recovered_task *v = arena_array(&r->s->arena, n, sizeof *v);
    size_t count = 0;

    for (size_t i = 0; i < n && v != NULL; i++) {
        int rc = read_task(r, path_fmt("%s/%s", dir.p, names[i]).p, v, &count);
        e->tasks = v;
        e->task_count = count;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_run(struct reading *r, const char *run, const char *container_id, struct executor_info *info,
                    bool generated, struct agent_recovered_executor *e)
{
    struct str text;

    *e = (struct agent_recovered_executor){
        .info = executor_info_ref(info),
        .generated = generated,
        .container_id = str_of(container_id),
        .http = exists(path_fmt("%s/http.marker", run).p),
        .completed = exists(path_fmt("%s/executor.sentinel", run).p),
    };
    if (read_file(r, path_fmt("%s/pids/forked.pid", run).p, &text) == 1) {
        uint64_t pid;
        text = str_trim(text);
        if (str_u64(&text, INT_MAX, &pid))
            e->forked_pid = (int)pid;
    }
    if (read_file(r, path_fmt("%s/pids/libprocess.pid", run).p, &text) == 1)
        e->pid = str_trim(text);
    /* What has ended is only shown: it need not stop a start. */
    bool strict = r->strict;
    r->strict = strict && !e->completed;
    int rc = read_tasks(r, run, e);
    r->strict = strict;
    return rc;
}

/* The newest run is the executor; older ones are completed and only wait to be removed. */
static const char *latest_run(struct reading *r, const char *executor)
{
    char target[PATH_MAX];
    struct path link = path_fmt("%s/runs/latest", executor);
    ssize_t n = readlink(link.p, target, sizeof target - 1);

    if (n <= 0)
        return NULL;
    target[n] = 0;
    const char *slash = strrchr(target, '/');
    return arena_str(&r->s->arena, str_of(slash != NULL ? slash + 1 : target)).p;
}

static int read_executor(struct reading *r, const char *dir, struct agent_recovered_executor *v, size_t *count)
{
    struct str bytes;
    struct path info_path = path_fmt("%s/executor.info", dir);
    struct executor_info *info = NULL;
    bool generated = false;

    int rc = read_file(r, info_path.p, &bytes);
    if (rc <= 0)
        return rc;
    rc = record_read_executor(bytes, &info, r->err);
    if (rc != 0)
        return broken(r, info_path.p);
    if (read_file(r, path_fmt("%s/executor_generated_for_command_task", dir).p, &bytes) == 1)
        generated = str_eq(str_trim(bytes), STR("1"));
    const char *container = latest_run(r, dir);
    if (container != NULL && exists(path_fmt("%s/runs/%s", dir, container).p)) {
        rc = read_run(r, path_fmt("%s/runs/%s", dir, container).p, container, info, generated, &v[*count]);
        (*count)++;
    }
    executor_info_unref(info);
    return rc;
}

static int read_framework(struct reading *r, const char *dir, struct agent_recovered_framework *v, size_t *count)
{
    struct str bytes;
    struct path info_path = path_fmt("%s/framework.info", dir);
    struct path executors = path_fmt("%s/executors", dir);
    struct agent_recovered_framework *f = &v[*count];
    const char **names;

    int rc = read_file(r, info_path.p, &bytes);
    if (rc <= 0)
        return rc;
    *f = (struct agent_recovered_framework){ 0 };
    rc = record_read_framework(bytes, &f->info, r->err);
    if (rc != 0)
        return broken(r, info_path.p);
    (*count)++;
    if (read_file(r, path_fmt("%s/framework.pid", dir).p, &bytes) == 1 && !str_starts(bytes, STR("@")))
        f->pid = str_trim(bytes);
    size_t n = list_dirs(r, executors.p, &names);
    struct agent_recovered_executor *e = arena_array(&r->s->arena, n, sizeof *e);
    f->executors = e;
    for (size_t i = 0; i < n && e != NULL; i++) {
        rc = read_executor(r, path_fmt("%s/%s", executors.p, names[i]).p, e, &f->executor_count);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_frameworks(struct reading *r, const char *agent)
{
    struct path dir = path_fmt("%s/frameworks", agent);
    const char **names;
    size_t n = list_dirs(r, dir.p, &names);

    r->s->frameworks = arena_array(&r->s->arena, n, sizeof *r->s->frameworks);
    for (size_t i = 0; i < n && r->s->frameworks != NULL; i++) {
        int rc = read_framework(r, path_fmt("%s/%s", dir.p, names[i]).p, r->s->frameworks, &r->s->framework_count);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_resources(struct reading *r, const struct checkpoint *c)
{
    struct str bytes;
    struct path path = path_fmt("%s/resources/resources_and_operations.state", c->meta);

    int rc = read_file(r, path.p, &bytes);
    if (rc <= 0)
        return rc;
    rc = record_read_resource_state(bytes, &r->s->arena, &r->s->resources, &r->s->operations, &r->s->operation_count,
                                    r->err);
    if (rc != 0)
        return broken(r, path.p);
    r->s->has_resources = true;
    return 0;
}

static int read_drain(struct reading *r, const char *agent)
{
    struct str bytes, record;
    struct path path = path_fmt("%s/drain.config", agent);
    Mesos__V1__DrainConfig *m = NULL;

    int rc = read_file(r, path.p, &bytes);
    if (rc <= 0)
        return rc;
    if (record_next(&bytes, &record) != 1)
        rc = error_set(r->err, ERR_INVALID, "no record");
    else
        rc = WIRE_UNPACK(mesos__v1__drain_config, record, &r->s->arena, &m, r->err);
    if (rc != 0)
        return broken(r, path.p);
    r->s->drain_config = record.n != 0 ? record : STR("\x10\x00"); /* mark_gone false: not the empty text */
    r->s->drain_grace_ns = m->max_grace_period != NULL ? m->max_grace_period->nanoseconds : -1;
    r->s->drain_mark_gone = m->mark_gone;
    return 0;
}

static int read_all(struct reading *r, const struct checkpoint *c)
{
    struct str bytes;
    struct path latest = path_fmt("%s/slaves/latest", c->meta);

    int rc = read_file(r, path_fmt("%s/boot_id", c->meta).p, &bytes);
    if (rc < 0)
        return rc;
    r->s->rebooted = rc == 1 && !str_is(str_trim(bytes), c->boot_id);
    rc = read_resources(r, c);
    if (rc != 0 || !exists(latest.p))
        return rc;
    rc = read_file(r, path_fmt("%s/slave.info", latest.p).p, &bytes);
    if (rc <= 0)
        return rc;
    rc = record_read_agent_info(bytes, &r->s->info, r->err);
    if (rc != 0)
        return broken(r, latest.p);
    struct path agent = path_fmt("%s/slaves/%.*s", c->meta, STR_ARG(r->s->info->id.s));
    rc = read_drain(r, agent.p);
    return rc == 0 ? read_frameworks(r, agent.p) : rc;
}

int checkpoint_read(const struct checkpoint *c, bool strict, struct checkpoint_state *ret, struct error *err)
{
    struct reading r = { ret, strict, err };

    *ret = (struct checkpoint_state){ .arena = ARENA_INIT(STATE_ARENA_BYTES), .drain_grace_ns = -1 };
    int rc = read_all(&r, c);
    if (rc != 0)
        checkpoint_state_done(ret);
    return rc;
}

void checkpoint_state_done(struct checkpoint_state *s)
{
    for (size_t i = 0; i < s->framework_count; i++) {
        struct agent_recovered_framework *f = &s->frameworks[i];
        for (size_t j = 0; j < f->executor_count; j++) {
            for (size_t k = 0; k < f->executors[j].task_count; k++)
                record_task_done((struct agent_recovered_task *)(uintptr_t)&f->executors[j].tasks[k]); /* ours */
            executor_info_unref(f->executors[j].info);
        }
        framework_info_unref(f->info);
    }
    s->framework_count = 0;
    agent_info_unref(s->info);
    s->info = NULL;
    resources_done(&s->resources);
    arena_done(&s->arena);
}
