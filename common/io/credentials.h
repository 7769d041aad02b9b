/* SPDX-License-Identifier: Apache-2.0 */
/* Principals with their secrets, as files and flags name them, and the ways to prove to know one: HTTP basic authentication
 * and the digest of CRAM-MD5. Comparisons take as long whatever the secret is. */
#ifndef STOA_IO_CREDENTIALS_H
#define STOA_IO_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

struct credential {
    char *principal, *secret;
};

struct credentials {
    struct credential *v;
    size_t n;
};

struct cJSON;

/* The JSON that a flag gives in place, or in the file that it names. b's maximum holds. */
int flag_json_text(const char *flag, const char *value, struct sbuf *b, struct error *err);
int flag_json(const char *flag, const char *value, struct cJSON **ret, struct error *err); /* free it by json_free */

/* {"credentials":[{"principal":..,"secret":..},..]}; what was there is kept when it fails. */
int credentials_load(struct credentials *c, const char *flag, const char *value, struct error *err);
void credentials_done(struct credentials *c);
/* {"principal":..,"secret":..} */
int credential_load(struct credential *c, const char *flag, const char *value, struct error *err);
void credential_done(struct credential *c);

/* Whose a header "Authorization: Basic ..." is; NULL: nobody's. */
const struct credential *credentials_basic(const struct credentials *c, struct str authorization);

enum { CRAM_MD5_SIZE = 33 };
/* What answers the challenge, as hexadecimal text. */
bool cram_md5(const char *secret, struct str challenge, char ret[CRAM_MD5_SIZE]);
/* Whose "principal digest" is the answer to the challenge; NULL: nobody's. */
const struct credential *credentials_cram_md5(const struct credentials *c, struct str challenge, struct str answer);

#endif
