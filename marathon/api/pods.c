/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: definitions, status, versions, killing. What is after "::" in the path is no part of the id.
 * Source: marathon-api §7, marathon-schemas (Pod, PodStatus, Instance), marathon-behaviour §11. */
#include "marathon/api/int.h"

/* --- the definition --------------------------------------------------------------------------------------
 */
void render_pod_spec(struct jsonw *w, const struct spec *s)
{
    jsonw_open(w);
    value_encode_members(&schema_pod, s->app.pod, w);
    jsonw_key_wall(w, "version", s->version);
    jsonw_close(w);
}

static void answer_pod(struct call *c, unsigned status, const struct spec *s)
{
    struct jsonw w = answer_json(c, status);
    render_pod_spec(&w, s);
}

static struct slot *find(struct call *c, struct str id)
{
    struct slot *s = slot_find(c->m, id);

    if (s != NULL && slot_is_pod(s))
        return s;
    if (c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD)
        answer_message(c, 404, "pod with %.*s does not exist", STR_ARG(str_sub(id, 0, 1000)));
    else
        answer_message(c, 404, "Pod '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    return NULL;
}

static void publish(struct call *c, enum bus_type type)
{
    struct bus_event e = {
        .type = type, .at = c->api->wall(c->api->ctx), .client = c->r->client, .uri = c->r->path
    };
    c->api->publish(c->api->ctx, &e);
}

/* The pod of the request as an app; NULL: the answer is made. */
static struct app *from_body(struct call *c, const cJSON *json)
{
    struct pod *p = arena_alloc(&c->arena, sizeof *p);
    const struct slot *stored;
    struct app *a;

    if (p == NULL) {
        answer_message(c, 413, "the request is too large");
        return NULL;
    }
    value_decode(&schema_pod, json, p, true, &c->arena, &c->issues, NULL);
    if (answer_bad(c, "Invalid JSON"))
        return NULL;
    stored = slot_find(c->m, path_resolve(&c->arena, STR("/"), p->id));
    if (stored != NULL && !slot_is_pod(stored))
        stored = NULL;
    if (p->role.p == NULL && role_is_enforced(c->m, path_resolve(&c->arena, STR("/"), p->id)))
        p->role = path_top_group(path_resolve(&c->arena, STR("/"), p->id));
    if (p->role.p == NULL && stored != NULL)
        p->role = stored->spec->app.role;
    if (!pod_fill(p, &c->m->config, &c->arena)) {
        answer_message(c, 413, "the request is too large");
        return NULL;
    }
    pod_validate(p, &c->m->config, role_is_enforced(c->m, p->id),
                 stored != NULL ? stored->spec->app.role : (struct str){ NULL, 0 }, &c->issues);
    if (answer_bad(c, "Object is not valid"))
        return NULL;
    a = pod_to_app(p, &c->arena);
    if (a == NULL) {
        answer_message(c, 413, "the request is too large");
        return NULL;
    }
    if (stored != NULL)
        app_validate_resident_update(&stored->spec->app, a, NULL, &c->issues);
    return answer_bad(c, "Object is not valid") ? NULL : a;
}

static bool apply(struct call *c, struct str id, const struct app *a, bool force,
                  const struct update_result **ret)
{
    struct update_app ua = { .id = id, .app = a };
    struct root_update u = { .apps = &ua, .app_count = 1, .force = force, .changed_group = path_parent(id) };

    return run_update(c, &u, ret);
}

static void create(struct call *c)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const struct update_result *res;
    const struct slot *s;
    struct app *a;

    if (json == NULL || (a = from_body(c, json)) == NULL)
        return;
    s = slot_find(c->m, a->id);
    if (s != NULL && slot_is_pod(s)) {
        answer_message(c, 409, "A pod with id [%.*s] already exists.", STR_ARG(a->id));
        return;
    }
    if (s != NULL && slot_is_app(s)) {
        issue_at(&c->issues, NULL, "Applications and Pods may not share the same id");
        answer_issues(c, "Object is not valid");
        return;
    }
    if (!apply(c, a->id, a, query_flag(c, "force", false), &res))
        return;
    answer_pod(c, 201, slot_find(c->m, a->id)->spec);
    memcpy(c->a->deployment_id, res->deployment_id, sizeof res->deployment_id);
    answer_location(c, a->id);
    publish(c, BUS_POD_CREATED);
}

static void update(struct call *c, struct str id)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const struct update_result *res;
    struct app *a;

    if (json == NULL || find(c, id) == NULL || (a = from_body(c, json)) == NULL)
        return;
    if (!str_eq(a->id, id)) {
        answer_message(c, 400, "'%.*s' does not match definition's id ('%.*s')",
                       STR_ARG(str_sub(id, 0, 1000)), STR_ARG(str_sub(a->id, 0, 1000)));
        return;
    }
    if (!apply(c, id, a, query_flag(c, "force", false), &res))
        return;
    answer_pod(c, 200, slot_find(c->m, id)->spec);
    memcpy(c->a->deployment_id, res->deployment_id, sizeof res->deployment_id);
    publish(c, BUS_POD_UPDATED);
}

static void delete_pod(struct call *c, struct str id)
{
    const struct update_result *res;

    if (find(c, id) == NULL || !apply(c, id, NULL, query_flag(c, "force", false), &res))
        return;
    answer_text(c, 202, NULL, STR(""));
    memcpy(c->a->deployment_id, res->deployment_id, sizeof res->deployment_id);
    answer_location(c, arena_fmt(&c->arena, "/%s", res->deployment_id));
    publish(c, BUS_POD_DELETED);
}

/* --- status ------------------------------------------------------------------------------------------------
 */
static const char *instance_status(const struct instance *i)
{
    switch (i->state) {
    case INSTANCE_SCHEDULED:
    case INSTANCE_PROVISIONED:
        return "PENDING";
    case INSTANCE_STAGING:
    case INSTANCE_STARTING:
        return "STAGING";
    case INSTANCE_RUNNING:
        return i->health == INSTANCE_UNHEALTHY        ? "DEGRADED"
               : i->health == INSTANCE_HEALTH_UNKNOWN ? "STAGING"
                                                      : "STABLE";
    case INSTANCE_UNREACHABLE:
    case INSTANCE_INACTIVE:
        return "DEGRADED";
    case INSTANCE_KILLING:
    case INSTANCE_FINISHED:
    case INSTANCE_FAILED:
    case INSTANCE_KILLED:
    case INSTANCE_ERROR:
    case INSTANCE_DROPPED:
    case INSTANCE_GONE:
    case INSTANCE_UNKNOWN:
    case INSTANCE_STATE_COUNT:
        break;
    }
    return "TERMINAL";
}

static void render_resources(struct jsonw *w, const struct pod_resources *r)
{
    jsonw_key_open(w, "resources");
    jsonw_key_milli(w, "cpus", (int64_t)(r->cpus.v * 1000 + 0.5));
    jsonw_key_milli(w, "mem", (int64_t)(r->mem.v * 1000 + 0.5));
    jsonw_key_milli(w, "disk", (int64_t)(r->disk.v * 1000 + 0.5));
    jsonw_key_i64(w, "gpus", r->gpus.v);
    jsonw_close(w);
}

static void render_times(struct jsonw *w, struct wall since)
{
    jsonw_key_wall(w, "lastUpdated", since);
    jsonw_key_wall(w, "lastChanged", since);
}

static void render_endpoints(struct jsonw *w, const struct instance *i, size_t k)
{
    const struct pod *p = i->spec->app.pod;
    const struct pod_container *pc = pod_container(&i->spec->app, k);
    const struct container_state *cs = &i->containers[k];

    jsonw_key_array(w, "endpoints");
    for (size_t e = 0; e < pc->endpoints.n; e++) {
        const struct pod_endpoint *ep = LIST_AT(pc->endpoints, struct pod_endpoint, e);
        size_t index = pod_port_index(p, k, e);
        const struct pod_check *h = pc->health_check;
        struct str checked = h == NULL         ? (struct str){ NULL, 0 }
                             : h->http != NULL ? h->http->endpoint
                             : h->tcp != NULL  ? h->tcp->endpoint
                                               : (struct str){ NULL, 0 };
        jsonw_open(w);
        jsonw_key_s(w, "name", ep->name);
        if (index < i->port_count && i->ports[index] != PORT_NONE)
            jsonw_key_i64(w, "allocatedHostPort", i->ports[index]);
        if (checked.p != NULL && str_eq(checked, ep->name) && cs->healthy >= 0)
            jsonw_key_bool(w, "healthy", cs->healthy == 1);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void render_container(struct jsonw *w, const struct instance *i, size_t k)
{
    const struct pod_container *pc = pod_container(&i->spec->app, k);
    const struct container_state *cs = &i->containers[k];

    jsonw_open(w);
    jsonw_key_s(w, "name", pc->name);
    jsonw_key_c(w, "status", task_state_name(cs->state));
    jsonw_key_wall(w, "statusSince", cs->since);
    if (cs->message != NULL)
        jsonw_key_c(w, "message", cs->message);
    jsonw_key_array(w, "conditions");
    if (pc->health_check != NULL) {
        jsonw_open(w);
        jsonw_key_c(w, "name", "healthy");
        jsonw_key_c(w, "value", cs->healthy == 1 ? "true" : "false");
        jsonw_key_c(w, "reason",
                    cs->healthy >= 0 ? "health-reported-by-mesos" : "health-unreported-by-mesos");
        render_times(w, cs->since);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    if (cs->container_id != NULL)
        jsonw_key_c(w, "containerId", cs->container_id);
    render_endpoints(w, i, k);
    render_resources(w, pc->resources);
    if (task_state_is_terminal(cs->state)) {
        jsonw_key_open(w, "termination");
        jsonw_key_c(w, "message", cs->message != NULL ? cs->message : "");
        jsonw_close(w);
    }
    render_times(w, cs->since);
    jsonw_close(w);
}

/* The name of the pod's network of this number; empty: the host's. */
static struct str network_name(const struct call *c, const struct pod *p, unsigned number)
{
    LIST_EACH(p->networks, struct network, n)
    {
        if (n->mode.v != NET_HOST && number-- == 0)
            return n->mode.v == NET_BRIDGE ? c->m->config.bridge_name : n->name;
    }
    return (struct str){ NULL, 0 };
}

static void render_networks(const struct call *c, struct jsonw *w, const struct instance *i)
{
    jsonw_key_array(w, "networks");
    for (unsigned k = 0; k < i->ip_count;) {
        unsigned number = i->ips[k].network;
        jsonw_open(w);
        jsonw_key_array(w, "addresses");
        for (; k < i->ip_count && i->ips[k].network == number; k++)
            jsonw_c(w, i->ips[k].text);
        jsonw_array_close(w);
        struct str name = network_name(c, i->spec->app.pod, number);
        if (name.n != 0)
            jsonw_key_s(w, "name", name);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void render_instance_status(struct call *c, struct jsonw *w, const struct instance *i)
{
    const struct app *a = &i->spec->app;
    struct pod_resources sum = { a->cpus, a->mem, a->disk, a->gpus };
    struct sbuf b = SBUF_INIT(8192);

    jsonw_open(w);
    jsonw_key_s(w, "id", i->id);
    jsonw_key_c(w, "status", instance_status(i));
    jsonw_key_wall(w, "statusSince", i->since);
    if (i->state == INSTANCE_RUNNING && i->health == INSTANCE_UNHEALTHY)
        jsonw_key_c(w, "message", "at least one container is not healthy");
    else if (i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE)
        jsonw_key_c(w, "message", "pod instance has become unreachable");
    jsonw_key_array(w, "conditions");
    jsonw_array_close(w);
    if (i->agent != NULL) {
        jsonw_key_s(w, "agentHostname", i->agent->hostname);
        jsonw_key_s(w, "agentId", i->agent->id);
        if (i->agent->region.p != NULL)
            jsonw_key_s(w, "agentRegion", i->agent->region);
        if (i->agent->zone.p != NULL)
            jsonw_key_s(w, "agentZone", i->agent->zone);
    }
    render_resources(w, &sum);
    render_networks(c, w, i);
    jsonw_key_array(w, "containers");
    for (size_t k = 0; k < i->container_count; k++)
        render_container(w, i, k);
    jsonw_array_close(w);
    sbuf_fmt(&b, "/v2/pods%.*s::versions/", STR_ARG(i->slot->id));
    wall_print(&b, i->spec->version);
    jsonw_key_s(w, "specReference", sbuf_view(&b));
    sbuf_done(&b);
    render_local_volumes(w, i);
    render_times(w, i->since);
    jsonw_key_s(w, "role", a->role);
    jsonw_close(w);
}

void render_pod_status(struct call *c, struct jsonw *w, const struct slot *s)
{
    int64_t stable = 0;
    struct wall since = s->spec->version;
    const char *status;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        stable += str_is(str_of(instance_status(i)), "STABLE") && i->goal == GOAL_RUNNING;
        if (i->since.ms > since.ms)
            since = i->since;
    }
    status = stable >= s->spec->app.instances.v ? "STABLE" : "DEGRADED";
    jsonw_open(w);
    jsonw_key_s(w, "id", s->id);
    jsonw_key(w, "spec");
    render_pod_spec(w, s->spec);
    jsonw_key_c(w, "status", status);
    jsonw_key_wall(w, "statusSince", since);
    jsonw_key_array(w, "instances");
    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        if (i->state != INSTANCE_SCHEDULED || i->reservation != RESERVATION_NONE) /* those that wait for an offer are hidden, as in the original */
            render_instance_status(c, w, i);
    jsonw_array_close(w);
    jsonw_key_array(w, "terminationHistory");
    jsonw_array_close(w);
    render_times(w, since);
    jsonw_close(w);
}

static void status(struct call *c, struct str id)
{
    const struct slot *s = find(c, id);
    struct jsonw w;

    if (s == NULL)
        return;
    w = answer_json(c, 200);
    render_pod_status(c, &w, s);
}

static void list(struct call *c, bool statuses)
{
    struct jsonw w = answer_json(c, 200);
    struct slot *s, *tmp;

    jsonw_array(&w);
    HASH_ITER(hh, c->m->slots, s, tmp)
    {
        if (!slot_is_pod(s))
            continue;
        if (statuses)
            render_pod_status(c, &w, s);
        else
            render_pod_spec(&w, s->spec);
    }
    jsonw_array_close(&w);
}

/* --- versions ----------------------------------------------------------------------------------------------
 */
static void versions(struct call *c, struct str id)
{
    const struct slot *s = find(c, id);
    struct jsonw w;

    if (s == NULL)
        return;
    w = answer_json(c, 200);
    jsonw_array(&w);
    for (size_t i = s->version_count; i-- > 0;)
        if (s->versions[i]->app.pod != NULL)
            jsonw_wall(&w, s->versions[i]->version);
    jsonw_array_close(&w);
}

static void version(struct call *c, struct str id, struct str text)
{
    const struct slot *s = find(c, id);
    const struct spec *spec;
    struct wall v;

    if (s == NULL || !parse_version(c, text, &v))
        return;
    spec = slot_version(s, v);
    if (spec == NULL || spec->app.pod == NULL)
        answer_message(c, 404, "Pod '%.*s' does not exist in version %.*s", STR_ARG(str_sub(id, 0, 1000)),
                       STR_ARG(text));
    else
        answer_pod(c, 200, spec);
}

/* --- killing -----------------------------------------------------------------------------------------------
 */
static void render_instance(struct jsonw *w, const struct instance *i)
{
    jsonw_open(w);
    jsonw_key_s(w, "instanceId", i->id);
    jsonw_key_open(w, "state");
    jsonw_key_c(w, "condition", instance_state_name(i->state));
    jsonw_key_wall(w, "since", i->since);
    if (i->started_at.has)
        jsonw_key_wall(w, "activeSince", i->started_at.v);
    if (i->health == INSTANCE_HEALTHY || i->health == INSTANCE_UNHEALTHY)
        jsonw_key_bool(w, "healthy", i->health == INSTANCE_HEALTHY);
    jsonw_key_c(w, "goal", goal_name(i->goal));
    jsonw_close(w);
    if (i->agent != NULL) {
        jsonw_key_open(w, "agentInfo");
        jsonw_key_s(w, "host", i->agent->hostname);
        jsonw_key_s(w, "agentId", i->agent->id);
        if (i->agent->region.p != NULL)
            jsonw_key_s(w, "region", i->agent->region);
        if (i->agent->zone.p != NULL)
            jsonw_key_s(w, "zone", i->agent->zone);
        jsonw_key_array(w, "attributes");
        for (size_t k = 0; k < i->agent->attribute_count; k++)
            render_attribute(w, &i->agent->attributes[k]);
        jsonw_array_close(w);
        jsonw_close(w);
    }
    jsonw_key_wall(w, "runSpecVersion", i->spec->version);
    jsonw_key(w, "unreachableStrategy");
    if (i->spec->app.unreachable->disabled.v)
        jsonw_c(w, "disabled");
    else
        value_encode(&schema_unreachable, i->spec->app.unreachable, w);
    jsonw_close(w);
}

/* An id of an instance of this pod; NULL: the answer is made. unknown_ok: none for an unknown one. */
static struct instance *victim(struct call *c, const struct slot *s, struct str id, bool *ret_bad)
{
    struct instance *i = instance_find(c->m, id);
    size_t at = 0;

    *ret_bad = false;
    while (at < id.n && !str_starts(str_sub(id, at, id.n), STR(".instance-")) &&
           !str_starts(str_sub(id, at, id.n), STR(".marathon-")))
        at++;
    if (at == id.n || at == 0) {
        *ret_bad = true;
        answer_message(c, 422, "'%.*s' is no instance id; the form is <pod>.instance-<uuid>",
                       STR_ARG(str_sub(id, 0, 300)));
        return NULL;
    }
    return i != NULL && i->slot == s ? i : NULL;
}

static void kill_all(struct call *c, const struct str *ids, size_t n)
{
    struct marathon_event ev = {
        .type = EVENT_KILL, .kill = { .instance_ids = ids, .n = n, .wipe = query_flag(c, "wipe", false) }
    };
    const struct update_result *res;

    (void)c->api->step(c->api->ctx, &ev, &res, NULL);
}

static void kill_one(struct call *c, struct str id, struct str instance)
{
    const struct slot *s = find(c, id);
    struct instance *i;
    struct str copy;
    struct jsonw w;
    bool bad;

    if (s == NULL)
        return;
    i = victim(c, s, instance, &bad);
    if (i == NULL) {
        if (!bad)
            answer_message(c, 404, "Instance '%.*s' does not exist", STR_ARG(str_sub(instance, 0, 1000)));
        return;
    }
    copy = arena_str(&c->arena, i->id);
    w = answer_json(c, 200);
    render_instance(&w, i);
    kill_all(c, &copy, 1);
}

static void kill_many(struct call *c, struct str id)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const struct slot *s;
    const cJSON *e;
    struct instance **v;
    struct str *ids;
    struct jsonw w;
    size_t n = 0, max;

    if (json == NULL || (s = find(c, id)) == NULL)
        return;
    if (!cJSON_IsArray(json)) {
        issue_at(&c->issues, NULL, "error.expected.jsarray");
        answer_issues(c, "Invalid JSON");
        return;
    }
    max = (size_t)cJSON_GetArraySize(json);
    v = arena_array(&c->arena, max + 1, sizeof *v);
    ids = arena_array(&c->arena, max + 1, sizeof *ids);
    cJSON_ArrayForEach(e, json)
    {
        bool bad;
        struct instance *i = victim(c, s, cJSON_IsString(e) ? str_of(e->valuestring) : STR(""), &bad);
        if (bad)
            return;
        if (i == NULL || v == NULL || ids == NULL)
            continue;
        ids[n] = arena_str(&c->arena, i->id);
        v[n++] = i;
    }
    w = answer_json(c, 200);
    jsonw_array(&w);
    for (size_t i = 0; i < n; i++)
        render_instance(&w, v[i]);
    jsonw_array_close(&w);
    kill_all(c, ids, n);
}

/* --- routes ------------------------------------------------------------------------------------------------
 */
static void itself(struct call *c, struct str id)
{
    const struct slot *s;

    switch (c->r->verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        if ((s = find(c, id)) != NULL)
            answer_pod(c, 200, s->spec);
        return;
    case HTTP_VERB_PUT:
        update(c, id);
        return;
    case HTTP_VERB_DELETE:
        delete_pod(c, id);
        return;
    case HTTP_VERB_POST:
    case HTTP_VERB_PATCH:
    case HTTP_VERB_OPTIONS:
    case HTTP_VERB_OTHER:
        break;
    }
    answer_not_allowed(c, "GET, HEAD, PUT, DELETE, OPTIONS");
}

/* After the id: "::status", "::versions", "::versions/<ts>", "::instances", "::instances/<id>". */
static void special(struct call *c, struct str id, struct str what, struct str arg)
{
    bool get = c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD,
         is_instances = str_is(what, "instances");

    if (is_instances && c->r->verb != HTTP_VERB_DELETE)
        answer_not_allowed(c, "DELETE, OPTIONS");
    else if (!is_instances && !get)
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
    else if (is_instances && arg.p == NULL)
        kill_many(c, id);
    else if (is_instances)
        kill_one(c, id, arg);
    else if (str_is(what, "status") && arg.p == NULL && path_is_root(id))
        list(c, true);
    else if (str_is(what, "status") && arg.p == NULL)
        status(c, id);
    else if (str_is(what, "versions") && arg.p == NULL)
        versions(c, id);
    else if (str_is(what, "versions"))
        version(c, id, arg);
    else
        answer_message(c, 404, "URI not found");
}

void handle_pods(struct call *c)
{
    struct str none = { NULL, 0 };

    if (c->n == 2) {
        switch (c->r->verb) {
        case HTTP_VERB_HEAD: /* how clients ask whether there are pods */
            answer_text(c, 200, "application/json", STR(""));
            return;
        case HTTP_VERB_GET:
            list(c, false);
            return;
        case HTTP_VERB_POST:
            create(c);
            return;
        case HTTP_VERB_PUT:
        case HTTP_VERB_DELETE:
        case HTTP_VERB_PATCH:
        case HTTP_VERB_OPTIONS:
        case HTTP_VERB_OTHER:
            break;
        }
        answer_not_allowed(c, "GET, HEAD, POST, OPTIONS");
        return;
    }
    /* "::x" is at the end of the last segment, or of the one before it. */
    for (size_t k = c->n; k-- > 2 && k + 2 >= c->n;) {
        struct str s = c->segments[k];
        size_t at = 0;
        while (at + 1 < s.n && (s.p[at] != ':' || s.p[at + 1] != ':'))
            at++;
        if (at + 1 >= s.n)
            continue;
        struct str what = str_sub(s, at + 2, s.n), arg = k + 1 < c->n ? c->segments[k + 1] : none;
        c->segments[k] = str_sub(s, 0, at);
        special(c, segments_path(c, 2, at != 0 ? k + 1 : k), what, arg);
        return;
    }
    itself(c, segments_path(c, 2, c->n));
}
