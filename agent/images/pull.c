/* SPDX-License-Identifier: Apache-2.0 */
/* Getting an image: from the store, or by a stoa-image of its own. One pull per image and credential, IMAGE_PULLS_MAX at once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/images/store.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/helper.h"

struct images_wait {
    struct images *im;
    struct pull *pull;              /* NULL: the image was there */
    struct image *image;
    struct loop_work work;          /* the answer of one that was there */
    images_got_fn *fn;
    void *arg;
    struct images_wait *next;
};

struct pull {
    struct images *im;
    struct image_reference ref;
    char *config;                   /* credentials; NULL: none */
    pid_t pid;                      /* 0: still in line */
    int said_fd;
    struct loop_watch *child, *said_watch;
    struct loop_timer timer;
    struct mono began;
    bool timed_out;
    char said[200];                 /* why it failed */
    size_t said_size;
    struct images_wait *waits;
    struct pull *next;
};

/* --- answering ------------------------------------------------------------------------------------------ */

static void answer(struct images_wait *w, struct image *image, const struct error *err)
{
    images_got_fn *fn = w->fn;
    void *arg = w->arg;
    w->im->waiting_count--;
    free(w);
    fn(arg, image, err);
}

static void answer_known(void *arg)
{
    struct images_wait *w = arg;
    answer(w, w->image, NULL);
}

static void unlink_pull(struct pull *p)
{
    struct pull **at = &p->im->pulls;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

static void free_pull(struct pull *p)
{
    loop_watch_free(p->child);
    loop_watch_free(p->said_watch);
    loop_timer_done(&p->timer);
    if (p->said_fd >= 0)
        (void)close(p->said_fd);
    free(p->config);
    free(p);
}

static void start_more(struct images *im);

/* Takes it out first: who is answered may ask again at once. */
static void finish(struct pull *p, const struct error *err)
{
    struct images *im = p->im;
    struct image *image = err == NULL ? store_find(im, p->ref.canonical) : NULL;
    struct error lost;
    if (err == NULL && image == NULL) {
        (void)error_set(&lost, ERR_IO, "Failed to pull image '%.120s': it was pulled and is not in the store", p->ref.canonical);
        err = &lost;
    }
    unlink_pull(p);
    struct images_wait *w = p->waits;
    free_pull(p);
    while (w != NULL) {
        struct images_wait *next = w->next;
        answer(w, image != NULL ? image_ref(image) : NULL, err);
        w = next;
    }
    image_unref(image);
    start_more(im);
}

/* --- the child ------------------------------------------------------------------------------------------ */

/* False at the end. */
static bool read_said(struct pull *p)
{
    for (;;) {
        char buf[sizeof p->said];
        ssize_t n = read(p->said_fd, buf, sizeof buf);
        if (n <= 0)
            return n < 0;
        size_t room = sizeof p->said - p->said_size, take = (size_t)n < room ? (size_t)n : room;
        memcpy(p->said + p->said_size, buf, take);
        p->said_size += take;
    }
}

static void on_said(void *arg, int fd, int what)
{
    struct pull *p = arg;
    (void)fd;
    (void)what;
    if (read_said(p))
        return;
    loop_watch_free(p->said_watch); /* it will say no more */
    p->said_watch = NULL;
}

static void on_end(void *arg, pid_t pid, int status)
{
    struct pull *p = arg;
    struct error err;
    (void)pid;
    p->child = NULL;
    (void)read_said(p);
    struct images *im = p->im;
    if (im->pulled != NULL)
        im->pulled(im->ctx, loop_clock().ns - p->began.ns);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        finish(p, NULL);
        return;
    }
    if (p->timed_out)
        (void)error_set(&err, ERR_TIMEOUT, "Failed to pull image '%.100s' from %.60s: not done within %lld s (--docker_pull_timeout)",
                        p->ref.canonical, p->ref.registry, (long long)(im->pull_timeout_ns / NS_PER_S));
    else if (p->said_size != 0)
        (void)error_set(&err, ERR_IO, "Failed to pull image '%.100s': %.*s", p->ref.canonical, (int)p->said_size, p->said);
    else
        (void)error_set(&err, ERR_IO, "Failed to pull image '%.100s': stoa-image ended with wait status %d", p->ref.canonical, status);
    finish(p, &err);
}

static void on_timeout(void *arg)
{
    struct pull *p = arg;
    p->timed_out = true;
    if (p->pid > 0)
        (void)kill(-p->pid, SIGKILL); /* with its skopeo: they are one process group */
}

static void field(struct sbuf *b, const char *name, const char *value)
{
    sbuf_c(b, name);
    sbuf_char(b, '=');
    sbuf_add(b, value, strlen(value) + 1);
}

/* Where a directory of archives was given instead of a registry: its path, else NULL. */
static const char *archives_dir(const char *registry)
{
    if (strncmp(registry, "file://", 7) == 0)
        return registry + 7;
    return registry[0] == '/' ? registry : NULL;
}

/* The archive of an image: as "docker save -o NAME.tar" makes it, with and without a tag. */
static int find_archive(const struct pull *p, const char *dir, char *ret, size_t size, struct error *err)
{
    const char *repository = p->ref.repository, *last = strrchr(repository, '/');
    const char *names[] = { repository, strncmp(repository, "library/", 8) == 0 ? repository + 8 : repository,
                            last != NULL ? last + 1 : repository };
    for (size_t i = 0; i < 3; i++) {
        for (int tagged = 1; tagged >= 0; tagged--) {
            if (tagged == 0 && strcmp(p->ref.tag, "latest") != 0)
                continue;
            int n = snprintf(ret, size, "%s/%s%s%s.tar", dir, names[i], tagged ? ":" : "", tagged ? p->ref.tag : "");
            if (n > 0 && (size_t)n < size && access(ret, R_OK) == 0)
                return 0;
        }
    }
    return error_set(err, ERR_NOT_FOUND, "Failed to pull image '%.80s': %.60s has neither %.60s:%s.tar nor, for latest, %.60s.tar", p->ref.canonical,
                     dir, names[2], p->ref.tag, names[2]);
}

static int put_source(const struct pull *p, struct sbuf *b, struct error *err)
{
    const struct images *im = p->im;
    const char *dir = archives_dir(im->registry);
    char path[4096];
    if (dir != NULL && p->ref.is_default_registry) {
        if (find_archive(p, dir, path, sizeof path, err) != 0)
            return -(int)err->code;
        field(b, "archive", path);
        return 0;
    }
    (void)snprintf(path, sizeof path, "docker://%s", p->ref.canonical);
    field(b, "source", path);
    field(b, "plain", image_registry_is_plain(p->ref.registry, im->registry) ? "1" : "0");
    return 0;
}

static int input_fd(const struct pull *p, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(STOA_IMAGE_INPUT_MAX);
    char path[4096];
    if (put_source(p, &b, err) != 0)
        return -(int)err->code;
    if (!store_skopeo(path, sizeof path))
        return error_set(err, ERR_UNAVAILABLE, "Failed to pull image '%.100s': skopeo is not installed on this agent", p->ref.canonical);
    field(&b, "skopeo", path);
    field(&b, "store", p->im->store);
    field(&b, "name", p->ref.canonical);
    field(&b, "registry", p->ref.registry);
    store_record_path(p->im, p->ref.canonical, path, sizeof path);
    field(&b, "record", path);
    if (p->config != NULL)
        field(&b, "config", p->config);
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "Failed to pull image '%.100s': its credentials are over %d bytes", p->ref.canonical, STOA_IMAGE_INPUT_MAX);
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-image", MFD_CLOEXEC); /* secrets: not in arguments, not on a disk */
    if (fd < 0 || write(fd, b.p, b.n) != (ssize_t)b.n || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "input of stoa-image");
    return TAKE_FD(fd);
}

static int spawn_helper(struct pull *p, int in, int out, struct error *err)
{
    char name[] = "stoa-image", what[] = "pull";
    char *argv[] = { name, what, p->ref.canonical, NULL };
    return helper_spawn(&(struct helper){ .program = p->im->helper, .argv = argv, .in = in, .out = out, .err = -1 }, &p->pid, err);
}

static int start(struct pull *p, struct error *err)
{
    struct images *im = p->im;
    int pipe_fd[2];
    CLEANUP(fd_close_p) int in = input_fd(p, err);
    if (in < 0)
        return -(int)err->code;
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set_errno(err, errno, "pipe of stoa-image");
    p->said_fd = pipe_fd[0];
    CLEANUP(fd_close_p) int out = pipe_fd[1];
    if (spawn_helper(p, in, out, err) != 0)
        return -(int)err->code;
    p->began = loop_clock();
    p->said_watch = loop_fd(im->loop, p->said_fd, LOOP_READ, on_said, p);
    loop_timer_in(&p->timer, im->pull_timeout_ns);
    return loop_child(im->loop, p->pid, on_end, p, &p->child, err);
}

static void start_more(struct images *im)
{
    size_t running = 0;
    for (struct pull *p = im->pulls; p != NULL; p = p->next)
        running += p->pid != 0;
    for (struct pull *p = im->pulls; p != NULL && running < IMAGE_PULLS_MAX; p = p->next) {
        struct error err;
        if (p->pid != 0)
            continue;
        if (start(p, &err) != 0) {
            finish(p, &err); /* comes back here for the rest */
            return;
        }
        running++;
    }
}

static void start_later(void *arg)
{
    start_more(arg);
}

/* --- asking --------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct pull *find_pull(struct images *im, const struct image_reference *ref, const char *config)
{
    struct pull **at = &im->pulls;
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->ref.canonical, ref->canonical) == 0 && same_text((*at)->config, config))
            return *at;
    }
    struct pull *p = xcalloc(1, sizeof *p);
    p->im = im;
    p->ref = *ref;
    p->config = config != NULL ? xstrdup(config) : NULL;
    p->said_fd = -1;
    loop_timer_init(&p->timer, im->loop, on_timeout, p);
    *at = p;
    return p;
}

int images_get(struct images *im, const struct image_request *r, images_got_fn *fn, void *arg, struct images_wait **ret,
               struct error *err)
{
    struct image_reference ref;
    const char *registry = archives_dir(im->registry) != NULL ? "docker.io" : im->registry;
    if (image_reference_parse(r->name, registry, &ref, err) != 0)
        return -(int)err->code;
    if (im->waiting_count >= IMAGE_WAITING_MAX)
        return error_set(err, ERR_LIMIT, "%zu containers wait for images; at most %d", im->waiting_count, IMAGE_WAITING_MAX);
    struct images_wait *w = xcalloc(1, sizeof *w);
    *w = (struct images_wait){ .im = im, .fn = fn, .arg = arg };
    im->waiting_count++;
    if (!r->force_pull)
        w->image = store_find(im, ref.canonical);
    if (w->image != NULL) {
        w->work = LOOP_WORK(LOOP_STEP, answer_known, w);
        loop_defer(im->loop, &w->work);
    } else {
        struct pull *p = w->pull = find_pull(im, &ref, r->config != NULL ? r->config : im->config);
        struct images_wait **at = &p->waits;
        while (*at != NULL)
            at = &(*at)->next;
        *at = w;
        loop_defer(im->loop, &im->start);
    }
    *ret = w;
    return 0;
}

void images_cancel(struct images_wait *w)
{
    if (w == NULL)
        return;
    if (w->pull == NULL) {
        loop_undefer(w->im->loop, &w->work);
        image_unref(w->image);
    } else {
        struct images_wait **at = &w->pull->waits;
        while (*at != w)
            at = &(*at)->next;
        *at = w->next;
    }
    w->im->waiting_count--;
    free(w);
}

/* --- life ----------------------------------------------------------------------------------------------- */

int images_new(struct images **ret, struct loop *loop, const struct images_options *o, struct error *err)
{
    struct images *im = xcalloc(1, sizeof *im);
    im->loop = loop;
    im->store = xstrdup(o->store_dir);
    im->registry = xstrdup(o->registry);
    im->config = o->config != NULL ? xstrdup(o->config) : NULL;
    im->helper = xstrdup(o->helper);
    im->pull_timeout_ns = o->pull_timeout_ns;
    im->pulled = o->pulled;
    im->ctx = o->ctx;
    im->lock = -1;
    im->start = LOOP_WORK(LOOP_STEP, start_later, im);
    if (im->store[0] != '/') {
        (void)error_set(err, ERR_INVALID, "--docker_store_dir is '%.150s'; use an absolute path", im->store);
        images_free(im);
        return -(int)err->code;
    }
    if (store_open(im, err) != 0) {
        images_free(im);
        return -(int)err->code;
    }
    *ret = im;
    return 0;
}

void images_free(struct images *im)
{
    if (im == NULL)
        return;
    loop_undefer(im->loop, &im->start);
    loop_timer_done(&im->clean);
    while (im->pulls != NULL) {
        struct pull *p = im->pulls;
        im->pulls = p->next;
        if (p->pid > 0)
            (void)kill(-p->pid, SIGKILL);
        while (p->waits != NULL)
            images_cancel(p->waits);
        free_pull(p);
    }
    if (im->lock >= 0)
        (void)close(im->lock);
    free(im->store);
    free(im->registry);
    free(im->config);
    free(im->helper);
    free(im);
}
