/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/election.h"
#include "tests/support/test.h"

static const struct {
    const char *name;
    enum election_rule rule;
    const char *children[6];
    const char *leads; /* NULL: nobody */
    enum candidate_label label;
} cases[] = {
    { "nobody contends", ELECTION_MASTER, { NULL }, NULL, 0 },
    { "the lowest number leads, in whatever order the server tells them",
      ELECTION_MASTER,
      { "json.info_0000000003", "json.info_0000000001", "json.info_0000000002" },
      "json.info_0000000001",
      CANDIDATE_JSON },
    { "the replicated log of other masters is no candidate",
      ELECTION_MASTER,
      { "log_replicas", "json.info_0000000001" },
      "json.info_0000000001",
      CANDIDATE_JSON },
    { "numbers are compared as numbers over all labels",
      ELECTION_MASTER,
      { "json.info_0000000010", "info_0000000009" },
      "info_0000000009",
      CANDIDATE_PROTOBUF },
    { "a lower number under json.info wins over a higher under info, which sorts first as text",
      ELECTION_MASTER,
      { "info_0000000011", "json.info_0000000010" },
      "json.info_0000000010",
      CANDIDATE_JSON },
    { "a name that is only a number is a very old master",
      ELECTION_MASTER,
      { "0000000007", "json.info_0000000008" },
      "0000000007",
      CANDIDATE_PID },
    { "a leader with a strange label is still the leader",
      ELECTION_MASTER,
      { "zap_0000000001", "json.info_0000000002" },
      "zap_0000000001",
      CANDIDATE_UNKNOWN },
    { "nine digits are no candidate", ELECTION_MASTER, { "json.info_000000001" }, NULL, 0 },
    { "a label without an underscore is no candidate", ELECTION_MASTER, { "json.info0000000001" }, NULL, 0 },
    { "letters among the digits are no candidate", ELECTION_MASTER, { "json.info_00000000a1" }, NULL, 0 },
    { "numbers over 2^31 are numbers too",
      ELECTION_MASTER,
      { "json.info_4294967296", "json.info_2147483648" },
      "json.info_2147483648",
      CANDIDATE_JSON },
    { "a latch: the lowest number whatever the prefix",
      ELECTION_LATCH,
      { "_c_b-latch-0000000004", "_c_z-latch-0000000003", "x" },
      "_c_z-latch-0000000003",
      CANDIDATE_LATCH },
    { "a latch knows no masters", ELECTION_LATCH, { "json.info_0000000001" }, NULL, 0 },
};

TEST("who leads")
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct candidate c = { CANDIDATE_UNKNOWN, 0 };
        size_t n = 0;
        while (n < 6 && cases[i].children[n] != NULL)
            n++;
        size_t k = election_leader(cases[i].rule, cases[i].children, n, &c);
        const char *got = k < n ? cases[i].children[k] : NULL;
        bool same = cases[i].leads == NULL ? got == NULL : got != NULL && strcmp(got, cases[i].leads) == 0;
        if (!same || (got != NULL && c.label != cases[i].label))
            test_fail(__FILE__, __LINE__, "%s: got %s, label %d", cases[i].name, got != NULL ? got : "nobody",
                      (int)c.label);
    }
}

/* A history of views: who (s: self, o: other, n: nobody), followed by ? when unsure; and the news of each. */
static const struct {
    const char *name, *views;
    enum leadership_news news[6];
} histories[] = {
    { "a candidate wins, doubts, and goes on", "s s? s", { LEADERSHIP_WON, LEADERSHIP_UNSURE, LEADERSHIP_SURE } },
    { "a leader whose session expired has lost, though nobody else leads", "s s? n?", { LEADERSHIP_WON, LEADERSHIP_UNSURE, LEADERSHIP_LOST } },
    { "another one that leads is a loss", "s o", { LEADERSHIP_WON, LEADERSHIP_LOST } },
    { "a follower that loses ZooKeeper stays with whom it knows", "n o o? n? n",
      { LEADERSHIP_NOBODY, LEADERSHIP_OTHER, LEADERSHIP_OTHER, LEADERSHIP_SAME, LEADERSHIP_NOBODY } },
    { "nobody begins to lead with a doubt", "s? s", { LEADERSHIP_SAME, LEADERSHIP_WON } },
};

TEST("what a new view of who leads means for a candidate")
{
    for (size_t i = 0; i < sizeof histories / sizeof *histories; i++) {
        struct leadership l = { false, false };
        size_t k = 0;
        for (const char *p = histories[i].views; *p != '\0'; p++) {
            enum leader_who who = *p == 's' ? LEADER_SELF : *p == 'o' ? LEADER_OTHER : LEADER_NONE;
            if (*p == ' ' || *p == '?')
                continue;
            enum leadership_news got = leadership_step(&l, who, p[1] == '?');
            if (got != histories[i].news[k])
                test_fail(__FILE__, __LINE__, "%s: view %zu is news %d, not %d", histories[i].name, k, (int)got,
                          (int)histories[i].news[k]);
            k++;
        }
    }
}
