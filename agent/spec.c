/* SPDX-License-Identifier: Apache-2.0 */
/* From ExecutorInfo, CommandInfo and ContainerInfo to what the containerizer takes. What it cannot do is refused here,
 * by name, so that a task fails with a reason instead of running with less than it asked for.
 * Source: reference, §5 (environment), §10, §18.2. */
#include "agent/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/domain_socket.h"
#include "agent/paths.h"
#include "agent/shell.h"
#include "agent/wire/command.h"
#include "common/base/cleanup.h"
#include "common/io/beneath.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1.pb-c.h"

static const char *duration_text(struct arena *arena, int64_t ns)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    duration_print(&b, ns);
    return spec_text(arena, sbuf_view(&b));
}

static int env_init(struct spec_env *l, struct arena *arena, size_t cap, struct error *err)
{
    *l = (struct spec_env){ .v = arena_array(arena, cap, sizeof *l->v), .cap = cap, .arena = arena };
    return l->v != NULL ? 0 : error_set(err, ERR_NOMEM, "out of memory for an environment");
}

static int env_of_command(struct spec_env *l, const Mesos__V1__CommandInfo *c, struct error *err)
{
    if (c->environment == NULL)
        return 0;
    for (size_t i = 0; i < c->environment->n_variables; i++) {
        const Mesos__V1__Environment__Variable *v = c->environment->variables[i];
        if (v->has_type && v->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET) {
            struct str secret;
            int rc = spec_secret(v->secret, "environment variable", v->name, &secret, err);
            if (rc != 0)
                return rc;
            spec_env_put(l, v->name, spec_text(l->arena, secret));
            continue;
        }
        spec_env_put(l, v->name, v->value != NULL ? v->value : "");
    }
    return 0;
}

static void env_of_executor(struct shell *s, const struct agent_executor *e, struct spec_env *l, const char *sandbox, bool has_image)
{
    const char *ip = getenv("LIBPROCESS_IP");
    int64_t grace = e->info->shutdown_grace_ns >= 0 ? e->info->shutdown_grace_ns
                                                   : s->flags.executor_shutdown_grace_period;

    spec_env_put(l, "LIBPROCESS_IP", ip);
    if (s->libmesos[0] != '\0') {
        spec_env_put(l, "MESOS_NATIVE_JAVA_LIBRARY", s->libmesos);
        spec_env_put(l, "MESOS_NATIVE_LIBRARY", s->libmesos);
    }
    for (char **p = s->executor_env; p != NULL && p[0] != NULL; p += 2)
        spec_env_put(l, p[0], p[1]);
    spec_env_put(l, "LIBPROCESS_PORT", "0");
    spec_env_put(l, "MESOS_FRAMEWORK_ID", spec_text(l->arena, str_of(e->framework->id)));
    spec_env_put(l, "MESOS_EXECUTOR_ID", spec_text(l->arena, str_of(e->id)));
    spec_env_put(l, "MESOS_DIRECTORY", sandbox);
    spec_env_put(l, "MESOS_SANDBOX", has_image ? s->flags.sandbox_directory : sandbox);
    spec_env_put(l, "MESOS_AGENT_ENDPOINT", s->endpoint);
    spec_env_put(l, "MESOS_DOMAIN_SOCKET", domain_socket_for(s, has_image));
    spec_env_put(l, "MESOS_SLAVE_PID", s->pid_text);
    spec_env_put(l, "MESOS_SLAVE_ID", spec_text(l->arena, str_of(s->core->id)));
    spec_env_put(l, "MESOS_CHECKPOINT", e->checkpoint ? "1" : "0");
    if (e->checkpoint) {
        spec_env_put(l, "MESOS_RECOVERY_TIMEOUT", duration_text(l->arena, s->flags.recovery_timeout));
        spec_env_put(l, "MESOS_SUBSCRIPTION_BACKOFF_MAX",
                duration_text(l->arena, s->flags.executor_reregistration_timeout));
    }
    spec_env_put(l, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_text(l->arena, grace));
    spec_env_put(l, "MESOS_HTTP_COMMAND_EXECUTOR", s->flags.http_command_executor ? "1" : "0");
    CLEANUP(sbuf_done_p) struct sbuf token = SBUF_INIT(16384);
    access_token(s, e, &token);
    if (token.n != 0)
        spec_env_put(l, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN", spec_text(l->arena, sbuf_view(&token)));
}

static int uris_of_command(const Mesos__V1__CommandInfo *c, struct arena *arena, struct container_command *ret,
                           struct error *err)
{
    struct container_uri *v = arena_array(arena, c->n_uris, sizeof *v);

    if (v == NULL && c->n_uris != 0)
        return error_set(err, ERR_NOMEM, "out of memory for %zu URIs", c->n_uris);
    for (size_t i = 0; i < c->n_uris; i++) {
        const Mesos__V1__CommandInfo__URI *u = c->uris[i];
        v[i] = (struct container_uri){
            .value = u->value,
            .output_file = u->output_file,
            .executable = u->has_executable && u->executable,
            .extract = !u->has_extract || u->extract,
            .cache = u->has_cache && u->cache,
        };
    }
    ret->uris = v;
    ret->uri_count = c->n_uris;
    return 0;
}

static int fill_command(const Mesos__V1__CommandInfo *c, struct arena *arena, struct container_command *ret,
                        struct error *err)
{
    ret->shell = !c->has_shell || c->shell;
    ret->value = c->value;
    if (!ret->shell && c->n_arguments != 0) {
        const char **argv = arena_array(arena, c->n_arguments + 1, sizeof(char *));
        if (argv == NULL)
            return error_set(err, ERR_NOMEM, "out of memory for %zu arguments", c->n_arguments);
        for (size_t i = 0; i < c->n_arguments; i++)
            argv[i] = c->arguments[i];
        ret->argv = argv;
    }
    return uris_of_command(c, arena, ret, err);
}

/* --- resources --- */

static int64_t bytes_of_mb(int64_t milli_mb)
{
    int64_t r;

    if (milli_mb < 0 || milli_mb == AGENT_LIMIT_INFINITY)
        return milli_mb < 0 ? CONTAINER_NONE : CONTAINER_INFINITY;
    return __builtin_mul_overflow(milli_mb, INT64_C(1048576), &r) ? CONTAINER_INFINITY : r / MILLI_PER_UNIT;
}

void spec_resources(const struct resources *total, int64_t cpus_limit_milli, int64_t mem_limit_milli,
                    struct container_resources *ret)
{
    bool revocable = false;

    for (uint32_t i = 0; i < total->n; i++)
        revocable = revocable || (total->v[i].name == NAME_CPUS && total->v[i].revocable);
    *ret = (struct container_resources){
        .cpus_milli = resources_milli(total, NAME_CPUS),
        .cpus_limit_milli = cpus_limit_milli == AGENT_LIMIT_NONE ? CONTAINER_NONE : cpus_limit_milli,
        .mem_bytes = bytes_of_mb(resources_milli(total, NAME_MEM)),
        .mem_limit_bytes = bytes_of_mb(mem_limit_milli),
        .disk_bytes = CONTAINER_NONE,
        .pids_max = CONTAINER_NONE,
        .cpus_revocable = revocable,
    };
    CLEANUP(resources_done_p) struct resources disk = resources_named(total, NAME_DISK);
    if (disk.n != 0)
        ret->disk_bytes = bytes_of_mb(resources_milli(&disk, NAME_DISK));
}

void spec_executor_resources(const struct agent_executor *e, struct container_resources *ret)
{
    CLEANUP(resources_done_p) struct resources total = RESOURCES_INIT;
    int64_t cpus, mem;

    agent_executor_totals(e, &total, &cpus, &mem);
    spec_resources(&total, cpus, mem, ret);
}

/* --- container info --- */

/* A folder in the sandbox of the container, or in that of its parent, where the containers of a task group find each
 * other. It is made when it is missing, and belongs to whom the sandbox belongs. */
static int sandbox_volume(const Mesos__V1__Volume *v, const char *path, bool parent, const char *sandbox, struct arena *arena,
                          struct container_volume *ret, struct error *err)
{
    struct str base = str_of(sandbox);
    struct stat st;

    for (int up = 0; parent && up < 2; up++) /* <parent's sandbox>/containers/<id> */
        while (base.n > 0 && base.p[--base.n] != '/')
            ;
    if (path == NULL || path[0] == '/' || path[0] == '\0' || str_contains(str_of(path), STR("..")))
        return error_set(err, ERR_INVALID, "volume %s: sandbox path '%s' is not below the sandbox", v->container_path,
                         path != NULL ? path : "");
    const char *owner = spec_text(arena, base), *host = arena_fmt(arena, "%s/%s", owner, path).p, *last;
    if (host == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for a volume");
    size_t trusted = sandbox_trusted(owner);
    CLEANUP(fd_close_p) int box = beneath_open(owner, trusted, O_RDONLY | O_DIRECTORY, 0, err);
    CLEANUP(fd_close_p) int at = box >= 0 ? beneath_parent(host, trusted, 0, &last, err) : -1;
    if (at < 0)
        return error_wrap(err, "volume %s", v->container_path);
    bool made = mkdirat(at, last, 0755) == 0;
    CLEANUP(fd_close_p) int fd = openat(at, last, (made ? O_RDONLY | O_DIRECTORY : O_PATH) | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(box, &st) != 0)
        return error_set_errno(err, errno, "volume %s: %s", v->container_path, host);
    if (made && geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) != 0)
        return error_set_errno(err, errno, "volume %s: owner of %s", v->container_path, host);
    *ret = (struct container_volume){ .host_path = host,
                                      .host_trusted = trusted,
                                      .container_path = v->container_path,
                                      .flags = CONTAINER_VOLUME_PERSISTENT |
                                               (v->mode == MESOS__V1__VOLUME__MODE__RO ? CONTAINER_VOLUME_RO : 0) };
    return 0;
}

static int volume_of(const Mesos__V1__Volume *v, const char *sandbox, struct arena *arena,
                     struct container_volume *ret, struct error *err)
{
    const char *host = v->host_path;

    if (v->image != NULL) {
        *ret = (struct container_volume){ .container_path = v->container_path,
                                          .flags = v->mode == MESOS__V1__VOLUME__MODE__RO ? CONTAINER_VOLUME_RO : 0 };
        return spec_image(v->image, arena, &ret->image, err);
    }
    if (host == NULL && v->source != NULL && v->source->host_path != NULL)
        host = v->source->host_path->path;
    if (host == NULL && v->source != NULL && v->source->sandbox_path != NULL && sandbox != NULL)
        return sandbox_volume(v, v->source->sandbox_path->path,
                              v->source->sandbox_path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__PARENT, sandbox, arena, ret, err);
    if (v->host_path != NULL && v->host_path[0] != '/' && sandbox != NULL) /* the old way to name a folder of the sandbox */
        return sandbox_volume(v, v->host_path, false, sandbox, arena, ret, err);
    if (host == NULL && v->source != NULL && v->source->has_type && v->source->type == MESOS__V1__VOLUME__SOURCE__TYPE__SECRET) {
        *ret = (struct container_volume){ .container_path = v->container_path, .flags = CONTAINER_VOLUME_RO | CONTAINER_VOLUME_SECRET };
        return spec_secret(v->source->secret, "volume", v->container_path, &ret->secret, err);
    }
    if (host == NULL && v->source != NULL)
        return error_set(err, ERR_INVALID, "volume %s: only host paths, sandbox paths and secrets are built in this version",
                         v->container_path);
    if (host == NULL || host[0] != '/')
        return error_set(err, ERR_INVALID, "volume %s: host path '%s' is not absolute", v->container_path,
                         host != NULL ? host : "");
    *ret = (struct container_volume){
        .host_path = spec_text(arena, str_of(host)),
        .container_path = v->container_path,
        .flags = v->mode == MESOS__V1__VOLUME__MODE__RO ? CONTAINER_VOLUME_RO : 0,
    };
    return 0;
}

static int rlimits_of(const Mesos__V1__RLimitInfo *info, struct arena *arena, struct container_spec *ret,
                      struct error *err)
{
    struct container_rlimit *v = arena_array(arena, info->n_rlimits, sizeof *v);

    for (size_t i = 0; i < info->n_rlimits && v != NULL; i++) {
        const Mesos__V1__RLimitInfo__RLimit *r = info->rlimits[i];
        const ProtobufCEnumValue *name =
            protobuf_c_enum_descriptor_get_value(&mesos__v1__rlimit_info__rlimit__type__descriptor, (int)r->type);
        v[i] = (struct container_rlimit){
            .resource = name != NULL ? containerizer_rlimit_of(str_of(name->name)) : -1,
            .unlimited = !r->has_soft && !r->has_hard,
            .soft = r->soft,
            .hard = r->hard,
        };
        if (v[i].resource < 0 || r->has_soft != r->has_hard)
            return error_set(err, ERR_INVALID, "rlimit %s: unknown, or only one of soft and hard is given",
                             name != NULL ? name->name : "?");
    }
    ret->rlimits = v;
    ret->rlimit_count = info->n_rlimits;
    return 0;
}

static const uint64_t *caps_of(const Mesos__V1__CapabilityInfo *info, struct arena *arena)
{
    enum { CAPABILITY_BASE = 1000 }; /* CapabilityInfo.Capability numbers start there */
    uint64_t *bits = arena_alloc(arena, sizeof *bits);

    for (size_t i = 0; bits != NULL && i < info->n_capabilities; i++) {
        int bit = (int)info->capabilities[i] - CAPABILITY_BASE;
        if (bit >= 0 && bit < 64)
            *bits |= UINT64_C(1) << bit;
    }
    return bits;
}

int spec_capabilities(const char *flag, const char *value, struct arena *arena, const uint64_t **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    Mesos__V1__CapabilityInfo *m = NULL;

    if (value == NULL)
        return 0;
    int rc = flag_json_text(flag, value, &text, err);
    if (rc != 0)
        return rc;
    rc = json_to_wire(&mesos__v1__capability_info__descriptor, sbuf_view(&text), &bytes, err);
    if (rc == 0)
        rc = WIRE_UNPACK(mesos__v1__capability_info, sbuf_view(&bytes), arena, &m, err);
    if (rc != 0)
        return error_wrap(err, "--%s", flag);
    *ret = caps_of(m, arena);
    return 0;
}

static void linux_of(const Mesos__V1__LinuxInfo *l, struct arena *arena, struct container_spec *ret)
{
    const Mesos__V1__CapabilityInfo *effective = l->effective_capabilities;

    if (l->seccomp != NULL) {
        ret->seccomp_profile = l->seccomp->profile_name;
        ret->seccomp_unconfined = l->seccomp->has_unconfined && l->seccomp->unconfined;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* old frameworks still send it */
    if (effective == NULL)
        effective = l->capability_info;
#pragma GCC diagnostic pop
    if (effective != NULL)
        ret->effective_caps = caps_of(effective, arena);
    if (l->bounding_capabilities != NULL)
        ret->bounding_caps = caps_of(l->bounding_capabilities, arena);
    ret->share_pid_namespace = l->has_share_pid_namespace && l->share_pid_namespace;
    ret->own_cgroups = l->has_share_cgroups && !l->share_cgroups;
    if (l->has_ipc_mode && l->ipc_mode == MESOS__V1__LINUX_INFO__IPC_MODE__PRIVATE)
        ret->ipc = CONTAINER_IPC_PRIVATE;
    else if (l->has_ipc_mode && l->ipc_mode == MESOS__V1__LINUX_INFO__IPC_MODE__SHARE_PARENT)
        ret->ipc = CONTAINER_IPC_SHARE_PARENT;
    if (l->has_shm_size)
        ret->shm_bytes = (int64_t)l->shm_size << 20;
}

/* Root file system and kind. */
static int fill_image(const struct shell *s, const Mesos__V1__ContainerInfo *c, struct spec_env *env, struct container_volume *volumes,
                      struct arena *arena, struct container_spec *ret, struct error *err)
{
    if (c->type == MESOS__V1__CONTAINER_INFO__TYPE__MESOS)
        return c->mesos != NULL && c->mesos->image != NULL ? spec_image(c->mesos->image, arena, &ret->image, err) : 0;
    if (!agent_flags_have_images(&s->flags))
        return error_set(err, ERR_INVALID, "No container is created: this agent runs no containers of type DOCKER; start it with "
                         "--containerizers=docker,mesos or use type MESOS");
    if (c->docker == NULL)
        return error_set(err, ERR_INVALID, "No container is created: type is DOCKER and docker is missing");
    return spec_docker(c, env, volumes, arena, ret, err);
}

static size_t parameter_count(const Mesos__V1__ContainerInfo *c)
{
    return c != NULL && c->docker != NULL ? c->docker->n_parameters : 0;
}

static int fill_container(const struct shell *s, const Mesos__V1__ContainerInfo *c, size_t more_volumes, struct spec_env *env,
                          struct arena *arena, struct container_spec *ret, struct error *err)
{
    size_t n = c != NULL ? c->n_volumes : 0;
    struct container_volume *v = arena_array(arena, n + more_volumes + parameter_count(c), sizeof *v);
    int rc = 0;

    if (v == NULL && n + more_volumes != 0)
        return error_set(err, ERR_NOMEM, "out of memory for volumes");
    ret->volumes = v;
    if (c == NULL)
        return 0;
    rc = spec_networks(c, arena, ret, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = volume_of(c->volumes[i], ret->sandbox, arena, &v[ret->volume_count++], err);
    if (rc == 0 && c->rlimit_info != NULL)
        rc = rlimits_of(c->rlimit_info, arena, ret, err);
    if (c->tty_info != NULL)
        ret->io = CONTAINER_IO_TERMINAL;
    if (c->tty_info != NULL && c->tty_info->window_size != NULL) {
        ret->tty_rows = (uint16_t)c->tty_info->window_size->rows;
        ret->tty_columns = (uint16_t)c->tty_info->window_size->columns;
    }
    if (rc == 0 && c->linux_info != NULL)
        linux_of(c->linux_info, arena, ret);
    return rc == 0 ? fill_image(s, c, env, v, arena, ret, err) : rc;
}

/* Persistent volumes among the resources are linked or mounted into the sandbox. */
static void add_persistent_volumes(struct shell *s, const struct resources *total, struct arena *arena,
                                   struct container_spec *ret)
{
    struct container_volume *v = (struct container_volume *)(uintptr_t)ret->volumes; /* ours, with room for these */

    for (uint32_t i = 0; i < total->n; i++) {
        const struct resource *r = &total->v[i];
        if (!resource_is_persistent_volume(r) || r->disk->container_path == NULL)
            continue;
        v[ret->volume_count++] = (struct container_volume){
            .host_path = spec_text(arena, str_of(path_volume(s->work_dir, r).p)),
            .container_path = spec_text(arena, name_str(r->disk->container_path)),
            .flags = CONTAINER_VOLUME_PERSISTENT | (r->disk->mode == VOLUME_RO ? CONTAINER_VOLUME_RO : 0),
        };
    }
}

static const char *user_of(struct shell *s, const char *command_user, const char *framework_user)
{
    if (!s->flags.switch_user || geteuid() != 0)
        return NULL;
    if (command_user != NULL && command_user[0] != 0)
        return command_user;
    return framework_user != NULL && framework_user[0] != 0 ? framework_user : NULL;
}

static int unpack_container(struct shell *s, struct arena *arena, Mesos__V1__ContainerInfo **ret, struct error *err)
{
    if (*ret != NULL || s->container_info.n == 0)
        return 0;
    return WIRE_UNPACK(mesos__v1__container_info, s->container_info, arena, ret, err);
}

static bool has_image(const Mesos__V1__ContainerInfo *c)
{
    return c != NULL && (c->type == MESOS__V1__CONTAINER_INFO__TYPE__MESOS ? c->mesos != NULL && c->mesos->image != NULL : c->docker != NULL);
}

/* What the executor of a command task is to run: only where there is an image does the agent have a say in it. */
static int fill_task_command(const struct agent_executor *e, struct arena *arena, struct container_spec *ret, struct error *err)
{
    Mesos__V1__TaskInfo *task = NULL;
    struct container_command *c = arena_alloc(arena, sizeof *c);

    ret->command.is_builtin = true;
    if (c == NULL || e->order == NULL)
        return c == NULL ? error_set(err, ERR_NOMEM, "out of memory for a command") : 0;
    int rc = WIRE_UNPACK(mesos__v1__task_info, blob_str(e->order->info->raw), arena, &task, err);
    if (rc == 0 && task->command != NULL)
        rc = fill_command(task->command, arena, c, err);
    ret->task_command = c;
    return rc;
}

/* The way from the container to this agent. */
static int reach_agent(const struct shell *s, bool has_image, struct container_spec *ret, struct error *err)
{
    struct container_volume *v = (struct container_volume *)(uintptr_t)ret->volumes; /* ours, with room for one more */

    if (domain_socket_is_on(s)) {
        if (has_image && domain_socket_volume(s, &v[ret->volume_count]))
            ret->volume_count++;
        return 0;
    }
    if (ret->no_networks)
        return error_set(err, ERR_INVALID, "No container is created: without a network its executor cannot reach this agent; start the agent "
                         "with --http_executor_domain_sockets");
    if (ret->network_count != 0 && str_starts(str_of(s->endpoint), STR("127.")))
        return error_set(err, ERR_INVALID, "No container is created: from network '%.60s' its executor cannot reach this agent at %s; start the "
                         "agent with --http_executor_domain_sockets, or with an --ip or --advertise_ip that containers reach",
                         ret->networks[0].name, s->endpoint);
    return 0;
}

int spec_executor(struct shell *s, const struct agent_executor *e, struct arena *arena, struct container_spec *ret,
                  struct error *err)
{
    CLEANUP(resources_done_p) struct resources total = RESOURCES_INIT;
    Mesos__V1__ExecutorInfo *m = NULL;
    struct spec_env env;
    int64_t cpus, mem;
    const char *sandbox = spec_text(arena, str_of(path_run(s->work_dir, s->core->id, e).p));

    *ret = (struct container_spec){ .id = spec_text(arena, str_of(e->container_id)), .class = CONTAINER_CLASS_DEFAULT,
                                    .sandbox = sandbox, .command_task = e->generated };
    int rc = WIRE_UNPACK(mesos__v1__executor_info, blob_str(e->info->raw), arena, &m, err);
    if (rc != 0)
        return rc;
    agent_executor_totals(e, &total, &cpus, &mem);
    spec_resources(&total, cpus, mem, &ret->resources);

    size_t own = m->command != NULL && m->command->environment != NULL ? m->command->environment->n_variables : 0;
    size_t given = 0;
    while (s->executor_env != NULL && s->executor_env[given] != NULL)
        given += 2;
    rc = unpack_container(s, arena, &m->container, err);
    if (rc == 0)
        rc = env_init(&env, arena, own + given / 2 + 32 + parameter_count(m->container), err);
    if (rc != 0)
        return rc;
    env_of_executor(s, e, &env, sandbox, has_image(m->container));
    ret->command.env_agent_count = env.n;
    if (m->command != NULL) {
        rc = env_of_command(&env, m->command, err);
        if (rc == 0)
            rc = fill_command(m->command, arena, &ret->command, err);
        if (rc != 0)
            return rc;
    }
    if (e->info->type == EXECUTOR_DEFAULT) {
        ret->command.shell = false;
        ret->command.argv = builtin_executor_argv(arena, s->launcher_dir, true, &ret->command.value);
    }
    ret->command.user = user_of(s, m->command != NULL ? m->command->user : NULL, e->framework->info->user);
    ret->command.env = env.v;
    ret->command.env_count = env.n;
    if (e->generated && has_image(m->container))
        rc = fill_task_command(e, arena, ret, err);
    if (rc == 0)
        rc = fill_container(s, m->container, total.n + 1, &env, arena, ret, err);
    if (rc == 0)
        rc = reach_agent(s, has_image(m->container), ret, err);
    if (rc != 0)
        return rc;
    if (ret->network_count != 0 || ret->no_networks)
        spec_env_put(&env, "LIBPROCESS_IP", "0.0.0.0"); /* the agent's address is not one of the container's */
    ret->command.env_count = env.n;
    rc = logger_of(&s->logger, env.v, env.n, ret->logs, err);
    if (rc != 0)
        return rc;
    add_persistent_volumes(s, &total, arena, ret);
    if (e->checkpoint)
        ret->forked_pid_path = spec_text(arena, str_of(path_fmt("%s/pids/forked.pid",
                                                           path_run(s->checkpoint.meta, s->core->id, e).p).p));
    return 0;
}

int spec_container(struct shell *s, const char *id, const char *sandbox, const Mesos__V1__CommandInfo *command,
                   const Mesos__V1__ContainerInfo *container, struct arena *arena, struct container_spec *ret,
                   struct error *err)
{
    struct spec_env env;

    *ret = (struct container_spec){
        .id = spec_text(arena, str_of(id)), .class = CONTAINER_CLASS_DEFAULT, .sandbox = spec_text(arena, str_of(sandbox)),
        .resources = { 0, CONTAINER_NONE, 0, CONTAINER_NONE, CONTAINER_NONE, CONTAINER_NONE, false },
    };
    size_t own = command != NULL && command->environment != NULL ? command->environment->n_variables : 0;
    int rc = env_init(&env, arena, own + 4 + parameter_count(container), err);
    if (rc != 0)
        return rc;
    spec_env_put(&env, "MESOS_SANDBOX", has_image(container) ? s->flags.sandbox_directory : ret->sandbox);
    ret->command.env_agent_count = env.n;
    if (command != NULL) {
        rc = env_of_command(&env, command, err);
        if (rc == 0)
            rc = fill_command(command, arena, &ret->command, err);
        if (rc != 0)
            return rc;
        ret->command.user = user_of(s, command->user, NULL);
    }
    ret->command.env = env.v;
    rc = fill_container(s, container, 0, &env, arena, ret, err);
    ret->command.env_count = env.n;
    return rc != 0 ? rc : logger_of(&s->logger, env.v, env.n, ret->logs, err);
}
