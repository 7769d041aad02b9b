/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: a tree on request, flat tables behind. A group update is flattened into changes of apps and groups
 * and applied as one. Source: marathon-api §6, marathon-behaviour §12. */
#include <math.h>
#include <stdlib.h>

#include "marathon/api/int.h"
#include "marathon/flags.h"

/* --- showing --- */
/* By path with '/' before everything else, so that a subtree is contiguous. */
static int compare_paths(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++)
        if (a.p[i] != b.p[i])
            return a.p[i] == '/' ? -1 : b.p[i] == '/' ? 1 : (unsigned char)a.p[i] - (unsigned char)b.p[i];
    return a.n < b.n ? -1 : a.n > b.n;
}

static int compare_groups(const void *a, const void *b)
{
    return compare_paths((*(struct group *const *)a)->path, (*(struct group *const *)b)->path);
}

static int compare_slots(const void *a, const void *b)
{
    return compare_paths((*(struct slot *const *)a)->id, (*(struct slot *const *)b)->id);
}

struct tree {
    struct call *c;
    struct jsonw *w;
    struct group **groups;
    size_t group_count;
    struct slot **slots;
    size_t slot_count;
    unsigned embed;
};

static void tree_fill(struct tree *t, struct str root)
{
    struct marathon *m = t->c->m;
    struct group *g, *gt;
    struct slot *s, *st;

    t->groups = xcalloc(HASH_COUNT(m->groups) + 1, sizeof(struct group *));
    t->slots = xcalloc(HASH_COUNT(m->slots) + 1, sizeof(struct slot *));
    HASH_ITER(hh, m->groups, g, gt)
    if (path_is_within(g->path, root) && !str_eq(g->path, root))
        t->groups[t->group_count++] = g;
    HASH_ITER(hh, m->slots, s, st)
    if (s->spec != NULL && path_is_within(s->id, root))
        t->slots[t->slot_count++] = s;
    qsort(t->groups, t->group_count, sizeof(struct group *), compare_groups);
    qsort(t->slots, t->slot_count, sizeof(struct slot *), compare_slots);
}

/* Members of group path are groups [g, g_end) and slots [s, s_end) of the sorted arrays. */
static void render_group(struct tree *t, struct str path, const struct group *self, size_t g, size_t g_end,
                         size_t s, size_t s_end)
{
    struct jsonw *w = t->w;
    size_t at = s;

    jsonw_open(w);
    jsonw_key_s(w, "id", path);
    jsonw_key_array(w, "apps");
    if ((t->embed & EMBED_APPS) != 0)
        for (size_t i = s; i < s_end; i++)
            if (slot_is_app(t->slots[i]) && str_eq(path_parent(t->slots[i]->id), path))
                render_app(t->c, w, t->slots[i]->spec, t->slots[i], t->embed, true);
    jsonw_array_close(w);
    jsonw_key_array(w, "groups");
    if ((t->embed & EMBED_GROUPS) != 0)
        while (g < g_end) {
            const struct group *child = t->groups[g];
            size_t next = g + 1, a = at, b;
            while (next < g_end && path_is_within(t->groups[next]->path, child->path))
                next++;
            while (a < s_end && compare_paths(t->slots[a]->id, child->path) < 0)
                a++;
            for (b = a; b < s_end && path_is_within(t->slots[b]->id, child->path);)
                b++;
            render_group(t, child->path, child, g + 1, next, a, b);
            at = b;
            g = next;
        }
    jsonw_array_close(w);
    jsonw_key_array(w, "pods");
    if ((t->embed & EMBED_PODS) != 0)
        for (size_t i = s; i < s_end; i++)
            if (slot_is_pod(t->slots[i]) && str_eq(path_parent(t->slots[i]->id), path))
                render_pod_status(t->c, w, t->slots[i]);
    jsonw_array_close(w);
    jsonw_key_array(w, "dependencies");
    for (size_t i = 0; self != NULL && i < self->dependency_count; i++)
        jsonw_str(w, self->dependencies[i]);
    jsonw_array_close(w);
    jsonw_key_wall(w, "version", self != NULL ? self->version : t->c->m->version);
    /* The original shows it on every top-level group; a widespread client cannot parse it, so only when it
     * was set. */
    if (self != NULL && self->enforce_role.has && path_is_root(path_parent(path)))
        jsonw_key_bool(w, "enforceRole", self->enforce_role.v);
    jsonw_close(w);
}

static bool group_exists(struct call *c, struct str id)
{
    return path_is_root(id) || group_find(c->m, id) != NULL;
}

/* Of the group and what is below it; NULL: there is none. */
static const struct wall *version_of(struct call *c, struct str id)
{
    const struct group *g = group_find(c->m, id);

    return path_is_root(id) ? &c->m->version : g != NULL ? &g->version : NULL;
}

static void missing(struct call *c, struct str id)
{
    answer_message(c, 404, "Group '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
}

static void group_show(struct call *c, struct str id)
{
    struct tree t = { .c = c, .embed = embeds(c) };
    struct jsonw w;

    if (!group_exists(c, id)) {
        missing(c, id);
        return;
    }
    if (query_text(c, "embed").p == NULL)
        t.embed = EMBED_GROUPS | EMBED_APPS | EMBED_PODS;
    tree_fill(&t, id);
    answer_etag(c, *version_of(c, id));
    w = answer_json(c, 200);
    t.w = &w;
    render_group(&t, id, path_is_root(id) ? NULL : group_find(c->m, id), 0, t.group_count, 0, t.slot_count);
    free(t.groups);
    free(t.slots);
}

static void group_apps(struct call *c, struct str id)
{
    unsigned embed = embeds(c);
    struct jsonw w = answer_json(c, 200);
    struct slot *s, *tmp;

    jsonw_array(&w);
    HASH_ITER(hh, c->m->slots, s, tmp)
    if (slot_is_app(s) && path_is_within(s->id, id))
        render_app(c, &w, s->spec, s, embed, true);
    jsonw_array_close(&w);
}

/* --- versions --- */
static bool group_existed(const struct call *c, struct str id, struct wall version)
{
    const struct marathon *m = c->m;

    for (size_t i = 0; i < m->change_count; i++)
        if (m->changes[i]->version.ms > version.ms)
            for (size_t k = 0; k < m->changes[i]->new_group_count; k++)
                if (str_eq(m->changes[i]->new_groups[k], id))
                    return false;
    return true;
}

static void group_versions(struct call *c, struct str id)
{
    struct jsonw w;

    if (!group_exists(c, id)) {
        missing(c, id);
        return;
    }
    w = answer_json(c, 200);
    jsonw_array(&w);
    for (size_t i = c->m->change_count; i-- > 0;)
        if (group_existed(c, id, c->m->changes[i]->version))
            jsonw_wall(&w, c->m->changes[i]->version);
    jsonw_array_close(&w);
}

static bool is_root_version(const struct call *c, struct wall v)
{
    for (size_t i = 0; i < c->m->change_count; i++)
        if (c->m->changes[i]->version.ms == v.ms)
            return true;
    return false;
}

/* Ids of all apps that are or were (in kept history) within group. */
static size_t known_ids(struct call *c, struct str group, struct str **ret)
{
    const struct marathon *m = c->m;
    size_t n = 0, cap = HASH_COUNT(m->slots) + 1;
    struct slot *s, *tmp;

    for (size_t i = 0; i < m->change_count; i++)
        cap += m->changes[i]->n;
    *ret = arena_array(&c->arena, cap, sizeof **ret);
    if (*ret == NULL)
        return 0;
    HASH_ITER(hh, m->slots, s, tmp)
    if (path_is_within(s->id, group))
        (*ret)[n++] = s->id;
    for (size_t i = 0; i < m->change_count; i++)
        for (size_t k = 0; k < m->changes[i]->n; k++) {
            struct str id = m->changes[i]->entries[k].id;
            bool seen = slot_find(m, id) != NULL;
            for (size_t j = n; j-- > 0 && !seen;)
                seen = str_eq((*ret)[j], id);
            if (!seen && path_is_within(id, group))
                (*ret)[n++] = id;
        }
    return n;
}

/* An app may be gone with its slot and still be known to the history. */
static struct spec *app_at(const struct call *c, struct str id, struct wall version)
{
    return marathon_app_at(c->m, id, version);
}

/* The tree as it was: its apps at that version, and the groups that existed then, as far as they exist now.
 */
struct past {
    struct call *c;
    struct jsonw *w;
    struct wall v;
    struct spec **specs;
    struct str *groups; /* sorted */
    size_t spec_count, group_count;
};

static int compare_past(const void *a, const void *b)
{
    return compare_paths(*(const struct str *)a, *(const struct str *)b);
}

static void render_past(struct past *p, struct str path, size_t g, size_t g_end)
{
    const struct group *self = path_is_root(path) ? NULL : group_find(p->c->m, path);
    struct jsonw *w = p->w;

    jsonw_open(w);
    jsonw_key_s(w, "id", path);
    jsonw_key_array(w, "apps");
    for (size_t i = 0; i < p->spec_count; i++)
        if (p->specs[i]->app.pod == NULL && str_eq(path_parent(p->specs[i]->app.id), path))
            render_app(p->c, w, p->specs[i], NULL, 0, true);
    jsonw_array_close(w);
    jsonw_key_array(w, "groups");
    while (g < g_end) {
        size_t next = g + 1;
        while (next < g_end && path_is_within(p->groups[next], p->groups[g]))
            next++;
        render_past(p, p->groups[g], g + 1, next);
        g = next;
    }
    jsonw_array_close(w);
    jsonw_key_array(w, "pods");
    for (size_t i = 0; i < p->spec_count; i++)
        if (p->specs[i]->app.pod != NULL && str_eq(path_parent(p->specs[i]->app.id), path))
            render_pod_spec(w, p->specs[i]);
    jsonw_array_close(w);
    jsonw_key_array(w, "dependencies");
    for (size_t i = 0; self != NULL && i < self->dependency_count; i++)
        jsonw_str(w, self->dependencies[i]);
    jsonw_array_close(w);
    jsonw_key_wall(w, "version", p->v);
    jsonw_close(w);
}

static void render_version(struct call *c, struct jsonw *w, struct str id, struct wall v)
{
    struct past p = { .c = c, .w = w, .v = v };
    struct str *ids;
    size_t n = known_ids(c, id, &ids);
    struct group *g, *tmp;

    p.specs = xcalloc(n + 1, sizeof(struct spec *));
    p.groups = xcalloc(HASH_COUNT(c->m->groups) + 1, sizeof(struct str));
    for (size_t i = 0; i < n; i++)
        if ((p.specs[p.spec_count] = app_at(c, ids[i], v)) != NULL)
            p.spec_count++;
    HASH_ITER(hh, c->m->groups, g, tmp)
    if (path_is_within(g->path, id) && !str_eq(g->path, id) && group_existed(c, g->path, v))
        p.groups[p.group_count++] = g->path;
    qsort(p.groups, p.group_count, sizeof(struct str), compare_past);
    render_past(&p, id, 0, p.group_count);
    free(p.specs);
    free(p.groups);
}

static void group_version(struct call *c, struct str id, struct str version)
{
    struct wall v;
    struct jsonw w;

    if (!parse_version(c, version, &v))
        return;
    if (!is_root_version(c, v) || !group_existed(c, id, v) || !group_exists(c, id)) {
        answer_message(c, 404, "Group '%.*s' does not exist in version %.*s", STR_ARG(str_sub(id, 0, 1000)),
                       STR_ARG(version));
        return;
    }
    w = answer_json(c, 200);
    render_version(c, &w, id, v);
}

/* --- changing --- */
struct named {
    struct str id;
    UT_hash_handle hh;
};

struct flat {
    struct call *c;
    struct update_app *apps;
    size_t app_count, app_cap;
    struct update_group *groups;
    size_t group_count, group_cap;
    struct named *app_ids, *group_ids; /* what stays */
    struct str pruned;                 /* one that goes because it is not named; p NULL: none */
    bool failed;
};

static void add_app(struct flat *f, struct str id, const struct app *a)
{
    ARRAY_ROOM(f->apps, f->app_count, f->app_cap);
    f->apps[f->app_count++] = (struct update_app){ .id = id, .app = a };
}

static void add_group(struct flat *f, struct update_group g)
{
    ARRAY_ROOM(f->groups, f->group_count, f->group_cap);
    f->groups[f->group_count++] = g;
}

static void remember(struct flat *f, struct named **table, struct str id)
{
    struct named *n = arena_alloc(&f->c->arena, sizeof *n);

    if (n == NULL)
        return;
    n->id = id;
    HASH_ADD_KEYPTR(hh, *table, n->id.p, n->id.n, n);
}

static bool is_named(struct named *table, struct str id)
{
    struct named *n;
    HASH_FIND(hh, table, id.p, id.n, n);
    return n != NULL;
}

static void flatten_apps(struct flat *f, const struct group_update *gu, const cJSON *json, struct str path,
                         const struct place *at)
{
    const cJSON *list = body_get(json, "apps"), *e;
    size_t i = 0;
    struct slot *s, *tmp;

    (void)gu;
    if (list == NULL)
        return;
    cJSON_ArrayForEach(e, list)
    {
        struct place p = PLACE_INDEX(at, "apps", i++), pid = PLACE_FIELD(&p, "id");
        struct app *a = app_from_json(f->c, e, path, &p, true);
        if (a == NULL) {
            f->failed = true;
            return;
        }
        if (!str_eq(path_parent(a->id), path)) {
            issue_at(&f->c->issues, &pid, "Identifier is not child of '%.*s'",
                     STR_ARG(str_sub(path, 0, 300)));
            answer_issues(f->c, "Object is not valid");
            f->failed = true;
            return;
        }
        add_app(f, a->id, a);
        remember(f, &f->app_ids, a->id);
    }
    HASH_ITER(hh, f->c->m->slots, s, tmp)
    if (slot_is_app(s) && str_eq(path_parent(s->id), path) && !is_named(f->app_ids, s->id)) {
        f->pruned = s->id;
        add_app(f, s->id, NULL);
    }
}

static void remove_below(struct flat *f, struct str path)
{
    struct marathon *m = f->c->m;
    struct group *g, *gt;
    struct slot *s, *st;

    HASH_ITER(hh, m->slots, s, st)
    if (s->spec != NULL && path_is_within(s->id, path))
        add_app(f, s->id, NULL);
    HASH_ITER(hh, m->groups, g, gt)
    if (path_is_within(g->path, path))
        add_group(f, (struct update_group){ .path = g->path, .remove = true });
}

static void flatten(struct flat *f, const struct group_update *gu, const cJSON *json, struct str path,
                    const struct place *at);

static void flatten_groups(struct flat *f, const struct group_update *gu, const cJSON *json, struct str path,
                           const struct place *at)
{
    const cJSON *list = body_get(json, "groups"), *e;
    struct group *g, *gt;
    size_t i = 0;

    if (list == NULL)
        return;
    cJSON_ArrayForEach(e, list)
    {
        struct place p = PLACE_INDEX(at, "groups", i), pid = PLACE_FIELD(&p, "id");
        const struct group_update *sub = LIST_AT(gu->groups, struct group_update, i++);
        if (sub->id.p == NULL) {
            issue_at(&f->c->issues, &pid, "'id' is undefined on object");
            answer_issues(f->c, "Invalid JSON");
            f->failed = true;
            return;
        }
        struct str child = path_resolve(&f->c->arena, path, sub->id);
        if (!str_eq(path_parent(child), path) || path_is_root(child)) {
            issue_at(&f->c->issues, &pid, "Identifier is not child of '%.*s'",
                     STR_ARG(str_sub(path, 0, 300)));
            answer_issues(f->c, "Object is not valid");
            f->failed = true;
            return;
        }
        remember(f, &f->group_ids, child);
        flatten(f, sub, e, child, &p);
        if (f->failed)
            return;
    }
    HASH_ITER(hh, f->c->m->groups, g, gt)
    if (str_eq(path_parent(g->path), path) && !str_eq(g->path, path) && !is_named(f->group_ids, g->path)) {
        f->pruned = g->path;
        remove_below(f, g->path);
    }
}

static void flatten(struct flat *f, const struct group_update *gu, const cJSON *json, struct str path,
                    const struct place *at)
{
    struct update_group ug = { .path = path, .enforce_role = gu->enforce_role };

    if (gu->dependencies.has) {
        LIST_EACH(gu->dependencies, struct str, d)
        *d = path_resolve(&f->c->arena, path, *d);
        ug.dependencies = &gu->dependencies;
    }
    if (path.n > GROUP_ID_BYTES_MAX) {
        struct place p = PLACE_FIELD(at, "id");
        issue_at(&f->c->issues, &p, "is %zu characters long; the limit is %d", path.n, GROUP_ID_BYTES_MAX);
        answer_issues(f->c, "Object is not valid");
        f->failed = true;
        return;
    }
    if (gu->enforce_role.has && !path_is_root(path_parent(path))) {
        struct place p = PLACE_FIELD(at, "enforceRole");
        issue_at(&f->c->issues, &p,
                 "enforceRole can only be set for top-level groups, and %.*s is not top-level",
                 STR_ARG(str_sub(path, 0, 300)));
        answer_issues(f->c, "Object is not valid");
        f->failed = true;
        return;
    }
    add_group(f, ug);
    if (gu->enforce_role.has && !group_exists(f->c, path)) {
        f->c->new_group = path;
        f->c->new_group_role = gu->enforce_role;
    }
    flatten_apps(f, gu, json, path, at);
    if (!f->failed)
        flatten_groups(f, gu, json, path, at);
}

static void scale_by(struct flat *f, struct str path, double factor)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, f->c->m->slots, s, tmp)
    {
        struct app *a;
        double n;
        if (!slot_is_app(s) || !path_is_within(s->id, path))
            continue;
        a = app_clone(&s->spec->app, &f->c->arena);
        if (a == NULL)
            continue;
        n = ceil((double)a->instances.v * factor - 1e-9);
        a->instances.v = n > 2147483647.0 ? 2147483647 : (int64_t)n;
        add_app(f, s->id, a);
    }
}

static bool roll_back(struct flat *f, struct str path, struct wall version, struct str text)
{
    struct str *ids;
    size_t n;

    if (!is_root_version(f->c, version) || !group_existed(f->c, path, version)) {
        answer_message(f->c, 422, "Group %.*s not available in version %.*s", STR_ARG(str_sub(path, 0, 1000)),
                       STR_ARG(text));
        return false;
    }
    n = known_ids(f->c, path, &ids);
    for (size_t i = 0; i < n; i++) {
        struct spec *s = app_at(f->c, ids[i], version);
        struct slot *now = slot_find(f->c->m, ids[i]);
        if ((s != NULL && s->app.pod != NULL) || (now != NULL && slot_is_pod(now)))
            continue; /* never touched by a group update */
        add_app(f, ids[i], s != NULL ? &s->app : NULL);
    }
    return true;
}

/* False: something stands beside the field that must stand alone; noted as an issue. */
static bool alone(struct call *c, const cJSON *json, const char *field)
{
    struct place p = PLACE_FIELD(NULL, field);
    const cJSON *e;

    cJSON_ArrayForEach(e, json) if (!cJSON_IsNull(e) && !str_is(str_of(e->string), field) &&
                                    !str_is(str_of(e->string), "id"))
    {
        issue_at(&c->issues, &p, "not allowed in conjunction with other properties.");
        return false;
    }
    return true;
}

static bool stands_alone(struct call *c, const struct group_update *gu, const cJSON *json)
{
    bool version = !gu->version.has || alone(c, json, "version"), scale = !gu->scale_by.has || alone(c, json, "scaleBy");

    if (!version || !scale)
        answer_issues(c, "Object is not valid");
    return version && scale;
}

/* The group's apps are decoded from the tree again, one by one, with their own defaults: a group_update keeps
 * only the shape. */
static bool decode_shape(struct call *c, const cJSON *json, struct group_update *gu)
{
    value_decode(&schema_group_update, json, gu, false, &c->arena, &c->issues, NULL);
    return !answer_bad(c, "Invalid JSON");
}

/* The path of the group that the update is about; p NULL: it is bad, and that is the answer. */
static struct str update_path(struct call *c, const struct group_update *gu, struct str url_path, bool create)
{
    struct place p = PLACE_FIELD(NULL, "id");
    struct str path = gu->id.p != NULL ? path_resolve(&c->arena, url_path, gu->id) : url_path;

    if (create && gu->id.p == NULL)
        issue_at(&c->issues, &p, "'id' is undefined on object");
    else if (!path_matches_pattern(path)) /* the body's id was looked at already: it is the URL's */
        issue_at(&c->issues, &p, "error.pattern");
    return answer_bad(c, "Invalid JSON") ? (struct str){ NULL, 0 } : path;
}

/* Whether it may be there, or not be there, as the request wants it; false: it may not, and that is the answer. */
static bool may_update(struct call *c, struct str path, bool create)
{
    const struct slot *clash = slot_find(c->m, path);

    if (!create)
        return precondition_on(c, version_of(c, path));
    if (clash != NULL && clash->spec != NULL)
        answer_message(c, 409, "An app with the path %.*s already exists.", STR_ARG(str_sub(path, 0, 1000)));
    else if (group_exists(c, path))
        answer_message(c, 409, "Group %.*s is already created. Use PUT to change this group.",
                       STR_ARG(str_sub(path, 0, 1000)));
    else
        return true;
    return false;
}

/* The changes of apps and groups that the update means; false: it is bad, and that is the answer. */
static bool work_out(struct call *c, const struct group_update *gu, const cJSON *json, struct str path, struct flat *f)
{
    if (!stands_alone(c, gu, json))
        return false;
    if (gu->scale_by.has) {
        if (!group_exists(c, path)) {
            missing(c, path);
            return false;
        }
        scale_by(f, path, gu->scale_by.v);
    } else if (gu->version.has) {
        if (!roll_back(f, path, gu->version.v, body_str(json, "version")))
            return false;
    } else {
        flatten(f, gu, json, path, NULL);
    }
    HASH_CLEAR(hh, f->app_ids);
    HASH_CLEAR(hh, f->group_ids);
    if (!f->failed && f->pruned.p != NULL && c->api->flags->safe_groups && !query_flag(c, "prune", false)) {
        answer_message(c, 422,
                       "The update leaves out '%.*s', which would be removed. Name it, or say prune=true.",
                       STR_ARG(str_sub(f->pruned, 0, 1000)));
        return false;
    }
    return !f->failed;
}

static void flat_done(struct flat *f)
{
    free(f->apps);
    free(f->groups);
}

static void group_update_run(struct call *c, const cJSON *json, struct str url_path, bool create)
{
    struct group_update *gu = arena_alloc(&c->arena, sizeof *gu);
    struct flat f = { .c = c };
    struct root_update u = { .force = query_flag(c, "force", false), .dry_run = query_flag(c, "dryRun", false) };
    const struct update_result *res;
    struct str path;

    if (gu == NULL || !decode_shape(c, json, gu))
        return;
    path = update_path(c, gu, url_path, create);
    if (path.p == NULL || !may_update(c, path, create))
        return;
    if (work_out(c, gu, json, path, &f)) {
        u.apps = f.apps;
        u.app_count = f.app_count;
        u.groups = f.groups;
        u.group_count = f.group_count;
        u.changed_group = path;
        if (run_update(c, &u, &res)) {
            if (u.dry_run) {
                answer_dry_run(c, res);
            } else {
                answer_deployment(c, create ? 201 : 200, res);
                if (create)
                    answer_location(c, path);
            }
        }
    }
    flat_done(&f);
}

static void group_change(struct call *c, struct str url_path, bool create)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);

    if (json != NULL)
        group_update_run(c, json, url_path, create);
}

/* An update replaces what it names and keeps what it does not, as a merge patch does; only a null, which removes,
 * has to be said in its words. */
static void group_merge_patch(struct call *c, struct str id, const cJSON *patch)
{
    static const char *const fields[] = { "apps", "groups", "dependencies", "enforceRole", "id" };
    CLEANUP(body_free_p) cJSON *update = cJSON_Duplicate(patch, true);
    const cJSON *e;

    if (!cJSON_IsObject(update)) {
        issue_at(&c->issues, NULL, "error.expected.jsobject");
        answer_issues(c, "Invalid JSON");
        return;
    }
    cJSON_ArrayForEach(e, patch)
    {
        struct place p = PLACE_FIELD(NULL, arena_str(&c->arena, str_of(e->string)).p);
        size_t i = 0;
        while (i < 5 && !str_is(str_of(e->string), fields[i]))
            i++;
        if (i == 5 || (i == 4 && (cJSON_IsNull(e) || !str_eq(path_resolve(&c->arena, id, body_str(patch, "id")), id))))
            issue_at(&c->issues, &p, "cannot be changed by a merge patch");
        else if (cJSON_IsNull(e))
            cJSON_ReplaceItemInObjectCaseSensitive(update, e->string, i == 3 ? cJSON_CreateFalse() : cJSON_CreateArray());
    }
    if (!answer_bad(c, "Object is not valid"))
        group_update_run(c, update, id, false);
}

static void group_delete(struct call *c, struct str id)
{
    struct flat f = { .c = c };
    struct root_update u = {
        .force = query_flag(c, "force", false), .dry_run = query_flag(c, "dryRun", false), .changed_group = id
    };
    const struct update_result *res;

    if (!group_exists(c, id)) {
        missing(c, id);
        return;
    }
    if (!precondition_on(c, version_of(c, id)))
        return;
    remove_below(&f, id);
    u.apps = f.apps;
    u.app_count = f.app_count;
    u.groups = f.groups;
    u.group_count = f.group_count;
    if (run_update(c, &u, &res)) {
        if (u.dry_run)
            answer_dry_run(c, res);
        else
            answer_deployment(c, 200, res);
    }
    flat_done(&f);
}

static void group_patch(struct call *c, struct str id)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const cJSON *v = json != NULL ? body_get(json, "enforceRole") : NULL;
    struct update_group g = { .path = id };
    struct root_update u = { .groups = &g, .group_count = 1, .changed_group = id };
    struct place p = PLACE_FIELD(NULL, "enforceRole");
    const struct update_result *res;

    if (json == NULL)
        return;
    if (!group_exists(c, id)) {
        missing(c, id);
        return;
    }
    if (body_is_merge_patch(c)) {
        group_merge_patch(c, id, json);
        return;
    }
    if (!precondition_on(c, version_of(c, id)))
        return;
    if (v != NULL && !cJSON_IsBool(v)) {
        issue_at(&c->issues, &p, "error.expected.jsboolean");
        answer_issues(c, "Invalid JSON");
        return;
    }
    if (path_is_root(id) || !path_is_root(path_parent(id))) {
        issue_at(&c->issues, &p,
                 "enforceRole can only be set for top-level groups, and %.*s is not top-level",
                 STR_ARG(str_sub(id, 0, 300)));
        answer_issues(c, "Object is not valid");
        return;
    }
    if (v != NULL)
        g.enforce_role = (struct opt_bool){ true, cJSON_IsTrue(v) };
    if (run_update(c, &u, &res))
        answer_text(c, 200, NULL, STR(""));
}

void handle_groups(struct call *c)
{
    bool get = c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD;
    struct str last = c->n > 2 ? c->segments[c->n - 1] : STR("");

    if (get && str_is(last, "apps")) {
        group_apps(c, segments_path(c, 2, c->n - 1));
        return;
    }
    if (get && str_is(last, "versions")) {
        group_versions(c, segments_path(c, 2, c->n - 1));
        return;
    }
    if (get && c->n > 3 && str_is(c->segments[c->n - 2], "versions")) {
        group_version(c, segments_path(c, 2, c->n - 2), last);
        return;
    }
    struct str id = segments_path(c, 2, c->n);
    switch (c->r->verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        group_show(c, id);
        return;
    case HTTP_VERB_POST:
        group_change(c, id, true);
        return;
    case HTTP_VERB_PUT:
        group_change(c, id, false);
        return;
    case HTTP_VERB_PATCH:
        group_patch(c, id);
        return;
    case HTTP_VERB_DELETE:
        group_delete(c, id);
        return;
    case HTTP_VERB_OPTIONS:
    case HTTP_VERB_OTHER:
        break;
    }
    answer_not_allowed(c, "GET, POST, PUT, PATCH, DELETE, OPTIONS");
}
