/* SPDX-License-Identifier: Apache-2.0 */
/* linux/seccomp: which system calls a container may make. The profile is the container's (linux_info.seccomp.profile_name), else the
 * agent's (--seccomp_profile_name), else there is none, as for a container that says `unconfined`. It is read, translated here and
 * handed to the launcher as the program itself. Translating takes milliseconds, so what was made last is kept: it counts
 * as long as file and capabilities are the same. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/isolation/isolator.h"
#include "agent/isolation/seccomp_profile.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"

enum { FILTERS_MAX = 16 };

struct seccomp_filter {
    char *name;
    uint64_t capabilities;
    struct timespec modified;
    off_t size;
    struct sbuf program;
};

/* The filters that were made, the one to give up next at `next`. */
struct seccomp_filters {
    struct seccomp_filter v[FILTERS_MAX];
    size_t n, next;
};

static void filter_done(struct seccomp_filter *f)
{
    free(f->name);
    sbuf_done(&f->program);
    *f = (struct seccomp_filter){ .name = NULL };
}

void seccomp_filters_free(struct seccomp_filters *f)
{
    for (size_t i = 0; f != NULL && i < f->n; i++)
        filter_done(&f->v[i]);
    free(f);
}

/* The text of the profile, and what tells whether it has changed since. */
static int read_profile(const struct isolation *iso, const char *name, struct sbuf *text, struct stat *st, struct error *err)
{
    char path[4096];
    if (name[0] == 0 || name[0] == '.' || strchr(name, '/') != NULL)
        return error_set(err, ERR_INVALID, "seccomp profile '%.80s': give the name of a file in --seccomp_config_dir", name);
    *st = (struct stat){ .st_size = 0 };
    if (iso->o.seccomp_config_dir != NULL) {
        if (snprintf(path, sizeof path, "%s/%s", iso->o.seccomp_config_dir, name) >= (int)sizeof path)
            return error_set(err, ERR_LIMIT, "seccomp profile '%.80s': the path is too long", name);
        if (stat(path, st) == 0)
            return fs_read(path, text, err);
    }
    if (strcmp(name, "default") == 0) {
        sbuf_c(text, seccomp_default_profile);
        return 0;
    }
    return error_set(err, ERR_NOT_FOUND, "seccomp profile '%.80s' is not in --seccomp_config_dir (%.100s)", name,
                     iso->o.seccomp_config_dir != NULL ? iso->o.seccomp_config_dir : "which is not set");
}

static struct seccomp_filter *find(struct seccomp_filters *all, const char *name, uint64_t capabilities, const struct stat *st)
{
    for (size_t i = 0; i < all->n; i++) {
        struct seccomp_filter *f = &all->v[i];
        if (strcmp(f->name, name) == 0 && f->capabilities == capabilities && f->size == st->st_size &&
            f->modified.tv_sec == st->st_mtim.tv_sec && f->modified.tv_nsec == st->st_mtim.tv_nsec)
            return f;
    }
    return NULL;
}

static int filter_get(struct isolation *iso, const char *name, uint64_t capabilities, struct str *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(SECCOMP_TEXT_MAX);
    struct sbuf program = SBUF_INIT(SECCOMP_PROGRAM_MAX);
    struct stat st;
    if (iso->seccomp == NULL)
        iso->seccomp = xcalloc(1, sizeof *iso->seccomp);
    if (read_profile(iso, name, &text, &st, err) != 0)
        return -(int)err->code;
    struct seccomp_filter *f = find(iso->seccomp, name, capabilities, &st);
    if (f == NULL) {
        if (seccomp_compile(sbuf_view(&text), capabilities, &program, err) != 0) {
            sbuf_done(&program);
            return error_wrap(err, "seccomp profile '%.80s'", name);
        }
        struct seccomp_filters *all = iso->seccomp;
        f = &all->v[all->n < FILTERS_MAX ? all->n++ : all->next++ % FILTERS_MAX];
        filter_done(f);
        *f = (struct seccomp_filter){ xstrdup(name), capabilities, st.st_mtim, st.st_size, program };
    }
    *ret = sbuf_view(&f->program);
    return 0;
}

static int init(struct isolation *iso, struct error *err)
{
    struct str program;
    struct stat st;
    const char *dir = iso->o.seccomp_config_dir, *name = iso->o.seccomp_profile_name;
    if (dir != NULL && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)))
        return error_set(err, ERR_INVALID, "--seccomp_config_dir=%s is no folder", dir);
    if (name != NULL && filter_get(iso, name, UINT64_MAX, &program, err) != 0)
        return error_wrap(err, "--seccomp_profile_name");
    iso_capability(iso, "seccomp: %s", name != NULL ? name : "only for containers that name a profile");
    return 0;
}

static int prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const struct containerizer_options *o = &c->iso->o;
    const char *name = spec->seccomp_profile != NULL ? spec->seccomp_profile : o->seccomp_profile_name;
    const uint64_t *caps = spec->bounding_caps != NULL    ? spec->bounding_caps
                           : spec->effective_caps != NULL ? spec->effective_caps
                           : o->bounding_caps != NULL     ? o->bounding_caps
                                                          : o->effective_caps;
    struct str program;
    if (spec->seccomp_unconfined && spec->seccomp_profile != NULL)
        return error_set(err, ERR_INVALID, "seccomp: 'profile_name' given for a container that is 'unconfined'; give one of them");
    if (spec->seccomp_unconfined || name == NULL)
        return 0;
    if (filter_get(c->iso, name, caps != NULL ? *caps : UINT64_MAX, &program, err) != 0)
        return -(int)err->code;
    launch_raw(l, LAUNCH_SECCOMP, program.p, program.n);
    return 0;
}

const struct isolator_ops isolator_linux_seccomp = {
    .name = "linux/seccomp",
    .needs_root = true,
    .init = init,
    .prepare = prepare,
};
