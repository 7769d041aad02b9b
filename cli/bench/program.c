/* SPDX-License-Identifier: Apache-2.0 */
/* The program under test: started in a session of its own with the placeholders of its arguments filled in, watched, and ended
 * with everything that it started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench/bench.h"
#include "common/base/alloc.h"
#include "common/io/proctree.h"

enum { ARG_BYTES_MAX = 64 << 10, KILL_WAIT_S = 5 };

/* --- placeholders ----------------------------------------------------------------------------------------------- */

static void put_value(const struct bench *b, struct sbuf *out, struct str name)
{
    char text[NET_TEXT_SIZE];
    const struct net_addr *master = b->front != NULL ? &b->front_addr : &b->addr;

    net_text(master, text);
    if (str_is(name, "master"))
        sbuf_c(out, text);
    else if (str_is(name, "master_port"))
        sbuf_u64(out, master->port);
    else if (str_is(name, "port"))
        sbuf_u64(out, b->app_port);
    else if (str_is(name, "dir"))
        sbuf_c(out, b->dir);
    else
        sbuf_fmt(out, "{%.*s}", STR_ARG(name));
}

static char *fill_in(const struct bench *b, const char *text)
{
    struct sbuf out = SBUF_INIT(ARG_BYTES_MAX);
    struct str rest = str_of(text);

    while (rest.n != 0) {
        size_t open = str_index(rest, '{'), close;
        struct str name;

        sbuf_str(&out, str_sub(rest, 0, open));
        rest = str_sub(rest, open, rest.n);
        close = str_index(rest, '}');
        if (rest.n == 0)
            break;
        if (close == rest.n) {
            sbuf_str(&out, rest);
            break;
        }
        name = str_sub(rest, 1, close - 1);
        put_value(b, &out, name);
        rest = str_sub(rest, close + 1, rest.n);
    }
    return sbuf_steal(&out);
}

/* --- processes -------------------------------------------------------------------------------------------------- */

static void put_environment(const struct bench *b)
{
    static const char *const names[][2] = {
        { "STOA_BENCH_MASTER", "master" }, { "STOA_BENCH_DIR", "dir" }, { "STOA_BENCH_PORT", "port" }
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sbuf v = SBUF_INIT(ARG_BYTES_MAX);

        put_value(b, &v, str_of(names[i][1]));
        (void)setenv(names[i][0], v.p, 1);
        sbuf_done(&v);
    }
}

/* Never returns. What the program says goes to a file in its directory. */
static void exec_child(const struct bench *b, char **argv)
{
    char log[sizeof b->dir + 8];
    int fd;

    (void)signal(SIGPIPE, SIG_DFL);
    (void)setsid();
    put_environment(b);
    (void)snprintf(log, sizeof log, "%s/log", b->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0) {
        (void)dup2(fd, STDOUT_FILENO);
        (void)dup2(fd, STDERR_FILENO);
    }
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)dup2(fd, STDIN_FILENO);
    (void)execvp(argv[0], argv);
    fprintf(stderr, "stoa: cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void on_exit_of_child(void *arg, pid_t pid, int wait_status)
{
    struct bench *b = arg;

    (void)pid;
    b->child = NULL;
    b->pid = 0;
    b->exit_status = wait_status;
}

int bench_start(struct bench *b, struct error *err)
{
    size_t n = 0;
    char **argv;
    int rc = 0;

    while (b->command[n] != NULL)
        n++;
    argv = xcalloc(n + 1, sizeof *argv);
    for (size_t i = 0; i < n; i++)
        argv[i] = fill_in(b, b->command[i]);
    (void)fflush(NULL);
    b->pid = fork();
    if (b->pid == 0)
        exec_child(b, argv);
    if (b->pid < 0) {
        b->pid = 0;
        rc = error_set_errno(err, errno, "fork");
    } else {
        rc = loop_child(b->loop, b->pid, on_exit_of_child, b, &b->child, err);
    }
    for (size_t i = 0; i < n; i++)
        free(argv[i]);
    free(argv);
    return rc;
}

static void on_exit_of_hook(void *arg, pid_t pid, int wait_status)
{
    struct bench *b = arg;

    (void)pid;
    b->hook = 0;
    if (wait_status != 0)
        bench_problem(b, "--when_subscribed succeeds", "it ended with status %d", (wait_status >> 8) & 0xff);
}

void bench_run_hook(struct bench *b)
{
    char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, NULL, NULL };
    struct loop_watch *watch;
    struct error err;

    if (b->when_subscribed == NULL || b->after_first)
        return;
    b->after_first = true;
    argv[2] = fill_in(b, b->when_subscribed);
    (void)fflush(NULL);
    b->hook = fork();
    if (b->hook == 0)
        exec_child(b, argv);
    if (b->hook < 0 || loop_child(b->loop, b->hook, on_exit_of_hook, b, &watch, &err) != 0)
        bench_problem(b, "--when_subscribed can be run", "%s", strerror(errno));
    free(argv[2]);
}

void bench_kill_hard(struct bench *b)
{
    if (b->pid != 0)
        (void)proctree_kill(b->pid, SIGKILL);
}

/* By now it has had its time: that it is killed is no finding. */
static void kill_hook(struct bench *b)
{
    if (b->hook <= 0)
        return;
    (void)proctree_kill(b->hook, SIGKILL);
    while (b->hook > 0)
        loop_turn(b->loop, 20 * NS_PER_MS);
}

void bench_kill(struct bench *b)
{
    struct mono until = mono_add(loop_clock(), KILL_WAIT_S * NS_PER_S);

    kill_hook(b);
    if (b->pid == 0)
        return;
    (void)kill(-b->pid, SIGTERM);
    while (b->pid != 0 && mono_before(loop_clock(), until))
        loop_turn(b->loop, 20 * NS_PER_MS);
    bench_kill_hard(b);
    while (b->pid != 0)
        loop_turn(b->loop, 20 * NS_PER_MS);
}
