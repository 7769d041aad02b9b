/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes when an app has too many instances: those that a user named first, then old ones, then those that have the
 * least to lose, then by age (killSelection). Source: marathon-behaviour §8. */
#include "marathon/core/internal.h"

static int state_rank(enum instance_state s)
{
    switch (s) {
    case INSTANCE_SCHEDULED: /* nothing is lost with it; the original has it last */
        return 0;
    case INSTANCE_UNREACHABLE:
        return 1;
    case INSTANCE_PROVISIONED:
    case INSTANCE_STAGING:
        return 2;
    case INSTANCE_STARTING:
        return 3;
    case INSTANCE_RUNNING:
        return 4;
    case INSTANCE_KILLING:
    case INSTANCE_INACTIVE:
    case INSTANCE_FINISHED:
    case INSTANCE_FAILED:
    case INSTANCE_KILLED:
    case INSTANCE_ERROR:
    case INSTANCE_DROPPED:
    case INSTANCE_GONE:
    case INSTANCE_UNKNOWN:
    case INSTANCE_STATE_COUNT:
        break;
    }
    return 5;
}

static int64_t age_key(const struct instance *i)
{
    return i->started_at.has ? i->started_at.v.ms : i->staged_at.has ? i->staged_at.v.ms : i->since.ms;
}

static int compare(const void *a, const void *b)
{
    const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;
    int oldest = x->slot->spec != NULL && x->slot->spec->app.kill_selection.v == KILL_OLDEST_FIRST ? 1 : -1;

    if (x->sentenced != y->sentenced)
        return x->sentenced ? -1 : 1;
    if (state_rank(x->state) != state_rank(y->state))
        return state_rank(x->state) - state_rank(y->state);
    if (age_key(x) != age_key(y))
        return age_key(x) < age_key(y) ? -oldest : oldest;
    return x->sequence < y->sequence ? -oldest : oldest;
}

/* Restart: what is not ready goes first. */
static int compare_restart(const void *a, const void *b)
{
    const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;
    bool rx = instance_is_ready(x), ry = instance_is_ready(y);

    return rx != ry ? (rx ? 1 : -1) : compare(a, b);
}

static const struct constraint *group_by_of(const struct slot *s)
{
    if (s->spec != NULL)
        LIST_EACH(s->spec->app.constraints, struct constraint, c)
    if (c->op.v == OP_GROUP_BY)
        return c;
    return NULL;
}

static struct str value_of(const struct instance *i, const struct constraint *c)
{
    const struct agent *a = i->agent;

    if (a == NULL)
        return (struct str){ NULL, 0 };
    return field_value(c->field, a->hostname, a->region, a->zone, a->attributes, a->attribute_count);
}

/* Moves a member of the fullest group to place k, among those that are not ranked before by sentence or
 * state. */
static void prefer_full_group(struct instance **v, size_t k, size_t n, const struct constraint *c)
{
    size_t best = k, best_count = 0;

    if (v[k]->sentenced || v[k]->state == INSTANCE_SCHEDULED)
        return;
    for (size_t i = k; i < n; i++) {
        size_t members = 0;
        struct str value = value_of(v[i], c);
        for (size_t j = k; j < n; j++)
            members += str_eq(value_of(v[j], c), value);
        if (members > best_count) {
            best = i;
            best_count = members;
        }
    }
    struct instance *t = v[best];
    memmove(v + k + 1, v + k, (best - k) * sizeof *v);
    v[k] = t;
}

enum {
    GROUP_BY_CHOICE_MAX = 2000,
    FEW = 4 /* up to so many victims are looked for one by one instead of sorting all */
};

static size_t collect(const struct slot *s, bool old_only, struct instance ***ret)
{
    struct instance **v = xcalloc(s->instance_count + 1, sizeof *v);
    size_t n = 0;

    for (struct instance *i = s->instances; i != NULL; i = i->next)
        if (i->goal == GOAL_RUNNING && i->state != INSTANCE_INACTIVE && (!old_only || i->old))
            v[n++] = i;
    *ret = v;
    return n;
}

size_t victims_surplus(const struct slot *s, int64_t surplus, struct instance ***ret)
{
    const struct constraint *c = group_by_of(s);
    size_t n = collect(s, false, ret);

    qsort(*ret, n, sizeof **ret, compare);
    for (size_t k = 0; c != NULL && n <= GROUP_BY_CHOICE_MAX && k < n && (int64_t)k < surplus; k++)
        prefer_full_group(*ret, k, n, c);
    return surplus < (int64_t)n ? (size_t)surplus : n;
}

static void first_to_front(struct instance **v, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (compare_restart(&v[i], &v[best]) < 0)
            best = i;
    struct instance *t = v[best];
    v[best] = v[0];
    v[0] = t;
}

size_t victims_old(const struct slot *s, int64_t count, struct instance ***ret)
{
    size_t n = collect(s, true, ret), k;

    if (count > FEW)
        qsort(*ret, n, sizeof **ret, compare_restart);
    for (k = 0; k < n && (int64_t)k < count; k++)
        if (count <= FEW)
            first_to_front(*ret + k, n - k);
    return k;
}

size_t victims_new(const struct slot *s, int64_t count, struct instance ***ret)
{
    struct instance **v;
    size_t n = collect(s, false, &v), k = 0;

    qsort(v, n, sizeof *v, compare);
    for (size_t i = 0; i < n && (int64_t)k < count; i++)
        if (!v[i]->old)
            v[k++] = v[i];
    *ret = v;
    return k;
}
