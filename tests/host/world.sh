# world.sh - the outside world for host tests, to be sourced: one L2 segment as the first evaluation had it.
#
#   NAME-out    a router that is not ours at 203.0.113.1; DNS and a web server behind it at 198.18.0.1 ("the internet")
#   NAME-host   our host: eth0 203.0.113.254/24, default route to .1, the outside's name server
#
# No route is added for us: floating addresses are found by ARP on the segment or not at all.
# world_up NAME; world_down NAME; in_out NAME CMD...; in_host NAME CMD...

world_up() {
    w=$1
    world_down "$w"
    ip netns add "$w-out"
    ip netns add "$w-host"
    ip -n "$w-out" link set lo up
    ip -n "$w-host" link set lo up
    ip -n "$w-out" link add seg0 type veth peer name eth0 netns "$w-host"
    ip -n "$w-out" addr add 203.0.113.1/24 dev seg0
    ip -n "$w-out" link set seg0 up
    ip -n "$w-out" addr add 198.18.0.1/32 dev lo
    ip -n "$w-host" addr add 203.0.113.254/24 dev eth0
    ip -n "$w-host" link set eth0 up
    ip -n "$w-host" route add default via 203.0.113.1
    mkdir -p "/etc/netns/$w-host" "/run/alamo-world-$w"
    echo 'nameserver 203.0.113.1' > "/etc/netns/$w-host/resolv.conf"
    { cat /etc/hosts; grep -qw "$(hostname)" /etc/hosts || echo "127.0.1.1 $(hostname)"; } > "/etc/netns/$w-host/hosts"
    in_out "$w" sysctl -qw net.ipv4.ip_forward=1
    in_out "$w" dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --interface=seg0 --except-interface=lo \
        --address=/outside.example/198.18.0.1 --pid-file="/run/alamo-world-$w/dnsmasq.pid"
    mkdir -p "/run/alamo-world-$w/www"
    echo "hello from outside" > "/run/alamo-world-$w/www/index.html"
    ip netns exec "$w-out" busybox httpd -f -p 198.18.0.1:80 -h "/run/alamo-world-$w/www" > /dev/null 2>&1 & # no function: $! is httpd itself
    echo $! > "/run/alamo-world-$w/httpd.pid"
}

world_down() {
    w=$1
    for f in dnsmasq httpd; do
        [ -f "/run/alamo-world-$w/$f.pid" ] && kill "$(cat "/run/alamo-world-$w/$f.pid")" 2>/dev/null
        rm -f "/run/alamo-world-$w/$f.pid"
    done
    for n in out host; do
        ip netns list | grep -qw "$w-$n" && ip netns del "$w-$n"
    done
    rm -rf "/run/alamo-world-$w" "/etc/netns/$w-host"
    return 0
}

in_out() { w=$1; shift; ip netns exec "$w-out" "$@"; }
in_host() { w=$1; shift; ip netns exec "$w-host" "$@"; }

# wait_for SECONDS WHAT CMD...: repeats CMD until it succeeds; the time is scaled by ALAMO_SLOW.
wait_for() {
    limit=$(($1 * ${ALAMO_SLOW:-1})); what=$2; shift 2
    begin=$(date +%s)
    until "$@" > /dev/null 2>&1; do
        [ $(($(date +%s) - begin)) -lt "$limit" ] || { echo "timed out after $limit s: $what" >&2; return 1; }
        sleep 0.2
    done
}
