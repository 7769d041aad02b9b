/* SPDX-License-Identifier: Apache-2.0 */
/* GET /stoa/v1/apps/{id}/why: what an app waits for, in rules and numbers. An addition of ours; the reasons
 * are those that the matcher recorded for each agent's latest offer. docs/marathon.md describes the answer.
 */
#include "marathon/api/advice.h"

static void refusal(struct call *c, struct jsonw *w, const struct reject_note *n, const char *hostname)
{
    jsonw_key_wall(w, "at", n->at);
    jsonw_key_c(w, "reason", reject_name(n->reason));
    jsonw_key_array(w, "reasons");
    for (int k = 0; k < REJECT_COUNT; k++)
        if ((n->reasons & (1u << k)) != 0)
            jsonw_c(w, reject_name((enum reject_reason)k));
    jsonw_array_close(w);
    advice_refusal(c, w, n, hostname);
}

static void agents(struct call *c, struct jsonw *w, const struct queue_stats *q)
{
    jsonw_key_array(w, "agents");
    for (unsigned i = 0; q != NULL && i < q->note_count; i++) {
        const struct reject_note *n = &q->notes[i];
        jsonw_open(w);
        jsonw_key_c(w, "agentId", n->agent_id);
        jsonw_key_c(w, "hostname", n->offer->hostname.p);
        jsonw_key_c(w, "offerId", n->offer->id.p);
        refusal(c, w, n, n->offer->hostname.p);
        advice_held_by(c, w, str_of(n->agent_id));
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

/* --- one instance on every agent: which agents lack theirs ------------------------------------------------- */
enum { LACKING_MAX = 1000, HOLDERS_SHOWN_MAX = 16 };

static void lacking(struct call *c, struct jsonw *w, const struct slot *s)
{
    size_t shown = 0;

    jsonw_key_array(w, "agents");
    for (const struct instance *i = s->scheduled; i != NULL && shown < LACKING_MAX; i = i->sched_next) {
        const char *hostname;
        if (!i->pinned)
            continue;
        hostname = arena_str(&c->arena, i->agent->hostname).p;
        jsonw_open(w);
        jsonw_key_s(w, "agentId", i->agent->id);
        jsonw_key_s(w, "hostname", i->agent->hostname);
        if (i->refusal != NULL)
            refusal(c, w, i->refusal, hostname);
        else
            jsonw_key_c(w, "text", i->unplaced ? "it has offered nothing to the app's role for 30 seconds" : "waits for an offer of it");
        if (shown++ < HOLDERS_SHOWN_MAX)
            advice_held_by(c, w, i->agent->id);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

/* Agents that have offered something and that the constraints do not admit. */
static void excluded(struct call *c, struct jsonw *w, const struct slot *s)
{
    size_t shown = 0;

    jsonw_key_array(w, "excluded");
    for (const struct agent *a = c->m->agents; a != NULL && shown < LACKING_MAX; a = a->hh.next) {
        struct offer o;
        struct match match;
        if (!a->known || !seen_agent_offer(a, s->spec->app.role, &c->arena, &o) || match_agent(&s->spec->app, &o, &match))
            continue;
        shown++;
        jsonw_open(w);
        jsonw_key_s(w, "agentId", a->id);
        jsonw_key_s(w, "hostname", a->hostname);
        jsonw_key_c(w, "text", match.detail);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static const char *summary(struct call *c, const struct slot *s)
{
    const struct queue_stats *q = s->queue;

    if (s->spec == NULL && s->job == NULL)
        return "the app is being removed";
    if (s->scheduled == NULL && s->job != NULL)
        return s->instances != NULL ? "its runs are placed" : "no run waits";
    if (s->every != NULL && s->unplaced != 0 && s->unplaced == (int64_t)s->scheduled_count && s->running == slot_wanted(s) - s->unplaced)
        return s->running == 0 ? "no agent has room for it; see agents"
                               : "it runs on every agent that has room for it; see agents for the others";
    if (s->scheduled == NULL && slot_wanted(s) == 0)
        return s->instances != NULL ? "it is suspended; its last instances are ending" : "it is suspended: no instance is wanted";
    if (s->scheduled == NULL && s->running == slot_wanted(s))
        return s->unhealthy != 0 ? "all instances are running, not all are healthy" : "all instances are running";
    if (s->scheduled == NULL)
        return "all instances are placed; not all run yet";
    if (!c->m->connected)
        return "no connection to a master";
    if (backoff_left(&s->backoff, c->api->mono(c->api->ctx)) > 0)
        return "launching is delayed after failures";
    if (c->m->tokens <= 0)
        return "too many launches are under way (--launch_tokens)";
    if (q == NULL || q->processed == 0)
        return "no offer has come since it waits";
    return q->note_count != 0 ? "no offer fits; see agents" : "waiting for the next offer";
}

static void why(struct call *c, const struct slot *s, const char *key, struct str id)
{
    struct jsonw w;
    int64_t left;

    left = backoff_left(&s->backoff, c->api->mono(c->api->ctx));
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_s(&w, key, id);
    jsonw_key_c(&w, "summary", summary(c, s));
    if (s->spec != NULL)
        jsonw_key_s(&w, "role", s->spec->app.role);
    if (c->m->framework_id != NULL)
        jsonw_key_c(&w, "frameworkId", c->m->framework_id);
    jsonw_key_i64(&w, "instances", slot_wanted(s));
    jsonw_key_i64(&w, "running", s->running);
    jsonw_key_i64(&w, "waiting", slot_queued(s));
    if (s->scheduled != NULL && s->queue != NULL)
        jsonw_key_wall(&w, "waitingSince", s->queue->since);
    if (left > 0) {
        struct wall until = c->api->wall(c->api->ctx);
        until.ms += left / NS_PER_MS;
        jsonw_key_wall(&w, "delayedUntil", until);
    }
    if (s->deployment != NULL)
        jsonw_key_c(&w, "deployment", s->deployment->id);
    if (advice_deployment(c, s) != NULL)
        jsonw_key_c(&w, "deploymentText", advice_deployment(c, s));
    if (advice_smallest_change(c, s) != NULL)
        jsonw_key_c(&w, "smallestChange", advice_smallest_change(c, s));
    if (s->failure.has) {
        jsonw_key_open(&w, "lastFailure");
        jsonw_key_c(&w, "taskId", s->failure.task_id);
        jsonw_key_c(&w, "state", s->failure.state);
        jsonw_key_c(&w, "message", s->failure.message);
        jsonw_key_c(&w, "host", s->failure.host);
        jsonw_key_wall(&w, "at", s->failure.at);
        jsonw_close(&w);
    }
    advice_unhealthy(&w, s);
    if (s->every != NULL) {
        lacking(c, &w, s);
        excluded(c, &w, s);
    } else {
        agents(c, &w, s->scheduled != NULL ? s->queue : NULL);
    }
    jsonw_close(&w);
}

void why_app(struct call *c, struct str id)
{
    const struct slot *s = slot_find(c->m, id);

    if (c->r->verb != HTTP_VERB_GET && c->r->verb != HTTP_VERB_HEAD)
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
    else if (s == NULL || s->of_job)
        answer_message(c, 404, "App '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    else
        why(c, s, "app", s->id);
}

void why_job(struct call *c, struct str id)
{
    const struct job *j = job_find(c->m, id);

    if (c->r->verb != HTTP_VERB_GET && c->r->verb != HTTP_VERB_HEAD)
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
    else if (j == NULL)
        answer_message(c, 404, "Job '%.*s' does not exist", STR_ARG(str_sub(id, 0, 1000)));
    else
        why(c, j->slot, "job", j->id);
}
