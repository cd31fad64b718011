#!/bin/sh
# units.sh: the systemd units that `alamo up` installs where systemd runs, without a systemd that runs: systemd's own verdict
# on them, and what they start under the restrictions that they declare, taken from their text: mounts, devices, the
# bounding set, no new privileges.  Closing line "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for need in unshare nsenter setpriv curl python3; do
    command -v $need > /dev/null || { echo "needs $need"; exit 77; }
done
SLOW=${ALAMO_SLOW:-1}
dir=$(mktemp -d /run/alamo-units.XXXXXX)
chmod 711 "$dir"
passed=0 failed=0 skipped=0
finish() {
    for f in "$dir"/*.pid; do
        [ -s "$f" ] && kill -9 "$(cat "$f")" 2> /dev/null
    done
    rm -rf "$dir"
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
wait_for() { # SECONDS COMMAND...
    end=$(($(date +%s) + $1 * SLOW))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || { echo "not in time: $*"; return 1; }
        sleep 0.1
    done
}

# The programs lie where nobody but root may look, as in a clone below /root.
mkdir -m 700 "$dir/root"
cp build/src/alamo build/src/alamod build/src/alamo-agent "$dir/root/"
export ALAMO_ROOT="$dir/cloud"
alamo="$dir/root/alamo"

# ---- the unit's text -------------------------------------------------------------------------------------------------
made() {
    ip link show lo > /dev/null && "$alamo" prepare --public-address 127.0.0.1 --public-nic lo --driver "fake:$dir/world" &&
        for d in alamod alamo-agent; do
            "$alamo" unit $d --public-address 127.0.0.1 > "$dir/$d.service" || return 1
        done
}
test_that "units are made" made
verified() {
    mkdir -p "$dir/units"
    cp "$dir"/*.service "$dir/units/"
    # its own verdict on units of other packages is not ours
    systemd-analyze verify --recursive-errors=no "$dir"/units/*.service 2>&1 | grep -F "$dir" && return 1
    return 0
}
if command -v systemd-analyze > /dev/null; then
    test_that "systemd accepts the units" verified
    broken() { sed 's/^ExecStart=.*/ExecStart=nowhere/; s/^Restart=.*/Restart=perhaps/' "$dir/alamod.service" > "$dir/units/alamod.service"; ! verified_only; }
    verified_only() { ! systemd-analyze verify --recursive-errors=no "$dir/units/alamod.service" 2>&1 | grep -F "$dir"; }
    test_that "and would not accept any text" broken
else
    echo "skip systemd accepts the units: there is no systemd-analyze"
    skipped=$((skipped + 2))
fi
of() { sed -n "s|^$2=||p" "$dir/$1.service"; } # UNIT KEY
strict() {
    [ "$(of alamod NoNewPrivileges)" = true ] && [ "$(of alamod ProtectSystem)" = strict ] && [ "$(of alamod PrivateTmp)" = true ] &&
        [ "$(of alamod PrivateDevices)" = true ] && [ "$(of alamod ReadWritePaths)" = "$dir/cloud/data" ] &&
        [ "$(of alamod ProtectHome)" = read-only ] && [ -z "$(of alamod User)" ]
}
test_that "the controller's unit is strict, and starts what gives root up itself" strict
test_that "DHCP outlives the agent" [ "$(of alamo-agent KillMode)" = process ]
both_restart() { for d in alamod alamo-agent; do [ "$(of $d Restart)" = always ] && [ "$(of $d WantedBy)" = multi-user.target ] || return 1; done; }
test_that "both start at boot, and again when they die" both_restart

# ---- started as the unit says ------------------------------------------------------------------------------------------
# Mounts as ProtectSystem=strict, ProtectHome=read-only, PrivateTmp and PrivateDevices make them; the network is its own.
# shellcheck disable=SC2016
confined='
    dir=$1 keep=$2
    shift 2
    mount --make-rprivate /
    mount --bind "$keep" "$keep"
    mkdir -p "$dir/dev" && mount -t tmpfs tmpfs "$dir/dev"
    for d in null zero full random urandom; do touch "$dir/dev/$d" && mount --bind /dev/$d "$dir/dev/$d"; done
    for at in $(cut -d" " -f5 /proc/self/mountinfo); do
        case $at in /proc | /proc/* | /sys | /sys/* | "$keep" | "$dir"/dev*) ;; *) mount -o remount,bind,ro "$at" 2> /dev/null ;; esac
    done
    for at in /tmp /var/tmp; do mount -t tmpfs tmpfs $at; done
    mount --move "$dir/dev" /dev
    ip link set lo up
    exec setpriv --no-new-privs --inh-caps=-all --bounding-set="$CAPS" "$@"'
as_the_unit_says() { # UNIT: its ExecStart
    CAPS=-all
    for c in $(of "$1" CapabilityBoundingSet); do CAPS="$CAPS,+$(echo "${c#CAP_}" | tr '[:upper:]' '[:lower:]')"; done
    export CAPS
    # shellcheck disable=SC2046
    setsid unshare -m -n sh -uc "$confined" sh "$dir" "$(of "$1" ReadWritePaths)" $(of "$1" ExecStart) > "$dir/$1.log" 2>&1 < /dev/null &
    echo $! > "$dir/$1.pid"
}
inside() { nsenter -t "$(cat "$dir/alamod.pid")" -m -n -- "$@"; }
healthy() { inside curl -sf -m 3 --cacert "$dir/cloud/etc/ca.pem" https://127.0.0.1:8443/healthcheck; }
answers() { as_the_unit_says alamod && wait_for 30 healthy || { cat "$dir/alamod.log"; return 1; }; }
test_that "the controller answers under its unit's restrictions" answers
confines() {
    ! inside touch "$dir/cloud/etc/x" 2> /dev/null && ! inside touch /etc/alamo-test 2> /dev/null && inside touch "$dir/cloud/data/x" &&
        ! inside ls /dev/mem "$dir/../alamo-test" 2> /dev/null && rm -f "$dir/cloud/data/x"
}
test_that "which are there" confines
of_process() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
powerless() { # PID USER
    [ "$(of_process "$1" Uid | cut -f1)" = "$(id -u "$2")" ] && [ "$(of_process "$1" CapEff)" = 0000000000000000 ] &&
        [ "$(of_process "$1" NoNewPrivs)" = 1 ] || { cat "/proc/$1/status"; return 1; }
}
test_that "it has become its user, without any capability" powerless "$(cat "$dir/alamod.pid")" alamo
inspector() { for p in $(cat "/proc/$(cat "$dir/alamod.pid")/task/"*/children); do powerless "$p" nobody || return 1; done; [ -n "$p" ]; }
test_that "its inspector of images is somebody who owns nothing" inspector
log_in() {
    python3 - "$dir/cloud/etc/admin.password" << 'END' > "$dir/login.json"
import json, sys
password = open(sys.argv[1]).read().strip()
print(json.dumps({'auth': {'identity': {'methods': ['password'], 'password': {'user': {'name': 'admin', 'domain': {'id': 'default'}, 'password': password}}},
                           'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}}}}))
END
    chmod 600 "$dir/login.json"
    code=$(inside curl -s -m 20 --cacert "$dir/cloud/etc/ca.pem" -o "$dir/cloud/data/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
        --data-binary "@$dir/login.json" https://127.0.0.1:8443/identity/v3/auth/tokens)
    [ "$code" = 201 ] || { echo "$code"; cat "$dir/cloud/data/answer"; return 1; }
}
test_that "one can log in" log_in
killed() {
    kill -9 "$(cat "$dir/alamod.pid")"
    answers
}
test_that "killed, it starts again on the same data" killed

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
