/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/cli.h"
#include "tests/support/test.h"

enum { ARGS_MAX = 8 };

static const struct {
    const char *name;
    bool first; /* the first plain argument ends the options */
    const char *args[ARGS_MAX];
    const char *rest[ARGS_MAX];
    const char *master, *follow; /* NULL: not given */
    const char *error;           /* part of the message; NULL: none */
} cases[] = {
    { "a value behind = or as the next argument", false, { "--master=a:1" }, { 0 }, "a:1", NULL, NULL },
    { "the next argument is the value", false, { "--master", "a:1", "x" }, { "x" }, "a:1", NULL, NULL },
    { "short names", false, { "-m", "a:1", "-f" }, { 0 }, "a:1", "true", NULL },
    { "plain arguments stand anywhere", false, { "x", "-f", "y" }, { "x", "y" }, NULL, "true", NULL },
    { "a switch can be switched off", false, { "-f", "--follow=false" }, { 0 }, NULL, NULL, NULL },
    { "-- ends the options", false, { "-f", "--", "-x", "--master" }, { "-x", "--master" }, NULL, "true", NULL },
    { "a dash alone is plain", false, { "-" }, { "-" }, NULL, NULL, NULL },
    { "of a command inside nothing is taken", true, { "-f", "task", "ls", "-l", "--help" }, { "task", "ls", "-l", "--help" }, NULL,
      "true", NULL },
    { "its -- is its own", true, { "task", "sh", "--", "x" }, { "task", "sh", "--", "x" }, NULL, NULL, NULL },
    { "an unknown option", false, { "--nothing" }, { 0 }, NULL, NULL, "unknown option --nothing" },
    { "a name that is nearly right", false, { "--masters=x" }, { 0 }, NULL, NULL, "did you mean --master?" },
    { "a value is missing", false, { "--master" }, { 0 }, NULL, NULL, "--master needs a value" },
};

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

TEST("options are taken and the rest is kept")
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *master = NULL, *follow = NULL;
        const struct cli_option options[] = {
            { "master", 'm', &master, false, "" }, { "follow", 'f', &follow, true, "" }, { NULL, 0, NULL, false, NULL }
        };
        char *argv[ARGS_MAX + 2] = { strdup("test") };
        struct error err = { 0 };
        int argc = 1, count = -1, r;

        for (; argc <= ARGS_MAX && cases[i].args[argc - 1] != NULL; argc++)
            argv[argc] = strdup(cases[i].args[argc - 1]);
        int given = argc;
        char *owned[ARGS_MAX + 2];
        memcpy(owned, argv, sizeof owned);
        r = cases[i].first ? cli_options_first(argc, argv, "test", options, &count, &err)
                           : cli_options(argc, argv, "test", options, &count, &err);
        bool ok = cases[i].error != NULL ? r != 0 && strstr(err.msg, cases[i].error) != NULL
                                         : r == 0 && same(master, cases[i].master) && same(follow, cases[i].follow);
        for (int k = 0; ok && cases[i].error == NULL && k <= count; k++)
            ok = k == count ? cases[i].rest[k] == NULL : same(argv[1 + k], cases[i].rest[k]);
        if (!ok)
            printf("# %s: %s\n", cases[i].name, err.msg);
        CHECK(ok);
        for (int k = 0; k < given; k++)
            free(owned[k]);
    }
}

TEST("cells of a table are copied")
{
    static const char *const names[] = { "A", "B" };
    struct cli_table t = { .columns = 2 };

    cli_table_head(&t, names);
    cli_table_add(&t, STR("long"));
    cli_table_fmt(&t, "%d", 5);
    CHECK(t.count == 4);
    CHECK(strcmp(t.cells[2], "long") == 0);
    CHECK(strcmp(t.cells[3], "5") == 0);
    cli_table_done(&t);
    CHECK(t.count == 0);
}
