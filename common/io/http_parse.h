/* SPDX-License-Identifier: Apache-2.0 */
/* The seam to the HTTP parser library: five functions. Only http_parse.c knows which library it is, so that
 * another can take its place. Parses requests or answers of one connection, one after the other.
 *
 * Stricter than the library: bare LF in heads, more than one Content-Length, unknown transfer codings. */
#ifndef STOA_IO_HTTP_PARSE_H
#define STOA_IO_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/io/http_util.h"

enum { HTTP_PARSE_HEAD_MAX = 256 * 1024 }; /* no head_bytes_max may be larger */

struct http_parse;

/* What on_head is told; for requests status is 0, for answers verb is unset. */
struct http_parse_head {
    bool is_http10;
    bool keep_alive; /* by version and Connection */
    bool is_chunked;
    bool has_upgrade;
    int64_t content_length; /* -1: none given */
    enum http_verb verb;
    const char *method; /* static text */
    unsigned status;
};

/* Pieces of URL, names and values may come in several calls. Each returns false to stop with an error of the
 * caller's (http_parse_feed then returns HTTP_PARSE_STOPPED). */
struct http_parse_events {
    bool (*on_url)(void *arg, const char *p, size_t n);
    bool (*on_name)(void *arg, const char *p, size_t n);
    bool (*on_value)(void *arg, const char *p, size_t n);
    bool (*on_head)(void *arg, const struct http_parse_head *h, bool *ret_no_body);
    bool (*on_body)(void *arg, const char *p, size_t n);
    bool (*on_end)(void *arg);
};

enum http_parse_result {
    HTTP_PARSE_OK,      /* all taken */
    HTTP_PARSE_PAUSED,  /* http_parse_pause was called: *ret_taken bytes were used, feed the rest later */
    HTTP_PARSE_STOPPED, /* a callback returned false */
    HTTP_PARSE_TOO_BIG, /* head over its limit */
    HTTP_PARSE_BAD,     /* not HTTP: http_parse_reason says why */
};

/* Fixed size, so that it is embedded in a connection. */
struct http_parse {
    _Alignas(void *) unsigned char library[32];
    const struct http_parse_events *events;
    void *arg;
    const char *reason;
    uint32_t head_bytes, head_bytes_max; /* of the lines seen; the cap of both */
    uint32_t line_bytes;                 /* of the line being seen */
    bool is_answer, in_message, in_head, head_told, last_was_cr, paused, broken;
};

void http_parse_init(struct http_parse *p, bool is_answer, uint32_t head_bytes_max,
                     const struct http_parse_events *events, void *arg);
/* n == 0 says that the peer closed its side: ends a body that lasts until then. */
enum http_parse_result http_parse_feed(struct http_parse *p, const char *data, size_t n, size_t *ret_taken);
/* From within a callback: stop after it. */
void http_parse_pause(struct http_parse *p);
const char *http_parse_reason(const struct http_parse *p);
/* Whether no message is under way. */
bool http_parse_is_idle(const struct http_parse *p);

#endif
