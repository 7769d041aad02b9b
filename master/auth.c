/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP basic authentication by realm, and master_endpoints that are disabled. Source: operator API, sections 1 and 11. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/io/fs.h"
#include "common/wire/acls.h"
#include "common/wire/json.h"
#include "master/shell.h"

int auth_flag_json(const char *name, const char *value, struct cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    struct str text = str_trim(str_of(value));

    if (text.n == 0 || text.p[0] != '{') {
        if (fs_read(value, &b, err) != 0)
            return error_wrap(err, "--%s", name);
        text = sbuf_view(&b);
    }
    return json_parse(text, ret, err) != 0 ? error_wrap(err, "--%s", name) : 0;
}

static int load_credentials(struct shell *sh, struct error *err)
{
    struct cJSON *tree = NULL;
    const struct cJSON *one;
    int rc = auth_flag_json("credentials", sh->flags.credentials, &tree, err);

    if (rc != 0)
        return rc;
    const struct cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "credentials");
    sh->credentials = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *sh->credentials);
    cJSON_ArrayForEach(one, list) {
        const char *p = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "principal"));
        const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "secret"));
        if (p == NULL || s == NULL) {
            rc = error_set(err, ERR_INVALID, "--credentials: entry %zu lacks 'principal' or 'secret'", sh->credential_count);
            break;
        }
        sh->credentials[sh->credential_count++] = (struct credential){ xstrdup(p), xstrdup(s) };
    }
    json_free(tree);
    return rc;
}

static int load_firewall(struct shell *sh, struct error *err)
{
    struct cJSON *tree = NULL;
    const struct cJSON *one;
    int rc = auth_flag_json("firewall_rules", sh->flags.firewall_rules, &tree, err);

    if (rc != 0)
        return rc;
    const struct cJSON *list =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, "disabled_endpoints"), "paths");
    sh->disabled = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *sh->disabled);
    cJSON_ArrayForEach(one, list) {
        if (cJSON_GetStringValue(one) != NULL)
            sh->disabled[sh->disabled_count++] = xstrdup(cJSON_GetStringValue(one));
    }
    json_free(tree);
    return 0;
}

static int load_acls(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);
    struct str text = str_trim(str_of(sh->flags.acls));

    if (text.n == 0 || text.p[0] != '{') {
        if (fs_read(sh->flags.acls, &b, err) != 0)
            return error_wrap(err, "--acls");
        text = sbuf_view(&b);
    }
    return acls_parse(text, &sh->acls, err) != 0 ? error_wrap(err, "--acls") : 0;
}

bool auth_allows(struct shell *sh, struct http_req *r, enum acl_action action, struct str principal)
{
    if (acls_allow(sh->acls, action, principal, (struct str){ NULL, 0 }))
        return true;
    http_reply_text(r, 403, "403 Forbidden.");
    return false;
}

int auth_load(struct shell *sh, struct error *err)
{
    int rc = sh->flags.credentials != NULL ? load_credentials(sh, err) : 0;

    if (rc == 0 && sh->flags.acls != NULL)
        rc = load_acls(sh, err);
    if (rc == 0 && sh->flags.rate_limits != NULL)
        rc = throttle_load(sh, err);
    if (rc == 0 && sh->flags.firewall_rules != NULL)
        rc = load_firewall(sh, err);
    return rc;
}

void auth_done(struct shell *sh)
{
    sasl_free(sh);
    for (size_t i = 0; i < sh->credential_count; i++) {
        free(sh->credentials[i].principal);
        free(sh->credentials[i].secret);
    }
    free(sh->credentials);
    acls_free(sh->acls);
    for (size_t i = 0; i < sh->disabled_count; i++)
        free(sh->disabled[i]);
    free(sh->disabled);
}

bool firewall_blocks(const struct shell *sh, struct str path)
{
    for (size_t i = 0; i < sh->disabled_count; i++)
        if (str_is(path, sh->disabled[i]))
            return true;
    return false;
}

/* Takes as long whatever the secret is. */
static bool secret_eq(struct str a, const char *b)
{
    size_t n = strlen(b);
    unsigned char diff = a.n == n ? 0 : 1;

    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char)(diff | (a.p[i] ^ b[n != 0 ? i % n : 0]));
    return diff == 0;
}

bool auth_check(struct shell *sh, struct http_req *r, enum realm realm, char *buf, size_t size, struct str *ret_principal)
{
    static const char *const names[] = { NULL, "mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler" };
    bool wanted = (realm == REALM_READONLY && sh->flags.authenticate_http_readonly) ||
                  (realm == REALM_READWRITE && sh->flags.authenticate_http_readwrite) ||
                  (realm == REALM_SCHEDULER && sh->flags.authenticate_http_frameworks);
    CLEANUP(sbuf_done_p) struct sbuf user = SBUF_INIT(512);
    CLEANUP(sbuf_done_p) struct sbuf password = SBUF_INIT(4096);

    *ret_principal = (struct str){ NULL, 0 };
    if (!wanted)
        return true;
    if (http_basic_auth(http_req_header(r, "Authorization"), &user, &password))
        for (size_t i = 0; i < sh->credential_count; i++)
            if (str_is(sbuf_view(&user), sh->credentials[i].principal) &&
                secret_eq(sbuf_view(&password), sh->credentials[i].secret) && user.n < size) {
                memcpy(buf, user.p, user.n);
                *ret_principal = str_mem(buf, user.n);
                return true;
            }
    http_reply_unauthorized(r, names[realm], "401 Unauthorized.");
    return false;
}
