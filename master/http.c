/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: messages of agents are taken over, everything else is routed; the checks that all API calls share. Order and texts:
 * scheduler API section 4, operator API section 1. */
#include "common/base/log.h"
#include "master/shell.h"

void reply_empty(struct http_req *r, unsigned status)
{
    if (status == 404)
        http_reply(r, status, "text/plain; charset=utf-8", (struct str){ NULL, 0 });
    else
        http_reply(r, status, NULL, (struct str){ NULL, 0 });
}

static void reply_wrong_method(struct http_req *r, const char *allow)
{
    struct str got = http_req_method(r);

    http_reply_header(r, "Allow", str_of(allow));
    http_reply_text(r, 405, "405 Method Not Allowed. Expecting one of { '%s' }, but received '%.*s'.", allow, STR_ARG(got));
}

bool api_begin(struct http_req *r, bool *ret_json)
{
    struct str type = http_req_header(r, "Content-Type");

    if (http_req_verb(r) != HTTP_VERB_POST) {
        reply_wrong_method(r, "POST");
        return false;
    }
    if (type.p == NULL) {
        http_reply_text(r, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    *ret_json = str_is(type, "application/json");
    if (*ret_json || str_is(type, "application/x-protobuf"))
        return true;
    http_reply_text(r, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
    return false;
}

bool api_accept(struct http_req *r, bool *ret_json)
{
    struct str accept = http_req_header(r, "Accept");

    *ret_json = http_accepts_type(accept, "application/json");
    if (*ret_json || http_accepts_type(accept, "application/x-protobuf"))
        return true;
    http_reply_text(r, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
    return false;
}

static void not_found(struct http_req *r)
{
    http_reply_text(r, 404, "404 Not Found.");
}

/* "/master/state" is "/state". */
static struct str without_prefix(struct str path)
{
    struct str rest = path;

    while (rest.n > 1 && rest.p[0] == '/' && rest.p[1] == '/')
        rest = str_sub(rest, 1, rest.n);
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
    else if (!election_holds(sh, r, path))
        master_endpoints[i].fn(sh, r, rest, principal);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct shell *sh = ctx;

    sh->http_requests++;
    http_request(sh, r);
}

void http_init_handler(struct http_handler *h)
{
    *h = (struct http_handler){ .on_head = on_head, .on_request = on_request };
}
