/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"
#include "tests/support/test.h"

/* --- the mapping ----------------------------------------------------------------------------------------- */

/* JSON in, and JSON out of the message it makes; or the error. */
static const struct {
    const char *name, *type, *in, *out;
} cases[] = {
    { "unset fields are left out, explicit defaults written", "mesos.v1.CommandInfo", "{\"value\":\"x\"}",
      "{\"value\":\"x\",\"shell\":true}" },
    { "deprecated defaults are not written", "mesos.v1.FrameworkInfo", "{\"user\":\"u\",\"name\":\"n\"}",
      "{\"user\":\"u\",\"name\":\"n\",\"failover_timeout\":0.0,\"checkpoint\":false}" },
    { "a deprecated field that is set is written", "mesos.v1.FrameworkInfo",
      "{\"user\":\"u\",\"name\":\"n\",\"role\":\"*\"}",
      "{\"user\":\"u\",\"name\":\"n\",\"failover_timeout\":0.0,\"checkpoint\":false,\"role\":\"*\"}" },
    { "unknown names and nulls are ignored", "mesos.v1.TaskID",
      "{\"value\":\"t\",\"what\":{\"a\":[1]},\"not\":null}", "{\"value\":\"t\"}" },
    { "of equal names the last counts", "mesos.v1.TaskID", "{\"value\":\"a\",\"value\":\"b\"}",
      "{\"value\":\"b\"}" },
    { "integral doubles keep a fraction", "mesos.v1.Value.Scalar", "{\"value\":15}", "{\"value\":15.0}" },
    { "doubles as text", "mesos.v1.Value.Scalar", "{\"value\":\"0.25\"}", "{\"value\":0.25}" },
    { "infinity as text", "mesos.v1.Value.Scalar", "{\"value\":\"Infinity\"}", "{\"value\":\"Infinity\"}" },
    { "64-bit integers are exact", "mesos.v1.TimeInfo", "{\"nanoseconds\":1795337054923019777}",
      "{\"nanoseconds\":1795337054923019777}" },
    { "the largest and the smallest", "mesos.v1.DurationInfo", "{\"nanoseconds\":-9223372036854775808}",
      "{\"nanoseconds\":-9223372036854775808}" },
    { "integers as text", "mesos.v1.DurationInfo", "{\"nanoseconds\":\"42\"}", "{\"nanoseconds\":42}" },
    { "integers with a fraction of zero", "mesos.v1.DurationInfo", "{\"nanoseconds\":42.0}",
      "{\"nanoseconds\":42}" },
    { "unsigned 64-bit", "mesos.v1.Value.Range", "{\"begin\":0,\"end\":18446744073709551615}",
      "{\"begin\":0,\"end\":18446744073709551615}" },
    { "booleans as text", "mesos.v1.CommandInfo", "{\"shell\":\"false\"}", "{\"shell\":false}" },
    { "bytes as base64", "mesos.v1.scheduler.Call.Message",
      "{\"agent_id\":{\"value\":\"a\"},\"executor_id\":{\"value\":\"e\"},\"data\":\"AP8=\"}",
      "{\"agent_id\":{\"value\":\"a\"},\"executor_id\":{\"value\":\"e\"},\"data\":\"AP8=\"}" },
    { "one value stands for a list", "mesos.v1.scheduler.Call.Suppress", "{\"roles\":\"web\"}",
      "{\"roles\":[\"web\"]}" },
    { "nulls in lists are skipped", "mesos.v1.scheduler.Call.Suppress", "{\"roles\":[null,\"a\"]}",
      "{\"roles\":[\"a\"]}" },
    { "empty lists are left out", "mesos.v1.scheduler.Call.Suppress", "{\"roles\":[]}", "{}" },
    { "empty messages stay", "mesos.v1.scheduler.Call", "{\"suppress\":{}}", "{\"suppress\":{}}" },
    { "maps are objects", "mesos.v1.quota.QuotaConfig",
      "{\"role\":\"r\",\"limits\":{\"cpus\":{\"value\":1},\"mem\":{\"value\":2}}}",
      "{\"role\":\"r\",\"limits\":{\"cpus\":{\"value\":1.0},\"mem\":{\"value\":2.0}}}" },
    { "of equal map keys the last counts", "mesos.v1.quota.QuotaConfig",
      "{\"role\":\"r\",\"limits\":{\"cpus\":{\"value\":1},\"cpus\":{\"value\":2}}}",
      "{\"role\":\"r\",\"limits\":{\"cpus\":{\"value\":2.0}}}" },
    { "an unknown enum name leaves an optional field unset", "mesos.v1.scheduler.Call",
      "{\"type\":\"DANCE\"}", "{}" },
    { "an explicit enum default is written by name", "mesos.v1.NetworkInfo.IPAddress",
      "{\"ip_address\":\"::1\"}", "{\"protocol\":\"IPv4\",\"ip_address\":\"::1\"}" },
    { "text is escaped and kept", "mesos.v1.TaskID", "{\"value\":\"a\\\"\\\\\\n\\u00e9\\ud83d\\ude00/\\/\"}",
      "{\"value\":\"a\\\"\\\\\\n\xc3\xa9\xf0\x9f\x98\x80//\"}" },
    { "state answers show their empty lists", "mesos.v1.master.Response.GetAgents", "{}",
      "{\"agents\":[],\"recovered_agents\":[]}" },
};

static const struct {
    const char *name, *type, *in, *error;
} bad_cases[] = {
    { "missing fields are listed", "mesos.v1.scheduler.Call", "{\"kill\":{},\"message\":{\"agent_id\":{}}}",
      "Call: missing required fields: kill.task_id, message.agent_id.value, message.executor_id, "
      "message.data" },
    { "a null is missing", "mesos.v1.TaskID", "{\"value\":null}", "TaskID: missing required fields: value" },
    { "enum by number", "mesos.v1.scheduler.Call", "{\"type\":1}", "type: 1 is not the name of a value" },
    { "unknown required enum", "mesos.v1.TaskStatus",
      "{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_DANCING\"}",
      "state: \"TASK_DANCING\" is not a value that is known here" },
    { "a list for one value", "mesos.v1.TaskID", "{\"value\":[\"a\"]}",
      "value: an array is not a single value" },
    { "an object for text", "mesos.v1.TaskID", "{\"value\":{}}", "value: an object is not a string" },
    { "text for an object", "mesos.v1.scheduler.Call", "{\"kill\":\"all\"}",
      "kill: \"all\" is not an object" },
    { "bad base64", "mesos.v1.TaskStatus", "{\"data\":\"=\"}", "data: \"=\" is not base64 text" },
    { "text for a number", "mesos.v1.Value.Scalar", "{\"value\":\"much\"}",
      "value: \"much\" is not a number" },
    { "a port beyond 32 bits", "mesos.v1.HealthCheck.TCPCheckInfo", "{\"port\":5000000000}",
      "port: 5e+09 is not an integer from 0 to 4294967295" },
    { "a negative unsigned", "mesos.v1.HealthCheck.TCPCheckInfo", "{\"port\":-1}",
      "port: -1 is not an integer from 0 to 4294967295" },
    { "beyond 64 bits", "mesos.v1.TimeInfo", "{\"nanoseconds\":9223372036854775808}",
      "nanoseconds: \"9223372036854775808\" is not an integer of 64 bits" },
    { "a number for a boolean", "mesos.v1.CommandInfo", "{\"shell\":1}", "shell: 1 is not true or false" },
    { "an array for the message", "mesos.v1.TaskID", "[]", "TaskID: an array is not an object" },
    { "trailing text", "mesos.v1.TaskID", "{\"value\":\"t\"} x",
      "JSON, line 1 column 15: something follows the value" },
    { "a cut text", "mesos.v1.TaskID", "{\"value\":\n\"t\"", "JSON, line 2 column 4: a comma or } is due" },
    { "nothing", "mesos.v1.TaskID", "", "JSON, line 1 column 1: the text ends where a value is due" },
    { "a leading zero", "mesos.v1.Value.Scalar", "{\"value\":01}",
      "JSON, line 1 column 10: a number must not begin with 0" },
    { "a raw control character", "mesos.v1.TaskID", "{\"value\":\"\t\"}",
      "JSON, line 1 column 11: a control character in a string; write it as an escape" },
    { "an escaped NUL", "mesos.v1.TaskID", "{\"value\":\"\\u0000\"}",
      "JSON, line 1 column 17: \\u0000 is not allowed in text" },
    { "bad UTF-8", "mesos.v1.TaskID", "{\"value\":\"\xff\"}",
      "JSON: the text is not valid UTF-8 without NUL bytes" },
    { "half a character", "mesos.v1.TaskID", "{\"value\":\"\\ud800\"}",
      "JSON: an escape of half a character, or out of memory" },
};

TEST("JSON to message to JSON, rule by rule")
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const ProtobufCMessageDescriptor *type = wire_type(str_of(cases[i].type));
        struct sbuf bytes = SBUF_INIT(10000), json = SBUF_INIT(10000);
        struct error err = { .msg = "" };

        CHECK_INT(json_to_wire(type, str_of(cases[i].in), &bytes, &err), 0);
        CHECK_CSTR(err.msg, "");
        CHECK_INT(wire_check(type, sbuf_view(&bytes), &err), 0);
        CHECK(json_from_wire(&json, type, sbuf_view(&bytes)));
        if (!CHECK_STR(sbuf_view(&json), str_of(cases[i].out)))
            printf("# %s\n", cases[i].name);
        sbuf_done(&bytes);
        sbuf_done(&json);
    }
}

TEST("bad JSON is refused with the path and the value")
{
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        struct sbuf bytes = SBUF_INIT(10000);
        struct error err = { .msg = "" };

        CHECK(json_to_wire(wire_type(str_of(bad_cases[i].type)), str_of(bad_cases[i].in), &bytes, &err) < 0);
        if (!CHECK_CSTR(err.msg, bad_cases[i].error))
            printf("# %s\n", bad_cases[i].name);
        CHECK_INT(bytes.n, 0);
        sbuf_done(&bytes);
    }
}

TEST("depth is bounded in text and in messages")
{
    struct sbuf text = SBUF_INIT(1 << 20), bytes = SBUF_INIT(1 << 20);
    struct error err;
    struct cJSON *tree;

    for (int i = 0; i < 100000; i++)
        sbuf_char(&text, '[');
    CHECK_INT(json_parse(sbuf_view(&text), &tree, &err), -ERR_LIMIT);
    CHECK_CSTR(err.msg, "JSON: nested deeper than 64 levels");
    sbuf_clear(&text);
    for (int i = 0; i < 40; i++)
        sbuf_c(&text, "{\"value\":\"c\",\"parent\":");
    sbuf_c(&text, "{\"value\":\"c\"}");
    for (int i = 0; i < 40; i++)
        sbuf_char(&text, '}');
    CHECK_INT(json_to_wire(wire_type(STR("mesos.v1.ContainerID")), sbuf_view(&text), &bytes, &err),
              -ERR_LIMIT);
    CHECK_CSTR(err.msg, "messages are nested deeper than 32 levels");
    sbuf_done(&text);
    sbuf_done(&bytes);
}

TEST("interleaved lists and messages in parts are written whole")
{
    const ProtobufCMessageDescriptor *type = wire_type(STR("mesos.v1.scheduler.Call"));
    struct sbuf b = SBUF_INIT(1000), json = SBUF_INIT(1000);
    size_t mark = wire_open(&b, 4);

    wire_put_id(&b, 1, STR("o1"));
    wire_close(&b, mark);
    wire_put_u64(&b, 2, 3);
    mark = wire_open(&b, 4);
    wire_put_id(&b, 1, STR("o2"));
    wire_close(&b, mark);
    CHECK(json_from_wire(&json, type, sbuf_view(&b)));
    CHECK_STR(
        sbuf_view(&json),
        STR("{\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"o1\"},{\"value\":\"o2\"}]}}"));
    sbuf_done(&b);
    sbuf_done(&json);
}

TEST("the field that v1 lacks can be hidden")
{
    const ProtobufCMessageDescriptor *type = wire_type(STR("mesos.v1.AgentInfo"));
    struct sbuf b = SBUF_INIT(1000), json = SBUF_INIT(1000);
    struct jsonw w = JSONW(&json);

    wire_put_bytes(&b, 1, STR("h"));
    wire_put_u64(&b, 7, 1);
    CHECK(json_write_wire(&w, type, sbuf_view(&b), &(struct json_opts){ .hide_v0_fields = true }));
    CHECK_STR(sbuf_view(&json), STR("{\"hostname\":\"h\",\"port\":5051}"));
    sbuf_clear(&json);
    CHECK(json_from_wire(&json, type, sbuf_view(&b)));
    CHECK_STR(sbuf_view(&json), STR("{\"hostname\":\"h\",\"checkpoint\":true,\"port\":5051}"));
    sbuf_done(&b);
    sbuf_done(&json);
}

TEST("malformed bytes give false and still balanced JSON")
{
    struct sbuf json = SBUF_INIT(1000);

    CHECK(!json_from_wire(&json, wire_type(STR("mesos.v1.TaskID")),
                          STR("\x0a\x05"
                              "ab")));
    CHECK_STR(sbuf_view(&json), STR("{}"));
    sbuf_done(&json);
}

/* --- the writer ------------------------------------------------------------------------------------------ */

static const struct {
    double v;
    const char *text;
} doubles[] = {
    { 0, "0.0" },
    { -0.0, "-0.0" },
    { 15, "15.0" },
    { 0.1, "0.1" },
    { 0.25, "0.25" },
    { -1.5, "-1.5" },
    { 0.001, "0.001" },
    { 0.3, "0.3" },
    { 1.1, "1.1" },
    { 2048, "2048.0" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1.0 / 3, "0.3333333333333333" },
    { 1795336264.7450881, "1795336264.745088" },
    { 1795337067.279242, "1795337067.279242" },
    { 1e15, "1000000000000000.0" },
    { 1e20, "100000000000000000000.0" },
    { 1e21, "1e21" },
    { 1.5e300, "1.5e300" },
    { 1e-5, "0.00001" },
    { 0.000009216, "0.000009216" },
    { 1.5e-7, "1.5e-7" },
    { 5e-324, "5e-324" },
    { 1.7976931348623157e308, "1.7976931348623157e308" },
    { 9007199254740992, "9007199254740992.0" },
    { 123456789.123456789, "123456789.12345679" },
    { 31536000, "31536000.0" },
};

TEST("doubles have the fewest digits that read back, and a fraction")
{
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        struct sbuf b = SBUF_INIT(100);

        json_put_double(&b, doubles[i].v);
        CHECK_STR(sbuf_view(&b), str_of(doubles[i].text));
        sbuf_done(&b);
    }
}

TEST("every double reads back as itself")
{
    uint64_t x = 88172645463325252;

    for (int i = 0; i < 20000; i++) {
        struct sbuf b = SBUF_INIT(100);
        struct str rest;
        double v, back = 0;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        v = i % 3 == 0   ? wire_as_double(x)
            : i % 3 == 1 ? (double)(x % 4000000000000) / 1000
                         : (double)(x >> 20) / 1e6;
        if (!isfinite(v))
            continue;
        json_put_double(&b, v);
        rest = sbuf_view(&b);
        if (!str_double(&rest, &back) || rest.n != 0 || back != v)
            test_fail(__FILE__, __LINE__, "%.17g is written as %.*s", v, STR_ARG(sbuf_view(&b)));
        sbuf_done(&b);
    }
}

TEST("the writer sets commas, escapes, and repairs bad UTF-8")
{
    struct sbuf b = SBUF_INIT(1000);
    struct jsonw w = JSONW(&b);

    jsonw_open(&w);
    jsonw_key_s(&w, "s", STR("a\"\\\n\t\x01\x7f\xff\xc3\xa9"));
    jsonw_key_array(&w, "list");
    jsonw_i64(&w, -1);
    jsonw_u64(&w, UINT64_MAX);
    jsonw_open(&w);
    jsonw_close(&w);
    jsonw_array(&w);
    jsonw_array_close(&w);
    jsonw_null(&w);
    jsonw_raw(&w, STR("{\"x\":1}"));
    jsonw_array_close(&w);
    jsonw_key_open(&w, "o");
    jsonw_key_bool(&w, "b", true);
    jsonw_key_milli(&w, "cpus", 2500);
    jsonw_key_c(&w, "none", NULL);
    jsonw_key(&w, "bytes");
    jsonw_base64(&w, STR("\x00\xff"));
    jsonw_key(&w, "f");
    jsonw_fmt(&w, "%d", 7);
    jsonw_close(&w);
    jsonw_close(&w);
    CHECK_STR(
        sbuf_view(&b),
        STR("{\"s\":\"a\\\"\\\\\\n\\t\\u0001\x7f\xef\xbf\xbd\xc3\xa9\",\"list\":[-1,18446744073709551615,{},["
            "],null,"
            "{\"x\":1}],\"o\":{\"b\":true,\"cpus\":2.5,\"none\":null,\"bytes\":\"AP8=\",\"f\":\"7\"}}"));
    sbuf_done(&b);
}

TEST("a string is escaped wherever the byte stands that needs it, and copied whole where none does")
{
    static const struct {
        char c;
        const char *text;
    } specials[] = { { '"', "\\\"" }, { '\\', "\\\\" }, { '\n', "\\n" }, { 1, "\\u0001" }, { 0x7f, "\x7f" }, { (char)0xff, "\xef\xbf\xbd" }, { ' ', " " }, { '~', "~" } };
    struct sbuf got = SBUF_INIT(4096), want = SBUF_INIT(4096);

    for (size_t n = 0; n <= 27; n++) {
        for (size_t at = 0; at <= n; at++) {
            for (size_t k = 0; k < sizeof specials / sizeof *specials; k++) {
                char *text = malloc(n + 1); /* exactly as long, so that a reader beyond it is seen */
                sbuf_clear(&got);
                sbuf_clear(&want);
                sbuf_char(&want, '"');
                for (size_t i = 0; i < n; i++) {
                    text[i] = i == at ? specials[k].c : (char)('a' + i % 26);
                    if (i == at)
                        sbuf_c(&want, specials[k].text);
                    else
                        sbuf_char(&want, text[i]);
                }
                sbuf_char(&want, '"');
                char *exact = n != 0 ? realloc(text, n) : text;
                json_put_string(&got, str_mem(exact, n));
                CHECK_STR(sbuf_view(&got), sbuf_view(&want));
                free(exact);
            }
        }
    }
    sbuf_done(&got);
    sbuf_done(&want);
}
