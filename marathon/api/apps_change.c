/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, changing, restarting and removing apps. Each request becomes one update of the root.
 * Source: marathon-api §5, marathon-behaviour §2. */
#include "marathon/api/int.h"

/* What would be done, and nothing is. */
static bool answered_dry_run(struct call *c, const struct root_update *u, const struct update_result *res)
{
    if (u->dry_run)
        answer_dry_run(c, res);
    return u->dry_run;
}

static void post_event(struct call *c, struct str id)
{
    const struct slot *s = slot_find(c->m, id);
    struct bus_event e = {
        .type = BUS_API_POST, .at = c->api->wall(c->api->ctx), .client = c->r->client, .uri = c->r->path
    };

    if (s == NULL || s->spec == NULL)
        return;
    e.spec = s->spec;
    c->api->publish(c->api->ctx, &e);
}

/* One id is never an app and a pod. True: it is a pod's, and that is the answer. */
static bool is_pods(struct call *c, struct str id)
{
    const struct slot *s = slot_find(c->m, id);

    if (s == NULL || !slot_is_pod(s))
        return false;
    issue_at(&c->issues, NULL, "Applications and Pods may not share the same id");
    answer_issues(c, "Object is not valid");
    return true;
}

/* A group that the request makes is not there yet: what it says of itself counts. */
static bool enforces(const struct call *c, struct str id)
{
    struct str top = path_top_group(id);

    if (c->new_group_role.has && top.n != 0 && str_eq(str_sub(id, 0, top.n + 1), c->new_group))
        return c->new_group_role.v;
    return role_is_enforced(c->m, id);
}

static void default_role(struct call *c, struct app *a, struct str id)
{
    if (a->role.p == NULL && enforces(c, id))
        a->role = path_top_group(id);
}

static bool validate(struct call *c, const struct app *a, const struct slot *stored, const struct place *at,
                     bool in_group)
{
    struct validate_context vc = { .config = &c->m->config,
                                   .place = at,
                                   .in_group = in_group,
                                   .enforce_role = enforces(c, a->id) };

    if (stored != NULL && stored->spec != NULL) {
        vc.stored = &stored->spec->app;
        vc.stored_role = stored->spec->app.role;
    }
    if (vc.stored != NULL && app_is_resident(vc.stored) && !str_eq(vc.stored_role, a->role) &&
        !query_flag(c, "force", false)) {
        struct place p = PLACE_FIELD(at, "role");
        issue_at(&c->issues, &p,
                 "the role of an app with persistent volumes, for which they are reserved, changes only with force=true");
    }
    app_validate(a, &vc, &c->issues);
    return !answer_bad(c, "Object is not valid");
}

struct app *app_from_json(struct call *c, const cJSON *json, struct str base, const struct place *at,
                          bool in_group)
{
    struct app *a = arena_alloc(&c->arena, sizeof *a);

    if (a == NULL) {
        answer_message(c, 413, "the request is too large");
        return NULL;
    }
    value_decode(&schema_app, json, a, true, &c->arena, &c->issues, at);
    if (answer_bad(c, "Invalid JSON"))
        return NULL;
    app_migrate(a, &c->m->config, &c->arena, &c->issues);
    default_role(c, a, path_resolve(&c->arena, base, a->id));
    app_fill(a, &c->m->config, base, HEALTH_PORTS_STATED, &c->arena);
    if (!validate(c, a, slot_find(c->m, a->id), at, in_group) || is_pods(c, a->id))
        return NULL;
    return a;
}

void app_create(struct call *c)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const struct update_result *res;
    struct update_app ua;
    struct root_update u;
    struct slot *s;
    struct jsonw w;

    if (json == NULL)
        return;
    struct app *a = app_from_json(c, json, STR("/"), NULL, false);
    if (a == NULL)
        return;
    s = slot_find(c->m, a->id);
    if (s != NULL && s->spec != NULL) {
        answer_message(c, 409, "An app with id [%.*s] already exists.", STR_ARG(a->id));
        return;
    }
    ua = (struct update_app){ .id = a->id, .app = a };
    u = (struct root_update){ .apps = &ua,
                              .app_count = 1,
                              .force = query_flag(c, "force", false),
                              .dry_run = query_flag(c, "dryRun", false),
                              .changed_group = path_parent(a->id) };
    if (!run_update(c, &u, &res) || answered_dry_run(c, &u, res))
        return;
    s = slot_find(c->m, a->id);
    answer_etag(c, s->spec->version);
    w = answer_json(c, 201);
    render_definition(&w, s->spec, s);
    jsonw_key_i64(&w, "tasksStaged", 0);
    jsonw_key_i64(&w, "tasksRunning", 0);
    jsonw_key_i64(&w, "tasksHealthy", 0);
    jsonw_key_i64(&w, "tasksUnhealthy", 0);
    jsonw_key_deployments(&w, &res->deployment_id, 1);
    jsonw_close(&w);
    memcpy(c->a->deployment_id, res->deployment_id, sizeof res->deployment_id);
    answer_location(c, a->id);
    post_event(c, a->id);
}

/* --- updates --- */
/* {"version": ...} alone, with or without id: back to that version. */
static struct app *rollback_target(struct call *c, const struct app *update, struct str id, const cJSON *json)
{
    struct slot *s = slot_find(c->m, id);
    struct spec *spec = s != NULL ? slot_version(s, update->version.v) : NULL;
    const cJSON *e;

    cJSON_ArrayForEach(e, json) if (!cJSON_IsNull(e) && !str_is(str_of(e->string), "version") &&
                                    !str_is(str_of(e->string), "id"))
    {
        issue_at(&c->issues, NULL, "The 'version' field may only be combined with the 'id' field.");
        answer_issues(c, "Object is not valid");
        return NULL;
    }
    if (s == NULL || s->spec == NULL)
        answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    else if (spec == NULL)
        answer_message(c, 404, "App '%.*s' does not exist in version %.*s", STR_ARG(str_sub(id, 0, 1000)),
                       STR_ARG(body_str(json, "version")));
    else {
        app_validate_resident_update(&s->spec->app, &spec->app, NULL, &c->issues);
        return answer_bad(c, "Object is not valid") ? NULL : app_clone(&spec->app, &c->arena);
    }
    return NULL;
}

/* What the merge patch makes of the definition; NULL: the answer is made. */
static cJSON *patched(struct call *c, const cJSON *patch, struct slot *s)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);
    static const char *const ours[] = { "id", "version", "versionInfo" };
    char text[200];
    cJSON *target;

    if (!cJSON_IsObject(patch)) {
        issue_at(&c->issues, NULL, "error.expected.jsobject");
        answer_issues(c, "Invalid JSON");
        return NULL;
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        struct place p = PLACE_FIELD(NULL, ours[i]);
        const cJSON *e = cJSON_GetObjectItemCaseSensitive(patch, ours[i]);
        if (e != NULL && !(i == 0 && str_eq(path_resolve(&c->arena, STR("/"), body_str(patch, ours[i])), s->id)))
            issue_at(&c->issues, &p, "cannot be changed by a merge patch");
    }
    if (answer_bad(c, "Object is not valid"))
        return NULL;
    sbuf_str(&b, spec_json(s->spec));
    sbuf_char(&b, '}');
    target = json_merge_patch(body_parse(sbuf_view(&b), text, sizeof text), patch);
    cJSON_DeleteItemFromObjectCaseSensitive(target, "version");
    return target;
}

/* A request that is about nothing but the number of instances; one that was read, changed and sent back has more. */
static bool is_scaling(const cJSON *json)
{
    const cJSON *e;

    cJSON_ArrayForEach(e, json) if (!str_is(str_of(e->string), "instances") && !str_is(str_of(e->string), "id")) return false;
    return body_get(json, "instances") != NULL;
}

/* The app that the update makes of the stored one. NULL: the answer is made. */
static struct app *apply_update(struct call *c, const cJSON *json, struct str id, bool partial,
                                const struct place *at)
{
    struct app *update = arena_alloc(&c->arena, sizeof *update), *a = update;
    struct slot *s = slot_find(c->m, id);
    bool exists = s != NULL && s->spec != NULL;

    if (update == NULL) {
        answer_message(c, 413, "the request is too large");
        return NULL;
    }
    value_decode(&schema_app, json, update, false, &c->arena, &c->issues, at);
    if (answer_bad(c, "Invalid JSON") || is_pods(c, id))
        return NULL;
    if (update->version.has)
        return rollback_target(c, update, id, json);
    if (exists && s->every != NULL && is_scaling(json) && update->instances.v > 1 && update->instances.v != slot_wanted(s)) {
        struct place p = PLACE_FIELD(at, "instances");
        issue_at(&c->issues, &p,
                 "got %lld, but the app has one on every agent (constraint EVERY); 0 suspends it, 1 lets it run again",
                 (long long)update->instances.v);
        answer_issues(c, "Object is not valid");
        return NULL;
    }
    app_migrate(update, &c->m->config, &c->arena, &c->issues);
    update->id = id;
    update->version_info = NULL;
    if (exists && partial) {
        a = app_clone(&s->spec->app, &c->arena);
        if (a == NULL) {
            answer_message(c, 413, "the request is too large");
            return NULL;
        }
        app_merge(a, update);
    }
    default_role(c, a, id);
    if (exists && a->role.p == NULL)
        a->role = s->spec->app.role;
    app_fill(a, &c->m->config, STR("/"), update->health_checks.has ? HEALTH_PORTS_ALL : HEALTH_PORTS_NONE,
             &c->arena);
    if (!validate(c, a, s, at, false))
        return NULL;
    return a;
}

void app_put(struct call *c, struct str id, bool create)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c), *merged = NULL;
    struct slot *s = slot_find(c->m, id);
    bool exists = s != NULL && s->spec != NULL, patch = !create && body_is_merge_patch(c);
    const struct update_result *res;
    struct update_app ua;
    struct root_update u;
    struct app *a;

    if (json == NULL)
        return;
    if (!exists && !create) {
        answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
        return;
    }
    if (!precondition_holds(c, exists ? s->spec : NULL))
        return;
    if (patch && (is_pods(c, id) || (merged = patched(c, json, s)) == NULL))
        return;
    a = apply_update(c, patch ? merged : json, id, !patch && query_flag(c, "partialUpdate", true), NULL);
    if (a == NULL)
        return;
    ua = (struct update_app){ .id = id, .app = a };
    u = (struct root_update){ .apps = &ua,
                              .app_count = 1,
                              .force = query_flag(c, "force", false),
                              .dry_run = query_flag(c, "dryRun", false),
                              .changed_group = path_parent(id) };
    if (!run_update(c, &u, &res) || answered_dry_run(c, &u, res))
        return;
    answer_deployment(c, exists ? 200 : 201, res);
    answer_etag(c, slot_find(c->m, id)->spec->version);
    if (!exists)
        answer_location(c, id);
    post_event(c, id);
}

void apps_put(struct call *c, bool create)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    bool partial = query_flag(c, "partialUpdate", true);
    const struct update_result *res;
    struct root_update u;
    struct update_app *apps;
    const cJSON *e;
    size_t n = 0, i = 0;

    if (json == NULL)
        return;
    if (!cJSON_IsArray(json)) {
        issue_at(&c->issues, NULL, "error.expected.jsarray");
        answer_issues(c, "Invalid JSON");
        return;
    }
    apps = arena_array(&c->arena, (size_t)cJSON_GetArraySize(json) + 1, sizeof *apps);
    cJSON_ArrayForEach(e, json)
    {
        struct place at = PLACE_KEY(NULL, arena_fmt(&c->arena, "(%zu)", i)), pid = PLACE_FIELD(&at, "id");
        struct str id = body_str(e, "id");
        i++;
        if (apps == NULL || id.p == NULL || !path_matches_pattern(id)) {
            issue_at(&c->issues, &pid, "%s", id.p == NULL ? "'id' is undefined on object" : "error.pattern");
            answer_issues(c, "Invalid JSON");
            return;
        }
        id = path_resolve(&c->arena, STR("/"), id);
        struct slot *s = slot_find(c->m, id);
        if (!create && (s == NULL || s->spec == NULL)) {
            answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
            return;
        }
        apps[n].id = id;
        apps[n].app = apply_update(c, e, id, partial, &at);
        if (apps[n++].app == NULL)
            return;
    }
    u = (struct root_update){ .apps = apps,
                              .app_count = n,
                              .force = query_flag(c, "force", false),
                              .dry_run = query_flag(c, "dryRun", false),
                              .changed_group = STR("/") };
    if (run_update(c, &u, &res) && !answered_dry_run(c, &u, res))
        answer_deployment(c, 200, res);
}

static struct slot *find(struct call *c, struct str id)
{
    struct slot *s = slot_find(c->m, id);

    if (s != NULL && slot_is_app(s))
        return s;
    answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    return NULL;
}

void app_delete(struct call *c, struct str id)
{
    struct update_app ua = { .id = id };
    struct root_update u = { .apps = &ua,
                             .app_count = 1,
                             .force = query_flag(c, "force", true),
                             .dry_run = query_flag(c, "dryRun", false),
                             .changed_group = path_parent(id) };
    const struct update_result *res;
    const struct slot *s = find(c, id);

    if (s != NULL && precondition_holds(c, s->spec) && run_update(c, &u, &res) &&
        !answered_dry_run(c, &u, res))
        answer_deployment(c, 200, res);
}

void app_restart(struct call *c, struct str id)
{
    struct slot *s = find(c, id);
    struct update_app ua = { .id = id, .restart = true };
    struct root_update u = { .apps = &ua,
                             .app_count = 1,
                             .force = query_flag(c, "force", false),
                             .dry_run = query_flag(c, "dryRun", false),
                             .changed_group = path_parent(id) };
    const struct update_result *res;

    if (s == NULL || !precondition_holds(c, s->spec))
        return;
    ua.app = &s->spec->app;
    if (run_update(c, &u, &res) && !answered_dry_run(c, &u, res))
        answer_deployment(c, 200, res);
}
