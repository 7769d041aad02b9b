/* SPDX-License-Identifier: Apache-2.0 */
/* The command line for people. Each command is one function; what they share is here: how a failure is told
 * (one line on standard error, "stoa: ...", exit status 1, or 2 for wrong usage), where the servers are, and a
 * blocking HTTP request, which is all that a command needs. */
#ifndef STOA_CLI_CLI_H
#define STOA_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"

#ifndef STOA_VERSION
#define STOA_VERSION "1.12.0"
#endif

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int master_main(int argc, char **argv);
int agent_main(int argc, char **argv);
int marathon_main(int argc, char **argv);
int executor_main(int argc, char **argv);
int sim_main(int argc, char **argv);
int dev_main(int argc, char **argv);
int run_main(int argc, char **argv);
int ps_main(int argc, char **argv);
int agents_main(int argc, char **argv);
int logs_main(int argc, char **argv);
int app_main(int argc, char **argv);
int pod_main(int argc, char **argv);
int job_main(int argc, char **argv);
int why_main(int argc, char **argv);
int api_main(int argc, char **argv);
int store_main(int argc, char **argv);
int frameworks_main(int argc, char **argv);
int teardown_main(int argc, char **argv);
int drain_main(int argc, char **argv);
int reactivate_main(int argc, char **argv);
int gone_main(int argc, char **argv);
int deactivate_main(int argc, char **argv);
int quota_main(int argc, char **argv);
int weights_main(int argc, char **argv);
int reserve_main(int argc, char **argv);
int unreserve_main(int argc, char **argv);
int maintenance_main(int argc, char **argv);
int exec_main(int argc, char **argv);
int attach_main(int argc, char **argv);
int cp_main(int argc, char **argv);
int hello_main(int argc, char **argv);
int bench_framework_main(int argc, char **argv);
int version_main(int argc, char **argv);

/* Prints the error as one line and returns the exit status that belongs to it. */
int cli_fail(const struct error *err);

/* One option of a command: --name=VALUE or, when is_switch, --name. */
struct cli_option {
    const char *name; /* without the dashes; "-f" style short names are given in short_name */
    char short_name;  /* 0: none */
    const char **value; /* gets the text; for a switch the text is "true" */
    bool is_switch;
    const char *help; /* one line, for --help */
};

/* Parses the options of a command out of argv[1..]; what is no option is moved to the front of argv[1..] and
 * counted in *ret_count. --help prints the usage and exits 0. An unknown option is an error that names it. */
int cli_options(int argc, char **argv, const char *usage, const struct cli_option *options, int *ret_count,
                struct error *err);

/* As cli_options, but the first argument that is no option ends the options: the rest belongs to another command. */
int cli_options_first(int argc, char **argv, const char *usage, const struct cli_option *options, int *ret_count,
                      struct error *err);
/* What most commands end with: prints the error and gives its exit status when r is not 0. */
int cli_end(int r, const struct error *err);
/* Prints what is used wrongly as an error with the usage; gives the exit status. */
int cli_usage(const char *usage);
/* The text of a file, of standard input when path is "-", or path itself when it is a JSON object or array. ERR_LIMIT when it is over b's maximum. */
int cli_read_file(const char *path, struct sbuf *b, struct error *err);

/* Where the servers are: the option's value, else the variable, else the default of a machine running `stoa dev`. */
const char *cli_master_address(const char *option);   /* STOA_MASTER, 127.0.0.1:5050 */
/* As written: host:port, zk://... or file://...; cli_master_address looks the leading master up and ends the command when there
 * is none. */
const char *cli_master_text(const char *option);
const char *cli_marathon_address(const char *option); /* STOA_MARATHON, 127.0.0.1:8080 */

struct cli_response {
    int status;       /* HTTP status */
    struct sbuf body; /* owned; release with cli_response_done */
};

/* One request, answered or failed within timeout_ms (negative: however long it takes). address is host:port (an http:// in front is accepted). Follows
 * up to three redirects to the leader. Fails (never a half answer) when the server cannot be reached; a status of 400
 * or more is no failure here. body may be empty. */
int cli_http(const char *method, const char *address, const char *path, struct str body, const char *content_type,
             int timeout_ms, struct cli_response *ret, struct error *err);
void cli_response_done(struct cli_response *r);
/* As cli_http with a 10 s timeout, and a status of 400 or more becomes an error with the server's message in it. */
int cli_call(const char *method, const char *address, const char *path, struct str body, struct cli_response *ret,
             struct error *err);

/* Turns an answer of 400 or more into an error: the server's words, then the status. */
int cli_status_error(struct error *err, const char *address, int status, struct str body);

struct http_call_params;
struct http_client;
struct loop;
/* A client that can do TLS: it trusts LIBPROCESS_SSL_CA_FILE, else the system's authorities. */
int cli_client(struct http_client **ret, struct loop *loop, struct error *err);
/* Sets the address of a call from HOST:PORT or a URL, https:// making it TLS; the text must live as long as the call. */
int cli_target(struct http_call_params *p, struct str address, struct error *err);

/* GET of a body of any size into a file that the caller opened; only a status of 200 is success. */
int cli_download(const char *address, const char *path, FILE *out, struct error *err);

/* A table for people: columns are padded to their widest cell; all cells are copied. */
struct cli_table {
    unsigned columns;
    char **cells;
    size_t count, cap;
};

void cli_table_add(struct cli_table *t, struct str cell);
void cli_table_fmt(struct cli_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_table_head(struct cli_table *t, const char *const *names);
void cli_table_print(const struct cli_table *t);
void cli_table_done(struct cli_table *t);

#endif
