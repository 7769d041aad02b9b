/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the root on its way from any endpoint, and the answer to a dry run. */
#include "marathon/api/advice.h"
#include "marathon/core/predict.h"

bool run_update(struct call *c, struct root_update *u, const struct update_result **ret)
{
    struct marathon_event ev = { .type = EVENT_UPDATE, .update = u };
    struct error err = { 0 };

    if (c->api->step(c->api->ctx, &ev, ret, &err) == 0)
        return true;
    answer_update_problem(c, *ret, &err);
    return false;
}

static void placements(struct jsonw *w, const struct prediction *p)
{
    jsonw_key_array(w, "placements");
    for (size_t i = 0; i < p->placement_count; i++) {
        const struct placement *at = &p->placements[i];
        jsonw_open(w);
        jsonw_key_s(w, "app", at->app);
        jsonw_key_s(w, "agentId", at->agent_id);
        jsonw_key_s(w, "hostname", at->hostname);
        jsonw_key_i64(w, "instances", at->instances);
        jsonw_key_wall(w, "offeredAt", at->offered_at);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void unplaced(struct call *c, struct jsonw *w, const struct prediction *p)
{
    jsonw_key_array(w, "unplaced");
    for (size_t i = 0; i < p->unplaced_count; i++) {
        const struct no_placement *u = &p->unplaced[i];
        jsonw_open(w);
        jsonw_key_s(w, "app", u->app);
        jsonw_key_i64(w, "instances", u->instances);
        if (u->nearest == NULL) {
            jsonw_key_c(w, "text", "no agent has offered anything yet");
        } else {
            jsonw_key_c(w, "nearest", u->nearest);
            jsonw_key_c(w, "reason", reject_name(u->note.reason));
            advice_refusal(c, w, &u->note, u->nearest);
        }
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

void answer_dry_run(struct call *c, const struct update_result *res)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    render_steps(&w, &res->plan->plan);
    if (res->prediction != NULL) {
        placements(&w, res->prediction);
        unplaced(c, &w, res->prediction);
        if (res->prediction->cut)
            jsonw_key_bool(&w, "placementsCut", true);
    }
    jsonw_close(&w);
}
