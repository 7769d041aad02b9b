/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of container networks: configurations of networks, what a plugin is told and what it answers, and the files that a
 * container finds in /etc. Pure but for cni_conf_find. Used by the isolator (cni.c) and by stoa-network, which runs the plugins.
 *
 * A configuration is one plugin ("type") or a list of plugins that are run one after the other ("plugins"). Results of all
 * versions of the CNI specification up to 1.0.0 are read. The original's wrapper mesos-cni-port-mapper is no program here: a network of that
 * type is its delegate followed by the standard plugin portmap (decisions/container-networks.md).
 * Source: CNI specification 0.2.0 to 1.0.0; agent reference, §21. */
#ifndef STOA_AGENT_ISOLATION_CNI_CONF_H
#define STOA_AGENT_ISOLATION_CNI_CONF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

struct cJSON;

enum { CNI_TEXT_MAX = 1 << 20, CNI_CHAIN_MAX = 16, CNI_ADDRESSES_MAX = 16, CNI_NETWORKS_MAX = 16 };

/* A configuration as a tree; the caller frees it (json_free). It has a name that is fit for a folder, and a plugin at least. */
int cni_conf_parse(struct str text, struct cJSON **ret, struct error *err);
const char *cni_conf_name(const struct cJSON *conf);
/* The one of this name among the files of the folder, read now. Files are looked at in the order of their names, hidden ones
 * are not, and what is no configuration is passed over. */
int cni_conf_find(const char *folder, const char *name, struct cJSON **ret, struct error *err);
/* The names of all, separated by ", "; for messages. */
void cni_conf_names(const char *folder, struct sbuf *b);
/* Puts the NetworkInfo (JSON) under args."org.apache.mesos".network_info. INVALID when something is there already. */
int cni_conf_set_info(struct cJSON *conf, struct str network_info, struct error *err);
/* The NetworkInfo of an earlier cni_conf_set_info as JSON; NULL: none. */
const struct cJSON *cni_conf_info(const struct cJSON *conf);

/* What the plugins of a network are told, in the order of ADD; DEL is the reverse. */
struct cni_chain {
    struct cJSON *step[CNI_CHAIN_MAX]; /* owned; each has a type */
    size_t n;
};
int cni_chain_make(const struct cJSON *conf, struct cni_chain *ret, struct error *err);
void cni_chain_free(struct cni_chain *c);
/* What one plugin reads, with the result of the one before (empty: none). */
int cni_step_text(const struct cJSON *step, struct str previous, struct sbuf *b, struct error *err);
const char *cni_step_type(const struct cJSON *step);

/* The program of this name in the folders ("a:b"); NOT_FOUND. */
int cni_plugin_path(const char *folders, const char *type, char *ret, size_t size, struct error *err);
/* The plugins that are named by a configuration but are not there; 0: all are. */
int cni_conf_check_plugins(const struct cJSON *conf, const char *folders, struct error *err);

struct cni_address {
    char text[INET6_ADDRSTRLEN]; /* without the length of its network */
    bool v6;
};
struct cni_result {
    struct cni_address address[CNI_ADDRESSES_MAX];
    size_t n;
    struct cJSON *dns; /* owned; NULL: none, or nothing in it */
};
int cni_result_parse(struct str text, struct cni_result *ret, struct error *err);
void cni_result_done(struct cni_result *r);
/* What a failed plugin says of its reason; false when the text is none of its errors. */
bool cni_error_text(struct str text, struct sbuf *b);

/* /etc/hosts: the machine itself, and the host name at the first address of each kind. */
void cni_hosts_text(const char *hostname, const struct cni_result *results, size_t n, struct sbuf *b);
/* Adds a DNS object's servers, search domains and options to those of another; its domain wins. */
void cni_dns_merge(struct cJSON *into, const struct cJSON *dns);
/* /etc/resolv.conf; false when there is no server in it. */
bool cni_resolv_text(const struct cJSON *dns, struct sbuf *b);
/* Of --default_container_dns the object for this network; NULL: it has none. */
const struct cJSON *cni_default_dns(const struct cJSON *flag, const char *network);

#endif
