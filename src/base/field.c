#include "base/field.h"

#include <string.h>

const struct field *field_find(const struct field *table, const char *name, unsigned mv)
{
    for (const struct field *f = table; f->name; f++)
        if ((!mv || (f->since <= mv && (!f->until || mv <= f->until))) && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}
