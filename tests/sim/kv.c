/* SPDX-License-Identifier: Apache-2.0 */
/* Records in the order of their keys, and a store that commits later. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/sim/sim.h"

static struct str own(struct str s)
{
    return str_mem(xstrndup(s), s.n);
}

static void disown(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

size_t kv_first(const struct vkv *k, const char *prefix)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(k->v[mid].key, prefix) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool kv_at(const struct vkv *k, size_t i, const char *prefix)
{
    return i < k->n && strncmp(k->v[i].key, prefix, strlen(prefix)) == 0;
}

const struct vkv_entry *kv_get(const struct vkv *k, const char *key)
{
    size_t i = kv_first(k, key);

    return i < k->n && strcmp(k->v[i].key, key) == 0 ? &k->v[i] : NULL;
}

void kv_put(struct vkv *k, const char *key, struct str value)
{
    size_t i = kv_first(k, key);

    if (i < k->n && strcmp(k->v[i].key, key) == 0) {
        disown(k->v[i].value);
        k->v[i].value = own(value);
        return;
    }
    ARRAY_ROOM(k->v, k->n, k->cap);
    memmove(k->v + i + 1, k->v + i, (k->n - i) * sizeof *k->v);
    k->n++;
    k->v[i] = (struct vkv_entry){ xstrdup(key), own(value) };
}

void kv_append(struct vkv *k, const char *key, struct str value)
{
    const struct vkv_entry *e = kv_get(k, key);
    struct sbuf b = SBUF_INIT(SIM_BYTES_MAX);

    if (e != NULL)
        sbuf_str(&b, e->value);
    sbuf_str(&b, value);
    kv_put(k, key, sbuf_view(&b));
    sbuf_done(&b);
}

static void remove_range(struct vkv *k, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        free(k->v[i].key);
        disown(k->v[i].value);
    }
    memmove(k->v + from, k->v + to, (k->n - to) * sizeof *k->v);
    k->n -= to - from;
}

void kv_remove(struct vkv *k, const char *key)
{
    size_t i = kv_first(k, key);

    if (i < k->n && strcmp(k->v[i].key, key) == 0)
        remove_range(k, i, i + 1);
}

void kv_remove_under(struct vkv *k, const char *prefix)
{
    size_t from = kv_first(k, prefix), to = from;

    while (kv_at(k, to, prefix))
        to++;
    if (to != from)
        remove_range(k, from, to);
}

void kv_done(struct vkv *k)
{
    if (k->n != 0)
        remove_range(k, 0, k->n);
    free(k->v);
    *k = (struct vkv){ 0 };
}

/* --- the store --- */

struct commit {
    struct commit *next;
    uint64_t seq;
    struct proc *p;
    unsigned incarnation;
    struct store_item *items;
    size_t n;
    store_done_fn *fn;
    void *arg;
    uint64_t tag;
};

struct answer {
    store_done_fn *fn;
    void *arg;
    uint64_t tag;
};

/* Records of answers are few; they live until the world ends, so that one whose process died is not lost to
 * anybody. */
static void told(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    struct vstore *st = arg;
    struct answer a = st->answers[n];

    (void)s;
    a.fn(p, a.arg, a.tag);
}

static struct commit *pop(struct vstore *st)
{
    struct commit *c = st->pending;

    st->pending = c->next;
    if (st->pending == NULL)
        st->pending_tail = NULL;
    return c;
}

static void resolve(struct vstore *st, struct commit *c, bool happens)
{
    for (size_t i = 0; i < c->n; i++) {
        if (happens && c->items[i].deleted)
            kv_remove(&st->kv, c->items[i].key);
        else if (happens)
            kv_put(&st->kv, c->items[i].key, c->items[i].value);
        free(c->items[i].key);
        disown(c->items[i].value);
    }
    free(c->items);
    free(c);
}

static void apply(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct vstore *st = arg;

    (void)none;
    if (st->pending == NULL || st->pending->seq != n)
        return; /* its process died */
    struct commit *c = pop(st);
    if (c->fn != NULL) {
        ARRAY_ROOM(st->answers, st->answer_count, st->answer_cap);
        st->answers[st->answer_count] = (struct answer){ c->fn, c->arg, c->tag };
        sim_after(s, c->p, between(&s->rng_disk, 0, MS(2)), told, st, st->answer_count++);
    }
    resolve(st, c, true);
}

void vstore_commit(struct vstore *st, struct proc *p, struct store_item *items, size_t n, store_done_fn *fn,
                   void *arg, uint64_t tag)
{
    struct sim *s = st->sim;
    struct commit *c = xmalloc(sizeof *c);
    int64_t at = s->now + (chance(&s->rng_disk, 5) ? between(&s->rng_disk, MS(5), MS(300))
                                                   : between(&s->rng_disk, 1, MS(3)));

    *c = (struct commit){ NULL, ++st->seq, p, p->incarnation, items, n, fn, arg, tag };
    if (st->pending_tail != NULL)
        st->pending_tail->next = c;
    else
        st->pending = c;
    st->pending_tail = c;
    st->last_at = at > st->last_at ? at : st->last_at + 1;
    sim_after(s, NULL, st->last_at - s->now, apply, st, c->seq);
}

void vstore_proc_died(struct vstore *st)
{
    bool happens = true;

    while (st->pending != NULL) {
        happens = happens && chance(&st->sim->rng_disk, 50);
        resolve(st, pop(st), happens);
    }
}

void vstore_done(struct vstore *st)
{
    while (st->pending != NULL)
        resolve(st, pop(st), false);
    kv_done(&st->kv);
    free(st->answers);
}
