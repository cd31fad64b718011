/* Any bytes are an image: the parser must survive them, and what passes the check must be free of references.
 */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "image/inspect.h"

static void check_promises(const char *disk_format, const struct image_facts *facts)
{
    const uint32_t layouts = 1u << IMAGE_ISO | 1u << IMAGE_GPT | 1u << IMAGE_MBR;

    assert(facts->virtual_bytes <= IMAGE_VIRTUAL_BYTES_MAX);
    if (strcmp(disk_format, "qcow2") == 0) {
        assert(facts->format == IMAGE_QCOW2 && facts->defect == IMAGE_SOUND);
        assert(facts->qcow2.backing_offset == 0 && facts->qcow2.encryption == 0);
        assert(!(facts->qcow2.features & (QCOW2_DATA_FILE | QCOW2_CORRUPT)));
        assert(!(facts->qcow2.extensions & QCOW2_HAS_DATA_FILE_NAME));
    } else {
        assert((facts->signatures & ~layouts) == 0);
        assert(facts->virtual_bytes == facts->file_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const disk_formats[] = { "raw", "qcow2", "iso", "ami", "ari", "aki", "vmdk" };
    size_t tail = size < IMAGE_TAIL_BYTES ? size : IMAGE_TAIL_BYTES;
    const struct image_bytes bytes = {
        .head = data,
        .head_n = size < IMAGE_HEAD_BYTES ? size : IMAGE_HEAD_BYTES,
        .tail = data + size - tail,
        .tail_n = tail,
        .file_bytes = (int64_t)size,
    };
    struct image_facts facts;
    CLEAN_CX cx;

    cx_begin(&cx);
    inspect_header(&bytes, &facts);
    assert(image_facts_valid(&facts));
    for (size_t i = 0; i < N_ELEMENTS(disk_formats); i++) {
        fail_clear(&cx);
        if (image_check(&cx, disk_formats[i], &facts, NULL) == 0)
            check_promises(disk_formats[i], &facts);
        else
            assert(cx.kind != KIND_NONE && cx.text);
    }
    return 0;
}
