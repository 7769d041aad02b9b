/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of container networks: configurations, what plugins are told and what they answer, the files in /etc. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/isolation/cni_conf.h"
#include "agent/isolation/net_stats.h"
#include "common/base/cleanup.h"
#include "common/wire/json.h"
#include "proto/mesos_v1.pb-c.h"
#include "tests/support/test.h"

typedef struct cJSON *json_ptr;


TEST("a configuration has a name that can be a folder, and a plugin")
{
    static const struct {
        const char *text, *says; /* NULL: it is fine */
    } c[] = {
        { "{\"name\":\"a\",\"type\":\"bridge\"}", NULL },
        { "{\"name\":\"a\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"portmap\"}]}", NULL },
        { "{", "JSON" },
        { "[]", "no 'name'" },
        { "{\"type\":\"bridge\"}", "no 'name'" },
        { "{\"name\":\"../a\",\"type\":\"bridge\"}", "not usable" },
        { "{\"name\":\"hosts\",\"type\":\"bridge\"}", "not usable" },
        { "{\"name\":\"a\"}", "neither 'type' nor 'plugins'" },
        { "{\"name\":\"a\",\"plugins\":[]}", "a list of 1" },
        { "{\"name\":\"a\",\"plugins\":[{}]}", "no 'type'" },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        CLEANUP(json_free_p) json_ptr conf = NULL;
        struct error err = { .code = ERR_OK };
        int rc = cni_conf_parse(str_of(c[i].text), &conf, &err);
        CHECK_INT(rc != 0, c[i].says != NULL);
        if (rc != 0 && strcmp(c[i].says, "JSON") != 0)
            CHECK(strstr(err.msg, c[i].says) != NULL);
    }
}

/* What the plugins of a configuration are told, one after the other, for a NetworkInfo. */
static void told(const char *conf_text, const char *info, struct sbuf *b)
{
    CLEANUP(json_free_p) json_ptr conf = NULL;
    struct cni_chain chain;
    struct error err;
    sbuf_clear(b);
    if (cni_conf_parse(str_of(conf_text), &conf, &err) != 0 || cni_conf_set_info(conf, str_of(info), &err) != 0 ||
        cni_chain_make(conf, &chain, &err) != 0) {
        sbuf_c(b, err.msg);
        return;
    }
    for (size_t i = 0; i < chain.n; i++) {
        CHECK_INT(cni_step_text(chain.step[i], i > 0 ? STR("{\"r\":1}") : STR(""), b, &err), 0);
        sbuf_char(b, '\n');
    }
    cni_chain_free(&chain);
}

TEST("a plugin is told the configuration as it is, and of the NetworkInfo")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    told("{\"name\":\"a\",\"type\":\"x\",\"own\":[1],\"args\":{\"k\":1}}", "{\"name\":\"a\"}", &b);
    CHECK_CSTR(b.p, "{\"name\":\"a\",\"type\":\"x\",\"own\":[1],\"args\":{\"k\":1,\"org.apache.mesos\":{\"network_info\":{\"name\":\"a\"}}}}\n");
    told("{\"name\":\"a\",\"type\":\"x\",\"args\":{\"org.apache.mesos\":{}}}", "{}", &b);
    CHECK(strstr(b.p, "reserved") != NULL);
}

TEST("plugins of a list get its name and version and the result of the one before; ports go to who says that it maps them")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    told("{\"cniVersion\":\"0.4.0\",\"name\":\"l\",\"plugins\":[{\"type\":\"x\"},{\"type\":\"p\",\"capabilities\":{\"portMappings\":true}}]}",
         "{\"port_mappings\":[{\"host_port\":31000,\"container_port\":80,\"protocol\":\"UDP\"},{\"host_port\":1,\"container_port\":2}]}", &b);
    const char *second = strchr(b.p, '\n') + 1;
    CHECK(strncmp(b.p, "{\"type\":\"x\",\"name\":\"l\",\"cniVersion\":\"0.4.0\",\"args\":", 50) == 0);
    CHECK(strstr(second, "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":31000,\"containerPort\":80,\"protocol\":\"udp\"},"
                         "{\"hostPort\":1,\"containerPort\":2,\"protocol\":\"tcp\"}]},\"prevResult\":{\"r\":1}}") != NULL);
    CHECK(strstr(b.p, "portMappings") > second);
}

TEST("the original's port mapper is its delegate and portmap, or the delegate alone without ports")
{
    static const char mapper[] = "{\"name\":\"m\",\"type\":\"mesos-cni-port-mapper\",\"chain\":\"C\",\"delegate\":{\"type\":\"bridge\",\"bridge\":\"b\"}}";
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    told(mapper, "{\"port_mappings\":[{\"host_port\":31000,\"container_port\":80}]}", &b);
    CHECK(strncmp(b.p, "{\"type\":\"bridge\",\"bridge\":\"b\",\"name\":\"m\",\"args\":", 46) == 0);
    CHECK(strstr(b.p, "\n{\"name\":\"m\",\"type\":\"portmap\",\"snat\":true,") != NULL);
    told(mapper, "{}", &b);
    CHECK(strstr(b.p, "portmap") == NULL);
    told("{\"name\":\"m\",\"type\":\"mesos-cni-port-mapper\"}", "{}", &b);
    CHECK(strstr(b.p, "needs a 'delegate'") != NULL);
}

TEST("results of every version: addresses without their length, DNS; what is none is refused")
{
    static const struct {
        const char *text, *addresses;
    } c[] = {
        { "{\"ip4\":{\"ip\":\"10.0.0.2/24\"},\"ip6\":{\"ip\":\"fd00::2/64\"}}", "10.0.0.2 fd00::2 " },
        { "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.3/24\",\"gateway\":\"10.0.0.1\"}]}", "10.0.0.3 " },
        { "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"fd00::3/64\"},{\"address\":\"nonsense\"},{}],\"dns\":{}}", "fd00::3 " },
        { "{}", "" },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(512);
        struct cni_result r;
        struct error err;
        CHECK_INT(cni_result_parse(str_of(c[i].text), &r, &err), 0);
        for (size_t k = 0; k < r.n; k++)
            sbuf_fmt(&b, "%s ", r.address[k].text);
        CHECK_CSTR(b.p != NULL ? b.p : "", c[i].addresses);
        CHECK(r.dns == NULL);
        cni_result_done(&r);
    }
    struct cni_result r;
    struct error err;
    CHECK(cni_result_parse(STR("oops"), &r, &err) != 0);
    CHECK(cni_result_parse(STR("[]"), &r, &err) != 0);
}

TEST("an error of a plugin is told in its own words")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(512);
    CHECK(cni_error_text(STR("{\"code\":11,\"msg\":\"no IP addresses available\",\"details\":\"in range\"}"), &b));
    CHECK_CSTR(b.p, "no IP addresses available: in range");
    CHECK(!cni_error_text(STR("panic"), &b));
}

TEST("hosts has the first address of each kind; resolv.conf what all networks say; a flag says it where they do not")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    CLEANUP(json_free_p) json_ptr dns = cJSON_CreateObject();
    CLEANUP(json_free_p) json_ptr flag = NULL;
    struct cni_result r[2];
    struct error err;
    CHECK_INT(cni_result_parse(STR("{\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"10.0.0.9/24\"}],\"dns\":"
                                   "{\"nameservers\":[\"10.0.0.1\"],\"domain\":\"x\",\"search\":[\"x\"]}}"), &r[0], &err), 0);
    CHECK_INT(cni_result_parse(STR("{\"ips\":[{\"address\":\"fd00::2/64\"}],\"dns\":{\"nameservers\":[\"fd00::1\"],\"domain\":\"y\"}}"),
                               &r[1], &err), 0);
    cni_hosts_text("box", r, 2, &b);
    CHECK(strstr(b.p, "127.0.0.1 localhost\n") == b.p && strstr(b.p, "\n10.0.0.2 box\nfd00::2 box\n") != NULL);
    sbuf_clear(&b);
    CHECK(!cni_resolv_text(dns, &b));
    for (int i = 0; i < 2; i++) {
        cni_dns_merge(dns, r[i].dns);
        cni_result_done(&r[i]);
    }
    CHECK(cni_resolv_text(dns, &b));
    CHECK_CSTR(b.p, "domain y\nsearch x\nnameserver 10.0.0.1\nnameserver fd00::1\n");
    CHECK_INT(json_parse(STR("{\"mesos\":[{\"network_mode\":\"CNI\",\"dns\":{\"domain\":\"any\"}},{\"network_mode\":\"HOST\",\"dns\":{}},"
                             "{\"network_mode\":\"CNI\",\"network_name\":\"n\",\"dns\":{\"domain\":\"named\"}}]}"), &flag, &err), 0);
    CHECK_CSTR(cJSON_GetStringValue(cJSON_GetObjectItem(cni_default_dns(flag, "n"), "domain")), "named");
    CHECK_CSTR(cJSON_GetStringValue(cJSON_GetObjectItem(cni_default_dns(flag, "other"), "domain")), "any");
}

TEST("what the kernel counts becomes fields: interfaces but the loopback are added up, SNMP has the names of the fields")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(4096);
    net_stats_interfaces(STR("Inter-|   Receive\n face |bytes packets errs\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  eth0: 100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n"
                             "eth1:1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"), &b);
    net_stats_snmp(STR("Ip: Forwarding Unknown\nIp: 1 7\nIcmpMsg: InType3\nIcmpMsg: 3\nTcp: MaxConn ActiveOpens\nTcp: -1 12\nUdp: InDatagrams\n"), &b);
    CHECK(json_from_wire(&json, &mesos__v1__resource_statistics__descriptor, sbuf_view(&b)));
    CHECK_CSTR(json.p, "{\"net_rx_packets\":3,\"net_rx_bytes\":101,\"net_rx_errors\":4,\"net_rx_dropped\":5,\"net_tx_packets\":7,"
                       "\"net_tx_bytes\":501,\"net_tx_errors\":8,\"net_tx_dropped\":9,\"net_snmp_statistics\":{\"ip_stats\":{\"Forwarding\":1},"
                       "\"tcp_stats\":{\"MaxConn\":-1,\"ActiveOpens\":12}}}");
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    if (f != NULL) {
        (void)fputs(text, f);
        (void)fclose(f);
    }
}

TEST("a network is found by its name among the files of a folder; what is missing is told with what there is")
{
    char folder[] = "/tmp/stoa-unit-XXXXXX", path[300];
    CLEANUP(json_free_p) json_ptr conf = NULL;
    struct error err;
    REQUIRE(mkdtemp(folder) != NULL);
    put_file(folder, "10-first.conf", "{\"name\":\"a\",\"type\":\"first\"}");
    put_file(folder, "20-again.conf", "{\"name\":\"a\",\"type\":\"second\"}");
    put_file(folder, "b", "{\"name\":\"b\",\"type\":\"x\"}");
    put_file(folder, "c.conf", "{broken");
    put_file(folder, ".hidden", "{\"name\":\"h\",\"type\":\"x\"}");
    CHECK_INT(cni_conf_find(folder, "a", &conf, &err), 0);
    CHECK_CSTR(cni_step_type(conf), "first");
    CLEANUP(json_free_p) json_ptr none = NULL;
    CHECK_INT(cni_conf_find(folder, "h", &none, &err), -(int)ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "Unknown CNI network 'h'") != NULL && strstr(err.msg, "a, a, b") != NULL && strstr(err.msg, "c.conf") != NULL);
    CHECK_INT(cni_conf_check_plugins(conf, folder, &err), -(int)ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "'first'") != NULL);
    static const char *const files[] = { "10-first.conf", "20-again.conf", "b", "c.conf", ".hidden" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    CHECK_INT(rmdir(folder), 0);
}
