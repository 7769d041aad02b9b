/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' calls that change something: teardown, agents (gone, drain, deactivate), weights, quota. Each is validated
 * completely, then stored, then applied and answered. Source: operator API, section 4; texts as the original's. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/internal.h"

/* The name of a role is the key of its record. */
static int stored_role_check(struct str role, struct error *err)
{
    enum { ROLE_BYTES_MAX = 480 };

    if (role.n <= ROLE_BYTES_MAX)
        return role_check(role, err);
    return error_set(err, ERR_LIMIT, "the name has %zu bytes; a role with a quota or a weight may have %d", role.n, (int)ROLE_BYTES_MAX);
}

/* --- agents --- */

/* What is on its way to the registry was made of what is known now: a change of it would be overwritten, or overwrite it. */
static bool refused_while_changing(struct master *m, struct request_ref r, struct str id)
{
    const struct agent *a = agent_find(m, id);
    const struct lost_agent *l = lost_find(m, id);
    enum agent_change change = a != NULL ? a->change : l != NULL ? l->change : AGENT_CHANGE_NONE;

    if (change != AGENT_CHANGE_NONE) {
        act_answer(m, r, 409, "Agent is being removed, marked unreachable or gone");
        return true;
    }
    if (agent_change_pending(m, id)) {
        act_answer(m, r, 409, "Agent is being admitted or changed; try again");
        return true;
    }
    return false;
}

static void operator_drain(struct master *m, struct request_ref r, const struct operator_request *q)
{
    struct agent *a = agent_find(m, q->agent.s);
    struct lost_agent *l = lost_find(m, q->agent.s);

    if (a == NULL && (l == NULL || l->kind == LOST_GONE)) {
        act_answer(m, r, 400, "Unknown agent");
        return;
    }
    if (a != NULL) {
        const struct machine *mc = machine_of_agent(m, a);
        if (mc != NULL) {
            act_answer(m, r, 400, "Agent %.*s is part of a maintenance schedule under Machine %s (%s)",
                       STR_ARG(agent_id_str(a)), mc->hostname, mc->ip);
            return;
        }
        if (!agent_info_can(a->info, AGENT_CAP_AGENT_DRAINING)) {
            act_answer(m, r, 400, "Agent %.*s is not capable of draining", STR_ARG(agent_id_str(a)));
            return;
        }
    }
    if (refused_while_changing(m, r, q->agent.s))
        return;
    struct pending *p = pending_add(m, PENDING_DRAIN);
    p->request = r;
    p->agent_id = text_copy(q->agent.s);
    p->drain = (struct drain){ .state = DRAINING, .max_grace_ns = q->max_grace_ns, .mark_gone = q->mark_gone };
    p->time = m->wall;
    bool unreachable = a == NULL && l->kind == LOST_UNREACHABLE;
    struct registry_record rec = {
        .kind = unreachable ? RECORD_UNREACHABLE : RECORD_AGENT, .id = str_of(p->agent_id),
        .info = a != NULL ? a->info : l->info, .drain = p->drain, .deactivated = true, .drain_start = m->wall,
        .time = unreachable ? l->time : (struct wall){ 0 },
    };
    pending_store(m, p, &rec, 1);
}

static void drain_stored(struct master *m, struct pending *p)
{
    struct agent *a = agent_find(m, str_of(p->agent_id));
    struct lost_agent *l = lost_find(m, str_of(p->agent_id));

    if (l != NULL) {
        l->drain = p->drain;
        l->deactivated = true;
        l->drain_start = p->time;
    }
    if (a != NULL) {
        if (agent_is_active(a))
            allocator_agent_deactivate(m->allocator, a->ref);
        a->drain = p->drain;
        a->deactivated = true;
        a->drain_start = p->time;
        offers_rescind_agent(m, a);
        inverses_rescind_agent(m, a, RESCIND_TELL);
        if (a->link == AGENT_CONNECTED)
            agent_send_drain(m, a);
        agent_check_drained(m, a);
    }
    act_answer(m, p->request, 200, "%s", "");
}

static void operator_activation(struct master *m, struct request_ref r, const struct operator_request *q, bool on)
{
    struct agent *a = agent_find(m, q->agent.s);
    struct lost_agent *l = lost_find(m, q->agent.s);

    if (a == NULL && (l == NULL || l->kind == LOST_GONE)) {
        act_answer(m, r, 400, "Unknown agent");
        return;
    }
    bool deactivated = a != NULL ? a->deactivated : l->deactivated;
    struct drain drain = a != NULL ? a->drain : l->drain;
    if (on && !deactivated) {
        act_answer(m, r, 400, "Agent is not deactivated");
        return;
    }
    if (on && drain.state == DRAINING) {
        act_answer(m, r, 400, "Agent is still in the DRAINING state");
        return;
    }
    if (refused_while_changing(m, r, q->agent.s))
        return;
    struct pending *p = pending_add(m, PENDING_ACTIVATION);
    p->request = r;
    p->agent_id = text_copy(q->agent.s);
    p->flag = on;
    p->drain = on ? (struct drain){ .max_grace_ns = -1 } : drain;
    bool unreachable = a == NULL && l->kind == LOST_UNREACHABLE;
    struct registry_record rec = {
        .kind = unreachable ? RECORD_UNREACHABLE : RECORD_AGENT, .id = str_of(p->agent_id),
        .info = a != NULL ? a->info : l->info, .drain = p->drain, .deactivated = !on,
        .drain_start = on ? (struct wall){ 0 } : a != NULL ? a->drain_start : l->drain_start,
        .time = unreachable ? l->time : (struct wall){ 0 },
    };
    pending_store(m, p, &rec, 1);
}

static void activation_stored(struct master *m, struct pending *p)
{
    struct agent *a = agent_find(m, str_of(p->agent_id));
    struct lost_agent *l = lost_find(m, str_of(p->agent_id));

    if (l != NULL) {
        l->deactivated = !p->flag;
        l->drain = p->flag ? p->drain : l->drain; /* it may be drained meanwhile */
    }
    if (a != NULL) {
        bool was = agent_is_active(a);
        a->deactivated = !p->flag;
        a->drain = p->flag ? p->drain : a->drain;
        if (was && !agent_is_active(a)) {
            allocator_agent_deactivate(m->allocator, a->ref);
            offers_rescind_agent(m, a);
            inverses_rescind_agent(m, a, RESCIND_TELL);
        } else if (!was && agent_is_active(a)) {
            allocator_agent_activate(m->allocator, a->ref);
        }
    }
    act_answer(m, p->request, 200, "%s", "");
}

/* --- weights --- */

static void operator_weights(struct master *m, struct request_ref r, const struct operator_request *q)
{
    struct error err;
    struct registry_record *recs = arena_array(&m->arena, q->weight_count + 1, sizeof *recs);

    ASSERT(recs != NULL);
    for (size_t i = 0; i < q->weight_count; i++) {
        const struct weight_value *w = &q->weights[i];
        const char *what = NULL;
        char text[300];
        if (stored_role_check(w->role, &err) != 0)
            what = err.msg;
        else if (!role_whitelisted(m, w->role))
            what = "Role is not present in the master's --roles";
        else if (!(w->weight > 0) || w->weight > DBL_MAX) {
            (void)snprintf(text, sizeof text, "Invalid weight '%g': Weights must be %s", w->weight, w->weight > 0 ? "finite" : "positive");
            what = text;
        }
        if (what != NULL) {
            act_answer(m, r, 400, "Failed to validate update weights request JSON for role '%.*s': %s", STR_ARG(w->role),
                       what);
            return;
        }
        recs[i] = (struct registry_record){ .kind = RECORD_WEIGHT, .id = act_keep(m, w->role), .weight = w->weight };
    }
    struct pending *p = pending_add(m, PENDING_WEIGHTS);
    p->request = r;
    p->weights = xcalloc(q->weight_count, sizeof *p->weights);
    p->weight_count = q->weight_count;
    for (size_t i = 0; i < q->weight_count; i++)
        p->weights[i] = (struct weight_value){ { text_copy(q->weights[i].role), q->weights[i].role.n }, q->weights[i].weight };
    pending_store(m, p, recs, q->weight_count);
}

static bool role_is_active(const struct master *m, const struct name *role)
{
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (framework_is_connected(f) && framework_info_has_role(f->info, name_str(role)))
            return true;
    return false;
}

static void weights_stored(struct master *m, struct pending *p)
{
    bool active = false;

    for (size_t i = 0; i < p->weight_count; i++) {
        struct name *role = name_of(p->weights[i].role);
        struct weight *w = NULL;
        HASH_FIND_PTR(m->weights, &role, w);
        if (w == NULL) {
            w = xcalloc(1, sizeof *w);
            w->role = name_ref(role);
            HASH_ADD_PTR(m->weights, role, w);
        }
        w->weight = p->weights[i].weight;
        allocator_weight_set(m->allocator, role, w->weight);
        active = active || role_is_active(m, role);
        name_unref(role);
    }
    if (active)
        offers_rescind_all(m);
    act_answer(m, p->request, 200, "%s", "");
}

/* --- quota --- */

static struct str quantities_text(struct master *m, const struct quantities *q, const char *colon, const char *sep)
{
    struct sbuf b = SBUF_INIT(4096);

    for (size_t i = 0; i < q->n; i++) {
        if (i > 0)
            sbuf_c(&b, sep);
        sbuf_str(&b, name_str(q->v[i].name));
        sbuf_c(&b, colon);
        milli_print(&b, q->v[i].milli);
    }
    struct str s = act_keep(m, sbuf_view(&b));
    sbuf_done(&b);
    return s;
}

static bool limits_admit(const struct quantities *limits, const struct quantities *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (quantities_has(limits, q->v[i].name) && q->v[i].milli > quantities_get(limits, q->v[i].name))
            return false;
    return true;
}

static struct quantities role_consumed(const struct master *m, struct str role)
{
    struct name *name = name_of(role);
    struct alloc_role_view v;
    struct quantities q = QUANTITIES_INIT;

    if (allocator_role_view(m->allocator, name, &v))
        q = quantities_copy(&v.consumed);
    allocator_role_view_done(&v);
    name_unref(name);
    return q;
}

/* The guarantees of all roles as they would be with these values. */
static struct quantities guarantees_with(const struct master *m, const struct quota_value *v, size_t n)
{
    struct quantities sum = QUANTITIES_INIT;

    for (const struct quota *q = m->quotas; q != NULL; q = q->hh.next) {
        bool replaced = false;
        for (size_t i = 0; i < n; i++)
            replaced = replaced || str_eq(v[i].role, name_str(q->role));
        if (!replaced)
            quantities_add_all(&sum, &q->guarantees);
    }
    for (size_t i = 0; i < n; i++) {
        bool later = false;
        for (size_t j = i + 1; j < n; j++)
            later = later || str_eq(v[i].role, v[j].role);
        if (!later)
            quantities_add_all(&sum, &v[i].guarantees);
    }
    return sum;
}

static struct str overcommit(struct master *m, const struct quota_value *v, size_t n, const char *text)
{
    struct quantities sum = guarantees_with(m, v, n);
    struct quantities total = allocator_total_nonrevocable(m->allocator);
    struct str why = { NULL, 0 };

    if (!quantities_contains(&total, &sum)) {
        struct str wanted = quantities_text(m, &sum, ":", "; ");
        why = act_keep_fmt(m, "%s '%.*s' exceed cluster capacity '%.*s'", text, STR_ARG(wanted),
                       STR_ARG(quantities_text(m, &total, ":", "; ")));
    }
    quantities_done(&sum);
    quantities_done(&total);
    return why;
}

static struct str quota_role_refused(struct master *m, struct str role)
{
    struct error err;

    if (stored_role_check(role, &err) != 0)
        return act_keep_fmt(m, "Invalid QuotaConfig: Invalid role '%.*s': %s", STR_ARG(str_sub(role, 0, 200)), err.msg);
    if (role_is_hierarchical(role))
        return act_keep_fmt(m, "Updating quota on nested role '%.*s' is not supported yet", STR_ARG(role));
    if (!role_whitelisted(m, role))
        return act_keep_fmt(m, "Invalid QuotaConfig: Unknown role '%.*s'", STR_ARG(role));
    return (struct str){ NULL, 0 };
}

static struct str quota_refused(struct master *m, const struct quota_value *v, bool force)
{
    struct str why = quota_role_refused(m, v->role);

    if (why.p != NULL)
        return why;
    if (!limits_admit(&v->limits, &v->guarantees)) {
        struct str g = quantities_text(m, &v->guarantees, ": ", ", ");
        return act_keep_fmt(m, "Invalid QuotaConfig: 'QuotaConfig.guarantees' { %.*s } is not contained within the "
                           "'QuotaConfig.limits' { %.*s }",
                        STR_ARG(g), STR_ARG(quantities_text(m, &v->limits, ": ", ", ")));
    }
    struct quantities consumed = role_consumed(m, v->role);
    if (!force && !limits_admit(&v->limits, &consumed)) {
        struct str c = quantities_text(m, &consumed, ":", "; ");
        why = act_keep_fmt(m, "Invalid QuotaConfig: Role '%.*s' is already consuming '%.*s'; this is more than the requested "
                          "limits '%.*s' (use 'force' flag to bypass this check)",
                       STR_ARG(v->role), STR_ARG(c), STR_ARG(quantities_text(m, &v->limits, ":", "; ")));
    }
    quantities_done(&consumed);
    return why;
}

/* forget: the roles are not even listed any more, as after REMOVE_QUOTA; an empty config of UPDATE_QUOTA leaves them listed. */
static void quota_store(struct master *m, struct request_ref r, const struct quota_value *v, size_t n, bool forget)
{
    struct pending *p = pending_add(m, PENDING_QUOTA);
    struct registry_record *recs = arena_array(&m->arena, n + 1, sizeof *recs);

    ASSERT(recs != NULL);
    p->request = r;
    p->quotas = xcalloc(n, sizeof *p->quotas);
    p->quota_count = n;
    p->flag = forget;
    for (size_t i = 0; i < n; i++) {
        p->quotas[i] = (struct quota_value){ { text_copy(v[i].role), v[i].role.n }, quantities_copy(&v[i].guarantees),
                                             quantities_copy(&v[i].limits) };
        recs[i] = (struct registry_record){ .kind = RECORD_QUOTA, .deleted = forget, .id = p->quotas[i].role,
                                             .quota = &p->quotas[i] };
    }
    pending_store(m, p, recs, n);
}

static void operator_update_quota(struct master *m, struct request_ref r, const struct operator_request *q)
{
    for (size_t i = 0; i < q->quota_count; i++) {
        struct str why = quota_refused(m, &q->quotas[i], q->force);
        if (why.p != NULL) {
            act_answer(m, r, 400, "%.*s", STR_ARG(why));
            return;
        }
    }
    struct str why = q->force ? (struct str){ NULL, 0 }
                              : overcommit(m, q->quotas, q->quota_count, "Invalid QuotaConfig: total quota guarantees");
    if (why.p != NULL) {
        act_answer(m, r, 400, "%.*s (use 'force' flag to bypass this check)", STR_ARG(why));
        return;
    }
    quota_store(m, r, q->quotas, q->quota_count, false);
}

static struct quota *quota_find(const struct master *m, struct str role)
{
    struct name *name = name_find(role);
    struct quota *q = NULL;

    if (name != NULL)
        HASH_FIND_PTR(m->quotas, &name, q);
    return q;
}

static bool quota_is_set(const struct quota *q)
{
    return q != NULL && (q->guarantees.n != 0 || q->limits.n != 0);
}

static void operator_set_quota(struct master *m, struct request_ref r, const struct operator_request *q)
{
    const struct quota_value *v = &q->quotas[0];
    struct str why = quota_role_refused(m, v->role);

    if (why.p == NULL && v->guarantees.n == 0)
        why = STR("QuotaInfo with empty 'guarantee'");
    if (why.p == NULL && quota_is_set(quota_find(m, v->role)))
        why = act_keep_fmt(m, "Cannot set quota for role '%.*s' which already has quota", STR_ARG(v->role));
    if (why.p != NULL) {
        act_answer(m, r, 400, "Failed to validate set quota request: %.*s", STR_ARG(why));
        return;
    }
    if (!q->force)
        why = overcommit(m, v, 1, "Total quota guarantees");
    if (why.p != NULL) {
        act_answer(m, r, 409, "Quota guarantees overcommit the cluster (use 'force' to bypass this check): %.*s",
                   STR_ARG(why));
        return;
    }
    struct quota_value both = { v->role, v->guarantees, v->guarantees };
    quota_store(m, r, &both, 1, false);
}

static void operator_remove_quota(struct master *m, struct request_ref r, const struct operator_request *q)
{
    struct error err;

    if (role_check(q->role, &err) != 0) {
        act_answer(m, r, 400, "Failed to validate remove quota request: Invalid role '%.*s': %s", STR_ARG(q->role), err.msg);
        return;
    }
    if (!quota_is_set(quota_find(m, q->role))) {
        act_answer(m, r, 400, "Failed to remove quota: Role '%.*s' has no quota set", STR_ARG(q->role));
        return;
    }
    struct quota_value none = { .role = q->role };
    quota_store(m, r, &none, 1, true);
}

/* Offers of the role's tree over its limits, then offers of other roles until the guarantees could be met (free resources
 * are not looked at: pessimistic, as the original is). */
static void quota_rescind(struct master *m, const struct quota *q)
{
    struct quantities freed = QUANTITIES_INIT;
    struct quantities consumed = role_consumed(m, name_str(q->role));
    struct quantities offered = QUANTITIES_INIT;
    struct offer *o, *next;

    for (o = m->offers; o != NULL; o = o->hh.next)
        if (o->role == q->role || role_is_strict_sub(name_str(o->role), name_str(q->role)))
            quantities_add_resources(&offered, &o->resources);
    HASH_ITER(hh, m->offers, o, next) {
        bool own = o->role == q->role || role_is_strict_sub(name_str(o->role), name_str(q->role));
        struct quantities all = quantities_copy(&consumed);
        quantities_add_all(&all, &offered);
        bool over = !limits_admit(&q->limits, &all);
        quantities_add_all(&all, &freed);
        bool short_of = !quantities_contains(&all, &q->guarantees);
        quantities_done(&all);
        if (own && over)
            quantities_sub_resources(&offered, &o->resources);
        else if (!own && short_of)
            quantities_add_resources(&freed, &o->resources);
        else
            continue;
        offer_rescind(m, o, RESCIND_TELL, 0);
    }
    quantities_done(&freed);
    quantities_done(&consumed);
    quantities_done(&offered);
}

static void quota_stored(struct master *m, struct pending *p)
{
    for (size_t i = 0; i < p->quota_count; i++) {
        const struct quota_value *v = &p->quotas[i];
        struct quota *q = quota_find(m, v->role);
        if (q == NULL) {
            q = xcalloc(1, sizeof *q);
            q->role = name_of(v->role);
            HASH_ADD_PTR(m->quotas, role, q);
        }
        quantities_done(&q->guarantees);
        quantities_done(&q->limits);
        q->guarantees = quantities_copy(&v->guarantees);
        q->limits = quantities_copy(&v->limits);
        allocator_quota_set(m->allocator, q->role, &q->guarantees, &q->limits);
        quota_rescind(m, q);
        if (p->flag) {
            HASH_DEL(m->quotas, q);
            quantities_done(&q->guarantees);
            quantities_done(&q->limits);
            name_unref(q->role);
            free(q);
        }
    }
    act_answer(m, p->request, 200, "%s", "");
}

/* --- dispatch --- */

void operator_stored(struct master *m, struct pending *p)
{
    if (p->kind == PENDING_DRAIN)
        drain_stored(m, p);
    else if (p->kind == PENDING_ACTIVATION)
        activation_stored(m, p);
    else if (p->kind == PENDING_WEIGHTS)
        weights_stored(m, p);
    else
        quota_stored(m, p);
}

void on_operator(struct master *m, const struct master_event *ev)
{
    const struct operator_request *q = ev->op;
    struct framework *f;

    if (!operator_allowed(m, q)) {
        act_answer(m, ev->request, 403, "403 Forbidden.");
        return;
    }
    switch (q->type) {
    case OPERATOR_TEARDOWN:
        f = framework_find(m, q->framework.s);
        if (f == NULL) {
            act_answer(m, ev->request, 400, "No framework found with specified ID");
            break;
        }
        framework_remove(m, f);
        act_answer(m, ev->request, 200, "%s", "");
        break;
    case OPERATOR_MARK_GONE:
        mark_gone(m, q->agent.s, ev->request, false);
        break;
    case OPERATOR_DRAIN:
        operator_drain(m, ev->request, q);
        break;
    case OPERATOR_DEACTIVATE:
        operator_activation(m, ev->request, q, false);
        break;
    case OPERATOR_REACTIVATE:
        operator_activation(m, ev->request, q, true);
        break;
    case OPERATOR_OPERATION:
        operator_operation(m, ev->request, q);
        break;
    case OPERATOR_UPDATE_WEIGHTS:
        operator_weights(m, ev->request, q);
        break;
    case OPERATOR_UPDATE_QUOTA:
        operator_update_quota(m, ev->request, q);
        break;
    case OPERATOR_SET_QUOTA:
        operator_set_quota(m, ev->request, q);
        break;
    case OPERATOR_REMOVE_QUOTA:
        operator_remove_quota(m, ev->request, q);
        break;
    case OPERATOR_UPDATE_SCHEDULE:
        operator_schedule(m, ev->request, q);
        break;
    case OPERATOR_START_MAINTENANCE:
        operator_machines(m, ev->request, q, true);
        break;
    case OPERATOR_STOP_MAINTENANCE:
        operator_machines(m, ev->request, q, false);
        break;
    }
}
