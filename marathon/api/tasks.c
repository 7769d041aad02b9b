/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of one app and of all, and killing them. Source: marathon-api §5 (tasks), §8. */
#include <stdlib.h>

#include "marathon/api/int.h"

static void task_list(struct call *c, struct instance *const *v, size_t n)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_array(&w, "tasks");
    for (size_t i = 0; i < n; i++)
        render_task(&w, v[i], true);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

static void text_hosts(struct sbuf *b, const struct slot *s, size_t port_index, bool with_port)
{
    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        if (i->state != INSTANCE_RUNNING || (with_port && port_index >= i->port_count))
            continue;
        sbuf_str(b, i->agent->hostname);
        if (with_port && i->ports[port_index] != PORT_NONE)
            sbuf_fmt(b, ":%u", i->ports[port_index]);
        sbuf_char(b, '\t');
    }
    sbuf_char(b, '\n');
}

/* One line per app and port; id empty: every app. */
static void tasks_text(struct call *c, struct str id, bool below)
{
    struct slot *s, *tmp;
    struct sbuf *b = &c->a->body;

    answer_text(c, 200, "text/plain", STR(""));
    HASH_ITER(hh, c->m->slots, s, tmp)
    {
        size_t n;
        if (!slot_is_app(s) || (id.n != 0 && (below ? !path_is_within(s->id, id) : !str_eq(s->id, id))))
            continue;
        n = app_port_count(&s->spec->app);
        for (size_t k = 0; k < n; k++) {
            path_safe(b, s->id);
            sbuf_fmt(b, "\t%lld\t", (long long)app_service_port(&s->spec->app, k));
            text_hosts(b, s, k, true);
        }
        if (n == 0) {
            path_safe(b, s->id);
            sbuf_c(b, "\t \t");
            text_hosts(b, s, 0, false);
        }
    }
}

void app_tasks(struct call *c, struct str id, bool below)
{
    struct slot *s = slot_find(c->m, id), *tmp;
    struct jsonw w;

    if (!below && (s == NULL || !slot_is_app(s))) {
        answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
        return;
    }
    if (!http_accepts_type(c->r->accept, "application/json") && http_accepts_type(c->r->accept, "text/plain")) {
        tasks_text(c, id, below);
        return;
    }
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "tasks");
    HASH_ITER(hh, c->m->slots, s, tmp)
    {
        if (s->of_job || slot_is_pod(s) || (below ? !path_is_within(s->id, id) : !str_eq(s->id, id)))
            continue;
        for (const struct instance *i = s->instances; i != NULL; i = i->next)
            if (instance_has_task(i))
                render_task(&w, i, false);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

/* --- killing -----------------------------------------------------------------------------------------------
 */
struct victims {
    struct instance **v;
    size_t n;
};

static void kill_and_replace(struct call *c, const struct victims *k, bool wipe)
{
    struct str *ids = arena_array(&c->arena, k->n + 1, sizeof *ids);
    struct marathon_event ev = { .type = EVENT_KILL,
                                 .kill = { .instance_ids = ids, .n = k->n, .wipe = wipe } };
    const struct update_result *res;

    for (size_t i = 0; ids != NULL && i < k->n; i++)
        ids[i] = arena_str(&c->arena, k->v[i]->id);
    if (ids != NULL)
        (void)c->api->step(c->api->ctx, &ev, &res, NULL);
}

static bool counts(const struct instance *i)
{
    return i->goal == GOAL_RUNNING && instance_has_task(i) && i->state != INSTANCE_INACTIVE;
}

/* instances is reduced by the number of chosen tasks that are alive and not sentenced already. */
static void kill_and_scale(struct call *c, const struct victims *k)
{
    struct update_app *apps = arena_array(&c->arena, k->n + 1, sizeof *apps);
    struct str *ids = arena_array(&c->arena, k->n + 1, sizeof *ids);
    struct root_update u = {
        .apps = apps, .kill_ids = ids, .force = query_flag(c, "force", false), .changed_group = STR("/")
    };
    const struct update_result *res;

    if (apps == NULL || ids == NULL) {
        answer_message(c, 413, "the request is too large");
        return;
    }
    for (size_t i = 0; i < k->n; i++) {
        struct slot *s = k->v[i]->slot;
        struct app *a = NULL;
        if (s->spec == NULL || !counts(k->v[i]))
            continue;
        if (s->every != NULL) {
            answer_message(c, 422, "App '%.*s' has one instance on every agent and cannot be scaled; kill without scale=true",
                           STR_ARG(str_sub(s->id, 0, 1000)));
            return;
        }
        ids[u.kill_count++] = arena_str(&c->arena, k->v[i]->id);
        for (size_t j = 0; j < u.app_count && a == NULL; j++)
            if (str_eq(apps[j].id, s->id))
                a = (struct app *)(uintptr_t)apps[j].app; /* our own clone */
        if (a == NULL) {
            a = app_clone(&s->spec->app, &c->arena);
            apps[u.app_count++] = (struct update_app){ .id = arena_str(&c->arena, s->id), .app = a };
            u.changed_group = path_parent(apps[0].id);
        }
        if (a != NULL && a->instances.v > 0)
            a->instances.v--;
    }
    if (run_update(c, &u, &res))
        answer_deployment(c, 200, res);
}

static void kill_victims(struct call *c, const struct victims *k, bool single)
{
    bool scale = query_flag(c, "scale", false), wipe = query_flag(c, "wipe", false);
    struct jsonw w;

    if (scale) {
        kill_and_scale(c, k);
        return;
    }
    if (single) {
        w = answer_json(c, 200);
        jsonw_open(&w);
        jsonw_key(&w, "task");
        render_task(&w, k->v[0], true);
        jsonw_close(&w);
    } else {
        task_list(c, k->v, k->n);
    }
    kill_and_replace(c, k, wipe);
}

static bool scale_and_wipe(struct call *c)
{
    if (!query_flag(c, "scale", false) || !query_flag(c, "wipe", false))
        return false;
    answer_message(c, 400, "You cannot use scale and wipe at the same time.");
    return true;
}

void app_tasks_delete(struct call *c, struct str id, struct str task_id)
{
    struct slot *s = slot_find(c->m, id);
    struct str host = query_text(c, "host");
    struct victims k = { 0 };

    if (scale_and_wipe(c))
        return;
    if (s == NULL || !slot_is_app(s)) {
        answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
        return;
    }
    k.v = arena_array(&c->arena, s->instance_count + 1, sizeof *k.v);
    for (struct instance *i = s->instances; k.v != NULL && i != NULL; i = i->next)
        if (instance_has_task(i) &&
            (task_id.p != NULL ? str_eq(i->task_id, task_id) || str_eq(i->id, task_id)
                               : host.p == NULL || str_is(host, "*") || str_eq(i->agent->hostname, host)))
            k.v[k.n++] = i;
    if (task_id.p != NULL && k.n == 0) {
        answer_message(c, 404, "Task '%.*s' does not exist", STR_ARG(str_sub(task_id, 0, 1000)));
        return;
    }
    if (query_flag(c, "scale", false) && s->instance_count == 0) {
        answer_message(c, 404, "Path '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
        return;
    }
    kill_victims(c, &k, task_id.p != NULL);
}

/* "<safe path>.<something>" with a uuid or an instance marker in it. */
static bool task_id_is_formed(struct str id)
{
    size_t dot = str_index(id, '.');

    return dot > 0 && dot + 1 < id.n && !str_contains(id, STR("/")) && !str_contains(id, STR(" ")) &&
           (str_contains(id, STR(".instance-")) || str_contains(id, STR(".marathon-")) || id.n - dot > 36);
}

static void tasks_delete(struct call *c)
{
    CLEANUP(body_free_p) cJSON *json = NULL;
    const cJSON *ids, *e;
    struct victims k = { 0 };
    struct place p = PLACE_FIELD(NULL, "ids");
    size_t index = 0;

    if (scale_and_wipe(c))
        return;
    json = body_json(c);
    if (json == NULL)
        return;
    ids = body_get(json, "ids");
    if (!cJSON_IsArray(ids)) {
        issue_at(&c->issues, &p, "%s",
                 ids == NULL ? "'ids' is undefined on object" : "error.expected.jsarray");
        answer_issues(c, "Invalid JSON");
        return;
    }
    k.v = arena_array(&c->arena, (size_t)cJSON_GetArraySize(ids) + 1, sizeof *k.v);
    cJSON_ArrayForEach(e, ids)
    {
        struct str id = cJSON_IsString(e) ? str_of(e->valuestring) : STR("");
        if (!cJSON_IsString(e)) {
            struct place at = PLACE_INDEX(NULL, "ids", index);
            issue_at(&c->issues, &at, "error.expected.jsstring");
            answer_issues(c, "Invalid JSON");
            return;
        }
        if (!task_id_is_formed(id)) {
            answer_message(
                c, 400, "Invalid task id '%.*s'. [The id must have the form <app>.instance-<uuid>._app.<n>]",
                STR_ARG(str_sub(id, 0, 300)));
            return;
        }
        struct instance *i = instance_of_task(c->m, id);
        if (i != NULL && i->container_count == 0 && instance_has_task(i) && k.v != NULL)
            k.v[k.n++] = i;
        index++;
    }
    kill_victims(c, &k, false);
}

/* --- all tasks --- */
struct status_filter {
    bool any, running, staging;
};

static void add_status(void *arg, struct str v)
{
    struct status_filter *f = arg;

    if (str_eq_nocase(v, STR("running")))
        f->any = f->running = true;
    else if (str_eq_nocase(v, STR("staging")))
        f->any = f->staging = true;
}

static bool status_passes(const struct status_filter *f, const struct instance *i)
{
    bool staging =
        i->state == INSTANCE_PROVISIONED || i->state == INSTANCE_STAGING || i->state == INSTANCE_STARTING;

    return !f->any || (f->running && i->state == INSTANCE_RUNNING) || (f->staging && staging);
}

static void tasks_json(struct call *c)
{
    struct status_filter f = { 0 };
    struct slot *s, *tmp;
    struct jsonw w;

    query_each(c, "status", add_status, &f);
    query_each(c, "status[]", add_status, &f);
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "tasks");
    HASH_ITER(hh, c->m->slots, s, tmp)
    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        if (instance_has_task(i) && i->container_count == 0 && !s->of_job && status_passes(&f, i)) {
            render_task(&w, i, true);
            jsonw_spill(&w);
        }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

void handle_tasks(struct call *c)
{
    if (c->n == 2) {
        if (c->r->verb != HTTP_VERB_GET && c->r->verb != HTTP_VERB_HEAD)
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
        else if (http_accepts_type(c->r->accept, "application/json"))
            tasks_json(c);
        else if (http_accepts_type(c->r->accept, "text/plain"))
            tasks_text(c, STR(""), false);
        else
            answer_message(c, 406, "Not Acceptable");
        return;
    }
    if (c->n == 3 && str_is(c->segments[2], "delete")) {
        if (c->r->verb == HTTP_VERB_POST)
            tasks_delete(c);
        else
            answer_not_allowed(c, "POST, OPTIONS");
        return;
    }
    answer_message(c, 404, "URI not found");
}
