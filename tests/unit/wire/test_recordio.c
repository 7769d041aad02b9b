/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/wire/recordio.h"
#include "tests/support/test.h"

/* Reads the whole stream in pieces of this size; records are joined with '|'. */
static int read_all(struct str in, size_t piece, struct sbuf *out, struct error *err)
{
    struct recordio r;
    struct str record;
    int rc = 0;

    recordio_init(&r, 300);
    while (rc >= 0 && in.n != 0) {
        struct str part = str_sub(in, 0, piece);

        in = str_sub(in, piece, in.n);
        while ((rc = recordio_next(&r, &part, &record, err)) == 1) {
            sbuf_str(out, record);
            sbuf_char(out, '|');
        }
    }
    if (rc == 0 && recordio_partial(&r))
        rc = 2;
    recordio_done(&r);
    return rc;
}

static const struct {
    const char *name, *in, *records;
    int rc;
    const char *error;
} cases[] = {
    { "records in a row", "3\nabc1\nd", "abc|d|", 0, "" },
    { "an empty record", "0\n2\nxy", "|xy|", 0, "" },
    { "a cut record", "5\nabc", "", 2, "" },
    { "a cut length", "12", "", 2, "" },
    { "a length without digits", "\nabc", "", -ERR_PROTOCOL,
      "record stream: byte 0x0a where the decimal length of a record is due" },
    { "a letter in the length", "1x\na", "", -ERR_PROTOCOL,
      "record stream: byte 0x78 where the decimal length of a record is due" },
    { "a record too long", "1\na301\n", "a|", -ERR_LIMIT,
      "record stream: a record is longer than the 300 bytes allowed" },
    { "a length that overflows", "99999999999999999999999\n", "", -ERR_LIMIT,
      "record stream: a record is longer than the 300 bytes allowed" },
    { "many leading zeros", "000000000000000000003\nabc", "", -ERR_PROTOCOL,
      "record stream: byte 0x33 where the decimal length of a record is due" },
};

TEST("streams in pieces of every size give the same records")
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece < 30; piece++) {
            struct sbuf out = SBUF_INIT(1000);
            struct error err = { .msg = "" };

            CHECK_INT(read_all(str_of(cases[i].in), piece, &out, &err), cases[i].rc);
            CHECK_STR(sbuf_view(&out), str_of(cases[i].records));
            CHECK_CSTR(err.msg, cases[i].error);
            sbuf_done(&out);
        }
    }
}

TEST("what is framed is read back")
{
    struct sbuf framed = SBUF_INIT(1000), out = SBUF_INIT(1000);
    struct error err;

    recordio_put(&framed, STR("hello"));
    recordio_put(&framed, STR(""));
    recordio_put(&framed, STR("12\n34"));
    CHECK_STR(sbuf_view(&framed), STR("5\nhello0\n5\n12\n34"));
    CHECK_INT(read_all(sbuf_view(&framed), 3, &out, &err), 0);
    CHECK_STR(sbuf_view(&out), STR("hello||12\n34|"));
    sbuf_done(&framed);
    sbuf_done(&out);
}

TEST("a broken stream stays broken")
{
    struct recordio r;
    struct str in = STR("x"), record;

    recordio_init(&r, 10);
    CHECK_INT(recordio_next(&r, &in, &record, NULL), -ERR_PROTOCOL);
    in = STR("1\na");
    CHECK_INT(recordio_next(&r, &in, &record, NULL), -ERR_PROTOCOL);
    recordio_done(&r);
}
