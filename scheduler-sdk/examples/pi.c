/* SPDX-License-Identifier: Apache-2.0 */
/* pi: computes hexadecimal digits of pi behind the point, many tasks at once, each its own range of digits.
 *
 *     pi --master=127.0.0.1:5050 --digits=2000 --per_task=100
 *
 * The same program is the task: it is started on the agents as `pi --work=FROM,COUNT --report=HOST:PORT` and
 * reports its digits over TCP to the framework, which listens there. The program must be on the agents under
 * the same path, or be fetched:
 * --uri=http://somewhere/pi.
 *
 * Worth looking at: one event loop for the scheduler and for the program's own sockets; results that are only
 * counted when they came in, so that a task which "finished" without reporting is run again.
 *
 * The digits come from the formula of Bailey, Borwein and Plouffe, which gives any digit without those before
 * it. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <limits.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stoa/scheduler.h"

/* --- the arithmetic --- */

static uint64_t power_mod(uint64_t exponent, uint64_t m)
{
    uint64_t result = 1 % m, base = 16 % m;

    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0)
            result = result * base % m;
        base = base * base % m;
    }
    return result;
}

/* The fraction of 16^n times the sum over k of 1 / (16^k (8k + j)). */
static double series(uint64_t n, unsigned j)
{
    double sum = 0, power = 1;

    for (uint64_t k = 0; k <= n; k++) {
        uint64_t m = 8 * k + j;

        sum += (double)power_mod(n - k, m) / (double)m;
        sum -= floor(sum);
    }
    for (uint64_t k = n + 1; power > 1e-17; k++) {
        power = pow(16, -(double)(k - n));
        sum += power / (double)(8 * k + j);
    }
    return sum - floor(sum);
}

static char pi_digit(uint64_t n)
{
    double x = 4 * series(n, 1) - 2 * series(n, 4) - series(n, 5) - series(n, 6);

    x -= floor(x);
    return "0123456789ABCDEF"[(int)(x * 16) & 15];
}

/* --- the task --- */

/* Splits "a:b" or "a,b" at the last such character. */
static int cut(char *text, char sep, char **ret_second)
{
    char *at = strrchr(text, sep);

    if (at == NULL)
        return -1;
    *at = 0;
    *ret_second = at + 1;
    return 0;
}

static int connect_to(char *address)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    char *port;
    int fd = -1;

    if (cut(address, ':', &port) != 0 || getaddrinfo(address, port, &hints, &list) != 0)
        return -1;
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static int work(char *range, char *report)
{
    char *count_text;
    uint64_t from, count;
    FILE *f;
    int fd;

    if (cut(range, ',', &count_text) != 0)
        return 2;
    from = strtoull(range, NULL, 10);
    count = strtoull(count_text, NULL, 10);
    fd = connect_to(report); /* first, so that a framework that is gone costs no work */
    f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL) {
        perror("pi: cannot reach the framework");
        return 1;
    }
    fprintf(f, "%llu ", (unsigned long long)from);
    for (uint64_t i = from; i < from + count; i++)
        (void)fputc(pi_digit(i), f);
    (void)fputc('\n', f);
    return fclose(f) == 0 ? 0 : 1;
}

/* --- the framework --- */

struct part {
    int started; /* attempts */
    int running;
    int done;
    char task_id[40];
};

struct pi {
    struct event_base *base;
    struct stoa_scheduler *s;
    struct part *parts;
    size_t part_count, done_count;
    uint64_t digits, per_task;
    char *text; /* the digits, '.' where they are not known yet */
    char report[300], program[PATH_MAX];
    const char *uri;
    int64_t cpus_milli, mem_milli;
    int failed;
};

static struct part *part_next(struct pi *p)
{
    for (size_t i = 0; i < p->part_count; i++)
        if (!p->parts[i].done && !p->parts[i].running)
            return &p->parts[i];
    return NULL;
}

static uint64_t part_from(const struct pi *p, const struct part *part)
{
    return (uint64_t)(part - p->parts) * p->per_task;
}

static uint64_t part_size(const struct pi *p, const struct part *part)
{
    uint64_t left = p->digits - part_from(p, part);

    return left < p->per_task ? left : p->per_task;
}

enum { TASKS_PER_OFFER = 32, PIECES = 8 };

/* What the tasks of one answer point to. */
struct launching {
    struct stoa_task tasks[TASKS_PER_OFFER];
    struct stoa_command commands[TASKS_PER_OFFER];
    struct stoa_resource resources[TASKS_PER_OFFER][PIECES];
    char lines[TASKS_PER_OFFER][PATH_MAX + 500];
    struct part *parts[TASKS_PER_OFFER];
    size_t count;
};

static void add_task(struct pi *p, struct part *part, struct launching *l, size_t resource_count)
{
    static struct stoa_uri uri;
    size_t k = l->count++;

    uri = (struct stoa_uri){ .value = p->uri, .executable = true };
    part->running = 1;
    (void)snprintf(part->task_id, sizeof part->task_id, "pi-%zu-%d", (size_t)(part - p->parts),
                   ++part->started);
    (void)snprintf(l->lines[k], sizeof l->lines[k], "exec %s --work=%llu,%llu --report=%s", p->program,
                   (unsigned long long)part_from(p, part), (unsigned long long)part_size(p, part), p->report);
    l->parts[k] = part;
    l->commands[k] = (struct stoa_command){ .value = l->lines[k], .uris = &uri, .uri_count = p->uri != NULL };
    l->tasks[k] = (struct stoa_task){ .id = part->task_id,
                                      .name = "pi",
                                      .command = &l->commands[k],
                                      .resources = l->resources[k],
                                      .resource_count = resource_count };
}

/* As many tasks as fit on the offer. */
static void fill(struct pi *p, const struct stoa_offer *offer, struct stoa_resource *rest,
                 struct launching *l)
{
    struct part *part;

    while (l->count < TASKS_PER_OFFER && (part = part_next(p)) != NULL) {
        struct stoa_resource *r = l->resources[l->count];
        size_t n = 0;

        if (!stoa_take(rest, offer->resource_count, "cpus", p->cpus_milli, r, &n, PIECES) ||
            !stoa_take(rest, offer->resource_count, "mem", p->mem_milli, r, &n, PIECES))
            return;
        add_task(p, part, l, n);
    }
}

static void use_offer(struct pi *p, const struct stoa_offer *offer)
{
    struct stoa_resource *rest = calloc(offer->resource_count + 1, sizeof *rest);
    struct launching *l = calloc(1, sizeof *l);
    struct stoa_error err;

    if (rest != NULL && l != NULL) {
        memcpy(rest, offer->resources, offer->resource_count * sizeof *rest);
        fill(p, offer, rest, l);
    }
    if (l == NULL || l->count == 0) {
        (void)stoa_decline(p->s, &offer->id, 1, part_next(p) == NULL ? 3600 : 5, NULL);
    } else if (stoa_launch(p->s, offer, l->tasks, l->count, 0, &err) != 0) {
        fprintf(stderr, "pi: %s\n", err.msg);
        for (size_t i = 0; i < l->count; i++)
            l->parts[i]->running = 0;
    }
    free(rest);
    free(l);
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct pi *p = user;

    for (size_t i = 0; i < count; i++)
        use_offer(p, &offers[i]);
    if (part_next(p) == NULL)
        (void)stoa_suppress(s, NULL, 0, NULL);
}

enum { ATTEMPTS_MAX = 5 };

static void on_update(struct stoa_scheduler *s, const struct stoa_status *status, void *user)
{
    struct pi *p = user;

    if (!status->is_terminal && status->state != STOA_TASK_UNKNOWN)
        return;
    for (size_t i = 0; i < p->part_count; i++) {
        struct part *part = &p->parts[i];

        if (!part->running || strcmp(part->task_id, status->task_id) != 0)
            continue;
        part->running = 0;
        if (part->done)
            return;
        fprintf(stderr, "pi: %s ended without its digits: %s%s%s\n", part->task_id, status->state_name,
                status->message != NULL ? ": " : "", status->message != NULL ? status->message : "");
        if (part->started >= ATTEMPTS_MAX) {
            p->failed = 1;
            (void)stoa_scheduler_teardown(s, NULL);
        } else {
            (void)stoa_revive(s, NULL, 0, NULL);
        }
    }
}

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct pi *p = user;

    if (!e->again)
        return;
    for (size_t i = 0; i < p->part_count; i++) {
        const struct stoa_task_ref ref = { p->parts[i].task_id, NULL };

        if (p->parts[i].running)
            (void)stoa_reconcile(s, &ref, 1, NULL);
    }
}

static void on_log(struct stoa_scheduler *s, int level, const char *line, void *user)
{
    (void)s;
    (void)user;
    if (level <= 1)
        fprintf(stderr, "pi: %s\n", line);
}

/* --- results --- */

static void take_result(struct pi *p, const char *line)
{
    char *digits;
    uint64_t from = strtoull(line, &digits, 10);
    struct part *part;

    if (*digits != ' ' || from % p->per_task != 0 || from >= p->digits)
        return;
    digits++;
    part = &p->parts[from / p->per_task];
    if (part->done || strlen(digits) != part_size(p, part) ||
        strspn(digits, "0123456789ABCDEF") != strlen(digits))
        return;
    memcpy(p->text + from, digits, strlen(digits));
    part->done = 1;
    if (++p->done_count == p->part_count)
        (void)stoa_scheduler_teardown(p->s, NULL);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    char *line;

    while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF)) != NULL) {
        take_result(arg, line);
        free(line);
    }
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)what;
    (void)arg;
    bufferevent_free(bev);
}

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *peer, int size,
                          void *arg)
{
    struct pi *p = arg;
    struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);

    (void)peer;
    (void)size;
    if (bev == NULL) {
        (void)close(fd);
        return;
    }
    bufferevent_setcb(bev, on_read, NULL, on_end, p);
    (void)bufferevent_enable(bev, EV_READ);
}

static struct evconnlistener *listen_for_results(struct pi *p, const char *ip)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t size = sizeof a;
    struct evconnlistener *l;

    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
        return NULL;
    l = evconnlistener_new_bind(p->base, on_connection, p, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 64,
                                (struct sockaddr *)&a, sizeof a);
    if (l == NULL || getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&a, &size) != 0)
        return l;
    (void)snprintf(p->report, sizeof p->report, "%s:%u", ip, ntohs(a.sin_port));
    return l;
}

/* --- the command line --- */

static char *value_of(char *arg, const char *name)
{
    size_t n = strlen(name);

    return strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, n) == 0 && arg[2 + n] == '=' ? arg + 3 + n
                                                                                             : NULL;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: pi --master=HOST:PORT [--digits=1000] [--per_task=50] [--cpus=0.5] [--mem=32] [--role=*]\n"
        "          [--ip=127.0.0.1 (where tasks reach this program)] [--uri=WHERE_TO_FETCH_PI]\n");
    return 2;
}

static int run(struct pi *p, const struct stoa_options *o, const char *ip)
{
    const struct stoa_callbacks cb = {
        .subscribed = on_subscribed, .offers = on_offers, .update = on_update, .log = on_log
    };
    struct evconnlistener *l = listen_for_results(p, ip);
    struct stoa_error err = { .msg = "cannot listen for results" };
    int rc = 2;

    p->s = l != NULL ? stoa_scheduler_new(o, &cb, p, &err) : NULL;
    if (p->s != NULL)
        rc = stoa_scheduler_run(p->s, &err) == 0 ? p->failed : 2;
    if (rc == 2)
        fprintf(stderr, "pi: %s\n", err.msg);
    stoa_scheduler_free(p->s);
    if (l != NULL)
        evconnlistener_free(l);
    return rc;
}

int main(int argc, char **argv)
{
    struct pi p = {
        .digits = 1000, .per_task = 50, .cpus_milli = 500, .mem_milli = 32000, .base = event_base_new()
    };
    const char *role = "*", *ip = "127.0.0.1";
    struct stoa_options o = {
        .name = "pi", .roles = &role, .role_count = 1, .failover_timeout_s = 60, .event_base = p.base
    };
    char *v, *range = NULL, *report = NULL;
    ssize_t n;
    int rc;

    for (int i = 1; i < argc; i++) {
        if ((v = value_of(argv[i], "work")) != NULL)
            range = v;
        else if ((v = value_of(argv[i], "report")) != NULL)
            report = v;
        else if ((v = value_of(argv[i], "master")) != NULL)
            o.master = v;
        else if ((v = value_of(argv[i], "digits")) != NULL)
            p.digits = strtoull(v, NULL, 10);
        else if ((v = value_of(argv[i], "per_task")) != NULL)
            p.per_task = strtoull(v, NULL, 10);
        else if ((v = value_of(argv[i], "cpus")) != NULL)
            p.cpus_milli = (int64_t)(strtod(v, NULL) * 1000 + 0.5);
        else if ((v = value_of(argv[i], "mem")) != NULL)
            p.mem_milli = (int64_t)(strtod(v, NULL) * 1000 + 0.5);
        else if ((v = value_of(argv[i], "role")) != NULL)
            role = v;
        else if ((v = value_of(argv[i], "ip")) != NULL)
            ip = v;
        else if ((v = value_of(argv[i], "uri")) != NULL)
            p.uri = v;
        else
            return usage();
    }
    if (range != NULL && report != NULL)
        return work(range, report);
    if (o.master == NULL || p.digits == 0 || p.per_task == 0 || p.digits > 10000000)
        return usage();
    n = readlink("/proc/self/exe", p.program, sizeof p.program - 1);
    if (p.uri != NULL || n <= 0)
        (void)snprintf(p.program, sizeof p.program, "./pi"); /* fetched into the sandbox */
    p.part_count = (size_t)((p.digits + p.per_task - 1) / p.per_task);
    p.parts = calloc(p.part_count, sizeof *p.parts);
    p.text = calloc(1, p.digits + 1);
    if (p.parts == NULL || p.text == NULL)
        return 2;
    rc = run(&p, &o, ip);
    if (rc == 0)
        printf("3.%s\n", p.text);
    event_base_free(p.base);
    free(p.parts);
    free(p.text);
    return rc;
}
