/* SPDX-License-Identifier: Apache-2.0 */
/* Where the servers are: options, variables, and the leading master of a cluster with ZooKeeper, looked up once per command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/io/detector.h"

#define LOOK_NS (10 * NS_PER_S)

struct look {
    struct loop *loop;
    char address[400];
    char last[400]; /* what the session said last */
    bool found, over;
};

static void on_master(void *arg, const struct master_addr *m, bool unsure)
{
    struct look *k = arg;

    if (m == NULL || unsure)
        return;
    (void)snprintf(k->address, sizeof k->address,
                   strchr(m->ip, ':') != NULL && m->ip[0] != '[' ? "[%s]:%u" : "%s:%u", m->ip, m->port);
    k->found = true;
    loop_stop(k->loop);
}

static void on_log(void *arg, enum zk_log_level level, const char *event, const char *text)
{
    struct look *k = arg;

    if (level == ZK_LOG_WARN)
        (void)snprintf(k->last, sizeof k->last, "; %s: %.300s", event, text);
}

static void on_timeout(void *arg)
{
    struct look *k = arg;

    loop_stop(k->loop);
}

static const char *find_master(const char *text)
{
    static struct look k; /* what is returned points into it */
    struct loop_timer timeout;
    struct detector *d = NULL;
    struct detector_options o = { .master = str_of(text), .log = on_log, .log_arg = &k };
    struct error err;
    int rc;

    if (k.found)
        return k.address;
    rc = loop_new(&k.loop, NULL, &err);
    if (rc == 0)
        rc = detector_new(&d, k.loop, &o, on_master, &k, &err);
    if (rc == 0) {
        loop_timer_init(&timeout, k.loop, on_timeout, &k);
        loop_timer_in(&timeout, LOOK_NS);
        rc = loop_run(k.loop, &err);
        loop_timer_done(&timeout);
        detector_free(d);
    }
    loop_free(k.loop);
    if (rc == 0 && !k.found)
        rc = error_set(&err, ERR_UNAVAILABLE, "no master leads within %d s%s", (int)(LOOK_NS / NS_PER_S),
                       k.last);
    if (rc != 0)
        exit(cli_fail(&err));
    return k.address;
}

static const char *address_of(const char *option, const char *variable, const char *fallback)
{
    const char *env = getenv(variable);

    return option != NULL ? option : env != NULL && env[0] != 0 ? env : fallback;
}

const char *cli_master_text(const char *option)
{
    return address_of(option, "STOA_MASTER", "127.0.0.1:5050");
}

const char *cli_master_address(const char *option)
{
    const char *text = cli_master_text(option);

    return strstr(text, "://") != NULL && strncmp(text, "http", 4) != 0 ? find_master(text) : text;
}

const char *cli_marathon_address(const char *option)
{
    return address_of(option, "STOA_MARATHON", "127.0.0.1:8080");
}
