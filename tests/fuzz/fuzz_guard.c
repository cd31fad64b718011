/* Fuzzes the guard of request heads.  The input is a head with bare line feeds: "METHOD TARGET VERSION", then
 * a line "NAME:VALUE" for each field.  What the guard lets pass is counted again here, in a simpler way. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "http/guard.h"

/* Cuts '*rest' at 'end'; what comes after it stays in '*rest'. */
static char *cut(char **rest, char end)
{
    char *piece = *rest, *at = strchr(piece, end);

    *rest = at ? at + 1 : piece + strlen(piece);
    if (at)
        *at = 0;
    return piece;
}

static size_t count(const struct http_head *head, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < head->n; i++)
        n += strlen(name) == head->fields[i].name_len &&
             strncasecmp(head->fields[i].name, name, strlen(name)) == 0;
    return n;
}

static void check(const struct http_head *head, const struct http_framing *framing)
{
    size_t lengths = count(head, "Content-Length"), codings = count(head, "Transfer-Encoding");

    assert(lengths + codings <= 1);
    assert(framing->chunked == (codings == 1));
    assert((framing->content_length >= 0) == (lengths == 1));
    assert(count(head, "Host") == 1 || (strcmp(head->version, "HTTP/1.0") == 0 && count(head, "Host") == 0));
    assert(!framing->chunked || strcmp(head->version, "HTTP/1.1") == 0);
    for (size_t i = 0; i < head->n; i++)
        for (size_t j = 0; j < head->fields[i].value_len; j++)
            assert(head->fields[i].value[j] != '\r' && head->fields[i].value[j] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_field fields[HTTP_GUARD_FIELDS];
    struct http_head head = { .fields = fields };
    struct http_framing framing;
    char *text = malloc(size + 1), *rest = text;

    assert(text);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    char *line = cut(&rest, '\n');
    head.method = cut(&line, ' ');
    head.target = cut(&line, ' ');
    head.version = line;
    while (*rest && head.n < N_ELEMENTS(fields)) {
        char *value = cut(&rest, '\n');
        char *name = cut(&value, ':');
        fields[head.n++] = (struct http_field){ name, value, strlen(name), strlen(value) };
    }
    if (!http_guard(&head, &framing))
        check(&head, &framing);
    free(text);
    return 0;
}
