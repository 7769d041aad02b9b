/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/jwt.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/wire/json.h"
#include "common/wire/jsonw.h"

enum { MAC_SIZE = 32, TOKEN_MAX = 16384 };

/* base64url without padding. */
static void url_encode(struct sbuf *b, struct str bytes)
{
    size_t from = b->n;

    base64_encode(b, bytes);
    while (sbuf_ok(b) && b->n > from && b->p[b->n - 1] == '=')
        b->n--;
    for (size_t i = from; sbuf_ok(b) && i < b->n; i++)
        b->p[i] = b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i];
}

static bool url_decode(struct sbuf *b, struct str text)
{
    CLEANUP(sbuf_done_p) struct sbuf plain = SBUF_INIT(TOKEN_MAX);

    for (size_t i = 0; i < text.n; i++)
        sbuf_char(&plain, text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' : text.p[i]);
    while (plain.n % 4 != 0)
        sbuf_char(&plain, '=');
    return sbuf_ok(&plain) && base64_decode(b, sbuf_view(&plain));
}

static bool sign(struct str key, struct str what, unsigned char ret[MAC_SIZE])
{
    unsigned n = 0;

    return HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)what.p, what.n, ret, &n) != NULL && n == MAC_SIZE;
}

void jwt_make(struct sbuf *b, struct str key, const struct jwt_claims *claims)
{
    CLEANUP(sbuf_done_p) struct sbuf payload = SBUF_INIT(TOKEN_MAX);
    struct jsonw w = JSONW(&payload);
    unsigned char mac[MAC_SIZE];
    size_t from = b->n;

    jsonw_open(&w);
    jsonw_key_c(&w, "cid", claims->cid);
    jsonw_key_c(&w, "eid", claims->eid);
    jsonw_key_c(&w, "fid", claims->fid);
    jsonw_close(&w);
    url_encode(b, STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    sbuf_char(b, '.');
    url_encode(b, sbuf_view(&payload));
    if (sbuf_ok(b) && sign(key, str_sub(sbuf_view(b), from, b->n), mac)) {
        sbuf_char(b, '.');
        url_encode(b, str_mem((const char *)mac, sizeof mac));
    }
}

static bool claim(const struct cJSON *tree, const char *name, char ret[JWT_CLAIM_SIZE])
{
    const char *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, name));

    return v != NULL && snprintf(ret, JWT_CLAIM_SIZE, "%s", v) < JWT_CLAIM_SIZE;
}

/* One part of a token as a JSON object; NULL: it is none. */
static struct cJSON *part(struct str text)
{
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(TOKEN_MAX);
    struct cJSON *tree = NULL;

    return url_decode(&json, text) && json_parse(sbuf_view(&json), &tree, NULL) == 0 ? tree : NULL;
}

static bool header_is_ours(struct str text)
{
    struct cJSON *tree = part(text);
    const char *alg = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "alg"));
    bool ok = alg != NULL && strcmp(alg, "HS256") == 0;

    json_free(tree);
    return ok;
}

bool jwt_check(struct str token, struct str key, struct wall now, struct jwt_claims *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf signature = SBUF_INIT(TOKEN_MAX);
    struct str rest = token, header, payload;
    unsigned char mac[MAC_SIZE];

    if (token.n > TOKEN_MAX || !str_cut(&rest, '.', &header) || !str_cut(&rest, '.', &payload) || !header_is_ours(header) ||
        !url_decode(&signature, rest) || signature.n != MAC_SIZE ||
        !sign(key, str_sub(token, 0, header.n + 1 + payload.n), mac) || CRYPTO_memcmp(mac, signature.p, MAC_SIZE) != 0)
        return false;
    struct cJSON *tree = part(payload);
    const struct cJSON *exp = cJSON_GetObjectItemCaseSensitive(tree, "exp");
    bool ok = claim(tree, "fid", ret->fid) && claim(tree, "eid", ret->eid) && claim(tree, "cid", ret->cid) &&
              (exp == NULL || (cJSON_IsNumber(exp) && exp->valuedouble * 1000 > (double)now.ms));
    json_free(tree);
    return ok;
}
