/* SPDX-License-Identifier: Apache-2.0 */
/* The launch queue and the deployments. Source: marathon-api §9, §10. */
#include "marathon/api/int.h"

/* --- the queue ---------------------------------------------------------------------------------------------
 */
static void reject_steps(struct jsonw *w, const char *key, const int64_t declined[REJECT_COUNT],
                         int64_t processed)
{
    jsonw_key_array(w, key);
    for (int i = 0; i < REJECT_COUNT; i++) {
        jsonw_open(w);
        jsonw_key_c(w, "reason", reject_name((enum reject_reason)i));
        jsonw_key_i64(w, "declined", declined[i]);
        jsonw_key_i64(w, "processed", processed);
        jsonw_close(w);
        processed -= declined[i]; /* a funnel: the next rule sees what passed this one */
    }
    jsonw_array_close(w);
}

static void offers_summary(struct jsonw *w, const struct queue_stats *q)
{
    jsonw_key_open(w, "processedOffersSummary");
    jsonw_key_i64(w, "processedOffersCount", q->processed);
    jsonw_key_i64(w, "unusedOffersCount", q->unused);
    if (q->last_unused_at.has)
        jsonw_key_wall(w, "lastUnusedOfferAt", q->last_unused_at.v);
    if (q->last_used_at.has)
        jsonw_key_wall(w, "lastUsedOfferAt", q->last_used_at.v);
    reject_steps(w, "rejectSummaryLastOffers", q->last_declined, q->last_processed);
    reject_steps(w, "rejectSummaryLaunchAttempt", q->attempt_declined, q->attempt_processed);
    jsonw_close(w);
}

static void number_ranges(struct jsonw *w, const struct port_range *v, size_t n)
{
    jsonw_key_array(w, "ranges");
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w);
        jsonw_key_i64(w, "begin", v[i].begin);
        jsonw_key_i64(w, "end", v[i].end);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void offered_resource(struct jsonw *w, const struct offer_resource *r)
{
    jsonw_open(w);
    jsonw_key_s(w, "name", r->name);
    jsonw_key_s(w, "role", r->role);
    if (r->kind == VALUE_KIND_SCALAR)
        jsonw_key_milli(w, "scalar", r->milli);
    else if (r->kind == VALUE_KIND_RANGES)
        number_ranges(w, r->ranges, r->range_count);
    jsonw_close(w);
}

static void offered(struct jsonw *w, const struct reject_note *n)
{
    jsonw_key_open(w, "offer");
    jsonw_key_s(w, "id", n->offer->id);
    jsonw_key_s(w, "hostname", n->offer->hostname);
    jsonw_key_c(w, "agentId", n->agent_id);
    jsonw_key_array(w, "resources");
    for (size_t k = 0; k < n->offer->resource_count; k++)
        offered_resource(w, &n->offer->resources[k]);
    jsonw_array_close(w);
    jsonw_key_array(w, "attributes");
    for (size_t k = 0; k < n->offer->attribute_count; k++)
        render_attribute(w, &n->offer->attributes[k]);
    jsonw_array_close(w);
    jsonw_close(w);
}

static void unused_offers(struct jsonw *w, const struct queue_stats *q)
{
    jsonw_key_array(w, "lastUnusedOffers");
    for (unsigned i = 0; i < q->note_count; i++) {
        const struct reject_note *n = &q->notes[i];
        jsonw_open(w);
        offered(w, n);
        jsonw_key_array(w, "reason");
        for (int k = 0; k < REJECT_COUNT; k++)
            if ((n->reasons & (1u << k)) != 0)
                jsonw_c(w, reject_name((enum reject_reason)k));
        jsonw_array_close(w);
        jsonw_key_wall(w, "timestamp", n->at);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void queue_item(struct call *c, struct jsonw *w, struct slot *s, bool offers)
{
    struct spec *spec = s->scheduled->spec;
    int64_t left = backoff_left(&s->backoff, c->api->mono(c->api->ctx));

    jsonw_open(w);
    jsonw_key_i64(w, "count", slot_queued(s));
    jsonw_key_open(w, "delay");
    jsonw_key_i64(w, "timeLeftSeconds", (left + NS_PER_S - 1) / NS_PER_S);
    jsonw_key_bool(w, "overdue", left == 0);
    jsonw_close(w);
    jsonw_key_wall(w, "since", s->queue->since);
    /* Always there in the original since 1.9; a widespread client cannot parse it, so it is shown when it
     * tells something. */
    if (!str_eq(spec->app.role, c->m->config.role))
        jsonw_key_s(w, "role", spec->app.role);
    offers_summary(w, s->queue);
    if (offers)
        unused_offers(w, s->queue);
    jsonw_key(w, spec->app.pod != NULL ? "pod" : "app");
    if (spec->app.pod != NULL)
        render_pod_spec(w, spec);
    else
        render_app(c, w, spec, NULL, 0, true);
    jsonw_close(w);
}

static void note_embed(void *arg, struct str v)
{
    if (str_is(v, "lastUnusedOffers"))
        *(bool *)arg = true;
}

static void queue_list(struct call *c)
{
    bool offers = false;
    struct jsonw w;

    query_each(c, "embed", note_embed, &offers);
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "queue");
    for (struct slot *s = c->m->waiting; s != NULL; s = s->wait_next)
        if (s->scheduled != NULL && s->queue != NULL && !s->of_job)
            queue_item(c, &w, s, offers);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

static void reset_delay(struct call *c, struct str id)
{
    struct marathon_event ev = { .type = EVENT_RESET_DELAY, .reset_delay = id };
    const struct update_result *res;
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, &res, &err) < 0)
        answer_message(c, 404, "%s", err.msg);
    else
        answer_text(c, 204, NULL, STR(""));
}

void handle_queue(struct call *c)
{
    if (c->n == 2) {
        if (c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD)
            queue_list(c);
        else
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
        return;
    }
    if (c->n > 3 && str_is(c->segments[c->n - 1], "delay")) {
        if (c->r->verb == HTTP_VERB_DELETE)
            reset_delay(c, segments_path(c, 2, c->n - 1));
        else
            answer_not_allowed(c, "DELETE, OPTIONS");
        return;
    }
    answer_message(c, 404, "URI not found");
}

/* --- deployments --- */
static void affected(struct jsonw *w, const struct deployment *d, bool pods)
{
    jsonw_key_array(w, pods ? "affectedPods" : "affectedApps");
    for (size_t i = 0; i < d->plan.n; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            const struct plan_action *a = &d->plan.steps[i].actions[k];
            /* A new app stands in two steps: started and scaled. It is named where it is first. */
            if ((a->type == ACTION_SCALE && a->from == NULL) || action_is_of_pod(a) != pods)
                continue;
            jsonw_str(w, a->slot->id);
        }
    jsonw_array_close(w);
}

static void current_actions(struct jsonw *w, const struct deployment *d)
{
    jsonw_key_array(w, "currentActions");
    for (size_t k = 0; d->started && d->current < d->plan.n && k < d->plan.steps[d->current].n; k++) {
        const struct plan_action *a = &d->plan.steps[d->current].actions[k];
        jsonw_open(w);
        render_action(w, a);
        render_readiness(w, a->slot);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void deployments_list(struct call *c)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_array(&w);
    for (const struct deployment *d = c->m->deployment_list; d != NULL; d = d->next) {
        jsonw_open(&w);
        jsonw_key_c(&w, "id", d->id);
        jsonw_key_wall(&w, "version", d->version);
        affected(&w, d, false);
        affected(&w, d, true);
        render_steps(&w, &d->plan);
        current_actions(&w, d);
        jsonw_key_i64(&w, "currentStep",
                      d->started ? (int64_t)(d->current < d->plan.n ? d->current + 1 : d->plan.n) : 0);
        jsonw_key_i64(&w, "totalSteps", (int64_t)d->plan.n);
        jsonw_close(&w);
    }
    jsonw_array_close(&w);
}

static void deployment_delete(struct call *c, struct str id)
{
    struct marathon_event ev = { .type = EVENT_CANCEL,
                                 .cancel = { .deployment_id = id, .force = query_flag(c, "force", false) } };
    const struct update_result *res;
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, &res, &err) < 0) {
        if (err.code == ERR_NOT_FOUND)
            answer_message(c, 404, "%s", err.msg);
        else
            answer_update_problem(c, res, &err);
    } else if (ev.cancel.force) {
        answer_text(c, 202, NULL, STR(""));
    } else {
        answer_deployment(c, 200, res);
    }
}

void handle_deployments(struct call *c)
{
    if (c->n == 2) {
        if (c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD)
            deployments_list(c);
        else
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
        return;
    }
    if (c->n != 3)
        answer_message(c, 404, "URI not found");
    else if (c->r->verb == HTTP_VERB_DELETE)
        deployment_delete(c, c->segments[2]);
    else
        answer_not_allowed(c, "DELETE, OPTIONS");
}
