/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of --acls: {"permissive":true,"register_frameworks":[{"principals":{"type":"ANY"},"roles":{"values":["web"]}}]}.
 * Source: operator API, section 12. */
#ifndef STOA_WIRE_ACLS_H
#define STOA_WIRE_ACLS_H

#include "common/base/error.h"
#include "common/model/acl.h"

/* ERR_INVALID names the rule and the key that is wrong, unknown or missing. */
int acls_parse(struct str json, struct acls **ret_acls, struct error *err);

#endif
