/* SPDX-License-Identifier: Apache-2.0 */
/* The store on the disk, as the agent sees it: what is there, what may go. Agents of one machine may share a store: each holds
 * its lock shared, and only who can have it alone removes layers. */
#include "agent/images/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/tree.h"

#define CLEAN_MAX_NS (60 * NS_PER_S)

const char *images_store(const struct images *im)
{
    return im->store;
}

void store_record_path(const struct images *im, const char *canonical, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/images/%016llx", im->store, (unsigned long long)str_hash(str_of(canonical)));
}

static bool layers_are_there(const struct images *im, const struct image *i)
{
    for (size_t n = 0; n < i->layer_count; n++) {
        char path[4096];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/layers/%s", im->store, i->layers[n]);
        if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
            return false;
    }
    return true;
}

static struct image *read_record(const char *path)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(IMAGE_RECORD_MAX);
    struct error ignored; /* a record that cannot be read is none: the image is pulled again */
    struct image *i = NULL;
    if (fs_read(path, &b, &ignored) != 0 || image_record_read(sbuf_view(&b), &i, &ignored) != 0)
        return NULL;
    return i;
}

struct image *store_find(const struct images *im, const char *canonical)
{
    char path[4096];
    store_record_path(im, canonical, path, sizeof path);
    struct image *i = read_record(path);
    if (i != NULL && strcmp(i->name, canonical) == 0 && layers_are_there(im, i))
        return i;
    image_unref(i);
    return NULL;
}

bool store_skopeo(char *ret, size_t size)
{
    const char *path = getenv("PATH");
    struct str rest = str_of(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"), dir;
    for (bool more = true; more;) {
        more = str_cut(&rest, ':', &dir);
        int n = snprintf(ret, size, "%.*s/skopeo", STR_ARG(dir));
        if (n > 0 && (size_t)n < size && ret[0] == '/' && access(ret, X_OK) == 0)
            return true;
    }
    return false;
}

void images_describe(const struct images *im, struct sbuf *b)
{
    char path[4096];
    if (store_skopeo(path, sizeof path))
        sbuf_fmt(b, "images: %s, registry %s, store %s", path, im->registry, im->store);
    else
        sbuf_fmt(b, "images: skopeo is not installed: tasks whose image is not in %s yet will fail", im->store);
}

/* --- what is left over --------------------------------------------------------------------------------- */

/* A pull holds its folder locked for as long as it lives. False: this one does. It leaves by a rename, with the lock held: a pull
 * that has made its folder and not locked it yet sees that, and makes another. */
static bool remove_staged(struct images *im, int staging, const char *name)
{
    char removed[64];
    CLEANUP(fd_close_p) int fd = openat(staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
        return false;
    (void)snprintf(removed, sizeof removed, "removed.%d.%u", (int)getpid(), im->removed_count++);
    bool moved = renameat(staging, name, staging, removed) == 0;
    tree_remove_later(im->loop, staging, moved ? removed : name, NULL, NULL);
    return true;
}

/* What pulls left that were cut. Those under way, also of an agent before that are just dying, are looked at again later. */
static void clean_staging(void *arg)
{
    struct images *im = arg;
    char path[4096];
    bool more = false;
    (void)snprintf(path, sizeof path, "%s/staging", im->store);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        bool ours = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !(im->cleaned && strncmp(e->d_name, "removed.", 8) == 0);
        more = (ours && !remove_staged(im, dirfd(d), e->d_name)) || more;
    }
    if (d != NULL)
        (void)closedir(d);
    im->cleaned = true;
    im->clean_ns = im->clean_ns * 2 < CLEAN_MAX_NS ? im->clean_ns * 2 : CLEAN_MAX_NS;
    if (more)
        loop_timer_in(&im->clean, im->clean_ns);
}

int store_open(struct images *im, struct error *err)
{
    static const char *const folders[] = { "layers", "images", "staging" };
    char path[4096];
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", im->store, folders[i]);
        if (fs_mkdirs(path, 0700, err) != 0)
            return error_wrap(err, "--docker_store_dir");
    }
    /* Tasks of any user may pass through to the layers below their own root, nobody lists them. */
    (void)snprintf(path, sizeof path, "%s/layers", im->store);
    if (chmod(path, 0711) != 0 || chmod(im->store, 0711) != 0)
        return error_set_errno(err, errno, "--docker_store_dir %s", im->store);
    (void)snprintf(path, sizeof path, "%s/lock", im->store);
    im->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (im->lock < 0 || flock(im->lock, LOCK_SH | LOCK_NB) != 0)
        return error_set_errno(err, errno, "--docker_store_dir: %s", path);
    im->clean_ns = NS_PER_S / 4;
    loop_timer_init(&im->clean, im->loop, clean_staging, im);
    clean_staging(im);
    return 0;
}

/* --- removing images ------------------------------------------------------------------------------------ */

struct names {
    char **v; /* owned; sorted once complete */
    size_t n;
};

static void names_done(struct names *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
}

static bool names_have(const struct names *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->v[i], name) == 0)
            return true;
    }
    return false;
}

static void names_add(struct names *s, const char *name)
{
    if (!names_have(s, name))
        image_add(&s->v, s->n++, str_of(name));
}

static bool is_used(const struct image *i, const struct names *excluded, const struct names *in_use)
{
    if (names_have(excluded, i->name))
        return true;
    /* An image without layers is used by nobody; all of its layers have to be, since a base is shared. */
    for (size_t n = 0; n < i->layer_count; n++) {
        if (!names_have(in_use, i->layers[n]))
            return false;
    }
    return i->layer_count != 0;
}

static void prune_records(struct images *im, const struct names *excluded, const struct names *in_use, struct names *keep)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/images", im->store);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/images/%s", im->store, e->d_name) >= (int)sizeof path)
            continue;
        struct image *i = read_record(path);
        if (i == NULL || !is_used(i, excluded, in_use))
            (void)unlink(path);
        else
            for (size_t n = 0; n < i->layer_count; n++)
                names_add(keep, i->layers[n]);
        image_unref(i);
    }
    if (d != NULL)
        (void)closedir(d);
}

/* A layer leaves by a rename, so that it is never half there; the rest goes on in the background. */
static size_t prune_layers(struct images *im, const struct names *keep)
{
    size_t removed = 0;
    char from[4096], to[4096];
    (void)snprintf(from, sizeof from, "%s/layers", im->store);
    DIR *d = opendir(from);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || names_have(keep, e->d_name))
            continue;
        if (snprintf(from, sizeof from, "%s/layers/%s", im->store, e->d_name) >= (int)sizeof from ||
            snprintf(to, sizeof to, "%s/staging/removed.%d.%u.%s", im->store, (int)getpid(), im->removed_count++, e->d_name) >= (int)sizeof to ||
            rename(from, to) != 0)
            continue;
        tree_remove_later(im->loop, AT_FDCWD, to, NULL, NULL);
        removed++;
    }
    if (d != NULL)
        (void)closedir(d);
    return removed;
}

int images_prune(struct images *im, const char *const *excluded, size_t excluded_count, char *const *in_use, size_t in_use_count,
                 size_t *ret_layers, struct error *err)
{
    struct names spared = { NULL, 0 }, used = { NULL, 0 }, keep = { NULL, 0 };
    struct image_reference ref;
    struct error ignored; /* a name that cannot be one spares nothing */

    if (im->pulls != NULL)
        return error_set(err, ERR_CONFLICT, "images are being pulled; nothing is removed meanwhile");
    if (flock(im->lock, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, ERR_CONFLICT, "another agent uses the store %s; nothing was removed", im->store);
    for (size_t i = 0; i < excluded_count; i++) {
        if (image_reference_parse(excluded[i], im->registry, &ref, &ignored) == 0)
            names_add(&spared, ref.canonical);
    }
    for (size_t i = 0; i < in_use_count; i++) {
        names_add(&used, in_use[i]);
        names_add(&keep, in_use[i]);
    }
    prune_records(im, &spared, &used, &keep);
    *ret_layers = prune_layers(im, &keep);
    names_done(&spared);
    names_done(&used);
    names_done(&keep);
    (void)flock(im->lock, LOCK_SH | LOCK_NB);
    return 0;
}
