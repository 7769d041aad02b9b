/* SPDX-License-Identifier: Apache-2.0 */
/* Users by the names that the image has for them: its own /etc/passwd and /etc/group, the topmost layer's that has one. */
#include "agent/images/images.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"

enum { USER_FILE_MAX = 1 << 20 };

static bool number(struct str s, uint32_t *ret)
{
    uint64_t v;
    if (!str_u64(&s, UINT32_MAX - 1, &v) || s.n != 0)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* The line whose first field is name, or whose third one is the number id (UINT32_MAX: by name). */
static bool find_line(struct str file, struct str name, uint32_t id, struct str ret[7])
{
    struct str line;
    for (bool more = file.n != 0; more;) {
        uint32_t v;
        more = str_cut(&file, '\n', &line);
        struct str rest = line;
        size_t n = 0;
        for (bool fields = true; fields && n < 7; n++)
            fields = str_cut(&rest, ':', &ret[n]);
        if (n < 4)
            continue;
        if (id == UINT32_MAX ? str_eq(ret[0], name) : number(ret[2], &v) && v == id)
            return true;
    }
    return false;
}

static void add_groups(struct str file, struct str user, struct image_user *ret)
{
    struct str line, field[4], member;
    for (bool more = file.n != 0; more;) {
        uint32_t gid;
        more = str_cut(&file, '\n', &line);
        struct str rest = line;
        size_t n = 0;
        for (bool fields = true; fields && n < 4; n++)
            fields = str_cut(&rest, ':', &field[n]);
        if (n < 4 || !number(field[2], &gid) || gid == ret->gid)
            continue;
        for (bool members = field[3].n != 0; members;) {
            members = str_cut(&field[3], ',', &member);
            if (str_eq(member, user) && ret->group_count < sizeof ret->groups / sizeof ret->groups[0]) {
                ret->groups[ret->group_count++] = gid;
                break;
            }
        }
    }
}

int image_user_parse(struct str passwd, struct str group, const char *user, struct image_user *ret, struct error *err)
{
    struct str wanted_group = str_of(user), name, f[7];
    uint32_t id = UINT32_MAX;
    bool has_group = str_cut(&wanted_group, ':', &name);

    *ret = (struct image_user){ .uid = 0 };
    bool is_number = number(name, &id);
    bool found = find_line(passwd, name, is_number ? id : UINT32_MAX, f);
    if (!found && !is_number)
        return error_set(err, ERR_NOT_FOUND, "user '%.80s' is not in the image's /etc/passwd", user);
    if (found && (!number(f[2], &ret->uid) || !number(f[3], &ret->gid)))
        return error_set(err, ERR_INVALID, "the line of user '%.80s' in the image's /etc/passwd has no numbers", user);
    if (!found)
        ret->uid = ret->gid = id;
    if (found && !has_group)
        add_groups(group, f[0], ret);
    if (has_group && !number(wanted_group, &ret->gid) &&
        (!find_line(group, wanted_group, UINT32_MAX, f) || !number(f[2], &ret->gid)))
        return error_set(err, ERR_NOT_FOUND, "group '%.*s' is not in the image's /etc/group", STR_ARG(wanted_group));
    return 0;
}

/* The file as the topmost layer has it; links are resolved inside of that layer only, which is where those of /etc lead. */
static void read_file(const struct images *im, const struct image *i, const char *path, struct sbuf *ret)
{
    for (size_t n = i->layer_count; n-- > 0;) {
        char dir[4096];
        struct stat st;
        if (snprintf(dir, sizeof dir, "%s/layers/%s", images_store(im), i->layers[n]) >= (int)sizeof dir)
            return;
        CLEANUP(fd_close_p) int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        CLEANUP(fd_close_p) int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
            return; /* removed by this layer, or nothing to read */
        for (ssize_t got = 1; got > 0 && ret->n < USER_FILE_MAX;) {
            char *room = sbuf_room(ret, 65536);
            got = room != NULL ? read(fd, room, 65536) : -1;
            if (got > 0)
                sbuf_grew(ret, (size_t)got);
        }
        return;
    }
}

int image_user_find(const struct images *im, const struct image *i, const char *user, struct image_user *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf passwd = SBUF_INIT(USER_FILE_MAX + 131072);
    CLEANUP(sbuf_done_p) struct sbuf group = SBUF_INIT(USER_FILE_MAX + 131072);

    read_file(im, i, "etc/passwd", &passwd);
    read_file(im, i, "etc/group", &group);
    return image_user_parse(sbuf_view(&passwd), sbuf_view(&group), user, ret, err);
}
