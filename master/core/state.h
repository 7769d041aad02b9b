/* SPDX-License-Identifier: Apache-2.0 */
/* The books of the master. The files of master/core change them; master/wire reads them to answer questions, and must not
 * change anything. Every object lives in exactly one owning table (named at its struct); others point to it and are told when
 * it leaves. What dies in a step is freed at the start of the next one, so that actions may still point to it.
 *
 * Lives, and the files that move them on:
 *
 * offer      grant of the allocator -> struct offer, in an OFFERS event of its framework (offer.c)
 *            -> ACCEPT (accept.c) | DECLINE | rescinded: agent or framework inactive or gone, an operator's needs, quota, timeout
 *            Offers are never changed. From the grant on the allocator counts what one holds as offered; who ends it says what
 *            became of that: allocated to tasks, converted by operations, given back with the refusal's filter or without.
 * task       STAGING at ACCEPT -> as its agent tells (status.c), in framework->tasks -> terminal: its resources are free at once
 *            -> acknowledged: framework->completed
 *            its agent is unreachable: framework->unreachable -> the agent returns: tasks
 * framework  SUBSCRIBE (subscribe.c) -> ACTIVE <-> DISCONNECTED (framework.c) -> failover_at, TEARDOWN: COMPLETED
 *            known from an agent's report alone: RECOVERED -> ACTIVE
 * agent      report -> PENDING_ADMIT -> stored: in master->agents (agent.c), CONNECTED <-> DISCONNECTED (liveness.c)
 *            -> no pong, or reregister_by: PENDING_UNREACHABLE -> stored: master->lost -> a new report: PENDING_READMIT
 *            -> an operator's word: PENDING_GONE, for ever; unregistered: PENDING_REMOVE
 *            of the registry, after a failover: LOST_RECOVERED until it reports, or recovered_by
 * operation  applied to the agent's total when sent (operation.c) -> status of the agent -> acknowledged, by the framework when
 *            it has an id, else by the master: forgotten
 *
 * Rings are bounded, the oldest is dropped. */
#ifndef STOA_MASTER_CORE_STATE_H
#define STOA_MASTER_CORE_STATE_H

#include "common/base/hash.h"
#include "common/base/table.h"
#include "master/core/alloc/allocator.h"
#include "master/core/master.h"

/* --- shared bundles of resources: many tasks ask for the same --- */
struct bundle { /* owned by master->bundles while refs > 0 */
    uint64_t hash;
    uint32_t refs;
    struct resources r; /* every entry with its allocation role */
    UT_hash_handle hh;
};

/* The statuses of a task as frames of state (1 byte), length (4 bytes) and bytes; one per state, the newest last. */
struct status_log {
    char *p;
    uint32_t n;
    uint32_t last; /* offset of the newest frame; valid when n > 0 */
};

/* Iterates: for (size_t at = 0; status_log_next(&log, &at, &state, &bytes);) */
static inline bool status_log_next(const struct status_log *l, size_t *at, enum task_state *ret_state, struct str *ret)
{
    if (*at >= l->n)
        return false;
    uint32_t n;
    memcpy(&n, l->p + *at + 1, sizeof n);
    *ret_state = (enum task_state)(unsigned char)l->p[*at];
    *ret = str_mem(l->p + *at + 5, n);
    *at += 5 + (size_t)n;
    return true;
}

enum { TASK_FLAG_HAS_UPDATE = 1, TASK_FLAG_KILL_WANTED = 2, TASK_FLAG_HOLDS = 4, TASK_FLAG_MISSING = 8 /* in its agent's newest report */ };

struct task { /* owned by one table of its framework */
    struct table_entry entry;    /* first; key: data[0 .. id_n) */
    struct framework *framework;
    struct slot *slot;           /* NULL once unreachable or completed */
    struct task *prev, *next;    /* slot->tasks; or the ring of unreachable or completed ones */
    struct name *agent_id;       /* text of the agent's id, also when the agent is gone */
    struct name *executor_id;    /* NULL: a command task */
    struct bundle *bundle;
    struct status_log statuses;
    struct uuid update_uuid;     /* TASK_FLAG_HAS_UPDATE: of the latest update that was forwarded */
    uint8_t state;               /* enum task_state: latest known */
    uint8_t update_state;        /* TASK_FLAG_HAS_UPDATE: state of that update */
    uint8_t flags;               /* HOLDS: its resources count as used */
    uint8_t id_n;
    uint32_t record_n;
    char data[];                 /* id, then the record */
};

static inline struct str task_id_str(const struct task *t)
{
    return str_mem(t->data, t->id_n);
}
/* The next in framework->tasks, in the order of their launches. */
static inline struct task *task_next(const struct task *t)
{
    return (struct task *)t->entry.next;
}
static inline struct str task_record(const struct task *t)
{
    return str_mem(t->data + t->id_n, t->record_n);
}

/* Tasks lie all over the memory: who walks a long list has the next two fetched while he works on the one before them. next is
 * known to the processor already, so its statuses can be had, too. NULL: there is none. */
static inline void task_prefetch(const struct task *next, const struct task *then)
{
    if (next != NULL)
        for (size_t at = 0; at < 256; at += 64)
            __builtin_prefetch(next->statuses.p + at);
    if (then != NULL)
        for (size_t at = 0; at < 512; at += 64)
            __builtin_prefetch((const char *)then + at);
}

struct executor { /* owned by its slot */
    struct executor_info *info;
    struct slot *slot;
    struct executor *prev, *next;
};

/* What one framework has on one agent; exists while there is something. Owned by the agent. */
struct slot {
    struct framework *framework;
    struct agent *agent;
    struct resources used; /* of tasks that hold and of executors */
    struct task *tasks;
    struct executor *executors;
    struct slot *a_prev, *a_next; /* agent->slots */
    struct slot *f_prev, *f_next; /* framework->slots */
    size_t task_count;
};

struct offer { /* owned by master->offers */
    uint64_t number;
    char id[MASTER_ID_TEXT];
    struct framework *framework;
    struct agent *agent;
    struct name *role;
    struct resources resources;
    struct mono expires;
    struct offer *a_prev, *a_next; /* agent->offers */
    struct offer *f_prev, *f_next; /* framework->offers */
    struct offer *t_prev, *t_next; /* master->offers_by_age */
    UT_hash_handle hh;
};

struct inverse_offer { /* owned by master->inverse_offers */
    uint64_t number;
    char id[MASTER_ID_TEXT];
    struct framework *framework;
    struct agent *agent;
    int64_t start_ns, duration_ns; /* of the unavailability; duration negative: unbounded */
    struct mono expires;
    struct inverse_offer *a_prev, *a_next;
    UT_hash_handle hh;
};

/* An operation that was sent to an agent and has not come to its acknowledged end. Owned by its agent. */
struct agent_operation {
    struct uuid uuid;
    char *id;                     /* NULL: no feedback wanted */
    char *framework_id;           /* NULL: of an operator */
    struct agent *agent;
    int type;                     /* enum operation_type */
    enum operation_state state;
    struct mono since;            /* when an agent's report told of it; 0: sent by this master */
    struct str info;              /* owned; packed Offer.Operation */
    struct str latest;            /* owned; packed OperationStatus, empty while pending */
    bool has_status_uuid;
    struct uuid status_uuid;
    struct resources consumed;    /* of operations that are not speculative */
    struct agent_operation *prev, *next;
    UT_hash_handle hh;            /* master->operations by uuid */
};

enum framework_state {
    FRAMEWORK_RECOVERED,    /* known from agents after a failover, not subscribed yet */
    FRAMEWORK_DISCONNECTED, /* its stream ended; failover_at runs */
    FRAMEWORK_ACTIVE,       /* subscribed, by a stream or by a pid */
    FRAMEWORK_COMPLETED
};

struct task_ring {
    struct task *head; /* utlist DL, oldest first */
    unsigned count;
};

struct framework_counters {
    uint64_t calls, call[CALL_TYPE_COUNT];
    uint64_t events, event[EVENT_TYPE_COUNT];
    uint64_t offers_sent, offers_accepted, offers_declined, offers_rescinded;
    uint64_t operations, operation[16];
    uint64_t terminal[TASK_STATE_COUNT];
    unsigned active[TASK_STATE_COUNT]; /* tasks now in that state */
};

struct framework { /* owned by master->frameworks, or master->completed */
    struct framework_id id;      /* owned */
    struct framework_info *info; /* its raw carries the id */
    enum framework_state state;
    bool hearsay;                /* COMPLETED: from the history of an agent, which has nothing of it any more; it may live */
    char *pid;                   /* of an old driver (driver.c), also after its connection broke; NULL: HTTP */
    bool aborted;                /* while ACTIVE: the driver wants no offers (DeactivateFramework) */
    struct stream_ref stream;    /* while ACTIVE, of HTTP */
    char stream_id[UUID_TEXT_SIZE];
    struct framework_ref ref;    /* at the allocator; gen 0 when completed */
    struct offer_constraints *constraints;
    struct wall registered, reregistered, unregistered; /* ms 0: never */
    struct mono failover_at;     /* while DISCONNECTED */
    struct mono heartbeat_at;    /* while there is a stream */
    struct framework *hb_prev, *hb_next; /* master->heartbeats while there is a stream */
    struct table tasks;          /* by id: there may be millions */
    struct table unreachable;    /* by id */
    struct task_ring unreachable_ring, completed;
    struct slot *slots;
    struct offer *offers;
    struct framework_counters n;
    struct offer **batch;        /* offers made in this run, not sent yet */
    size_t batch_count, batch_cap;
    struct inverse_offer **inverse_batch;
    size_t inverse_count, inverse_cap;
    struct framework *c_prev, *c_next; /* master->completed_list; the graveyard */
    UT_hash_handle hh;
    UT_hash_handle hh_pid;       /* by pid, while in master->frameworks */
};

static inline struct task *framework_tasks(const struct framework *f)
{
    return (struct task *)f->tasks.first;
}

enum agent_link { AGENT_CONNECTED, AGENT_DISCONNECTED };
/* What the registry is storing about the agent just now. */
enum agent_change { AGENT_CHANGE_NONE, AGENT_CHANGE_UNREACHABLE, AGENT_CHANGE_GONE, AGENT_CHANGE_REMOVED };

struct agent { /* owned by master->agents, or by a pending admission */
    struct agent_info *info;     /* id, hostname; its raw carries the id */
    char *pid;
    bool at_pid;                 /* in master->agents_by_pid: no other agent has come from there since */
    char *version;
    enum agent_link link;
    enum agent_change change;
    bool deactivated;            /* by an operator; draining agents too */
    struct drain drain;
    struct wall drain_start;
    struct agent_ref ref;        /* at the allocator */
    struct resources total;      /* now: configured, changed by operations; with oversubscribed ones */
    bool has_resource_version;
    struct uuid resource_version;
    struct wall registered, reregistered; /* ms 0: never */
    struct mono reregister_by;   /* while DISCONNECTED */
    uint64_t observer;           /* number of its slave-observer */
    struct mono ping_at;
    unsigned pings_missed;
    bool pong_due;
    bool asked;                  /* to register again, at asked_at, because of a task that is not in the books */
    bool ask_at_ping;            /* and it is to be asked once more, with the next ping */
    struct mono asked_at;
    bool removal_waits;          /* unanswered, waits for the removal rate limit */
    struct agent *ping_prev, *ping_next; /* master->pings */
    struct slot *slots;
    struct offer *offers;
    struct inverse_offer *inverse_offers;
    struct agent_operation *operations;
    struct agent *g_next;        /* graveyard */
    UT_hash_handle hh;           /* by id */
    UT_hash_handle hh_pid;       /* by pid */
};

/* An agent of the registry that is not registered: after a failover, or unreachable, or gone. */
enum lost_kind { LOST_RECOVERED, LOST_UNREACHABLE, LOST_GONE };
struct lost_agent { /* owned by master->lost */
    char *id;
    enum lost_kind kind;
    struct agent_info *info;     /* RECOVERED; else NULL */
    struct wall time;            /* since when unreachable or gone */
    struct drain drain;
    bool deactivated;
    struct wall drain_start;
    enum agent_change change;
    bool readmitting;            /* its re-registration is being stored */
    UT_hash_handle hh;
};

struct machine { /* owned by master->machines; UP ones are not kept */
    char *hostname, *ip;
    enum machine_mode mode;
    bool marked;                 /* false but within one step */
    int64_t start_ns, duration_ns;
    struct inverse_status *statuses;
    UT_hash_handle hh;           /* key: "hostname/ip", the hostname in lower case */
    char *key;
};

struct inverse_status { /* answers of frameworks to inverse offers, shown in the maintenance status */
    char *framework_id;
    bool accepted;
    struct wall time;
    struct inverse_status *next;
};

struct window { /* of the schedule, as it was given */
    struct machine_id *machines; /* owned, texts too */
    size_t count;
    int64_t start_ns, duration_ns;
};

struct weight { /* owned by master->weights: set explicitly */
    struct name *role;
    double weight;
    UT_hash_handle hh;
};

struct quota { /* owned by master->quotas; a removed quota stays listed while it was set once */
    struct name *role;
    struct quantities guarantees, limits;
    UT_hash_handle hh;
};

enum pending_kind {
    PENDING_ADMIT, PENDING_READMIT, PENDING_UPDATE_AGENT, PENDING_UNREACHABLE, PENDING_GONE, PENDING_REMOVE, PENDING_DRAIN,
    PENDING_ACTIVATION, PENDING_WEIGHTS, PENDING_QUOTA, PENDING_SCHEDULE, PENDING_START_MAINTENANCE, PENDING_STOP_MAINTENANCE,
    PENDING_NONE
};

struct pending { /* owned by master->pendings, in the order of their versions */
    enum pending_kind kind;
    uint64_t version;
    struct request_ref request;     /* answered when stored; 0: none */
    struct agent *agent;            /* ADMIT: owned */
    struct agent_report *report;    /* READMIT, UPDATE_AGENT */
    char *agent_id;
    const char *reason;             /* UNREACHABLE, REMOVE: text for the tasks' statuses */
    bool flag;                      /* GONE: by the end of a drain; REMOVE: because its address registered anew; ACTIVATION: on; QUOTA: forget */
    struct drain drain;
    struct wall time;
    struct weight_value *weights;   /* owned, texts too */
    size_t weight_count;
    struct quota_value *quotas;     /* owned, texts too */
    size_t quota_count;
    bool force;
    struct window *windows;
    size_t window_count;
    struct machine_id *machines;    /* owned, texts too */
    size_t machine_count;
    struct pending *next, *prev;
    bool is_admission, is_change;   /* listed in master->admissions, ->changes */
    UT_hash_handle hh_pid;          /* ADMIT, READMIT, UPDATE_AGENT: by the agent's pid; one at a time */
    UT_hash_handle hh_agent;        /* READMIT, UPDATE_AGENT, DRAIN, ACTIVATION: by agent_id; one at a time */
};

struct master_metrics {
    uint64_t dropped_messages;
    uint64_t slave_registrations, slave_reregistrations, slave_removals, removals_unhealthy, removals_unregistered,
        removals_registered, unreachable_scheduled, unreachable_completed, unreachable_canceled, recovery_removals;
    uint64_t msg_register_slave, msg_reregister_slave, msg_unregister_slave, msg_status_update, msg_exited_executor,
        msg_update_slave, msg_executor_to_framework, msg_operation_status;
    uint64_t call[CALL_TYPE_COUNT], resubscribes;
    uint64_t valid_status_updates, invalid_status_updates, valid_acks, invalid_acks, valid_f2e, invalid_f2e, valid_e2f,
        invalid_e2f, valid_op_updates, invalid_op_updates, valid_op_acks, invalid_op_acks;
    uint64_t tasks_terminal[TASK_STATE_COUNT];
    uint64_t tasks_by_reason[TASK_STATE_COUNT][TASK_SOURCE_COUNT][TASK_REASON_COUNT];
    uint64_t tasks_now[TASK_STATE_COUNT]; /* gauges */
    uint64_t tasks_unreachable;
    uint64_t operations[16][OPERATION_STATE_COUNT];
    uint64_t agents_connected, agents_disconnected;
    uint64_t events; /* steps */
};

struct master {
    struct master_config config;
    char id[UUID_TEXT_SIZE];
    struct rng *rng;
    const struct master_codec *codec;
    struct allocator *allocator;
    struct mono now;  /* of the current event */
    struct wall wall;
    bool recovered;   /* the registry has been read */
    bool watched;     /* operator events have a reader */
    struct mono failover_next;   /* no DISCONNECTED framework's failover_at is earlier; may be early */
    struct mono reregister_next; /* no DISCONNECTED agent's reregister_by is earlier; may be early */
    uint64_t next_framework, next_agent, next_offer, next_observer;

    struct framework *frameworks; /* hash by id */
    struct framework *frameworks_by_pid; /* of old drivers */
    struct framework *completed;  /* hash by id */
    struct framework *completed_list; /* oldest first */
    unsigned completed_count;
    struct framework *heartbeats; /* by heartbeat_at */
    struct framework **by_ref;    /* by slot of the allocator's reference */
    size_t by_ref_cap;
    struct agent **agent_by_ref;
    size_t agent_by_ref_cap;

    struct agent *agents;         /* hash by id */
    struct agent *agents_by_pid;
    struct agent *pings;          /* by ping_at */
    struct lost_agent *lost;      /* hash by id */
    size_t recovered_count, unreachable_count, gone_count;
    struct mono recovered_by;     /* when recovered agents that did not return become unreachable */
    struct mono gc_at;
    struct mono removal_next;     /* the next removal is allowed then */
    uint64_t removals_waiting;

    struct offer *offers;         /* hash by number */
    struct offer *offers_by_age;
    struct inverse_offer *inverse_offers;
    struct agent_operation *operations; /* hash by uuid */
    struct bundle *bundles;
    struct machine *machines;     /* hash by key */
    struct window *windows;
    size_t window_count;
    struct weight *weights;       /* hash by role */
    struct quota *quotas;

    struct pending *pendings;
    bool maintenance_changes;     /* one of pendings is of the schedule; others wait until it is stored */
    struct pending *maintenance_waiting; /* owned */
    unsigned maintenance_waiting_count;
    struct pending *admissions;   /* hash by pid: those of pendings that let an agent in */
    struct pending *changes;      /* hash by agent id: those that change an agent's record */
    uint64_t version;             /* of the last store action */

    struct master_metrics metrics;

    /* of the current step */
    struct master_action *actions;
    size_t action_count, action_cap;
    struct arena arena;
    struct sbuf scratch;          /* for the codec */
    struct framework **batched;   /* frameworks with offers to send */
    size_t batched_count, batched_cap;

    /* died in the last step */
    struct task *dead_tasks;
    struct framework *dead_frameworks;
    struct agent *dead_agents;
    struct offer *dead_offers;
    struct inverse_offer *dead_inverse;
    struct agent_operation *dead_operations;
    char check_text[256];
};

/* --- lookups ------------------------------------------------------------------------------------------ */

struct framework *framework_find(const struct master *m, struct str id);
struct framework *framework_of_pid(const struct master *m, struct str pid); /* of old drivers */
struct framework *framework_find_completed(const struct master *m, struct str id);
struct agent *agent_find(const struct master *m, struct str id);
struct agent *agent_find_pid(const struct master *m, struct str pid);
struct lost_agent *lost_find(const struct master *m, struct str id);
struct task *framework_task_find(const struct framework *f, struct str id);
struct task *framework_task_unreachable(const struct framework *f, struct str id);
struct slot *agent_slot_find(const struct framework *f, const struct agent *a);
struct executor *executor_find(const struct slot *s, struct str id);
struct offer *offer_find(const struct master *m, struct str id);
struct machine *machine_find(const struct master *m, struct str hostname, struct str ip);
/* The machine an agent runs on, if it is scheduled. */
struct machine *machine_of_agent(const struct master *m, const struct agent *a);

static inline struct str agent_id_str(const struct agent *a)
{
    return a->info->id.s;
}
static inline bool agent_is_active(const struct agent *a)
{
    return a->link == AGENT_CONNECTED && !a->deactivated;
}
static inline bool framework_is_connected(const struct framework *f)
{
    return f->state == FRAMEWORK_ACTIVE;
}
/* Connected and wanting offers. */
static inline bool framework_is_active(const struct framework *f)
{
    return f->state == FRAMEWORK_ACTIVE && !f->aborted;
}
/* "127.0.0.1" of "slave(1)@127.0.0.1:5051", and what is before the '@'. */
struct str pid_ip(struct str pid);
struct str pid_id(struct str pid);
int64_t pid_port(struct str pid);

/* Sums over the slots; the caller frees. */
struct resources agent_used(const struct agent *a);
struct resources agent_offered(const struct agent *a);
struct resources framework_used(const struct framework *f);
struct resources framework_offered(const struct framework *f);

#endif
