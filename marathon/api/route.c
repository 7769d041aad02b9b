/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to its endpoint. Ids are embedded raw, slashes included, so the routes look at the first two
 * segments and at the last ones. Empty segments do not count: "/v2/apps//a" is "/v2/apps/a". Source:
 * marathon-api §4. */
#include "marathon/api/int.h"

static bool reads(const struct call *c)
{
    return c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD;
}

/* --- /v2/apps --- */
static void apps_root(struct call *c)
{
    switch (c->r->verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        apps_list(c);
        return;
    case HTTP_VERB_POST:
        app_create(c);
        return;
    case HTTP_VERB_PUT:
        apps_put(c, true);
        return;
    case HTTP_VERB_PATCH:
        apps_put(c, false);
        return;
    case HTTP_VERB_DELETE:
    case HTTP_VERB_OPTIONS:
    case HTTP_VERB_OTHER:
        break;
    }
    answer_not_allowed(c, "GET, HEAD, POST, PUT, PATCH, OPTIONS");
}

static void app_itself(struct call *c)
{
    struct str id = segments_path(c, 2, c->n);

    switch (c->r->verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        app_show(c, id);
        return;
    case HTTP_VERB_PUT:
        app_put(c, id, true);
        return;
    case HTTP_VERB_PATCH:
        app_put(c, id, false);
        return;
    case HTTP_VERB_DELETE:
        app_delete(c, id);
        return;
    case HTTP_VERB_POST:
    case HTTP_VERB_OPTIONS:
    case HTTP_VERB_OTHER:
        break;
    }
    answer_not_allowed(c, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
}

static void app_tasks_route(struct call *c)
{
    bool below = c->n > 3 && str_is(c->segments[c->n - 2], "*");
    struct str id = segments_path(c, 2, c->n - 1 - below);

    if (reads(c))
        app_tasks(c, id, below);
    else if (c->r->verb == HTTP_VERB_DELETE && !below)
        app_tasks_delete(c, id, (struct str){ NULL, 0 });
    else
        answer_not_allowed(c, "GET, HEAD, DELETE, OPTIONS");
}

void handle_apps(struct call *c)
{
    struct str last = c->segments[c->n - 1], before = c->n > 3 ? c->segments[c->n - 2] : STR("");

    if (c->n == 2) {
        apps_root(c);
    } else if (str_is(last, "*")) {
        if (reads(c))
            apps_below(c, segments_path(c, 2, c->n - 1));
        else
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
    } else if (c->n > 3 && str_is(last, "restart")) {
        if (c->r->verb == HTTP_VERB_POST)
            app_restart(c, segments_path(c, 2, c->n - 1));
        else
            answer_not_allowed(c, "POST, OPTIONS");
    } else if (c->n > 3 && str_is(last, "tasks")) {
        app_tasks_route(c);
    } else if (c->n > 4 && str_is(before, "tasks")) {
        if (c->r->verb == HTTP_VERB_DELETE)
            app_tasks_delete(c, segments_path(c, 2, c->n - 2), last);
        else
            answer_not_allowed(c, "DELETE, OPTIONS");
    } else if (c->n > 3 && str_is(last, "versions")) {
        if (reads(c))
            app_versions(c, segments_path(c, 2, c->n - 1));
        else
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
    } else if (c->n > 4 && str_is(before, "versions")) {
        if (reads(c))
            app_version(c, segments_path(c, 2, c->n - 2), last);
        else
            answer_not_allowed(c, "GET, HEAD, OPTIONS");
    } else {
        app_itself(c);
    }
}

/* --- small ones --- */
static void leader(struct call *c)
{
    struct jsonw w;

    if (reads(c)) {
        w = answer_json(c, 200);
        jsonw_open(&w);
        jsonw_key_s(&w, "leader", c->api->leader);
        jsonw_close(&w);
    } else if (c->r->verb == HTTP_VERB_DELETE) {
        if (query_text(c, "backup").p != NULL || query_text(c, "restore").p != NULL) {
            answer_message(c, 422, "'backup' and 'restore' are not supported by this version");
            return;
        }
        answer_message(c, 200, "Leadership abdicated");
        c->a->is_abdication = true;
    } else {
        answer_not_allowed(c, "GET, HEAD, DELETE, OPTIONS");
    }
}

static void plugins(struct call *c)
{
    struct jsonw w;

    if (c->n > 2) {
        answer_message(c, 404, "No plugin with this pluginId: %.*s",
                       STR_ARG(str_sub(c->segments[2], 0, 200)));
        return;
    }
    if (!reads(c)) {
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
        return;
    }
    w = answer_json(c, 200);
    jsonw_open(&w);
    jsonw_key_array(&w, "plugins");
    jsonw_array_close(&w);
    jsonw_close(&w);
}

static void ping(struct call *c)
{
    struct str accept = c->r->accept;

    if (!reads(c))
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
    else if (str_contains(accept, STR("text/html")))
        answer_text(c, 200, "text/html", STR("pong"));
    else if (accept.n == 0 || http_accepts_type(accept, "text/plain"))
        answer_text(c, 200, "text/plain", STR("pong"));
    else if (http_accepts_type(accept, "application/json"))
        answer_text(c, 200, "application/json", STR("\"pong\""));
    else
        answer_text(c, 204, NULL, STR(""));
}

static void events(struct call *c)
{
    if (!reads(c))
        answer_not_allowed(c, "GET, OPTIONS");
    else if (!str_contains(c->r->accept, STR("text/event-stream")))
        answer_message(c, 405, "Method Not Allowed");
    else
        c->a->is_stream = true;
}

static void redirect(struct call *c, const char *to)
{
    answer_text(c, 302, NULL, STR(""));
    sbuf_c(&c->a->location, to);
}

static void only_get(struct call *c, void (*fn)(struct call *c))
{
    if (reads(c))
        fn(c);
    else
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
}

static void handle_v2(struct call *c)
{
    static const struct {
        const char *name;
        void (*fn)(struct call *c);
        bool exact;
    } routes[] = {
        { "apps", handle_apps, false },
        { "groups", handle_groups, false },
        { "tasks", handle_tasks, false },
        { "queue", handle_queue, false },
        { "deployments", handle_deployments, false },
        { "pods", handle_pods, false },
        { "leader", leader, true },
        { "plugins", plugins, false },
        { "events", events, true },
    };

    if (c->n == 2 && str_is(c->segments[1], "info")) {
        only_get(c, handle_info);
        return;
    }
    for (size_t i = 0; c->n >= 2 && i < sizeof routes / sizeof routes[0]; i++)
        if (str_is(c->segments[1], routes[i].name) && (!routes[i].exact || c->n == 2)) {
            routes[i].fn(c);
            return;
        }
    answer_message(c, 404, "URI not found");
}

/* --- /stoa/v1: additions of ours ------------------------------------------------------------------------ */
static void handle_stoa(struct call *c)
{
    bool v1 = c->n >= 3 && str_is(c->segments[1], "v1");
    struct str what = v1 ? c->segments[2] : STR("");

    if (str_is(what, "jobs"))
        handle_jobs(c);
    else if (str_is(what, "deleted"))
        handle_deleted(c);
    else if (str_is(what, "apps") && c->n > 4 && str_is(c->segments[c->n - 1], "why"))
        why_app(c, segments_path(c, 3, c->n - 1));
    else if (!str_is(what, "apps") || c->n <= 4 || !handle_rollout(c))
        answer_message(c, 404, "URI not found");
}

/* Tasks of one app have a text form as well: its handler decides. */
static bool text_wanted(const struct call *c)
{
    return c->n > 3 && str_is(c->segments[1], "apps") && str_is(c->segments[c->n - 1], "tasks") &&
           http_accepts_type(c->r->accept, "text/plain");
}

static void dispatch(struct call *c)
{
    struct str first = c->n != 0 ? c->segments[0] : STR("");
    bool json = str_is(first, "v2") &&
                !(c->n >= 2 && (str_is(c->segments[1], "events") || str_is(c->segments[1], "tasks")));

    if (json && c->r->verb != HTTP_VERB_OPTIONS && !http_accepts_type(c->r->accept, "application/json") &&
        !text_wanted(c) && !str_contains(c->r->accept, STR("text/html"))) {
        answer_message(c, 406, "Not Acceptable");
        return;
    }
    if (str_is(first, "v2"))
        handle_v2(c);
    else if (c->n == 1 && str_is(first, "ping"))
        ping(c);
    else if (str_is(first, "metrics"))
        handle_metrics(c);
    else if (c->n == 1 && str_is(first, "logging"))
        handle_logging(c);
    else if (c->n == 1 && str_is(first, "config"))
        only_get(c, handle_config);
    else if (c->n == 1 && str_is(first, "help"))
        redirect(c, "/api-console/index.html");
    else if (str_is(first, "api-console") && (c->n == 1 || (c->n == 2 && str_is(c->segments[1], "index.html"))))
        only_get(c, describe_console);
    else if (str_is(first, "public"))
        only_get(c, describe_public);
    else if (str_is(first, "stoa"))
        handle_stoa(c);
    else if (c->n == 0 || (c->n == 1 && str_is(first, "ui")))
        redirect(c, "/ui/");
    else
        answer_message(c, 404, "URI not found");
}

/* No route serves OPTIONS itself: what it says to a method that it has not got is the answer. */
static void answer_options(struct call *c)
{
    const char *allow = c->a->allow;

    if (allow == NULL)
        return; /* no such route */
    sbuf_clear(&c->a->body);
    answer_text(c, 200, NULL, STR(""));
    c->a->allow = allow;
}

/* Splits before decoding: an encoded slash is part of a segment. False: a broken escape, or too many
 * segments. */
static bool split(struct call *c)
{
    struct str rest = c->r->path, raw;

    while (http_path_next(&rest, &raw)) {
        struct sbuf b = SBUF_INIT(16 * 1024);
        bool ok = c->n < SEGMENTS_MAX && http_percent_decode(&b, raw);
        if (ok)
            c->segments[c->n++] = arena_str(&c->arena, sbuf_view(&b));
        sbuf_done(&b);
        if (!ok)
            return false;
    }
    return true;
}

void api_handle(struct api *api, const struct api_request *r, struct api_answer *a)
{
    struct call *c = xcalloc(1, sizeof *c);

    c->api = api;
    c->m = api->m;
    c->r = r;
    c->a = a;
    arena_init(&c->arena, REQUEST_ARENA_BYTES_MAX);
    c->issues.arena = &c->arena;
    api->http.request_bytes += r->body.n;
    if (split(c))
        dispatch(c);
    else
        answer_message(c, 400, "the path is not valid");
    if (r->verb == HTTP_VERB_OPTIONS)
        answer_options(c);
    api->response_bytes += a->body.n;
    arena_done(&c->arena);
    free(c);
}
