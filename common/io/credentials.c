/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/credentials.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/http_util.h"
#include "common/wire/json.h"

int flag_json_text(const char *flag, const char *value, struct sbuf *b, struct error *err)
{
    struct str text = str_trim(str_of(value));

    if (text.n != 0 && text.p[0] == '{') {
        sbuf_str(b, text);
        return sbuf_ok(b) ? 0 : error_set(err, ERR_LIMIT, "--%s is over %zu bytes", flag, b->max);
    }
    return fs_read(value, b, err) == 0 ? 0 : error_wrap(err, "--%s", flag);
}

int flag_json(const char *flag, const char *value, struct cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    if (flag_json_text(flag, value, &b, err) != 0)
        return -(int)err->code;
    return json_parse(sbuf_view(&b), ret, err) == 0 ? 0 : error_wrap(err, "--%s", flag);
}

static bool take(struct credential *c, const struct cJSON *one)
{
    const char *p = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "principal"));
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "secret"));

    if (p == NULL || s == NULL)
        return false;
    *c = (struct credential){ xstrdup(p), xstrdup(s) };
    return true;
}

int credentials_load(struct credentials *c, const char *flag, const char *value, struct error *err)
{
    struct cJSON *tree = NULL;
    const struct cJSON *one;
    struct credentials got = { NULL, 0 };
    int rc = flag_json(flag, value, &tree, err);

    if (rc != 0)
        return rc;
    const struct cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "credentials");
    got.v = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *got.v);
    cJSON_ArrayForEach(one, list) {
        if (!take(&got.v[got.n], one)) {
            rc = error_set(err, ERR_INVALID, "--%s: entry %zu lacks 'principal' or 'secret'", flag, got.n);
            break;
        }
        got.n++;
    }
    json_free(tree);
    if (rc != 0) {
        credentials_done(&got);
        return rc;
    }
    credentials_done(c);
    *c = got;
    return 0;
}

int credential_load(struct credential *c, const char *flag, const char *value, struct error *err)
{
    struct cJSON *tree = NULL;
    int rc = flag_json(flag, value, &tree, err);

    if (rc != 0)
        return rc;
    bool ok = take(c, tree);
    json_free(tree);
    return ok ? 0 : error_set(err, ERR_INVALID, "--%s lacks 'principal' or 'secret'", flag);
}

void credential_done(struct credential *c)
{
    if (c->secret != NULL)
        OPENSSL_cleanse(c->secret, strlen(c->secret));
    free(c->principal);
    free(c->secret);
    *c = (struct credential){ NULL, NULL };
}

void credentials_done(struct credentials *c)
{
    for (size_t i = 0; i < c->n; i++)
        credential_done(&c->v[i]);
    free(c->v);
    *c = (struct credentials){ NULL, 0 };
}

static bool secret_eq(struct str a, const char *b)
{
    size_t n = strlen(b);
    unsigned char diff = a.n == n ? 0 : 1;

    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char)(diff | (a.p[i] ^ b[n != 0 ? i % n : 0]));
    return diff == 0;
}

const struct credential *credentials_basic(const struct credentials *c, struct str authorization)
{
    CLEANUP(sbuf_done_p) struct sbuf user = SBUF_INIT(512);
    CLEANUP(sbuf_done_p) struct sbuf password = SBUF_INIT(4096);

    if (!http_basic_auth(authorization, &user, &password))
        return NULL;
    for (size_t i = 0; i < c->n; i++)
        if (str_is(sbuf_view(&user), c->v[i].principal) && secret_eq(sbuf_view(&password), c->v[i].secret))
            return &c->v[i];
    return NULL;
}

bool cram_md5(const char *secret, struct str challenge, char ret[CRAM_MD5_SIZE])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (HMAC(EVP_md5(), secret, (int)strlen(secret), (const unsigned char *)challenge.p, challenge.n, mac, &n) == NULL ||
        n != (CRAM_MD5_SIZE - 1) / 2)
        return false;
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", mac[i]);
    return true;
}

const struct credential *credentials_cram_md5(const struct credentials *c, struct str challenge, struct str answer)
{
    char want[CRAM_MD5_SIZE];
    size_t at = answer.n;

    while (at > 0 && answer.p[at - 1] != ' ')
        at--;
    struct str name = str_sub(answer, 0, at > 0 ? at - 1 : 0), digest = str_sub(answer, at, answer.n);
    for (size_t i = 0; i < c->n; i++)
        if (str_is(name, c->v[i].principal) && digest.n == CRAM_MD5_SIZE - 1 && cram_md5(c->v[i].secret, challenge, want) &&
            CRYPTO_memcmp(want, digest.p, digest.n) == 0)
            return &c->v[i];
    return NULL;
}
