/* SPDX-License-Identifier: Apache-2.0 */
/* net/snmp has two lines for each protocol, the names and the numbers; the names are those of the message's fields. */
#include "agent/isolation/net_stats.h"

#include <ctype.h>

#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1.pb-c.h"

/* The next word of a line; empty at its end. */
static struct str word(struct str *line)
{
    size_t n = 0;
    while (line->n != 0 && *line->p == ' ')
        *line = str_sub(*line, 1, line->n);
    while (n < line->n && line->p[n] != ' ')
        n++;
    struct str w = str_sub(*line, 0, n);
    *line = str_sub(*line, n, line->n);
    return w;
}

void net_stats_interfaces(struct str text, struct sbuf *b)
{
    enum { COLUMNS = 16 };
    /* Columns of bytes, packets, errors and drops, received and sent; the fields they become. */
    static const struct {
        unsigned column, field;
    } map[] = { { 1, 14 }, { 0, 15 }, { 2, 16 }, { 3, 17 }, { 9, 18 }, { 8, 19 }, { 10, 20 }, { 11, 21 } };
    uint64_t sum[COLUMNS] = { 0 };
    struct str line;

    for (bool more = true; more;) {
        struct str name;
        more = str_cut(&text, '\n', &line);
        if (!str_cut(&line, ':', &name) || str_is(str_trim(name), "lo"))
            continue;
        for (unsigned i = 0; i < COLUMNS; i++) {
            struct str w = word(&line);
            uint64_t v;
            if (str_u64(&w, UINT64_MAX, &v))
                sum[i] += v;
        }
    }
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        wire_put_u64(b, map[i].field, sum[map[i].column]);
}

/* One protocol as a JSON object: {"InMsgs":3,...}. */
static void put_protocol(struct sbuf *json, struct str names, struct str numbers)
{
    bool first = true;
    sbuf_char(json, '{');
    for (;;) {
        struct str name = word(&names), rest = word(&numbers), number = rest;
        int64_t v;
        if (name.n == 0 || number.n == 0)
            break;
        if (!str_i64(&rest, INT64_MIN, INT64_MAX, &v) || rest.n != 0 || !isalpha((unsigned char)*name.p))
            continue;
        sbuf_fmt(json, "%s\"%.*s\":%.*s", first ? "" : ",", STR_ARG(name), STR_ARG(number));
        first = false;
    }
    sbuf_char(json, '}');
}

void net_stats_snmp(struct str text, struct sbuf *b)
{
    static const struct {
        const char *line, *key;
    } map[] = { { "Ip", "ip_stats" }, { "Icmp", "icmp_stats" }, { "Tcp", "tcp_stats" }, { "Udp", "udp_stats" } };
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(65536);
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(65536);
    struct str names, numbers, a, c;
    struct error ignored;

    for (bool more = true; more;) {
        more = str_cut(&text, '\n', &names) && str_cut(&text, '\n', &numbers);
        if (!more || !str_cut(&names, ':', &a) || !str_cut(&numbers, ':', &c) || !str_eq(a, c))
            continue;
        for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
            if (!str_is(a, map[i].line))
                continue;
            sbuf_fmt(&json, "%s\"%s\":", json.n == 0 ? "{" : ",", map[i].key);
            put_protocol(&json, names, numbers);
        }
    }
    sbuf_char(&json, '}');
    if (json.n > 1 && json_to_wire(&mesos__v1__snmpstatistics__descriptor, sbuf_view(&json), &bytes, &ignored) == 0)
        wire_put_bytes(b, 42, sbuf_view(&bytes));
}
