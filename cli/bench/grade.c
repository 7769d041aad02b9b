/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations of a scenario: kept as text for the report, with what was seen instead when they fail. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/bench/bench.h"

static struct bench_check *check_add(struct bench *b)
{
    return b->check_count < BENCH_CHECKS_MAX ? &b->checks[b->check_count++] : NULL;
}

void bench_problem(struct bench *b, const char *rule, const char *fmt, ...)
{
    struct bench_check *c;
    va_list ap;

    b->problems++;
    for (size_t i = 0; i < b->check_count; i++)
        if (!b->checks[i].ok && strcmp(b->checks[i].expected, rule) == 0)
            return; /* one of each kind tells enough */
    c = check_add(b);
    if (c == NULL)
        return;
    (void)snprintf(c->expected, sizeof c->expected, "%s", rule);
    va_start(ap, fmt);
    (void)vsnprintf(c->seen, sizeof c->seen, fmt, ap);
    va_end(ap);
}

bool bench_expect(struct bench *b, bool ok, const char *expected, const char *fmt, ...)
{
    struct bench_check *c = check_add(b);
    va_list ap;

    if (c == NULL)
        return ok;
    *c = (struct bench_check){ .ok = ok };
    (void)snprintf(c->expected, sizeof c->expected, "%s", expected);
    va_start(ap, fmt);
    (void)vsnprintf(c->seen, sizeof c->seen, fmt, ap);
    va_end(ap);
    return ok;
}

const char *bench_call_name(unsigned type)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__scheduler__call__type__descriptor, (int)type);

    return v != NULL ? v->name : "UNKNOWN";
}

void bench_summary(const struct bench *b, char *ret, size_t size)
{
    size_t n = 0;

    ret[0] = 0;
    for (unsigned i = 1; i < BENCH_CALL_TYPES && n < size; i++)
        if (b->calls[i] != 0)
            n += (size_t)snprintf(ret + n, size - n, "%s%s %u", n != 0 ? ", " : "", bench_call_name(i), b->calls[i]);
    if (n == 0)
        (void)snprintf(ret, size, "none");
}

void bench_pause(struct bench *b, int64_t ns)
{
    struct mono until = mono_add(loop_clock(), ns);
    int64_t left;

    while ((left = mono_diff(until, loop_clock())) > 0)
        loop_turn(b->loop, left < 20 * NS_PER_MS ? left : 20 * NS_PER_MS);
}

static void exit_text(const struct bench *b, char *ret, size_t size)
{
    if (b->exit_status >= 0 && (b->exit_status & 0x7f) == 0)
        (void)snprintf(ret, size, "the program ended with exit status %d", (b->exit_status >> 8) & 0xff);
    else
        (void)snprintf(ret, size, "the program was ended by signal %d", b->exit_status & 0x7f);
}

bool bench_wait(struct bench *b, bench_cond *cond, const void *arg, const char *expected)
{
    struct mono until = mono_add(loop_clock(), b->patience_ns);
    char calls[300], why[100] = "";
    bool ok;

    while (!(ok = cond(b, arg)) && b->pid != 0 && mono_before(loop_clock(), until))
        loop_turn(b->loop, 20 * NS_PER_MS);
    ok = ok || cond(b, arg);
    if (!ok && b->pid == 0)
        exit_text(b, why, sizeof why);
    else
        (void)snprintf(why, sizeof why, "nothing such within %lld s", (long long)(b->patience_ns / NS_PER_S));
    bench_summary(b, calls, sizeof calls);
    return bench_expect(b, ok, expected, "%s; calls so far: %s", why, calls);
}
