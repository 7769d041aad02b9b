/* SPDX-License-Identifier: Apache-2.0 */
/* --firewall_rules: endpoints that a program does not serve, by their exact paths. */
#ifndef STOA_IO_FIREWALL_H
#define STOA_IO_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct firewall {
    char **paths;
    size_t n;
};

/* {"disabled_endpoints":{"paths":[..]}}, in place or in a file. */
int firewall_load(struct firewall *f, const char *value, struct error *err);
void firewall_done(struct firewall *f);
bool firewall_blocks(const struct firewall *f, struct str path);

#endif
