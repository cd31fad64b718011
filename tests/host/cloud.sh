#!/bin/sh
# cloud.sh: a whole cloud by `alamo up` on a machine of its own (tests/host/machine), as its operator and its users see
# it; closing line "N passed, N failed, N skipped".
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1
alamo=$top/alamo
for need in unshare nsenter libvirtd qemu-system-x86_64 nft dnsmasq ssh ping curl; do
    command -v $need > /dev/null || { echo "needs $need"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -f guest/out/micro-root.raw ] || { echo "needs the guest image: guest/build-micro guest/out"; exit 77; }

dir=$(mktemp -d /tmp/alamo-cloud.XXXXXX)
chmod 711 "$dir" # the controller is not root
passed=0 failed=0 skipped=0
on() { "$here/machine" run "$dir" "$@"; }
outside() { "$here/machine" outside "$dir" "$@"; }
finish() {
    on "$alamo" down > "$dir/last-down" 2>&1
    "$here/machine" end "$dir"
    [ -n "${KEEP-}" ] || rm -rf "$dir"
}
trap finish EXIT

# test NAME COMMAND...: passed when the command succeeds; its output is shown when not
test_that() {
    what=$1
    shift
    if "$@" > "$dir/out" 2>&1; then
        echo "ok   $what"
        passed=$((passed + 1))
    else
        echo "FAIL $what"
        tail -n 30 "$dir/out"
        failed=$((failed + 1))
    fi
}
skip() {
    echo "skip $1: $2"
    skipped=$((skipped + 1))
}
value() { sed -n "s/^$1: //p" "$dir/$2"; }
now_ms() { date +%s%3N; }

pid() { cut -d' ' -f1 "$dir/cloud/run/$1.pid"; }
up() { on "$alamo" up > "$dir/$1" 2>&1 || { cat "$dir/$1"; return 1; }; }
same() { [ "$1" = "$2" ] || { printf 'not the same:\n%s\n%s\n' "$1" "$2"; return 1; }; }

# ---- I8: killed anywhere, the next run finishes ----------------------------------------------------------------
"$here/machine" make "$dir" || exit 1
# A copy of the programs, so that they can be replaced while they run.
mkdir -p "$dir/tree/build/src"
cp alamo "$dir/tree/"
cp build/src/alamo build/src/alamod build/src/alamo-agent "$dir/tree/build/src/"
export ALAMO_SHARE="$top"
alamo=$dir/tree/alamo
interrupted() {
    for s in 0.05 0.15 0.4 0.9 2; do
        on timeout -s KILL $s "$alamo" up > "$dir/killed" 2>&1 && return 0
        echo "killed after $s s"
    done
    up up1
}
start=$(now_ms)
test_that "up, killed five times, then left alone" interrupted
echo "     took $(($(now_ms) - start)) ms"
grep -q '^ssh: ' "$dir/up1" || { cat "$dir/up1" 2> /dev/null; echo "$passed passed, $((failed + 1)) failed, 0 skipped"; exit 1; }

fip=$(value ssh up1 | sed 's/.*@//')
ssh_command=$(value ssh up1)
test_that "it says API, console, openrc and ssh" sh -c "grep -c '^\(API: https://\|console: https://\|openrc: /\|ssh: ssh \)' $dir/up1 | grep -qx 4"
test_that "the ssh line works as printed" on sh -c "[ \"\$($ssh_command hostname)\" = first ]"
test_that "others reach it by ping" outside ping -c1 -W2 "$fip"
test_that "others reach its web page" outside sh -c "curl -sf -m 5 http://$fip/ | grep -q first"
test_that "alamo ssh NAME" on sh -c "[ \"\$($alamo ssh first hostname)\" = first ]"

# ---- nothing to do is nothing done --------------------------------------------------------------------------
second() {
    up up2 && grep -qx 'nothing to change' "$dir/up2" || { cat "$dir/up2"; return 1; }
    same "$(grep -E '^(API|console|openrc|ssh): ' "$dir/up1")" "$(grep -E '^(API|console|openrc|ssh): ' "$dir/up2")"
}
test_that "a second up changes nothing and says the same" second
test_that "status" on sh -c "$alamo status > $dir/status && grep -q '1 ACTIVE' $dir/status && grep -q '^host cloud1: up' $dir/status && grep -q '^alamod: runs, alamod [0-9]' $dir/status &&
    grep -q '^alamo-agent: runs, alamo-agent [0-9]' $dir/status"
test_that "check finds nothing without an owner" on "$alamo" check

# What nobody owns is found while the agent is held, and gone soon after it goes on.
junk() {
    guest=12345678-0000-4000-8000-000000000001
    kill -STOP "$(pid alamo-agent)"
    mkdir "$dir/cloud/data/agent/guests/$guest"
    on ip tuntap add tap12345678-00 mode tap
    on ip link set tap12345678-00 alias alamo # by which the agent knows its own
    on "$alamo" check > "$dir/junk"
    code=$?
    kill -CONT "$(pid alamo-agent)"
    cat "$dir/junk"
    [ $code = 1 ] && grep -q "disks of $guest" "$dir/junk" && grep -q 'tap tap12345678-00' "$dir/junk" || return 1
    kill "$(pid alamo-agent)" # a new one looks at everything
    for _ in $(seq 100); do
        on "$alamo" check > "$dir/junk" && return 0
        sleep 0.3
    done
    cat "$dir/junk"
    return 1
}
test_that "check finds planted junk, the agent removes it" junk

# ---- the openstack command -----------------------------------------------------------------------------------
if command -v openstack > /dev/null; then
    for user in admin demo; do
        rc=$(on "$alamo" openrc $user)
        test_that "openstack as $user" on sh -c ". $rc && openstack server list ${user#demo} -f value -c Name -c Status 2>&1 | sed '/^$/d' | head -3; . $rc; openstack token issue -f value -c id > /dev/null"
    done
    rc=$(on "$alamo" openrc demo)
    test_that "demo's server is ACTIVE for the openstack command" on sh -c ". $rc && [ \"\$(openstack server show first -f value -c status)\" = ACTIVE ]"
    # An earlier run's first server is in ERROR, and no run has seen one answer.
    failed_first() {
        before=$(on sh -c ". $rc && openstack server show first -f value -c id")
        admin=$(on "$alamo" openrc admin)
        on sh -c ". $admin && openstack server set --state error $before" && rm "$dir/cloud/data/first.server" && up up5 || return 1
        fip=$(value ssh up5 | sed 's/.*@//')
        ssh_command=$(value ssh up5)
        [ "$(on sh -c ". $rc && openstack server show first -f value -c id")" != "$before" ] &&
            on sh -c "[ \"\$($ssh_command hostname)\" = first ]"
    }
    test_that "up makes a first server that failed anew" failed_first
    one_address() { [ "$(on sh -c ". $rc && openstack floating ip list -f value -c ID" | wc -l)" = 1 ]; }
    test_that "and leaves no address behind" one_address
else
    skip "openstack as admin and demo" "python3-openstackclient is not installed"
fi

# ---- floating ranges -----------------------------------------------------------------------------------------
test_that "floating create --ip_range" on sh -c "$alamo floating create --ip_range=198.51.100.64/26 && $alamo floating list | grep -qx 198.51.100.64/26 && $alamo floating delete --ip_range=198.51.100.64/26"

# ---- what dies comes back, and no guest notices --------------------------------------------------------------
boot_id() { on sh -c "$ssh_command cat /proc/sys/kernel/random/boot_id"; }
survive() {
    before=$(boot_id)
    kill -9 "$(pid alamod)" "$(pid alamo-agent)" "$(pid libvirtd)"
    for _ in $(seq 100); do
        on "$alamo" status > "$dir/status" 2>&1 && grep -q '^host cloud1: up' "$dir/status" && break
        sleep 0.2
    done
    on "$alamo" status && same "$before" "$(boot_id)"
}
test_that "daemons killed by -9 come back; the server runs on" survive
replaced() {
    before=$(boot_id)
    for p in alamod alamo-agent; do
        cp "build/src/$p" "$dir/tree/new" && mv "$dir/tree/new" "$dir/tree/build/src/$p"
    done
    up up6 && grep -q '^controller' "$dir/up6" && grep -q '^agent' "$dir/up6" || { cat "$dir/up6"; return 1; }
    ! readlink "/proc/$(pid alamod)/exe" "/proc/$(pid alamo-agent)/exe" | grep deleted && same "$before" "$(boot_id)" && up up6 && grep -qx 'nothing to change' "$dir/up6"
}
test_that "up starts daemons again whose programs are new; the server runs on" replaced
orphaned() {
    before=$(boot_id)
    kill -9 "$(pid supervise)"
    kill -9 "$(pid alamod)"
    up up3 && same "$before" "$(boot_id)"
}
test_that "up after the supervisor's death" orphaned

# ---- secrets -------------------------------------------------------------------------------------------------
secrets() {
    { cat "$dir/cloud/etc/admin.password" "$dir/cloud/etc/demo.password"; sed -n 2p "$dir/cloud/etc/demo.key"; } > "$dir/secrets"
    ! grep -rqFf "$dir/secrets" "$dir/cloud/data/log" "$dir/cloud/run" "$dir"/up? || { echo "a secret is in a log"; return 1; }
    ! cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' '\n' | grep -qFf "$dir/secrets" || { echo "a secret is on a command line"; return 1; }
    ! find "$dir/cloud/etc" -name '*key*' -o -name '*password' -o -name '*openrc*' | xargs stat -c '%a %n' | grep -v '^600 '
}
test_that "secrets are in no log, on no command line, and closed to others" secrets
refused() { ! on "$alamo" up --admin-password x; }
test_that "a password on the command line is refused" refused
overlap() { on "$alamo" doctor --fixed-range 192.0.2.0/24 > "$dir/doctor"; [ $? = 1 ] && grep -q 'FAIL  fixed range.*repair' "$dir/doctor"; }
test_that "doctor sees ranges that overlap" overlap

# ---- backup, down, restore, up -------------------------------------------------------------------------------
test_that "backup while it runs" on "$alamo" backup "$dir/backup.tar"
nothing_left() {
    on "$alamo" down || return 1
    on ip -br link | grep -vE '^(lo|eth0)[@ ]' && return 1
    [ -z "$(on nft list ruleset)" ] || return 1
    [ -z "$(on ip -br addr show lo | grep -F 169.254)" ] || return 1
    net=$(on readlink /proc/self/ns/net)
    for link in /proc/[0-9]*/ns/net; do
        [ "$(readlink "$link" 2> /dev/null)" = "$net" ] || continue
        p=${link#/proc/} p=${p%%/*}
        [ "$(cat "/proc/$p/comm")" = sleep ] || { echo "left: $(tr '\0' ' ' < "/proc/$p/cmdline")"; return 1; }
    done
    on "$alamo" down | grep -qx 'nothing to change'
}
test_that "down leaves nothing but data" nothing_left
restored() {
    rm -rf "$dir/cloud/etc" "$dir"/cloud/data/alamo.db*
    on "$alamo" restore "$dir/backup.tar" && up up4 && same "$ssh_command" "$(value ssh up4)"
}
test_that "restore, then up: the same cloud" restored
test_that "its server answers again" outside sh -c "curl -sf -m 5 http://$fip/ | grep -q first"
test_that "check after all that" on "$alamo" check

# ---- the answers of 2012 -------------------------------------------------------------------------------------
answers() {
    printf 'rpcs-post/net_fixed = 192.168.47.0/24\nnet_dmz =\nnet_bridge = br100\nos_user_name = kisti\nos_admin_passwd = with "quotes" and blanks\n' > "$dir/answers"
    on env ALAMO_ROOT="$dir/other" "$alamo" prepare --answers "$dir/answers" > /dev/null || return 1
    grep -qx 'fixed_range = 192.168.47.0/24' "$dir/other/etc/alamod.conf" && grep -qx 'bridge = br100' "$dir/other/etc/agent.conf" &&
        grep -qx 'demo_user = kisti' "$dir/other/etc/alamod.conf" && grep -qx 'with "quotes" and blanks' "$dir/other/etc/admin.password" &&
        ! grep -rq quotes "$dir/other/etc/alamo.conf"
}
test_that "an answer file with the installer's names" answers

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
