/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/firewall.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/io/credentials.h"
#include "common/wire/json.h"

int firewall_load(struct firewall *f, const char *value, struct error *err)
{
    struct cJSON *tree = NULL;
    const struct cJSON *one;
    int rc = flag_json("firewall_rules", value, &tree, err);

    if (rc != 0)
        return rc;
    const struct cJSON *list =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, "disabled_endpoints"), "paths");
    f->paths = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *f->paths);
    cJSON_ArrayForEach(one, list) {
        if (cJSON_GetStringValue(one) != NULL)
            f->paths[f->n++] = xstrdup(cJSON_GetStringValue(one));
    }
    json_free(tree);
    return 0;
}

void firewall_done(struct firewall *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->paths[i]);
    free(f->paths);
    *f = (struct firewall){ NULL, 0 };
}

bool firewall_blocks(const struct firewall *f, struct str path)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_is(path, f->paths[i]))
            return true;
    return false;
}
