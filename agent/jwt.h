/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of executors: JSON Web Tokens signed by HMAC-SHA-256 (RFC 7519, RFC 7515), with the ids of the framework, the
 * executor and its container as claims. Whoever has one may call as that executor, and on its containers. */
#ifndef STOA_AGENT_JWT_H
#define STOA_AGENT_JWT_H

#include <stdbool.h>

#include "common/base/sbuf.h"
#include "common/base/time.h"

enum { JWT_CLAIM_SIZE = 1024 };

struct jwt_claims {
    char fid[JWT_CLAIM_SIZE], eid[JWT_CLAIM_SIZE], cid[JWT_CLAIM_SIZE];
};

/* Appends the token. */
void jwt_make(struct sbuf *b, struct str key, const struct jwt_claims *claims);
/* False: not of this key, expired, or without one of the claims. */
bool jwt_check(struct str token, struct str key, struct wall now, struct jwt_claims *ret);

#endif
