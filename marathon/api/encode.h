/* SPDX-License-Identifier: Apache-2.0 */
/* Values to JSON, by the tables of core/schema.h. Absent fields are left out; which empty collections are
 * written is the table's business (marathon-api §1). */
#ifndef STOA_MARATHON_ENCODE_H
#define STOA_MARATHON_ENCODE_H

#include "common/wire/jsonw.h"
#include "marathon/core/schema.h"

/* The whole object, or only its members (an object is open already). */
void value_encode(const struct schema *s, const void *obj, struct jsonw *w);
void value_encode_members(const struct schema *s, const void *obj, struct jsonw *w);

void jsonw_wall(struct jsonw *w, struct wall t);
void jsonw_key_wall(struct jsonw *w, const char *key, struct wall t);
void jsonw_key_opt_wall(struct jsonw *w, const char *key, struct opt_time t); /* nothing when absent */
void jsonw_key_text(struct jsonw *w, const char *key, const char *text);      /* nothing when NULL or empty */

#endif
