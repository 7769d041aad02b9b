/* SPDX-License-Identifier: Apache-2.0 */
/* The list of isolators, in the order in which they work on a container. */
#include "agent/isolation/isolator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

static const struct isolator_ops *const all[] = {
    &isolator_filesystem_posix,   &isolator_filesystem_linux,   &isolator_namespaces_pid, &isolator_namespaces_ipc,
    &isolator_posix_cpu,          &isolator_posix_mem,          &isolator_cgroups_cpu,    &isolator_cgroups_mem,
    &isolator_cgroups_pids,       &isolator_cgroups_devices,    &isolator_cgroups_blkio,  &isolator_cgroups_cpuset,
    &isolator_cgroups_hugetlb,    &isolator_cgroups_perf_event, &isolator_posix_rlimits,  &isolator_linux_capabilities,
    &isolator_linux_nnp,          &isolator_disk_du,           &isolator_docker_runtime, &isolator_network_cni,
    &isolator_linux_seccomp,      &isolator_network_ports,
};

const struct isolator_ops *isolator_find(struct str name)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (str_is(name, all[i]->name))
            return all[i];
    }
    return NULL;
}

void isolator_names(struct sbuf *b)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (i != 0)
            sbuf_c(b, ", ");
        sbuf_c(b, all[i]->name);
    }
}

bool iso_has(const struct isolation *iso, const char *name)
{
    for (size_t i = 0; i < iso->op_count; i++) {
        if (strcmp(iso->ops[i]->name, name) == 0)
            return true;
    }
    return false;
}

void iso_capability(struct isolation *iso, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (iso->line_count < CAPABILITY_LINES_MAX)
        iso->lines[iso->line_count++] = xstrdup(line);
}
