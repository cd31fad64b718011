#!/bin/sh
# beside.sh: a machine (tests/host/machine) has a cloud of its own, in the places of the defaults; then parts of the test
# suite run on that machine, and the cloud does not notice.  Closing line "N passed, N failed, N skipped".
#
# The parts: a controller on loopback, the crash test, units, a second cloud's preparation.  Those with guests of their own in
# namespaces are not among them yet: agent-smoke.sh does not come up inside this machine.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1
for need in unshare nsenter libvirtd qemu-system-x86_64 nft dnsmasq ssh ping curl; do
    command -v $need > /dev/null || { echo "needs $need"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -f guest/out/micro-root.raw ] || { echo "needs the guest image: guest/build-micro guest/out"; exit 77; }

dir=$(mktemp -d /tmp/alamo-beside.XXXXXX)
chmod 711 "$dir" # the controller is not root
passed=0 failed=0 skipped=0
on() { "$here/machine" run "$dir" env -u ALAMO_ROOT "$@"; }
outside() { "$here/machine" outside "$dir" "$@"; }
finish() {
    on "$top/alamo" down > "$dir/last-down" 2>&1
    "$here/machine" end "$dir"
    for place in $made; do
        rmdir "$place" 2> /dev/null
    done
    [ -n "${KEEP-}" ] || rm -rf "$dir"
}
trap finish EXIT
trap "exit 1" HUP INT TERM
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

# The machine's own /etc/alamo, /var/lib/alamo, /run/alamo; no systemd that would be the real machine's.
"$here/machine" make "$dir" || exit 1
made=
own_places() {
    for place in /etc/alamo /var/lib/alamo /run/alamo; do
        [ -d $place ] || made="$made $place"
        mkdir -p "$dir$place" $place && on mount --bind "$dir$place" $place || return 1
    done
    chmod 711 "$dir/var" "$dir/var/lib" "$dir/etc" "$dir/run"
    mkdir -p /run/systemd && on mount -t tmpfs tmpfs /run/systemd
}
test_that "a machine with places of its own" own_places || exit 1
busy=$(cut -d. -f1 /proc/loadavg)
defaults_up() { on "$top/alamo" up --trust-ca false > "$dir/up" 2>&1 || { cat "$dir/up"; return 1; }; }
test_that "its cloud, by defaults alone" defaults_up
grep -q '^ssh: ' "$dir/up" || { echo "$passed passed, $((failed + 1)) failed, $skipped skipped"; exit 1; }
as_promised() {
    grep -qx 'API: https://192.0.2.10:8443' "$dir/up" && grep -qx 'openrc: /etc/alamo/admin-openrc.sh' "$dir/up" &&
        on ip -br addr show br0 | grep -qF '172.31.0.1/24' && grep -q '^ssh: .*@198\.51\.100\.[0-9]*$' "$dir/up" &&
        [ "$(stat -c %U "$dir/var/lib/alamo/alamo.db")" = alamo ] && [ -f "$dir/run/alamo/alamod.pid" ] &&
        on ss -Hltn | awk '{print $4}' | grep -q ':8443$' && ! on ss -Hltn | awk '{print $4}' | grep -qE ':(80|8080|5000|9292|8774|9696)$'
}
test_that "its ports, user, places, bridge and ranges are the defaults" as_promised
steps_told() { # each step that had something to do says how long it took
    for step in libvirtd controller agent 'guest image' 'first server' 'answers ping' 'answers ssh'; do
        grep -q "$step.*[0-9]\(\.[0-9]*\)\? s" "$dir/up" || { echo "no time of: $step"; cat "$dir/up"; return 1; }
    done
}
test_that "each step is shown with its time" steps_told
first_ping() { # the sum of the steps up to it
    awk '/^[a-z].* [0-9.]+ s$/ { sum += $(NF - 1) } /^answers ping/ { print "first ping after " sum " s"; exit !(sum <= 60 * slow) }' \
        slow="${ALAMO_SLOW:-1}" "$dir/up"
}
if [ "$busy" -lt $((3 * $(nproc))) ]; then
    test_that "60 s at most from the start of the cloud to the first answered ping" first_ping
else
    echo "skip 60 s to the first ping: the machine had a load of $busy before"
    skipped=$((skipped + 1))
fi
guest_agent() { # it may start after ssh
    end=$(($(date +%s) + 30 * ${ALAMO_SLOW:-1}))
    until on virsh qemu-agent-command "$(on virsh list --name | head -n 1)" '{"execute": "guest-ping"}'; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.3
    done
}
test_that "the micro image has the guest agent" guest_agent
fip=$(sed -n 's/^ssh: .*@//p' "$dir/up")
ssh_command=$(sed -n 's/^ssh: //p' "$dir/up")

# What of the cloud must not change; a guest's own word (its boot) with it.
look() {
    for d in alamod alamo-agent libvirtd supervise; do echo "$d $(cut -d' ' -f1 "$dir/run/alamo/$d.pid")"; done
    echo "dnsmasq $(cat "$dir/run/alamo/dnsmasq.pid")"
    on virsh list --all --name
    on nft -s list ruleset
    on ip -br link
    on ip -br addr
    on ip route
    on cat /proc/sys/net/ipv4/ip_forward
    (cd "$dir/etc/alamo" && sha256sum ./*)
    on sh -c "$ssh_command cat /proc/sys/kernel/random/boot_id"
    on "$top/alamo" status | grep -v '^last\|seconds'
}
look > "$dir/before" 2> "$dir/before.err"
test_that "there is a cloud to look at" grep -q '^[0-9a-f]\{8\}-' "$dir/before"
# shellcheck disable=SC2016
outside sh -c 'echo $$ > "$1/pinger.pid"; exec ping -n -q -i 0.2 "$2"' sh "$dir" "$fip" > "$dir/ping" &
pinger=$!

same() {
    look > "$dir/after" 2> "$dir/after.err"
    diff "$dir/before" "$dir/after"
}
# What nobody owns, one of each kind, is named while the agent is held, and gone soon after a new one looks.
pid() { cut -d' ' -f1 "$dir/run/alamo/$1.pid"; }
nobodys=12345678-0000-4000-8000-000000000001
plant() {
    kill -STOP "$(pid alamo-agent)"
    mkdir "$dir/var/lib/alamo/agent/guests/$nobodys"
    echo "<domain type='qemu'><name>alamo-$nobodys</name><uuid>$nobodys</uuid><memory>16384</memory><os><type>hvm</type></os></domain>" > "$dir/domain.xml"
    on virsh -q define "$dir/domain.xml" || return 1
    on ip tuntap add tap12345678-00 mode tap && on ip link set tap12345678-00 alias alamo || return 1
    echo "4000000000 fa:16:3e:12:34:56 172.31.0.77 nobody *" >> "$dir/var/lib/alamo/agent/dnsmasq.leases"
}
named() {
    plant || return 1
    on "$top/alamo" check > "$dir/junk"
    code=$?
    kill -CONT "$(pid alamo-agent)"
    cat "$dir/junk"
    [ $code = 1 ] || return 1
    for named in "guest $nobodys" "disks of $nobodys" 'tap tap12345678-00' 'lease of 172.31.0.77'; do
        grep -q "$named" "$dir/junk" || { echo "not named: $named"; return 1; }
    done
}
taken_away() {
    kill "$(pid alamo-agent)" # a new one looks at everything
    end=$(($(date +%s) + 60 * ${ALAMO_SLOW:-1}))
    until on "$top/alamo" check > "$dir/junk"; do
        [ "$(date +%s)" -lt $end ] || { cat "$dir/junk"; return 1; }
        sleep 0.3
    done
}
told() { # what an operator looks for
    on "$top/alamo" status > "$dir/status" || return 1
    cat "$dir/status"
    grep -q '^API: https://192.0.2.10:8443 (answers)' "$dir/status" && grep -q '^host .*: up, .*[0-9]\.[0-9]' "$dir/status" &&
        grep -q '^servers: 1 ACTIVE' "$dir/status" && grep -q '^alamod: runs' "$dir/status"
}
test_that "status tells URL, hosts, versions, servers, daemons" told
images() { python3 -c 'import sqlite3, sys; print(*sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute(sys.argv[2]).fetchone())' \
    "$dir/var/lib/alamo/alamo.db" "SELECT sum(visibility='public' AND disk_format IN ('aki', 'ari')), sum(visibility='community' AND disk_format IN ('aki', 'ari')), sum(visibility='public') FROM image"; }
bootable() { [ "$(images)" = "0 2 1" ] || { images; return 1; }; }
test_that "kernel and ramdisk are community images, what is public boots" bootable

part() { # NAME COMMAND...: a part of the suite passes there, and the cloud is as it was
    what=$1
    shift
    test_that "beside it: $what" on "$@"
    test_that "the cloud is as before" same
}
part "a controller on loopback" tests/functional/test-quota
part "deaths of both daemons" tests/crash/run create --daemon alamod --at store-after-commit:7
part "the units" tests/host/units.sh
part "the preparation of a second cloud" env ALAMO_ROOT="$dir/second" "$top/alamo" prepare
kill -INT "$(cat "$dir/pinger.pid")"
wait $pinger
no_loss() { cat "$dir/ping"; grep -q ' 0% packet loss' "$dir/ping"; }
test_that "its guest lost no ping meanwhile" no_loss
test_that "check names what has no owner, one of each kind" named
test_that "and the agent takes it away" taken_away
test_that "and check finds nothing without an owner" on "$top/alamo" check
closed() { on "$top/alamo" down && [ -z "$(on nft list ruleset)" ]; }
test_that "down, and nothing of it is left" closed

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
