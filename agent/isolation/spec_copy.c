/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a container_spec that outlives the caller's: for what waits for its image. */
#include "agent/isolation/isolator.h"

struct copying {
    struct arena *arena;
    bool failed;
};

static const char *text(struct copying *c, const char *s)
{
    const char *p = s != NULL ? arena_str(c->arena, str_of(s)).p : NULL;
    c->failed = c->failed || (s != NULL && p == NULL);
    return p;
}

static void *array(struct copying *c, const void *p, size_t count, size_t size)
{
    void *to = p != NULL && count != 0 ? arena_array(c->arena, count, size) : NULL;
    if (to != NULL)
        memcpy(to, p, count * size);
    c->failed = c->failed || (to == NULL && p != NULL && count != 0);
    return to;
}

static const char *const *texts(struct copying *c, const char *const *list)
{
    size_t n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    const char **to = list != NULL ? array(c, list, n + 1, sizeof *to) : NULL;
    for (size_t i = 0; to != NULL && i < n; i++)
        to[i] = text(c, list[i]);
    return to;
}

static void copy_command(struct copying *c, struct container_command *m)
{
    struct container_uri *uris = array(c, m->uris, m->uri_count, sizeof *uris);
    struct container_env *env = array(c, m->env, m->env_count, sizeof *env);
    m->value = text(c, m->value);
    m->argv = texts(c, m->argv);
    m->user = text(c, m->user);
    m->working_dir = text(c, m->working_dir);
    for (size_t i = 0; uris != NULL && i < m->uri_count; i++) {
        uris[i].value = text(c, uris[i].value);
        uris[i].output_file = text(c, uris[i].output_file);
    }
    for (size_t i = 0; env != NULL && i < m->env_count; i++) {
        env[i].name = text(c, env[i].name);
        env[i].value = text(c, env[i].value);
    }
    m->uris = uris;
    m->env = env;
}

static const struct container_image *copy_image(struct copying *c, const struct container_image *i)
{
    struct container_image *to = array(c, i, 1, sizeof *to);
    if (to == NULL)
        return NULL;
    to->name = text(c, i->name);
    to->config = text(c, i->config);
    return to;
}

static void copy_volumes(struct copying *c, struct container_spec *s)
{
    struct container_volume *v = array(c, s->volumes, s->volume_count, sizeof *v);
    for (size_t i = 0; v != NULL && i < s->volume_count; i++) {
        v[i].host_path = text(c, v[i].host_path);
        v[i].container_path = text(c, v[i].container_path);
        v[i].image = copy_image(c, v[i].image);
        v[i].secret = str_mem(array(c, v[i].secret.p, v[i].secret.n, 1), v[i].secret.n);
    }
    s->volumes = v;
}

static void copy_networks(struct copying *c, struct container_spec *s)
{
    struct container_network *v = array(c, s->networks, s->network_count, sizeof *v);
    for (size_t i = 0; v != NULL && i < s->network_count; i++) {
        v[i].name = text(c, v[i].name);
        v[i].info = str_mem(array(c, v[i].info.p, v[i].info.n, 1), v[i].info.n);
    }
    s->networks = v;
}

int spec_copy(const struct container_spec *spec, struct arena *arena, struct container_spec *ret, struct error *err)
{
    struct copying c = { .arena = arena };
    *ret = *spec;
    ret->id = text(&c, spec->id);
    ret->sandbox = text(&c, spec->sandbox);
    copy_command(&c, &ret->command);
    copy_volumes(&c, ret);
    copy_networks(&c, ret);
    ret->hostname = text(&c, spec->hostname);
    ret->image = copy_image(&c, spec->image);
    struct container_command *task = array(&c, spec->task_command, 1, sizeof *task);
    if (task != NULL)
        copy_command(&c, task);
    ret->task_command = task;
    ret->seccomp_profile = text(&c, spec->seccomp_profile);
    ret->docker_user = text(&c, spec->docker_user);
    ret->entrypoint = text(&c, spec->entrypoint);
    ret->rlimits = array(&c, spec->rlimits, spec->rlimit_count, sizeof *spec->rlimits);
    ret->effective_caps = array(&c, spec->effective_caps, 1, sizeof *spec->effective_caps);
    ret->bounding_caps = array(&c, spec->bounding_caps, 1, sizeof *spec->bounding_caps);
    ret->forked_pid_path = text(&c, spec->forked_pid_path);
    return c.failed ? error_set(err, ERR_NOMEM, "the description of container %.80s is too large", spec->id) : 0;
}
