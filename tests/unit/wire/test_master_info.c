/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON texts are those that an original master wrote (docs/wire.md: recordings). */
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/master_info.h"
#include "proto/mesos_v1.pb-c.h"
#include "tests/support/test.h"

static const char recorded[] =
    "{\"address\":{\"hostname\":\"m1.example\",\"ip\":\"127.0.5.6\",\"port\":5050},\"capabilities\":[{"
    "\"type\":\"AGENT_UPDATE\"},"
    "{\"type\":\"AGENT_DRAINING\"},{\"type\":\"QUOTA_V2\"}],\"hostname\":\"m1.example\",\"id\":\"6f1c54cc-"
    "44b0-48a1-bcf0-"
    "58d7afc69831\",\"ip\":100991103,\"pid\":\"master@127.0.5.6:5050\",\"port\":5050,\"version\":\"1.12.0\"}";

TEST("what is written is byte for byte what an original master writes")
{
    struct sbuf wire = SBUF_INIT(4096), json = SBUF_INIT(4096);
    struct error err = { .msg = "" };

    CHECK_INT(json_to_wire(&mesos__v1__master_info__descriptor, str_of(recorded), &wire, &err), 0);
    master_info_put_json(&json, sbuf_view(&wire));
    CHECK_CSTR(json.p, recorded);
    struct master_addr m;
    REQUIRE(master_info_read(CANDIDATE_PROTOBUF, sbuf_view(&wire), &m, &err) == 0);
    CHECK_CSTR(m.pid, "master@127.0.5.6:5050");
    CHECK_CSTR(m.address, "m1.example:5050");
    sbuf_done(&wire);
    sbuf_done(&json);
}

static const struct {
    const char *name;
    enum candidate_label label;
    const char *content, *pid, *address; /* pid NULL: refused */
} cases[] = {
    { "a recorded node", CANDIDATE_JSON, recorded, "master@127.0.5.6:5050", "m1.example:5050" },
    { "packed ip and port alone", CANDIDATE_JSON, "{\"id\":\"a\",\"ip\":16777226,\"port\":5051}",
      "master@10.0.0.1:5051", "10.0.0.1:5051" },
    { "the pid alone", CANDIDATE_JSON, "{\"pid\":\"master@10.0.0.2:5050\"}", "master@10.0.0.2:5050",
      "10.0.0.2:5050" },
    { "address wins over ip", CANDIDATE_JSON,
      "{\"address\":{\"ip\":\"10.1.1.1\",\"port\":1},\"ip\":16777226,\"port\":5050}", "master@10.1.1.1:1",
      "10.1.1.1:1" },
    { "a pid as plain text", CANDIDATE_PID, "master@10.0.0.3:5050\n", "master@10.0.0.3:5050",
      "10.0.0.3:5050" },
    { "no JSON", CANDIDATE_JSON, "{\"ip\":", NULL, NULL },
    { "JSON of something else", CANDIDATE_JSON, "[1]", NULL, NULL },
    { "no place", CANDIDATE_JSON, "{\"id\":\"a\"}", NULL, NULL },
    { "a port that is none", CANDIDATE_JSON, "{\"ip\":16777226,\"port\":70000}", NULL, NULL },
    { "nonsense as a pid", CANDIDATE_PID, "master@", NULL, NULL },
    { "an unknown label", CANDIDATE_UNKNOWN, recorded, NULL, NULL },
};

TEST("contents of leading nodes")
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct master_addr m = { .port = 0 };
        struct error err = { .msg = "" };
        int rc = master_info_read(cases[i].label, str_of(cases[i].content), &m, &err);
        if ((rc == 0) != (cases[i].pid != NULL))
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].name, rc, err.msg);
        if (rc == 0 && cases[i].pid != NULL) {
            CHECK_CSTR(m.pid, cases[i].pid);
            CHECK_CSTR(m.address, cases[i].address);
        }
    }
}
