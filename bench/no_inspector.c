/* In alamod-insn only: no image inspector, whose process gives up system calls and files that callgrind needs. */
#include "image/inspector.h"

int __wrap_inspector_start(struct inspector **ret_inspector, const struct inspector_config *config);

int __wrap_inspector_start(struct inspector **ret_inspector, const struct inspector_config *config)
{
    *ret_inspector = NULL;
    return 0;
}
