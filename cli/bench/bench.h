/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa bench-framework`: grades a scheduler against a scripted master.
 *
 * Each scenario (scenarios.c) starts the program under test anew and plays one script to it: blocking functions, one line per
 * thing that happens, on a loop that runs while they wait. The master here (master.c, calls.c, events.c) speaks the v1 scheduler API
 * as the real one does, keeps two agents that only exist on paper and tasks that run nothing, and can be told to misbehave. What
 * it sees is judged in two ways: rules that hold at any time (a call that breaks the protocol is a problem whenever it comes),
 * and what the scenario waits for (bench_expect).
 *
 * The sections below are in the order of the calls: a file calls those above its own.
 *
 * Not here: drivers of the v0 protocol, reservations and volumes (they are accepted and do nothing), inverse offers. */
#ifndef STOA_CLI_BENCH_BENCH_H
#define STOA_CLI_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "common/base/uuid.h"
#include "common/io/http.h"
#include "common/io/loop.h"
#include "common/model/resources.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

enum {
    BENCH_AGENTS = 2,
    BENCH_ID_MAX = 256,
    BENCH_OFFERS_MAX = 4096, /* of one scenario */
    BENCH_TASKS_MAX = 4096,  /* of one scenario */
    BENCH_CHECKS_MAX = 32,   /* expectations and problems of one scenario */
    BENCH_CALL_TYPES = 18,
    BENCH_STATES_MAX = 8,    /* updates that wait for one task */
};

/* --- what is on paper ------------------------------------------------------------------------------------------ */

enum bench_offer_state {
    OFFER_OPEN,
    OFFER_ACCEPTED,
    OFFER_DECLINED,
    OFFER_RESCINDED,
    OFFER_VOID, /* of a subscription that is over */
};

struct bench_offer {
    char id[48];
    enum bench_offer_state state;
    unsigned agent;
    struct mono made_at, rescinded_at;
    struct resources resources;
};

struct bench_task {
    char id[BENCH_ID_MAX];
    unsigned agent;
    Mesos__V1__TaskState state; /* what an agent would say */
    bool gone;                  /* nobody knows it any more: reconciliation says so */
    bool has_pending;           /* an update waits for its acknowledgement */
    struct uuid pending;
    unsigned sent, acked;       /* updates with a uuid, and acknowledgements of them, repeated ones too */
    struct uuid last_acked;
    Mesos__V1__TaskState queue[BENCH_STATES_MAX]; /* states whose update comes after the pending one */
    unsigned queued;
    unsigned killed;            /* KILL calls for it */
    unsigned reconciled;        /* times asked for, by name or with all */
    struct resources resources;
};

enum bench_mode {
    MODE_SERVE,
    MODE_UNAVAILABLE, /* every call is answered with 503 */
};

/* What was expected and what came. */
struct bench_check {
    bool ok;
    char expected[200], seen[400];
};

struct bench {
    /* the command line */
    char **command;
    const char *when_subscribed, *only, *keep_dir;
    bool json, verbose;
    int64_t patience_ns;

    /* of the process */
    struct loop *loop;
    struct rng rng;
    struct net_addr ip; /* port 0 */

    /* of the scenario; cleared by bench_begin */
    struct http_server *server, *front; /* front: a standby that redirects; NULL but in that scenario */
    struct net_addr addr, front_addr;
    unsigned app_port;                  /* a free one for the program under test: {port} */
    char dir[200];
    pid_t pid;                          /* of the program, 0 when it has ended */
    pid_t hook;                         /* of --when_subscribed, 0 when it has ended */
    int exit_status;                    /* wait status, when it has ended */
    struct loop_watch *child;
    enum bench_mode mode;
    unsigned calls_status;              /* not 0: ACCEPT is answered with it and not carried out */
    bool no_offers, no_heartbeats, mute; /* mute: updates are made but not sent: they get lost */
    bool invalid_next;                  /* the next ACCEPT is of an offer that is not valid any more */
    int64_t heartbeat_ns;               /* also what SUBSCRIBED says */

    struct http_req *stream;
    bool stream_json, after_first;
    char stream_id[UUID_TEXT_SIZE], framework_id[64], former_id[64], role[128];
    bool partition_aware, multi_role, refinement, suppressed;
    unsigned subscribe_attempts, subscriptions;
    unsigned calls[BENCH_CALL_TYPES];
    unsigned launches, invalid_accepts, reconciles;
    struct mono no_offer_before; /* a filter of the last DECLINE */
    struct loop_timer tick;      /* offers and heartbeats */
    struct mono beat_at;
    struct resources free[BENCH_AGENTS];
    struct bench_offer *offers; /* room for BENCH_OFFERS_MAX: pointers into it stay valid */
    size_t offer_count;
    struct bench_task *tasks; /* likewise */
    size_t task_count;
    struct bench_check checks[BENCH_CHECKS_MAX];
    size_t check_count, problems;
};

/* --- grading (grade.c) ----------------------------------------------------------------------------------------- */

void bench_problem(struct bench *b, const char *rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Notes the check; returns ok. seen is printed for a failure. */
bool bench_expect(struct bench *b, bool ok, const char *expected, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Runs the loop until the condition holds, and notes the check; false after the patience, or when the program has ended. */
typedef bool bench_cond(struct bench *b, const void *arg);
bool bench_wait(struct bench *b, bench_cond *cond, const void *arg, const char *expected);
void bench_pause(struct bench *b, int64_t ns);
const char *bench_call_name(unsigned type);
void bench_summary(const struct bench *b, char *ret, size_t size); /* the calls that came, as text */

/* --- the program under test (program.c) ------------------------------------------------------------------------ */

int bench_start(struct bench *b, struct error *err);
void bench_run_hook(struct bench *b); /* --when_subscribed */
void bench_kill(struct bench *b);      /* with everything it started: SIGTERM, then SIGKILL; waits */
void bench_kill_hard(struct bench *b); /* SIGKILL at once; does not wait */

/* --- what the master says (events.c) ------------------------------------------------------------------------------- */

void bench_tick_init(struct bench *b); /* offers and heartbeats from now on */
const char *bench_agent_id(unsigned agent);

/* Events. Without a subscriber they are lost, as they would be. */
void bench_event(struct bench *b, struct str event); /* a scheduler Event as wire bytes */
void bench_offer_agents(struct bench *b);            /* what is free, one offer for each agent */
void bench_rescind(struct bench *b, struct bench_offer *o);
void bench_error_event(struct bench *b, const char *text);
void bench_failure_event(struct bench *b, unsigned agent);
void bench_odd_events(struct bench *b); /* of a kind nobody knows, and empty ones */

/* A new state of the task, with a uuid, sent now or when the update before is acknowledged. */
void bench_task_update(struct bench *b, struct bench_task *t, Mesos__V1__TaskState state);
void bench_task_resend(struct bench *b, struct bench_task *t); /* the pending update again */
/* A state as a master says it by itself or when asked: without uuid. */
void bench_task_status(struct bench *b, const struct bench_task *t, Mesos__V1__TaskState state,
                       Mesos__V1__TaskStatus__Reason reason, const char *message);
struct bench_task *bench_task_find(struct bench *b, struct str id);
void bench_task_free_resources(struct bench *b, struct bench_task *t);
Mesos__V1__TaskState bench_unknown_state(const struct bench *b); /* UNKNOWN, or LOST for old frameworks */

/* Ends the subscription as a crash of the master would: the stream is cut, its offers are void. */
void bench_cut(struct bench *b);
/* As bench_cut, with half a record in front. */
void bench_cut_record(struct bench *b);
/* The same record in pieces of a few bytes, several records in one piece. */
void bench_write_split(struct bench *b, struct str a, struct str c);

/* --- calls (calls.c) ------------------------------------------------------------------------------------------- */

void bench_call(struct bench *b, struct http_req *r);

/* --- the master (master.c) ------------------------------------------------------------------------------------- */

int bench_listen(struct bench *b, struct error *err);
void bench_unlisten(struct bench *b); /* every connection ends; the address answers nothing */
int bench_front(struct bench *b, struct error *err);

/* --- scenarios (scenarios.c) ----------------------------------------------------------------------------------- */

struct bench_scenario {
    const char *name, *what;
    void (*run)(struct bench *b);
};
extern const struct bench_scenario bench_scenarios[];
extern const size_t bench_scenario_count;

#endif
