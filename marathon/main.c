/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end: flags, store, state, then API and master. The API listens only when the state is loaded: an
 * answer before that would be wrong. */
#include "marathon/main.h"

#include <openssl/ssl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/io/random.h"
#include "common/io/restart.h"
#include "marathon/degraded.h"
#include "marathon/election.h"
#include "marathon/shell.h"

extern char **environ;

static struct loop *log_loop;

static int64_t log_clock(void)
{
    return loop_wall(log_loop).ms;
}

/* --- what the API needs of the shell ------------------------------------------------------------------- */
static int api_step(void *ctx, const struct marathon_event *ev, const struct update_result **ret_result,
                    struct error *err)
{
    struct shell *sh = ctx;
    struct marathon_event copy = *ev;
    int rc = marathon_shell_step(sh, &copy, err);

    *ret_result = &sh->actions.result;
    if (rc == 0 && (ev->type == EVENT_UPDATE || ev->type == EVENT_CANCEL || ev->type == EVENT_JOB_PUT))
        sched_roles(sh);
    return rc;
}

static void api_publish(void *ctx, const struct bus_event *e)
{
    streams_publish(ctx, e);
}

static struct wall api_wall(void *ctx)
{
    return loop_wall(((struct shell *)ctx)->loop);
}

static struct mono api_mono(void *ctx)
{
    return loop_now(((struct shell *)ctx)->loop);
}

/* While it is not sure that it leads, time stands still for the core; it is looked at again after this. */
#define UNSURE_NS (100 * NS_PER_MS)

static void wake(void *arg)
{
    struct marathon_event ev = { .type = EVENT_TICK };
    struct shell *sh = arg;

    if (marathon_election_is_sure(sh))
        (void)marathon_shell_step(sh, &ev, NULL);
    else
        loop_timer_in(&sh->wake, UNSURE_NS);
}

static void on_signal(void *arg, int signo)
{
    log_info("signal", "number=%d then=ending", signo);
    marathon_shell_stop(arg, 0);
}

/* --- start --------------------------------------------------------------------------------------------- */
static int read_secret(struct shell *sh, struct error *err)
{
    struct sbuf b = SBUF_INIT(64 * 1024);
    int rc;

    if (sh->flags.secret_file == NULL)
        return 0;
    rc = fs_read(sh->flags.secret_file, &b, err);
    if (rc == 0) {
        free(sh->flags.secret);
        sh->flags.secret = xstrndup(str_trim(sbuf_view(&b)));
    }
    sbuf_done(&b);
    return rc < 0 ? error_wrap(err, "--mesos_authentication_secret_file") : 0;
}

static void fill_flags(struct shell *sh)
{
    struct marathon_flags *f = &sh->flags;
    const struct passwd *pw = getpwuid(geteuid());
    char name[256], url[600];

    if (f->hostname == NULL)
        f->hostname = xstrdup(net_hostname(name, sizeof name, NULL) == 0 ? name : "localhost");
    if (f->mesos_user == NULL && pw != NULL)
        f->mesos_user = xstrdup(pw->pw_name);
    if (f->webui_url == NULL) {
        (void)snprintf(url, sizeof url, "%s://%s:%lld", f->disable_http ? "https" : "http", f->hostname,
                       (long long)(f->disable_http ? f->https_port : f->http_port));
        f->webui_url = xstrdup(url);
    }
    if (f->http_credentials == NULL && getenv("MESOSPHERE_HTTP_CREDENTIALS") != NULL)
        f->http_credentials = xstrdup(getenv("MESOSPHERE_HTTP_CREDENTIALS"));
    if (f->logging_level != NULL) {
        struct str l = str_of(f->logging_level);
        log_set_level(str_eq_nocase(l, STR("debug")) || str_eq_nocase(l, STR("trace")) ? LOG_DEBUG
                      : str_eq_nocase(l, STR("warn"))                                  ? LOG_WARN
                      : str_eq_nocase(l, STR("error"))                                 ? LOG_ERROR
                                                                                       : LOG_INFO);
    }
}

static int listen_http(struct shell *sh, struct error *err)
{
    int rc = http_open(sh, err);

    (void)snprintf(sh->leader, sizeof sh->leader, "%s:%lld", sh->flags.hostname, sh->flags.disable_http ? (long long)sh->flags.https_port :
                   (long long)sh->flags.http_port);
    sh->api.leader = str_of(sh->leader);
    return rc;
}

static void start_failed(struct shell *sh, const struct error *err)
{
    log_error("start_failed", "error=" LOG_Q, LOG_QARG(str_of(err->msg)));
    marathon_shell_stop(sh, 111);
}

static void begin(struct shell *sh)
{
    struct marathon_event ev = { .type = EVENT_STARTED };
    struct error err;

    if (sched_open(sh, &err) < 0)
        start_failed(sh, &err);
    else
        (void)marathon_shell_step(sh, &ev, NULL);
}

static void ready(struct shell *sh)
{
    struct error err;

    if (sh->http == NULL && sh->https == NULL && listen_http(sh, &err) < 0) {
        start_failed(sh, &err);
        return;
    }
    sh->api.started_at = loop_wall(sh->loop);
    sh->is_ready = true;
    if (!degraded_start(sh, begin))
        begin(sh);
    log_info("listening", "url=%s://%s version=%.*s", sh->flags.disable_http ? "https" : "http", sh->leader, STR_ARG(sh->api.version));
}

static void lead(struct shell *sh);

static void lead_again(void *arg)
{
    lead(arg);
}

static void lead(struct shell *sh)
{
    struct error err;

    if (persist_open(sh, &err) == 0) {
        persist_load(sh, ready);
        return;
    }
    if (degraded_reopen(sh, lead_again, &err))
        return;
    log_error("failed", "error=" LOG_Q, LOG_QARG(str_of(err.msg)));
    marathon_shell_stop(sh, 1);
}

/* POST /logging was for a while only. */
static void log_level_again(void *arg)
{
    log_set_level((enum log_level)((struct shell *)arg)->log_level_back);
}

static int open_all(struct shell *sh, struct error *err)
{
    struct http_client_options co = { 0 };
    int rc = loop_new(&sh->loop, NULL, err);

    if (rc < 0)
        return rc;
    log_loop = sh->loop;
    log_set_clock(log_clock);
    sh->end_of_turn = LOOP_WORK(LOOP_STORE, marathon_shell_turn_end, sh);
    sh->turns_last = &sh->turns;
    sh->commit_failed = degraded_commit_failed;
    loop_timer_init(&sh->wake, sh->loop, wake, sh);
    loop_timer_init(&sh->log_level, sh->loop, log_level_again, sh);
    sh->signals[0] = loop_signal(sh->loop, SIGTERM, on_signal, sh);
    sh->signals[1] = loop_signal(sh->loop, SIGINT, on_signal, sh);
    random_rng(&sh->rng);
    marathon_actions_init(&sh->actions);
    rc = marathon_flags_config(&sh->flags, &sh->config, err);
    if (rc < 0)
        return rc;
    sh->m = marathon_new(&sh->config);
    sh->api = (struct api){ .m = sh->m,
                            .flags = &sh->flags,
                            .flag_set = &sh->flag_set,
                            .version = STR("1.11.24"),
                            .buildref = STR("stoa"),
                            .step = api_step,
                            .publish = api_publish,
                            .wall = api_wall,
                            .mono = api_mono,
                            .ctx = sh };
    /* For HTTPS checks, which ask whether somebody answers and not who: certificates are not verified. */
    sh->tls = SSL_CTX_new(TLS_client_method());
    co.tls = sh->tls;
    rc = http_client_new(&sh->client, sh->loop, &co, err);
    co.connect_timeout_ns = sh->flags.leader_proxy_connection_timeout * NS_PER_MS;
    if (rc == 0)
        rc = http_client_new(&sh->proxy_client, sh->loop, &co, err);
    if (rc == 0)
        rc = worker_new(&sh->worker, sh->loop, 2, err);
    if (rc == 0 && sh->flags.zk != NULL) { /* a standby answers too */
        rc = listen_http(sh, err);
        if (rc != 0)
            sh->exit_code = 111;
    }
    return rc;
}

static void close_all(struct shell *sh)
{
    if (sh->loop == NULL)
        return;
    streams_close(sh);
    persist_close(sh); /* waits for what was asked for; nobody is told any more */
    marathon_shell_drop_turns(sh);
    marathon_election_close(sh);
    sched_close(sh);
    http_close(sh);
    http_client_free(sh->proxy_client);
    http_client_free(sh->client);
    SSL_CTX_free(sh->tls);
    worker_free(sh->worker);
    loop_timer_done(&sh->wake);
    loop_timer_done(&sh->log_level);
    loop_timer_done(&sh->degraded);
    loop_watch_free(sh->signals[0]);
    loop_watch_free(sh->signals[1]);
    marathon_shell_drop_turns(sh);
    marathon_free(sh->m);
    marathon_actions_done(&sh->actions);
    log_set_clock(NULL);
    loop_free(sh->loop);
}

static void say_ignored(const struct shell *sh)
{
    CLEANUP(sbuf_done_p) struct sbuf names = SBUF_INIT(4096);

    marathon_flags_ignored(&sh->flag_set, &names);
    if (names.n != 0)
        log_warn("flags_ignored", "flags=" LOG_Q, LOG_QARG(sbuf_view(&names)));
}

int marathon_main(int argc, char **argv)
{
    static struct shell shell;
    struct shell *sh = &shell;
    struct error err = { 0 };
    bool help;
    int rc = marathon_flags_parse(&sh->flag_set, &sh->flags, argc, argv, environ, &help, &err);

    if (rc == 0 && help) {
        flags_done(&sh->flag_set, &sh->flags);
        return 0;
    }
    if (rc < 0) {
        (void)fprintf(stderr, "stoa marathon: %s\n", err.msg);
        return 112;
    }
    say_ignored(sh);
    rc = read_secret(sh, &err);
    fill_flags(sh);
    if (rc == 0)
        rc = open_all(sh, &err);
    if (rc == 0) {
        rc = marathon_election_open(sh, lead, &err);
    }
    if (rc == 0) {
        rc = loop_run(sh->loop, &err);
    }
    if (rc < 0) {
        log_error("failed", "error=" LOG_Q, LOG_QARG(str_of(err.msg)));
        sh->exit_code = sh->exit_code != 0 ? sh->exit_code : 1;
    }
    close_all(sh);
    flags_done(&sh->flag_set, &sh->flags);
    if (sh->restart)
        restart_program(); /* returns only when that failed: then a supervisor has to */
    return sh->exit_code;
}
