/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP basic authentication by realm, and endpoints that are disabled. Source: operator API, sections 1 and 11. */
#include <string.h>

#include "common/wire/acls.h"
#include "master/shell.h"

static int load_acls(struct shell *sh, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);

    if (flag_json_text("acls", sh->flags.acls, &b, err) != 0)
        return -(int)err->code;
    return acls_parse(sbuf_view(&b), &sh->acls, err) != 0 ? error_wrap(err, "--acls") : 0;
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
    int rc = sh->flags.credentials != NULL ? credentials_load(&sh->credentials, "credentials", sh->flags.credentials, err) : 0;

    if (rc == 0 && sh->flags.acls != NULL)
        rc = load_acls(sh, err);
    if (rc == 0 && sh->flags.firewall_rules != NULL)
        rc = firewall_load(&sh->firewall, sh->flags.firewall_rules, err);
    return rc;
}

void auth_done(struct shell *sh)
{
    sasl_free(sh);
    credentials_done(&sh->credentials);
    acls_free(sh->acls);
    firewall_done(&sh->firewall);
}

bool auth_check(struct shell *sh, struct http_req *r, enum realm realm, char *buf, size_t size, struct str *ret_principal)
{
    static const char *const names[] = { NULL, "mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler" };
    bool wanted = (realm == REALM_READONLY && sh->flags.authenticate_http_readonly) ||
                  (realm == REALM_READWRITE && sh->flags.authenticate_http_readwrite) ||
                  (realm == REALM_SCHEDULER && sh->flags.authenticate_http_frameworks);

    *ret_principal = (struct str){ NULL, 0 };
    if (!wanted)
        return true;
    const struct credential *c = credentials_basic(&sh->credentials, http_req_header(r, "Authorization"));
    if (c != NULL && strlen(c->principal) < size) {
        memcpy(buf, c->principal, strlen(c->principal));
        *ret_principal = str_mem(buf, strlen(c->principal));
        return true;
    }
    http_reply_unauthorized(r, names[realm], "401 Unauthorized.");
    return false;
}
