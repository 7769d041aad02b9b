/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/io/fs.h"
#include "marathon/core/tz.h"

int zone_read(struct str name, struct sbuf *b, struct error *err)
{
    const char *folder = getenv("TZDIR");
    struct tz z;
    char path[4096];

    sbuf_clear(b);
    if (str_is(name, "UTC") || str_is(name, "Etc/UTC"))
        return 0;
    if (!tz_name_is_valid(name))
        return error_set(err, ERR_INVALID, "'%.*s' is no time zone; use a name like Europe/Berlin or UTC", STR_ARG(str_sub(name, 0, TZ_NAME_MAX)));
    (void)snprintf(path, sizeof path, "%s/%.*s", folder != NULL ? folder : "/usr/share/zoneinfo", STR_ARG(name));
    if (fs_read(path, b, err) < 0 || b->n > TZ_FILE_BYTES_MAX || tz_parse(sbuf_view(b), &z, err) < 0)
        return error_set(err, ERR_INVALID, "time zone '%.*s' is not known here (%s); use a name like Europe/Berlin or UTC", STR_ARG(name), path);
    tz_done(&z);
    return 0;
}
