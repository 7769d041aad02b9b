/* SPDX-License-Identifier: Apache-2.0 */
/* A hash by name; what is shown is gathered and sorted when asked for. Timers keep a ring of their last
 * samples and sort a copy when shown. Percentiles are interpolated linearly between ranks, as the original's
 * are. */
#include "common/io/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_CALL, METRIC_TIMER };

struct metric {
    UT_hash_handle hh;
    char *name;
    const char *help;
    enum metric_kind kind;
    bool hidden; /* the one that stands for all over the cap */
    uint64_t count;
    double value; /* of gauges; of timers the last sample in ms */
    double sum;   /* of timers, ms */
    metrics_gauge_fn *fn;
    void *arg;
    double *ring;
    unsigned window;
};

struct metrics {
    struct metric *all;
    struct metric hidden[4];
    uint64_t overflow;
};

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof *m);
    for (int i = 0; i < 4; i++)
        m->hidden[i] = (struct metric){ .kind = (enum metric_kind)i, .hidden = true };
    return m;
}

static void metric_free(struct metric *c)
{
    free(c->name);
    free(c->ring);
    free(c);
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    struct metric *c, *next;
    HASH_ITER(hh, m->all, c, next)
    {
        HASH_DEL(m->all, c);
        metric_free(c);
    }
    free(m);
}

static struct metric *add(struct metrics *m, const char *name, const char *help, enum metric_kind kind)
{
    struct metric *c = NULL;
    HASH_FIND_STR(m->all, name, c);
    if (c != NULL) {
        ASSERT(c->kind == kind);
        return c;
    }
    if (HASH_COUNT(m->all) >= METRICS_MAX) {
        m->overflow++;
        return &m->hidden[kind];
    }
    c = xcalloc(1, sizeof *c);
    c->name = xstrdup(name);
    c->help = help;
    c->kind = kind;
    HASH_ADD_KEYPTR(hh, m->all, c->name, strlen(c->name), c);
    return c;
}

struct metric *metrics_counter(struct metrics *m, const char *name, const char *help)
{
    return add(m, name, help, METRIC_COUNTER);
}

struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help)
{
    return add(m, name, help, METRIC_GAUGE);
}

struct metric *metrics_gauge_call(struct metrics *m, const char *name, const char *help, metrics_gauge_fn *fn,
                                  void *arg)
{
    struct metric *c = add(m, name, help, METRIC_CALL);
    c->fn = fn;
    c->arg = arg;
    return c;
}

struct metric *metrics_timer(struct metrics *m, const char *name, const char *help, unsigned window)
{
    struct metric *c = add(m, name, help, METRIC_TIMER);
    if (c->window == 0 && window != 0 && !c->hidden) {
        c->window = window;
        c->ring = xcalloc(window, sizeof *c->ring);
    }
    return c;
}

void metric_remove(struct metrics *m, struct metric *c)
{
    if (c == NULL || c->hidden)
        return;
    HASH_DEL(m->all, c);
    metric_free(c);
}

/* --- changing ----------------------------------------------------------------------------------------- */
void metric_inc(struct metric *c)
{
    c->count++;
}

void metric_add(struct metric *c, uint64_t n)
{
    c->count += n;
}

uint64_t metric_count(const struct metric *c)
{
    return c->count;
}

void metric_set(struct metric *g, double value)
{
    ASSERT(g->kind == METRIC_GAUGE);
    g->value = value;
}

double metric_value(const struct metric *g)
{
    return g->value;
}

void metric_observe(struct metric *t, int64_t ns)
{
    ASSERT(t->kind == METRIC_TIMER);
    double ms = (double)ns / 1e6;
    t->value = ms;
    t->sum += ms;
    if (t->window != 0)
        t->ring[t->count % t->window] = ms;
    t->count++;
}

/* --- timers ------------------------------------------------------------------------------------------- */
static const struct {
    const char *suffix, *quantile;
    double at;
} percentiles[] = {
    { "/p50", "0.5", 0.5 },   { "/p90", "0.9", 0.9 },      { "/p95", "0.95", 0.95 },
    { "/p99", "0.99", 0.99 }, { "/p999", "0.999", 0.999 }, { "/p9999", "0.9999", 0.9999 },
};
enum { PERCENTILE_COUNT = sizeof percentiles / sizeof *percentiles };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy of the samples in the window, from malloc. */
static double *sorted_samples(const struct metric *t, unsigned *ret_n)
{
    unsigned n = t->count < t->window ? (unsigned)t->count : t->window;
    double *s = xmemdup(t->ring, n * sizeof *s);
    if (n != 0)
        qsort(s, n, sizeof *s, by_value);
    *ret_n = n;
    return s;
}

static double percentile(const double *sorted, unsigned n, double at)
{
    double position = at * (n - 1);
    unsigned i = (unsigned)position;
    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (position - i) * (sorted[i + 1] - sorted[i]);
}

/* --- showing ------------------------------------------------------------------------------------------ */
struct pair {
    struct str key;
    double value;
};

struct pairs {
    struct pair *p;
    size_t n, cap;
    struct arena arena; /* of built keys */
};

static void pairs_add(struct pairs *ps, struct str key, double value)
{
    if (!isfinite(value))
        return;
    ARRAY_ROOM(ps->p, ps->n, ps->cap);
    ps->p[ps->n++] = (struct pair){ key, value };
}

static void pairs_timer(struct pairs *ps, const struct metric *t)
{
    if (t->count == 0)
        return;
    pairs_add(ps, arena_fmt(&ps->arena, "%s_ms", t->name), t->value);
    if (t->window == 0)
        return;
    unsigned n;
    double *s = sorted_samples(t, &n);
    pairs_add(ps, arena_fmt(&ps->arena, "%s_ms/count", t->name), n);
    pairs_add(ps, arena_fmt(&ps->arena, "%s_ms/min", t->name), s[0]);
    pairs_add(ps, arena_fmt(&ps->arena, "%s_ms/max", t->name), s[n - 1]);
    for (int i = 0; i < PERCENTILE_COUNT; i++)
        pairs_add(ps, arena_fmt(&ps->arena, "%s_ms%s", t->name, percentiles[i].suffix),
                  percentile(s, n, percentiles[i].at));
    free(s);
}

static void pairs_metric(struct pairs *ps, const struct metric *c)
{
    double v;
    switch (c->kind) {
    case METRIC_COUNTER:
        pairs_add(ps, str_of(c->name), (double)c->count);
        return;
    case METRIC_GAUGE:
        pairs_add(ps, str_of(c->name), c->value);
        return;
    case METRIC_CALL:
        if (c->fn(c->arg, &v))
            pairs_add(ps, str_of(c->name), v);
        return;
    case METRIC_TIMER:
        pairs_timer(ps, c);
        return;
    }
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

void metrics_each(const struct metrics *m, metrics_each_fn *fn, void *arg)
{
    struct pairs ps = { .arena = ARENA_INIT(256u << 20) };
    for (const struct metric *c = m->all; c != NULL; c = c->hh.next)
        pairs_metric(&ps, c);
    if (ps.n != 0)
        qsort(ps.p, ps.n, sizeof *ps.p, by_key);
    for (size_t i = 0; i < ps.n; i++)
        fn(arg, ps.p[i].key, ps.p[i].value);
    free(ps.p);
    arena_done(&ps.arena);
}

/* The shortest text that reads back as the same number. */
static void number(struct sbuf *b, double v, bool point)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) /* both sides in the C locale: nobody here sets another */
            break;
    }
    sbuf_c(b, text);
    if (point && strpbrk(text, ".e") == NULL)
        sbuf_c(b, ".0");
}

struct json_out {
    struct sbuf *b;
    bool any;
};

static void json_pair(void *arg, struct str key, double value)
{
    struct json_out *o = arg;
    sbuf_c(o->b, o->any ? ",\"" : "\"");
    o->any = true;
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];
        if (c == '"' || c == '\\')
            sbuf_fmt(o->b, "\\%c", c);
        else if (c < 32)
            sbuf_fmt(o->b, "\\u%04x", c);
        else
            sbuf_char(o->b, (char)c);
    }
    sbuf_c(o->b, "\":");
    number(o->b, value, true);
}

void metrics_json(const struct metrics *m, struct sbuf *b)
{
    struct json_out o = { .b = b };
    sbuf_char(b, '{');
    metrics_each(m, json_pair, &o);
    sbuf_char(b, '}');
}

/* --- Prometheus --------------------------------------------------------------------------------------- */
static void prom_name(struct sbuf *b, const struct metric *c, const char *suffix)
{
    sbuf_c(b, "stoa_");
    for (const char *p = c->name; *p != 0; p++) {
        bool ok =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_';
        sbuf_char(b, ok ? *p : '_');
    }
    sbuf_c(b, suffix);
}

static void prom_head(struct sbuf *b, const struct metric *c, const char *suffix, const char *type)
{
    if (c->help != NULL) {
        sbuf_c(b, "# HELP ");
        prom_name(b, c, suffix);
        sbuf_char(b, ' ');
        for (const char *p = c->help; *p != 0; p++)
            sbuf_char(b, *p == '\n' ? ' ' : *p);
        sbuf_char(b, '\n');
    }
    sbuf_c(b, "# TYPE ");
    prom_name(b, c, suffix);
    sbuf_fmt(b, " %s\n", type);
}

static void prom_line(struct sbuf *b, const struct metric *c, const char *suffix, const char *labels,
                      double v)
{
    prom_name(b, c, suffix);
    sbuf_c(b, labels);
    sbuf_char(b, ' ');
    if (isnan(v))
        sbuf_c(b, "NaN");
    else if (isinf(v))
        sbuf_c(b, v > 0 ? "+Inf" : "-Inf");
    else
        number(b, v, false);
    sbuf_char(b, '\n');
}

static void prom_timer(struct sbuf *b, const struct metric *t)
{
    prom_head(b, t, "_seconds", "summary");
    unsigned n = 0;
    CLEANUP(free_p) double *s = t->window != 0 && t->count != 0 ? sorted_samples(t, &n) : NULL;
    for (int i = 0; i < PERCENTILE_COUNT && n != 0; i++) {
        char label[40];
        (void)snprintf(label, sizeof label, "{quantile=\"%s\"}", percentiles[i].quantile);
        prom_line(b, t, "_seconds", label, percentile(s, n, percentiles[i].at) / 1e3);
    }
    prom_line(b, t, "_seconds_sum", "", t->sum / 1e3);
    prom_line(b, t, "_seconds_count", "", (double)t->count);
}

static void prom_metric(struct sbuf *b, const struct metric *c)
{
    double v = c->value;
    switch (c->kind) {
    case METRIC_COUNTER:
        prom_head(b, c, "_total", "counter");
        prom_line(b, c, "_total", "", (double)c->count);
        return;
    case METRIC_CALL:
        if (!c->fn(c->arg, &v))
            return;
        prom_head(b, c, "", "gauge");
        prom_line(b, c, "", "", v);
        return;
    case METRIC_GAUGE:
        prom_head(b, c, "", "gauge");
        prom_line(b, c, "", "", v);
        return;
    case METRIC_TIMER:
        prom_timer(b, c);
        return;
    }
}

static int by_metric_name(const void *a, const void *b)
{
    return strcmp((*(const struct metric *const *)a)->name, (*(const struct metric *const *)b)->name);
}

void metrics_prometheus(const struct metrics *m, struct sbuf *b)
{
    size_t n = HASH_COUNT(m->all), i = 0;
    CLEANUP(free_p) const struct metric **sorted = xcalloc(n + 1, sizeof *sorted);
    for (const struct metric *c = m->all; c != NULL; c = c->hh.next)
        sorted[i++] = c;
    qsort(sorted, n, sizeof *sorted, by_metric_name);
    for (i = 0; i < n; i++)
        prom_metric(b, sorted[i]);
}

uint64_t metrics_overflow(const struct metrics *m)
{
    return m->overflow;
}
