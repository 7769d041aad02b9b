/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_case *first, **last = &first;
static bool failed, skipped;

void test_register(struct test_case *c)
{
    *last = c;
    last = &c->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    failed = true;
    printf("# %s:%d: ", file, line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

static char skip_reason[256];

void test_skip(const char *fmt, ...)
{
    va_list ap;

    skipped = true;
    va_start(ap, fmt);
    (void)vsnprintf(skip_reason, sizeof skip_reason, fmt, ap);
    va_end(ap);
}

bool test_check_str(const char *file, int line, const char *expr, struct str got, struct str want)
{
    if (str_eq(got, want))
        return true;
    test_fail(file, line, "%s is \"%.*s\", not \"%.*s\"", expr, STR_ARG(got), STR_ARG(want));
    return false;
}

int main(int argc, char **argv)
{
    int number = 0, failures = 0;

    for (struct test_case *c = first; c != NULL; c = c->next) {
        number++;
        if (argc > 1 && atol(argv[1]) != number && strstr(c->name, argv[1]) == NULL)
            continue;
        failed = skipped = false;
        c->fn();
        if (failed)
            failures++;
        printf("%s %d - %s%s%s\n", failed ? "not ok" : "ok", number, c->name, skipped ? " # SKIP " : "",
               skipped ? skip_reason : "");
        fflush(stdout);
    }
    return failures != 0;
}
