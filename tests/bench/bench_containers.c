/* SPDX-License-Identifier: Apache-2.0 */
/* Launches and destroys real containers through the containerizer alone: what the agent adds is not in it.
 *
 *   bench_containers COUNT WINDOW ISOLATION COMMAND...   -> one line of JSON
 *
 * COMMAND is exec'ed (no shell). launches_per_s: COUNT launches, WINDOW under way at once; latency from the call to
 * launched(). destroys_per_s: then all are destroyed, WINDOW at once. cpu_ms_*: of one launch and destroy, in this process and in
 * the helpers. pss_kb: Pss of one supervisor and what runs below it,
 * averaged over a sample. usage_all_ms: the statistics of all; recover_all_ms: a new containerizer finds all again. last_to_first: launch rate of the last tenth over the first. Compare with probe_spawn. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/isolation/containerizer.h"
#include "common/base/alloc.h"
#include "common/io/loop.h"
#include "common/io/proctree.h"

static struct {
    struct loop *loop;
    struct containerizer *c;
    char dir[64];
    const char *const *argv;
    unsigned count, window, started, launched, destroyed, gone, failed;
    struct mono *begun, *done;
    double *latency_ms;
    pid_t *pids;
} b;

static void id_of(unsigned i, char ret[40])
{
    (void)snprintf(ret, 40, "00000000-0000-0000-0000-%012u", i);
}

static void launch_next(void)
{
    char id[40], sandbox[128];
    struct error err;
    if (b.started >= b.count)
        return;
    unsigned i = b.started++;
    id_of(i, id);
    (void)snprintf(sandbox, sizeof sandbox, "%s/%s", b.dir, id);
    struct container_spec s = {
        .id = id,
        .sandbox = sandbox,
        .command = { .value = b.argv[0], .argv = b.argv },
        .resources = { .cpus_milli = 100, .mem_bytes = 64 << 20, .cpus_limit_milli = CONTAINER_NONE,
                       .mem_limit_bytes = CONTAINER_NONE, .disk_bytes = CONTAINER_NONE, .pids_max = CONTAINER_NONE },
    };
    b.begun[i] = loop_clock();
    if (containerizer_launch(b.c, &s, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
}

static void destroy_next(void)
{
    char id[40];
    struct error err;
    if (b.destroyed >= b.count)
        return;
    id_of(b.destroyed++, id);
    (void)containerizer_destroy(b.c, id, &err);
}

static void on_launched(void *ctx, const char *id, pid_t pid, const struct error *err)
{
    unsigned i = (unsigned)strtoul(id + 24, NULL, 10);
    (void)ctx;
    if (err != NULL) {
        (void)fprintf(stderr, "%s: %s\n", id, err->msg);
        exit(1);
    }
    b.done[b.launched] = loop_clock();
    b.latency_ms[b.launched++] = (double)mono_diff(loop_clock(), b.begun[i]) / 1e6;
    b.pids[i] = pid;
    launch_next();
}

static void on_exited(void *ctx, const char *id, const struct container_termination *t)
{
    (void)ctx;
    (void)id;
    (void)t;
    b.gone++;
    destroy_next();
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, c = *(const double *)y;
    return (a > c) - (a < c);
}

static void add_pss(void *arg, pid_t pid)
{
    char path[64], line[128];
    long kb;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "Pss: %ld kB", &kb) == 1)
            *(long *)arg += kb;
    }
    if (f != NULL)
        (void)fclose(f);
}

static double pss_kb(void)
{
    unsigned n = b.count < 20 ? b.count : 20;
    long sum = 0;
    for (unsigned i = 0; i < n; i++)
        (void)proctree_each(b.pids[b.count / 2 - n / 2 + i], add_pss, &sum);
    return (double)sum / n;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_roots(const char *root)
{
    char path[512];
    DIR *d = opendir("/sys/fs/cgroup");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", e->d_name, root);
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s", root);
    (void)rmdir(path);
    if (d != NULL)
        (void)closedir(d);
}

static double seconds(struct mono from)
{
    return (double)mono_diff(loop_clock(), from) / 1e9;
}

static double cpu_ms(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3) /
           b.count;
}

static int recover(void)
{
    struct container_known *known = xcalloc(b.count, sizeof *known);
    char (*ids)[40] = xcalloc(b.count, sizeof *ids);
    struct error err;
    for (unsigned i = 0; i < b.count; i++) {
        id_of(i, ids[i]);
        known[i] = (struct container_known){ .id = ids[i], .sandbox = b.dir, .pid = b.pids[i] };
    }
    int r = containerizer_recover(b.c, known, b.count, NULL, &err);
    if (r != 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    free(known);
    free(ids);
    return r;
}

static double edge_rate(unsigned from, unsigned n)
{
    return n / ((double)mono_diff(b.done[from + n - 1], from == 0 ? b.begun[0] : b.done[from - 1]) / 1e9);
}

int main(int argc, char **argv)
{
    char bin[256], runtime[96], root[32];
    struct error err;
    if (argc < 5) {
        (void)fprintf(stderr, "usage: %s COUNT WINDOW ISOLATION COMMAND...\n", argv[0]);
        return 2;
    }
    b.count = (unsigned)strtoul(argv[1], NULL, 10);
    b.window = (unsigned)strtoul(argv[2], NULL, 10);
    b.argv = (const char *const *)(argv + 4);
    b.begun = xcalloc(b.count, sizeof *b.begun);
    b.done = xcalloc(b.count, sizeof *b.done);
    b.latency_ms = xcalloc(b.count, sizeof *b.latency_ms);
    b.pids = xcalloc(b.count, sizeof *b.pids);
    ssize_t n = readlink("/proc/self/exe", bin, sizeof bin - 1);
    bin[n > 0 ? n : 0] = 0;
    for (int i = 0; i < 3 && strrchr(bin, '/') != NULL; i++)
        *strrchr(bin, '/') = 0;
    /* The runtime directory is on a tmpfs in real life (/run); sandboxes are where TMPDIR says. */
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(b.dir, sizeof b.dir, "%s/stoa-bench-XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
    (void)snprintf(runtime, sizeof runtime, "%s/stoa-bench-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(b.dir) == NULL || mkdtemp(runtime) == NULL || loop_new(&b.loop, NULL, &err) != 0)
        return 1;
    (void)snprintf(root, sizeof root, "stoa_bench_%d", (int)getpid());
    struct containerizer_options o = { .runtime_dir = runtime, .launcher_dir = bin, .isolation = argv[3], .cgroups_root = root,
                                       .fetcher_cache_dir = runtime };
    struct containerizer_callbacks cb = { .launched = on_launched, .exited = on_exited };
    if (containerizer_new(&b.c, b.loop, &o, &cb, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    struct mono t0 = loop_clock();
    for (unsigned i = 0; i < b.window; i++)
        launch_next();
    while (b.launched < b.count)
        loop_turn(b.loop, NS_PER_S);
    double launch_s = seconds(t0), pss = pss_kb();
    unsigned tenth = b.count >= 10 ? b.count / 10 : 1;
    double usage_ms, recover_ms;
    struct containerizer_options o2 = o;
    t0 = loop_clock();
    for (unsigned i = 0; i < b.count; i++) {
        struct container_usage u;
        char id[40];
        id_of(i, id);
        if (containerizer_usage(b.c, id, &u, &err) != 0)
            return 1;
    }
    usage_ms = seconds(t0) * 1e3;
    containerizer_free(b.c); /* as if killed */
    t0 = loop_clock();
    if (containerizer_new(&b.c, b.loop, &o2, &cb, &err) != 0 || recover() != 0)
        return 1;
    recover_ms = seconds(t0) * 1e3;
    double ratio = edge_rate(b.count - tenth, tenth) / edge_rate(0, tenth);
    t0 = loop_clock();
    for (unsigned i = 0; i < b.window; i++)
        destroy_next();
    while (b.gone < b.count)
        loop_turn(b.loop, NS_PER_S);
    double destroy_s = seconds(t0);
    qsort(b.latency_ms, b.count, sizeof *b.latency_ms, by_value);
    (void)printf("{\"count\":%u,\"window\":%u,\"isolation\":\"%s\",\"launches_per_s\":%.0f,\"destroys_per_s\":%.0f,\"p50_ms\":%.2f,"
                 "\"p99_ms\":%.2f,\"last_to_first\":%.2f,\"pss_kb\":%.0f,\"usage_all_ms\":%.0f,\"recover_all_ms\":%.0f,\"cpu_ms_agent\":%.2f,\"cpu_ms_children\":%.2f}\n",
                 b.count, b.window, argv[3], b.count / launch_s, b.count / destroy_s, b.latency_ms[b.count / 2],
                 b.latency_ms[b.count * 99 / 100], ratio, pss, usage_ms,
                 recover_ms, cpu_ms(RUSAGE_SELF), cpu_ms(RUSAGE_CHILDREN));
    containerizer_free(b.c);
    loop_free(b.loop);
    (void)nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(runtime, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    remove_roots(root);
    return 0;
}
