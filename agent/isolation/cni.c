/* SPDX-License-Identifier: Apache-2.0 */
/* network/cni: containers with networks of their own. A container whose NetworkInfo names networks gets a network and a
 * UTS namespace, an interface eth0, eth1, ... in each of them, and files of its own in /etc; all others, and what is nested in
 * such a container, live in the network of their parent.
 *
 *     prepare            the configurations are read and stored in the container's folder (agent/network/network.c draws it)
 *     cni_attach         after the fetcher, before the launcher: stoa-network makes the namespace and runs the plugins
 *     cni_detach         after the last process: it runs them again; the container's end is told when it has ended
 *
 * Invariants: the folder exists, with all configurations, before the first plugin runs, and goes after the last has
 * succeeded, so that whatever the agent's crash leaves is taken away by the next agent (cni_recover). A detach that fails is
 * tried again, with growing pauses; the container's end does not wait for that. */
#include "agent/isolation/cni.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/isolation/cni_conf.h"
#include "agent/isolation/net_stats.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/helper.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1.pb-c.h"

enum { HOSTNAME_LENGTH_MAX = 63, RETRY_FIRST_S = 10, RETRY_MOST_S = 600 };

/* A container's own networks, or that it has none. */
struct cni {
    char *hostname;
    bool attached;
    struct sbuf status; /* ContainerStatus with network_infos alone, packed */
    struct sbuf addresses; /* each between blanks */
};

/* One run of stoa-network. */
struct cni_job {
    struct isolation *iso;
    char *id;
    struct container *c; /* who waits for it; NULL: nobody */
    cni_done_fn *done;
    bool is_attach;
    pid_t pid;
    int out;             /* what it says */
    unsigned tries;
    struct loop_watch *watch;
    struct loop_timer timer;
    struct cni_job *next, *prev;
};

/* Networks have been joined, or were to be: a folder for each. */
static bool has_networks(const char *folder)
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;)
        found = e->d_type == DT_DIR && e->d_name[0] != '.';
    if (d != NULL)
        (void)closedir(d);
    return found;
}

static bool is_configured(const struct isolation *iso)
{
    return iso->o.cni_config_dir != NULL;
}

/* Without plugins only what needed none. */
static bool can_give_back(const struct isolation *iso, const char *folder)
{
    return iso->root && access(folder, F_OK) == 0 && (is_configured(iso) || !has_networks(folder));
}

static int folder_of(const struct isolation *iso, const char *id, char ret[4096], struct error *err)
{
    int n = snprintf(ret, 4096, "%s/%s", iso->o.cni_root_dir, id);
    if (n < 0 || n >= 4096 - 512 || strlen(id) > 255)
        return error_set(err, ERR_LIMIT, "container %.40s...: its id is too long for networks of its own (255 bytes)", id);
    return 0;
}

static int path_of(const struct container *c, const char *file, char ret[4096], struct error *err)
{
    char folder[4096];
    if (folder_of(c->iso, c->id, folder, err) != 0)
        return -(int)err->code;
    return snprintf(ret, 4096, "%s/%s", folder, file) < 4096 ? 0 : error_set(err, ERR_LIMIT, "the path of %s is too long", file);
}

/* --- start of the agent ------------------------------------------------------------------------------- */

/* Without plugins nothing can be given back: say so. */
static void say_left_behind(struct isolation *iso)
{
    DIR *d = opendir(iso->o.cni_root_dir != NULL ? iso->o.cni_root_dir : "");
    size_t n = 0;
    char folder[4096];
    struct error ignored;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.' && folder_of(iso, e->d_name, folder, &ignored) == 0 && has_networks(folder);
    if (d != NULL)
        (void)closedir(d);
    if (n != 0)
        iso_capability(iso, "networks: %zu containers of an earlier run have some, which stay; give --network_cni_config_dir and "
                       "--network_cni_plugins_dir to have them taken away", n);
}

static int cni_init(struct isolation *iso, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf names = SBUF_INIT(400);
    const struct containerizer_options *o = &iso->o;
    struct stat st;

    if (o->cni_config_dir == NULL && o->cni_plugins_dir == NULL) {
        say_left_behind(iso);
        return 0;
    }
    if (o->cni_config_dir == NULL || o->cni_plugins_dir == NULL)
        return error_set(err, ERR_INVALID, "--network_cni_config_dir and --network_cni_plugins_dir need each other; give both");
    if (!iso->root)
        return error_set(err, ERR_DENIED, "container networks (--network_cni_config_dir) need root");
    if (stat(o->cni_config_dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(err, ERR_INVALID, "--network_cni_config_dir=%s is no folder", o->cni_config_dir);
    if (o->default_container_dns != NULL && json_parse(str_of(o->default_container_dns), &iso->default_dns, err) != 0)
        return error_wrap(err, "--default_container_dns");
    if (fs_mkdirs(o->cni_root_dir, 0755, err) != 0)
        return error_wrap(err, "state of container networks");
    cni_conf_names(o->cni_config_dir, &names);
    iso_capability(iso, "networks: %s (in %s; read again for each container)", names.n != 0 ? names.p : "none", o->cni_config_dir);
    return 0;
}

/* --- prepare ------------------------------------------------------------------------------------------ */

static void cni_free(struct container *c)
{
    if (c->cni == NULL)
        return;
    free(c->cni->hostname);
    sbuf_done(&c->cni->status);
    sbuf_done(&c->cni->addresses);
    free(c->cni);
    c->cni = NULL;
}

/* The host name is the container's id if nobody wants another; of a nested container what is its own of it. */
static int name_host(struct container *c, const struct container_spec *spec, struct error *err)
{
    const char *dot = strrchr(c->id, '.'), *name = spec->hostname != NULL && spec->hostname[0] != 0 ? spec->hostname : dot != NULL ? dot + 1 : c->id;
    for (const char *p = name; *p != 0; p++) {
        if ((unsigned char)*p <= ' ' || *p == 127)
            return error_set(err, ERR_INVALID, "hostname '%.80s' has a blank in it", name);
    }
    if (spec->hostname != NULL && strlen(spec->hostname) > HOSTNAME_LENGTH_MAX)
        return error_set(err, ERR_INVALID, "hostname '%.80s' is over %d bytes", name, HOSTNAME_LENGTH_MAX);
    c->cni->hostname = xstrndup(str_mem(name, strnlen(name, HOSTNAME_LENGTH_MAX)));
    return 0;
}

static int store_text(const char *folder, const char *file, struct str text, mode_t mode, struct error *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return error_set(err, ERR_LIMIT, "the path of %s is too long", file);
    return fs_write(path, text, mode, 0, err);
}

static int store_network(struct container *c, const struct container_network *n, size_t number, struct error *err)
{
    CLEANUP(json_free_p) struct cJSON *conf = NULL;
    CLEANUP(sbuf_done_p) struct sbuf info = SBUF_INIT(CNI_TEXT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(CNI_TEXT_MAX);
    char file[320], folder[4096];

    if (cni_conf_find(c->iso->o.cni_config_dir, n->name, &conf, err) != 0)
        return -(int)err->code;
    if (!json_from_wire(&info, &mesos__v1__network_info__descriptor, n->info))
        return error_set(err, ERR_INVALID, "network '%.80s': its NetworkInfo cannot be written as JSON", n->name);
    if (cni_conf_set_info(conf, sbuf_view(&info), err) != 0 || cni_conf_check_plugins(conf, c->iso->o.cni_plugins_dir, err) != 0)
        return -(int)err->code;
    char *printed = cJSON_PrintUnformatted(conf);
    if (printed != NULL)
        sbuf_c(&text, printed);
    cJSON_free(printed);
    (void)snprintf(file, sizeof file, "%s/eth%zu", n->name, number);
    if (path_of(c, file, folder, err) != 0 || fs_mkdirs(folder, 0755, err) != 0)
        return -(int)err->code;
    *strrchr(folder, '/') = 0;
    return store_text(folder, "network.conf", sbuf_view(&text), 0600, err);
}

static void mount_file(const struct container *c, struct launch *l, const char *from, const char *to)
{
    launch_mount(l, &(struct launch_mount_spec){ .source = from, .target = to, .flags = MS_BIND,
                                                 .make = c->root_workdir != NULL ? LAUNCH_MAKE_FILE_ANEW : LAUNCH_MAKE_FILE });
}

/* What is nested in a container with networks sees that one's files with its mounts, unless its root is another one. */
static void mount_files_of_parent(const struct container *c, struct launch *l)
{
    static const char *const files[] = { "hosts", "hostname", "resolv.conf" };
    const struct container *owner = c->parent;
    while (owner != NULL && owner->cni == NULL)
        owner = owner->parent;
    if (owner == NULL || c->class == CONTAINER_CLASS_DEBUG || (c->root_workdir == NULL && c->parent->root_workdir == NULL))
        return;
    l->flags |= LAUNCH_NEW_MNT_NS;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char from[4096], to[32];
        struct error ignored;
        (void)snprintf(to, sizeof to, "/etc/%s", files[i]);
        if (path_of(owner, files[i], from, &ignored) == 0 && access(from, F_OK) == 0)
            mount_file(c, l, from, to);
    }
}

static int prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    char path[4096];
    if (spec->network_count == 0 && !spec->no_networks) {
        mount_files_of_parent(c, l);
        return 0;
    }
    if (!c->iso->root)
        return error_set(err, ERR_DENIED, "a container without the host's network needs an agent that runs as root");
    if (spec->network_count != 0 && !is_configured(c->iso))
        return error_set(err, ERR_NOT_FOUND, "Unknown CNI network '%.80s': this agent has no container networks; start it with "
                         "--network_cni_config_dir and --network_cni_plugins_dir", spec->networks[0].name);
    if (spec->class == CONTAINER_CLASS_DEBUG)
        return error_set(err, ERR_INVALID, "a debug container lives in its parent's networks and cannot name its own");
    if (spec->network_count > CNI_NETWORKS_MAX)
        return error_set(err, ERR_LIMIT, "%zu networks; a container has at most %d", spec->network_count, CNI_NETWORKS_MAX);
    c->cni = xcalloc(1, sizeof *c->cni);
    c->cni->status = c->cni->addresses = SBUF_INIT(CNI_TEXT_MAX);
    if (name_host(c, spec, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < spec->network_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(spec->networks[i].name, spec->networks[k].name) == 0)
                return error_set(err, ERR_INVALID, "Attempted to join CNI network '%.80s' multiple times", spec->networks[i].name);
        }
        if (store_network(c, &spec->networks[i], i, err) != 0)
            return -(int)err->code;
    }
    l->flags |= LAUNCH_NEW_UTS_NS | LAUNCH_NEW_MNT_NS;
    if (folder_of(c->iso, c->id, path, err) != 0 || fs_mkdirs(path, 0755, err) != 0 || path_of(c, "ns", path, err) != 0)
        return -(int)err->code;
    launch_text(l, LAUNCH_NETNS, path);
    launch_text(l, LAUNCH_HOSTNAME, c->cni->hostname);
    return 0;
}

/* --- what came of it ---------------------------------------------------------------------------------- */

/* NetworkInfo as it was asked for, with the addresses that it got. */
static void put_status(struct sbuf *b, const struct cJSON *conf, const struct cni_result *r)
{
    CLEANUP(sbuf_done_p) struct sbuf asked = SBUF_INIT(CNI_TEXT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf plain = SBUF_INIT(CNI_TEXT_MAX);
    struct error ignored;
    const struct cJSON *info = cni_conf_info(conf);

    if (info == NULL || json_tree_to_wire(&mesos__v1__network_info__descriptor, info, &asked, &ignored) != 0 ||
        !wire_copy_without(&plain, sbuf_view(&asked), 5))
        return;
    size_t mark = wire_open(b, 1);
    sbuf_str(b, sbuf_view(&plain));
    for (size_t i = 0; i < r->n; i++) {
        size_t address = wire_open(b, 5);
        wire_put_u64(b, 1, r->address[i].v6 ? MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6 : MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4);
        wire_put_bytes(b, 2, str_of(r->address[i].text));
        wire_close(b, address);
    }
    wire_close(b, mark);
}

/* One network as its files say: into the status, and into results and DNS if these are wanted. */
static int read_network(struct container *c, const char *network, const char *interface, struct cni_result *ret, struct cJSON *dns,
                        struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(CNI_TEXT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf info = SBUF_INIT(CNI_TEXT_MAX);
    CLEANUP(json_free_p) struct cJSON *conf = NULL;
    char file[600], path[4096];

    (void)snprintf(file, sizeof file, "%s/network.conf", network);
    if (path_of(c, file, path, err) != 0 || fs_read(path, &text, err) != 0 || cni_conf_parse(sbuf_view(&text), &conf, err) != 0)
        return -(int)err->code;
    (void)snprintf(file, sizeof file, "%s/%s/network.info", network, interface);
    if (path_of(c, file, path, err) != 0 || fs_read(path, &info, err) != 0 || cni_result_parse(sbuf_view(&info), ret, err) != 0)
        return -(int)err->code;
    put_status(&c->cni->status, conf, ret);
    for (size_t i = 0; i < ret->n; i++)
        sbuf_fmt(&c->cni->addresses, " %s ", ret->address[i].text);
    if (dns != NULL && ret->dns != NULL)
        cni_dns_merge(dns, ret->dns);
    else if (dns != NULL && c->iso->default_dns != NULL)
        cni_dns_merge(dns, cni_default_dns(c->iso->default_dns, network));
    return 0;
}

/* All networks that the container's folder names, in the order of their interfaces. */
static int read_networks(struct container *c, struct cni_result *results, size_t *ret_count, struct cJSON *dns, struct error *err)
{
    char folder[4096], sub[4096 + 300];
    int rc = 0;
    *ret_count = 0;
    if (folder_of(c->iso, c->id, folder, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; rc == 0 && i < CNI_NETWORKS_MAX; i++) {
        DIR *d = opendir(folder);
        bool found = false;
        for (struct dirent *e; d != NULL && rc == 0 && !found && (e = readdir(d)) != NULL;) {
            char interface[16];
            (void)snprintf(interface, sizeof interface, "eth%zu", i);
            (void)snprintf(sub, sizeof sub, "%s/%s/%s", folder, e->d_name, interface);
            found = e->d_name[0] != '.' && e->d_type == DT_DIR && access(sub, F_OK) == 0;
            if (found)
                rc = read_network(c, e->d_name, interface, &results[(*ret_count)++], dns, err);
        }
        if (d != NULL)
            (void)closedir(d);
        if (!found)
            break;
    }
    return rc;
}

/* The three files, and the mounts that put them where programs look. Without DNS servers the host's resolv.conf stays. */
static int make_files(struct container *c, const struct cni_result *results, size_t count, const struct cJSON *dns, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf hosts = SBUF_INIT(65536);
    CLEANUP(sbuf_done_p) struct sbuf resolv = SBUF_INIT(65536);
    char folder[4096], path[4096];

    cni_hosts_text(c->cni->hostname, results, count, &hosts);
    if (folder_of(c->iso, c->id, folder, err) != 0 || store_text(folder, "hosts", sbuf_view(&hosts), 0644, err) != 0 ||
        store_text(folder, "hostname", str_of(c->cni->hostname), 0644, err) != 0)
        return -(int)err->code;
    (void)path_of(c, "hosts", path, err);
    mount_file(c, c->launch, path, "/etc/hosts");
    (void)path_of(c, "hostname", path, err);
    mount_file(c, c->launch, path, "/etc/hostname");
    if (!cni_resolv_text(dns, &resolv))
        return 0;
    if (store_text(folder, "resolv.conf", sbuf_view(&resolv), 0644, err) != 0)
        return -(int)err->code;
    (void)path_of(c, "resolv.conf", path, err);
    mount_file(c, c->launch, path, "/etc/resolv.conf");
    return 0;
}

static int take_results(struct container *c, struct error *err)
{
    struct cni_result results[CNI_NETWORKS_MAX];
    CLEANUP(json_free_p) struct cJSON *dns = cJSON_CreateObject();
    size_t count;
    memset(results, 0, sizeof results);
    int rc = read_networks(c, results, &count, dns, err);
    if (rc == 0 && c->launch != NULL)
        rc = make_files(c, results, count, dns, err);
    for (size_t i = 0; i < count; i++)
        cni_result_done(&results[i]);
    if (rc == 0 && count == 0)
        wire_close(&c->cni->status, wire_open(&c->cni->status, 1)); /* a network without addresses, not the host's */
    c->cni->attached = rc == 0;
    return rc;
}

struct str cni_status(const struct container *c)
{
    for (; c != NULL; c = c->parent) {
        if (c->cni != NULL)
            return sbuf_view(&c->cni->status);
    }
    return (struct str){ NULL, 0 };
}

bool containerizer_has_address(const struct containerizer *owner, const char *address)
{
    char word[80];
    (void)snprintf(word, sizeof word, " %s ", address);
    for (const struct container *c = owner->table; c != NULL; c = c->hh.next) {
        if (c->cni != NULL && str_contains(sbuf_view(&c->cni->addresses), str_of(word)))
            return true;
    }
    return false;
}

void containerizer_network_usage(const struct containerizer *owner, const char *id, struct sbuf *b)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    struct error ignored;
    char path[64];
    const struct container *c = container_find(owner, id);
    if (c == NULL || c->cni == NULL || c->pid <= 0 || !owner->iso.o.cni_metrics)
        return;
    (void)snprintf(path, sizeof path, "/proc/%d/net/dev", (int)c->pid);
    if (file_read(path, &text, &ignored) == 0)
        net_stats_interfaces(sbuf_view(&text), b);
    sbuf_clear(&text);
    (void)snprintf(path, sizeof path, "/proc/%d/net/snmp", (int)c->pid);
    if (file_read(path, &text, &ignored) == 0)
        net_stats_snmp(sbuf_view(&text), b);
}

/* --- stoa-network ------------------------------------------------------------------------------------- */

static void job_free(struct cni_job *j)
{
    loop_watch_free(j->watch);
    loop_timer_done(&j->timer);
    if (j->out >= 0)
        (void)close(j->out);
    if (j->c != NULL)
        j->c->cni_job = NULL;
    DL_DELETE(j->iso->cni_jobs, j);
    free(j->id);
    free(j);
}

/* What it said in its last words. */
static void job_error(struct cni_job *j, int status, struct error *err)
{
    char text[sizeof err->msg] = "";
    ssize_t n = lseek(j->out, 0, SEEK_SET) == 0 ? read(j->out, text, sizeof text - 1) : -1;
    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    if (text[0] != 0)
        (void)error_set(err, ERR_IO, "%s", text);
    else
        (void)error_set(err, ERR_IO, "stoa-network %s container %s: wait status %d", j->is_attach ? "attach" : "detach", j->id, status);
}

static void job_start(void *arg);

/* A detach that failed: once more, without the container, which hears of its end now. */
static void try_again(struct cni_job *j, struct error *err)
{
    const struct containerizer_callbacks *cb = &j->iso->owner->cb;
    int64_t pause = RETRY_FIRST_S;

    (void)error_wrap(err, "trying again later");
    if (cb->warn != NULL)
        cb->warn(cb->ctx, j->id, err);
    for (unsigned i = 0; i < j->tries && pause < RETRY_MOST_S; i++)
        pause *= 2;
    j->tries++;
    if (j->c != NULL)
        j->c->cni_job = NULL;
    j->c = NULL;
    loop_timer_in(&j->timer, (pause < RETRY_MOST_S ? pause : RETRY_MOST_S) * NS_PER_S);
}

/* status -1: it could not be started, and err says why. */
static void job_ended(struct cni_job *j, int status, struct error *err)
{
    struct container *c = j->c;
    cni_done_fn *done = j->done;
    int rc = status == 0 ? 0 : -1;

    if (status != 0 && status != -1)
        job_error(j, status, err);
    if (rc == 0 && j->is_attach && c->state != CONTAINER_ENDING)
        rc = take_results(c, err);
    if (rc != 0 && !j->is_attach)
        try_again(j, err);
    else
        job_free(j);
    if (c != NULL)
        done(c, rc == 0 ? NULL : err);
}

static void on_job_end(void *arg, pid_t pid, int status)
{
    struct cni_job *j = arg;
    struct error err = { .code = ERR_OK };
    (void)pid;
    j->watch = NULL;
    j->pid = 0;
    job_ended(j, status, &err);
}

static int job_spawn(struct cni_job *j, struct error *err)
{
    char folder[4096], program[4096], name[] = "stoa-network", attach[] = "attach", detach[] = "detach";
    if (folder_of(j->iso, j->id, folder, err) != 0)
        return -(int)err->code;
    (void)snprintf(program, sizeof program, "%s/stoa-network", j->iso->o.launcher_dir);
    const char *plugins = is_configured(j->iso) ? j->iso->o.cni_plugins_dir : "";
    char *argv[] = { name, j->is_attach ? attach : detach, folder, j->id, (char *)(uintptr_t)plugins, NULL };
    if (j->out >= 0)
        (void)close(j->out);
    j->out = memfd_create("stoa-network", MFD_CLOEXEC);
    if (j->out < 0)
        return error_set_errno(err, errno, "memory for what stoa-network says");
    int rc = helper_spawn(&(struct helper){ .program = program, .argv = argv, .in = -1, .out = j->out, .err = -1 }, &j->pid, err);
    if (rc != 0)
        return rc;
    return loop_child(j->iso->loop, j->pid, on_job_end, j, &j->watch, err);
}

/* From the loop. */
static void job_start(void *arg)
{
    struct cni_job *j = arg;
    struct error err = { .code = ERR_OK };
    if (job_spawn(j, &err) != 0)
        job_ended(j, -1, &err);
}

static void job_new(struct isolation *iso, const char *id, struct container *c, bool is_attach, cni_done_fn *done)
{
    struct cni_job *j = xcalloc(1, sizeof *j);
    j->iso = iso;
    j->id = xstrdup(id);
    j->c = c;
    j->done = done;
    j->is_attach = is_attach;
    j->out = -1;
    loop_timer_init(&j->timer, iso->loop, job_start, j);
    DL_APPEND(iso->cni_jobs, j);
    if (c != NULL)
        c->cni_job = j;
    loop_timer_in(&j->timer, 0);
}

bool cni_attach(struct container *c, cni_done_fn *done)
{
    if (c->cni == NULL || c->cni->attached)
        return false;
    job_new(c->iso, c->id, c, true, done);
    return true;
}

void cni_cancel(struct container *c)
{
    if (c->cni_job == NULL)
        return;
    if (c->cni_job->pid > 0)
        (void)kill(c->cni_job->pid, SIGTERM); /* its end comes through the watch */
}

bool cni_detach(struct container *c, cni_done_fn *done)
{
    char folder[4096];
    struct error ignored;
    if (folder_of(c->iso, c->id, folder, &ignored) != 0 || !can_give_back(c->iso, folder))
        return false;
    job_new(c->iso, c->id, c, false, done);
    return true;
}

/* --- a new agent -------------------------------------------------------------------------------------- */

static int recover(struct container *c, struct error *err)
{
    char folder[4096];
    struct error ignored;
    if (folder_of(c->iso, c->id, folder, &ignored) != 0 || !can_give_back(c->iso, folder))
        return 0;
    c->cni = xcalloc(1, sizeof *c->cni);
    c->cni->status = c->cni->addresses = SBUF_INIT(CNI_TEXT_MAX);
    return take_results(c, err);
}

size_t cni_recover(struct containerizer *owner)
{
    struct isolation *iso = &owner->iso;
    DIR *d = iso->o.cni_root_dir != NULL ? opendir(iso->o.cni_root_dir) : NULL;
    size_t n = 0;
    char folder[4096];
    struct error ignored;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || !container_id_valid(e->d_name) || container_find(owner, e->d_name) != NULL ||
            folder_of(iso, e->d_name, folder, &ignored) != 0 || !can_give_back(iso, folder))
            continue;
        job_new(iso, e->d_name, NULL, false, NULL);
        n++;
    }
    if (d != NULL)
        (void)closedir(d);
    return n;
}

void cni_stop(struct isolation *iso)
{
    while (iso->cni_jobs != NULL)
        job_free(iso->cni_jobs); /* what runs goes on to its end */
}

const struct isolator_ops isolator_network_cni = {
    .name = "network/cni",
    .init = cni_init,
    .prepare = prepare,
    .cleanup = cni_free,
    .recover = recover,
};
