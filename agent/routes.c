/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to handlers. Every route of the agent works bare and behind /slave(1); longest prefix wins. */
#include "agent/shell.h"

#include "agent/domain_socket.h"
#include "agent/files.h"
#include "agent/input.h"
#include "common/base/cleanup.h"

enum { BODY_BYTES_MAX = 64 << 20 };

static void route_health(struct shell *s, struct http_req *r)
{
    (void)s;
    http_reply(r, 200, NULL, (struct str){ NULL, 0 });
}

static void route_debug(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    (void)s;
    sbuf_c(&b, "{\"pending\":[]}");
    http_reply_json(r, &b);
}

static void route_providers(struct shell *s, struct http_req *r)
{
    (void)s;
    http_reply_text(r, 501, "501 Not Implemented. Resource providers are not built in this version.");
}

static void route_processes(struct shell *s, struct http_req *r)
{
    (void)s;
    http_reply(r, 200, "application/json", STR("[{\"events\":[],\"id\":\"slave(1)\"}]"));
}

static void route_help(struct shell *s, struct http_req *r);

struct route {
    const char *path;
    void (*handle)(struct shell *s, struct http_req *r);
    bool process; /* of the agent's process: also behind /slave(1) */
    enum agent_realm realm;
};

static const struct route routes[] = {
    { "/api/v1/executor", exec_api_request, true, REALM_EXECUTOR },
    { "/api/v1/resource_provider", route_providers, true, REALM_READWRITE },
    { "/api/v1", api_request, true, REALM_READWRITE },
    { "/health", route_health, true, REALM_OPEN },
    { "/version", endpoint_version, true, REALM_OPEN },
    { "/flags", endpoint_flags, true, REALM_READONLY },
    { "/state", endpoint_state, true, REALM_READONLY },
    { "/containers", endpoint_containers, true, REALM_READONLY },
    { "/monitor/statistics", endpoint_statistics, true, REALM_READONLY },
    { "/monitor/statistics.json", endpoint_statistics, true, REALM_READONLY },
    { "/containerizer/debug", route_debug, true, REALM_READONLY },
    { "/metrics/snapshot", endpoint_metrics_snapshot, false, REALM_READONLY },
    { "/metrics", endpoint_metrics, false, REALM_READONLY },
    { "/logging/toggle", endpoint_logging, false, REALM_READWRITE },
    { "/system/stats.json", endpoint_system_stats, false, REALM_OPEN },
    { "/help", route_help, false, REALM_OPEN },
    { "/__processes__", route_processes, false, REALM_OPEN },
};

static void route_help(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(65536);

    (void)s;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        sbuf_fmt(&b, "%s\n", routes[i].path);
    http_reply_sbuf(r, 200, "text/plain; charset=utf-8", &b);
}

/* "/slave(1)/state" gives "/state" and true. */
static bool skip_process(struct str *path)
{
    static const char *const prefixes[] = { "/slave(1)", "/slave%281%29" };

    for (size_t i = 0; i < 2; i++) {
        struct str rest = *path;
        if (str_skip(&rest, str_of(prefixes[i])) && (rest.n == 0 || rest.p[0] == '/')) {
            *path = rest;
            return true;
        }
    }
    return false;
}

static const struct route *find(const struct http_req *r)
{
    struct str path = http_req_path(r), rest;
    bool process = skip_process(&path);
    int i = http_route_find(routes, sizeof routes / sizeof routes[0], sizeof routes[0], path, &rest);

    return i < 0 || (process && !routes[i].process) ? NULL : &routes[i];
}

/* Of the ones that get_endpoints may name. */
static bool endpoint_allowed(struct shell *s, struct http_req *r, struct str path)
{
    if (!acl_endpoint_is_known(path) || access_may(s, ACL_GET_ENDPOINTS, path))
        return true;
    http_reply_text(r, 403, "403 Forbidden.");
    return false;
}

static bool firewall_refuses(struct shell *s, struct http_req *r)
{
    struct str path = http_req_path(r);

    if (!firewall_blocks(&s->access.firewall, path))
        return false;
    http_reply_text(r, 403, "Endpoint '%.*s' is disabled", STR_ARG(path));
    return true;
}

void routes_head(void *ctx, struct http_req *r)
{
    struct shell *s = ctx;

    if (!domain_socket_is_from(r) && msg_take(s->msg, r))
        return;
    const struct route *route = find(r);
    if (route != NULL && route->handle == api_request && input_wants(s, r)) {
        if (!firewall_refuses(s, r) && access_check(s, r, route->realm))
            input_take(s, r);
        return;
    }
    http_body_collect(r, BODY_BYTES_MAX);
    /* A stream that nothing here takes may have no end: it is answered now, and not read. */
    if (route != NULL && route->handle == api_request && http_req_verb(r) == HTTP_VERB_POST &&
        http_req_content_length(r) < 0 && str_is(http_req_header(r, "Content-Type"), "application/recordio")) {
        http_reply_close(r);
        routes_request(ctx, r);
    }
}

void routes_request(void *ctx, struct http_req *r)
{
    struct shell *s = ctx;
    struct str path = http_req_path(r);

    if (firewall_refuses(s, r))
        return;
    bool process = skip_process(&path);
    if (!process && !domain_socket_is_from(r) && str_starts(path, STR("/files/"))) {
        if (access_check(s, r, REALM_READONLY) && endpoint_allowed(s, r, path))
            files_request(s->files, r, str_sub(path, 7, path.n));
        return;
    }
    const struct route *route = find(r);
    if (route == NULL || (domain_socket_is_from(r) && route->handle != exec_api_request && route->handle != api_request))
        http_reply_text(r, 404, "404 Not Found.");
    else if (access_check(s, r, route->realm) && endpoint_allowed(s, r, path))
        route->handle(s, r);
}
