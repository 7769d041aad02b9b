/* SPDX-License-Identifier: Apache-2.0 */
/* One contract, run on every backend; then what only a disk can do. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/io/fs.h"
#include "common/io/store.h"
#include "tests/unit/io/io_peer.h"
#include "tests/unit/io/zk_server.h"

static struct loop *loop;
static struct store *store;
static char folder[64], file[100];
static enum { MEMORY, DISK, ZOOKEEPER } kind;
static struct zk *zk;
static char zk_root[40];

static void open_it(void)
{
    struct error err = { .msg = "" };
    struct store_zk_options zo = { .zk = zk, .path = zk_root, .owner = "test" };
    int rc = kind == DISK
                 ? store_open_sqlite(&store, loop, &(struct store_sqlite_options){ .path = file }, &err)
             : kind == ZOOKEEPER ? store_open_zk(&store, loop, &zo, &err)
                                 : store_open_memory(&store, loop, &err);
    if (rc != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
}

static void setup(int which)
{
    static unsigned number;
    kind = which;
    (void)snprintf(folder, sizeof folder, "/tmp/stoa-test-store-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof file, "%s/state.db", folder);
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    zk = kind == ZOOKEEPER ? zk_client(loop, NULL, 0) : NULL;
    (void)snprintf(zk_root, sizeof zk_root, "/t/%u", ++number);
    open_it();
}

static void teardown(void)
{
    store_close(store);
    zk_free(zk);
    loop_free(loop);
    CHECK(fs_remove_tree(folder, NULL) == 0);
}

/* --- results as text ---------------------------------------------------------------------------------- */
static char seen[65536];
static unsigned calls;

static void see(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void see(const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(seen);
    va_start(ap, fmt);
    (void)vsnprintf(seen + n, sizeof seen - n, fmt, ap);
    va_end(ap);
}

static void on_commit(void *arg, const struct store_result *r)
{
    calls++;
    see("%s:", (const char *)arg);
    if (r->err != NULL)
        see("%s", err_code_name(r->err->code));
    if (r->conflict_key.n != 0)
        see("@%.*s", STR_ARG(r->conflict_key));
    for (size_t i = 0; r->versions != NULL && i < r->count; i++)
        see(i == 0 ? "%d" : ",%d", (int)r->versions[i]);
    see(" ");
}

static void on_get(void *arg, const struct store_record *rec, const struct error *err)
{
    calls++;
    see("%s=", (const char *)arg);
    if (err != NULL)
        see("%s ", err_code_name(err->code));
    else if (rec == NULL)
        see("none ");
    else
        see("%.*s/%d ", STR_ARG(rec->value), (int)rec->version);
}

static void on_list(void *arg, const struct store_record *recs, size_t count, const struct error *err)
{
    calls++;
    see("%s[", (const char *)arg);
    for (size_t i = 0; i < count; i++)
        see("%.*s ", STR_ARG(recs[i].key));
    see("%s]", err != NULL ? err_code_name(err->code) : "");
}

static void wait_calls(unsigned n)
{
    CHECK(LOOP_UNTIL(loop, calls >= n));
    CHECK_INT(calls, n);
    CHECK_INT(store_pending(store), 0);
}

static void start(void)
{
    seen[0] = 0;
    calls = 0;
}

static void put(const char *name, const char *key, const char *value, uint64_t expected)
{
    struct store_batch *b = store_batch_new();
    store_batch_put(b, str_of(key), str_of(value), expected);
    store_commit(store, b, on_commit, (void *)(uintptr_t)name);
}

/* --- the contract ------------------------------------------------------------------------------------- */
static void contract_versions(void)
{
    start();
    put("new", "a", "1", STORE_ABSENT);
    put("again", "a", "2", STORE_ABSENT);
    put("right", "a", "3", 1);
    put("wrong", "a", "4", 1);
    put("any", "a", "5", STORE_ANY_VERSION);
    store_get(store, STR("a"), on_get, "a");
    CHECK_INT(calls, 0); /* never inside the asking function */
    wait_calls(6);
    CHECK_CSTR(seen, "new:1 again:CONFLICT@a right:2 wrong:CONFLICT@a any:3 a=5/3 ");
}

static void contract_atomic(void)
{
    start();
    put("x", "x", "1", STORE_ABSENT);
    struct store_batch *b = store_batch_new();
    store_batch_put(b, STR("y"), STR("1"), STORE_ABSENT);
    store_batch_put(b, STR("x"), STR("2"), STORE_ANY_VERSION);
    store_batch_delete(b, STR("x"), STORE_ANY_VERSION);
    store_batch_put(b, STR("z"), STR("1"), 7);
    CHECK_INT(store_batch_count(b), 4);
    store_commit(store, b, on_commit, "batch");
    put("after", "w", "1", STORE_ABSENT);
    store_get(store, STR("x"), on_get, "x");
    store_get(store, STR("y"), on_get, "y");
    store_get(store, STR("w"), on_get, "w");
    wait_calls(6);
    CHECK_CSTR(seen, "x:1 batch:CONFLICT@z after:1 x=1/1 y=none w=1/1 ");
    start();
    b = store_batch_new();
    store_batch_put(b, STR("y"), STR("1"), STORE_ABSENT);
    store_batch_put(b, STR("y"), STR("2"), 1);
    store_batch_delete(b, STR("x"), 1);
    store_batch_delete(b, STR("nothing"), STORE_ANY_VERSION);
    store_commit(store, b, on_commit, "batch");
    put("back", "x", "9", STORE_ABSENT);
    store_get(store, STR("y"), on_get, "y");
    wait_calls(3);
    CHECK_CSTR(seen, "batch:1,2,0,0 back:1 y=2/2 ");
}

static void contract_list(void)
{
    start();
    static const char *const keys[] = {
        "agent/2", "agent/10", "agents", "agent/1", "ageny", "agent/", "zoo"
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put("p", keys[i], "", STORE_ANY_VERSION);
    wait_calls(7);
    start();
    store_list(store, STR("agent/"), on_list, "l");
    store_list(store, STR(""), on_list, "all");
    store_list(store, STR("nothing"), on_list, "n");
    wait_calls(3);
    CHECK_CSTR(
        seen, "l[agent/ agent/1 agent/10 agent/2 ]all[agent/ agent/1 agent/10 agent/2 agents ageny zoo ]n[]");
}

static void contract_limits(void)
{
    start();
    char *big = calloc(1, STORE_VALUE_BYTES_MAX + 1);
    struct store_batch *b = store_batch_new();
    store_batch_put(b, STR("a"), str_mem(big, STORE_VALUE_BYTES_MAX + 1), STORE_ANY_VERSION);
    store_commit(store, b, on_commit, "big");
    b = store_batch_new();
    store_batch_put(b, STR("b"), str_mem(big, STORE_VALUE_BYTES_MAX), STORE_ANY_VERSION);
    store_commit(store, b, on_commit, "fits");
    put("empty", "", "x", STORE_ANY_VERSION);
    put("bad", "\xff", "x", STORE_ANY_VERSION);
    store_commit(store, store_batch_new(), on_commit, "nothing");
    store_get(store, STR("a"), on_get, "a");
    wait_calls(6);
    CHECK_CSTR(seen, "big:LIMIT fits:1 empty:INVALID bad:INVALID nothing: a=none ");
    free(big);
}

static void contract_many(void)
{
    start();
    char key[32];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(key, sizeof key, "k%d", i % 1000);
        put("", key, "v", i < 1000 ? STORE_ABSENT : (uint64_t)(i / 1000));
        if (i % 100 == 0)
            loop_turn(loop, 0);
    }
    wait_calls(3000);
    CHECK(strstr(seen, "CONFLICT") == NULL);
    struct store_stats st;
    store_stats(store, &st);
    CHECK_INT(st.commits, 3000);
    CHECK(kind == MEMORY || st.syncs < 400); /* group commit */
}

static unsigned turns, turn_of_last;
static void on_slow(void *arg, const struct store_result *r)
{
    on_commit(arg, r);
    turn_of_last = turns;
    for (int64_t until = loop_clock().ns + 6 * LOOP_HERD_NS; loop_clock().ns < until;) /* more than a turn has for herds */
        ;
}

static void contract_slices(void)
{
    static const char *const names[] = { "0", "1", "2", "3" };
    start();
    for (int i = 0; i < 4; i++) {
        struct store_batch *b = store_batch_new();
        store_batch_put(b, str_of(names[i]), STR("v"), STORE_ANY_VERSION);
        store_commit(store, b, on_slow, (void *)(uintptr_t)names[i]);
    }
    unsigned first = 0;
    for (turns = 0; calls < 4 && turns < 100000; turns++) {
        unsigned before = calls;
        loop_turn(loop, NS_PER_MS);
        if (before == 0 && calls != 0) {
            first = turns;
            put("z", "z", "v", STORE_ANY_VERSION); /* told after all of them */
        }
    }
    CHECK(turn_of_last - first >= 3);
    wait_calls(5);
    CHECK_CSTR(seen, "0:1 1:1 2:1 3:1 z:1 ");
}

static void contract_close(void)
{
    start();
    put("a", "a", "1", STORE_ANY_VERSION);
    loop_turn(loop, 0);
    put("b", "b", "1", STORE_ANY_VERSION);
    store_close(store);
    unsigned before = calls;
    open_it();
    CHECK_INT(calls, before);
    start();
    store_list(store, STR(""), on_list, "l");
    wait_calls(1);
    CHECK_CSTR(seen, kind != MEMORY ? "l[a b ]" : "l[]");
}

#define CONTRACT(name, fn)                                                                         \
    TEST(name " (memory)")                                                                         \
    {                                                                                              \
        setup(MEMORY);                                                                             \
        fn();                                                                                      \
        teardown();                                                                                \
    }                                                                                              \
    TEST_N(name " (sqlite)", fn)                                                                   \
    {                                                                                              \
        setup(DISK);                                                                               \
        fn();                                                                                      \
        teardown();                                                                                \
    }                                                                                              \
    TEST_M(name " (zookeeper)", TEST_CAT(fn, _zk), TEST_CAT(fn, _zk_case), TEST_CAT(fn, _zk_ctor)) \
    {                                                                                              \
        if (!zk_server())                                                                          \
            return;                                                                                \
        setup(ZOOKEEPER);                                                                          \
        fn();                                                                                      \
        teardown();                                                                                \
    }

CONTRACT("versions count and are compared", contract_versions)
CONTRACT("a batch is all or nothing, and others do not suffer", contract_atomic)
CONTRACT("records are listed by prefix, sorted", contract_list)
CONTRACT("limits are errors of that commit", contract_limits)
CONTRACT("many commits share syncs and keep their order", contract_many)
CONTRACT("what takes long to do about a group's results is spread over turns, in order", contract_slices)
CONTRACT("closing finishes what was asked for and calls nobody back", contract_close)

/* --- the disk ----------------------------------------------------------------------------------------- */
TEST("records survive closing; a second process is refused")
{
    setup(DISK);
    start();
    put("p", "a", "kept", STORE_ANY_VERSION);
    wait_calls(1);
    struct store *second;
    struct error err;
    CHECK_INT(store_open_sqlite(&second, loop, &(struct store_sqlite_options){ .path = file }, &err),
              -ERR_CONFLICT);
    CHECK(strstr(err.msg, file) != NULL);
    store_close(store);
    open_it();
    start();
    store_get(store, STR("a"), on_get, "a");
    wait_calls(1);
    CHECK_CSTR(seen, "a=kept/1 ");
    teardown();
}

TEST("a full disk is an error, and the store goes on when there is room again")
{
    setup(DISK);
    store_close(store);
    struct error err;
    REQUIRE(store_open_sqlite(&store, loop,
                              &(struct store_sqlite_options){ .path = file, .bytes_max = 400000 },
                              &err) == 0);
    start();
    char *big = calloc(1, 300000);
    for (int i = 0; i < 3; i++) {
        struct store_batch *b = store_batch_new();
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", i);
        store_batch_put(b, str_of(key), str_mem(big, 300000), STORE_ANY_VERSION);
        store_commit(store, b, on_commit, "big");
        wait_calls((unsigned)i + 1);
    }
    CHECK_CSTR(seen, "big:1 big:IO big:IO ");
    start();
    struct store_batch *b = store_batch_new();
    store_batch_delete(b, STR("k0"), 1);
    store_commit(store, b, on_commit, "gone");
    put("small", "s", "x", STORE_ABSENT);
    store_list(store, STR(""), on_list, "l");
    wait_calls(3);
    CHECK_CSTR(seen, "gone:0 small:1 l[s ]");
    free(big);
    teardown();
}

/* The child commits pairs (a/N, b/N) and last=N, and tells N through the pipe when it is durable. */
static int tell_fd;
static int told_next;

static void child_committed(void *arg, const struct store_result *r)
{
    (void)arg;
    if (r->err != NULL)
        _exit(3);
    int n = told_next++;
    if (write(tell_fd, &n, sizeof n) != sizeof n)
        _exit(4);
}

static void child_main(void)
{
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    open_it();
    for (int n = 0;; n++) {
        char key[2][32], text[32];
        struct store_batch *b = store_batch_new();
        (void)snprintf(text, sizeof text, "%d", n);
        for (int i = 0; i < 2; i++) {
            (void)snprintf(key[i], sizeof key[i], "%c/%08d", 'a' + i, n);
            store_batch_put(b, str_of(key[i]), str_of(text), STORE_ABSENT);
        }
        store_batch_put(b, STR("last"), str_of(text), (uint64_t)n);
        store_commit(store, b, child_committed, NULL);
        if (n % 3 == 0)
            loop_turn(loop, 0);
        while (store_pending(store) > 50)
            loop_turn(loop, NS_PER_MS);
    }
}

struct survivors {
    int count[2], last;
};

static void on_survivors(void *arg, const struct store_record *recs, size_t count, const struct error *err)
{
    struct survivors *s = arg;
    CHECK(err == NULL);
    s->last = -1;
    for (size_t i = 0; i < count; i++) {
        if (str_is(recs[i].key, "last")) {
            struct str v = recs[i].value;
            uint64_t n = 0;
            CHECK(str_u64(&v, INT32_MAX, &n));
            s->last = (int)n;
            CHECK_INT(recs[i].version, n + 1);
        } else {
            s->count[recs[i].key.p[0] - 'a']++;
        }
    }
    calls++;
}

TEST("after kill -9 at any moment there is a prefix of the commits with all that were reported")
{
    setup(DISK);
    store_close(store);
    loop_free(loop);
    for (int round = 0; round < 8; round++) {
        int fds[2];
        REQUIRE(pipe(fds) == 0);
        (void)fs_remove_tree(folder, NULL);
        CHECK(fs_mkdirs(folder, 0700, NULL) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(fds[0]);
            tell_fd = fds[1];
            child_main();
        }
        (void)close(fds[1]);
        int told = -1, n, wanted = round * round * 7;
        while (told < wanted && read(fds[0], &n, sizeof n) == sizeof n)
            told = n;
        CHECK(kill(pid, SIGKILL) == 0);
        while (read(fds[0], &n, sizeof n) == sizeof n)
            told = n;
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        (void)close(fds[0]);
        CHECK(loop_new(&loop, NULL, NULL) == 0);
        open_it();
        struct survivors s = { .last = -2 };
        calls = 0;
        store_list(store, STR(""), on_survivors, &s);
        wait_calls(1);
        CHECK(s.last >= told);
        CHECK_INT(s.count[0], s.last + 1);
        CHECK_INT(s.count[1], s.last + 1);
        store_close(store);
        loop_free(loop);
    }
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    open_it();
    teardown();
}
