/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-value matching of user-given regular expressions (LIKE, UNLIKE). POSIX extended syntax with the
 * common Perl classes \d \D \s \S \w \W; no look-around and no lazy repetition. */
#ifndef STOA_MARATHON_REGEX_H
#define STOA_MARATHON_REGEX_H

#include <stdbool.h>

#include "common/base/str.h"

enum { REGEX_BYTES_MAX = 512, REGEX_REPEAT_MAX = 255 };

/* Valid, not too long, and without repetitions over REGEX_REPEAT_MAX (they cost memory). */
bool regex_is_valid(struct str pattern);
/* False for an invalid pattern. Compiled patterns are cached (a small ring). */
bool regex_matches(struct str pattern, struct str value);

#endif
