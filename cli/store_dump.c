/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/store_dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/wire/json.h"

void dump_head(struct sbuf *b, const char *of, size_t records)
{
    sbuf_fmt(b, "{\"stoa_store\":%d,\"of\":\"%s\",\"records\":%zu}\n", DUMP_VERSION, of, records);
}

static bool is_json_line(struct str s)
{
    CLEANUP(json_free_p) cJSON *j = NULL;

    return s.n != 0 && s.p[0] == '{' && memchr(s.p, '\n', s.n) == NULL && json_parse(s, &j, NULL) == 0;
}

void dump_record(struct sbuf *b, const struct store_record *r, struct str shows)
{
    struct jsonw w = JSONW(b);

    jsonw_open(&w);
    jsonw_key_s(&w, "key", r->key);
    jsonw_key_u64(&w, "version", r->version);
    if (shows.n != 0) {
        jsonw_key(&w, "shows");
        jsonw_raw(&w, shows);
    }
    if (is_json_line(r->value)) {
        jsonw_key(&w, "value");
        jsonw_raw(&w, r->value);
    } else {
        jsonw_key(&w, "base64");
        jsonw_base64(&w, r->value);
    }
    jsonw_close(&w);
    sbuf_char(b, '\n');
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Past one value of JSON that is known to be valid. */
static size_t skip_value(struct str s, size_t i)
{
    int depth = 0;
    bool in_text = false;

    for (; i < s.n; i++) {
        char c = s.p[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0 || --depth == 0)
                return depth == 0 && (c == '}' || c == ']') ? i + 1 : i;
        } else if (c == ',' && depth == 0) {
            return i;
        }
    }
    return i;
}

/* The text of the member "value", which is an object, of a line that is a valid object; as it is in the line.
 */
static struct str raw_value(struct str line)
{
    int depth = 0;
    bool in_text = false;
    size_t from = 0;

    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (in_text && c == '\\') {
            i++;
        } else if (c == '"') {
            in_text = !in_text;
            if (in_text)
                from = i;
            else if (depth == 1 && str_is(str_sub(line, from, i + 1 - from), "\"value\"")) {
                size_t at = i + 1;
                while (at < line.n && strchr(" \t:", line.p[at]) != NULL)
                    at++;
                if (at < line.n && line.p[at] == '{')
                    return str_sub(line, at, skip_value(line, at) - at);
            }
        } else if (!in_text && (c == '{' || c == '[')) {
            depth++;
        } else if (!in_text && (c == '}' || c == ']')) {
            depth--;
        }
    }
    return (struct str){ NULL, 0 };
}

static const char *text_of(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static int parse_value(struct dump *d, struct str line, const cJSON *j, struct store_record *r,
                       struct error *err)
{
    const char *coded = text_of(j, "base64");
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(DUMP_LINE_BYTES_MAX);

    if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(j, "value"))) {
        r->value = raw_value(line);
        return r->value.p != NULL ? 0 : error_set(err, ERR_INVALID, "its value cannot be found");
    }
    if (coded == NULL)
        return error_set(err, ERR_INVALID, "it has neither a value (an object) nor base64");
    if (!base64_decode(&b, str_of(coded)))
        return error_set(err, ERR_INVALID, "its base64 is none");
    r->value = arena_str(&d->arena, sbuf_view(&b));
    return 0;
}

static int parse_record(struct dump *d, struct str line, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    struct store_record r = { .version = 0 };
    const char *key;
    int rc = json_parse(line, &j, err);

    if (rc != 0)
        return rc;
    key = text_of(j, "key");
    if (key == NULL || *key == '\0')
        return error_set(err, ERR_INVALID, "it has no key");
    r.key = arena_str(&d->arena, str_of(key));
    rc = parse_value(d, line, j, &r, err);
    if (rc != 0)
        return rc;
    ARRAY_ROOM(d->records, d->count, d->cap);
    d->records[d->count++] = r;
    return 0;
}

static int parse_head(struct str line, const char *of, size_t *ret_records, struct error *err)
{
    CLEANUP(json_free_p) cJSON *j = NULL;
    int rc = json_parse(line, &j, err);
    const cJSON *version, *records;
    const char *text;

    if (rc != 0)
        return error_wrap(err, "line 1");
    version = cJSON_GetObjectItemCaseSensitive(j, "stoa_store");
    records = cJSON_GetObjectItemCaseSensitive(j, "records");
    text = text_of(j, "of");
    if (!cJSON_IsNumber(version) || !cJSON_IsNumber(records) || records->valuedouble < 0 || text == NULL)
        return error_set(err, ERR_INVALID, "line 1: this is no dump of `stoa store export`");
    if (version->valuedouble != DUMP_VERSION)
        return error_set(err, ERR_INVALID, "line 1: this dump has version %g; this program reads version %d",
                         version->valuedouble, DUMP_VERSION);
    if (strcmp(text, of) != 0)
        return error_set(err, ERR_INVALID, "line 1: this is the state of a %.40s, not of a %s", text, of);
    *ret_records = (size_t)records->valuedouble;
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct store_record *x = a, *y = b;

    return str_cmp(x->key, y->key);
}

static int check_keys(struct dump *d, struct error *err)
{
    if (d->count > 1)
        qsort(d->records, d->count, sizeof *d->records, compare_keys);
    for (size_t i = 1; i < d->count; i++)
        if (str_eq(d->records[i - 1].key, d->records[i].key))
            return error_set(err, ERR_INVALID, "the key %.*s comes twice",
                             STR_ARG(str_sub(d->records[i].key, 0, 150)));
    return 0;
}

int dump_parse(struct dump *d, struct str text, const char *of, struct error *err)
{
    struct str line;
    size_t want = 0, number = 1;
    int rc;

    *d = (struct dump){ .count = 0 };
    arena_init(&d->arena, (size_t)4 << 30);
    if (!str_cut(&text, '\n', &line) && text.n == 0 && line.n == 0)
        return error_set(err, ERR_INVALID, "the dump is empty");
    rc = parse_head(line, of, &want, err);
    while (rc == 0 && text.n != 0) {
        (void)str_cut(&text, '\n', &line);
        number++;
        if (str_trim(line).n == 0)
            continue;
        rc = line.n > DUMP_LINE_BYTES_MAX
                 ? error_set(err, ERR_LIMIT, "it has more than %d bytes", DUMP_LINE_BYTES_MAX)
                 : parse_record(d, line, err);
        if (rc != 0)
            return error_wrap(err, "line %zu", number);
    }
    if (rc == 0 && d->count != want)
        return error_set(err, ERR_INVALID,
                         "the first line says %zu records, there are %zu: the dump is cut off, or was edited "
                         "without changing \"records\"",
                         want, d->count);
    return rc == 0 ? check_keys(d, err) : rc;
}

void dump_done(struct dump *d)
{
    free(d->records);
    arena_done(&d->arena);
}
