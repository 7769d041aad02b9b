/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the unversioned answers share: /state, /slaves, /frameworks and their kin, declared in view.h. The key names are
 * those of the original, which say slave for agent; extra keys are harmless here, missing ones are not. Source: operator API,
 * section 10; client expectations 9. A function called view_key_* writes a key with its value, view_put_* a value. */
#ifndef STOA_MASTER_WIRE_VIEW_JSON_H
#define STOA_MASTER_WIRE_VIEW_JSON_H

#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/view.h"

/* --- view_parts.c --- */

/* Most tasks ask for the same as the one before. */
struct bundle_text {
    const struct bundle *of;
    struct sbuf text;
};
#define BUNDLE_TEXT ((struct bundle_text){ .text = SBUF_INIT(SIZE_MAX / 4) })

double view_seconds(struct wall t);
void view_put_wire(struct jsonw *w, const ProtobufCMessageDescriptor *type, struct str bytes); /* copied when it came before */
void view_key_wire(struct jsonw *w, const char *key, const ProtobufCMessageDescriptor *type, struct str bytes);
void view_key_resources(struct jsonw *w, const char *key, const struct resources *r);
void view_key_resources_take(struct jsonw *w, const char *key, struct resources r);
void view_key_labels(struct jsonw *w, const char *key, struct str labels);
void view_key_domain(struct jsonw *w, struct str region, struct str zone);
void view_put_task(struct jsonw *w, const struct task *t, struct bundle_text *memo);

/* --- view_agents.c --- */

void view_agent_keys(struct jsonw *w, const struct view *v, const struct agent *a);
void view_agent_lists(struct jsonw *w, const struct view *v, struct str only, bool full);

/* --- view_frameworks.c --- */

void view_framework_keys(struct jsonw *w, const struct framework *f);
/* Whether the asker sees it, and asked for it (only empty: for all). */
bool view_framework_shown(const struct view *v, const struct framework *f, struct str only);
void view_framework_arrays(struct jsonw *w, const struct view *v, struct str only);
void view_empty_array(struct jsonw *w, const char *key);

#endif
