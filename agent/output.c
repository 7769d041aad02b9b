/* SPDX-License-Identifier: Apache-2.0 */
/* One list of streams, one inotify descriptor for all of them while there are any. A watch belongs to a file, not to a
 * stream: two streams of one file share its number, and it goes with the last. Each stream reads a piece per turn and goes
 * on in the next, so that a big file does not hold the loop; over PENDING_MAX unsent bytes it waits until they have left.
 * Source: reference of the operator API, §6.3; golden 332, 333, 336. */
#include "agent/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/isolation/containerizer.h"
#include "agent/paths.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/beneath.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/recordio.h"

#define POLL_NS (100 * NS_PER_MS) /* where inotify does not work, or the file is not there yet */

enum { PIECE_BYTES = 64 * 1024, PENDING_MAX = 1 << 20 };

struct file {
    int fd;    /* -1: not there yet */
    int watch; /* -1: none */
    off_t at;
};

struct output {
    struct output *prev, *next;
    struct shell *shell;
    struct http_req *req;
    char *id, *sandbox;
    bool json, from_start, container_ended;
    struct file files[2]; /* stdout, stderr */
    unsigned file_count;
    struct loop_timer pump, heartbeat;
    struct loop_work release;
    void (*ended)(void *arg, bool is_cut);
    void *arg;
};

static struct output *outputs; /* of the one agent of this process */
static size_t output_count;
static int notify_fd = -1;
static struct loop_watch *notify_watch;

/* --- news of files --- */

static void on_news(void *arg, int fd, int what)
{
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct output *o;

    (void)arg;
    (void)what;
    ssize_t n = read(fd, buf, sizeof buf);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const void *)(buf + at);
        at += (ssize_t)(sizeof *e + e->len);
        DL_FOREACH(outputs, o)
            for (unsigned i = 0; i < o->file_count; i++)
                if (e->wd == o->files[i].watch || (e->mask & IN_Q_OVERFLOW) != 0)
                    loop_timer_in(&o->pump, 0);
    }
}

static int news_of(struct shell *s, const char *path)
{
    if (notify_fd < 0) {
        notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (notify_fd >= 0)
            notify_watch = loop_fd(s->loop, notify_fd, LOOP_READ, on_news, NULL);
    }
    return notify_fd >= 0 ? inotify_add_watch(notify_fd, path, IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB) : -1;
}

static void no_news_of(int watch)
{
    struct output *o;

    DL_FOREACH(outputs, o)
        if (o->files[0].watch == watch || o->files[1].watch == watch)
            return;
    (void)inotify_rm_watch(notify_fd, watch); /* gone already with its file */
}

/* --- the end --- */

static void release(void *arg)
{
    struct output *o = arg;

    for (int i = 0; i < 2; i++)
        if (o->files[i].fd >= 0)
            (void)close(o->files[i].fd); /* only read */
    loop_timer_done(&o->pump);
    loop_timer_done(&o->heartbeat);
    free(o->id);
    free(o->sandbox);
    free(o);
}

/* Out of the list; freed at the end of the turn. */
static void drop(struct output *o)
{
    DL_DELETE(outputs, o);
    output_count--;
    loop_timer_cancel(&o->pump);
    loop_timer_cancel(&o->heartbeat);
    for (int i = 0; i < 2; i++)
        if (o->files[i].watch >= 0)
            no_news_of(o->files[i].watch);
    if (outputs == NULL && notify_fd >= 0) {
        loop_watch_free(notify_watch);
        (void)close(notify_fd);
        notify_watch = NULL;
        notify_fd = -1;
    }
    o->release = LOOP_WORK(LOOP_FREE, release, o);
    loop_defer(o->shell->loop, &o->release);
}

static void client_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct output *o = arg;

    (void)r;
    (void)why;
    drop(o);
    if (o->ended != NULL)
        o->ended(o->arg, true);
}

static void end(struct output *o)
{
    http_req_on_gone(o->req, NULL, NULL);
    http_stream_end(o->req);
    drop(o);
    if (o->ended != NULL)
        o->ended(o->arg, false);
}

/* --- records --- */

static void write_record(struct output *o, struct str io)
{
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf record = SBUF_INIT(1 << 20);

    if (o->json && json_from_wire(&json, &mesos__v1__agent__process_io__descriptor, io))
        io = sbuf_view(&json);
    recordio_put(&record, io);
    (void)http_stream_write(o->req, sbuf_view(&record)); /* over the cap: client_gone follows */
}

static void write_data(struct output *o, unsigned file, struct str data)
{
    CLEANUP(sbuf_done_p) struct sbuf io = SBUF_INIT(1 << 20);

    wire_put_u64(&io, 1, MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA);
    size_t mark = wire_open(&io, 2);
    wire_put_u64(&io, 1, file == 0 ? MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDOUT
                                   : MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDERR);
    wire_put_bytes(&io, 2, data);
    wire_close(&io, mark);
    write_record(o, sbuf_view(&io));
}

static void on_heartbeat(void *arg)
{
    struct output *o = arg;
    CLEANUP(sbuf_done_p) struct sbuf io = SBUF_INIT(1024);
    int64_t interval = o->shell->flags.http_heartbeat_interval;

    wire_put_u64(&io, 1, MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL);
    size_t control = wire_open(&io, 3);
    wire_put_u64(&io, 1, MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__HEARTBEAT);
    size_t beat = wire_open(&io, 3);
    size_t duration = wire_open(&io, 1);
    wire_put_i64(&io, 1, interval);
    wire_close(&io, duration);
    wire_close(&io, beat);
    wire_close(&io, control);
    write_record(o, sbuf_view(&io));
    loop_timer_in(&o->heartbeat, interval);
}

/* --- reading --- */

/* The watch comes before the first look, so that nothing is missed between. */
static void open_file(struct output *o, unsigned i)
{
    static const char *const names[] = { "stdout", "stderr" };
    struct path path = path_fmt("%s/%s", o->sandbox, names[i]);
    struct file *f = &o->files[i];
    struct stat st;

    struct error ignored; /* not there yet */
    char now[64];

    f->fd = beneath_open(path.p, sandbox_trusted(o->sandbox), O_RDONLY, 0, &ignored);
    if (f->fd < 0) {
        f->fd = -1;
        return;
    }
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(f->fd);
        f->fd = -1;
        return;
    }
    (void)snprintf(now, sizeof now, "/proc/self/fd/%d", f->fd);
    f->watch = news_of(o->shell, now);
    if (!o->from_start)
        f->at = st.st_size;
}

/* A file with a limit has been put aside when it was full (launcher/logs.c): what comes is in the next one. A reader that is
 * slower than a whole file misses what was in between. */
static bool follow_rotation(struct output *o, unsigned i)
{
    struct file *f = &o->files[i];
    struct file old = *f;
    struct stat before, now;

    if (!o->shell->logger.on || fstat(old.fd, &before) != 0 || before.st_size == 0)
        return false;
    f->fd = f->watch = -1;
    open_file(o, i);
    bool is_next = f->fd >= 0 && fstat(f->fd, &now) == 0 && (now.st_ino != before.st_ino || now.st_dev != before.st_dev);
    if (!is_next) {
        if (f->fd >= 0)
            (void)close(f->fd); /* the same watch */
        *f = old;
        return false;
    }
    f->at = 0;
    (void)close(old.fd);
    if (old.watch >= 0)
        no_news_of(old.watch);
    return true;
}

/* Passes on a piece of each file; false when nothing was new. */
static bool follow(struct output *o)
{
    static char buf[PIECE_BYTES]; /* one loop, one thread */
    bool any = false;

    for (unsigned i = 0; i < o->file_count; i++) {
        struct file *f = &o->files[i];
        struct stat st;
        if (f->fd < 0)
            open_file(o, i);
        if (f->fd < 0)
            continue;
        if (fstat(f->fd, &st) == 0 && st.st_size < f->at)
            f->at = 0; /* cut by somebody who rotates logs: what is there now is new */
        ssize_t n = pread(f->fd, buf, sizeof buf, f->at);
        if (n <= 0) {
            any = follow_rotation(o, i) || any;
            continue;
        }
        f->at += n;
        write_data(o, i, str_mem(buf, (size_t)n));
        any = true;
    }
    return any;
}

static bool needs_poll(const struct output *o)
{
    for (unsigned i = 0; i < o->file_count; i++)
        if (o->files[i].watch < 0)
            return true;
    return false;
}

static void pump(void *arg)
{
    struct output *o = arg;

    if (http_stream_pending(o->req) > PENDING_MAX)
        return; /* on_drained goes on */
    if (follow(o))
        loop_timer_in(&o->pump, 0);
    else if (o->container_ended)
        end(o);
    else if (needs_poll(o))
        loop_timer_in(&o->pump, POLL_NS);
}

static void on_drained(void *arg, struct http_req *r)
{
    struct output *o = arg;

    (void)r;
    if (o->pump.at.ns == MONO_NEVER.ns)
        loop_timer_in(&o->pump, 0);
}

bool output_begin(struct shell *s, struct http_req *r, const struct output_spec *spec)
{
    const char *type = spec->json ? "application/json" : "application/x-protobuf";

    if (output_count >= OUTPUTS_MAX) {
        http_reply_text(r, 503, "%d streams of output are open already, the most this agent keeps", OUTPUTS_MAX);
        return false;
    }
    struct output *o = xcalloc(1, sizeof *o);
    *o = (struct output){ .shell = s, .req = r, .id = xstrdup(spec->id), .sandbox = xstrdup(spec->sandbox),
                          .json = spec->json, .from_start = spec->from_start, .ended = spec->ended, .arg = spec->arg,
                          .files = { { -1, -1, 0 }, { -1, -1, 0 } }, .file_count = spec->is_terminal ? 1 : 2 };
    loop_timer_init(&o->pump, s->loop, pump, o);
    loop_timer_init(&o->heartbeat, s->loop, on_heartbeat, o);
    DL_APPEND(outputs, o);
    output_count++;
    if (spec->recordio)
        http_reply_header(r, "Message-Content-Type", str_of(type));
    http_req_on_gone(r, client_gone, o);
    http_stream_begin(r, 200, spec->recordio ? "application/recordio" : type);
    http_stream_on_drained(r, on_drained, o);
    for (unsigned i = 0; i < o->file_count; i++)
        open_file(o, i); /* where it is now */
    o->from_start = true; /* a file that comes later is all new */
    loop_timer_in(&o->pump, 0);
    loop_timer_in(&o->heartbeat, s->flags.http_heartbeat_interval);
    return true;
}

void output_container_exited(struct shell *s, const char *id)
{
    struct output *o;

    (void)s;
    DL_FOREACH(outputs, o)
        if (strcmp(o->id, id) == 0) {
            o->container_ended = true;
            loop_timer_in(&o->pump, 0);
        }
}

void output_free_all(struct shell *s)
{
    struct output *o, *next;

    (void)s;
    DL_FOREACH_SAFE(outputs, o, next) {
        http_req_on_gone(o->req, NULL, NULL);
        http_abort(o->req);
        drop(o);
    }
}
