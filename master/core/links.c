/* SPDX-License-Identifier: Apache-2.0 */
/* What the master says to an agent about the link between them: pings, "register again", "shut down". */
#include <stdarg.h>
#include <stdio.h>

#include "master/core/internal.h"

void agent_shutdown(struct master *m, struct str pid, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a cut text still tells */
    va_end(ap);
    act_note(m, NOTE_WARN, "agent_shut_down", "pid=%.*s reason=\"%s\"", STR_ARG(pid), text);
    struct str reason = act_keep(m, str_of(text));
    struct str to = act_keep(m, pid);
    act_send(m, MSG_SHUTDOWN, to)->send.bytes = reason;
}

void agent_queue_ping(struct master *m, struct agent *a)
{
    a->ping_at = mono_add(m->now, m->config.ping_interval_ns);
    DL_APPEND2(m->pings, a, ping_prev, ping_next); /* one interval for all: the queue stays in order */
}

void agent_ping(struct master *m, struct agent *a)
{
    struct master_action *s = act_send(m, MSG_PING, str_of(a->pid));

    s->send.observer = a->observer;
    s->send.flag = a->link == AGENT_CONNECTED && !a->ask_at_ping;
    a->ask_at_ping = false;
}

void agent_ask_again(struct master *m, struct agent *a)
{
    if (a->link != AGENT_CONNECTED || a->change != AGENT_CHANGE_NONE)
        return;
    struct master_action *ping = act_send(m, MSG_PING, str_of(a->pid));
    ping->send.observer = a->observer;
    ping->send.flag = false;
}

void agent_ask_for_books(struct master *m, struct agent *a)
{
    if (a->asked && mono_diff(m->now, a->asked_at) < m->config.ping_interval_ns) {
        a->ask_at_ping = true;
        return;
    }
    a->asked = true;
    a->asked_at = m->now;
    agent_ask_again(m, a);
}

void agent_start_pings(struct master *m, struct agent *a)
{
    a->observer = ++m->next_observer;
    a->pings_missed = 0;
    a->pong_due = true;
    agent_ping(m, a);
    agent_queue_ping(m, a);
}

void agent_stop_pings(struct master *m, struct agent *a)
{
    DL_DELETE2(m->pings, a, ping_prev, ping_next);
    if (a->removal_waits) {
        a->removal_waits = false;
        m->removals_waiting--;
    }
}

void agent_set_link(struct master *m, struct agent *a, enum agent_link link)
{
    if (a->link == link)
        return;
    a->link = link;
    if (link == AGENT_CONNECTED) {
        m->metrics.agents_connected++;
        m->metrics.agents_disconnected--;
        a->reregister_by = MONO_NEVER;
    } else {
        m->metrics.agents_connected--;
        m->metrics.agents_disconnected++;
        a->reregister_by = mono_add(m->now, m->config.agent_reregister_ns);
        m->reregister_next = mono_min(m->reregister_next, a->reregister_by);
    }
}
