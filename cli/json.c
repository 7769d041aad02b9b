/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include <string.h>

const cJSON *json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key); /* accepts NULL */
}

const char *json_text(const cJSON *object, const char *key)
{
    const cJSON *item = json_get(object, key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

double json_number(const cJSON *object, const char *key)
{
    const cJSON *item = json_get(object, key);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const cJSON *json_find(const cJSON *array, const char *key, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        if (strcmp(json_text(item, key), text) == 0)
            return item;
    }
    return NULL;
}
