/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/wire/guard.h"
#include "common/wire/types.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "tests/support/test.h"

#define CALL &mesos__v1__scheduler__call__descriptor

static struct str task_id(struct sbuf *b, const char *id)
{
    wire_put_bytes(b, 1, str_of(id));
    return sbuf_view(b);
}

TEST("missing required fields are listed by their paths")
{
    struct sbuf b = SBUF_INIT(1000);
    struct error err;
    size_t subscribe, info;

    wire_put_u64(&b, 2, 1);
    subscribe = wire_open(&b, 3);
    info = wire_open(&b, 1);
    wire_put_bytes(&b, 2, STR("name"));
    wire_close(&b, info);
    wire_close(&b, subscribe);
    CHECK_INT(wire_check(CALL, sbuf_view(&b), &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "Call: missing required fields: subscribe.framework_info.user");
    sbuf_done(&b);
}

TEST("paths of repeated fields have an index")
{
    struct sbuf b = SBUF_INIT(1000);
    struct error err;
    size_t accept, op, launch, task;

    accept = wire_open(&b, 4);
    op = wire_open(&b, 2);
    wire_close(&b, op);
    op = wire_open(&b, 2);
    launch = wire_open(&b, 2);
    task = wire_open(&b, 1);
    wire_put_bytes(&b, 1, STR("t"));
    wire_put_id(&b, 2, STR("t"));
    wire_close(&b, task);
    wire_close(&b, launch);
    wire_close(&b, op);
    wire_close(&b, accept);
    CHECK_INT(wire_check(CALL, sbuf_view(&b), &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "Call: missing required fields: accept.operations[1].launch.task_infos[0].agent_id");
    sbuf_done(&b);
}

/* ContainerID nested so many times: value, and parent. */
static void nest(struct sbuf *b, unsigned levels)
{
    size_t mark;

    wire_put_bytes(b, 1, STR("c"));
    if (levels == 0)
        return;
    mark = wire_open(b, 2);
    nest(b, levels - 1);
    wire_close(b, mark);
}

TEST("32 levels are taken, 33 are not, and ten thousand do not overflow the stack")
{
    struct sbuf b = SBUF_INIT(1 << 20);
    struct error err;

    nest(&b, 32);
    CHECK_INT(wire_check(&mesos__v1__container_id__descriptor, sbuf_view(&b), &err), 0);
    sbuf_clear(&b);
    nest(&b, 33);
    CHECK_INT(wire_check(&mesos__v1__container_id__descriptor, sbuf_view(&b), &err), -ERR_LIMIT);
    CHECK_CSTR(err.msg, "messages are nested deeper than 32 levels");
    sbuf_clear(&b);
    nest(&b, 10000);
    CHECK_INT(wire_check(&mesos__v1__container_id__descriptor, sbuf_view(&b), &err), -ERR_LIMIT);
    sbuf_done(&b);
}

static const struct {
    const char *name;
    struct str bytes;
    const char *error;
} bad_task_ids[] = {
    { "a cut length", STR_INIT("\x0a"), "TaskID: the protobuf bytes are malformed or cut short" },
    { "a length beyond the end",
      STR_INIT("\x0a\x05"
               "abc"),
      "TaskID: the protobuf bytes are malformed or cut short" },
    { "field number 0",
      STR_INIT("\x0a\x01"
               "a\x02\x00"),
      "TaskID: the protobuf bytes are malformed or cut short" },
    { "a group",
      STR_INIT("\x0a\x01"
               "a\x13\x14"),
      "TaskID: the protobuf bytes are malformed or cut short" },
    { "an endless varint",
      STR_INIT("\x0a\x01"
               "a\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
      "TaskID: the protobuf bytes are malformed or cut short" },
    { "a string that is a number", STR_INIT("\x08\x01"),
      "field value: it has the wire type of another kind of field" },
    { "bad UTF-8", STR_INIT("\x0a\x02\xc3\x28"),
      "field value: the text is not valid UTF-8 without NUL bytes" },
    { "a NUL",
      STR_INIT("\x0a\x03"
               "a\x00"
               "b"),
      "field value: the text is not valid UTF-8 without NUL bytes" },
    { "a NUL among eight",
      STR_INIT("\x0a\x09"
               "abc\x00"
               "efghi"),
      "field value: the text is not valid UTF-8 without NUL bytes" },
    { "nothing", STR_INIT(""), "TaskID: missing required fields: value" },
};

TEST("malformed bytes are refused with the reason")
{
    for (size_t i = 0; i < sizeof bad_task_ids / sizeof bad_task_ids[0]; i++) {
        struct error err = { .msg = "" };

        CHECK_INT(wire_check(&mesos__v1__task_id__descriptor, bad_task_ids[i].bytes, &err), -ERR_INVALID);
        CHECK_CSTR(err.msg, bad_task_ids[i].error);
    }
}

TEST("an unknown value of an optional enum reads as unset and is written again")
{
    struct arena a = ARENA_INIT(10000);
    struct sbuf b = SBUF_INIT(100), again = SBUF_INIT(100);
    struct error err = { .msg = "" };
    Mesos__V1__Scheduler__Call *call = NULL;

    wire_put_u64(&b, 2, 99);
    CHECK_INT(WIRE_UNPACK(mesos__v1__scheduler__call, sbuf_view(&b), &a, &call, &err), 0);
    CHECK_CSTR(err.msg, "");
    CHECK(call != NULL && !call->has_type);
    CHECK_INT(call->type, MESOS__V1__SCHEDULER__CALL__TYPE__UNKNOWN);
    CHECK(WIRE_PACK(&again, call));
    CHECK_STR(sbuf_view(&again), sbuf_view(&b));
    arena_done(&a);
    sbuf_done(&b);
    sbuf_done(&again);
}

TEST("an unknown value of a required enum is a missing field")
{
    struct sbuf b = SBUF_INIT(100);
    struct error err;

    wire_put_id(&b, 1, STR("t"));
    wire_put_u64(&b, 2, 99);
    CHECK_INT(wire_check(&mesos__v1__task_status__descriptor, sbuf_view(&b), &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "TaskStatus: missing required fields: state");
    sbuf_done(&b);
}

TEST("a map entry without a value has an empty one, which is incomplete when its message has required fields")
{
    struct sbuf b = SBUF_INIT(100);
    struct error err;
    size_t mark;

    wire_put_bytes(&b, 1, STR("role"));
    mark = wire_open(&b, 3);
    wire_put_bytes(&b, 1, STR("cpus"));
    wire_close(&b, mark);
    CHECK_INT(wire_check(wire_type(STR("mesos.v1.quota.QuotaConfig")), sbuf_view(&b), &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "QuotaConfig: missing required fields: limits[0].value.value");
    sbuf_done(&b);
}

TEST("memory is bounded by the arena's budget")
{
    struct arena a = ARENA_INIT(100000);
    struct sbuf b = SBUF_INIT(1 << 20);
    struct error err;
    Mesos__V1__TaskID *id;

    (void)task_id(&b, "t");
    for (int i = 0; i < 30000; i++) /* unknown fields take 32 bytes each in memory, two on the wire */
        wire_put_u64(&b, 15, 1);
    CHECK_INT(WIRE_UNPACK(mesos__v1__task_id, sbuf_view(&b), &a, &id, &err), -ERR_NOMEM);
    arena_done(&a);
    sbuf_done(&b);
}

TEST("fields are found, read and left out without a descriptor")
{
    struct sbuf b = SBUF_INIT(100), copy = SBUF_INIT(100);
    struct wire_field f;

    wire_put_bytes(&b, 1, STR("name"));
    wire_put_id(&b, 2, STR("task-1"));
    wire_put_double(&b, 3, 0.5);
    wire_put_i64(&b, 4, -1);
    CHECK_STR(wire_field_bytes(sbuf_view(&b), 1), STR("name"));
    CHECK_STR(wire_path(sbuf_view(&b), 2, 1, 0), STR("task-1"));
    CHECK(wire_path(sbuf_view(&b), 9, 1, 0).p == NULL);
    CHECK(wire_field_double(sbuf_view(&b), 3, 0) == 0.5);
    CHECK_INT((int64_t)wire_field_u64(sbuf_view(&b), 4, 0), -1);
    CHECK_INT(wire_field_u64(sbuf_view(&b), 5, 7), 7);
    CHECK(wire_copy_without(&copy, sbuf_view(&b), 2));
    CHECK(!wire_field_find(sbuf_view(&copy), 2, &f));
    CHECK(wire_field_find(sbuf_view(&copy), 4, &f));
    sbuf_done(&b);
    sbuf_done(&copy);
}

TEST("a sub-message written in place has the shortest length at every size")
{
    static const size_t sizes[] = { 0, 1, 127, 128, 129, 16383, 16384, 300000 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sbuf content = SBUF_INIT(1 << 20), open = SBUF_INIT(1 << 20), whole = SBUF_INIT(1 << 20);
        size_t mark;

        for (size_t k = 0; k < sizes[i]; k++)
            sbuf_char(&content, (char)k);
        mark = wire_open(&open, 3);
        sbuf_str(&open, sbuf_view(&content));
        wire_close(&open, mark);
        wire_put_bytes(&whole, 3, sbuf_view(&content));
        CHECK(str_eq(sbuf_view(&open), sbuf_view(&whole)));
        sbuf_done(&content);
        sbuf_done(&open);
        sbuf_done(&whole);
    }
}

TEST("a message with a missing string is not packed")
{
    struct sbuf b = SBUF_INIT(100);
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;

    id.value = NULL;
    CHECK(!WIRE_PACK(&b, &id));
    sbuf_done(&b);
}

TEST("types are found by their full names")
{
    CHECK(wire_type(STR("mesos.internal.RunTaskMessage")) == &mesos__internal__run_task_message__descriptor);
    CHECK(wire_type(STR("mesos.v1.Offer.Operation")) == &mesos__v1__offer__operation__descriptor);
    CHECK(wire_type(STR("mesos.internal.RunTaskMessag")) == NULL);
    CHECK(wire_type(STR("")) == NULL);
}
