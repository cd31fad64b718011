#include "cli/trust.h"

#include "cli/files.h"
#include "cli/process.h"

#define TRUSTED "/usr/local/share/ca-certificates/alamo.crt"
#define UPDATE "/usr/sbin/update-ca-certificates"

int trust_ensure(struct cli *cli)
{
    static const char *const update[] = { UPDATE, NULL };
    const char *ca;

    if (!cli->settings.trust_ca || cli_is_second(cli) || !files_there(UPDATE))
        return 0;
    TRY(files_read(cli, cx_printf(cli->cx, "%s/ca.pem", cli->settings.config_dir), &ca));
    if (!ca)
        return 0;
    int changed = files_text(cli, TRUSTED, ca, OWNER_ROOT, 0644);
    if (changed <= 0)
        return changed;
    TRY(process_must(cli, update));
    return 1;
}
