/* SPDX-License-Identifier: Apache-2.0 */
/* The first record names the container, the rest is data, window sizes and heartbeats:
 *
 *     [first record] -> ASKING (the supervisor, for the input) -> OPEN -> answered 200
 *
 * What the command does not take waits here, and then the body is not read on, so a client is as fast as the command. A little
 * is read now and then all the same: the end of a client that left is behind what it had sent, and the next one waits for it. The
 * answer comes when the body has ended and all is written, when the command reads no more, or when the container ends. An
 * end of the body is not the end of the input: clients look first with a request that only names the container, and come
 * back after a lost connection. The end is an empty DATA; with a terminal it means nothing, there it is a key.
 * One request at a time writes to a container.
 * Source: reference of the operator API, §6.3; client expectations 8.4; golden 337. */
#include "agent/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "agent/isolation/containerizer.h"
#include "agent/wire/call.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/recordio.h"

#define TASTE_NS (NS_PER_S / 4)
enum { TASTE_BYTES_MAX = 4 << 20 };
enum { RECORD_BYTES_MAX = 4 << 20, WAITING_BYTES_MAX = 16 << 20, ARENA_BYTES = 64 << 20 };

struct input {
    struct input *prev, *next;
    struct shell *shell;
    struct http_req *req;
    struct recordio reader;
    char *id;                      /* NULL: the first record is not here yet */
    bool json, is_terminal, is_paused;
    bool ended;                    /* an empty DATA came: the input is to end */
    bool body_ended;
    bool is_gone;                  /* answered, or the client left */
    struct container_input *asking;
    int fd;                        /* -1: not there yet, or ended */
    struct sbuf waiting;           /* what the command has not taken */
    size_t written;                /* of it */
    struct winsize window;         /* ws_row 0: none was said */
    struct loop_watch *watch;      /* room to write */
    struct loop_timer taste;       /* held back: to read a little more */
    struct access_who who;
    struct loop_work release;
};

static struct input *inputs; /* of the one agent of this process */
static size_t input_count;

/* --- the end --- */

static void release(void *arg)
{
    struct input *x = arg;

    recordio_done(&x->reader);
    sbuf_done(&x->waiting);
    free(x->id);
    free(x);
}

static void close_fd(struct input *x)
{
    loop_watch_free(x->watch);
    x->watch = NULL;
    if (x->fd >= 0)
        (void)close(x->fd); /* a pipe or terminal: nothing is left to be told */
    x->fd = -1;
}

static void drop(struct input *x)
{
    x->is_gone = true;
    DL_DELETE(inputs, x);
    input_count--;
    containerizer_input_cancel(x->asking);
    x->asking = NULL;
    close_fd(x);
    loop_timer_done(&x->taste);
    x->release = LOOP_WORK(LOOP_FREE, release, x);
    loop_defer(x->shell->loop, &x->release);
}

static void client_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)r;
    (void)why;
    drop(arg);
}

static void finish(struct input *x)
{
    http_req_on_gone(x->req, NULL, NULL);
    if (!x->body_ended)
        http_reply_close(x->req); /* the rest of the body is nobody's */
    api_reply_empty(x->req, 200);
    drop(x);
}

static void __attribute__((format(printf, 3, 4))) refuse(struct input *x, unsigned status, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    http_req_on_gone(x->req, NULL, NULL);
    if (!x->body_ended)
        http_reply_close(x->req);
    http_reply_text(x->req, status, "%s", text);
    drop(x);
}

/* --- writing --- */

static void flush(struct input *x);

static void on_room(void *arg, int fd, int what)
{
    (void)fd;
    (void)what;
    flush(arg);
}

static void set_paused(struct input *x, bool on)
{
    if (x->is_paused == on || x->body_ended)
        return;
    x->is_paused = on;
    if (on)
        http_body_pause(x->req);
    else
        http_body_resume(x->req);
}

static void on_taste(void *arg)
{
    set_paused(arg, false); /* what comes is followed by a flush, which holds back again */
}

/* Writes what waits; false: the command reads no more. */
static bool write_some(struct input *x)
{
    while (x->written < x->waiting.n) {
        ssize_t n = write(x->fd, x->waiting.p + x->written, x->waiting.n - x->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        x->written += (size_t)n;
    }
    sbuf_clear(&x->waiting);
    x->written = 0;
    return true;
}

static void flush(struct input *x)
{
    if (x->fd >= 0 && !write_some(x)) {
        finish(x);
        return;
    }
    bool full = x->waiting.n != 0;
    if (full && x->fd >= 0 && x->watch == NULL)
        x->watch = loop_fd(x->shell->loop, x->fd, LOOP_WRITE, on_room, x);
    if (!full && x->watch != NULL) {
        loop_watch_free(x->watch);
        x->watch = NULL;
    }
    if (full && x->asking == NULL && x->waiting.n < TASTE_BYTES_MAX)
        loop_timer_in(&x->taste, TASTE_NS);
    else
        loop_timer_cancel(&x->taste);
    if (x->asking != NULL || full) {
        set_paused(x, true);
        return;
    }
    if (x->ended && x->fd >= 0) {
        close_fd(x);
        containerizer_input_end(x->shell->containers, x->id);
    }
    set_paused(x, false);
    if (x->body_ended)
        finish(x);
}

static void set_window(struct input *x)
{
    if (x->is_terminal && x->fd >= 0 && x->window.ws_row != 0)
        (void)ioctl(x->fd, TIOCSWINSZ, &x->window); /* the terminal takes any */
}

static void on_fd(void *arg, int fd, const struct error *err)
{
    struct input *x = arg;

    x->asking = NULL;
    x->fd = fd;
    if (err != NULL && err->code == ERR_CONFLICT) /* ended before: there is nothing to write to, and no error in that */
        finish(x);
    else if (err != NULL)
        refuse(x, err->code == ERR_NOT_FOUND ? 404 : 500, "%s", err->msg);
    if (err != NULL)
        return;
    set_window(x);
    flush(x);
}

/* --- records --- */

static void take_data(struct input *x, const Mesos__V1__Agent__ProcessIO__Data *d)
{
    if (d->has_type && d->type != MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDIN) {
        refuse(x, 400, "Expecting 'process_io.data.type' to be STDIN");
        return;
    }
    if (!d->has_data || d->data.len == 0)
        x->ended = x->ended || !x->is_terminal;
    else if (!x->ended)
        sbuf_add(&x->waiting, d->data.data, d->data.len);
    if (!sbuf_ok(&x->waiting))
        refuse(x, 400, "More than %d bytes of input wait for the container", WAITING_BYTES_MAX);
}

static void take_control(struct input *x, const Mesos__V1__Agent__ProcessIO__Control *c)
{
    if (c->tty_info == NULL || c->tty_info->window_size == NULL)
        return; /* a heartbeat */
    x->window = (struct winsize){ .ws_row = (uint16_t)c->tty_info->window_size->rows,
                                  .ws_col = (uint16_t)c->tty_info->window_size->columns };
    set_window(x);
}

static void take_io(struct input *x, const Mesos__V1__Agent__Call__AttachContainerInput *m)
{
    const Mesos__V1__Agent__ProcessIO *io = m->process_io;

    if (!m->has_type || m->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__PROCESS_IO || io == NULL)
        refuse(x, 400, "Expecting 'attach_container_input.type' to be PROCESS_IO with a 'process_io' after the first record");
    else if (io->has_type && io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA && io->data != NULL)
        take_data(x, io->data);
    else if (io->has_type && io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL && io->control != NULL)
        take_control(x, io->control);
    else
        refuse(x, 400, "Expecting 'process_io.type' to be DATA with 'data' or CONTROL with 'control'");
}

static bool is_taken(const char *id)
{
    struct input *x;

    DL_FOREACH(inputs, x)
        if (x->id != NULL && strcmp(x->id, id) == 0)
            return true;
    return false;
}

static void take_id(struct input *x, const Mesos__V1__Agent__Call__AttachContainerInput *m, struct arena *arena)
{
    struct container_status st;
    struct error err = { 0 };

    if (!m->has_type || m->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__CONTAINER_ID) {
        refuse(x, 400, "Expecting 'attach_container_input.type' to be CONTAINER_ID in the first record");
        return;
    }
    if (m->container_id == NULL) {
        refuse(x, 400, "Failed to validate agent::Call: Expecting 'attach_container_input.container_id' to be present");
        return;
    }
    struct str id = api_container_id(m->container_id, arena);
    if (id.n == 0 || containerizer_status(x->shell->containers, id.p, &st, NULL) != 0 || !st.is_running) {
        refuse(x, 404, "Container %s cannot be found", id.n != 0 ? id.p : m->container_id->value);
        return;
    }
    if (!access_may_container(x->shell, &x->who, ACL_ATTACH_INPUT, id)) {
        refuse(x, 403, "403 Forbidden.");
        return;
    }
    if (st.io == CONTAINER_IO_NULL) {
        refuse(x, 500, "I/O switchboard server was disabled for this container");
        return;
    }
    if (is_taken(id.p)) {
        refuse(x, 409, "Another request writes to the input of container %s; one at a time can", id.p);
        return;
    }
    x->id = xstrndup(id);
    x->is_terminal = st.io == CONTAINER_IO_TERMINAL;
    if (containerizer_input_open(x->shell->containers, x->id, on_fd, x, &x->asking, &err) != 0)
        refuse(x, 500, "%s", err.msg);
}

static bool accepts_answer(const struct input *x)
{
    struct str accept = http_req_header(x->req, "Accept");

    return http_accepts_type(accept, "application/json") || http_accepts_type(accept, "application/x-protobuf") ||
           http_accepts_type(accept, "application/recordio");
}

static void take_record(struct input *x, struct str record)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(ARENA_BYTES);
    ProtobufCMessage *m = NULL;
    struct error err = { 0 };

    if (agent_decode_call(&mesos__v1__agent__call__descriptor, x->json, record, &arena, &m, &err) != 0) {
        refuse(x, 400, "%s", err.msg);
        return;
    }
    const Mesos__V1__Agent__Call *call = (const Mesos__V1__Agent__Call *)m;
    const ProtobufCEnumValue *type =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__agent__call__type__descriptor, (int)call->type);
    if (!call->has_type)
        refuse(x, 400, "Failed to validate agent::Call: Expecting 'type' to be present");
    else if (call->type != MESOS__V1__AGENT__CALL__TYPE__ATTACH_CONTAINER_INPUT)
        refuse(x, 415, "Streaming request is not supported for %s call", type != NULL ? type->name : "this");
    else if (call->attach_container_input == NULL)
        refuse(x, 400, "Failed to validate agent::Call: Expecting 'attach_container_input' to be present");
    else if (x->id != NULL)
        take_io(x, call->attach_container_input);
    else if (!accepts_answer(x))
        refuse(x, 406, "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio");
    else
        take_id(x, call->attach_container_input, &arena);
}

static void on_body(void *arg, struct http_req *r, struct str bytes, bool end)
{
    struct input *x = arg;
    struct error err = { 0 };
    struct str record;
    int rc;

    (void)r;
    x->body_ended = end;
    while ((rc = recordio_next(&x->reader, &bytes, &record, &err)) == 1) {
        take_record(x, record);
        if (x->is_gone)
            return; /* released at the end of the turn */
    }
    if (rc < 0)
        refuse(x, 400, "Failed to read a record of the request: %s", err.msg);
    else if (end && (x->id == NULL || recordio_partial(&x->reader)))
        refuse(x, 400, x->id == NULL ? "The request ended before its first record" : "The request ended inside a record");
    else if (x->id != NULL)
        flush(x);
}

bool input_wants(const struct shell *s, const struct http_req *r)
{
    struct str type = http_req_header(r, "Message-Content-Type");

    return s->core->state != AGENT_RECOVERING && http_req_verb(r) == HTTP_VERB_POST &&
           str_is(http_req_header(r, "Content-Type"), "application/recordio") &&
           (str_is(type, "application/json") || str_is(type, "application/x-protobuf"));
}

void input_take(struct shell *s, struct http_req *r)
{
    bool json = str_is(http_req_header(r, "Message-Content-Type"), "application/json");

    if (input_count >= INPUTS_MAX) {
        http_reply_text(r, 503, "%d requests write to containers already, the most this agent keeps", INPUTS_MAX);
        return;
    }
    struct input *x = xcalloc(1, sizeof *x);
    *x = (struct input){ .shell = s, .req = r, .json = json, .fd = -1, .waiting = SBUF_INIT(WAITING_BYTES_MAX), .who = s->access.who };
    recordio_init(&x->reader, RECORD_BYTES_MAX);
    loop_timer_init(&x->taste, s->loop, on_taste, x);
    DL_APPEND(inputs, x);
    input_count++;
    http_req_on_gone(r, client_gone, x);
    http_body_stream(r, on_body, x);
}

void input_container_exited(struct shell *s, const char *id)
{
    struct input *x, *next;

    (void)s;
    DL_FOREACH_SAFE(inputs, x, next)
        if (x->id != NULL && strcmp(x->id, id) == 0)
            finish(x);
}

void input_free_all(struct shell *s)
{
    struct input *x, *next;

    (void)s;
    DL_FOREACH_SAFE(inputs, x, next)
        refuse(x, 503, "The agent is shutting down");
}
