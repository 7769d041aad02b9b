/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of the protocol (RE2 syntax, full match) on POSIX extended expressions.
 *
 * Translated: \d \D \w \W \s \S (also in brackets), \n \t \r, escaped punctuation, (?:...), lazy quantifiers (which make no
 * difference to a full match), \A and \z. Refused: other (?...) groups, back references, \p, \x, \Q and the like. The size of the
 * automaton is bounded before compiling, as bounded repetitions would let it explode. */
#ifndef STOA_MODEL_PATTERN_H
#define STOA_MODEL_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

enum {
    PATTERN_SIZE_MAX = 1024,    /* bytes of the source */
    PATTERN_PROGRAM_MAX = 2000, /* estimated states */
    PATTERN_DEPTH_MAX = 32      /* nested groups */
};

struct pattern;

/* ERR_INVALID with "Failed to construct regex from pattern '...': why". */
int pattern_new(struct str source, struct pattern **ret, struct error *err);
void pattern_free(struct pattern *p);
/* States of the automaton, estimated: no more than RE2 needs. */
uint64_t pattern_size(const struct pattern *p);
bool pattern_matches(const struct pattern *p, struct str text); /* the whole text; text without NUL */

#endif
