/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a program: who it is, whom it trusts, and the contexts that connections are made with.
 *
 * Every program takes the same five flags (TLS_FLAGS), and where they are not given, the variables that libprocess has:
 *
 *     --tls_cert_file              LIBPROCESS_SSL_CERT_FILE            PEM, with intermediate certificates
 *     --tls_key_file               LIBPROCESS_SSL_KEY_FILE             PEM, without a passphrase
 *     --tls_ca_file                LIBPROCESS_SSL_CA_FILE              whom to trust; unset: the system's
 *     --tls_require_client_cert    LIBPROCESS_SSL_REQUIRE_CLIENT_CERT  (or _REQUIRE_CERT)
 *     --tls_support_downgrade      LIBPROCESS_SSL_SUPPORT_DOWNGRADE    plain HTTP is taken on the same port as well
 *
 * TLS is on when a certificate is given or LIBPROCESS_SSL_ENABLED is true; also LIBPROCESS_SSL_CA_DIR, _CIPHERS and
 * _VERIFY_SERVER_CERT (default true) count. TLS 1.2 and later only. A server's certificate must be signed by whom we trust;
 * members of a cluster reach each other by address and are not asked for a name. Source: wire protocol, section 11. */
#ifndef STOA_IO_TLS_H
#define STOA_IO_TLS_H

#include <stdbool.h>

#include "common/base/error.h"

struct ssl_ctx_st;

struct tls_config {
    /* The flags; the texts are theirs. */
    char *cert_file, *key_file, *ca_file;
    bool require_client_cert, support_downgrade;
    /* What counts, after tls_config_complete. */
    const char *cert, *key, *ca, *ca_dir, *ciphers;
    bool enabled, trust_anyone;
};

#define TLS_FLAGS(T)                                                                                                        \
    FLAG_STRING(T, tls.cert_file, "tls_cert_file", NULL, "Certificate (PEM) of this program: it then speaks TLS."),         \
    FLAG_STRING(T, tls.key_file, "tls_key_file", NULL, "Private key (PEM) of --tls_cert_file."),                            \
    FLAG_STRING(T, tls.ca_file, "tls_ca_file", NULL, "Certificates (PEM) that are trusted. Unset: the system's."),          \
    FLAG_BOOL(T, tls.require_client_cert, "tls_require_client_cert", "false", "Clients must have a trusted certificate."),  \
    FLAG_BOOL(T, tls.support_downgrade, "tls_support_downgrade", "false", "With TLS: take plain HTTP on the same port too.")

/* Fills what the flags left open from the environment; says whether TLS is on (it is when enabled was set before). ERR_INVALID names the flag or variable that
 * is missing: a server needs certificate and key. */
int tls_config_complete(struct tls_config *c, bool is_server, struct error *err);

/* Contexts; NULL in *ret when TLS is off. The caller's, with tls_context_free. */
int tls_server_context(const struct tls_config *c, struct ssl_ctx_st **ret, struct error *err);
int tls_client_context(const struct tls_config *c, struct ssl_ctx_st **ret, struct error *err);
/* Of a server whose certificate, key and chain are in a PKCS #12 file ("keystore"). password may be NULL. */
int tls_keystore_context(const char *path, const char *password, struct ssl_ctx_st **ret, struct error *err);

void tls_context_free(struct ssl_ctx_st *ctx); /* NULL is fine */

#endif
