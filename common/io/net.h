/* SPDX-License-Identifier: Apache-2.0 */
/* Network addresses as small values. Numeric forms are parsed here without DNS; a name is resolved by
 * net_resolve (blocking: only at start) or by the HTTP client in a worker thread. */
#ifndef STOA_IO_NET_H
#define STOA_IO_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/base/str.h"

enum net_family { NET_NONE, NET_IP4, NET_IP6, NET_UNIX };

/* A plain value; unused bytes are 0, so two of them may be compared and hashed as memory. */
struct net_addr {
    uint8_t ip[16];  /* network order; 4 bytes used by NET_IP4 */
    uint16_t port;   /* host order */
    uint16_t family; /* enum net_family */
};

enum { NET_TEXT_SIZE = 56, NET_HOST_SIZE = 256 }; /* with the terminator */

/* "127.0.0.1:5050", "[::1]:5050"; the port is required. */
bool net_parse(struct str s, struct net_addr *ret);
/* "127.0.0.1", "::1", "[::1]". */
bool net_parse_ip(struct str s, uint16_t port, struct net_addr *ret);
void net_text(const struct net_addr *a, char ret[NET_TEXT_SIZE]);    /* with port; "unix" for NET_UNIX */
void net_ip_text(const struct net_addr *a, char ret[NET_TEXT_SIZE]); /* without port and brackets */
bool net_eq(const struct net_addr *a, const struct net_addr *b);
bool net_is_loopback(const struct net_addr *a);
bool net_is_any(const struct net_addr *a);

socklen_t net_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *ret);
void net_from_sockaddr(const struct sockaddr *sa, struct net_addr *ret);

/* Resolves a name or numeric address. Blocks in getaddrinfo: at start only. IPv4 is preferred. */
int net_resolve(const char *host, uint16_t port, struct net_addr *ret, struct error *err);
/* The address to listen on as text: --ip, else what --ip_discovery_command prints (/bin/sh runs it, for at most half a minute; blocks: at start only), else all. */
int net_discover_ip(const char *ip, const char *command, char ret[NET_HOST_SIZE], struct error *err);
/* The host name of this machine, as hostname -f would give it if that is known without DNS. */
int net_hostname(char *ret, size_t size, struct error *err);
/* The address that others reach this machine at: that of the default route's interface (asked from the
 * kernel, nothing is sent), else 127.0.0.1. */
void net_own_ip(struct net_addr *ret);

/* Raises the soft limit of open descriptors to the hard one and returns it: for master and marathon, at
 * start. Not for programs whose children would inherit it unasked. */
unsigned long net_raise_descriptor_limit(void);

#endif
