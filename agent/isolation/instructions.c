/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of stoa-launcher, a record at a time (agent/launcher/instructions.h). */
#include "agent/isolation/isolator.h"

#include <string.h>

void launch_init(struct launch *l)
{
    *l = (struct launch){ .out = SBUF_INIT(LAUNCH_SIZE_MAX) };
    struct launch_header h = { .version = LAUNCH_VERSION };
    launch_raw(l, LAUNCH_HEADER, &h, sizeof h);
}

void launch_done(struct launch *l)
{
    sbuf_done(&l->out);
}

static void launch_pad(struct launch *l)
{
    static const char zero[8];
    sbuf_add(&l->out, zero, (8 - l->out.n % 8) % 8);
}

void launch_raw(struct launch *l, enum launch_tag tag, const void *p, size_t n)
{
    struct launch_record r = { .tag = tag, .size = (uint32_t)n };
    sbuf_add(&l->out, &r, sizeof r);
    sbuf_add(&l->out, p, n);
    launch_pad(l);
}

void launch_text(struct launch *l, enum launch_tag tag, const char *text)
{
    launch_raw(l, tag, text, strlen(text) + 1);
    if (tag == LAUNCH_ARG)
        l->arg_count++;
}

void launch_env(struct launch *l, const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value);
    struct launch_record r = { .tag = LAUNCH_ENV, .size = (uint32_t)(n + v + 2) };
    sbuf_add(&l->out, &r, sizeof r);
    sbuf_add(&l->out, name, n);
    sbuf_char(&l->out, '=');
    sbuf_add(&l->out, value, v + 1);
    launch_pad(l);
    l->env_count++;
    if (strcmp(name, "PATH") == 0)
        l->has_path = true;
}

void launch_mount(struct launch *l, const struct launch_mount_spec *spec)
{
    const char *text[4] = { spec->source, spec->target, spec->type, spec->data };
    struct launch_mount m = { .flags = spec->flags, .make = (uint32_t)spec->make,
                              .source_trusted = (uint32_t)spec->source_trusted, .target_trusted = (uint32_t)spec->target_trusted };
    uint32_t *offset[4] = { &m.source, &m.target, &m.type, &m.data }, at = 0;
    for (int i = 0; i < 4; i++) {
        if (text[i] == NULL)
            text[i] = "";
        *offset[i] = at;
        at += (uint32_t)strlen(text[i]) + 1;
    }
    struct launch_record r = { .tag = LAUNCH_MOUNT, .size = (uint32_t)sizeof m + at };
    sbuf_add(&l->out, &r, sizeof r);
    sbuf_add(&l->out, &m, sizeof m);
    for (int i = 0; i < 4; i++)
        sbuf_add(&l->out, text[i], strlen(text[i]) + 1);
    launch_pad(l);
}

void launch_user_record(struct container *c, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t count, struct launch *l)
{
    char rec[sizeof(struct launch_user) + sizeof(uint32_t) * LAUNCH_GROUPS_MAX];
    struct launch_user u = { .uid = uid, .gid = gid, .group_count = (uint32_t)count };
    memcpy(rec, &u, sizeof u);
    memcpy(rec + sizeof u, groups, count * sizeof *groups);
    launch_raw(l, LAUNCH_USER, rec, sizeof u + count * sizeof *groups);
    c->uid = uid;
    c->gid = gid;
}
