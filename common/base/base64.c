/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct sbuf *b, struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        char t[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], left > 1 ? alphabet[v >> 6 & 63] : '=',
                      left > 2 ? alphabet[v & 63] : '=' };

        sbuf_add(b, t, sizeof t);
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct sbuf *b, struct str text)
{
    size_t start = b->n, pad = 0;

    if (text.n % 4 != 0)
        return false;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < text.n; i += 4) {
        size_t take = i + 4 == text.n ? 3 - pad : 3;
        uint32_t v = 0;
        char out[3];

        for (size_t j = 0; j < 4; j++) {
            int x = i + j >= text.n - pad ? 0 : value_of(text.p[i + j]);

            if (x < 0) {
                b->n = start;
                if (b->p != NULL)
                    b->p[start] = 0;
                return false;
            }
            v = v << 6 | (uint32_t)x;
        }
        out[0] = (char)(v >> 16);
        out[1] = (char)(v >> 8);
        out[2] = (char)v;
        sbuf_add(b, out, take);
    }
    return true;
}
