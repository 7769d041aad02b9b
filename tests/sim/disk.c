/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's meta directory as records: the paths are those of agent/checkpoint.c, below <work_dir>/meta. A
 * file is replaced as a whole (written beside and renamed); a log of updates is appended to, and a crash may
 * leave half a record at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/records.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "tests/sim/agent.h"
#include "tests/sim/ledger.h"

enum { PATH_BYTES = 1024 };

struct dpath {
    char p[PATH_BYTES];
};

static struct dpath path_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static struct dpath path_of(const char *fmt, ...)
{
    struct dpath path;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(path.p, sizeof path.p, fmt, ap);
    va_end(ap);
    return path;
}

/* False: the disk is full. */
static bool write_file(struct agent_node *n, const char *path, struct str content)
{
    if (!proc_effect(n->p))
        return true;
    if (!n->disk_full)
        kv_put(&n->disk, path, content);
    else
        sim_trace(n->sim, n->p->name, "cannot write %s: the disk is full", path);
    return !n->disk_full;
}

/* agent/shell.c goes on when a checkpoint cannot be written: it costs recovery, not the task. */
static void put(struct agent_node *n, const char *path, struct str content)
{
    (void)write_file(n, path, content);
}

/* False: the disk is full; nothing is left of it. */
static bool append(struct agent_node *n, const char *path, struct str record)
{
    if (n->p->dying)
        return true;
    if (n->disk_full) {
        sim_trace(n->sim, n->p->name, "cannot append to %s: the disk is full", path);
        return false;
    }
    if (proc_effect(n->p)) {
        kv_append(&n->disk, path, record);
    } else if ((n->sim->o.faults & FAULT_TORN) != 0 && record.n > 1) {
        size_t cut = rng_below(&n->sim->rng_disk, record.n);
        kv_append(&n->disk, path, str_mem(record.p, cut));
    }
    return true;
}

static struct dpath executor_dir(const struct agent_node *n, const struct agent_executor *e)
{
    return path_of("slaves/%s/frameworks/%s/executors/%s", n->core->id, e->framework->id, e->id);
}

static struct dpath run_dir(const struct agent_node *n, const struct agent_executor *e)
{
    return path_of("slaves/%s/frameworks/%s/executors/%s/runs/%s", n->core->id, e->framework->id, e->id,
                   e->container_id);
}

static void store_framework(struct agent_node *n, const struct agent_framework *f)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct dpath dir = path_of("slaves/%s/frameworks/%s", n->core->id, f->id);

    record_put_framework(&b, f);
    put(n, path_of("%s/framework.info", dir.p).p, sbuf_view(&b));
    put(n, path_of("%s/framework.pid", dir.p).p, str_of(f->pid != NULL ? f->pid : "@0.0.0.0:0"));
}

static void store_executor(struct agent_node *n, const struct agent_executor *e)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    struct dpath dir = executor_dir(n, e);

    record_put_executor(&b, e);
    put(n, path_of("%s/executor.info", dir.p).p, sbuf_view(&b));
    put(n, path_of("%s/executor_generated_for_command_task", dir.p).p, e->generated ? STR("1") : STR("0"));
    put(n, path_of("%s/runs/%s/dir", dir.p, e->container_id).p, STR(""));
    put(n, path_of("%s/latest", dir.p).p, str_of(e->container_id));
}

static bool store_boot_id(struct agent_node *n)
{
    bool ok = write_file(n, "boot_id", str_of(path_of("boot %u", n->boot).p));

    if (!ok)
        kv_remove(&n->disk, "boot_id");
    return ok;
}

static bool store_info(struct agent_node *n)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_agent_info(&b, n->core, &n->env);
    bool ok = write_file(n, path_of("slaves/%s/slave.info", n->core->id).p, sbuf_view(&b)) &&
              write_file(n, "latest", str_of(n->core->id));
    return store_boot_id(n) && ok;
}

static bool store_update(struct agent_node *n, const struct agent_action *act, bool ack)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);
    const struct agent_stream *f = act->flow;
    struct dpath log = path_of("slaves/%s/frameworks/%s/executors/%s/runs/%s/tasks/%s/task.updates",
                               n->core->id, f->framework_id, f->executor_id, f->container_id, f->task_id);

    if (ack)
        record_put_ack(&b, &act->uuid);
    else
        record_put_update(&b, n->core, f, act->update);
    return append(n, log.p, sbuf_view(&b));
}

static void store_task(struct agent_node *n, const struct agent_executor *e, const struct agent_task *t)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_task(&b, t);
    put(n, path_of("%s/tasks/%s/task.info", run_dir(n, e).p, t->id).p, sbuf_view(&b));
}

static bool store_resources(struct agent_node *n)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    record_put_resource_state(&b, n->core);
    return write_file(n, "resources", sbuf_view(&b));
}

/* In a form of our own: what the shell reads of the message, and the message. */
static void store_drain(struct agent_node *n)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(RECORD_BYTES_MAX);

    sbuf_fmt(&b, "%d %lld ", n->core->drain_mark_gone ? 1 : 0, (long long)n->core->drain_grace_ns + 1);
    sbuf_str(&b, blob_str(n->core->drain_config));
    put(n, path_of("slaves/%s/drain.config", n->core->id).p, sbuf_view(&b));
}

void disk_store(struct agent_node *n, const struct agent_action *act, bool *ret_failed)
{
    *ret_failed = false;
    switch ((int)act->type) {
    case AGENT_DO_STORE_INFO:
        *ret_failed = !store_info(n);
        break;
    case AGENT_DO_STORE_BOOT_ID:
        (void)store_boot_id(n);
        break;
    case AGENT_DO_FORGET_AGENT:
        if (proc_effect(n->p))
            kv_remove(&n->disk, "latest");
        break;
    case AGENT_DO_STORE_FRAMEWORK:
        store_framework(n, act->framework);
        break;
    case AGENT_DO_STORE_EXECUTOR:
        store_executor(n, act->executor);
        break;
    case AGENT_DO_STORE_HTTP_MARKER:
        put(n, path_of("%s/http.marker", run_dir(n, act->executor).p).p, STR(""));
        break;
    case AGENT_DO_STORE_SENTINEL:
        put(n, path_of("%s/executor.sentinel", run_dir(n, act->executor).p).p, STR(""));
        break;
    case AGENT_DO_STORE_TASK:
        store_task(n, act->executor, act->task);
        break;
    case AGENT_DO_STORE_UPDATE:
        *ret_failed = !store_update(n, act, false);
        break;
    case AGENT_DO_STORE_ACK:
        if (!store_update(n, act, true)) /* a later process will say it all again */
            ledger_ack_not_kept(n->sim, str_of(act->flow->framework_id), str_of(act->flow->task_id));
        break;
    case AGENT_DO_STORE_RESOURCES:
        *ret_failed = !store_resources(n);
        break;
    case AGENT_DO_STORE_DRAIN:
        store_drain(n);
        break;
    case AGENT_DO_CLEAR_DRAIN:
        if (n->core->id != NULL && proc_effect(n->p))
            kv_remove(&n->disk, path_of("slaves/%s/drain.config", n->core->id).p);
        break;
    default:
        break; /* operations are in the state of resources; recovery reads no more */
    }
}

void disk_forked(struct agent_node *n, const struct container *c)
{
    if (c->checkpoint)
        put(n,
            path_of("slaves/%s/frameworks/%s/executors/%s/runs/%s/pids/forked.pid", n->core->id,
                    c->framework_id, c->executor_id, c->id)
                .p,
            STR("100"));
}

/* --- reading --- */

/* The next name below dir, after index *at; moves *at behind everything that is below it. */
static bool next_name(const struct vkv *k, const char *dir, size_t *at, char *ret, size_t size)
{
    size_t len = strlen(dir);

    if (!kv_at(k, *at, dir))
        return false;
    const char *name = k->v[*at].key + len, *slash = strchr(name, '/');
    (void)snprintf(ret, size, "%.*s", slash != NULL ? (int)(slash - name) : (int)strlen(name), name);
    struct dpath below = path_of("%s%s/", dir, ret);
    if (slash == NULL) {
        (*at)++;
        return true;
    }
    while (kv_at(k, *at, below.p))
        (*at)++;
    return true;
}

static size_t count_names(const struct vkv *k, const char *dir)
{
    char name[256];
    size_t n = 0;

    for (size_t at = kv_first(k, dir); next_name(k, dir, &at, name, sizeof name);)
        n++;
    return n;
}

static bool get(const struct agent_node *n, const char *path, struct arena *arena, struct str *ret)
{
    const struct vkv_entry *e = kv_get(&n->disk, path);

    if (e != NULL)
        *ret = arena_str(arena, e->value);
    return e != NULL;
}

static void bad(struct agent_node *n, const char *path, const struct error *err)
{
    sim_fail(n->sim, "%s: the checkpoint %s is not readable: %s", n->p->name, path, err->msg);
}

static void read_tasks(struct agent_node *n, struct disk_state *st, const char *run,
                       struct agent_recovered_executor *e)
{
    struct dpath dir = path_of("%s/tasks/", run);
    struct agent_recovered_task *v = arena_array(&st->arena, count_names(&n->disk, dir.p), sizeof *v);
    char name[256];
    struct error err;

    e->tasks = v;
    for (size_t at = kv_first(&n->disk, dir.p); next_name(&n->disk, dir.p, &at, name, sizeof name);) {
        struct dpath log_path = path_of("%s%s/task.updates", dir.p, name);
        struct str info, log = { NULL, 0 };
        size_t good = 0;
        if (!get(n, path_of("%s%s/task.info", dir.p, name).p, &st->arena, &info))
            continue;
        (void)get(n, log_path.p, &st->arena, &log);
        if (record_read_task(&v[e->task_count], info, log, &st->arena, &good, &err) != 0) {
            bad(n, log_path.p, &err);
            return;
        }
        if (good != log.n)
            kv_put(&n->disk, log_path.p, str_mem(log.p, good));
        e->task_count++;
    }
}

static void read_executor(struct agent_node *n, struct disk_state *st, const char *dir,
                          struct agent_recovered_framework *f, struct agent_recovered_executor *v)
{
    struct agent_recovered_executor *e = &v[f->executor_count];
    struct str bytes, container;
    struct error err;
    struct executor_info *info = NULL;

    if (!get(n, path_of("%s/executor.info", dir).p, &st->arena, &bytes))
        return;
    if (record_read_executor(bytes, &info, &err) != 0) {
        bad(n, dir, &err);
        return;
    }
    bool generated = get(n, path_of("%s/executor_generated_for_command_task", dir).p, &st->arena, &bytes) &&
                     str_is(bytes, "1");
    if (get(n, path_of("%s/latest", dir).p, &st->arena, &container)) {
        struct dpath run = path_of("%s/runs/%.*s", dir, STR_ARG(container));
        struct str pid;
        *e = (struct agent_recovered_executor){
            .info = executor_info_ref(info),
            .generated = generated,
            .container_id = container,
            .http = kv_get(&n->disk, path_of("%s/http.marker", run.p).p) != NULL,
            .completed = kv_get(&n->disk, path_of("%s/executor.sentinel", run.p).p) != NULL,
            .forked_pid = get(n, path_of("%s/pids/forked.pid", run.p).p, &st->arena, &pid) ? 100 : 0,
        };
        f->executor_count++;
        read_tasks(n, st, run.p, e);
    }
    executor_info_unref(info);
}

static void read_framework(struct agent_node *n, struct disk_state *st, const char *dir)
{
    struct agent_recovered_framework *f = &st->frameworks[st->framework_count];
    struct dpath executors = path_of("%s/executors/", dir);
    char name[256];
    struct str bytes;
    struct error err;

    if (!get(n, path_of("%s/framework.info", dir).p, &st->arena, &bytes))
        return;
    if (record_read_framework(bytes, &f->info, &err) != 0) {
        bad(n, dir, &err);
        return;
    }
    st->framework_count++;
    struct agent_recovered_executor *v =
        arena_array(&st->arena, count_names(&n->disk, executors.p), sizeof *v);
    f->executors = v;
    for (size_t at = kv_first(&n->disk, executors.p);
         next_name(&n->disk, executors.p, &at, name, sizeof name);)
        read_executor(n, st, path_of("%s%s", executors.p, name).p, f, v);
}

void disk_read(struct agent_node *n, struct disk_state *st)
{
    struct str latest, bytes;
    struct error err;
    char name[256];

    *st = (struct disk_state){ .arena = ARENA_INIT(64 << 20), .drain_grace_ns = -1 };
    if (get(n, "resources", &st->arena, &bytes)) {
        if (record_read_resource_state(bytes, &st->arena, &st->resources, &st->operations,
                                       &st->operation_count, &err) != 0)
            bad(n, "resources", &err);
        st->has_resources = true;
    }
    st->rebooted = get(n, "boot_id", &st->arena, &bytes) && !str_is(bytes, path_of("boot %u", n->boot).p);
    if (!get(n, "latest", &st->arena, &latest) ||
        !get(n, path_of("slaves/%.*s/slave.info", STR_ARG(latest)).p, &st->arena, &bytes))
        return;
    if (record_read_agent_info(bytes, &st->info, &err) != 0) {
        bad(n, "slave.info", &err);
        return;
    }
    if (get(n, path_of("slaves/%.*s/drain.config", STR_ARG(latest)).p, &st->arena, &bytes)) {
        uint64_t gone = 0, grace = 0;
        (void)str_u64(&bytes, 1, &gone);
        (void)str_skip(&bytes, STR(" "));
        (void)str_u64(&bytes, INT64_MAX, &grace);
        (void)str_skip(&bytes, STR(" "));
        st->drain_config = bytes.n != 0 ? bytes : STR("\x10\x00"); /* as agent/checkpoint_read.c */
        st->drain_mark_gone = gone != 0;
        st->drain_grace_ns = (int64_t)grace - 1;
    }
    struct dpath dir = path_of("slaves/%.*s/frameworks/", STR_ARG(latest));
    st->frameworks = arena_array(&st->arena, count_names(&n->disk, dir.p), sizeof *st->frameworks);
    for (size_t at = kv_first(&n->disk, dir.p); next_name(&n->disk, dir.p, &at, name, sizeof name);)
        read_framework(n, st, path_of("%s%s", dir.p, name).p);
}

void disk_state_done(struct disk_state *st)
{
    for (size_t i = 0; i < st->framework_count; i++) {
        struct agent_recovered_framework *f = &st->frameworks[i];
        for (size_t j = 0; j < f->executor_count; j++) {
            for (size_t k = 0; k < f->executors[j].task_count; k++)
                record_task_done(
                    (struct agent_recovered_task *)(uintptr_t)&f->executors[j].tasks[k]); /* ours */
            executor_info_unref(f->executors[j].info);
        }
        framework_info_unref(f->info);
    }
    agent_info_unref(st->info);
    resources_done(&st->resources);
    arena_done(&st->arena);
}
