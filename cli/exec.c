/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa exec TASK COMMAND` and `stoa attach TASK`: the agent's streams of a container's output, and with -i its input.
 *
 * exec launches a nested container of the task's and holds three calls at once: the session, whose answer is the output
 * and whose end is the container's; a wait, sent as soon as the session stands, for the exit code; and with -i the input,
 * a request that goes on while standard input does. attach is the same without session and wait. Everything runs on one
 * loop; the first error ends it. Closing the session's connection kills the container, so Ctrl-C needs no handling. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/v1.h"
#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/base/uuid.h"
#include "common/io/loop.h"
#include "common/io/random.h"
#include "common/wire/recordio.h"

enum { PIECE = 32 * 1024, INPUT_PENDING_MAX = 1024 * 1024, ERROR_BODY_MAX = 64 * 1024, EXIT_UNKNOWN = 125 };

#define INPUT_HEARTBEAT_NS (30 * NS_PER_S) /* what is quiet for long gets cut by things between */
#define INPUT_PAUSE_NS     (2 * NS_PER_MS)

struct exec {
    const char *agent;
    cJSON *container;       /* owned: the id as the API says it */
    bool is_session, want_input, is_tty;
    struct loop *loop;
    struct http_client *client;
    struct recordio reader;
    struct sbuf refusal;    /* the body of a refused call */
    unsigned output_status; /* of the call that streams the output; 0: no answer yet */
    struct http_call *input;
    unsigned input_status;
    struct loop_watch *in_watch, *winch;
    struct loop_timer in_poll, heartbeat;
    bool output_ended, waited, stopped;
    int exit_code;
    int result;
    struct error *err;
    struct termios saved;
    bool is_raw;
};

static void stop(struct exec *x, int result)
{
    if (x->stopped)
        return;
    x->stopped = true;
    x->result = result;
    loop_stop(x->loop);
}

/* --- calls --- */

static int start(struct exec *x, struct http_call_params *p, cJSON *call, struct http_call **ret)
{
    char *text = call != NULL ? cJSON_PrintUnformatted(call) : NULL;
    int r = cli_target(p, str_of(x->agent), x->err);
    struct http_call *c;

    cJSON_Delete(call);
    if (r == 0) {
        p->method = "POST";
        p->target = STR("/api/v1");
        p->body = str_of(text); /* copied by the call */
        p->answer_timeout_ns = -1;
        p->stall_timeout_ns = -1;
        p->arg = x;
        c = http_client_call(x->client, p);
        if (ret != NULL)
            *ret = c;
    }
    cJSON_free(text);
    return r;
}

/* --- the exit code --- */

static void wait_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct exec *x = arg;
    CLEANUP(json_free_p) cJSON *j = NULL;
    const cJSON *status;
    int n;

    (void)c;
    x->waited = true;
    if (err == NULL && a->status == 200) {
        j = cJSON_ParseWithLength(a->body.n != 0 ? a->body.p : "", a->body.n);
        status = json_get(json_get(j, "wait_nested_container"), "exit_status");
        n = cJSON_IsNumber(status) ? status->valueint : -1;
        x->exit_code = !cJSON_IsNumber(status) ? EXIT_UNKNOWN : WIFEXITED(n) ? WEXITSTATUS(n) : 128 + WTERMSIG(n);
    }
    if (x->output_ended)
        stop(x, 0);
}

static void start_wait(struct exec *x)
{
    struct http_call_params p = { .content_type = "application/json", .on_done = wait_done };
    cJSON *sub, *call = v1_new("WAIT_NESTED_CONTAINER", "wait_nested_container", &sub);
    int r;

    (void)cJSON_AddItemToObject(sub, "container_id", cJSON_Duplicate(x->container, 1));
    r = start(x, &p, call, NULL);
    if (r != 0)
        stop(x, r);
}

/* --- input --- */

static bool put_input(struct exec *x, cJSON *record)
{
    char *text = cJSON_PrintUnformatted(record);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4 * PIECE);

    cJSON_Delete(record);
    if (text != NULL)
        recordio_put(&b, str_of(text));
    cJSON_free(text);
    return x->input != NULL && http_call_write(x->input, sbuf_view(&b)) == 0;
}

static cJSON *input_record(const char *type, const char *key, cJSON **ret_sub)
{
    cJSON *sub, *call = v1_new("ATTACH_CONTAINER_INPUT", "attach_container_input", &sub);

    (void)cJSON_AddStringToObject(sub, "type", type);
    *ret_sub = key != NULL ? cJSON_AddObjectToObject(sub, key) : sub;
    return call;
}

static void send_data(struct exec *x, struct str data)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(2 * PIECE);
    cJSON *io, *d, *call = input_record("PROCESS_IO", "process_io", &io);

    base64_encode(&text, data);
    (void)cJSON_AddStringToObject(io, "type", "DATA");
    d = cJSON_AddObjectToObject(io, "data");
    (void)cJSON_AddStringToObject(d, "type", "STDIN");
    (void)cJSON_AddStringToObject(d, "data", text.n != 0 ? text.p : "");
    (void)put_input(x, call); /* over the cap: cannot be, reading stops before */
}

static void add_window(cJSON *tty)
{
    struct winsize w;
    cJSON *size;

    if (ioctl(0, TIOCGWINSZ, &w) != 0)
        return;
    size = cJSON_AddObjectToObject(tty, "window_size");
    (void)cJSON_AddNumberToObject(size, "rows", w.ws_row);
    (void)cJSON_AddNumberToObject(size, "columns", w.ws_col);
}

static void send_window(void *arg, int signo)
{
    struct exec *x = arg;
    cJSON *io, *control, *call = input_record("PROCESS_IO", "process_io", &io);

    (void)signo;
    (void)cJSON_AddStringToObject(io, "type", "CONTROL");
    control = cJSON_AddObjectToObject(io, "control");
    (void)cJSON_AddStringToObject(control, "type", "TTY_INFO");
    add_window(cJSON_AddObjectToObject(control, "tty_info"));
    (void)put_input(x, call); /* a lost resize is followed by the next */
}

static void send_heartbeat(void *arg)
{
    struct exec *x = arg;
    cJSON *io, *control, *call = input_record("PROCESS_IO", "process_io", &io);

    (void)cJSON_AddStringToObject(io, "type", "CONTROL");
    control = cJSON_AddObjectToObject(io, "control");
    (void)cJSON_AddStringToObject(control, "type", "HEARTBEAT");
    (void)cJSON_AddNumberToObject(cJSON_AddObjectToObject(cJSON_AddObjectToObject(control, "heartbeat"), "interval"),
                                  "nanoseconds", (double)INPUT_HEARTBEAT_NS);
    (void)put_input(x, call);
    loop_timer_in(&x->heartbeat, INPUT_HEARTBEAT_NS);
}

/* One piece of standard input; false when there is none now or any more. */
static bool read_input(struct exec *x)
{
    char buf[PIECE];
    ssize_t n;

    if (x->input == NULL || http_call_pending(x->input) > INPUT_PENDING_MAX)
        return false;
    n = read(0, buf, sizeof buf);
    if (n > 0) {
        send_data(x, str_mem(buf, (size_t)n));
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    send_data(x, (struct str){ NULL, 0 }); /* an empty piece is the end of the command's input */
    http_call_write_end(x->input);
    loop_watch_free(x->in_watch);
    x->in_watch = NULL;
    loop_timer_cancel(&x->heartbeat);
    x->want_input = false;
    return false;
}

static void input_ready(void *arg, int fd, int what)
{
    (void)fd;
    (void)what;
    (void)read_input(arg);
}

/* Files cannot be watched by epoll and are always ready; a full queue is looked at again a little later. */
static void input_poll(void *arg)
{
    struct exec *x = arg;

    (void)read_input(x);
    if (x->want_input && x->input != NULL)
        loop_timer_in(&x->in_poll, http_call_pending(x->input) > INPUT_PENDING_MAX ? INPUT_PAUSE_NS : 0);
}

static void input_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct exec *x = arg;

    (void)c;
    x->input = NULL;
    loop_watch_free(x->in_watch);
    x->in_watch = NULL;
    loop_timer_cancel(&x->heartbeat);
    /* A server that closes without an answer when the container ends has nothing to complain about. */
    if (err == NULL && a->status >= 400 && !x->output_ended)
        stop(x, cli_status_error(x->err, x->agent, (int)a->status, a->body));
}

static void start_input(struct exec *x)
{
    const struct http_header headers[] = { { "Message-Content-Type", STR("application/json") },
                                           { "Accept", STR("application/json") } };
    struct http_call_params p = { .content_type = "application/recordio", .headers = headers, .header_count = 2,
                                  .flags = HTTP_CALL_STREAM_BODY | HTTP_CALL_NEW_CONNECTION, .on_done = input_done };
    struct stat st;
    cJSON *sub, *call;
    int r = start(x, &p, NULL, &x->input);

    if (r != 0) {
        stop(x, r);
        return;
    }
    call = input_record("CONTAINER_ID", NULL, &sub);
    (void)cJSON_AddItemToObject(sub, "container_id", cJSON_Duplicate(x->container, 1));
    (void)put_input(x, call);
    if (x->is_tty) {
        send_window(x, SIGWINCH);
        x->winch = loop_signal(x->loop, SIGWINCH, send_window, x);
    }
    loop_timer_in(&x->heartbeat, INPUT_HEARTBEAT_NS);
    if (fstat(0, &st) == 0 && S_ISREG(st.st_mode))
        loop_timer_in(&x->in_poll, 0);
    else
        x->in_watch = loop_fd(x->loop, 0, LOOP_READ, input_ready, x);
}

/* --- output --- */

static void print_io(struct exec *x, struct str record)
{
    CLEANUP(json_free_p) cJSON *j = cJSON_ParseWithLength(record.p, record.n);
    CLEANUP(sbuf_done_p) struct sbuf data = SBUF_INIT(V1_RECORD_MAX);
    const cJSON *d = json_get(j, "data");
    FILE *out = strcmp(json_text(d, "type"), "STDERR") == 0 ? stderr : stdout;

    if (j == NULL || !base64_decode(&data, str_of(json_text(d, "data")))) {
        stop(x, error_set(x->err, ERR_PROTOCOL, "%s: a record of the output is no ProcessIO in JSON", x->agent));
        return;
    }
    if (data.n == 0) /* a heartbeat */
        return;
    if (fwrite(data.p, 1, data.n, out) != data.n || fflush(out) != 0)
        stop(x, error_set_errno(x->err, errno, "writing the output"));
}

static void output_head(void *arg, struct http_call *c, const struct http_answer *a)
{
    struct exec *x = arg;

    (void)c;
    x->output_status = a->status;
    if (a->status != 200)
        return;
    if (x->is_session)
        start_wait(x);
    if (x->want_input)
        start_input(x);
}

static void output_body(void *arg, struct http_call *c, struct str bytes)
{
    struct exec *x = arg;
    struct str record;
    int r = 0;

    (void)c;
    if (x->output_status != 200) {
        if (x->refusal.n + bytes.n <= ERROR_BODY_MAX)
            sbuf_str(&x->refusal, bytes);
        return;
    }
    while (!x->stopped && (r = recordio_next(&x->reader, &bytes, &record, x->err)) == 1)
        print_io(x, record);
    if (r < 0)
        stop(x, r);
}

static void output_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct exec *x = arg;

    (void)c;
    (void)a;
    x->output_ended = true;
    if (err != NULL)
        stop(x, error_set(x->err, err->code, "%s: %s", x->agent, err->msg));
    else if (x->output_status != 200)
        stop(x, cli_status_error(x->err, x->agent, (int)x->output_status, sbuf_view(&x->refusal)));
    else if (!x->is_session || x->waited)
        stop(x, 0);
}

static int start_output(struct exec *x, cJSON *call)
{
    const struct http_header headers[] = { { "Accept", STR("application/recordio") },
                                           { "Message-Accept", STR("application/json") } };
    struct http_call_params p = { .content_type = "application/json", .headers = headers, .header_count = 2,
                                  .flags = HTTP_CALL_NEW_CONNECTION, .on_head = output_head, .on_body = output_body,
                                  .on_done = output_done };

    return start(x, &p, call, NULL);
}

/* --- the terminal --- */

static void terminal_raw(struct exec *x)
{
    struct termios raw;

    if (!x->is_tty || !x->want_input || tcgetattr(0, &x->saved) != 0)
        return;
    raw = x->saved;
    cfmakeraw(&raw);
    x->is_raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static int run(struct exec *x, cJSON *call)
{
    int r = loop_new(&x->loop, NULL, x->err);

    recordio_init(&x->reader, V1_RECORD_MAX);
    x->refusal = SBUF_INIT(ERROR_BODY_MAX);
    x->exit_code = EXIT_UNKNOWN;
    if (r == 0)
        r = cli_client(&x->client, x->loop, x->err);
    if (r == 0) {
        loop_timer_init(&x->in_poll, x->loop, input_poll, x);
        loop_timer_init(&x->heartbeat, x->loop, send_heartbeat, x);
        r = start_output(x, TAKE(call));
    }
    if (r == 0) {
        terminal_raw(x);
        r = loop_run(x->loop, x->err);
        if (x->is_raw)
            (void)tcsetattr(0, TCSANOW, &x->saved); /* nothing is left to do about a terminal that went away */
    }
    cJSON_Delete(call);
    loop_watch_free(x->in_watch);
    loop_watch_free(x->winch);
    loop_timer_done(&x->in_poll);
    loop_timer_done(&x->heartbeat);
    http_client_free(x->client);
    loop_free(x->loop);
    recordio_done(&x->reader);
    sbuf_done(&x->refusal);
    return r != 0 ? r : x->result;
}

/* --- the commands --- */

static void add_command(cJSON *sub, int argc, char **argv)
{
    cJSON *command = cJSON_AddObjectToObject(sub, "command"), *arguments;

    /* One argument is a line for a shell, as with ssh; several are a program and its arguments. */
    (void)cJSON_AddStringToObject(command, "value", argv[0]);
    if (argc == 1)
        return;
    (void)cJSON_AddFalseToObject(command, "shell");
    arguments = cJSON_AddArrayToObject(command, "arguments");
    for (int i = 0; i < argc; i++)
        (void)cJSON_AddItemToArray(arguments, cJSON_CreateString(argv[i]));
}

/* A nested id of the task's container. */
static cJSON *nested_id(cJSON *parent)
{
    cJSON *id = cJSON_CreateObject();
    char text[UUID_TEXT_SIZE];
    struct uuid u;
    struct rng rng;

    random_rng(&rng);
    u = uuid_make(&rng);
    uuid_text(&u, text);
    (void)cJSON_AddStringToObject(id, "value", text);
    (void)cJSON_AddItemToObject(id, "parent", parent);
    return id;
}

int exec_main(int argc, char **argv)
{
    static const char usage[] = "stoa exec [-i] [-t] TASK [--] COMMAND [ARG...]   (one COMMAND is a line for a shell)";
    const char *master = NULL, *input = NULL, *tty = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "interactive", 'i', &input, true, "pass standard input on to the command" },
        { "tty", 't', &tty, true, "give the command a terminal" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    struct exec x = { .is_session = true, .err = &err };
    struct v1_agent agent;
    cJSON *parent = NULL, *call, *sub, *container;
    int count, r;

    if (cli_options_first(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count < 2)
        return cli_usage(usage);
    if (v1_container_find(cli_master_address(master), argv[1], &agent, &parent, &err) != 0)
        return cli_fail(&err);
    x.agent = agent.address;
    x.container = nested_id(parent);
    x.want_input = input != NULL;
    x.is_tty = tty != NULL;
    call = v1_new("LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session", &sub);
    (void)cJSON_AddItemToObject(sub, "container_id", cJSON_Duplicate(x.container, 1));
    add_command(sub, count - 1, argv + 2);
    if (x.is_tty) {
        container = cJSON_AddObjectToObject(sub, "container");
        (void)cJSON_AddStringToObject(container, "type", "MESOS");
        add_window(cJSON_AddObjectToObject(container, "tty_info"));
    }
    r = run(&x, call);
    cJSON_Delete(x.container);
    if (r != 0)
        return cli_fail(&err);
    if (x.exit_code == EXIT_UNKNOWN)
        fprintf(stderr, "stoa: the agent did not tell how the command ended\n");
    return x.exit_code;
}

int attach_main(int argc, char **argv)
{
    static const char usage[] = "stoa attach [-i] TASK";
    const char *master = NULL, *input = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "interactive", 'i', &input, true, "pass standard input on to the task" },
        { NULL, 0, NULL, false, NULL },
    };
    struct error err = { 0 };
    struct exec x = { .err = &err };
    struct v1_agent agent;
    cJSON *call, *sub;
    int count, r;

    if (cli_options(argc, argv, usage, options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1)
        return cli_usage(usage);
    if (v1_container_find(cli_master_address(master), argv[1], &agent, &x.container, &err) != 0)
        return cli_fail(&err);
    x.agent = agent.address;
    x.want_input = input != NULL;
    x.is_tty = x.want_input && isatty(0);
    call = v1_new("ATTACH_CONTAINER_OUTPUT", "attach_container_output", &sub);
    (void)cJSON_AddItemToObject(sub, "container_id", cJSON_Duplicate(x.container, 1));
    r = run(&x, call);
    cJSON_Delete(x.container);
    return cli_end(r, &err);
}
