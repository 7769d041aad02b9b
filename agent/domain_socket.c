/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/domain_socket.h"

#include <string.h>

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

int domain_socket_listen(struct shell *s, struct error *err)
{
    const char *given = s->flags.domain_socket_location;

    if (!s->flags.http_executor_domain_sockets)
        return 0;
    int rc = listen_at(s, given != NULL ? given : path_fmt("%s/" FILE_NAME, s->runtime_dir).p, s->domain_socket, err);
    if (rc == 0)
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
