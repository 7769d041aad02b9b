/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"

/* --- the configuration --- */

static int variable_bool(const char *name, bool *ret, struct error *err)
{
    const char *v = getenv(name);

    if (v == NULL)
        return 0;
    bool yes = strcmp(v, "1") == 0 || strcmp(v, "true") == 0, no = strcmp(v, "0") == 0 || strcmp(v, "false") == 0;
    if (!yes && !no)
        return error_set(err, ERR_INVALID, "%s is '%s'; it must be true, false, 1 or 0", name, v);
    *ret = yes;
    return 0;
}

static bool given(const char *flag)
{
    return flag != NULL && flag[0] != 0;
}

static const char *either(const char *flag, const char *name)
{
    return given(flag) ? flag : getenv(name);
}

int tls_config_complete(struct tls_config *c, bool is_server, struct error *err)
{
    bool verify = true;
    int rc = 0;

    c->enabled = c->enabled || given(c->cert_file);
    const struct {
        const char *name;
        bool *to;
    } bools[] = { { "LIBPROCESS_SSL_VERIFY_SERVER_CERT", &verify },
                  { "LIBPROCESS_SSL_REQUIRE_CERT", &c->require_client_cert },
                  { "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT", &c->require_client_cert },
                  { "LIBPROCESS_SSL_SUPPORT_DOWNGRADE", &c->support_downgrade } };
    if (!c->enabled)
        rc = variable_bool("LIBPROCESS_SSL_ENABLED", &c->enabled, err);
    if (rc == 0 && !c->enabled && is_server && (given(c->key_file) || given(c->ca_file) || c->require_client_cert || c->support_downgrade))
        return error_set(err, ERR_INVALID, "a --tls_ flag without a certificate would leave everything in plain HTTP: give --tls_cert_file");
    if (rc != 0 || !c->enabled)
        return rc;
    for (size_t i = 0; i < sizeof bools / sizeof bools[0] && rc == 0; i++)
        if (!*bools[i].to || bools[i].to == &verify) /* a flag that is set stays set */
            rc = variable_bool(bools[i].name, bools[i].to, err);
    if (rc != 0)
        return rc;
    c->cert = either(c->cert_file, "LIBPROCESS_SSL_CERT_FILE");
    c->key = either(c->key_file, "LIBPROCESS_SSL_KEY_FILE");
    c->ca = either(c->ca_file, "LIBPROCESS_SSL_CA_FILE");
    c->ca_dir = getenv("LIBPROCESS_SSL_CA_DIR");
    c->ciphers = getenv("LIBPROCESS_SSL_CIPHERS");
    c->trust_anyone = !verify;
    if ((is_server || c->key != NULL) && c->cert == NULL)
        return error_set(err, ERR_INVALID, "TLS needs a certificate: give --tls_cert_file (or LIBPROCESS_SSL_CERT_FILE)");
    if (c->cert != NULL && c->key == NULL)
        return error_set(err, ERR_INVALID, "TLS needs the key of %s: give --tls_key_file (or LIBPROCESS_SSL_KEY_FILE)", c->cert);
    return 0;
}

/* --- contexts --- */

static void ctx_free_p(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
}

static int failed(struct error *err, const char *flag, const char *path)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    int rc = error_set(err, ERR_INVALID, "%s%s%s: %s", flag, path != NULL ? "=" : "", path != NULL ? path : "",
                       why != NULL ? why : "cannot be read");
    ERR_clear_error();
    return rc;
}

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        abort(); /* without memory, or with a broken library */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    return ctx;
}

static int load(SSL_CTX *ctx, const struct tls_config *c, struct error *err)
{
    if (c->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, c->ciphers) != 1)
        return failed(err, "LIBPROCESS_SSL_CIPHERS", c->ciphers);
    if (c->ca == NULL && c->ca_dir == NULL ? SSL_CTX_set_default_verify_paths(ctx) != 1
                                           : SSL_CTX_load_verify_locations(ctx, c->ca, c->ca_dir) != 1)
        return failed(err, "--tls_ca_file", c->ca != NULL ? c->ca : c->ca_dir);
    if (c->cert == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, c->cert) != 1)
        return failed(err, "--tls_cert_file", c->cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) != 1)
        return failed(err, "--tls_key_file", c->key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return error_set(err, ERR_INVALID, "--tls_key_file=%s is not the key of --tls_cert_file=%s", c->key, c->cert);
    return 0;
}

static int context(const struct tls_config *c, const SSL_METHOD *method, int verify, SSL_CTX **ret, struct error *err)
{
    CLEANUP(ctx_free_p) SSL_CTX *ctx = NULL;

    *ret = NULL;
    if (!c->enabled)
        return 0;
    ctx = ctx_new(method);
    SSL_CTX_set_verify(ctx, verify, NULL);
    int rc = load(ctx, c, err);
    if (rc == 0) {
        *ret = ctx;
        ctx = NULL;
    }
    return rc;
}

int tls_server_context(const struct tls_config *c, struct ssl_ctx_st **ret, struct error *err)
{
    return context(c, TLS_server_method(), c->require_client_cert ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                   ret, err);
}

int tls_client_context(const struct tls_config *c, struct ssl_ctx_st **ret, struct error *err)
{
    return context(c, TLS_client_method(), c->trust_anyone ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, ret, err);
}

void tls_context_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}

/* --- keystores --- */

static int use_keystore(SSL_CTX *ctx, PKCS12 *store, const char *password)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    STACK_OF(X509) *chain = NULL;
    int ok = PKCS12_parse(store, password, &key, &cert, &chain) == 1 && key != NULL && cert != NULL;

    ok = ok && SSL_CTX_use_cert_and_key(ctx, cert, key, chain, 1) == 1;
    EVP_PKEY_free(key);
    X509_free(cert);
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

int tls_keystore_context(const char *path, const char *password, struct ssl_ctx_st **ret, struct error *err)
{
    FILE *f = fopen(path, "re");
    CLEANUP(ctx_free_p) SSL_CTX *ctx = NULL;
    PKCS12 *store;

    *ret = NULL;
    if (f == NULL)
        return error_set_errno(err, errno, "%s", path);
    store = d2i_PKCS12_fp(f, NULL);
    (void)fclose(f);
    if (store == NULL) {
        ERR_clear_error();
        return error_set(err, ERR_INVALID, "%s is no PKCS #12 file; a Java keystore becomes one by `keytool -importkeystore "
                         "-srckeystore %s -destkeystore new.p12 -deststoretype pkcs12`", path, path);
    }
    ctx = ctx_new(TLS_server_method());
    int rc = use_keystore(ctx, store, password) ? 0 : failed(err, "the keystore", path);
    PKCS12_free(store);
    if (rc == 0) {
        *ret = ctx;
        ctx = NULL;
    }
    return rc;
}
