/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa dev`: master, agents and marathon on this machine, each a process of its own, supervised from here: one that
 * ends is started again, at once the first time, then with a growing pause. This program takes part in nothing else,
 * so killing it harms no task: its children get SIGTERM from the kernel (PR_SET_PDEATHSIG), the tasks go on, and the
 * next `stoa dev` with the same work directory takes them over. Without --keep a clean stop ends the tasks as well.
 *
 * A single-threaded loop over sigtimedwait is all it needs: SIGCHLD, SIGINT and SIGTERM are blocked and taken there. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/cli.h"
#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/time.h"

enum {
    DEV_SOCKET_DIR_MAX = 70, /* and /agent50-run/socket/agent.sock: under 108 bytes */
    AGENTS_MAX = 50,       /* --agents: more than that is no developer's machine */
    DEV_PIDS_MAX = 4096,   /* processes and threads of one container: a fork bomb must not take the machine */
    ARGS_MAX = 128,        /* flags handed to one child */
    PAUSE_FIRST_MS = 100,  /* before the second start in a row; doubles up to PAUSE_LAST_MS */
    PAUSE_LAST_MS = 5000,
    LIVED_LONG_MS = 10000, /* a child that lived this long starts again without a pause */
    READY_WAIT_MS = 60000,
    REFUSALS_MAX = 3,      /* a process that ends so often before the cluster is up will not start: a wrong flag, say */
    STOP_WAIT_MS = 25000,  /* an agent's executors have 5 s of grace, and some more for the disk */
};

enum child_kind { CHILD_MASTER, CHILD_AGENT, CHILD_MARATHON };

struct child {
    enum child_kind kind;
    char name[16];   /* master, agent1, marathon */
    char *argv[ARGS_MAX + 1];
    int argc;
    unsigned port;
    pid_t pid;          /* 0: not running */
    int64_t started_ms; /* monotonic */
    int64_t start_at_ms; /* when not running: not before this */
    int pause_ms;
    unsigned refusals; /* times it ended by itself before the cluster was up */
};

struct dev {
    const char *ip, *work_dir;
    char *self; /* path of this executable */
    struct child *children;
    unsigned count;
    bool keep;
    int lock_fd;
};

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- what to run --------------------------------------------------------------------------------------------- */

static void arg_add(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg_add(struct child *c, const char *fmt, ...)
{
    struct sbuf b = SBUF_INIT(64 * 1024);
    va_list ap;

    ASSERT(c->argc < ARGS_MAX);
    va_start(ap, fmt);
    sbuf_vfmt(&b, fmt, ap);
    va_end(ap);
    c->argv[c->argc++] = sbuf_steal(&b);
}

static bool has_extra(char **extra, int count, const char *flag)
{
    for (int i = 0; i < count; i++)
        if (strncmp(extra[i], flag, strlen(flag)) == 0)
            return true;
    return false;
}

/* Where the programs find each other is not for one of them alone. NULL: nobody may say it. */
static const struct {
    const char *flag, *instead;
} shared_flags[] = {
    { "--master.port", "--master_port" },       { "--agent.port", "--agent_port" }, { "--marathon.http_port", "--marathon_port" },
    { "--agent.master", NULL },                 { "--marathon.master", NULL },
};

static int refuse_shared(const char *arg, struct error *err)
{
    for (size_t i = 0; i < sizeof shared_flags / sizeof shared_flags[0]; i++) {
        size_t n = strlen(shared_flags[i].flag);
        if (strncmp(arg, shared_flags[i].flag, n) != 0 || (arg[n] != '=' && arg[n] != 0))
            continue;
        if (shared_flags[i].instead == NULL)
            return error_set(err, ERR_INVALID, "%.80s: stoa dev starts a master of its own; for another one use stoa agent and stoa marathon", arg);
        return error_set(err, ERR_INVALID, "%.80s: the other programs have to know it, too; use %s", arg, shared_flags[i].instead);
    }
    return 0;
}

/* --master.FLAG=V, --agent.FLAG, --marathon.FLAG become --FLAG=V of that role. */
static int forward_flags(struct child *c, const char *prefix, char **extra, int extra_count, struct error *err)
{
    size_t n = strlen(prefix);

    for (int i = 0; i < extra_count; i++) {
        if (strncmp(extra[i], prefix, n) != 0)
            continue;
        if (refuse_shared(extra[i], err) != 0)
            return -(int)err->code;
        if (c->argc >= ARGS_MAX - 1)
            return error_set(err, ERR_LIMIT, "%s: more than %d flags for one process", extra[i], ARGS_MAX);
        arg_add(c, "--%s", extra[i] + n);
    }
    return 0;
}

static void child_begin(struct dev *d, struct child *c, enum child_kind kind, const char *role, unsigned port)
{
    c->kind = kind;
    c->port = port;
    arg_add(c, "%s", d->self);
    arg_add(c, "%s", role);
}

static int plan_children(struct dev *d, unsigned master_port, unsigned agent_port, unsigned marathon_port,
                         unsigned agents, char **extra, int extra_count, struct error *err)
{
    struct child *c;
    int r;

    d->count = agents + 2;
    d->children = xcalloc(d->count, sizeof *d->children);
    c = &d->children[0];
    child_begin(d, c, CHILD_MASTER, "master", master_port);
    (void)snprintf(c->name, sizeof c->name, "master");
    arg_add(c, "--ip=%s", d->ip);
    arg_add(c, "--port=%u", master_port);
    arg_add(c, "--hostname=%s", d->ip);
    arg_add(c, "--work_dir=%s/master", d->work_dir);
    r = forward_flags(c, "--master.", extra, extra_count, err);
    for (unsigned i = 0; i < agents && r == 0; i++) {
        c = &d->children[1 + i];
        child_begin(d, c, CHILD_AGENT, "agent", agent_port + i);
        (void)snprintf(c->name, sizeof c->name, "agent%u", i + 1);
        arg_add(c, "--master=%s:%u", d->ip, master_port);
        arg_add(c, "--ip=%s", d->ip);
        arg_add(c, "--port=%u", agent_port + i);
        arg_add(c, "--hostname=%s", d->ip);
        arg_add(c, "--work_dir=%s/agent%u", d->work_dir, i + 1);
        arg_add(c, "--runtime_dir=%s/agent%u-run", d->work_dir, i + 1);
        /* The agent's own default only measures, as the original's does; here tasks shall be isolated. */
        if (geteuid() == 0 && !has_extra(extra, extra_count, "--agent.isolation="))
            arg_add(c, "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids");
        /* Containers with images: root is all that they need besides skopeo. */
        if (geteuid() == 0 && !has_extra(extra, extra_count, "--agent.containerizers="))
            arg_add(c, "--containerizers=docker,mesos");
        /* The agent listens on loopback, which containers with networks of their own do not reach. The path has to fit into a
         * socket's address. */
        if (geteuid() == 0 && strlen(d->work_dir) < DEV_SOCKET_DIR_MAX && !has_extra(extra, extra_count, "--agent.http_executor_domain_sockets") &&
            !has_extra(extra, extra_count, "--agent.no-http_executor_domain_sockets"))
            arg_add(c, "--http_executor_domain_sockets");
        if (!has_extra(extra, extra_count, "--agent.docker_store_dir="))
            arg_add(c, "--docker_store_dir=%s/images", d->work_dir);
        if (geteuid() == 0 && !has_extra(extra, extra_count, "--agent.pids_max=") &&
            !has_extra(extra, extra_count, "--agent.isolation="))
            arg_add(c, "--pids_max=%d", DEV_PIDS_MAX);
        r = forward_flags(c, "--agent.", extra, extra_count, err);
    }
    if (r != 0)
        return r;
    c = &d->children[agents + 1];
    child_begin(d, c, CHILD_MARATHON, "marathon", marathon_port);
    (void)snprintf(c->name, sizeof c->name, "marathon");
    arg_add(c, "--master=%s:%u", d->ip, master_port);
    arg_add(c, "--http_address=%s", d->ip);
    arg_add(c, "--http_port=%u", marathon_port);
    arg_add(c, "--hostname=%s", d->ip);
    arg_add(c, "--store_dir=%s/marathon", d->work_dir);
    return forward_flags(c, "--marathon.", extra, extra_count, err);
}

/* --- starting and watching ----------------------------------------------------------------------------------- */

/* Whether the port is free, by binding it as the server will (SO_REUSEADDR as every server of ours sets it). */
static int port_check(const char *ip, unsigned port, const char *flag, struct error *err)
{
    CLEANUP(fd_close_p) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int on = 1;

    if (fd < 0)
        return error_set_errno(err, errno, "socket");
    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
        return error_set(err, ERR_INVALID, "--ip=%s is no IPv4 address", ip);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0)
        return error_set(err, ERR_CONFLICT, "port %u on %s cannot be used (%s); choose another with --%s=PORT", port, ip,
                         strerror(errno), flag);
    return 0;
}

static int ports_check(struct dev *d, struct error *err)
{
    static const char *const flags[] = { "master_port", "agent_port", "marathon_port" };

    for (unsigned i = 0; i < d->count; i++) {
        int r = port_check(d->ip, d->children[i].port, flags[d->children[i].kind], err);

        if (r != 0)
            return r;
    }
    return 0;
}

static int make_dirs(const char *path, struct error *err)
{
    char buf[PATH_MAX];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof buf)
        return error_set(err, ERR_INVALID, "--work_dir: the path has %zu bytes; use 1 to %d", n, PATH_MAX - 1);
    memcpy(buf, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (buf[i] != '/' && buf[i] != 0)
            continue;
        buf[i] = 0;
        if (mkdir(buf, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "--work_dir=%s: mkdir %s", path, buf);
        buf[i] = i == n ? 0 : '/';
    }
    return 0;
}

static int log_open(struct dev *d, const struct child *c)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/logs/%s.log", d->work_dir, c->name);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void child_exec(struct dev *d, struct child *c, pid_t parent)
{
    sigset_t none;
    int log = log_open(d, c), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); /* Ctrl-C reaches only the supervisor, which stops things in their order */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0); /* the supervisor went away before the line above */
    if (null >= 0)
        (void)dup2(null, STDIN_FILENO);
    if (log >= 0) {
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
    }
    c->argv[c->argc] = NULL;
    (void)execv(d->self, c->argv);
    _exit(127);
}

static void child_start(struct dev *d, struct child *c)
{
    pid_t parent = getpid(), pid = fork(); /* this process is small and single-threaded */

    if (pid == 0)
        child_exec(d, c, parent);
    if (pid < 0) {
        fprintf(stderr, "stoa dev: cannot start %s: %s; trying again in %d ms\n", c->name, strerror(errno),
                PAUSE_LAST_MS);
        c->start_at_ms = now_ms() + PAUSE_LAST_MS;
        return;
    }
    c->pid = pid;
    c->started_ms = now_ms();
}

static void child_ended(struct dev *d, struct child *c, int status)
{
    int64_t now = now_ms();

    c->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        c->refusals++;
    c->pause_ms = now - c->started_ms >= LIVED_LONG_MS || c->pause_ms == 0 ? (c->pause_ms == 0 ? PAUSE_FIRST_MS : 0)
                                                                          : c->pause_ms * 2;
    if (c->pause_ms > PAUSE_LAST_MS)
        c->pause_ms = PAUSE_LAST_MS;
    c->start_at_ms = now + c->pause_ms;
    if (WIFSIGNALED(status))
        fprintf(stderr, "stoa dev: %s was ended by signal %d; starting it again (log: %s/logs/%s.log)\n", c->name,
                WTERMSIG(status), d->work_dir, c->name);
    else
        fprintf(stderr, "stoa dev: %s exited with status %d; starting it again in %d ms (log: %s/logs/%s.log)\n",
                c->name, WEXITSTATUS(status), c->pause_ms, d->work_dir, c->name);
}

static void reap(struct dev *d, bool restart)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < d->count; i++) {
            if (d->children[i].pid != pid)
                continue;
            if (restart)
                child_ended(d, &d->children[i], status);
            else
                d->children[i].pid = 0;
        }
    }
}

/* Starts what is due; the answer is the time until the next start, at most 1 s. */
static int64_t start_due(struct dev *d)
{
    int64_t now = now_ms(), wait = 1000;

    for (unsigned i = 0; i < d->count; i++) {
        struct child *c = &d->children[i];

        if (c->pid != 0)
            continue;
        if (c->start_at_ms <= now)
            child_start(d, c);
        else if (c->start_at_ms - now < wait)
            wait = c->start_at_ms - now;
    }
    return wait;
}

/* Takes one of the blocked signals, or 0 when none came in time. */
static int signal_wait(int64_t ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    sigset_t set;
    int s;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    s = sigtimedwait(&set, NULL, &t);
    return s > 0 ? s : 0;
}

static bool is_ready(struct dev *d, const struct child *c)
{
    static const char *const paths[] = { "/health", "/health", "/ping" };
    struct cli_response r = { 0 };
    char address[64];
    bool ready;

    (void)snprintf(address, sizeof address, "%s:%u", d->ip, c->port);
    ready = cli_http("GET", address, paths[c->kind], (struct str){ 0 }, NULL, 1000, &r, NULL) == 0 && r.status == 200;
    cli_response_done(&r);
    return ready;
}

static void announce(struct dev *d)
{
    printf("\nStoa is up.\n");
    for (unsigned i = 0; i < d->count; i++) {
        const struct child *c = &d->children[i];

        printf("  %-9s http://%s:%u%s\n", c->name, d->ip, c->port, c->kind == CHILD_MARATHON ? "/ui/" : "");
    }
    printf("  logs      %s/logs\n\nTry: stoa ps, stoa agents, stoa app list. Ctrl-C stops everything%s.\n",
           d->work_dir, d->keep ? " but the tasks" : "");
    (void)fflush(stdout);
}

/* --- stopping ------------------------------------------------------------------------------------------------ */

static void children_signal(struct dev *d, enum child_kind kind, int sig)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->children[i].kind == kind && d->children[i].pid != 0)
            (void)kill(d->children[i].pid, sig);
}

static bool any_running(const struct dev *d, enum child_kind kind)
{
    for (unsigned i = 0; i < d->count; i++)
        if (d->children[i].kind == kind && d->children[i].pid != 0)
            return true;
    return false;
}

static void children_stop(struct dev *d, enum child_kind kind, int sig)
{
    int64_t deadline = now_ms() + STOP_WAIT_MS;

    children_signal(d, kind, sig);
    reap(d, false);
    while (any_running(d, kind) && now_ms() < deadline) {
        (void)signal_wait(200);
        reap(d, false);
    }
    if (!any_running(d, kind))
        return;
    fprintf(stderr, "stoa dev: a process did not stop within %d s; killing it\n", STOP_WAIT_MS / 1000);
    children_signal(d, kind, SIGKILL);
    while (any_running(d, kind)) {
        (void)signal_wait(200);
        reap(d, false);
    }
}

/* marathon first, so that it starts nothing anew; then the agents: SIGUSR1 makes an agent end its tasks and sign off,
 * SIGTERM leaves them running; the master last, since the agents sign off there. */
static void stop_all(struct dev *d)
{
    children_stop(d, CHILD_MARATHON, SIGTERM);
    children_stop(d, CHILD_AGENT, d->keep ? SIGTERM : SIGUSR1);
    children_stop(d, CHILD_MASTER, SIGTERM);
}

/* The last line of its log says why, in its own words. */
static int tell_refusal(struct dev *d, const struct child *c)
{
    char path[PATH_MAX], line[1024] = "", last[1024] = "";
    CLEANUP(file_close_p) FILE *f = NULL;

    (void)snprintf(path, sizeof path, "%s/logs/%s.log", d->work_dir, c->name);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        memcpy(last, line, sizeof last);
    fprintf(stderr, "stoa dev: %s does not start: %s", c->name, last[0] != 0 ? last : "its log is empty\n");
    return CLI_FAILED;
}

/* --- the command --------------------------------------------------------------------------------------------- */

static int supervise(struct dev *d)
{
    int64_t ready_by = now_ms() + READY_WAIT_MS;
    unsigned ready = 0; /* children[0..ready) have answered once */

    for (;;) {
        int64_t wait = start_due(d);
        int s;

        while (ready < d->count && is_ready(d, &d->children[ready]))
            if (++ready == d->count)
                announce(d);
        if (ready < d->count && now_ms() > ready_by) {
            fprintf(stderr, "stoa dev: %s does not answer after %d s; see %s/logs/%s.log\n", d->children[ready].name,
                    READY_WAIT_MS / 1000, d->work_dir, d->children[ready].name);
            return CLI_FAILED;
        }
        s = signal_wait(ready < d->count && wait > 50 ? 50 : wait);
        if (s == SIGINT || s == SIGTERM)
            return CLI_OK;
        reap(d, true);
        for (unsigned i = 0; ready < d->count && i < d->count; i++)
            if (d->children[i].refusals >= REFUSALS_MAX)
                return tell_refusal(d, &d->children[i]);
    }
}

static char *default_work_dir(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct sbuf b = SBUF_INIT(PATH_MAX);

    if (state != NULL && state[0] == '/')
        sbuf_fmt(&b, "%s/stoa/dev", state);
    else
        sbuf_fmt(&b, "%s/.local/state/stoa/dev", home != NULL && home[0] == '/' ? home : "/tmp");
    return sbuf_steal(&b);
}

static int number(const char *text, const char *flag, unsigned min, unsigned max, unsigned *ret, struct error *err)
{
    struct str s = str_of(text);
    uint64_t v;

    if (!str_u64(&s, max, &v) || s.n != 0 || v < min)
        return error_set(err, ERR_INVALID, "--%s=%s: use a number from %u to %u", flag, text, min, max);
    *ret = (unsigned)v;
    return 0;
}

/* One supervisor per work directory: two would fight over the records. */
static int lock_work_dir(struct dev *d, struct error *err)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/lock", d->work_dir);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (d->lock_fd < 0)
        return error_set_errno(err, errno, "--work_dir: open %s", path);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, ERR_CONFLICT, "another stoa dev uses %s; stop it or choose another --work_dir", d->work_dir);
    return 0;
}

/* Separates --master.x, --agent.x and --marathon.x, which cli_options does not know, from the rest. */
static int split_extra(int *argc, char **argv, char **extra)
{
    int kept = 1, n = 0;

    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], "--master.", 9) == 0 || strncmp(argv[i], "--agent.", 8) == 0 ||
            strncmp(argv[i], "--marathon.", 11) == 0)
            extra[n++] = argv[i];
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return n;
}

static int prepare(struct dev *d, int argc, char **argv, struct error *err)
{
    const char *ip = "127.0.0.1", *master_port = "5050", *agent_port = "5051", *marathon_port = "8080", *agents = "1",
               *work_dir = NULL, *keep = NULL;
    const struct cli_option options[] = {
        { "ip", 0, &ip, false, "address to listen on (127.0.0.1)" },
        { "master_port", 0, &master_port, false, "port of the master (5050)" },
        { "agent_port", 0, &agent_port, false, "port of the first agent (5051); further agents follow" },
        { "marathon_port", 0, &marathon_port, false, "port of marathon (8080)" },
        { "work_dir", 0, &work_dir, false, "where everything is kept (~/.local/state/stoa/dev)" },
        { "agents", 0, &agents, false, "number of agents (1)" },
        { "keep", 0, &keep, true, "leave the tasks running when stopped" },
        { NULL, 0, NULL, false, NULL },
    };
    char **extra = xcalloc((size_t)argc + 1, sizeof *extra);
    int extra_count = split_extra(&argc, argv, extra), positional, r;
    unsigned mp = 0, ap = 0, sp = 0, n = 0;

    r = cli_options(argc, argv,
                    "stoa dev [options] [--master.FLAG=V] [--agent.FLAG=V] [--marathon.FLAG=V]\n"
                    "A master, an agent and marathon on this machine, kept running until Ctrl-C.",
                    options, &positional, err);
    if (r == 0 && positional != 0)
        r = error_set(err, ERR_INVALID, "stoa dev takes no argument like \"%s\"; see stoa dev --help", argv[1]);
    if (r == 0)
        r = number(agents, "agents", 1, AGENTS_MAX, &n, err);
    if (r == 0)
        r = number(master_port, "master_port", 1, 65535, &mp, err);
    if (r == 0)
        r = number(agent_port, "agent_port", 1, 65535 - AGENTS_MAX, &ap, err);
    if (r == 0)
        r = number(marathon_port, "marathon_port", 1, 65535, &sp, err);
    d->ip = ip;
    d->keep = keep != NULL;
    d->work_dir = work_dir != NULL ? work_dir : default_work_dir();
    if (r == 0 && d->work_dir[0] != '/')
        r = error_set(err, ERR_INVALID, "--work_dir=%s: give an absolute path", d->work_dir);
    if (r == 0)
        r = plan_children(d, mp, ap, sp, n, extra, extra_count, err);
    free(extra);
    return r;
}

int dev_main(int argc, char **argv)
{
    struct dev d = { .lock_fd = -1 };
    struct error err = { 0 };
    char self[PATH_MAX], logs[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    sigset_t set;
    int r;

    if (n <= 0) {
        (void)error_set_errno(&err, errno, "readlink /proc/self/exe");
        return cli_fail(&err);
    }
    self[n] = 0;
    d.self = self;
    r = prepare(&d, argc, argv, &err);
    if (r == 0)
        r = ports_check(&d, &err);
    (void)snprintf(logs, sizeof logs, "%s/logs", d.work_dir != NULL ? d.work_dir : "");
    if (r == 0)
        r = make_dirs(logs, &err);
    if (r == 0)
        r = lock_work_dir(&d, &err);
    if (r != 0)
        return cli_fail(&err);

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    printf("Starting a master, %u agent%s and marathon on %s ...\n", d.count - 2, d.count == 3 ? "" : "s", d.ip);
    (void)fflush(stdout);
    r = supervise(&d);
    printf("\nStopping%s ...\n", d.keep ? "; the tasks go on" : "");
    (void)fflush(stdout);
    stop_all(&d);
    return r;
}
