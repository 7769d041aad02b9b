/* SPDX-License-Identifier: Apache-2.0 */
/* The routes and the unversioned endpoints. Source: operator API, sections 7 and 9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/io/fs.h"
#include "master/shell.h"
#include "webui/webui.h"

/* --- JSON answers --- */

/* A value of the query, or empty; lives in a ring of buffers. */
static struct str param(struct http_req *r, const char *name, struct sbuf *b)
{
    size_t from = b->n;

    if (!http_query_get(http_req_query(r), name, b))
        return (struct str){ NULL, 0 };
    return str_sub(sbuf_view(b), from, b->n);
}

/* What this principal may see. */
static const struct view *view_for(struct shell *sh, struct str principal, struct view *v)
{
    *v = *mshell_view(sh);
    v->acls = sh->acls;
    v->principal = principal;
    return v;
}

#define VIEW(name_)                                                                                          \
    static void get_##name_(struct shell *sh, struct http_req *r, struct str rest, struct str principal)     \
    {                                                                                                        \
        struct sbuf b = SBUF_INIT(SIZE_MAX / 4);                                                             \
        struct view v;                                                                                       \
        (void)rest;                                                                                          \
        view_##name_(view_for(sh, principal, &v), &b);                                                       \
        http_reply_json(r, &b);                                                                                   \
    }
VIEW(version)
VIEW(roles)
VIEW(maintenance_status)
VIEW(registry)
VIEW(constraints_debug)

static void big(struct shell *sh, struct http_req *r, struct str principal, enum render_what what)
{
    CLEANUP(sbuf_done_p) struct sbuf query = SBUF_INIT(4096);
    struct render_doc doc = { .what = what, .principal = principal, .jsonp = param(r, "jsonp", &query) };

    render_answer(sh, r, &doc);
}

static void get_state(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    big(sh, r, principal, RENDER_STATE);
}

static void get_state_summary(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    big(sh, r, principal, RENDER_SUMMARY);
}

static bool number_of(struct http_req *r, struct str text, const char *name, int64_t *ret)
{
    struct str rest = text;

    if (text.n == 0)
        return true;
    if (str_i64(&rest, INT64_MIN, INT64_MAX, ret) && rest.n == 0)
        return true;
    http_reply_text(r, 400, "Failed to parse %s: Failed to convert '%.*s' to number", name, STR_ARG(text));
    return false;
}

/* A list by its query; without what: the decision log, which is short. */
static void list(struct shell *sh, struct http_req *r, struct str principal, const enum render_what *what, struct str rest)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(32768);
    struct view_query q = { .limit = 100 };

    (void)sbuf_room(&text, 16384); /* so that the views below do not move */
    q.slave_id = param(r, "slave_id", &text);
    if (q.slave_id.n == 0 && what != NULL && *what == RENDER_SLAVES)
        q.slave_id = rest; /* /slaves/<id> */
    q.framework_id = param(r, "framework_id", &text);
    q.task_id = param(r, "task_id", &text);
    q.ascending = str_is(param(r, "order", &text), "asc");
    if (!number_of(r, param(r, "limit", &text), "limit", &q.limit) ||
        !number_of(r, param(r, "offset", &text), "offset", &q.offset))
        return;
    if (what != NULL) {
        render_answer(sh, r, &(struct render_doc){ .what = *what, .principal = principal, .q = q, .jsonp = param(r, "jsonp", &text) });
        return;
    }
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
    struct view_now now = { loop_now(sh->loop), loop_wall(sh->loop) };
    struct view v;
    view_decisions(view_for(sh, principal, &v), &now, &q, &b);
    http_reply_json(r, &b);
}

#define LIST(name_, what_)                                                                               \
    static void get_##name_(struct shell *sh, struct http_req *r, struct str rest, struct str principal) \
    {                                                                                                    \
        static const enum render_what what = what_;                                                      \
        list(sh, r, principal, &what, rest);                                                             \
    }
LIST(slaves, RENDER_SLAVES)
LIST(frameworks, RENDER_FRAMEWORKS)
LIST(tasks, RENDER_TASKS)
LIST(why, RENDER_WHY)

static void get_decisions(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    list(sh, r, principal, NULL, rest);
}

static void get_health(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)sh;
    (void)rest;
    (void)principal;
    reply_empty(r, 200);
}

static void get_flags(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct sbuf b = SBUF_INIT(1 << 20);

    (void)rest;
    if (!auth_allows(sh, r, ACL_VIEW_FLAGS, principal))
        return;
    sbuf_c(&b, "{\"flags\":");
    sbuf_str(&b, sbuf_view(&sh->flags_json));
    sbuf_char(&b, '}');
    http_reply_json(r, &b);
}

static void get_redirect(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    (void)principal;
    election_redirect(sh, r, STR(""));
}

static void get_metrics(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(4096);
    struct str timeout = param(r, "timeout", &text);
    int64_t ns;

    (void)principal;
    if (!str_is(rest, "snapshot")) {
        http_reply_text(r, 404, "404 Not Found.");
    } else if (timeout.n != 0 && !duration_parse(timeout, &ns)) {
        struct str digits = timeout;
        while (digits.n > 0 && !((digits.p[digits.n - 1] >= '0' && digits.p[digits.n - 1] <= '9')))
            digits.n--;
        http_reply_text(r, 400, "Invalid timeout '%.*s': Failed to convert '%.*s' to number.\n", STR_ARG(timeout),
                        STR_ARG(digits));
    } else {
        metrics_answer(sh, r, false);
    }
}

/* /metrics itself is ours: Prometheus. /metrics/snapshot is found by the longer route. */
static void get_prometheus(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    if (rest.n != 0)
        get_metrics(sh, r, rest, principal);
    else
        metrics_answer(sh, r, true);
}

/* --- changes --- */

static bool method_is(struct http_req *r, enum http_verb verb, const char *allow)
{
    if (http_req_verb(r) == verb)
        return true;
    http_reply_not_allowed(r, allow);
    return false;
}

static bool recovered(struct shell *sh, struct http_req *r)
{
    if (!master_is_recovered(sh->m))
        http_reply_text(r, 503, "Master has not finished recovery");
    return master_is_recovered(sh->m);
}

/* Steps what was decoded, or answers 400. */
static void finish(struct shell *sh, struct http_req *r, struct str principal, struct decoded *d, int rc, const struct error *err)
{
    d->op.principal = principal;
    if (rc != 0)
        http_reply_text(r, 400, "%s", err->msg);
    else
        mshell_step_request(sh, &d->ev, r);
    decoded_done(d);
}

static void form_operation(struct shell *sh, struct http_req *r, struct str principal, int type, const char *field)
{
    struct sbuf agent = SBUF_INIT(4096), resources = SBUF_INIT(8 << 20), source = SBUF_INIT(8 << 20);
    struct str body = http_req_body(r);
    struct decoded d;
    struct error err;

    if (!recovered(sh, r) || !method_is(r, HTTP_VERB_POST, "POST"))
        return;
    if (!http_query_get(body, "slaveId", &agent)) {
        http_reply_text(r, 400, "Missing 'slaveId' query parameter in the request body");
    } else if (!http_query_get(body, field, &resources)) {
        http_reply_text(r, 400, "Missing '%s' query parameter in the request body", field);
    } else {
        (void)http_query_get(body, "source", &source);
        decoded_init(&d);
        int rc = decode_operator_form(sh->m, type, sbuf_view(&agent), sbuf_view(&resources), sbuf_view(&source), principal,
                                      &d, &err);
        finish(sh, r, principal, &d, rc, &err);
    }
    sbuf_done(&agent);
    sbuf_done(&resources);
    sbuf_done(&source);
}

#define FORM(name_, type_, field_)                                                                        \
    static void post_##name_(struct shell *sh, struct http_req *r, struct str rest, struct str principal) \
    {                                                                                                     \
        (void)rest;                                                                                       \
        form_operation(sh, r, principal, type_, field_);                                                  \
    }
FORM(reserve, OPERATION_RESERVE, "resources")
FORM(unreserve, OPERATION_UNRESERVE, "resources")
FORM(create_volumes, OPERATION_CREATE, "volumes")
FORM(destroy_volumes, OPERATION_DESTROY, "volumes")

static void post_teardown(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct sbuf id = SBUF_INIT(4096);
    struct operator_request q = { .type = OPERATOR_TEARDOWN, .principal = principal };
    struct master_event ev = { .type = MASTER_EV_OPERATOR, .op = &q };

    (void)rest;
    if (!recovered(sh, r) || !method_is(r, HTTP_VERB_POST, "POST"))
        return;
    if (!http_query_get(http_req_body(r), "frameworkId", &id)) {
        http_reply_text(r, 400, "Missing 'frameworkId' query parameter in the request body");
    } else {
        q.framework = framework_id(sbuf_view(&id));
        mshell_step_request(sh, &ev, r);
    }
    sbuf_done(&id);
}

static void weights(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct decoded d;
    struct error err;

    (void)rest;
    if (http_req_verb(r) == HTTP_VERB_GET) {
        struct view v;
        struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
        view_weights(view_for(sh, principal, &v), &b);
        http_reply_json(r, &b);
        return;
    }
    if (!recovered(sh, r) || !method_is(r, HTTP_VERB_PUT, "GET, PUT"))
        return;
    decoded_init(&d);
    int rc = decode_weights_json(http_req_body(r), &d, &err);
    finish(sh, r, principal, &d, rc, &err);
}

static void quota(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct decoded d;
    struct error err;

    if (http_req_verb(r) == HTTP_VERB_GET) {
        struct view v;
        struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
        view_quota(view_for(sh, principal, &v), &b);
        http_reply_json(r, &b);
        return;
    }
    if (!recovered(sh, r))
        return;
    if (http_req_verb(r) == HTTP_VERB_DELETE) {
        struct sbuf role = SBUF_INIT(4096);
        struct operator_request q = { .type = OPERATOR_REMOVE_QUOTA, .principal = principal };
        struct master_event ev = { .type = MASTER_EV_OPERATOR, .op = &q };
        (void)http_percent_decode(&role, rest);
        q.role = sbuf_view(&role);
        mshell_step_request(sh, &ev, r);
        sbuf_done(&role);
        return;
    }
    if (!method_is(r, HTTP_VERB_POST, "GET, POST, DELETE"))
        return;
    decoded_init(&d);
    int rc = decode_quota_request_json(http_req_body(r), &d, &err);
    finish(sh, r, principal, &d, rc, &err);
}

static void schedule(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct decoded d;
    struct error err;

    (void)rest;
    if (http_req_verb(r) == HTTP_VERB_GET) {
        struct view v;
        struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
        view_maintenance_schedule(view_for(sh, principal, &v), &b);
        http_reply_json(r, &b);
        return;
    }
    if (!recovered(sh, r) || !method_is(r, HTTP_VERB_POST, "GET, POST"))
        return;
    decoded_init(&d);
    int rc = decode_schedule_json(http_req_body(r), &d, &err);
    finish(sh, r, principal, &d, rc, &err);
}

static void machines(struct shell *sh, struct http_req *r, struct str principal, bool down)
{
    struct decoded d;
    struct error err;

    if (!recovered(sh, r) || !method_is(r, HTTP_VERB_POST, "POST"))
        return;
    decoded_init(&d);
    int rc = decode_machines_json(http_req_body(r), down, &d, &err);
    finish(sh, r, principal, &d, rc, &err);
}

static void machine_down(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    machines(sh, r, principal, true);
}

static void machine_up(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    machines(sh, r, principal, false);
}

/* --- API and pages --- */

static void scheduler(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    api_scheduler(sh, r, principal);
}

static void operator_api(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)rest;
    api_operator(sh, r, principal);
}

static bool page_of_folder(const struct shell *sh, struct str name, struct sbuf *content)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(4096);
    struct error err;

    sbuf_fmt(&path, "%s/%.*s", sh->flags.webui_dir, STR_ARG(name));
    return fs_read(path.p, content, &err) == 0;
}

/* The web UI: from --webui_dir when it is set, else the pages in the executable. */
static void page(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct sbuf name = SBUF_INIT(2048), content = SBUF_INIT(16 << 20);
    struct webui_file file = { .content_type = "application/octet-stream" };
    bool get = http_req_verb(r) == HTTP_VERB_GET || http_req_verb(r) == HTTP_VERB_HEAD;

    (void)principal;
    bool found = get && http_percent_decode(&name, rest) && !str_contains(sbuf_view(&name), STR("..")) &&
                 webui_find(WEBUI_MASTER, sbuf_view(&name), &file);
    if (get && sh->flags.webui_dir != NULL && !str_contains(sbuf_view(&name), STR("..")))
        found = page_of_folder(sh, name.n != 0 ? sbuf_view(&name) : STR("index.html"), &content) || found;
    if (!found)
        http_reply_text(r, 404, "404 Not Found.");
    else if (content.n != 0)
        http_reply_sbuf(r, 200, file.content_type, &content);
    else
        http_reply(r, 200, file.content_type, file.content);
    sbuf_done(&name);
    sbuf_done(&content);
}

static void help(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct sbuf b = SBUF_INIT(65536);

    (void)sh;
    (void)rest;
    (void)principal;
    for (size_t i = 0; i < master_endpoint_count; i++)
        if (master_endpoints[i].path[1] != '\0')
            sbuf_fmt(&b, "%s\n", master_endpoints[i].path);
    http_reply_sbuf(r, 200, "text/plain; charset=utf-8", &b);
}

static void processes(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    (void)sh;
    (void)rest;
    (void)principal;
    http_reply(r, 200, "application/json", STR("[{\"events\":[],\"id\":\"master\"}]"));
}

const struct endpoint master_endpoints[] = {
    { "/health", REALM_NONE, false, true, get_health },
    { "/version", REALM_NONE, false, true, get_version },
    { "/redirect", REALM_NONE, false, true, get_redirect },
    { "/flags", REALM_READONLY, false, true, get_flags },
    { "/state", REALM_READONLY, true, false, get_state },
    { "/state-summary", REALM_READONLY, true, false, get_state_summary },
    { "/slaves", REALM_READONLY, true, false, get_slaves },
    { "/frameworks", REALM_READONLY, true, false, get_frameworks },
    { "/tasks", REALM_READONLY, true, false, get_tasks },
    { "/roles", REALM_READONLY, true, false, get_roles },
    { "/weights", REALM_READWRITE, true, false, weights },
    { "/quota", REALM_READWRITE, true, false, quota },
    { "/maintenance/status", REALM_READONLY, true, false, get_maintenance_status },
    { "/maintenance/schedule", REALM_READWRITE, true, false, schedule },
    { "/machine/down", REALM_READWRITE, true, false, machine_down },
    { "/machine/up", REALM_READWRITE, true, false, machine_up },
    { "/reserve", REALM_READWRITE, true, false, post_reserve },
    { "/unreserve", REALM_READWRITE, true, false, post_unreserve },
    { "/create-volumes", REALM_READWRITE, true, false, post_create_volumes },
    { "/destroy-volumes", REALM_READWRITE, true, false, post_destroy_volumes },
    { "/teardown", REALM_READWRITE, true, false, post_teardown },
    { "/api/v1/scheduler", REALM_SCHEDULER, true, false, scheduler },
    { "/api/v1", REALM_READWRITE, true, false, operator_api },
    { "/metrics", REALM_READONLY, false, false, get_prometheus },
    { "/files", REALM_READONLY, false, false, master_files },
    { "/logging", REALM_READWRITE, false, false, master_logging },
    { "/system", REALM_NONE, false, false, master_system },
    { "/registrar(1)/registry", REALM_READONLY, false, false, get_registry },
    { "/registrar%281%29/registry", REALM_READONLY, false, false, get_registry },
    { "/allocator/offer_constraints_debug", REALM_READONLY, true, false, get_constraints_debug },
    { "/stoa/v1/decisions", REALM_READONLY, true, false, get_decisions },
    { "/stoa/v1/why", REALM_READONLY, true, false, get_why },
    { "/help", REALM_NONE, false, false, help },
    { "/__processes__", REALM_NONE, false, false, processes },
    { "/", REALM_NONE, false, false, page },
};
const size_t master_endpoint_count = sizeof master_endpoints / sizeof master_endpoints[0];
