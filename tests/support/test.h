/* SPDX-License-Identifier: Apache-2.0 */
/* The test harness of the unit tests. A case is a function with a sentence for a name:
 *
 *     TEST("a filter of 5 s hides the offer until it expires")
 *     {
 *         CHECK_INT(offers_count(m), 0);
 *     }
 *
 * Cases run in file order. A failed CHECK prints where and what, marks the case failed and goes on;
 * REQUIRE leaves the case. The program prints TAP and exits 1 when a case failed. Run one case with
 * its number or a part of its name as the argument. */
#ifndef STOA_TEST_H
#define STOA_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct test_case {
    const char *name;
    void (*fn)(void);
    struct test_case *next;
};

void test_register(struct test_case *c);
void test_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Marks the running case skipped, with the reason; return after it. */
void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool test_check_str(const char *file, int line, const char *expr, struct str got, struct str want);

#define TEST_CAT_(a, b) a##b
#define TEST_CAT(a, b)  TEST_CAT_(a, b)
#define TEST(name_) TEST_N(name_, __LINE__)
#define TEST_N(name_, n) TEST_M(name_, TEST_CAT(test_fn_, n), TEST_CAT(test_case_, n), TEST_CAT(test_ctor_, n))
#define TEST_M(name_, fn_, case_, ctor_)                                   \
    static void fn_(void);                                                 \
    static struct test_case case_ = { name_, fn_, NULL };                  \
    __attribute__((constructor)) static void ctor_(void)                   \
    {                                                                      \
        test_register(&case_);                                             \
    }                                                                      \
    static void fn_(void)

#define CHECK(x) ((x) ? true : (test_fail(__FILE__, __LINE__, "%s", #x), false))
#define REQUIRE(x)      \
    do {                \
        if (!CHECK(x))  \
            return;     \
    } while (0)
#define CHECK_INT(got, want)                                                                          \
    do {                                                                                              \
        int64_t g_ = (int64_t)(got), w_ = (int64_t)(want);                                            \
        if (g_ != w_)                                                                                 \
            test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #got, (long long)g_, (long long)w_); \
    } while (0)
/* got and want are struct str; CHECK_CSTR takes C strings. */
#define CHECK_STR(got, want)  test_check_str(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_CSTR(got, want) test_check_str(__FILE__, __LINE__, #got, str_of(got), str_of(want))

#endif
