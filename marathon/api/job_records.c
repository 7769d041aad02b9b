/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and runs in the store. A run that is active brings what it runs, which may be an earlier definition of its job. */
#include "marathon/api/int.h"
#include "marathon/api/jobs.h"
#include "marathon/zone.h"

static int64_t get_number(const cJSON *j, const char *key)
{
    const cJSON *n = body_get(j, key);

    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble < 9e15 ? (int64_t)n->valuedouble : 0;
}

void job_record(struct jsonw *w, const struct job *j)
{
    job_definition(w, j->def, &j->spec->app);
    jsonw_key_wall(w, "version", j->spec->version);
    jsonw_key_wall(w, "createdAt", j->created_at);
    jsonw_key_opt_wall(w, "covered", j->covered);
    jsonw_key_opt_wall(w, "lastSuccess", j->last_success);
    jsonw_key_opt_wall(w, "lastFailure", j->last_failure);
    jsonw_key_opt_wall(w, "lastSkip", j->last_skip);
    jsonw_key_i64(w, "succeeded", j->succeeded);
    jsonw_key_i64(w, "failed", j->failed);
    jsonw_key_i64(w, "skipped", j->skipped);
    jsonw_key_c(w, "skipReason", j->skip_reason);
}

void run_record(struct jsonw *w, const struct job_run *r)
{
    jsonw_key_c(w, "state", run_state_name(r->state));
    jsonw_key_wall(w, "createdAt", r->created_at);
    jsonw_key_opt_wall(w, "scheduledFor", r->scheduled_for);
    jsonw_key_opt_wall(w, "startedAt", r->started_at);
    jsonw_key_opt_wall(w, "finishedAt", r->finished_at);
    jsonw_key_opt_wall(w, "retryAt", r->retry_at);
    jsonw_key_u64(w, "attempt", r->attempt);
    jsonw_key_u64(w, "failures", r->failures);
    jsonw_key_bool(w, "killAsked", r->kill_asked);
    jsonw_key_text(w, "message", r->message);
    jsonw_key_text(w, "taskId", r->task_id);
    jsonw_key_text(w, "host", r->host);
    jsonw_key_text(w, "agentId", r->agent_id);
    jsonw_key_wall(w, "version", r->version);
    if (!run_state_is_over(r->state)) {
        jsonw_key(w, "rules");
        value_encode(&schema_run_rules, &r->rules, w);
        jsonw_key(w, "run");
        value_encode(job_run_schema(), &r->spec->app, w);
    }
}

const char *job_load(struct marathon *m, const cJSON *j, struct arena *arena)
{
    static struct error err;
    CLEANUP(sbuf_done_p) struct sbuf zone = SBUF_INIT(TZ_FILE_BYTES_MAX + 1);
    struct issues *is = arena_alloc(arena, sizeof *is);
    struct job_def def = { 0 };
    struct app run = { 0 };
    struct stored_job sj = { .def = &def,
                             .run = &run,
                             .covered = body_time(j, "covered"),
                             .last_success = body_time(j, "lastSuccess"),
                             .last_failure = body_time(j, "lastFailure"),
                             .last_skip = body_time(j, "lastSkip"),
                             .succeeded = get_number(j, "succeeded"),
                             .failed = get_number(j, "failed"),
                             .skipped = get_number(j, "skipped"),
                             .skip_reason = body_str(j, "skipReason") };

    if (is == NULL)
        return "out of memory";
    is->arena = arena;
    if (job_decode(j, &m->config, &def, &run, arena, is) != NULL)
        return is->n != 0 ? is->v[0].text.p : "its definition is wrong";
    if (!wall_parse(body_str(j, "version"), &sj.version) || !wall_parse(body_str(j, "createdAt"), &sj.created_at))
        return "no version or time";
    if (def.schedule != NULL && zone_read(def.schedule->time_zone, &zone, &err) < 0)
        sj.zone_problem = str_of(err.msg);
    sj.zone = sbuf_view(&zone);
    return marathon_restore_job(m, &sj, &err) < 0 ? err.msg : NULL;
}

/* What an active run runs. */
static const struct app *load_app(struct marathon *m, struct str job_id, const cJSON *json, struct arena *arena)
{
    struct issues *is = arena_alloc(arena, sizeof *is);
    struct app *a = arena_alloc(arena, sizeof *a);

    if (is == NULL || a == NULL || !cJSON_IsObject(json))
        return NULL;
    is->arena = arena;
    return job_run_decode(json, job_id, &m->config, a, arena, is) ? a : NULL;
}

static const struct run_rules *load_rules(const cJSON *json, struct arena *arena)
{
    struct issues *is = arena_alloc(arena, sizeof *is);
    struct run_rules *r = arena_alloc(arena, sizeof *r);

    if (is == NULL || r == NULL || !cJSON_IsObject(json))
        return NULL; /* of an earlier version */
    is->arena = arena;
    value_decode(&schema_run_rules, json, r, true, arena, is, NULL);
    return is->n == 0 ? r : NULL;
}

const char *run_load(struct marathon *m, struct str key, const cJSON *j, struct arena *arena)
{
    static struct error err;
    struct stored_run sr = { .message = body_str(j, "message"),
                             .task_id = body_str(j, "taskId"),
                             .host = body_str(j, "host"),
                             .agent_id = body_str(j, "agentId"),
                             .scheduled_for = body_time(j, "scheduledFor"),
                             .started_at = body_time(j, "startedAt"),
                             .finished_at = body_time(j, "finishedAt"),
                             .retry_at = body_time(j, "retryAt"),
                             .attempt = (unsigned)get_number(j, "attempt"),
                             .failures = (unsigned)get_number(j, "failures"),
                             .kill_asked = cJSON_IsTrue(body_get(j, "killAsked")) };

    if (!str_cut(&key, '@', &sr.job_id) || !run_state_parse(body_str(j, "state"), &sr.state) ||
        !wall_parse(body_str(j, "createdAt"), &sr.created_at))
        return "a field is missing or wrong";
    sr.id = key;
    (void)wall_parse(body_str(j, "version"), &sr.version);
    sr.rules = load_rules(body_get(j, "rules"), arena);
    sr.run = load_app(m, sr.job_id, body_get(j, "run"), arena);
    return marathon_restore_run(m, &sr, &err) < 0 ? err.msg : NULL;
}
