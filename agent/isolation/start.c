/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the containerizer: options, what the machine can do, which isolators run, the cgroup root. Everything that is
 * asked for and impossible is refused here, with the flag to change, not at the first task. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/images/images.h"
#include "agent/isolation/cni.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/net.h"
#include "common/io/tree.h"
#include "common/wire/json.h"

static void own_text(const char **p, const char *fallback)
{
    const char *v = *p != NULL && **p != 0 ? *p : fallback;
    *p = v != NULL ? xstrdup(v) : NULL;
}

static void own_caps(const uint64_t **p)
{
    *p = *p != NULL ? xmemdup(*p, sizeof **p) : NULL;
}

static void own_number(int64_t *p, int64_t fallback)
{
    if (*p <= 0)
        *p = fallback;
}

static void own_options(struct containerizer_options *o)
{
    const char *tmp = getenv("TMPDIR");
    char cache[4096];
    (void)snprintf(cache, sizeof cache, "%s/mesos/fetch", tmp != NULL ? tmp : "/tmp");
    own_text(&o->runtime_dir, "/var/run/mesos");
    own_text(&o->launcher_dir, "/usr/libexec/mesos");
    own_text(&o->isolation, "posix/cpu,posix/mem");
    own_text(&o->launcher, NULL);
    own_text(&o->cgroups_hierarchy, "/sys/fs/cgroup");
    own_text(&o->cgroups_root, "mesos");
    own_text(&o->fetcher_cache_dir, cache);
    own_text(&o->frameworks_home, NULL);
    own_text(&o->host_path_folders, NULL);
    own_text(&o->sandbox_directory, "/mnt/mesos/sandbox");
    own_text(&o->seccomp_config_dir, NULL);
    own_text(&o->seccomp_profile_name, NULL);
    own_text(&o->cni_config_dir, NULL);
    own_text(&o->cni_plugins_dir, NULL);
    own_text(&o->cni_root_dir, NULL);
    own_text(&o->default_container_dns, NULL);
    own_text(&o->docker_store_dir, NULL);
    own_text(&o->docker_registry, "https://registry-1.docker.io");
    own_text(&o->docker_config, NULL);
    own_text(&o->provisioner_dir, NULL);
    own_text(&o->image_provisioner_backend, NULL);
    own_number(&o->docker_pull_timeout_ns, 600 * NS_PER_S);
    own_caps(&o->effective_caps);
    own_caps(&o->bounding_caps);
    own_number(&o->container_disk_watch_interval_ns, 15 * NS_PER_S);
    own_number(&o->container_ports_watch_interval_ns, 30 * NS_PER_S);
    own_number(&o->cgroups_destroy_timeout_ns, 60 * NS_PER_S);
    own_number(&o->fetcher_stall_timeout_ns, 60 * NS_PER_S);
    own_number(&o->fetcher_cache_bytes, INT64_C(2) << 30);
}

static void free_options(struct containerizer_options *o)
{
    const void *all[] = { o->runtime_dir, o->launcher_dir, o->isolation, o->launcher, o->cgroups_hierarchy, o->cgroups_root,
                          o->fetcher_cache_dir, o->frameworks_home, o->host_path_folders, o->sandbox_directory, o->effective_caps,
                          o->bounding_caps, o->cni_config_dir, o->cni_plugins_dir, o->cni_root_dir, o->default_container_dns,
                          o->docker_store_dir, o->docker_registry, o->docker_config, o->provisioner_dir, o->image_provisioner_backend,
                          o->seccomp_config_dir, o->seccomp_profile_name };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free((void *)(uintptr_t)all[i]);
}

/* --- isolators ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *means;
} aliases[] = {
    { "posix", "posix/cpu,posix/mem,filesystem/posix" },
    { "process", "posix/cpu,posix/mem,filesystem/posix" },
    { "cgroups", "cgroups/cpu,cgroups/mem" },
    { "posix/disk", "disk/du" },
    { "cgroups/all", "cgroups/cpu?,cgroups/mem?,cgroups/pids?,cgroups/devices?,cgroups/blkio?,cgroups/cpuset?,cgroups/hugetlb?,"
                     "cgroups/perf_event?" },
    /* Parts of filesystem/linux here. */
    { "volume/host_path", "filesystem/linux" },
    { "volume/sandbox_path", "filesystem/linux" },
    { "volume/image", "filesystem/linux" },
    { "volume/secret", "filesystem/linux" },
};

static int add_isolator(struct isolation *iso, struct str name, struct error *err)
{
    bool optional = name.n != 0 && name.p[name.n - 1] == '?'; /* of cgroups/all: as far as the machine has it */
    if (optional)
        name.n--;
    const struct isolator_ops *op = isolator_find(name);
    if (op == NULL) {
        CLEANUP(sbuf_done_p) struct sbuf known = SBUF_INIT(1024);
        isolator_names(&known);
        return error_set(err, ERR_INVALID, "isolation '%.*s' is not built; known are %.*s", STR_ARG(name), 150, known.p);
    }
    if (iso_has(iso, op->name))
        return 0;
    if (op->needs_root && !iso->root)
        return error_set(err, ERR_DENIED, "isolation %s needs root; run the agent as root or use "
                                          "--isolation=posix/cpu,posix/mem", op->name);
    if (op->needs_cgroup && !iso->linux_launcher)
        return error_set(err, ERR_INVALID, "isolation %s needs --launcher=linux", op->name);
    if (op->init != NULL && op->init(iso, err) != 0)
        return optional ? 0 : -(int)err->code;
    if (iso->op_count < ISOLATORS_MAX)
        iso->ops[iso->op_count++] = op;
    return 0;
}

static int add_isolators(struct isolation *iso, struct str list, unsigned depth, struct error *err)
{
    struct str name;
    for (bool more = true; more;) {
        more = str_cut(&list, ',', &name);
        name = str_trim(name);
        if (name.n == 0)
            continue;
        const char *means = NULL;
        for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
            if (str_is(name, aliases[i].name))
                means = aliases[i].means;
        }
        int r = means != NULL && depth == 0 ? add_isolators(iso, str_of(means), 1, err) : add_isolator(iso, name, err);
        if (r != 0)
            return r;
    }
    return 0;
}

/* --- the machine -------------------------------------------------------------------------------------- */

static int choose_launcher(struct isolation *iso, struct error *err)
{
    const char *want = iso->o.launcher;
    bool groups = iso->cg.mount[CG_FREEZER][0] != 0;
    if (want != NULL && strcmp(want, "posix") != 0 && strcmp(want, "linux") != 0)
        return error_set(err, ERR_INVALID, "--launcher is '%s'; use linux or posix", want);
    if (want != NULL && strcmp(want, "linux") == 0 && (!iso->root || !groups))
        return error_set(err, ERR_UNAVAILABLE, "--launcher=linux needs %s; use --launcher=posix",
                         !iso->root ? "root" : "the freezer cgroup controller or cgroup v2");
    iso->linux_launcher = iso->root && groups && (want == NULL || strcmp(want, "linux") == 0);
    return 0;
}

static void say_capabilities(struct isolation *iso)
{
    const struct cgroups *cg = &iso->cg;
    iso_capability(iso, "launcher: %s%s", iso->linux_launcher ? "linux" : "posix",
                   iso->linux_launcher ? "" : !iso->root ? " (not root: no cgroups, namespaces, users; tasks are killed by "
                                                           "their process tree)" : "");
    for (int c = 0; c < CG_COUNT; c++) {
        if (cg->mount[c][0] != 0)
            iso_capability(iso, "%s: cgroup %s at %s%s", cg_name((enum cg_controller)c), cg->v2 ? "v2" : "v1", cg->mount[c],
                           (cg->used & CG_BIT(c)) != 0 ? ", used" : "");
        else
            iso_capability(iso, "%s: no cgroup controller", cg_name((enum cg_controller)c));
    }
    if (cg->v2_mount[0] != 0 && !cg->v2)
        iso_capability(iso, "hybrid cgroups: v2 at %s is not used", cg->v2_mount);
    iso_capability(iso, "namespaces: %s", iso->root ? "pid, mnt, ipc" : "no, not root");
}

static int64_t host_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
}

/* A container takes the agent two descriptors, so the usual 1024 end at 500 containers. Tasks keep the limit that they would
 * have had: programs that use select() rely on it. */
static void raise_descriptors(struct isolation *iso)
{
    struct rlimit rl = { .rlim_cur = 1024, .rlim_max = 1024 };
    (void)getrlimit(RLIMIT_NOFILE, &rl);
    iso->nofile_soft = rl.rlim_cur;
    iso->nofile_hard = rl.rlim_max;
    iso_capability(iso, "descriptors: %lu for the agent", net_raise_descriptor_limit());
}

static int make_dirs(const char *path, struct error *err)
{
    CLEANUP(free_p) char *p = xstrdup(path);
    for (char *q = p + 1;; *q++ = '/') {
        q = strchr(q, '/');
        if (q != NULL)
            *q = 0;
        if (mkdir(p, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "%s", p);
        if (q == NULL)
            return 0;
    }
}

static int check_helper(const char *dir, const char *name, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (access(path, X_OK) != 0)
        return error_set_errno(err, errno, "--launcher_dir is %s, but %s", dir, path);
    return 0;
}

/* What the fetcher of an earlier agent left; by the shape of its names, so that a wrong directory loses nothing. */
static void wipe_cache(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        struct str rest = str_of(e->d_name);
        uint64_t uid;
        if (str_u64(&rest, UINT32_MAX, &uid) && str_skip(&rest, STR("-")) && rest.n >= 16 &&
            strspn(rest.p, "0123456789abcdef") == 16 && (rest.n == 16 || rest.p[16] == '.'))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d != NULL)
        (void)closedir(d);
}

static int start(struct containerizer *c, struct error *err)
{
    struct isolation *iso = &c->iso;
    uint32_t used = 0;
    iso->root = geteuid() == 0;
    iso->host_mem_bytes = host_memory();
    raise_descriptors(iso);
    if (iso->o.runtime_dir[0] != '/')
        return error_set(err, ERR_INVALID, "--runtime_dir is '%s'; use an absolute path", iso->o.runtime_dir);
    if (make_dirs(iso->o.runtime_dir, err) != 0)
        return error_wrap(err, "--runtime_dir");
    if (check_helper(iso->o.launcher_dir, "stoa-launcher", err) != 0)
        return -(int)err->code;
    if (cgroups_detect(&iso->cg, iso->o.cgroups_hierarchy, iso->o.cgroups_root, err) != 0 || choose_launcher(iso, err) != 0 ||
        add_isolators(iso, str_of(iso->o.isolation), 0, err) != 0 || add_isolator(iso, STR("filesystem/posix"), err) != 0 ||
        add_isolator(iso, STR("network/cni"), err) != 0)
        return -(int)err->code;
    if (iso->o.docker_store_dir != NULL && provision_init(iso, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < iso->op_count; i++)
        used |= iso->ops[i]->controllers;
    if (iso->linux_launcher)
        used |= CG_BIT(CG_FREEZER);
    for (int i = 0; i < CG_COUNT; i++) {
        if (iso->cg.mount[i][0] == 0)
            used &= ~CG_BIT(i); /* cpuacct may be missing beside cpu */
    }
    if (used != 0 && cgroups_start(&iso->cg, used, err) != 0)
        return error_wrap(err, "cgroups");
    wipe_cache(iso->o.fetcher_cache_dir);
    say_capabilities(iso);
    return 0;
}

int containerizer_new(struct containerizer **ret, struct loop *loop, const struct containerizer_options *o,
                      const struct containerizer_callbacks *cb, struct error *err)
{
    struct containerizer *c = xcalloc(1, sizeof *c);
    c->iso.loop = loop;
    c->iso.owner = c;
    c->iso.o = *o;
    c->cb = *cb;
    own_options(&c->iso.o);
    if (start(c, err) != 0) {
        containerizer_free(c);
        return -(int)err->code;
    }
    *ret = c;
    return 0;
}

void containerizer_free(struct containerizer *c)
{
    if (c == NULL)
        return;
    cni_stop(&c->iso);
    while (c->table != NULL) {
        struct container *top = c->table;
        while (top->parent != NULL)
            top = top->parent;
        container_free(top);
    }
    json_free(c->iso.default_dns);
    images_free(c->iso.images);
    seccomp_filters_free(c->iso.seccomp);
    listeners_free(c->iso.listeners);
    tree_remove_stop(c->iso.loop);
    free_options(&c->iso.o);
    for (size_t i = 0; i < c->iso.line_count; i++)
        free(c->iso.lines[i]);
    free(c);
}

size_t containerizer_capability_count(const struct containerizer *c)
{
    return c->iso.line_count;
}

const char *containerizer_capability(const struct containerizer *c, size_t index)
{
    return index < c->iso.line_count ? c->iso.lines[index] : "";
}

bool containerizer_enforces_cpu(const struct containerizer *c)
{
    return iso_has(&c->iso, "cgroups/cpu");
}

bool containerizer_enforces_mem(const struct containerizer *c)
{
    return iso_has(&c->iso, "cgroups/mem");
}
