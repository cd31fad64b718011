/* backup, restore: everything but the bytes of images and disks, as one tar file: the database, taken while
 * the cloud runs, and config_dir with its keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/process.h"
#include "cli/steps.h"
#include "store/migrations.h"
#include "store/store.h"

static const char database[] = "alamo.db";

/* A directory for root's eyes only, on the same file system as the data. */
static int make_work_dir(struct cli *cli, const char **ret_dir)
{
    char *dir = cx_printf(cli->cx, "%s/backup.XXXXXX", cli->settings.data_dir);

    if (!mkdtemp(dir))
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be made: %s", dir, strerror(errno));
    *ret_dir = dir;
    return 0;
}

static int remove_dir(struct cli *cli, const char *dir, int r)
{
    const char *const argv[] = { "rm", "-rf", "--", dir, NULL };
    int removed = process_run(cli, argv, NULL);
    return r < 0 ? r : removed;
}

static int copy_database(struct cli *cli, const char *to)
{
    const struct store_config config = { .path = cli_data_file(cli, database) };
    struct store *store;

    if (!files_there(config.path))
        return fail(cli->cx, KIND_NOT_FOUND, "there is no %s: nothing to back up", config.path);
    int r = store_open(&store, &config, store_migrations, n_store_migrations);
    if (r < 0)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be opened: %s", config.path, strerror(-r));
    r = store_backup(store, to);
    store_close(store);
    return r < 0 ? fail(cli->cx, KIND_INTERNAL, "%s cannot be copied: %s", config.path, strerror(-r)) : 0;
}

/* The name appears when the file is whole. */
static int pack(struct cli *cli, const char *dir, const char *file)
{
    const char *part = cx_printf(cli->cx, "%s.part", file);
    const char *const argv[] = { "tar", "--create", "--file", part,     "-C", cli->settings.config_dir,
                                 ".",   "-C",       dir,      database, NULL };

    umask(077);
    TRY(process_must(cli, argv));
    return rename(part, file) < 0
               ? fail(cli->cx, KIND_INTERNAL, "%s cannot be made: %s", file, strerror(errno))
               : 0;
}

int command_backup(struct cli *cli)
{
    const char *file = cli->argv[0], *dir;

    if (files_there(file))
        return fail(cli->cx, KIND_CONFLICT, "%s is there already", file);
    TRY(make_work_dir(cli, &dir));
    int r = copy_database(cli, cx_printf(cli->cx, "%s/%s", dir, database));
    if (r == 0)
        r = pack(cli, dir, file);
    TRY(remove_dir(cli, dir, r));
    printf("%s: database, settings, certificates and passwords; keep it secret\n", file);
    return 0;
}

/* ---- restore ---- */

static int unpack(struct cli *cli, const char *file, const char *dir)
{
    const char *const argv[] = { "tar", "--extract", "--same-owner", "--file", file, "-C", dir, NULL };
    const struct store_config config = { .path = cx_printf(cli->cx, "%s/%s", dir, database) };
    struct store *store;

    TRY(process_must(cli, argv));
    if (!files_there(config.path))
        return fail(cli->cx, KIND_INVALID, "%s holds no %s: it is no backup", file, database);
    int r = store_open(&store, &config, store_migrations, n_store_migrations);
    if (r < 0)
        return fail(cli->cx, KIND_INVALID, "the database in %s cannot be used: %s", file, strerror(-r));
    store_close(store);
    return 0;
}

/* What is there now stays beside, under a name with the time.  At no moment is there no database: `up` would
 * make a new one. */
static int swap_database(struct cli *cli, const char *dir)
{
    static const char *const logs[] = { "-wal",
                                        "-shm" }; /* of a database that was closed in order there are none */
    const char *now = cli_data_file(cli, database);
    const char *old = cx_printf(cli->cx, "%s.before-restore-%lld", now, (long long)(now_us() / 1000000));

    TRY(files_owner(cli, cx_printf(cli->cx, "%s/%s", dir, database), OWNER_USER, 0600));
    if (files_there(now) && link(now, old) < 0)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be kept as %s: %s", now, old, strerror(errno));
    for (size_t i = 0; i < N_ELEMENTS(logs); i++)
        if (rename(cx_printf(cli->cx, "%s%s", now, logs[i]), cx_printf(cli->cx, "%s%s", old, logs[i])) < 0 &&
            errno != ENOENT)
            return fail(cli->cx, KIND_INTERNAL, "%s%s cannot be moved: %s", now, logs[i], strerror(errno));
    if (rename(cx_printf(cli->cx, "%s/%s", dir, database), now) < 0)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be put in place: %s", now, strerror(errno));
    return 0;
}

static int put_back(struct cli *cli, const char *dir)
{
    const char *const argv[] = { "cp", "-a", cx_printf(cli->cx, "%s/.", dir), cli->settings.config_dir,
                                 NULL };

    TRY(swap_database(cli, dir));
    return process_must(cli, argv);
}

int command_restore(struct cli *cli)
{
    const char *file = cli->argv[0], *dir;

    if (daemons_running(cli, DAEMON_ALAMOD))
        return fail(cli->cx, KIND_CONFLICT, "the cloud runs: alamo down first");
    TRY(prepare_places(cli));
    TRY(make_work_dir(cli, &dir));
    int r = unpack(cli, file, dir);
    if (r == 0)
        r = put_back(cli, dir);
    TRY(remove_dir(cli, dir, r));
    puts("restored; now: alamo up");
    return 0;
}
