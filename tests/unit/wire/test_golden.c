/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traffic through our decoders and encoders. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/recordio.h"
#include "common/wire/types.h"
#include "tests/support/test.h"

#define LIBPROCESS "tests/golden/libprocess"
#define HTTP "tests/golden/http"

static struct str file_text(const char *dir, const char *name, struct sbuf *b)
{
    char path[512];
    FILE *f;
    size_t n;
    char *room;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    sbuf_clear(b);
    room = sbuf_room(b, 1 << 20);
    if (f == NULL || room == NULL)
        return STR("");
    n = fread(room, 1, 1 << 20, f);
    (void)fclose(f);
    sbuf_grew(b, n);
    return sbuf_view(b);
}

/* --- a minimal reader of HTTP messages ------------------------------------------------------------------- */

struct http {
    struct str first, head, body; /* first line; all of the head; body with chunk framing taken off */
    struct sbuf dechunked;
};

static void http_done(struct http *h)
{
    sbuf_done(&h->dechunked);
}

static void dechunk(struct str in, struct sbuf *out)
{
    while (in.n != 0) {
        struct str line;
        unsigned size = 0;

        (void)str_cut(&in, '\n', &line);
        (void)sscanf(line.p, "%x", &size);
        if (size == 0 || size > in.n)
            return;
        sbuf_str(out, str_sub(in, 0, size));
        in = str_sub(in, size + 2, in.n);
    }
}

static bool http_read(struct str text, struct http *h)
{
    const char *end = text.n != 0 ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;

    *h = (struct http){ .dechunked = SBUF_INIT(1 << 22) };
    if (end == NULL)
        return false;
    h->head = str_sub(text, 0, (size_t)(end - text.p) + 2);
    h->body = str_sub(text, h->head.n + 2, text.n);
    (void)str_cut(&text, '\r', &h->first);
    if (str_contains(h->head, STR("Transfer-Encoding: chunked"))) {
        dechunk(h->body, &h->dechunked);
        h->body = sbuf_view(&h->dechunked);
    }
    return true;
}

static int list(const char *dir, const char *suffix, struct dirent ***ret)
{
    int n = scandir(dir, ret, NULL, alphasort), kept = 0;

    for (int i = 0; i < n; i++) {
        if (str_ends(str_of((*ret)[i]->d_name), str_of(suffix)))
            (*ret)[kept++] = (*ret)[i];
        else
            free((*ret)[i]);
    }
    return kept;
}

/* --- libprocess ------------------------------------------------------------------------------------------ */

static void check_message(const char *name, struct str type_name, struct str body)
{
    struct arena arena = ARENA_INIT(1 << 22);
    struct sbuf again = SBUF_INIT(1 << 22), json = SBUF_INIT(1 << 22), back = SBUF_INIT(1 << 22);
    struct error err = { .msg = "" };
    const ProtobufCMessageDescriptor *type = wire_type(type_name);
    ProtobufCMessage *m;

    if (type == NULL) {
        test_fail(__FILE__, __LINE__, "%s: no type %.*s", name, STR_ARG(type_name));
    } else if (wire_unpack(type, body, &arena, &m, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    } else {
        CHECK(wire_pack(&again, m));
        if (!str_eq(sbuf_view(&again), body))
            test_fail(__FILE__, __LINE__, "%s: other bytes after decoding and encoding", name);
        CHECK(json_from_wire(&json, type, body));
        if (json_to_wire(type, sbuf_view(&json), &back, &err) != 0)
            test_fail(__FILE__, __LINE__, "%s: from JSON: %s", name, err.msg);
    }
    arena_done(&arena);
    sbuf_done(&again);
    sbuf_done(&json);
    sbuf_done(&back);
}

TEST("every libprocess message decodes, and encodes to the same bytes")
{
    struct sbuf file = SBUF_INIT(1 << 22);
    struct dirent **names = NULL;
    int n = list(LIBPROCESS, ".msg", &names);

    CHECK_INT(n, 368);
    for (int i = 0; i < n; i++) {
        struct http h;
        struct str path, type;

        REQUIRE(http_read(file_text(LIBPROCESS, names[i]->d_name, &file), &h));
        (void)str_cut(&h.first, ' ', &path); /* POST */
        (void)str_cut(&h.first, ' ', &path);
        type = path;
        for (size_t k = 0; k < path.n; k++)
            if (path.p[k] == '/')
                type = str_sub(path, k + 1, path.n);
        if (str_is(type, "mesos.scheduler.Event"))
            type = STR("mesos.v1.scheduler.Event");
        check_message(names[i]->d_name, type, h.body);
        http_done(&h);
        free(names[i]);
    }
    free(names);
    sbuf_done(&file);
}

/* --- the v1 APIs ----------------------------------------------------------------------------------------- */

/* One number: integers as they are, doubles by value behind a mark, so that 15 and 15.0 compare as different
 * and two ways of writing the same double as equal. */
static void put_number(struct str token, struct sbuf *out)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(token));
    if (strpbrk(text, ".eE") != NULL)
        sbuf_fmt(out, "\"double %.17g\"", strtod(text, NULL));
    else
        sbuf_fmt(out, "\"%s\"", text);
}

static void quote_numbers(struct str in, struct sbuf *out)
{
    bool in_string = false;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (in_string || (c != '-' && (c < '0' || c > '9'))) {
            if (in_string && c == '\\')
                sbuf_char(out, in.p[i++]);
            else if (c == '"')
                in_string = !in_string;
            sbuf_char(out, in.p[i]);
            continue;
        }
        size_t from = i;
        while (i < in.n && strchr("+-.0123456789eE", in.p[i]) != NULL)
            i++;
        put_number(str_sub(in, from, i - from), out);
        i--;
    }
}

static cJSON *comparable(struct str text)
{
    struct sbuf quoted = SBUF_INIT(1 << 22);
    cJSON *tree;

    quote_numbers(text, &quoted);
    tree = cJSON_ParseWithLength(quoted.p, quoted.n);
    sbuf_done(&quoted);
    return tree;
}

static unsigned compared;

/* JSON that the original wrote: ours must have the same values, defaults and kinds of numbers. */
static void check_json_written(const char *name, const ProtobufCMessageDescriptor *type, struct str text)
{
    struct sbuf bytes = SBUF_INIT(1 << 22), again = SBUF_INIT(1 << 22);
    struct error err = { .msg = "" };

    if (json_to_wire(type, text, &bytes, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    } else {
        cJSON *want = comparable(text), *got;

        CHECK(json_from_wire(&again, type, sbuf_view(&bytes)));
        got = comparable(sbuf_view(&again));
        if (want == NULL || got == NULL || !cJSON_Compare(want, got, 1))
            test_fail(__FILE__, __LINE__, "%s: differs\n# want %.*s\n# got  %.*s", name,
                      (int)(text.n < 3000 ? text.n : 3000), text.p, (int)(again.n < 3000 ? again.n : 3000),
                      again.p);
        cJSON_Delete(want);
        cJSON_Delete(got);
    }
    compared++;
    sbuf_done(&bytes);
    sbuf_done(&again);
}

/* JSON of a client: its meaning must survive. */
static void check_json_read(const char *name, const ProtobufCMessageDescriptor *type, struct str text)
{
    struct sbuf bytes = SBUF_INIT(1 << 22), json = SBUF_INIT(1 << 22), again = SBUF_INIT(1 << 22);
    struct sbuf json_again = SBUF_INIT(1 << 22);
    struct error err = { .msg = "" };

    if (json_to_wire(type, text, &bytes, &err) != 0 || !json_from_wire(&json, type, sbuf_view(&bytes)) ||
        json_to_wire(type, sbuf_view(&json), &again, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    CHECK(json_from_wire(&json_again, type, sbuf_view(&again)));
    if (!CHECK_STR(sbuf_view(&json_again), sbuf_view(&json)))
        printf("# in %s\n", name);
    compared++;
    sbuf_done(&bytes);
    sbuf_done(&json);
    sbuf_done(&again);
    sbuf_done(&json_again);
}

static void check_protobuf(const char *name, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    struct arena arena = ARENA_INIT(1 << 22);
    struct sbuf again = SBUF_INIT(1 << 22), json = SBUF_INIT(1 << 22), json_again = SBUF_INIT(1 << 22);
    struct error err = { .msg = "" };
    ProtobufCMessage *m;

    if (wire_unpack(type, bytes, &arena, &m, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    } else {
        CHECK(wire_pack(&again, m));
        CHECK(json_from_wire(&json, type, bytes));
        CHECK(json_from_wire(&json_again, type, sbuf_view(&again)));
        if (!CHECK_STR(sbuf_view(&json_again), sbuf_view(&json)))
            printf("# in %s\n", name);
    }
    compared++;
    arena_done(&arena);
    sbuf_done(&again);
    sbuf_done(&json);
    sbuf_done(&json_again);
}

static const char *api(const struct http *request)
{
    struct str path;
    struct str first = request->first;

    (void)str_cut(&first, ' ', &path);
    (void)str_cut(&first, ' ', &path);
    if (str_ends(path, STR("/api/v1/scheduler")))
        return "scheduler";
    if (str_ends(path, STR("/api/v1/executor")))
        return "executor";
    if (str_ends(path, STR("/api/v1")))
        return str_contains(request->head, STR(":5051\r\n")) ? "agent" : "master";
    return NULL;
}

static const ProtobufCMessageDescriptor *api_type(const char *name, const char *message)
{
    char full[100];

    (void)snprintf(full, sizeof full, "mesos.v1.%s.%s", name, message);
    return wire_type(str_of(full));
}

static bool is_json(const struct http *h)
{
    return str_contains(h->head, STR("Content-Type: application/json"));
}

static bool is_protobuf(const struct http *h)
{
    return str_contains(h->head, STR("Content-Type: application/x-protobuf"));
}

static void check_records(const char *name, const ProtobufCMessageDescriptor *type, struct str body,
                          bool json)
{
    struct recordio r;
    struct error err = { .msg = "" };
    struct str record;
    int rc;

    recordio_init(&r, 1 << 20);
    while (body.n != 0) { /* in pieces, as a connection would give it */
        struct str piece = str_sub(body, 0, 77);

        body = str_sub(body, 77, body.n);
        while ((rc = recordio_next(&r, &piece, &record, &err)) == 1) {
            if (json)
                check_json_written(name, type, record);
            else
                check_protobuf(name, type, record);
        }
        if (rc < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    }
    recordio_done(&r);
}

/* What follows a .req: the answer, and the stream when there is one. */
static void check_answer(const char *stem, const char *api_name)
{
    struct sbuf file = SBUF_INIT(1 << 22), stream = SBUF_INIT(1 << 22), both = SBUF_INIT(1 << 22);
    char name[400];
    struct http h;

    (void)snprintf(name, sizeof name, "%s.resp", stem);
    sbuf_str(&both, file_text(HTTP, name, &file));
    (void)snprintf(name, sizeof name, "%s.stream", stem);
    sbuf_str(&both, file_text(HTTP, name, &stream));
    if (http_read(sbuf_view(&both), &h) && str_contains(h.first, STR(" 200 ")) && h.body.n != 0) {
        if (stream.n != 0 && api_type(api_name, "Event") != NULL)
            check_records(name, api_type(api_name, "Event"), h.body, is_json(&h));
        else if (stream.n == 0 && api_type(api_name, "Response") != NULL && is_json(&h))
            check_json_written(name, api_type(api_name, "Response"), h.body);
        else if (stream.n == 0 && api_type(api_name, "Response") != NULL && is_protobuf(&h))
            check_protobuf(name, api_type(api_name, "Response"), h.body);
    }
    http_done(&h);
    sbuf_done(&file);
    sbuf_done(&stream);
    sbuf_done(&both);
}

/* Whether the answer was a success: calls that the original refused are not for us to read. */
static bool accepted(const char *stem)
{
    struct sbuf file = SBUF_INIT(1 << 22);
    char name[400];
    bool ok;

    (void)snprintf(name, sizeof name, "%s.resp", stem);
    ok = str_starts(file_text(HTTP, name, &file), STR("HTTP/1.1 20"));
    sbuf_done(&file);
    return ok;
}

static void check_exchange(const char *request_name)
{
    struct sbuf file = SBUF_INIT(1 << 22);
    char stem[300];
    struct http h;
    const char *name = NULL;

    (void)snprintf(stem, sizeof stem, "%.*s", (int)(strlen(request_name) - 4), request_name);
    if (http_read(file_text(HTTP, request_name, &file), &h))
        name = api(&h);
    if (name != NULL && accepted(stem)) {
        if (str_contains(h.head, STR("Content-Encoding: gzip")) || str_contains(h.head, STR("/recordio")))
            name = api(&h); /* no single message; only the answer is looked at */
        else if (is_json(&h))
            check_json_read(request_name, api_type(name, "Call"), h.body);
        else if (is_protobuf(&h))
            check_protobuf(request_name, api_type(name, "Call"), h.body);
        check_answer(stem, name);
    }
    http_done(&h);
    sbuf_done(&file);
}

TEST("calls, answers and events of the v1 APIs mean the same after decoding and encoding")
{
    struct dirent **names = NULL;
    int n = list(HTTP, ".req", &names);

    CHECK(n > 200);
    for (int i = 0; i < n; i++) {
        check_exchange(names[i]->d_name);
        free(names[i]);
    }
    free(names);
    CHECK(compared > 500);
    printf("# %u messages compared\n", compared);
}
