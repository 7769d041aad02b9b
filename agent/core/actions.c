/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest file of the core: the list of actions, the agent's own state, and what is done when the last of something is gone. */
#include "agent/core/internal.h"

#include "common/base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const agent_state_names[] = {
#define X(s) #s,
    AGENT_STATES(X)
#undef X
};

static const char *const executor_state_names[] = {
#define X(s) #s,
    EXECUTOR_STATES(X)
#undef X
};

const char *agent_state_name(enum agent_state s)
{
    return agent_state_names[s];
}

const char *executor_state_name(enum executor_state s)
{
    return executor_state_names[s];
}

/* --- the list --- */

struct agent_action *agent_do(struct agent *a, enum agent_action_type type)
{
    ARRAY_ROOM(a->actions, a->action_count, a->action_cap);
    struct agent_action *act = &a->actions[a->action_count++];
    *act = (struct agent_action){ .type = type, .grace_ns = -1 };
    return act;
}

struct str agent_text(struct agent *a, const char *fmt, ...)
{
    char buf[2048];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof buf ? (size_t)n : sizeof buf - 1;
    return arena_str(&a->scratch, str_mem(buf, len));
}

struct str agent_within(struct agent *a, const char *what, int64_t ns)
{
    CLEANUP(sbuf_done_p) struct sbuf time = SBUF_INIT(64);

    duration_print(&time, ns);
    return agent_text(a, "Executor did not %s within %.*s", what, STR_ARG(sbuf_view(&time)));
}

void agent_note(struct agent *a, bool warn, const char *fmt, ...)
{
    char buf[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    struct str text = arena_str(&a->scratch, str_mem(buf, n < 0 ? 0 : strlen(buf)));
    struct agent_action *act = agent_do(a, AGENT_DO_NOTE);
    act->text = text;
    act->warn = warn;
}

/* --- the agent's state --- */

void agent_set_state(struct agent *a, enum agent_state to)
{
    static const bool allowed[4][4] = {
        [AGENT_RECOVERING] = { [AGENT_DISCONNECTED] = true, [AGENT_TERMINATING] = true },
        [AGENT_DISCONNECTED] = { [AGENT_RUNNING] = true, [AGENT_TERMINATING] = true, [AGENT_DISCONNECTED] = true },
        [AGENT_RUNNING] = { [AGENT_DISCONNECTED] = true, [AGENT_TERMINATING] = true },
        [AGENT_TERMINATING] = { [AGENT_TERMINATING] = true },
    };

    ASSERT(allowed[a->state][to]);
    if (a->state != to)
        agent_note(a, false, "agent is %s, was %s", agent_state_name(to), agent_state_name(a->state));
    a->state = to;
    if (to != AGENT_RUNNING) {
        a->ping_by = MONO_NEVER;
        agent_updates_pause(a);
    }
}

int64_t agent_random_below(struct agent *a, int64_t ns)
{
    return ns > 0 ? (int64_t)rng_below(&a->rng, (uint64_t)ns) : 0;
}

/* First try after rand(0, factor), then each rand(0, factor * 2^n), at most a minute. The delay is for the many agents that a new
 * master has all at once; one that was started by itself need not wait. */
void agent_start_registration(struct agent *a)
{
    if (a->master == NULL || a->state == AGENT_TERMINATING || a->state == AGENT_RECOVERING)
        return;
    if (a->state == AGENT_RUNNING)
        agent_set_state(a, AGENT_DISCONNECTED);
    a->register_backoff_ns = a->config.registration_backoff_ns;
    a->register_at = a->tried_registration ? mono_add(a->now, agent_random_below(a, a->register_backoff_ns)) : a->now;
    a->tried_registration = true;
    agent_do(a, AGENT_DO_LINK_MASTER)->to = str_of(a->master);
}

void agent_report_again(struct agent *a)
{
    a->resource_version = uuid_make(&a->rng);
    if (a->state != AGENT_RUNNING)
        return; /* it will be told */
    agent_set_state(a, AGENT_DISCONNECTED);
    a->register_backoff_ns = a->config.registration_backoff_ns;
    a->register_at = mono_add(a->now, agent_random_below(a, a->register_backoff_ns));
}

void agent_exit(struct agent *a, int status, struct str text)
{
    struct agent_action *act = agent_do(a, AGENT_DO_EXIT);
    act->status = status;
    act->text = text;
}

void agent_exit_if_done(struct agent *a)
{
    if (a->state != AGENT_TERMINATING || a->frameworks != NULL)
        return;
    agent_do(a, AGENT_DO_FORGET_AGENT);
    agent_exit(a, 0, STR("all executors ended"));
}

void agent_drain_check(struct agent *a)
{
    if (!a->draining || a->frameworks != NULL || a->operations != NULL || a->state == AGENT_RECOVERING)
        return;
    a->draining = false;
    a->drain_mark_gone = false;
    a->drain_grace_ns = -1;
    blob_unref(a->drain_config);
    a->drain_config = NULL;
    agent_do(a, AGENT_DO_CLEAR_DRAIN);
    agent_note(a, false, "the agent is drained");
    if (a->state == AGENT_RUNNING) /* a master may count on operations whose acknowledgement came from the one before it */
        agent_do(a, AGENT_DO_UPDATE_AGENT)->to = str_of(a->master);
}
