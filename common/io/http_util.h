/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of HTTP that need no socket: verbs, status texts, percent-decoding, queries, header values,
 * basic authentication, the Date text. Pure. */
#ifndef STOA_IO_HTTP_UTIL_H
#define STOA_IO_HTTP_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/base/time.h"

enum http_verb {
    HTTP_VERB_GET,
    HTTP_VERB_HEAD,
    HTTP_VERB_POST,
    HTTP_VERB_PUT,
    HTTP_VERB_PATCH,
    HTTP_VERB_DELETE,
    HTTP_VERB_OPTIONS,
    HTTP_VERB_OTHER,
};
struct str http_verb_name(enum http_verb v); /* "GET"; "OTHER" for the last */

/* "Not Found"; "Unknown" for what is not known. */
const char *http_status_text(unsigned status);

/* Appends s with %XX decoded ('+' stays). False on a broken escape or a decoded NUL. Split paths on '/'
 * before: app ids contain encoded slashes. */
bool http_percent_decode(struct sbuf *b, struct str s);
/* As above, and '+' is a blank: for queries and forms. */
bool http_form_decode(struct sbuf *b, struct str s);
/* Escapes all but unreserved characters, '/' too when slash is set. */
void http_percent_encode(struct sbuf *b, struct str s, bool slash);

/* Cuts the next segment off a raw path: "/a/b" gives "a", then "b", then false. Empty segments are skipped.
 */
bool http_path_next(struct str *rest, struct str *ret_raw);
/* Finds name in a raw query or form body and appends its decoded value to b. False when absent or broken;
 * b is unchanged then. The first occurrence counts. */
bool http_query_get(struct str query, const char *name, struct sbuf *b);
/* Iterates "k=v&k2=v2": raw names and values; false at the end. */
bool http_query_next(struct str *rest, struct str *ret_name, struct str *ret_value);

/* Whether a comma list of tokens (Connection, Transfer-Encoding) has token, any case. */
bool http_list_has(struct str value, const char *token);
/* Whether Accept-Encoding allows coding, by name or by "*", and not with q=0. An absent header does not. */
bool http_accepts_encoding(struct str accept_encoding, const char *coding);
/* Whether Accept allows a media type ("application/json"): by name, "application/" and star, or star/star,
 * without q=0. An absent (p NULL) or empty header allows everything. Order and weights are not compared. */
bool http_accepts_type(struct str accept, const char *type);
/* Whether Accept has a media type by its own name, without q=0; stars do not count, and neither does an absent header. */
bool http_names_type(struct str accept, const char *type);

/* "Basic dXNlcjpwYXNz": false when it is not that. Appends user and password. */
bool http_basic_auth(struct str authorization, struct sbuf *user, struct sbuf *password);
/* Appends "Basic ..." for a request. */
void http_basic_auth_print(struct sbuf *b, struct str user, struct str password);

enum { HTTP_DATE_SIZE = 30 };
void http_date(struct wall t, char ret[HTTP_DATE_SIZE]); /* "Sun, 22 Nov 2026 08:30:51 GMT" */

/* "http://host:port/path?query": host, port (80 or 443 by scheme) and target ("/" at least). Userinfo is
 * returned raw in *ret_userinfo. A scheme-relative "//host:port/x" is http. Brackets of IPv6 are dropped. */
struct http_url {
    bool tls;
    struct str userinfo, host, target;
    uint16_t port;
};
bool http_url_parse(struct str s, struct http_url *ret);

#endif
