/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of requests share: the checks of an API call, small answers, records. Order and texts: scheduler API
 * section 4, operator API section 1. */
#include "master/shell.h"

void reply_empty(struct http_req *r, unsigned status)
{
    if (status == 404)
        http_reply(r, status, "text/plain; charset=utf-8", (struct str){ NULL, 0 });
    else
        http_reply(r, status, NULL, (struct str){ NULL, 0 });
}

bool api_begin(struct http_req *r, bool *ret_json)
{
    struct str type = http_req_header(r, "Content-Type");

    if (http_req_verb(r) != HTTP_VERB_POST) {
        http_reply_not_allowed(r, "POST");
        return false;
    }
    if (type.p == NULL) {
        http_reply_text(r, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    *ret_json = str_is(type, "application/json");
    if (*ret_json || str_is(type, "application/x-protobuf"))
        return true;
    http_reply_text(r, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
    return false;
}

bool api_accept(struct http_req *r, bool *ret_json)
{
    struct str accept = http_req_header(r, "Accept");

    *ret_json = http_accepts_type(accept, "application/json");
    if (*ret_json || http_accepts_type(accept, "application/x-protobuf"))
        return true;
    http_reply_text(r, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
    return false;
}

void stream_write_record(struct http_req *r, struct str record)
{
    char line[24], *at = line + sizeof line;
    size_t n = record.n;

    *--at = '\n';
    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    (void)http_stream_write2(r, str_mem(at, (size_t)(line + sizeof line - at)), record); /* over the cap: gone is called */
}
