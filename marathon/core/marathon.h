/* SPDX-License-Identifier: Apache-2.0 */
/* The service as a machine: events in, actions out. Pure: time and randomness come with the event.
 *
 * Order. The shell first makes the store operations of a step durable, and only then carries out its other
 * actions and answers the request that caused the step: no launch, kill, acknowledgement, event or answer
 * leaves before the records that it rests on. Steps may go on meanwhile; their actions queue behind.
 *
 * Events lend: what they point to is copied if kept. Actions and what they point to are the core's and valid
 * until the next step. A step that answers an error has changed nothing.
 *
 * Start: marathon_new, marathon_restore_* for every record in the order of the functions below, then
 * EVENT_STARTED.
 *
 * How an app, an instance and a deployment live in here, and which file does what: internal.h. */
#ifndef STOA_MARATHON_MARATHON_H
#define STOA_MARATHON_MARATHON_H

#include "common/base/error.h"
#include "marathon/core/deleted.h"
#include "marathon/core/job.h"
#include "marathon/core/state.h"

/* --- updates of the root ------------------------------------------------------------------------------- */
struct update_app {
    struct str id;         /* absolute */
    const struct app *app; /* filled and validated; NULL: remove */
    bool restart;          /* new version even if nothing differs */
};

struct update_group {
    struct str path;
    bool remove;
    const struct list *dependencies; /* struct str, absolute; NULL: keep */
    struct opt_bool enforce_role;
};

/* All of it or nothing. */
struct root_update {
    const struct update_app *apps;
    size_t app_count;
    const struct update_group *groups;
    size_t group_count;
    const struct str *kill_ids; /* tasks to be chosen first when scaling down */
    size_t kill_count;
    struct str changed_group; /* of group_change_success */
    bool force;
    bool dry_run; /* plan only: nothing changes, nothing is stored */
    bool is_back; /* takes back what its deployment changed */
    const char *cancel_reason; /* for the deployments that it ends by force; NULL: the usual text */
};

enum rollout_verb { ROLLOUT_PAUSE, ROLLOUT_RESUME, ROLLOUT_PROMOTE, ROLLOUT_UNDO };

enum { CONFLICTS_MAX = 100 };

struct update_result {
    bool done;
    char deployment_id[UUID_TEXT_SIZE];
    struct wall version;
    const struct deployment *plan; /* dry run: valid until the next step */
    const struct prediction *prediction; /* of it; NULL: could not be made */
    /* When not done: */
    enum update_problem {
        UPDATE_OK,
        UPDATE_LOCKED,
        UPDATE_TOO_MANY,
        UPDATE_CYCLE,
        UPDATE_CLASH,
        UPDATE_ROLES,
        UPDATE_PORTS
    } problem;
    char conflicts[CONFLICTS_MAX][UUID_TEXT_SIZE];
    size_t conflict_count;
    char text[256];
};

/* --- events ----------------------------------------------------------------------------------------------
 */
struct status_event {
    struct str task_id, agent_id, message, reason; /* reason: "REASON_...", may be empty */
    enum task_state state;
    int reason_number; /* REASON_NONE when absent */
    struct str uuid;   /* empty: needs no acknowledgement */
    int healthy;       /* 1, 0, -1: not said */
    struct str container_id;
    const struct ip_addr *ips;
    unsigned ip_count;
    struct check_result check; /* of AppCheck; CHECK_RESULT_NONE: not said */
};

struct probe_event {
    uint64_t id;
    bool answered;                 /* HTTP: an answer came; TCP: connected */
    int status;                    /* HTTP */
    struct str error;              /* why not answered */
    struct str content_type, body; /* readiness */
};

enum marathon_event_type {
    EVENT_STARTED,
    EVENT_SUBSCRIBED,
    EVENT_DISCONNECTED,
    EVENT_OFFERS,
    EVENT_AGENT_LOST, /* removed or unreachable, says the master */
    EVENT_STATUS,
    EVENT_MESSAGE,
    EVENT_PROBE,
    EVENT_TICK, /* wake_at has come */
    EVENT_UPDATE,
    EVENT_CANCEL, /* of a deployment, with rollback unless force */
    EVENT_KILL,   /* instances, to be replaced */
    EVENT_RESET_DELAY,
    EVENT_JOB_PUT,
    EVENT_JOB_DELETE, /* CONFLICT while runs are active, unless stop_runs */
    EVENT_JOB_RUN,    /* now; result.text is the run's id */
    EVENT_RUN_KILL,
    EVENT_DELETED_FORGET,
    EVENT_ROLLOUT, /* of an app */
};

struct marathon_event {
    struct mono now;
    struct wall wall;
    enum marathon_event_type type;
    union {
        struct {
            struct str framework_id, master; /* master: "host:port" */
        } subscribed;
        struct {
            struct offer *v; /* worked off in place */
            size_t n;
        } offers;
        struct str agent_lost; /* agent id */
        struct status_event status;
        struct {
            struct str agent_id, executor_id, data;
        } message;
        struct probe_event probe;
        const struct root_update *update;
        struct {
            struct str deployment_id;
            bool force;
        } cancel;
        struct {
            const struct str *instance_ids;
            size_t n;
            bool wipe;
        } kill;
        struct str reset_delay; /* app id */
        struct str deleted_forget; /* app id */
        const struct job_update *job_put;
        struct {
            struct str id, run_id;
            bool stop_runs;
        } job;
        struct {
            struct str app_id;
            enum rollout_verb verb;
        } rollout;
    };
};

/* --- actions ---------------------------------------------------------------------------------------------
 */
enum store_kind {
    STORE_SPEC,        /* spec */
    STORE_SPEC_DELETE, /* spec */
    STORE_CURRENT,     /* slot: which version is wanted */
    STORE_CURRENT_DELETE,
    STORE_GROUP,        /* group */
    STORE_GROUP_DELETE, /* id: the path */
    STORE_INSTANCE,
    STORE_INSTANCE_DELETE,
    STORE_DEPLOYMENT,
    STORE_DEPLOYMENT_DELETE,
    STORE_CHANGE,
    STORE_CHANGE_DELETE,
    STORE_FAILURE, /* slot */
    STORE_FAILURE_DELETE,
    STORE_GARBAGE, /* garbage */
    STORE_GARBAGE_DELETE,
    STORE_FRAMEWORK_ID,
    STORE_JOB,
    STORE_JOB_DELETE,
    STORE_RUN, /* id: "<job>@<run>" */
    STORE_RUN_DELETE,
    STORE_DELETED,
    STORE_DELETED_DELETE
};

struct store_op {
    enum store_kind kind;
    struct str id; /* what keys are made of, copied: objects of deletes may be dead */
    struct wall version;
    const struct spec *spec;
    const struct slot *slot;
    const struct group *group;
    const struct instance *instance;
    const struct deployment *deployment;
    const struct root_change *change;
    const struct garbage *garbage;
    const struct job *job;
    const struct job_run *run;
    const struct deleted *deleted;
};

/* What is done with picks of an offer: run a task, reserve them and make the volumes among them, or destroy
 * the volumes among them and unreserve all. */
enum launch_kind { LAUNCH_RUN, LAUNCH_RESERVE, LAUNCH_RECLAIM };

struct launch { /* of RECLAIM only the picks, which are whole resources */
    enum launch_kind kind;
    const struct instance *instance;
    struct str task_id;
    const struct spec *spec;
    struct str agent_id, hostname;
    const uint32_t *ports, *container_ports;
    size_t port_count;
    struct pick *picks;
    size_t pick_count;
};

/* Names of the event bus; the keys are in marathon-schemas (Event:*). */
#define BUS_EVENTS(X)                                                                                        \
    X(STREAM_ATTACHED, "event_stream_attached")                                                              \
    X(STREAM_DETACHED, "event_stream_detached")                                                              \
    X(API_POST, "api_post_event") X(STATUS_UPDATE, "status_update_event") X(FRAMEWORK_MESSAGE,               \
                                                                            "framework_message_event")       \
        X(ADD_HEALTH_CHECK, "add_health_check_event") X(REMOVE_HEALTH_CHECK, "remove_health_check_event") X( \
            FAILED_HEALTH_CHECK, "failed_health_check_event") X(HEALTH_STATUS_CHANGED,                       \
                                                                "health_status_changed_event")               \
            X(UNHEALTHY_INSTANCE_KILL, "unhealthy_instance_kill_event") X(GROUP_CHANGE_SUCCESS,              \
                                                                          "group_change_success")            \
                X(GROUP_CHANGE_FAILED, "group_change_failed") X(DEPLOYMENT_SUCCESS, "deployment_success")    \
                    X(DEPLOYMENT_FAILED, "deployment_failed") X(DEPLOYMENT_INFO, "deployment_info")          \
                        X(DEPLOYMENT_STEP_SUCCESS, "deployment_step_success") X(DEPLOYMENT_STEP_FAILURE,     \
                                                                                "deployment_step_failure")   \
                            X(POD_CREATED, "pod_created_event") X(POD_UPDATED, "pod_updated_event")      \
                                X(POD_DELETED, "pod_deleted_event")                                      \
                            X(APP_TERMINATED, "app_terminated_event") X(INSTANCE_CHANGED,                    \
                                                                        "instance_changed_event")            \
                                X(INSTANCE_HEALTH_CHANGED, "instance_health_changed_event")                  \
                                    X(UNKNOWN_INSTANCE_TERMINATED, "unknown_instance_terminated_event")      \
                                        X(SCHEDULER_REGISTERED, "scheduler_registered_event")                \
                                            X(SCHEDULER_REREGISTERED, "scheduler_reregistered_event")        \
                                                X(SCHEDULER_DISCONNECTED, "scheduler_disconnected_event")        \
    X(JOB_CREATED, "job_created_event") X(JOB_UPDATED, "job_updated_event") X(JOB_DELETED, "job_deleted_event") \
    X(JOB_RUN_CHANGED, "job_run_changed_event") X(JOB_RUN_SKIPPED, "job_run_skipped_event")

enum bus_type {
#define X(sym, text) BUS_##sym,
    BUS_EVENTS(X)
#undef X
        BUS_TYPE_COUNT
};
const char *bus_type_name(enum bus_type t);
/* Those of jobs, an addition of ours: some clients fail at a type that they do not know, so these are for who asks. */
static inline bool bus_type_is_ours(enum bus_type t)
{
    return t >= BUS_JOB_CREATED;
}

/* One event of the bus. Which members are set follows from the type. */
struct bus_event {
    enum bus_type type;
    struct wall at;
    struct str app_id, instance_id, task_id, agent_id, host, message, reason, group_id, master, client, uri;
    const char *state; /* TASK_* or Condition; static */
    struct wall version;
    const uint32_t *ports;
    size_t port_count;
    const struct ip_addr *ips;
    unsigned ip_count;
    bool alive;
    enum instance_health health;
    const struct health_check *check;
    const struct spec *spec;
    const struct deployment *deployment;
    const struct plan_step *step; /* of deployment_info and the step events */
    const struct job *job;
    const struct job_run *run;
};

enum action_type {
    DO_ACCEPT, /* launches on one offer */
    DO_DECLINE,
    DO_REVIVE,
    DO_SUPPRESS,
    DO_KILL,
    DO_ACKNOWLEDGE,
    DO_RECONCILE, /* all tasks that are known: read them from the tables */
    DO_PROBE,
    DO_EVENT
};

struct probe_request {
    uint64_t id;
    enum hc_protocol protocol; /* HTTP, HTTPS or TCP */
    struct str host, path;
    uint32_t port;
    int64_t timeout_ns;
    bool keep_body; /* readiness with preserveLastResponse */
};

struct marathon_action {
    enum action_type type;
    union {
        struct {
            struct str offer_id;
            size_t offer_index; /* in the event */
            const struct launch *launches;
            size_t n;
            int64_t refuse_ns;
        } accept;
        struct {
            struct str offer_id;
            int64_t refuse_ns;
        } decline;
        struct {
            struct str task_id, agent_id;
        } kill;
        struct {
            struct str task_id, agent_id, uuid;
        } acknowledge;
        struct probe_request probe;
        struct bus_event event;
    };
};

struct marathon_actions {
    struct arena arena;
    struct store_op *stores;
    size_t store_count, store_cap;
    struct marathon_action *v;
    size_t n, cap;
    struct mono wake_at;
    struct update_result result; /* of UPDATE and CANCEL */
};

struct marathon *marathon_new(const struct marathon_config *c);
void marathon_free(struct marathon *m);
void marathon_actions_init(struct marathon_actions *a);
void marathon_actions_done(struct marathon_actions *a);

/* One event. ret is cleared first. Errors: NOT_FOUND (cancel, reset delay, rollout), CONFLICT (also rollout), LIMIT, INVALID (update;
 * ret->result tells more). */
int marathon_step(struct marathon *m, const struct marathon_event *ev, struct rng *rng,
                  struct marathon_actions *ret, struct error *err);

/* --- recovery ---------------------------------------------------------------------------------------------
 */
void marathon_restore_framework_id(struct marathon *m, struct str id);
/* app as it was stored, with version and versionInfo. */
void marathon_restore_spec(struct marathon *m, const struct app *app);
int marathon_restore_current(struct marathon *m, struct str app_id, struct wall version, struct error *err);
void marathon_restore_group(struct marathon *m, struct str path, const struct list *dependencies,
                            struct opt_bool enforce_role, struct wall version);

struct stored_instance {
    struct str id, app_id, agent_id, hostname, region, zone;
    struct wall spec_version, since;
    enum instance_state state;
    enum goal goal;
    unsigned incarnation;
    const struct attribute *attributes;
    size_t attribute_count;
    const uint32_t *ports, *container_ports;
    size_t port_count;
    const struct ip_addr *ips;
    unsigned ip_count;
    struct opt_time staged_at, started_at;
    int mesos_state; /* -1: none */
    enum reservation reservation;
    const struct str *volumes; /* their uuids */
    size_t volume_count;
};
int marathon_restore_instance(struct marathon *m, const struct stored_instance *si, struct mono now,
                              struct error *err);

struct stored_action {
    enum slot_action type;
    struct str app_id;
    struct opt_time from, to; /* versions */
    int64_t scale_to;
    bool paused, promoted; /* of its app's rollout */
    int64_t failures;
};
struct stored_deployment {
    bool is_back;
    struct str id;
    struct wall version;
    const struct stored_action *actions;
    const size_t *step_sizes;
    size_t step_count;
};
int marathon_restore_deployment(struct marathon *m, const struct stored_deployment *sd, struct error *err);

struct stored_change_entry {
    struct str id;
    struct opt_time before;
};
void marathon_restore_change(struct marathon *m, struct wall version,
                             const struct stored_change_entry *entries, size_t n,
                             const struct str *new_groups, size_t new_group_count);
struct stored_failure {
    struct str app_id, host, message, task_id, agent_id, state;
    struct wall at, version;
};
void marathon_restore_failure(struct marathon *m, const struct stored_failure *f);
void marathon_restore_garbage(struct marathon *m, struct str owner, struct str agent_id, struct str role,
                              struct wall since);

/* --- reading -----------------------------------------------------------------------------------------------
 */
/* The definition of an app as the root was at that version; NULL when the app was not there. The version must
 * be one of marathon_root_versions. */
struct spec *marathon_app_at(const struct marathon *m, struct str id, struct wall version);

#endif
