/* SPDX-License-Identifier: Apache-2.0 */
/* Text of flags: resources (both forms), attributes, quantities, durations of patterns. What is taken must print to text
 * that is taken again and means the same. */
#include <stdint.h>
#include <stdlib.h>

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/model/attributes.h"
#include "common/model/pattern.h"
#include "common/model/resources.h"
#include "common/wire/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_plain(const struct resources *r) /* names that the text form can say again */
{
    for (uint32_t i = 0; i < r->n; i++) {
        struct str name = name_str(r->v[i].name);
        for (size_t k = 0; k < name.n; k++)
            if (name.p[k] == '(' || name.p[k] == ')' || name.p[k] == ';' || name.p[k] == ':')
                return false;
        if (!str_eq(str_trim(name), name) || r->v[i].reservations != NULL || r->v[i].type == VALUE_SET)
            return false;
    }
    return true;
}

static void resources_text(struct str text)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 22);
    CLEANUP(resources_done_p) struct resources r = RESOURCES_INIT, again = RESOURCES_INIT, twice = RESOURCES_INIT;

    if (resources_parse(text, STR("*"), &r, NULL) != 0)
        return;
    ASSERT(resources_eq(&r, &r));
    twice = resources_copy(&r);
    resources_add_all(&twice, &r);
    ASSERT(resources_contains(&twice, &r));
    if (!is_plain(&r) || r.n == 0)
        return;
    resources_print(&b, &r);
    ASSERT(sbuf_ok(&b));
    ASSERT(resources_parse(sbuf_view(&b), STR("*"), &again, NULL) == 0);
    ASSERT(resources_eq(&r, &again));
    ASSERT(resources_hash(&r) == resources_hash(&again));
}

static void attributes_text(struct str text)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 22);
    struct attributes a, again;

    if (attributes_parse(text, &a, NULL) != 0)
        return;
    attributes_print(&b, &a);
    ASSERT(attributes_parse(sbuf_view(&b), &again, NULL) == 0);
    ASSERT(attributes_eq(&a, &again));
    attributes_done(&a);
    attributes_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_mem(data, size);
    struct resources r;
    struct quantities q;
    struct pattern *p;

    resources_text(text);
    attributes_text(text);
    if (convert_resources_flag(text, STR("*"), &r, NULL) == 0)
        resources_done(&r);
    if (quantities_parse(text, &q, NULL) == 0)
        quantities_done(&q);
    if (pattern_new(text, &p, NULL) == 0) {
        (void)pattern_matches(p, STR("us-east-1a.rack-12"));
        pattern_free(p);
    }
    ASSERT(names_count() == 0);
    return 0;
}
