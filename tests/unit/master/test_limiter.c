/* SPDX-License-Identifier: Apache-2.0 */
/* How messages of a principal are spaced. */
#include "master/core/limiter.h"
#include "tests/support/test.h"

#define MS 1000000

static const struct {
    const char *name;
    struct limiter limiter;
    const char *script;  /* at 0, 10, 20 ... ms: a message (m), a broken link (x), a look at what waits (r), nothing (.) */
    const char *answers; /* p passed, w waits, o over; x follows, X nothing to follow; r released, - not */
} cases[] = {
    { "no qps: everything passes", { 0 }, "mmmm", "pppp" },
    { "the first passes, the next waits for its time", { .interval_ns = 25 * MS }, "mm.r", "pw r" },
    { "one that comes late passes at once", { .interval_ns = 15 * MS }, "m.m", "p p" },
    { "what waits is let through in even steps", { .interval_ns = 20 * MS }, "mmmrrrr", "pwwrr--" },
    { "no burst after a pause", { .interval_ns = 25 * MS }, "mmm....rr", "pww    r-" },
    { "over the capacity", { .interval_ns = 50 * MS, .bounded = true, .capacity = 1 }, "mmmrrrm", "pwo--rw" },
    { "capacity 0 lets nothing pass", { .interval_ns = 50 * MS, .bounded = true }, "mm", "oo" },
    { "a broken link stays behind the messages", { .interval_ns = 100 * MS, .bounded = true, .capacity = 1 }, "xmmx", "Xpwx" },
};

TEST("messages of a principal are spaced")
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct limiter l = cases[i].limiter;
        char got[32] = "";
        for (size_t n = 0; cases[i].script[n] != '\0'; n++) {
            struct mono now = { (int64_t)n * 10 * MS };
            switch (cases[i].script[n]) {
            case 'm':
                got[n] = "pwo"[limiter_admit(&l, now)];
                break;
            case 'x':
                got[n] = limiter_follow(&l) ? 'x' : 'X';
                break;
            case 'r':
                got[n] = limiter_release(&l, now) ? 'r' : '-';
                break;
            default:
                got[n] = ' ';
                break;
            }
        }
        CHECK_CSTR(got, cases[i].answers);
        if (l.waiting == 0)
            CHECK_INT(limiter_due(&l).ns, INT64_MAX);
    }
}
