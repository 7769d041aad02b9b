/* SPDX-License-Identifier: Apache-2.0 */
/* Maintenance and quota as packed messages. */
#include <stdlib.h>

#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/wire/registry.h"
#include "master/wire/view.h"

void put_schedule_now(struct sbuf *b, const struct view *v)
{
    const struct master *m = v->m;
    struct maintenance_window *w = calloc(m->window_count + 1, sizeof *w);

    if (w == NULL || !view_may(v, ACL_GET_MAINTENANCE_SCHEDULES, (struct str){ NULL, 0 })) {
        free(w);
        return;
    }
    for (size_t i = 0; i < m->window_count; i++)
        w[i] = (struct maintenance_window){ m->windows[i].machines, m->windows[i].count, m->windows[i].start_ns,
                                            m->windows[i].duration_ns };
    put_schedule(b, w, m->window_count);
    free(w);
}

static void put_machine(struct sbuf *b, uint32_t number, const struct machine *mc)
{
    size_t mark = wire_open(b, number);

    if (mc->hostname[0] != '\0')
        wire_put_bytes(b, 1, str_of(mc->hostname));
    if (mc->ip[0] != '\0')
        wire_put_bytes(b, 2, str_of(mc->ip));
    wire_close(b, mark);
}

void put_cluster_status(struct sbuf *b, const struct view *v)
{
    const struct master *m = v->m;

    if (!view_may(v, ACL_GET_MAINTENANCE_STATUSES, (struct str){ NULL, 0 }))
        return;
    for (const struct machine *mc = m->machines; mc != NULL; mc = mc->hh.next) {
        if (mc->mode == MACHINE_DOWN) {
            put_machine(b, 2, mc);
            continue;
        }
        size_t mark = wire_open(b, 1);
        put_machine(b, 1, mc);
        for (const struct inverse_status *s = mc->statuses; s != NULL; s = s->next) {
            size_t status = wire_open(b, 2);
            wire_put_u64(b, 1, s->accepted ? 2 : 3);
            wire_put_id(b, 2, str_of(s->framework_id));
            put_time(b, 3, s->time);
            wire_close(b, status);
        }
        wire_close(b, mark);
    }
}

void put_quota_status(struct sbuf *b, const struct view *v)
{
    const struct master *m = v->m;
    for (const struct quota *q = m->quotas; q != NULL; q = q->hh.next) {
        if (!view_may(v, ACL_GET_QUOTAS, name_str(q->role)))
            continue;
        size_t mark = wire_open(b, 1);
        wire_put_bytes(b, 1, name_str(q->role));
        for (size_t i = 0; i < q->guarantees.n; i++) {
            struct resource one = resource_scalar(q->guarantees.v[i].name, q->guarantees.v[i].milli);
            wire_put_resource(b, 3, &one, RESOURCE_POST, true);
            resource_done(&one);
        }
        wire_close(b, mark);
    }
    for (const struct quota *q = m->quotas; q != NULL; q = q->hh.next) {
        struct quota_value value = { name_str(q->role), q->guarantees, q->limits };
        if (!view_may(v, ACL_GET_QUOTAS, name_str(q->role)))
            continue;
        size_t mark = wire_open(b, 2);
        put_quota_config(b, &value);
        wire_close(b, mark);
    }
}
