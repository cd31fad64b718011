/* Every failure that a tenant sees names its cause and the next step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/advice.h"

/* What the tools below the agent have been seen to say, and the words that must be among the advice. */
static const struct {
    const char *cause, *next;
} seen[] = {
    { "qemu-img failed (status 1): qemu-img: /s/guests/x/disk.qcow2.part: Could not resize image: No space left on device", "make room" },
    { "Can't write /s/guests/x: No space left on device", "make room" },
    { "Can't write /s/guests/x: Disk quota exceeded", "make room" },
    { "Can't make the disk /s/guests/x: Read-only file system", "mount it for writing" },
    { "qemu-img failed (status 1): error while reading: Input/output error", "host's disk" },
    { "Can't run genisoimage: No such file or directory", "install the missing program" },
    { "libvirtd does not answer (qemu:///system): Failed to connect socket to '/run/libvirt/libvirt-sock': Connection refused", "start libvirtd" },
    { "Can't start the server: Cannot allocate memory", "free memory" },
    { "Can't start the server: internal error: qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", "free memory" },
    { "The flavor can't be run here: 512 VCPUs, 64 MiB, 1 ports", "smaller flavor" },
    { "Can't fetch the image: the controller answers 500: the bytes of image x are gone from the image directory", "upload the image again" },
    { "Can't fetch the image: Couldn't connect to server", "reaches the controller" },
    { "The image x came with a wrong checksum", "upload the image again" },
    { "The image can't be read: it is too short", "upload the image again" },
    { "The image is no qcow2 file that stands alone; upload it again", "upload the image again" },
    { "Can't send the snapshot: the controller answers 413: too large", "has room for the image" },
    { "The host's network can't be set up: dnsmasq failed (status 2): failed to bind DHCP server socket: Address already in use", "DHCP port" },
    { "The host's network can't be set up: nft failed (status 1): Error: Could not process rule", "writes nft rules" },
    { "The host's network can't be set up: Can't make br0: Operation not permitted", "links and addresses" },
    { "The range 10.0.0.0/24 lies over 10.0.0.0/16 of another network on this host; use another range.", "another range" },
    { "The range 8.0.0.0/24 is of public addresses, which this host reaches outside; use a private range.", "private range" },
    { "The subnet x has no proper address range.", "proper range" },
    { "The server's disk is gone from this host; restore it or rebuild the server.", "restore the disk" },
    { "qemu-img did not end within 60 s and was stopped", "keeps the host busy" },
    { "qemu-img was ended by signal 9", "ends programs" },
    { "Can't start the server: something that nobody has seen yet", "log of alamo-agent" },
    { "", "log of alamo-agent" },
    { NULL, "log of alamo-agent" },
};

static void each_cause_gets_its_next_step(void **state)
{
    static const char *const again[ADVICE_FOR_N] = { "create it again", "reboot this server (hard)", "ask for the image again" };
    CLEAN_ARENA *a = arena_new();

    for (size_t i = 0; i < N_ELEMENTS(seen); i++)
        for (int what = 0; what < ADVICE_FOR_N; what++) {
            const char *text = advice(a, seen[i].cause, (enum advice_for)what), *next = strstr(text, ". Next: ");
            if (!next || !strstr(next, seen[i].next) || !strstr(next, again[what]) || text[strlen(text) - 1] != '.')
                fail_msg("\"%s\" became \"%s\"", seen[i].cause ? seen[i].cause : "nothing", text);
            if (seen[i].cause)
                assert_memory_equal(text, seen[i].cause, strcspn(seen[i].cause, "."));
        }
}

static void it_is_given_once(void **state)
{
    CLEAN_ARENA *a = arena_new();
    const char *once = advice(a, "The image can't be read", ADVICE_NEW_SERVER);
    assert_string_equal(advice(a, once, ADVICE_SERVER), once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cause_gets_its_next_step),
        cmocka_unit_test(it_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
