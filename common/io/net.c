/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io/helper.h"
#include "common/io/loop.h"

#define DISCOVERY_NS (30 * NS_PER_S) /* of a command that asks a cloud for the machine's address */

bool net_parse_ip(struct str s, uint16_t port, struct net_addr *ret)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = str_sub(s, 1, s.n - 2);
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    struct net_addr a = { .port = port, .family = NET_IP4 };
    if (inet_pton(AF_INET, text, a.ip) != 1) {
        a.family = NET_IP6;
        if (inet_pton(AF_INET6, text, a.ip) != 1)
            return false;
    }
    *ret = a;
    return true;
}

bool net_parse(struct str s, struct net_addr *ret)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return false;
    struct str ip = str_sub(s, 0, colon - 1);
    struct str rest = str_sub(s, colon, s.n);
    uint64_t port;
    if (!str_u64(&rest, 65535, &port) || rest.n != 0)
        return false;
    if (str_index(ip, ':') < ip.n && ip.p[0] != '[')
        return false; /* a bare IPv6 address with a port is ambiguous */
    return net_parse_ip(ip, (uint16_t)port, ret);
}

static char *digits(unsigned v, char *at)
{
    char back[5];
    unsigned n = 0;
    do
        back[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n != 0)
        *at++ = back[--n];
    return at;
}

/* By hand, as every message names its receiver. Returns the end. */
static char *ip4_text(const uint8_t *ip, char *at)
{
    for (int i = 0; i < 4; i++) {
        at = digits(ip[i], at);
        *at++ = '.';
    }
    *--at = '\0';
    return at;
}

void net_ip_text(const struct net_addr *a, char ret[NET_TEXT_SIZE])
{
    if (a->family == NET_IP4)
        (void)ip4_text(a->ip, ret);
    else if (a->family == NET_IP6)
        (void)inet_ntop(AF_INET6, a->ip, ret, NET_TEXT_SIZE);
    else
        (void)snprintf(ret, NET_TEXT_SIZE, "%s", a->family == NET_UNIX ? "unix" : "0.0.0.0");
}

void net_text(const struct net_addr *a, char ret[NET_TEXT_SIZE])
{
    char ip[NET_TEXT_SIZE];
    if (a->family == NET_IP4) {
        char *at = ip4_text(a->ip, ret);
        *at++ = ':';
        *digits(a->port, at) = '\0';
        return;
    }
    net_ip_text(a, ip);
    if (a->family == NET_UNIX)
        (void)snprintf(ret, NET_TEXT_SIZE, "unix");
    else if (a->family == NET_IP6)
        (void)snprintf(ret, NET_TEXT_SIZE, "[%.46s]:%u", ip, a->port);
    else
        (void)snprintf(ret, NET_TEXT_SIZE, "%.46s:%u", ip, a->port);
}

bool net_eq(const struct net_addr *a, const struct net_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool net_is_loopback(const struct net_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    if (a->family == NET_IP6)
        return memcmp(a->ip, one, 16) == 0;
    return a->family == NET_UNIX || (a->family == NET_IP4 && a->ip[0] == 127);
}

bool net_is_any(const struct net_addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, 16) == 0;
}

socklen_t net_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (a->family == NET_IP6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(a->port);
        memcpy(&sin6->sin6_addr, a->ip, 16);
        return sizeof *sin6;
    }
    struct sockaddr_in *sin = (struct sockaddr_in *)ret;
    sin->sin_family = AF_INET;
    sin->sin_port = htons(a->port);
    memcpy(&sin->sin_addr, a->ip, 4);
    return sizeof *sin;
}

void net_from_sockaddr(const struct sockaddr *sa, struct net_addr *ret)
{
    memset(ret, 0, sizeof *ret);
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
        ret->family = NET_IP4;
        ret->port = ntohs(sin->sin_port);
        memcpy(ret->ip, &sin->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
        ret->port = ntohs(sin6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ret->family = NET_IP4;
            memcpy(ret->ip, sin6->sin6_addr.s6_addr + 12, 4);
        } else {
            ret->family = NET_IP6;
            memcpy(ret->ip, &sin6->sin6_addr, 16);
        }
    } else if (sa->sa_family == AF_UNIX) {
        ret->family = NET_UNIX;
    }
}

int net_resolve(const char *host, uint16_t port, struct net_addr *ret, struct error *err)
{
    if (net_parse_ip(str_of(host), port, ret))
        return 0;
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0)
        return error_set(err, rc == EAI_NONAME ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                         "host name %.200s cannot be resolved: %s", host, gai_strerror(rc));
    const struct addrinfo *use = list;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        if (a->ai_family == AF_INET) {
            use = a;
            break;
        }
    net_from_sockaddr(use->ai_addr, ret);
    ret->port = port;
    freeaddrinfo(list);
    return 0;
}

int net_discover_ip(const char *ip, const char *command, char ret[NET_HOST_SIZE], struct error *err)
{
    char line[256] = "";
    struct net_addr addr;
    int status = 0;

    if (ip != NULL && command != NULL)
        return error_set(err, ERR_INVALID, "--ip and --ip_discovery_command: give one of them");
    if (command == NULL) {
        if (snprintf(ret, NET_HOST_SIZE, "%s", ip != NULL ? ip : "0.0.0.0") >= NET_HOST_SIZE)
            return error_set(err, ERR_INVALID, "--ip=%.80s... is too long for an address", ip);
        return 0;
    }
    if (helper_ask(command, DISCOVERY_NS, line, sizeof line, &status, err) != 0)
        return error_wrap(err, "--ip_discovery_command=%.100s", command);
    line[strcspn(line, "\n")] = 0;
    struct str said = str_trim(str_of(line));
    if (status != 0)
        return error_set(err, ERR_INVALID, "--ip_discovery_command=%.100s: it ended with wait status %d", command, status);
    if (!net_parse_ip(said, 0, &addr))
        return error_set(err, ERR_INVALID, "--ip_discovery_command=%.100s: it printed '%.*s', which is no address", command, STR_ARG(str_sub(said, 0, 80)));
    net_ip_text(&addr, ret);
    return 0;
}

int net_hostname(char *ret, size_t size, struct error *err)
{
    if (gethostname(ret, size) != 0)
        return error_set_errno(err, errno, "the host name cannot be read");
    ret[size - 1] = 0;
    return 0;
}

void net_own_ip(struct net_addr *ret)
{
    /* A UDP socket that is "connected" sends nothing, but has the source address of the route chosen. */
    (void)net_parse_ip(STR("127.0.0.1"), 0, ret);
    struct net_addr far = { 0 };
    (void)net_parse_ip(STR("192.0.2.1"), 9, &far);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    struct sockaddr_storage ss;
    socklen_t n = net_to_sockaddr(&far, &ss);
    if (connect(fd, (struct sockaddr *)&ss, n) == 0) {
        socklen_t size = sizeof ss;
        if (getsockname(fd, (struct sockaddr *)&ss, &size) == 0)
            net_from_sockaddr((struct sockaddr *)&ss, ret);
        ret->port = 0;
    }
    (void)close(fd);
}

unsigned long net_raise_descriptor_limit(void)
{
    struct rlimit rl = { 0 };
    if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
        return 0;
    struct rlimit want = { rl.rlim_max, rl.rlim_max };
    if (rl.rlim_cur < rl.rlim_max && setrlimit(RLIMIT_NOFILE, &want) == 0)
        rl = want;
    return (unsigned long)rl.rlim_cur;
}
