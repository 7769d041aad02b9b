/* SPDX-License-Identifier: Apache-2.0 */
/* LAUNCH_NESTED_CONTAINER_SESSION: a DEBUG container whose life is the answer's. Its output goes to files in its
 * sandbox as every container's does; the session follows them and passes on what is new as ProcessIO records, so nothing
 * has to sit between the command and its files. There is no input and no terminal: with tty_info it is refused.
 * The container is killed when the client leaves. Source: reference of the operator API, §6.3; golden 332, 333. */
#include "agent/api.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/isolation/containerizer.h"
#include "agent/paths.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

#define POLL_NS (50 * NS_PER_MS)

enum { SESSIONS_MAX = 1000, ENDED_MAX = 1000, PIECE_BYTES = 64 * 1024, PENDING_MAX = 4 << 20 };

struct session {
    struct session *prev, *next;
    struct shell *shell;
    struct http_req *req;
    char *id, *sandbox;
    bool json, recordio, begun, ended;
    int fd[2];               /* stdout, stderr; -1 until they are there */
    struct loop_timer poll;
    struct loop_work done;
};

static struct session *sessions; /* of the one agent of this process */
static size_t session_count;
/* Ids of the last sessions that ended, a ring: clients ask for the exit status after the end of the output. What falls out
 * is removed; the rest goes with its parent. */
static char *ended_ids[ENDED_MAX];
static size_t ended_next;

static void session_release(void *arg)
{
    struct session *x = arg;

    for (int i = 0; i < 2; i++)
        if (x->fd[i] >= 0)
            (void)close(x->fd[i]); /* only read */
    loop_timer_done(&x->poll);
    free(x->id);
    free(x->sandbox);
    free(x);
}

static void session_drop(struct session *x)
{
    DL_DELETE(sessions, x);
    session_count--;
    loop_timer_cancel(&x->poll);
    x->done = LOOP_WORK(LOOP_FREE, session_release, x);
    loop_defer(x->shell->loop, &x->done);
}

static void keep_ended(struct shell *s, const char *id)
{
    char **slot = &ended_ids[ended_next++ % ENDED_MAX];

    if (*slot != NULL)
        (void)containerizer_remove(s->containers, *slot, NULL); /* gone with its parent, or removed by its client */
    free(*slot);
    *slot = xstrdup(id);
}

static void write_record(struct session *x, int stream, struct str data)
{
    CLEANUP(sbuf_done_p) struct sbuf io = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf record = SBUF_INIT(1 << 20);

    wire_put_u64(&io, 1, MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA);
    size_t mark = wire_open(&io, 2);
    wire_put_u64(&io, 1, stream == 0 ? MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDOUT
                                     : MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDERR);
    wire_put_bytes(&io, 2, data);
    wire_close(&io, mark);
    struct str m = sbuf_view(&io);
    if (x->json && json_from_wire(&json, &mesos__v1__agent__process_io__descriptor, m))
        m = sbuf_view(&json);
    sbuf_u64(&record, m.n);
    sbuf_char(&record, '\n');
    sbuf_str(&record, m);
    (void)http_stream_write(x->req, sbuf_view(&record)); /* over the cap: session_gone follows */
}

/* Passes on what the files have more than before; false when nothing was new. */
static bool follow(struct session *x)
{
    static const char *const names[] = { "stdout", "stderr" };
    char *buf = xmalloc(PIECE_BYTES);
    bool any = false;

    for (int i = 0; i < 2 && x->req != NULL; i++) {
        if (x->fd[i] < 0)
            x->fd[i] = open(path_fmt("%s/%s", x->sandbox, names[i]).p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (x->fd[i] < 0 || http_stream_pending(x->req) > PENDING_MAX)
            continue;
        ssize_t n = read(x->fd[i], buf, PIECE_BYTES);
        if (n <= 0)
            continue;
        write_record(x, i, str_mem(buf, (size_t)n));
        any = true;
    }
    free(buf);
    return any;
}

static void poll_files(void *arg)
{
    struct session *x = arg;
    bool any = x->begun && x->req != NULL && follow(x);

    if (x->ended && !any && x->req != NULL && http_stream_pending(x->req) <= PENDING_MAX) {
        http_req_on_gone(x->req, NULL, NULL);
        http_stream_end(x->req);
        x->req = NULL;
        keep_ended(x->shell, x->id);
        session_drop(x);
        return;
    }
    loop_timer_in(&x->poll, any || x->ended ? NS_PER_MS : POLL_NS);
}

static void session_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct session *x = arg;

    (void)r;
    (void)why;
    x->req = NULL;
    loop_timer_cancel(&x->poll);
    if (x->ended || containerizer_destroy(x->shell->containers, x->id, NULL) != 0)
        session_drop(x);
    else
        x->begun = false; /* dropped when its end is reported */
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

    (void)s;
    if (x == NULL)
        return false;
    if (err != NULL) {
        if (x->req != NULL) {
            http_req_on_gone(x->req, NULL, NULL);
            http_reply_text(x->req, 400, "%s", err->msg);
        }
        session_drop(x);
        return true;
    }
    if (x->req == NULL)
        return true;
    if (x->recordio)
        http_reply_header(x->req, "Message-Content-Type", x->json ? STR("application/json") : STR("application/x-protobuf"));
    http_stream_begin(x->req, 200, x->recordio ? "application/recordio" : x->json ? "application/json"
                                                                                : "application/x-protobuf");
    x->begun = true;
    loop_timer_in(&x->poll, NS_PER_MS);
    return true;
}

bool session_exited(struct shell *s, const char *id)
{
    struct session *x = find(id);

    (void)s;
    if (x == NULL)
        return false;
    x->ended = true;
    if (x->req == NULL)
        session_drop(x);
    else
        loop_timer_in(&x->poll, NS_PER_MS);
    return true;
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
        DL_DELETE(sessions, x);
        session_count--;
        session_release(x);
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
    if (m->container != NULL && m->container->tty_info != NULL) {
        http_reply_text(c->req, 400, "'tty_info' is not built in this version: sessions have no terminal");
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
    struct path sandbox = path_fmt("%s/containers/%.*s", st.sandbox, STR_ARG(container_id_leaf(container_id(id))));
    int rc = spec_container(s, id.p, sandbox.p, m->command, m->container, &c->arena, &spec, &err);
    spec.class = CONTAINER_CLASS_DEBUG;
    if (rc == 0)
        rc = containerizer_launch(s->containers, &spec, &err);
    if (rc != 0) {
        http_reply_text(c->req, 400, "%s", err.msg);
        return;
    }
    struct session *x = xcalloc(1, sizeof *x);
    *x = (struct session){ .shell = s, .req = c->req, .id = xstrndup(id), .sandbox = xstrdup(sandbox.p),
                           .json = c->json_out, .recordio = c->recordio_out, .fd = { -1, -1 } };
    loop_timer_init(&x->poll, s->loop, poll_files, x);
    DL_APPEND(sessions, x);
    session_count++;
    http_req_on_gone(c->req, session_gone, x);
}
