/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa bench-framework -- COMMAND...`: the command line and the report. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/bench/bench.h"
#include "cli/cli.h"
#include "common/base/alloc.h"
#include "common/io/fs.h"
#include "common/io/random.h"
#include "common/wire/jsonw.h"

#define USAGE "stoa bench-framework [--only=A,B] [--patience=SECONDS] [--when_subscribed=COMMAND] [--json] -- COMMAND..."

enum { PATIENCE_S = 20, REPORT_BYTES_MAX = 1 << 20 };

struct result {
    const struct bench_scenario *scenario;
    bool ok;
    int64_t ns;
    struct bench_check checks[BENCH_CHECKS_MAX];
    size_t check_count;
};

/* --- one scenario ----------------------------------------------------------------------------------------------- */

/* A port that nobody listens on now: for the program under test, as {port}. */
static unsigned free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port = 0;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0 && getsockname(fd, (struct sockaddr *)&a, &size) == 0)
        port = ntohs(a.sin_port);
    if (fd >= 0)
        (void)close(fd);
    return port;
}

static int prepare(struct bench *b, const struct bench_scenario *s, struct error *err)
{
    const char *tmp = getenv("TMPDIR");
    int rc;

    if (b->keep_dir != NULL) {
        (void)snprintf(b->dir, sizeof b->dir, "%.150s/%s", b->keep_dir, s->name);
        rc = fs_mkdirs(b->dir, 0755, err);
    } else {
        (void)snprintf(b->dir, sizeof b->dir, "%.150s/stoa-bench.XXXXXX", tmp != NULL ? tmp : "/tmp");
        rc = mkdtemp(b->dir) != NULL ? 0 : error_set_errno(err, errno, "cannot make %s", b->dir);
    }
    b->app_port = free_port();
    b->addr = b->ip;
    for (unsigned i = 0; i < BENCH_AGENTS; i++)
        b->free[i] = resources_lit("cpus:8;mem:16384;disk:100000;ports:[31000-31999]");
    b->heartbeat_ns = 15 * NS_PER_S;
    if (rc == 0)
        rc = bench_listen(b, err);
    if (rc == 0 && strcmp(s->name, "redirect") == 0)
        rc = bench_front(b, err);
    bench_tick_init(b);
    return rc;
}

/* Everything of the scenario goes; what the command line said stays. */
static void clean_up(struct bench *b)
{
    bench_kill(b);
    loop_timer_done(&b->tick);
    bench_unlisten(b);
    http_server_free(b->front);
    for (size_t i = 0; i < b->offer_count; i++)
        resources_done(&b->offers[i].resources);
    for (size_t i = 0; i < b->task_count; i++)
        resources_done(&b->tasks[i].resources);
    for (unsigned i = 0; i < BENCH_AGENTS; i++)
        resources_done(&b->free[i]);
    if (b->keep_dir == NULL)
        (void)fs_remove_tree(b->dir, NULL);
}

static int run_one(const struct bench *options, const struct bench_scenario *s, struct result *ret, struct error *err)
{
    struct bench *b = xmalloc(sizeof *b);
    struct mono begun = loop_clock();
    int rc;

    *b = *options;
    b->offers = xcalloc(BENCH_OFFERS_MAX, sizeof *b->offers);
    b->tasks = xcalloc(BENCH_TASKS_MAX, sizeof *b->tasks);
    rc = prepare(b, s, err);
    if (rc == 0)
        rc = bench_start(b, err);
    if (rc == 0)
        s->run(b);
    *ret = (struct result){ .scenario = s, .ok = true, .ns = mono_diff(loop_clock(), begun) };
    memcpy(ret->checks, b->checks, sizeof b->checks);
    ret->check_count = b->check_count;
    for (size_t i = 0; i < b->check_count; i++)
        ret->ok = ret->ok && b->checks[i].ok;
    clean_up(b);
    free(b->offers);
    free(b->tasks);
    free(b);
    return rc;
}

/* --- the report ------------------------------------------------------------------------------------------------- */

static void print_one(const struct result *r)
{
    printf("%s %-17s %5.1f s  %s\n", r->ok ? "pass" : "FAIL", r->scenario->name, (double)r->ns / 1e9, r->scenario->what);
    for (size_t i = 0; i < r->check_count; i++)
        if (!r->checks[i].ok)
            printf("     expected: %s\n     seen:     %s\n", r->checks[i].expected, r->checks[i].seen);
    (void)fflush(stdout);
}

static void write_one(struct jsonw *w, const struct result *r)
{
    jsonw_open(w);
    jsonw_key_c(w, "name", r->scenario->name);
    jsonw_key_c(w, "description", r->scenario->what);
    jsonw_key_c(w, "result", r->ok ? "pass" : "fail");
    jsonw_key_double(w, "seconds", (double)(r->ns / NS_PER_MS) / 1000.0);
    jsonw_key_array(w, "checks");
    for (size_t i = 0; i < r->check_count; i++) {
        const struct bench_check *c = &r->checks[i];

        jsonw_open(w);
        jsonw_key_c(w, "result", c->ok ? "pass" : "fail");
        jsonw_key_c(w, "expected", c->expected);
        if (!c->ok)
            jsonw_key_c(w, "seen", c->seen);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_close(w);
}

static void print_json(const struct bench *b, const struct result *results, size_t count, size_t failed)
{
    struct sbuf out = SBUF_INIT(REPORT_BYTES_MAX);
    struct jsonw w = JSONW(&out);

    jsonw_open(&w);
    jsonw_key_array(&w, "command");
    for (char **c = b->command; *c != NULL; c++)
        jsonw_c(&w, *c);
    jsonw_array_close(&w);
    jsonw_key_u64(&w, "passed", count - failed);
    jsonw_key_u64(&w, "failed", failed);
    jsonw_key_array(&w, "scenarios");
    for (size_t i = 0; i < count; i++)
        write_one(&w, &results[i]);
    jsonw_array_close(&w);
    jsonw_close(&w);
    printf("%.*s\n", STR_ARG(sbuf_view(&out)));
    sbuf_done(&out);
}

/* --- the command line ------------------------------------------------------------------------------------------- */

static bool is_chosen(const struct bench *b, const char *name)
{
    struct str rest = str_of(b->only), one;
    bool more;

    if (b->only == NULL)
        return true;
    do {
        more = str_cut(&rest, ',', &one);
        if (str_is(str_trim(one), name))
            return true;
    } while (more);
    return false;
}

static int check_only(const struct bench *b, struct error *err)
{
    struct str rest = str_of(b->only), one;
    bool more = b->only != NULL;

    while (more) {
        size_t i = 0;

        more = str_cut(&rest, ',', &one);
        while (i < bench_scenario_count && !str_is(str_trim(one), bench_scenarios[i].name))
            i++;
        if (i == bench_scenario_count)
            return error_set(err, ERR_INVALID, "there is no scenario \"%.*s\"; --list shows them", STR_ARG(one));
    }
    return 0;
}

static int run_all(struct bench *b, struct error *err)
{
    struct result *results = xcalloc(bench_scenario_count, sizeof *results);
    size_t n = 0, failed = 0;
    int rc = 0;

    for (size_t i = 0; i < bench_scenario_count && rc == 0; i++) {
        if (!is_chosen(b, bench_scenarios[i].name))
            continue;
        rc = run_one(b, &bench_scenarios[i], &results[n], err);
        if (rc == 0 && !b->json)
            print_one(&results[n]);
        failed += !results[n++].ok;
    }
    if (rc == 0 && b->json)
        print_json(b, results, n, failed);
    else if (rc == 0)
        printf("%zu of %zu scenarios passed\n", n - failed, n);
    free(results);
    return rc != 0 ? cli_fail(err) : failed != 0 ? CLI_FAILED : CLI_OK;
}

static int list_scenarios(void)
{
    for (size_t i = 0; i < bench_scenario_count; i++)
        printf("%-17s %s\n", bench_scenarios[i].name, bench_scenarios[i].what);
    return CLI_OK;
}

/* Takes "-- COMMAND..." off the arguments. */
static char **take_command(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") != 0)
            continue;
        *argc = i;
        argv[i] = NULL;
        return argv[i + 1] != NULL ? &argv[i + 1] : NULL;
    }
    return NULL;
}

int bench_framework_main(int argc, char **argv)
{
    struct bench b = { .patience_ns = PATIENCE_S * NS_PER_S };
    const char *patience = NULL, *json = NULL, *list = NULL, *verbose = NULL;
    const struct cli_option options[] = {
        { "only", 0, &b.only, false, "scenarios to run, separated by commas" },
        { "patience", 0, &patience, false, "seconds to wait for what is expected (20)" },
        { "when_subscribed", 0, &b.when_subscribed, false,
          "shell command to run in each scenario after the first subscription, to give the framework work" },
        { "keep", 0, &b.keep_dir, false, "keep the directories and logs of the scenarios below this one" },
        { "json", 0, &json, true, "the report as JSON" },
        { "list", 0, &list, true, "only show the scenarios" },
        { "verbose", 'v', &verbose, true, "show the calls that come" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    struct str text;
    double seconds = PATIENCE_S;
    int positional;

    b.command = take_command(&argc, argv);
    if (cli_options(argc, argv, USAGE, options, &positional, &err) != 0)
        return cli_fail(&err);
    if (list != NULL)
        return list_scenarios();
    text = str_of(patience);
    if (patience != NULL &&
        (!str_double(&text, &seconds) || text.n != 0 || !seconds_to_ns(seconds, &b.patience_ns) || seconds <= 0)) {
        (void)error_set(&err, ERR_INVALID, "--patience is \"%s\"; it is a number of seconds above 0", patience);
        return cli_fail(&err);
    }
    if (b.command == NULL || positional != 0)
        return cli_usage(USAGE);
    if (check_only(&b, &err) != 0)
        return cli_fail(&err);
    b.json = json != NULL;
    b.verbose = verbose != NULL;
    random_rng(&b.rng);
    (void)net_parse_ip(STR("127.0.0.1"), 0, &b.ip);
    if (loop_new(&b.loop, NULL, &err) != 0)
        return cli_fail(&err);
    return run_all(&b, &err); /* the loop lives as long as the process */
}
