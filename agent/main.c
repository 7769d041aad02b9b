/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa agent`: flags, sockets, what an earlier run left, and then the loop. The order matters: the port is bound before
 * executors of the earlier run try to come back, the checkpoints are read before containers are looked for, and the
 * master is told of nothing before all of that is done. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/gc.h"
#include "agent/image_gc.h"
#include "agent/isolation/containerizer.h"
#include "agent/oversubscription.h"
#include "agent/paths.h"
#include "agent/shell.h"
#include "agent/wire/decode.h"
#include "agent/wire/reconfigure.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/io/random.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

int agent_main(int argc, char **argv);

enum { LOCK_TRIES = 30 }; /* of 100 ms */

extern char **environ;

/* --- messages and containers --- */

static bool on_message(void *ctx, const struct msg_in *m)
{
    struct shell *s = ctx;
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    char from[MSG_PID_TEXT_SIZE] = "";
    struct agent_event ev;
    struct error err = { 0 };

    if (!str_is(m->to, "slave(1)"))
        return login_take(s, m);
    if (msg_pid_is_set(&m->from))
        msg_pid_text(&m->from, from);
    if (s->exiting || exec_driver_take(s, m))
        return true;
    if (agent_decode_message(&ev, &s->env, str_of(from), m->name, m->body, &arena, &err) != 0) {
        log_warn("message_dropped", "from=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(from)), LOG_QARG(str_of(err.msg)));
        return true;
    }
    if (ev.type == AGENT_EV_RUN)
        ev.u.run.denied = access_run_denied(s, &ev, &arena);
    shell_step(s, &ev);
    agent_event_done(&ev);
    return true;
}

/* A refused connection fails at once: without a pause the agent would do nothing else while the master is away. */
enum { RELINK_PAUSE_MS = 250 };

static void relink(void *arg)
{
    struct shell *s = arg;

    if (!s->exiting && msg_pid_is_set(&s->master))
        (void)msg_link(s->msg, &s->master); /* fails again as on_peer_exited */
}

static void on_peer_exited(void *ctx, const struct msg_pid *pid)
{
    struct shell *s = ctx;
    char text[MSG_PID_TEXT_SIZE];
    struct agent_event ev = { .type = AGENT_EV_MASTER_LINK_BROKEN };

    if (s->exiting)
        return;
    msg_pid_text(pid, text);
    ev.from = str_of(text);
    shell_step(s, &ev);
    if (msg_pid_eq(pid, &s->master))
        loop_timer_in(&s->relink, RELINK_PAUSE_MS * NS_PER_MS);
}

static bool is_executor_container(const char *id)
{
    return strchr(id, '.') == NULL;
}

static void on_launched(void *ctx, const char *id, pid_t pid, const struct error *err)
{
    struct shell *s = ctx;
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_LAUNCHED };

    if (!is_executor_container(id) || agent_executor_by_container(s->core, str_of(id)) == NULL) {
        api_container_launched(s, id, err);
        return;
    }
    if (err != NULL)
        log_warn("container_failed", "container=%s error=" LOG_Q, id, LOG_QARG(str_of(err->msg)));
    else
        log_info("container_running", "container=%s pid=%d", id, (int)pid);
    ev.u.launched.container = container_id(str_of(id));
    ev.u.launched.failed = err != NULL;
    ev.u.launched.message = str_of(err != NULL ? err->msg : "");
    shell_step(s, &ev);
}

static void on_exited(void *ctx, const char *id, const struct container_termination *t)
{
    struct shell *s = ctx;
    CLEANUP(resources_done_p) struct resources limitation = RESOURCES_INIT;
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };

    if (!is_executor_container(id) || agent_executor_by_container(s->core, str_of(id)) == NULL) {
        api_container_exited(s, id, t);
        return;
    }
    log_info("container_exited", "container=%s status=%d", id, t->status_known ? t->status : -1);
    ev.u.exited.container = container_id(str_of(id));
    ev.u.exited.status_known = t->status_known;
    ev.u.exited.status = t->status;
    ev.u.exited.reason = REASON_NONE;
    ev.u.exited.message = str_of(t->limitation.message);
    switch (t->limitation.kind) {
    case CONTAINER_LIMIT_NONE: break;
    case CONTAINER_LIMIT_MEMORY: ev.u.exited.reason = REASON_CONTAINER_LIMITATION_MEMORY; break;
    case CONTAINER_LIMIT_DISK: ev.u.exited.reason = REASON_CONTAINER_LIMITATION_DISK; break;
    case CONTAINER_LIMIT_OTHER: ev.u.exited.reason = REASON_CONTAINER_LIMITATION; break;
    }
    if (t->limitation.kind == CONTAINER_LIMIT_MEMORY && t->limitation.mem_bytes > 0) {
        struct resource r = resource_scalar(NAME_MEM, t->limitation.mem_bytes / 1048576 * MILLI_PER_UNIT);
        resources_add_take(&limitation, &r);
    } else if (t->limitation.kind == CONTAINER_LIMIT_DISK && t->limitation.disk_bytes > 0) {
        struct resource r = resource_scalar(NAME_DISK, t->limitation.disk_bytes / 1048576 * MILLI_PER_UNIT);
        resources_add_take(&limitation, &r);
    }
    if (limitation.n != 0)
        ev.u.exited.limitation = &limitation;
    shell_step(s, &ev);
    api_container_exited(s, id, t);
}

static void on_container_warning(void *ctx, const char *id, const struct error *err)
{
    (void)ctx;
    log_warn("container_warning", "container=%s text=" LOG_Q, id, LOG_QARG(str_of(err->msg)));
}

static void on_wake(void *arg)
{
    struct agent_event ev = { .type = AGENT_EV_TICK };

    shell_step(arg, &ev);
}

static void on_signal(void *arg, int signo)
{
    struct shell *s = arg;
    struct agent_event ev = { .type = AGENT_EV_UNREGISTER };

    log_info("signal", "number=%d", signo);
    if (signo == SIGUSR1 && !s->exiting) {
        shell_step(s, &ev);
    } else if (signo != SIGUSR1) { /* executors stay; the next run finds them */
        s->exiting = true;
        loop_stop(s->loop);
    }
}

/* --- start --- */

/* Beside the programs as it is built, or where it is installed: PREFIX/lib, with the programs in PREFIX/libexec/stoa. */
static void find_libmesos(struct shell *s)
{
    static const char *const places[] = { "libmesos.so", "../../lib/libmesos.so" };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(s->libmesos, sizeof s->libmesos, "%s/%s", s->launcher_dir, places[i]);
        if (access(s->libmesos, R_OK) == 0)
            return;
    }
    s->libmesos[0] = '\0';
}

static int find_names(struct shell *s, struct error *err)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (s->flags.launcher_dir == NULL && n > 0) {
        exe[n] = 0;
        char *slash = strrchr(exe, '/');
        if (slash != NULL)
            *slash = 0;
    }
    const char *dir = s->flags.launcher_dir != NULL ? s->flags.launcher_dir : n > 0 ? exe : "/usr/libexec/mesos";
    (void)snprintf(s->launcher_dir, sizeof s->launcher_dir, "%s", dir);
    flags_show(&s->parsed, "launcher_dir", s->launcher_dir);
    find_libmesos(s);
    (void)snprintf(s->work_dir, sizeof s->work_dir, "%s", s->flags.work_dir);
    for (size_t len = strlen(s->work_dir); len > 1 && s->work_dir[len - 1] == '/'; len--)
        s->work_dir[len - 1] = 0;
    if (s->flags.runtime_dir != NULL)
        (void)snprintf(s->runtime_dir, sizeof s->runtime_dir, "%s", s->flags.runtime_dir);
    else if ((size_t)snprintf(s->runtime_dir, sizeof s->runtime_dir, "%s/run", s->work_dir) >= sizeof s->runtime_dir)
        return error_set(err, ERR_INVALID, "--work_dir: the path is too long");
    return fs_mkdirs(s->work_dir, 0755, err);
}

/* Two agents on one work directory would take each other's containers for their own. */
static int lock_work_dir(struct shell *s, struct error *err)
{
    struct path path = path_fmt("%s/meta/lock", s->work_dir);
    int fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set_errno(err, errno, "open %s", path.p);
    for (int i = 0; i < LOCK_TRIES; i++) { /* the one that was killed a moment ago may not be gone yet */
        struct timespec pause = { 0, 100 * NS_PER_MS };
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0; /* held until the process ends */
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return error_set(err, ERR_CONFLICT, "--work_dir=%s is in use by another agent; give this one a folder of its own",
                     s->work_dir);
}

static void on_exhausted(void *ctx, const char *why, unsigned connections)
{
    (void)ctx;
    log_warn("connections_wait", "because=" LOG_Q " connections=%u then=\"taken when others end; more with ulimit -n\"", LOG_QARG(str_of(why)),
             connections);
}

static int listen_and_name(struct shell *s, struct error *err)
{
    static const struct http_handler http = { routes_head, routes_request, on_exhausted };
    static const struct msg_handler messages = { on_message, on_peer_exited };
    struct http_server_options options = { .body_bytes_max = 64 << 20 };
    struct net_addr addr, bound, shown;

    struct msg_options to_master = { 0 };

    int rc = tls_config_complete(&s->flags.tls, true, err);
    if (rc == 0)
        rc = tls_server_context(&s->flags.tls, &s->tls_in, err);
    if (rc == 0)
        rc = tls_client_context(&s->flags.tls, &s->tls_out, err);
    if (rc != 0)
        return rc;
    options.tls = s->tls_in;
    to_master.tls = s->tls_out;
    options.tls_downgrade = s->flags.tls.support_downgrade;
    options.tls_plain_local = true; /* executors */
    options.tls_plain_peer = networks_of_container;
    rc = http_server_new(&s->server, s->loop, &options, &http, s, err);
    if (rc == 0)
        rc = msg_new(&s->msg, s->loop, &to_master, &messages, s, err);
    if (rc != 0)
        return rc;
    char ip[NET_HOST_SIZE];
    rc = net_discover_ip(s->flags.ip, s->flags.ip_discovery_command, ip, err);
    if (rc != 0)
        return rc;
    if (!net_parse_ip(str_of(ip), (uint16_t)s->flags.port, &addr))
        return error_set(err, ERR_INVALID, "--ip=%s is no address", ip);
    rc = http_server_listen(s->server, &addr, &bound, err);
    if (rc != 0)
        return error_wrap(err, "--port=%d", (int)s->flags.port);
    rc = domain_socket_listen(s, err);
    if (rc != 0)
        return rc;
    shown = bound;
    if (net_is_any(&shown)) {
        net_own_ip(&shown);
        shown.port = bound.port;
    }
    if (s->flags.advertise_ip != NULL && !net_parse_ip(str_of(s->flags.advertise_ip), shown.port, &shown))
        return error_set(err, ERR_INVALID, "--advertise_ip=%s is no address", s->flags.advertise_ip);
    if (s->flags.advertise_port != 0)
        shown.port = (uint16_t)s->flags.advertise_port;
    net_ip_text(&shown, s->ip_text);
    net_text(&shown, s->endpoint);
    (void)msg_pid_make(STR("slave(1)"), &shown, &s->self);
    msg_pid_text(&s->self, s->pid_text);
    s->env.port = shown.port;
    if (s->flags.hostname != NULL)
        (void)snprintf(s->hostname, sizeof s->hostname, "%s", s->flags.hostname);
    else if (!s->flags.hostname_lookup || net_hostname(s->hostname, sizeof s->hostname, NULL) != 0)
        (void)snprintf(s->hostname, sizeof s->hostname, "%s", s->ip_text);
    return 0;
}

static int read_json_flag(const char *flag, const char *value, struct sbuf *b, struct error *err)
{
    if (value[0] != '/') {
        sbuf_c(b, value);
        return 0;
    }
    int rc = fs_read(value, b, err);
    return rc != 0 ? error_wrap(err, "--%s", flag) : 0;
}

static int read_domain(struct shell *s, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);

    if (s->flags.domain == NULL)
        return 0;
    int rc = read_json_flag("domain", s->flags.domain, &text, err);
    if (rc == 0)
        rc = json_to_wire(&mesos__v1__domain_info__descriptor, sbuf_view(&text), &bytes, err);
    if (rc != 0)
        return error_wrap(err, "--domain");
    struct str fault = wire_field_bytes(sbuf_view(&bytes), 1);
    s->region = str_dup(wire_path(fault, 1, 1, 0));
    s->zone = str_dup(wire_path(fault, 2, 1, 0));
    s->env.region = s->region;
    s->env.zone = s->zone;
    return 0;
}

static int read_executor_env(struct shell *s, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    struct wire_field f;
    size_t n = 0, cap = 0;

    if (s->flags.default_container_info != NULL) {
        int rc = read_json_flag("default_container_info", s->flags.default_container_info, &text, err);
        if (rc == 0)
            rc = json_to_wire(&mesos__v1__container_info__descriptor, sbuf_view(&text), &bytes, err);
        if (rc != 0)
            return error_wrap(err, "--default_container_info");
        s->container_info = (struct str){ str_dup(sbuf_view(&bytes)), bytes.n };
        sbuf_clear(&text);
        sbuf_clear(&bytes);
    }
    if (s->flags.executor_environment_variables == NULL)
        return 0;
    /* An object of strings is a map<string, string>: Parameters by another name. Labels has the form we need. */
    int rc = read_json_flag("executor_environment_variables", s->flags.executor_environment_variables, &text, err);
    struct sbuf wrapped = SBUF_INIT(2 << 20);
    sbuf_fmt(&wrapped, "{\"static_provisioning\":{\"volume_id\":\"\",\"volume_capability\":{\"access_mode\":{\"mode\":"
                       "\"SINGLE_NODE_WRITER\"}},\"volume_context\":%.*s},\"plugin_name\":\"\"}",
             STR_ARG(sbuf_view(&text)));
    if (rc == 0)
        rc = json_to_wire(&mesos__v1__volume__source__csivolume__descriptor, sbuf_view(&wrapped), &bytes, err);
    sbuf_done(&wrapped);
    if (rc != 0)
        return error_wrap(err, "--executor_environment_variables");
    struct str rest = wire_field_bytes(sbuf_view(&bytes), 2);
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 5)
            continue;
        ARRAY_ROOM(s->executor_env, n + 2, cap);
        s->executor_env[n++] = str_dup(wire_field_bytes(f.bytes, 1));
        s->executor_env[n++] = str_dup(wire_field_bytes(f.bytes, 2));
        s->executor_env[n] = NULL;
    }
    return 0;
}

/* Every top-level container has a sandbox, which stays for --gc_delay: that it is below our work directory makes it ours. */
static bool container_was_ours(void *ctx, const char *id)
{
    const struct shell *s = ctx;
    glob_t found;

    if (strpbrk(id, "*?[\\") != NULL) /* no id that we make */
        return false;
    int rc = glob(path_fmt("%s/slaves/*/frameworks/*/executors/*/runs/%s", s->work_dir, id).p, GLOB_NOSORT, NULL, &found);
    globfree(&found);
    if (rc == 0)
        log_warn("container_orphaned", "container=%s then=\"ending it\"", id);
    return rc == 0;
}

static void on_pulled(void *ctx, int64_t ns)
{
    struct shell *s = ctx;

    if (s->pull_timer != NULL)
        metric_observe(s->pull_timer, ns);
}

/* Containers with images, and what --containerizers=docker asks for without saying it. */
static int set_images(struct shell *s, struct containerizer_options *o, struct sbuf *isolation, struct sbuf *config, struct error *err)
{
    const struct agent_flags *f = &s->flags;

    if (!agent_flags_have_images(f))
        return 0;
    sbuf_fmt(isolation, "%s,filesystem/linux,docker/runtime", f->isolation);
    o->isolation = isolation->p;
    o->docker_store_dir = f->docker_store_dir;
    o->docker_registry = f->docker_registry;
    o->image_provisioner_backend = f->image_provisioner_backend;
    o->docker_pull_timeout_ns = f->docker_pull_timeout;
    o->docker_ignore_runtime = f->docker_ignore_runtime;
    if (f->docker_config == NULL)
        return 0;
    int rc = flag_json_text("docker_config", f->docker_config, config, err);
    o->docker_config = config->p;
    return rc;
}

static int start_containers(struct shell *s, struct error *err)
{
    struct containerizer_callbacks cb = { .ctx = s, .launched = on_launched, .exited = on_exited, .warn = on_container_warning,
                                           .owns_port = networks_own_port, .pulled = on_pulled };
    struct agent_flags *f = &s->flags;
    struct path provisioner = path_fmt("%s/provisioner", s->work_dir);
    struct containerizer_options o = {
        .runtime_dir = s->runtime_dir,
        .launcher_dir = s->launcher_dir,
        .isolation = f->isolation,
        .launcher = f->launcher,
        .cgroups_hierarchy = f->cgroups_hierarchy,
        .cgroups_root = f->cgroups_root,
        .owned = container_was_ours,
        .cgroups_enable_cfs = f->cgroups_enable_cfs,
        .cgroups_limit_swap = f->cgroups_limit_swap,
        .no_revocable_cpu_low_priority = !f->revocable_cpu_low_priority,
        .no_switch_user = !f->switch_user,
        .enforce_container_disk_quota = f->enforce_container_disk_quota,
        .cgroups_cpu_enable_pids_and_tids_count = f->cgroups_cpu_enable_pids_and_tids_count,
        .disallow_sharing_agent_pid_namespace = f->disallow_sharing_agent_pid_namespace,
        .disallow_sharing_agent_ipc_namespace = f->disallow_sharing_agent_ipc_namespace,
        .default_container_shm_bytes = (int64_t)f->default_container_shm_size,
        .container_disk_watch_interval_ns = f->container_disk_watch_interval,
        .cgroups_destroy_timeout_ns = f->cgroups_destroy_timeout,
        .fetcher_stall_timeout_ns = f->fetcher_stall_timeout,
        .fetcher_cache_dir = f->fetcher_cache_dir,
        .fetcher_cache_bytes = (int64_t)f->fetcher_cache_size,
        .host_path_folders = f->host_path_volume_force_creation,
        .frameworks_home = f->frameworks_home != NULL && f->frameworks_home[0] != 0 ? f->frameworks_home : NULL,
        .sandbox_directory = f->sandbox_directory,
        .pids_default_max = f->pids_max,
        .enforce_container_ports = f->enforce_container_ports,
        .container_ports_watch_interval_ns = f->container_ports_watch_interval,
        .provisioner_dir = provisioner.p,
        .seccomp_config_dir = f->seccomp_config_dir,
        .seccomp_profile_name = f->seccomp_profile_name,
    };

    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf isolation = SBUF_INIT(8192);
    CLEANUP(sbuf_done_p) struct sbuf config = SBUF_INIT(1 << 20);
    if (set_images(s, &o, &isolation, &config, err) != 0)
        return -(int)err->code;
    int rc = image_gc_new(&s->image_gc, s, err);
    if (rc == 0)
        rc = spec_capabilities("effective_capabilities", f->effective_capabilities, &arena, &o.effective_caps, err);
    if (rc == 0)
        rc = spec_capabilities("bounding_capabilities", f->bounding_capabilities, &arena, &o.bounding_caps, err);
    if (rc == 0)
        rc = networks_options(s, &arena, &o, err);
    if (rc == 0)
        rc = logger_init(&s->logger, f, err);
    if (rc == 0)
        rc = oversubscription_new(&s->oversubscription, s, err);
    if (rc == 0)
        rc = containerizer_new(&s->containers, s->loop, &o, &cb, err);
    for (size_t i = 0; rc == 0 && i < containerizer_capability_count(s->containers); i++)
        log_info("capability", "text=" LOG_Q, LOG_QARG(str_of(containerizer_capability(s->containers, i))));
    return rc;
}

/* --- recovery --- */

static void resources_of(const struct agent_recovered_executor *e, struct container_resources *ret)
{
    CLEANUP(resources_done_p) struct resources total = resources_copy(&e->info->resources);
    struct { struct name *name; int64_t limit; bool any; } l[2] = { { NAME_CPUS, 0, false }, { NAME_MEM, 0, false } };

    for (size_t i = 0; i < 2; i++)
        l[i].limit = resources_milli(&total, l[i].name);
    for (size_t t = 0; t < e->task_count; t++) {
        const struct agent_recovered_task *task = &e->tasks[t];
        if (task->update_count != 0 && task_state_is_terminal(task->updates[task->update_count - 1]->state))
            continue;
        resources_add_all(&total, &task->info->resources);
        for (size_t i = 0; i < 2; i++) {
            bool has = quantities_has(&task->info->limits, l[i].name);
            int64_t v = has ? quantities_get(&task->info->limits, l[i].name)
                            : resources_milli(&task->info->resources, l[i].name);
            l[i].any = l[i].any || has;
            l[i].limit = v == LIMIT_INFINITE ? LIMIT_INFINITE : milli_add_sat(l[i].limit, v);
        }
    }
    spec_resources(&total, l[0].any ? l[0].limit : AGENT_LIMIT_NONE, l[1].any ? l[1].limit : AGENT_LIMIT_NONE, ret);
}

static int recover_containers(struct shell *s, const struct checkpoint_state *st, struct error *err)
{
    size_t n = 0, orphans = 0;
    struct container_known *known;
    struct path *sandboxes;
    char (*ids)[UUID_TEXT_SIZE];

    for (size_t i = 0; i < st->framework_count; i++)
        n += st->frameworks[i].executor_count;
    known = xcalloc(n + 1, sizeof *known);
    sandboxes = xcalloc(n + 1, sizeof *sandboxes);
    ids = xcalloc(n + 1, sizeof *ids);
    n = 0;
    for (size_t i = 0; i < st->framework_count; i++)
        for (size_t j = 0; j < st->frameworks[i].executor_count; j++) {
            const struct agent_recovered_executor *e = &st->frameworks[i].executors[j];
            if (e->completed)
                continue;
            (void)snprintf(ids[n], sizeof ids[n], "%.*s", STR_ARG(e->container_id));
            sandboxes[n] = path_fmt("%s/slaves/%.*s/frameworks/%.*s/executors/%.*s/runs/%s", s->work_dir,
                                    STR_ARG(st->info->id.s), STR_ARG(st->frameworks[i].info->id.s),
                                    STR_ARG(e->info->id.s), ids[n]);
            known[n] = (struct container_known){ .id = ids[n], .sandbox = sandboxes[n].p, .pid = e->forked_pid,
                                                 .command_task = e->generated };
            resources_of(e, &known[n].resources);
            n++;
        }
    int rc = containerizer_recover(s->containers, known, n, &orphans, err);
    if (rc == 0)
        log_info("containers_recovered", "known=%zu orphans=%zu", n, orphans);
    free(known);
    free(sandboxes);
    free(ids);
    return rc;
}

static void attach_recovered(struct shell *s)
{
    for (struct agent_framework *f = s->core->frameworks; f != NULL; f = f->hh.next) {
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            files_attach_sandbox(s->files, e, path_run(s->work_dir, s->core->id, e).p);
        for (struct agent_executor *e = f->completed; e != NULL; e = e->next)
            files_attach_sandbox(s->files, e, path_run(s->work_dir, s->core->id, e).p);
    }
    for (struct agent_framework *f = s->core->completed; f != NULL; f = f->next)
        for (struct agent_executor *e = f->completed; e != NULL; e = e->next)
            files_attach_sandbox(s->files, e, path_run(s->work_dir, s->core->id, e).p);
}

/* Memory and disk that were found out may differ a little from run to run (a balloon, a file system that grew): that does
 * not make another agent. What was told to the master stays, until somebody says otherwise by --resources. */
static void keep_detected(struct shell *s, const struct agent_info *before, struct name *name)
{
    CLEANUP(resources_done_p) struct resources old = resources_named(&before->resources, name);
    CLEANUP(resources_done_p) struct resources now = resources_named(&s->env.resources, name);

    if (old.n != 1 || now.n != 1 || resource_is_reserved(&old.v[0]) || old.v[0].type != VALUE_SCALAR ||
        old.v[0].milli == now.v[0].milli)
        return;
    log_warn("resource_kept", "name=%s before=%lld now=%lld: going on with the former", name->text,
             (long long)(old.v[0].milli / MILLI_PER_UNIT), (long long)(now.v[0].milli / MILLI_PER_UNIT));
    resources_sub_all(&s->env.resources, &now);
    resources_add_all(&s->env.resources, &old);
}

/* Is this the agent it was? 0 and *ret_keep. */
static int check_identity(struct shell *s, const struct checkpoint_state *st, bool *ret_keep, struct error *err)
{
    struct agent_info *now = NULL;

    *ret_keep = false;
    if (st->info == NULL)
        return 0;
    if (!st->rebooted && s->detected_mem)
        keep_detected(s, st->info, NAME_MEM);
    if (!st->rebooted && s->detected_disk)
        keep_detected(s, st->info, NAME_DISK);
    int rc = agent_env_info(&s->env, st->info->id.s, &now, err);
    if (rc != 0)
        return rc;
    rc = agent_info_compatible(st->info, now, strcmp(s->flags.reconfiguration_policy, "additive") == 0, err);
    agent_info_unref(now);
    *ret_keep = rc == 0;
    if (rc == 0)
        return 0;
    if (st->rebooted) {
        log_warn("new_identity", "reason=" LOG_Q " the machine was restarted: registering as a new agent",
                 LOG_QARG(str_of(err->msg)));
        checkpoint_forget_agent(&s->checkpoint);
        return 0;
    }
    char why[100]; /* the way out must have room behind it */
    (void)snprintf(why, sizeof why, "%.99s", err->msg);
    return error_set(err, err->code, "this agent cannot go on as it was (%s): restore the old flags, or remove %s/meta/slaves/latest to "
                     "start as a new agent (its tasks are lost)", why, s->work_dir);
}

static void end_rebooted(struct shell *s, const struct checkpoint_state *st)
{
    for (size_t i = 0; i < st->framework_count; i++)
        for (size_t j = 0; j < st->frameworks[i].executor_count; j++) {
            struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };
            if (st->frameworks[i].executors[j].completed)
                continue;
            ev.u.exited.container = container_id(st->frameworks[i].executors[j].container_id);
            ev.u.exited.reason = REASON_NONE;
            ev.u.exited.message = STR("Executor terminated: the machine was restarted");
            shell_step(s, &ev);
        }
}

static int recover(struct shell *s, struct error *err)
{
    struct checkpoint_state st;
    bool keep = false;

    int rc = checkpoint_read(&s->checkpoint, s->flags.strict, &st, err);
    if (rc != 0)
        return error_wrap(err, "recovery");
    rc = check_identity(s, &st, &keep, err);
    size_t frameworks = keep ? st.framework_count : 0;
    if (rc == 0 && st.rebooted)
        (void)fs_remove_tree(path_fmt("%s/containers", s->runtime_dir).p, NULL); /* pids of another boot */
    if (rc == 0 && keep && !st.rebooted) {
        rc = recover_containers(s, &st, err);
    } else if (rc == 0) {
        rc = containerizer_recover(s->containers, NULL, 0, NULL, err);
    }
    if (rc == 0) {
        struct agent_event ev = { .type = AGENT_EV_RECOVERED };
        if (keep)
            ev.u.recovered.agent = st.info->id;
        ev.u.recovered.frameworks = st.frameworks;
        ev.u.recovered.framework_count = frameworks;
        ev.u.recovered.total = &s->env.resources;
        ev.u.recovered.checkpointed = st.has_resources ? &st.resources : NULL;
        ev.u.recovered.operations = st.operations;
        ev.u.recovered.operation_count = keep ? st.operation_count : 0;
        ev.u.recovered.errors = st.errors;
        ev.u.recovered.cleanup = strcmp(s->flags.recover, "cleanup") == 0;
        ev.u.recovered.drain_config = st.drain_config;
        ev.u.recovered.drain_grace_ns = st.drain_grace_ns;
        ev.u.recovered.drain_mark_gone = st.drain_mark_gone;
        log_info("recovery", "agent=%.*s frameworks=%zu rebooted=%d", STR_ARG(ev.u.recovered.agent.s), frameworks,
                 st.rebooted);
        shell_step(s, &ev);
        attach_recovered(s);
        if (keep && st.rebooted)
            end_rebooted(s, &st);
    }
    checkpoint_state_done(&st);
    return rc;
}

static void new_core(struct shell *s)
{
    struct agent_flags *f = &s->flags;
    struct rng rng;
    struct agent_config config = {
        .registration_backoff_ns = f->registration_backoff_factor,
        .executor_registration_timeout_ns = f->executor_registration_timeout,
        .pull_timeout_ns = agent_flags_have_images(f) ? f->docker_pull_timeout : 0,
        .executor_reregistration_timeout_ns = f->executor_reregistration_timeout,
        .executor_shutdown_grace_ns = f->executor_shutdown_grace_period,
        .max_completed_executors = (size_t)f->max_completed_executors_per_framework,
        .enforces_cpu = containerizer_enforces_cpu(s->containers),
        .enforces_mem = containerizer_enforces_mem(s->containers),
        .strict = f->strict,
    };

    random_rng(&rng);
    s->core = agent_core_new(&config, &agent_wire_codec, rng);
}

static void fill_env(struct shell *s)
{
    s->env.hostname = s->hostname;
    s->env.pid = s->pid_text;
    s->env.ip = s->ip_text;
    s->env.launcher_dir = s->launcher_dir;
}

static void new_gc(struct shell *s)
{
    struct gc_options o = { s->work_dir, s->files, s->flags.gc_delay, s->flags.disk_watch_interval,
                            s->flags.gc_disk_headroom };

    s->gc = gc_new(s->loop, &o);
}

static int start(struct shell *s, struct error *err)
{
    int rc = find_names(s, err);

    if (rc == 0)
        rc = loop_new(&s->loop, NULL, err);
    if (rc == 0)
        rc = checkpoint_init(&s->checkpoint, s->work_dir, err);
    if (rc == 0)
        rc = lock_work_dir(s, err);
    if (rc == 0)
        rc = listen_and_name(s, err);
    if (rc == 0)
        rc = access_load(s, err);
    if (rc == 0)
        rc = read_domain(s, err);
    if (rc == 0)
        rc = read_executor_env(s, err);
    if (rc == 0)
        rc = detect_resources(s, err);
    if (rc == 0)
        rc = detect_capabilities(s->flags.agent_features, &s->env.capabilities, err);
    if (rc != 0)
        return rc;
    fill_env(s);
    s->started = loop_wall(s->loop);
    s->started_mono = loop_now(s->loop);
    s->files = files_new();
    files_set_guard(s->files, access_guards_file, s);
    if (s->flags.external_log_file != NULL)
        files_attach(s->files, "/slave/log", s->flags.external_log_file);
    else if (s->flags.log_dir != NULL)
        files_attach(s->files, "/slave/log", path_fmt("%s/stoa-agent.log", s->flags.log_dir).p);
    new_gc(s);
    loop_timer_init(&s->wake, s->loop, on_wake, s);
    loop_timer_init(&s->relink, s->loop, relink, s);
    rc = start_containers(s, err);
    if (rc != 0)
        return rc;
    new_core(s);
    rc = gauges_init(s, err);
    if (rc == 0)
        rc = recover(s, err);
    if (rc != 0 || s->exiting)
        return rc;
    oversubscription_start(s->oversubscription);
    return master_follow(s, err);
}

static void stop(struct shell *s)
{
    master_unfollow(s);
    api_free(s);
    exec_streams_free(s);
    http_server_free(s->server);
    tls_context_free(s->tls_in);
    tls_context_free(s->tls_out);
    msg_free(s->msg); /* flushes what was said last */
    containerizer_free(s->containers);
    gc_free(s->gc);
    image_gc_free(s->image_gc);
    oversubscription_free(s->oversubscription);
    loop_timer_done(&s->wake);
    loop_timer_done(&s->relink);
    loop_timer_done(&s->log_revert);
    loop_free(s->loop);
    agent_core_free(s->core);
    files_free(s->files);
    access_done(s);
    metrics_free(s->metrics);
    resources_done(&s->env.resources);
    ranges_unref(s->isolated_ports);
    attributes_done(&s->env.attributes);
    free((void *)(uintptr_t)s->container_info.p);
    for (char **p = s->executor_env; p != NULL && *p != NULL; p++)
        free(*p);
    free(s->executor_env);
    free(s->region);
    free(s->zone);
    flags_done(&s->parsed, &s->flags);
}

static int64_t clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_log(const struct agent_flags *f)
{
    log_set_clock(clock_ms);
    if (strcmp(f->logging_level, "WARNING") == 0)
        log_set_level(LOG_WARN);
    else if (strcmp(f->logging_level, "ERROR") == 0)
        log_set_level(LOG_ERROR);
    if (f->log_dir == NULL)
        return;
    (void)fs_mkdirs(f->log_dir, 0755, NULL); /* the file tells what is wrong */
    int fd = open(path_fmt("%s/stoa-agent.log", f->log_dir).p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0)
        log_set_fd(fd);
    else
        log_warn("log_dir", "path=" LOG_Q " errno=%d: logging to standard error", LOG_QARG(str_of(f->log_dir)), errno);
}

/* -1: go on; else leave with this status. */
static int read_flags(struct shell *s, int argc, char **argv)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    struct error err = { 0 };

    if (flags_parse(&s->parsed, &agent_flags_spec, &s->flags, argc, argv, environ, &err) != 0) {
        (void)fprintf(stderr, "stoa agent: %s\n", err.msg);
        return 1;
    }
    if (s->parsed.help) {
        flags_help(&agent_flags_spec, &text);
        (void)fwrite(text.p, 1, text.n, stdout);
    } else if (s->flags.version) {
        printf("stoa agent " AGENT_VERSION "\n");
    } else if (agent_flags_check(&s->parsed, &s->flags, &text, &err) != 0) {
        (void)fprintf(stderr, "stoa agent: %s\n", err.msg);
        flags_done(&s->parsed, &s->flags);
        return 1;
    } else {
        set_log(&s->flags);
        if (text.n != 0)
            log_warn("flags_ignored", "flags=" LOG_Q " have no effect in this version", LOG_QARG(sbuf_view(&text)));
        return -1;
    }
    flags_done(&s->parsed, &s->flags);
    return 0;
}

int agent_main(int argc, char **argv)
{
    static struct shell shell; /* one per process; big paths */
    struct shell *s = &shell;
    struct loop_watch *watches[3] = { NULL, NULL, NULL };
    static const int signals[3] = { SIGUSR1, SIGTERM, SIGINT };
    struct error err = { 0 };

    *s = (struct shell){ 0 };
    int rc = read_flags(s, argc, argv);
    if (rc >= 0)
        return rc;
    rc = start(s, &err);
    if (rc != 0) {
        log_error("start_failed", "error=" LOG_Q, LOG_QARG(str_of(err.msg)));
        (void)fprintf(stderr, "stoa agent: %s\n", err.msg);
        return 1; /* the kernel takes the rest back */
    }
    log_info("started", "pid=%s hostname=" LOG_Q " work_dir=" LOG_Q, s->pid_text, LOG_QARG(str_of(s->hostname)),
             LOG_QARG(str_of(s->work_dir)));
    for (size_t i = 0; i < 3; i++)
        watches[i] = loop_signal(s->loop, signals[i], on_signal, s);
    if (!s->exiting && loop_run(s->loop, &err) != 0)
        log_error("loop", "error=" LOG_Q, LOG_QARG(str_of(err.msg)));
    for (size_t i = 0; i < 3; i++)
        loop_watch_free(watches[i]);
    stop(s);
    return s->exit_status;
}
