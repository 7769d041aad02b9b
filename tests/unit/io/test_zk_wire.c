/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/io/zk_wire.h"
#include "tests/support/test.h"

#define BYTES(literal) ((struct str){ literal, sizeof literal - 1 })

TEST("questions are the bytes that servers take")
{
    struct sbuf b = SBUF_INIT(4096);

    zkw_put_hello(&b, 0x0102, 30000);
    CHECK_STR(sbuf_view(&b), BYTES("\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\x01\x02\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    sbuf_clear(&b);
    zkw_put_auth(&b, STR("u:p"));
    CHECK_STR(sbuf_view(&b), BYTES("\0\0\0\x1d\xff\xff\xff\xfc\0\0\0\x64\0\0\0\0\0\0\0\x06"
                                   "digest\0\0\0\x03u:p"));
    sbuf_clear(&b);
    sbuf_c(&b, "before");
    size_t begin = zkw_gets_begin(&b, 7);
    zkw_gets_add(&b, STR("/a"));
    zkw_gets_end(&b, begin);
    CHECK_STR(sbuf_view(&b), BYTES("before\0\0\0\x21\0\0\0\x07\0\0\0\x16\0\0\0\x04\0\xff\xff\xff\xff\0\0\0\x02/a\0"
                                   "\xff\xff\xff\xff\x01\xff\xff\xff\xff"));
    sbuf_clear(&b);
    zkw_put_farewell(&b, 8);
    CHECK_STR(sbuf_view(&b), BYTES("\0\0\0\x08\0\0\0\x08\xff\xff\xff\xf5"));
    sbuf_done(&b);
}

#define HEAD "\0\0\0\x07\0\0\0\0\0\0\0\x09\0\0\0\0"
#define STAT                                                                                        \
    "\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\x01"
#define NODE "\0\0\0\x04\0\0\0\0\0\0\0\0\x05value" STAT
#define NONE "\xff\xff\xff\xff\0\xff\xff\xff\x9b\xff\xff\xff\x9b"
#define END "\xff\xff\xff\xff\x01\xff\xff\xff\xff"

TEST("an answer: a node, one that is not there, the end")
{
    struct str s = BYTES(HEAD NODE NONE END);
    struct zkw_head head;
    struct zkw_node node;

    REQUIRE(zkw_take_head(&s, &head));
    CHECK_INT(head.xid, 7);
    CHECK_INT(head.zxid, 9);
    CHECK_INT(head.err, ZKW_OK);
    REQUIRE(zkw_take_node(&s, &node));
    CHECK_INT(node.err, ZKW_OK);
    CHECK_STR(node.data, STR("value"));
    CHECK_INT(node.zxid, 2);
    CHECK_INT(node.version, 3);
    CHECK_INT(node.data_bytes, 5);
    REQUIRE(zkw_take_node(&s, &node));
    CHECK_INT(node.err, ZKW_NO_NODE);
    CHECK_INT(node.data.n, 0);
    struct str again = s;
    CHECK(!zkw_take_node(&again, &node));
    CHECK(zkw_take_end(&s));
}

TEST("what ends early or is something else is no answer")
{
    static const char whole[] = HEAD NODE NONE END;
    struct zkw_head head;
    struct zkw_node node;

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct str s = { whole, n };
        CHECK(!(zkw_take_head(&s, &head) && zkw_take_node(&s, &node) && zkw_take_node(&s, &node) && zkw_take_end(&s)));
    }
    static const struct str others[] = {
        { "\0\0\0\x05\0\0\0\0\0", 9 },                       /* another operation */
        { "\0\0\0\x04\0\0\0\0\0\x7f\xff\xff\xff" STAT, 81 }, /* longer than there is */
        { "\0\0\0\x04\0\0\0\0\0\xff\xff\xff\xfe" STAT, 81 }, /* a negative length */
        { "\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0", 13 },        /* an error that is none */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct str s = others[i];
        CHECK(!zkw_take_node(&s, &node));
    }
    CHECK(zkw_hello_ok(BYTES("\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\x01\0\0\0\0")));
    CHECK(!zkw_hello_ok(BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"))); /* the session is over */
    CHECK(!zkw_hello_ok(BYTES("\0\0\0\0")));
}

TEST("frames are cut when they are whole")
{
    struct str rest = BYTES("\0\0\0\x02"
                            "ab\0\0\0\0\0\0\0\x03"
                            "cd"),
               frame;

    CHECK_INT(zkw_cut(&rest, &frame), ZKW_WHOLE);
    CHECK_STR(frame, STR("ab"));
    CHECK_INT(zkw_cut(&rest, &frame), ZKW_WHOLE);
    CHECK_INT(frame.n, 0);
    CHECK_INT(zkw_cut(&rest, &frame), ZKW_MORE);
    CHECK_INT(rest.n, 6);
    rest = BYTES("\0\0\0");
    CHECK_INT(zkw_cut(&rest, &frame), ZKW_MORE);
    rest = BYTES("HTTP/1.1 400");
    CHECK_INT(zkw_cut(&rest, &frame), ZKW_BROKEN);
    rest = BYTES("\xff\xff\xff\xff");
    CHECK_INT(zkw_cut(&rest, &frame), ZKW_BROKEN);
}
