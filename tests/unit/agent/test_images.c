/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of images: names, manifests and configurations, records, names in archives, the command's table, users. */
#include <stdio.h>
#include <string.h>

#include "agent/images/images.h"
#include "common/base/cleanup.h"
#include "tests/support/test.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

DEFINE_CLEANUP(struct image *, image_unref)

TEST("a name becomes registry, repository and tag or digest")
{
    static const struct {
        const char *name, *registry, *canonical; /* canonical NULL: refused */
    } c[] = {
        { "alpine", "https://registry-1.docker.io", "docker.io/library/alpine:latest" },
        { "alpine:3.1", "https://registry-1.docker.io", "docker.io/library/alpine:3.1" },
        { "me/alpine", "https://registry-1.docker.io", "docker.io/me/alpine:latest" },
        { "me/alpine", "https://hub.example:5000/v2", "hub.example:5000/me/alpine:latest" },
        { "alpine", "http://hub.example", "hub.example/alpine:latest" },
        { "localhost/a/b/c:1", "https://x.y", "localhost/a/b/c:1" },
        { "127.0.0.1:5000/a", "https://x.y", "127.0.0.1:5000/a:latest" },
        { "index.docker.io/a", "https://x.y", "docker.io/library/a:latest" },
        { "r.io:80/library/busybox@sha256:" HEX_B, "https://x.y", "r.io:80/library/busybox@sha256:" HEX_B },
        { "a:tag@sha256:" HEX_B, "https://x.y", "x.y/a@sha256:" HEX_B },
        { "", "https://x.y", NULL },
        { "../etc", "https://x.y", NULL },
        { "a/../b", "https://x.y", NULL },
        { "a//b", "https://x.y", NULL },
        { "-a", "https://x.y", NULL },
        { "a b", "https://x.y", NULL },
        { "a:", "https://x.y", NULL },
        { "a@sha256:12", "https://x.y", NULL },
        { "a@md5:" HEX_B, "https://x.y", NULL },
        { "a\n", "https://x.y", NULL },
        { "a:t/b", "https://x.y", "a:t/b:latest" },
        { "r.io:80:80/a", "https://x.y", "r.io:80:80/a:latest" }, /* skopeo says what is wrong with such hosts */
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct image_reference r;
        struct error err = { .code = ERR_OK };
        int rc = image_reference_parse(c[i].name, c[i].registry, &r, &err);
        if (c[i].canonical != NULL) {
            CHECK_INT(rc, 0);
            CHECK_CSTR(r.canonical, c[i].canonical);
        } else {
            CHECK_INT(rc, -ERR_INVALID);
            CHECK(strstr(err.msg, "no name of an image") != NULL);
        }
    }
}

TEST("plain HTTP is for what the flag says, port 80 and loopback")
{
    static const struct {
        const char *registry, *flag;
        bool plain;
    } c[] = {
        { "hub.example", "https://hub.example", false }, { "hub.example", "http://hub.example", true },
        { "other.example", "http://hub.example", false }, { "hub.example:80", "https://x.y", true },
        { "hub.example:8080", "https://x.y", false },    { "127.0.0.1:5000", "https://x.y", true },
        { "localhost:5000", "https://x.y", true },       { "docker.io", "https://registry-1.docker.io", false },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
        CHECK_INT(image_registry_is_plain(c[i].registry, c[i].flag), c[i].plain);
}

TEST("manifest and configuration give layers and command")
{
    struct error err;
    char digest[IMAGE_DIGEST_SIZE];
    CLEANUP(image_unref_p) struct image *i = image_new("x");
    CHECK_INT(image_index_parse(STR("{\"manifests\":[{\"digest\":\"sha256:" HEX_A "\"}]}"), digest, &err), 0);
    CHECK_CSTR(digest, HEX_A);
    CHECK_INT(image_manifest_parse(STR("{\"config\":{\"digest\":\"sha256:" HEX_B "\"},\"layers\":[{\"digest\":\"sha256:" HEX_A
                                       "\"},{\"digest\":\"sha256:" HEX_B "\"}]}"), i, digest, &err), 0);
    CHECK_CSTR(digest, HEX_B);
    CHECK_INT(i->layer_count, 2);
    CHECK_CSTR(i->layers[0], HEX_A);
    CHECK_INT(image_config_parse(STR("{\"config\":{\"Entrypoint\":[\"/e\",\"x\"],\"Cmd\":null,\"Env\":[\"A=1\",\"B\"],\"WorkingDir\":\"/w\",\"User\":\"\"}}"),
                                 i, &err), 0);
    CHECK_CSTR(i->entrypoint[1], "x");
    CHECK(i->cmd[0] == NULL);
    CHECK_CSTR(i->env[1], "B");
    CHECK_CSTR(i->working_dir, "/w");
    CHECK(i->user == NULL);
    CHECK_INT(image_config_parse(STR("{}"), i, &err), 0); /* an image may have no configuration of a container */
}

TEST("what a registry says wrongly is an error, never believed")
{
    static const struct {
        char what;
        const char *json;
    } c[] = {
        { 'i', "" }, { 'i', "[]" }, { 'i', "{\"manifests\":[]}" }, { 'i', "{\"manifests\":[{},{}]}" },
        { 'i', "{\"manifests\":[{\"digest\":\"sha256:../../../../etc/passwd\"}]}" }, { 'i', "{\"manifests\":{\"digest\":1}}" },
        { 'm', "{\"layers\":[]}" }, { 'm', "{\"config\":{\"digest\":\"sha256:" HEX_A "\"}}" },
        { 'm', "{\"config\":{\"digest\":\"sha256:" HEX_A "\"},\"layers\":[{\"digest\":\"sha512:" HEX_A "\"}]}" },
        { 'm', "{\"config\":{\"digest\":\"sha256:" HEX_A "\"},\"layers\":[7]}" },
        { 'c', "{\"config\":{\"Cmd\":\"no list\"}}" }, { 'c', "{\"config\":{\"Env\":[7]}}" }, { 'c', "{\"config\":{\"Entrypoint\":[null]}}" }, { 'c', "nonsense" },
    };
    for (size_t n = 0; n < sizeof c / sizeof c[0]; n++) {
        struct error err;
        char digest[IMAGE_DIGEST_SIZE];
        CLEANUP(image_unref_p) struct image *i = image_new("x");
        struct str json = str_of(c[n].json);
        int rc = c[n].what == 'i'   ? image_index_parse(json, digest, &err)
                 : c[n].what == 'm' ? image_manifest_parse(json, i, digest, &err)
                                    : image_config_parse(json, i, &err);
        if (!CHECK(rc != 0))
            printf("# %s\n", c[n].json);
    }
}

TEST("a record is read as it was written, and one that is cut is none")
{
    struct error err;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    CLEANUP(image_unref_p) struct image *i = image_new("r/x:1"), *again = NULL;
    image_add(&i->layers, i->layer_count++, STR(HEX_A));
    image_add(&i->env, 0, STR("A=b=c"));
    image_add(&i->env, 1, STR(""));
    image_add(&i->cmd, 0, STR("end="));
    image_record_write(i, &b);
    CHECK_INT(image_record_read(sbuf_view(&b), &again, &err), 0);
    CHECK_CSTR(again->name, "r/x:1");
    CHECK_CSTR(again->env[0], "A=b=c");
    CHECK_CSTR(again->env[1], "");
    CHECK_CSTR(again->cmd[0], "end=");
    CHECK_INT(again->layer_count, 1);
    for (size_t n = 0; n < b.n; n++) {
        struct image *none = NULL;
        if (!CHECK(image_record_read(str_mem(b.p, n), &none, &err) != 0))
            image_unref(none);
    }
}

TEST("names in an archive: plain, removed, hidden, refused")
{
    static const struct {
        const char *path;
        enum layer_entry_kind kind;
        const char *want;
    } c[] = {
        { "a/b", LAYER_ENTRY_PLAIN, "a/b" },          { "/etc/passwd", LAYER_ENTRY_PLAIN, "etc/passwd" },
        { "./", LAYER_ENTRY_PLAIN, "." },             { "/", LAYER_ENTRY_PLAIN, "." },
        { ".//./a/", LAYER_ENTRY_PLAIN, "a" },        { "a/..b", LAYER_ENTRY_PLAIN, "a/..b" },
        { "a/.wh.b", LAYER_ENTRY_WHITEOUT, "a/b" },   { ".wh.b", LAYER_ENTRY_WHITEOUT, "./b" },
        { "a/.wh..wh..opq", LAYER_ENTRY_OPAQUE, "a" }, { ".wh..wh..opq", LAYER_ENTRY_OPAQUE, "." },
        { "..", LAYER_ENTRY_BAD, NULL },              { "a/../../b", LAYER_ENTRY_BAD, NULL },
        { "a/.wh.", LAYER_ENTRY_BAD, NULL },          { "a/.wh...", LAYER_ENTRY_BAD, NULL },
        { "a/.wh..", LAYER_ENTRY_BAD, NULL },         { "../.wh.b", LAYER_ENTRY_BAD, NULL },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        char got[64] = "";
        CHECK_INT(layer_entry_of(c[i].path, got, sizeof got), c[i].kind);
        if (c[i].want != NULL)
            CHECK_CSTR(got, c[i].want);
    }
    char tiny[4];
    CHECK_INT(layer_entry_of("abcd", tiny, sizeof tiny), LAYER_ENTRY_BAD);
}

static void put(char ***list, const char *text)
{
    size_t n = 0;
    for (struct str rest = str_of(text), word; rest.n != 0; n++) {
        (void)str_cut(&rest, ' ', &word);
        image_add(list, n, word);
    }
}

TEST("what runs, by the table of the reference and by docker run")
{
    static const struct {
        bool docker, shell;
        const char *value, *arguments, *entrypoint, *cmd, *want; /* want NULL: refused */
    } c[] = {
        { false, false, NULL, "", "", "", NULL },        { false, false, NULL, "", "", "c d", "c d" },
        { false, false, NULL, "", "e f", "", "e f" },    { false, false, NULL, "", "e f", "c d", "e f c d" },
        { false, false, NULL, "a b", "", "", NULL },     { false, false, NULL, "a b", "", "c d", "c a b" },
        { false, false, NULL, "a b", "e f", "", "e f a b" }, { false, false, NULL, "a b", "e f", "c d", "e f a b" },
        { false, false, "v", "", "e", "c", "v" },        { false, false, "v", "a b", "e", "c", "v a b" },
        { false, false, "v", "v b", "e", "c", "v b" },   { false, true, NULL, "", "e", "c", NULL },
        { false, true, "v", "a", "e", "c", "/bin/sh -c v" },
        { true, false, NULL, "", "", "", NULL },         { true, false, NULL, "", "e", "c d", "e c d" },
        { true, false, NULL, "a", "", "c", "a" },        { true, false, NULL, "a", "e", "c", "e a" },
        { true, false, "v", "a", "e", "c", "e v a" },    { true, true, "v", "", "e", "c", "/bin/sh -c v" },
    };
    for (size_t n = 0; n < sizeof c / sizeof c[0]; n++) {
        CLEANUP(image_unref_p) struct image *i = image_new("img");
        CLEANUP(image_unref_p) struct image *lists = image_new("lists");
        CLEANUP(sbuf_done_p) struct sbuf got = SBUF_INIT(256);
        const char *argv[16];
        struct error err;
        put(&i->entrypoint, c[n].entrypoint);
        put(&i->cmd, c[n].cmd);
        put(&lists->cmd, c[n].arguments);
        struct image_command m = { .shell = c[n].shell, .value = c[n].value, .docker = c[n].docker,
                                   .arguments = c[n].arguments[0] != 0 ? (const char *const *)lists->cmd : NULL };
        int rc = image_command_merge(i, &m, argv, 16, &err);
        for (size_t k = 0; rc == 0 && argv[k] != NULL; k++)
            sbuf_fmt(&got, "%s%s", k != 0 ? " " : "", argv[k]);
        CHECK_INT(rc, c[n].want != NULL ? 0 : -ERR_INVALID);
        if (c[n].want != NULL)
            CHECK_STR(sbuf_view(&got), str_of(c[n].want));
    }
    const char *few[2];
    struct error err;
    CLEANUP(image_unref_p) struct image *i = image_new("img");
    CHECK_INT(image_command_merge(i, &(struct image_command){ .shell = true, .value = "v" }, few, 2, &err), -ERR_LIMIT);
}

TEST("users by name, number and group, as the image has them")
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:4711:4712::/:\nodd:x:no:1::/:\n";
    static const char group[] = "root:x:0:\nstaff:x:50:app,root\nmore:x:60:other,app\nbad:x:y:app\n";
    static const struct {
        const char *user;
        int64_t uid, gid; /* uid -1: refused */
        size_t groups;
    } c[] = {
        { "root", 0, 0, 1 }, { "app", 4711, 4712, 2 }, { "4711", 4711, 4712, 2 }, { "99", 99, 99, 0 },   { "app:staff", 4711, 50, 0 },
        { "app:7", 4711, 7, 0 }, { "5:6", 5, 6, 0 },   { "nobody", -1, 0, 0 },    { "odd", -1, 0, 0 },   { "app:none", -1, 0, 0 },
        { "", -1, 0, 0 },    { "broken", -1, 0, 0 },   { "4294967295", -1, 0, 0 },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct image_user u;
        struct error err;
        int rc = image_user_parse(str_of(passwd), str_of(group), c[i].user, &u, &err);
        if (!CHECK((rc == 0) == (c[i].uid >= 0)))
            printf("# user '%s'\n", c[i].user);
        if (rc == 0) {
            CHECK_INT(u.uid, c[i].uid);
            CHECK_INT(u.gid, c[i].gid);
            CHECK_INT(u.group_count, c[i].groups);
        }
    }
}
