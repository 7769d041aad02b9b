/* SPDX-License-Identifier: Apache-2.0 */
/* Writing; checkpoint_read.c reads. */
#include "agent/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/wire/records.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"

static int read_boot_id(char *ret, size_t size, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    int rc = fs_read("/proc/sys/kernel/random/boot_id", &b, err);

    if (rc != 0)
        return error_wrap(err, "boot id");
    struct str s = str_trim(sbuf_view(&b));
    (void)snprintf(ret, size, "%.*s", STR_ARG(s)); /* 36 characters */
    return 0;
}

int checkpoint_init(struct checkpoint *c, const char *work_dir, struct error *err)
{
    int rc;

    c->work_dir = work_dir;
    if ((size_t)snprintf(c->meta, sizeof c->meta, "%s/meta", work_dir) >= sizeof c->meta)
        return error_set(err, ERR_INVALID, "--work_dir: the path is too long");
    rc = read_boot_id(c->boot_id, sizeof c->boot_id, err);
    if (rc == 0)
        rc = fs_mkdirs(path_fmt("%s/slaves", work_dir).p, 0755, err);
    if (rc == 0)
        rc = fs_mkdirs(c->meta, 0700, err);
    /* Updates hold what executors say to their framework, and nothing here is for tasks. An agent before may have made it otherwise. */
    if (rc == 0 && chmod(c->meta, 0700) != 0)
        rc = error_set_errno(err, errno, "%s", c->meta);
    if (rc == 0)
        rc = fs_mkdirs(path_fmt("%s/slaves", c->meta).p, 0755, err);
    if (rc == 0)
        rc = fs_mkdirs(path_fmt("%s/resources", c->meta).p, 0755, err);
    return rc != 0 ? error_wrap(err, "--work_dir=%s", work_dir) : 0;
}

/* Creates the folder of a file and writes the file. */
static int store(const char *path, struct str content, mode_t mode, struct error *err)
{
    int rc = fs_write(path, content, mode, 0, err);

    if (rc != -(int)ERR_NOT_FOUND)
        return rc;
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(err, ERR_NOMEM, "%s: out of memory", path);
    char *slash = strrchr(copy, '/');
    if (slash != NULL)
        *slash = 0;
    rc = fs_mkdirs(copy, 0755, err);
    free(copy);
    return rc == 0 ? fs_write(path, content, mode, 0, err) : rc;
}

/* Over an older one: a link under another name, then renamed, so that there is always one. */
static int link_latest(const char *target, const char *link, struct error *err)
{
    struct path tmp = path_fmt("%s.tmp", link);

    if (symlink(target, link) == 0)
        return 0;
    (void)unlink(tmp.p); /* of a crash; usually not there */
    if (symlink(target, tmp.p) != 0)
        return error_set_errno(err, errno, "symlink %s", tmp.p);
    if (rename(tmp.p, link) != 0)
        return error_set_errno(err, errno, "rename %s", link);
    return 0;
}

int checkpoint_boot_id(const struct checkpoint *c, struct error *err)
{
    struct path path = path_fmt("%s/boot_id", c->meta);
    int rc = store(path.p, str_of(c->boot_id), 0600, err);

    if (rc != 0) /* rather none than that of another boot: the next start would give up what runs now */
        (void)unlink(path.p);
    return rc;
}

int checkpoint_info(const struct checkpoint *c, const struct agent *a, const struct agent_env *env, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct path dir = path_agent(c->meta, a->id);
    struct path sandboxes = path_agent(c->work_dir, a->id);

    record_put_agent_info(&b, a, env);
    int rc = store(path_fmt("%s/slave.info", dir.p).p, sbuf_view(&b), 0600, err);
    if (rc == 0)
        rc = link_latest(dir.p, path_fmt("%s/slaves/latest", c->meta).p, err);
    if (rc == 0)
        rc = fs_mkdirs(sandboxes.p, 0755, err);
    if (rc == 0)
        rc = link_latest(sandboxes.p, path_fmt("%s/slaves/latest", c->work_dir).p, err);
    return rc == 0 ? checkpoint_boot_id(c, err) : rc;
}

void checkpoint_forget_agent(const struct checkpoint *c)
{
    (void)unlink(path_fmt("%s/slaves/latest", c->meta).p); /* not there when the agent never registered */
}

int checkpoint_framework(const struct checkpoint *c, const struct agent *a, const struct agent_framework *f,
                         struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct path dir = path_framework(c->meta, a->id, f->id);

    record_put_framework(&b, f);
    int rc = store(path_fmt("%s/framework.info", dir.p).p, sbuf_view(&b), 0600, err);
    if (rc == 0)
        rc = store(path_fmt("%s/framework.pid", dir.p).p, str_of(f->pid != NULL ? f->pid : "@0.0.0.0:0"), 0600, err);
    return rc;
}

int checkpoint_executor(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                        struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct path dir = path_executor(c->meta, a->id, e);
    struct path run = path_run(c->meta, a->id, e);

    record_put_executor(&b, e);
    int rc = store(path_fmt("%s/executor.info", dir.p).p, sbuf_view(&b), 0600, err);
    if (rc == 0)
        rc = store(path_fmt("%s/executor_generated_for_command_task", dir.p).p, e->generated ? STR("1") : STR("0"),
                   0600, err);
    if (rc == 0)
        rc = fs_mkdirs(path_fmt("%s/pids", run.p).p, 0755, err);
    if (rc == 0)
        rc = fs_mkdirs(path_fmt("%s/tasks", run.p).p, 0755, err);
    if (rc == 0)
        rc = link_latest(run.p, path_fmt("%s/runs/latest", dir.p).p, err);
    return rc;
}

int checkpoint_mark(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e, const char *name,
                    struct error *err)
{
    struct path path = path_fmt("%s/%s", path_run(c->meta, a->id, e).p, name);
    int fd = open(path.p, O_WRONLY | O_CREAT | O_CLOEXEC, 0644); /* empty: there is no part of it */

    if (fd < 0)
        return store(path.p, (struct str){ NULL, 0 }, 0644, err);
    (void)close(fd);
    return 0;
}

int checkpoint_executor_pid(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                            struct error *err)
{
    return store(path_fmt("%s/pids/libprocess.pid", path_run(c->meta, a->id, e).p).p, str_of(e->pid), 0600, err);
}

int checkpoint_task(const struct checkpoint *c, const struct agent *a, const struct agent_executor *e,
                    const struct agent_task *t, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_task(&b, t);
    return store(path_fmt("%s/tasks/%s/task.info", path_run(c->meta, a->id, e).p, t->id).p, sbuf_view(&b), 0600, err);
}

static int append(const char *path, struct str bytes, struct error *err)
{
    CLEANUP(fd_close_p) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat st;

    if (fd < 0)
        return error_set_errno(err, errno, "open %s", path);
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, errno, "stat %s", path);
    ssize_t n = write(fd, bytes.p, bytes.n);
    if (n == (ssize_t)bytes.n)
        return 0;
    int e = n < 0 ? errno : ENOSPC;
    if (ftruncate(fd, st.st_size) != 0) /* or the next record would stand behind half a one */
        return error_set_errno(err, errno, "%s: half a record is left: ftruncate", path);
    return error_set_errno(err, e, "write %s", path);
}

int checkpoint_update(const struct checkpoint *c, const struct agent *a, const struct agent_stream *s,
                      const struct agent_update *u, const struct uuid *ack, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct path dir = path_fmt("%s/slaves/%s/frameworks/%s/executors/%s/runs/%s/tasks/%s", c->meta, a->id,
                               s->framework_id, s->executor_id, s->container_id, s->task_id);
    struct path log = path_fmt("%s/task.updates", dir.p);

    if (ack != NULL)
        record_put_ack(&b, ack);
    else
        record_put_update(&b, a, s, u);
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "update of task %s is over %d bytes", s->task_id, RECORD_BYTES_MAX);
    int rc = append(log.p, sbuf_view(&b), err);
    if (rc == -(int)ERR_NOT_FOUND && fs_mkdirs(dir.p, 0755, err) == 0)
        rc = append(log.p, sbuf_view(&b), err);
    return rc;
}

int checkpoint_resources(const struct checkpoint *c, const struct agent *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf state = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_resource_state(&state, a);
    if (!sbuf_ok(&state))
        return error_set(err, ERR_LIMIT, "resources and operations are over %d bytes", RECORD_BYTES_MAX);
    return store(path_fmt("%s/resources/resources_and_operations.state", c->meta).p, sbuf_view(&state), 0600, err);
}

int checkpoint_resources_info(const struct checkpoint *c, const struct agent *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf list = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_resources(&list, &a->checkpointed);
    return store(path_fmt("%s/resources/resources.info", c->meta).p, sbuf_view(&list), 0600, err);
}

int checkpoint_operation(const struct checkpoint *c, const struct agent *a, const struct agent_operation *o, bool ack,
                         struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    char uuid[UUID_TEXT_SIZE];

    uuid_text(&o->uuid, uuid);
    struct path dir = path_fmt("%s/operations/%s", path_agent(c->meta, a->id).p, uuid);
    if (ack)
        return fs_remove_tree(dir.p, err); /* nothing is left to repeat */
    record_put_operation(&b, a, o);
    int rc = fs_mkdirs(dir.p, 0755, err);
    return rc == 0 ? append(path_fmt("%s/operation.updates", dir.p).p, sbuf_view(&b), err) : rc;
}

int checkpoint_drain(const struct checkpoint *c, const struct agent *a, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    size_t mark = record_open(&b);
    sbuf_str(&b, blob_str(a->drain_config));
    record_close(&b, mark);
    return store(path_fmt("%s/drain.config", path_agent(c->meta, a->id).p).p, sbuf_view(&b), 0600, err);
}

void checkpoint_clear_drain(const struct checkpoint *c, const struct agent *a)
{
    if (a->id != NULL)
        (void)unlink(path_fmt("%s/drain.config", path_agent(c->meta, a->id).p).p); /* may never have been there */
}
