#include "cli/files.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keyfile.h"

static int broken(struct cli *cli, const char *path, const char *what, int error)
{
    return fail(cli->cx, KIND_INTERNAL, "%s cannot be %s: %s", path, what, strerror(error));
}

/* Whose it is to be.  Who is not root can give nothing away: then all is the caller's own. */
static int find_owner(struct cli *cli, enum owner owner, const char *group, uid_t *ret_uid, gid_t *ret_gid)
{
    *ret_uid = geteuid();
    *ret_gid = getegid();
    if (*ret_uid != 0)
        return 0;
    if (owner == OWNER_USER) {
        const struct passwd *pw = getpwnam(cli->settings.user);
        if (!pw)
            return fail(cli->cx, KIND_INTERNAL, "there is no user %s", cli->settings.user);
        *ret_uid = pw->pw_uid;
        *ret_gid = pw->pw_gid;
    }
    const struct group *gr = group ? getgrnam(group) : NULL;
    if (gr)
        *ret_gid = gr->gr_gid;
    return 0;
}

/* Without following a link: who may write into a directory of ours must not make root change files elsewhere.
 */
static int set_owner(struct cli *cli, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st;
    bool changed = false;

    if (lstat(path, &st) < 0)
        return broken(cli, path, "looked at", errno);
    if (S_ISLNK(st.st_mode))
        return fail(cli->cx, KIND_INTERNAL, "%s is a link: remove it", path);
    if (st.st_uid != uid || st.st_gid != gid) {
        if (lchown(path, uid, gid) < 0)
            return broken(cli, path, "given to its owner", errno);
        changed = true;
    }
    if ((st.st_mode & 07777) != mode || changed) {
        if (chmod(path, mode) < 0)
            return broken(cli, path, "given its mode", errno);
        changed |= (st.st_mode & 07777) != mode;
    }
    return changed;
}

static int make_parents(struct cli *cli, const char *path)
{
    char *part = cx_strdup(cli->cx, path);

    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return broken(cli, part, "made", errno);
        *slash = '/';
    }
    return 0;
}

int files_dir(struct cli *cli, const char *path, enum owner owner, const char *group, mode_t mode)
{
    uid_t uid;
    gid_t gid;
    bool made = false;

    TRY(find_owner(cli, owner, group, &uid, &gid));
    TRY(make_parents(cli, path));
    if (mkdir(path, 0700) == 0)
        made = true;
    else if (errno != EEXIST)
        return broken(cli, path, "made", errno);
    int changed = set_owner(cli, path, uid, gid, mode);
    return changed < 0 ? changed : made || changed;
}

int files_owner(struct cli *cli, const char *path, enum owner owner, mode_t mode)
{
    uid_t uid;
    gid_t gid;

    TRY(find_owner(cli, owner, NULL, &uid, &gid));
    return set_owner(cli, path, uid, gid, mode);
}

bool files_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

int files_read(struct cli *cli, const char *path, const char **ret_text)
{
    char *text = NULL;
    size_t n;
    int r = keyfile_read(path, false, cli->cx->arena, &text, &n);

    if (r < 0 && r != -ENOENT)
        return broken(cli, path, "read", -r);
    *ret_text = text;
    return 0;
}

static int write_text(struct cli *cli, const char *path, const char *text, enum owner owner, mode_t mode)
{
    int r = keyfile_replace(path, text, strlen(text), mode & 0700);
    if (r < 0)
        return broken(cli, path, "written", -r);
    TRY(files_owner(cli, path, owner, mode));
    return 1;
}

int files_text(struct cli *cli, const char *path, const char *text, enum owner owner, mode_t mode)
{
    const char *old;

    TRY(files_read(cli, path, &old));
    return str_eq(old, text) ? files_owner(cli, path, owner, mode) : write_text(cli, path, text, owner, mode);
}

int files_new(struct cli *cli, const char *path, const char *text, enum owner owner, mode_t mode)
{
    return files_there(path) ? files_owner(cli, path, owner, mode) : write_text(cli, path, text, owner, mode);
}
