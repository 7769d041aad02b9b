/* SPDX-License-Identifier: Apache-2.0 */
/* The web pages, held in the executable: files of webui/, found by name. No I/O. */
#ifndef STOA_WEBUI_WEBUI_H
#define STOA_WEBUI_WEBUI_H

#include <stdbool.h>

#include "common/base/str.h"

enum webui_site { WEBUI_MARATHON, WEBUI_MASTER };

struct webui_file {
    struct str content;       /* static */
    const char *content_type; /* "text/html; charset=utf-8" and so on */
};

/* The file of this name ("app.js"; "" is index.html); false when the site has none of that name. */
bool webui_find(enum webui_site site, struct str name, struct webui_file *ret);

#endif
