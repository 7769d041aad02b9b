/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of the instructions. They come from our own agent, but a launcher that runs as root checks what it is given. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static bool tag_is_text(uint32_t tag)
{
    return (tag >= LAUNCH_EXEC && tag <= LAUNCH_HOSTNAME) || tag == LAUNCH_MOUNT;
}

static bool tag_size_ok(uint32_t tag, uint32_t size)
{
    if (tag == LAUNCH_HEADER)
        return size == sizeof(struct launch_header);
    if (tag == LAUNCH_USER)
        return size >= sizeof(struct launch_user);
    if (tag == LAUNCH_RLIMIT)
        return size == sizeof(struct launch_rlimit);
    if (tag == LAUNCH_CAPS)
        return size == sizeof(struct launch_caps);
    if (tag == LAUNCH_OOM_ADJ)
        return size == sizeof(int32_t);
    if (tag == LAUNCH_SECCOMP)
        return size != 0 && size % 8 == 0 && size / 8 <= 4096; /* BPF_MAXINSNS */
    if (tag == LAUNCH_WINDOW)
        return size == sizeof(struct launch_window);
    return size >= (tag == LAUNCH_MOUNT ? sizeof(struct launch_mount) + 1 : 1);
}

static int plan_check(struct plan *p, struct error *err)
{
    for (size_t pos = 0; pos < p->n;) {
        if (p->n - pos < sizeof(struct launch_record))
            return error_set(err, ERR_PROTOCOL, "launch instructions: %zu bytes behind the last record", p->n - pos);
        const struct launch_record *r = (const void *)(p->p + pos);
        size_t room = p->n - pos - sizeof *r;
        if (r->size > room || !tag_size_ok(r->tag, r->size))
            return error_set(err, ERR_PROTOCOL, "launch instructions: record %u of %u bytes at %zu", r->tag, r->size, pos);
        const char *body = (const char *)(r + 1);
        if (tag_is_text(r->tag) && body[r->size - 1] != 0)
            return error_set(err, ERR_PROTOCOL, "launch instructions: text %u is not terminated", r->tag);
        if (r->tag == LAUNCH_USER) {
            const struct launch_user *u = (const void *)body;
            if (u->group_count > LAUNCH_GROUPS_MAX || r->size != sizeof *u + u->group_count * sizeof u->groups[0])
                return error_set(err, ERR_PROTOCOL, "launch instructions: %u groups", u->group_count);
        }
        pos += sizeof *r + ((r->size + 7u) & ~(size_t)7);
    }
    size_t pos = 0;
    p->header = plan_next(p, LAUNCH_HEADER, &pos, NULL);
    if (p->header == NULL || p->header->version != LAUNCH_VERSION)
        return error_set(err, ERR_PROTOCOL, "launch instructions are of another version; restart the agent after an upgrade");
    if (p->header->arg_count == 0 || p->header->arg_count > LAUNCH_ARGS_MAX || p->header->env_count > LAUNCH_ARGS_MAX)
        return error_set(err, ERR_LIMIT, "the command has %u arguments and %u variables; at most %d each",
                         p->header->arg_count, p->header->env_count, LAUNCH_ARGS_MAX);
    return 0;
}

const void *plan_next(const struct plan *p, uint32_t tag, size_t *pos, uint32_t *ret_size)
{
    while (*pos < p->n) {
        const struct launch_record *r = (const void *)(p->p + *pos);
        *pos += sizeof *r + ((r->size + 7u) & ~(size_t)7);
        if (r->tag == tag) {
            if (ret_size != NULL)
                *ret_size = r->size;
            return r + 1;
        }
    }
    return NULL;
}

const char *plan_text(const struct plan *p, uint32_t tag)
{
    size_t pos = 0;
    return plan_next(p, tag, &pos, NULL);
}

int plan_map(struct plan *ret, int fd, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, errno, "launch instructions on descriptor %d (this program is started by the agent)", fd);
    if (st.st_size <= 0 || st.st_size > LAUNCH_SIZE_MAX)
        return error_set(err, ERR_LIMIT, "launch instructions of %lld bytes; at most %d", (long long)st.st_size, LAUNCH_SIZE_MAX);
    void *m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m == MAP_FAILED)
        return error_set_errno(err, errno, "launch instructions: mmap");
    *ret = (struct plan){ .p = m, .n = (size_t)st.st_size, .host_exec = -1 };
    return plan_check(ret, err);
}
