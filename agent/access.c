/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/access.h"

#include <stdlib.h>
#include <string.h>

#include "agent/domain_socket.h"
#include "agent/shell.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/model/ids.h"
#include "common/wire/acls.h"

enum { KEY_MIN = 1, KEY_MAX = 65536 };

static int load_acls(struct shell *s, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);

    if (flag_json_text("acls", s->flags.acls, &b, err) != 0)
        return -(int)err->code;
    return acls_parse(sbuf_view(&b), &s->access.acls, err) != 0 ? error_wrap(err, "--acls") : 0;
}

static int load_key(struct shell *s, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(KEY_MAX);

    if (fs_read(s->flags.jwt_secret_key, &b, err) != 0)
        return error_wrap(err, "--jwt_secret_key");
    struct str key = str_trim(sbuf_view(&b));
    if (key.n < KEY_MIN)
        return error_set(err, ERR_INVALID, "--jwt_secret_key: the file %s is empty", s->flags.jwt_secret_key);
    s->access.key = str_of(xstrndup(key));
    return 0;
}

int access_load(struct shell *s, struct error *err)
{
    struct access *a = &s->access;
    const struct agent_flags *f = &s->flags;
    int rc = f->http_credentials != NULL ? credentials_load(&a->http, "http_credentials", f->http_credentials, err) : 0;

    if (rc == 0 && f->credential != NULL)
        rc = credential_load(&a->own, "credential", f->credential, err);
    if (rc == 0 && f->acls != NULL)
        rc = load_acls(s, err);
    if (rc == 0 && f->firewall_rules != NULL)
        rc = firewall_load(&a->firewall, f->firewall_rules, err);
    if (rc == 0 && f->jwt_secret_key != NULL)
        rc = load_key(s, err);
    return rc;
}

void access_done(struct shell *s)
{
    struct access *a = &s->access;

    login_free(s);
    credentials_done(&a->http);
    credential_done(&a->own);
    acls_free(a->acls);
    firewall_done(&a->firewall);
    free((char *)(uintptr_t)a->key.p);
    *a = (struct access){ .login = NULL };
}

/* --- who --- */

static bool take_token(struct shell *s, struct http_req *r)
{
    struct str token = http_req_header(r, "Authorization");

    if (s->access.key.n == 0 || !str_skip(&token, STR("Bearer ")) ||
        !jwt_check(str_trim(token), s->access.key, loop_wall(s->loop), &s->access.who.claims))
        return false;
    s->access.who.is_executor = true;
    return true;
}

static bool take_basic(struct shell *s, struct http_req *r)
{
    const struct credential *c = credentials_basic(&s->access.http, http_req_header(r, "Authorization"));

    if (c == NULL || strlen(c->principal) >= sizeof s->access.who.principal)
        return false;
    memcpy(s->access.who.principal, c->principal, strlen(c->principal) + 1);
    return true;
}

bool access_check(struct shell *s, struct http_req *r, enum agent_realm realm)
{
    static const char *const names[] = { NULL, "mesos-agent-readonly", "mesos-agent-readwrite", "mesos-agent-executor" };
    const struct agent_flags *f = &s->flags;
    bool ok = true;

    s->access.who = (struct access_who){ .is_executor = false, .is_on_socket = domain_socket_is_from(r) };
    switch (realm) {
    case REALM_OPEN: break;
    case REALM_READONLY: ok = !f->authenticate_http_readonly || take_basic(s, r); break;
    case REALM_READWRITE: /* executors launch and kill their nested containers here */
        ok = !f->authenticate_http_readwrite || take_basic(s, r) || (f->authenticate_http_executors && take_token(s, r));
        break;
    case REALM_EXECUTOR: ok = !f->authenticate_http_executors || take_token(s, r); break;
    }
    if (!ok && realm == REALM_EXECUTOR) {
        http_reply_header(r, "WWW-Authenticate", STR("Bearer realm=\"mesos-agent-executor\""));
        http_reply_text(r, 401, "401 Unauthorized.");
    } else if (!ok) {
        http_reply_unauthorized(r, names[realm], "401 Unauthorized.");
    }
    return ok;
}

/* --- may --- */

struct agent_views access_views(const struct shell *s)
{
    return (struct agent_views){ s->access.acls, str_of(s->access.who.principal) };
}

bool access_may(const struct shell *s, enum acl_action action, struct str object)
{
    return !s->access.who.is_executor && acls_allow(s->access.acls, action, str_of(s->access.who.principal), object);
}

bool access_may_container(const struct shell *s, const struct access_who *who, enum acl_action action, struct str id)
{
    struct container_id root = container_id_root(container_id(id));

    if (who->is_executor)
        return str_is(root.s, who->claims.cid) && root.s.n != id.n;
    if (who->is_on_socket && root.s.n == id.n)
        return false;
    if (s->access.acls == NULL)
        return true;
    const struct agent_executor *e = agent_executor_by_container(s->core, root.s);
    return acls_allow(s->access.acls, action, str_of(who->principal), e != NULL ? agent_executor_user(e) : (struct str){ NULL, 0 });
}

/* The executor that has or had the container, among the completed ones too. */
static const struct agent_executor *executor_of_run(const struct agent *a, const char *container)
{
    const struct agent_executor *e = agent_executor_by_container(a, str_of(container));

    for (const struct agent_framework *f = a->frameworks; e == NULL && f != NULL; f = f->hh.next)
        for (const struct agent_executor *x = f->completed; e == NULL && x != NULL; x = x->next)
            e = strcmp(x->container_id, container) == 0 ? x : NULL;
    for (const struct agent_framework *f = a->completed; e == NULL && f != NULL; f = f->next)
        for (const struct agent_executor *x = f->completed; e == NULL && x != NULL; x = x->next)
            e = strcmp(x->container_id, container) == 0 ? x : NULL;
    return e;
}

bool access_guards_file(void *arg, const char *path, const char *real)
{
    const struct shell *s = arg;
    const char *leaf = strrchr(real, '/');

    if (s->access.acls == NULL)
        return true;
    if (strcmp(path, "/slave/log") == 0)
        return access_may(s, ACL_ACCESS_MESOS_LOGS, (struct str){ NULL, 0 });
    const struct agent_executor *e = leaf != NULL ? executor_of_run(s->core, leaf + 1) : NULL;
    return access_may(s, ACL_ACCESS_SANDBOXES, e != NULL ? agent_executor_user(e) : (struct str){ NULL, 0 });
}

struct str access_run_denied(const struct shell *s, const struct agent_event *ev, struct arena *arena)
{
    const struct framework_info *f = ev->u.run.framework;

    for (size_t i = 0; s->access.acls != NULL && i < ev->u.run.task_count; i++) {
        const struct task_info *t = ev->u.run.tasks[i];
        struct str user = agent_run_user(t, ev->u.run.executor, f);
        if (!acls_allow(s->access.acls, ACL_RUN_TASKS, str_of(f->principal), user))
            return arena_fmt(arena, "Task '%.*s' is not authorized to launch as user '%.*s'", STR_ARG(t->id.s), STR_ARG(user));
    }
    return (struct str){ NULL, 0 };
}

bool access_is_executor(const struct shell *s, const struct agent_executor *e)
{
    const struct access_who *who = &s->access.who;

    return !who->is_executor || (strcmp(who->claims.fid, e->framework->id) == 0 && strcmp(who->claims.eid, e->id) == 0 &&
                                 strcmp(who->claims.cid, e->container_id) == 0);
}

void access_token(const struct shell *s, const struct agent_executor *e, struct sbuf *b)
{
    struct jwt_claims c = { { 0 }, { 0 }, { 0 } };

    if (s->access.key.n == 0 || !s->flags.authenticate_http_executors)
        return;
    (void)snprintf(c.fid, sizeof c.fid, "%s", e->framework->id); /* ids have at most 255 bytes */
    (void)snprintf(c.eid, sizeof c.eid, "%s", e->id);
    (void)snprintf(c.cid, sizeof c.cid, "%s", e->container_id);
    jwt_make(b, s->access.key, &c);
}
