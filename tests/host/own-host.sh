# own-host.sh - sourced after world.sh: the host of that world with its own mounts and name, so that its libvirt, hosts file
# and sysfs are nobody else's; a cloud that already runs on this machine is left alone.
#
# own_host_up WORLD DIR; own_host_down; on_host CMD...; from_outside CMD...

own_host_up() {
    OWN_WORLD=$1 OWN_DIR=$2
    world_up "$OWN_WORLD"
    mkdir -p "$OWN_DIR"
    rm -f "$OWN_DIR/host.pid"
    # shellcheck disable=SC2016
    setsid ip netns exec "$OWN_WORLD-host" unshare -m -u sh -euc '
        mount --make-rprivate /
        for d in run lib log cache; do
            mkdir -p "$1/libvirt/$d"
            to=/var/$d/libvirt
            [ $d != run ] || to=/run/libvirt
            mkdir -p "$to"
            mount --bind "$1/libvirt/$d" "$to"
        done
        mkdir -p "$1/run-alamo" && mkdir -p /run/alamo && mount --bind "$1/run-alamo" /run/alamo
        hostname cloud1
        printf "127.0.0.1 localhost\n127.0.1.1 cloud1\n" > "$1/hosts"
        mount --bind "$1/hosts" /etc/hosts
        echo $$ > "$1/host.new" && mv "$1/host.new" "$1/host.pid"
        exec sleep 100000' host "$OWN_DIR" > "$OWN_DIR/host.log" 2>&1 < /dev/null &
    wait_for 20 "a host of its own" test -s "$OWN_DIR/host.pid"
}

on_host() { nsenter -t "$(cat "$OWN_DIR/host.pid")" -m -n -u env -C "$PWD" "$@"; }
from_outside() { ip netns exec "$OWN_WORLD-out" "$@"; }

# pids_in NETNS: the processes that live in a named network namespace of ours.  By name, never by a pid: one that was given
# to another process since would name the whole machine.
pids_in() {
    inode=$(ip netns exec "$1" stat -L -c %i /proc/self/ns/net 2> /dev/null)
    [ -n "$inode" ] && [ "net:[$inode]" != "$(readlink /proc/self/ns/net)" ] || return 0
    for ns in /proc/[0-9]*/ns/net; do
        [ "$(readlink "$ns" 2> /dev/null)" = "net:[$inode]" ] || continue
        pid=${ns#/proc/}
        echo "${pid%%/*}"
    done
}

# Ends whatever still lives in that world: the host's processes and the servers outside.
own_host_down() {
    for pid in $(pids_in "$OWN_WORLD-host") $(pids_in "$OWN_WORLD-out"); do
        kill -9 "$pid" 2> /dev/null
    done
    world_down "$OWN_WORLD"
    rm -rf "$OWN_DIR"
}
