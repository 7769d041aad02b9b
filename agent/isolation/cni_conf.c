/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is kept as a cJSON tree: a plugin has keys of its own, of which nothing is known here, and they must all arrive. */
#include "agent/isolation/cni_conf.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/wire/json.h"

#define PORT_MAPPER "mesos-cni-port-mapper"

typedef struct cJSON *json_ptr;

static const char *text_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static cJSON *item(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* Replaces the key by a value that becomes the object's. */
static void set(cJSON *o, const char *key, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(o, key);
    if (value != NULL && !cJSON_AddItemToObject(o, key, value))
        cJSON_Delete(value);
}

static void set_copy(cJSON *o, const char *key, const cJSON *value)
{
    if (value != NULL)
        set(o, key, cJSON_Duplicate(value, true));
}

static int append_tree(const cJSON *tree, struct sbuf *b, struct error *err)
{
    char *text = cJSON_PrintUnformatted(tree);
    if (text == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for a network's configuration");
    sbuf_c(b, text);
    cJSON_free(text);
    return sbuf_ok(b) ? 0 : error_set(err, ERR_LIMIT, "the network's configuration is over %zu bytes", b->max);
}

/* --- configurations ----------------------------------------------------------------------------------- */

const char *cni_conf_name(const cJSON *conf)
{
    return text_of(conf, "name");
}

/* A container's folder has files of these names beside its networks' folders. */
static bool is_reserved(const char *name)
{
    static const char *const files[] = { "ns", "lock", "hosts", "hostname", "resolv.conf" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(name, files[i]) == 0)
            return true;
    }
    return false;
}

static int check_conf(const cJSON *conf, struct error *err)
{
    const char *name = cni_conf_name(conf);
    const cJSON *plugins = item(conf, "plugins"), *p;

    if (!cJSON_IsObject(conf) || name == NULL || name[0] == 0)
        return error_set(err, ERR_INVALID, "it has no 'name'");
    if (strchr(name, '/') != NULL || name[0] == '.' || strlen(name) > 200 || is_reserved(name))
        return error_set(err, ERR_INVALID, "the name '%.100s' is not usable: at most 200 bytes, no '/', no leading '.', not ns, lock, "
                         "hosts, hostname or resolv.conf", name);
    if (plugins == NULL)
        return text_of(conf, "type") != NULL ? 0 : error_set(err, ERR_INVALID, "network '%.100s' has neither 'type' nor 'plugins'", name);
    if (!cJSON_IsArray(plugins) || cJSON_GetArraySize(plugins) == 0 || cJSON_GetArraySize(plugins) > CNI_CHAIN_MAX / 2)
        return error_set(err, ERR_INVALID, "network '%.100s': 'plugins' is to be a list of 1 to %d", name, CNI_CHAIN_MAX / 2);
    cJSON_ArrayForEach(p, plugins)
    {
        if (text_of(p, "type") == NULL)
            return error_set(err, ERR_INVALID, "network '%.100s': a plugin has no 'type'", name);
    }
    return 0;
}

int cni_conf_parse(struct str text, struct cJSON **ret, struct error *err)
{
    CLEANUP(json_free_p) json_ptr conf = NULL;
    int rc = json_parse(text, &conf, err);
    if (rc == 0)
        rc = check_conf(conf, err);
    if (rc == 0)
        *ret = TAKE(conf);
    return rc;
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int read_conf(const char *folder, const char *file, struct cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(CNI_TEXT_MAX);
    char path[4096];
    struct stat st;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return error_set(err, ERR_NOT_FOUND, "%s is no file", file);
    int rc = fs_read(path, &b, err);
    return rc != 0 ? rc : cni_conf_parse(sbuf_view(&b), ret, err);
}

/* Calls f with each configuration until it answers true. What is no configuration is told to bad. */
static void each_conf(const char *folder, bool (*f)(void *arg, struct cJSON **conf), void *arg, struct sbuf *bad)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_visible, alphasort);
    bool stop = false;

    for (int i = 0; i < n; i++) {
        CLEANUP(json_free_p) json_ptr conf = NULL;
        struct error why;
        int rc = stop ? -1 : read_conf(folder, list[i]->d_name, &conf, &why);
        if (rc == 0)
            stop = f(arg, &conf);
        else if (!stop && bad != NULL && why.code != ERR_NOT_FOUND)
            sbuf_fmt(bad, "%s%s: %s", bad->n != 0 ? "; " : "", list[i]->d_name, why.msg);
        free(list[i]);
    }
    free(list);
}

struct search {
    const char *name;
    struct cJSON *found;
};

static bool is_searched(void *arg, struct cJSON **conf)
{
    struct search *s = arg;
    if (strcmp(cni_conf_name(*conf), s->name) != 0)
        return false;
    s->found = TAKE(*conf);
    return true;
}

static bool add_name(void *arg, struct cJSON **conf)
{
    struct sbuf *b = arg;
    sbuf_fmt(b, "%s%s", b->n != 0 ? ", " : "", cni_conf_name(*conf));
    return false;
}

void cni_conf_names(const char *folder, struct sbuf *b)
{
    each_conf(folder, add_name, b, NULL);
}

int cni_conf_find(const char *folder, const char *name, struct cJSON **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf bad = SBUF_INIT(4096);
    CLEANUP(sbuf_done_p) struct sbuf names = SBUF_INIT(4096);
    struct search s = { .name = name };

    each_conf(folder, is_searched, &s, &bad);
    if (s.found != NULL) {
        *ret = s.found;
        return 0;
    }
    cni_conf_names(folder, &names);
    return error_set(err, ERR_NOT_FOUND, "Unknown CNI network '%.60s'; %s has %s%.60s%s%.80s", name, folder,
                     names.n != 0 ? "" : "no network", names.n != 0 ? names.p : "", bad.n != 0 ? "; not read: " : "",
                     bad.n != 0 ? bad.p : "");
}

int cni_conf_set_info(cJSON *conf, struct str network_info, struct error *err)
{
    CLEANUP(json_free_p) json_ptr info = NULL;
    cJSON *args = item(conf, "args");

    if (args != NULL && !cJSON_IsObject(args))
        return error_set(err, ERR_INVALID, "Invalid 'args' in the configuration of CNI network '%.100s'", cni_conf_name(conf));
    if (args != NULL && item(args, "org.apache.mesos") != NULL)
        return error_set(err, ERR_INVALID, "'org.apache.mesos' in 'args' is reserved and must not be set in the configuration of CNI "
                         "network '%.100s'", cni_conf_name(conf));
    if (json_parse(network_info, &info, err) != 0)
        return -(int)err->code;
    if (args == NULL)
        args = cJSON_AddObjectToObject(conf, "args");
    cJSON *mesos = cJSON_AddObjectToObject(args, "org.apache.mesos");
    if (mesos == NULL)
        return error_set(err, ERR_NOMEM, "out of memory for a network's configuration");
    set(mesos, "network_info", TAKE(info));
    return 0;
}

const struct cJSON *cni_conf_info(const cJSON *conf)
{
    return item(item(item(conf, "args"), "org.apache.mesos"), "network_info");
}

/* --- what plugins are told ---------------------------------------------------------------------------- */

static bool has_capability(const cJSON *step, const char *name)
{
    return cJSON_IsTrue(item(item(step, "capabilities"), name));
}

/* NetworkInfo.port_mappings in the words of the specification; NULL: there are none. */
static cJSON *port_mappings(const cJSON *conf)
{
    const cJSON *from = item(cni_conf_info(conf), "port_mappings"), *m;
    if (cJSON_GetArraySize(from) == 0)
        return NULL;
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(m, from)
    {
        char protocol[16] = "tcp";
        const char *p = text_of(m, "protocol");
        for (size_t i = 0, n = p != NULL ? strnlen(p, sizeof protocol - 1) : 0; p != NULL && i <= n; i++)
            protocol[i] = i < n ? (char)tolower((unsigned char)p[i]) : 0;
        cJSON *to = cJSON_CreateObject();
        set_copy(to, "hostPort", item(m, "host_port"));
        set_copy(to, "containerPort", item(m, "container_port"));
        set(to, "protocol", cJSON_CreateString(protocol));
        if (!cJSON_AddItemToArray(list, to))
            cJSON_Delete(to);
    }
    return list;
}

/* A copy of a plugin's configuration with what all plugins of its network are told. */
static cJSON *make_step(const cJSON *conf, const cJSON *plugin)
{
    cJSON *step = cJSON_Duplicate(plugin, true), *args = item(step, "args");
    if (plugin != conf) {
        set_copy(step, "name", item(conf, "name"));
        if (item(conf, "cniVersion") != NULL || item(step, "cniVersion") == NULL)
            set_copy(step, "cniVersion", item(conf, "cniVersion"));
        if (args == NULL)
            set_copy(step, "args", item(conf, "args"));
        else
            set_copy(args, "org.apache.mesos", item(item(conf, "args"), "org.apache.mesos"));
    }
    cJSON *ports = has_capability(step, "portMappings") ? port_mappings(conf) : NULL;
    if (ports != NULL) {
        cJSON *runtime = item(step, "runtimeConfig");
        if (runtime == NULL)
            runtime = cJSON_AddObjectToObject(step, "runtimeConfig");
        set(runtime, "portMappings", ports);
    }
    return step;
}

static int push(struct cni_chain *c, cJSON *step, struct error *err)
{
    if (step == NULL || c->n == CNI_CHAIN_MAX) {
        cJSON_Delete(step);
        return error_set(err, step == NULL ? ERR_NOMEM : ERR_LIMIT, "a network has at most %d plugins", CNI_CHAIN_MAX);
    }
    c->step[c->n++] = step;
    return 0;
}

/* The original's wrapper: its delegate makes the interface, portmap leads the ports to it. */
static int push_port_mapper(struct cni_chain *c, const cJSON *conf, const cJSON *mapper, struct error *err)
{
    const cJSON *delegate = item(mapper, "delegate");
    if (text_of(delegate, "type") == NULL)
        return error_set(err, ERR_INVALID, "network '%.100s': " PORT_MAPPER " needs a 'delegate' with a 'type'", cni_conf_name(conf));
    cJSON *first = make_step(conf, delegate);
    /* The delegate may say a version of its own; both must speak of one. */
    if (item(delegate, "cniVersion") != NULL)
        set_copy(first, "cniVersion", item(delegate, "cniVersion"));
    int rc = push(c, first, err);
    cJSON *ports = port_mappings(conf);
    if (rc != 0 || ports == NULL) {
        cJSON_Delete(ports);
        return rc;
    }
    cJSON *map = cJSON_CreateObject();
    set_copy(map, "cniVersion", item(first, "cniVersion"));
    set_copy(map, "name", item(conf, "name"));
    set(map, "type", cJSON_CreateString("portmap"));
    set(map, "snat", cJSON_CreateTrue());
    set(cJSON_AddObjectToObject(map, "capabilities"), "portMappings", cJSON_CreateTrue());
    set(cJSON_AddObjectToObject(map, "runtimeConfig"), "portMappings", ports);
    return push(c, map, err);
}

int cni_chain_make(const cJSON *conf, struct cni_chain *ret, struct error *err)
{
    const cJSON *plugins = item(conf, "plugins"), *p;
    int rc = 0;

    *ret = (struct cni_chain){ .n = 0 };
    if (plugins == NULL)
        rc = strcmp(text_of(conf, "type"), PORT_MAPPER) == 0 ? push_port_mapper(ret, conf, conf, err)
                                                             : push(ret, make_step(conf, conf), err);
    cJSON_ArrayForEach(p, plugins)
    {
        if (rc == 0)
            rc = strcmp(text_of(p, "type"), PORT_MAPPER) == 0 ? push_port_mapper(ret, conf, p, err)
                                                              : push(ret, make_step(conf, p), err);
    }
    if (rc != 0)
        cni_chain_free(ret);
    return rc;
}

void cni_chain_free(struct cni_chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        cJSON_Delete(c->step[i]);
    c->n = 0;
}

const char *cni_step_type(const cJSON *step)
{
    return text_of(step, "type");
}

int cni_step_text(const cJSON *step, struct str previous, struct sbuf *b, struct error *err)
{
    CLEANUP(json_free_p) json_ptr whole = cJSON_Duplicate(step, true);
    CLEANUP(json_free_p) json_ptr before = NULL;

    if (previous.n != 0 && json_parse(previous, &before, err) != 0)
        return error_wrap(err, "the result of the plugin before '%.40s'", cni_step_type(step));
    if (before != NULL)
        set(whole, "prevResult", TAKE(before));
    return append_tree(whole, b, err);
}

int cni_plugin_path(const char *folders, const char *type, char *ret, size_t size, struct error *err)
{
    struct str rest = str_of(folders), folder;

    if (strchr(type, '/') != NULL)
        return error_set(err, ERR_INVALID, "the CNI plugin '%.80s' is a path; give its name", type);
    for (bool more = true; more;) {
        more = str_cut(&rest, ':', &folder);
        int n = snprintf(ret, size, "%.*s/%s", STR_ARG(folder), type);
        if (folder.n != 0 && n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
            return 0;
    }
    return error_set(err, ERR_NOT_FOUND, "CNI plugin '%.60s' is not in %.120s (--network_cni_plugins_dir)", type, folders);
}

int cni_conf_check_plugins(const cJSON *conf, const char *folders, struct error *err)
{
    struct cni_chain chain;
    char path[4096];
    int rc = cni_chain_make(conf, &chain, err);

    for (size_t i = 0; rc == 0 && i < chain.n; i++) {
        const char *ipam = text_of(item(chain.step[i], "ipam"), "type");
        rc = cni_plugin_path(folders, cni_step_type(chain.step[i]), path, sizeof path, err);
        if (rc == 0 && ipam != NULL)
            rc = cni_plugin_path(folders, ipam, path, sizeof path, err);
    }
    cni_chain_free(&chain);
    return rc;
}

/* --- what they answer --------------------------------------------------------------------------------- */

static void add_address(struct cni_result *r, const char *text)
{
    unsigned char raw[sizeof(struct in6_addr)];
    struct cni_address *a = &r->address[r->n];
    if (text == NULL || r->n == CNI_ADDRESSES_MAX)
        return;
    size_t n = strcspn(text, "/");
    if (n >= sizeof a->text)
        return;
    memcpy(a->text, text, n);
    a->text[n] = 0;
    a->v6 = strchr(a->text, ':') != NULL;
    if (inet_pton(a->v6 ? AF_INET6 : AF_INET, a->text, raw) == 1)
        r->n++;
}

int cni_result_parse(struct str text, struct cni_result *ret, struct error *err)
{
    CLEANUP(json_free_p) json_ptr tree = NULL;
    const cJSON *ip;
    int rc = json_parse(text, &tree, err);

    *ret = (struct cni_result){ .n = 0 };
    if (rc == 0 && !cJSON_IsObject(tree))
        rc = error_set(err, ERR_INVALID, "it is no JSON object");
    if (rc != 0)
        return error_wrap(err, "the result of a CNI plugin");
    add_address(ret, text_of(item(tree, "ip4"), "ip")); /* up to 0.2.0 */
    add_address(ret, text_of(item(tree, "ip6"), "ip"));
    cJSON_ArrayForEach(ip, item(tree, "ips"))
    {
        add_address(ret, text_of(ip, "address"));
    }
    const cJSON *dns = item(tree, "dns");
    if (cJSON_GetArraySize(dns) > 0)
        ret->dns = cJSON_Duplicate(dns, true);
    return 0;
}

void cni_result_done(struct cni_result *r)
{
    cJSON_Delete(r->dns);
    *r = (struct cni_result){ .n = 0 };
}

bool cni_error_text(struct str text, struct sbuf *b)
{
    CLEANUP(json_free_p) json_ptr tree = NULL;
    struct error ignored;

    if (json_parse(text, &tree, &ignored) != 0 || text_of(tree, "msg") == NULL)
        return false;
    const char *details = text_of(tree, "details");
    sbuf_c(b, text_of(tree, "msg"));
    if (details != NULL && details[0] != 0)
        sbuf_fmt(b, ": %s", details);
    return true;
}

/* --- /etc --------------------------------------------------------------------------------------------- */

void cni_hosts_text(const char *hostname, const struct cni_result *results, size_t n, struct sbuf *b)
{
    sbuf_c(b, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    for (int v6 = 0; v6 < 2; v6++) {
        const struct cni_address *first = NULL;
        for (size_t i = 0; i < n && first == NULL; i++)
            for (size_t k = 0; k < results[i].n && first == NULL; k++)
                if (results[i].address[k].v6 == (v6 != 0))
                    first = &results[i].address[k];
        if (first != NULL)
            sbuf_fmt(b, "%s %s\n", first->text, hostname);
    }
}

void cni_dns_merge(cJSON *into, const cJSON *dns)
{
    static const char *const lists[] = { "nameservers", "search", "options" };

    set_copy(into, "domain", item(dns, "domain"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const cJSON *e;
        cJSON_ArrayForEach(e, item(dns, lists[i]))
        {
            cJSON *list = item(into, lists[i]);
            if (list == NULL)
                list = cJSON_AddArrayToObject(into, lists[i]);
            (void)cJSON_AddItemToArray(list, cJSON_Duplicate(e, true));
        }
    }
}

static void put_words(struct sbuf *b, const char *word, const cJSON *list)
{
    const cJSON *e;
    if (cJSON_GetArraySize(list) == 0)
        return;
    sbuf_c(b, word);
    cJSON_ArrayForEach(e, list)
    {
        if (cJSON_IsString(e))
            sbuf_fmt(b, " %s", cJSON_GetStringValue(e));
    }
    sbuf_char(b, '\n');
}

bool cni_resolv_text(const cJSON *dns, struct sbuf *b)
{
    const cJSON *e;
    size_t servers = 0;
    const char *domain = text_of(dns, "domain");

    if (domain != NULL && domain[0] != 0)
        sbuf_fmt(b, "domain %s\n", domain);
    put_words(b, "search", item(dns, "search"));
    put_words(b, "options", item(dns, "options"));
    cJSON_ArrayForEach(e, item(dns, "nameservers"))
    {
        if (!cJSON_IsString(e))
            continue;
        sbuf_fmt(b, "nameserver %s\n", cJSON_GetStringValue(e));
        servers++;
    }
    return servers != 0;
}

const struct cJSON *cni_default_dns(const cJSON *flag, const char *network)
{
    const cJSON *e, *any = NULL;

    cJSON_ArrayForEach(e, item(flag, "mesos"))
    {
        const char *mode = text_of(e, "network_mode"), *name = text_of(e, "network_name");
        if (mode == NULL || strcmp(mode, "CNI") != 0)
            continue;
        if (name != NULL && strcmp(name, network) == 0)
            return item(e, "dns");
        if (name == NULL)
            any = item(e, "dns");
    }
    return any;
}
