/* SPDX-License-Identifier: Apache-2.0 */
/* Both kinds are sorted arrays, so every operation is one merge of two arrays. Results that equal an operand are
 * returned as another reference to it where that is seen without work. */
#include "common/model/ranges.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

static struct ranges *ranges_room(size_t n)
{
    ASSERT(n < UINT32_MAX / sizeof(struct range));

    struct ranges *r = xmalloc(sizeof *r + n * sizeof r->v[0]);
    r->refs = 1;
    r->n = 0;
    return r;
}

static struct ranges *ranges_finish(struct ranges *r) /* the empty one is NULL */
{
    if (r->n == 0) {
        free(r);
        return NULL;
    }
    return r;
}

/* Appends an interval whose begin is not before the begin of the last one. */
static void ranges_append(struct ranges *r, struct range x)
{
    struct range *last = r->n > 0 ? &r->v[r->n - 1] : NULL;

    if (last != NULL && (x.begin <= last->end || x.begin == last->end + 1)) {
        if (x.end > last->end)
            last->end = x.end;
        return;
    }
    r->v[r->n++] = x;
}

static int range_cmp(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

struct ranges *ranges_of(const struct range *v, size_t n)
{
    struct ranges *r = ranges_room(n);
    bool sorted = true;

    for (size_t i = 0; i < n; i++) {
        if (v[i].begin > v[i].end)
            continue;
        if (r->n > 0 && v[i].begin <= r->v[r->n - 1].end)
            sorted = false;
        r->v[r->n++] = v[i];
    }
    if (!sorted)
        qsort(r->v, r->n, sizeof r->v[0], range_cmp);

    uint32_t count = r->n;
    r->n = 0;
    for (uint32_t i = 0; i < count; i++) /* in place: the write index never passes the read index */
        ranges_append(r, r->v[i]);
    return ranges_finish(r);
}

void ranges_unref(struct ranges *r)
{
    if (r == NULL)
        return;
    ASSERT(r->refs > 0);
    if (--r->refs == 0)
        free(r);
}

struct ranges *ranges_add(struct ranges *a, struct ranges *b)
{
    if (a == NULL || a == b)
        return ranges_ref(b);
    if (b == NULL)
        return ranges_ref(a);

    struct ranges *r = ranges_room((size_t)a->n + b->n);
    uint32_t i = 0, j = 0;
    while (i < a->n || j < b->n) {
        if (j == b->n || (i < a->n && a->v[i].begin <= b->v[j].begin))
            ranges_append(r, a->v[i++]);
        else
            ranges_append(r, b->v[j++]);
    }
    return r;
}

struct ranges *ranges_sub(struct ranges *a, struct ranges *b)
{
    if (a == NULL || b == NULL)
        return ranges_ref(a);

    struct ranges *r = ranges_room((size_t)a->n + b->n);
    uint32_t j = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        struct range x = a->v[i];
        bool gone = false;

        while (j < b->n && b->v[j].end < x.begin)
            j++;
        for (uint32_t k = j; k < b->n && b->v[k].begin <= x.end; k++) {
            if (b->v[k].begin > x.begin)
                r->v[r->n++] = (struct range){ x.begin, b->v[k].begin - 1 };
            if (b->v[k].end >= x.end) {
                gone = true;
                break;
            }
            x.begin = b->v[k].end + 1;
        }
        if (!gone)
            r->v[r->n++] = x;
    }
    return ranges_finish(r);
}

struct ranges *ranges_intersect(struct ranges *a, struct ranges *b)
{
    if (a == NULL || b == NULL)
        return NULL;

    struct ranges *r = ranges_room((size_t)a->n + b->n);
    uint32_t i = 0, j = 0;
    while (i < a->n && j < b->n) {
        uint64_t begin = a->v[i].begin > b->v[j].begin ? a->v[i].begin : b->v[j].begin;
        uint64_t end = a->v[i].end < b->v[j].end ? a->v[i].end : b->v[j].end;

        if (begin <= end)
            r->v[r->n++] = (struct range){ begin, end };
        if (a->v[i].end < b->v[j].end)
            i++;
        else
            j++;
    }
    return ranges_finish(r);
}

bool ranges_contains(const struct ranges *a, const struct ranges *b)
{
    if (b == NULL || a == b)
        return true;
    if (a == NULL)
        return false;

    uint32_t i = 0;
    for (uint32_t j = 0; j < b->n; j++) {
        while (i < a->n && a->v[i].end < b->v[j].begin)
            i++;
        if (i == a->n || a->v[i].begin > b->v[j].begin || a->v[i].end < b->v[j].end)
            return false;
    }
    return true;
}

bool ranges_overlap(const struct ranges *a, const struct ranges *b)
{
    uint32_t i = 0, j = 0;

    while (a != NULL && b != NULL && i < a->n && j < b->n) {
        if (a->v[i].end < b->v[j].begin)
            i++;
        else if (b->v[j].end < a->v[i].begin)
            j++;
        else
            return true;
    }
    return false;
}

bool ranges_eq(const struct ranges *a, const struct ranges *b)
{
    if (a == b)
        return true;
    return a != NULL && b != NULL && a->n == b->n && memcmp(a->v, b->v, a->n * sizeof a->v[0]) == 0;
}

uint64_t ranges_size(const struct ranges *r)
{
    uint64_t n = 0;

    for (uint32_t i = 0; r != NULL && i < r->n; i++) {
        uint64_t width = r->v[i].end - r->v[i].begin;
        if (width == UINT64_MAX || __builtin_add_overflow(n, width + 1, &n))
            return UINT64_MAX;
    }
    return n;
}

void ranges_print(struct sbuf *b, const struct ranges *r)
{
    sbuf_char(b, '[');
    for (uint32_t i = 0; r != NULL && i < r->n; i++)
        sbuf_fmt(b, "%s%" PRIu64 "-%" PRIu64, i > 0 ? ", " : "", r->v[i].begin, r->v[i].end);
    sbuf_char(b, ']');
}

/* --- sets --- */

static struct set *set_room(size_t n)
{
    ASSERT(n < UINT32_MAX / sizeof(struct name *));

    struct set *s = xmalloc(sizeof *s + n * sizeof s->v[0]);
    s->refs = 1;
    s->n = 0;
    return s;
}

static struct set *set_finish(struct set *s)
{
    if (s->n == 0) {
        free(s);
        return NULL;
    }
    return s;
}

static int item_cmp(const void *a, const void *b)
{
    return name_cmp(*(struct name *const *)a, *(struct name *const *)b);
}

struct set *set_of(const struct str *v, size_t n)
{
    struct set *s = set_room(n);

    for (size_t i = 0; i < n; i++)
        s->v[i] = name_of(v[i]);
    qsort(s->v, n, sizeof s->v[0], item_cmp);
    for (size_t i = 0; i < n; i++) {
        if (s->n > 0 && s->v[s->n - 1] == s->v[i])
            name_unref(s->v[i]);
        else
            s->v[s->n++] = s->v[i];
    }
    return set_finish(s);
}

void set_unref(struct set *s)
{
    if (s == NULL)
        return;
    ASSERT(s->refs > 0);
    if (--s->refs > 0)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        name_unref(s->v[i]);
    free(s);
}

/* Merges: keeps what is in a alone, in b alone, in both. */
static struct set *set_merge(struct set *a, struct set *b, bool only_a, bool only_b, bool both)
{
    uint32_t an = a != NULL ? a->n : 0, bn = b != NULL ? b->n : 0, i = 0, j = 0;
    struct set *s = set_room((size_t)an + bn);

    while (i < an || j < bn) {
        int c = i == an ? 1 : j == bn ? -1 : name_cmp(a->v[i], b->v[j]);
        struct name *item = c <= 0 ? a->v[i] : b->v[j];

        if (c < 0 ? only_a : c > 0 ? only_b : both)
            s->v[s->n++] = name_ref(item);
        i += c <= 0;
        j += c >= 0;
    }
    return set_finish(s);
}

struct set *set_add(struct set *a, struct set *b)
{
    return set_merge(a, b, true, true, true);
}

struct set *set_sub(struct set *a, struct set *b)
{
    return set_merge(a, b, true, false, false);
}

bool set_contains(const struct set *a, const struct set *b)
{
    uint32_t i = 0;

    for (uint32_t j = 0; b != NULL && j < b->n; j++) {
        while (a != NULL && i < a->n && name_cmp(a->v[i], b->v[j]) < 0)
            i++;
        if (a == NULL || i == a->n || a->v[i] != b->v[j])
            return false;
    }
    return true;
}

bool set_overlap(const struct set *a, const struct set *b)
{
    uint32_t i = 0, j = 0;

    while (a != NULL && b != NULL && i < a->n && j < b->n) {
        int c = name_cmp(a->v[i], b->v[j]);
        if (c == 0)
            return true;
        i += c < 0;
        j += c > 0;
    }
    return false;
}

bool set_eq(const struct set *a, const struct set *b)
{
    if (a == b)
        return true;
    return a != NULL && b != NULL && a->n == b->n && memcmp(a->v, b->v, a->n * sizeof(struct name *)) == 0;
}

void set_print(struct sbuf *b, const struct set *s)
{
    sbuf_char(b, '{');
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        if (i > 0)
            sbuf_c(b, ", ");
        sbuf_str(b, name_str(s->v[i]));
    }
    sbuf_char(b, '}');
}
