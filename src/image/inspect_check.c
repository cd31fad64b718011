#include <inttypes.h>

#include "image/inspect.h"

#define BIT(format) (1u << (format))

/* Layouts that are harmless within a raw disk, and usual: an installer's ISO that boots from a stick has all
 * three. */
enum { LAYOUTS = BIT(IMAGE_ISO) | BIT(IMAGE_GPT) | BIT(IMAGE_MBR) };

/* What may be declared, what its content must show, and what it may show besides. */
static const struct rule {
    const char *disk_format;
    uint32_t required, allowed;
} rules[] = {
    { "raw", 0, LAYOUTS },
    { "qcow2", BIT(IMAGE_QCOW2), BIT(IMAGE_GPT) | BIT(IMAGE_MBR) },
    { "iso", BIT(IMAGE_ISO), LAYOUTS },
    { "ami", 0, LAYOUTS }, /* a file system */
    { "ari", 0, LAYOUTS }, /* an initial RAM disk */
    { "aki", 0, LAYOUTS }, /* a kernel */
};

const char *image_format_name(enum image_format format)
{
    static const char *const names[IMAGE_FORMAT_N] = {
        [IMAGE_RAW] = "raw",
        [IMAGE_QCOW2] = "qcow2",
        [IMAGE_QCOW1] = "qcow (version 1)",
        [IMAGE_QED] = "QED",
        [IMAGE_VMDK] = "VMDK",
        [IMAGE_VHD] = "VHD",
        [IMAGE_VHDX] = "VHDX",
        [IMAGE_VDI] = "VDI",
        [IMAGE_LUKS] = "LUKS",
        [IMAGE_PARALLELS] = "Parallels",
        [IMAGE_BOCHS] = "Bochs",
        [IMAGE_CLOOP] = "cloop",
        [IMAGE_DMG] = "DMG",
        [IMAGE_ISO] = "ISO 9660",
        [IMAGE_GPT] = "a disk with GPT partitions",
        [IMAGE_MBR] = "a disk with MBR partitions",
    };
    return names[format];
}

static const char *const defect_texts[IMAGE_DEFECT_N] = {
    [IMAGE_DEFECT_CUT] = "the file ends within the header",
    [IMAGE_DEFECT_VERSION] = "its version is neither 2 nor 3",
    [IMAGE_DEFECT_CLUSTER] = "its cluster size is not between 512 bytes and 2 MiB",
    [IMAGE_DEFECT_LENGTH] = "its header length is impossible",
    [IMAGE_DEFECT_SIZE] = "its virtual size is impossible",
    [IMAGE_DEFECT_FEATURE] = "it needs a feature that is not known here",
    [IMAGE_DEFECT_REFCOUNT] = "its refcount table is missing, too large or outside the file",
    [IMAGE_DEFECT_L1] = "its L1 table is outside the file or does not fit its size",
    [IMAGE_DEFECT_SNAPSHOTS] = "its snapshot table is outside the file",
    [IMAGE_DEFECT_EXTENSIONS] = "its header extensions do not end where they must",
};

static const struct rule *rule_find(const char *disk_format)
{
    for (size_t i = 0; i < N_ELEMENTS(rules); i++)
        if (str_eq(disk_format, rules[i].disk_format))
            return &rules[i];
    return NULL;
}

static int check_format(struct cx *cx, const struct rule *rule, const struct image_facts *facts)
{
    uint32_t foreign = facts->signatures & ~(rule->required | rule->allowed);

    if (rule->required & ~facts->signatures)
        return fail(
            cx, KIND_INVALID,
            "The image is declared as %s, but its content is %s. Declare the disk_format that it has, or "
            "convert it with qemu-img and upload it again.",
            rule->disk_format, image_format_name(facts->format));
    if (!foreign)
        return 0;
    /* The format is the first sign; what is foreign may be a later one. */
    enum image_format seen = (enum image_format)__builtin_ctz(foreign);
    if (seen == IMAGE_QCOW2)
        return fail(cx, KIND_INVALID,
                    "The image is declared as %s, but its content is qcow2. Declare disk_format qcow2, or "
                    "convert it: "
                    "qemu-img convert -O raw IMAGE NEW.",
                    rule->disk_format);
    return fail(
        cx, KIND_INVALID,
        "The image is declared as %s, but it has the signature of %s. Convert it to a plain qcow2 or raw "
        "image with qemu-img and upload that.",
        rule->disk_format, image_format_name(seen));
}

/* References first: they are attacks more often than accidents, and the text says what was seen. */
static int check_qcow2(struct cx *cx, const struct image_facts *facts)
{
    const struct image_qcow2 *q = &facts->qcow2;

    if (q->backing_offset || q->backing_name_bytes)
        return fail(cx, KIND_INVALID,
                    "The qcow2 image refers to a backing file, which is not part of it. Make it one file: "
                    "qemu-img convert -O qcow2 IMAGE NEW.");
    if (q->features & QCOW2_DATA_FILE || q->extensions & QCOW2_HAS_DATA_FILE_NAME)
        return fail(
            cx, KIND_INVALID,
            "The qcow2 image keeps its data in another file, which is not part of it. Make it one file: "
            "qemu-img convert -O qcow2 IMAGE NEW.");
    if (q->encryption || q->extensions & QCOW2_HAS_ENCRYPTION)
        return fail(
            cx, KIND_INVALID,
            "The qcow2 image is encrypted, and nobody here has its key. Decrypt it with qemu-img convert "
            "and upload that.");
    if (q->features & QCOW2_CORRUPT)
        return fail(
            cx, KIND_INVALID,
            "The qcow2 image is marked as corrupt. Repair it with qemu-img check -r all IMAGE, or make it "
            "anew.");
    if (facts->defect)
        return fail(
            cx, KIND_INVALID,
            "The qcow2 image is broken: %s. The upload may be incomplete; check it with qemu-img check and "
            "upload it again.",
            defect_texts[facts->defect]);
    return 0;
}

static int check_size(struct cx *cx, const struct image_facts *facts, const struct image_limits *limits)
{
    const int64_t gib = 1 << 30;
    int64_t max = limits && limits->virtual_bytes ? limits->virtual_bytes : IMAGE_VIRTUAL_BYTES_MAX;

    if (facts->virtual_bytes <= max)
        return 0;
    return fail(cx, KIND_TOO_LARGE,
                "The image is a disk of %" PRId64 " GiB; the largest that is taken is %" PRId64
                " GiB. Shrink it with qemu-img resize --shrink, or ask the operator to raise the limit.",
                facts->virtual_bytes / gib + (facts->virtual_bytes % gib != 0), max / gib);
}

int image_check(struct cx *cx, const char *disk_format, const struct image_facts *facts,
                const struct image_limits *limits)
{
    const struct rule *rule = rule_find(disk_format);

    if (!rule)
        return fail(
            cx, KIND_INVALID,
            "Images of disk_format %s are not taken. Convert it to qcow2 or raw with qemu-img, and declare "
            "that.",
            str_empty(disk_format) ? "(none)" : disk_format);
    TRY(check_format(cx, rule, facts));
    if (facts->format == IMAGE_QCOW2)
        TRY(check_qcow2(cx, facts));
    return check_size(cx, facts, limits);
}
