/* SPDX-License-Identifier: Apache-2.0 */
/* The one executable: its first argument is the role or the command. It also answers to the names that existing
 * unit files use (mesos-master, mesos-agent, mesos-slave, mesos-execute, marathon) through symbolic links. */
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/base/str.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *args;
    const char *help;
};

static int help_main(int argc, char **argv);

static const struct command commands[] = {
    { "dev", dev_main, "[--ip --master_port --agent_port --marathon_port --work_dir --agents --keep]",
      "a whole cluster on this machine: the first thing to run" },
    { "master", master_main, "--work_dir=DIR [--ip --port ...]", "the master: allocator, offers, operator API" },
    { "agent", agent_main, "--master=HOST:PORT --work_dir=DIR [...]", "the agent: runs and isolates tasks" },
    { "marathon", marathon_main, "--master=HOST:PORT [...]", "the service that keeps long-running apps alive" },
    { "executor", executor_main, "", "the built-in executor, started by the agent" },
    { "run", run_main, "--command=CMD [--name --cpus --mem --env --instances]", "run a command and wait for it" },
    { "ps", ps_main, "[--all] [--json]", "the tasks of the cluster" },
    { "agents", agents_main, "[--json]", "the agents of the cluster" },
    { "logs", logs_main, "TASK [-f] [--stderr]", "what a task wrote" },
    { "app", app_main, "create FILE | list | show ID | scale ID N | restart ID | delete ID | deleted | restore ID", "apps of marathon" },
    { "pod", pod_main, "create FILE | list | show ID | scale ID N | delete ID | wait ID", "pods of marathon: containers that live together" },
    { "job", job_main, "create FILE | list | show ID | run ID | history ID | kill ID RUN | delete ID", "jobs of marathon: once or by schedule" },
    { "why", why_main, "APP|POD|JOB|TASK", "why an app waits, or why a task died" },
    { "frameworks", frameworks_main, "[--all] [--json]", "the frameworks of the cluster" },
    { "teardown", teardown_main, "FRAMEWORK", "end a framework and its tasks" },
    { "drain", drain_main, "AGENT [--grace=DURATION] [--mark-gone] [--wait]", "move an agent's tasks away" },
    { "deactivate", deactivate_main, "AGENT", "no new tasks for an agent" },
    { "reactivate", reactivate_main, "AGENT", "undo drain or deactivate" },
    { "gone", gone_main, "AGENT", "give up an agent that will not return" },
    { "quota", quota_main, "[list | set ROLE --limit=... --guarantee=... | remove ROLE]", "quotas of roles" },
    { "weights", weights_main, "[list | set ROLE WEIGHT]", "weights of roles" },
    { "reserve", reserve_main, "AGENT RESOURCES --role=ROLE", "reserve resources of an agent for a role" },
    { "unreserve", unreserve_main, "AGENT RESOURCES --role=ROLE", "undo a reservation" },
    { "maintenance", maintenance_main, "[list | schedule FILE | down MACHINE... | up MACHINE...]", "maintenance of machines" },
    { "exec", exec_main, "[-i] [-t] TASK COMMAND [ARG...]", "run a command in a task's container" },
    { "attach", attach_main, "[-i] TASK", "a running task's output, and input" },
    { "cp", cp_main, "TASK:PATH LOCAL", "copy files out of a task's sandbox" },
    { "api", api_main, "CALL [--agent=AGENT] [--body=JSON]", "any call of the operator API" },
    { "store", store_main, "export | import FILE | check [--repair]", "move, save and repair the state of a master or marathon" },
    { "sim", sim_main, "--seed N [...]", "the simulator: the shipped cores under virtual time" },
    { "bench-framework", bench_framework_main, "[--only=A,B] -- COMMAND...",
      "grade a framework against a scripted master that misbehaves" },
    { "hello", hello_main, "[--port=N]", "a tiny web server, for the demo and for trials" },
    { "version", version_main, "", "the version" },
    { "help", help_main, "[COMMAND]", "this list, or what a command takes" },
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

/* Other names of this program, for unit files and scripts that exist. */
static const char *const aliases[][2] = {
    { "mesos-master", "master" },   { "stoa-master", "master" }, { "mesos-agent", "agent" },
    { "mesos-slave", "agent" },     { "stoa-agent", "agent" },   { "mesos-execute", "run" },
    { "marathon", "marathon" },     { "stoa-marathon", "marathon" },
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void list_print(void)
{
    printf("stoa: a two-level cluster resource manager\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  stoa %-15s %s\n", commands[i].name, commands[i].help);
    printf("\nThe daemons take the flags of Mesos and Marathon: stoa master --help, stoa agent --help, "
           "stoa marathon --help.\nThe others: stoa help COMMAND, or stoa COMMAND --help.\n");
}

/* The manual page's list of commands; packaging/stoa.1.in has the rest. A `-` would be a hyphen in roff. */
static void roff_print(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf(".TP\n.B stoa %s\n", commands[i].name);
        for (const char *p = commands[i].args; *p != 0; p++)
            printf(*p == '-' ? "\\-" : "%c", *p);
        printf("%s%s.\n", commands[i].args[0] != 0 ? "\n.br\n" : "", commands[i].help);
    }
}

static int help_main(int argc, char **argv)
{
    const struct command *c = argc > 1 ? find(argv[1]) : NULL;
    char option[] = "--help", *of[] = { argc > 1 ? argv[1] : NULL, option, NULL };
    struct error err;

    if (c != NULL && c->run != help_main && c->run != version_main && c->run != executor_main)
        return c->run(2, of);
    if (argc > 1 && strcmp(argv[1], "--roff") == 0) {
        roff_print();
    } else if (argc > 1 && argv[1][0] != '-' && c == NULL) {
        (void)error_set(&err, ERR_INVALID, "there is no command \"%s\"; `stoa help` lists them", argv[1]);
        return cli_fail(&err);
    } else {
        list_print();
    }
    return 0;
}

int version_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("stoa %s\n", STOA_VERSION);
    return 0;
}

static const struct command *by_own_name(char *argv0)
{
    const char *name = basename(argv0);

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i][0], name) == 0)
            return find(aliases[i][1]);
    return NULL;
}

/* Every program tells its version, also one that needs flags to do anything else. */
static int run(const struct command *c, int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "--version") == 0 ? version_main(argc, argv) : c->run(argc, argv);
}

int main(int argc, char **argv)
{
    const struct command *c = argc > 0 ? by_own_name(argv[0]) : NULL;
    struct error err;

    /* A peer that went away is an error value of write(2), never the end of this process. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (c != NULL)
        return run(c, argc, argv);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help_main(argc, argv);
    if (strcmp(argv[1], "--version") == 0)
        return version_main(argc, argv);
    c = find(argv[1]);
    if (c == NULL) {
        (void)error_set(&err, ERR_INVALID, "there is no command \"%s\"; `stoa help` lists them", argv[1]);
        return cli_fail(&err);
    }
    return run(c, argc - 1, argv + 1);
}
