/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts as fixed point: thousandths in an int64 ("milli"). The wire has doubles; they are rounded to three decimals on
 * the way in and compared, added and subtracted as integers. Source: reference of the allocator, section 1. */
#ifndef STOA_MODEL_SCALAR_H
#define STOA_MODEL_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

#define MILLI_PER_UNIT INT64_C(1000)
/* Larger magnitudes (in milli) are refused from outside, so that sums of 1000 of them cannot overflow. */
#define MILLI_MAX (INT64_MAX / 1024)

/* Half away from zero; false for NaN, infinity, or a magnitude over MILLI_MAX. */
bool milli_of_double(double v, int64_t *ret);
double milli_to_double(int64_t milli);
/* As few digits as needed, at most 15 significant: 500 gives "0.5", 1000 gives "1". */
void milli_print(struct sbuf *b, int64_t milli);
/* A decimal number; false on trailing text, NaN, infinity, subnormal, or out of range. */
bool milli_parse(struct str s, int64_t *ret);

static inline int64_t milli_add_sat(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? (a < 0 ? INT64_MIN : INT64_MAX) : r;
}

#endif
