/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/framework.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/time.h"

#define FILTER_DEFAULT_NS (5 * NS_PER_S)
#define FILTER_MAX_NS     (365 * 24 * 3600 * NS_PER_S)

struct framework_info *framework_info_new(void)
{
    struct framework_info *f = xcalloc(1, sizeof *f);

    f->refs = 1;
    return f;
}

void framework_info_unref(struct framework_info *f)
{
    if (f == NULL)
        return;
    ASSERT(f->refs > 0);
    if (--f->refs > 0)
        return;
    framework_id_done(&f->id);
    free(f->name);
    free(f->user);
    free(f->principal);
    free(f->hostname);
    free(f->webui_url);
    for (size_t i = 0; i < f->role_count; i++)
        name_unref(f->roles[i]);
    free(f->roles);
    for (size_t i = 0; i < f->offer_filter_count; i++) {
        struct role_offer_filter *x = &f->offer_filters[i];
        name_unref(x->role);
        for (size_t j = 0; j < x->count; j++)
            quantities_done(&x->alternatives[j]);
        free(x->alternatives);
    }
    free(f->offer_filters);
    blob_unref(f->raw);
    free(f);
}

bool framework_info_has_role(const struct framework_info *f, struct str role)
{
    for (size_t i = 0; i < f->role_count; i++)
        if (str_eq(name_str(f->roles[i]), role))
            return true;
    return false;
}

const struct role_offer_filter *framework_info_offer_filter(const struct framework_info *f, const struct name *role)
{
    for (size_t i = 0; i < f->offer_filter_count; i++)
        if (f->offer_filters[i].role == role)
            return &f->offer_filters[i];
    return NULL;
}

int64_t filter_refuse_ns(bool has_refuse_seconds, double refuse_seconds)
{
    int64_t ns;

    if (!has_refuse_seconds || isnan(refuse_seconds) || refuse_seconds < 0)
        return FILTER_DEFAULT_NS;
    if (!seconds_to_ns(refuse_seconds, &ns)) /* beyond what nanoseconds can say: the original falls back as well */
        return FILTER_DEFAULT_NS;
    return ns > FILTER_MAX_NS ? FILTER_MAX_NS : ns;
}
