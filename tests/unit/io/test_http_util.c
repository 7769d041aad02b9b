/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/io/http_util.h"
#include "tests/support/test.h"

TEST("percent escapes are decoded strictly")
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "slave%281%29", "slave(1)" },
        { "a%2Fb", "a/b" },
        { "a+b", "a+b" },
        { "%4", NULL },
        { "%zz", NULL },
        { "%00", NULL },
        { "%", NULL },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sbuf b = SBUF_INIT(100);
        bool ok = http_percent_decode(&b, str_of(cases[i].in));
        if (ok != (cases[i].out != NULL) || (ok && !str_is(sbuf_view(&b), cases[i].out)))
            test_fail(__FILE__, __LINE__, "%s", cases[i].in);
        sbuf_done(&b);
    }
    struct sbuf b = SBUF_INIT(100);
    http_percent_encode(&b, STR("/a b/%"), false);
    CHECK_STR(sbuf_view(&b), STR("/a%20b/%25"));
    sbuf_done(&b);
}

TEST("queries and paths are split before they are decoded")
{
    struct sbuf b = SBUF_INIT(100);
    CHECK(http_query_get(STR("a=1&jsonp=f%28x&b+c=d+e&a=2"), "jsonp", &b));
    CHECK_STR(sbuf_view(&b), STR("f(x"));
    sbuf_clear(&b);
    CHECK(http_query_get(STR("a=1&a=2"), "a", &b));
    CHECK_STR(sbuf_view(&b), STR("1"));
    CHECK(!http_query_get(STR("ab=1&b"), "a", &b));
    CHECK(!http_query_get(STR("a=%"), "a", &b));
    CHECK_STR(sbuf_view(&b), STR("1"));
    sbuf_clear(&b);
    CHECK(http_query_get(STR("x&a%62"), "ab", &b) && b.n == 0);
    struct str rest = STR("//v2/apps/%2Fa%2Fb/"), part;
    CHECK(http_path_next(&rest, &part) && str_is(part, "v2"));
    CHECK(http_path_next(&rest, &part) && str_is(part, "apps"));
    CHECK(http_path_next(&rest, &part) && str_is(part, "%2Fa%2Fb"));
    CHECK(!http_path_next(&rest, &part));
    sbuf_done(&b);
}

TEST("Accept and Accept-Encoding")
{
    CHECK(http_accepts_encoding(STR("deflate, GZIP"), "gzip"));
    CHECK(http_accepts_encoding(STR("*"), "gzip"));
    CHECK(!http_accepts_encoding(STR("gzip;q=0, *"), "gzip"));
    CHECK(!http_accepts_encoding(STR("gzip; q=0.000"), "gzip"));
    CHECK(!http_accepts_encoding(STR("identity"), "gzip"));
    CHECK(!http_accepts_encoding((struct str){ NULL, 0 }, "gzip"));
    CHECK(http_accepts_type((struct str){ NULL, 0 }, "application/json"));
    CHECK(http_accepts_type(STR("*/*"), "application/json"));
    CHECK(http_accepts_type(STR("text/html, application/*;q=0.1"), "application/json"));
    CHECK(http_accepts_type(STR("Application/JSON; charset=utf-8"), "application/json"));
    CHECK(!http_accepts_type(STR("application/x-protobuf"), "application/json"));
    CHECK(!http_accepts_type(STR("application/json;q=0, */*"), "application/json"));
    CHECK(http_names_type(STR("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), "text/plain"));
    CHECK(!http_names_type(STR("text/*, */*"), "text/plain"));
    CHECK(!http_names_type(STR("text/plain;q=0"), "text/plain"));
    CHECK(!http_names_type((struct str){ NULL, 0 }, "text/plain"));
    CHECK(http_list_has(STR("keep-alive, Upgrade"), "upgrade"));
    CHECK(!http_list_has(STR("keep-alive"), "keep"));
}

TEST("basic authentication both ways")
{
    struct sbuf user = SBUF_INIT(100), password = SBUF_INIT(100), text = SBUF_INIT(200);
    http_basic_auth_print(&text, STR("Aladdin"), STR("open:sesame"));
    CHECK(http_basic_auth(sbuf_view(&text), &user, &password));
    CHECK_STR(sbuf_view(&user), STR("Aladdin"));
    CHECK_STR(sbuf_view(&password), STR("open:sesame"));
    sbuf_clear(&user), sbuf_clear(&password);
    CHECK(http_basic_auth(STR("basic Og=="), &user, &password) && user.n == 0 && password.n == 0);
    CHECK(!http_basic_auth(STR("Bearer abc"), &user, &password));
    CHECK(!http_basic_auth(STR("Basic !"), &user, &password));
    CHECK(!http_basic_auth(STR("Basic YWJj"), &user, &password)); /* no colon */
    sbuf_done(&user), sbuf_done(&password), sbuf_done(&text);
}

TEST("the Date text")
{
    char text[HTTP_DATE_SIZE];
    http_date((struct wall){ INT64_C(1795336251123) }, text);
    CHECK_CSTR(text, "Sun, 22 Nov 2026 08:30:51 GMT");
}

TEST("URLs are cut into their parts")
{
    static const struct {
        const char *in, *host, *target;
        int port;
        bool tls;
    } cases[] = {
        { "http://m1.example:5050/master/state?x=1", "m1.example", "/master/state?x=1", 5050, false },
        { "//10.0.0.1:5050", "10.0.0.1", "/", 5050, false },
        { "https://[::1]/a#frag", "::1", "/a", 443, true },
        { "http://u:p@h/", "h", "/", 80, false },
        { "ftp://h/", NULL, NULL, 0, false },
        { "http:///x", NULL, NULL, 0, false },
        { "http://h:99999/", NULL, NULL, 0, false },
        { "http://h/a b", NULL, NULL, 0, false },
        { "h:80", NULL, NULL, 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_url u;
        bool ok = http_url_parse(str_of(cases[i].in), &u);
        if (ok != (cases[i].host != NULL) ||
            (ok && (!str_is(u.host, cases[i].host) || !str_is(u.target, cases[i].target) ||
                    u.port != cases[i].port || u.tls != cases[i].tls)))
            test_fail(__FILE__, __LINE__, "%s", cases[i].in);
    }
}
