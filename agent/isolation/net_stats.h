/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts in a network namespace, as fields of ResourceStatistics. Pure. Source: agent reference, §21
 * (--network_cni_metrics); proc(5), net/dev and net/snmp. */
#ifndef STOA_AGENT_ISOLATION_NET_STATS_H
#define STOA_AGENT_ISOLATION_NET_STATS_H

#include "common/base/sbuf.h"
#include "common/base/str.h"

/* Appends net_rx_packets to net_tx_dropped, the sums over all interfaces but the loopback one. */
void net_stats_interfaces(struct str net_dev, struct sbuf *b);
/* Appends net_snmp_statistics; nothing when the text has none. */
void net_stats_snmp(struct str net_snmp, struct sbuf *b);

#endif
