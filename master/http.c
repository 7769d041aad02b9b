/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: messages of agents are taken over, everything else is routed. */
#include "common/base/log.h"
#include "master/shell.h"

static void not_found(struct http_req *r)
{
    http_reply_text(r, 404, "404 Not Found.");
}

/* "/master/state" is "/state". */
static struct str without_prefix(struct str path)
{
    struct str rest = path;

    if (str_skip(&rest, STR("/master")) && (rest.n == 0 || rest.p[0] == '/'))
        return rest;
    return path;
}

static void on_head(void *ctx, struct http_req *r)
{
    struct shell *sh = ctx;

    (void)msg_take(sh->msg, r);
}

void http_request(struct shell *sh, struct http_req *r)
{
    struct str path = http_req_path(r), rest;
    char principal_buf[512];
    struct str principal;

    if (firewall_blocks(&sh->firewall, path)) {
        http_reply_text(r, 403, "Endpoint '%.*s' is disabled", STR_ARG(path));
        return;
    }
    path = without_prefix(path);
    int i = http_route_find(master_endpoints, master_endpoint_count, sizeof master_endpoints[0], path, &rest);
    if (i < 0 || (master_endpoints[i].exact && rest.n != 0)) {
        not_found(r);
        return;
    }
    if (!auth_check(sh, r, master_endpoints[i].realm, principal_buf, sizeof principal_buf, &principal))
        return;
    if (acl_endpoint_is_known(path) && !acls_allow(sh->acls, ACL_GET_ENDPOINTS, principal, path)) {
        http_reply_text(r, 403, "403 Forbidden.");
        return;
    }
    /* Before any look at method and body. */
    if (master_endpoints[i].leader && !election_leads(sh))
        election_redirect(sh, r, path);
    else if (!election_holds(sh, r, path, http_request))
        master_endpoints[i].fn(sh, r, rest, principal);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct shell *sh = ctx;

    sh->http_requests++;
    http_request(sh, r);
}

static void on_exhausted(void *ctx, const char *why, unsigned connections)
{
    (void)ctx;
    log_warn("connections_wait", "because=" LOG_Q " connections=%u then=\"taken when others end; more with ulimit -n\"", LOG_QARG(str_of(why)),
             connections);
}

void http_init_handler(struct http_handler *h)
{
    *h = (struct http_handler){ .on_head = on_head, .on_request = on_request, .on_exhausted = on_exhausted };
}
