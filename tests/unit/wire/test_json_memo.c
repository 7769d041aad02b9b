/* SPDX-License-Identifier: Apache-2.0 */
/* What is written with a memo is what is written without. */
#include "common/wire/json_memo.h"

#include <stdio.h>

#include "common/base/rng.h"
#include "tests/support/test.h"

/* One value: the bytes as a string in an object, which takes the writer a nested value. */
static void put(struct jsonw *w, const void *kind, struct str bytes)
{
    struct json_memo_mark mark;

    if (json_memo_begin(w, kind, bytes, &mark))
        return;
    jsonw_open(w);
    jsonw_key_s(w, kind, bytes);
    jsonw_close(w);
    json_memo_end(w, &mark);
}

static void put_list(struct sbuf *b, struct json_memo *memo, uint64_t seed, unsigned kinds)
{
    struct jsonw w = JSONW(b);
    struct rng rng;
    char text[64];

    w.memo = memo;
    rng_seed(&rng, seed);
    jsonw_array(&w);
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(text, sizeof text, "labels number %llu \"quoted\"", (unsigned long long)rng_below(&rng, kinds));
        put(&w, rng_below(&rng, 2) != 0 ? "a" : "b", str_mem(text, (size_t)n));
    }
    jsonw_array_close(&w);
}

static void check_same(uint64_t seed, unsigned kinds)
{
    struct sbuf plain = SBUF_INIT(SIZE_MAX / 4), known = SBUF_INIT(SIZE_MAX / 4);
    struct json_memo *m = json_memo_new();

    put_list(&plain, NULL, seed, kinds);
    put_list(&known, m, seed, kinds);
    CHECK(str_eq(sbuf_view(&plain), sbuf_view(&known)));
    json_memo_free(m);
    sbuf_done(&plain);
    sbuf_done(&known);
}

TEST("texts that come again are the same as when they are written anew")
{
    check_same(1, 3);
    check_same(2, 100);
}

TEST("more texts than there are places, and ones that never come again")
{
    check_same(3, 2000);
    check_same(4, 1U << 30);
}

TEST("the same bytes of another kind are another text; short ones are not remembered")
{
    struct sbuf b = SBUF_INIT(4096);
    struct json_memo *m = json_memo_new();
    struct jsonw w = JSONW(&b);
    struct str bytes = STR("0123456789abcdef0123456789abcdef");
    struct json_memo_mark mark;

    w.memo = m;
    jsonw_array(&w);
    put(&w, "a", bytes);
    put(&w, "b", bytes);
    put(&w, "a", bytes);
    CHECK(!json_memo_begin(&w, "a", STR("short"), &mark));
    CHECK(mark.slot == NULL);
    jsonw_array_close(&w);
    CHECK_STR(sbuf_view(&b), STR("[{\"a\":\"0123456789abcdef0123456789abcdef\"},{\"b\":\"0123456789abcdef0123456789abcdef\"},"
                                 "{\"a\":\"0123456789abcdef0123456789abcdef\"}]"));
    json_memo_free(m);
    sbuf_done(&b);
}
