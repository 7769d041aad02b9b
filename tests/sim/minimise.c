/* SPDX-License-Identifier: Apache-2.0 */
/* Making a failure small: first the world (fewer programs, a shorter time), then the steps: of the accidents and deeds ever
 * smaller parts are left out, as long as the history still fails, and in the same way. What is the same way is judged by the
 * words of the failure without their numbers. Each try runs in a process of its own. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "tests/sim/history.h"

enum { TRIES_MAX = 3000, STORY_BEGIN = 60, STORY_END = 140, TOLD_MAX = 3, AGAIN_MIN = 5, TRACE_LINES = 400000, WORDS_MAX = 24 };

struct tried {
    bool failed; /* or crashed */
    bool crashed;
    char shape[600];
    int64_t ended_ns;
    unsigned agents, frameworks, masters, steps[STEP_KINDS];
};

struct search {
    struct sim_options o;
    struct sim_choice choice;
    struct tried goal;
    unsigned tries;
};

/* "agent a2 has 3 tasks" and "agent a14 has 1 tasks" are one failure; ids in hexadecimal digits are all one. */
static void shape_of(const char *why, char *ret, size_t size)
{
    size_t n = 0;

    for (const char *p = why; *p != '\0' && n + 1 < size;) {
        size_t k = 0, digits = 0;
        while (isalnum((unsigned char)p[k]) || p[k] == '-' || p[k] == '_' || p[k] == '.' || p[k] == '/')
            digits += isdigit((unsigned char)p[k++]) != 0;
        if (digits != 0) {
            ret[n++] = '#';
            p += k;
        } else if (k != 0) {
            for (; k > 0 && n + 1 < size; k--)
                ret[n++] = *p++;
            p += k;
        } else {
            ret[n++] = *p++;
        }
    }
    ret[n] = '\0';
}

static void try_here(const struct sim_options *o, struct tried *ret)
{
    struct outcome a;

    history_run(o, NULL, NULL, NULL, &a);
    ret->failed = a.failed;
    shape_of(a.why, ret->shape, sizeof ret->shape);
    ret->ended_ns = a.ended_ns;
    ret->agents = a.agents;
    ret->frameworks = a.frameworks;
    ret->masters = a.masters;
    memcpy(ret->steps, a.steps, sizeof ret->steps);
}

static void try_it(struct search *x, const struct sim_options *o, struct tried *ret)
{
    int ends[2], status = 0;

    memset(ret, 0, sizeof *ret);
    x->tries++;
    (void)fflush(stdout);
    ASSERT(pipe(ends) == 0);
    pid_t pid = fork();
    ASSERT(pid >= 0);
    if (pid == 0) {
        (void)freopen("/dev/null", "w", stderr);
        try_here(o, ret);
        _exit(write(ends[1], ret, sizeof *ret) == (ssize_t)sizeof *ret ? 0 : 1);
    }
    (void)close(ends[1]);
    size_t got = 0;
    for (ssize_t k; got < sizeof *ret && (k = read(ends[0], (char *)ret + got, sizeof *ret - got)) > 0;)
        got += (size_t)k;
    (void)close(ends[0]);
    (void)waitpid(pid, &status, 0);
    if (got != sizeof *ret) {
        memset(ret, 0, sizeof *ret);
        ret->failed = ret->crashed = true;
        (void)snprintf(ret->shape, sizeof ret->shape, "the simulator ends");
    }
}

static bool still(struct search *x, const struct sim_options *o)
{
    struct tried t;

    if (x->tries >= TRIES_MAX)
        return false;
    try_it(x, o, &t);
    return t.failed && strcmp(t.shape, x->goal.shape) == 0;
}

static bool accept_if(struct search *x, struct sim_options o)
{
    if (!still(x, &o))
        return false;
    x->o = o;
    return true;
}

/* One number of the world, as small as it can be. */
static void fewer(struct search *x, unsigned *field, unsigned least, unsigned now)
{
    for (unsigned n = least; n < now; n++) {
        unsigned before = *field;
        *field = n;
        if (still(x, &x->o))
            return;
        *field = before;
    }
}

static void smaller_world(struct search *x)
{
    struct sim_options o = x->o;

    o.marathon = false;
    (void)accept_if(x, o);
    fewer(x, &x->o.masters, 1, x->goal.masters);
    fewer(x, &x->o.frameworks, 1, x->goal.frameworks);
    fewer(x, &x->o.agents, 1, x->goal.agents);
    for (unsigned bit = 1; bit < FAULT_ALL; bit *= 2) {
        o = x->o;
        o.faults &= ~bit;
        if (o.faults != x->o.faults)
            (void)accept_if(x, o);
    }
    for (int64_t ns = SEC(5); ns < x->o.duration_ns; ns += SEC(5)) {
        o = x->o;
        o.duration_ns = ns;
        if (accept_if(x, o))
            break;
    }
}

struct item {
    unsigned kind, n;
};

static size_t items_of(const struct search *x, struct item *v)
{
    size_t n = 0;

    for (unsigned kind = 0; kind < STEP_KINDS; kind++)
        for (unsigned i = 0; i < x->goal.steps[kind] && i < STEPS_MAX; i++)
            if (!x->choice.dropped[kind][i])
                v[n++] = (struct item){ kind, i };
    return n;
}

/* Leaves out v[from..to), if it still fails so. */
static bool leave_out(struct search *x, const struct item *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        x->choice.dropped[v[i].kind][v[i].n] = true;
    if (still(x, &x->o))
        return true;
    for (size_t i = from; i < to; i++)
        x->choice.dropped[v[i].kind][v[i].n] = false;
    return false;
}

static void fewer_steps(struct search *x)
{
    static struct item v[STEP_KINDS * STEPS_MAX];
    size_t n = items_of(x, v);

    /* What comes after the failure, or never, is not needed. */
    for (unsigned kind = 0; kind < STEP_KINDS; kind++)
        for (unsigned i = x->goal.steps[kind]; i < STEPS_MAX; i++)
            x->choice.dropped[kind][i] = true;
    for (size_t part = (n + 1) / 2; part != 0; part = part > 1 ? (part + 1) / 2 : 0) {
        bool any = false;
        n = items_of(x, v);
        for (size_t from = n; from > 0;) { /* the latest first */
            size_t begin = from > part ? from - part : 0;
            any = leave_out(x, v, begin, from) || any;
            from = begin;
        }
        if (part == 1 && any)
            part = 2; /* once more */
    }
}

/* --- the story ---------------------------------------------------------------------------------------- */

/* What was said, whenever that was. */
struct said {
    UT_hash_handle hh;
    char *text;
    unsigned times;
};

struct story {
    char words[WORDS_MAX][200];
    size_t word_count;
    struct said *said;
    size_t again; /* lines since the last one that is told, which were told before */
    char **lines;
    size_t n, cap;
};

static void learn_words(struct story *s, const char *why)
{
    for (const char *p = why; *p != '\0' && s->word_count < WORDS_MAX;) {
        size_t k = 0, digits = 0;
        while (isalnum((unsigned char)p[k]) || p[k] == '-' || p[k] == '_' || p[k] == '.')
            digits += isdigit((unsigned char)p[k++]) != 0;
        if (digits != 0 && digits != k && k < sizeof s->words[0] && strspn(p, "0123456789.") < k)
            (void)snprintf(s->words[s->word_count++], sizeof s->words[0], "%.*s", (int)k, p);
        p += k != 0 ? k : 1;
    }
}

static bool has_word(const char *line, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = line; (p = strstr(p, word)) != NULL; p++)
        if ((p == line || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
            return true;
    return false;
}

/* What happens to a program from outside is told whenever it does. */
static bool is_accident(const char *line)
{
    static const char *const always[] = { "] network ", "] clock ", "] zookeeper", "] world ", "] FAILED", "CRASH", " is stopped", " goes on",
                                          "> starts", "> leads", "leads no more", "> follows", "machine starts", "] disk " };

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (strstr(line, always[i]) != NULL)
            return true;
    return false;
}

static bool is_wanted(const struct story *s, const char *line)
{
    if (is_accident(line) || strstr(line, "] operator") != NULL)
        return true;
    for (size_t i = 0; i < s->word_count; i++)
        if (has_word(line, s->words[i]))
            return true;
    return false;
}

/* Programs that wait for what does not come ask for it again and again: a few times are enough. */
static bool was_told(struct story *s, const char *line)
{
    const char *text = strchr(line, ']');
    struct said *x = NULL;

    text = text != NULL ? text : line;
    HASH_FIND(hh, s->said, text, strlen(text), x);
    if (x == NULL) {
        x = xcalloc(1, sizeof *x);
        x->text = xstrdup(text);
        HASH_ADD_KEYPTR(hh, s->said, x->text, strlen(x->text), x);
    }
    return x->times++ >= TOLD_MAX;
}

static void add_line(struct story *s, const char *line)
{
    ARRAY_ROOM(s->lines, s->n, s->cap);
    s->lines[s->n++] = xstrdup(line);
}

static void tell_line(const char *line, void *arg)
{
    struct story *s = arg;
    char text[80];

    if (!is_wanted(s, line))
        return;
    if (!is_accident(line) && was_told(s, line)) {
        s->again++;
        return;
    }
    if (s->again >= AGAIN_MIN) {
        (void)snprintf(text, sizeof text, "              ... %zu lines that were told before", s->again);
        add_line(s, text);
    }
    s->again = 0;
    add_line(s, line);
}

static void story_done(struct story *s)
{
    struct said *x, *next;

    HASH_ITER(hh, s->said, x, next)
    {
        HASH_DELETE(hh, s->said, x);
        free(x->text);
        free(x);
    }
    for (size_t i = 0; i < s->n; i++)
        free(s->lines[i]);
    free(s->lines);
}

static void print_cast(const struct outcome *a, bool marathon)
{
    printf("who: %s, agents a1 to a%u (x2.5 is the fifth executor of a2), frameworks f1 to f%u (f1-t3 is a task of f1)%s\n",
           a->masters == 1 ? "master" : "masters m1, m2 ...", a->agents, a->frameworks, marathon ? ", marathon with its apps" : "");
    puts("[virtual milliseconds] who > what; left out is what does not touch who or what the failure names");
}

static void tell(struct search *x)
{
    struct story s = { .word_count = 0 };
    struct outcome a;
    struct sim_options o = x->o;

    history_run(&o, NULL, NULL, NULL, &a);
    printf("it fails so: %s\n", a.why);
    print_cast(&a, o.marathon);
    learn_words(&s, a.why);
    o.trace_lines = TRACE_LINES;
    history_run(&o, NULL, tell_line, &s, &a);
    for (size_t i = 0; i < s.n; i++) {
        if (i == STORY_BEGIN && s.n > STORY_BEGIN + STORY_END) {
            printf("              ... %zu lines\n", s.n - STORY_BEGIN - STORY_END);
            i = s.n - STORY_END;
        }
        puts(s.lines[i]);
    }
    story_done(&s);
}

bool minimise(const struct sim_options *options)
{
    static struct search x; /* large */

    x.o = *options;
    if (options->choice != NULL)
        x.choice = *options->choice;
    try_it(&x, &x.o, &x.goal);
    if (!x.goal.failed) {
        printf("seed %llu passes\n", (unsigned long long)options->seed);
        return false;
    }
    smaller_world(&x);
    struct tried t;
    try_it(&x, &x.o, &t); /* its steps are others now */
    memcpy(x.goal.steps, t.steps, sizeof t.steps);
    if (t.crashed)
        x.goal.steps[STEP_ACCIDENT] = x.goal.steps[STEP_DEED] = 500;
    unsigned accidents = x.goal.steps[STEP_ACCIDENT], deeds = x.goal.steps[STEP_DEED], left[STEP_KINDS] = { 0, 0 };
    x.o.choice = &x.choice;
    fewer_steps(&x);
    for (unsigned kind = 0; kind < STEP_KINDS; kind++)
        for (unsigned i = 0; i < STEPS_MAX; i++)
            left[kind] += !x.choice.dropped[kind][i];
    printf("seed %llu: %u of %u accidents and %u of %u deeds are needed (%u tries)\n", (unsigned long long)options->seed,
           left[STEP_ACCIDENT], accidents, left[STEP_DEED], deeds, x.tries);
    if (!t.crashed)
        tell(&x);
    reproduce_line(stdout, &x.o);
    return true;
}
