/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa run` (and mesos-execute): a framework of one command. It launches the instances from the offers that fit,
 * copies what they write, and ends with the exit code of the first that failed, or 0. A task that was lost before it
 * ended is launched again; Ctrl-C kills what runs. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/sandbox.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/time.h"
#include "common/wire/jsonw.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

enum {
    INSTANCES_MAX = 10000,
    VARIABLES_MAX = 1000,
    LAUNCHES_MAX = 5,      /* of one instance that keeps getting lost */
    POLL_MS = 250,         /* how often output is read */
    EXIT_LOST = 125,       /* the task could not be run or got lost for good */
};

struct instance {
    char task_id[160];
    char agent_id[160];
    struct sandbox sandbox;  /* agent[0] is 0 before the launch */
    enum { INSTANCE_WAITING, INSTANCE_LAUNCHED, INSTANCE_RUNNING, INSTANCE_ENDED } state;
    unsigned launches;
    int exit_code;
    char outcome[24]; /* the last state */
    int64_t out_offset, err_offset;
};

struct run {
    const char *name, *command; /* command NULL: the image's own */
    char *container;            /* ContainerInfo as JSON; NULL: no image */
    int64_t cpus_milli, mem_milli;
    struct stoa_variable *env;
    size_t env_count;
    struct instance *instances;
    unsigned count, ended, polls;
    const char *master;
    int64_t kill_after_ms; /* 0: never */
    bool interrupted, json;
    unsigned long stamp;   /* makes task ids unique */
    int rc;
};

static volatile sig_atomic_t got_signal;

static void on_signal(int signo)
{
    got_signal = signo;
}

/* --- output ---------------------------------------------------------------------------------------------------- */

static void copy_output(struct instance *i)
{
    struct error err;

    if (i->sandbox.agent[0] == 0)
        return;
    /* An agent that is being started again answers later: what it has is not lost. */
    while (sandbox_read(&i->sandbox, "stdout", &i->out_offset, stdout, &err) > 0)
        ;
    while (sandbox_read(&i->sandbox, "stderr", &i->err_offset, stderr, &err) > 0)
        ;
}

static void kill_all(struct stoa_scheduler *s, struct run *r)
{
    for (unsigned n = 0; n < r->count; n++) {
        struct instance *i = &r->instances[n];

        if (i->state == INSTANCE_LAUNCHED || i->state == INSTANCE_RUNNING)
            (void)stoa_kill(s, i->task_id, i->agent_id, -1, NULL); /* refused while disconnected: the next poll repeats it */
    }
}

static bool any_alive(const struct run *r)
{
    for (unsigned n = 0; n < r->count; n++)
        if (r->instances[n].state == INSTANCE_LAUNCHED || r->instances[n].state == INSTANCE_RUNNING)
            return true;
    return false;
}

/* Who waits is told for what, once. */
static void say_what_it_waits_for(struct stoa_scheduler *s, struct run *r)
{
    bool waits = false;

    r->polls++;
    for (unsigned n = 0; n < r->count; n++)
        waits = waits || r->instances[n].state == INSTANCE_WAITING;
    if (r->polls == 2000 / POLL_MS && !stoa_scheduler_is_subscribed(s))
        fprintf(stderr, "stoa: waiting for a master at %s\n", r->master);
    if (r->polls == 10000 / POLL_MS && waits && stoa_scheduler_is_subscribed(s))
        fprintf(stderr, "stoa: no offer with %g cpus and %g MB has come yet; `stoa agents` shows what is in use\n",
                (double)r->cpus_milli / 1000, (double)r->mem_milli / 1000);
}

static void poll(struct stoa_scheduler *s, void *arg)
{
    struct run *r = arg;

    say_what_it_waits_for(s, r);
    for (unsigned n = 0; n < r->count; n++)
        if (r->instances[n].state == INSTANCE_RUNNING)
            copy_output(&r->instances[n]);
    if (got_signal != 0 && !r->interrupted) {
        r->interrupted = true;
        fprintf(stderr, "stoa: killing the tasks ...\n");
        kill_all(s, r);
    }
    /* Without a master nothing can be killed; it ends the tasks itself when the failover timeout is over. */
    if (r->interrupted && (!any_alive(r) || !stoa_scheduler_is_subscribed(s)))
        stoa_scheduler_stop(s);
    (void)stoa_scheduler_after(s, POLL_MS, poll, r, NULL);
}

static void kill_after(struct stoa_scheduler *s, void *arg)
{
    kill_all(s, arg);
}

/* --- offers ------------------------------------------------------------------------------------------------------ */

/* What one task takes, out of the unreserved part of the offer. */
static size_t task_resources(const struct run *r, struct stoa_resource out[2])
{
    out[0] = (struct stoa_resource){ .name = "cpus", .type = STOA_SCALAR, .milli = r->cpus_milli, .role = "*" };
    out[1] = (struct stoa_resource){ .name = "mem", .type = STOA_SCALAR, .milli = r->mem_milli, .role = "*" };
    return 2;
}

static int64_t unreserved_milli(const struct stoa_offer *o, const char *name)
{
    int64_t sum = 0;

    for (size_t i = 0; i < o->resource_count; i++) {
        const struct stoa_resource *res = &o->resources[i];

        if (res->type == STOA_SCALAR && strcmp(res->name, name) == 0 && res->reservation_count == 0 && !res->revocable &&
            (res->role == NULL || strcmp(res->role, "*") == 0))
            sum += res->milli;
    }
    return sum;
}

static void instance_prepare(struct stoa_scheduler *s, struct run *r, struct instance *i, const struct stoa_offer *o)
{
    i->launches++;
    (void)snprintf(i->task_id, sizeof i->task_id, "%.80s.%lx.%u.%u", r->name, r->stamp, (unsigned)(i - r->instances),
                   i->launches);
    (void)snprintf(i->agent_id, sizeof i->agent_id, "%s", o->agent_id);
    (void)snprintf(i->sandbox.agent, sizeof i->sandbox.agent, "%s:%d", o->agent_ip != NULL ? o->agent_ip : o->hostname,
                   o->agent_port != 0 ? o->agent_port : 5051);
    (void)snprintf(i->sandbox.path, sizeof i->sandbox.path, "/frameworks/%s/executors/%s/runs/latest",
                   stoa_scheduler_framework_id(s), i->task_id);
    i->out_offset = i->err_offset = 0;
    i->state = INSTANCE_LAUNCHED;
}

/* Launches as many waiting instances as fit, in one call; false when none did. */
static bool launch_on(struct stoa_scheduler *s, struct run *r, const struct stoa_offer *o)
{
    struct stoa_resource resources[2];
    size_t resource_count = task_resources(r, resources), count = 0;
    struct stoa_command command = { .value = r->command, .no_shell = r->command == NULL, .environment = r->env, .environment_count = r->env_count };
    int64_t room = unreserved_milli(o, "cpus") / r->cpus_milli, mem_room = unreserved_milli(o, "mem") / r->mem_milli;
    CLEANUP(free_p) struct stoa_task *tasks = xcalloc(r->count, sizeof *tasks);
    struct stoa_error err = { 0 };

    if (mem_room < room)
        room = mem_room;
    for (unsigned n = 0; n < r->count && (int64_t)count < room; n++) {
        struct instance *i = &r->instances[n];

        if (i->state != INSTANCE_WAITING)
            continue;
        instance_prepare(s, r, i, o);
        tasks[count++] = (struct stoa_task){ .id = i->task_id, .name = r->name, .agent_id = o->agent_id,
                                             .resources = resources, .resource_count = resource_count,
                                             .command = &command, .container_json = r->container };
        fprintf(stderr, "stoa: launching task %s on %s\n", i->task_id, o->hostname);
    }
    if (count == 0)
        return false;
    if (stoa_launch(s, o, tasks, count, 0, &err) != 0)
        fprintf(stderr, "stoa: %s; the next subscription asks what became of the tasks\n", err.msg);
    return true;
}

static bool any_waiting(const struct run *r)
{
    for (unsigned n = 0; n < r->count; n++)
        if (r->instances[n].state == INSTANCE_WAITING)
            return true;
    return false;
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct run *r = user;

    for (size_t o = 0; o < count; o++)
        if (r->interrupted || !launch_on(s, r, &offers[o]))
            (void)stoa_decline(s, &offers[o].id, 1, any_waiting(r) ? 5 : 3600, NULL);
    if (!any_waiting(r))
        (void)stoa_suppress(s, NULL, 0, NULL); /* nothing to place; a lost task revives */
}

/* --- updates ----------------------------------------------------------------------------------------------------- */

/* The number behind "exited with status"; a signal counts as 128 + 9, since its number is not in the message. */
static int exit_code(const struct stoa_status *st)
{
    struct str m = str_of(st->message);
    static const struct str mark = STR_INIT("exited with status ");
    uint64_t code;

    if (st->state == STOA_TASK_FINISHED)
        return 0;
    for (; m.n > mark.n; m = str_sub(m, 1, m.n)) {
        struct str rest = m;

        if (str_skip(&rest, mark) && str_u64(&rest, 255, &code))
            return (int)code;
    }
    return st->state == STOA_TASK_KILLED ? 130 : st->state == STOA_TASK_FAILED ? 137 : EXIT_LOST;
}

static bool may_launch_again(const struct run *r, const struct instance *i, enum stoa_task_state state)
{
    return !r->interrupted && i->launches < LAUNCHES_MAX &&
           (state == STOA_TASK_LOST || state == STOA_TASK_DROPPED || state == STOA_TASK_GONE ||
            state == STOA_TASK_GONE_BY_OPERATOR);
}

static void instance_ended(struct stoa_scheduler *s, struct run *r, struct instance *i, const struct stoa_status *st)
{
    copy_output(i);
    if (may_launch_again(r, i, st->state)) {
        fprintf(stderr, "stoa: task %s: %s (%s); launching it again\n", i->task_id, st->state_name,
                st->message != NULL ? st->message : "no reason given");
        i->state = INSTANCE_WAITING;
        (void)stoa_revive(s, NULL, 0, NULL);
        return;
    }
    i->state = INSTANCE_ENDED;
    i->exit_code = exit_code(st);
    (void)snprintf(i->outcome, sizeof i->outcome, "%s", st->state_name);
    if (i->exit_code != 0 && r->rc == 0)
        r->rc = i->exit_code;
    if (st->state != STOA_TASK_FINISHED)
        fprintf(stderr, "stoa: task %s: %s%s%s\n", i->task_id, st->state_name, st->message != NULL ? ": " : "",
                st->message != NULL ? st->message : "");
    if (++r->ended == r->count)
        (void)stoa_scheduler_teardown(s, NULL); /* nothing of ours is left: the framework need not be remembered */
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *st, void *user)
{
    struct run *r = user;

    for (unsigned n = 0; n < r->count; n++) {
        struct instance *i = &r->instances[n];

        if (strcmp(i->task_id, st->task_id) != 0 || i->state == INSTANCE_ENDED || i->state == INSTANCE_WAITING)
            continue;
        if (st->state == STOA_TASK_RUNNING)
            i->state = INSTANCE_RUNNING;
        if (stoa_task_state_is_terminal(st->state))
            instance_ended(s, r, i, st);
        return;
    }
}

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct run *r = user;

    if (!e->again)
        fprintf(stderr, "stoa: subscribed with the master at %s as %s\n", e->master, e->framework_id);
    for (unsigned n = 0; n < r->count && e->again; n++) {
        struct stoa_task_ref ref = { r->instances[n].task_id, r->instances[n].agent_id };

        if (r->instances[n].state == INSTANCE_LAUNCHED || r->instances[n].state == INSTANCE_RUNNING)
            (void)stoa_reconcile(s, &ref, 1, NULL);
    }
}

static void on_disconnected(struct stoa_scheduler *s, const char *why, void *user)
{
    (void)s;
    (void)user;
    fprintf(stderr, "stoa: the connection to the master is lost (%s); reconnecting\n", why);
}

/* --- the command line ---------------------------------------------------------------------------------------------- */

/* "cpus" or "mem": a positive decimal, in thousandths. */
static int quantity(const char *text, const char *flag, int64_t *ret, struct error *err)
{
    struct str s = str_of(text);
    double v;

    if (!str_double(&s, &v) || s.n != 0 || v <= 0 || v > 1e9)
        return error_set(err, ERR_INVALID, "--%s=%s: use a number above 0", flag, text);
    *ret = (int64_t)(v * 1000 + 0.5);
    return 0;
}

/* The form of mesos-execute: "cpus:1;mem:128". */
static int parse_resources(const char *text, struct run *r, struct error *err)
{
    struct str rest = str_of(text), part, name;
    char buf[64];

    while (rest.n != 0) {
        int rc;

        (void)str_cut(&rest, ';', &part);
        (void)str_cut(&part, ':', &name);
        (void)snprintf(buf, sizeof buf, "%.*s", STR_ARG(str_trim(part)));
        if (str_is(str_trim(name), "cpus"))
            rc = quantity(buf, "resources", &r->cpus_milli, err);
        else if (str_is(str_trim(name), "mem"))
            rc = quantity(buf, "resources", &r->mem_milli, err);
        else
            rc = error_set(err, ERR_INVALID, "--resources: \"%.*s\" is not known here; use cpus and mem", STR_ARG(name));
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void add_variable(struct run *r, struct str name, const char *value)
{
    r->env = xrealloc(r->env, r->env_count + 1, sizeof *r->env);
    r->env[r->env_count++] = (struct stoa_variable){ .name = xstrndup(name), .value = xstrdup(value) };
}

/* A JSON object of strings, as mesos-execute takes it, or K=V,K2=V2. */
static int parse_env(const char *text, struct run *r, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = text[0] == '{' ? cJSON_ParseWithOpts(text, NULL, 1) : NULL;
    struct str rest = str_of(text), part, name;
    const cJSON *v;

    if (text[0] == '{' && j == NULL)
        return error_set(err, ERR_INVALID, "--env=%s is no JSON object", text);
    cJSON_ArrayForEach(v, j)
    {
        if (!cJSON_IsString(v))
            return error_set(err, ERR_INVALID, "--env: the value of %s is no string", v->string);
        add_variable(r, str_of(v->string), v->valuestring);
    }
    while (j == NULL && rest.n != 0) {
        CLEANUP(free_p) char *value = NULL;

        (void)str_cut(&rest, ',', &part);
        if (!str_cut(&part, '=', &name) || name.n == 0 || r->env_count >= VARIABLES_MAX)
            return error_set(err, ERR_INVALID, "--env=%s: use NAME=VALUE,NAME=VALUE or a JSON object", text);
        value = xstrndup(part);
        add_variable(r, name, value);
    }
    return 0;
}

/* --json: after all output, one line that says how each instance ended. */
static void print_outcomes(const struct run *r)
{
    CLEANUP(json_free_p) cJSON *list = cJSON_CreateArray();
    char *text;

    for (unsigned n = 0; n < r->count; n++) {
        const struct instance *i = &r->instances[n];
        cJSON *j = cJSON_CreateObject();

        (void)cJSON_AddStringToObject(j, "task", i->task_id);
        (void)cJSON_AddStringToObject(j, "agent", i->agent_id);
        (void)cJSON_AddStringToObject(j, "state", i->outcome);
        (void)cJSON_AddNumberToObject(j, "exitCode", i->exit_code);
        (void)cJSON_AddItemToArray(list, j);
    }
    text = cJSON_PrintUnformatted(list);
    printf("%s\n", text != NULL ? text : "[]");
    cJSON_free(text);
}

static int run_tasks(struct run *r, const struct stoa_options *options)
{
    struct stoa_callbacks cb = { .subscribed = on_subscribed, .disconnected = on_disconnected, .offers = on_offers,
                                 .update = on_update };
    struct stoa_error serr = { 0 };
    r->master = options->master;
    struct stoa_scheduler *s = stoa_scheduler_new(options, &cb, r, &serr);
    int rc;

    if (s == NULL) {
        fprintf(stderr, "stoa: %s\n", serr.msg);
        return CLI_USAGE;
    }
    (void)sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
    (void)stoa_scheduler_after(s, POLL_MS, poll, r, NULL);
    if (r->kill_after_ms > 0)
        (void)stoa_scheduler_after(s, r->kill_after_ms, kill_after, r, NULL);
    rc = stoa_scheduler_run(s, &serr);
    if (rc != 0)
        fprintf(stderr, "stoa: %s\n", serr.msg);
    stoa_scheduler_free(s);
    if (r->json)
        print_outcomes(r);
    return rc != 0 ? EXIT_LOST : r->interrupted ? 130 : r->rc;
}

struct arguments {
    const char *command, *name, *cpus, *mem, *env, *instances, *master, *resources, *role, *principal, *secret, *kill_after, *json, *image;
};

static char *container_of(const char *image)
{
    struct sbuf b = SBUF_INIT(65536);
    struct jsonw w = JSONW(&b);

    jsonw_open(&w);
    jsonw_key_c(&w, "type", "MESOS");
    jsonw_key(&w, "mesos");
    jsonw_open(&w);
    jsonw_key(&w, "image");
    jsonw_open(&w);
    jsonw_key_c(&w, "type", "DOCKER");
    jsonw_key(&w, "docker");
    jsonw_open(&w);
    jsonw_key_c(&w, "name", image);
    for (int i = 0; i < 4; i++)
        jsonw_close(&w);
    return sbuf_steal(&b);
}

static int parse(const struct arguments *a, struct run *r, struct error *err)
{
    struct str number = str_of(a->instances);
    uint64_t n = 0;
    int rc;

    if (a->command == NULL && a->image == NULL)
        return error_set(err, ERR_INVALID, "nothing to run: give --command=CMD");
    if (!str_u64(&number, INSTANCES_MAX, &n) || number.n != 0 || n == 0)
        return error_set(err, ERR_INVALID, "--instances=%s: use 1 to %d", a->instances, INSTANCES_MAX);
    rc = quantity(a->cpus, "cpus", &r->cpus_milli, err);
    if (rc == 0)
        rc = quantity(a->mem, "mem", &r->mem_milli, err);
    if (rc == 0 && a->resources != NULL)
        rc = parse_resources(a->resources, r, err);
    if (rc == 0 && a->env != NULL)
        rc = parse_env(a->env, r, err);
    if (rc != 0)
        return rc;
    if (a->kill_after != NULL) {
        int64_t ns;

        if (!duration_parse(str_of(a->kill_after), &ns))
            return error_set(err, ERR_INVALID, "--kill_after=%s: use a duration such as 90secs", a->kill_after);
        r->kill_after_ms = ns / NS_PER_MS;
    }
    r->command = a->command;
    r->container = a->image != NULL ? container_of(a->image) : NULL;
    r->count = (unsigned)n;
    r->instances = xcalloc(r->count, sizeof *r->instances);
    return 0;
}

/* The command's first word, fit for an id. */
static char *default_name(const char *command)
{
    struct str rest = str_of(command), word;
    char *name;

    (void)str_cut(&rest, ' ', &word);
    name = xstrndup(str_sub(word, 0, 40));
    for (char *p = name; *p != 0; p++)
        if (*p == '/' || *p == '\\' || (unsigned char)*p < 33)
            *p = '_';
    return name;
}

int run_main(int argc, char **argv)
{
    struct arguments a = { .cpus = "1", .mem = "128", .instances = "1", .role = "*" };
    const struct cli_option cli[] = {
        { "command", 'c', &a.command, false, "what to run, by /bin/sh -c" },
        { "docker_image", 0, &a.image, false, "image to run it in; without a command the image's own is run" },
        { "name", 'n', &a.name, false, "name of the task and the framework (the command's first word)" },
        { "cpus", 0, &a.cpus, false, "cpus of one instance (1)" },
        { "mem", 0, &a.mem, false, "memory of one instance in MB (128)" },
        { "resources", 0, &a.resources, false, "both in one: cpus:1;mem:128" },
        { "env", 'e', &a.env, false, "environment: NAME=VALUE,... or a JSON object" },
        { "instances", 'i', &a.instances, false, "how many to run (1)" },
        { "master", 'm', &a.master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "role", 0, &a.role, false, "role to run in (*)" },
        { "principal", 0, &a.principal, false, "principal, with --secret, where the master asks for one" },
        { "secret", 0, &a.secret, false, "its secret" },
        { "json", 0, &a.json, true, "how each instance ended, as one line after all output" },
        { "kill_after", 0, &a.kill_after, false, "kill what still runs then, such as 90secs" },
        { NULL, 0, NULL, false, NULL },
    };
    struct run r = { .stamp = (unsigned long)time(NULL) * 100000 + (unsigned long)getpid() % 100000 };
    struct stoa_options options = { .failover_timeout_s = 60, .checkpoint = true,
                                    .capabilities = STOA_CAP_PARTITION_AWARE };
    struct error err = { 0 };
    int positional, rc;

    rc = cli_options(argc, argv, "stoa run --command=CMD [options]", cli, &positional, &err);
    if (rc == 0 && positional != 0)
        rc = error_set(&err, ERR_INVALID, "unexpected argument \"%s\"; quote the command: --command='...'", argv[1]);
    if (rc == 0)
        rc = parse(&a, &r, &err);
    if (rc != 0)
        return cli_fail(&err);
    r.json = a.json != NULL;
    r.name = a.name != NULL ? a.name : default_name(a.command != NULL ? a.command : a.image);
    options.master = cli_master_text(a.master);
    options.name = r.name;
    options.roles = &a.role;
    options.role_count = strcmp(a.role, "*") == 0 ? 0 : 1;
    options.principal = a.principal;
    options.secret = a.secret;
    return run_tasks(&r, &options);
}
