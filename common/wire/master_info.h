/* SPDX-License-Identifier: Apache-2.0 */
/* MasterInfo as it stands in ZooKeeper: written as JSON on one line with keys in alphabetical order, read in
 * all three forms that masters of any age write. Pure. Source: reference of high availability, §2, §3; client
 * expectations, 12.4. */
#ifndef STOA_WIRE_MASTER_INFO_H
#define STOA_WIRE_MASTER_INFO_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/model/election.h"

struct master_addr {
    char id[256], hostname[256], version[64];
    char region[256]; /* of its fault domain; empty: none */
    char ip[64];      /* textual */
    uint16_t port;
    char pid[320];     /* "master@ip:port" */
    char address[320]; /* "hostname:port", for Location and for people */
};

/* From the bytes of a MasterInfo message. */
void master_info_put_json(struct sbuf *b, struct str master_info);
/* The content of a candidate node. PROTOCOL when it is not what its label says, or does not say where the
 * master is. */
int master_info_read(enum candidate_label label, struct str content, struct master_addr *ret,
                     struct error *err);

#endif
