/* SPDX-License-Identifier: Apache-2.0 */
/* Runs stoa-fetcher for a container's URIs before its command starts. What it is to do goes to its standard input as
 * records of 0-terminated texts (see agent/fetcher/fetcher.c); what it says goes to the sandbox's stderr. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/cleanup.h"
#include "common/io/helper.h"

static void field(struct sbuf *b, const char *name, const char *value)
{
    sbuf_c(b, name);
    sbuf_char(b, '=');
    sbuf_add(b, value, strlen(value) + 1);
}

static int fetch_input(struct container *c, const struct container_spec *spec, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    const struct containerizer_options *o = &c->iso->o;
    char number[32];
    field(&b, "sandbox", c->sandbox);
    field(&b, "cache_dir", o->fetcher_cache_dir);
    (void)snprintf(number, sizeof number, "%lld", (long long)o->fetcher_cache_bytes);
    field(&b, "cache_bytes", number);
    (void)snprintf(number, sizeof number, "%lld", (long long)(o->fetcher_stall_timeout_ns / NS_PER_S));
    field(&b, "stall_secs", number);
    (void)snprintf(number, sizeof number, "%u", (unsigned)c->uid);
    field(&b, "uid", number);
    (void)snprintf(number, sizeof number, "%u", (unsigned)c->gid);
    field(&b, "gid", number);
    if (o->frameworks_home != NULL)
        field(&b, "frameworks_home", o->frameworks_home);
    for (size_t i = 0; i < spec->command.uri_count; i++) {
        const struct container_uri *u = &spec->command.uris[i];
        field(&b, "uri", u->value);
        if (u->output_file != NULL && u->output_file[0] != 0)
            field(&b, "output_file", u->output_file);
        field(&b, "flags", u->executable ? "x" : u->extract && u->cache ? "ec" : u->extract ? "e" : u->cache ? "c" : "");
        if (u->executable && u->cache)
            field(&b, "flags", "xc");
    }
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "the URIs are over %d bytes together", 1 << 20);
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-fetch", MFD_CLOEXEC);
    if (fd < 0 || write(fd, b.p, b.n) != (ssize_t)b.n || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "input of the fetcher");
    return TAKE_FD(fd);
}

/* The owner's log files exist before the fetcher writes to one, or root would own them. */
static int open_stderr(const struct container *c, struct error *err)
{
    CLEANUP(fd_close_p) int out = sandbox_log(c, "stdout", err);
    return out >= 0 ? sandbox_log(c, "stderr", err) : out;
}

static fetch_done_fn *fetch_done; /* one containerizer, one function */

static void on_fetcher_end(void *arg, pid_t pid, int status)
{
    struct container *c = arg;
    (void)pid;
    c->fetch_watch = NULL;
    c->fetch_pid = 0;
    fetch_done(c, status);
}

int fetch_start(struct container *c, const struct container_spec *spec, fetch_done_fn *done, struct error *err)
{
    CLEANUP(fd_close_p) int in = fetch_input(c, spec, err);
    if (in < 0)
        return -(int)err->code;
    CLEANUP(fd_close_p) int log = open_stderr(c, err);
    if (log < 0)
        return -(int)err->code;
    char program[4096];
    (void)snprintf(program, sizeof program, "%s/stoa-fetcher", c->iso->o.launcher_dir);
    char name[] = "stoa-fetcher";
    char *argv[] = { name, c->id, NULL };
    int rc = helper_spawn(&(struct helper){ .program = program, .argv = argv, .in = in, .out = log, .err = log }, &c->fetch_pid, err);
    if (rc != 0)
        return rc;
    fetch_done = done;
    return loop_child(c->iso->loop, c->fetch_pid, on_fetcher_end, c, &c->fetch_watch, err);
}

void fetch_cancel(struct container *c)
{
    /* Its end comes through the watch, and with it the end of the launch. */
    if (c->fetch_pid > 0)
        (void)kill(-c->fetch_pid, SIGKILL);
}
