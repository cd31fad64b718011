# What build-micro and build-debian have in common.  Sourced; wants $me (the script's name), $here (this folder)
# and, for the functions that write, $work (a folder that is thrown away).

PATH=$PATH:/usr/sbin:/sbin
umask 022
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1700000000}" LC_ALL=C

die() { echo "$me: $*" >&2; exit 1; }

# names FILE: its lines without comments
names() { sed 's/#.*//; /^ *$/d' "$1"; }

# up_to_date OUTDIR "OUTPUTS" INPUTS...: do all outputs exist, and is none of the inputs newer than the first?
# (publish puts the first in place last, with the time the build began.)
up_to_date() {
    utd_out=$1 utd_files=$2
    shift 2
    for f in $utd_files; do
        [ -s "$utd_out/$f" ] || return 1
    done
    [ -z "$(find "$@" -newer "$utd_out/${utd_files%% *}" -print -quit)" ]
}

# begin OUTDIR: make it and the work folder, which goes away at the end whatever happens
begin() {
    mkdir -p "$1"
    out=$(cd "$1" && pwd)
    work=$(mktemp -d "$out/.$me.XXXXXX")
    touch "$work/began"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
}

# publish OUTPUTS...: from the work folder into place, each by rename: nobody ever reads half a file
publish() {
    first=$1
    for f in "$@"; do
        [ "$f" = "$first" ] || mv -f "$work/$f" "$out/$f"
    done
    touch -r "$work/began" "$work/$first"
    mv -f "$work/$first" "$out/$first"
    (cd "$out" && du -k "$@" | sed "s/^\([0-9]*\)/$me: \1 KB/")
}

# compile SOURCE PROGRAM [OPTIONS]: static, so that it fits any C library in the guest
compile() {
    c_src=$1 c_out=$2
    shift 2
    ${CC:-cc} -static -Os -s -std=gnu17 -Wall -Wextra -Werror "$@" -o "$c_out" "$c_src"
}

# strip_module MODULE.ko OUTPUT: without debug information and signature (the kernel does not insist on one)
strip_module() { strip --strip-debug -o "$2" "$1"; }

# pack_initrd DIRECTORY OUTPUT.  LZ4: what it saves in unpacking is more than it costs in reading.
pack_initrd() {
    (cd "$1" && find . | sort | cpio -o -H newc --quiet --reproducible -R 0:0 | lz4 -l -9 -q) > "$2"
}

# disk_image ROOTFS KERNEL INITRD SYSLINUX.CFG BOOT_MB OUTPUT: a qcow2 image of an MBR (1 MB), a FAT partition
# with syslinux, and the root file system as partition 2.  Not GRUB: that costs an emulated processor as much as
# the whole boot of the micro guest.  Works on plain files, without root or loop devices.
disk_image() {
    boot=$work/boot.raw
    disk=$work/disk.raw
    start=$(($5 + 1)) # MB, of partition 2
    sectors=$(($(stat -c %s "$1") / 512))
    rm -f "$boot" "$disk"
    truncate -s "$5M" "$boot"
    mkfs.vfat -F 16 -n GUESTBOOT -i 5a5a0001 -h 2048 "$boot" > /dev/null
    mcopy -i "$boot" "$2" ::/vmlinuz
    mcopy -i "$boot" "$3" ::/initrd
    mcopy -i "$boot" "$4" ::/syslinux.cfg
    syslinux --install "$boot"

    truncate -s $((start * 1048576 + sectors * 512)) "$disk"
    put if=/usr/lib/syslinux/mbr/mbr.bin bs=440 count=1
    {
        printf '\200\001\001\000\006\376\377\377' # active, FAT16
        le32 2048
        le32 $(($5 * 2048))
        printf '\000\001\001\000\203\376\377\377' # Linux
        le32 $((start * 2048))
        le32 "$sectors"
    } | put bs=1 seek=446
    printf '\125\252' | put bs=1 seek=510
    put if="$boot" bs=1M seek=1
    put if="$1" bs=1M seek="$start"
    qemu-img convert -c -O qcow2 -o compression_type=zstd "$disk" "$6"
    rm -f "$boot" "$disk"
}
put() { dd of="$disk" conv=notrunc,sparse status=none "$@"; }
le32() {
    # shellcheck disable=SC2059
    printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}
