/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/command.h"

#include "common/wire/convert.h"
#include "common/wire/guard.h"

enum { SHOWN_MAX = 15, SHOWN_CUT = 12 }; /* bytes of the command in the executor's name */

const char *const *builtin_executor_argv(struct arena *arena, const char *launcher_dir, bool is_default,
                                         const char **ret_path)
{
    const char **argv = arena_array(arena, 3, sizeof *argv);

    if (argv == NULL)
        return NULL;
    *ret_path = arena_fmt(arena, "%s/stoa-executor", launcher_dir).p;
    argv[0] = is_default ? "stoa-default-executor" : "stoa-executor";
    argv[1] = arena_fmt(arena, "--launcher_dir=%s", launcher_dir).p;
    return *ret_path != NULL && argv[1] != NULL ? argv : NULL;
}

/* "sh -c 'sleep 1000'", or "[/bin/a, b]" without a shell. */
static struct str shown_command(const Mesos__V1__CommandInfo *c, struct arena *arena)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    bool shell = !c->has_shell || c->shell;

    if (c->value == NULL)
        return shell ? STR("NO COMMAND") : STR("NO EXECUTABLE");
    sbuf_c(&b, c->value);
    if (!shell)
        for (size_t i = 0; i < c->n_arguments; i++)
            sbuf_fmt(&b, ", %s", c->arguments[i]);
    struct str text = sbuf_view(&b);
    const char *more = "";
    if (text.n > SHOWN_MAX) {
        text.n = SHOWN_CUT;
        more = "...";
    }
    return shell ? arena_fmt(arena, "sh -c '%.*s%s'", STR_ARG(text), more)
                 : arena_fmt(arena, "[%.*s%s]", STR_ARG(text), more);
}

static void put_command(struct sbuf *b, const Mesos__V1__CommandInfo *task, const char *path,
                        const char *const *argv)
{
    Mesos__V1__CommandInfo c = MESOS__V1__COMMAND_INFO__INIT;
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    c.has_shell = true;
    c.shell = false;
    c.value = (char *)(uintptr_t)path; /* packing only reads */
    c.arguments = (char **)(uintptr_t)argv;
    c.n_arguments = n;
    c.n_uris = task->n_uris;
    c.uris = task->uris;
    c.environment = task->environment;
    c.user = task->user;
    (void)wire_put_message(b, 7, &c.base); /* a failure sticks to b */
}

static void put_scalar(struct sbuf *b, const char *resource, double value, const struct name *role)
{
    size_t mark = wire_open(b, 5);
    wire_put_bytes(b, 1, str_of(resource));
    wire_put_u64(b, 2, MESOS__V1__VALUE__TYPE__SCALAR);
    size_t scalar = wire_open(b, 3);
    wire_put_double(b, 1, value);
    wire_close(b, scalar);
    if (role != NULL)
        wire_put_id(b, 11, name_str(role));
    wire_close(b, mark);
}

int command_executor_make(const Mesos__V1__TaskInfo *task, struct framework_id framework, const struct name *role,
                          const char *launcher_dir, struct arena *arena, struct executor_info **ret,
                          struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);
    const char *path = NULL;
    const char *const *argv = builtin_executor_argv(arena, launcher_dir, false, &path);

    if (argv == NULL)
        return error_set(err, ERR_NOMEM, "task %s: out of memory for its executor", task->task_id->value);
    wire_put_id(&b, 1, str_of(task->task_id->value));
    put_scalar(&b, "cpus", COMMAND_EXECUTOR_CPUS, role);
    put_scalar(&b, "mem", COMMAND_EXECUTOR_MEM_MB, role);
    put_command(&b, task->command, path, argv);
    wire_put_id(&b, 8, framework.s);
    struct str shown = shown_command(task->command, arena);
    wire_put_bytes(&b, 9, arena_fmt(arena, "Command Executor (Task: %s) (Command: %.*s)", task->task_id->value,
                                    STR_ARG(shown)));
    wire_put_bytes(&b, 10, str_of(task->task_id->value));
    if (task->container != NULL)
        (void)wire_put_message(&b, 11, &task->container->base); /* failures stick to b, here and below */
    if (task->discovery != NULL)
        (void)wire_put_message(&b, 12, &task->discovery->base);
    if (task->kill_policy != NULL && task->kill_policy->grace_period != NULL) {
        /* The task's grace, a second to reap, and one more, so that the agent does not cut the escalation short. */
        int64_t ns;
        if (__builtin_add_overflow(task->kill_policy->grace_period->nanoseconds, 2 * NS_PER_S, &ns))
            ns = INT64_MAX;
        size_t mark = wire_open(&b, 13);
        wire_put_i64(&b, 1, ns);
        wire_close(&b, mark);
    }
    if (task->labels != NULL)
        (void)wire_put_message(&b, 14, &task->labels->base);
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "task %s: its executor description is over %zu bytes", task->task_id->value,
                         b.max);
    return convert_executor_bytes(sbuf_view(&b), ret, err);
}
