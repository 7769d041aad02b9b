/* SPDX-License-Identifier: Apache-2.0 */
/* Standard base64 with padding (RFC 4648 section 4). */
#ifndef STOA_BASE_BASE64_H
#define STOA_BASE_BASE64_H

#include <stdbool.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

void base64_encode(struct sbuf *b, struct str bytes);
/* Appends the bytes; false (and nothing appended) when the text is not base64. Padding is required. */
bool base64_decode(struct sbuf *b, struct str text);

#endif
