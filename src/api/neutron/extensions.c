/* What this face can do, as Neutron names it; what is not here is not done. */
#include <string.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"

struct extension {
    const char *alias, *name, *description, *updated;
};
/* clang-format off */
static const struct extension extensions[] = {
    { "agent",                           "agent",                                       "The agent management extension.", "2013-02-03T10:00:00-00:00" },
    { "allowed-address-pairs",           "Allowed Address Pairs",                       "Provides allowed address pairs", "2013-07-23T10:00:00-00:00" },
    { "binding",                         "Port Binding",                                "Expose port bindings of a virtual port to external application", "2014-02-03T10:00:00-00:00" },
    { "default-subnetpools",             "Default Subnetpools",                         "Provides ability to mark and use a subnetpool as the default.", "2016-02-18T18:00:00-00:00" },
    { "empty-string-filtering",          "Empty String Filtering Extension",            "Allow filtering by attributes with empty string value", "2018-05-01T10:00:00-00:00" },
    { "ext-gw-mode",                     "Neutron L3 Configurable external gateway mode", "Extension of the router abstraction for specifying whether SNAT should occur on the external gateway", "2013-03-28T10:00:00-00:00" },
    { "external-net",                    "Neutron external network",                    "Adds external network attribute to network resource.", "2013-01-14T10:00:00-00:00" },
    { "extraroute",                      "Neutron Extra Route",                         "Extra routes configuration for L3 router", "2013-02-01T10:00:00-00:00" },
    { "extraroute-atomic",               "Atomically add/remove extra routes",          "Edit extra routes of a router on server side by atomically adding/removing extra routes", "2019-07-10T00:00:00+00:00" },
    { "filter-validation",               "Filter parameters validation",                "Provides validation on filter parameters.", "2018-03-21T10:00:00-00:00" },
    { "fip-port-details",                "Floating IP Port Details Extension",          "Add port_details attribute to Floating IP resource", "2018-04-09T10:00:00-00:00" },
    { "ip-substring-filtering",          "IP address substring filtering",              "Provides IP address substring filtering when listing ports", "2017-11-28T09:00:00-00:00" },
    { "net-mtu",                         "Network MTU",                                 "Provides MTU attribute for a network resource.", "2015-03-25T10:00:00-00:00" },
    { "net-mtu-writable",                "Network MTU (writable)",                      "Provides a writable MTU attribute for a network resource.", "2017-07-12T00:00:00-00:00" },
    { "network-ip-availability",         "Network IP Availability",                     "Provides IP availability data for each network and subnet.", "2015-09-24T00:00:00-00:00" },
    { "pagination",                      "Pagination support",                          "Extension that indicates that pagination is enabled.", "2016-06-12T00:00:00-00:00" },
    { "port-security",                   "Port Security",                               "Provides port security", "2012-07-23T10:00:00-00:00" },
    { "project-id",                      "project_id field enabled",                    "Extension that indicates that project_id field is enabled.", "2016-09-09T09:09:09-09:09" },
    { "provider",                        "Provider Network",                            "Expose mapping of virtual networks to physical networks", "2012-09-07T10:00:00-00:00" },
    { "quota_details",                   "Quota details management support",            "Expose functions for quotas usage statistics per project", "2017-02-10T10:00:00-00:00" },
    { "quotas",                          "Quota management support",                    "Expose functions for quotas management per project", "2012-07-29T10:00:00-00:00" },
    { "revision-if-match",               "If-Match constraints based on revision_number", "Extension indicating that If-Match based on revision_number is supported.", "2016-12-11T00:00:00-00:00" },
    { "router",                          "Neutron L3 Router",                           "Router abstraction for basic L3 forwarding between L2 Neutron networks and access to external networks via a NAT gateway.", "2012-07-20T10:00:00-00:00" },
    { "security-group",                  "security-group",                              "The security groups extension.", "2012-10-05T10:00:00-00:00" },
    { "security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "Add new field with normalized remote_ip_prefix cidr in SG rule", "2021-03-29T00:00:00-00:00" },
    { "sorting",                         "Sorting support",                             "Extension that indicates that sorting is enabled.", "2016-06-12T00:00:00-00:00" },
    { "standard-attr-description",       "standard-attr-description",                   "Extension to add descriptions to standard attributes", "2016-02-10T10:00:00-00:00" },
    { "standard-attr-revisions",         "Resource revision numbers",                   "This extension will display the revision number of neutron resources.", "2016-04-11T10:00:00-00:00" },
    { "standard-attr-tag",               "Tag support for resources with standard attribute: floatingip, network, port, router, security_group, subnet, subnetpool", "Enables to set tag on resources with standard attribute.", "2017-01-01T00:00:00-00:00" },
    { "standard-attr-timestamp",         "Resource timestamps",                         "Adds created_at and updated_at fields to all Neutron resources that have Neutron standard attributes.", "2016-09-12T10:00:00-00:00" },
    { "subnet_allocation",               "Subnet Allocation",                           "Enables allocation of subnets from a subnet pool", "2015-03-30T10:00:00-00:00" },
};

static void emit_links(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_array(w);
    jw_end(w);
}
static const struct field view[] = {
    STR(struct extension, alias), STR(struct extension, name), STR(struct extension, description), STR(struct extension, updated),
    HOOK("links", .emit = emit_links), { 0 },
};
/* clang-format on */

static int extensions_list(struct cx *cx, struct req *rq)
{
    return reply_list(rq, "extensions", NULL, view, (struct list){ (void *)(uintptr_t)extensions, N_ELEMENTS(extensions) }, sizeof *extensions);
}

static int extensions_show(struct cx *cx, struct req *rq)
{
    const char *alias = req_path(rq, "alias");

    for (size_t i = 0; i < N_ELEMENTS(extensions); i++)
        if (strcmp(extensions[i].alias, alias) == 0)
            return reply(rq, "extension", view, &extensions[i]);
    return fail_type(cx, KIND_NOT_FOUND, "HTTPNotFound", "Extension with alias %.64s does not exist", alias);
}

/* clang-format off */
const struct route neutron_extension_routes[] = {
    { "GET", "/extensions",         extensions_list, "get_extension", MAY_KNOWN, NULL, OK(200), .mode = MODE_READ },
    { "GET", "/extensions/{alias}", extensions_show, "get_extension", MAY_KNOWN, NULL, OK(200), .mode = MODE_READ },
    { 0 },
};
