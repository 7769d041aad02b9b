/* SPDX-License-Identifier: Apache-2.0 */
/* /stoa/v1/decisions and /stoa/v1/why: what the allocator decided and why, from its log, and what it would decide now. Ours: the
 * original has nothing like it. */
#include "master/wire/view.h"

static double seconds_at(const struct view_now *now, int64_t mono_ns)
{
    return (double)now->wall.ms / 1000.0 + (double)(mono_ns - now->mono.ns) / (double)NS_PER_S;
}

static void write_decision(struct jsonw *w, const struct master *m, const struct view_now *now, const struct alloc_decision *d)
{
    struct framework_ref f = allocator_framework_at(m->allocator, d->framework.slot);
    struct agent_ref a = allocator_agent_at(m->allocator, d->agent.slot);

    jsonw_key_double(w, "time", seconds_at(now, d->at.ns));
    if (f.gen != 0 && framework_ref_eq(f, d->framework))
        jsonw_key_s(w, "framework_id", allocator_framework_id(m->allocator, f).s);
    if (d->role != NULL)
        jsonw_key_s(w, "role", name_str(d->role));
    if (a.gen != 0 && agent_ref_eq(a, d->agent))
        jsonw_key_s(w, "agent_id", allocator_agent_id(m->allocator, a).s);
    jsonw_key_c(w, "reason", alloc_reason_name(d->reason));
    jsonw_key_c(w, "text", alloc_reason_text(d->reason));
    jsonw_key_milli(w, "cpus", d->cpus_milli);
    jsonw_key_milli(w, "mem", d->mem_milli);
    if (d->until_ns != 0)
        jsonw_key_double(w, "until", seconds_at(now, d->until_ns));
    jsonw_key_u64(w, "run", d->run);
}

/* A decision is seen by who may see its framework and its role. */
static bool may_see(const struct view *v, const struct framework *f, const struct name *role)
{
    return v->acls == NULL || ((f == NULL || view_may(v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user))) &&
                               (role == NULL || view_may(v, ACL_VIEW_ROLES, name_str(role))));
}

static const struct framework *framework_of(const struct master *m, struct framework_ref f)
{
    const struct framework *x = f.gen != 0 && f.slot < m->by_ref_cap ? m->by_ref[f.slot] : NULL;

    return x != NULL && framework_ref_eq(x->ref, f) ? x : NULL;
}

void view_decisions(const struct view *v, const struct view_now *now, const struct view_query *q, struct sbuf *b)
{
    const struct master *m = v->m;
    struct jsonw w = JSONW(b);
    uint64_t end = allocator_decisions_end(m->allocator), limit = q->limit < 0 ? UINT64_MAX : (uint64_t)q->limit;
    uint64_t i = q->offset > 0 ? (uint64_t)q->offset : end > limit ? end - limit : 0, count = 0;
    struct alloc_decision d;

    jsonw_open(&w);
    jsonw_key_array(&w, "decisions");
    for (; i < end && count < limit; i++) {
        if (!allocator_decision(m->allocator, i, &d))
            continue; /* overwritten */
        struct framework_ref f = allocator_framework_at(m->allocator, d.framework.slot);
        if (q->framework_id.n != 0 && (f.gen == 0 || !framework_ref_eq(f, d.framework) ||
                                       !str_eq(q->framework_id, allocator_framework_id(m->allocator, f).s)))
            continue;
        if (!may_see(v, framework_of(m, d.framework), d.role))
            continue;
        jsonw_open(&w);
        jsonw_key_u64(&w, "number", i);
        write_decision(&w, m, now, &d);
        jsonw_close(&w);
        count++;
    }
    jsonw_array_close(&w);
    jsonw_key_u64(&w, "next", i);
    jsonw_close(&w);
}

void view_why(const struct view *v, const struct view_now *now, const struct view_query *q, struct sbuf *b)
{
    const struct master *m = v->m;
    struct jsonw w = JSONW(b);

    jsonw_open(&w);
    jsonw_key_array(&w, "agents");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next) {
        if (q->framework_id.n != 0 && !str_eq(q->framework_id, f->id.s))
            continue;
        for (size_t r = 0; r < f->info->role_count; r++)
            for (const struct agent *a = m->agents; a != NULL && may_see(v, f, f->info->roles[r]); a = a->hh.next) {
                struct alloc_decision d = allocator_why(m->allocator, now->mono, f->ref, f->info->roles[r], a->ref);
                jsonw_open(&w);
                d.framework = f->ref;
                d.agent = a->ref;
                d.role = f->info->roles[r];
                d.at = now->mono;
                write_decision(&w, m, now, &d);
                jsonw_key_c(&w, "hostname", a->info->hostname);
                jsonw_close(&w);
            }
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
}
