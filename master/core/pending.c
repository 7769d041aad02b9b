/* SPDX-License-Identifier: Apache-2.0 */
/* Changes on their way to the registry: each waits, in order, for the version that its records become. What is done when it is
 * confirmed is in registry.c. */
#include <stdlib.h>

#include "master/core/internal.h"

struct registry_record record_agent(const struct agent *a)
{
    return (struct registry_record){ .kind = RECORD_AGENT, .id = agent_id_str(a), .info = a->info, .drain = a->drain,
                                     .deactivated = a->deactivated, .drain_start = a->drain_start };
}

struct pending *pending_new(enum pending_kind kind)
{
    struct pending *p = xcalloc(1, sizeof *p);

    p->kind = kind;
    return p;
}

struct pending *pending_add(struct master *m, enum pending_kind kind)
{
    struct pending *p = pending_new(kind);

    DL_APPEND(m->pendings, p);
    return p;
}

static void list(struct master *m, struct pending *p)
{
    p->is_admission = p->kind == PENDING_ADMIT || p->kind == PENDING_READMIT || p->kind == PENDING_UPDATE_AGENT;
    p->is_change = p->kind == PENDING_READMIT || p->kind == PENDING_UPDATE_AGENT || p->kind == PENDING_DRAIN ||
                   p->kind == PENDING_ACTIVATION;
    if (p->is_admission) {
        struct str pid = p->kind == PENDING_ADMIT ? str_of(p->agent->pid) : p->report->pid;
        HASH_ADD_KEYPTR(hh_pid, m->admissions, pid.p, pid.n, p);
    }
    if (p->is_change)
        HASH_ADD_KEYPTR(hh_agent, m->changes, p->agent_id, strlen(p->agent_id), p);
}

bool admission_pending(const struct master *m, struct str pid)
{
    struct pending *p = NULL;
    HASH_FIND(hh_pid, m->admissions, pid.p, pid.n, p);
    return p != NULL;
}

bool agent_change_pending(const struct master *m, struct str id)
{
    struct pending *p = NULL;
    HASH_FIND(hh_agent, m->changes, id.p, id.n, p);
    return p != NULL;
}

void pending_take(struct master *m, struct pending *p)
{
    DL_DELETE(m->pendings, p);
    if (p->is_admission)
        HASH_DELETE(hh_pid, m->admissions, p);
    if (p->is_change)
        HASH_DELETE(hh_agent, m->changes, p);
}

static void machines_free(struct machine_id *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)v[i].hostname.p);
        free((void *)(uintptr_t)v[i].ip.p);
    }
    free(v);
}

void pending_free(struct pending *p)
{
    agent_report_unref(p->report);
    free(p->agent_id);
    for (size_t i = 0; i < p->weight_count; i++)
        free((void *)(uintptr_t)p->weights[i].role.p);
    free(p->weights);
    for (size_t i = 0; i < p->quota_count; i++) {
        free((void *)(uintptr_t)p->quotas[i].role.p);
        quantities_done(&p->quotas[i].guarantees);
        quantities_done(&p->quotas[i].limits);
    }
    free(p->quotas);
    for (size_t i = 0; i < p->window_count; i++)
        window_done(&p->windows[i]);
    free(p->windows);
    machines_free(p->machines, p->machine_count);
    free(p);
}

void pending_store(struct master *m, struct pending *p, const struct registry_record *records, size_t count)
{
    struct registry_record *v = arena_array(&m->arena, count != 0 ? count : 1, sizeof *v);

    ASSERT(v != NULL);
    if (count != 0)
        memcpy(v, records, count * sizeof *v);
    p->version = ++m->version;
    list(m, p);
    struct master_action *a = act(m, MASTER_ACT_STORE);
    a->store.version = p->version;
    a->store.records = v;
    a->store.count = count;
}
