/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/http_util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/base64.h"
#include "common/base/cleanup.h"

struct str http_verb_name(enum http_verb v)
{
    switch (v) {
    case HTTP_VERB_GET:
        return STR("GET");
    case HTTP_VERB_HEAD:
        return STR("HEAD");
    case HTTP_VERB_POST:
        return STR("POST");
    case HTTP_VERB_PUT:
        return STR("PUT");
    case HTTP_VERB_PATCH:
        return STR("PATCH");
    case HTTP_VERB_DELETE:
        return STR("DELETE");
    case HTTP_VERB_OPTIONS:
        return STR("OPTIONS");
    case HTTP_VERB_OTHER:
        break;
    }
    return STR("OTHER");
}

const char *http_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } table[] = {
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Request Entity Too Large" },
        { 414, "Request-URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Entity" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    if (status == 200)
        return "OK";
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].text;
    return "Unknown";
}

/* --- percent ------------------------------------------------------------------------------------------- */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode(struct sbuf *b, struct str s, bool plus_is_blank)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (s.n - i < 3)
                return false;
            int hi = hex_digit(s.p[i + 1]), lo = hex_digit(s.p[i + 2]);
            if (hi < 0 || lo < 0 || (hi | lo) == 0)
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        sbuf_char(b, c);
    }
    return sbuf_ok(b);
}

bool http_percent_decode(struct sbuf *b, struct str s)
{
    return decode(b, s, false);
}

bool http_form_decode(struct sbuf *b, struct str s)
{
    return decode(b, s, true);
}

void http_percent_encode(struct sbuf *b, struct str s, bool slash)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                     c == '_' || c == '.' || c == '~' || (c == '/' && !slash);
        if (plain)
            sbuf_char(b, (char)c);
        else
            sbuf_fmt(b, "%%%02X", c);
    }
}

/* --- paths and queries --------------------------------------------------------------------------------- */
bool http_path_next(struct str *rest, struct str *ret_raw)
{
    while (rest->n != 0 && rest->p[0] == '/')
        *rest = str_sub(*rest, 1, rest->n);
    if (rest->n == 0)
        return false;
    size_t n = str_index(*rest, '/');
    *ret_raw = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return true;
}

bool http_query_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    while (rest->n != 0) {
        struct str pair;
        (void)str_cut(rest, '&', &pair);
        if (pair.n == 0)
            continue;
        struct str name;
        (void)str_cut(&pair, '=', &name);
        *ret_name = name;
        *ret_value = pair;
        return true;
    }
    return false;
}

/* Compares a raw (encoded) name with a plain one. */
static bool name_is(struct str raw, const char *name)
{
    if (memchr(raw.n != 0 ? raw.p : "", '%', raw.n) == NULL)
        return str_is(raw, name);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(256);
    return http_form_decode(&b, raw) && str_is(sbuf_view(&b), name);
}

bool http_query_get(struct str query, const char *name, struct sbuf *b)
{
    struct str k, v;
    while (http_query_next(&query, &k, &v)) {
        if (!name_is(k, name))
            continue;
        size_t before = b->n;
        if (http_form_decode(b, v))
            return true;
        b->n = before;
        if (b->p != NULL)
            b->p[before] = 0;
        return false;
    }
    return false;
}

/* --- header values ------------------------------------------------------------------------------------- */
bool http_list_has(struct str value, const char *token)
{
    struct str item;
    while (value.n != 0) {
        (void)str_cut(&value, ',', &item);
        if (str_eq_nocase(str_trim(item), str_of(token)))
            return true;
    }
    return false;
}

/* Splits "name;q=0.5;x" and says whether q is not zero. */
static bool weighted(struct str item, struct str *ret_name)
{
    (void)str_cut(&item, ';', ret_name);
    *ret_name = str_trim(*ret_name);
    struct str param;
    while (item.n != 0) {
        (void)str_cut(&item, ';', &param);
        param = str_trim(param);
        if (param.n < 2 || (param.p[0] != 'q' && param.p[0] != 'Q') || param.p[1] != '=')
            continue;
        struct str number = str_sub(param, 2, param.n);
        double q;
        if (str_double(&number, &q) && q <= 0)
            return false;
    }
    return true;
}

bool http_accepts_encoding(struct str accept_encoding, const char *coding)
{
    struct str item, name;
    bool by_star = false;
    while (accept_encoding.n != 0) {
        (void)str_cut(&accept_encoding, ',', &item);
        bool allowed = weighted(item, &name);
        if (str_eq_nocase(name, str_of(coding)))
            return allowed;
        if (str_is(name, "*"))
            by_star = allowed;
    }
    return by_star;
}

bool http_accepts_type(struct str accept, const char *type)
{
    accept = str_trim(accept);
    if (accept.n == 0)
        return true;
    struct str want = str_of(type), item, name;
    struct str family = str_sub(want, 0, str_index(want, '/') + 1);
    bool by_star = false, by_family = false, has_family = false;
    while (accept.n != 0) {
        (void)str_cut(&accept, ',', &item);
        bool allowed = weighted(item, &name);
        if (str_eq_nocase(name, want))
            return allowed;
        if (str_is(name, "*/*"))
            by_star = allowed;
        if (name.n == family.n + 1 && name.p[name.n - 1] == '*' &&
            str_eq_nocase(str_sub(name, 0, family.n), family)) {
            by_family = allowed;
            has_family = true;
        }
    }
    return has_family ? by_family : by_star;
}

bool http_names_type(struct str accept, const char *type)
{
    struct str item, name;
    while (accept.n != 0) {
        (void)str_cut(&accept, ',', &item);
        if (weighted(item, &name) && str_eq_nocase(name, str_of(type)))
            return true;
    }
    return false;
}

bool http_basic_auth(struct str authorization, struct sbuf *user, struct sbuf *password)
{
    authorization = str_trim(authorization);
    if (authorization.n < 6 || !str_eq_nocase(str_sub(authorization, 0, 6), STR("Basic ")))
        return false;
    CLEANUP(sbuf_done_p) struct sbuf plain = SBUF_INIT(4096);
    if (!base64_decode(&plain, str_trim(str_sub(authorization, 6, authorization.n))))
        return false;
    struct str rest = sbuf_view(&plain), name;
    if (!str_cut(&rest, ':', &name))
        return false;
    sbuf_str(user, name);
    sbuf_str(password, rest);
    return sbuf_ok(user) && sbuf_ok(password);
}

void http_basic_auth_print(struct sbuf *b, struct str user, struct str password)
{
    CLEANUP(sbuf_done_p) struct sbuf plain = SBUF_INIT(4096);
    sbuf_str(&plain, user);
    sbuf_char(&plain, ':');
    sbuf_str(&plain, password);
    sbuf_c(b, "Basic ");
    base64_encode(b, sbuf_view(&plain));
}

void http_date(struct wall t, char ret[HTTP_DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t s = (time_t)(t.ms / 1000);
    struct tm tm;
    if (gmtime_r(&s, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    char text[64]; /* roomy: the compiler thinks of years with ten digits */
    (void)snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * (tm.tm_wday % 7),
                   tm.tm_mday, months + 3 * (tm.tm_mon % 12), tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
    memcpy(ret, text, HTTP_DATE_SIZE - 1);
    ret[HTTP_DATE_SIZE - 1] = 0;
}

bool http_url_parse(struct str s, struct http_url *ret)
{
    struct http_url u = { .port = 80 };
    if (str_skip(&s, STR("https://"))) {
        u.tls = true;
        u.port = 443;
    } else if (!str_skip(&s, STR("http://")) && !str_skip(&s, STR("//"))) {
        return false;
    }
    size_t end = 0;
    while (end < s.n && s.p[end] != '/' && s.p[end] != '?' && s.p[end] != '#')
        end++;
    struct str authority = str_sub(s, 0, end);
    u.target = str_sub(s, end, s.n);
    u.target = str_sub(u.target, 0, str_index(u.target, '#'));
    if (u.target.n == 0)
        u.target = STR("/");
    else if (u.target.p[0] != '/')
        return false; /* "http://host?x": no client of ours writes that */
    size_t at = str_index(authority, '@');
    if (at < authority.n) {
        u.userinfo = str_sub(authority, 0, at);
        authority = str_sub(authority, at + 1, authority.n);
    }
    size_t close = authority.n != 0 && authority.p[0] == '[' ? str_index(authority, ']') : 0;
    size_t colon = authority.n;
    for (size_t i = close; i < authority.n; i++)
        if (authority.p[i] == ':') {
            colon = i;
            break;
        }
    u.host = str_sub(authority, 0, colon);
    if (colon + 1 < authority.n) {
        struct str number = str_sub(authority, colon + 1, authority.n);
        uint64_t port;
        if (!str_u64(&number, 65535, &port) || number.n != 0)
            return false;
        u.port = (uint16_t)port;
    }
    if (u.host.n >= 2 && u.host.p[0] == '[' && u.host.p[u.host.n - 1] == ']')
        u.host = str_sub(u.host, 1, u.host.n - 2);
    for (size_t i = 0; i < u.target.n; i++)
        if ((unsigned char)u.target.p[i] <= ' ')
            return false;
    if (u.host.n == 0 || u.host.n > 255)
        return false;
    *ret = u;
    return true;
}
