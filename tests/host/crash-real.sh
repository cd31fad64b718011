#!/bin/bash
# crash-real.sh [PART...]: kill -9 of the agent at each of its driver steps, with real libvirt, QEMU, nft, dnsmasq and disks.
#
# A server's life is told once while the agent lists the crash points that it passes, by the part of the story in which it
# does so first.  Then it is told again, and in each part the agent dies at some of that part's points, one after the other,
# until it has died at each once; between two deaths it comes back by itself.  However often it dies, each part must come to
# its end (a server may end in ERROR, which is told), and after each life nothing may be left and `alamo check` finds nothing.
#
# Prints "crash: N points" and the closing line "N passed, N failed, N skipped".  With PARTs only these are told between
# creation and deletion, and it dies only in them.  LIVES (3): how many lives share the points.  Not part of `make test`:
# tests/crash dies at every point with fake drivers there.  All of it takes five minutes or more.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
cd "$TOP" || exit 1
. tests/host/world.sh
. tests/host/own-host.sh
WORLD=${WORLD:-c$$}
W=/tmp/alamo-$WORLD
. tests/host/client.sh
needs_host
LIVES=${LIVES:-3}
MORE=${MORE:-4} # lives for what was not reached, at most
TIME_S=${TIME_S:-1200} # no life begins later

finish() {
    rm -f "$W/keep"
    [ -n "${KEEP-}" ] && return
    forget '*'
    alamo down > /dev/null 2>&1
    own_host_down
}
trap finish EXIT

# ---- the agent, which comes back ------------------------------------------------------------------------------------
# A point is NAME:n as ALAMO_CRASH_AT takes it.  One that ends in "!" takes the guest's QEMU along.

# Runs the agent until $W/keep is gone, each time with the first point of $W/todo.  It may end by SIGKILL only.
keeper() {
    while [ -e "$W/keep" ]; do
        point=$(head -n 1 "$W/todo")
        : > "$W/passed"
        on_host env ${point:+"ALAMO_CRASH_AT=${point%!}"} ALAMO_CRASH_LOG="$W/passed" sh -c 'echo $$ > "$1/agent.pid"
            exec "$2" --config "$1/cloud/etc/agent.conf"' agent "$W" "$TOP/build/src/alamo-agent" >> "$W/agent.log" 2>&1
        code=$?
        cat "$W/passed" >> "$W/points"
        [ -e "$W/keep" ] || return
        if [ $code != 137 ]; then
            echo "the agent ended by itself: $code" | tee -a "$W/wrong"
            return
        fi
        died_at "$point" || continue # killed by arm()
        case $point in *!) on_host virsh list --name | while read -r name; do [ -z "$name" ] || on_host virsh -q destroy "$name"; done ;; esac
        echo "${point%!}" >> "$W/visited"
        sed -i 1d "$W/todo"
    done
}
died_at() {
    at=${1%!}
    [ -n "$at" ] && [ "$(grep -cxF "${at%:*}" "$W/passed")" -ge "${at##*:}" ]
}
# arm POINT...: from here on the agent dies at these.  It is killed for that, twice when it has just died by itself.
arm() {
    printf '%s\n' "$@" > "$W/todo.new"
    mv "$W/todo.new" "$W/todo"
    until old=$(cat "$W/agent.pid") && kill -9 "$old" 2> /dev/null; do
        wait_for 20 "the agent" other_pid "$old" || return
    done
    wait_for 20 "the agent" other_pid "$old"
}
other_pid() { [ -s "$W/agent.pid" ] && [ "$(cat "$W/agent.pid")" != "$1" ]; }

# ---- the story --------------------------------------------------------------------------------------------------------
wrong() { echo "life $life, $part: $*" | tee -a "$W/wrong"; }
# Until the server has nothing to do.
settles() { # STATUS
    if ! wait_for 120 "the server's end of $part" settled; then
        wrong "never settled: $(get demo "/compute/v2.1/servers/$SERVER" '.server | [.status, .["OS-EXT-STS:task_state"]] | tojson')"
        return 1
    fi
    found=$(status_of demo "$SERVER")
    [ "$found" = "$1" ] && return
    [ "$found" = ERROR ] && echo "life $life, $part: ERROR: $(fault_of demo "$SERVER")" && return 1
    wrong "$found, not $1"
    return 1
}
settled() { is "$(get demo "/compute/v2.1/servers/$SERVER" '.server | .status != "BUILD" and .["OS-EXT-STS:task_state"] == null')" true; }
asks() { act demo "$SERVER" "$1" > "$W/made" || { wrong "$(cat "$W/made")"; return 1; }; }
floating_is() { is "$(get demo "/network/v2.0/floatingips/$FLOATING" .floatingip.status)" "$1"; }
makes() { # KIND COLLECTION BODY: prints the id
    call demo POST "$2" "$3" > "$W/made" || { cat "$W/made" >&2; return 1; }
    jq -r ".$1.id" "$W/made"
}

part_create() {
    NET=$(makes network /network/v2.0/networks '{"network": {"name": "inner"}}')
    makes subnet /network/v2.0/subnets "{\"subnet\": {\"network_id\": \"$NET\", \"ip_version\": 4, \"cidr\": \"10.7.0.0/24\"}}" > /dev/null
    PORT=$(makes port /network/v2.0/ports "{\"port\": {\"network_id\": \"$FLAT\"}}")
    SERVER=$(make_server demo mortal "{\"key_name\": \"demo\", \"config_drive\": true, \"networks\": [{\"port\": \"$PORT\"}, {\"uuid\": \"$NET\"}]}")
    makes floatingip /network/v2.0/floatingips "{\"floatingip\": {\"floating_network_id\": \"$PUBLIC\", \"port_id\": \"$PORT\"}}" > /dev/null
    FLOATING=$(jq -r .floatingip.id "$W/made") FIP=$(jq -r .floatingip.floating_ip_address "$W/made")
    settles ACTIVE || return
    wait_for 30 "the floating address" floating_is ACTIVE || wrong "the floating address is not ACTIVE"
    wait_for 90 "the guest" pings "$FIP" || wrong "the guest does not answer through its floating address"
}
part_pause() { asks '{"pause": null}' && settles PAUSED && asks '{"unpause": null}' && settles ACTIVE; }
part_suspend() { asks '{"suspend": null}' && settles SUSPENDED && asks '{"resume": null}' && settles ACTIVE; }
nic_count() { on_host virsh domiflist "$(on_host virsh list --name | head -n 1)" | grep -c '^ *tap'; }
nics_are() { is "$(nic_count)" "$1"; }
part_ports() {
    call demo POST "/compute/v2.1/servers/$SERVER/os-interface" "{\"interfaceAttachment\": {\"net_id\": \"$NET\"}}" > "$W/made" || { wrong "$(cat "$W/made")"; return; }
    wait_for 60 "a third NIC" nics_are 3 || wrong "no third NIC"
    call demo DELETE "/compute/v2.1/servers/$SERVER/os-interface/$(jq -r .interfaceAttachment.port_id "$W/made")" > /dev/null
    wait_for 60 "its end" nics_are 2 || wrong "the third NIC stays"
    settles ACTIVE
}
image_settled() { case $(get demo "/image/v2/images/$SHOT" .status) in queued | saving | importing) return 1 ;; esac; }
shoots() { # STATUSES of the image
    asks '{"createImage": {"name": "shot"}}' || return
    SHOT=$(jq -r .image_id "$W/made")
    wait_for 120 "the snapshot" image_settled || wrong "the snapshot does not end"
    found=$(get demo "/image/v2/images/$SHOT" .status)
    call demo DELETE "/image/v2/images/$SHOT" > /dev/null
    case " $* " in *" $found "*) ;; *) wrong "the snapshot is $found" ;; esac
}
part_snapshot() { shoots active && settles ACTIVE; }
# The guest's end while its disk is frozen: what it wrote meanwhile is merged when it is off.
part_torn() {
    shoots active null killed
    wait_for 60 "its merge" sh -c "! ls '$W'/cloud/data/agent/guests/*/overlay.qcow2" || wrong "the overlay stays"
    settles SHUTOFF && asks '{"os-start": null}' && settles ACTIVE
}
part_power() { # the guest has booted, and hears its power button
    asks '{"os-stop": null}' && settles SHUTOFF && asks '{"os-start": null}' && settles ACTIVE
    asks '{"reboot": {"type": "HARD"}}' && settles ACTIVE
}
part_rebuild() { asks "{\"rebuild\": {\"imageRef\": \"$IMAGE\"}}" && settles ACTIVE; }
bare() {
    [ "$(on_host ip -br link | grep -c '^tap')" = 0 ] && [ -z "$(on_host virsh list --all --name | tr -d '\n')" ] &&
        [ -z "$(ls -A "$W/cloud/data/agent/guests" "$W/cloud/data/agent/records" | grep -v '^/\|^$')" ] &&
        [ "$(on_host nft list ruleset | grep -c '"tap[0-9a-f]\{8\}')" = 0 ]
}
part_delete() {
    call demo DELETE "/compute/v2.1/servers/$SERVER" > "$W/made" || wrong "$(cat "$W/made")"
    wait_for 90 "the server's end" gone demo "$SERVER" || wrong "it does not go: $(status_of demo "$SERVER")"
    for path in "floatingips/$FLOATING" "ports/$PORT" "networks/$NET"; do
        call demo DELETE "/network/v2.0/$path" > "$W/made" || wrong "$(cat "$W/made")"
    done
    wait_for 60 "an empty host" bare || wrong "left: $(on_host ip -br link | tr '\n' ' ') $(on_host virsh list --all --name | tr '\n' ' ') $(ls -A "$W/cloud/data/agent/guests" "$W/cloud/data/agent/records" | tr '\n' ' ')"
}
PARTS="create pause suspend ports snapshot power torn rebuild delete"
DEADLY=${*:-$PARTS}
is_in() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }

# tell NEXT: the story; NEXT PART prints the points of each part.
tell() {
    for part in $PARTS; do
        is_in $part "create delete $DEADLY" || continue
        began=$(date +%s)
        echo "$part $(cat "$W/points" "$W/passed" | wc -l)" >> "$W/parts.$life"
        points=()
        [ $part != torn ] || points=("after freeze:1!")
        while read -r line; do points+=("$line"); done < <("$1" $part)
        arm ${points[0]:+"${points[@]}"}
        "part_$part"
        times="${times-} $part $(($(date +%s) - began))"
        # A server in ERROR can only go.
        [ $part = delete ] || [ "$(status_of demo "$SERVER")" != ERROR ] || { part=delete && arm && part_delete; break; }
    done
    echo "# seconds:$times"
    times= part=end
    wait_for 30 "check finds nothing" alamo check || wrong "$(alamo check 2>&1)"
}

# ---- the points -----------------------------------------------------------------------------------------------------
none() { :; }
# The log of the undisturbed life: "PART<tab>POINT", each name at its first place.  Names that say neither before nor after
# stand on both sides of an act.
list_points() {
    awk -v OFS='\t' -v deadly=" $DEADLY " 'FNR == NR { n++; name[n] = $1; from[n] = $2; next }
        { while (at < n && from[at + 1] < FNR) at++ }
        $0 in seen || !at { next }
        { seen[$0] = 1 }
        !index(deadly, " " name[at] " ") { next }
        { print name[at], $0 ":1" }
        !/^(before|after|dir) / { print name[at], $0 ":2" }' "$W/parts.0" "$W/points" > "$W/all"
}
unvisited() { cut -f2 "$W/all" | grep -vxF -f "$W/visited"; }
# Those of this life: every LIVES-th, so that what follows a death has time to go wrong.
share() {
    awk -F '\t' -v part="$1" -v lives="$LIVES" -v life="$life" '$1 == part && n[part]++ % lives == life - 1 { print $2 }' "$W/all" |
        grep -vxF -f "$W/visited"
}
rest() { # two of each part, from either end: one that cannot be reached hides no other
    awk -F '\t' -v part="$1" '$1 == part { print $2 }' "$W/all" | grep -vxF -f "$W/visited" |
        if [ $((life % 2)) = 0 ]; then head -n 2; else tail -n 2; fi
}

own_host_up "$WORLD" "$W" || exit 1
chmod 711 "$W"
check "up" cloud_up || { closing; exit 1; }
login admin admin "$(cat "$W/cloud/etc/admin.password")" admin
login demo demo "$(cat "$W/cloud/etc/demo.password")" demo
IMAGE=$(get demo '/image/v2/images?name=cirros' '.images[0].id')
PUBLIC=$(get demo '/network/v2.0/networks?router:external=true' '.networks[0].id')
FLAT=$(get demo '/network/v2.0/networks?shared=true&router:external=false' '.networks[0].id // ""')
FLAT=${FLAT:-$PUBLIC}
FLAVOR=$(call admin POST /compute/v2.1/flavors '{"flavor": {"name": "mortal", "ram": 256, "vcpus": 1, "disk": 1,
    "OS-FLV-EXT-DATA:ephemeral": 1, "swap": 64}}' | jq -r .flavor.id)
FIRST=$(get demo '/compute/v2.1/servers?name=first' '.servers[0].id')
call demo DELETE "/compute/v2.1/servers/$FIRST" > /dev/null
check "the host is empty" wait_for 60 "that" bare

# From the supervisor's hands into ours.
on_host rm -f "$W/cloud/run/wanted/alamo-agent"
kill "$(pid_of alamo-agent)"
check "the agent is ours" wait_for 30 "its end" sh -c "! kill -0 $(pid_of alamo-agent)"
touch "$W/keep" "$W/points" "$W/visited" "$W/wrong"
echo > "$W/todo"
keeper &
wait_for 20 "the agent" other_pid ''

life=0
section "undisturbed"
tell none
arm
list_points
: > "$W/points"
check "an undisturbed life" is "$(cat "$W/wrong")" ""
: > "$W/wrong"
total=$(wc -l < "$W/all")
while [ $life -lt $((LIVES + MORE)) ] && [ -n "$(unvisited)" ] && [ $(($(date +%s) - STARTED)) -lt $((TIME_S * ${ALAMO_SLOW:-1})) ]; do
    life=$((life + 1))
    before=$(wc -l < "$W/visited")
    section "life $life"
    [ $life -le "$LIVES" ] && tell share || tell rest
    check "life $life: $(($(wc -l < "$W/visited") - before)) deaths, and nothing is left" is "$(cat "$W/wrong")" ""
    : > "$W/wrong"
done
section "end"
unvisited > "$W/unreached"
check "died at each of $total points" is "$(tr '\n' ' ' < "$W/unreached")" ""
echo "crash: $(sort -u "$W/visited" | grep -c .) points"
closing
