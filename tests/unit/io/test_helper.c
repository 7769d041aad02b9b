/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/helper.h"

#include <string.h>

#include "common/io/loop.h"
#include "tests/support/test.h"

TEST("a command is asked: its text as far as there is room, its status")
{
    static const struct {
        const char *command, *text;
        int status;
    } cases[] = {
        { "echo 127.0.0.1", "127.0.0.1\n", 0 },
        { "exit 3", "", 3 << 8 },
        { "kill -9 $$", "", 9 },
        { "yes 0123456789 | head -c 1000000", "0123456789\n0123", 0 }, /* read to its end all the same */
        { "exec >&-; sleep 0.05", "", 0 },                            /* says nothing, and is waited for */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        char text[16];
        int status = -1;
        CHECK_INT(helper_ask(cases[i].command, 60 * NS_PER_S, text, sizeof text, &status, &err), 0);
        CHECK(strcmp(text, cases[i].text) == 0);
        CHECK_INT(status, cases[i].status);
    }
}

TEST("a command that does not end is killed with all that holds its output")
{
    static const char *const commands[] = { "sleep 1000", "exec >&-; sleep 1000", "sleep 1000 & exit 0", "yes", "trap '' TERM; sleep 1000 | cat" };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct error err = { 0 };
        char text[16];
        int status = -1;
        struct mono begun = loop_clock();
        CHECK_INT(helper_ask(commands[i], 100 * NS_PER_MS, text, sizeof text, &status, &err), -(int)ERR_TIMEOUT);
        CHECK(strcmp(err.msg, "it was not over after 100 ms") == 0);
        CHECK(loop_clock().ns - begun.ns < 500 * NS_PER_S);
    }
}
