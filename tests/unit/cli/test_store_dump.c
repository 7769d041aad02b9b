/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/store_dump.h"

#include "tests/support/test.h"

static const struct store_record kept[] = {
    { .key = { "current/web", 11 },
      .value = { "{\"version\":\"x\",\"n\":1.50,\"s\":\"}\\\"value\\\":{\"}", 42 },
      .version = 3 },
    { .key = { "master/agent/a", 14 }, .value = { "\x0a\x00\xff\n", 4 }, .version = 1 },
    { .key = { "plain", 5 }, .value = { "", 0 }, .version = 7 },
};

TEST("what is written is read again, byte for byte")
{
    struct sbuf b = SBUF_INIT(1 << 20);
    struct dump d;
    struct error err;

    dump_head(&b, "marathon", 3);
    for (size_t i = 0; i < 3; i++)
        dump_record(&b, &kept[i], i == 1 ? STR("{\"value\":{\"no\":1}}") : STR(""));
    CHECK(dump_parse(&d, sbuf_view(&b), "marathon", &err) == 0);
    CHECK(d.count == 3);
    for (size_t i = 0; i < d.count; i++) {
        CHECK_STR(d.records[i].key, kept[i].key);
        CHECK(str_eq(d.records[i].value, kept[i].value));
    }
    dump_done(&d);
    sbuf_done(&b);
}

static const struct {
    const char *name, *text, *error;
} bad[] = {
    { "nothing", "", "the dump is empty" },
    { "no dump", "{\"a\":1}\n", "line 1: this is no dump of `stoa store export`" },
    { "no JSON", "hello\n", "line 1: " },
    { "a later version", "{\"stoa_store\":2,\"of\":\"master\",\"records\":0}\n",
      "line 1: this dump has version 2; this program reads version 1" },
    { "another program's", "{\"stoa_store\":1,\"of\":\"marathon\",\"records\":0}\n",
      "line 1: this is the state of a marathon, not of a master" },
    { "cut off", "{\"stoa_store\":1,\"of\":\"master\",\"records\":2}\n{\"key\":\"a\",\"value\":{}}\n",
      "the first line says 2 records, there are 1" },
    { "cut within a line", "{\"stoa_store\":1,\"of\":\"master\",\"records\":1}\n{\"key\":\"a\",\"val",
      "line 2: " },
    { "no key", "{\"stoa_store\":1,\"of\":\"master\",\"records\":1}\n{\"value\":{}}\n",
      "line 2: it has no key" },
    { "no value", "{\"stoa_store\":1,\"of\":\"master\",\"records\":1}\n{\"key\":\"a\",\"value\":3}\n",
      "line 2: it has neither a value" },
    { "bad base64",
      "{\"stoa_store\":1,\"of\":\"master\",\"records\":1}\n\n{\"key\":\"a\",\"base64\":\"%\"}\n",
      "line 3: its base64 is none" },
    { "a key twice",
      "{\"stoa_store\":1,\"of\":\"master\",\"records\":2}\n{\"key\":\"a\",\"value\":{}}\n{\"key\":\"a\","
      "\"value\":{}}\n",
      "the key a comes twice" },
};

TEST("a dump that is none is refused with the line")
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dump d;
        struct error err = { 0 };
        CHECK(dump_parse(&d, str_of(bad[i].text), "master", &err) != 0);
        if (!str_starts(str_of(err.msg), str_of(bad[i].error)))
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].name, err.msg);
        dump_done(&d);
    }
}

TEST("spaces and another order of members are fine, as tools write them")
{
    struct dump d;
    struct error err;

    CHECK(dump_parse(&d,
                     STR("{ \"records\": 1, \"of\": \"master\", \"stoa_store\": 1 }\n"
                         "{ \"value\" : { \"a\" : [ 1 ] } , \"key\" : \"k\" }"),
                     "master", &err) == 0);
    CHECK(d.count == 1);
    CHECK_STR(d.records[0].value, STR("{ \"a\" : [ 1 ] }"));
    dump_done(&d);
}
