/* SPDX-License-Identifier: Apache-2.0 */
/* What only the zookeeper store can do, against a real server: fencing, long values, batches larger than a
 * request, lost answers. The contract that all backends share is in test_store.c. */
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "common/io/store.h"
#include "common/io/store_zk_frame.h"
#include "tests/unit/io/io_peer.h"
#include "tests/unit/io/zk_server.h"

static struct loop *loop;
static unsigned number;

struct side {
    struct zk *zk;
    struct store *store;
    unsigned done, failed;
    enum err_code code;
    size_t count, bytes;
    struct sbuf first; /* value of the first record */
    uint64_t version;
};

static bool side_open_as(struct side *s, const char *root, const char *credentials, bool beside_owner)
{
    struct store_zk_options o = { .zk = s->zk = zk_client(loop, credentials, 4 * NS_PER_S),
                                  .path = root,
                                  .owner = "test",
                                  .beside_owner = beside_owner };

    sbuf_init(&s->first, 2 << 20);
    return CHECK(store_open_zk(&s->store, loop, &o, NULL) == 0);
}

static bool side_open(struct side *s, const char *root)
{
    return side_open_as(s, root, NULL, false);
}

static void side_close(struct side *s)
{
    store_close(s->store);
    zk_free(s->zk);
    sbuf_done(&s->first);
}

static void on_commit(void *arg, const struct store_result *r)
{
    struct side *s = arg;

    s->done++;
    if (r->err == NULL)
        return;
    s->failed++;
    s->code = r->err->code;
}

static void on_list(void *arg, const struct store_record *v, size_t count, const struct error *err)
{
    struct side *s = arg;

    s->done++;
    CHECK(err == NULL);
    s->count = count;
    s->bytes = 0;
    for (size_t i = 0; i < count; i++) {
        s->bytes += v[i].value.n;
        CHECK(i == 0 || str_cmp(v[i - 1].key, v[i].key) < 0);
    }
    sbuf_clear(&s->first);
    if (count != 0)
        sbuf_str(&s->first, v[0].value);
    s->version = count != 0 ? v[0].version : 0;
}

static void put(struct side *s, const char *key, struct str value)
{
    struct store_batch *b = store_batch_new();
    store_batch_put(b, str_of(key), value, STORE_ANY_VERSION);
    store_commit(s->store, b, on_commit, s);
}

static bool until(struct side *s, unsigned done)
{
    return CHECK(LOOP_UNTIL(loop, s->done >= done));
}

static void list(struct side *s, const char *prefix)
{
    store_list(s->store, str_of(prefix), on_list, s);
    CHECK(LOOP_UNTIL(loop, store_pending(s->store) == 0));
}

static bool begin(char root[40])
{
    if (!zk_server())
        return false;
    (void)snprintf(root, 40, "/sz/%u", ++number);
    return CHECK(loop_new(&loop, NULL, NULL) == 0);
}

TEST("who opens the store last has it: the one before changes nothing any more")
{
    char root[40];
    struct side a = { 0 }, b = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    put(&a, "x", STR("1"));
    REQUIRE(until(&a, 1));
    REQUIRE(side_open(&b, root));
    list(&b, "");
    CHECK_INT(b.count, 1);
    put(&a, "x", STR("2"));
    put(&a, "y", STR("2"));
    REQUIRE(until(&a, 3));
    CHECK_INT(a.failed, 2);
    CHECK_INT(a.code, ERR_CONFLICT);
    put(&b, "z", STR("3"));
    list(&b, "");
    CHECK_INT(b.failed, 0);
    CHECK_INT(b.count, 2);
    CHECK_STR(sbuf_view(&b.first), STR("1"));
    side_close(&a);
    side_close(&b);
    loop_free(loop);
}

static void on_pair(void *arg, const struct store_record *v, size_t count, const struct error *err)
{
    struct side *s = arg;

    s->done++;
    if (err != NULL) {
        s->failed++;
        s->code = err->code;
    } else if (CHECK(count == 2)) {
        CHECK_STR(v[0].value, v[1].value); /* of one moment */
    }
}

static void put_pair(struct side *s, unsigned n)
{
    struct store_batch *b = store_batch_new();
    char text[20];

    (void)snprintf(text, sizeof text, "%u", n);
    store_batch_put(b, STR("x"), str_of(text), STORE_ANY_VERSION);
    store_batch_put(b, STR("y"), str_of(text), STORE_ANY_VERSION);
    store_commit(s->store, b, on_commit, s);
}

TEST("beside the owner one reads what is of one moment, changes nothing, and takes nothing over")
{
    char root[40];
    struct side a = { 0 }, b = { 0 }, none = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open_as(&none, root, NULL, true));
    store_list(none.store, STR(""), on_pair, &none);
    REQUIRE(until(&none, 1));
    CHECK_INT(none.failed, 1); /* nobody made a store there, nor is one made now */
    REQUIRE(side_open(&a, root));
    put_pair(&a, 0);
    REQUIRE(until(&a, 1));
    REQUIRE(side_open_as(&b, root, NULL, true));
    put(&b, "x", STR("mine"));
    REQUIRE(until(&b, 1));
    CHECK_INT(b.failed, 1);
    CHECK_INT(b.code, ERR_IO);
    b = (struct side){ .zk = b.zk, .store = b.store, .first = b.first };
    unsigned n = 1, lists = 0;
    for (int turns = 0; b.done < 20 && turns < 60000; turns++) { /* changes come while it reads, and between */
        if (n < 200 && a.done == n)
            put_pair(&a, n++);
        if (lists == b.done)
            store_list(b.store, STR(""), on_pair, &b), lists++;
        loop_turn(loop, NS_PER_MS);
    }
    CHECK_INT(b.done, 20);
    CHECK(b.failed == 0 || b.code == ERR_CONFLICT);
    CHECK(b.failed < 20);
    put_pair(&a, n++); /* still the owner */
    REQUIRE(until(&a, n));
    CHECK_INT(a.failed, 0);
    side_close(&none);
    side_close(&a);
    side_close(&b);
    loop_free(loop);
}

TEST("keys with any characters, values of any length up to the limit, growing and shrinking")
{
    static const size_t sizes[] = { 0, 1, 499999, 500000, 500001, 1000000, 20, 700000, 800000, 0 };
    char root[40];
    struct side a = { 0 };
    struct sbuf value = SBUF_INIT(1 << 20);

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sbuf_clear(&value);
        for (size_t k = 0; k < sizes[i]; k++)
            sbuf_char(&value, (char)('a' + (k * 7 + i) % 26));
        put(&a, "/.%\x01+ \xc3\xa4", sbuf_view(&value));
        list(&a, "/.%");
        CHECK_INT(a.count, 1);
        CHECK_INT(a.version, i + 1);
        CHECK(str_eq(sbuf_view(&a.first), sbuf_view(&value)));
    }
    CHECK_INT(a.failed, 0);
    sbuf_done(&value);
    side_close(&a);
    loop_free(loop);
}

static struct store_batch *large(unsigned n, size_t size, char fill)
{
    struct store_batch *b = store_batch_new();
    char key[32], *value = malloc(size);

    memset(value, fill, size);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(key, sizeof key, "k/%05u", i);
        store_batch_put(b, str_of(key), str_mem(value, size), STORE_ANY_VERSION);
    }
    free(value);
    return b;
}

TEST("a batch larger than a request is one change all the same")
{
    char root[40];
    struct side a = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    store_commit(a.store, large(300, 20000, 'a'), on_commit, &a);
    list(&a, "k/");
    CHECK_INT(a.count, 300);
    CHECK_INT(a.bytes, 6000000);
    struct store_batch *b = large(300, 20000, 'b');
    store_batch_put(b, STR("z"), STR(""), 7); /* a conflict at its end */
    store_commit(a.store, b, on_commit, &a);
    list(&a, "k/");
    CHECK_INT(a.failed, 1);
    CHECK_INT(a.first.p[0], 'a');
    store_commit(a.store, large(10000, 60, 'c'), on_commit, &a); /* too many operations for one request */
    list(&a, "k/");
    CHECK_INT(a.failed, 1);
    CHECK_INT(a.count, 10000);
    CHECK_INT(a.version, 2);
    side_close(&a);
    loop_free(loop);
}

/* The child dies between two requests of a large batch: the next owner finishes it, or nothing of it is seen.
 */
TEST("a large batch whose writer was killed is finished or undone by the next")
{
    char root[40];
    unsigned finished = 0;

    for (unsigned turns = 0; turns < 16; turns++) {
        if (!begin(root))
            return;
        pid_t pid = fork();
        if (pid == 0) {
            struct side c = { 0 };
            struct loop *mine;
            if (loop_new(&mine, NULL, NULL) != 0)
                _exit(1);
            loop = mine;
            (void)side_open(&c, root);
            store_commit(c.store, large(100, 20000, 'a'), on_commit, &c);
            if (!until(&c, 1))
                _exit(2);
            store_commit(c.store, large(100, 20000, 'b'), on_commit, &c);
            for (unsigned i = 0; i < turns * 2 && c.done < 2; i++)
                loop_turn(mine, 20 * NS_PER_MS);
            if (turns == 15)
                (void)until(&c, 2);
            (void)kill(getpid(), SIGKILL);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        struct side a = { 0 };
        REQUIRE(side_open(&a, root));
        list(&a, "k/");
        CHECK_INT(a.count, 100);
        CHECK_INT(a.bytes, 2000000);
        char first = a.first.p[0];
        CHECK_INT(a.version, first == 'b' ? 2 : 1);
        finished += first == 'b';
        store_commit(a.store, large(100, 20000, 'c'), on_commit, &a); /* and it works on */
        list(&a, "k/");
        CHECK_INT(a.failed, 0);
        CHECK_INT(a.version, first == 'b' ? 3 : 2);
        side_close(&a);
        loop_free(loop);
    }
    CHECK(finished > 0);
    CHECK(finished < 16);
}

TEST("commits under way when the server is killed happen once, when it is back")
{
    char root[40], text[32];
    struct side a = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 200; i++) {
            (void)snprintf(text, sizeof text, "%u", i);
            put(&a, "counter", str_of(text));
            if (i == 100 + round * 30)
                zk_server_kill();
            loop_turn(loop, 0);
        }
        for (int i = 0; i < 50; i++)
            loop_turn(loop, 2 * NS_PER_MS);
        CHECK(a.done < (round + 1) * 201);
        REQUIRE(zk_server());
        list(&a, "counter");
        CHECK_INT(a.failed, 0);
        CHECK_INT(a.version, (round + 1) * 200);
        CHECK_STR(sbuf_view(&a.first), STR("199"));
    }
    side_close(&a);
    loop_free(loop);
}

TEST("a full disk of the server fails nothing: what was asked for happens once, when there is room")
{
    char root[40], text[32];
    struct side a = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        put(&a, "counter", str_of(text));
        if (i == 99) {
            REQUIRE(until(&a, 100));
            const struct rlimit full = { 0, 0 }; /* to the server, every write is one too many */
            REQUIRE(prlimit(zk_pid, RLIMIT_FSIZE, &full, NULL) == 0);
        }
    }
    int status = 0;
    pid_t ended = 0;
    CHECK(LOOP_UNTIL(loop, (ended = waitpid(zk_pid, &status, WNOHANG)) != 0)); /* it gives up */
    CHECK_INT(ended, zk_pid);
    zk_pid = 0;
    CHECK(a.done < 200);
    CHECK_INT(a.failed, 0);
    REQUIRE(zk_server());
    list(&a, "counter");
    CHECK_INT(a.failed, 0);
    CHECK_INT(a.version, 200);
    CHECK_STR(sbuf_view(&a.first), STR("199"));
    side_close(&a);
    loop_free(loop);
}

TEST("many records are read whole while the server is killed, and when it takes no connection for reading in bulk")
{
    char root[40];
    struct side a = { 0 }, b = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    store_commit(a.store, large(3000, 300, 'a'), on_commit, &a);
    list(&a, "");
    CHECK_INT(a.count, 3000);
    CHECK_INT(a.bytes, 900000);
    for (unsigned turns = 3; turns < 20; turns += 12) { /* killed at different moments of a list */
        unsigned done = a.done;
        store_list(a.store, STR(""), on_list, &a);
        for (unsigned i = 0; i < turns && a.done == done; i++)
            loop_turn(loop, NS_PER_MS);
        zk_server_kill();
        REQUIRE(zk_server());
        REQUIRE(until(&a, done + 1));
        CHECK_INT(a.count, 3000);
    }
    side_close(&a);
    zk_server_kill();
    zk_server_set("maxClientCnxns=1");
    REQUIRE(zk_server());
    REQUIRE(side_open(&b, root));
    list(&b, "");
    CHECK_INT(b.count, 3000);
    CHECK_INT(b.bytes, 900000);
    store_list(b.store, STR("k/"), on_list, &b); /* closed with a list under way */
    loop_turn(loop, NS_PER_MS);
    side_close(&b);
    zk_server_kill();
    zk_server_set("maxClientCnxns=0");
    loop_free(loop);
}

TEST("a node that somebody made by hand after the list is found all the same")
{
    char root[40];
    struct side a = { 0 };
    struct arena arena;

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    list(&a, "");
    arena_init(&arena, 1000);
    zk_create(a.zk, szk_path(&arena, root, STR("x"), false), STR("by hand"), 0, ZK_ACL_PRIVATE, NULL, NULL);
    arena_done(&arena);
    put(&a, "x", STR("mine"));
    put(&a, "y", STR("mine"));
    list(&a, "");
    CHECK_INT(a.failed, 0);
    CHECK_INT(a.count, 2);
    CHECK_INT(a.version, 2);
    CHECK_STR(sbuf_view(&a.first), STR("mine"));
    side_close(&a);
    loop_free(loop);
}

TEST("many records that belong to who has the password are read with it")
{
    char root[40];
    struct side a = { 0 }, b = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open_as(&a, root, "user:secret", false));
    store_commit(a.store, large(1000, 100, 'a'), on_commit, &a);
    list(&a, "");
    CHECK_INT(a.failed, 0);
    CHECK_INT(a.count, 1000);
    REQUIRE(side_open_as(&b, root, "user:secret", true));
    list(&b, "");
    CHECK_INT(b.count, 1000);
    CHECK_INT(b.bytes, 100000);
    side_close(&a);
    side_close(&b);
    loop_free(loop);
}

TEST("20,000 records are loaded fast (printed)")
{
    char root[40];
    struct side a = { 0 };

    if (!begin(root))
        return;
    REQUIRE(side_open(&a, root));
    list(&a, ""); /* as programs do; then there is nothing to look up */
    a.done = 0;
    struct mono start = loop_clock();
    for (unsigned half = 0; half < 2; half++) {
        struct store_batch *b = store_batch_new();
        char key[32], value[1000];
        memset(value, 'v', sizeof value);
        for (unsigned i = 0; i < 10000; i++) {
            (void)snprintf(key, sizeof key, "%u/%05u", half, i);
            store_batch_put(b, str_of(key), str_mem(value, sizeof value), STORE_ABSENT);
        }
        store_commit(a.store, b, on_commit, &a);
    }
    REQUIRE(until(&a, 2));
    struct mono stored = loop_clock();
    side_close(&a);
    a = (struct side){ 0 };
    REQUIRE(side_open(&a, root));
    list(&a, "");
    CHECK_INT(a.count, 20000);
    printf("# 20,000 records of 1 kB: written in %lld ms, loaded by another in %lld ms\n",
           (long long)(mono_diff(stored, start) / NS_PER_MS),
           (long long)(mono_diff(loop_clock(), stored) / NS_PER_MS));
    side_close(&a);
    loop_free(loop);
}

TEST("names are keys and back")
{
    static const char *const keys[] = { "a", "/", "%", "..", "a/b.c", "\xe2\x82\xac", "x%+", " " };
    struct arena arena;

    arena_init(&arena, 100000);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct sbuf key = SBUF_INIT(1000);
        const char *path = szk_path(&arena, "/root", str_of(keys[i]), false), *name = strrchr(path, '/') + 1;
        CHECK(szk_unescape(str_of(name), &key));
        CHECK_CSTR(key.p, keys[i]);
        CHECK(
            !szk_unescape(str_of(strrchr(szk_path(&arena, "/root", str_of(keys[i]), true), '/') + 1), &key));
        sbuf_done(&key);
    }
    arena_done(&arena);
}
