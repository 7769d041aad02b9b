/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded HTTP bodies for tests of the conversion. */
#ifndef STOA_TESTS_WIRE_GOLDEN_H
#define STOA_TESTS_WIRE_GOLDEN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sbuf.h"
#include "tests/support/test.h"

#define GOLDEN_LIBPROCESS "tests/golden/libprocess"
#define GOLDEN_HTTP       "tests/golden/http"

static inline void golden_dechunk(struct str rest, struct sbuf *b)
{
    while (rest.n != 0) {
        struct str line;
        size_t size;

        (void)str_cut(&rest, '\n', &line);
        size = (size_t)strtoul(line.p, NULL, 16);
        if (size == 0 || size > rest.n)
            return;
        sbuf_str(b, str_sub(rest, 0, size));
        rest = str_sub(rest, size + 2, rest.n);
    }
}

/* The body of the file, chunk framing taken off, in b (which is cleared); empty when there is no such file. */
static inline struct str golden_body(const char *dir, const char *name, struct sbuf *b)
{
    struct sbuf file = SBUF_INIT(4 << 20);
    char path[512];
    FILE *f;
    char *room = sbuf_room(&file, 2 << 20), *end;

    sbuf_clear(b);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (f != NULL) {
        sbuf_grew(&file, fread(room, 1, 2 << 20, f));
        (void)fclose(f);
        end = memmem(file.p, file.n, "\r\n\r\n", 4);
        if (end != NULL) {
            size_t head = (size_t)(end - file.p) + 4;
            struct str body = str_sub(sbuf_view(&file), head, file.n);
            if (str_contains(str_sub(sbuf_view(&file), 0, head), STR("Transfer-Encoding: chunked")))
                golden_dechunk(body, b);
            else
                sbuf_str(b, body);
        }
    }
    sbuf_done(&file);
    return sbuf_view(b);
}

/* What follows the head in a .stream file, without chunk and record framing: one event after another is found by
 * looking for the record sizes. Calls fn for each record. */
static inline void golden_records(const char *dir, const char *name, void (*fn)(struct str record, void *arg), void *arg)
{
    struct sbuf text = SBUF_INIT(4 << 20), stream = SBUF_INIT(4 << 20);
    char path[512];
    FILE *f;
    char *room = sbuf_room(&text, 2 << 20);
    struct str rest, line;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (f != NULL) {
        sbuf_grew(&text, fread(room, 1, 2 << 20, f));
        (void)fclose(f);
    }
    golden_dechunk(sbuf_view(&text), &stream);
    for (rest = sbuf_view(&stream); rest.n != 0;) {
        uint64_t size;
        if (!str_cut(&rest, '\n', &line) || !str_u64(&line, rest.n, &size))
            break;
        fn(str_sub(rest, 0, (size_t)size), arg);
        rest = str_sub(rest, (size_t)size, rest.n);
    }
    sbuf_done(&text);
    sbuf_done(&stream);
}

/* Names in dir that end like this, sorted; the caller frees each and the list. */
static inline int golden_list(const char *dir, const char *suffix, struct dirent ***ret)
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

#endif
