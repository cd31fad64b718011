#!/bin/bash
# agent-net.sh - the agent's network for real, with namespaces in the place of guests: each tap is one end of a pair of
# virtual cables.  DHCP, metadata by tap, groups, anti-spoofing, floating addresses, tenants' networks, a router, teardown.
set -u
. "$(dirname "$0")/lib.sh"
needs
A=11111111-0000-4000-8000-00000000000a; B=11111112-0000-4000-8000-00000000000b
passed=0; failed=0
docs() { python3 "$HERE/docs.py" "$T" "$@"; }
ok() { what=$1; shift; if "$@" >/dev/null 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok - $what"; fi; }
no() { what=$1; shift; if "$@" >/dev/null 2>&1; then failed=$((failed + 1)); echo "not ok - $what"; else passed=$((passed + 1)); fi; }
g() { n=$1; shift; ip netns exec "$HOST-g$n" "$@"; }
ping1() { g "$1" ping -c1 -W1 "$2"; }
get() { g "$1" curl -sf -m 2 "$2"; }
says() { [ "$(get "$1" "$2")" = "$3" ]; }

guest_up() { # N ADDRESS GATEWAY: a namespace that plays guest N
    ip netns add "$HOST-g$1"
    ip -n "$HOST" link add "tapbbbbbb0$1-00" type veth peer name eth0 netns "$HOST-g$1"
    ip -n "$HOST-g$1" link set lo up
    ip -n "$HOST-g$1" link set eth0 address "fa:16:3e:00:00:0$1" up
    ip -n "$HOST-g$1" addr add "$2/24" dev eth0
    ip -n "$HOST-g$1" route add default via "$3"
    setsid ip netns exec "$HOST-g$1" python3 -m http.server 80 -d "$T/www" >/dev/null 2>&1 & echo $! >> "$T/pids"
    setsid ip netns exec "$HOST-g$1" python3 -m http.server 81 -d "$T/www" >/dev/null 2>&1 & echo $! >> "$T/pids"
}
finish() {
    [ ! -f "$T/pids" ] || kill $(cat "$T/pids") 2>/dev/null
    for i in 1 2 3 4; do ip netns del "$HOST-g$i" 2>/dev/null; done
    host_down
}
trap finish EXIT

# A tenant's network behind router 1 (A) and one without (B)
tenant_net() { cat > "$T/docs/network.$1.json" <<J
{"id":"$1","flat":false,"isolated":true,"mtu":1450,"domain":"novalocal","subnets":[{"id":"$1","cidr":"$2.0/24",
 "gateway":"$2.1","ip_version":4,"dhcp":true,"dhcp_ip":"$2.2","gateway_here":$3,"leases":[]}]}
J
}

net_up; controller_up
mkdir -p "$T/www" "$T/run" "$T/state"; echo hello > "$T/www/index.html"
setsid ip netns exec "$HOST" sleep 1000 & echo $! > "$T/daemon.pid"; echo $! >> "$T/pids"
echo 'libvirt_uri = qemu+unix:///system?socket=/nonexistent' > "$T/agent.extra"
export ALAMO_SLOW=100 # the agent is not to lose patience with guests that no libvirtd will ever know
guest_up 1 10.0.0.11 10.0.0.1; guest_up 2 10.0.0.12 10.0.0.1; guest_up 3 10.1.0.13 10.1.0.1; guest_up 4 10.2.0.14 10.2.0.1
setsid ip netns exec "$OUT" python3 -m http.server 80 -b 203.0.113.1 -d "$T/www" >/dev/null 2>&1 & echo $! >> "$T/pids"
docs guest 1; docs guest 2
docs guest 3 "ports=[{\"id\":\"bbbbbb03-0000-4000-8000-000000000003\",\"mark\":103,\"mac\":\"fa:16:3e:00:00:03\",\"network_id\":\"$A\",\"ips\":[\"10.1.0.13\"],\"groups\":[],\"secured\":false,\"pairs\":[]}]"
docs guest 4 "ports=[{\"id\":\"bbbbbb04-0000-4000-8000-000000000004\",\"mark\":104,\"mac\":\"fa:16:3e:00:00:04\",\"network_id\":\"$B\",\"ips\":[\"10.2.0.14\"],\"groups\":[],\"secured\":false,\"pairs\":[]}]"
docs network; tenant_net $A 10.1.0 true; tenant_net $B 10.2.0 false
docs group default any icmp tcp:80; docs floating 1 203.0.113.100
cat > "$T/docs/router.22222222-0000-4000-8000-000000000001.json" <<J
{"id":"22222222-0000-4000-8000-000000000001","up":true,"external_ip":"203.0.113.50","snat":true,"routes":[],
 "legs":[{"network_id":"$A","subnet_id":"$A","ip":"10.1.0.1","cidr":"10.1.0.0/24"}]}
J
agent_up
wait_for 30 "the first network" outside ping -c1 -W1 203.0.113.100
wait_for 10 "metadata" get 1 http://169.254.169.254/latest/meta-data/hostname

ok "metadata of guest 1 by its tap" says 1 http://169.254.169.254/latest/meta-data/hostname vm1.novalocal
ok "metadata of guest 2 by its tap" says 2 http://169.254.169.254/latest/meta-data/hostname vm2.novalocal
ok "metadata in a tenant's network" says 3 http://169.254.169.254/latest/meta-data/instance-id i-aaaaaaaa
no "metadata for the host itself" in_net curl -sf -m 2 http://169.254.169.254:8775/latest/meta-data/hostname
no "metadata's port from outside" outside curl -sf -m 2 http://203.0.113.2:8775/
ok "a group lets ping in" ping1 1 10.0.0.12
ok "a group lets port 80 in" get 1 http://10.0.0.12/
no "port 81 stays closed" get 1 http://10.0.0.12:81/
# Neither a broadcast nor a multicast nor an address that a guest has for itself is a way round the groups: guest 2 listens,
# guest 1 calls.
ip -n "$HOST-g2" addr add 10.99.0.1/32 dev lo
ip -n "$HOST-g1" route add 10.99.0.1/32 via 10.0.0.12
setsid ip netns exec "$HOST-g2" timeout 4 python3 -c 'import socket; s = socket.socket(2, 2); s.bind(("", 5353)); s.setsockopt(0, 35, socket.inet_aton("224.0.0.251") + socket.inet_aton("10.0.0.12")); print(s.recv(9), flush=True)' > "$T/heard" 2>/dev/null & heard=$!
sleep 1
for to in 10.0.0.255 255.255.255.255 224.0.0.1 224.0.0.251 10.99.0.1; do
    g 1 python3 -c "import socket; s = socket.socket(2, 2); s.setsockopt(1, 6, 1); s.sendto(b'x', ('$to', 5353))"
done
wait "$heard"
no "a way round the groups to a closed port" test -s "$T/heard"
ok "floating address from outside" outside curl -sf -m 2 http://203.0.113.100/
no "a closed port through the floating address" outside curl -sf -m 2 http://203.0.113.100:81/
ok "floating address from a neighbour" get 2 http://203.0.113.100/
ok "floating address from itself" get 1 http://203.0.113.100/
ok "floating address from the host" in_net curl -sf -m 2 http://203.0.113.100/
ok "the outside from a flat guest" get 2 http://203.0.113.1/
ok "the outside through a router" get 3 http://203.0.113.1/
no "the outside without a router" get 4 http://203.0.113.1/
no "from one tenant's network to another" ping1 4 10.1.0.13
no "from a tenant's network to the flat one" ping1 3 10.0.0.12
no "from the flat network to a tenant's" ping1 1 10.1.0.13
no "from outside into a fixed address" sh -c "ip -n $OUT route add 10.0.0.0/24 via 203.0.113.2; ip netns exec $OUT curl -sf -m 2 http://10.0.0.12/"
in_net python3 -m http.server 9999 >/dev/null 2>&1 & echo $! >> "$T/pids"; sleep 0.5
no "a service of the host from a guest" get 1 http://10.0.0.1:9999/
ok "ping of the gateway" ping1 1 10.0.0.1
ok "names of guests" sh -c "ip netns exec $HOST-g1 python3 -c \"
import socket,struct
q=b'\0\1\1\0\0\1\0\0\0\0\0\0'+b''.join(bytes([len(p)])+p for p in [b'vm2',b'novalocal'])+b'\0\0\1\0\1'
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(2); s.sendto(q,('10.0.0.1',53)); r=s.recv(512)
assert socket.inet_aton('10.0.0.12') in r\""

say "spoofing"
ip -n "$HOST-g1" addr add 10.0.0.99/24 dev eth0
no "another source address" g 1 ping -c1 -W1 -I 10.0.0.99 10.0.0.12
ip -n "$HOST-g1" addr del 10.0.0.99/24 dev eth0
ip -n "$HOST-g1" link set eth0 address fa:16:3e:00:00:77
no "another MAC" ping1 1 10.0.0.12
ip -n "$HOST-g1" link set eth0 address fa:16:3e:00:00:01
ip -n "$HOST-g1" route replace default via 10.0.0.1
wait_for 10 "its own MAC again" ping1 1 10.0.0.12

say "changes"
docs group default any icmp tcp:81
wait_for 10 "a rule's arrival" get 1 http://10.0.0.12:81/
no "a rule's end" get 1 http://10.0.0.12/
docs remove floating eeeeeeee-0000-4000-8000-000000000001
wait_for 10 "the floating address's end" sh -c "! ip -n $HOST addr | grep -q 203.0.113.100"
kill -9 "$(cat "$T/agent.pid")"; sleep 0.2
ok "all goes on without an agent" get 1 http://10.0.0.12:81/
agent_up; sleep 1
ok "and with a new one" get 1 http://10.0.0.12:81/
tenant_net $B 203.0.113 false
wait_for 10 "the clash's report in the log" sh -c "ip -n $HOST link show brq11111112-00 2>&1 | grep -q 'does not exist'"

say "teardown"
kill "$(cat "$T/agent.pid")"; sleep 0.2
ok "teardown" sh -c "nsenter -t $(cat "$T/daemon.pid") -n $AGENT --config $T/agent.conf --teardown"
no "rules are left" sh -c "ip netns exec $HOST nft list ruleset | grep -q alamo"
no "addresses are left" sh -c "ip -n $HOST addr | grep -q '169.254.169.254\|203.0.113.50'"
no "bridges are left" sh -c "ip -n $HOST link | grep -q 'br0\|brq'"
no "dnsmasq is left" test -e "$T/run/dnsmasq.pid"
[ $failed = 0 ] || tail -5 "$T/agent.log"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
