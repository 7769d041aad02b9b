/* SPDX-License-Identifier: Apache-2.0 */
/* Container images: got from a registry by skopeo, unpacked once, kept in a store, handed out as lists of layers.
 *
 *     <store>/layers/<hex>/            one unpacked layer, named by the SHA-256 of the blob it came in; shared by images
 *     <store>/images/<hash of name>    record of an image: its layers and what of its configuration is used (record.c)
 *     <store>/staging/<random>/        one pull under way
 *     <store>/lock                     held shared by every agent that uses the store
 *
 * Untrusted bytes (manifests, configurations, archives) are read by a program of their own, stoa-image (helper/), started
 * for each pull, that ends with the agent. It unpacks in staging and moves into place with renames, the record last and
 * after a sync: what has its name in the store is whole, whoever was killed when. A layer is unpacked inside chroot.
 *
 * Overlay's form is the stored one: a removed file is a character device 0:0, a hidden directory has trusted.overlay.opaque.
 * One pull per image and credential is under way at a time, those who want the same wait for it; it goes on when they
 * have left, so that the next one finds the image. Everything here runs in the agent's loop and never blocks on a registry.
 * Source: agent reference, §20; image-spec of OCI (layer.md: whiteouts). */
#ifndef STOA_AGENT_IMAGES_IMAGES_H
#define STOA_AGENT_IMAGES_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

struct loop;
struct images;

enum {
    IMAGE_LAYERS_MAX = 256,       /* of one image: overlayfs takes 500, and their names must fit into one page */
    IMAGE_NAME_MAX = 512,         /* bytes of a reference */
    IMAGE_RECORD_MAX = 4 << 20,   /* bytes of a record */
    IMAGE_DIGEST_SIZE = 65,       /* hexadecimal SHA-256 and 0 */
    IMAGE_WAITING_MAX = 20000,    /* who waits for pulls, over all */
    IMAGE_PULLS_MAX = 4,          /* under way at once; more stand in line */
};

/* An image in the store. Shared by reference; its layers are not removed while anybody has one. */
struct image {
    unsigned refs;
    char *name;                   /* as in struct image_reference.canonical */
    char *digest;                 /* of its manifest, "sha256:..." */
    char **layers;                /* hexadecimal names below <store>/layers, the lowest first */
    size_t layer_count;
    char **entrypoint, **cmd, **env; /* NULL terminated; empty when the image has none */
    char *working_dir, *user;     /* NULL: none */
};
void image_unref(struct image *i); /* NULL is fine */
struct image *image_ref(struct image *i);

/* --- reference.c, pure --------------------------------------------------------------------------------- */
/* [REGISTRY/]REPOSITORY[:TAG][@DIGEST]. The first part is a registry when it has a '.' or ':' or is "localhost". */
struct image_reference {
    char registry[256];   /* host[:port]; of the default when the name has none */
    char repository[256]; /* with "library/" where docker.io wants it */
    char tag[130];        /* "latest" unless given; empty with a digest */
    char digest[72];      /* "sha256:<hex>"; empty: none */
    char canonical[IMAGE_NAME_MAX + 256]; /* registry/repository:tag or @digest: one name per image */
    bool is_default_registry;
};
int image_reference_parse(const char *name, const char *default_registry, struct image_reference *ret, struct error *err);
/* Whether a registry is spoken to in plain HTTP: --docker_registry says http:// for it, its port is 80, or it is a loopback
 * address. */
bool image_registry_is_plain(const char *registry, const char *default_registry);

/* --- record.c, pure ------------------------------------------------------------------------------------ */
void image_record_write(const struct image *i, struct sbuf *b);
int image_record_read(struct str bytes, struct image **ret, struct error *err); /* one reference for the caller */

/* --- config.c, pure: what a registry says -------------------------------------------------------------- */
bool image_digest_hex(struct str digest, char ret[IMAGE_DIGEST_SIZE]); /* of "sha256:<hex>" */
/* index.json of a layout: the digest of its one manifest. */
int image_index_parse(struct str json, char ret_manifest[IMAGE_DIGEST_SIZE], struct error *err);
/* Manifest: digest of the configuration; layers are added to i. */
int image_manifest_parse(struct str json, struct image *i, char ret_config[IMAGE_DIGEST_SIZE], struct error *err);
/* Configuration: fills entrypoint, cmd, env, working_dir and user of i. */
int image_config_parse(struct str json, struct image *i, struct error *err);
struct image *image_new(const char *name);
void image_add(char ***list, size_t n, struct str value); /* n: entries it has */

/* --- layer.c, pure: names in an archive ---------------------------------------------------------------- */
enum layer_entry_kind { LAYER_ENTRY_PLAIN, LAYER_ENTRY_WHITEOUT, LAYER_ENTRY_OPAQUE, LAYER_ENTRY_BAD };
/* Cuts leading "/" and "./" off; LAYER_ENTRY_BAD: has "..", or removes what has no name. WHITEOUT: *ret is the path of what
 * is removed. OPAQUE: *ret is the directory. ret has size bytes. */
enum layer_entry_kind layer_entry_of(const char *path, char *ret, size_t size);

/* --- command.c, pure: what runs, §20's table ----------------------------------------------------------- */
struct image_command {
    bool shell;
    const char *value;            /* NULL: none */
    const char *const *arguments; /* NULL or NULL terminated */
    bool docker;                  /* as `docker run` has it: value and arguments follow the entrypoint */
};
/* Fills ret_argv (room for max with the NULL) with borrowed texts; argv[0] is what runs, looked up in PATH. */
int image_command_merge(const struct image *i, const struct image_command *c, const char **ret_argv, size_t max,
                        struct error *err);

/* --- users.c: names in the image's own /etc/passwd ------------------------------------------------------ */
struct image_user {
    uint32_t uid, gid;
    uint32_t groups[64]; /* supplementary ones, gid not among them */
    size_t group_count;
};
/* user: NAME, UID, NAME:GROUP, UID:GID. ERR_NOT_FOUND: the image does not know it. */
int image_user_find(const struct images *im, const struct image *i, const char *user, struct image_user *ret,
                    struct error *err);
int image_user_parse(struct str passwd, struct str group, const char *user, struct image_user *ret, struct error *err); /* pure */

/* --- pull.c: the store as the agent uses it ------------------------------------------------------------- */
struct images_options {
    const char *store_dir;        /* --docker_store_dir */
    const char *registry;         /* --docker_registry */
    const char *config;           /* --docker_config: JSON with the registries' credentials; NULL: none */
    const char *helper;           /* path of stoa-image */
    int64_t pull_timeout_ns;
    void (*pulled)(void *ctx, int64_t ns); /* a pull has ended, well or not; may be NULL */
    void *ctx;
};
/* Makes the store and removes what earlier pulls left. ERR_IO. */
int images_new(struct images **ret, struct loop *loop, const struct images_options *o, struct error *err);
void images_free(struct images *im); /* ends the pulls; NULL is fine */
const char *images_store(const struct images *im);
/* Says which skopeo is used, or that there is none. */
void images_describe(const struct images *im, struct sbuf *b);

struct image_request {
    const char *name;
    bool force_pull;              /* cached: false: ask the registry although the image is there */
    const char *config;           /* JSON with credentials, before --docker_config; NULL: none */
};
struct images_wait;
/* Exactly once, from the loop: the image (the reference is the caller's), or NULL and the reason. */
typedef void images_got_fn(void *arg, struct image *image, const struct error *err);
int images_get(struct images *im, const struct image_request *r, images_got_fn *fn, void *arg, struct images_wait **ret,
               struct error *err);
void images_cancel(struct images_wait *w); /* fn will not be called; NULL is fine; not after fn */

/* Removes images that are neither named in excluded nor used by one of the layers in_use, and layers that no image has then. What
 * is large goes on in the background. ERR_CONFLICT: another agent uses the store. */
int images_prune(struct images *im, const char *const *excluded, size_t excluded_count, char *const *in_use, size_t in_use_count,
                 size_t *ret_layers, struct error *err);

#endif
