/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as the kernel's texts: mountinfo, cgroup.controllers, stat files; and as a container id. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/isolation/cgroup_values.h"
#include "agent/isolation/isolator.h"
#include "common/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cgroups cg;
    static char path[CG_PATH_MAX];
    struct error err;
    size_t half = size / 2;
    struct str text = str_mem(data, size), a = str_sub(text, 0, half), b = str_sub(text, half, size);
    cgroups_parse(&cg, a, b, "/sys/fs/cgroup", "mesos");
    ASSERT(memchr(cg.v2_mount, 0, sizeof cg.v2_mount) != NULL);
    for (int c = 0; c < CG_COUNT; c++)
        ASSERT(memchr(cg.mount[c], 0, sizeof cg.mount[c]) != NULL);
    ASSERT(cgroup_stat_value(text, "oom_kill") >= -1);
    char *id = str_dup(text);
    if (id != NULL && strlen(id) == size && container_id_valid(id) && cg_path_of(&cg, id, path, &err) == 0)
        ASSERT(strncmp(path, "mesos/", 6) == 0 && strstr(path, "..") == NULL);
    free(id);
    return 0;
}
