/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine has: for every resource that --resources does not name; and what this agent says it can (--agent_features). Source: reference, §15
 * and §25. */
#include "agent/shell.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/wire/json.h"

#define MB INT64_C(1048576)

static bool has(const struct resources *r, struct name *name)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].name == name)
            return true;
    return false;
}

static void add_scalar(struct resources *r, struct name *name, int64_t units)
{
    struct resource x = resource_scalar(name, units * MILLI_PER_UNIT);

    resources_add_take(r, &x);
}

/* Total - 1 GB; half when there are less than 2 GB. */
static int64_t memory_mb(void)
{
    struct sysinfo si;

    if (sysinfo(&si) != 0)
        return 1024;
    int64_t mb = (int64_t)si.totalram * (int64_t)si.mem_unit / MB;
    return mb >= 2048 ? mb - 1024 : mb / 2;
}

/* Size - 5 GB; half when there are less than 10 GB. */
static int64_t disk_mb(const char *work_dir)
{
    struct statvfs vfs;

    if (statvfs(work_dir, &vfs) != 0)
        return 1024;
    int64_t mb = (int64_t)(vfs.f_blocks * (uint64_t)vfs.f_frsize / (uint64_t)MB);
    return mb >= 10240 ? mb - 5120 : mb / 2;
}

int detect_resources(struct shell *s, struct error *err)
{
    struct str text = str_of(s->flags.resources);
    struct resources *r = &s->env.resources;
    int rc = convert_resources_flag(text, str_of(s->flags.default_role), r, err);

    if (rc != 0)
        return error_wrap(err, "--resources");
    if (!has(r, NAME_CPUS)) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        add_scalar(r, NAME_CPUS, n > 0 ? n : 1);
    }
    s->detected_mem = !has(r, NAME_MEM);
    if (s->detected_mem)
        add_scalar(r, NAME_MEM, memory_mb());
    s->detected_disk = !has(r, NAME_DISK);
    if (s->detected_disk)
        add_scalar(r, NAME_DISK, disk_mb(s->work_dir));
    if (!has(r, NAME_PORTS)) {
        struct range range = { 31000, 32000 };
        struct resource x = resource_ranges(NAME_PORTS, ranges_of(&range, 1));
        resources_add_take(r, &x);
    }
    if (s->flags.attributes != NULL && attributes_parse(str_of(s->flags.attributes), &s->env.attributes, err) != 0)
        return error_wrap(err, "--attributes");
    return 0;
}

/* --- capabilities --- */

static uint32_t capability_of(const char *name)
{
    for (uint32_t bit = 1; bit != 0 && name != NULL; bit <<= 1)
        if (agent_capability_name(bit) != NULL && strcmp(agent_capability_name(bit), name) == 0)
            return bit;
    return 0;
}

int detect_capabilities(const char *flag, uint32_t *ret, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    const cJSON *entry;
    uint32_t given = 0;

    *ret = AGENT_CAPS_ALL;
    if (flag == NULL)
        return 0;
    if (flag_json("agent_features", flag, &tree, err) != 0)
        return -(int)err->code;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(tree, "capabilities")) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "type"));
        uint32_t bit = capability_of(name);
        if ((bit & AGENT_CAPS_ALL) == 0)
            return error_set(err, ERR_INVALID, "--agent_features: '%.60s' is no capability of this agent", name != NULL ? name : "");
        given |= bit;
    }
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((bit & AGENT_CAPS_ALL & ~given & ~(uint32_t)AGENT_CAP_RESIZE_VOLUME) != 0)
            return error_set(err, ERR_INVALID, "--agent_features leaves out %s, which this agent needs; RESIZE_VOLUME alone may be left out",
                             agent_capability_name(bit));
    *ret = given;
    return 0;
}
