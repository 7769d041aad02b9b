/* SPDX-License-Identifier: Apache-2.0 */
/* From records to tables. Records may refer to what is not there (a crash between two versions of this
 * program, a hand edited store): such a record is an error value that the shell logs; the others are used. */
#include "marathon/core/internal.h"

void marathon_restore_framework_id(struct marathon *m, struct str id)
{
    free(m->framework_id);
    m->framework_id = xstrndup(id);
}

void marathon_restore_spec(struct marathon *m, const struct app *app)
{
    struct wall v = app->version.v;
    struct slot *s = slot_get(m, app->id);
    struct spec *spec;

    if (slot_version(s, v) != NULL)
        return;
    spec = spec_new(app, v, app->version_info != NULL ? app->version_info->scaling_at.v : v,
                    app->version_info != NULL ? app->version_info->config_at.v : v);
    spec->stored = true;
    /* Not slot_add_version: records over the limit are still referred to by deployments and changes. */
    ARRAY_ROOM(s->versions, s->version_count, s->version_cap);
    size_t at = s->version_count++;
    for (; at > 0 && s->versions[at - 1]->version.ms > v.ms; at--)
        s->versions[at] = s->versions[at - 1];
    s->versions[at] = spec;
    if (v.ms > m->version.ms)
        m->version = v;
}

int marathon_restore_current(struct marathon *m, struct str app_id, struct wall version, struct error *err)
{
    struct slot *s = slot_find(m, app_id);
    struct spec *spec = s != NULL ? slot_version(s, version) : NULL;

    if (spec == NULL)
        return error_set(err, ERR_NOT_FOUND, "app %.*s: the definition of its present version is missing",
                         STR_ARG(str_sub(app_id, 0, 150)));
    slot_set_spec(m, s, spec);
    service_ports_count(m, &spec->app, 1);
    return 0;
}

void marathon_restore_group(struct marathon *m, struct str path, const struct list *dependencies,
                            struct opt_bool enforce_role, struct wall version)
{
    struct group *g = group_get(m, path);

    g->enforce_role = enforce_role;
    g->version = version;
    if (dependencies != NULL && dependencies->n != 0 && g->dependencies == NULL) {
        g->dependency_count = dependencies->n;
        g->dependencies = xcalloc(dependencies->n, sizeof *g->dependencies);
        for (size_t i = 0; i < dependencies->n; i++)
            g->dependencies[i] = text_own(*LIST_AT(*dependencies, struct str, i));
    }
    if (version.ms > m->version.ms)
        m->version = version;
}

static void restore_placement(struct marathon *m, struct instance *i, const struct stored_instance *si)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 128);

    i->agent = seen_agent_get(m, si->agent_id, si->hostname, si->region, si->zone, si->attributes,
                              si->attribute_count);
    if (i->incarnation == 0) { /* reserved, and not launched yet */
        i->incarnation++;
        instance_task_id(i, &b);
        i->incarnation--;
    } else {
        instance_task_id(i, &b);
    }
    i->task_id = text_own(sbuf_view(&b));
    sbuf_done(&b);
    pin_restore(i);
    containers_init(m, i, i->has_mesos_state ? i->mesos_state : TASK_STAGING);
    i->port_count = si->port_count;
    i->ports = xmemdup(si->ports, si->port_count * sizeof *i->ports);
    i->container_ports = xmemdup(si->container_ports, si->port_count * sizeof *i->container_ports);
    i->ip_count = si->ip_count > 4 ? 4 : si->ip_count;
    if (i->ip_count != 0)
        memcpy(i->ips, si->ips, i->ip_count * sizeof *i->ips);
}

static bool volumes_are_whole(const struct stored_instance *si, const struct spec *spec)
{
    if (si->reservation == RESERVATION_NONE || si->volume_count != app_volume_count(&spec->app))
        return false;
    for (size_t k = 0; k < si->volume_count; k++)
        if (si->volumes[k].n != UUID_TEXT_SIZE - 1)
            return false;
    return true;
}

static void restore_volumes(struct instance *i, const struct stored_instance *si)
{
    i->reservation = si->reservation;
    i->volume_count = si->volume_count;
    i->volumes = xcalloc(si->volume_count + 1, sizeof *i->volumes);
    for (size_t k = 0; k < si->volume_count; k++)
        memcpy(i->volumes[k].uuid, si->volumes[k].p, UUID_TEXT_SIZE - 1);
}

int marathon_restore_instance(struct marathon *m, const struct stored_instance *si, struct mono now,
                              struct error *err)
{
    struct slot *s = slot_find(m, si->app_id);
    struct spec *spec = s != NULL ? slot_version(s, si->spec_version) : NULL;
    struct instance *i;

    if (spec == NULL)
        return error_set(err, ERR_NOT_FOUND, "instance %.*s: the definition it runs is missing",
                         STR_ARG(str_sub(si->id, 0, 150)));
    if (instance_find(m, si->id) != NULL ||
        (instance_state_is_terminal(si->state) &&
         (si->goal != GOAL_STOPPED || !volumes_are_whole(si, spec))))
        return error_set(err, ERR_CONFLICT, "instance %.*s: a second record, or an ended state",
                         STR_ARG(str_sub(si->id, 0, 150)));
    m->now = now;
    i = instance_new(m, s, spec, si->id);
    i->stored = true;
    i->goal = si->goal;
    i->incarnation = si->incarnation;
    i->since = si->since;
    i->staged_at = si->staged_at;
    i->started_at = si->started_at;
    if (si->mesos_state >= 0) {
        i->mesos_state = (enum task_state)si->mesos_state;
        i->has_mesos_state = true;
    }
    /* A definition over the version limit counts as ready: the check belongs to a deployment. */
    i->ready = true;
    i->state = INSTANCE_PROVISIONED; /* so that a scheduled one is listed by the setter below */
    i->counted = true;
    if (volumes_are_whole(si, spec)) /* else as if it had none: what is reserved is given back when offered */
        restore_volumes(i, si);
    if (i->reservation != RESERVATION_NONE && si->state == INSTANCE_SCHEDULED)
        restore_placement(m, i, si);
    if (si->state == INSTANCE_SCHEDULED) {
        i->state = INSTANCE_SCHEDULED;
        DL_APPEND2(s->scheduled, i, sched_prev, sched_next);
        s->scheduled_count++;
    } else {
        i->state = si->state;
        restore_placement(m, i, si);
    }
    i->counted = false;
    instance_change_end(m, i);
    return 0;
}

int marathon_restore_deployment(struct marathon *m, const struct stored_deployment *sd, struct error *err)
{
    struct deployment *d;
    size_t at = 0;

    if (sd->id.n != UUID_TEXT_SIZE - 1)
        return error_set(err, ERR_INVALID, "deployment with the id '%.*s'", STR_ARG(str_sub(sd->id, 0, 60)));
    for (size_t i = 0; i < sd->step_count; i++)
        for (size_t k = 0; k < sd->step_sizes[i]; k++, at++) {
            const struct stored_action *a = &sd->actions[at];
            struct slot *s = slot_find(m, a->app_id);
            if (s == NULL || (s->deployment != NULL && !str_eq(str_of(s->deployment->id), sd->id)) ||
                (a->to.has && slot_version(s, a->to.v) == NULL) ||
                (a->type != ACTION_STOP && a->type != ACTION_NONE && s->spec == NULL))
                return error_set(err, ERR_NOT_FOUND,
                                 "deployment %.*s: app %.*s or a version of it is missing", STR_ARG(sd->id),
                                 STR_ARG(str_sub(a->app_id, 0, 100)));
        }
    d = xcalloc(1, sizeof *d);
    memcpy(d->id, sd->id.p, sd->id.n);
    d->version = sd->version;
    d->is_back = sd->is_back;
    d->timer = (struct timer){ .kind = TIMER_DEPLOYMENT, .owner = d };
    d->plan.n = sd->step_count;
    d->plan.steps = xcalloc(sd->step_count + 1, sizeof *d->plan.steps);
    at = 0;
    for (size_t i = 0; i < sd->step_count; i++) {
        struct plan_step *st = &d->plan.steps[i];
        st->n = sd->step_sizes[i];
        st->actions = xcalloc(st->n + 1, sizeof *st->actions);
        for (size_t k = 0; k < st->n; k++, at++) {
            const struct stored_action *a = &sd->actions[at];
            struct slot *s = slot_find(m, a->app_id);
            st->actions[k] =
                (struct plan_action){ .type = a->type,
                                      .slot = s,
                                      .scale_to = a->scale_to,
                                      .from = a->from.has ? spec_ref(slot_version(s, a->from.v)) : NULL,
                                      .to = a->to.has ? spec_ref(slot_version(s, a->to.v)) : NULL };
            s->deployment = d;
            if (a->paused || a->promoted || a->failures != 0)
                s->rollout = (struct rollout){
                    .paused = a->paused, .promoted = a->promoted, .failures = a->failures, .restored = true
                };
        }
    }
    HASH_ADD_KEYPTR(hh, m->deployments, d->id, strlen(d->id), d);
    DL_APPEND(m->deployment_list, d);
    m->deployment_count++;
    return 0;
}

void marathon_restore_change(struct marathon *m, struct wall version,
                             const struct stored_change_entry *entries, size_t n,
                             const struct str *new_groups, size_t new_group_count)
{
    struct root_change *c = xcalloc(1, sizeof *c);
    size_t at;

    c->version = version;
    c->entries = xcalloc(n + 1, sizeof *c->entries);
    for (size_t i = 0; i < n; i++) {
        struct slot *s = slot_find(m, entries[i].id);
        struct spec *before =
            entries[i].before.has && s != NULL ? slot_version(s, entries[i].before.v) : NULL;
        c->entries[c->n++] = (struct root_entry){ text_own(entries[i].id), spec_ref(before) };
    }
    c->new_group_count = new_group_count;
    c->new_groups = xcalloc(new_group_count + 1, sizeof *c->new_groups);
    for (size_t i = 0; i < new_group_count; i++)
        c->new_groups[i] = text_own(new_groups[i]);
    ARRAY_ROOM(m->changes, m->change_count, m->change_cap);
    at = m->change_count++;
    for (; at > 0 && m->changes[at - 1]->version.ms > version.ms; at--)
        m->changes[at] = m->changes[at - 1];
    m->changes[at] = c;
    if (version.ms > m->version.ms)
        m->version = version;
}

void marathon_restore_failure(struct marathon *m, const struct stored_failure *f)
{
    static const char *const states[] = { "TASK_FAILED",  "TASK_ERROR", "TASK_LOST",
                                          "TASK_DROPPED", "TASK_GONE",  "TASK_GONE_BY_OPERATOR",
                                          "TASK_UNKNOWN", "TASK_KILLED" };
    struct slot *s = slot_find(m, f->app_id);

    if (s == NULL)
        return;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (str_is(f->state, states[i]))
            failure_set(&s->failure, f->host, f->message, f->task_id, f->agent_id, states[i], f->at,
                        f->version);
}

struct spec *marathon_app_at(const struct marathon *m, struct str id, struct wall version)
{
    struct slot *s = slot_find(m, id);
    struct spec *spec = s != NULL ? s->spec : NULL;

    for (size_t i = m->change_count; i-- > 0 && m->changes[i]->version.ms > version.ms;)
        for (size_t k = 0; k < m->changes[i]->n; k++)
            if (str_eq(m->changes[i]->entries[k].id, id))
                spec = m->changes[i]->entries[k].before;
    return spec;
}

