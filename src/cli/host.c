#include "cli/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One line of /proc/net/route; the addresses are in network order as the kernel prints them. */
struct route_line {
    char nic[IF_NAMESIZE];
    uint32_t destination, mask;
    unsigned flags;
};

static bool parse_route(const char *line, struct route_line *ret)
{
    return sscanf(line, "%15s %x %*x %x %*d %*d %*d %x", ret->nic, &ret->destination, &ret->flags,
                  &ret->mask) == 4 &&
           (ret->flags & 1); /* RTF_UP */
}

int host_default_nic(struct cx *cx, const char **ret_nic)
{
    char line[512];
    struct route_line route;
    const char *found = NULL;

    FILE *file = fopen("/proc/net/route", "re");
    while (file && !found && fgets(line, sizeof line, file))
        if (parse_route(line, &route) && route.destination == 0 && route.mask == 0)
            found = cx_strdup(cx, route.nic);
    if (file)
        fclose(file);
    if (!found)
        return fail(cx, KIND_NOT_FOUND,
                    "there is no default route to tell the public NIC by: name it with --public-nic");
    *ret_nic = found;
    return 0;
}

const char *host_default_gateway(struct cx *cx)
{
    char line[512], text[INET_ADDRSTRLEN];
    const char *found = NULL;
    unsigned destination, gateway, mask;

    FILE *file = fopen("/proc/net/route", "re");
    while (file && !found && fgets(line, sizeof line, file))
        if (sscanf(line, "%*15s %x %x %*x %*d %*d %*d %x", &destination, &gateway, &mask) == 3 && !destination && !mask &&
            gateway && inet_ntop(AF_INET, &gateway, text, sizeof text))
            found = cx_strdup(cx, text);
    if (file)
        fclose(file);
    return found;
}

int host_routes(struct cx *cx, struct list *ret_routes)
{
    char line[512];
    struct route_line route;
    struct host_route *routes = NULL;
    size_t n = 0;

    FILE *file = fopen("/proc/net/route", "re");
    if (!file)
        return fail(cx, KIND_UNAVAILABLE, "/proc/net/route cannot be read: %s", strerror(errno));
    while (fgets(line, sizeof line, file)) {
        if (!parse_route(line, &route) || route.mask == 0)
            continue;
        uint32_t first = ntohl(route.destination);
        *arena_push(cx->arena, &routes, &n) =
            (struct host_route){ cx_strdup(cx, route.nic), first, first | ~ntohl(route.mask) };
    }
    fclose(file);
    *ret_routes = (struct list){ routes, n };
    return 0;
}

int host_address(struct cx *cx, const char *nic, const char **ret_address)
{
    struct ifaddrs *all = NULL;
    char text[INET_ADDRSTRLEN];
    const char *found = NULL;

    if (getifaddrs(&all) < 0)
        return fail(cx, KIND_INTERNAL, "the machine's addresses cannot be read: %s", strerror(errno));
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next)
        if (strcmp(i->ifa_name, nic) == 0 && i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *in = (const void *)i->ifa_addr;
            found = cx_strdup(cx, inet_ntop(AF_INET, &in->sin_addr, text, sizeof text));
        }
    freeifaddrs(all);
    if (!found)
        return fail(cx, KIND_NOT_FOUND,
                    "%s has no IPv4 address: give it one, or name another NIC with --public-nic", nic);
    *ret_address = found;
    return 0;
}

const char *host_name(struct cx *cx)
{
    char name[256] = "";

    return gethostname(name, sizeof name - 1) == 0 && *name ? cx_strdup(cx, name) : "localhost";
}

bool host_name_in_hosts(const char *name)
{
    char line[1024], *save;
    bool found = false;

    FILE *file = fopen("/etc/hosts", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#")] = 0;
        if (!strtok_r(line, " \t\r\n", &save))
            continue;
        for (char *word; !found && (word = strtok_r(NULL, " \t\r\n", &save));)
            found = strcasecmp(word, name) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

bool host_range(const char *text, uint32_t *ret_first, uint32_t *ret_last)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr in;
    int64_t bits;
    const char *slash = text ? strchr(text, '/') : NULL;

    if (!slash || (size_t)(slash - text) >= sizeof address || str_to_i64(slash + 1, &bits) < 0 || bits < 1 ||
        bits > 32)
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = 0;
    if (inet_pton(AF_INET, address, &in) != 1)
        return false;
    uint32_t hosts = bits == 32 ? 0 : UINT32_MAX >> bits;
    *ret_first = ntohl(in.s_addr);
    *ret_last = *ret_first | hosts;
    return (*ret_first & hosts) == 0;
}
