/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/api/records.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "marathon/api/int.h"
#include "marathon/api/jobs.h"
#include "marathon/core/pod.h"

/* --- out --- */
static void versioned_key(struct sbuf *key, const char *prefix, struct str id, struct wall version)
{
    sbuf_c(key, prefix);
    sbuf_str(key, id);
    sbuf_char(key, '@');
    wall_print(key, version);
}

static void numbers(struct jsonw *w, const char *key, const uint32_t *v, size_t n)
{
    jsonw_key_array(w, key);
    for (size_t i = 0; i < n; i++)
        jsonw_u64(w, v[i]);
    jsonw_array_close(w);
}

static void put_agent(struct jsonw *w, const struct agent *a)
{
    static const char *const kinds[] = { "scalar", "ranges", "set", "text" };

    jsonw_key_s(w, "agentId", a->id);
    jsonw_key_s(w, "host", a->hostname);
    if (a->region.p != NULL)
        jsonw_key_s(w, "region", a->region);
    if (a->zone.p != NULL)
        jsonw_key_s(w, "zone", a->zone);
    jsonw_key_array(w, "attributes");
    for (size_t i = 0; i < a->attribute_count; i++) {
        jsonw_array(w);
        jsonw_str(w, a->attributes[i].name);
        jsonw_c(w, kinds[a->attributes[i].kind]);
        jsonw_str(w, a->attributes[i].text);
        jsonw_array_close(w);
    }
    jsonw_array_close(w);
}

static void put_instance(struct jsonw *w, const struct instance *i)
{
    jsonw_key_s(w, "id", i->id);
    jsonw_key_s(w, "app", i->slot->id);
    jsonw_key_wall(w, "version", i->spec->version);
    jsonw_key_c(w, "state", instance_state_name(i->state));
    jsonw_key_c(w, "goal", goal_name(i->goal));
    jsonw_key_i64(w, "incarnation", i->incarnation);
    jsonw_key_wall(w, "since", i->since);
    jsonw_key_opt_wall(w, "stagedAt", i->staged_at);
    jsonw_key_opt_wall(w, "startedAt", i->started_at);
    if (i->has_mesos_state)
        jsonw_key_c(w, "taskState", task_state_name(i->mesos_state));
    if (i->agent != NULL)
        put_agent(w, i->agent);
    numbers(w, "ports", i->ports, i->port_count);
    numbers(w, "containerPorts", i->container_ports, i->port_count);
    jsonw_key_array(w, "ips");
    for (unsigned k = 0; k < i->ip_count; k++) {
        if (i->ips[k].network == 0)
            jsonw_c(w, i->ips[k].text);
        else
            jsonw_fmt(w, "%s#%u", i->ips[k].text, i->ips[k].network);
    }
    jsonw_array_close(w);
    if (i->reservation == RESERVATION_NONE)
        return;
    jsonw_key_c(w, "reservation", i->reservation == RESERVATION_HELD ? "held" : "asked");
    jsonw_key_array(w, "volumes");
    for (size_t k = 0; k < i->volume_count; k++)
        jsonw_c(w, i->volumes[k].uuid);
    jsonw_array_close(w);
}

static void put_garbage(struct jsonw *w, const struct garbage *g)
{
    jsonw_key_s(w, "agentId", g->agent_id);
    jsonw_key_s(w, "role", g->role);
    jsonw_key_wall(w, "since", g->since);
}

static void put_deployment(struct jsonw *w, const struct deployment *d)
{
    jsonw_key_c(w, "id", d->id);
    jsonw_key_wall(w, "version", d->version);
    if (d->is_back)
        jsonw_key_bool(w, "isBack", true);
    jsonw_key_array(w, "steps");
    for (size_t i = 0; i < d->plan.n; i++) {
        jsonw_array(w);
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            const struct plan_action *a = &d->plan.steps[i].actions[k];
            jsonw_open(w);
            jsonw_key_c(w, "action", slot_action_name(a->type));
            jsonw_key_s(w, "app", a->slot->id);
            if (a->from != NULL)
                jsonw_key_wall(w, "from", a->from->version);
            if (a->to != NULL)
                jsonw_key_wall(w, "to", a->to->version);
            jsonw_key_i64(w, "instances", a->scale_to);
            if (a->slot->deployment == d && a->type == ACTION_RESTART) {
                if (a->slot->rollout.paused)
                    jsonw_key_bool(w, "paused", true);
                if (a->slot->rollout.promoted)
                    jsonw_key_bool(w, "promoted", true);
                if (a->slot->rollout.failures != 0)
                    jsonw_key_i64(w, "failures", a->slot->rollout.failures);
            }
            jsonw_close(w);
        }
        jsonw_array_close(w);
    }
    jsonw_array_close(w);
}

static void put_change(struct jsonw *w, const struct root_change *c)
{
    jsonw_key_array(w, "apps");
    for (size_t i = 0; i < c->n; i++) {
        jsonw_array(w);
        jsonw_str(w, c->entries[i].id);
        if (c->entries[i].before != NULL)
            jsonw_wall(w, c->entries[i].before->version);
        jsonw_array_close(w);
    }
    jsonw_array_close(w);
    jsonw_key_array(w, "newGroups");
    for (size_t i = 0; i < c->new_group_count; i++)
        jsonw_str(w, c->new_groups[i]);
    jsonw_array_close(w);
}

static void put_failure(struct jsonw *w, const struct task_failure *f)
{
    jsonw_key_c(w, "host", f->host);
    jsonw_key_c(w, "message", f->message);
    jsonw_key_c(w, "taskId", f->task_id);
    if (f->agent_id != NULL)
        jsonw_key_c(w, "agentId", f->agent_id);
    jsonw_key_c(w, "state", f->state);
    jsonw_key_wall(w, "at", f->at);
    jsonw_key_wall(w, "version", f->version);
}

static void put_group(struct jsonw *w, const struct group *g)
{
    jsonw_key_array(w, "dependencies");
    for (size_t i = 0; i < g->dependency_count; i++)
        jsonw_str(w, g->dependencies[i]);
    jsonw_array_close(w);
    if (g->enforce_role.has)
        jsonw_key_bool(w, "enforceRole", g->enforce_role.v);
    jsonw_key_wall(w, "version", g->version);
}

static void put_spec(struct jsonw *w, const struct spec *s)
{
    if (s->app.pod != NULL) { /* the app around it is derived anew */
        jsonw_key_s(w, "id", s->app.id);
        jsonw_key_wall(w, "version", s->version);
        jsonw_key(w, "podDefinition");
        value_encode(&schema_pod, s->app.pod, w);
    } else {
        struct str json = spec_json((struct spec *)(uintptr_t)s); /* fills its cache: answers need it as well */
        jsonw_raw(w, str_sub(json, 1, json.n));
    }
    jsonw_key_open(w, "versionInfo");
    jsonw_key_wall(w, "lastScalingAt", s->scaling_at);
    jsonw_key_wall(w, "lastConfigChangeAt", s->config_at);
    jsonw_close(w);
}

static void put_deleted(struct jsonw *w, const struct deleted *d)
{
    jsonw_key_wall(w, "version", d->spec->version);
    jsonw_key_wall(w, "at", d->at);
}

static const char *key_prefix(enum store_kind kind)
{
    switch (kind) {
    case STORE_SPEC:
    case STORE_SPEC_DELETE:
        return "spec";
    case STORE_CURRENT:
    case STORE_CURRENT_DELETE:
        return "current";
    case STORE_GROUP:
    case STORE_GROUP_DELETE:
        return "group";
    case STORE_INSTANCE:
    case STORE_INSTANCE_DELETE:
        return "instance/";
    case STORE_DEPLOYMENT:
    case STORE_DEPLOYMENT_DELETE:
        return "deployment/";
    case STORE_CHANGE:
    case STORE_CHANGE_DELETE:
        return "change/";
    case STORE_FAILURE:
    case STORE_FAILURE_DELETE:
        return "failure";
    case STORE_GARBAGE:
    case STORE_GARBAGE_DELETE:
        return "garbage/";
    case STORE_DELETED:
    case STORE_DELETED_DELETE:
        return "deleted";
    case STORE_JOB:
    case STORE_JOB_DELETE:
        return "job";
    case STORE_RUN:
    case STORE_RUN_DELETE:
        return "run";
    case STORE_FRAMEWORK_ID:
        return "framework";
    }
    return "";
}

static void record_key(const struct store_op *op, struct sbuf *key)
{
    const char *prefix = key_prefix(op->kind);

    if (op->kind == STORE_SPEC || op->kind == STORE_SPEC_DELETE) {
        versioned_key(key, prefix, op->id, op->version);
    } else if (op->kind == STORE_CHANGE || op->kind == STORE_CHANGE_DELETE) {
        sbuf_c(key, prefix);
        wall_print(key, op->kind == STORE_CHANGE ? op->change->version : op->version);
    } else {
        sbuf_c(key, prefix);
        if (op->kind != STORE_FRAMEWORK_ID)
            sbuf_str(key, op->id);
    }
}

/* False: the record goes. */
static bool record_value(const struct store_op *op, struct jsonw *w)
{
    switch (op->kind) {
    case STORE_SPEC:
        put_spec(w, op->spec);
        return true;
    case STORE_CURRENT:
        jsonw_key_wall(w, "version", op->version);
        return true;
    case STORE_GROUP:
        put_group(w, op->group);
        return true;
    case STORE_INSTANCE:
        put_instance(w, op->instance);
        return true;
    case STORE_DEPLOYMENT:
        put_deployment(w, op->deployment);
        return true;
    case STORE_CHANGE:
        put_change(w, op->change);
        return true;
    case STORE_FAILURE:
        put_failure(w, &op->slot->failure);
        return true;
    case STORE_GARBAGE:
        put_garbage(w, op->garbage);
        return true;
    case STORE_FRAMEWORK_ID:
        jsonw_key_s(w, "id", op->id);
        return true;
    case STORE_DELETED:
        put_deleted(w, op->deleted);
        return true;
    case STORE_JOB:
        job_record(w, op->job);
        return true;
    case STORE_RUN:
        run_record(w, op->run);
        return true;
    case STORE_SPEC_DELETE:
    case STORE_CURRENT_DELETE:
    case STORE_GROUP_DELETE:
    case STORE_INSTANCE_DELETE:
    case STORE_DEPLOYMENT_DELETE:
    case STORE_CHANGE_DELETE:
    case STORE_FAILURE_DELETE:
    case STORE_GARBAGE_DELETE:
    case STORE_DELETED_DELETE:
    case STORE_JOB_DELETE:
    case STORE_RUN_DELETE:
        return false;
    }
    return false;
}

void record_encode(const struct store_op *op, struct sbuf *key, struct sbuf *value, bool *ret_delete)
{
    struct jsonw w = JSONW(value);

    sbuf_clear(key);
    sbuf_clear(value);
    record_key(op, key);
    jsonw_open(&w);
    *ret_delete = !record_value(op, &w);
    jsonw_close(&w);
    if (*ret_delete)
        sbuf_clear(value);
}

/* --- in --- */
struct load {
    struct marathon *m;
    struct mono now;
    struct arena arena; /* of one record */
    void (*report)(void *ctx, struct str key, const char *what);
    void *ctx;
};

static bool get_wall(const cJSON *j, const char *key, struct wall *ret)
{
    return wall_parse(body_str(j, key), ret);
}

static struct list get_texts(struct load *l, const cJSON *array)
{
    struct list out = { .has = array != NULL };
    const cJSON *e;

    out.p = arena_array(&l->arena, (size_t)cJSON_GetArraySize(array) + 1, sizeof(struct str));
    cJSON_ArrayForEach(e, array) if (cJSON_IsString(e) && out.p != NULL) * LIST_AT(out, struct str, out.n++) =
        str_of(e->valuestring);
    return out;
}

static uint32_t *get_numbers(struct load *l, const cJSON *array, size_t *ret_n)
{
    uint32_t *v = arena_array(&l->arena, (size_t)cJSON_GetArraySize(array) + 1, sizeof *v);
    const cJSON *e;

    *ret_n = 0;
    cJSON_ArrayForEach(e, array) if (cJSON_IsNumber(e) && e->valuedouble >= 0 && e->valuedouble <= 65535 &&
                                     v != NULL) v[(*ret_n)++] = (uint32_t)e->valuedouble;
    return v;
}

static struct app *load_pod(struct load *l, const struct app *stored)
{
    struct app *a;

    if (!pod_fill(stored->pod, &l->m->config, &l->arena))
        return NULL;
    a = pod_to_app(stored->pod, &l->arena);
    if (a != NULL) {
        a->version = stored->version;
        a->version_info = stored->version_info;
    }
    return a;
}

static const char *load_spec(struct load *l, struct str rest, const cJSON *j)
{
    struct app *a = arena_alloc(&l->arena, sizeof *a);
    struct issues *is = arena_alloc(&l->arena, sizeof *is);

    (void)rest;
    if (a == NULL || is == NULL)
        return "out of memory";
    is->arena = &l->arena;
    value_decode(&schema_app, j, a, false, &l->arena, is, NULL);
    if (is->n != 0)
        return is->v[0].text.p;
    if (a->id.p == NULL || !a->version.has)
        return "no id or version";
    if (a->pod == NULL)
        app_fill(a, &l->m->config, STR("/"), HEALTH_PORTS_NONE, &l->arena);
    else if ((a = load_pod(l, a)) == NULL)
        return "out of memory";
    marathon_restore_spec(l->m, a);
    return NULL;
}

static const char *load_current(struct load *l, struct str rest, const cJSON *j)
{
    static struct error err;
    struct wall v;

    if (!get_wall(j, "version", &v))
        return "no version";
    if (marathon_restore_current(l->m, rest, v, &err) < 0)
        return err.msg;
    (void)spec_json(slot_find(l->m, rest)->spec); /* a child that writes an answer could not keep it */
    return NULL;
}

static const char *load_group(struct load *l, struct str rest, const cJSON *j)
{
    struct list deps = get_texts(l, body_get(j, "dependencies"));
    const cJSON *e = body_get(j, "enforceRole");
    struct wall v = { 0 };

    (void)get_wall(j, "version", &v);
    marathon_restore_group(l->m, rest, &deps, (struct opt_bool){ cJSON_IsBool(e), cJSON_IsTrue(e) }, v);
    return NULL;
}

static const char *load_change(struct load *l, struct str rest, const cJSON *j)
{
    const cJSON *apps = body_get(j, "apps"), *e;
    struct stored_change_entry *v = arena_array(&l->arena, (size_t)cJSON_GetArraySize(apps) + 1, sizeof *v);
    struct list groups = get_texts(l, body_get(j, "newGroups"));
    struct wall version;
    size_t n = 0;

    if (!wall_parse(rest, &version) || v == NULL)
        return "no version in the key";
    cJSON_ArrayForEach(e, apps)
    {
        const cJSON *id = cJSON_GetArrayItem(e, 0), *before = cJSON_GetArrayItem(e, 1);
        if (!cJSON_IsString(id))
            continue;
        v[n].id = str_of(id->valuestring);
        if (cJSON_IsString(before))
            v[n].before.has = wall_parse(str_of(before->valuestring), &v[n].before.v);
        n++;
    }
    marathon_restore_change(l->m, version, v, n, groups.p, groups.n);
    return NULL;
}

static void load_attributes(struct load *l, const cJSON *array, struct stored_instance *si)
{
    struct attribute *v = arena_array(&l->arena, (size_t)cJSON_GetArraySize(array) + 1, sizeof *v);
    const cJSON *e;

    cJSON_ArrayForEach(e, array)
    {
        const cJSON *name = cJSON_GetArrayItem(e, 0), *kind = cJSON_GetArrayItem(e, 1),
                    *text = cJSON_GetArrayItem(e, 2);
        if (!cJSON_IsString(name) || !cJSON_IsString(kind) || !cJSON_IsString(text) || v == NULL)
            continue;
        struct str k = str_of(kind->valuestring);
        v[si->attribute_count++] = (struct attribute){ str_of(name->valuestring), str_of(text->valuestring),
                                                       str_is(k, "scalar")   ? VALUE_KIND_SCALAR
                                                       : str_is(k, "ranges") ? VALUE_KIND_RANGES
                                                       : str_is(k, "set")    ? VALUE_KIND_SET
                                                                             : VALUE_KIND_TEXT };
    }
    si->attributes = v;
}

static void load_ips(struct load *l, const cJSON *array, struct stored_instance *si)
{
    struct ip_addr *v = arena_array(&l->arena, 4, sizeof *v);
    const cJSON *e;

    cJSON_ArrayForEach(e, array)
    {
        struct str rest = cJSON_IsString(e) ? str_of(e->valuestring) : STR(""), t;
        uint64_t network = 0;
        if (str_cut(&rest, '#', &t))
            (void)str_u64(&rest, UINT8_MAX, &network);
        if (t.n == 0 || t.n >= sizeof v->text || si->ip_count == 4 || v == NULL)
            continue;
        memcpy(v[si->ip_count].text, t.p, t.n);
        v[si->ip_count].text[t.n] = 0;
        v[si->ip_count].network = (uint8_t)network;
        v[si->ip_count++].v6 = str_contains(t, STR(":"));
    }
    si->ips = v;
}

static const char *load_instance(struct load *l, struct str rest, const cJSON *j)
{
    static struct error err;
    struct stored_instance si = { .id = rest,
                                  .app_id = body_str(j, "app"),
                                  .agent_id = body_str(j, "agentId"),
                                  .hostname = body_str(j, "host"),
                                  .region = body_str(j, "region"),
                                  .zone = body_str(j, "zone"),
                                  .staged_at = body_time(j, "stagedAt"),
                                  .started_at = body_time(j, "startedAt"),
                                  .mesos_state = -1 };
    const cJSON *inc = body_get(j, "incarnation");
    enum task_state ts;
    size_t n;

    if (!get_wall(j, "version", &si.spec_version) || !get_wall(j, "since", &si.since) ||
        !instance_state_parse(body_str(j, "state"), &si.state) || !cJSON_IsNumber(inc) ||
        inc->valuedouble < 0)
        return "a field is missing or wrong";
    if ((si.state != INSTANCE_SCHEDULED || body_str(j, "reservation").n != 0) && si.agent_id.n == 0)
        return "it runs, but no agent is named";
    si.incarnation = (unsigned)inc->valuedouble;
    si.goal = str_is(body_str(j, "goal"), "Running")   ? GOAL_RUNNING
              : str_is(body_str(j, "goal"), "Stopped") ? GOAL_STOPPED
                                                       : GOAL_DECOMMISSIONED;
    if (task_state_parse(body_str(j, "taskState"), &ts))
        si.mesos_state = (int)ts;
    if (body_str(j, "reservation").n != 0) {
        struct list volumes = get_texts(l, body_get(j, "volumes"));
        si.reservation =
            str_is(body_str(j, "reservation"), "held") ? RESERVATION_HELD : RESERVATION_ASKED;
        si.volumes = volumes.p;
        si.volume_count = volumes.n;
    }
    load_attributes(l, body_get(j, "attributes"), &si);
    load_ips(l, body_get(j, "ips"), &si);
    si.ports = get_numbers(l, body_get(j, "ports"), &si.port_count);
    si.container_ports = get_numbers(l, body_get(j, "containerPorts"), &n);
    if (n != si.port_count)
        return "ports and containerPorts differ in number";
    return marathon_restore_instance(l->m, &si, l->now, &err) < 0 ? err.msg : NULL;
}

static bool load_action(const cJSON *e, struct stored_action *a)
{
    static const enum slot_action types[] = { ACTION_START, ACTION_STOP, ACTION_SCALE, ACTION_RESTART };
    const cJSON *n = body_get(e, "instances"), *failures = body_get(e, "failures");

    *a = (struct stored_action){ .app_id = body_str(e, "app"),
                                 .from = body_time(e, "from"),
                                 .to = body_time(e, "to"),
                                 .scale_to = cJSON_IsNumber(n) ? (int64_t)n->valuedouble : 0,
                                 .paused = cJSON_IsTrue(body_get(e, "paused")),
                                 .promoted = cJSON_IsTrue(body_get(e, "promoted")),
                                 .failures = cJSON_IsNumber(failures) ? (int64_t)failures->valuedouble : 0 };
    for (size_t i = 0; i < 4; i++)
        if (str_is(body_str(e, "action"), slot_action_name(types[i])))
            a->type = types[i];
    return a->type != ACTION_NONE && a->app_id.n != 0;
}

static const char *load_deployment(struct load *l, struct str rest, const cJSON *j)
{
    static struct error err;
    const cJSON *steps = body_get(j, "steps"), *step, *e;
    struct stored_deployment sd = { .id = rest, .is_back = cJSON_IsTrue(body_get(j, "isBack")) };
    struct stored_action *v;
    size_t *sizes, n = 0;

    cJSON_ArrayForEach(step, steps) n += (size_t)cJSON_GetArraySize(step);
    v = arena_array(&l->arena, n + 1, sizeof *v);
    sizes = arena_array(&l->arena, (size_t)cJSON_GetArraySize(steps) + 1, sizeof *sizes);
    if (v == NULL || sizes == NULL || !get_wall(j, "version", &sd.version))
        return "no version";
    n = 0;
    cJSON_ArrayForEach(step, steps)
    {
        cJSON_ArrayForEach(e, step)
        {
            if (!load_action(e, &v[n++]))
                return "an action of it is wrong";
            sizes[sd.step_count]++;
        }
        sd.step_count++;
    }
    sd.actions = v;
    sd.step_sizes = sizes;
    return marathon_restore_deployment(l->m, &sd, &err) < 0 ? err.msg : NULL;
}

static const char *load_failure(struct load *l, struct str rest, const cJSON *j)
{
    struct stored_failure f = { .app_id = rest,
                                .host = body_str(j, "host"),
                                .message = body_str(j, "message"),
                                .task_id = body_str(j, "taskId"),
                                .agent_id = body_str(j, "agentId"),
                                .state = body_str(j, "state") };

    if (!get_wall(j, "at", &f.at) || !get_wall(j, "version", &f.version))
        return "no time or version";
    marathon_restore_failure(l->m, &f);
    return NULL;
}

static const char *load_garbage(struct load *l, struct str rest, const cJSON *j)
{
    struct wall since;

    if (body_str(j, "agentId").n == 0 || !get_wall(j, "since", &since))
        return "no agent or time";
    marathon_restore_garbage(l->m, rest, body_str(j, "agentId"), body_str(j, "role"), since);
    return NULL;
}

static const char *load_framework(struct load *l, struct str rest, const cJSON *j)
{
    (void)rest;
    if (body_str(j, "id").n == 0)
        return "no id";
    marathon_restore_framework_id(l->m, body_str(j, "id"));
    return NULL;
}

static const char *load_job(struct load *l, struct str rest, const cJSON *j)
{
    (void)rest;
    return job_load(l->m, j, &l->arena);
}

static const char *load_run(struct load *l, struct str rest, const cJSON *j)
{
    return run_load(l->m, rest, j, &l->arena);
}

static const char *load_deleted(struct load *l, struct str rest, const cJSON *j)
{
    static struct error err;
    struct wall version, at;

    if (!get_wall(j, "version", &version) || !get_wall(j, "at", &at))
        return "no version or time";
    return marathon_restore_deleted(l->m, rest, version, at, &err) < 0 ? err.msg : NULL;
}

/* In this order: each kind refers to those before it. */
static const struct {
    const char *prefix; /* the id, with its slash where it has one, follows */
    const char *(*load)(struct load *l, struct str rest, const cJSON *j);
} kinds[] = {
    { "framework", load_framework },    { "spec", load_spec },       { "group", load_group },
    { "current", load_current },        { "change/", load_change },  { "job", load_job },
    { "run", load_run },                { "instance/", load_instance },
    { "deployment/", load_deployment }, { "failure", load_failure }, { "garbage/", load_garbage },
    { "deleted", load_deleted },
};

static void load_one(struct load *l, size_t kind, const struct record *r)
{
    struct str rest = r->key;
    char text[200];
    const char *problem;
    cJSON *j = body_parse(r->value, text, sizeof text);

    (void)str_skip(&rest, str_of(kinds[kind].prefix));
    problem = j != NULL ? kinds[kind].load(l, rest, j) : text;
    if (problem != NULL)
        l->report(l->ctx, r->key, problem);
    cJSON_Delete(j);
    arena_clear(&l->arena);
}

static bool kind_is_known(struct str key)
{
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        if (str_starts(key, str_of(kinds[k].prefix)))
            return true;
    return str_is(key, "check"); /* of a start after a full disk */
}

void records_load(struct marathon *m, const struct record *v, size_t n, struct mono now,
                  void (*report)(void *ctx, struct str key, const char *what), void *ctx)
{
    struct load l = { .m = m, .now = now, .report = report, .ctx = ctx };

    arena_init(&l.arena, REQUEST_ARENA_BYTES_MAX);
    for (size_t i = 0; i < n; i++) /* of a later build, it may be: nobody touches it */
        if (!kind_is_known(v[i].key))
            report(ctx, v[i].key, "no record of marathon has such a key");
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t i = 0; i < n; i++)
            if (str_starts(v[i].key, str_of(kinds[k].prefix)))
                load_one(&l, k, &v[i]);
    arena_done(&l.arena);
}

static bool is_piece(struct str key, struct str of)
{
    return key.n == of.n + 4 && str_starts(key, of) && key.p[of.n] == '#';
}

void records_check(const struct record *v, size_t n, void (*report)(void *ctx, struct str key, const char *what), void *ctx)
{
    struct record *joined = xcalloc(n + 1, sizeof *joined);
    struct sbuf *texts = xcalloc(n + 1, sizeof *texts);
    struct marathon_config config;
    struct marathon *m;
    size_t count = 0;

    marathon_config_init(&config);
    m = marathon_new(&config);
    for (size_t i = 0, k; i < n; i = k) {
        sbuf_init(&texts[count], (size_t)1 << 30);
        sbuf_str(&texts[count], v[i].value);
        for (k = i + 1; k < n && is_piece(v[k].key, v[i].key); k++)
            sbuf_str(&texts[count], v[k].value);
        joined[count] = (struct record){ v[i].key, sbuf_view(&texts[count]) };
        count++;
    }
    records_load(m, joined, count, (struct mono){ 0 }, report, ctx);
    marathon_free(m);
    for (size_t i = 0; i < count; i++)
        sbuf_done(&texts[i]);
    free(texts);
    free(joined);
}
