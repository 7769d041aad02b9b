/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patch. Source: RFC 7396 §2. */
#include "marathon/api/int.h"

cJSON *json_merge_patch(cJSON *target, const cJSON *patch)
{
    const cJSON *e;

    if (!cJSON_IsObject(patch)) {
        cJSON_Delete(target);
        return cJSON_Duplicate(patch, true);
    }
    if (!cJSON_IsObject(target)) {
        cJSON_Delete(target);
        target = cJSON_CreateObject();
    }
    cJSON_ArrayForEach(e, patch)
    {
        cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(target, e->string);
        if (cJSON_IsNull(e))
            cJSON_Delete(old);
        else
            cJSON_AddItemToObject(target, e->string, json_merge_patch(old, e));
    }
    return target;
}
