/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of /api/v1 have in common: answers, and the ids of containers. */
#include "agent/api.h"

#include <string.h>

#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

void api_reply(struct http_req *r, bool json, struct str response)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);
    struct json_opts opts = { .hide_v0_fields = true };

    if (!json) {
        http_reply(r, 200, "application/x-protobuf", response);
        return;
    }
    (void)json_write_wire(&w, &mesos__v1__agent__response__descriptor, response, &opts); /* we packed it */
    http_reply_sbuf(r, 200, "application/json", &b);
}

void api_reply_empty(struct http_req *r, unsigned status)
{
    http_reply(r, status, NULL, (struct str){ NULL, 0 });
}

bool api_may_begin(struct http_req *r, bool is_recovering)
{
    bool is_post = http_req_verb(r) == HTTP_VERB_POST;

    if (is_recovering)
        http_reply_text(r, 503, "Agent has not finished recovery");
    else if (!is_post)
        http_reply_not_allowed(r, "POST");
    return !is_recovering && is_post;
}

struct str api_container_id(const Mesos__V1__ContainerID *id, struct arena *arena)
{
    struct error err;

    if (id_check(str_of(id->value), &err) != 0 || strchr(id->value, '.') != NULL || strchr(id->value, ' ') != NULL)
        return (struct str){ NULL, 0 };
    if (id->parent == NULL)
        return arena_str(arena, str_of(id->value));
    struct str parent = api_container_id(id->parent, arena); /* the guard bounds the depth */
    return parent.n != 0 ? arena_fmt(arena, "%.*s.%s", STR_ARG(parent), id->value) : parent;
}

/* Nested containers run as it unless they say otherwise. */
const char *api_inherited_user(struct shell *s, struct str id, struct arena *arena)
{
    struct container_id root = container_id_root(container_id(id));
    struct agent_executor *e = agent_executor_by_container(s->core, root.s);

    if (e == NULL)
        return NULL;
    struct str user = wire_field_bytes(wire_field_bytes(blob_str(e->info->raw), 7), 5);
    if (user.n != 0)
        return arena_str(arena, user).p;
    return e->framework->info->user;
}

void api_reply_forbidden(struct http_req *r)
{
    http_reply_text(r, 403, "403 Forbidden.");
}

bool api_may_launch(struct api_call *c, struct str id, const Mesos__V1__CommandInfo *command, enum acl_action as_user,
                    enum acl_action under)
{
    struct shell *s = c->shell;
    const char *inherited = api_inherited_user(s, id, &c->arena);
    const char *user = command != NULL && command->user != NULL ? command->user : inherited;
    bool nested = container_id_is_set(container_id_parent(container_id(id)));

    bool ok = s->access.who.is_executor ? access_may_container(s, &s->access.who, under, id)
                                      : access_may(s, as_user, user != NULL ? str_of(user) : (struct str){ NULL, 0 }) &&
                                            ((!nested && !s->access.who.is_on_socket) || access_may_container(s, &s->access.who, under, id));
    if (!ok)
        api_reply_forbidden(c->req);
    return ok;
}
