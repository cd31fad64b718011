#!/bin/sh
# micro.sh: the micro guest by itself, under a QEMU without a cloud: both of its boots (guest/test-micro), among them that the
# root file system grows to its disk and that the power button ends it; closing line "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 1
for need in qemu-system-x86_64 qemu-img mcopy mkfs.vfat ssh; do
    command -v $need > /dev/null || [ -x /usr/sbin/$need ] || { echo "needs $need"; exit 77; }
done
[ -f guest/out/micro.qcow2 ] || { echo "needs the guest image: guest/build-micro guest/out"; exit 77; }

out=$(mktemp)
trap 'rm -f "$out"' EXIT
guest/test-micro guest/out > "$out" 2>&1
code=$?
cat "$out"
ok=$(grep -c '^ok - ' "$out") not_ok=$(grep -c '^not ok - ' "$out")
must_have() { # LINE: its absence is a failure too
    grep -q "^ok - $1" "$out" && return
    echo "not ok - nothing was said of: $1"
    not_ok=$((not_ok + 1))
}
must_have "direct: root grown"
must_have "disk: root grown"
must_have "direct: power button"
must_have "disk: power button"
[ $code = 0 ] || [ "$not_ok" -gt 0 ] || not_ok=1
echo "$ok passed, $not_ok failed, 0 skipped"
[ "$not_ok" = 0 ]
