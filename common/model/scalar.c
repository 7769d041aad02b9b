/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/scalar.h"

#include <inttypes.h>
#include <math.h>

bool milli_of_double(double v, int64_t *ret)
{
    if (!isfinite(v))
        return false;

    /* The product is rounded once to a double and then half away from zero: 1.0005 becomes 1.001, as with the original. */
    double scaled = v * (double)MILLI_PER_UNIT;
    if (fabs(scaled) > (double)MILLI_MAX)
        return false;
    *ret = (int64_t)llround(scaled);
    return true;
}

double milli_to_double(int64_t milli)
{
    /* Division of integers below 2^53 gives the double nearest to the decimal number, which prints short. Beyond, the whole
     * and the rest are converted apart: the rest would be lost anyway. */
    if (milli < INT64_C(1) << 53 && milli > -(INT64_C(1) << 53))
        return (double)milli / (double)MILLI_PER_UNIT;
    return (double)(milli / MILLI_PER_UNIT) + (double)(milli % MILLI_PER_UNIT) / (double)MILLI_PER_UNIT;
}

void milli_print(struct sbuf *b, int64_t milli)
{
    uint64_t magnitude = milli < 0 ? (uint64_t)0 - (uint64_t)milli : (uint64_t)milli;
    unsigned rest = (unsigned)(magnitude % 1000);

    if (milli < 0)
        sbuf_char(b, '-');
    sbuf_u64(b, magnitude / 1000);
    if (rest == 0)
        return;
    if (rest % 100 == 0)
        sbuf_fmt(b, ".%u", rest / 100);
    else if (rest % 10 == 0)
        sbuf_fmt(b, ".%02u", rest / 10);
    else
        sbuf_fmt(b, ".%03u", rest);
}

bool milli_parse(struct str s, int64_t *ret)
{
    double v;

    if (!str_double(&s, &v) || s.n != 0)
        return false;
    if (fpclassify(v) == FP_SUBNORMAL)
        return false;
    return milli_of_double(v, ret);
}
