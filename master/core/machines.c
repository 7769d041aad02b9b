/* SPDX-License-Identifier: Apache-2.0 */
/* The table of machines that are in the schedule or down. An agent belongs to the machine with its hostname (any case) and the ip
 * of its pid; an entry that lacks one of them never matches an agent. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "master/core/internal.h"

struct str machine_key(struct str hostname, struct str ip, char buf[MACHINE_KEY_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < hostname.n && n < MACHINE_KEY_MAX - 64; i++)
        buf[n++] = (char)tolower((unsigned char)hostname.p[i]);
    buf[n++] = '/';
    for (size_t i = 0; i < ip.n && n < MACHINE_KEY_MAX; i++)
        buf[n++] = ip.p[i];
    return str_mem(buf, n);
}

struct machine *machine_find(const struct master *m, struct str hostname, struct str ip)
{
    char buf[MACHINE_KEY_MAX + 1];
    struct str key = machine_key(hostname, ip, buf);
    struct machine *mc = NULL;

    HASH_FIND(hh, m->machines, key.p, key.n, mc);
    return mc;
}

struct machine *machine_of_agent(const struct master *m, const struct agent *a)
{
    return machine_find(m, str_of(a->info->hostname), pid_ip(str_of(a->pid)));
}

struct machine *machine_get(struct master *m, const struct machine_id *id)
{
    struct machine *mc = machine_find(m, id->hostname, id->ip);
    char buf[MACHINE_KEY_MAX + 1];

    if (mc != NULL)
        return mc;
    mc = xcalloc(1, sizeof *mc);
    mc->hostname = text_copy(id->hostname);
    mc->ip = text_copy(id->ip);
    mc->key = text_copy(machine_key(id->hostname, id->ip, buf));
    mc->mode = MACHINE_UP;
    HASH_ADD_KEYPTR(hh, m->machines, mc->key, strlen(mc->key), mc);
    return mc;
}

void machine_forget_answers(struct machine *mc)
{
    while (mc->statuses != NULL) {
        struct inverse_status *s = mc->statuses;
        mc->statuses = s->next;
        free(s->framework_id);
        free(s);
    }
}

void machine_drop(struct master *m, struct machine *mc)
{
    HASH_DELETE(hh, m->machines, mc);
    machine_forget_answers(mc);
    free(mc->hostname);
    free(mc->ip);
    free(mc->key);
    free(mc);
}

void machine_note_answer(struct master *m, const struct agent *a, const struct framework *f, bool accepted)
{
    struct machine *mc = machine_of_agent(m, a);
    struct inverse_status *s;

    if (mc == NULL)
        return;
    for (s = mc->statuses; s != NULL; s = s->next)
        if (str_is(f->id.s, s->framework_id))
            break;
    if (s == NULL) {
        s = xcalloc(1, sizeof *s);
        s->framework_id = text_copy(f->id.s);
        s->next = mc->statuses;
        mc->statuses = s;
    }
    s->accepted = accepted;
    s->time = m->wall;
}

/* Tells the allocator of the agent's unavailability. */
void maintenance_apply_agent(struct master *m, struct agent *a)
{
    const struct machine *mc = machine_of_agent(m, a);

    if (mc == NULL || mc->mode != MACHINE_DRAINING)
        return;
    struct alloc_unavailability u = { .start = { mc->start_ns / NS_PER_MS }, .duration_ns = mc->duration_ns };
    allocator_unavailability_set(m->allocator, a->ref, &u);
}
