/* SPDX-License-Identifier: Apache-2.0 */
/* Images in ContainerInfo, and containers of type DOCKER: what the Docker daemon would have been told becomes a container of
 * this agent's. A parameter of `docker run` that has no counterpart is refused by name. Source: reference, §20. */
#include "agent/spec.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/jsonw.h"

static struct container_image *new_image(const char *name, struct arena *arena, struct error *err)
{
    struct container_image *i = arena_alloc(arena, sizeof *i);

    if (i == NULL)
        (void)error_set(err, ERR_NOMEM, "out of memory for image %.100s", name);
    else
        i->name = name;
    return i;
}

/* The credential of an image, as stoa-image takes it: it knows for which registry it is. */
static const char *config_of_credential(const Mesos__V1__Credential *c, struct arena *arena)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(65536);
    struct jsonw w = JSONW(&b);

    jsonw_open(&w);
    jsonw_key_c(&w, "username", c->principal);
    jsonw_key_c(&w, "password", c->secret != NULL ? c->secret : "");
    jsonw_close(&w);
    return spec_text(arena, sbuf_view(&b));
}

int spec_image(const Mesos__V1__Image *m, struct arena *arena, const struct container_image **ret, struct error *err)
{
    if (m->type != MESOS__V1__IMAGE__TYPE__DOCKER || m->docker == NULL)
        return error_set(err, ERR_INVALID, "No container is created: only images of type DOCKER are built in this version");
    struct container_image *i = new_image(m->docker->name, arena, err);
    if (i == NULL)
        return -(int)err->code;
    i->force_pull = m->has_cached && !m->cached;
    struct str secret = { NULL, 0 };
    if (m->docker->config != NULL && spec_secret(m->docker->config, "image", m->docker->name, &secret, err) != 0)
        return -(int)err->code;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* old frameworks still send it */
    if (m->docker->config == NULL && m->docker->credential != NULL)
        i->config = config_of_credential(m->docker->credential, arena);
#pragma GCC diagnostic pop
    if (m->docker->config != NULL)
        i->config = spec_text(arena, secret);
    *ret = i;
    return 0;
}

/* --- DOCKER --------------------------------------------------------------------------------------------- */

struct filling {
    struct arena *arena;
    struct container_spec *spec;
    struct spec_env *env;
    struct container_volume *volumes; /* room for one per parameter */
    struct container_rlimit *rlimits;
    struct error *err;
};

static int bad(const struct filling *f, const char *key, const char *value, const char *why)
{
    return error_set(f->err, ERR_INVALID, "No container is created: parameter %.40s=%.80s: %s", key, value, why);
}

static int take_env(struct filling *f, const char *key, const char *value)
{
    struct str rest = str_of(value), name;

    if (!str_cut(&rest, '=', &name) || name.n == 0)
        return bad(f, key, value, "use NAME=value");
    spec_env_put(f->env, spec_text(f->arena, name), spec_text(f->arena, rest));
    return 0;
}

static int take_volume(struct filling *f, const char *key, const char *value)
{
    struct str rest = str_of(value), host, where;

    if (!str_cut(&rest, ':', &host) || host.n == 0 || host.p[0] != '/')
        return bad(f, key, value, "only HOST-PATH:PATH[:ro] with absolute paths is built");
    bool has_mode = str_cut(&rest, ':', &where);
    if (where.n == 0 || where.p[0] != '/' || (has_mode && !str_is(rest, "ro") && !str_is(rest, "rw")))
        return bad(f, key, value, "only HOST-PATH:PATH[:ro] with absolute paths is built");
    f->volumes[f->spec->volume_count++] = (struct container_volume){
        .host_path = spec_text(f->arena, host),
        .container_path = spec_text(f->arena, where),
        .flags = has_mode && str_is(rest, "ro") ? CONTAINER_VOLUME_RO : 0,
    };
    return 0;
}

static int take_ulimit(struct filling *f, const char *key, const char *value)
{
    static const struct {
        const char *name;
        int resource;
    } map[] = { { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },     { "core", RLIMIT_CORE }, { "memlock", RLIMIT_MEMLOCK },
                { "stack", RLIMIT_STACK },   { "fsize", RLIMIT_FSIZE },     { "cpu", RLIMIT_CPU },   { "data", RLIMIT_DATA },
                { "as", RLIMIT_AS },         { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE }, { "rtprio", RLIMIT_RTPRIO } };
    struct str rest = str_of(value), name;
    struct container_rlimit l = { .resource = -1 };

    (void)str_cut(&rest, '=', &name);
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        l.resource = str_is(name, map[i].name) ? map[i].resource : l.resource;
    l.unlimited = str_is(rest, "-1") || str_is(rest, "unlimited");
    if (!l.unlimited && !str_u64(&rest, UINT64_MAX - 1, &l.soft))
        return bad(f, key, value, "use NAME=SOFT[:HARD]");
    l.hard = l.soft;
    if (!l.unlimited && str_skip(&rest, STR(":")) && !str_u64(&rest, UINT64_MAX - 1, &l.hard))
        return bad(f, key, value, "use NAME=SOFT[:HARD]");
    if (l.resource < 0)
        return bad(f, key, value, "this limit is unknown");
    f->rlimits[f->spec->rlimit_count++] = l;
    return 0;
}

static int take_size(struct filling *f, const char *key, const char *value)
{
    struct str rest = str_of(value);
    uint64_t v;
    unsigned shift = 0;

    if (!str_u64(&rest, INT64_MAX >> 30, &v) || rest.n > 1)
        return bad(f, key, value, "use a number with b, k, m or g");
    if (rest.n == 1 && (*rest.p == 'k' || *rest.p == 'm' || *rest.p == 'g'))
        shift = *rest.p == 'k' ? 10 : *rest.p == 'm' ? 20 : 30;
    else if (rest.n == 1 && *rest.p != 'b')
        return bad(f, key, value, "use a number with b, k, m or g");
    f->spec->shm_bytes = (int64_t)(v << shift);
    f->spec->ipc = CONTAINER_IPC_PRIVATE;
    return 0;
}

static int take_text(struct filling *f, const char *key, const char *value)
{
    struct container_command *c = f->spec->task_command != NULL ? (struct container_command *)(uintptr_t)f->spec->task_command
                                                                : &f->spec->command;
    if (str_is(str_of(key), "workdir"))
        f->spec->command.working_dir = value;
    else if (str_is(str_of(key), "user"))
        f->spec->docker_user = value;
    else if (str_is(str_of(key), "pid") && str_is(str_of(value), "host"))
        f->spec->share_pid_namespace = true;
    else if (str_is(str_of(key), "ipc") && str_is(str_of(value), "host"))
        f->spec->ipc = CONTAINER_IPC_SHARE_PARENT;
    else if (str_is(str_of(key), "hostname"))
        f->spec->hostname = value;
    else if (str_is(str_of(key), "privileged"))
        f->spec->privileged = str_is(str_of(value), "true");
    else if (str_is(str_of(key), "entrypoint") && !c->shell)
        f->spec->entrypoint = value;
    else
        return bad(f, key, value, "this value is not built");
    return 0;
}

/* Nothing depends on these here: names, labels and logs are the cluster's; containers go when they end. */
static int take_nothing(struct filling *f, const char *key, const char *value)
{
    (void)f;
    (void)key;
    (void)value;
    return 0;
}

static const struct {
    const char *name, *other;
    int (*take)(struct filling *f, const char *key, const char *value);
} parameters[] = {
    { "env", "e", take_env },           { "volume", "v", take_volume },       { "ulimit", NULL, take_ulimit },
    { "shm-size", NULL, take_size },    { "workdir", "w", take_text },        { "user", "u", take_text },
    { "pid", NULL, take_text },         { "ipc", NULL, take_text },           { "privileged", NULL, take_text },
    { "hostname", "h", take_text },     { "entrypoint", NULL, take_text },  { "label", "l", take_nothing },       { "name", NULL, take_nothing },
    { "rm", NULL, take_nothing },       { "log-driver", NULL, take_nothing }, { "log-opt", NULL, take_nothing },
    { "restart", NULL, take_nothing },  { "init", NULL, take_nothing },       { "tty", "t", take_nothing },
    { "interactive", "i", take_nothing },
};

static int take_parameter(struct filling *f, const Mesos__V1__Parameter *p)
{
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        bool other = parameters[i].other != NULL && str_is(str_of(p->key), parameters[i].other);
        if ((other || str_is(str_of(p->key), parameters[i].name)))
            return parameters[i].take(f, parameters[i].name, p->value);
    }
    return bad(f, p->key, p->value, "this parameter of docker run is not built; known are env, volume, ulimit, shm-size, workdir, user, "
                                    "pid, ipc, privileged, entrypoint, hostname, label");
}

/* The network that stands for Docker's bridge: the name that Marathon has for it (--mesos_bridge_name). */
#define BRIDGE_NETWORK "mesos-bridge"

/* The networks of Docker become those of a container of type MESOS; a plugin maps the ports. */
static int take_network(const Mesos__V1__ContainerInfo *c, struct arena *arena, struct container_spec *ret, struct error *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *d = c->docker;
    Mesos__V1__NetworkInfo info = MESOS__V1__NETWORK_INFO__INIT;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    struct container_network *n = arena_alloc(arena, sizeof *n);
    bool is_bridge = d->network == MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__BRIDGE;

    if (!d->has_network || d->network == MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST)
        return 0;
    if (d->network == MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__NONE) {
        ret->no_networks = true;
        return 0;
    }
    if (!is_bridge && (c->n_network_infos != 1 || c->network_infos[0]->name == NULL))
        return error_set(err, ERR_INVALID, "No container is created: Docker's network USER needs one network_infos with a name");
    if (!is_bridge)
        info = *c->network_infos[0];
    info.name = is_bridge ? (char[]){ BRIDGE_NETWORK } : info.name;
    Mesos__V1__NetworkInfo__PortMapping *ports = arena_array(arena, d->n_port_mappings + 1, sizeof *ports);
    Mesos__V1__NetworkInfo__PortMapping **list = arena_array(arena, d->n_port_mappings + 1, sizeof *list);
    if (n == NULL || ports == NULL || list == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for ports");
    for (size_t i = 0; i < d->n_port_mappings; i++) {
        ports[i] = (Mesos__V1__NetworkInfo__PortMapping)MESOS__V1__NETWORK_INFO__PORT_MAPPING__INIT;
        ports[i].host_port = d->port_mappings[i]->host_port;
        ports[i].container_port = d->port_mappings[i]->container_port;
        ports[i].protocol = d->port_mappings[i]->protocol;
        list[i] = &ports[i];
    }
    if (d->n_port_mappings != 0) {
        info.port_mappings = list;
        info.n_port_mappings = d->n_port_mappings;
    }
    if (!WIRE_PACK(&b, &info))
        return error_set(err, ERR_LIMIT, "network '%.80s': its description is over %zu bytes", info.name, b.max);
    *n = (struct container_network){ spec_text(arena, str_of(info.name)), arena_str(arena, sbuf_view(&b)) };
    ret->networks = n;
    ret->network_count = 1;
    return 0;
}

int spec_docker(const Mesos__V1__ContainerInfo *container, struct spec_env *env, struct container_volume *volumes,
                struct arena *arena, struct container_spec *ret, struct error *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *d = container->docker;
    struct filling f = { .arena = arena, .spec = ret, .env = env, .volumes = volumes, .err = err };
    struct container_image *i = new_image(d->image, arena, err);

    f.rlimits = arena_array(arena, ret->rlimit_count + d->n_parameters + 1, sizeof *f.rlimits);
    if (i == NULL || f.rlimits == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for image %.100s", d->image);
    if (ret->rlimit_count != 0)
        memcpy(f.rlimits, ret->rlimits, ret->rlimit_count * sizeof *f.rlimits);
    ret->rlimits = f.rlimits;
    i->force_pull = d->has_force_pull_image && d->force_pull_image;
    ret->image = i;
    ret->docker = true;
    ret->privileged = d->has_privileged && d->privileged;
    if (take_network(container, arena, ret, err) != 0)
        return -(int)err->code;
    for (size_t n = 0; n < d->n_parameters; n++) {
        if (take_parameter(&f, d->parameters[n]) != 0)
            return -(int)err->code;
    }
    return 0;
}
