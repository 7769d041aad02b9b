/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/framework/reserve.h"

#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/sim/ledger.h"

#define PRINCIPAL "sim" /* marathon's reservations have another, or none */

static struct fw_operation *operation_new(struct fw_reserver *x, const char *agent_id)
{
    ARRAY_ROOM(x->v, x->count, x->cap);
    struct fw_operation *o = &x->v[x->count++];
    *o = (struct fw_operation){ .state = -1 };
    (void)snprintf(o->id, sizeof o->id, "%s-o%u", x->p->name, ++x->serial);
    (void)snprintf(o->agent_id, sizeof o->agent_id, "%s", agent_id);
    return o;
}

static struct fw_operation *operation_find(struct fw_reserver *x, const char *id)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->v[i].id, id) == 0)
            return &x->v[i];
    return NULL;
}

static void sent(struct fw_reserver *x, const char *what, const struct stoa_operation *op, int rc, const struct stoa_error *err)
{
    sim_trace(x->p->sim, x->p->name, "%s %s of %zu resources%s%s", what, op->id, op->resource_count, rc != 0 ? ": " : "",
              rc != 0 ? err->msg : "");
}

bool fw_reserve_and_launch(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_offer *o, struct stoa_task *tasks,
                           size_t count, double refuse_s)
{
    struct stoa_reservation mine = { .role = x->role, .principal = PRINCIPAL };
    struct stoa_resource *cpus = (struct stoa_resource *)(uintptr_t)tasks[0].resources; /* the caller's, not a constant */
    struct stoa_error err;

    if (strcmp(x->role, "*") == 0 || tasks[0].resource_count == 0 || cpus->reservation_count != 0)
        return false;
    cpus->reservations = &mine;
    cpus->reservation_count = 1;
    cpus->raw = (struct stoa_bytes){ 0 };
    struct stoa_operation ops[] = {
        { .type = STOA_OP_RESERVE, .id = operation_new(x, o->agent_id)->id, .resources = cpus, .resource_count = 1 },
        { .type = STOA_OP_LAUNCH, .tasks = tasks, .task_count = count },
    };
    for (size_t i = 0; i < count; i++)
        tasks[i].agent_id = o->agent_id;
    int rc = stoa_accept(s, &o->id, 1, ops, 2, refuse_s, &err);
    sent(x, "RESERVE", &ops[0], rc, &err);
    return true;
}

bool fw_unreserve(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_offer *o, double refuse_s)
{
    struct stoa_resource mine[16];
    struct stoa_operation op = { .type = STOA_OP_UNRESERVE, .resources = mine };
    struct stoa_error err;

    for (size_t i = 0; i < o->resource_count && op.resource_count < 16; i++) {
        const struct stoa_resource *r = &o->resources[i];
        const char *principal = r->reservation_count != 0 ? r->reservations[r->reservation_count - 1].principal : NULL;
        if (principal != NULL && strcmp(principal, PRINCIPAL) == 0)
            mine[op.resource_count++] = *r;
    }
    if (op.resource_count == 0)
        return false;
    op.id = operation_new(x, o->agent_id)->id;
    int rc = stoa_accept(s, &o->id, 1, &op, 1, refuse_s, &err);
    sent(x, "UNRESERVE", &op, rc, &err);
    return true;
}

void fw_operation_told(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_operation_status *st, bool acknowledge)
{
    struct fw_operation *o = st->operation_id != NULL ? operation_find(x, st->operation_id) : NULL;

    sim_trace(x->p->sim, x->p->name, "is told %s is %s%s%s", st->operation_id != NULL ? st->operation_id : "an operation",
              st->state_name, st->message != NULL ? ": " : "", st->message != NULL ? st->message : "");
    if (o == NULL) {
        sim_fail(x->p->sim, "%s is told of operation %s, which it never asked for", x->p->name,
                 st->operation_id != NULL ? st->operation_id : "");
        return;
    }
    bool is_answer = st->state == STOA_OPERATION_UNKNOWN || st->state == STOA_OPERATION_UNREACHABLE ||
                     st->state == STOA_OPERATION_GONE_BY_OPERATOR || st->state == STOA_OPERATION_RECOVERING;
    /* Of one that did not happen, an agent that has died since knows only that. */
    if (o->over && !is_answer && st->is_terminal && (st->state == STOA_OPERATION_FINISHED) != (o->state == STOA_OPERATION_FINISHED))
        sim_fail(x->p->sim, "operation %s is %s, and its framework had heard otherwise (%d)", o->id, st->state_name, o->state);
    if (!o->over)
        o->state = (int)st->state;
    o->over = o->over || (st->is_terminal && !is_answer);
    if (st->uuid.p != NULL && acknowledge)
        (void)stoa_acknowledge_operation(s, st, NULL);
}

void fw_reconcile_operations(struct fw_reserver *x, struct stoa_scheduler *s)
{
    struct stoa_operation_ref refs[64];
    size_t n = 0;

    for (size_t i = 0; i < x->count && n < 64; i++)
        if (!x->v[i].over)
            refs[n++] = (struct stoa_operation_ref){ .operation_id = x->v[i].id, .agent_id = x->v[i].agent_id };
    if (n != 0)
        (void)stoa_reconcile_operations(s, refs, n, NULL);
}

const char *fw_operations_unsettled(const struct fw_reserver *x)
{
    static char text[160];

    for (size_t i = 0; i < x->count; i++) {
        const struct fw_operation *o = &x->v[i];
        bool waits = o->state < 0 || o->state == STOA_OPERATION_PENDING || o->state == STOA_OPERATION_RECOVERING;
        if (o->over || !waits || !ledger_agent_lives(x->p->sim, o->agent_id))
            continue;
        (void)snprintf(text, sizeof text, "framework %s does not know what became of operation %s", x->p->name, o->id);
        return text;
    }
    return "";
}
