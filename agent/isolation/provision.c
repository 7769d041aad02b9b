/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root file system and its volumes from images. Images come from agent/images; here they become directories of
 * the container: for overlay upper, work, rootfs and one short link per layer ("0", "1", ...), which the launcher mounts; for copy
 * the files themselves, made by stoa-image. The links also say, after a restart of the agent, which layers are in use. */
#include "agent/isolation/isolator.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/images/images.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/helper.h"
#include "common/io/tree.h"

enum { SPEC_BYTES_MAX = 64 << 20 };

/* One image that is wanted: of the root (volume -1) or of a volume. */
struct wanted {
    struct container *c;
    int volume;
    struct images_wait *wait;
    struct image *image;
};

struct provision {
    struct arena arena;
    struct container_spec spec;
    struct wanted *wanted;
    size_t count, missing;
    size_t copied;               /* copy backend: so many are done */
    pid_t copy_pid;
    int said_fd;
    struct loop_watch *copy_watch;
    provision_done_fn *done;
};

/* --- paths ---------------------------------------------------------------------------------------------- */

int provision_path(const struct container *c, int volume, char *ret, size_t size, struct error *err)
{
    char name[32] = "root";
    if (volume >= 0)
        (void)snprintf(name, sizeof name, "volume%d", volume);
    return container_path(c->iso->o.provisioner_dir, c->id, name, ret, size, err);
}

static int make_dir(const char *dir, const char *name, mode_t mode, struct error *err)
{
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return error_set_errno(err, errno, "%s", path);
    return chmod(path, mode) == 0 ? 0 : error_set_errno(err, errno, "%s", path); /* whatever the umask is */
}

static int link_layer(const struct images *im, const char *dir, size_t number, const char *layer, struct error *err)
{
    char from[4200], to[4200];
    (void)snprintf(to, sizeof to, "%s/layers/%s", images_store(im), layer);
    (void)snprintf(from, sizeof from, "%s/%zu", dir, number);
    return symlink(to, from) == 0 ? 0 : error_set_errno(err, errno, "%s", from);
}

/* The directory of one image, and what the overlay needs in it. */
static int make_place(const struct wanted *w, struct error *err)
{
    char dir[4096];
    if (provision_path(w->c, w->volume, dir, sizeof dir, err) != 0 || fs_mkdirs(dir, 0755, err) != 0 ||
        make_dir(dir, "rootfs", 0755, err) != 0)
        return -(int)err->code;
    if (!w->c->iso->overlay)
        return 0;
    if (make_dir(dir, "upper", 0755, err) != 0 || make_dir(dir, "work", 0755, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < w->image->layer_count; i++) {
        if (link_layer(w->c->iso->images, dir, i, w->image->layers[i], err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static const struct wanted *wanted_of(const struct container *c, int volume)
{
    for (size_t i = 0; c->provision != NULL && i < c->provision->count; i++) {
        if (c->provision->wanted[i].volume == volume)
            return &c->provision->wanted[i];
    }
    return NULL;
}

const struct image *provision_image(const struct container *c)
{
    const struct wanted *w = wanted_of(c, -1);
    return w != NULL ? w->image : NULL;
}

int provision_mount(const struct container *c, int volume, struct launch *l, struct error *err)
{
    const struct wanted *w = wanted_of(c, volume);
    char dir[4096];
    CLEANUP(sbuf_done_p) struct sbuf data = SBUF_INIT(4000);
    if (!c->iso->overlay || w == NULL || w->image->layer_count == 0)
        return 0;
    if (provision_path(c, volume, dir, sizeof dir, err) != 0)
        return -(int)err->code;
    sbuf_c(&data, "lowerdir=");
    for (size_t i = w->image->layer_count; i-- > 0;)
        sbuf_fmt(&data, "%zu%s", i, i != 0 ? ":" : ""); /* the topmost first */
    sbuf_c(&data, ",upperdir=upper,workdir=work");
    launch_mount(l, &(struct launch_mount_spec){ .source = "overlay", .target = dir, .type = "overlay", .data = data.p,
                                                 .flags = MS_NODEV, .make = LAUNCH_MAKE_OVERLAY });
    return 0;
}

/* --- the copy backend ----------------------------------------------------------------------------------- */

static void copy_next(struct container *c);

static void finish(struct container *c, const struct error *err)
{
    struct provision *p = c->provision;
    p->done(c, &p->spec, err);
}

static void on_copied(void *arg, pid_t pid, int status)
{
    struct container *c = arg;
    struct provision *p = c->provision;
    struct error err;
    char said[200];
    (void)pid;
    p->copy_watch = NULL;
    p->copy_pid = 0;
    ssize_t n = read(p->said_fd, said, sizeof said);
    (void)close(p->said_fd);
    p->said_fd = -1;
    if (status == 0) {
        p->copied++;
        copy_next(c);
        return;
    }
    (void)error_set(&err, ERR_IO, "Failed to provision image '%.80s': %.*s", p->wanted[p->copied].image->name, n > 0 ? (int)n : 0, said);
    finish(c, &err);
}

static int copy_input(const struct wanted *w, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    char path[4200];
    if (provision_path(w->c, w->volume, path, 4096, err) != 0)
        return -(int)err->code;
    sbuf_fmt(&b, "%s/rootfs", path);
    sbuf_char(&b, 0);
    for (size_t i = 0; i < w->image->layer_count; i++) {
        sbuf_fmt(&b, "%s/layers/%s", images_store(w->c->iso->images), w->image->layers[i]);
        sbuf_char(&b, 0);
    }
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-image", MFD_CLOEXEC);
    if (fd < 0 || !sbuf_ok(&b) || write(fd, b.p, b.n) != (ssize_t)b.n || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "input of stoa-image");
    return TAKE_FD(fd);
}

static int copy_start(struct container *c, struct error *err)
{
    struct provision *p = c->provision;
    char program[4096], name[] = "stoa-image", what[] = "copy";
    char *argv[] = { name, what, c->id, NULL };
    int pipe_fd[2];
    CLEANUP(fd_close_p) int in = copy_input(&p->wanted[p->copied], err);
    if (in < 0)
        return -(int)err->code;
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set_errno(err, errno, "pipe of stoa-image");
    p->said_fd = pipe_fd[0];
    CLEANUP(fd_close_p) int out = pipe_fd[1];
    (void)snprintf(program, sizeof program, "%s/stoa-image", c->iso->o.launcher_dir);
    int rc = helper_spawn(&(struct helper){ .program = program, .argv = argv, .in = in, .out = out, .err = STDERR_FILENO }, &p->copy_pid, err);
    if (rc != 0)
        return rc;
    return loop_child(c->iso->loop, p->copy_pid, on_copied, c, &p->copy_watch, err);
}

/* One image after the other; then the container goes on. */
static void copy_next(struct container *c)
{
    struct provision *p = c->provision;
    struct error err;
    if (p->copied == p->count)
        finish(c, NULL);
    else if (copy_start(c, &err) != 0)
        finish(c, &err);
}

/* --- getting images ------------------------------------------------------------------------------------- */

static void all_here(struct container *c)
{
    struct provision *p = c->provision;
    struct error err;
    for (size_t i = 0; i < p->count; i++) {
        if (make_place(&p->wanted[i], &err) != 0) {
            finish(c, &err);
            return;
        }
    }
    if (c->iso->overlay)
        finish(c, NULL);
    else
        copy_next(c);
}

static void drop_waits(struct provision *p)
{
    for (size_t i = 0; i < p->count; i++) {
        images_cancel(p->wanted[i].wait);
        p->wanted[i].wait = NULL;
    }
}

static void on_image(void *arg, struct image *image, const struct error *err)
{
    struct wanted *w = arg;
    struct provision *p = w->c->provision;
    w->wait = NULL;
    w->image = image;
    if (image == NULL) {
        drop_waits(p);
        finish(w->c, err);
    } else if (--p->missing == 0) {
        all_here(w->c);
    }
}

bool provision_is_needed(const struct container_spec *spec)
{
    bool needed = spec->image != NULL;
    for (size_t i = 0; i < spec->volume_count; i++)
        needed = needed || spec->volumes[i].image != NULL;
    return needed;
}

static int want(struct container *c, int volume, const struct container_image *i, struct error *err)
{
    struct provision *p = c->provision;
    struct wanted *w = &p->wanted[p->count++];
    struct image_request r = { .name = i->name, .force_pull = i->force_pull, .config = i->config };
    *w = (struct wanted){ .c = c, .volume = volume };
    p->missing++;
    return images_get(c->iso->images, &r, on_image, w, &w->wait, err);
}

static int want_all(struct container *c, struct error *err)
{
    struct provision *p = c->provision;
    const struct container_spec *s = &p->spec;
    if (s->image != NULL && want(c, -1, s->image, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < s->volume_count; i++) {
        if (s->volumes[i].image != NULL && want(c, (int)i, s->volumes[i].image, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

int provision_start(struct container *c, const struct container_spec *spec, provision_done_fn *done, struct error *err)
{
    if (c->iso->images == NULL)
        return error_set(err, ERR_UNAVAILABLE, "this agent runs no container images: start it with --image_providers=docker "
                                               "--isolation=filesystem/linux,docker/runtime");
    struct provision *p = c->provision = xcalloc(1, sizeof *p);
    p->arena = ARENA_INIT(SPEC_BYTES_MAX);
    p->done = done;
    p->said_fd = -1;
    p->wanted = xcalloc(spec->volume_count + 1, sizeof *p->wanted);
    c->alive = true;
    if (spec_copy(spec, &p->arena, &p->spec, err) == 0 && want_all(c, err) == 0)
        return 0;
    c->alive = false;
    drop_waits(p);
    return -(int)err->code;
}

void provision_cancel(struct container *c)
{
    struct provision *p = c->provision;
    if (p == NULL)
        return; /* refused at once: this agent runs no images */
    drop_waits(p);
    if (p->copy_pid > 0)
        (void)kill(p->copy_pid, SIGKILL); /* its end comes by on_copied */
    else
        c->alive = false;
}

void provision_free(struct container *c)
{
    struct provision *p = c->provision;
    c->provision = NULL;
    if (p == NULL)
        return;
    drop_waits(p);
    for (size_t i = 0; i < p->count; i++)
        image_unref(p->wanted[i].image);
    loop_watch_free(p->copy_watch);
    if (p->copy_pid > 0)
        (void)kill(p->copy_pid, SIGKILL);
    if (p->said_fd >= 0)
        (void)close(p->said_fd);
    free(p->wanted);
    arena_done(&p->arena);
    free(p);
}

/* --- removing ------------------------------------------------------------------------------------------- */

/* Renamed first: the id may be used again. */
static void remove_of(const struct isolation *iso, const char *id)
{
    static unsigned removed;
    char path[4096], to[4200];
    struct error ignored;
    if (iso->o.provisioner_dir == NULL || container_path(iso->o.provisioner_dir, id, NULL, path, sizeof path, &ignored) != 0)
        return;
    (void)snprintf(to, sizeof to, "%s/removed.%d.%u", iso->o.provisioner_dir, (int)getpid(), removed++);
    if (rename(path, to) == 0)
        tree_remove_later(iso->loop, AT_FDCWD, to, NULL, NULL);
}

void provision_remove(struct container *c)
{
    remove_of(c->iso, c->id);
}

static void scan(void *arg, const char *id)
{
    struct containerizer *owner = arg;
    const struct container *c = container_find(owner, id);
    if (c == NULL || c->state == CONTAINER_ENDED)
        remove_of(&owner->iso, id);
}

void provision_recover(struct containerizer *owner)
{
    const char *base = owner->iso.o.provisioner_dir;
    DIR *d = base != NULL ? opendir(base) : NULL;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, "removed.", 8) == 0)
            tree_remove_later(owner->iso.loop, dirfd(d), e->d_name, NULL, NULL);
    }
    if (d != NULL)
        (void)closedir(d);
    if (base != NULL)
        container_path_each(base, scan, owner);
}

struct used {
    struct isolation *iso;
    char **v;
    size_t n;
};

static void used_in(struct used *u, const char *dir)
{
    for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++) {
        char path[4200], to[4096];
        (void)snprintf(path, sizeof path, "%s/%zu", dir, i);
        ssize_t n = readlink(path, to, sizeof to - 1);
        if (n <= 0)
            return;
        to[n] = 0;
        const char *slash = strrchr(to, '/');
        image_add(&u->v, u->n++, str_of(slash != NULL ? slash + 1 : to));
    }
}

static void used_by(void *arg, const char *id)
{
    struct used *u = arg;
    char path[4096];
    struct error ignored;
    if (container_path(u->iso->o.provisioner_dir, id, NULL, path, sizeof path, &ignored) != 0)
        return;
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char dir[4400];
        if (strcmp(e->d_name, "root") != 0 && strncmp(e->d_name, "volume", 6) != 0)
            continue;
        (void)snprintf(dir, sizeof dir, "%s/%s", path, e->d_name);
        if (strlen(dir) < 4096)
            used_in(u, dir);
    }
    if (d != NULL)
        (void)closedir(d);
}

int containerizer_prune_images(struct containerizer *c, const char *const *excluded, size_t count, size_t *ret_layers, struct error *err)
{
    struct used u = { .iso = &c->iso };
    *ret_layers = 0;
    if (c->iso.images == NULL)
        return error_set(err, ERR_UNAVAILABLE, "this agent runs no container images");
    container_path_each(c->iso.o.provisioner_dir, used_by, &u);
    int r = images_prune(c->iso.images, excluded, count, u.v, u.n, ret_layers, err);
    for (size_t i = 0; i < u.n; i++)
        free(u.v[i]);
    free(u.v);
    return r;
}

size_t containerizer_new_rootfs_count(const struct containerizer *c)
{
    size_t n = 0;
    struct container *i, *next;
    HASH_ITER(hh, c->table, i, next) {
        n += i->root_workdir != NULL && i->class != CONTAINER_CLASS_DEBUG && i->state != CONTAINER_ENDED;
    }
    return n;
}

/* --- start ---------------------------------------------------------------------------------------------- */

/* Whether an overlay can be mounted whose layers are in the store and whose upper side is here: not on another overlay, for
 * one. The answer of the kernel is the only one that counts. */
static int try_overlay(const struct isolation *iso, struct error *err)
{
    char dir[4096], data[4400], rootfs[4200], low[4200];
    struct error ignored;
    (void)snprintf(dir, 3800, "%s/try", iso->o.provisioner_dir);
    (void)snprintf(rootfs, sizeof rootfs, "%s/rootfs", dir);
    (void)snprintf(low, sizeof low, "%s/staging/try.%d", iso->o.docker_store_dir, (int)getpid());
    if (fs_mkdirs(dir, 0755, err) != 0 || fs_mkdirs(low, 0755, err) != 0 || make_dir(dir, "rootfs", 0755, err) != 0 ||
        make_dir(dir, "upper", 0755, err) != 0 || make_dir(dir, "work", 0755, err) != 0)
        return -(int)err->code;
    int n = snprintf(data, sizeof data, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", low, dir, dir);
    int r = n >= 4000 ? error_set(err, ERR_LIMIT, "the paths of --docker_store_dir and --work_dir are too long") : 0;
    if (r == 0 && mount("overlay", rootfs, "overlay", 0, data) != 0)
        r = error_set_errno(err, errno, "mount of an overlay in %s", iso->o.provisioner_dir);
    if (r == 0)
        (void)umount2(rootfs, MNT_DETACH);
    (void)fs_remove_tree(dir, &ignored);
    (void)fs_remove_tree(low, &ignored);
    return r;
}

int provision_init(struct isolation *iso, struct error *err)
{
    const struct containerizer_options *o = &iso->o;
    CLEANUP(sbuf_done_p) struct sbuf about = SBUF_INIT(1024);
    char helper[4096];
    struct error why;
    (void)snprintf(helper, sizeof helper, "%s/stoa-image", o->launcher_dir);
    struct images_options images = { .store_dir = o->docker_store_dir, .registry = o->docker_registry, .config = o->docker_config,
                                     .helper = helper, .pull_timeout_ns = o->docker_pull_timeout_ns, .pulled = iso->owner->cb.pulled, .ctx = iso->owner->cb.ctx };
    if (images_new(&iso->images, iso->loop, &images, err) != 0 || fs_mkdirs(o->provisioner_dir, 0711, err) != 0)
        return -(int)err->code;
    const char *backend = o->image_provisioner_backend;
    if (backend != NULL && strcmp(backend, "overlay") != 0 && strcmp(backend, "copy") != 0)
        return error_set(err, ERR_INVALID, "--image_provisioner_backend=%s is not built; use overlay or copy", backend);
    iso->overlay = backend == NULL || strcmp(backend, "overlay") == 0;
    int r = iso->overlay ? try_overlay(iso, &why) : 0;
    if (r != 0 && backend != NULL)
        return error_set(err, ERR_UNAVAILABLE, "--image_provisioner_backend=overlay: %.150s", why.msg);
    iso->overlay = iso->overlay && r == 0;
    images_describe(iso->images, &about);
    iso_capability(iso, "%.*s, backend %s%s%s", (int)about.n, about.p, iso->overlay ? "overlay" : "copy", r != 0 ? ": " : "", r != 0 ? why.msg : "");
    return 0;
}
