/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/master_info.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

static const char *const capability_names[] = { "UNKNOWN", "AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2" };

/* --- writing ------------------------------------------------------------------------------------------ */
static void put_name(struct jsonw *w, const char *key, struct str name)
{
    jsonw_key_open(w, key);
    jsonw_key_s(w, "name", name);
    jsonw_close(w);
}

static void put_address(struct jsonw *w, struct str info)
{
    struct str address = wire_field_bytes(info, 7), hostname = wire_field_bytes(address, 1),
               ip = wire_field_bytes(address, 2);

    if (address.n == 0)
        return;
    jsonw_key_open(w, "address");
    if (hostname.p != NULL)
        jsonw_key_s(w, "hostname", hostname);
    if (ip.p != NULL)
        jsonw_key_s(w, "ip", ip);
    jsonw_key_u64(w, "port", wire_field_u64(address, 3, 0));
    jsonw_close(w);
}

static void put_capabilities(struct jsonw *w, struct str info)
{
    struct wire_field f;

    jsonw_key_array(w, "capabilities");
    while (wire_field_next(&info, &f) == 1) {
        uint64_t type;
        if (f.number != 9 || f.type != WIRE_BYTES)
            continue;
        type = wire_field_u64(f.bytes, 1, 0);
        jsonw_open(w);
        jsonw_key_c(w, "type", capability_names[type < 4 ? type : 0]);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void put_domain(struct jsonw *w, struct str info)
{
    struct str fault = wire_path(info, 8, 1, 0);

    if (fault.n == 0)
        return;
    jsonw_key_open(w, "domain");
    jsonw_key_open(w, "fault_domain");
    put_name(w, "region", wire_path(fault, 1, 1, 0));
    put_name(w, "zone", wire_path(fault, 2, 1, 0));
    jsonw_close(w);
    jsonw_close(w);
}

void master_info_put_json(struct sbuf *b, struct str info)
{
    struct jsonw w = JSONW(b);

    jsonw_open(&w);
    put_address(&w, info);
    put_capabilities(&w, info);
    put_domain(&w, info);
    jsonw_key_s(&w, "hostname", wire_field_bytes(info, 5));
    jsonw_key_s(&w, "id", wire_field_bytes(info, 1));
    jsonw_key_u64(&w, "ip", wire_field_u64(info, 2, 0));
    jsonw_key_s(&w, "pid", wire_field_bytes(info, 4));
    jsonw_key_u64(&w, "port", wire_field_u64(info, 3, 5050));
    jsonw_key_s(&w, "version", wire_field_bytes(info, 6));
    jsonw_close(&w);
}

/* --- reading ------------------------------------------------------------------------------------------ */
static void copy(char *to, size_t size, struct str s)
{
    (void)snprintf(to, size, "%.*s", STR_ARG(s));
}

static void copy_json(char *to, size_t size, const cJSON *o, const char *key)
{
    const char *c = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    if (c != NULL && c[0] != '\0')
        copy(to, size, str_of(c));
}

static uint32_t number(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= UINT32_MAX ? (uint32_t)v->valuedouble
                                                                                    : 0;
}

/* 10.0.0.1 is 16777226: network order read as a little-endian number. */
static void packed_ip(struct master_addr *m, uint32_t ip)
{
    if (m->ip[0] == '\0' && ip != 0)
        (void)snprintf(m->ip, sizeof m->ip, "%u.%u.%u.%u", ip & 255, ip >> 8 & 255, ip >> 16 & 255, ip >> 24);
}

static int read_pid(struct master_addr *m, struct str pid)
{
    uint64_t port;

    (void)str_skip(&pid, STR("master@"));
    size_t colon = pid.n;
    while (colon != 0 && pid.p[colon - 1] != ':')
        colon--;
    struct str digits = str_sub(pid, colon, pid.n);
    if (colon < 2 || !str_u64(&digits, 65535, &port) || digits.n != 0 || port == 0 || pid.n >= sizeof m->ip)
        return -1;
    if (m->ip[0] == '\0')
        copy(m->ip, sizeof m->ip, str_sub(pid, 0, colon - 1));
    if (m->port == 0)
        m->port = (uint16_t)port;
    return 0;
}

static int read_json(struct str content, struct master_addr *m, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    int rc = json_parse(content, &tree, err);

    if (rc != 0)
        return rc;
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(tree, "address");
    const cJSON *fault =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, "domain"), "fault_domain");
    copy_json(m->id, sizeof m->id, tree, "id");
    copy_json(m->hostname, sizeof m->hostname, tree, "hostname");
    copy_json(m->version, sizeof m->version, tree, "version");
    copy_json(m->region, sizeof m->region, cJSON_GetObjectItemCaseSensitive(fault, "region"), "name");
    copy_json(m->ip, sizeof m->ip, address, "ip");
    uint32_t port = number(address, "port");
    if (port == 0)
        port = number(tree, "port");
    m->port = port <= 65535 ? (uint16_t)port : 0;
    (void)read_pid(m, str_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "pid"))));
    packed_ip(m, number(tree, "ip"));
    return 0;
}

static void read_protobuf(struct str info, struct master_addr *m)
{
    struct str address = wire_field_bytes(info, 7);

    copy(m->id, sizeof m->id, wire_field_bytes(info, 1));
    copy(m->hostname, sizeof m->hostname, wire_field_bytes(info, 5));
    copy(m->version, sizeof m->version, wire_field_bytes(info, 6));
    copy(m->ip, sizeof m->ip, wire_field_bytes(address, 2));
    copy(m->region, sizeof m->region, wire_path(wire_path(info, 8, 1, 0), 1, 1, 0));
    m->port = (uint16_t)wire_field_u64(address, 3, wire_field_u64(info, 3, 5050));
    (void)read_pid(m, wire_field_bytes(info, 4));
    packed_ip(m, (uint32_t)wire_field_u64(info, 2, 0));
}

int master_info_read(enum candidate_label label, struct str content, struct master_addr *ret,
                     struct error *err)
{
    struct master_addr m = { .port = 0 };
    int rc = 0;

    switch (label) {
    case CANDIDATE_JSON:
        rc = read_json(content, &m, err);
        break;
    case CANDIDATE_PROTOBUF:
        read_protobuf(content, &m);
        break;
    case CANDIDATE_PID:
        (void)read_pid(&m, str_trim(content));
        break;
    case CANDIDATE_LATCH:
    case CANDIDATE_UNKNOWN:
        return error_set(err, ERR_PROTOCOL, "the leading node has a label that no master writes");
    }
    if (rc != 0)
        return error_wrap(err, "the leading node's MasterInfo");
    if (m.ip[0] == '\0' || m.port == 0)
        return error_set(err, ERR_PROTOCOL, "the leading node does not say where its master is: %.*s",
                         (int)(content.n < 100 ? content.n : 100), content.n != 0 ? content.p : "");
    if (m.hostname[0] == '\0')
        copy(m.hostname, sizeof m.hostname, str_of(m.ip));
    bool v6 = strchr(m.ip, ':') != NULL && m.ip[0] != '[';
    (void)snprintf(m.pid, sizeof m.pid, v6 ? "master@[%s]:%u" : "master@%s:%u", m.ip, m.port);
    (void)snprintf(m.address, sizeof m.address, "%s:%u", m.hostname, m.port);
    *ret = m;
    return 0;
}
