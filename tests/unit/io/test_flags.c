/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/time.h"
#include "common/io/flags.h"
#include "common/io/fs.h"
#include "tests/support/test.h"

struct sample {
    int64_t port;
    bool authenticate, strict;
    char *work_dir, *registry, *uris;
    int64_t offer_timeout_ns;
    uint64_t mem;
    double factor;
    char *credentials;
};

static const struct flag flags[] = {
    FLAG_INT(struct sample, port, "port", "5050", 0, 65535, "Port to listen on."),
    { .name = "authenticate_frameworks",
      .type = FLAG_TYPE_BOOL,
      .offset = offsetof(struct sample, authenticate),
      .default_value = "false",
      .aliases = "authenticate",
      .help = "Whether." },
    FLAG_BOOL(struct sample, strict, "registry_strict", "true", "Strict."),
    FLAG_STRING(struct sample, work_dir, "work_dir", NULL, "Where."),
    { .name = "registry",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(struct sample, registry),
      .default_value = "sqlite",
      .choices = "sqlite memory",
      .help = "Kind of registry." },
    { .name = "uri",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(struct sample, uris),
      .repeated = true,
      .help = "URI." },
    { .name = "agent_timeout",
      .type = FLAG_TYPE_DURATION,
      .offset = offsetof(struct sample, offer_timeout_ns),
      .aliases = "slave_timeout old_timeout",
      .help = "Timeout." },
    FLAG_BYTES(struct sample, mem, "mem", NULL, "Memory."),
    FLAG_DOUBLE(struct sample, factor, "factor", "0.8", "Factor."),
    FLAG_PATH(struct sample, credentials, "credentials", NULL, "File."),
};
static const struct flag_removed removed[] = { { "old_port", "removed in 1.5: use --port" }, { NULL, NULL } };

static const struct flags_spec spec = { .program = "stoa sample",
                                        .summary = "A sample.",
                                        .flags = flags,
                                        .count = sizeof flags / sizeof *flags,
                                        .removed = removed,
                                        .env_prefixes = "STOA_SAMPLE_ STOA_ MESOS_",
                                        .handed_on = "master. agent." };

static struct sample v;
static struct flags f;
static struct error err;

static int parse(const char *arg, const char *env)
{
    char *argv[] = { (char[]){ "stoa" }, (char *)(uintptr_t)arg, NULL };
    char *envp[] = { (char *)(uintptr_t)env, NULL };
    err.msg[0] = 0;
    return flags_parse(&f, &spec, &v, arg != NULL ? 2 : 1, argv, env != NULL ? envp : NULL, &err);
}

static int parse_apart(struct flags_spec *s, int argc, const char *const argv[])
{
    *s = spec;
    s->value_apart = true;
    err.msg[0] = 0;
    return flags_parse(&f, s, &v, argc, (char *const *)(uintptr_t)argv, NULL, &err);
}

TEST("a value may stand apart where the original's programs take it so")
{
    static const char *const good[] = { "stoa", "--work_dir", "/x", "--authenticate_frameworks", "--port", "7", NULL };
    static const char *const cut[] = { "stoa", "--work_dir", "--port", "7", NULL };
    static const char *const stray[] = { "stoa", "--authenticate_frameworks", "true", NULL };
    struct flags_spec s;

    CHECK_INT(parse_apart(&s, 6, good), 0);
    CHECK_CSTR(v.work_dir, "/x");
    CHECK(v.authenticate);
    CHECK_INT(v.port, 7);
    flags_done(&f, &v);
    CHECK(parse_apart(&s, 4, cut) != 0);
    CHECK_CSTR(err.msg, "--work_dir needs a value: --work_dir=VALUE");
    CHECK(parse_apart(&s, 3, stray) != 0);
    CHECK_CSTR(err.msg, "argument true is not understood; flags are written --name=value");
    CHECK(parse("--work_dir", NULL) != 0);
}

TEST("defaults, then environment, then arguments")
{
    CHECK_INT(parse(NULL, NULL), 0);
    CHECK_INT(v.port, 5050);
    CHECK(v.strict && !v.authenticate);
    CHECK(v.work_dir == NULL && !flags_is_set(&f, "port"));
    CHECK_CSTR(v.registry, "sqlite");
    flags_done(&f, &v);
    CHECK_INT(parse(NULL, "MESOS_PORT=1"), 0);
    CHECK_INT(v.port, 1);
    CHECK(flags_is_set(&f, "port"));
    flags_done(&f, &v);
    CHECK_INT(parse("--port=2", "MESOS_PORT=bad"), 0);
    CHECK_INT(v.port, 2);
    flags_done(&f, &v);
    CHECK_INT(parse(NULL, "MESOS_SLAVE_TIMEOUT=2mins"), 0);
    CHECK_INT(v.offer_timeout_ns, 120 * NS_PER_S);
    flags_done(&f, &v);
    CHECK(v.registry == NULL);
}

static const struct {
    const char *arg, *want; /* a part of the message; NULL: fine */
} cases[] = {
    { "--port=5051", NULL },
    { "--no-registry_strict", NULL },
    { "--authenticate", NULL },
    { "--authenticate=false", NULL },
    { "--slave_timeout=1.5mins", NULL },
    { "--mem=4KB", NULL },
    { "--master.port=1", NULL },
    { "--port=70000", "--port is \"70000\"; use a whole number from 0 to 65535" },
    { "--port=", "--port is \"\"" },
    { "--port=1x", "use a whole number" },
    { "--port", "--port needs a value" },
    { "--prot=1", "unknown flag --prot=1; did you mean --port?" },
    { "--auhtenticate_frameworks", "did you mean --authenticate_frameworks?" },
    { "--old_port=1", "--old_port was removed in 1.5: use --port" },
    { "--zzzzzzzzzzzz", "unknown flag --zzzzzzzzzzzz (--help lists all)" },
    { "--no-port", "only flags that are true or false" },
    { "--authenticate=yes", "use true or false" },
    { "--agent_timeout=5s", "use a number and a unit of ns us ms secs" },
    { "--mem=5", "B KB MB GB TB" },
    { "--factor=x", "use a number" },
    { "--registry=zk", "--registry is \"zk\"; use one of: sqlite memory" },
    { "--work_dir=file:///nonexistent/x", "--work_dir: reading /nonexistent/x" },
    { "stray", "argument stray is not understood" },
    { "-p", "argument -p is not understood" },
};

TEST("an error names the flag, the value and what is allowed")
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = parse(cases[i].arg, NULL);
        if (cases[i].want == NULL ? rc != 0 : rc == 0 || strstr(err.msg, cases[i].want) == NULL)
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].arg, rc, err.msg);
        if (rc == 0)
            flags_done(&f, &v);
    }
    CHECK(parse(NULL, "STOA_PORT=x") != 0);
    CHECK(strstr(err.msg, "from the environment: --port") != NULL);
}

TEST("values come from files, paths do not, repeated ones are joined")
{
    char path[] = "/tmp/stoa-test-flags-XXXXXX", arg[100];
    CHECK(mkstemp(path) >= 0);
    CHECK(fs_write(path, STR("secret\n"), 0600, FS_SYNC, &err) == 0);
    (void)snprintf(arg, sizeof arg, "--work_dir=file://%s", path);
    CHECK_INT(parse(arg, NULL), 0);
    CHECK_CSTR(v.work_dir, "secret");
    flags_done(&f, &v);
    CHECK_INT(parse("--credentials=file:///etc/x", NULL), 0);
    CHECK_CSTR(v.credentials, "/etc/x");
    flags_done(&f, &v);
    char *argv[] = { (char[]){ "x" }, (char[]){ "--uri=a" }, (char[]){ "--agent.x" }, (char[]){ "--uri=b" },
                     NULL };
    CHECK_INT(flags_parse(&f, &spec, &v, 4, argv, NULL, &err), 0);
    CHECK_CSTR(v.uris, "a,b");
    CHECK_INT(f.handed_count, 1);
    CHECK_CSTR(f.handed[0], "--agent.x");
    flags_done(&f, &v);
    (void)remove(path);
}

TEST("the flags are shown as JSON and as help")
{
    struct sbuf b = SBUF_INIT(1 << 16);
    CHECK_INT(parse("--work_dir=/a\"b", NULL), 0);
    flags_json(&f, NULL, &b);
    CHECK_STR(sbuf_view(&b), STR("{\"authenticate_frameworks\":\"false\",\"factor\":\"0.8\",\"port\":"
                                 "\"5050\",\"registry\":\"sqlite\","
                                 "\"registry_strict\":\"true\",\"work_dir\":\"/a\\\"b\"}"));
    flags_done(&f, &v);
    sbuf_clear(&b);
    flags_help(&spec, &b);
    CHECK(strstr(b.p, "Usage: stoa sample") != NULL);
    CHECK(strstr(b.p, "  --port=NUMBER   (default: 5050)\n      Port to listen on.\n") != NULL);
    CHECK(strstr(b.p, "Also: slave_timeout old_timeout") != NULL);
    CHECK(strstr(b.p, "One of: sqlite memory") != NULL);
    sbuf_done(&b);
    CHECK_INT(parse("--help", NULL), 0);
    CHECK(f.help);
    flags_done(&f, &v);
}

TEST("durations and fractions are shown in one way; what the program found stands in for an unset flag")
{
    struct shown { int64_t timeout, none; double share; char *dir; } shown;
    static const struct flag table[] = {
        FLAG_DURATION(struct shown, timeout, "timeout", "60secs", ""),
        FLAG_DURATION(struct shown, none, "none", "0secs", ""),
        FLAG_DOUBLE(struct shown, share, "share", "0.80", ""),
        FLAG_STRING(struct shown, dir, "dir", NULL, ""),
    };
    static const struct flags_spec s = { .program = "x", .flags = table, .count = 4 };
    char name[] = "x", arg[] = "--timeout=5400000ms";
    char *argv[] = { name, arg, NULL };
    struct sbuf b = SBUF_INIT(1 << 10);
    struct flags found;
    struct error why;

    CHECK_INT(flags_parse(&found, &s, &shown, 2, argv, NULL, &why), 0);
    flags_show(&found, "dir", "/found");
    flags_json(&found, NULL, &b);
    CHECK_STR(sbuf_view(&b), STR("{\"dir\":\"/found\",\"none\":\"0ns\",\"share\":\"0.8\",\"timeout\":\"90mins\"}"));
    CHECK(shown.dir == NULL);
    sbuf_done(&b);
    flags_done(&found, &shown);
}

TEST("user and password of a ZooKeeper address are hidden whole")
{
    static const char *const shown_as[][2] = {
        { "zk://me:secret@h1:1,h2:2/p", "zk://xxxxxxxx:xxxxxxxx@h1:1,h2:2/p" },
        { "zk://me:a@b@c@h1:1/p", "zk://xxxxxxxx:xxxxxxxx@h1:1/p" },
        { "zk://h1:1/p@q", "zk://h1:1/p@q" },
        { "127.0.0.1:5050", "127.0.0.1:5050" },
        { "", "" },
    };

    for (size_t i = 0; i < sizeof shown_as / sizeof shown_as[0]; i++) {
        struct sbuf b = SBUF_INIT(1000);
        flags_put_shown(&b, shown_as[i][0]);
        CHECK_STR(sbuf_view(&b), str_of(shown_as[i][1]));
        sbuf_done(&b);
    }
}
