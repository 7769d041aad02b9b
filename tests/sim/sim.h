/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator: the shipped cores of master, agent, executor, SDK and marathon as processes on simulated
 * machines.
 *
 * There is one queue of events, ordered by (time, sequence number); virtual clocks; a network of connections;
 * a store and disks that survive a process. Everything random comes from generators that are derived from one
 * seed, so a seed is a history: the same seed gives the same trace, byte for byte.
 *
 * A process (struct proc) has effects: a packet sent, a file written, a batch given to the store. Every
 * effect asks proc_effect first; that is where a crash between any two of them is made. After a crash nothing
 * of the process takes effect any more, and when the running handler returns, its memory is thrown away.
 *
 *     sim.c       queue, clocks, processes, trace          net.c     connections
 *     kv.c        sorted records: the store and disks      faults.c  what goes wrong, by seed
 *     master.c    agent.c  host.c  executor/  framework/   the shells of the cores
 *     ledger.c    what must hold                           ensemble.c  ZooKeeper, as its clients see it
 *     main.c      options, phases, the verdict */
#ifndef STOA_SIM_SIM_H
#define STOA_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/uuid.h"

struct sim;
struct proc;
struct link;
struct packet;
struct vkv;

enum {
    AGENTS_MAX = 5000,
    FRAMEWORKS_MAX = 16,
    MASTERS_MAX = 3,
    MARATHONS_MAX = 2,
    HOST_FRAMEWORK = 1, /* machines: a master, frameworks, marathon; what there is with ZooKeeper; agents, so many as there are */
    HOST_MARATHON = HOST_FRAMEWORK + FRAMEWORKS_MAX,
    HOST_MASTER = HOST_MARATHON + MARATHONS_MAX, /* of the second master on */
    HOST_ZK = HOST_MASTER + MASTERS_MAX - 1,
    HOST_AGENT = HOST_ZK + 1,
    HOSTS_MAX = HOST_AGENT + AGENTS_MAX,
    SIM_BYTES_MAX = 64 << 20,
};

enum fault {
    FAULT_CRASH = 1,
    FAULT_PAUSE = 2,
    FAULT_PARTITION = 4,
    FAULT_BREAK = 8,
    FAULT_DELAY = 16,
    FAULT_CLOCK = 32,
    FAULT_TORN = 64,
    FAULT_ZK = 128,
    FAULT_DISK = 256,
    FAULT_ALL = 511
};

/* What happens to a history from outside: accidents, and what programs and people do by whim. Each has a number and chance of
 * its own, so that one can be left out and the others stay what they were: that is how a failure is made small. */
enum step_kind { STEP_ACCIDENT, STEP_DEED, STEP_KINDS };
enum { STEPS_MAX = 4096 };
struct sim_choice {
    bool dropped[STEP_KINDS][STEPS_MAX];
};

struct sim_options {
    const struct sim_choice *choice; /* NULL: everything happens */
    uint64_t seed;
    unsigned agents, frameworks; /* 0: by seed */
    unsigned masters;            /* 0: by seed; more than one: with ZooKeeper */
    unsigned faults;             /* enum fault */
    int64_t duration_ns;         /* of the phase with faults */
    bool marathon, trace;
    unsigned trace_lines; /* kept for the report of a failure */
};

/* --- processes ----------------------------------------------------------------------------------------- */

struct proc_ops {
    void (*start)(struct proc *p); /* boot; node state is fresh */
    void (*packet)(struct proc *p, struct link *l, struct packet *k);
    void (*closed)(struct proc *p, struct link *l); /* by the peer or the network; l is gone after */
    void (*wake)(struct proc *p);                   /* wake_at has come */
    void (*died)(struct proc *p);                   /* free the memory of the process */
};

struct proc {
    struct sim *sim;
    const struct proc_ops *ops;
    void *node;    /* of the kind */
    char name[16]; /* in traces */
    char addr[32]; /* "10.0.0.1:5050"; "" takes no connections */
    int host;
    unsigned incarnation; /* of events for the present one */
    bool alive, dying, paused;
    bool clean; /* it ends or has ended by itself: what it closes, it closes */
    int crash_in;                         /* effects until a crash; 0: none planned */
    int64_t wake_at;                      /* of the armed wake-up; INT64_MAX: none */
    struct event *backlog, *backlog_tail; /* while paused */
    struct rng rng;                       /* given to its core */
    struct proc *next;
    unsigned crashes;
    bool restart_due; /* somebody will start it */
};

struct proc *proc_new(struct sim *s, const struct proc_ops *ops, void *node, const char *name, int host,
                      const char *addr);
void proc_start(struct proc *p);
/* False: the process is dead from here on, the effect does not happen. */
bool proc_effect(struct proc *p);
void proc_crash(struct proc *p); /* now, or at the end of its handler */
void proc_exit(struct proc *p);  /* the same, by itself: not counted as a fault */
void proc_pause(struct proc *p);
void proc_resume(struct proc *p);
void proc_wake_at(struct proc *p, struct mono at);
struct proc *proc_by_addr(struct sim *s, struct str addr);

/* Calls fn later on behalf of p: dropped when p has died meanwhile, kept back while it is paused. p NULL: the
 * world. */
typedef void event_fn(struct sim *s, struct proc *p, void *arg, uint64_t n);
/* The same here and now; p lives and is not paused. */
void proc_run(struct proc *p, event_fn *fn, void *arg, uint64_t n);
void sim_after(struct sim *s, struct proc *p, int64_t ns, event_fn *fn, void *arg, uint64_t n);
struct mono sim_now(const struct sim *s);
struct wall sim_wall(const struct sim *s);

/* --- trace and failure --- */
void sim_trace(struct sim *s, const char *who, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The first failure ends the run. */
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Something happens to this machine, or to what connects it. */
void sim_trouble(struct sim *s, int host);

/* --- chance --- */
bool chance(struct rng *r, unsigned percent);
int64_t between(struct rng *r, int64_t lo, int64_t hi); /* both included */
#define MS(n) ((int64_t)(n)*NS_PER_MS)
#define SEC(n) ((int64_t)(n)*NS_PER_S)

/* The next step of this kind: its own chance. False: it is left out. */
bool sim_next_step(struct sim *s, enum step_kind kind, struct rng *ret);

/* --- network ------------------------------------------------------------------------------------------- */

enum packet_type { PACKET_MESSAGE, PACKET_REQUEST, PACKET_HEAD, PACKET_RECORD, PACKET_ANSWER, PACKET_CLOSE };
enum link_kind {
    LINK_MSG,    /* libprocess messages, one way */
    LINK_STREAM, /* one request, an endless answer */
    LINK_CALLS,  /* requests and their answers in order */
};

struct packet {
    struct packet *next;
    enum packet_type type;
    unsigned status; /* HEAD, ANSWER */
    bool json;       /* REQUEST: body and wanted answer */
    char *from, *to,
        *name;       /* MESSAGE: pids and name; REQUEST: name is the stream id; HEAD: name is the stream id */
    struct str body; /* owned */
};

/* A connection. Side 0 opened it. Bytes in one direction stay in order; nothing is known of the other side's
 * end but by a packet that says so, which may never come. */
struct link {
    uint64_t n;
    enum link_kind kind;
    struct {
        struct proc *p;
        unsigned incarnation;
        bool open;
    } end[2];
    struct lane {
        struct packet *head, *tail;
        int64_t last_at;
        bool stalled;
    } lane[2]; /* lane i: from side i */
    bool established;
    bool broken; /* what is sent from now on is lost, as what was under way: a stream has no gaps */
    uint64_t tag[2]; /* what the sides remember */
    void *ctx[2];
    UT_hash_handle hh;
};

/* To the process at addr; NULL when there is no such machine. Failing to connect comes as closed(). */
struct link *link_open(struct proc *from, enum link_kind kind, struct str addr);
struct link *link_find(struct sim *s, uint64_t n);
/* Takes the place of p's side. Texts and body are copied. Nothing happens when p's side is closed. */
void link_send(struct link *l, struct proc *p, const struct packet *k);
void link_close(struct link *l, struct proc *p);
int link_side(const struct link *l, const struct proc *p);
struct proc *link_peer(const struct link *l, const struct proc *p);

/* libprocess messages: one connection per pair, opened when needed. */
void message_send(struct proc *p, struct str from, struct str to, const char *name, struct str body);
/* When the connection to the pid ends, closed() comes with the link. Returns it. */
struct link *message_link(struct proc *p, struct str pid);

void net_cut(struct sim *s, int a, int b, bool cut);
bool net_is_cut(const struct sim *s, int a, int b);
void net_break_some(struct sim *s, struct rng *r); /* one connection, by chance */
void net_proc_died(struct proc *p);
void net_done(struct sim *s);

/* --- records ------------------------------------------------------------------------------------------- */

struct vkv_entry {
    char *key;
    struct str value; /* owned */
};
struct vkv {
    struct vkv_entry *v;
    size_t n, cap;
};
void kv_put(struct vkv *k, const char *key, struct str value);
void kv_append(struct vkv *k, const char *key, struct str value);
void kv_remove(struct vkv *k, const char *key);
void kv_remove_under(struct vkv *k, const char *prefix);
const struct vkv_entry *kv_get(const struct vkv *k, const char *key);
size_t kv_first(const struct vkv *k, const char *prefix); /* index of the first entry with a key >= prefix */
bool kv_at(const struct vkv *k, size_t i, const char *prefix); /* whether entry i has it */
void kv_done(struct vkv *k);

/* Commits in order, later; survives the processes that use it. */
struct store_item {
    char *key;
    bool deleted;
    struct str value;
};
struct vstore {
    struct sim *sim;
    struct vkv kv;
    bool full; /* the disk takes nothing */
    int64_t last_at;
    uint64_t seq;
    struct commit *pending, *pending_tail;
    struct answer *answers;
    size_t answer_count, answer_cap;
};
typedef void store_done_fn(struct proc *p, void *arg, uint64_t n);
/* Takes over the items. fn is called when durable, unless p has died meanwhile. */
void vstore_commit(struct vstore *st, struct proc *p, struct store_item *items, size_t n, store_done_fn *fn,
                   void *arg, uint64_t tag);
/* The program that used it is dead: of what was asked for, some prefix has happened. */
void vstore_proc_died(struct vstore *st);
void vstore_done(struct vstore *st);

/* --- the world ------------------------------------------------------------------------------------------ */

struct event {
    int64_t at;
    uint64_t seq;
    struct proc *proc;
    unsigned incarnation;
    event_fn *fn;
    void *arg;
    uint64_t n;
    struct event *next;
};

struct ledger;
struct ensemble;
struct maintenance;
struct operator;
struct operator_request;
struct host_containers;

struct sim {
    struct sim_options o;
    int64_t now;
    int64_t wall_skew_ms;
    struct event **heap;
    size_t heap_n, heap_cap;
    struct event *spare;
    uint64_t seq, events;
    unsigned steps[STEP_KINDS]; /* so far */
    struct rng rng_net, rng_fault, rng_task, rng_fw, rng_boot, rng_disk, rng_marathon, rng_zk;

    struct proc *procs;   /* those that can be connected to */
    struct proc *mortals; /* executors */
    struct proc *master[MASTERS_MAX], *agent[AGENTS_MAX], *framework[FRAMEWORKS_MAX], *marathon[MARATHONS_MAX];
    unsigned master_count, agent_count, framework_count, marathon_count;
    struct operator *operator;
    struct maintenance *maintenance;
    struct ensemble *zk; /* NULL: one master and one marathon, with stores of their own */
    struct proc *running; /* whose handler runs */
    struct vstore master_store, marathon_store;
    int64_t trouble_at[HOSTS_MAX]; /* when something last happened to that machine */
    bool calm; /* the liveness phase: no new faults, nothing new is asked for */

    struct link *links;
    uint64_t next_link;
    bool *cut; /* of host_count * host_count; see net_is_cut */
    int host_count;
    struct ledger *ledger;

    char **ring; /* trace lines */
    size_t ring_n, ring_cap;
    uint64_t hash;
    bool failed;
    char why[600];
};

void sim_init(struct sim *s, const struct sim_options *o);
void sim_done(struct sim *s);
/* Runs events until this time, or until something fails. */
void sim_run_until(struct sim *s, int64_t ns);
bool sim_step(struct sim *s);

void faults_start(struct sim *s);
void faults_heal(struct sim *s);

/* --- the kinds ------------------------------------------------------------------------------------------ */
void masters_boot(struct sim *s);
void agents_boot(struct sim *s);
void agent_machine_reboots(struct sim *s, unsigned index);
bool agents_have_id(const struct sim *s, struct str id); /* some agent is registered, or was, under this id */
void agent_disk_full(struct sim *s, unsigned index, bool full);
void frameworks_boot(struct sim *s);
void marathon_boot(struct sim *s);
void world_free(struct sim *s);

bool proc_is_master(const struct proc *p);
bool proc_is_marathon(const struct proc *p);
/* The one that leads as far as the world knows; NULL: none. */
struct proc *sim_leading_master(struct sim *s);
const struct master *sim_master_of(const struct proc *p);
/* An operator's request to the one that leads; the answer goes to operator_answered, at once or later. False: there is none. */
bool sim_master_operate(struct sim *s, struct operator_request *q, uint64_t request);
struct master *sim_master_core(struct sim *s); /* of the one that leads; NULL: none, or it has not read its registry */
/* Whether a record is durable in the store that masters, or marathons, have. */
bool sim_master_has(struct sim *s, const char *key);
struct str sim_marathon_record(struct sim *s, const char *key); /* empty: there is none */

#endif
