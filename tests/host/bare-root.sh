#!/bin/bash
# bare-root.sh: the README's first command on a fresh Debian 12: a root that mmdebstrap makes with git and make and nothing else,
# a clone of HEAD, `make run` without a question; closing line "N passed, N failed, N skipped", with the times.
#
# Packages are installed over the machine's own network, by the command that `make run` begins with; from there on the root
# lives in a world of its own (world.sh), with its own mounts, sysfs, host name and network.  Not part of `make test`: it
# takes five to ten minutes, most of them for packages and the build.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
cd "$TOP" || exit 1
. tests/host/world.sh
. tests/host/own-host.sh
WORLD=${WORLD:-b$$}
W=/tmp/alamo-$WORLD
R=$W/root
. tests/host/client.sh
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for need in mmdebstrap git unshare nsenter busybox dnsmasq curl; do
    command -v $need > /dev/null || { echo "needs $need"; exit 77; }
done

# What still runs goes first, then the mounts with the last process that has them, then the files.
finish() {
    for pid in $(pids_in "$WORLD-host") $(pids_in "$WORLD-out"); do kill -9 "$pid" 2> /dev/null; done
    world_down "$WORLD"
    [ ! -s "$W/holder.pid" ] || kill "$(cat "$W/holder.pid")" 2> /dev/null
    [ -n "${KEEP-}" ] || rm -rf --one-file-system "$W"
}
trap finish EXIT

make_root() {
    set --
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -f "$f" ] && grep -Eq '^[^#]*[[:space:]]bookworm([[:space:]]|$)' "$f" && set -- "$@" "$f"
    done
    apt-config dump | grep -E '^Acquire::(Check-|http::|https::|Retries)' > "$W/apt.conf"
    mmdebstrap --mode=root --variant=minbase --format=directory --include=git,make --aptopt="$W/apt.conf" bookworm "$R" "$@" || return 1
    cp "$W/apt.conf" "$R/etc/apt/apt.conf.d/90machine"
    git clone -q "file://$TOP" "$R/root/alamo"
}
# A process that holds the mounts of the root.
hold_root() {
    # shellcheck disable=SC2016
    setsid unshare -m -u sh -euc '
        mount --make-rprivate /
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount -t tmpfs tmpfs "$1/run"
        hostname fresh1
        echo $$ > "$2.new" && mv "$2.new" "$2"
        exec sleep 100000' root "$R" "$W/holder.pid" > "$W/holder.log" 2>&1 < /dev/null &
    wait_for 20 "the root's mounts" test -s "$W/holder.pid"
}
in_root() { # [--net=FILE] CMD...: without a terminal, without an answer
    case $1 in --net=*) net=$1; shift ;; *) net= ;; esac
    # shellcheck disable=SC2086
    nsenter -t "$(cat "$W/holder.pid")" -m -u $net chroot "$R" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        ALAMO_SLOW="${ALAMO_SLOW:-1}" sh -c 'cd /root/alamo && exec "$@"' sh "$@" < /dev/null
}
in_cloud() { in_root "--net=/run/netns/$WORLD-host" "$@"; }
packages() {
    cp /etc/resolv.conf "$R/etc/resolv.conf"
    in_root tools/install-packages build run guest && in_root guest/build-micro guest/out
}
enter_world() {
    world_up "$WORLD"
    in_out "$WORLD" ip route add 198.51.100.0/24 via 203.0.113.254 # the default range is no part of that segment
    echo 'nameserver 203.0.113.1' > "$R/etc/resolv.conf"
    nsenter -t "$(cat "$W/holder.pid")" -m "--net=/run/netns/$WORLD-host" mount -t sysfs sysfs "$R/sys"
}
run() { in_cloud make run > "$W/$1" 2>&1 || { tail -n 20 "$W/$1"; return 1; }; }
shows_four() { is "$(grep -cE '^(API: https://|console: https://|openrc: /|ssh: ssh )' "$W/up")" 4; }
printed_ssh() { is "$(in_cloud sh -c "$(said ssh) hostname")" first; }
same_again() { grep -qx 'nothing to change' "$W/again" && is "$(grep -E '^(API|console|openrc|ssh): ' "$W/again")" "$(grep -E '^(API|console|openrc|ssh): ' "$W/up")"; }
nothing_runs() { is "$(pids_in "$WORLD-host")" ""; }

mkdir -p "$W" && chmod 711 "$W"
check "a root with git and make, and a clone" make_root || { tail -n 20 "$W/check.out"; closing; exit 1; }
check "its mounts" hold_root || { closing; exit 1; }
check "the packages that make run begins with, and those of the guest" packages || { tail -n 20 "$W/check.out"; closing; exit 1; }
check "a network of its own" enter_world
if check "make run" run up; then
    grep -E ' (done|up) in|^up in' "$W/up"
    check "it prints API, console, openrc and ssh" shows_four
    check "the printed ssh line works verbatim" printed_ssh
    check "the server's page, from outside" in_out "$WORLD" curl -sf -m 5 "http://$(said ssh | sed 's/.*@//')/"
    check "run again" run again
    check "it changes nothing and says so" same_again
    check "alamo down" in_cloud ./alamo down
    check "nothing runs on" wait_for 20 "their end" nothing_runs
fi
section end
closing
