/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the API share. */
#ifndef STOA_MARATHON_API_INT_H
#define STOA_MARATHON_API_INT_H

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "marathon/api/api.h"
#include "marathon/api/decode.h"
#include "marathon/api/encode.h"
#include "marathon/core/issues.h"
#include "marathon/core/normalise.h"
#include "marathon/core/pathid.h"
#include "marathon/core/pod.h"

enum { SEGMENTS_MAX = 1100, REQUEST_ARENA_BYTES_MAX = 512 << 20 };

/* One request being worked on. */
struct call {
    struct api *api;
    struct marathon *m;
    const struct api_request *r;
    struct api_answer *a;
    struct arena arena;
    struct issues issues;
    struct str segments[SEGMENTS_MAX]; /* decoded, without empty ones */
    size_t n;
    struct str new_group; /* a top-level group that the request makes, and what it says of roles */
    struct opt_bool new_group_role;
};

/* --- answer.c ------------------------------------------------------------------------------------------- */
struct jsonw answer_json(struct call *c, unsigned status); /* begin a JSON body */
void answer_text(struct call *c, unsigned status, const char *content_type, struct str body);
void answer_message(struct call *c, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void answer_issues(struct call *c, const char *message); /* 422 with details */
bool answer_bad(struct call *c, const char *message);    /* true: there are issues, and they are the answer */
void answer_not_allowed(struct call *c, const char *allow);
void answer_deployment(struct call *c, unsigned status, const struct update_result *res);
void answer_etag(struct call *c, struct wall version);
/* If-Match against the version of a definition (NULL: there is none). False: 412 is the answer. */
bool precondition_holds(struct call *c, const struct spec *s);
bool precondition_on(struct call *c, const struct wall *version); /* the same of anything that has a version */
void answer_location(struct call *c, struct str id);
/* The answer to a failed update. */
void answer_update_problem(struct call *c, const struct update_result *res, const struct error *err);
void jsonw_key_deployments(struct jsonw *w, const char (*ids)[UUID_TEXT_SIZE], size_t n);

/* --- query --- */
bool query_flag(const struct call *c, const char *name, bool dflt);
struct str query_text(struct call *c, const char *name); /* p NULL: absent */
/* Calls fn for each value of name. */
void query_each(struct call *c, const char *name, void (*fn)(void *arg, struct str value), void *arg);
/* "/a/b" from segments [from, to). */
struct str segments_path(struct call *c, size_t from, size_t to);
cJSON *body_json(struct call *c); /* NULL: the answer is made */
/* RFC 7396: in it null removes; in any other body it is as if the key were not there. */
bool body_is_merge_patch(const struct call *c);
bool parse_version(struct call *c, struct str text, struct wall *ret);

enum embed {
    EMBED_TASKS = 1,
    EMBED_COUNTS = 2,
    EMBED_DEPLOYMENTS = 4,
    EMBED_READINESS = 8,
    EMBED_FAILURE = 16,
    EMBED_STATS = 32,
    EMBED_GROUPS = 64,
    EMBED_APPS = 128,
    EMBED_PODS = 256
};
unsigned embeds(struct call *c); /* of the embed parameters */

/* --- render.c ----------------------------------------------------------------------------------------------
 */
/* The definition, rendered once per version: everything of the App object but its last brace and versionInfo.
 */
struct str spec_json(struct spec *s);
/* The members of the definition, in an object that stays open. */
void render_definition(struct jsonw *w, struct spec *spec, const struct slot *slot);
void render_attribute(struct jsonw *w, const struct attribute *a); /* of an agent */
void render_app(struct call *c, struct jsonw *w, struct spec *spec, const struct slot *slot, unsigned embed,
                bool version_info);
void render_task(struct jsonw *w, const struct instance *i, bool service_ports);
void render_local_volumes(struct jsonw *w, const struct instance *i);
/* It has one, or has a reservation for it. */
bool instance_has_task(const struct instance *i);
void render_action_list(struct jsonw *w, const struct plan_step *st);
void render_steps(struct jsonw *w, const struct plan *p);
/* At most max bytes of actions and one more; "omittedActions" then says how many are left out. */
void render_action_list_within(struct jsonw *w, const struct plan_step *st, size_t max);
void render_steps_within(struct jsonw *w, const struct plan *p, size_t max);
bool slot_is_app(const struct slot *s); /* in the root, and no pod */
bool slot_is_pod(const struct slot *s);
bool action_is_of_pod(const struct plan_action *a);
void render_action(struct jsonw *w, const struct plan_action *a); /* two members of an open object */
const char *slot_action_name(enum slot_action a);
void render_readiness(struct jsonw *w, const struct slot *s);

/* --- apps_change.c -----------------------------------------------------------------------------------------
 */
/* From JSON to a filled and validated app; false: the answer is made. stored: the present definition or NULL.
 */
struct app *app_from_json(struct call *c, const cJSON *json, struct str base, const struct place *at,
                          bool in_group);

/* --- change.c ------------------------------------------------------------------------------------------- */
/* Carries the update out; false: it failed, and that is the answer. */
bool run_update(struct call *c, struct root_update *u, const struct update_result **ret);
void answer_dry_run(struct call *c, const struct update_result *res);

/* --- merge.c ------------------------------------------------------------------------------------------- */
cJSON *json_merge_patch(cJSON *target, const cJSON *patch); /* target is taken; so is the answer the caller's */

/* --- selector.c --------------------------------------------------------------------------------------------
 */
struct selector;
/* NULL: cannot be parsed. Memory of the arena. */
struct selector *selector_parse(struct str text, struct arena *a);
bool selector_matches(const struct selector *s, const struct app *a);

/* --- the endpoints --- */
void handle_apps(struct call *c);
void apps_list(struct call *c);
void app_show(struct call *c, struct str id);
void apps_below(struct call *c, struct str group);
void app_versions(struct call *c, struct str id);
void app_version(struct call *c, struct str id, struct str version);
void app_create(struct call *c);
void apps_put(struct call *c, bool create);
void app_put(struct call *c, struct str id, bool create);
void app_delete(struct call *c, struct str id);
void app_restart(struct call *c, struct str id);
void app_tasks(struct call *c, struct str id, bool below);
void app_tasks_delete(struct call *c, struct str id, struct str task_id);
void handle_groups(struct call *c);
void handle_tasks(struct call *c);
void handle_queue(struct call *c);
void handle_deployments(struct call *c);
void handle_pods(struct call *c);
void render_pod_spec(struct jsonw *w, const struct spec *s);
void render_pod_status(struct call *c, struct jsonw *w, const struct slot *s);
void handle_info(struct call *c);
void handle_metrics(struct call *c);
void handle_logging(struct call *c);
void handle_config(struct call *c);
void describe_console(struct call *c); /* /api-console/ */
void describe_public(struct call *c);  /* /public/... */
void handle_jobs(struct call *c);
void handle_deleted(struct call *c);
void why_app(struct call *c, struct str id);
void why_job(struct call *c, struct str id);
bool handle_rollout(struct call *c); /* of a path below /stoa/v1/apps; false: it is another's */

#endif
