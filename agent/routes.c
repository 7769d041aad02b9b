/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to handlers. Every route of the agent works bare and behind /slave(1); longest prefix wins. */
#include "agent/shell.h"

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
    endpoint_reply(r, &b);
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
};

static const struct route routes[] = {
    { "/api/v1/executor", exec_api_request, true },
    { "/api/v1/resource_provider", route_providers, true },
    { "/api/v1", api_request, true },
    { "/health", route_health, true },
    { "/version", endpoint_version, true },
    { "/flags", endpoint_flags, true },
    { "/state", endpoint_state, true },
    { "/containers", endpoint_containers, true },
    { "/monitor/statistics", endpoint_statistics, true },
    { "/monitor/statistics.json", endpoint_statistics, true },
    { "/containerizer/debug", route_debug, true },
    { "/metrics/snapshot", endpoint_metrics_snapshot, false },
    { "/metrics", endpoint_metrics, false },
    { "/logging/toggle", endpoint_logging, false },
    { "/system/stats.json", endpoint_system_stats, false },
    { "/help", route_help, false },
    { "/__processes__", route_processes, false },
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

void routes_head(void *ctx, struct http_req *r)
{
    struct shell *s = ctx;

    if (msg_take(s->msg, r))
        return;
    const struct route *route = find(r);
    if (route == NULL || route->handle != api_request || !input_take(s, r))
        http_body_collect(r, BODY_BYTES_MAX);
}

void routes_request(void *ctx, struct http_req *r)
{
    struct shell *s = ctx;
    struct str path = http_req_path(r);
    bool process = skip_process(&path);

    if (!process && str_starts(path, STR("/files/"))) {
        files_request(s->files, r, str_sub(path, 7, path.n));
        return;
    }
    const struct route *route = find(r);
    if (route == NULL)
        http_reply_text(r, 404, "404 Not Found.");
    else
        route->handle(s, r);
}
