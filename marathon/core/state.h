/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the service: apps, their instances, agents seen, deployments. Read by the API for its
 * answers; changed by the core alone.
 *
 *  spec        one version of an app's definition; immutable, counted. Its record in the store lives exactly as
 *              long.
 *  slot        everything about one app id: the definition wanted, versions kept, instances, backoff, the
 *              deployment that holds it. Lives while any of these is there.
 *  instance    one wanted or running copy. Owned by its slot.
 *  deployment  a plan being carried out. Holds (locks) the slots it touches: a slot is in at most one.
 *
 * Invariants: an instance's state changes in instance_set_state alone; the counters of a slot are the sums
 * over its instances; whatever is not transient is in the store before anybody hears of it (marathon.h). */
#ifndef STOA_MARATHON_STATE_H
#define STOA_MARATHON_STATE_H

#include "common/base/hash.h"
#include "common/base/uuid.h"
#include "common/model/task_state.h"
#include "marathon/core/app.h"
#include "marathon/core/backoff.h"
#include "marathon/core/config.h"
#include "marathon/core/health.h"
#include "marathon/core/match.h"
#include "marathon/core/offer_copy.h"
#include "marathon/core/rolling.h"
#include "marathon/core/timerq.h"

/* --- instances ---------------------------------------------------------------------------------------- */
/*
 *  SCHEDULED -> PROVISIONED -> STAGING -> STARTING -> RUNNING -> (KILLING) -> terminal
 *      ^                            any of these <-> UNREACHABLE -> INACTIVE -> expunged
 *      +------- goal RUNNING: next incarnation -------------------------------+
 *
 * symbol, Condition in the API, state shown for its task, terminal */
#define INSTANCE_STATES(X)                                        \
    X(SCHEDULED, "Scheduled", "TASK_STAGING", false)              \
    X(PROVISIONED, "Provisioned", "TASK_STAGING", false)          \
    X(STAGING, "Staging", "TASK_STAGING", false)                  \
    X(STARTING, "Starting", "TASK_STARTING", false)               \
    X(RUNNING, "Running", "TASK_RUNNING", false)                  \
    X(KILLING, "Killing", "TASK_KILLING", false)                  \
    X(UNREACHABLE, "Unreachable", "TASK_UNREACHABLE", false)      \
    X(INACTIVE, "UnreachableInactive", "TASK_UNREACHABLE", false) \
    X(FINISHED, "Finished", "TASK_FINISHED", true)                \
    X(FAILED, "Failed", "TASK_FAILED", true)                      \
    X(KILLED, "Killed", "TASK_KILLED", true)                      \
    X(ERROR, "Error", "TASK_ERROR", true)                         \
    X(DROPPED, "Dropped", "TASK_DROPPED", true)                   \
    X(GONE, "Gone", "TASK_GONE", true)                            \
    X(UNKNOWN, "Unknown", "TASK_UNKNOWN", true)

enum instance_state {
#define X(sym, cond, task, term) INSTANCE_##sym,
    INSTANCE_STATES(X)
#undef X
        INSTANCE_STATE_COUNT
};

const char *instance_state_name(enum instance_state s);      /* "Running" */
const char *instance_state_task_name(enum instance_state s); /* "TASK_RUNNING" */
bool instance_state_is_terminal(enum instance_state s);
bool instance_state_parse(struct str name, enum instance_state *ret);

/* Each is more final than the one before it. Only instances with volumes are stopped: they rest with their
 * reservation until they are wanted again. */
enum goal { GOAL_RUNNING, GOAL_STOPPED, GOAL_DECOMMISSIONED };
const char *goal_name(enum goal g);

enum instance_health { INSTANCE_UNCHECKED, INSTANCE_HEALTH_UNKNOWN, INSTANCE_HEALTHY, INSTANCE_UNHEALTHY };

struct instance;

/* An agent that has offered something, or on which instances are or were placed; counted. */
struct agent {
    struct str id, hostname, region, zone;
    struct attribute *attributes;
    size_t attribute_count;
    unsigned refs;
    bool known;                   /* it has offered something since we subscribed, and was not lost since */
    struct leftover *leftover;    /* of its latest offer; NULL: none, or it was lost. Has a reference */
    struct instance *pinned;      /* bound to it: see every.c */
    uint64_t occupied_mark, holder_mark, wanted_mark; /* of the latest look of every.c */
    struct agent *dead_next;
    UT_hash_handle hh;
};

/* What was left of an agent's offer when we had used it, without what is reserved for one instance and without
 * disks of their own. One block. */
struct leftover {
    struct wall at;
    struct str home_region; /* p NULL: unknown */
    struct opt_time unavailable_from, unavailable_to;
    size_t n;
    struct offer_resource v[];
};

struct ip_addr {
    char text[46];
    bool v6;
    uint8_t network; /* of the container's networks that are not the host's, from 0 */
};

struct check {
    struct timer timer; /* next probe; kind TIMER_CHECK, owner the instance */
    struct health health;
    uint64_t probe; /* in flight; 0: none */
    bool waiting;   /* due, but too many probes are in flight */
};

/* What a check that is no health check said last. */
enum check_result_kind { CHECK_RESULT_NONE, CHECK_RESULT_COMMAND, CHECK_RESULT_HTTP, CHECK_RESULT_TCP };

struct check_result {
    enum check_result_kind kind;
    int value; /* exit code, HTTP status, or 1/0 for connected */
};

/* One container of a pod's instance, as last told. */
struct container_state {
    enum task_state state;
    bool told;           /* false: nothing heard since the launch, or since the restart of the service */
    int healthy;         /* 1, 0, -1: no word */
    struct wall since;   /* of the state */
    char *message, *container_id; /* owned; may be NULL */
};

/* What an instance with volumes has on its agent. ASKED: the operations were sent, and the agent has
 * not told of a task on their result yet. */
enum reservation { RESERVATION_NONE, RESERVATION_ASKED, RESERVATION_HELD };

struct local_volume {
    char uuid[UUID_TEXT_SIZE];
};

/* A reservation that belongs to no instance any more: offers of its agent are wanted until it is gone. */
struct garbage {
    struct str owner; /* the instance id; owned, as the others */
    struct str agent_id, role;
    struct wall since;
    uint64_t asked_round; /* of offers, in which its release was sent; 0: not yet */
    UT_hash_handle hh;    /* marathon.garbage, by owner */
};

struct spec;
struct slot;
struct job_run;

struct instance {
    struct str id; /* "web.instance-<uuid>"; owned, terminated */
    struct slot *slot;
    struct spec *spec; /* counted */
    struct job_run *run; /* whose attempt it is; NULL: of an app, or nobody waits for it */
    enum instance_state state;
    enum goal goal;
    unsigned incarnation; /* of the task that runs or ran last; 1 is the first */
    struct str task_id;   /* "<id>._app.<incarnation>", of pods that of the first container; owned; valid from
                             PROVISIONED on */
    enum reservation reservation;
    struct local_volume *volumes; /* with a reservation: one per persistent volume of the spec, in order */
    size_t volume_count;
    struct agent *agent;  /* NULL while SCHEDULED, unless it has a reservation or is pinned */
    bool pinned;          /* to its agent: of an app with one instance on every agent */
    bool unplaced;        /* pinned, SCHEDULED, and its agent has no room for it: nobody waits for it */
    struct reject_note *refusal; /* of its agent's latest offer, while pinned and SCHEDULED; owned; may be NULL */
    struct instance *pin_prev, *pin_next; /* agent.pinned */
    uint32_t *ports;      /* host ports, PORT_NONE: none; port_count of them */
    uint32_t *container_ports;
    size_t port_count;
    struct container_state *containers; /* of pods, in the order of the definition */
    size_t container_count;             /* 0: an app's instance, or not launched yet */
    struct ip_addr ips[4];
    unsigned ip_count;
    struct check_result check; /* the last word of AppCheck; forgotten in a failover */
    struct wall since; /* of the present state */
    struct opt_time staged_at, started_at;
    struct mono running_since;
    enum task_state mesos_state; /* last one told; valid once has_mesos_state */
    bool has_mesos_state;
    bool doubted; /* the master says that it does not know the task: see status.c */
    struct mono doubted_since;
    struct check *checks; /* one per health check of the spec; NULL before running */
    size_t check_count;
    enum instance_health health;
    bool ready;           /* readiness check passed, or not asked for */
    bool readiness_asked; /* under a deployment that waits for it */
    uint64_t readiness_probe;
    bool readiness_has_response;
    int readiness_status;
    char *readiness_type, *readiness_body; /* with preserveLastResponse; owned */
    bool sentenced;                        /* chosen by a user for the next scale-down */
    bool dying_counted;                    /* rolling restart: see struct rolling_counts */
    bool old;                              /* of an earlier configuration than the slot's */
    bool kill_sent, kill_queued;
    bool store_dirty, stored, dead;
    bool counted; /* part of the slot's counters at this moment */
    unsigned kill_attempts;
    int64_t sequence;   /* order of creation */
    struct timer timer; /* launch or reservation guard, kill retry or unreachable step, by state */
    struct timer readiness_timer;
    struct instance *prev, *next;             /* slot's list */
    struct instance *sched_prev, *sched_next; /* slot's waiting list, while SCHEDULED */
    struct instance *kill_prev, *kill_next;   /* marathon.kills, while kill_queued */
    struct instance *queue_next;              /* grave */
    struct instance *dirty_next;
    UT_hash_handle hh; /* marathon.instances, by id */
};

/* --- definitions -------------------------------------------------------------------------------------- */
struct spec {
    unsigned refs;
    bool stored; /* its record exists */
    struct wall version, scaling_at, config_at;
    struct app app; /* points into this block */
    struct version_info info;
    char *json; /* rendered by the API and kept; NULL: not yet; owned */
    size_t json_size;
};

struct task_failure {
    bool has;
    char *host, *message, *task_id, *agent_id; /* owned; agent_id may be NULL */
    const char *state;                         /* static */
    struct wall at, version;
};

/* One agent's latest offer that the app could not use. */
struct reject_note {
    char *agent_id;           /* owned */
    struct offer_copy *offer; /* a reference */
    enum reject_reason reason;
    unsigned reasons;
    int64_t need_milli, have_milli;
    char detail[160];
    struct wall at;
};

enum { REJECT_NOTES_MAX = 16 };

struct queue_stats {
    struct wall since; /* first launch attempt of this wait */
    int64_t processed, unused;
    struct opt_time last_unused_at, last_used_at;
    int64_t last_declined[REJECT_COUNT]; /* of the latest round of offers */
    int64_t last_processed;
    uint64_t last_round;
    int64_t attempt_declined[REJECT_COUNT]; /* since the attempt began */
    int64_t attempt_processed;
    struct reject_note notes[REJECT_NOTES_MAX];
    unsigned note_count, note_next;
};

/* What people and rules do to a rolling restart; see rollout.c. */
enum rollout_state { ROLLOUT_NONE, ROLLOUT_RUNNING, ROLLOUT_PAUSED, ROLLOUT_HOLDING };

struct rollout {
    bool paused;   /* by a user */
    bool promoted; /* past its canary stage */
    bool is_back;  /* to the version before: neither stops nor turns round by itself */
    bool restored; /* as it was before a restart of the service */
    bool undo_due;
    int64_t failures; /* of new instances */
    enum rollout_state shown;
    struct mono deadline;
    char undo_reason[160];
};

enum slot_action { ACTION_NONE, ACTION_START, ACTION_STOP, ACTION_SCALE, ACTION_RESTART };

struct deployment;

/* Of an app with one instance on every agent; see every.c. */
struct every {
    bool stale;       /* an instance went: look again */
    uint64_t seen;    /* marathon.agents_seen of the latest look */
    int64_t missing;  /* agents that still get one */
    int64_t wanted;   /* agents that shall have one */
    struct mono census_end; /* until then agents are waited for */
    struct timer timer;
};

struct slot {
    struct str id;          /* owned, terminated */
    struct spec *spec;      /* the definition in the root now; NULL: removed, or of a job */
    bool of_job;            /* it never has a definition in the root */
    struct job *job;        /* NULL: none, or removed */
    struct spec **versions; /* kept versions, oldest first, the present one included; counted */
    size_t version_count, version_cap;
    struct instance *instances; /* by creation */
    struct instance *scheduled; /* waiting for offers */
    size_t instance_count, scheduled_count;
    int64_t live[2],
        ready[2]; /* [old]: goal running and not INACTIVE; and of these running, healthy, ready */
    int64_t dying[2], dying_counted[2]; /* goal not running, still there */
    int64_t staged, running, healthy, unhealthy;
    struct deployment *deployment;
    enum slot_action action; /* of the deployment's current step */
    bool action_done;
    int64_t scale_to;
    bool scale_down;  /* more than scale_to were there when the action began */
    int64_t deferred; /* wanted instances that are not made yet (WAITING_PER_APP_MAX) */
    int64_t unplaced; /* not among live */
    struct every *every; /* NULL: not such an app, or suspended; owned */
    struct rolling rolling;
    struct rollout rollout;
    struct timer rollout_timer;
    struct opt_time rolled_back_at; /* the last time by itself, with the reason */
    char rolled_back_why[160];
    struct backoff backoff;
    struct timer backoff_timer;
    struct queue_stats *queue; /* while something waits */
    struct task_failure failure;
    bool waiting_listed, dirty, health_registered, dead;
    struct spec *next; /* while an update is planned: what it will want; NULL: nothing */
    bool has_next;
    uint64_t plan_mark;    /* level is of this planning */
    struct placed *placed; /* of the round of offers placed_round: memory of its arena */
    uint64_t placed_round;
    int level; /* length of the longest dependency chain; -1 while it is being found */
    struct slot *wait_prev, *wait_next; /* slots with something to launch */
    struct slot *dirty_next;
    UT_hash_handle hh; /* by id */
};

struct group {
    struct str path; /* owned */
    struct str *dependencies;
    size_t dependency_count;
    struct opt_bool enforce_role;
    struct wall version;
    UT_hash_handle hh;
};

/* --- deployments -------------------------------------------------------------------------------------- */
struct plan_action {
    enum slot_action type;
    struct slot *slot;
    struct spec *from, *to; /* counted; NULL: did not exist, does not exist any more */
    int64_t scale_to;
};

struct plan_step {
    struct plan_action *actions;
    size_t n;
};

struct plan {
    struct plan_step *steps;
    size_t n;
    bool released; /* its definitions are given up; they are still there for the events of this step */
};

struct deployment {
    char id[UUID_TEXT_SIZE];
    struct wall version;
    struct plan plan;
    size_t current; /* index of the running step */
    bool started, dead, poked;
    bool is_back; /* takes back another one */
    struct timer timer;             /* an empty plan ends in the next turn */
    struct deployment *prev, *next; /* by age */
    struct deployment *queue_next;
    UT_hash_handle hh;
};

/* What one update of the root changed: for versions of groups and going back to them. */
struct root_change {
    struct wall version;
    struct root_entry {
        struct str id;       /* owned */
        struct spec *before; /* counted; NULL: created */
    } * entries;
    size_t n;
    struct str *new_groups; /* owned */
    size_t new_group_count;
};

struct probe {
    uint64_t id;
    struct instance *instance;
    size_t check; /* index; READINESS for the readiness check */
    UT_hash_handle hh;
};
#define PROBE_READINESS SIZE_MAX

struct counters {
    uint64_t tasks_launched, offers_incoming, offers_used, offers_declined, revives, suppresses,
        launch_operations, launch_group_operations, reserve_operations;
    uint64_t deployments, deployments_dismissed, task_updates[TASK_STATE_COUNT], oom;
    uint64_t versions_dropped; /* old ones, over versions_max */
    uint64_t kills_in_flight;
    uint64_t runs_started, runs_succeeded, runs_failed, runs_killed, runs_skipped;
};

struct job;
struct job_run;
struct deleted;

struct marathon {
    struct marathon_config config;
    struct rng *rng; /* of the present step */
    struct mono now;
    struct wall wall;
    struct slot *slots;         /* by id */
    struct group *groups;       /* by path, without the root */
    struct job *jobs, *dead_jobs; /* by id */
    struct job_run *dead_runs;
    struct deleted *deleted, *deleted_list, *dead_deleted; /* by id; by age */
    struct timer deleted_timer;
    struct instance *instances; /* by id */
    struct agent *agents;
    uint64_t agents_seen, every_seen; /* counts changes of what is known of agents; the last that every.c has looked at */
    uint64_t agents_round;            /* of the marks in agents */
    size_t every_count; /* apps with one instance on every agent */
    struct deployment *deployments, *deployment_list;
    size_t deployment_count, app_count;
    struct root_change **changes; /* oldest first */
    size_t change_count, change_cap;
    struct wall version; /* of the root */
    struct list root_dependencies;
    uint32_t *service_ports; /* how many apps use each number */
    char *framework_id;      /* NULL: never subscribed; owned */
    char *master;            /* "host:port" while connected */
    bool connected, registered_before, started;
    bool suppressed, revive_wanted;
    bool starved; /* offers were declined because the tokens were spent */
    int64_t tokens;
    struct mono revived_at;
    bool revived; /* revived_at counts */
    struct timerq timers;
    struct timer token_timer, revive_timer, reconcile_timer;
    struct slot *waiting, *dirty, *dead_slots;
    struct deployment *poked;
    uint64_t plan_round;
    bool undo_due; /* of some slot's rollout */
    struct instance *store_dirty, *graves, *kills;
    struct deployment *dead_deployments;
    struct agent *dead_agents;
    struct spec **dead_specs;
    size_t dead_spec_count, dead_spec_cap;
    struct waiting_check {         /* due checks over the limit, oldest first from check_head on */
        struct instance *instance; /* NULL: gone meanwhile */
        size_t check;
    } * check_queue;
    size_t check_head, check_count, check_cap;
    struct garbage *garbage; /* reservations to be given back */
    struct wall garbage_at;  /* when the latest was added */
    struct probe *probes;
    size_t probe_count;
    uint64_t probe_seq, round;
    int64_t sequence;
    size_t kills_in_flight;
    struct counters counters;
    struct marathon_actions *out; /* of the present step */
};

enum timer_kind {
    TIMER_TOKENS,
    TIMER_REVIVE,
    TIMER_RECONCILE,
    TIMER_INSTANCE,
    TIMER_CHECK,
    TIMER_READINESS,
    TIMER_BACKOFF,
    TIMER_ROLLOUT,
    TIMER_EVERY,
    TIMER_DEPLOYMENT,
    TIMER_JOB,
    TIMER_RUN,
    TIMER_DELETED
};

/* Lookups. NULL when not there. */
struct slot *slot_find(const struct marathon *m, struct str id);
struct group *group_find(const struct marathon *m, struct str path);
struct instance *instance_find(const struct marathon *m, struct str id);
/* By a task id of any accepted form, or an instance id. */
struct instance *instance_of_task(const struct marathon *m, struct str task_id);
struct deployment *deployment_find(const struct marathon *m, struct str id);
struct spec *slot_version(const struct slot *s, struct wall version);
/* The enforceRole of the app's top-level group. */
bool role_is_enforced(const struct marathon *m, struct str app_id);
const char *rollout_state_name(enum rollout_state s); /* "none", "running", "paused", "holding" */
enum rollout_state rollout_state(const struct slot *s);
/* The newest kept version of another configuration than the present; NULL: none. */
struct spec *rollout_previous(const struct slot *s);
/* Stopped, its task gone, its volumes kept. */
bool instance_rests(const struct instance *i);
/* "<safe path>#<containerPath>#<uuid>" */
void volume_persistence_id(const struct instance *i, size_t volume, struct sbuf *b);
/* What is left of the agent's latest offer, as an offer to the role; resources are copied. False: the arena is
 * spent. */
bool seen_agent_offer(const struct agent *a, struct str role, struct arena *arena, struct offer *ret);
/* How many instances there shall be: of an app with one on every agent these agents. */
int64_t slot_wanted(const struct slot *s);
/* Waits for launch: scheduled and provisioned instances. */
int64_t slot_queued(const struct slot *s);

#endif
