/* SPDX-License-Identifier: Apache-2.0 */
/* Nested and standalone containers: launch, wait, kill, remove, list. A launch is answered when the command runs, a
 * wait when it has ended; both are parked in one list meanwhile and forgotten when the client leaves.
 * Source: reference of the operator API, §6.3; golden exchanges 317-331, 800-806. */
#include "agent/api.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/files.h"
#include "agent/input.h"
#include "agent/isolation/containerizer.h"
#include "agent/output.h"
#include "agent/paths.h"
#include "agent/wire/encode.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/guard.h"

enum { PARKED_MAX = 50000 };

struct wait_entry {
    struct wait_entry *prev, *next;
    struct shell *shell;
    struct http_req *req;
    char *id;
    bool launch, json, nested;
};

struct wait_list {
    struct wait_entry *head;
    size_t count;
};

/* --- the parked --- */

static void entry_free(struct shell *s, struct wait_entry *e)
{
    DL_DELETE(s->waits->head, e);
    s->waits->count--;
    free(e->id);
    free(e);
}

static void entry_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct wait_entry *e = arg;

    (void)r;
    (void)why;
    entry_free(e->shell, e);
}

static void park(struct api_call *c, struct str id, bool launch, bool nested)
{
    struct shell *s = c->shell;

    if (s->waits == NULL)
        s->waits = xcalloc(1, sizeof *s->waits);
    if (s->waits->count >= PARKED_MAX) {
        http_reply_text(c->req, 503, "%d calls wait for containers already, the most this agent keeps", PARKED_MAX);
        return;
    }
    struct wait_entry *e = xcalloc(1, sizeof *e);
    *e = (struct wait_entry){ .shell = s, .req = c->req, .id = xstrndup(id), .launch = launch, .json = c->json_out,
                              .nested = nested };
    DL_APPEND(s->waits->head, e);
    s->waits->count++;
    http_req_on_gone(c->req, entry_gone, e);
}

void api_free(struct shell *s)
{
    session_free_all(s);
    output_free_all(s);
    input_free_all(s);
    while (s->waits != NULL && s->waits->head != NULL) {
        struct wait_entry *e = s->waits->head;
        http_req_on_gone(e->req, NULL, NULL);
        http_reply_text(e->req, 503, "The agent is shutting down");
        entry_free(s, e);
    }
    free(s->waits);
    s->waits = NULL;
}

/* --- wait --- */

static void put_termination(struct sbuf *b, const struct container_termination *t)
{
    static const enum task_reason reasons[] = {
        [CONTAINER_LIMIT_NONE] = REASON_NONE,
        [CONTAINER_LIMIT_MEMORY] = REASON_CONTAINER_LIMITATION_MEMORY,
        [CONTAINER_LIMIT_DISK] = REASON_CONTAINER_LIMITATION_DISK,
        [CONTAINER_LIMIT_OTHER] = REASON_CONTAINER_LIMITATION,
    };

    if (t->status_known)
        wire_put_i64(b, 1, t->status);
    if (t->limitation.kind == CONTAINER_LIMIT_NONE)
        return;
    wire_put_u64(b, 2, TASK_FAILED);
    wire_put_u64(b, 3, (uint64_t)reasons[t->limitation.kind]);
    struct resources r = RESOURCES_INIT;
    if (t->limitation.kind == CONTAINER_LIMIT_MEMORY && t->limitation.mem_bytes > 0) {
        struct resource x = resource_scalar(NAME_MEM, t->limitation.mem_bytes / 1048576 * MILLI_PER_UNIT);
        resources_add_take(&r, &x);
    }
    size_t mark = wire_open(b, 4);
    wire_put_resources(b, 1, &r, RESOURCE_POST, false);
    wire_close(b, mark);
    resources_done(&r);
    if (t->limitation.message != NULL)
        wire_put_bytes(b, 5, str_of(t->limitation.message));
}

static void reply_termination(struct http_req *r, bool json, bool nested, const struct container_termination *t)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    wire_put_u64(&b, 1, nested ? MESOS__V1__AGENT__RESPONSE__TYPE__WAIT_NESTED_CONTAINER
                               : MESOS__V1__AGENT__RESPONSE__TYPE__WAIT_CONTAINER);
    size_t mark = wire_open(&b, nested ? 14 : 16);
    put_termination(&b, t);
    wire_close(&b, mark);
    api_reply(r, json, sbuf_view(&b));
}

/* Whether the caller may do this to the container; else answered. */
static bool allowed(struct api_call *c, struct str id, enum acl_action nested, enum acl_action standalone)
{
    bool has_parent = container_id_is_set(container_id_parent(container_id(id)));

    if (access_may_container(c->shell, &c->shell->access.who, has_parent ? nested : standalone, id))
        return true;
    api_reply_forbidden(c->req);
    return false;
}

void api_wait(struct api_call *c, const Mesos__V1__ContainerID *id, bool nested)
{
    struct str text = api_container_id(id, &c->arena);
    if (text.n != 0 && !allowed(c, text, ACL_WAIT_NESTED, ACL_WAIT_STANDALONE))
        return;
    struct container_termination t;
    struct container_status st;

    int rc = text.n != 0 ? containerizer_wait_result(c->shell->containers, text.p, &t, NULL) : -(int)ERR_NOT_FOUND;
    if (rc == -(int)ERR_NOT_FOUND && text.n != 0 &&
        containerizer_status(c->shell->containers, text.p, &st, NULL) == 0)
        rc = -(int)ERR_CONFLICT; /* an executor's container */
    if (rc == 0)
        reply_termination(c->req, c->json_out, nested, &t);
    else if (rc == -(int)ERR_CONFLICT)
        park(c, text, false, nested);
    else
        http_reply_text(c->req, 404, "Container %s cannot be found", text.n != 0 ? text.p : id->value);
}

void api_container_exited(struct shell *s, const char *id, const struct container_termination *t)
{
    struct wait_entry *e, *next;

    session_exited(s, id);
    output_container_exited(s, id);
    input_container_exited(s, id);
    if (s->waits == NULL)
        return;
    DL_FOREACH_SAFE(s->waits->head, e, next) {
        if (e->launch || strcmp(e->id, id) != 0)
            continue;
        http_req_on_gone(e->req, NULL, NULL);
        reply_termination(e->req, e->json, e->nested, t);
        entry_free(s, e);
    }
}

/* --- launch --- */

void api_container_launched(struct shell *s, const char *id, const struct error *err)
{
    struct wait_entry *e, *next;

    if (session_launched(s, id, err) || s->waits == NULL)
        return;
    DL_FOREACH_SAFE(s->waits->head, e, next) {
        if (strcmp(e->id, id) != 0 || (!e->launch && err == NULL))
            continue;
        http_req_on_gone(e->req, NULL, NULL);
        if (!e->launch)
            http_reply_text(e->req, 404, "Container %s cannot be found", id);
        else if (err == NULL)
            api_reply_empty(e->req, 200);
        else
            http_reply_text(e->req, 400, "%s", err->msg);
        entry_free(s, e);
    }
}

static int standalone_resources(const Mesos__V1__Agent__Call__LaunchContainer *m, struct container_resources *ret,
                                struct error *err)
{
    CLEANUP(resources_done_p) struct resources r = RESOURCES_INIT;
    int64_t limit[2] = { AGENT_LIMIT_NONE, AGENT_LIMIT_NONE };

    int rc = convert_resources(m->resources, m->n_resources, &r, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < m->n_limits; i++) {
        const char *key = m->limits[i]->key;
        int64_t milli;
        double v = m->limits[i]->value != NULL ? m->limits[i]->value->value : 0;
        if (v > 1e300)
            milli = AGENT_LIMIT_INFINITY;
        else if (!milli_of_double(v, &milli) || milli < 0)
            return error_set(err, ERR_INVALID, "limit %s is %g", key != NULL ? key : "", v);
        if (key != NULL && strcmp(key, "cpus") == 0)
            limit[0] = milli;
        else if (key != NULL && strcmp(key, "mem") == 0)
            limit[1] = milli;
    }
    spec_resources(&r, limit[0], limit[1], ret);
    return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* the old form of a reservation */
/* A standalone container is nobody's: what is somebody's, or may be taken back, is not for it. */
static const char *resource_fault(const Mesos__V1__Resource *r)
{
    if (r->n_reservations != 0 || (r->role != NULL && strcmp(r->role, "*") != 0))
        return "Resources of a standalone container must be unreserved";
    if (r->revocable != NULL)
        return "Resources of a standalone container must not be revocable";
    if (r->disk != NULL && (r->disk->persistence != NULL || r->disk->volume != NULL))
        return "Resources of a standalone container must not be persistent volumes";
    return NULL;
}
#pragma GCC diagnostic pop

/* Rules of 'resources', 'limits' and share_cgroups; NULL: fine. */
static const char *launch_fault(struct str id, const Mesos__V1__ContainerInfo *container,
                                const Mesos__V1__Agent__Call__LaunchContainer *m)
{
    struct container_id parent = container_id_parent(container_id(id));
    const Mesos__V1__LinuxInfo *l = container != NULL ? container->linux_info : NULL;
    bool second = container_id_is_set(parent) && container_id_is_set(container_id_parent(parent));

    if (second && m != NULL && (m->n_resources != 0 || m->n_limits != 0))
        return "Resources and limits may not be set on a container below a nested one";
    if (second && l != NULL && l->has_share_cgroups && !l->share_cgroups)
        return "Containers below a nested one must share its cgroups";
    if (!container_id_is_set(parent) && l != NULL && l->has_share_cgroups && l->share_cgroups)
        return "A container without parent cannot share cgroups";
    if (m != NULL && m->n_limits != 0 && container_id_is_set(parent) && (l == NULL || !l->has_share_cgroups || l->share_cgroups))
        return "Limits need 'share_cgroups' to be false";
    for (size_t i = 0; m != NULL && !container_id_is_set(parent) && i < m->n_resources; i++) {
        const char *why = resource_fault(m->resources[i]);
        if (why != NULL)
            return why;
    }
    return NULL;
}

/* Our executors ask again when the agent went away before it answered, and say so by a header: what has run to its end meanwhile is not
 * run once more. Its status is known then; one whose command was never started has none. */
static int launch_nested(struct api_call *c, struct str id, const struct container_spec *spec, struct error *err)
{
    bool is_once = str_is(http_req_header(c->req, "Stoa-Launch"), "once");
    struct container_termination t;
    int rc = containerizer_launch(c->shell->containers, spec, err);

    if (rc == -(int)ERR_CONFLICT && containerizer_wait_result(c->shell->containers, id.p, &t, NULL) == 0 &&
        !(is_once && t.status_known) && containerizer_remove(c->shell->containers, id.p, NULL) == 0)
        rc = containerizer_launch(c->shell->containers, spec, err); /* its id may be used again once it has ended */
    return rc;
}

void api_launch(struct api_call *c, const Mesos__V1__ContainerID *cid, const Mesos__V1__CommandInfo *command,
                const Mesos__V1__ContainerInfo *container, const Mesos__V1__Agent__Call__LaunchContainer *m)
{
    struct shell *s = c->shell;
    struct str id = api_container_id(cid, &c->arena);
    struct container_id parent = container_id_parent(container_id(id));
    struct container_status st;
    struct container_spec spec;
    struct error err = { 0 };
    struct path sandbox;

    if (id.n == 0) {
        http_reply_text(c->req, 400, "Failed to validate agent::Call: 'container_id.value' '%s' is invalid", cid->value);
        return;
    }
    const char *fault = launch_fault(id, container, m);
    if (fault != NULL) {
        http_reply_text(c->req, 400, "%s", fault);
        return;
    }
    if (container_id_is_set(parent)) {
        const char *p = arena_str(&c->arena, parent.s).p;
        if (p == NULL || containerizer_status(s->containers, p, &st, NULL) != 0) {
            http_reply_text(c->req, 400, "Parent container %.*s does not exist", STR_ARG(parent.s));
            return;
        }
        sandbox = path_fmt("%s/containers/%.*s", st.sandbox, STR_ARG(container_id_leaf(container_id(id))));
    } else {
        sandbox = path_fmt("%s/containers/%.*s", s->work_dir, STR_ARG(id));
    }
    if (!api_may_launch(c, id, command, container_id_is_set(parent) ? ACL_LAUNCH_NESTED_AS_USER : ACL_LAUNCH_STANDALONE,
                        ACL_LAUNCH_NESTED_UNDER))
        return;
    int rc = spec_container(s, id.p, sandbox.p, command, container, &c->arena, &spec, &err);
    spec.standalone = !container_id_is_set(parent);
    if (rc == 0 && m != NULL)
        rc = standalone_resources(m, &spec.resources, &err);
    if (rc == 0 && spec.command.user == NULL && s->flags.switch_user && geteuid() == 0)
        spec.command.user = api_inherited_user(s, id, &c->arena);
    if (rc == 0)
        rc = launch_nested(c, id, &spec, &err);
    if (rc == -(int)ERR_CONFLICT) {
        api_reply_empty(c->req, 202);
    } else if (rc != 0) {
        http_reply_text(c->req, 400, "%s", err.msg);
    } else {
        log_info("container_launch", "container=%s", id.p);
        if (!container_id_is_set(parent))
            files_attach(s->files, sandbox.p, sandbox.p);
        park(c, id, true, true);
    }
}

/* --- kill, remove --- */

void api_kill(struct api_call *c, const Mesos__V1__ContainerID *cid, bool has_signal, int signal)
{
    struct str id = api_container_id(cid, &c->arena);
    struct error err = { 0 };
    int rc = -(int)ERR_NOT_FOUND;

    if (id.n != 0 && !allowed(c, id, ACL_KILL_NESTED, ACL_KILL_STANDALONE))
        return;
    if (has_signal && (signal < 1 || signal >= NSIG)) {
        http_reply_text(c->req, 400, "Signal %d does not exist", signal);
        return;
    }
    if (id.n != 0)
        rc = !has_signal || signal == SIGKILL ? containerizer_destroy(c->shell->containers, id.p, &err)
                                              : containerizer_signal(c->shell->containers, id.p, signal, &err);
    if (rc == 0)
        api_reply_empty(c->req, 200);
    else if (rc == -(int)ERR_NOT_FOUND)
        http_reply_text(c->req, 404, "Container '%s' cannot be found (or is already killed)",
                        id.n != 0 ? id.p : cid->value);
    else
        http_reply_text(c->req, 500, "%s", err.msg);
}

void api_remove(struct api_call *c, const Mesos__V1__ContainerID *cid)
{
    struct str id = api_container_id(cid, &c->arena);
    struct container_id root = container_id_root(container_id(id));
    struct error err = { 0 };
    struct container_status st;

    if (id.n == 0) {
        http_reply_text(c->req, 400, "Failed to validate agent::Call: 'container_id.value' '%s' is invalid", cid->value);
        return;
    }
    if (!allowed(c, id, ACL_REMOVE_NESTED, ACL_REMOVE_STANDALONE))
        return;
    bool nested = !str_eq(root.s, id);
    const char *root_text = arena_str(&c->arena, root.s).p;
    if (nested && containerizer_status(c->shell->containers, root_text, &st, NULL) != 0) {
        http_reply_text(c->req, 500, "Unknown root container");
        return;
    }
    if (containerizer_remove(c->shell->containers, id.p, &err) != 0)
        http_reply_text(c->req, 500, "Nested container %s has not terminated yet", id.p);
    else
        api_reply_empty(c->req, 200);
}

void api_attach_output(struct api_call *c)
{
    struct str id = api_container_id(c->msg->attach_container_output->container_id, &c->arena);
    struct container_status st;

    if (id.n == 0 || containerizer_status(c->shell->containers, id.p, &st, NULL) != 0)
        http_reply_text(c->req, 404, "Container cannot be found");
    else if (!access_may_container(c->shell, &c->shell->access.who, ACL_ATTACH_OUTPUT, id))
        api_reply_forbidden(c->req);
    else if (st.io == CONTAINER_IO_NULL)
        http_reply_text(c->req, 500, "I/O switchboard server was disabled for this container");
    else
        (void)output_begin(c->shell, c->req, &(struct output_spec){
                               .id = id.p, .sandbox = st.sandbox, .is_terminal = st.io == CONTAINER_IO_TERMINAL,
                               .json = c->json_out, .recordio = c->recordio_out });
}

/* --- list --- */

struct listing {
    struct shell *shell;
    struct sbuf *b;
    bool nested, standalone;
};

static void put_container(struct shell *s, struct sbuf *b, const char *id, const struct agent_executor *e)
{
    CLEANUP(sbuf_done_p) struct sbuf statistics = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf status = SBUF_INIT(1 << 20);

    if (!endpoint_container_pb(s, id, &statistics, &status))
        return;
    size_t mark = wire_open(b, 1);
    if (e != NULL) {
        wire_put_id(b, 1, str_of(e->framework->id));
        wire_put_id(b, 2, str_of(e->id));
        wire_put_bytes(b, 3, e->info->name);
    }
    wire_put_container_id(b, 4, str_of(id));
    wire_put_bytes(b, 5, sbuf_view(&status));
    if (statistics.n != 0)
        wire_put_bytes(b, 6, sbuf_view(&statistics));
    wire_close(b, mark);
}

static void list_other(void *ctx, const char *id)
{
    struct listing *l = ctx;
    bool nested = strchr(id, '.') != NULL;

    if (agent_executor_by_container(l->shell->core, str_of(id)) != NULL)
        return;
    enum acl_action view = nested ? ACL_VIEW_CONTAINERS : ACL_VIEW_STANDALONE;
    if ((nested ? l->nested : l->standalone) && access_may_container(l->shell, &l->shell->access.who, view, str_of(id)))
        put_container(l->shell, l->b, id, NULL);
}

void api_get_containers(struct api_call *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(API_ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf list = SBUF_INIT(API_ANSWER_BYTES_MAX);
    const Mesos__V1__Agent__Call__GetContainers *m = c->msg->get_containers;
    struct listing l = { c->shell, &list, m != NULL && m->show_nested, m != NULL && m->show_standalone };
    struct agent_views v = access_views(c->shell);

    for (struct agent_framework *f = c->shell->core->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (agent_views_container(&v, e))
                put_container(c->shell, &list, e->container_id, e);
    if (l.nested || l.standalone)
        containerizer_each(c->shell->containers, list_other, &l);
    wire_put_u64(&b, 1, MESOS__V1__AGENT__RESPONSE__TYPE__GET_CONTAINERS);
    if (list.n != 0)
        wire_put_bytes(&b, 10, sbuf_view(&list));
    if (!sbuf_ok(&b) || !sbuf_ok(&list))
        http_reply_text(c->req, 500, "The answer is over %d bytes", API_ANSWER_BYTES_MAX);
    else
        api_reply(c->req, c->json_out, sbuf_view(&b));
}
