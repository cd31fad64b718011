#include "agent/render/render.h"

#include <string.h>

#include "agent/render/address.h"
#include "base/buf.h"
#include "base/env.h"

enum { VCPUS_MAX = 255, RAM_MIB_MAX = 16 << 20, PORTS_MAX = 24 };

const char *render_domain_name(struct arena *a, const char *guest_id)
{
    return arena_printf(a, "alamo-%s", guest_id);
}

/* The five characters of XML; control characters, which XML 1.0 can't hold at all, become spaces. */
static const char *xml(struct arena *a, const char *s)
{
    struct buf b = buf_new(a);
    for (; s && *s; s++) {
        switch (*s) {
        case '&':
            buf_puts(&b, "&amp;");
            break;
        case '<':
            buf_puts(&b, "&lt;");
            break;
        case '>':
            buf_puts(&b, "&gt;");
            break;
        case '"':
            buf_puts(&b, "&quot;");
            break;
        case '\'':
            buf_puts(&b, "&apos;");
            break;
        default:
            buf_putc(&b, (unsigned char)*s < ' ' || *s == 127 ? ' ' : *s);
        }
    }
    return buf_text(&b);
}

static void put_disk(struct buf *b, const char *file, const char *format, const char *chain, const char *target,
                     const struct domain_traits *traits, bool readonly)
{
    if (!file)
        return;
    buf_printf(b,
               "  <disk type='file' device='disk'><driver name='qemu' type='%s' cache='none' io='%s' "
               "discard='unmap'/>"
               "<source file='%s'/>%s<target dev='%s' bus='virtio'/>%s</disk>\n",
               format, traits->io_uring ? "io_uring" : "native", xml(b->arena, file), chain, target,
               readonly ? "<readonly/>" : "");
}

/* The root disk and the image below it.  That is said instead of left to libvirt, which would have to open the disk to
 * see it; its helper for AppArmor's profiles may not, and the guest would be kept from its image. */
static void put_root(struct buf *b, const struct guest_files *files, const struct domain_traits *traits)
{
    struct buf chain = buf_new(b->arena);
    if (files->base)
        buf_printf(&chain, "<backingStore type='file'><format type='%s'/><source file='%s'/><backingStore/></backingStore>",
                   files->base_format, xml(b->arena, files->base));
    put_disk(b, files->root, "qcow2", buf_text(&chain), "vda", traits, false);
}

static int put_interface(struct cx *cx, struct buf *b, const struct wire_port *port)
{
    char tap[16];
    if (!uuid_valid(port->id) || !mac_valid(port->mac, NULL))
        return fail(cx, KIND_INVALID, "A port has no proper id or MAC address");
    wire_tap_name(port->id, tap);
    buf_printf(b,
               "  <interface type='ethernet'><mac address='%s'/><target dev='%s' managed='no'/>"
               "<model type='virtio'/></interface>\n",
               port->mac, tap);
    return 0;
}

int render_interface(struct cx *cx, const struct wire_port *port, const char **ret_xml)
{
    struct buf b = buf_new(cx->arena);
    TRY(put_interface(cx, &b, port));
    *ret_xml = buf_text(&b);
    return 0;
}

/* Which guest of ours this is, how it presents itself (cloud-init looks for that product), and what it runs
 * on. */
static void put_identity(struct buf *b, const struct wire_guest *g, const struct domain_traits *traits)
{
    buf_printf(b,
               "<domain type='%s'>\n <name>alamo-%s</name><uuid>%s</uuid>\n"
               " <memory unit='MiB'>%lld</memory><vcpu>%lld</vcpu>\n"
               " <sysinfo type='smbios'><system><entry name='manufacturer'>OpenStack Foundation</entry>"
               "<entry name='product'>OpenStack Nova</entry><entry name='serial'>%s</entry>"
               "<entry name='uuid'>%s</entry></system></sysinfo>\n",
               traits->kvm ? "kvm" : "qemu", g->id, g->id, (long long)g->ram_mib, (long long)g->vcpus, g->id,
               g->id);
}

static void put_boot(struct buf *b, const struct wire_guest *g, const struct guest_files *files)
{
    buf_puts(b, " <os><type arch='x86_64' machine='pc'>hvm</type>");
    if (files->kernel) {
        buf_printf(b, "<kernel>%s</kernel>", xml(b->arena, files->kernel));
        if (files->ramdisk)
            buf_printf(b, "<initrd>%s</initrd>", xml(b->arena, files->ramdisk));
        buf_printf(b, "<cmdline>%s</cmdline>",
                   g->kernel_args ? xml(b->arena, g->kernel_args)
                                  : "root=/dev/vda console=tty1 console=ttyS0");
    } else {
        buf_puts(b, "<boot dev='hd'/>");
    }
    buf_puts(b, "<smbios mode='sysinfo'/></os>\n");
}

static void put_machine(struct buf *b, const struct domain_traits *traits)
{
    buf_printf(b,
               " <features><acpi/><apic/></features>\n %s\n"
               " <clock offset='utc'/><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
               "<on_crash>destroy</on_crash>\n <devices>\n"
               "  <emulator>/usr/bin/qemu-system-x86_64</emulator>\n",
               traits->kvm
                   ? "<cpu mode='host-passthrough'/>"
                   : "<cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>");
}

static void put_consoles(struct buf *b, const struct guest_files *files)
{
    const char *console = xml(b->arena, files->console), *vnc = xml(b->arena, files->vnc);
    buf_printf(b,
               "  <serial type='file'><source path='%s' append='on'/><target port='0'/></serial>\n"
               "  <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\n"
               "  <graphics type='vnc' socket='%s'><listen type='socket' socket='%s'/></graphics>\n"
               "  <video><model type='vga'/></video><input type='tablet' bus='usb'/>\n"
               "  <memballoon model='virtio'/>"
               "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
               " </devices>\n",
               console, vnc, vnc);
}

/* Whatever libvirt's own configuration says of users and owners: it gives no image away to QEMU, and QEMU is no root. */
static void put_user(struct buf *b, struct guest_user user)
{
    buf_printf(b, " <seclabel type='static' model='dac' relabel='no'><label>+%u:+%u</label></seclabel>\n</domain>\n",
               (unsigned)user.uid, (unsigned)user.gid);
}

int render_domain(struct cx *cx, const struct wire_guest *g, const struct guest_files *files,
                  const struct domain_traits *traits, const char **ret_xml)
{
    if (!uuid_valid(g->id))
        return fail(cx, KIND_INVALID, "The server has no proper id");
    if (g->vcpus < 1 || g->vcpus > VCPUS_MAX || g->ram_mib < 1 || g->ram_mib > RAM_MIB_MAX ||
        g->ports.n > PORTS_MAX)
        return fail(cx, KIND_INVALID, "The flavor can't be run here: %lld VCPUs, %lld MiB, %zu ports",
                    (long long)g->vcpus, (long long)g->ram_mib, g->ports.n);

    struct buf b = buf_new(cx->arena);
    put_identity(&b, g, traits);
    put_boot(&b, g, files);
    put_machine(&b, traits);
    put_root(&b, files, traits);
    put_disk(&b, files->ephemeral, "raw", "", "vdb", traits, false);
    put_disk(&b, files->swap, "raw", "", files->ephemeral ? "vdc" : "vdb", traits, false);
    put_disk(&b, files->config_drive, "raw", "", "vdz", traits, true);
    const struct wire_port *ports = g->ports.items;
    for (size_t i = 0; i < g->ports.n; i++)
        TRY(put_interface(cx, &b, &ports[i]));
    put_consoles(&b, files);
    put_user(&b, traits->user);
    *ret_xml = buf_text(&b);
    return 0;
}

static void leave_out(struct buf *b, const char *file, const char *target)
{
    if (file)
        buf_printf(b, "<disk name='%s' snapshot='no'/>", target);
}

const char *render_snapshot(struct arena *a, const struct guest_files *files)
{
    struct buf b = buf_new(a);
    buf_printf(&b,
               "<domainsnapshot><disks><disk name='vda' snapshot='external'><driver type='qcow2'/>"
               "<source file='%s'/></disk>",
               xml(a, files->overlay));
    leave_out(&b, files->ephemeral, "vdb");
    leave_out(&b, files->swap, files->ephemeral ? "vdc" : "vdb");
    leave_out(&b, files->config_drive, "vdz");
    buf_puts(&b, "</disks></domainsnapshot>");
    return buf_text(&b);
}
