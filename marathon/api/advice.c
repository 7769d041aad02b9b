/* SPDX-License-Identifier: Apache-2.0 */
/* Only what the matcher recorded and the tables say: a change is advised when it was the only rule that failed on an
 * agent's latest offer. */
#include "marathon/api/advice.h"

#include <stdlib.h>

/* --- the smallest change ------------------------------------------------------------------------------------------ */
static const char *const fields[REJECT_COUNT] = {
    [REJECT_CPUS] = "cpus", [REJECT_MEM] = "mem", [REJECT_DISK] = "disk", [REJECT_GPUS] = "gpus"
};

static bool is_sole(const struct reject_note *n)
{
    return n->reasons == 1u << n->reason;
}

static bool is_smaller(const struct reject_note *n)
{
    return is_sole(n) && fields[n->reason] != NULL && n->have_milli > 0 && n->detail[0] == '\0';
}

/* The larger part of what is asked for is there, the smaller the change. */
static bool is_better(const struct reject_note *a, const struct reject_note *b)
{
    return b == NULL || (__int128)a->have_milli * b->need_milli > (__int128)b->have_milli * a->need_milli;
}

static const char *change_text(struct call *c, const struct reject_note *n)
{
    struct str need = scalar_text(&c->arena, n->need_milli), have = scalar_text(&c->arena, n->have_milli);

    return arena_fmt(&c->arena, "with %s %.*s instead of %.*s an instance would fit on agent %s", fields[n->reason],
                     STR_ARG(have), STR_ARG(need), n->offer->hostname.p)
        .p;
}

static const char *other_text(struct call *c, const struct reject_note *n)
{
    switch (n->reason) {
    case REJECT_CONSTRAINT:
        return arena_fmt(&c->arena, "without this an instance would fit on agent %s: %s", n->offer->hostname.p, n->detail).p;
    case REJECT_MAINTENANCE:
        return arena_fmt(&c->arena, "when its maintenance is over, an instance would fit on agent %s", n->offer->hostname.p).p;
    case REJECT_PORTS:
        return arena_fmt(&c->arena, "with other or fewer host ports an instance would fit on agent %s%s%s", n->offer->hostname.p,
                         n->detail[0] != '\0' ? ": " : "", n->detail)
            .p;
    case REJECT_SCARCE:
        return arena_fmt(&c->arena,
                         "with the label GPU_SCHEDULING_BEHAVIOR=unrestricted an instance would fit on agent %s, which has GPUs",
                         n->offer->hostname.p)
            .p;
    case REJECT_RESERVATION:
        return "it waits for its own volumes; wipe=true on the task gives them up and makes new ones elsewhere";
    case REJECT_ROLE:
    case REJECT_CPUS:
    case REJECT_MEM:
    case REJECT_DISK:
    case REJECT_GPUS:
    case REJECT_COUNT:
        break;
    }
    return NULL;
}

const char *advice_smallest_change(struct call *c, const struct slot *s)
{
    const struct reject_note *best = NULL;
    const struct queue_stats *q = s->scheduled != NULL ? s->queue : NULL;

    for (unsigned i = 0; q != NULL && i < q->note_count; i++)
        if (is_smaller(&q->notes[i]) && is_better(&q->notes[i], best))
            best = &q->notes[i];
    if (best != NULL)
        return change_text(c, best);
    for (unsigned i = 0; q != NULL && i < q->note_count; i++)
        if (is_sole(&q->notes[i])) {
            const char *text = other_text(c, &q->notes[i]);
            if (text != NULL)
                return text;
        }
    return NULL;
}

enum { HOLDERS_MAX = 5, HELD_INSTANCES_MAX = 100000 };

/* The app of ours that has the host port on the agent; NULL: none, or there are too many instances to look. */
static const struct slot *port_holder(struct call *c, const char *agent_id, int64_t port)
{
    struct instance *i, *tmp;

    if (HASH_COUNT(c->m->instances) > HELD_INSTANCES_MAX)
        return NULL;
    HASH_ITER(hh, c->m->instances, i, tmp)
    {
        if (i->agent == NULL || i->state == INSTANCE_SCHEDULED || !str_is(i->agent->id, agent_id))
            continue;
        for (size_t k = 0; k < i->port_count; k++)
            if ((int64_t)i->ports[k] == port)
                return i->slot;
    }
    return NULL;
}

static const char *refusal_text(struct call *c, const struct reject_note *n, const char *unit, const char *hostname)
{
    struct str need = scalar_text(&c->arena, n->need_milli), have = scalar_text(&c->arena, n->have_milli);
    const struct slot *holder;

    if (n->detail[0] == '\0')
        return unit == NULL || n->need_milli == 0
                   ? reject_name(n->reason)
                   : arena_fmt(&c->arena, "needs %.*s %s, agent %s offered %.*s", STR_ARG(need), unit, hostname, STR_ARG(have)).p;
    holder = n->reason == REJECT_PORTS ? port_holder(c, n->agent_id, n->need_milli / 1000) : NULL;
    return holder != NULL ? arena_fmt(&c->arena, "%s: %.*s has it there", n->detail, STR_ARG(holder->id)).p : n->detail;
}

void advice_refusal(struct call *c, struct jsonw *w, const struct reject_note *n, const char *hostname)
{
    static const char *const units[] = { [REJECT_CPUS] = "cpus",
                                         [REJECT_MEM] = "MB of mem",
                                         [REJECT_DISK] = "MB of disk",
                                         [REJECT_GPUS] = "gpus",
                                         [REJECT_PORTS] = "ports" };
    const char *unit = n->reason <= REJECT_PORTS ? units[n->reason] : NULL;

    if (unit != NULL && n->need_milli != 0) {
        jsonw_key_milli(w, "needs", n->need_milli);
        jsonw_key_milli(w, "offered", n->have_milli);
    }
    jsonw_key_c(w, "text", refusal_text(c, n, unit, hostname));
}

/* --- health ------------------------------------------------------------------------------------------------------- */
enum { SICK_MAX = 16 };

static void sick(struct jsonw *w, const struct instance *i, const struct health *h)
{
    jsonw_open(w);
    jsonw_key_s(w, "taskId", i->task_id);
    jsonw_key_s(w, "host", i->agent->hostname);
    jsonw_key_i64(w, "consecutiveFailures", h->failures);
    if (h->last_failure.has)
        jsonw_key_wall(w, "at", h->last_failure.v);
    jsonw_key_c(w, "cause", h->cause);
    jsonw_close(w);
}

void advice_unhealthy(struct jsonw *w, const struct slot *s)
{
    size_t n = 0;

    jsonw_key_array(w, "unhealthy");
    for (const struct instance *i = s->instances; i != NULL && n < SICK_MAX; i = i->next)
        for (size_t k = 0; i->agent != NULL && i->state == INSTANCE_RUNNING && k < i->check_count && n < SICK_MAX; k++)
            if (i->checks[k].health.failures != 0) {
                sick(w, i, &i->checks[k].health);
                n++;
            }
    jsonw_array_close(w);
}

/* --- a deployment ------------------------------------------------------------------------------------------------- */
/* "1 instance waits for an offer", "2 instances wait for an offer" */
static const char *so_many(struct call *c, int64_t n, const char *one, const char *more, const char *what)
{
    return arena_fmt(&c->arena, "%lld instance%s%s %s", (long long)n, n == 1 ? " " : "s ", n == 1 ? one : more, what).p;
}

static const char *of_slot(struct call *c, const struct slot *s)
{
    int64_t running = s->running, unready = running - s->ready[0] - s->ready[1], dying = s->dying[0] + s->dying[1];

    switch (rollout_state(s)) {
    case ROLLOUT_PAUSED:
        return "it is paused: stoa app rollout resume or undo";
    case ROLLOUT_HOLDING:
        return "its canary is ready: stoa app rollout promote or undo";
    case ROLLOUT_NONE:
    case ROLLOUT_RUNNING:
        break;
    }
    if ((int64_t)s->scheduled_count > s->unplaced)
        return so_many(c, (int64_t)s->scheduled_count - s->unplaced, "waits", "wait", "for an offer");
    if (s->staged != 0)
        return so_many(c, s->staged, "is", "are", "being started");
    if (dying != 0)
        return so_many(c, dying, "is", "are", "being killed");
    if (unready > 0)
        return so_many(c, unready, "runs and is", "run and are",
                       s->spec != NULL && s->spec->app.health_checks.n != 0 ? "not healthy or ready yet" : "not ready yet");
    return s->every != NULL ? "it looks which agents there are" : "it is about to go on";
}

const char *advice_deployment(struct call *c, const struct slot *s)
{
    const struct deployment *d = s->deployment;

    if (d == NULL || !d->started || d->current >= d->plan.n)
        return NULL;
    if (s->action != ACTION_NONE && !s->action_done)
        return arena_fmt(&c->arena, "step %zu of %zu: %s", d->current + 1, d->plan.n, of_slot(c, s)).p;
    const struct plan_step *st = &d->plan.steps[d->current];
    for (size_t k = 0; k < st->n; k++)
        if (!st->actions[k].slot->action_done)
            return arena_fmt(&c->arena, "step %zu of %zu waits for %.*s: %s", d->current + 1, d->plan.n,
                             STR_ARG(st->actions[k].slot->id), of_slot(c, st->actions[k].slot))
                .p;
    return NULL;
}

/* --- who holds an agent --------------------------------------------------------------------------------------------- */
struct holder {
    const struct slot *slot;
    double cpus, mem;
    int64_t instances;
};

static int compare_holders(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;

    if (x->cpus < y->cpus || x->cpus > y->cpus)
        return x->cpus > y->cpus ? -1 : 1;
    return str_cmp(x->slot->id, y->slot->id);
}

void advice_held_by(struct call *c, struct jsonw *w, struct str agent_id)
{
    struct holder *v = arena_array(&c->arena, HASH_COUNT(c->m->slots) + 1, sizeof *v);
    struct slot *s, *tmp;
    size_t n = 0;

    if (HASH_COUNT(c->m->instances) > HELD_INSTANCES_MAX)
        return; /* to look at all of them for each agent would hold the loop */
    jsonw_key_array(w, "heldBy");
    HASH_ITER(hh, c->m->slots, s, tmp)
    {
        struct holder h = { .slot = s };
        for (const struct instance *i = s->instances; v != NULL && i != NULL; i = i->next)
            if (i->agent != NULL && !(i->pinned && i->state == INSTANCE_SCHEDULED) && str_eq(i->agent->id, agent_id)) {
                h.instances++;
                h.cpus += i->spec->app.cpus.v;
                h.mem += i->spec->app.mem.v;
            }
        if (h.instances != 0)
            v[n++] = h;
    }
    if (n > 1)
        qsort(v, n, sizeof *v, compare_holders);
    for (size_t k = 0; k < n && k < HOLDERS_MAX; k++) {
        jsonw_open(w);
        jsonw_key_s(w, "app", v[k].slot->id);
        jsonw_key_i64(w, "instances", v[k].instances);
        jsonw_key_milli(w, "cpus", (int64_t)(v[k].cpus * 1000 + 0.5));
        jsonw_key_milli(w, "mem", (int64_t)(v[k].mem * 1000 + 0.5));
        jsonw_close(w);
    }
    jsonw_array_close(w);
}
