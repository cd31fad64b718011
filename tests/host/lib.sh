# lib.sh - a host of its own for tests: network, mount and host-name namespaces, a private libvirtd, a fake controller.
# Source it as root.  Everything lives under $T and in namespaces named after $HOST; host_down takes it away again.
#
#   outside (203.0.113.1)  ---veth---  eth0 (203.0.113.2)  $HOST
: "${AGENT:=$(cd "$(dirname "$0")/../.." && pwd)/build/src/alamo-agent}"
: "${IMAGES:=$(cd "$(dirname "$0")/../.." && pwd)/build/guest}" # micro-vmlinux, micro-initrd, micro-root.raw, as guest/build-micro makes them
: "${SLOW:=${ALAMO_SLOW:-1}}"
HERE=$(cd "$(dirname "$0")" && pwd)
HOST=${HOST:-alt$$}
OUT=$HOST-out
T=${T:-$(mktemp -d /tmp/alamo-host.XXXXXX)}
chmod 711 "$T" # QEMU is not root

say() { printf '%s %s\n' "$(date +%T.%3N)" "$*"; }
skip() { echo "SKIP: $*"; exit 77; }
die() { echo "FAIL: $*" >&2; exit 1; }

# waits until a command succeeds: wait_for SECONDS WHAT COMMAND...
wait_for() {
    wait_end=$(($(date +%s) + $1 * SLOW)); wait_what=$2; shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$wait_end" ] || die "$wait_what did not happen in time"
        sleep 0.1
    done
}

in_host() { nsenter -t "$(cat "$T/daemon.pid")" -m -n -u -- "$@"; }
in_net() { ip netns exec "$HOST" "$@"; }
outside() { ip netns exec "$OUT" "$@"; }

needs() {
    [ "$(id -u)" = 0 ] || skip "needs root"
    for need in libvirtd qemu-system-x86_64 nft dnsmasq python3; do command -v $need >/dev/null || skip "needs $need"; done
}

net_up() {
    ip netns add "$HOST" && ip netns add "$OUT"
    ip -n "$HOST" link set lo up; ip -n "$OUT" link set lo up
    ip -n "$OUT" link add out0 type veth peer name eth0 netns "$HOST"
    ip -n "$OUT" addr add 203.0.113.1/24 dev out0; ip -n "$OUT" link set out0 up
    ip -n "$HOST" addr add 203.0.113.2/24 dev eth0; ip -n "$HOST" link set eth0 up
    ip -n "$HOST" route add default via 203.0.113.1
}

# A libvirtd that shares nothing with the machine's; its children are reaped at once, or every destroy takes 2 s.
libvirtd_up() {
    for d in run lib log cache etc; do mkdir -p "$T/lv/$d"; done
    [ -d /etc/libvirt ] && cp -a /etc/libvirt/. "$T/lv/etc/"
    rm -rf "$T/lv/etc/qemu/networks" "$T/lv/etc/qemu/autostart" "$T/lv/etc/qemu/"*.xml
    [ -d /var/cache/libvirt/qemu/capabilities ] && cp -a /var/cache/libvirt/. "$T/lv/cache/"
    echo "127.0.0.1 localhost $HOST" > "$T/hosts"
    cat > "$T/lv/etc/libvirtd.conf" <<C
listen_tls = 0
auth_unix_rw = "none"
unix_sock_dir = "/run/libvirt"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
C
    cat > "$T/lv/etc/qemu.conf" <<C
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
C
    cat > "$T/start.sh" <<C
mount --make-rprivate /
mkdir -p /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt
for d in run/libvirt:run var/lib/libvirt:lib var/log/libvirt:log var/cache/libvirt:cache etc/libvirt:etc; do
    mount --bind $T/lv/\${d#*:} /\${d%%:*}
done
mount --bind $T/hosts /etc/hosts; hostname $HOST
mount -t sysfs sysfs /sys
echo \$\$ > $T/daemon.pid
exec python3 $HERE/reaper.py libvirtd -p /run/libvirt/libvirtd.pid
C
    setsid ip netns exec "$HOST" unshare -m -u bash "$T/start.sh" > "$T/libvirtd.log" 2>&1 &
    wait_for 90 "libvirtd" test -S "$T/lv/run/libvirt-sock"
}

controller_up() {
    mkdir -p "$T/docs" "$T/images" "$T/uploads"
    setsid ip netns exec "$HOST" python3 "$HERE/controller.py" 8444 "$T" > "$T/controller.log" 2>&1 &
    echo $! > "$T/controller.pid"
}

agent_up() {
    cat > "$T/agent.conf" <<C
controller_url = http://127.0.0.1:8444
host_name = $HOST
public_nic = eth0
state_dir = $T/state
run_dir = $T/run
image_dir = $T/images
libvirt_uri = qemu:///system
kvm = no
C
    [ ! -f "$T/agent.extra" ] || cat "$T/agent.extra" >> "$T/agent.conf"
    setsid nsenter -t "$(cat "$T/daemon.pid")" -m -n -u -- env ALAMO_LOG="${ALAMO_LOG:-info}" "$AGENT" \
        --config "$T/agent.conf" >> "$T/agent.log" 2>&1 &
    echo $! > "$T/agent.pid"
}

stop_pid() { [ ! -f "$1" ] || kill "${2:--TERM}" "$(cat "$1")" 2>/dev/null || true; }

host_down() {
    stop_pid "$T/agent.pid"; stop_pid "$T/controller.pid"
    if [ -f "$T/daemon.pid" ]; then
        for id in $(in_host virsh list --uuid 2>/dev/null); do in_host virsh destroy "$id" >/dev/null 2>&1; done
        stop_pid "$T/lv/run/libvirtd.pid"
    fi
    stop_pid "$T/run/dnsmasq.pid"
    sleep 0.3; stop_pid "$T/daemon.pid"
    ip netns del "$HOST" 2>/dev/null; ip netns del "$OUT" 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf "$T"
}

# report GUEST KEY: what the agent said last of a guest
report() { python3 "$HERE/ask.py" "$T/seen.json" "$1" "$2"; }
is_report() { [ "$(report "$1" "$2")" = "$3" ]; }
