/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a life of the default executor: three bytes an event. Whatever the agent and the clock do, a task gets one
 * terminal update, nothing is done for a task after it, and the executor leaves at most once. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/assert.h"
#include "executor/core/pod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool over[POD_TASKS_MAX];
static bool left;

static void check(const struct pod *p)
{
    for (size_t i = 0; i < p->action_count; i++) {
        const struct pod_action *a = &p->actions[i];
        switch (a->type) {
        case POD_DO_UPDATE:
            ASSERT(!over[a->index]);
            over[a->index] = a->state == STATE_FINISHED || a->state == STATE_FAILED || a->state == STATE_KILLED;
            break;
        case POD_DO_DROP:
            ASSERT(!over[a->index]);
            over[a->index] = true;
            break;
        case POD_DO_LAUNCH:
        case POD_DO_WAIT:
        case POD_DO_START_CHECKS:
            ASSERT(!over[a->index]);
            break;
        case POD_DO_SIGNAL:
            ASSERT(!over[a->index]);
            ASSERT(a->signo == SIGTERM || a->signo == SIGKILL);
            break;
        case POD_DO_EXIT:
            ASSERT(!left);
            left = true;
            break;
        case POD_DO_STOP_CHECKS:
        case POD_DO_PAUSE_CHECKS:
        case POD_DO_RESUME_CHECKS:
            break;
        }
    }
}

static bool make_event(struct pod *p, const uint8_t *d, struct pod_event *ev, struct pod_new_task tasks[3])
{
    static const char *const ids[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    *ev = (struct pod_event){ .type = (enum pod_event_type)(d[0] % (POD_EV_TICK + 1)), .state = -1, .reason = -1 };
    bool needs_task = ev->type == POD_EV_LAUNCHED || ev->type == POD_EV_ENDED || ev->type == POD_EV_KILL_FAILED ||
                      ev->type == POD_EV_HEALTH || ev->type == POD_EV_CHECKED;
    if (needs_task && p->task_count == 0)
        return false;
    ev->index = needs_task ? d[1] % (unsigned)p->task_count : 0;
    ev->message = (d[2] & 1) != 0 ? "no" : NULL;
    ev->gone = (d[2] & 2) != 0;
    ev->status = (d[2] & 4) != 0 ? SIGKILL : (d[2] & 8) << 5;
    ev->task_id = str_of(ids[d[1] % 8]);
    ev->grace_ns = (d[2] & 16) != 0 ? GRACE_NONE : (d[2] >> 5) * NS_PER_S;
    ev->connected = ev->healthy = (d[2] & 1) != 0;
    ev->kill = (d[2] & 3) == 2;
    ev->lost = d[2] > 250;
    ev->killing_state = (d[2] & 64) != 0;
    ev->count = ev->type == POD_EV_LAUNCH ? 1 + d[1] % 3 : 0;
    ev->tasks = tasks;
    for (size_t i = 0; i < 3; i++)
        tasks[i] = (struct pod_new_task){ str_of(ids[(d[1] + i) % 8]), GRACE_NONE, (d[2] & 32) != 0 ? NS_PER_S : GRACE_NONE };
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pod p;
    struct rng rng;
    struct mono now = { 0 };
    rng_seed(&rng, 1);
    pod_init(&p);
    memset(over, 0, sizeof over);
    left = false;
    for (size_t i = 0; i + 3 <= size && i < 1500 && !left; i += 3) {
        struct pod_event ev;
        struct pod_new_task tasks[3];
        now = mono_add(now, (data[i] >> 4) * NS_PER_S / 4);
        if (!make_event(&p, data + i, &ev, tasks))
            continue;
        pod_step(&p, &ev, now, &rng);
        check(&p);
    }
    pod_done(&p);
    return 0;
}
