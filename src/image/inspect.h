/* inspect.h - what a disk image is, told by its first bytes; and whether it may come in.
 *
 * Tenants send images, and an image that refers to a file of the host, or that claims one format and is
 * another, has been a hole in every cloud (CVE-2015-1851, 2022-47951, 2024-32498, 2024-40767).  So no tool
 * that follows references ever sees an image before these functions have: they read a bounded part of it,
 * follow nothing and allocate nothing. Still, tenants choose the bytes: run inspect_header() in the
 * inspector's process (image/inspector.h). */
#pragma once
#include "base/cx.h"

enum {
    IMAGE_HEAD_BYTES = 64 * 1024, /* what inspect_header() wants of the beginning ... */
    IMAGE_TAIL_BYTES = 512,       /* ... and of the end */
};

/* Containers first: of several that an image shows signs of, 'format' is the first in this order. */
enum image_format {
    IMAGE_RAW, /* no sign of anything known */
    IMAGE_QCOW2,
    IMAGE_QCOW1,
    IMAGE_QED,
    IMAGE_VMDK,
    IMAGE_VHD,
    IMAGE_VHDX,
    IMAGE_VDI,
    IMAGE_LUKS,
    IMAGE_PARALLELS,
    IMAGE_BOCHS,
    IMAGE_CLOOP,
    IMAGE_DMG,
    IMAGE_ISO, /* from here on: layouts that a raw disk may have */
    IMAGE_GPT,
    IMAGE_MBR,
    IMAGE_FORMAT_N
};

/* What is wrong with a qcow2 header in itself; nothing of it may be used then. */
enum image_defect {
    IMAGE_SOUND,
    IMAGE_DEFECT_CUT,        /* the file ends in the header */
    IMAGE_DEFECT_VERSION,    /* neither 2 nor 3 */
    IMAGE_DEFECT_CLUSTER,    /* cluster size out of range */
    IMAGE_DEFECT_LENGTH,     /* header length out of range */
    IMAGE_DEFECT_SIZE,       /* virtual size out of range */
    IMAGE_DEFECT_FEATURE,    /* an incompatible feature that nobody knows */
    IMAGE_DEFECT_REFCOUNT,   /* no refcount table, or one outside the file */
    IMAGE_DEFECT_L1,         /* an L1 table outside the file, or too small for the disk */
    IMAGE_DEFECT_SNAPSHOTS,  /* a snapshot table outside the file */
    IMAGE_DEFECT_EXTENSIONS, /* header extensions that do not end where they must */
    IMAGE_DEFECT_N
};

/* Incompatible features of qcow2. */
enum {
    QCOW2_DIRTY = 1 << 0,
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_DATA_FILE = 1 << 2,
    QCOW2_COMPRESSION = 1 << 3,
    QCOW2_EXTENDED_L2 = 1 << 4,
    QCOW2_FEATURES_KNOWN = (1 << 5) - 1,
};
/* Header extensions of qcow2 that were met. */
enum {
    QCOW2_HAS_BACKING_FORMAT = 1 << 0,
    QCOW2_HAS_DATA_FILE_NAME = 1 << 1,
    QCOW2_HAS_ENCRYPTION = 1 << 2,
    QCOW2_HAS_BITMAPS = 1 << 3,
};

struct image_qcow2 {
    uint32_t version, cluster_bits, encryption, snapshots_n, backing_name_bytes;
    uint32_t extensions;     /* QCOW2_HAS_... */
    uint64_t features;       /* incompatible ones */
    uint64_t backing_offset; /* of the backing file's name; 0: there is none */
};

/* Numbers only: it crosses from a process that an image may have taken over, so that any value must be
 * harmless. */
struct image_facts {
    enum image_format format;
    uint32_t signatures;      /* bit 1 << format for every format of which there is a sign */
    int64_t file_bytes;       /* as the file has it */
    int64_t virtual_bytes;    /* as a guest would see it; 0 for containers other than qcow2 */
    enum image_defect defect; /* of the qcow2 header */
    struct image_qcow2 qcow2; /* all 0 unless format is IMAGE_QCOW2 */
};

/* A part of a file. */
struct image_bytes {
    const uint8_t *head; /* its first bytes, all or IMAGE_HEAD_BYTES */
    size_t head_n;
    const uint8_t *tail; /* its last bytes, all or IMAGE_TAIL_BYTES */
    size_t tail_n;
    int64_t file_bytes;
};

/* Fills '*ret_facts'.  Pure: no memory but its arguments, no calls, time bounded by IMAGE_HEAD_BYTES. */
typedef void inspect_function(const struct image_bytes *bytes, struct image_facts *ret_facts);
inspect_function inspect_header;

/* The numbers in 'facts' are such as inspect_header() gives. */
bool image_facts_valid(const struct image_facts *facts);
/* "qcow2", "VMDK", ... for texts. */
const char *image_format_name(enum image_format format);

struct image_limits {
    int64_t virtual_bytes; /* the largest disk; 0: IMAGE_VIRTUAL_BYTES_MAX */
};
#define IMAGE_VIRTUAL_BYTES_MAX ((int64_t)2 << 40)

/* An image that was declared as 'disk_format' (raw, qcow2, iso, ami, ari, aki) and shows 'facts' may be used
 * as such. Errors: INVALID (not that format, refers to other files, encrypted, broken, or another format as
 * well), TOO_LARGE (the virtual size); the text names the cause and the cure. */
int image_check(struct cx *cx, const char *disk_format, const struct image_facts *facts,
                const struct image_limits *limits) MUST_CHECK;
