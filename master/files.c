/* SPDX-License-Identifier: Apache-2.0 */
/* /files, /logging/toggle, /system/stats.json and their v1 calls. The master shows one file: its log, as /master/log, when it is
 * written to one. Source: operator API, section 9. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"

enum { READ_BYTES_MAX = 65536 };

/* The real path of a virtual one; false: there is none. */
static bool real_path(const struct shell *sh, struct str path, struct sbuf *b)
{
    if (!str_is(path, "/master/log"))
        return false;
    if (sh->flags.external_log_file != NULL) {
        sbuf_c(b, sh->flags.external_log_file);
        return true;
    }
    if (sh->flags.log_dir == NULL)
        return false;
    sbuf_fmt(b, "%s/stoa-master.log", sh->flags.log_dir);
    return true;
}

/* Reads up to length bytes at offset; *ret_size is the file's size. Returns an HTTP status. */
static unsigned read_part(const char *path, uint64_t offset, uint64_t length, struct sbuf *b, uint64_t *ret_size)
{
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return errno == ENOENT ? 404 : 500;
    if (!S_ISREG(st.st_mode))
        return 400;
    *ret_size = (uint64_t)st.st_size;
    if (offset >= *ret_size)
        return 200;
    size_t want = length < READ_BYTES_MAX ? (size_t)length : READ_BYTES_MAX;
    char *room = sbuf_room(b, want);
    ssize_t n = room != NULL ? pread(fd, room, want, (off_t)offset) : -1;
    if (n < 0)
        return 500;
    sbuf_grew(b, (size_t)n);
    return 200;
}

static bool param(struct http_req *r, const char *name, struct sbuf *b)
{
    return http_query_get(http_req_query(r), name, b);
}

static bool number(struct http_req *r, const char *name, int64_t *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(256);

    if (!param(r, name, &b))
        return true;
    struct str rest = sbuf_view(&b);
    if (rest.n != 0 && str_i64(&rest, -1, INT64_MAX, ret) && rest.n == 0)
        return true;
    http_reply_text(r, 400, "Failed to parse %s: Failed to convert '%.*s' to number.\n", name, STR_ARG(sbuf_view(&b)));
    return false;
}

static void files_read(struct shell *sh, struct http_req *r, struct str path)
{
    CLEANUP(sbuf_done_p) struct sbuf real = SBUF_INIT(4096);
    CLEANUP(sbuf_done_p) struct sbuf data = SBUF_INIT(READ_BYTES_MAX * 2);
    struct sbuf b = SBUF_INIT(READ_BYTES_MAX * 8);
    struct jsonw w = JSONW(&b);
    int64_t offset = -1, length = -1;
    uint64_t size = 0;

    if (!number(r, "offset", &offset) || !number(r, "length", &length))
        return;
    if (!real_path(sh, path, &real)) {
        reply_empty(r, 404);
        return;
    }
    unsigned status = read_part(real.p, offset < 0 ? UINT64_MAX : (uint64_t)offset,
                                length < 0 ? UINT64_MAX : (uint64_t)length, &data, &size);
    if (status != 200) {
        reply_empty(r, status);
        return;
    }
    jsonw_open(&w);
    jsonw_key_s(&w, "data", sbuf_view(&data));
    jsonw_key_u64(&w, "offset", offset < 0 ? size : (uint64_t)offset);
    jsonw_close(&w);
    http_reply_json(r, &b);
}

/* All that there is are files. */
static void files_browse(struct http_req *r)
{
    struct sbuf b = SBUF_INIT(16);

    sbuf_c(&b, "[]");
    http_reply_json(r, &b);
}

static void files_download(struct shell *sh, struct http_req *r, struct str path)
{
    CLEANUP(sbuf_done_p) struct sbuf real = SBUF_INIT(4096);
    struct sbuf data = SBUF_INIT(1 << 30);
    uint64_t size = 0;

    if (!real_path(sh, path, &real) || read_part(real.p, 0, READ_BYTES_MAX, &data, &size) != 200) {
        reply_empty(r, 404);
        return;
    }
    while (data.n < size) {
        size_t before = data.n;
        if (read_part(real.p, data.n, READ_BYTES_MAX, &data, &size) != 200 || data.n == before)
            break;
    }
    http_reply_attachment(r, sbuf_view(&real));
    http_reply_sbuf(r, 200, "application/octet-stream", &data);
}

void master_files(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(8192);
    CLEANUP(sbuf_done_p) struct sbuf real = SBUF_INIT(4096);

    if (str_is(rest, "debug")) {
        struct sbuf b = SBUF_INIT(8192);
        struct jsonw w = JSONW(&b);
        jsonw_open(&w);
        if (real_path(sh, STR("/master/log"), &real))
            jsonw_key_s(&w, "/master/log", sbuf_view(&real));
        jsonw_close(&w);
        http_reply_json(r, &b);
        return;
    }
    if (!str_is(rest, "browse") && !str_is(rest, "read") && !str_is(rest, "download")) {
        http_reply_text(r, 404, "404 Not Found.");
        return;
    }
    if (!param(r, "path", &path)) {
        http_reply_text(r, 400, "Expecting 'path=value' in query.\n");
        return;
    }
    if (!auth_allows(sh, r, ACL_ACCESS_MESOS_LOGS, principal)) /* all that there is are logs */
        return;
    if (str_is(rest, "read"))
        files_read(sh, r, sbuf_view(&path));
    else if (str_is(rest, "download"))
        files_download(sh, r, sbuf_view(&path));
    else if (real_path(sh, sbuf_view(&path), &real))
        files_browse(r);
    else
        reply_empty(r, 404);
}

/* --- logging --- */

static void verbose_reset(void *arg)
{
    struct shell *sh = arg;

    sh->verbose = 0;
    log_set_level(LOG_INFO);
}

void files_init(struct shell *sh)
{
    loop_timer_init(&sh->verbose_timer, sh->loop, verbose_reset, sh);
}

static void set_verbose(struct shell *sh, int level, int64_t ns)
{
    sh->verbose = level;
    log_set_level(level > 0 ? LOG_DEBUG : LOG_INFO);
    loop_timer_in(&sh->verbose_timer, ns);
}

void master_logging(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    CLEANUP(sbuf_done_p) struct sbuf level = SBUF_INIT(64);
    CLEANUP(sbuf_done_p) struct sbuf duration = SBUF_INIT(64);
    uint64_t n;
    int64_t ns;

    (void)principal;
    if (!str_is(rest, "toggle")) {
        http_reply_text(r, 404, "404 Not Found.");
        return;
    }
    bool has_level = param(r, "level", &level), has_duration = param(r, "duration", &duration);
    struct str digits = sbuf_view(&level);
    if (!has_level && !has_duration)
        http_reply_text(r, 200, "%d\n", sh->verbose);
    else if (!has_level)
        http_reply_text(r, 400, "Expecting 'level=value' in query.\n");
    else if (!has_duration)
        http_reply_text(r, 400, "Expecting 'duration=value' in query.\n");
    else if (!str_u64(&digits, 100, &n) || digits.n != 0)
        http_reply_text(r, 400, "Invalid level '%.*s'.\n", STR_ARG(sbuf_view(&level)));
    else if (!duration_parse(sbuf_view(&duration), &ns))
        http_reply_text(r, 400, "Invalid duration '%.*s'.\n", STR_ARG(sbuf_view(&duration)));
    else {
        set_verbose(sh, (int)n, ns);
        reply_empty(r, 200);
    }
}

void master_system(struct shell *sh, struct http_req *r, struct str rest, struct str principal)
{
    struct sbuf b = SBUF_INIT(4096);
    struct jsonw w = JSONW(&b);
    struct sysinfo si = { 0 };

    (void)sh;
    (void)principal;
    if (!str_is(rest, "stats.json")) {
        http_reply_text(r, 404, "404 Not Found.");
        return;
    }
    (void)sysinfo(&si); /* zeros when it fails */
    jsonw_open(&w);
    jsonw_key_double(&w, "avg_load_15min", (double)si.loads[2] / 65536.0);
    jsonw_key_double(&w, "avg_load_1min", (double)si.loads[0] / 65536.0);
    jsonw_key_double(&w, "avg_load_5min", (double)si.loads[1] / 65536.0);
    jsonw_key_i64(&w, "cpus_total", sysconf(_SC_NPROCESSORS_ONLN));
    jsonw_key_u64(&w, "mem_free_bytes", (uint64_t)si.freeram * si.mem_unit);
    jsonw_key_u64(&w, "mem_total_bytes", (uint64_t)si.totalram * si.mem_unit);
    jsonw_close(&w);
    http_reply_json(r, &b);
}

/* --- v1 --- */

static void reply_response(struct shell *sh, struct http_req *r, bool json, uint32_t type, uint32_t field, struct str body)
{
    sbuf_clear(&sh->out);
    wire_put_u64(&sh->out, 1, type);
    wire_put_bytes(&sh->out, field, body);
    if (!json) {
        http_reply(r, 200, "application/x-protobuf", sbuf_view(&sh->out));
        return;
    }
    sbuf_clear(&sh->text);
    (void)json_from_wire(&sh->text, &mesos__v1__master__response__descriptor, sbuf_view(&sh->out));
    http_reply(r, 200, "application/json", sbuf_view(&sh->text));
}

static void v1_read(struct shell *sh, struct http_req *r, struct str call, bool json)
{
    CLEANUP(sbuf_done_p) struct sbuf real = SBUF_INIT(4096);
    CLEANUP(sbuf_done_p) struct sbuf data = SBUF_INIT(READ_BYTES_MAX * 2);
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(READ_BYTES_MAX * 3);
    uint64_t size = 0;

    if (!real_path(sh, wire_field_bytes(call, 1), &real)) {
        reply_empty(r, 404);
        return;
    }
    unsigned status = read_part(real.p, wire_field_u64(call, 2, 0), wire_field_u64(call, 3, UINT64_MAX), &data, &size);
    if (status != 200) {
        reply_empty(r, status);
        return;
    }
    wire_put_u64(&body, 1, size);
    wire_put_bytes(&body, 2, sbuf_view(&data));
    reply_response(sh, r, json, 7, 8, sbuf_view(&body));
}

static void v1_set_level(struct shell *sh, struct http_req *r, struct str call)
{
    uint64_t level = wire_field_u64(call, 1, 0);
    int64_t ns = (int64_t)wire_field_u64(wire_field_bytes(call, 2), 1, 0);

    if (level > 100 || ns < 0) {
        http_reply_text(r, 400, "Level %llu for %lld ns; use a level up to 100 and a duration of 0 or more",
                        (unsigned long long)level, (long long)ns);
        return;
    }
    set_verbose(sh, (int)level, ns);
    reply_empty(r, 200);
}

void api_files(struct shell *sh, struct http_req *r, int call_type, struct str call, bool json)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    switch (call_type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_LOGGING_LEVEL:
        wire_put_u64(&b, 1, (uint64_t)sh->verbose);
        reply_response(sh, r, json, 5, 6, sbuf_view(&b));
        break;
    case MESOS__V1__MASTER__CALL__TYPE__SET_LOGGING_LEVEL:
        v1_set_level(sh, r, wire_field_bytes(call, 3));
        break;
    case MESOS__V1__MASTER__CALL__TYPE__LIST_FILES:
        if (real_path(sh, wire_path(call, 4, 1, 0), &b))
            reply_response(sh, r, json, 6, 7, (struct str){ "", 0 });
        else
            reply_empty(r, 404);
        break;
    default: /* READ_FILE, by the caller's switch */
        v1_read(sh, r, wire_field_bytes(call, 5), json);
        break;
    }
}
