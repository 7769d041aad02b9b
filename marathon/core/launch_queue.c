/* SPDX-License-Identifier: Apache-2.0 */
/* The launch queue: which slots have something to launch, which of them are held back after failures, and when
 * offers are wanted at all.
 *
 * Offers are asked for (REVIVE) when something new waits, at most once per revive interval, and not wanted
 * (SUPPRESS) when nothing does. Tokens limit how many launches may be under way: one is taken per launch and
 * comes back when the task runs; the interval refills them. Source: marathon-behaviour §4, §5. */
#include "marathon/core/internal.h"

static struct backoff_policy policy_of(const struct slot *s)
{
    const struct app *a = &s->spec->app;

    return (struct backoff_policy){ .first_ns = a->backoff_s.v * NS_PER_S,
                                    .max_ns = a->launch_delay_max_s.v * NS_PER_S,
                                    .factor = a->backoff_factor.v };
}

bool launch_delayed(struct marathon *m, struct slot *s)
{
    if (s->spec != NULL && s->backoff.delay_ns != 0) {
        struct backoff_policy p = policy_of(s);
        backoff_decay(&s->backoff, &p, m->now);
    }
    return backoff_left(&s->backoff, m->now) > 0;
}

void launch_wait(struct marathon *m, struct slot *s)
{
    if (s->scheduled_count == 0)
        return;
    if (!s->waiting_listed) {
        s->waiting_listed = true;
        DL_APPEND2(m->waiting, s, wait_prev, wait_next);
        if (s->queue == NULL) {
            s->queue = xcalloc(1, sizeof *s->queue);
            s->queue->since = m->wall;
        }
    }
    if (launch_delayed(m, s))
        timer_set(&m->timers, &s->backoff_timer, s->backoff.until);
    else
        m->revive_wanted = true;
}

void launch_unwait(struct marathon *m, struct slot *s)
{
    if (!s->waiting_listed)
        return;
    s->waiting_listed = false;
    DL_DELETE2(m->waiting, s, wait_prev, wait_next);
    timer_clear(&m->timers, &s->backoff_timer);
}

void launch_failed(struct marathon *m, struct slot *s)
{
    struct backoff_policy p;

    if (s->spec == NULL)
        return;
    p = policy_of(s);
    backoff_decay(&s->backoff, &p, m->now);
    backoff_failed(&s->backoff, &p, m->now);
    if (s->waiting_listed) /* others of it may be waiting already */
        timer_set(&m->timers, &s->backoff_timer, s->backoff.until);
}

void launch_tick_backoff(struct marathon *m, struct slot *s)
{
    if (!s->waiting_listed)
        return;
    if (launch_delayed(m, s)) /* a failure since then has made it longer */
        timer_set(&m->timers, &s->backoff_timer, s->backoff.until);
    else
        m->revive_wanted = true;
}

void launch_tick_tokens(struct marathon *m)
{
    bool dry = m->tokens <= 0;
    struct slot *s, *tmp;

    if (m->tokens < m->config.launch_tokens)
        m->tokens = m->config.launch_tokens;
    timer_set(&m->timers, &m->token_timer, mono_add(m->now, m->config.launch_token_interval_ns));
    if (dry && m->waiting != NULL)
        m->revive_wanted = true;
    HASH_ITER(hh, m->slots, s, tmp)
    if (s->deferred > 0)
        slot_mark(m, s);
}

void launch_demand(struct marathon *m)
{
    if (!m->connected)
        return;
    if (m->starved && m->tokens > 0) { /* offers were sent away for want of tokens, and now there are some */
        m->starved = false;
        m->revive_wanted = true;
    }
    if (m->waiting == NULL && !garbage_wanted(m) && m->every_count == 0) {
        m->revive_wanted = false;
        timer_clear(&m->timers, &m->revive_timer);
        if (!m->suppressed && m->config.suppress_offers) {
            (void)step_action(m, DO_SUPPRESS);
            m->suppressed = true;
            m->counters.suppresses++;
        }
        return;
    }
    if (!m->revive_wanted)
        return;
    struct mono next = mono_add(m->revived_at, m->config.revive_interval_ns);
    if (m->revived && mono_before(m->now, next)) {
        if (m->revive_timer.pos == 0)
            timer_set(&m->timers, &m->revive_timer, next);
        return;
    }
    (void)step_action(m, DO_REVIVE);
    m->revived = true;
    m->revived_at = m->now;
    m->revive_wanted = m->suppressed = false;
    m->counters.revives++;
}
