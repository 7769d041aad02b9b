/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/base/cleanup.h"

int json_fetch(const char *address, const char *path, cJSON **ret, struct error *err)
{
    struct cli_response r = { 0 };
    cJSON *j;
    int rc = cli_call("GET", address, path, (struct str){ 0 }, &r, err);

    if (rc != 0)
        return rc;
    j = cJSON_ParseWithLengthOpts(r.body.p != NULL ? r.body.p : "", r.body.n + 1, NULL, 1);
    cli_response_done(&r);
    if (j == NULL)
        return error_set(err, ERR_PROTOCOL, "%s%s: the answer is no JSON; is this a Stoa or Mesos server?", address, path);
    *ret = j;
    return 0;
}

int json_show(const char *address, const char *path, struct error *err)
{
    struct cli_response r = { 0 };
    int rc = cli_call("GET", address, path, (struct str){ 0 }, &r, err);

    if (rc != 0)
        return rc;
    (void)fwrite(r.body.p, 1, r.body.n, stdout);
    (void)putchar('\n');
    cli_response_done(&r);
    return 0;
}

/* cJSON indents by tabs and sets a tab after each colon; a tab within a string is written \\t, so each one here is its own. */
static void print_spaced(const char *text)
{
    for (char last = '\n'; *text != 0; last = *text++) {
        if (*text == '\t')
            (void)fputs(last == ':' ? " " : "  ", stdout);
        else
            (void)putchar(*text);
    }
    (void)putchar('\n');
}

int json_pretty(const char *address, const char *path, const char *member, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    char *text;
    int r = json_fetch(address, path, &j, err);

    if (r != 0)
        return r;
    text = cJSON_Print(member != NULL ? json_get(j, member) : j);
    print_spaced(text != NULL ? text : "{}");
    cJSON_free(text);
    return 0;
}
