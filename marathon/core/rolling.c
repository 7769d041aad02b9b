/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/rolling.h"

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Capacities are decimal fractions; the small term undoes binary rounding (10 * (1 + 0.2) is 11.99...). */
static int64_t ceil_of(double v)
{
    int64_t n = (int64_t)(v - 1e-9);
    return (double)n < v - 1e-9 ? n + 1 : n;
}

static int64_t floor_of(double v)
{
    return (int64_t)(v + 1e-9);
}

void rolling_begin(struct rolling *r, int64_t target, double health_capacity, double over_capacity,
                   bool resident, const struct rolling_counts *c)
{
    int64_t ready = c->old_ready + c->new_ready, all = c->old_live + c->new_live;

    *r = (struct rolling){
        .target = target,
        .healthy_min = ceil_of((double)target * health_capacity),
        .capacity_max = floor_of((double)target * (1 + over_capacity)),
        .ready_base = c->new_ready,
        .new_max = INT64_MAX,
        .resident = resident,
        .first = true,
    };
    r->kill_now = max(0, ready - r->healthy_min);
    if (r->healthy_min == r->capacity_max && r->capacity_max <= ready) {
        if (resident) {
            r->kill_now = ready - r->healthy_min + 1;
            r->below_floor = true;
        } else {
            r->capacity_max++;
        }
    }
    if (target < all)
        r->kill_now = max(all - target, r->kill_now);
}

static int64_t kills(const struct rolling *r, const struct rolling_counts *c)
{
    int64_t allowed = r->kill_now + max(0, c->new_ready - r->ready_base) - r->killed;
    int64_t unready = c->old_live - c->old_ready, n, headroom;

    if (c->new_ready >= r->target)
        return c->old_live;
    if (allowed <= 0)
        return 0;
    n = min(allowed, unready);
    headroom = c->old_ready + c->new_ready - r->healthy_min + (r->below_floor ? 1 : 0);
    return n + max(0, min(min(allowed - n, headroom), c->old_ready));
}

struct rolling_move rolling_next(struct rolling *r, const struct rolling_counts *c)
{
    struct rolling_move m = { .kill_counted = !r->first };
    int64_t target = min(r->target, r->new_max), used;

    m.kill = min(kills(r, c), max(0, c->old_live - (r->target - target)));
    used = c->old_live + c->old_dying + c->new_live - (r->first ? m.kill : 0);
    m.start = max(0, min(target - c->new_live, r->capacity_max - used));
    if (m.kill == 0 && m.start == 0 && c->new_live < target && c->old_dying_all == 0 &&
        c->new_live == c->new_ready) {
        if (c->old_live > c->old_ready || (r->resident && c->old_live > 0)) {
            m.kill = 1;
            m.kill_counted = true;
        } else {
            m.start = 1;
        }
    }
    r->killed += m.kill;
    r->first = false;
    return m;
}

int64_t rolling_starts_every(const struct rolling *r, const struct rolling_counts *c)
{
    return r->new_max == INT64_MAX ? INT64_MAX : max(0, r->new_max - c->new_live);
}

int64_t rolling_kills_every(struct rolling *r, const struct rolling_counts *c, int64_t missing, double health_capacity)
{
    int64_t places = c->old_live + c->old_dying_all + c->new_live + missing, ready = c->old_ready + c->new_ready;
    int64_t down_max = max(1, places - ceil_of((double)places * health_capacity));
    int64_t kill = c->old_live - c->old_ready + max(0, min(down_max - (places - ready), c->old_ready));

    r->target = places;
    return min(kill, max(0, c->old_live - (places - min(places, r->new_max))));
}

bool rolling_is_held(const struct rolling *r, const struct rolling_counts *c)
{
    return r->new_max < r->target && c->new_live >= r->new_max && c->new_ready >= r->new_max &&
           c->old_dying_all == 0 && c->old_live <= r->target - r->new_max;
}

bool rolling_is_done(const struct rolling *r, const struct rolling_counts *c)
{
    return c->old_live == 0 && c->old_dying_all == 0 && c->new_live == r->target && c->new_ready == r->target;
}
