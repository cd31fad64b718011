#include "http/guard.h"

#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS = 18 }; /* always fits an int64_t */

/* RFC 9110, 5.6.2 */
static bool is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return n > 0;
}

static bool is_clean(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return true;
}

/* A path, a whole URL or "*"; the authority form is for proxies only. */
static bool is_target(const char *s)
{
    if (str_eq(s, "*"))
        return true;
    if (*s != '/' && strncasecmp(s, "http://", 7) != 0 && strncasecmp(s, "https://", 8) != 0)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 127 || *s == '#')
            return false;
    return true;
}

static bool is_called(const struct http_field *f, const char *name)
{
    return f->name_len == strlen(name) && strncasecmp(f->name, name, f->name_len) == 0;
}

static bool parse_length(const struct http_field *f, int64_t *ret_length)
{
    int64_t v = 0;
    for (size_t i = 0; i < f->value_len; i++) {
        if (f->value[i] < '0' || f->value[i] > '9')
            return false;
        v = v * 10 + (f->value[i] - '0');
    }
    *ret_length = v;
    return f->value_len > 0;
}

static const char *check_field(const struct http_field *f, struct http_framing *framing, size_t *hosts_n)
{
    if (!is_token(f->name, f->name_len))
        return "The name of a header field is malformed.";
    if (!is_clean(f->value, f->value_len))
        return "The value of a header field holds a control character.";
    if (is_called(f, "Host"))
        ++*hosts_n;
    if (is_called(f, "Content-Length")) {
        if (framing->content_length >= 0)
            return "Content-Length is given twice.";
        if (f->value_len > LENGTH_DIGITS || !parse_length(f, &framing->content_length))
            return "Content-Length is not a number.";
    }
    if (is_called(f, "Transfer-Encoding")) {
        if (framing->chunked)
            return "Transfer-Encoding is given twice.";
        if (f->value_len != 7 || strncasecmp(f->value, "chunked", 7) != 0)
            return "The only Transfer-Encoding is chunked.";
        framing->chunked = true;
    }
    return NULL;
}

const char *http_guard(const struct http_head *head, struct http_framing *ret_framing)
{
    bool newest = str_eq(head->version, "HTTP/1.1");
    size_t hosts_n = 0;

    *ret_framing = (struct http_framing){ .content_length = -1 };
    if (!newest && !str_eq(head->version, "HTTP/1.0"))
        return "The version is neither HTTP/1.0 nor HTTP/1.1.";
    if (!is_token(head->method, strlen(head->method)))
        return "The method is malformed.";
    if (!is_target(head->target))
        return "The request target is malformed.";
    for (size_t i = 0; i < head->n; i++) {
        const char *wrong = check_field(&head->fields[i], ret_framing, &hosts_n);
        if (wrong)
            return wrong;
    }
    if (ret_framing->chunked && ret_framing->content_length >= 0)
        return "Content-Length and Transfer-Encoding exclude each other.";
    if (ret_framing->chunked && !newest)
        return "HTTP/1.0 has no Transfer-Encoding.";
    if (hosts_n > 1 || (newest && hosts_n == 0))
        return "Host must be given once.";
    return NULL;
}
