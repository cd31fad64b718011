#include "compute/boot.h"

#include "json/read.h"

int boot_named(struct cx *cx, int r)
{
    if (r < 0 && cx->kind == KIND_NOT_FOUND)
        cx->kind = KIND_INVALID;
    return r;
}

/* The image's property 'name' names another image, which must be bootable too. */
static int find_kernel(struct cx *cx, const struct image *of, const char *name, const char **ret_id)
{
    struct strmap properties = json_to_map(cx, of->properties);
    struct image image;

    *ret_id = NULL;
    for (size_t i = 0; i < properties.n; i++)
        if (str_eq(properties.items[i].key, name) && *properties.items[i].value) {
            TRY(boot_named(cx, image_for_boot(cx, properties.items[i].value, &image)));
            *ret_id = image.id;
        }
    return 0;
}

static int check_fit(struct cx *cx, const struct image *image, int64_t ram_mib, int64_t root_gib)
{
    if (image->min_ram > ram_mib)
        return fail(cx, KIND_INVALID, "Flavor's memory is too small for requested image.");
    if (root_gib && image->min_disk > root_gib)
        return fail(cx, KIND_INVALID,
                    "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %lld GiB, "
                    "minimum size is %lld GiB.",
                    (long long)root_gib, (long long)image->min_disk);
    /* a small file may be a large disk, and a disk is never made smaller than its image */
    int64_t bytes = image->virtual_size > image->size ? image->virtual_size : image->size;
    if (root_gib && bytes > root_gib << 30)
        return fail(cx, KIND_INVALID, "Flavor's disk is too small for requested image. Flavor disk is %lld GiB, image is %lld bytes.",
                    (long long)root_gib, (long long)bytes);
    return 0;
}

int boot_find(struct cx *cx, const char *image_id, int64_t ram_mib, int64_t root_gib, struct boot *ret_boot)
{
    TRY(boot_named(cx, image_for_boot(cx, image_id, &ret_boot->image)));
    TRY(check_fit(cx, &ret_boot->image, ram_mib, root_gib));
    TRY(find_kernel(cx, &ret_boot->image, "kernel_id", &ret_boot->kernel_id));
    return find_kernel(cx, &ret_boot->image, "ramdisk_id", &ret_boot->ramdisk_id);
}
