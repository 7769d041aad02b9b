/* SPDX-License-Identifier: Apache-2.0 */
/* Between json_text.c and json_read.c: parsing with long integers kept as text. */
#ifndef STOA_WIRE_JSON_TEXT_H
#define STOA_WIRE_JSON_TEXT_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct cJSON;

/* As json_parse, depth_max (JSON_DEPTH_DEEP at most) levels deep. With quote_long_integers an integer of more than 15 digits becomes a string of its digits.
 */
int json_parse_text(struct str text, unsigned depth_max, bool quote_long_integers, struct cJSON **ret_tree, struct error *err);

#endif
