/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa logs TASK`: finds the task at the master, its agent, and reads its sandbox through the agent's /files/read. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/sandbox.h"
#include "common/base/cleanup.h"

enum { READ_BYTES = 65536, FOLLOW_PAUSE_MS = 300 };

static int show_piece(const struct sandbox *s, const char *file, int64_t *offset, struct error *err)
{
    CLEANUP(free_p) char *data = NULL;
    CLEANUP(json_free_p) cJSON *j = cJSON_CreateObject();
    size_t size = 0;
    FILE *m = open_memstream(&data, &size);
    int64_t at = *offset;
    char *text;
    int n;

    if (m == NULL)
        return error_set(err, ERR_NOMEM, "out of memory");
    n = sandbox_read(s, file, offset, m, err);
    (void)fclose(m);
    if (n <= 0)
        return n;
    (void)cJSON_AddStringToObject(j, "file", file);
    (void)cJSON_AddNumberToObject(j, "offset", (double)at);
    (void)cJSON_AddStringToObject(j, "data", data);
    text = cJSON_PrintUnformatted(j);
    printf("%s\n", text != NULL ? text : "{}");
    (void)fflush(stdout);
    cJSON_free(text);
    return n;
}

int logs_main(int argc, char **argv)
{
    const char *master = NULL, *follow = NULL, *is_stderr = NULL, *json = NULL;
    const struct cli_option options[] = {
        { "master", 'm', &master, false, "host:port of the master (STOA_MASTER, 127.0.0.1:5050)" },
        { "follow", 'f', &follow, true, "go on as the task writes, until Ctrl-C" },
        { "stderr", 'e', &is_stderr, true, "what it wrote to standard error" },
        { "json", 0, &json, true, "one object a line: file, offset, data" },
        { NULL, 0, NULL, false, NULL },
    };
    struct sandbox s;
    struct error err = { 0 };
    int64_t offset = 0;
    int count, n;

    if (cli_options(argc, argv, "stoa logs TASK [-f] [--stderr]", options, &count, &err) != 0)
        return cli_fail(&err);
    if (count != 1) {
        (void)error_set(&err, ERR_INVALID, "usage: stoa logs TASK [-f] [--stderr]");
        return cli_fail(&err);
    }
    if (sandbox_find(cli_master_address(master), argv[1], &s, &err) != 0)
        return cli_fail(&err);
    for (;;) {
        const char *file = is_stderr != NULL ? "stderr" : "stdout";

        n = json != NULL ? show_piece(&s, file, &offset, &err) : sandbox_read(&s, file, &offset, stdout, &err);
        if (n < 0)
            return cli_fail(&err);
        if (n == 0 && follow == NULL)
            return CLI_OK;
        if (n == 0)
            (void)nanosleep(&(struct timespec){ 0, FOLLOW_PAUSE_MS * 1000000 }, NULL);
    }
}
