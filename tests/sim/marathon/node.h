/* SPDX-License-Identifier: Apache-2.0 */
/* marathon as a simulated process, from within. Three parts: the process (marathon.c), what people do with it (people.c), and
 * what has to hold in it (judge.c). */
#ifndef STOA_SIM_MARATHON_NODE_H
#define STOA_SIM_MARATHON_NODE_H

#include "marathon/core/marathon.h"
#include "marathon/shell.h"
#include "tests/sim/sim.h"

/* Of the apps "/app0" to "/app4". */
enum { APPS_MAX = 5, APP_WITH_VOLUMES = 3, APP_ON_EVERY_AGENT = 4, SNAPSHOT_MAX = 16 };

struct jobs_watch;
struct rollouts_watch;
struct volumes_watch;

/* What all marathons of a history share: what people have seen of them. */
struct marathon_common {
    bool with_jobs;
    struct jobs_watch *jobs;
    struct rollouts_watch *rollouts;
    struct volumes_watch *volumes;
};

/* What a slot's rollout was before a handler. */
struct rollout_seen {
    char deployment[UUID_TEXT_SIZE]; /* "": none */
    bool moving, paused, had;        /* had: the app was there before the deployment, and was: */
    char cmd[24];
    int64_t wanted;
    int64_t dying, dying_old, failures;
    size_t instances;
};

struct marathon_node {
    struct marathon_common *common;
    struct proc *p;
    struct rng *r;
    struct shell sh;
    bool up;        /* records are loaded */
    char note[256]; /* to the next start (restart.h); "": none */
    /* Before the handler that runs: for judging what it did. */
    struct {
        char id[32];
        int64_t ready, dying;
        size_t instances;
        struct rollout_seen rollout;
    } before[SNAPSHOT_MAX];
    size_t before_count;
    /* Kills under way, for judging whether anything is done about them. */
    struct kill_seen {
        char id[80];
        unsigned attempts;
        int64_t since;
    } kills[SNAPSHOT_MAX];
    size_t kill_count;
};

static inline struct sim *marathon_world(const struct marathon_node *n)
{
    return n->p->sim;
}

/* --- judge.c */
void judge_before(struct marathon_node *n); /* a handler: what is there */
void judge_after(struct marathon_node *n);  /* and what it made of it */
void judge_kills(struct marathon_node *n);
bool judge_orphans(const struct marathon_node *n); /* it has what waits for ever for an agent that was given up */

/* --- people.c */
void people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused); /* again and again */
int people_ask(struct marathon_node *n, const char *what, struct marathon_event ev);

/* --- marathon.c */
struct marathon_node *marathon_node_of(struct shell *sh);
struct marathon_node *marathon_leading(struct sim *s); /* NULL: nobody, or its state is not loaded */

#endif
