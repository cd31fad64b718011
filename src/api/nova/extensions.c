/* /extensions: what v2.1 was assembled of, which old clients ask for before they use it.  Only what is there is named. */
#include "api/nova/nova.h"

struct extension {
    const char *alias, *name, *description;
};
/* clang-format off */
static const struct extension extensions[] = {
    { "NMN", "Multinic", "Multiple network support." },
    { "OS-DCF", "DiskConfig", "Disk Management Extension." },
    { "OS-EXT-AZ", "ExtendedAvailabilityZone", "Extended Availability Zone support." },
    { "OS-EXT-IMG-SIZE", "ImageSize", "Adds image size to image listings." },
    { "OS-EXT-IPS", "ExtendedIps", "Adds type parameter to the ip list." },
    { "OS-EXT-IPS-MAC", "ExtendedIpsMac", "Adds mac address parameter to the ip list." },
    { "OS-EXT-SRV-ATTR", "ExtendedServerAttributes", "Extended Server Attributes support." },
    { "OS-EXT-STS", "ExtendedStatus", "Extended Status support." },
    { "OS-FLV-DISABLED", "FlavorDisabled", "Support to show the disabled status of a flavor." },
    { "OS-FLV-EXT-DATA", "FlavorExtraData", "Provide additional data for flavors." },
    { "OS-SCH-HNT", "SchedulerHints", "Pass arbitrary key/value pairs to the scheduler." },
    { "OS-SRV-USG", "ServerUsage", "Adds launched_at and terminated_at on Servers." },
    { "os-admin-actions", "AdminActions", "Admin-only server actions: os-resetState." },
    { "os-aggregates", "Aggregates", "Admin-only aggregate administration." },
    { "os-attach-interfaces", "AttachInterfaces", "Attach interface support." },
    { "os-availability-zone", "AvailabilityZone", "Availability zones of servers and hosts." },
    { "os-config-drive", "ConfigDrive", "Config Drive Extension." },
    { "os-console-output", "ConsoleOutput", "Console log output support, with tailing ability." },
    { "os-consoles", "Consoles", "Interactive Console support." },
    { "os-create-backup", "CreateBackup", "Create a backup of a server." },
    { "os-deferred-delete", "DeferredDelete", "Instance deferred delete." },
    { "os-extended-volumes", "ExtendedVolumes", "Extended Volumes support." },
    { "os-flavor-access", "FlavorAccess", "Flavor access support." },
    { "os-flavor-extra-specs", "FlavorExtraSpecs", "Flavors extra specs support." },
    { "os-flavor-manage", "FlavorManage", "Flavor create/delete API support." },
    { "os-flavor-rxtx", "FlavorRxtx", "Support to show the rxtx status of a flavor." },
    { "os-flavor-swap", "FlavorSwap", "Support to show the swap status of a flavor." },
    { "os-floating-ip-pools", "FloatingIpPools", "Floating IPs support." },
    { "os-floating-ips", "FloatingIps", "Floating IPs support." },
    { "os-hosts", "Hosts", "Admin-only host administration." },
    { "os-hypervisors", "Hypervisors", "Admin-only hypervisor administration." },
    { "os-instance-actions", "InstanceActions", "View a log of actions and events taken on an instance." },
    { "os-keypairs", "Keypairs", "Keypair Support." },
    { "os-lock-server", "LockServer", "Enable lock/unlock server actions." },
    { "os-multiple-create", "MultipleCreate", "Allow multiple create in the Create Server v2.1 API." },
    { "os-networks", "Networks", "Admin-only Network Management Extension." },
    { "os-pause-server", "PauseServer", "Enable pause/unpause server actions." },
    { "os-quota-sets", "Quotas", "Quotas management support." },
    { "os-remote-consoles", "Consoles", "Interactive Console support." },
    { "os-security-groups", "SecurityGroups", "Security group support." },
    { "os-server-groups", "ServerGroups", "Server group support." },
    { "os-server-password", "ServerPassword", "Server password support." },
    { "os-services", "Services", "Services support." },
    { "os-simple-tenant-usage", "SimpleTenantUsage", "Simple tenant usage extension." },
    { "os-suspend-server", "SuspendServer", "Enable suspend/resume server actions." },
    { "os-used-limits", "UsedLimits", "Provide data on limited resource being used." },
    { "os-user-data", "UserData", "Add user_data to the Create Server API." },
};
/* clang-format on */

static void put_extension(struct jwriter *w, const struct extension *e)
{
    jw_object(w);
    jw_kv(w, "alias", e->alias);
    jw_kv(w, "name", e->name);
    jw_kv(w, "description", e->description);
    jw_kv(w, "namespace", "http://docs.openstack.org/compute/ext/fake_xml");
    jw_kv(w, "updated", "2014-12-03T00:00:00Z");
    jw_key(w, "links");
    jw_array(w);
    jw_end(w);
    jw_end(w);
}

static int extensions_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "extensions");
    jw_array(w);
    for (size_t i = 0; i < N_ELEMENTS(extensions); i++)
        put_extension(w, &extensions[i]);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int extensions_show(struct cx *cx, struct req *rq)
{
    const char *alias = req_path(rq, "alias");

    for (size_t i = 0; i < N_ELEMENTS(extensions); i++)
        if (str_eq(extensions[i].alias, alias)) {
            struct jwriter *w = reply_writer(rq);
            jw_object(w);
            jw_key(w, "extension");
            put_extension(w, &extensions[i]);
            jw_end(w);
            return reply_written(rq);
        }
    return fail(cx, KIND_NOT_FOUND, "There is no extension %.64s.", alias);
}

/* clang-format off */
const struct route nova_extension_routes[] = {
    { "GET", "/extensions",         extensions_list, "os_compute_api:extensions", MAY_READER, NULL, OK(200) },
    { "GET", "/extensions/{alias}", extensions_show, "os_compute_api:extensions", MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
