/* SPDX-License-Identifier: Apache-2.0 */
/* The list of actions of one step, and the memory that they point to. */
#include <stdarg.h>
#include <stdio.h>

#include "master/core/internal.h"

struct master_action *act(struct master *m, enum master_action_type type)
{
    ARRAY_ROOM(m->actions, m->action_count, m->action_cap);
    struct master_action *a = &m->actions[m->action_count++];
    memset(a, 0, sizeof *a);
    a->type = type;
    return a;
}

struct master_action *act_send(struct master *m, enum agent_message kind, struct str pid)
{
    struct master_action *a = act(m, MASTER_ACT_SEND);

    a->send.kind = kind;
    a->send.to = pid;
    return a;
}

struct master_action *act_event(struct master *m, struct framework *f, enum framework_event kind)
{
    struct master_action *a = act(m, MASTER_ACT_EVENT);

    if (f->pid != NULL)
        a->event.to = act_keep(m, str_of(f->pid)); /* it may change within this step */
    else
        a->event.stream = f->stream;
    a->event.framework = f;
    a->event.kind = kind;
    f->n.events++;
    f->n.event[kind]++;
    return a;
}

struct str act_keep(struct master *m, struct str s)
{
    struct str r = arena_str(&m->arena, s);

    ASSERT(r.p != NULL);
    return r;
}

struct str act_keep_fmt(struct master *m, const char *fmt, ...)
{
    char small[512];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof small)
        return act_keep(m, str_mem(small, (size_t)n));
    char *p = arena_alloc_raw(&m->arena, (size_t)n + 1);
    ASSERT(p != NULL);
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* the size is known to fit */
    va_end(ap);
    return str_mem(p, (size_t)n);
}

struct str act_keep_resources(struct master *m, const struct resources *r)
{
    sbuf_clear(&m->scratch);
    resources_print(&m->scratch, r);
    return act_keep(m, sbuf_view(&m->scratch));
}

void act_answer(struct master *m, struct request_ref r, unsigned status, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (r.n == 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct master_action *a = act(m, MASTER_ACT_ANSWER);
    a->answer.request = r;
    a->answer.status = status;
    a->answer.text = n > 0 ? act_keep(m, str_of(text)) : (struct str){ NULL, 0 };
}

void act_note(struct master *m, int level, const char *event, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a cut line is still a line */
    va_end(ap);
    struct master_action *a = act(m, MASTER_ACT_NOTE);
    a->note.level = level;
    a->note.event = event;
    a->note.text = act_keep(m, str_of(text));
}
