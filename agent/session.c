/* SPDX-License-Identifier: Apache-2.0 */
/* LAUNCH_NESTED_CONTAINER_SESSION: a DEBUG container whose life is the answer's, which is its output (output.c). It has an
 * input that can be attached to, and with tty_info a terminal. The container is killed when the client leaves, and after a
 * restart of the agent, which has cut every answer.
 * Source: reference of the operator API, §6.3; golden 332, 333. */
#include "agent/api.h"

#include <stdlib.h>
#include <string.h>

#include "agent/isolation/containerizer.h"
#include "agent/output.h"
#include "agent/paths.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

enum { SESSIONS_MAX = 1000, ENDED_MAX = 1000 };

struct session {
    struct session *prev, *next;
    struct shell *shell;
    struct http_req *req; /* until the container runs; NULL: the answer has begun, or the client left */
    char *id, *sandbox;
    bool json, recordio, is_terminal;
    bool is_cut;          /* the client left: it is dropped when the container's end is reported */
};

static struct session *sessions; /* of the one agent of this process */
static size_t session_count;
/* Ids of the last sessions that ended, a ring: clients ask for the exit status after the end of the output. What falls out
 * is removed; the rest goes with its parent. */
static char *ended_ids[ENDED_MAX];
static size_t ended_next;

static void session_drop(struct session *x)
{
    DL_DELETE(sessions, x);
    session_count--;
    free(x->id);
    free(x->sandbox);
    free(x);
}

static void keep_ended(struct shell *s, const char *id)
{
    char **slot = &ended_ids[ended_next++ % ENDED_MAX];

    if (*slot != NULL)
        (void)containerizer_remove(s->containers, *slot, NULL); /* gone with its parent, or removed by its client */
    free(*slot);
    *slot = xstrdup(id);
}

static void cut(struct session *x)
{
    x->req = NULL;
    x->is_cut = true;
    if (containerizer_destroy(x->shell->containers, x->id, NULL) != 0) {
        keep_ended(x->shell, x->id); /* it has ended, and only the rest was passed on */
        session_drop(x);
    }
}

static void client_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)r;
    (void)why;
    cut(arg);
}

static void output_ended(void *arg, bool is_cut)
{
    struct session *x = arg;

    if (is_cut) {
        cut(x);
        return;
    }
    keep_ended(x->shell, x->id);
    session_drop(x);
}

static struct session *find(const char *id)
{
    struct session *x;

    DL_FOREACH(sessions, x)
        if (strcmp(x->id, id) == 0)
            return x;
    return NULL;
}

bool session_launched(struct shell *s, const char *id, const struct error *err)
{
    struct session *x = find(id);

    if (x == NULL)
        return false;
    struct http_req *req = x->req;
    x->req = NULL;
    if (req != NULL)
        http_req_on_gone(req, NULL, NULL);
    if (err != NULL) {
        if (req != NULL)
            http_reply_text(req, 400, "%s", err->msg);
        session_drop(x);
        return true;
    }
    struct output_spec spec = { .id = x->id, .sandbox = x->sandbox, .is_terminal = x->is_terminal, .from_start = true,
                                .json = x->json, .recordio = x->recordio, .ended = output_ended, .arg = x };
    if (req != NULL && !output_begin(s, req, &spec))
        cut(x);
    return true;
}

void session_exited(struct shell *s, const char *id)
{
    struct session *x = find(id);

    (void)s;
    if (x != NULL && x->is_cut) {
        (void)containerizer_remove(s->containers, id, NULL); /* nobody will ask */
        session_drop(x);
    }
}

void session_free_all(struct shell *s)
{
    struct session *x, *next;

    (void)s;
    for (size_t i = 0; i < ENDED_MAX; i++) {
        free(ended_ids[i]);
        ended_ids[i] = NULL;
    }
    DL_FOREACH_SAFE(sessions, x, next) {
        if (x->req != NULL) {
            http_req_on_gone(x->req, NULL, NULL);
            http_abort(x->req);
        }
        session_drop(x);
    }
}

void session_start(struct api_call *c)
{
    const Mesos__V1__Agent__Call__LaunchNestedContainerSession *m = c->msg->launch_nested_container_session;
    struct shell *s = c->shell;
    struct str id = api_container_id(m->container_id, &c->arena);
    struct container_id parent = container_id_parent(container_id(id));
    const char *parent_text = arena_str(&c->arena, parent.s).p;
    struct container_status st;
    struct container_spec spec;
    struct error err = { 0 };

    if (id.n == 0 || !container_id_is_set(parent)) {
        http_reply_text(c->req, 400, "Failed to validate agent::Call: Expecting 'launch_nested_container_session."
                                     "container_id.parent' to be present");
        return;
    }
    if (session_count >= SESSIONS_MAX) {
        http_reply_text(c->req, 503, "%d sessions are open already, the most this agent keeps", SESSIONS_MAX);
        return;
    }
    if (containerizer_status(s->containers, parent_text, &st, NULL) != 0) {
        http_reply_text(c->req, 400, "Parent container %.*s does not exist", STR_ARG(parent.s));
        return;
    }
    if (!api_may_launch(c, id, m->command, ACL_SESSIONS_AS_USER, ACL_SESSIONS_UNDER))
        return;
    struct path sandbox = path_fmt("%s/containers/%.*s", st.sandbox, STR_ARG(container_id_leaf(container_id(id))));
    int rc = spec_container(s, id.p, sandbox.p, m->command, m->container, &c->arena, &spec, &err);
    spec.class = CONTAINER_CLASS_DEBUG;
    spec.logs[0].size_max = spec.logs[1].size_max = 0; /* its client is to get all of it, and its sandbox goes with it */
    if (spec.io == CONTAINER_IO_NULL)
        spec.io = CONTAINER_IO_PIPE;
    if (rc == 0 && spec.command.user == NULL && s->flags.switch_user && geteuid() == 0)
        spec.command.user = api_inherited_user(s, id, &c->arena);
    if (rc == 0)
        rc = containerizer_launch(s->containers, &spec, &err);
    if (rc != 0) {
        http_reply_text(c->req, 400, "%s", err.msg);
        return;
    }
    struct session *x = xcalloc(1, sizeof *x);
    *x = (struct session){ .shell = s, .req = c->req, .id = xstrndup(id), .sandbox = xstrdup(sandbox.p),
                           .json = c->json_out, .recordio = c->recordio_out,
                           .is_terminal = spec.io == CONTAINER_IO_TERMINAL };
    DL_APPEND(sessions, x);
    session_count++;
    http_req_on_gone(c->req, client_gone, x);
}
