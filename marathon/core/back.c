/* SPDX-License-Identifier: Apache-2.0 */
/* The ways back: a deployment that is cancelled, a rollout that turns round by itself or is told to. Each is an update
 * of the root like any other, to what was before. */
#include <stdio.h>

#include "marathon/core/internal.h"

/* The way back: for every slot of the plan what it was before. */
static int deployment_back(struct marathon *m, struct deployment *d, const char *reason,
                           struct update_result *ret, struct error *err)
{
    size_t n = 0, cap = 0;
    struct update_app *apps = NULL;
    struct root_update u = {
        .force = true, .changed_group = STR("/"), .is_back = true, .cancel_reason = reason
    };
    int rc;

    for (size_t i = 0; i < d->plan.n; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            const struct plan_action *a = &d->plan.steps[i].actions[k];
            bool seen = false;
            for (size_t j = 0; j < n && !seen; j++)
                seen = str_eq(apps[j].id, a->slot->id);
            if (seen)
                continue;
            ARRAY_ROOM(apps, n, cap);
            apps[n++] =
                (struct update_app){ .id = a->slot->id, .app = a->from != NULL ? &a->from->app : NULL };
        }
    u.apps = apps;
    u.app_count = n;
    rc = root_update_apply(m, &u, ret, err);
    free(apps);
    return rc;
}

int deployment_cancel(struct marathon *m, struct str id, bool force, struct update_result *ret,
                      struct error *err)
{
    struct deployment *d = deployment_find(m, id);

    if (d == NULL)
        return error_set(err, ERR_NOT_FOUND, "DeploymentPlan %.*s does not exist",
                         STR_ARG(str_sub(id, 0, 100)));
    if (!force)
        return deployment_back(m, d, NULL, ret, err);
    deployment_fail(m, d, "The upgrade has been cancelled");
    ret->done = true;
    return 0;
}

/* A way back that is refused leaves the rollout paused: nothing gets worse until somebody looks. */
static void undo_one(struct marathon *m, struct slot *s)
{
    struct update_result ret = { 0 };
    struct error err;
    char why[160];

    memcpy(why, s->rollout.undo_reason, sizeof why);
    s->rollout.undo_due = false;
    if (s->deployment == NULL)
        return;
    s->rolled_back_at = (struct opt_time){ true, m->wall };
    memcpy(s->rolled_back_why, why, sizeof why);
    if (deployment_back(m, s->deployment, step_keep(m, str_of(why)).p, &ret, &err) == 0)
        return;
    s->rollout.paused = true;
    (void)snprintf(s->rolled_back_why, sizeof s->rolled_back_why, "not rolled back, paused instead: %.120s", err.msg);
    rollout_keep(m, s);
    rollout_look(m, s);
}

void rollouts_undo(struct marathon *m)
{
    struct slot *s, *tmp, *due = NULL;

    HASH_ITER(hh, m->slots, s, tmp)
    if (due == NULL && s->rollout.undo_due)
        due = s;
    m->undo_due = due != NULL;
    if (due != NULL)
        undo_one(m, due);
}

static int undo_by_hand(struct marathon *m, struct slot *s, struct update_result *ret, struct error *err)
{
    struct spec *before = rollout_previous(s);
    struct app app;
    struct update_app ua = { .id = s->id, .app = &app };
    struct root_update u = {
        .apps = &ua, .app_count = 1, .is_back = true, .changed_group = path_parent(s->id)
    };

    if (rollout_state(s) != ROLLOUT_NONE)
        return deployment_back(m, s->deployment, "Rolled back by hand", ret, err);
    if (before == NULL)
        return error_set(err, ERR_CONFLICT, "app %.*s has no version before this one to go back to",
                         STR_ARG(str_sub(s->id, 0, 150)));
    app = before->app;
    app.instances = s->spec->app.instances;
    return root_update_apply(m, &u, ret, err);
}

int rollout_command(struct marathon *m, struct str app_id, enum rollout_verb v, struct update_result *ret,
                    struct error *err)
{
    struct slot *s = slot_find(m, app_id);

    if (s == NULL || s->spec == NULL)
        return error_set(err, ERR_NOT_FOUND, "App '%.*s' does not exist", STR_ARG(str_sub(app_id, 0, 150)));
    if (v == ROLLOUT_UNDO)
        return undo_by_hand(m, s, ret, err);
    if (rollout_state(s) == ROLLOUT_NONE)
        return error_set(err, ERR_CONFLICT, "app %.*s: no rolling restart is under way",
                         STR_ARG(str_sub(app_id, 0, 150)));
    s->rollout.paused = v == ROLLOUT_PAUSE;
    s->rollout.promoted = s->rollout.promoted || v == ROLLOUT_PROMOTE;
    rollout_keep(m, s);
    rollout_look(m, s);
    slot_mark(m, s);
    return 0;
}
