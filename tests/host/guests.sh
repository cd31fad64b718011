#!/bin/bash
# guests.sh [SECTION...]: one cloud and its guests, seen from outside: the world of the first evaluation (world.sh), real
# guests, every promise about packets, leases, disks and restarts; closing line "N passed, N failed, N skipped".
#
# KEEP=1 leaves the cloud there, and finds it again: for working on a section.  WORLD names the world (default: by pid).
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
cd "$TOP" || exit 1
. tests/host/world.sh
. tests/host/own-host.sh
WORLD=${WORLD:-g$$}
W=/tmp/alamo-$WORLD
. tests/host/client.sh
needs_host

finish() {
    [ -n "${KEEP-}" ] && return
    forget '*'
    alamo down > /dev/null 2>&1
    own_host_down
}
trap finish EXIT

enter() {
    ADMIN_PASSWORD=$(cat "$W/cloud/etc/admin.password")
    login admin admin "$ADMIN_PASSWORD" admin && login demo demo "$(cat "$W/cloud/etc/demo.password")" demo || return 1
    IMAGE=$(get demo '/image/v2/images?name=cirros' '.images[0].id')
    FLAVOR=$(get demo /compute/v2.1/flavors '.flavors[] | select(.name == "m1.micro").id')
    PUBLIC=$(get demo '/network/v2.0/networks?router:external=true' '.networks[0].id')
    FIRST=$(get demo '/compute/v2.1/servers?name=first' '.servers[0].id')
    FIP=$(said ssh | sed 's/.*@//')
    FIRST_IP=$(address_of demo "$FIRST")
    PLAIN=$(get demo '/compute/v2.1/servers?name=plain' '.servers[0].id // ""')
    PLAIN_IP=$([ -z "$PLAIN" ] || address_of demo "$PLAIN")
}

# ---- outside: ping, ssh, HTTP through the floating address ----------------------------------------------------------
printed_ssh() { is "$(on_host sh -c "$(said ssh) hostname")" first; }
seen_outside_as() { is "$("$1" "$2" curl -s -m 5 http://198.18.0.1:8000/)" "$3"; }
no_route_added() { is "$(from_outside ip route)" "203.0.113.0/24 dev seg0 proto kernel scope link src 203.0.113.1 "; }

test_outside() {
    check "ping through the floating address" pings "$FIP"
    check "ssh through the floating address" guest "$FIP" true
    check "the printed ssh line works verbatim" printed_ssh
    check "HTTP through the floating address" has_page "$FIP/" first
    check "no route was added outside" no_route_added
    guest "$FIP" 'sudo busybox httpd -p 81 -h /var/www'
    check "the guest listens at a port that no rule opens" guest "$FIP" "curl -sf -m 5 http://$FIRST_IP:81/"
    refuses "and the port stays closed" page "$FIP:81/"
    refuses "a port where nothing listens is closed" page "$FIP:82/"
    check "the guest goes out by its floating address" seen_outside_as guest "$FIP" "$FIP"
    check "hairpin: the guest reaches its own floating address" guest "$FIP" "curl -sf -m 5 http://$FIP/ | grep first"
    check "the host reaches the floating address" on_host sh -c "curl -sf -m 5 http://$FIP/ | grep first"
    refuses "a guest does not reach the API of the agents" guest "$FIP" 'curl -skf -m 3 https://203.0.113.254:8444/'
    refuses "a guest does not reach ssh or dnsmasq of the host's public side" guest "$FIP" 'nslookup outside.example 203.0.113.254'
}

# ---- plain: a guest without floating address, with config drive and user data -----------------------------------------
USER_DATA='#!/bin/sh
echo "user data ran" > /var/www/user-data
busybox httpd -p 81 -u www -h /var/www
echo "it ran as $(id -un)"'

test_plain() {
    PLAIN=$(make_server demo plain "$(jq -nc --arg u "$(echo "$USER_DATA" | base64 -w0)" '{key_name: "demo", config_drive: true, user_data: $u}')")
    check "a server with config drive and user data" becomes demo "$PLAIN" ACTIVE || return
    PLAIN_IP=$(address_of demo "$PLAIN")
    check "ssh from the host to the fixed address" wait_for 60 "ssh" inner "$PLAIN_IP" true
    check "ssh as the OpenStack user" inner_as demo "$PLAIN_IP" 'test "$(id -un)" = demo && test "$(sudo id -u)" = 0'
    check "SNAT: the guest goes out by the host's address" seen_outside_as inner "$PLAIN_IP" 203.0.113.254
    check "the guest resolves names of the outside" inner "$PLAIN_IP" 'curl -sf -m 5 http://outside.example/ | grep "hello from outside"'
    check "the guest resolves its neighbour's name" inner "$PLAIN_IP" 'curl -sf -m 5 http://first.novalocal/ | grep first || { cat /etc/resolv.conf; nslookup first.novalocal; false; }'
    check "user data ran" wait_for 20 "user data" inner "$PLAIN_IP" 'grep "user data ran" /var/www/user-data'
    check "the config drive was the datasource" console_says demo "$PLAIN" "datasource configdrive"
    check "a neighbour of the same group reaches any port" guest "$FIP" "curl -sf -m 5 http://$PLAIN_IP:81/user-data | grep ran"
    check "the MTU of the host's NIC" inner "$PLAIN_IP" 'ip link show eth0 | grep "mtu 1400"'
}

# ---- stolen: nothing gets through -------------------------------------------------------------------------------------
mac_of() { get demo "/network/v2.0/ports?device_id=$1" '.ports[0].mac_address'; }
neighbour() { on_host ip neigh show "$1" dev br0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p'; }
stays_with() {
    guest "$FIP" "sudo arping -q -c 3 -U -s $1 -I eth0 $1; sudo arping -q -c 3 -A -s $1 -I eth0 $1"
    on_host ping -n -q -c1 -W2 "$1" && is "$(neighbour "$1")" "$2"
}
other_mac() { # pings with another MAC; put back whatever happens
    guest "$FIP" 'sudo sh -c "ip link set eth0 down; ip link set eth0 address fa:16:3e:99:99:99; ip link set eth0 up; ip route add default via 192.168.47.1
        ping -c 3 -W 1 192.168.47.1 > /tmp/spoof 2>&1
        ip link set eth0 down; ip link set eth0 address '"$(mac_of "$FIRST")"'; ip link set eth0 up; ip route add default via 192.168.47.1"'
    guest "$FIP" 'grep "3 packets transmitted, 0 packets received" /tmp/spoof'
}
test_stolen() {
    free=192.168.47.200
    guest "$FIP" "sudo ip addr add $PLAIN_IP/32 dev eth0; sudo ip addr add $free/32 dev eth0"
    for to in 192.168.47.1 203.0.113.1; do
        refuses "a neighbour's address as source: no answer from $to" guest "$FIP" "ping -c 2 -W 1 -I $PLAIN_IP $to"
        refuses "a free address as source: no answer from $to" guest "$FIP" "ping -c 2 -W 1 -I $free $to"
    done
    check "ARP for a stolen address changes nothing" stays_with "$PLAIN_IP" "$(mac_of "$PLAIN")"
    refuses "a stolen free address cannot be reached" on_host ping -n -q -c2 -W1 "$free"
    guest "$FIP" "sudo ip addr del $PLAIN_IP/32 dev eth0; sudo ip addr del $free/32 dev eth0"
    check "another MAC: no packet gets through" other_mac
    check "the guest's own address still works" pings "$FIP"
}

# ---- quiet: both daemons stopped for a minute -------------------------------------------------------------------------
lease() { grep " $1 " "$W/cloud/data/agent/dnsmasq.leases" | cut -d' ' -f1; }
renewed() {
    before=$(lease "$FIRST_IP")
    sleep 1.1 # leases count whole seconds
    guest "$FIP" 'sudo kill -USR1 $(cat /run/udhcpc.eth0.pid)'
    wait_for 10 "a renewed lease" sh -c "[ \"\$(grep ' $FIRST_IP ' '$W/cloud/data/agent/dnsmasq.leases' | cut -d' ' -f1)\" -gt $before ]"
}
all_answered() { wait "$1"; cat "$W/ping"; grep -q '300 packets transmitted, 300 received' "$W/ping"; }
same_servers() { is "$(get demo /compute/v2.1/servers/detail '[.servers[] | [.id, .name, .status, .addresses]]')" "$1"; }

test_quiet() {
    servers=$(get demo /compute/v2.1/servers/detail '[.servers[] | [.id, .name, .status, .addresses]]')
    kill -9 "$(pid_of supervise)" # it would start the others again
    kill "$(pid_of alamo-agent)" "$(pid_of alamod)"
    wait_for 20 "the daemons' end" not curl_api "$URL/" || return
    from_outside ping -n -q -i 0.2 -c 300 "$FIP" > "$W/ping" &
    pinger=$!
    check "daemons stopped: a lease is renewed" renewed
    check "daemons stopped: a new connection in" has_page "$FIP/" first
    check "daemons stopped: SNAT and names" inner "$PLAIN_IP" 'curl -sf -m 5 http://outside.example/ | grep hello'
    check "daemons stopped: neighbours" guest "$FIP" "curl -sf -m 5 http://$PLAIN_IP:81/user-data"
    check "daemons stopped for a minute: no ping is lost" all_answered $pinger
    from_outside ping -n -q -i 0.2 -c 40 "$FIP" > "$W/ping2" &
    pinger=$!
    check "up finds everything again" cloud_up
    wait $pinger
    check "starting them again loses no ping" grep '40 packets transmitted, 40 received' "$W/ping2"
    check "the same servers, all ACTIVE" same_servers "$servers"
}

# ---- again: up, down, power cuts ----------------------------------------------------------------------------------------
says_nothing_to_do() { cloud_up && { grep -qx 'nothing to change' "$W/up" || { cat "$W/up"; false; }; }; }
on_this_host() { on_host nft -s list ruleset; on_host ip -br link; on_host ip -br addr; on_host ip route; }
down_leaves_nothing() {
    cloud_down || return 1
    is "$(on_host nft list ruleset)" "" || return 1
    is "$(on_host ip -br link | grep -vc '^lo \|^eth0@')" 0 || { on_host ip -br link; return 1; }
    on_host ip -br addr | grep -E '169\.254\.169\.254|203\.0\.113\.(6[4-9]|[7-9].|1[01].|12[0-7])' && return 1
    is "$(on_host cat /proc/sys/net/ipv4/ip_forward)" 0 || return 1
    is "$(processes | grep -cv '^sleep$')" 0 || { processes; return 1; }
}
processes() { # of the host
    for p in $(pids_in "$WORLD-host"); do cat "/proc/$p/comm" 2> /dev/null; done
}
back_again() { # all servers as they were, with their data
    same_servers "$1" && wait_for 60 "the page" has_page "$FIP/" first || return 1
    forget "$FIP" "$PLAIN_IP"
    wait_for 60 "ssh" guest "$FIP" true
    guest "$FIP" 'grep written-before-all-that marker' || return 1
    wait_for 60 "ssh" inner "$PLAIN_IP" true
    inner "$PLAIN_IP" 'grep written-before-all-that marker'
}
power_cut() { # everything at once, and nothing of what the kernel held is there any more
    for p in $(pids_in "$WORLD-host"); do
        [ "$(cat "/proc/$p/comm" 2> /dev/null)" = sleep ] || kill -9 "$p" 2> /dev/null
    done
    forget "$FIP" "$PLAIN_IP"
    on_host nft flush ruleset
    for link in $(on_host ip -br link | sed 's/[@ ].*//' | grep -E '^(br|tap|q)'); do on_host ip link del "$link"; done
    for address in $(on_host ip -br addr show eth0 | tr ' ' '\n' | grep /32); do on_host ip addr del "$address" dev eth0; done
    on_host ip addr del 169.254.169.254/32 dev lo
    rm -rf "$W"/libvirt/run/* "$W"/cloud/run
    cat /proc/sys/kernel/random/uuid > "$W/boot_id"
    on_host mount --bind "$W/boot_id" /proc/sys/kernel/random/boot_id
    [ "$(processes | grep -cv '^sleep$')" = 0 ]
}

test_again() {
    check "a second up says: nothing to change" says_nothing_to_do
    before=$(on_this_host)
    says_nothing_to_do > /dev/null
    check "and changes nothing on the host" is "$(on_this_host)" "$before"
    servers=$(get demo /compute/v2.1/servers/detail '[.servers[] | [.id, .name, .status, .addresses]]')
    guest "$FIP" 'echo written-before-all-that > marker; sync'
    inner "$PLAIN_IP" 'echo written-before-all-that > marker; sync'
    forget "$FIP" "$PLAIN_IP"
    check "down takes bridge, rules, addresses and processes back" down_leaves_nothing
    check "up after down" cloud_up
    login demo demo "$(cat "$W/cloud/etc/demo.password")" demo
    check "down and up: the same servers, addresses and data" back_again "$servers"
    guest "$FIP" 'sync'
    check "a power cut" power_cut
    check "up after a power cut" cloud_up
    check "power cut: the same servers, addresses and data" back_again "$servers"
}

# ---- many: several at once, without a key -----------------------------------------------------------------------------
test_many() {
    call demo POST /compute/v2.1/servers "$(jq -nc --arg i "$IMAGE" --arg f "$FLAVOR" \
        '{server: {name: "many", imageRef: $i, flavorRef: $f, networks: "auto", min_count: 2}}')" > "$W/made"
    check "two servers by one call" is "$(get demo '/compute/v2.1/servers?name=many' '[.servers[].name] | sort | join(" ")')" "many-1 many-2"
    for id in $(get demo '/compute/v2.1/servers?name=many' '.servers[].id'); do
        check "one of many, without a key" becomes demo "$id" ACTIVE
        ip=$(address_of demo "$id")
        check "its page" wait_for 90 "the page" guest "$FIP" "curl -sf -m 3 http://$ip/ | grep many-"
        check "ssh refuses who has no key" closed_to_us "$ip"
        call demo DELETE "/compute/v2.1/servers/$id" > /dev/null
        check "and away" wait_for 30 "the end of $id" gone demo "$id"
    done
}
closed_to_us() { inner "$1" true 2> "$W/ssh.err"; grep -q 'Permission denied' "$W/ssh.err" || { cat "$W/ssh.err"; false; }; }

# ---- floating: the literal command of 2012 ------------------------------------------------------------------------------
nova_manage() { on_host env ALAMO_ROOT="$W/cloud" PATH="$TOP/packaging:$TOP:$PATH" nova-manage "$@"; }
ranges() { get admin "/network/v2.0/subnets?network_id=$PUBLIC" '[.subnets[] | [.id, .cidr, .allocation_pools]] | sort'; }
test_floating() {
    before=$(ranges)
    check "nova-manage floating create, repeated" nova_manage floating create --ip_range=203.0.113.64/26
    check "it changed nothing" is "$(ranges)" "$before"
    check "first and last address are left out" sh -c "echo '$before' | tr -d '\n ' | grep '\"start\":\"203.0.113.65\",\"end\":\"203.0.113.126\"'"
    refuses "an overlapping range" nova_manage floating create --ip_range=203.0.113.0/25
    check "nova-manage floating create of another range" nova_manage floating create --ip_range=203.0.113.128/28
    check "it is there" sh -c "nova_manage() { :; }; echo '$(nova_manage floating list | tr '\n' ' ')' | grep 203.0.113.128/28"
    check "nova-manage floating delete" nova_manage floating delete --ip_range=203.0.113.128/28
    check "and it is as before" is "$(ranges)" "$before"
}

# ---- tenants: networks of their own ---------------------------------------------------------------------------------------
new_tenant() { # NAME: project, user, key, network, router
    project=$(call admin POST /identity/v3/projects "{\"project\": {\"name\": \"$1\"}}" | jq -r .project.id)
    user=$(call admin POST /identity/v3/users "{\"user\": {\"name\": \"$1\", \"password\": \"pass-of-$1\"}}" | jq -r .user.id)
    role=$(get admin '/identity/v3/roles?name=member' '.roles[0].id')
    call admin PUT "/identity/v3/projects/$project/users/$user/roles/$role" && login "$1" "$1" "pass-of-$1" "$1" || return 1
    call "$1" POST /compute/v2.1/os-keypairs "$(jq -nc --arg k "$(ssh-keygen -y -f "$W/cloud/etc/demo.key")" '{keypair: {name: "demo", public_key: $k}}')" || return 1
    network=$(call "$1" POST /network/v2.0/networks '{"network": {"name": "own"}}' | jq -r .network.id)
    subnet=$(call "$1" POST /network/v2.0/subnets "{\"subnet\": {\"network_id\": \"$network\", \"ip_version\": 4, \"cidr\": \"$2\"}}" | jq -r .subnet.id)
    subnet6=$(call "$1" POST /network/v2.0/subnets "{\"subnet\": {\"network_id\": \"$network\", \"ip_version\": 6, \"cidr\": \"$3\",
        \"ipv6_ra_mode\": \"slaac\", \"ipv6_address_mode\": \"slaac\"}}" | jq -r .subnet.id)
    router=$(call "$1" POST /network/v2.0/routers "{\"router\": {\"name\": \"out\", \"external_gateway_info\": {\"network_id\": \"$PUBLIC\"}}}" | jq -r .router.id)
    call "$1" PUT "/network/v2.0/routers/$router/add_router_interface" "{\"subnet_id\": \"$subnet\"}" || return 1
    call "$1" PUT "/network/v2.0/routers/$router/add_router_interface" "{\"subnet_id\": \"$subnet6\"}" || return 1
    group=$(get "$1" '/network/v2.0/security-groups?name=default' '.security_groups[0].id')
    for rule in '"protocol": "icmp"' '"protocol": "tcp", "port_range_min": 22, "port_range_max": 22' '"protocol": "tcp", "port_range_min": 80, "port_range_max": 80'; do
        call "$1" POST /network/v2.0/security-group-rules "{\"security_group_rule\": {\"security_group_id\": \"$group\", \"direction\": \"ingress\", $rule}}" || return 1
    done
    echo "$network" > "$W/$1.network"
    echo "$router" > "$W/$1.router"
}
external_of() { get "$1" "/network/v2.0/routers/$(cat "$W/$1.router")" '.router.external_gateway_info.external_fixed_ips[0].ip_address'; }
in_own_network() { jq -nc --arg n "$(cat "$W/$1.network")" --arg u "$(echo "$2" | base64 -w0)" '{key_name: "demo", networks: [{uuid: $n}], user_data: $u}'; }
own_data() { # the metadata that a guest gets is its own, whatever it says of itself
    guest "$1" "curl -s -m 5 -H 'X-Forwarded-For: $3' -H 'X-Instance-ID: $4' -H 'X-Tenant-ID: x' http://169.254.169.254/openstack/latest/meta_data.json" > "$W/meta" &&
        is "$(jq -r .uuid "$W/meta")" "$2" &&
        is "$(guest "$1" "curl -s -m 5 -H 'X-Forwarded-For: $3' http://169.254.169.254/latest/meta-data/local-ipv4")" "$5"
}

test_tenants() {
    check "a tenant with network and router" new_tenant aa 10.1.0.0/24 fd00:a::/64 || return
    check "another" new_tenant bb 10.2.0.0/24 fd00:b::/64 || return
    AA=$(make_server aa in-aa "$(in_own_network aa '#!/bin/sh
echo of-aa')")
    check "a server in the first tenant's network" becomes aa "$AA" ACTIVE || return
    AA_FIP=$(give_floating aa "$AA") AA_IP=$(address_of aa "$AA")
    check "ping through router and floating address" wait_for 90 "ping" pings "$AA_FIP"
    check "ssh through router and floating address" wait_for 60 "ssh" guest "$AA_FIP" true
    BB=$(make_server bb in-bb "$(in_own_network bb "#!/bin/sh
echo of-bb: seen as \$(curl -s -m 5 http://198.18.0.1:8000/)
echo of-bb: says \$(curl -s -m 5 http://outside.example/)
curl -s -m 5 http://$AA_IP/ > /dev/null && echo of-bb: reaches aa || echo of-bb: cannot reach aa
curl -s -m 5 http://$FIRST_IP/ > /dev/null && echo of-bb: reaches first || echo of-bb: cannot reach first
curl -s -m 5 http://$AA_FIP/ > /dev/null && echo of-bb: reaches aa by floating address || echo of-bb: does not")")
    check "a server in the second tenant's network" becomes bb "$BB" ACTIVE || return
    BB_IP=$(address_of bb "$BB")
    check "the guest's MTU is its network's" is "$(guest "$AA_FIP" 'cat /sys/class/net/eth0/mtu')" "$(get aa "/network/v2.0/networks/$(cat "$W/aa.network")" .network.mtu)"
    check "IPv6: the guest has the address of its port" is "$(guest "$AA_FIP" 'ip -6 addr show eth0' | sed -n 's/.*inet6 \(fd00[^/]*\).*/\1/p')" \
        "$(get aa "/network/v2.0/ports?device_id=$AA" '.ports[0].fixed_ips[] | select(.ip_address | startswith("fd00")).ip_address')"
    check "the floating address is the guest's outside" seen_outside_as guest "$AA_FIP" "$AA_FIP"
    check "names in a tenant's network" guest "$AA_FIP" 'curl -sf -m 5 http://outside.example/ | grep hello'
    check "hairpin through the router" guest "$AA_FIP" "curl -sf -m 5 http://$AA_FIP/ | grep in-aa"
    check "the host reaches it by its floating address" on_host curl -sf -m 5 "http://$AA_FIP/"
    check "the second guest's user data" wait_for 120 "the end of user data" console_says bb "$BB" "of-bb: .*floating\|of-bb: does not"
    check "SNAT by the tenant's own router" console_says bb "$BB" "of-bb: seen as $(external_of bb)"
    check "names through the router" console_says bb "$BB" "of-bb: says hello from outside"
    check "isolation: no way to the other tenant" console_says bb "$BB" "of-bb: cannot reach aa"
    check "isolation: no way to the flat network" console_says bb "$BB" "of-bb: cannot reach first"
    check "but by floating address" console_says bb "$BB" "of-bb: reaches aa by floating address"
    refuses "isolation: no way back" guest "$AA_FIP" "curl -s -m 3 http://$BB_IP/"
    refuses "isolation: no way from the flat network" guest "$FIP" "curl -s -m 3 http://$AA_IP/"
    refuses "isolation: the other tenant's gateway does not answer for it" guest "$AA_FIP" "ping -c1 -W2 $BB_IP"
    check "metadata: each its own, whatever the headers say" own_data "$AA_FIP" "$AA" "$BB_IP" "$BB" "$AA_IP"
    check "metadata: the user data is its own" guest "$AA_FIP" "curl -s -m 5 -H 'X-Forwarded-For: $BB_IP' http://169.254.169.254/latest/user-data | grep of-aa"
    forget "$AA_FIP"
    for who in aa bb; do
        [ $who = aa ] && id=$AA || id=$BB
        call $who DELETE "/compute/v2.1/servers/$id" > /dev/null
        check "the server of $who goes" wait_for 30 "the end of $id" gone $who "$id"
    done
}

# ---- actions: what happens to a server leaves its disk alone ------------------------------------------------------------------
has_marker() { wait_for 90 "ssh" inner "$PLAIN_IP" true && inner "$PLAIN_IP" "grep $1 marker"; }
boot_id() { inner "$1" cat /proc/sys/kernel/random/boot_id; }
rebooted() { # TYPE
    before=$(boot_id "$PLAIN_IP")
    act demo "$PLAIN" "{\"reboot\": {\"type\": \"$1\"}}" || return 1
    becomes demo "$PLAIN" ACTIVE || return 1
    forget "$PLAIN_IP"
    has_marker of-actions && not is "$(boot_id "$PLAIN_IP")" "$before"
}
still_runs() { wait_for 20 "an answer" on_host ping -n -q -c1 -W1 "$PLAIN_IP" && is "$(boot_id "$PLAIN_IP")" "$1"; }

test_actions() {
    inner "$PLAIN_IP" 'echo of-actions > marker; sync'
    check "soft reboot" rebooted SOFT
    inner "$PLAIN_IP" sync
    check "hard reboot" rebooted HARD
    act demo "$PLAIN" '{"os-stop": null}' > /dev/null
    check "stop, before the plug is pulled after a minute" becomes demo "$PLAIN" SHUTOFF 45
    refuses "a stopped server does not answer" on_host ping -n -q -c1 -W1 "$PLAIN_IP"
    act demo "$PLAIN" '{"os-start": null}' > /dev/null
    check "start" becomes demo "$PLAIN" ACTIVE
    forget "$PLAIN_IP"
    check "after stop and start: the same disk" has_marker of-actions
    id=$(boot_id "$PLAIN_IP")
    act demo "$PLAIN" '{"pause": null}' > /dev/null
    check "pause" becomes demo "$PLAIN" PAUSED
    refuses "a paused server does not answer" on_host ping -n -q -c1 -W1 "$PLAIN_IP"
    act demo "$PLAIN" '{"unpause": null}' > /dev/null
    check "unpause" becomes demo "$PLAIN" ACTIVE
    check "it goes on where it was" still_runs "$id"
    act demo "$PLAIN" '{"suspend": null}' > /dev/null
    check "suspend" becomes demo "$PLAIN" SUSPENDED
    refuses "a suspended server does not answer" on_host ping -n -q -c1 -W1 "$PLAIN_IP"
    act demo "$PLAIN" '{"resume": null}' > /dev/null
    check "resume" becomes demo "$PLAIN" ACTIVE
    check "it wakes up where it was" still_runs "$id"
}

# ---- images: from running servers -----------------------------------------------------------------------------------------------
images() { get demo "/image/v2/images?name=$1&sort=created_at:asc" '.images[] | [.id, .status] | join(" ")'; }
image_active() { is "$(get demo "/image/v2/images/$1" .status)" active; }
shortly_away() { # no second without an answer
    wait "$1"
    cat "$W/ping"
    received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$W/ping")
    [ "$received" -ge 90 ]
}
boots_with() { # IMAGE MARKER: in a server of its own
    id=$(IMAGE=$1 make_server demo from-image '{"key_name": "demo"}') || return 1
    becomes demo "$id" ACTIVE || return 1
    ip=$(address_of demo "$id")
    forget "$ip"
    wait_for 90 "ssh" inner "$ip" true && inner "$ip" "grep $2 marker && test \$(hostname) = from-image"
    found=$?
    forget "$ip"
    call demo DELETE "/compute/v2.1/servers/$id" > /dev/null
    wait_for 30 "the end of $id" gone demo "$id" && [ $found = 0 ]
}
backup() { # MARKER: until the server has nothing more to do
    inner "$PLAIN_IP" "echo $1 > marker; sync"
    act demo "$PLAIN" '{"createBackup": {"name": "kept", "backup_type": "daily", "rotation": 2}}' > "$W/made" || return 1
    jq -r .image_id "$W/made" > "$W/image.$1"
    wait_for 60 "the backup" image_active "$(cat "$W/image.$1")"
}

test_images() {
    inner "$PLAIN_IP" 'echo of-create-image > marker; sync'
    on_host ping -n -q -i 0.1 -c 100 "$PLAIN_IP" > "$W/ping" &
    pinger=$!
    act demo "$PLAIN" '{"createImage": {"name": "snap"}}' > "$W/made"
    snap=$(jq -r .image_id "$W/made")
    check "an image of a running server" wait_for 60 "the image" image_active "$snap"
    check "which was away for less than a second" shortly_away $pinger
    check "the image boots, with the data" boots_with "$snap" of-create-image
    call demo DELETE "/image/v2/images/$snap" > /dev/null
    for n in 1 2 3; do
        check "backup $n" backup "backup-$n"
    done
    check "rotation 2: the oldest is gone" wait_for 10 "its end" answers_code 404 demo GET "/image/v2/images/$(cat "$W/image.backup-1")"
    check "rotation 2: two are left" is "$(images kept)" "$(printf '%s active\n%s active' "$(cat "$W/image.backup-2")" "$(cat "$W/image.backup-3")")"
    check "the newest backup boots and holds its marker" boots_with "$(cat "$W/image.backup-3")" backup-3
    for n in 2 3; do
        call demo DELETE "/image/v2/images/$(cat "$W/image.backup-$n")" > /dev/null
    done
}

# ---- ports: changed while guests run ----------------------------------------------------------------------------------------------
change_port() { call admin PUT "/network/v2.0/ports/$1" "{\"port\": $2}"; }
from_free() { guest "$FIP" 'ping -c 1 -W 1 -I 192.168.47.200 192.168.47.1'; }
test_ports() {
    net=$(call demo POST /network/v2.0/networks '{"network": {"name": "second"}}' | jq -r .network.id)
    call demo POST /network/v2.0/subnets "{\"subnet\": {\"network_id\": \"$net\", \"ip_version\": 4, \"cidr\": \"10.9.0.0/24\"}}" > /dev/null
    call demo POST "/compute/v2.1/servers/$PLAIN/os-interface" "{\"interfaceAttachment\": {\"net_id\": \"$net\"}}" > "$W/made"
    port=$(jq -r .interfaceAttachment.port_id "$W/made") ip=$(jq -r '.interfaceAttachment.fixed_ips[0].ip_address' "$W/made")
    check "an attached interface comes to the running guest" wait_for 30 "eth1" inner "$PLAIN_IP" 'test -e /sys/class/net/eth1'
    check "it gets its address by DHCP" wait_for 20 "DHCP" inner "$PLAIN_IP" "sudo ip link set eth1 up; sudo busybox udhcpc -i eth1 -n -q -t 3 -s /etc/udhcpc.sh; ip addr show eth1 | grep $ip"
    call demo DELETE "/compute/v2.1/servers/$PLAIN/os-interface/$port" > /dev/null
    check "a detached interface goes" wait_for 30 "the end of eth1" inner "$PLAIN_IP" 'test ! -e /sys/class/net/eth1'
    check "with its port" wait_for 20 "the port's end" answers_code 404 demo GET "/network/v2.0/ports/$port"
    check "its network can be deleted" call demo DELETE "/network/v2.0/networks/$net"

    guest "$FIP" 'sudo busybox httpd -p 82 -h /var/www; sudo ip addr add 192.168.47.200/32 dev eth0'
    refuses "no rule: closed" page "$FIP:82/"
    group=$(get demo '/network/v2.0/security-groups?name=default' '.security_groups[0].id')
    rule=$(call demo POST /network/v2.0/security-group-rules "{\"security_group_rule\": {\"security_group_id\": \"$group\",
        \"direction\": \"ingress\", \"protocol\": \"tcp\", \"port_range_min\": 82, \"port_range_max\": 82}}" | jq -r .security_group_rule.id)
    check "a rule opens the port of a running guest" wait_for 10 "the rule" page "$FIP:82/"
    call demo DELETE "/network/v2.0/security-group-rules/$rule" > /dev/null
    check "its end closes it" wait_for 10 "the rule's end" not page "$FIP:82/"

    port=$(port_of demo "$FIRST")
    groups=$(get demo "/network/v2.0/ports/$port" '.port.security_groups | tojson')
    refuses "no pair: another address gets nothing through" from_free
    check "a tenant takes no such freedom on the shared network" answers_code 403 demo PUT "/network/v2.0/ports/$port" \
        '{"port": {"port_security_enabled": false, "security_groups": []}}'
    check "an allowed address pair" change_port "$port" '{"allowed_address_pairs": [{"ip_address": "192.168.47.200"}]}'
    check "lets that address through" wait_for 10 "the pair" from_free
    check "its end" change_port "$port" '{"allowed_address_pairs": []}'
    check "stops it" wait_for 10 "the pair's end" not from_free
    check "port security off" change_port "$port" '{"security_groups": [], "port_security_enabled": false}'
    check "lets any address through" wait_for 10 "port security" from_free
    check "and opens all ports" wait_for 10 "open ports" page "$FIP:82/"
    check "port security on" change_port "$port" "{\"port_security_enabled\": true, \"security_groups\": $groups}"
    check "stops other addresses" wait_for 10 "port security" not from_free
    check "and closes the port" wait_for 10 "closed ports" not page "$FIP:82/"
    guest "$FIP" 'sudo ip addr del 192.168.47.200/32 dev eth0'
    check "check finds nothing without an owner" alamo check
}

# ---- nothing: what is left when all servers are deleted ------------------------------------------------------------------------------
nothing_left() {
    is "$(on_host ip -br link | grep -c '^tap')" 0 || return 1
    is "$(on_host virsh list --all --name | tr -d '\n')" "" || return 1
    is "$(ls "$W/cloud/data/agent/guests" "$W/cloud/data/agent/records" "$W/cloud/data/consoles" | grep -v '^/\|^$')" "" || return 1
    is "$(on_host nft list ruleset | grep -c 'tap[0-9a-f]\{8\}\|port-[0-9a-f-]\{36\}')" 0 || { on_host nft list ruleset; return 1; }
    is "$(on_host ip -br addr show eth0 | grep -c '/32')" 0
}
no_leases() { is "$(cat "$W/cloud/data/agent/dnsmasq.leases" 2> /dev/null)" ""; }
test_nothing() {
    forget "$FIP" "$PLAIN_IP"
    for id in $(get admin '/compute/v2.1/servers?all_tenants=1' '.servers[].id'); do call admin DELETE "/compute/v2.1/servers/$id" > /dev/null; done
    for id in $(get admin /network/v2.0/floatingips '.floatingips[].id'); do call admin DELETE "/network/v2.0/floatingips/$id" > /dev/null; done
    check "all servers go" wait_for 60 "their end" sh -c "! ls '$W/cloud/data/agent/guests' | grep -q ."
    check "no tap, domain, disk, rule or address is left" wait_for 75 "that" nothing_left || nothing_left
    check "no lease is left" wait_for 10 "that" no_leases || no_leases
    check "check finds nothing" alamo check
    check "quotas are given back" is "$(get demo /compute/v2.1/limits '.limits.absolute | [.totalInstancesUsed, .totalCoresUsed, .totalRAMUsed] | tojson')" '[0,0,0]'
}

# ---- badluck: ERROR with cause and next step, and nothing left behind --------------------------------------------------------------------
ends_in_error() { # PATTERN MEND...: a new server does, and its fault says so; when it is mended the server can go
    id=$(make_server demo unlucky '{}') || return 1
    pattern=$1
    shift
    wait_for 150 "ERROR" is_status demo "$id" ERROR
    is_status demo "$id" ERROR && fault_of demo "$id" | tee "$W/fault" | grep -qi "$pattern" && grep -q 'Next: ' "$W/fault"
    said_so=$?
    "$@"
    call demo DELETE "/compute/v2.1/servers/$id"
    wait_for 60 "its end" gone demo "$id" || { echo "it does not go"; return 1; }
    [ $said_so = 0 ] || { cat "$W/fault"; return 1; }
}
squat() { # takes the port of DHCP
    kill "$(cat "$W/cloud/run/dnsmasq.pid" 2> /dev/null)" 2> /dev/null
    ip netns exec "$WORLD-host" python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while s.bind(("0.0.0.0", 67)): pass
time.sleep(1000)' &
    echo $! > "$W/squatter.pid"
    wait_for 20 "a taken port" sh -c "ss -H -u -l -n -p -N '$WORLD-host' 'sport = :67' | grep -q python"
}
stop_libvirtd() {
    rm -f "$W/cloud/run/wanted/libvirtd"
    kill "$(pid_of libvirtd)"
}
start_libvirtd() {
    touch "$W/cloud/run/wanted/libvirtd"
    cloud_up > /dev/null
}
leave_squat() { kill "$(cat "$W/squatter.pid")"; }
free_disk() { on_host umount "$W/cloud/data/agent/guests"; }
show_image() { mv "$W/hidden" "$W/cloud/data/images/$IMAGE"; }

test_badluck() {
    on_host mount -t tmpfs -o size=64k tmpfs "$W/cloud/data/agent/guests"
    check "a full disk" ends_in_error 'no space left' free_disk
    mv "$W/cloud/data/images/$IMAGE" "$W/hidden"
    check "an unreadable image" ends_in_error 'bytes of image .* are gone' show_image
    squat
    check "a failed DHCP start" ends_in_error 'dnsmasq' leave_squat
    stop_libvirtd
    check "a dead libvirtd" ends_in_error 'libvirtd' start_libvirtd
    check "nothing is left of the unlucky" wait_for 20 "that" nothing_left || nothing_left
    check "check finds nothing after bad luck" alamo check
    id=$(make_server demo lucky '{}')
    check "a new server works" becomes demo "$id" ACTIVE
    call demo DELETE "/compute/v2.1/servers/$id" > /dev/null
}

# ---- sizes: a rebuild makes the disks anew, a resize keeps what is on them ------------------------------------------------
make_flavor() { # NAME VCPUS RAM DISK: prints its id
    call admin POST /compute/v2.1/flavors "$(jq -nc --arg n "$1" "{flavor: {name: \$n, vcpus: $2, ram: $3, disk: $4}}")" > "$W/made" || { cat "$W/made" >&2; return 1; }
    jq -r .flavor.id "$W/made"
}
resize() { act demo "$1" "{\"resize\": {\"flavorRef\": \"$2\"}}" && becomes demo "$1" VERIFY_RESIZE; }

test_sizes() {
    id=$(make_server demo sized '{"key_name": "demo"}')
    check "a server to change" becomes demo "$id" ACTIVE || return
    ip=$(give_floating demo "$id")
    check "it answers" wait_for 60 "ssh" guest "$ip" true
    guest "$ip" 'echo old | sudo tee /marker > /dev/null; sync'
    check "a rebuild" act demo "$id" "{\"rebuild\": {\"imageRef\": \"$IMAGE\", \"metadata\": {\"built\": \"twice\"}}}"
    check "it ends" becomes demo "$id" ACTIVE
    forget "$ip"
    check "it answers at its address" wait_for 60 "ssh" guest "$ip" true
    check "nothing is left of the old disk" guest "$ip" 'test ! -e /marker'
    guest "$ip" 'echo new | sudo tee /marker > /dev/null; sync'
    larger=$(make_flavor larger 2 384 1)
    check "a resize" resize "$id" "$larger"
    forget "$ip"
    check "it answers with two CPUs" wait_for 60 "ssh" guest "$ip" 'test "$(grep -c ^processor /proc/cpuinfo)" = 2'
    check "its disk has grown to 1 GiB" is "$(guest "$ip" cat /sys/block/vda/size)" 2097152
    check "what was on it is still there" is "$(guest "$ip" cat /marker)" new
    check "the resize is confirmed" act demo "$id" '{"confirmResize": null}'
    check "it is ACTIVE at once" is_status demo "$id" ACTIVE
    check "another resize" resize "$id" "$(make_flavor largest 3 448 1)"
    check "is taken back" act demo "$id" '{"revertResize": null}'
    check "that ends" becomes demo "$id" ACTIVE
    forget "$ip"
    check "it answers with two CPUs again" wait_for 60 "ssh" guest "$ip" 'test "$(grep -c ^processor /proc/cpuinfo)" = 2'
    check "and with its data" is "$(guest "$ip" cat /marker)" new
    check "check finds nothing after that" alamo check
    call demo DELETE "/compute/v2.1/servers/$id" > /dev/null
    check "the server goes" wait_for 60 "its end" gone demo "$id"
}

# ---- the run --------------------------------------------------------------------------------------------------------
SECTIONS=${*:-outside plain stolen floating many quiet again actions sizes images ports tenants nothing badluck}
if [ -s "$W/host.pid" ] && [ -n "${KEEP-}" ]; then
    OWN_WORLD=$WORLD OWN_DIR=$W
else
    own_host_up "$WORLD" "$W" || exit 1
    chmod 711 "$W"
    on_host ip link set eth0 mtu 1400
    from_outside python3 "$TOP/tests/host/whoami.py" 198.18.0.1 8000 &
    echo $! > "$W/whoami.pid"
    section up
    if ! check "up" cloud_up; then
        closing
        exit 1
    fi
fi
enter || { cat "$W/body"; closing; exit 1; }
for s in $SECTIONS; do
    section "$s"
    "test_$s"
done
closing
