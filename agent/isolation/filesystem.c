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

static int volume_target(const struct container_spec *spec, const struct container_volume *v, char *ret, size_t size,
                         struct error *err)
{
    bool absolute = v->container_path[0] == '/';
    if (has_dotdot(v->container_path))
        return error_set(err, ERR_INVALID, "volume '%s': the container path must not contain '..'", v->container_path);
    int n = absolute ? snprintf(ret, size, "%s", v->container_path)
                     : snprintf(ret, size, "%s/%s", spec->sandbox, v->container_path);
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
    if (volume_target(spec, v, target, sizeof target, err) != 0)
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

static int linux_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    if (spec->volume_count == 0)
        return 0;
    l->flags |= LAUNCH_NEW_MNT_NS;
    for (size_t i = 0; i < spec->volume_count; i++) {
        const struct container_volume *v = &spec->volumes[i];
        char target[4096], secret[4096];
        const char *from = v->host_path;
        struct stat st;
        if (volume_target(spec, v, target, sizeof target, err) != 0)
            return -(int)err->code;
        if ((v->flags & CONTAINER_VOLUME_SECRET) != 0) {
            if (secret_file(c, i, v->secret, secret, err) != 0)
                return -(int)err->code;
            from = secret;
        }
        if (stat(from, &st) != 0)
            return error_set_errno(err, errno, "volume '%s': host path %s", v->container_path, from);
        bool absolute = v->container_path[0] == '/';
        if (absolute && access(target, F_OK) != 0)
            return error_set(err, ERR_NOT_FOUND, "Absolute container path '%s' does not exist", target);
        uint64_t ro = (v->flags & CONTAINER_VOLUME_RO) != 0 ? MS_RDONLY : 0;
        launch_mount(l, &(struct launch_mount_spec){
                            .source = from,
                            .source_trusted = v->host_trusted,
                            .target = target,
                            .target_trusted = absolute ? 0 : sandbox_trusted(spec->sandbox),
                            .flags = MS_BIND | MS_REC | ro,
                            .make = absolute ? LAUNCH_MAKE_NOTHING : S_ISDIR(st.st_mode) ? LAUNCH_MAKE_DIRECTORY : LAUNCH_MAKE_FILE,
                        });
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
