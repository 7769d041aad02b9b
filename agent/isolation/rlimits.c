/* SPDX-License-Identifier: Apache-2.0 */
/* posix/rlimits: setrlimit in the command's process, from ContainerInfo.rlimit_info. */
#include "agent/isolation/isolator.h"

#include <sys/resource.h>

static const struct {
    const char *name;
    int resource;
} names[] = {
    { "RLMT_AS", RLIMIT_AS },             { "RLMT_CORE", RLIMIT_CORE },     { "RLMT_CPU", RLIMIT_CPU },
    { "RLMT_DATA", RLIMIT_DATA },         { "RLMT_FSIZE", RLIMIT_FSIZE },   { "RLMT_LOCKS", RLIMIT_LOCKS },
    { "RLMT_MEMLOCK", RLIMIT_MEMLOCK },   { "RLMT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLMT_NICE", RLIMIT_NICE },
    { "RLMT_NOFILE", RLIMIT_NOFILE },     { "RLMT_NPROC", RLIMIT_NPROC },   { "RLMT_RSS", RLIMIT_RSS },
    { "RLMT_RTPRIO", RLIMIT_RTPRIO },     { "RLMT_RTTIME", RLIMIT_RTTIME }, { "RLMT_SIGPENDING", RLIMIT_SIGPENDING },
    { "RLMT_STACK", RLIMIT_STACK },
};

int containerizer_rlimit_of(struct str name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(name, names[i].name))
            return names[i].resource;
    }
    return -1;
}

static int rlimits_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)c;
    for (size_t i = 0; i < spec->rlimit_count; i++) {
        const struct container_rlimit *r = &spec->rlimits[i];
        if (r->resource < 0 || (!r->unlimited && r->soft > r->hard))
            return error_set(err, ERR_INVALID, "resource limit %d: soft %llu is over hard %llu", r->resource,
                             (unsigned long long)r->soft, (unsigned long long)r->hard);
        struct launch_rlimit rec = { .resource = r->resource, .soft = r->unlimited ? UINT64_MAX : r->soft,
                                     .hard = r->unlimited ? UINT64_MAX : r->hard };
        launch_raw(l, LAUNCH_RLIMIT, &rec, sizeof rec);
    }
    return 0;
}

const struct isolator_ops isolator_posix_rlimits = { .name = "posix/rlimits", .prepare = rlimits_prepare };
