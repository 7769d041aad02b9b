/* SPDX-License-Identifier: Apache-2.0 */
/* The dump that `stoa store` writes and reads: JSON, a line per record, so that it can be read, searched and
 * edited with ordinary tools. Pure.
 *
 *     {"stoa_store":1,"of":"marathon","records":2}
 *     {"key":"current/web","version":3,"value":{"version":"2026-01-02T03:04:05.678Z"}}
 *     {"key":"master/agent/a1","version":1,"shows":{...},"base64":"CgZ..."}
 *
 * A value that is a line of JSON is there as it is, byte for byte; any other is in base64, with what it says
 * beside it where that is known ("shows" is for people and ignored at import). Versions are for people too:
 * an imported record begins anew. */
#ifndef STOA_CLI_STORE_DUMP_H
#define STOA_CLI_STORE_DUMP_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/io/store.h"

enum { DUMP_VERSION = 1, DUMP_LINE_BYTES_MAX = 4 << 20 };

/* Appends the first line. of: "master" or "marathon". */
void dump_head(struct sbuf *b, const char *of, size_t records);
/* Appends a record's line. shows: JSON, empty for none. */
void dump_record(struct sbuf *b, const struct store_record *r, struct str shows);

struct dump {
    struct store_record *records; /* in the text that was parsed, or in the arena */
    size_t count, cap;
    struct arena arena;
};
void dump_done(struct dump *d);
/* A whole dump. INVALID names the line and what is wrong with it: another version, another program's, a line
 * that is no record, fewer or more records than the first line says, a key that comes twice. */
int dump_parse(struct dump *d, struct str text, const char *of, struct error *err);

#endif
