/* SPDX-License-Identifier: Apache-2.0 */
/* What changes of the books mean to a run that is not finished. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

void alloc_run_books_changed(struct allocator *a)
{
    if (a->run.phase == ALLOC_PHASE_IDLE)
        return;
    a->run.sorted = false;
    a->run.quota_known = false;
}

void alloc_run_agent_left(struct allocator *a, struct alloc_agent *g)
{
    for (uint32_t i = g->grant_head; i != ALLOC_NONE; i = a->run.grants[i].next) {
        a->run.grants[i].client = NULL;
        resources_done(&a->run.grants[i].resources);
    }
    g->grant_head = ALLOC_NONE;
}

void alloc_run_client_left(struct allocator *a, struct alloc_client *c)
{
    for (uint32_t i = 0; i < a->run.grant_count; i++)
        if (a->run.grants[i].client == c) {
            a->run.grants[i].client = NULL;
            resources_done(&a->run.grants[i].resources);
        }
}

void alloc_result_free(struct alloc_run_state *run)
{
    for (uint32_t i = 0; i < run->result_count; i++) {
        resources_done(&run->result[i].resources);
        name_unref(run->result[i].role);
    }
    run->result_count = 0;
    run->inverse_count = 0;
}

void alloc_run_done(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    alloc_result_free(run);
    free(run->result);
    for (uint32_t i = 0; i < run->grant_count; i++)
        resources_done(&run->grants[i].resources);
    free(run->grants);
    free(run->cand);
    free(run->maintained);
    free(run->hungry);
    free(run->moved);
    free(run->picked);
    free(run->inverse);
    qvec_clear(&run->headroom);
    qvec_clear(&run->room);
}

struct alloc_agent *alloc_candidate_get(const struct allocator *a, struct alloc_candidate cand)
{
    const struct alloc_hot *h = &a->hot[cand.slot];

    return h->agent != NULL && h->gen == cand.gen && h->usable ? h->agent : NULL;
}
