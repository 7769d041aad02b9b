/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as arguments, those that begin with '!' as environment variables. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/flags.h"
#include "common/base/alloc.h"
#include "common/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sample {
    bool flag;
    char *text, *choice, *list, *path;
    int64_t number, ns;
    uint64_t bytes;
    double real;
};

static const struct flag table[] = {
    FLAG_BOOL(struct sample, flag, "flag", "true", "A."),
    FLAG_STRING(struct sample, text, "text", NULL, "B."),
    { .name = "choice",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(struct sample, choice),
      .choices = "a b" },
    { .name = "list",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(struct sample, list),
      .repeated = true,
      .aliases = "l ll" },
    FLAG_PATH(struct sample, path, "path", NULL, "C."),
    FLAG_INT(struct sample, number, "number", "7", -5, 65535, "D."),
    FLAG_DURATION(struct sample, ns, "ns", "1secs", "E."),
    FLAG_BYTES(struct sample, bytes, "bytes", NULL, "F."),
    FLAG_DOUBLE(struct sample, real, "real", NULL, "G."),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct flags_spec spec = { .program = "x",
                                            .flags = table,
                                            .count = sizeof table / sizeof *table,
                                            .env_prefixes = "A_ B_",
                                            .handed_on = "h.",
                                            .positional = true };
    enum { MAX = 64 };
    char *args[MAX + 2] = { (char[]){ "x" } }, *env[MAX + 1] = { NULL };
    int argc = 1, envc = 0;
    char *copy = xstrndup(str_mem(data, size));
    for (char *line = copy, *next; line != NULL && argc < MAX && envc < MAX; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = 0;
        if (*line == '!')
            env[envc++] = line + 1;
        else if (strstr(line, "file://") == NULL) /* no reading of whatever file */
            args[argc++] = line;
    }
    struct sample v;
    struct flags f;
    struct error err;
    struct sbuf b = SBUF_INIT(1 << 20);
    if (flags_parse(&f, &spec, &v, argc, args, env, &err) == 0) {
        ASSERT(v.number >= -5 && v.number <= 65535);
        flags_json(&f, NULL, &b);
        flags_done(&f, &v);
    } else {
        ASSERT(err.msg[0] != 0);
    }
    sbuf_done(&b);
    free(copy);
    return 0;
}
