/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/acls.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/wire/json.h"

DEFINE_CLEANUP(struct acls *, acls_free)

static int read_type(const struct cJSON *j, const char *where, enum acl_type *ret, struct error *err)
{
    const char *text = cJSON_GetStringValue(j);

    if (text != NULL && strcmp(text, "SOME") == 0)
        *ret = ACL_SOME;
    else if (text != NULL && strcmp(text, "ANY") == 0)
        *ret = ACL_ANY;
    else if (text != NULL && strcmp(text, "NONE") == 0)
        *ret = ACL_NONE;
    else
        return error_set(err, ERR_INVALID, "%s: type is %s; use SOME, ANY or NONE", where, text != NULL ? text : "no string");
    return 0;
}

static int read_entity(const struct cJSON *j, const char *where, struct acl_entity *e, struct error *err)
{
    const struct cJSON *one, *value;

    if (!cJSON_IsObject(j))
        return error_set(err, ERR_INVALID, "%s is missing or no object", where);
    cJSON_ArrayForEach(one, j) {
        if (strcmp(one->string, "type") == 0) {
            int rc = read_type(one, where, &e->type, err);
            if (rc != 0)
                return rc;
        } else if (strcmp(one->string, "values") == 0) {
            cJSON_ArrayForEach(value, one) {
                if (!cJSON_IsString(value))
                    return error_set(err, ERR_INVALID, "%s: an entry of values is no string", where);
                acl_entity_add(e, str_of(value->valuestring));
            }
        } else {
            return error_set(err, ERR_INVALID, "%s: unknown key '%.60s'; there are type and values", where, one->string);
        }
    }
    return 0;
}

static int read_rule(const struct cJSON *j, enum acl_action action, size_t index, struct acls *a, struct error *err)
{
    const char *name = acl_action_name(action), *object = acl_action_object(action);
    const struct cJSON *one;
    char where[160];

    struct acl_rule *r = acls_add(a, action);
    if (r == NULL)
        return error_set(err, ERR_LIMIT, "more than %d rules", ACL_RULES_MAX);
    cJSON_ArrayForEach(one, j)
        if (strcmp(one->string, "principals") != 0 && strcmp(one->string, object) != 0)
            return error_set(err, ERR_INVALID, "%s/%zu: unknown key '%.60s'; there are principals and %s", name, index, one->string,
                             object);
    (void)snprintf(where, sizeof where, "%s/%zu/principals", name, index);
    int rc = read_entity(cJSON_GetObjectItemCaseSensitive(j, "principals"), where, &r->principals, err);
    if (rc != 0)
        return rc;
    (void)snprintf(where, sizeof where, "%s/%zu/%s", name, index, object);
    rc = read_entity(cJSON_GetObjectItemCaseSensitive(j, object), where, &r->objects, err);
    for (size_t i = 0; rc == 0 && action == ACL_GET_ENDPOINTS && i < r->objects.count; i++)
        if (!acl_endpoint_is_known(str_of(r->objects.values[i])))
            rc = error_set(err, ERR_INVALID, "%s: '%.80s' is no endpoint that can be guarded; there are /containerizer/debug, /containers, "
                           "/files/debug, /logging/toggle, /metrics/snapshot and /monitor/statistics", where, r->objects.values[i]);
    return rc;
}

static int read_rules(const struct cJSON *j, struct acls *a, struct error *err)
{
    const struct cJSON *one;
    int action = 0;
    size_t index = 0;

    while (action < ACL_ACTION_COUNT && strcmp(acl_action_name((enum acl_action)action), j->string) != 0)
        action++;
    if (action == ACL_ACTION_COUNT)
        return error_set(err, ERR_INVALID, "unknown rule '%.80s'", j->string);
    if (!cJSON_IsArray(j))
        return error_set(err, ERR_INVALID, "%s is no list", j->string);
    cJSON_ArrayForEach(one, j) {
        int rc = read_rule(one, (enum acl_action)action, index++, a, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int acls_parse(struct str json, struct acls **ret_acls, struct error *err)
{
    CLEANUP(acls_free_p) struct acls *a = acls_new();
    CLEANUP(json_free_p) struct cJSON *tree = NULL;
    const struct cJSON *one;
    int rc = json_parse(json, &tree, err);

    if (rc != 0)
        return rc;
    if (!cJSON_IsObject(tree))
        return error_set(err, ERR_INVALID, "the rules are no JSON object");
    cJSON_ArrayForEach(one, tree) {
        if (strcmp(one->string, "permissive") != 0)
            rc = read_rules(one, a, err);
        else if (cJSON_IsBool(one))
            a->permissive = cJSON_IsTrue(one);
        else
            rc = error_set(err, ERR_INVALID, "permissive is no boolean");
        if (rc != 0)
            return rc;
    }
    *ret_acls = TAKE(a);
    return 0;
}
