/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/modules.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/io/credentials.h"
#include "common/wire/json.h"

struct reader {
    const char *module;
    module_parameter_fn *take;
    void *to;
};

typedef int item_fn(const struct reader *r, const cJSON *item, struct error *err);

/* The items of a list; as everywhere in these texts one item may stand for a list of one. */
static int each(const struct reader *r, const cJSON *object, const char *key, item_fn *fn, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
    int rc = 0;

    if (!cJSON_IsArray(list))
        return list != NULL ? fn(r, list, err) : 0;
    cJSON_ArrayForEach(item, list)
        rc = rc == 0 ? fn(r, item, err) : rc;
    return rc;
}

static int take_parameter(const struct reader *r, const cJSON *p, struct error *err)
{
    const char *key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "key"));
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "value"));

    if (key == NULL || value == NULL)
        return error_set(err, ERR_INVALID, "--modules: a parameter of %s has no 'key' or no 'value'", r->module);
    return r->take(r->to, key, value, err);
}

static int take_module(const struct reader *r, const cJSON *module, struct error *err)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(module, "name"));

    if (name != NULL && strcmp(name, r->module) == 0)
        return each(r, module, "parameters", take_parameter, err);
    if (name != NULL && (strcmp(name, MODULE_LOGGER) == 0 || strcmp(name, MODULE_ESTIMATOR) == 0 || strcmp(name, MODULE_QOS) == 0))
        return 0; /* somebody else's */
    return error_set(err, ERR_INVALID, "--modules: module '%s' is not built in this version; " MODULE_LOGGER ", " MODULE_ESTIMATOR
                     " and " MODULE_QOS " are", name != NULL ? name : "");
}

static int take_library(const struct reader *r, const cJSON *library, struct error *err)
{
    return each(r, library, "modules", take_module, err);
}

int modules_parameters(const char *flag, const char *module, module_parameter_fn *take, void *to, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    struct reader r = { module, take, to };

    if (flag == NULL)
        return 0;
    int rc = flag_json("modules", flag, &tree, err);
    if (rc != 0)
        return rc;
    if (cJSON_GetObjectItemCaseSensitive(tree, "libraries") == NULL)
        return error_set(err, ERR_INVALID, "--modules: expecting {\"libraries\": [{\"modules\": [...]}]}");
    return each(&r, tree, "libraries", take_library, err);
}
