/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/domain_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/shell.h"
#include "common/io/fs.h"

#define FILE_NAME "agent.sock"
#define INSIDE "/mnt/mesos/agent" /* beside the sandbox; in the roots of images */

static int listen_at(struct shell *s, const char *path, char ret[DOMAIN_SOCKET_PATH_SIZE], struct error *err)
{
    char folder[DOMAIN_SOCKET_PATH_SIZE];
    size_t n = strlen(path);

    if (n >= sizeof folder)
        return error_set(err, ERR_INVALID, "the domain socket %s: its path has %zu bytes, and may have %d; give a shorter "
                         "--domain_socket_location or --runtime_dir", path, n, DOMAIN_SOCKET_PATH_SIZE - 1);
    memcpy(folder, path, n + 1);
    *strrchr(folder, '/') = 0;
    if (folder[0] != 0 && fs_mkdirs(folder, 0755, err) != 0)
        return error_wrap(err, "the domain socket");
    if (http_server_listen_unix(s->server, path, 0666, err) != 0)
        return -(int)err->code;
    memcpy(ret, path, n + 1);
    return 0;
}

/* The number that systemd gave to the socket of this name (sd_listen_fds(3)); -1: none. */
static int systemd_number(struct str name)
{
    enum { FIRST = 3 };
    const char *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
    struct str rest = str_of(pid), one;
    uint64_t n;

    if (pid == NULL || names == NULL || !str_u64(&rest, INT32_MAX, &n) || (pid_t)n != getpid())
        return -1;
    rest = str_of(names);
    for (int i = 0, more = 1; more; i++) {
        more = str_cut(&rest, ':', &one);
        if (str_eq(one, name))
            return FIRST + i;
    }
    return -1;
}

/* One that is open already, and stays when this agent goes. */
static int take_over(struct shell *s, struct str name, struct error *err)
{
    struct sockaddr_un un = { .sun_family = AF_UNSPEC };
    socklen_t size = sizeof un - 1; /* a path ends with a zero then */
    const char *given = getenv("LISTEN_FDNAMES");
    int fd = systemd_number(name);

    if (fd < 0)
        return error_set(err, ERR_NOT_FOUND, "--domain_socket_location=systemd:%.*s: systemd has passed no socket of this name (LISTEN_FDNAMES: %.80s); "
                         "FileDescriptorName= in the socket's unit gives it one", STR_ARG(name), given != NULL ? given : "not set");
    if (getsockname(fd, (struct sockaddr *)&un, &size) != 0 || un.sun_family != AF_UNIX || un.sun_path[0] != '/')
        return error_set(err, ERR_INVALID, "--domain_socket_location=systemd:%.*s is no socket file; ListenStream= in its unit has to be a path", STR_ARG(name));
    (void)snprintf(s->domain_socket, sizeof s->domain_socket, "%s", un.sun_path);
    return http_server_listen_fd(s->server, fd, err);
}

int domain_socket_listen(struct shell *s, struct error *err)
{
    const char *given = s->flags.domain_socket_location;

    if (!s->flags.http_executor_domain_sockets)
        return 0;
    struct str name = str_of(given);
    int rc = str_skip(&name, STR("systemd:")) ? take_over(s, name, err)
             : listen_at(s, given != NULL ? given : path_fmt("%s/" FILE_NAME, s->runtime_dir).p, s->domain_socket, err);
    if (rc == 0 && given == NULL)
        flags_show(&s->parsed, "domain_socket_location", s->domain_socket);
    if (rc == 0 && agent_flags_have_images(&s->flags))
        rc = listen_at(s, path_fmt("%s/socket/" FILE_NAME, s->runtime_dir).p, s->domain_socket_mounted, err);
    return rc;
}

bool domain_socket_is_on(const struct shell *s)
{
    return s->domain_socket[0] != 0;
}

const char *domain_socket_for(const struct shell *s, bool has_image)
{
    if (!domain_socket_is_on(s))
        return NULL;
    return has_image ? INSIDE "/" FILE_NAME : s->domain_socket;
}

bool domain_socket_volume(const struct shell *s, struct container_volume *ret)
{
    static char folder[DOMAIN_SOCKET_PATH_SIZE]; /* of the one agent of this process */

    if (s->domain_socket_mounted[0] == 0)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(s->domain_socket_mounted, '/') - s->domain_socket_mounted),
                   s->domain_socket_mounted);
    *ret = (struct container_volume){ .host_path = folder, .container_path = INSIDE, .flags = CONTAINER_VOLUME_RO };
    return true;
}

bool domain_socket_is_from(const struct http_req *r)
{
    return http_req_peer(r)->family == NET_UNIX;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* executors still use the old names */
bool domain_socket_takes(Mesos__V1__Agent__Call__Type type)
{
    static const Mesos__V1__Agent__Call__Type taken[] = {
        MESOS__V1__AGENT__CALL__TYPE__LAUNCH_NESTED_CONTAINER, MESOS__V1__AGENT__CALL__TYPE__WAIT_NESTED_CONTAINER,
        MESOS__V1__AGENT__CALL__TYPE__KILL_NESTED_CONTAINER, MESOS__V1__AGENT__CALL__TYPE__REMOVE_NESTED_CONTAINER,
        MESOS__V1__AGENT__CALL__TYPE__LAUNCH_NESTED_CONTAINER_SESSION, MESOS__V1__AGENT__CALL__TYPE__ATTACH_CONTAINER_INPUT,
        MESOS__V1__AGENT__CALL__TYPE__ATTACH_CONTAINER_OUTPUT, MESOS__V1__AGENT__CALL__TYPE__LAUNCH_CONTAINER,
        MESOS__V1__AGENT__CALL__TYPE__WAIT_CONTAINER, MESOS__V1__AGENT__CALL__TYPE__KILL_CONTAINER,
        MESOS__V1__AGENT__CALL__TYPE__REMOVE_CONTAINER,
    };

    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (taken[i] == type)
            return true;
    return false;
}
#pragma GCC diagnostic pop
