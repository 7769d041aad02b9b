/* SPDX-License-Identifier: Apache-2.0 */
/* When health and readiness checks of running instances are made. The core says what to probe; the shell asks and
 * reports (judge.c). At most checks_max probes are in flight; further due ones wait in order.
 * Source: marathon-behaviour §7, §3 (readiness). */
#include "marathon/core/internal.h"

const struct health_check *instance_check(const struct instance *i, size_t k)
{
    return LIST_AT(i->spec->app.health_checks, struct health_check, k);
}

void checks_register(struct marathon *m, struct slot *s, bool on)
{
    const struct spec *spec = s->spec;

    if (s->health_registered) {
        struct bus_event *e = bus_emit(m, BUS_REMOVE_HEALTH_CHECK);
        e->app_id = s->id;
        s->health_registered = false;
    }
    if (!on || spec == NULL || spec->app.health_checks.n == 0)
        return;
    s->health_registered = true;
    LIST_EACH(spec->app.health_checks, struct health_check, h)
    {
        struct bus_event *e = bus_emit(m, BUS_ADD_HEALTH_CHECK);
        e->app_id = s->id;
        e->version = spec->version;
        e->check = h;
        e->spec = spec;
    }
}

const struct readiness_check *instance_readiness_check(const struct instance *i)
{
    return LIST_AT(i->spec->app.readiness_checks, struct readiness_check, 0);
}

/* Where a check of the instance goes. False: the instance has no such port. */
static bool target(const struct instance *i, struct opt_i64 port, struct opt_i64 index,
                   struct probe_request *p)
{
    if (i->agent == NULL)
        return false;
    p->host = i->agent->hostname;
    if (port.has) {
        p->port = (uint32_t)port.v;
        return true;
    }
    size_t k = index.has ? (size_t)index.v : 0;
    if (k >= i->port_count)
        return false;
    if (i->ports[k] != PORT_NONE) {
        p->port = i->ports[k];
        return true;
    }
    if (i->ip_count == 0)
        return false;
    p->host = str_of(i->ips[0].text);
    p->port = i->container_ports[k];
    return true;
}

static struct probe *probe_new(struct marathon *m, struct instance *i, size_t k)
{
    struct probe *p = xcalloc(1, sizeof *p);

    *p = (struct probe){ .id = ++m->probe_seq, .instance = i, .check = k };
    HASH_ADD(hh, m->probes, id, sizeof p->id, p);
    m->probe_count++;
    return p;
}

static void probe_drop(struct marathon *m, uint64_t id)
{
    struct probe *p;

    HASH_FIND(hh, m->probes, &id, sizeof id, p);
    if (p == NULL)
        return;
    HASH_DEL(m->probes, p);
    m->probe_count--;
    free(p);
}

bool probe_take(struct marathon *m, uint64_t id, struct instance **ret, size_t *ret_check)
{
    struct probe *p;

    HASH_FIND(hh, m->probes, &id, sizeof id, p);
    if (p == NULL)
        return false;
    *ret = p->instance;
    *ret_check = p->check;
    probe_drop(m, id);
    return true;
}

static struct mono next_check(const struct marathon *m, const struct health_check *h)
{
    int64_t s = h->interval_s.v > 0 ? h->interval_s.v : 1;
    return mono_add(m->now, s * NS_PER_S);
}

static void send_check(struct marathon *m, struct instance *i, size_t k)
{
    const struct health_check *h = instance_check(i, k);
    struct probe_request r = { .protocol = (enum hc_protocol)h->protocol.v,
                               .path = h->path.n != 0 ? h->path : STR("/"),
                               .timeout_ns = (h->timeout_s.v > 0 ? h->timeout_s.v : 1) * NS_PER_S };

    timer_set(&m->timers, &i->checks[k].timer, next_check(m, h));
    if (!target(i, h->port, h->port_index, &r))
        return;
    r.id = i->checks[k].probe = probe_new(m, i, k)->id;
    step_action(m, DO_PROBE)->probe = r;
}

static void check_enqueue(struct marathon *m, struct instance *i, size_t k)
{
    if (i->checks[k].waiting)
        return;
    if (m->check_head > 1024 && m->check_head * 2 > m->check_count) {
        memmove(m->check_queue, m->check_queue + m->check_head,
                (m->check_count - m->check_head) * sizeof *m->check_queue);
        m->check_count -= m->check_head;
        m->check_head = 0;
    }
    ARRAY_ROOM(m->check_queue, m->check_count, m->check_cap);
    m->check_queue[m->check_count++] = (struct waiting_check){ i, k };
    i->checks[k].waiting = true;
}

void checks_go_on(struct marathon *m)
{
    while (m->check_head < m->check_count && m->probe_count < m->config.checks_max) {
        struct waiting_check w = m->check_queue[m->check_head++];
        if (w.instance == NULL)
            continue;
        w.instance->checks[w.check].waiting = false;
        send_check(m, w.instance, w.check);
    }
    if (m->check_head == m->check_count)
        m->check_head = m->check_count = 0;
}

void checks_due(struct marathon *m, struct instance *i, struct timer *t)
{
    size_t k = 0;

    while (&i->checks[k].timer != t)
        k++;
    ASSERT(k < i->check_count);
    if (i->checks[k].probe != 0) { /* the last one is slower than the interval: its result will come */
        timer_set(&m->timers, t, next_check(m, instance_check(i, k)));
        return;
    }
    if (m->probe_count >= m->config.checks_max)
        check_enqueue(m, i, k);
    else
        send_check(m, i, k);
}

void readiness_due(struct marathon *m, struct instance *i)
{
    const struct readiness_check *rc;
    struct probe_request r;

    if (i->ready || !i->readiness_asked || i->readiness_probe != 0 || i->spec->app.readiness_checks.n == 0)
        return;
    rc = instance_readiness_check(i);
    r = (struct probe_request){ .protocol = rc->protocol.v == SCHEME_HTTPS ? HC_HTTPS : HC_HTTP,
                                .path = rc->path,
                                .timeout_ns = rc->timeout_s.v * NS_PER_S,
                                .keep_body = rc->preserve_last_response.v };
    for (size_t k = 0; k < i->port_count; k++)
        if (str_eq(app_port_name(&i->spec->app, k), rc->port_name)) {
            if (!target(i, (struct opt_i64){ 0 }, (struct opt_i64){ true, (int64_t)k }, &r))
                return;
            r.id = i->readiness_probe = probe_new(m, i, PROBE_READINESS)->id;
            step_action(m, DO_PROBE)->probe = r;
            return;
        }
}

void checks_start(struct marathon *m, struct instance *i)
{
    size_t n = i->spec->app.health_checks.n;

    checks_stop(m, i);
    if (n != 0) {
        i->checks = xcalloc(n, sizeof *i->checks);
        i->check_count = n;
    }
    for (size_t k = 0; k < n; k++) {
        const struct health_check *h = instance_check(i, k);
        i->checks[k].timer = (struct timer){ .kind = TIMER_CHECK, .owner = i };
        if (!hc_is_ours((enum hc_protocol)h->protocol.v))
            continue;
        /* Spread over the first second, so that a thousand copies started together are not asked together for
         * ever. */
        uint64_t first_ns = (uint64_t)NS_PER_S;
        timer_set(&m->timers, &i->checks[k].timer,
                  mono_add(m->now, (int64_t)rng_below(m->rng, first_ns) + 1));
    }
    if (i->readiness_asked && !i->ready)
        readiness_due(m, i);
}

void checks_stop(struct marathon *m, struct instance *i)
{
    for (size_t k = 0; k < i->check_count; k++) {
        struct check *c = &i->checks[k];
        timer_clear(&m->timers, &c->timer);
        if (c->probe != 0)
            probe_drop(m, c->probe);
        for (size_t j = m->check_head; c->waiting && j < m->check_count; j++)
            if (m->check_queue[j].instance == i)
                m->check_queue[j].instance = NULL;
    }
    free(i->checks);
    i->checks = NULL;
    i->check_count = 0;
    if (i->readiness_probe != 0)
        probe_drop(m, i->readiness_probe);
    i->readiness_probe = 0;
    timer_clear(&m->timers, &i->readiness_timer);
    if (i->health != INSTANCE_UNCHECKED) {
        if (i->counted)
            instance_set_health(m, i, INSTANCE_HEALTH_UNKNOWN);
        else
            i->health = INSTANCE_HEALTH_UNKNOWN; /* it is being removed: no event, no counter */
    }
}

