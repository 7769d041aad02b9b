/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images. The characters are held to what registries take, so a name is a path component and an argument without
 * surprises. Source: agent reference, §20; the grammar is the one of Docker's references. */
#include "agent/images/images.h"

#include <stdio.h>
#include <string.h>

static bool is_one_of(struct str s, const char *allowed)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        if (!plain && (c == 0 || strchr(allowed, c) == NULL))
            return false;
    }
    return s.n != 0;
}

static bool is_registry(struct str first)
{
    return str_is(first, "localhost") || str_index(first, '.') != first.n || str_index(first, ':') != first.n;
}

static struct str host_of(struct str registry)
{
    struct str rest = registry, host;
    (void)(str_skip(&rest, STR("https://")) || str_skip(&rest, STR("http://")));
    (void)str_cut(&rest, '/', &host);
    /* Docker's hub has one name for the world and another one for its registry. */
    if (str_is(host, "registry-1.docker.io") || str_is(host, "index.docker.io"))
        return STR("docker.io");
    return host;
}

static bool copy(char *to, size_t size, struct str s)
{
    return (size_t)snprintf(to, size, "%.*s", STR_ARG(s)) < size;
}

static bool repository_ok(struct str repository)
{
    struct str rest = repository, part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &part);
        if (!is_one_of(part, "._-") || part.p[0] == '.' || part.p[0] == '-')
            return false;
    }
    return true;
}

static int bad(struct error *err, const char *name, const char *why)
{
    return error_set(err, ERR_INVALID, "'%.150s' is no name of an image: %s", name, why);
}

int image_reference_parse(const char *name, const char *default_registry, struct image_reference *ret, struct error *err)
{
    struct str rest = str_of(name), first, digest = { NULL, 0 }, tag = { NULL, 0 }, registry = host_of(str_of(default_registry));
    char hex[IMAGE_DIGEST_SIZE];

    *ret = (struct image_reference){ .is_default_registry = true };
    if (rest.n == 0 || rest.n > IMAGE_NAME_MAX)
        return bad(err, name, rest.n == 0 ? "it is empty" : "it is too long");
    struct str before;
    if (str_cut(&rest, '@', &before))
        digest = rest;
    rest = before;
    struct str path = rest;
    if (str_cut(&path, '/', &first) && is_registry(first)) {
        registry = host_of(first);
        ret->is_default_registry = false;
        rest = path;
    }
    size_t slash = 0;
    for (size_t i = 0; i < rest.n; i++)
        slash = rest.p[i] == '/' ? i : slash;
    size_t colon = slash + str_index(str_sub(rest, slash, rest.n), ':');
    if (colon < rest.n)
        tag = str_sub(rest, colon + 1, rest.n);
    struct str repository = str_sub(rest, 0, colon);
    if (!is_one_of(registry, "._-:") || registry.p[0] == '.' || registry.p[0] == '-' || !repository_ok(repository))
        return bad(err, name, "a registry is host[:port], a repository has letters, digits and ._- between its slashes");
    if (colon < rest.n && (!is_one_of(tag, "._-") || tag.n > 128))
        return bad(err, name, "a tag has letters, digits and ._-, at most 128");
    if (digest.p != NULL && !image_digest_hex(digest, hex))
        return bad(err, name, "a digest is sha256: and 64 hexadecimal digits");
    bool library = str_is(registry, "docker.io") && str_index(repository, '/') == repository.n;
    if (!copy(ret->registry, sizeof ret->registry, registry) ||
        (size_t)snprintf(ret->repository, sizeof ret->repository, "%s%.*s", library ? "library/" : "", STR_ARG(repository)) >=
            sizeof ret->repository)
        return bad(err, name, "it is too long");
    if (digest.p != NULL)
        (void)copy(ret->digest, sizeof ret->digest, digest); /* says more than a tag */
    else
        (void)copy(ret->tag, sizeof ret->tag, tag.p != NULL ? tag : STR("latest"));
    (void)snprintf(ret->canonical, sizeof ret->canonical, "%s/%s%s%s", ret->registry, ret->repository, digest.p != NULL ? "@" : ":",
                   digest.p != NULL ? ret->digest : ret->tag);
    return 0;
}

bool image_registry_is_plain(const char *registry, const char *default_registry)
{
    struct str r = str_of(registry), rest = r, host;
    struct str port = r;

    if (str_starts(str_of(default_registry), STR("http://")) && str_eq(host_of(str_of(default_registry)), r))
        return true;
    bool has_port = str_cut(&port, ':', &host);
    return (has_port && str_is(port, "80")) || str_is(host, "localhost") || str_starts(rest, STR("127."));
}
