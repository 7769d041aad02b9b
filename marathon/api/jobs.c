/* SPDX-License-Identifier: Apache-2.0 */
/* /stoa/v1/jobs: jobs and their runs. An addition of ours; docs/marathon.md describes requests and answers. */
#include <stdio.h>

#include "marathon/api/int.h"
#include "marathon/api/jobs.h"
#include "marathon/zone.h"

/* --- out -------------------------------------------------------------------------------------------------------- */
void job_definition(struct jsonw *w, const struct job_def *def, const struct app *run)
{
    value_encode_members(&schema_job, def, w);
    jsonw_key(w, "run");
    value_encode(job_run_schema(), run, w);
}

static void render_run(struct jsonw *w, const struct job_run *r)
{
    jsonw_open(w);
    jsonw_key_c(w, "id", r->id);
    jsonw_key_s(w, "jobId", r->job->id);
    jsonw_key_c(w, "state", run_state_name(r->state));
    jsonw_key_opt_wall(w, "scheduledFor", r->scheduled_for);
    jsonw_key_wall(w, "createdAt", r->created_at);
    jsonw_key_opt_wall(w, "startedAt", r->started_at);
    jsonw_key_opt_wall(w, "finishedAt", r->finished_at);
    jsonw_key_u64(w, "attempt", r->attempt);
    jsonw_key_u64(w, "failures", r->failures);
    jsonw_key_opt_wall(w, "nextAttemptAt", r->retry_at);
    jsonw_key_text(w, "message", r->message);
    jsonw_key_text(w, "taskId", r->task_id);
    jsonw_key_text(w, "host", r->host);
    jsonw_key_text(w, "agentId", r->agent_id);
    jsonw_key_wall(w, "version", r->version);
    jsonw_close(w);
}

static void render_runs(struct jsonw *w, const char *key, const struct job *j, bool active_only)
{
    jsonw_key_array(w, key);
    for (const struct job_run *r = j->runs != NULL ? j->runs->prev : NULL; r != NULL; r = r != j->runs ? r->prev : NULL) /* newest first */
        if (!active_only || !run_state_is_over(r->state))
            render_run(w, r);
    jsonw_array_close(w);
}

static void render_job(struct jsonw *w, const struct job *j)
{
    jsonw_open(w);
    job_definition(w, j->def, &j->spec->app);
    jsonw_key_wall(w, "version", j->spec->version);
    jsonw_key_wall(w, "createdAt", j->created_at);
    jsonw_key_opt_wall(w, "nextRunAt", j->next);
    jsonw_key_text(w, "problem", j->problem);
    render_runs(w, "activeRuns", j, true);
    jsonw_key_open(w, "history");
    jsonw_key_i64(w, "succeeded", j->succeeded);
    jsonw_key_i64(w, "failed", j->failed);
    jsonw_key_i64(w, "skipped", j->skipped);
    jsonw_key_opt_wall(w, "lastSuccessAt", j->last_success);
    jsonw_key_opt_wall(w, "lastFailureAt", j->last_failure);
    jsonw_key_opt_wall(w, "lastSkippedAt", j->last_skip);
    jsonw_key_text(w, "lastSkippedBecause", j->skip_reason);
    jsonw_close(w);
    jsonw_close(w);
}

/* --- in ---------------------------------------------------------------------------------------------------------- */
/* Fields of an app that a run does not have would be ignored silently. */
static void refuse_app_fields(struct issues *is, const cJSON *run)
{
    const struct schema *known = job_run_schema();
    struct place up = PLACE_FIELD(NULL, "run");
    const cJSON *e;

    cJSON_ArrayForEach(e, run)
    {
        struct place at = PLACE_KEY(&up, str_of(e->string));
        bool is_run = false, is_app = false;
        for (size_t i = 0; i < known->count; i++)
            is_run = is_run || str_is(str_of(known->fields[i].name), e->string);
        for (size_t i = 0; i < schema_app.count; i++)
            is_app = is_app || str_is(str_of(schema_app.fields[i].name), e->string);
        if (is_app && !is_run)
            issue_at(is, &at, "is a field of apps; a run does not have it");
    }
}

/* The agent of a run may come back: its task is not started elsewhere for ten minutes. */
enum { RUN_EXPUNGE_S = 600 };

bool job_run_decode(const cJSON *json, struct str id, const struct marathon_config *config, struct app *a, struct arena *arena,
                       struct issues *is)
{
    struct place at = PLACE_FIELD(NULL, "run");
    bool has_ports = body_get(json, "portDefinitions") != NULL, has_unreachable = body_get(json, "unreachableStrategy") != NULL;

    value_decode(job_run_schema(), json, a, true, arena, is, &at);
    if (is->n != 0)
        return false;
    a->id = id;
    schema_defaults(&schema_app, a);
    if (!has_ports)
        a->port_definitions = (struct list){ .has = true };
    app_migrate(a, config, arena, is);
    app_fill(a, config, STR("/"), HEALTH_PORTS_NONE, arena);
    if (!has_unreachable && a->unreachable != NULL)
        a->unreachable->expunge_s = (struct opt_i64){ true, RUN_EXPUNGE_S };
    return true;
}

static void check_id(struct issues *is, struct str id)
{
    struct place at = PLACE_FIELD(NULL, "id");
    struct str rest = id, one;

    if (id.n > JOB_ID_BYTES_MAX)
        issue_at(is, &at, "is %zu characters long; task ids are made of it, so %d is the limit", id.n, JOB_ID_BYTES_MAX);
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &one);
        if (str_is(one, "runs") || str_is(one, "why"))
            issue_at(is, &at, "must not contain the names runs and why");
    }
}

static bool check_schedule(struct issues *is, const struct job_def *def, struct sbuf *zone)
{
    struct place schedule = PLACE_FIELD(NULL, "schedule"), cron_at = PLACE_FIELD(&schedule, "cron"),
                 zone_at = PLACE_FIELD(&schedule, "timeZone");
    struct error err = { 0 };
    struct cron cron;
    struct tz z;
    int64_t next;

    if (def->schedule == NULL)
        return true;
    if (zone_read(def->schedule->time_zone, zone, &err) < 0)
        issue_at(is, &zone_at, "%s", err.msg);
    if (cron_parse(def->schedule->cron, &cron, &err) < 0)
        issue_at(is, &cron_at, "%s", err.msg);
    if (is->n != 0 || tz_parse(sbuf_view(zone), &z, &err) < 0)
        return false;
    if (!cron_next(&cron, &z, 1767225600, &next)) /* any year will do */
        issue_at(is, &cron_at, "'%.*s' is never due", STR_ARG(def->schedule->cron));
    tz_done(&z);
    return is->n == 0;
}

const char *job_decode(const cJSON *json, const struct marathon_config *config, struct job_def *def, struct app *run, struct arena *arena,
                       struct issues *is)
{
    const cJSON *r = body_get(json, "run");
    struct place at = PLACE_FIELD(NULL, "run");

    value_decode(&schema_job, json, def, true, arena, is, NULL);
    if (!cJSON_IsObject(r))
        issue_at(is, &at, "must be there: what the job runs, with the fields of an app (cmd, cpus, mem, ...)");
    if (is->n != 0)
        return "Invalid JSON";
    refuse_app_fields(is, r);
    def->id = path_resolve(arena, STR("/"), def->id);
    return job_run_decode(r, def->id, config, run, arena, is) && is->n == 0 ? NULL : "Object is not valid";
}

/* Stores the definition; false: it is bad, and that is the answer. */
static bool put_job(struct call *c, const cJSON *json, bool create)
{
    CLEANUP(sbuf_done_p) struct sbuf zone = SBUF_INIT(TZ_FILE_BYTES_MAX + 1);
    struct validate_context vc = { .config = &c->m->config };
    struct place at = PLACE_FIELD(NULL, "run");
    struct job_def def = { 0 };
    struct app run = { 0 };
    struct job_update u = { .def = &def, .run = &run, .create = create };
    struct marathon_event ev = { .type = EVENT_JOB_PUT, .job_put = &u };
    const struct update_result *res;
    struct error err = { 0 };
    const char *problem = job_decode(json, &c->m->config, &def, &run, &c->arena, &c->issues);

    if (problem != NULL) {
        answer_issues(c, problem);
        return false;
    }
    check_id(&c->issues, def.id);
    (void)check_schedule(&c->issues, &def, &zone);
    vc.place = &at;
    vc.enforce_role = role_is_enforced(c->m, def.id);
    app_validate(&run, &vc, &c->issues);
    if (app_is_resident(&run))
        issue_at(&c->issues, &at, "a run cannot have persistent volumes");
    if (app_is_every(&run))
        issue_at(&c->issues, &at, "a run is one task: the constraint EVERY is for apps");
    if (answer_bad(c, "Object is not valid"))
        return false;
    u.zone = sbuf_view(&zone);
    if (c->api->step(c->api->ctx, &ev, &res, &err) < 0) {
        answer_message(c, (unsigned)err_code_http_status(err.code), "%s", err.msg);
        return false;
    }
    const struct job *j = job_find(c->m, def.id);
    struct jsonw w = answer_json(c, create ? 201 : 200);
    render_job(&w, j);
    answer_etag(c, j->spec->version);
    return true;
}

static void create(struct call *c)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);

    if (json == NULL || !put_job(c, json, true))
        return;
    answer_location(c, arena_fmt(&c->arena, "/stoa/v1/jobs%.*s", STR_ARG(path_resolve(&c->arena, STR("/"), body_str(json, "id")))));
}

/* The body's id is that of the path, or absent. */
static bool take_id(struct call *c, cJSON *json, struct str id)
{
    struct str given = body_str(json, "id");
    struct place at = PLACE_FIELD(NULL, "id");

    if (given.p != NULL && !str_eq(path_resolve(&c->arena, STR("/"), given), id)) {
        issue_at(&c->issues, &at, "is '%.*s', but the path says '%.*s'; leave it out, or make them agree", STR_ARG(str_sub(given, 0, 150)),
                 STR_ARG(str_sub(id, 0, 150)));
        answer_issues(c, "Object is not valid");
        return false;
    }
    if (cJSON_IsObject(json) && given.p == NULL)
        (void)cJSON_AddStringToObject(json, "id", id.p);
    return true;
}

static struct job *find(struct call *c, struct str id)
{
    struct job *j = job_find(c->m, id);

    if (j == NULL)
        answer_message(c, 404, "Job '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    return j;
}

static void replace(struct call *c, struct str id)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    const struct job *j = job_find(c->m, id);

    if (json != NULL && precondition_holds(c, j != NULL ? j->spec : NULL) && take_id(c, json, id))
        (void)put_job(c, json, j == NULL);
}

static void patch(struct call *c, struct str id)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c), *target = NULL;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);
    const struct job *j;
    struct jsonw w = JSONW(&b);
    char text[200];

    if (json == NULL || (j = find(c, id)) == NULL || !precondition_holds(c, j->spec) || !take_id(c, json, id))
        return;
    jsonw_open(&w);
    job_definition(&w, j->def, &j->spec->app);
    jsonw_close(&w);
    target = json_merge_patch(body_parse(sbuf_view(&b), text, sizeof text), json);
    (void)put_job(c, target, false);
}

/* A step that answers nothing but success: false: it failed, and that is the answer. */
static bool step(struct call *c, struct marathon_event *ev, const struct update_result **ret)
{
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, ev, ret, &err) == 0)
        return true;
    answer_message(c, (unsigned)err_code_http_status(err.code), "%s", err.msg);
    return false;
}

static void delete_job(struct call *c, struct str id)
{
    struct marathon_event ev = { .type = EVENT_JOB_DELETE, .job = { .id = id, .stop_runs = query_flag(c, "stopRuns", false) } };
    const struct update_result *res;
    const struct job *j = find(c, id);

    if (j != NULL && precondition_holds(c, j->spec) && step(c, &ev, &res))
        answer_text(c, 204, NULL, STR(""));
}

static void show(struct call *c, struct str id)
{
    const struct job *j = find(c, id);
    struct jsonw w;

    if (j == NULL)
        return;
    answer_etag(c, j->spec->version);
    w = answer_json(c, 200);
    render_job(&w, j);
}

static void list(struct call *c)
{
    struct jsonw w = answer_json(c, 200);
    struct job *j, *tmp;

    jsonw_open(&w);
    jsonw_key_array(&w, "jobs");
    HASH_ITER(hh, c->m->jobs, j, tmp)
    {
        render_job(&w, j);
        jsonw_spill(&w);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */
static void run_now(struct call *c, struct str id)
{
    struct marathon_event ev = { .type = EVENT_JOB_RUN, .job = { .id = id } };
    const struct update_result *res;
    const struct job_run *r;
    struct jsonw w;

    if (!step(c, &ev, &res))
        return;
    r = job_run_find(job_find(c->m, id), str_of(res->text));
    w = answer_json(c, 201);
    render_run(&w, r);
    answer_location(c, arena_fmt(&c->arena, "/stoa/v1/jobs%.*s/runs/%s", STR_ARG(id), r->id));
}

static void runs_list(struct call *c, struct str id)
{
    const struct job *j = find(c, id);
    struct jsonw w;

    if (j == NULL)
        return;
    w = answer_json(c, 200);
    jsonw_open(&w);
    render_runs(&w, "runs", j, false);
    jsonw_close(&w);
}

static void run_show(struct call *c, struct str id, struct str run_id)
{
    const struct job *j = find(c, id);
    const struct job_run *r = j != NULL ? job_run_find(j, run_id) : NULL;
    struct jsonw w;

    if (j == NULL)
        return;
    if (r == NULL) {
        answer_message(c, 404, "Job '%.*s' has no run '%.*s'", STR_ARG(id), STR_ARG(str_sub(run_id, 0, 100)));
        return;
    }
    w = answer_json(c, 200);
    render_run(&w, r);
}

static void kill_run(struct call *c, struct str id, struct str run_id)
{
    struct marathon_event ev = { .type = EVENT_RUN_KILL, .job = { .id = id, .run_id = run_id } };
    const struct update_result *res;

    if (step(c, &ev, &res))
        answer_text(c, 202, NULL, STR(""));
}

/* --- routes ------------------------------------------------------------------------------------------------------- */
static void handle_runs(struct call *c, struct str id, struct str run_id)
{
    bool get = c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD;

    if (run_id.p == NULL) {
        if (get)
            runs_list(c, id);
        else if (c->r->verb == HTTP_VERB_POST)
            run_now(c, id);
        else
            answer_not_allowed(c, "GET, HEAD, POST, OPTIONS");
    } else if (get) {
        run_show(c, id, run_id);
    } else if (c->r->verb == HTTP_VERB_DELETE) {
        kill_run(c, id, run_id);
    } else {
        answer_not_allowed(c, "GET, HEAD, DELETE, OPTIONS");
    }
}

static void handle_all(struct call *c)
{
    if (c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD)
        list(c);
    else if (c->r->verb == HTTP_VERB_POST)
        create(c);
    else
        answer_not_allowed(c, "GET, HEAD, POST, OPTIONS");
}

static void handle_one(struct call *c, struct str id)
{
    switch (c->r->verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        show(c, id);
        return;
    case HTTP_VERB_PUT:
        replace(c, id);
        return;
    case HTTP_VERB_PATCH:
        patch(c, id);
        return;
    case HTTP_VERB_DELETE:
        delete_job(c, id);
        return;
    case HTTP_VERB_POST:
    case HTTP_VERB_OPTIONS:
    case HTTP_VERB_OTHER:
        break;
    }
    answer_not_allowed(c, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
}

void handle_jobs(struct call *c)
{
    if (c->n == 3) {
        handle_all(c);
        return;
    }
    if (c->n > 4 && str_is(c->segments[c->n - 1], "runs"))
        handle_runs(c, segments_path(c, 3, c->n - 1), (struct str){ NULL, 0 });
    else if (c->n > 5 && str_is(c->segments[c->n - 2], "runs"))
        handle_runs(c, segments_path(c, 3, c->n - 2), c->segments[c->n - 1]);
    else if (c->n > 4 && str_is(c->segments[c->n - 1], "why"))
        why_job(c, segments_path(c, 3, c->n - 1));
    else
        handle_one(c, segments_path(c, 3, c->n));
}
