/* files.h - makes directories and files be there with the right content, owner and mode.
 *
 * Each returns 1 when it changed something, 0 when all was so already, or a failure recorded in cx. */
#pragma once
#include "cli/cli.h"

enum owner { OWNER_ROOT, OWNER_USER /* the setting 'user' */ };

/* The directory 'path', its parents too; 'group' (NULL: the owner's own) may differ from the owner's. */
int files_dir(struct cli *cli, const char *path, enum owner owner, const char *group, mode_t mode) MUST_CHECK;
/* The file 'path' holds exactly 'text'. */
int files_text(struct cli *cli, const char *path, const char *text, enum owner owner, mode_t mode) MUST_CHECK;
/* The same; but a file that is there keeps its content. */
int files_new(struct cli *cli, const char *path, const char *text, enum owner owner, mode_t mode) MUST_CHECK;
/* The file that is there has this owner and mode. */
int files_owner(struct cli *cli, const char *path, enum owner owner, mode_t mode) MUST_CHECK;
/* Reads a file of at most KEYFILE_MAX_BYTES; '*ret_text' is NULL when there is none. */
int files_read(struct cli *cli, const char *path, const char **ret_text) MUST_CHECK;
bool files_there(const char *path);
