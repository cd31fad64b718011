#include "agent/advice.h"

#include <string.h>

#include "base/text.h"

/* The tools that fail below the agent (qemu-img, libvirt, dnsmasq, nft, the kernel) say the cause in their own words
 * and never what to do; so it is found by those words.  The first row that fits holds. */
static const struct {
    const char *cause, *mend;
} rows[] = {
    { "No space left on device", "make room on the host's disk (`alamo doctor` shows what is free, `alamo check` what has no owner)" },
    { "Disk quota exceeded", "make room on the host's disk (`alamo doctor` shows what is free)" },
    { "Read-only file system", "look at the host's disk (dmesg says what is wrong with it) and mount it for writing" },
    { "Input/output error", "look at the host's disk (dmesg says what is wrong with it)" },
    { "Too many open files", "raise the host's limit of open files" },
    { "Can't run ", "install the missing program on the host (`alamo doctor` names the packages)" },
    { "libvirtd does not answer", "start libvirtd on the host (`alamo up` does)" },
    { "Failed to connect socket to '/", "start libvirtd on the host (`alamo up` does)" },
    { "Cannot allocate memory", "free memory on the host, or take a smaller flavor" },
    { "cannot set up guest memory", "free memory on the host, or take a smaller flavor" },
    { "The flavor can't be run here", "take a smaller flavor" },
    { "are gone from the image directory", "upload the image again and use the new one" },
    { "Can't fetch the image", "see that the host reaches the controller (`alamo status` on the host)" },
    { "The image ", "upload the image again and use the new one" },
    { "send the snapshot", "see that the controller answers and has room for the image (`alamo status`, `alamo doctor`)" },
    { "dnsmasq", "end what else holds the DHCP port on the host (`ss -lunp 'sport = :67'` names it)" },
    { "nft ", "look into the log of alamo-agent on the host and at what else writes nft rules there" },
    { "The host's network can't be set up", "look at the host's links and addresses (`alamo doctor`)" },
    { "public addresses, which this host reaches outside", "use a network with a private range" },
    { "use another range", "use a network with another range" },
    { "no proper address range", "use a network whose subnets have a proper range" },
    { "The server's disk is gone", "restore the disk on the host" },
    { "did not end within", "see what keeps the host busy; ALAMO_SLOW=n gives a slow machine n times as long" },
    { "was ended by signal", "see who ends programs on the host (dmesg names those that ran out of memory)" },
    { "", "look into the log of alamo-agent on the host" },
};

static const char *const again[ADVICE_FOR_N] = {
    [ADVICE_NEW_SERVER] = "then delete this server and create it again.",
    [ADVICE_SERVER] = "then reboot this server (hard).",
    [ADVICE_SNAPSHOT] = "then ask for the image again.",
};

const char *advice(struct arena *a, const char *cause, enum advice_for what)
{
    size_t i = 0;
    cause = str_empty(cause) ? "The host gave up without a reason" : cause;
    while (!strcasestr(cause, rows[i].cause))
        i++;
    return text_with_next(a, cause, arena_printf(a, "%s, %s", rows[i].mend, again[what]));
}
