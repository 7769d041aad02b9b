/* SPDX-License-Identifier: Apache-2.0 */
/* From a set of changed apps to steps: stop what is removed, start what is new, then scale or restart by
 * dependency level, independent ones first. Deterministic: within a step in the order of the ids. Source:
 * marathon-behaviour §3 (plan). */
#include <stdio.h>

#include "marathon/core/internal.h"

enum { CHAIN_MAX = 10000 };

struct leveler {
    struct marathon *m;
    uint64_t round;
    char *text;
    size_t text_size;
    unsigned depth;
};

static const struct spec *target_of(const struct slot *s)
{
    return s->has_next ? s->next : s->spec;
}

static int level_of(struct leveler *l, struct slot *s);

/* The longest chain over everything that dep names: an app, or all apps of a group. -1: a cycle. */
static int level_over(struct leveler *l, struct slot *self, struct str dep, int best)
{
    struct slot *s = slot_find(l->m, dep), *tmp;
    int v;

    if (s != NULL && target_of(s) != NULL) {
        v = level_of(l, s);
        return v < 0 ? -1 : v + 1 > best ? v + 1 : best;
    }
    if (!path_is_root(dep) && group_find(l->m, dep) == NULL)
        return best; /* nothing of that name: no constraint */
    HASH_ITER(hh, l->m->slots, s, tmp)
    {
        if (target_of(s) == NULL || !path_is_within(s->id, dep))
            continue;
        if (s == self)
            return -1;
        v = level_of(l, s);
        if (v < 0)
            return -1;
        best = v + 1 > best ? v + 1 : best;
    }
    return best;
}

static int level_of(struct leveler *l, struct slot *s)
{
    const struct spec *t = target_of(s);
    int best = 0;

    if (s->plan_mark == l->round) {
        if (s->level < 0)
            (void)snprintf(l->text, l->text_size, "Dependency graph has cyclic dependencies.");
        return s->level;
    }
    if (l->depth++ > CHAIN_MAX) {
        (void)snprintf(l->text, l->text_size, "Dependency chain is longer than %d.", CHAIN_MAX);
        return -1;
    }
    s->plan_mark = l->round;
    s->level = -1;
    LIST_EACH(t->app.dependencies, struct str, d)
    if ((best = level_over(l, s, *d, best)) < 0)
        return -1;
    for (struct str g = path_parent(s->id); !path_is_root(g); g = path_parent(g)) {
        struct group *group = group_find(l->m, g);
        for (size_t i = 0; group != NULL && i < group->dependency_count; i++)
            if ((best = level_over(l, s, group->dependencies[i], best)) < 0)
                return -1;
    }
    l->depth--;
    s->level = best;
    return best;
}

struct draft {
    struct slot *slot;
    enum slot_action type;
    int level; /* -2: stop, -1: start, else the dependency level */
    int64_t scale_to;
};

static int compare(const void *a, const void *b)
{
    const struct draft *x = a, *y = b;

    if (x->level != y->level)
        return x->level - y->level;
    return str_cmp(x->slot->id, y->slot->id);
}

/* Old copies that a cancelled restart left behind must go even if only the number of instances differs. */
static bool has_outdated(const struct slot *s, const struct spec *to)
{
    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        if (i->goal == GOAL_RUNNING && i->spec->version.ms < to->config_at.ms)
            return true;
    return false;
}

static size_t draft_slot(struct leveler *l, struct slot *s, struct draft *out)
{
    struct spec *from = s->spec, *to = s->next;
    size_t n = 0;
    int level;

    if (to == NULL) {
        out[n++] = (struct draft){ s, ACTION_STOP, -2, 0 };
        return n;
    }
    level = level_of(l, s);
    if (from == NULL)
        out[n++] = (struct draft){ s, ACTION_START, -1, 0 };
    if (from == NULL || to->app.instances.v == 0)
        out[n++] = (struct draft){ s, ACTION_SCALE, level, to->app.instances.v };
    else if (from->config_at.ms != to->config_at.ms || has_outdated(s, to))
        out[n++] = (struct draft){ s, ACTION_RESTART, level, to->app.instances.v };
    else if (from->app.instances.v != to->app.instances.v)
        out[n++] = (struct draft){ s, ACTION_SCALE, level, to->app.instances.v };
    return n;
}

/* What a group depends on holds for apps of it that are not changed themselves. */
static void level_all(struct leveler *l)
{
    for (struct slot *s = l->m->slots; s != NULL && l->text[0] == '\0'; s = s->hh.next) {
        l->depth = 0;
        if (target_of(s) != NULL && level_of(l, s) < 0 && l->text[0] == '\0')
            (void)snprintf(l->text, l->text_size, "Dependency graph has cyclic dependencies.");
    }
}

bool plan_build(struct marathon *m, struct slot *const *changed, size_t n, bool groups_changed, struct plan *ret,
                char *text, size_t text_size)
{
    struct leveler l = { .m = m, .round = ++m->plan_round, .text = text, .text_size = text_size };
    struct draft *d = xcalloc(n * 2 + 1, sizeof *d);
    size_t count = 0, cap = 0;

    text[0] = '\0';
    *ret = (struct plan){ 0 };
    for (size_t i = 0; i < n; i++) {
        l.depth = 0;
        count += draft_slot(&l, changed[i], d + count);
    }
    if (groups_changed && text[0] == '\0')
        level_all(&l);
    if (text[0] == '\0')
        for (size_t i = 0; i < count; i++)
            if (d[i].slot->level < 0 && d[i].type != ACTION_STOP)
                (void)snprintf(text, text_size, "Dependency graph has cyclic dependencies.");
    if (text[0] != '\0') {
        free(d);
        return false;
    }
    qsort(d, count, sizeof *d, compare);
    for (size_t i = 0, k; i < count; i = k) {
        for (k = i; k < count && d[k].level == d[i].level; k++)
            ;
        ARRAY_ROOM(ret->steps, ret->n, cap);
        struct plan_step *st = &ret->steps[ret->n++];
        *st = (struct plan_step){ .actions = xcalloc(k - i, sizeof *st->actions), .n = k - i };
        for (size_t j = i; j < k; j++)
            st->actions[j - i] = (struct plan_action){ .type = d[j].type,
                                                       .slot = d[j].slot,
                                                       .from = spec_ref(d[j].slot->spec),
                                                       .to = spec_ref(d[j].slot->next),
                                                       .scale_to = d[j].scale_to };
    }
    free(d);
    return true;
}
