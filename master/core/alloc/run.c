/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation cycle from trigger to result: candidates, the two stages (stage.c), inverse offers.
 *
 * A run may be cut into slices (work_max). Everything that a slice needs beyond the candidates and the grants
 * so far is built anew when the slice begins, so whatever happens in between is seen: agents and clients that
 * left are skipped, amounts are those of now. Grants are in the books at once, and handed out together when
 * the run is done.
 *
 * Agents that cannot have anything for anybody (nothing free, everybody blocked, too small) are left out
 * before the shuffle, in one pass over alloc_hot and the masks. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

enum { PASSED_PER_WORK = 8 }; /* agents or grants passed by that cost as much as one look at a pair */

/* --- candidates --- */

static bool anybody_possible(const struct allocator *a, uint32_t slot)
{
    const struct alloc_hot *h = &a->hot[slot];
    const uint64_t *blocked = mask_blocked(a, slot), *among = h->small ? a->own_minimum : a->active;

    for (uint32_t i = 0; i < a->mask_words; i++)
        if ((a->active[i] & among[i] & ~blocked[i]) != 0)
            return true;
    return false;
}

static void candidate_consider(struct allocator *a, uint32_t slot)
{
    struct alloc_run_state *run = &a->run;
    struct alloc_hot *h = &a->hot[slot];
    struct alloc_candidate cand = { slot, h->gen };

    mask_agent_sync(a, slot);
    if (run->now.ns / NS_PER_MS >= h->next_expiry_ms)
        filter_agent_expire(a, h->agent, run->now.ns / NS_PER_MS);
    if (!h->usable)
        return;
    if (h->maintained) {
        ARRAY_ROOM(run->maintained, run->maintained_count, run->maintained_cap);
        run->maintained[run->maintained_count++] = cand;
    }
    if (!h->free || (h->ref_known && !anybody_possible(a, slot)))
        return;
    ARRAY_ROOM(run->cand, run->cand_count, run->cand_cap);
    run->cand[run->cand_count++] = cand;
}

static int by_slot(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

static void candidates_collect(struct allocator *a)
{
    if (a->pending_count > 1)
        qsort(a->pending, a->pending_count, sizeof *a->pending, by_slot);
    for (uint32_t i = 0; i < a->pending_count; i++) {
        struct alloc_hot *h = &a->hot[a->pending[i]];
        if (h->agent != NULL && h->pending && !a->run.all)
            candidate_consider(a, a->pending[i]);
        h->pending = false;
    }
    a->pending_count = 0;
    a->pending_all = a->pending_some = false;
    if (!a->run.all)
        return;
    for (uint32_t i = 0; i < a->agent_slots; i++)
        if (a->hot[i].agent != NULL)
            candidate_consider(a, i);
    if (a->mask_cap != 0) /* every agent has taken it over */
        memset(a->cleared, 0, a->mask_cap * sizeof *a->cleared);
}

static void shuffle(struct alloc_run_state *run)
{
    for (uint32_t i = run->cand_count; run->rng != NULL && i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(run->rng, i);
        struct alloc_candidate t = run->cand[k];
        run->cand[k] = run->cand[i - 1];
        run->cand[i - 1] = t;
    }
    run->next = 0;
}

static void charge(struct alloc_run_state *run, size_t work)
{
    run->work = run->work > work ? run->work - work : 0;
}

static void run_start(struct allocator *a, bool all)
{
    struct alloc_run_state *run = &a->run;

    run->number++;
    run->all = all;
    run->cand_count = run->maintained_count = 0;
    run->quota_known = run->sorted = false;
    candidates_collect(a);
    shuffle(run);
    charge(run, all ? a->agent_slots / PASSED_PER_WORK : 0);
    run->phase = ALLOC_PHASE_GUARANTEES;
}

/* --- the end of a run --- */

/* Gives back what must not be handed out any more: the client or agent stopped taking part between two
 * slices. */
static bool is_deliverable(struct allocator *a, struct alloc_pending *p)
{
    struct alloc_hot *h = &a->hot[p->agent];
    struct alloc_client *c = p->client;

    if (h->agent != NULL && h->gen == p->agent_gen)
        h->agent->grant_head = ALLOC_NONE;
    if (c == NULL) /* left, and its grants with it */
        return false;
    if (c->subscribed && c->framework->active && h->usable)
        return true;
    struct resources r = p->resources;
    p->client = NULL;
    p->resources = RESOURCES_INIT;
    alloc_give_back(a, h->agent, c, &r, ALLOC_OFFERED);
    resources_done(&r);
    return false;
}

/* Groups by framework slot, keeping the order within. */
static void deliver(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;
    uint32_t *start = xcalloc(a->framework_slots + 1, sizeof *start);
    uint32_t n = 0;

    for (uint32_t i = 0; i < run->grant_count; i++)
        if (is_deliverable(a, &run->grants[i])) {
            start[run->grants[i].client->framework->slot + 1]++;
            n++;
        }
    for (uint32_t i = 0; i < a->framework_slots; i++)
        start[i + 1] += start[i];
    if (n > run->result_cap || run->result == NULL) {
        free(run->result);
        run->result_cap = n + n / 2 + 1;
        run->result = xcalloc(run->result_cap, sizeof *run->result);
    }
    run->result_count = n;
    for (uint32_t i = 0; i < run->grant_count; i++) {
        struct alloc_pending *p = &run->grants[i];
        if (p->client == NULL)
            continue;
        run->result[start[p->client->framework->slot]++] =
            (struct alloc_grant){ alloc_framework_ref(p->client->framework),
                                  { p->agent, p->agent_gen },
                                  name_ref(p->client->role->name),
                                  p->resources };
    }
    run->grant_count = 0;
    free(start);
}

static void inverse_consider(struct allocator *a, struct alloc_agent *g, const struct alloc_framework *f)
{
    struct alloc_run_state *run = &a->run;
    struct framework_ref ref = alloc_framework_ref(f);
    struct alloc_inverse_state *s = alloc_inverse_find(g, ref);

    if (!f->active || (s != NULL && (s->outstanding || mono_before(run->now, s->filter_until))))
        return;
    if (s == NULL) {
        ARRAY_ROOM(g->inverses, g->inverse_count, g->inverse_cap);
        s = &g->inverses[g->inverse_count++];
        *s = (struct alloc_inverse_state){ .framework = ref, .filter_until = { INT64_MIN } };
    }
    s->outstanding = true;
    ARRAY_ROOM(run->inverse, run->inverse_count, run->inverse_cap);
    run->inverse[run->inverse_count++] = (struct alloc_inverse){ ref, alloc_agent_ref(g), g->unavailability };
}

static void inverse_run(struct allocator *a)
{
    const struct alloc_holding *h;

    for (uint32_t i = 0; i < a->run.maintained_count; i++) {
        struct alloc_agent *g = alloc_candidate_get(a, a->run.maintained[i]);
        if (g == NULL || !g->has_unavailability)
            continue;
        DL_FOREACH2(g->holdings, h, agent_next)
        {
            inverse_consider(a, g, h->client->framework);
        }
    }
}

static void run_finish(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    deliver(a);
    inverse_run(a);
    run->phase = ALLOC_PHASE_IDLE;
    run->sorted = false;
    a->stats.runs++;
    if (run->all || !a->timer_armed) {
        a->timer = mono_add(run->now, a->interval_ns);
        a->timer_armed = true;
    }
}

/* --- interface --- */

struct mono allocator_wake_at(const struct allocator *a)
{
    const struct mono at_once = { 0 };

    if (a->run.phase != ALLOC_PHASE_IDLE)
        return at_once;
    if (a->paused)
        return a->pause_until;
    if (a->pending_all || a->pending_some)
        return at_once;
    if (a->agent_count == 0)
        return MONO_NEVER;
    return a->timer_armed ? a->timer : at_once;
}

enum alloc_run allocator_run(struct allocator *a, struct mono now, struct rng *rng, size_t work_max,
                             struct alloc_result *ret)
{
    struct alloc_run_state *run = &a->run;

    *ret = (struct alloc_result){ NULL, 0, NULL, 0 };
    alloc_result_free(run);
    run->now = now;
    run->rng = rng;
    run->work = work_max != 0 ? work_max : SIZE_MAX;
    if (run->phase == ALLOC_PHASE_IDLE) {
        bool due = a->agent_count != 0 && (!a->timer_armed || !mono_before(now, a->timer));
        if (a->paused && mono_before(now, a->pause_until))
            return ALLOC_RUN_IDLE;
        if (a->paused) {
            a->paused = false;
            alloc_pending_all(a);
        }
        if (!a->pending_all && !a->pending_some && !due)
            return ALLOC_RUN_IDLE;
        run_start(a, a->pending_all || due);
    }
    if (run->phase == ALLOC_PHASE_GUARANTEES) {
        if (!alloc_stage_run(a))
            return ALLOC_RUN_MORE;
        shuffle(run);
        run->phase = ALLOC_PHASE_FAIR;
    }
    if (run->phase == ALLOC_PHASE_FAIR) {
        if (!alloc_stage_run(a))
            return ALLOC_RUN_MORE;
        run->phase = ALLOC_PHASE_DONE;
        if (run->work < run->grant_count / PASSED_PER_WORK) /* handing out is work of its own */
            return ALLOC_RUN_MORE;
    }
    run_finish(a);
    *ret = (struct alloc_result){ run->result, run->result_count, run->inverse, run->inverse_count };
    return ALLOC_RUN_DONE;
}
