/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the core: what they give out goes to those who carry it out. */
#include "marathon/shell.h"

static void on_probed(struct shell *sh, const struct probe_event *result)
{
    struct marathon_event ev = { .type = EVENT_PROBE, .probe = *result };

    (void)marathon_shell_step(sh, &ev, NULL);
}

int marathon_shell_step(struct shell *sh, struct marathon_event *ev, struct error *err)
{
    int rc;

    http_shared_drop(sh);
    ev->now = loop_now(sh->loop);
    ev->wall = loop_wall(sh->loop);
    rc = marathon_step(sh->m, ev, &sh->rng, &sh->actions, err);
    persist_ops(sh);
    for (size_t i = 0; i < sh->actions.n; i++) {
        const struct marathon_action *a = &sh->actions.v[i];
        if (a->type == DO_EVENT)
            streams_publish(sh, &a->event);
        else if (a->type == DO_PROBE)
            probe_start(sh, &a->probe, on_probed);
        else
            sched_action(sh, a);
    }
    loop_timer_at(&sh->wake, sh->actions.wake_at);
    return rc;
}
