/* SPDX-License-Identifier: Apache-2.0 */
/* The containers of a pod's instance: each has its own task, and what the master tells of these is folded
 * into one state of the instance. It runs when all run; it has ended when all have ended, so that nothing is
 * forgotten that still holds resources. What ended the pod is the worst that a container says: the executor
 * kills the others. Source: marathon-behaviour §11. */
#include "marathon/core/internal.h"

enum { CONTAINER_MESSAGE_MAX = 300 };

static void containers_free(struct instance *i)
{
    for (size_t k = 0; k < i->container_count; k++) {
        free(i->containers[k].message);
        free(i->containers[k].container_id);
    }
    free(i->containers);
    i->containers = NULL;
    i->container_count = 0;
}

void containers_clear(struct instance *i)
{
    containers_free(i);
}

void containers_init(struct marathon *m, struct instance *i, enum task_state state)
{
    containers_free(i);
    i->container_count = pod_container_count(&i->spec->app);
    if (i->container_count == 0)
        return;
    i->containers = xcalloc(i->container_count, sizeof *i->containers);
    for (size_t k = 0; k < i->container_count; k++)
        i->containers[k] = (struct container_state){ .state = state, .healthy = -1, .since = m->wall };
}

size_t containers_find(const struct instance *i, struct str task_id)
{
    for (size_t k = 0; k < i->container_count; k++) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 128);
        bool same;
        sbuf_fmt(&b, "%.*s.%.*s.%u", STR_ARG(i->id), STR_ARG(pod_container(&i->spec->app, k)->name),
                 i->incarnation);
        same = str_eq(sbuf_view(&b), task_id);
        sbuf_done(&b);
        if (same)
            return k;
    }
    return SIZE_MAX;
}

void containers_note(struct marathon *m, struct instance *i, size_t k, const struct status_event *e)
{
    struct container_state *c = &i->containers[k];

    if (c->state != e->state)
        c->since = m->wall;
    c->state = e->state;
    c->told = true;
    if (e->healthy >= 0)
        c->healthy = e->healthy;
    free(c->message);
    c->message = e->message.n != 0 ? xstrndup(str_sub(e->message, 0, CONTAINER_MESSAGE_MAX)) : NULL;
    if (e->container_id.n != 0) {
        free(c->container_id);
        c->container_id = xstrndup(e->container_id);
    }
}

/* How much a state says about the whole: the largest decides. */
static int weight(enum task_state s)
{
    switch (s) {
    case TASK_KILLED:
        return 1;
    case TASK_FINISHED:
        return 2;
    case TASK_UNKNOWN:
        return 3;
    case TASK_DROPPED:
        return 4;
    case TASK_GONE:
    case TASK_GONE_BY_OPERATOR:
    case TASK_LOST:
        return 5;
    case TASK_FAILED:
        return 6;
    case TASK_ERROR:
        return 7;
    case TASK_RUNNING:
        return 10;
    case TASK_STARTING:
        return 11;
    case TASK_STAGING:
        return 12;
    case TASK_KILLING:
        return 13;
    case TASK_UNREACHABLE:
        return 14;
    case TASK_STATE_COUNT:
        break;
    }
    return 0;
}

static bool is_over(enum task_state s)
{
    return weight(s) < 10;
}

static int health_of_all(const struct instance *i)
{
    bool all = true;

    for (size_t k = 0; k < i->container_count; k++) {
        if (pod_container(&i->spec->app, k)->health_check == NULL)
            continue;
        if (i->containers[k].healthy == 0)
            return 0;
        all = all && i->containers[k].healthy == 1;
    }
    return all ? 1 : -1;
}

bool containers_all_live(const struct instance *i)
{
    for (size_t k = 0; k < i->container_count; k++)
        if (!i->containers[k].told || is_over(i->containers[k].state))
            return false;
    return true;
}

bool containers_fold(const struct instance *i, struct status_event *e)
{
    const struct container_state *top = NULL;
    size_t over = 0, told = 0;

    for (size_t k = 0; k < i->container_count; k++) {
        const struct container_state *c = &i->containers[k];
        told += c->told;
        over += c->told && is_over(c->state);
        if (top == NULL || weight(c->state) > weight(top->state))
            top = c;
    }
    /* A container may be healthy before another one runs, and says so once only. */
    e->healthy = e->healthy >= 0 || health_of_all(i) == 1 ? health_of_all(i) : -1;
    if (over != 0 && over < i->container_count && top->state != TASK_UNREACHABLE)
        return false; /* the rest is being killed: wait for it */
    e->state = top->state;
    if (over == told && over != 0 && top->message != NULL)
        e->message = str_of(top->message);
    return true;
}
