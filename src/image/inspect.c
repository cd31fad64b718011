#include "image/inspect.h"

#include <string.h>

/* ---- bounded reading ---- */

/* 'n' bytes at 'offset' lie in the head. */
static bool in_head(const struct image_bytes *b, uint64_t offset, uint64_t n)
{
    return offset <= b->head_n && n <= b->head_n - offset;
}

/* 'n' bytes at 'offset' lie in the file, as far as its size says. */
static bool in_file(const struct image_bytes *b, uint64_t offset, uint64_t n)
{
    uint64_t size = (uint64_t)b->file_bytes;
    return offset <= size && n <= size - offset;
}

static bool head_has(const struct image_bytes *b, uint64_t offset, const void *magic, size_t n)
{
    return in_head(b, offset, n) && memcmp(b->head + offset, magic, n) == 0;
}

/* Big-endian numbers in the head; the caller knows that they are there, and 0 is what it gets if it is wrong.
 */
static uint32_t be32(const struct image_bytes *b, uint64_t offset)
{
    if (!in_head(b, offset, 4))
        return 0;
    const uint8_t *p = b->head + offset;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const struct image_bytes *b, uint64_t offset)
{
    return (uint64_t)be32(b, offset) << 32 | be32(b, offset + 4);
}

/* ---- signatures ---- */

#define SIGN(format, offset, text)                                                                           \
    {                                                                                                        \
        format, offset, text, sizeof(text) - 1                                                               \
    }

/* clang-format off */
static const struct {
    enum image_format format;
    uint32_t offset;
    const char *magic;
    size_t n;
} head_signs[] = {
    SIGN(IMAGE_QCOW2,     0,      "QFI\xfb"), /* version 1 is told apart below */
    SIGN(IMAGE_QED,       0,      "QED\0"),
    SIGN(IMAGE_VMDK,      0,      "KDMV"),
    SIGN(IMAGE_VMDK,      0,      "COWD"),
    SIGN(IMAGE_VMDK,      0,      "# Disk DescriptorFile"),
    SIGN(IMAGE_VHD,       0,      "conectix"),
    SIGN(IMAGE_VHDX,      0,      "vhdxfile"),
    SIGN(IMAGE_VDI,       0x40,   "\x7f\x10\xda\xbe"),
    SIGN(IMAGE_LUKS,      0,      "LUKS\xba\xbe"),
    SIGN(IMAGE_LUKS,      0x4000, "SKUL\xba\xbe"), /* LUKS2 has a second header, further on */
    SIGN(IMAGE_LUKS,      0x8000, "SKUL\xba\xbe"),
    SIGN(IMAGE_PARALLELS, 0,      "WithoutFreeSpace"),
    SIGN(IMAGE_PARALLELS, 0,      "WithouFreSpacExt"),
    SIGN(IMAGE_BOCHS,     0,      "Bochs Virtual HD Image"),
    SIGN(IMAGE_CLOOP,     0,      "#!/bin/sh\n#V2.0 Format\n"),
    SIGN(IMAGE_ISO,       0x8001, "CD001"),
    SIGN(IMAGE_ISO,       0x8801, "CD001"),
    SIGN(IMAGE_GPT,       512,    "EFI PART"),
    SIGN(IMAGE_GPT,       4096,   "EFI PART"),
    SIGN(IMAGE_MBR,       510,    "\x55\xaa"),
};
/* clang-format on */

static bool tail_has(const struct image_bytes *b, const char *magic, size_t n)
{
    /* The old format's footer is one byte shorter, so look at both places. */
    for (size_t back = 511; back <= 512; back++)
        if (b->tail_n >= back && memcmp(b->tail + b->tail_n - back, magic, n) == 0)
            return true;
    return false;
}

/* A VMDK descriptor is a text: comments and empty lines, then its version.  QEMU takes a file for one by just
 * this, so the sign at the very beginning is not enough. */
static bool is_vmdk_descriptor(const struct image_bytes *b)
{
    static const char key[] = "version=";
    size_t at = 0;

    while (at < b->head_n) {
        size_t line = at;
        while (at < b->head_n && b->head[at] == ' ')
            at++;
        if (at < b->head_n && b->head[at] == '#')
            while (at < b->head_n && b->head[at] != '\n')
                at++;
        if (at < b->head_n && b->head[at] == '\r')
            at++;
        if (at >= b->head_n || b->head[at] != '\n')
            return head_has(b, line, key, sizeof key - 1);
        at++;
    }
    return false;
}

static uint32_t find_signatures(const struct image_bytes *b)
{
    uint32_t found = 0;

    for (size_t i = 0; i < N_ELEMENTS(head_signs); i++)
        if (head_has(b, head_signs[i].offset, head_signs[i].magic, head_signs[i].n))
            found |= 1u << head_signs[i].format;
    if (found & 1u << IMAGE_QCOW2 && be32(b, 4) == 1)
        found ^= 1u << IMAGE_QCOW2 | 1u << IMAGE_QCOW1;
    if (is_vmdk_descriptor(b))
        found |= 1u << IMAGE_VMDK;
    if (tail_has(b, "conectix", 8)) /* a fixed VHD has its mark at the end only */
        found |= 1u << IMAGE_VHD;
    if (tail_has(b, "koly", 4))
        found |= 1u << IMAGE_DMG;
    return found;
}

/* ---- qcow2; the numbers are those of docs/interop/qcow2.txt in QEMU ---- */

enum {
    QCOW2_V2_BYTES = 72,
    QCOW2_V3_BYTES = 104,
    QCOW2_MIN_CLUSTER_BITS = 9,
    QCOW2_MAX_CLUSTER_BITS = 21,
    QCOW2_MAX_L1_BYTES = 32 << 20,
    QCOW2_MAX_REFCOUNT_BYTES = 8 << 20,
    QCOW2_MAX_SNAPSHOTS = 65536,
    QCOW2_SNAPSHOT_BYTES = 40, /* at least, each */
    QCOW2_MAX_REFCOUNT_ORDER = 6,
};

static bool is_aligned(uint64_t offset, const struct image_qcow2 *q)
{
    return (offset & (((uint64_t)1 << q->cluster_bits) - 1)) == 0;
}

/* How many L1 entries a disk of 'size' bytes needs. */
static uint64_t l1_needed(const struct image_qcow2 *q, uint64_t size)
{
    unsigned entry_bits = q->features & QCOW2_EXTENDED_L2 ? 4 : 3;
    unsigned bits = q->cluster_bits + q->cluster_bits - entry_bits; /* of the bytes behind one entry */
    return (size >> bits) + ((size & (((uint64_t)1 << bits) - 1)) != 0);
}

static enum image_defect check_tables(const struct image_bytes *b, const struct image_qcow2 *q, uint64_t size)
{
    uint64_t l1_n = be32(b, 36), l1_offset = be64(b, 40), refcount_offset = be64(b, 48);
    uint64_t refcount_bytes = (uint64_t)be32(b, 56) << q->cluster_bits, snapshots_offset = be64(b, 64);

    if (refcount_bytes == 0 || refcount_bytes > QCOW2_MAX_REFCOUNT_BYTES || refcount_offset == 0 ||
        !is_aligned(refcount_offset, q) || !in_file(b, refcount_offset, refcount_bytes))
        return IMAGE_DEFECT_REFCOUNT;
    if (l1_n * 8 > QCOW2_MAX_L1_BYTES || l1_n < l1_needed(q, size) || !is_aligned(l1_offset, q) ||
        (l1_n && l1_offset == 0) || !in_file(b, l1_offset, l1_n * 8))
        return IMAGE_DEFECT_L1;
    if (q->snapshots_n > QCOW2_MAX_SNAPSHOTS ||
        (q->snapshots_n && (snapshots_offset == 0 || !is_aligned(snapshots_offset, q) ||
                            !in_file(b, snapshots_offset, (uint64_t)q->snapshots_n * QCOW2_SNAPSHOT_BYTES))))
        return IMAGE_DEFECT_SNAPSHOTS;
    return IMAGE_SOUND;
}

static uint32_t extension_bit(uint32_t type)
{
    static const struct {
        uint32_t type, bit;
    } known[] = {
        { 0xe2792aca, QCOW2_HAS_BACKING_FORMAT },
        { 0x44415441, QCOW2_HAS_DATA_FILE_NAME },
        { 0x0537be77, QCOW2_HAS_ENCRYPTION },
        { 0x23852875, QCOW2_HAS_BITMAPS },
    };
    for (size_t i = 0; i < N_ELEMENTS(known); i++)
        if (known[i].type == type)
            return known[i].bit;
    return 0;
}

/* Walks the header extensions from 'at' to their end mark, the backing file's name or the end of the first
 * cluster. What goes on beyond the head is refused: real ones take some hundred bytes. */
static enum image_defect walk_extensions(const struct image_bytes *b, struct image_qcow2 *q, uint64_t at)
{
    uint64_t end = q->backing_offset ? q->backing_offset : (uint64_t)1 << q->cluster_bits;

    while (at < end) {
        if (end - at < 8 || !in_head(b, at, 8))
            return IMAGE_DEFECT_EXTENSIONS;
        uint32_t type = be32(b, at);
        uint64_t length = ((uint64_t)be32(b, at + 4) + 7) & ~(uint64_t)7;
        if (type == 0)
            return IMAGE_SOUND;
        at += 8;
        if (length > end - at || !in_head(b, at, length))
            return IMAGE_DEFECT_EXTENSIONS;
        q->extensions |= extension_bit(type);
        at += length;
    }
    return IMAGE_SOUND;
}

/* Reads the fields that only version 3 has, and the header's length. */
static enum image_defect read_version_3(const struct image_bytes *b, struct image_qcow2 *q,
                                        uint64_t *ret_length)
{
    if (!in_head(b, 0, QCOW2_V3_BYTES))
        return IMAGE_DEFECT_CUT;
    q->features = be64(b, 72);
    *ret_length = be32(b, 100);
    if (*ret_length < QCOW2_V3_BYTES || *ret_length % 8 || *ret_length > (uint64_t)1 << q->cluster_bits)
        return IMAGE_DEFECT_LENGTH;
    if (be32(b, 96) > QCOW2_MAX_REFCOUNT_ORDER)
        return IMAGE_DEFECT_REFCOUNT;
    return q->features & ~(uint64_t)QCOW2_FEATURES_KNOWN ? IMAGE_DEFECT_FEATURE : IMAGE_SOUND;
}

/* Reads on after a defect as far as it makes sense: that an image refers to a file is worth more than that it
 * does so clumsily.  Returns the first defect. */
static enum image_defect read_qcow2(const struct image_bytes *b, struct image_qcow2 *q,
                                    int64_t *ret_virtual_bytes)
{
    uint64_t header_bytes = QCOW2_V2_BYTES;
    uint64_t size = be64(b, 24);

    if (!in_head(b, 0, QCOW2_V2_BYTES))
        return IMAGE_DEFECT_CUT;
    q->version = be32(b, 4);
    q->backing_offset = be64(b, 8);
    q->backing_name_bytes = be32(b, 16);
    q->cluster_bits = be32(b, 20);
    q->encryption = be32(b, 32);
    q->snapshots_n = be32(b, 60);
    if (q->version != 2 && q->version != 3)
        return IMAGE_DEFECT_VERSION;
    if (q->cluster_bits < QCOW2_MIN_CLUSTER_BITS || q->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
        return IMAGE_DEFECT_CLUSTER;
    if (size > INT64_MAX)
        return IMAGE_DEFECT_SIZE;
    *ret_virtual_bytes = (int64_t)size;

    enum image_defect version_3 = q->version == 3 ? read_version_3(b, q, &header_bytes) : IMAGE_SOUND;
    if (version_3 == IMAGE_DEFECT_CUT || version_3 == IMAGE_DEFECT_LENGTH)
        return version_3;
    enum image_defect extensions = walk_extensions(b, q, header_bytes);
    enum image_defect tables = check_tables(b, q, size);
    return version_3 ? version_3 : extensions ? extensions : tables;
}

/* ---- together ---- */

static enum image_format first_format(uint32_t signatures)
{
    for (enum image_format f = IMAGE_RAW + 1; f < IMAGE_FORMAT_N; f++)
        if (signatures & 1u << f)
            return f;
    return IMAGE_RAW;
}

void inspect_header(const struct image_bytes *bytes, struct image_facts *ret_facts)
{
    memset(ret_facts, 0, sizeof *ret_facts);
    ret_facts->file_bytes = bytes->file_bytes;
    ret_facts->signatures = find_signatures(bytes);
    ret_facts->format = first_format(ret_facts->signatures);
    if (ret_facts->format == IMAGE_QCOW2)
        ret_facts->defect = read_qcow2(bytes, &ret_facts->qcow2, &ret_facts->virtual_bytes);
    else if (ret_facts->format == IMAGE_RAW || ret_facts->format >= IMAGE_ISO)
        ret_facts->virtual_bytes = bytes->file_bytes;
}

bool image_facts_valid(const struct image_facts *facts)
{
    return (unsigned)facts->format < IMAGE_FORMAT_N && (unsigned)facts->defect < IMAGE_DEFECT_N &&
           facts->signatures < 1u << IMAGE_FORMAT_N && facts->format == first_format(facts->signatures) &&
           facts->file_bytes >= 0 && facts->virtual_bytes >= 0;
}
