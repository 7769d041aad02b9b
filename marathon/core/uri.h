/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text is a URI as RFC 2396 writes them, which is what Marathon asks of everything that is fetched. */
#ifndef STOA_MARATHON_URI_H
#define STOA_MARATHON_URI_H

#include <stdbool.h>

#include "common/base/str.h"

/* Characters beyond ASCII are let through, as the original does. */
bool uri_is_valid(struct str s);

#endif
