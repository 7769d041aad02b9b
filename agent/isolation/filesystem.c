/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes on the host's root file system. filesystem/posix: a persistent volume becomes a symbolic link in the sandbox;
 * other volumes need mounts and are refused. filesystem/linux: bind mounts in a mount namespace of the container. A secret is a
 * file with its content, read-only, mode 0400 and owned by the user of the container. */
#include "agent/isolation/isolator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/io/beneath.h"
#include "common/io/fs.h"

/* A path inside the sandbox must stay there. */
static bool has_dotdot(const char *path)
{
    struct str rest = str_of(path), part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &part);
        if (str_is(part, ".."))
            return true;
    }
    return false;
}

/* box: the sandbox, as the mounts are made in it. */
static int volume_target(const char *box, const struct container_volume *v, char *ret, size_t size,
                         struct error *err)
{
    bool absolute = v->container_path[0] == '/';
    if (has_dotdot(v->container_path))
        return error_set(err, ERR_INVALID, "volume '%s': the container path must not contain '..'", v->container_path);
    int n = absolute ? snprintf(ret, size, "%s", v->container_path)
                     : snprintf(ret, size, "%s/%s", box, v->container_path);
    if (n < 0 || (size_t)n >= size)
        return error_set(err, ERR_LIMIT, "volume '%.64s...': the path is over %zu bytes", v->container_path, size - 1);
    return 0;
}

static int link_volume(struct container *c, const struct container_spec *spec, const struct container_volume *v,
                       struct error *err)
{
    char target[4096];
    if ((v->flags & CONTAINER_VOLUME_SECRET) != 0)
        return error_set(err, ERR_INVALID, "volume '%s' holds a secret and needs a mount: add filesystem/linux to --isolation",
                         v->container_path);
    if ((v->flags & CONTAINER_VOLUME_PERSISTENT) == 0 || v->container_path[0] == '/')
        return error_set(err, ERR_INVALID, "volume '%s' of '%s' needs a mount: add filesystem/linux to --isolation",
                         v->container_path, v->host_path);
    if (volume_target(spec->sandbox, v, target, sizeof target, err) != 0)
        return -(int)err->code;
    (void)c;
    const char *last;
    CLEANUP(fd_close_p) int at = beneath_parent(target, sandbox_trusted(spec->sandbox), 0755, &last, err);
    if (at < 0)
        return error_wrap(err, "volume '%s'", v->container_path);
    char old[4096];
    ssize_t n = readlinkat(at, last, old, sizeof old - 1);
    if (n > 0 && (size_t)n == strlen(v->host_path) && memcmp(old, v->host_path, (size_t)n) == 0)
        return 0;
    if (symlinkat(v->host_path, at, last) != 0)
        return error_set_errno(err, errno, "volume '%s' as a link in the sandbox", v->container_path);
    return 0;
}

static int posix_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)l;
    if (c->iso->new_mount_ns)
        return 0; /* filesystem/linux does it */
    for (size_t i = 0; i < spec->volume_count; i++) {
        if (link_volume(c, spec, &spec->volumes[i], err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static int linux_init(struct isolation *iso, struct error *err)
{
    (void)err;
    iso->new_mount_ns = true;
    return 0;
}

/* The file that a secret is mounted from: in the container's runtime directory, gone with it. */
static int secret_file(struct container *c, size_t number, struct str secret, char ret[4096], struct error *err)
{
    char name[40];
    (void)snprintf(name, sizeof name, "secret.%zu", number);
    if (runtime_path(c->iso, c->id, name, ret, 4096, err) != 0)
        return -(int)err->code;
    (void)unlink(ret); /* of a start that was cut short */
    CLEANUP(fd_close_p) int fd = open(ret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (fd < 0)
        return error_set_errno(err, errno, "secret: %s", ret);
    for (size_t done = 0; done < secret.n;) {
        ssize_t n = write(fd, secret.p + done, secret.n - done);
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "secret: %s", ret);
        done += n > 0 ? (size_t)n : 0;
    }
    return fchown(fd, c->uid, (gid_t)-1) == 0 ? 0 : error_set_errno(err, errno, "secret: owner of %s", ret);
}

/* Where the content of a volume is now. buf has 4096 bytes. */
static int volume_source(struct container *c, const struct container_spec *spec, size_t number, struct launch *l, char *buf,
                         const char **ret, struct error *err)
{
    const struct container_volume *v = &spec->volumes[number];
    *ret = v->host_path != NULL ? v->host_path : buf;
    if (v->image != NULL) {
        if (provision_mount(c, (int)number, l, err) != 0 || provision_path(c, (int)number, buf, 4096, err) != 0)
            return -(int)err->code;
        size_t n = strlen(buf);
        if (snprintf(buf + n, 4096 - n, "/rootfs") >= (int)(4096 - n))
            return error_set(err, ERR_LIMIT, "volume '%s': its path is too long", v->container_path);
    }
    if ((v->flags & CONTAINER_VOLUME_SECRET) != 0)
        return secret_file(c, number, v->secret, buf, err);
    return 0;
}

/* Below one of --host_path_volume_force_creation, and not by a way around. */
static bool is_made_when_missing(const struct container *c, const char *path)
{
    struct str rest = str_of(c->iso->o.host_path_folders), folder;

    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ':', &folder);
        while (folder.n > 1 && folder.p[folder.n - 1] == '/')
            folder.n--;
        if (folder.n != 0 && folder.p[0] == '/' && str_starts(str_of(path), folder) &&
            (folder.n == 1 || path[folder.n] == '/' || path[folder.n] == 0) && !str_contains(str_of(path), STR("/..")))
            return true;
    }
    return false;
}

static int mount_volume(struct container *c, const struct container_spec *spec, size_t number, const char *box, struct launch *l,
                        struct error *err)
{
    const struct container_volume *v = &spec->volumes[number];
    char target[4096], buf[4096];
    const char *from;
    struct stat st;
    if (volume_target(box, v, target, sizeof target, err) != 0 || volume_source(c, spec, number, l, buf, &from, err) != 0)
        return -(int)err->code;
    if (v->host_path != NULL && (spec->docker || is_made_when_missing(c, from)) && stat(from, &st) != 0 && errno == ENOENT &&
        fs_mkdirs(from, 0755, err) != 0)
        return error_wrap(err, "volume '%s'", v->container_path);
    if (stat(from, &st) != 0)
        return error_set_errno(err, errno, "volume '%s': host path %s", v->container_path, from);
    bool absolute = v->container_path[0] == '/', keep = absolute && spec->image == NULL;
    if (keep && access(target, F_OK) != 0)
        return error_set(err, ERR_NOT_FOUND, "Absolute container path '%s' does not exist", target);
    uint64_t ro = (v->flags & CONTAINER_VOLUME_RO) != 0 ? MS_RDONLY : 0;
    launch_mount(l, &(struct launch_mount_spec){
                        .source = from,
                        .source_trusted = v->host_trusted,
                        .target = target,
                        .target_trusted = absolute ? 0 : spec->image != NULL ? strlen(box) : sandbox_trusted(spec->sandbox),
                        .flags = MS_BIND | MS_REC | ro,
                        .make = keep ? LAUNCH_MAKE_NOTHING : S_ISDIR(st.st_mode) ? LAUNCH_MAKE_DIRECTORY : LAUNCH_MAKE_FILE,
                    });
    return 0;
}

/* The container's own groups, read-only, where programs look for their limits (JVMs size their heap by them). */
static void mount_cgroups(const struct container *c, struct launch *l)
{
    const struct cgroups *cg = &c->iso->cg;
    const struct container *owner = c;
    char path[CG_PATH_MAX], target[512];
    while (owner->group.controllers == 0 && owner->parent != NULL)
        owner = owner->parent;
    if (cg->v2 || owner->group.controllers == 0) {
        if (cg_file(cg, &owner->group, CG_MEMORY, ".", path))
            launch_mount(l, &(struct launch_mount_spec){ .source = path, .target = "/sys/fs/cgroup", .flags = MS_BIND | MS_RDONLY });
        return;
    }
    launch_mount(l, &(struct launch_mount_spec){ .source = "tmpfs", .target = "/sys/fs/cgroup", .type = "tmpfs", .data = "mode=755,size=64k",
                                                 .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC });
    for (int i = 0; i < CG_COUNT; i++) {
        bool again = false; /* co-mounted controllers have one directory */
        for (int j = 0; j < i; j++)
            again = again || strcmp(cg->mount[i], cg->mount[j]) == 0;
        const char *name = strrchr(cg->mount[i], '/');
        if (again || name == NULL || !cg_file(cg, &owner->group, (enum cg_controller)i, ".", path))
            continue;
        (void)snprintf(target, sizeof target, "/sys/fs/cgroup%s", name);
        launch_mount(l, &(struct launch_mount_spec){ .source = path, .target = target, .flags = MS_BIND | MS_RDONLY, .make = LAUNCH_MAKE_DIRECTORY });
    }
}

/* The image, the sandbox in it, and how names of the network are found: as on the host, unless the container's networks say
 * otherwise later. */
static int mount_root(struct container *c, const struct container_spec *spec, const char *box, struct launch *l, struct error *err)
{
    static const char *const names[] = { "/etc/hosts", "/etc/hostname", "/etc/resolv.conf" };
    char root[4096];
    if (provision_mount(c, -1, l, err) != 0 || provision_path(c, -1, root, sizeof root - 8, err) != 0)
        return -(int)err->code;
    memcpy(root + strlen(root), "/rootfs", sizeof "/rootfs");
    launch_text(l, LAUNCH_ROOT, root);
    launch_mount(l, &(struct launch_mount_spec){ .source = spec->sandbox, .source_trusted = sandbox_trusted(spec->sandbox), .target = box,
                                                 .flags = MS_BIND | MS_REC, .make = LAUNCH_MAKE_DIRECTORY });
    mount_cgroups(c, l);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (access(names[i], F_OK) == 0)
            launch_mount(l, &(struct launch_mount_spec){ .source = names[i], .target = names[i], .flags = MS_BIND | MS_RDONLY,
                                                         .make = LAUNCH_MAKE_FILE_ANEW });
    }
    return 0;
}

static int linux_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const char *box = spec->image != NULL ? c->iso->o.sandbox_directory : spec->sandbox;
    if (spec->volume_count == 0 && spec->image == NULL)
        return 0;
    l->flags |= LAUNCH_NEW_MNT_NS;
    if (spec->image != NULL && mount_root(c, spec, box, l, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < spec->volume_count; i++) {
        if (mount_volume(c, spec, i, box, l, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

const struct isolator_ops isolator_filesystem_posix = { .name = "filesystem/posix", .prepare = posix_prepare };
const struct isolator_ops isolator_filesystem_linux = {
    .name = "filesystem/linux",
    .needs_root = true,
    .init = linux_init,
    .prepare = linux_prepare,
};
