/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the root: the one way in which apps and groups come, change and go. First everything is worked out
 * beside the root (slot->next, an undo list for groups); when a check fails, or for a dry run, that is
 * dropped and nothing has happened. Then the conflicting deployments are cancelled (force), the new
 * definitions stored, and the plan started. */
#include <stdio.h>

#include "marathon/core/internal.h"
#include "marathon/core/predict.h"

struct group_undo {
    struct group *group;
    struct str *dependencies;
    size_t dependency_count;
    struct opt_bool enforce_role;
    bool created, removed;
};

struct draft {
    struct marathon *m;
    const struct root_update *u;
    struct wall version;
    struct slot **changed;
    size_t changed_count, changed_cap;
    struct slot **touched; /* all with has_next */
    size_t touched_count, touched_cap;
    struct group_undo *groups;
    size_t group_count, group_cap;
    struct plan plan;
};

/* --- service ports ---------------------------------------------------------------------------------------
 */
void service_ports_count(struct marathon *m, const struct app *a, int by)
{
    for (size_t i = 0; a->pod == NULL && i < app_port_count(a); i++) {
        int64_t p = app_service_port(a, i);
        if (p > 0 && p <= 65535)
            m->service_ports[p] += (uint32_t)by;
    }
}

static void set_service_port(struct app *a, size_t i, int64_t port)
{
    if (app_is_host_mode(a))
        LIST_AT(a->port_definitions, struct port_definition, i)->port.v = port;
    else
        LIST_AT(a->container->port_mappings, struct port_mapping, i)->service_port.v = port;
}

static bool states_port(const struct app *a, int64_t port)
{
    for (size_t i = 0; i < app_port_count(a); i++)
        if (app_service_port(a, i) == port)
            return true;
    return false;
}

/* Zeros get numbers: first those that the app had, then the lowest free ones. taken: of apps in the same
 * update. */
static bool assign_service_ports(struct marathon *m, struct app *a, const struct app *before)
{
    size_t reuse = 0;
    int64_t next = m->config.local_port_min;

    for (size_t i = 0; a->pod == NULL && i < app_port_count(a); i++) { /* pods have none */
        int64_t port = 0;
        if (app_service_port(a, i) != 0)
            continue;
        for (; before != NULL && reuse < app_port_count(before) && port == 0; reuse++) {
            int64_t old = app_service_port(before, reuse);
            if (old >= m->config.local_port_min && old <= m->config.local_port_max && !states_port(a, old))
                port = old;
        }
        while (port == 0 && next <= m->config.local_port_max) {
            if (m->service_ports[next] == 0 && !states_port(a, next))
                port = next;
            next++;
        }
        if (port == 0)
            return false;
        set_service_port(a, i, port);
    }
    return true;
}

/* --- working out -----------------------------------------------------------------------------------------
 */
static void touch(struct draft *d, struct slot *s, struct spec *next)
{
    if (s->has_next) {
        spec_unref(d->m, s->next);
    } else {
        ARRAY_ROOM(d->touched, d->touched_count, d->touched_cap);
        d->touched[d->touched_count++] = s;
    }
    s->has_next = true;
    s->next = next;
}

/* The new version of an app, or the present one when nothing differs. Version texts have milliseconds, and
 * several updates may come within one: d->version is always above the root's. */
static struct spec *next_spec(struct draft *d, struct slot *s, const struct update_app *ua)
{
    struct spec *old = s->spec, *spec;
    struct app copy = *ua->app;
    bool config = false, scaling;

    if (old != NULL) {
        /* Zero ports get the numbers the app has, so that a comparison with what is stored is fair. */
        spec = spec_new(&copy, d->version, d->version, d->version);
        if (!assign_service_ports(d->m, &spec->app, &old->app)) {
            spec_unref(d->m, spec);
            return NULL;
        }
        config = ua->restart || !schema_equal(&schema_app, &old->app, &spec->app);
        scaling = old->app.instances.v != spec->app.instances.v;
        spec->scaling_at = scaling || (config && !ua->restart) ? d->version : old->scaling_at;
        spec->config_at = config ? d->version : old->config_at;
        spec->info = (struct version_info){ { true, spec->scaling_at }, { true, spec->config_at } };
        if (config || scaling)
            return spec;
        spec_unref(d->m, spec);
        return spec_ref(old);
    }
    spec = spec_new(&copy, d->version, d->version, d->version);
    if (!assign_service_ports(d->m, &spec->app, NULL)) {
        spec_unref(d->m, spec);
        return NULL;
    }
    return spec;
}

static int draft_apps(struct draft *d, struct update_result *ret, struct error *err)
{
    struct marathon *m = d->m;

    for (size_t i = 0; i < d->u->app_count; i++) {
        const struct update_app *ua = &d->u->apps[i];
        struct slot *s = ua->app != NULL ? slot_get(m, ua->id) : slot_find(m, ua->id);
        struct spec *next = NULL;
        if (s == NULL)
            continue;
        if (ua->app != NULL) {
            next = next_spec(d, s, ua);
            if (next == NULL) {
                touch(d, s, spec_ref(s->spec));
                ret->problem = UPDATE_PORTS;
                return error_set(err, ERR_LIMIT, "All ports in the range [%lld-%lld) are already in use",
                                 (long long)m->config.local_port_min, (long long)m->config.local_port_max);
            }
            if (next != s->spec)
                service_ports_count(m, &next->app, 1); /* taken for the others of this update */
        }
        if (s->has_next && s->next != NULL && s->next != s->spec)
            service_ports_count(m, &s->next->app, -1);
        touch(d, s, next);
    }
    for (size_t i = 0; i < d->touched_count; i++)
        if (d->touched[i]->next != d->touched[i]->spec) {
            ARRAY_ROOM(d->changed, d->changed_count, d->changed_cap);
            d->changed[d->changed_count++] = d->touched[i];
        }
    return 0;
}

static struct group_undo *undo_of(struct draft *d, struct group *g, bool created)
{
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].group == g)
            return &d->groups[i];
    ARRAY_ROOM(d->groups, d->group_count, d->group_cap);
    d->groups[d->group_count] = (struct group_undo){ .group = g,
                                                     .dependencies = g->dependencies,
                                                     .dependency_count = g->dependency_count,
                                                     .enforce_role = g->enforce_role,
                                                     .created = created };
    if (!created) { /* the undo list owns the old ones now */
        g->dependencies = NULL;
        size_t n = g->dependency_count;
        g->dependencies = n != 0 ? xcalloc(n, sizeof *g->dependencies) : NULL;
        for (size_t k = 0; k < n; k++)
            g->dependencies[k] = text_own(d->groups[d->group_count].dependencies[k]);
    }
    return &d->groups[d->group_count++];
}

static struct group *draft_group(struct draft *d, struct str path)
{
    struct group *g = group_find(d->m, path);

    if (g == NULL) {
        g = group_get(d->m, path);
        (void)undo_of(d, g, true);
        if (d->m->config.enforce_new_groups && path_is_root(path_parent(path)))
            g->enforce_role = (struct opt_bool){ true, true };
    }
    return g;
}

static void draft_parents(struct draft *d, struct str path)
{
    for (struct str p = path_parent(path); !path_is_root(p); p = path_parent(p))
        if (group_find(d->m, p) == NULL)
            (void)draft_group(d, p);
        else
            return;
}

static void draft_groups(struct draft *d)
{
    for (size_t i = 0; i < d->u->group_count; i++) {
        const struct update_group *ug = &d->u->groups[i];
        struct group *g;
        if (path_is_root(ug->path))
            continue;
        if (ug->remove) {
            g = group_find(d->m, ug->path);
            if (g != NULL)
                undo_of(d, g, false)->removed = true;
            continue;
        }
        g = draft_group(d, ug->path);
        struct group_undo *un = undo_of(d, g, false);
        un->removed = false;
        if (ug->dependencies != NULL) {
            for (size_t k = 0; k < g->dependency_count; k++)
                text_free(g->dependencies[k]);
            free(g->dependencies);
            g->dependency_count = ug->dependencies->n;
            g->dependencies =
                g->dependency_count != 0 ? xcalloc(g->dependency_count, sizeof *g->dependencies) : NULL;
            for (size_t k = 0; k < g->dependency_count; k++)
                g->dependencies[k] = text_own(*LIST_AT(*ug->dependencies, struct str, k));
        }
        if (ug->enforce_role.has)
            g->enforce_role = ug->enforce_role;
        draft_parents(d, ug->path);
    }
    for (size_t i = 0; i < d->changed_count; i++)
        if (d->changed[i]->next != NULL)
            draft_parents(d, d->changed[i]->id);
}

static bool group_is_removed(const struct draft *d, const struct group *g)
{
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].group == g)
            return d->groups[i].removed;
    return false;
}

static bool app_stays(const struct slot *s)
{
    return s != NULL && (s->has_next ? s->next : s->spec) != NULL;
}

/* NULL: a group and a service never share an id. */
static const char *clash_text(const struct draft *d)
{
    for (size_t i = 0; i < d->changed_count; i++) {
        const struct slot *s = d->changed[i];
        const struct group *g = s->next != NULL && s->spec == NULL ? group_find(d->m, s->id) : NULL;
        if (g != NULL && !group_is_removed(d, g))
            return s->next->app.pod != NULL ? "Groups and Pods may not have the same identifier."
                                            : "Groups and Applications may not have the same identifier.";
    }
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].created && app_stays(slot_find(d->m, d->groups[i].group->path)))
            return "Groups and Applications may not have the same identifier.";
    return NULL;
}

/* The roles of a group's services follow its enforceRole; which of them shall be meant is not to be guessed. */
static bool switches_roles(const struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++) {
        const struct group_undo *un = &d->groups[i];
        bool was = un->enforce_role.has && un->enforce_role.v, is = un->group->enforce_role.has && un->group->enforce_role.v;
        if (un->created || un->removed || was == is)
            continue;
        for (size_t k = 0; k < d->changed_count; k++)
            if (path_is_within(d->changed[k]->id, un->group->path))
                return true;
    }
    return false;
}

static bool find_conflicts(const struct draft *d, struct update_result *ret)
{
    for (size_t i = 0; i < d->changed_count; i++) {
        const struct deployment *dep = d->changed[i]->deployment;
        bool seen = false;
        if (dep == NULL)
            continue;
        for (size_t k = 0; k < ret->conflict_count && !seen; k++)
            seen = str_is(str_of(ret->conflicts[k]), dep->id);
        if (!seen && ret->conflict_count < CONFLICTS_MAX)
            memcpy(ret->conflicts[ret->conflict_count++], dep->id, sizeof dep->id);
    }
    return ret->conflict_count != 0;
}

/* --- dropping and taking ---------------------------------------------------------------------------------
 */
static void free_dependencies(struct str *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_free(v[i]);
    free(v);
}

static void drop(struct draft *d)
{
    struct marathon *m = d->m;

    for (size_t i = 0; i < d->touched_count; i++) {
        struct slot *s = d->touched[i];
        if (s->next != NULL && s->next != s->spec)
            service_ports_count(m, &s->next->app, -1);
        spec_unref(m, s->next);
        s->next = NULL;
        s->has_next = false;
        slot_maybe_free(m, s);
    }
    for (size_t i = d->group_count; i-- > 0;) {
        struct group_undo *un = &d->groups[i];
        if (un->created) {
            group_free(m, un->group);
            continue;
        }
        free_dependencies(un->group->dependencies, un->group->dependency_count);
        un->group->dependencies = un->dependencies;
        un->group->dependency_count = un->dependency_count;
        un->group->enforce_role = un->enforce_role;
    }
}

static void draft_free(struct draft *d)
{
    free(d->changed);
    free(d->touched);
    free(d->groups);
}

static void version_groups(struct marathon *m, struct str path, struct wall version)
{
    for (; !path_is_root(path); path = path_parent(path)) {
        struct group *g = group_find(m, path);
        if (g == NULL || g->version.ms == version.ms)
            continue;
        g->version = version;
        step_store(m, STORE_GROUP, g->path)->group = g;
    }
}

static void take_groups(struct draft *d)
{
    for (size_t i = 0; i < d->group_count; i++) {
        struct group_undo *un = &d->groups[i];
        if (!un->created)
            free_dependencies(un->dependencies, un->dependency_count);
        if (un->removed) {
            (void)step_store(d->m, STORE_GROUP_DELETE, un->group->path);
            group_free(d->m, un->group);
        }
    }
    for (size_t i = 0; i < d->group_count; i++)
        if (!d->groups[i].removed)
            version_groups(d->m, d->groups[i].group->path, d->version);
}

void change_free(struct marathon *m, struct root_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        text_free(c->entries[i].id);
        spec_unref(m, c->entries[i].before);
    }
    for (size_t i = 0; i < c->new_group_count; i++)
        text_free(c->new_groups[i]);
    free(c->new_groups);
    free(c->entries);
    free(c);
}

static void note_change(struct draft *d)
{
    struct marathon *m = d->m;
    struct root_change *c = xcalloc(1, sizeof *c);
    size_t cap = 0;

    c->version = d->version;
    c->entries = xcalloc(d->changed_count + 1, sizeof *c->entries);
    for (size_t i = 0; i < d->changed_count; i++)
        c->entries[c->n++] =
            (struct root_entry){ text_own(d->changed[i]->id), spec_ref(d->changed[i]->spec) };
    for (size_t i = 0; i < d->group_count; i++)
        if (d->groups[i].created) {
            ARRAY_ROOM(c->new_groups, c->new_group_count, cap);
            c->new_groups[c->new_group_count++] = text_own(d->groups[i].group->path);
        }
    if (m->change_count >= m->config.versions_max) {
        struct root_change *old = m->changes[0];
        step_store(m, STORE_CHANGE_DELETE, STR("/"))->version = old->version;
        memmove(m->changes, m->changes + 1, --m->change_count * sizeof *m->changes);
        change_free(m, old);
    }
    ARRAY_ROOM(m->changes, m->change_count, m->change_cap);
    m->changes[m->change_count++] = c;
    step_store(m, STORE_CHANGE, STR("/"))->change = c;
}

static void take_slot(struct draft *d, struct slot *s)
{
    struct marathon *m = d->m;
    struct spec *next = s->next;

    if (s->spec != NULL)
        service_ports_count(m, &s->spec->app, -1);
    if (s->spec != NULL && next == NULL)
        deleted_note(m, s->spec);
    if (s->spec == NULL && next != NULL)
        deleted_returned(m, next);
    if (next != NULL) {
        if (!next->stored) {
            struct store_op *op = step_store(m, STORE_SPEC, next->app.id);
            op->spec = next;
            op->version = next->version;
            next->stored = true;
            slot_add_version(m, s, next);
        }
        if (s->spec != NULL && s->spec->config_at.ms != next->config_at.ms) {
            backoff_reset(&s->backoff);
            timer_clear(&m->timers, &s->backoff_timer);
            launch_wait(m, s);
        }
    }
    slot_set_spec(m, s, next);
    if (next != NULL) {
        struct store_op *op = step_store(m, STORE_CURRENT, s->id);
        op->slot = s;
        op->version = next->version;
    } else {
        (void)step_store(m, STORE_CURRENT_DELETE, s->id);
    }
    version_groups(m, path_parent(s->id), d->version);
}

static void sentence(struct marathon *m, const struct root_update *u)
{
    for (size_t i = 0; i < u->kill_count; i++) {
        struct instance *in = instance_of_task(m, u->kill_ids[i]);
        if (in != NULL)
            in->sentenced = true;
    }
}

static struct str changed_group(const struct root_update *u)
{
    return u->changed_group.n != 0 ? u->changed_group : STR("/");
}

static void take(struct draft *d, struct update_result *ret)
{
    struct marathon *m = d->m;
    struct deployment *dep;
    struct bus_event *e;

    for (size_t i = 0; i < ret->conflict_count; i++) {
        struct deployment *old = deployment_find(m, str_of(ret->conflicts[i]));
        if (old != NULL)
            deployment_fail(m, old,
                            d->u->cancel_reason != NULL ? d->u->cancel_reason : "The upgrade has been cancelled");
    }
    m->version = d->version;
    dep = deployment_new(m, d->version);
    dep->plan = d->plan;
    dep->is_back = d->u->is_back;
    HASH_ADD_KEYPTR(hh, m->deployments, dep->id, strlen(dep->id), dep);
    DL_APPEND(m->deployment_list, dep);
    m->deployment_count++;
    note_change(d);
    take_groups(d);
    for (size_t i = 0; i < d->changed_count; i++) {
        take_slot(d, d->changed[i]);
        d->changed[i]->deployment = dep;
    }
    for (size_t i = 0; i < d->touched_count; i++) {
        struct slot *s = d->touched[i];
        spec_unref(m, s->next);
        s->next = NULL;
        s->has_next = false;
    }
    sentence(m, d->u);
    step_store(m, STORE_DEPLOYMENT, str_of(dep->id))->deployment = dep;
    e = bus_emit(m, BUS_GROUP_CHANGE_SUCCESS);
    e->group_id = step_keep(m, changed_group(d->u));
    e->version = d->version;
    memcpy(ret->deployment_id, dep->id, sizeof dep->id);
    ret->version = d->version;
    ret->done = true;
    deployment_start(m, dep);
}

static int work_out(struct draft *d, struct update_result *ret, struct error *err)
{
    int rc = draft_apps(d, ret, err);
    const char *clash;

    if (rc < 0)
        return rc;
    draft_groups(d);
    clash = clash_text(d);
    if (clash != NULL) {
        ret->problem = UPDATE_CLASH;
        return error_set(err, ERR_INVALID, "%s", clash);
    }
    if (switches_roles(d)) {
        ret->problem = UPDATE_ROLES;
        return error_set(err, ERR_INVALID,
                         "enforceRole cannot be modified in a request that adds, removes or modifies services; "
                         "please make these changes in separate requests.");
    }
    if (!plan_build(d->m, d->changed, d->changed_count, d->u->group_count != 0, &d->plan, ret->text, sizeof ret->text)) {
        ret->problem = UPDATE_CYCLE;
        return error_set(err, ERR_INVALID, "%s", ret->text);
    }
    if (find_conflicts(d, ret) && !d->u->force && !d->u->dry_run) {
        ret->problem = UPDATE_LOCKED;
        return error_set(err, ERR_CONFLICT, "App is locked by one or more deployments.");
    }
    return 0;
}

static int too_many(const struct marathon *m, struct update_result *ret, struct error *err)
{
    ret->problem = UPDATE_TOO_MANY;
    return error_set(err, ERR_LIMIT,
                     "Max number (%u) of running deployments is achieved. Wait for existing deployments to complete or "
                     "cancel oneusing force=true parameter.",
                     m->config.deployments_max);
}

static int apply(struct marathon *m, const struct root_update *u, struct wall version, struct update_result *ret,
                 struct error *err)
{
    struct draft d = { .m = m, .u = u, .version = version };
    int rc;

    if (m->deployment_count >= m->config.deployments_max && !u->dry_run)
        return too_many(m, ret, err);
    rc = work_out(&d, ret, err);
    if (rc < 0 || u->dry_run) {
        if (rc == 0) {
            struct deployment *dep = deployment_new(m, d.version);
            dep->plan = d.plan;
            ret->plan = dep;
            ret->prediction = predict(m, &d.plan, &m->out->arena);
            ret->done = true;
            memcpy(ret->deployment_id, dep->id, sizeof dep->id);
            ret->version = d.version;
            deployment_bury(m, dep);
        } else {
            plan_free(m, &d.plan);
        }
        drop(&d);
    } else {
        take(&d, ret);
    }
    draft_free(&d);
    return rc;
}

int root_update_apply(struct marathon *m, const struct root_update *u, struct update_result *ret, struct error *err)
{
    struct wall version = m->wall;
    struct error own = { 0 };
    int rc;

    if (version.ms <= m->version.ms)
        version.ms = m->version.ms + 1;
    if (err == NULL)
        err = &own;
    rc = apply(m, u, version, ret, err);
    if (rc < 0 && !u->dry_run) {
        struct bus_event *e = bus_emit(m, BUS_GROUP_CHANGE_FAILED);
        e->group_id = step_keep(m, changed_group(u));
        e->version = version;
        e->reason = step_keep(m, str_of(err->msg));
    }
    return rc;
}
