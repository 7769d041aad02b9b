/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa hello`: a web server of a few lines, for the demo and for trials of health checks. It answers every path with
 * 200 and says which task it is. The port is --port, else PORT0 as marathon sets it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/io/http.h"
#include "common/io/loop.h"

static void on_request(void *ctx, struct http_req *r)
{
    const char *task = getenv("MESOS_TASK_ID"), *host = getenv("HOST");

    (void)ctx;
    http_reply_text(r, 200, "hello from task %s on %s, process %d, path %.*s\n", task != NULL ? task : "-",
                    host != NULL ? host : "-", (int)getpid(), STR_ARG(http_req_path(r)));
}

static void on_signal(void *arg, int signo)
{
    (void)signo;
    loop_stop(arg);
}

int hello_main(int argc, char **argv)
{
    const char *port_text = getenv("PORT0"), *ip = "0.0.0.0";
    const struct cli_option options[] = {
        { "port", 'p', &port_text, false, "port to listen on (PORT0)" },
        { "ip", 0, &ip, false, "address to listen on (0.0.0.0)" },
        { NULL, 0, NULL, false, NULL },
    };
    struct http_handler handler = { .on_request = on_request };
    struct error err = { 0 };
    struct loop *loop = NULL;
    struct http_server *server = NULL;
    struct net_addr addr, bound;
    struct str s;
    uint64_t port = 0;
    int positional;

    if (cli_options(argc, argv, "stoa hello [--port=N]", options, &positional, &err) != 0)
        return cli_fail(&err);
    s = str_of(port_text);
    if (port_text == NULL || !str_u64(&s, 65535, &port) || s.n != 0 || !net_parse_ip(str_of(ip), (uint16_t)port, &addr)) {
        (void)error_set(&err, ERR_INVALID, "stoa hello needs an address to listen on: --port=N (0 to 65535) or PORT0, "
                                           "and --ip=IPV4; got port \"%s\", ip \"%s\"",
                        port_text != NULL ? port_text : "", ip);
        return cli_fail(&err);
    }
    if (loop_new(&loop, NULL, &err) != 0 || http_server_new(&server, loop, NULL, &handler, NULL, &err) != 0 ||
        http_server_listen(server, &addr, &bound, &err) != 0)
        return cli_fail(&err);
    (void)loop_signal(loop, SIGTERM, on_signal, loop);
    (void)loop_signal(loop, SIGINT, on_signal, loop);
    printf("listening on port %u\n", bound.port);
    (void)fflush(stdout);
    (void)loop_run(loop, &err);
    http_server_free(server);
    return CLI_OK;
}
