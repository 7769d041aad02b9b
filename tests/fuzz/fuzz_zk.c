/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of ZooKeeper, and what users write to find it: URLs, names of nodes, MasterInfo, journals,
 * answers to reading in bulk. */
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/io/store_zk_frame.h"
#include "common/io/zk.h"
#include "common/io/zk_wire.h"
#include "common/wire/master_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void url(struct str s)
{
    struct zk_url u = { NULL, NULL, NULL };

    if (zk_url_parse(&u, s, false, NULL) == 0)
        ASSERT(u.path[0] == '/' && u.path[1] != '\0' && u.servers[0] != '\0');
    zk_url_done(&u);
}

static void names(struct str s)
{
    struct arena a;
    struct sbuf key = SBUF_INIT(1000);
    struct candidate c;

    (void)candidate_parse(ELECTION_MASTER, s, &c);
    (void)candidate_parse(ELECTION_LATCH, s, &c);
    (void)szk_unescape(s, &key);
    sbuf_clear(&key);
    arena_init(&a, 100000);
    s = str_sub(s, 0, 512);
    const char *path = szk_path(&a, "/r", s, false);
    ASSERT(szk_unescape(str_of(strrchr(path, '/') + 1), &key));
    ASSERT(str_eq(sbuf_view(&key), s));
    arena_done(&a);
    sbuf_done(&key);
}

static void journal(struct str s)
{
    struct szk_program p;
    struct szk_frame f = { .ops = NULL };
    size_t chunks, applied;

    (void)szk_commit_read(s, &chunks, &applied);
    szk_program_init(&p);
    if (szk_journal_read(&p, s, &f))
        szk_apply_program(&p, "/r", &f, 0, 1);
    free(f.ops);
    szk_program_done(&p);
}

static void bulk(struct str s)
{
    struct str frame;
    struct zkw_head head;
    struct zkw_node node;

    while (zkw_cut(&s, &frame) == ZKW_WHOLE) {
        (void)zkw_hello_ok(frame);
        if (zkw_take_head(&frame, &head))
            while (zkw_take_node(&frame, &node))
                ASSERT(node.err == ZKW_OK || node.data.n == 0);
        (void)zkw_take_end(&frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct master_addr m;
    struct str s;

    if (size < 1 || size > 20000)
        return 0;
    char *copy = malloc(size); /* exactly so large: reading further is seen */
    memcpy(copy, data, size);
    s = str_mem(copy + 1, size - 1);
    switch (data[0] & 3) {
    case 0:
        if ((data[0] & 4) != 0)
            bulk(s);
        else
            url(s);
        break;
    case 1:
        names(s);
        break;
    case 2:
        (void)master_info_read((enum candidate_label)(data[0] >> 2 & 3), s, &m, NULL);
        break;
    case 3:
        journal(s);
        break;
    }
    free(copy);
    return 0;
}
