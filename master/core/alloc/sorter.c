/* SPDX-License-Identifier: Apache-2.0 */
/* Design: the kids of a node are a sorted array of pointers rather than a heap, because an agent asks for
 * them in order, often skipping many, and because the one that was just served is near the front and moves
 * behind its equals: a search from the front, a binary search and a short memmove. A full sort happens once
 * per run and only when something changed. */
#include "master/core/alloc/sorter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"

void sorter_node_init(struct sorter_node *n, struct name *path)
{
    *n = (struct sorter_node){ .path = path, .den = 1, .weight = SORTER_WEIGHT_ONE };
}

void sorter_node_done(struct sorter_node *n)
{
    ASSERT(n->parent == NULL);
    ASSERT(n->kid_count == 0);
    free(n->kid_room);
    qvec_clear(&n->used);
}

uint64_t sorter_weight_of(double weight)
{
    double w = weight * SORTER_WEIGHT_ONE;

    if (!(w > 1))
        return 1;
    return w < 1e15 ? (uint64_t)llround(w) : (uint64_t)1e15;
}

/* --- the window --- */

static uint32_t index_among_siblings(const struct sorter_node *n)
{
    struct sorter_node **kids = n->parent->kids;
    uint32_t i = 0;

    while (kids[i] != n)
        i++;
    return i;
}

/* Shifts the shorter side. */
static void kid_remove(struct sorter_node *p, uint32_t i)
{
    if (i < p->kid_count / 2) {
        memmove(p->kids + 1, p->kids, i * sizeof *p->kids);
        p->kids++;
    } else {
        memmove(p->kids + i, p->kids + i + 1, (p->kid_count - i - 1) * sizeof *p->kids);
    }
    p->kid_count--;
}

/* Puts the window into the middle of a room that is at least twice as large. */
static void window_centre(struct sorter_node *p)
{
    uint32_t cap = p->kid_cap >= 2 * p->kid_count + 4 ? p->kid_cap : 3 * p->kid_count + 8;
    struct sorter_node **room = cap == p->kid_cap ? p->kid_room : xcalloc(cap, sizeof *room);
    struct sorter_node **kids = room + (cap - p->kid_count) / 2;

    if (p->kid_count != 0)
        memmove(kids, p->kids, p->kid_count * sizeof *kids);
    if (room != p->kid_room)
        free(p->kid_room);
    p->kid_room = room;
    p->kid_cap = cap;
    p->kids = kids;
}

static void kid_insert(struct sorter_node *p, uint32_t i, struct sorter_node *n)
{
    bool front = i < p->kid_count / 2;

    if (p->kid_room == NULL || (front && p->kids == p->kid_room) ||
        (!front && p->kids + p->kid_count == p->kid_room + p->kid_cap))
        window_centre(p);
    if (front) {
        memmove(p->kids - 1, p->kids, i * sizeof *p->kids);
        p->kids--;
    } else {
        memmove(p->kids + i + 1, p->kids + i, (p->kid_count - i) * sizeof *p->kids);
    }
    p->kids[i] = n;
    p->kid_count++;
}

void sorter_attach(struct sorter_node *parent, struct sorter_node *n)
{
    ASSERT(n->parent == NULL);
    kid_insert(parent, parent->kid_count, n);
    n->parent = parent;
    n->stale = true;
    parent->unsorted = true;
}

void sorter_detach(struct sorter_node *n)
{
    if (n->parent == NULL)
        return;
    kid_remove(n->parent, index_among_siblings(n)); /* the order of the others stays */
    n->parent = NULL;
}

/* --- shares --- */

struct wide { /* an unsigned number of 192 bits */
    unsigned __int128 hi;
    uint64_t lo;
};

static struct wide product(uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 ab = (unsigned __int128)a * b;
    unsigned __int128 low = (unsigned __int128)(uint64_t)ab * c;
    unsigned __int128 high = (unsigned __int128)(uint64_t)(ab >> 64) * c;

    return (struct wide){ high + (low >> 64), (uint64_t)low };
}

/* num_a / (den_a * w_a) against num_b / (den_b * w_b) */
static int share_cmp(const struct sorter_node *a, const struct sorter_node *b)
{
    if (a->den == b->den && a->weight == b->weight)
        return a->num < b->num ? -1 : a->num > b->num;

    struct wide l = product((uint64_t)a->num, (uint64_t)b->den, b->weight);
    struct wide r = product((uint64_t)b->num, (uint64_t)a->den, a->weight);
    if (l.hi != r.hi)
        return l.hi < r.hi ? -1 : 1;
    return l.lo < r.lo ? -1 : l.lo > r.lo;
}

int sorter_cmp(const struct sorter_node *a, const struct sorter_node *b)
{
    int c = share_cmp(a, b);

    if (c != 0)
        return c;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return name_cmp(a->path, b->path);
}

static uint32_t depth_of(const struct sorter_node *n)
{
    uint32_t d = 0;

    for (; n->parent != NULL; n = n->parent)
        d++;
    return d;
}

int sorter_cmp_deep(const struct sorter_node *a, const struct sorter_node *b)
{
    if (a->parent == b->parent)
        return a == b ? 0 : sorter_cmp(a, b);

    uint32_t da = depth_of(a), db = depth_of(b);
    for (; da > db; da--)
        a = a->parent;
    for (; db > da; db--)
        b = b->parent;
    while (a->parent != b->parent) {
        a = a->parent;
        b = b->parent;
    }
    return a == b ? 0 : sorter_cmp(a, b);
}

void sorter_refresh(struct sorter_node *n, const struct sorter_totals *t)
{
    const int64_t *used = qvec_at(&n->used), *total = qvec_at(&t->total);
    uint32_t count = n->used.n < t->total.n ? n->used.n : t->total.n;

    n->num = 0;
    n->den = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (used[i] <= 0 || total[i] <= 0 || (i < t->excluded_n && t->excluded[i]))
            continue;
        if ((__int128)used[i] * n->den > (__int128)n->num * total[i]) {
            n->num = used[i];
            n->den = total[i];
        }
    }
    n->stale = false;
}

double sorter_share(const struct sorter_node *n, const struct sorter_totals *t)
{
    struct sorter_node copy = *n; /* only looked at: nothing of it is freed */

    sorter_refresh(&copy, t);
    return (double)copy.num / (double)copy.den / ((double)copy.weight / SORTER_WEIGHT_ONE);
}

/* --- order --- */

static int kid_cmp(const void *a, const void *b)
{
    return sorter_cmp(*(struct sorter_node *const *)a, *(struct sorter_node *const *)b);
}

static bool in_order(const struct sorter_node *n)
{
    for (uint32_t i = 1; i < n->kid_count; i++)
        if (sorter_cmp(n->kids[i - 1], n->kids[i]) > 0)
            return false;
    return true;
}

void sorter_sort(struct sorter_node *n, const struct sorter_totals *t)
{
    bool all = n->version != t->version;

    if (!all && !n->unsorted)
        return;
    for (uint32_t i = 0; i < n->kid_count; i++)
        if (all || n->kids[i]->stale)
            sorter_refresh(n->kids[i], t);
    if (!in_order(n))
        qsort(n->kids, n->kid_count, sizeof *n->kids, kid_cmp);
    n->version = t->version;
    n->unsorted = false;
}

void sorter_sort_all(struct sorter_node *n, const struct sorter_totals *t)
{
    sorter_sort(n, t);
    for (uint32_t i = 0; i < n->kid_count; i++)
        if (n->kids[i]->kid_count != 0)
            sorter_sort_all(n->kids[i], t);
}

static void settle(struct sorter_node *n, const struct sorter_totals *t)
{
    sorter_refresh(n, t);
    n->count += n->granted;
    n->granted = 0;
}

/* Lifts n out of the array of its parent, which it keeps, and puts it back in order. */
static void lift(struct sorter_node *n)
{
    kid_remove(n->parent, index_among_siblings(n));
}

static void drop_in(struct sorter_node *n)
{
    struct sorter_node *p = n->parent;
    uint32_t lo = 0, hi = p->kid_count;

    if (hi != 0 && sorter_cmp(p->kids[hi - 1], n) < 0)
        lo = hi; /* the common case: the one just served is the last now */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sorter_cmp(p->kids[mid], n) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    kid_insert(p, lo, n);
}

void sorter_place(struct sorter_node *n, const struct sorter_totals *t)
{
    settle(n, t);
    if (n->parent == NULL)
        return;
    lift(n);
    drop_in(n);
}

static bool has_sibling_among(const struct sorter_node *n, struct sorter_node *const *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i] != n && nodes[i]->parent == n->parent)
            return true;
    return false;
}

void sorter_place_all(struct sorter_node *const *nodes, uint32_t count, const struct sorter_totals *t)
{
    bool siblings = false;

    for (uint32_t i = 0; i < count && !siblings; i++)
        siblings = has_sibling_among(nodes[i], nodes, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!siblings) {
            sorter_place(nodes[i], t);
            continue;
        }
        settle(nodes[i],
               t); /* a node out of place among its siblings would mislead the search for the others */
        lift(nodes[i]);
    }
    for (uint32_t i = 0; i < count && siblings; i++)
        drop_in(nodes[i]);
}

/* --- random --- */

double sorter_relative_weight(const struct sorter_node *leaf)
{
    double w = 1;

    for (const struct sorter_node *n = leaf; n->parent != NULL; n = n->parent) {
        double sum = 0;
        for (uint32_t i = 0; i < n->parent->kid_count; i++)
            sum += (double)n->parent->kids[i]->weight;
        w *= (double)n->weight / sum;
    }
    return w;
}

double sorter_random_key(double weight, struct rng *rng)
{
    double u = 1 - rng_double(rng); /* (0, 1] */

    return -log(u) / weight; /* descending u^(1/w) is ascending -ln(u)/w */
}
