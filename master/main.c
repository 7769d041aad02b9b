/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the master: flags, listening, reading the registry, the loop. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/io/random.h"
#include "common/io/restart.h"
#include "common/wire/json.h"
#include "master/main.h"
#include "master/shell.h"
#include "master/wire/registry.h"

extern char **environ;

/* --- flags --- */

static int usage(struct shell *sh)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    (void)sh;
    flags_help(&master_flags_spec, &b);
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}

static int open_log(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(4096);

    if (strcmp(sh->flags.logging_level, "WARNING") == 0)
        log_set_level(LOG_WARN);
    else if (strcmp(sh->flags.logging_level, "ERROR") == 0)
        log_set_level(LOG_ERROR);
    if (sh->flags.log_dir == NULL) {
        if (sh->flags.quiet)
            log_set_level(LOG_ERROR);
        return 0;
    }
    int rc = fs_mkdirs(sh->flags.log_dir, 0755, err);
    if (rc != 0)
        return error_wrap(err, "--log_dir=%s", sh->flags.log_dir);
    sbuf_fmt(&path, "%s/stoa-master.log", sh->flags.log_dir);
    int fd = open(path.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set_errno(err, errno, "--log_dir: cannot open %s", path.p);
    log_set_fd(fd);
    return 0;
}

static struct shell *log_shell;

static int64_t wall_now_ms(void)
{
    return loop_wall(log_shell->loop).ms;
}

/* {"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}} */
static int read_domain(struct shell *sh, struct error *err)
{
    struct cJSON *tree = NULL;

    if (sh->flags.domain == NULL)
        return 0;
    if (json_parse(str_of(sh->flags.domain), &tree, err) != 0)
        return error_wrap(err, "--domain");
    const struct cJSON *fd = cJSON_GetObjectItemCaseSensitive(tree, "fault_domain");
    const char *region = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fd, "region"), "name"));
    const char *zone =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fd, "zone"), "name"));
    if (region == NULL || zone == NULL) {
        json_free(tree);
        return error_set(err, ERR_INVALID, "--domain is %s; it needs fault_domain with region.name and zone.name",
                         sh->flags.domain);
    }
    sh->view.region = str_of(xstrdup(region));
    sh->view.zone = str_of(xstrdup(zone));
    json_free(tree);
    return 0;
}

/* --- addresses --- */

static int listen_http(struct shell *sh, struct error *err)
{
    struct http_server_options o = { .connections_max = 30000, .body_bytes_max = 64 << 20,
                                     .stream_pending_bytes_max = 64 << 20 };
    struct http_handler handler;
    struct msg_options mo = { .peer_queue_bytes_max = 64 << 20 };
    struct net_addr addr, bound;
    char ip[NET_HOST_SIZE];
    int rc = net_discover_ip(sh->flags.ip, sh->flags.ip_discovery_command, ip, err);

    if (rc != 0)
        return rc;
    if (net_resolve(ip, (uint16_t)sh->flags.port, &addr, err) != 0)
        return error_wrap(err, "--ip=%s", ip);
    http_init_handler(&handler);
    rc = tls_config_complete(&sh->flags.tls, true, err);
    if (rc == 0)
        rc = tls_server_context(&sh->flags.tls, &sh->tls_in, err);
    if (rc == 0)
        rc = tls_client_context(&sh->flags.tls, &sh->tls_out, err);
    if (rc != 0)
        return rc;
    o.tls = sh->tls_in;
    mo.tls = sh->tls_out;
    o.tls_downgrade = sh->flags.tls.support_downgrade;
    rc = http_server_new(&sh->http, sh->loop, &o, &handler, sh, err);
    if (rc == 0)
        rc = msg_new(&sh->msg, sh->loop, &mo, &mshell_msg_handler, sh, err);
    if (rc == 0)
        rc = http_server_listen(sh->http, &addr, &bound, err);
    if (rc != 0)
        return error_wrap(err, "--port=%lld", (long long)sh->flags.port);
    sh->addr = bound;
    return 0;
}

static int advertise(struct shell *sh, struct error *err)
{
    char ip[NET_TEXT_SIZE];

    if (sh->flags.advertise_ip != NULL) {
        if (!net_parse_ip(str_of(sh->flags.advertise_ip), sh->addr.port, &sh->addr))
            return error_set(err, ERR_INVALID, "--advertise_ip is %s; use an address", sh->flags.advertise_ip);
    } else if (net_is_any(&sh->addr)) {
        uint16_t port = sh->addr.port;
        net_own_ip(&sh->addr);
        sh->addr.port = port;
    }
    if (sh->flags.advertise_port != NULL) {
        struct str rest = str_of(sh->flags.advertise_port);
        uint64_t port;
        if (!str_u64(&rest, 65535, &port) || rest.n != 0)
            return error_set(err, ERR_INVALID, "--advertise_port is %s; use 1 to 65535", sh->flags.advertise_port);
        sh->addr.port = (uint16_t)port;
    }
    net_ip_text(&sh->addr, ip);
    if (sh->flags.hostname != NULL)
        (void)snprintf(sh->hostname, sizeof sh->hostname, "%s", sh->flags.hostname);
    else if (!sh->flags.hostname_lookup || net_is_loopback(&sh->addr) ||
             net_hostname(sh->hostname, sizeof sh->hostname, err) != 0)
        (void)snprintf(sh->hostname, sizeof sh->hostname, "%s", ip);
    (void)msg_pid_make(STR("master"), &sh->addr, &sh->self);
    msg_pid_text(&sh->self, sh->pid);
    return 0;
}

/* --- the core --- */

static void make_core(struct shell *sh)
{
    struct uuid u = uuid_make(&sh->rng);
    char id[UUID_TEXT_SIZE], ip[NET_TEXT_SIZE];
    const struct master_flags *f = &sh->flags;
    double limit = 1;
    struct master_config c = {
        .id = id, .rng = &sh->rng, .codec = &master_codec, .region = sh->view.region, .zone = sh->view.zone,
        .ping_interval_ns = f->agent_ping_timeout, .ping_timeouts_max = (unsigned)f->max_agent_ping_timeouts,
        .agent_reregister_ns = f->agent_reregister_timeout, .offer_timeout_ns = f->offer_timeout,
        .allocation_interval_ns = f->allocation_interval,
        .completed_frameworks_max = (unsigned)f->max_completed_frameworks,
        .completed_tasks_max = (unsigned)f->max_completed_tasks_per_framework,
        .unreachable_tasks_max = (unsigned)f->max_unreachable_tasks_per_framework,
        .pattern_size_max = (uint64_t)f->offer_constraints_re2_max_program_size,
        .root_submissions = f->root_submissions, .require_agent_domain = f->require_agent_domain,
        .filter_gpu_resources = f->filter_gpu_resources, .sort_roles_random = strcmp(f->role_sorter, "random") == 0,
        .sort_frameworks_random = strcmp(f->framework_sorter, "random") == 0,
        .recovery_factor = f->allocator_agent_recovery_factor, .recovery_timeout_ns = f->allocator_recovery_timeout,
        .registry_gc_interval_ns = f->registry_gc_interval, .registry_max_agent_age_ns = f->registry_max_agent_age,
        .registry_max_agent_count = (uint64_t)f->registry_max_agent_count,
        .min_allocatable = str_of(f->min_allocatable_resources), .roles_whitelist = str_of(f->roles),
        .excluded_resources = str_of(f->fair_sharing_excluded_resource_names), .weights = str_of(f->weights),
        .acls = sh->acls,
    };

    uuid_text(&u, id);
    (void)share_parse(f->recovery_agent_removal_limit, &limit); /* checked before */
    c.recovery_removal_limit = limit;
    if (f->agent_removal_rate_limit != NULL)
        (void)rate_parse(f->agent_removal_rate_limit, &c.removal_count, &c.removal_interval_ns);
    sh->m = master_new(&c);
    net_ip_text(&sh->addr, ip);
    struct master_info_spec info = { .id = sh->m->id, .hostname = sh->hostname, .version = MASTER_VERSION,
                                     .port = sh->addr.port, .ip_text = str_of(ip), .region = sh->view.region,
                                     .zone = sh->view.zone };
    memcpy(info.ip, sh->addr.ip, sizeof info.ip);
    put_master_info(&sh->master_info, &info);
    sh->view.who.master_info = sbuf_view(&sh->master_info);
}

static void make_view(struct shell *sh)
{
    struct view *v = &sh->view;

    flags_json(&sh->parsed, NULL, &sh->flags_json);
    v->version = MASTER_VERSION;
    v->build_date = "2026-11-24";
    v->build_time = 1795478400;
    v->build_user = "stoa";
    v->start_time = v->elected_time = (double)loop_wall(sh->loop).ms / 1000.0;
    v->hostname = sh->hostname;
    v->pid = sh->pid;
    v->port = sh->addr.port;
    v->cluster = sh->flags.cluster;
    v->log_dir = sh->flags.log_dir;
    v->external_log_file = sh->flags.external_log_file;
    v->flags_json = sbuf_view(&sh->flags_json);
}

/* --- the registry --- */

static void on_registry(void *arg, const struct store_record *records, size_t count, const struct error *err)
{
    struct shell *sh = arg;
    struct registry_load l;
    struct error why;

    if (err != NULL) {
        mshell_fail(sh, "registry_fetch_failed", err->msg);
        return;
    }
    registry_load_init(&l);
    for (size_t i = 0; i < count; i++)
        if (registry_load_add(&l, records[i].key, records[i].value, &why) != 0) {
            mshell_fail(sh, "registry_unreadable", why.msg);
            registry_load_done(&l);
            return;
        }
    metric_observe(sh->fetch_timer, mono_diff(loop_clock(), sh->fetch_started));
    struct master_event ev = { .type = MASTER_EV_RECOVERED, .recovered = { l.records, l.count } };
    mshell_step(sh, &ev);
    registry_load_done(&l);
}

static int open_store(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(4096);
    int rc;

    if (strcmp(sh->flags.registry, "in_memory") == 0)
        return store_open_memory(&sh->store, sh->loop, err);
    if (election_with_zk(sh))
        return election_open_store(sh, err);
    rc = fs_mkdirs(sh->flags.work_dir, 0755, err);
    if (rc != 0)
        return error_wrap(err, "--work_dir=%s", sh->flags.work_dir);
    sbuf_fmt(&path, "%s/registry.db", sh->flags.work_dir);
    struct store_sqlite_options o = { .path = path.p };
    return store_open_sqlite(&sh->store, sh->loop, &o, err);
}

static void lead(struct shell *sh)
{
    struct error err;

    sh->view.elected_time = (double)loop_wall(sh->loop).ms / 1000.0;
    if (open_store(sh, &err) != 0) {
        mshell_fail(sh, "registry_unusable", err.msg);
        return;
    }
    sh->fetch_started = loop_clock();
    store_list(sh->store, STR(REGISTRY_PREFIX), on_registry, sh);
}

static void on_signal(void *arg, int signo)
{
    struct shell *sh = arg;

    log_info("stopping", "signal=%d", signo);
    sh->stopping = true;
    loop_stop(sh->loop);
}

/* The file is read again every five seconds (allocator.md, flags); while it cannot be read the last one counts. */
#define WHITELIST_NS (5 * NS_PER_S)

static int whitelist(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);
    struct str *names = NULL, rest, one, path = str_of(sh->flags.whitelist);
    size_t n = 0, cap = 0;

    if (sh->flags.whitelist == NULL || strcmp(sh->flags.whitelist, "*") == 0)
        return 0;
    loop_timer_in(&sh->whitelist_timer, WHITELIST_NS);
    if (fs_read(str_skip(&path, STR("file://")) ? path.p : sh->flags.whitelist, &b, err) != 0)
        return error_wrap(err, "--whitelist");
    if (sh->whitelist.p != NULL && str_eq(sbuf_view(&b), sbuf_view(&sh->whitelist)))
        return 0;
    sbuf_clear(&sh->whitelist);
    sbuf_char(&sh->whitelist, '\n'); /* also an empty file has been read */
    sbuf_clear(&sh->whitelist);
    sbuf_str(&sh->whitelist, sbuf_view(&b));
    rest = sbuf_view(&b);
    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, '\n', &one);
        one = str_trim(one);
        if (one.n == 0)
            continue;
        ARRAY_ROOM(names, n, cap);
        names[n++] = one;
    }
    allocator_whitelist_set(sh->m->allocator, false, names, n);
    free(names);
    return 0;
}

static void whitelist_again(void *arg)
{
    struct shell *sh = arg;
    struct error err;

    if (whitelist(sh, &err) != 0)
        log_warn("whitelist_unreadable", "reason=" LOG_Q " retrying=5s", LOG_QARG(str_of(err.msg)));
}

/* Each agent takes two sockets: as many as the machine lets us have. */
static void raise_descriptors(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= l.rlim_max)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l); /* the limit stays what it was */
}

static int start(struct shell *sh, struct error *err)
{
    raise_descriptors();
    int rc = loop_new(&sh->loop, NULL, err);

    if (rc != 0)
        return rc;
    log_shell = sh;
    log_set_clock(wall_now_ms);
    rc = open_log(sh, err);
    if (rc == 0)
        rc = read_domain(sh, err);
    if (rc == 0)
        rc = auth_load(sh, err);
    if (rc == 0 && sh->flags.rate_limits != NULL)
        rc = throttle_load(sh, &mshell_throttle_next, err);
    if (rc != 0)
        return rc;
    random_rng(&sh->rng);
    sbuf_init(&sh->out, SIZE_MAX / 4);
    sbuf_init(&sh->text, SIZE_MAX / 4);
    sbuf_init(&sh->master_info, 65536);
    sbuf_init(&sh->flags_json, 1 << 20);
    sbuf_init(&sh->whitelist, 16 << 20);
    mshell_timers_init(sh);
    streams_init(sh);
    files_init(sh);
    sh->metrics = metrics_new();
    sh->run_timer = metrics_timer(sh->metrics, "allocator/mesos/allocation_run", NULL, 1000);
    sh->run_latency = metrics_timer(sh->metrics, "allocator/mesos/allocation_run_latency", NULL, 1000);
    sh->store_timer = metrics_timer(sh->metrics, "registrar/state_store", NULL, 1000);
    sh->fetch_timer = metrics_timer(sh->metrics, "registrar/state_fetch", NULL, 0);
    rc = listen_http(sh, err);
    if (rc == 0)
        rc = advertise(sh, err);
    if (rc != 0)
        return rc;
    make_core(sh);
    make_view(sh);
    loop_timer_init(&sh->whitelist_timer, sh->loop, whitelist_again, sh);
    rc = whitelist(sh, err);
    if (rc != 0)
        return rc;
    sh->sig_int = loop_signal(sh->loop, SIGINT, on_signal, sh);
    sh->sig_term = loop_signal(sh->loop, SIGTERM, on_signal, sh);
    rc = election_open(sh, lead, err);
    if (rc != 0)
        return rc;
    log_info("started", "pid=%s id=%s version=%s", sh->pid, sh->m->id, MASTER_VERSION);
    return 0;
}

static void stop(struct shell *sh)
{
    struct stream *s, *s_next;
    struct parked *p, *p_next;

    sh->stopping = true;
    http_server_free(sh->http);
    tls_context_free(sh->tls_in);
    tls_context_free(sh->tls_out);
    msg_free(sh->msg);
    store_close(sh->store);
    election_close(sh);
    HASH_ITER(hh, sh->streams, s, s_next) {
        HASH_DELETE(hh, sh->streams, s);
        free(s->principal);
        free(s);
    }
    HASH_ITER(hh, sh->parked, p, p_next) {
        HASH_DELETE(hh, sh->parked, p);
        free(p);
    }
    renders_done(sh);
    master_free(sh->m);
    if (sh->loop != NULL) {
        loop_undefer(sh->loop, &sh->step_work);
        loop_timer_done(&sh->timer);
        loop_timer_done(&sh->watch_timer);
        loop_timer_done(&sh->verbose_timer);
        loop_timer_done(&sh->whitelist_timer);
        loop_watch_free(sh->sig_int);
        loop_watch_free(sh->sig_term);
    }
    throttle_free(sh);
    metrics_free(sh->metrics);
    auth_done(sh);
    free((void *)(uintptr_t)sh->view.region.p);
    free((void *)(uintptr_t)sh->view.zone.p);
    sbuf_done(&sh->out);
    sbuf_done(&sh->text);
    sbuf_done(&sh->master_info);
    sbuf_done(&sh->flags_json);
    sbuf_done(&sh->whitelist);
    log_set_clock(NULL);
    loop_free(sh->loop);
}

int master_main(int argc, char **argv)
{
    static struct shell shell; /* large; one per process */
    struct shell *sh = &shell;
    struct error err;

    if (flags_parse(&sh->parsed, &master_flags_spec, &sh->flags, argc, argv, environ, &err) != 0) {
        fprintf(stderr, "stoa master: %s\n", err.msg);
        return 1;
    }
    int code = 0;
    if (sh->parsed.help) {
        code = usage(sh);
    } else if (sh->flags.version) {
        printf("stoa master %s\n", MASTER_VERSION);
    } else if (master_flags_check(&sh->flags, &sh->parsed, &err) != 0 || start(sh, &err) != 0) {
        fprintf(stderr, "stoa master: %s\n", err.msg);
        code = 1;
    } else if (loop_run(sh->loop, &err) != 0) {
        log_error("loop_failed", "reason=" LOG_Q, LOG_QARG(str_of(err.msg)));
        code = 1;
    } else {
        code = sh->exit_code;
    }
    stop(sh);
    flags_done(&sh->parsed, &sh->flags);
    if (sh->restart && code == 0)
        restart_program(); /* returns only when that failed: then a supervisor has to */
    return sh->restart ? 1 : code;
}
