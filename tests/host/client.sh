# client.sh - sourced after own-host.sh: a cloud on that host, its API by curl, its guests by ssh, and checks that count.
#
#   cloud_up, cloud_down                alamo up with the ranges of the first evaluation; its output is in $W/up
#   check NAME CMD..., refuses NAME CMD..., skips NAME REASON, closing
#   call WHO METHOD PATH [BODY]         the answer's body; fails unless 2xx.  WHO is who login made
#   get WHO PATH JQ                     the same for GET, through jq -r
#   guest ADDRESS CMD..., guest_as USER ADDRESS CMD...    by ssh from outside
#   inner ADDRESS CMD..., inner_as USER ADDRESS CMD...    by ssh from the host: fixed addresses
# W is the work directory, TOP the tree.

passed=0 failed=0 skipped=0
check() {
    check_name=$1 check_start=$(date +%s)
    shift
    if "$@" > "$W/check.out" 2>&1; then
        took=$(($(date +%s) - check_start))
        [ $took -lt 5 ] && echo "ok - $check_name" || echo "ok - $check_name ($took s)"
        passed=$((passed + 1))
        return 0
    fi
    echo "not ok - $check_name: $(tail -n 3 "$W/check.out" | tr '\n' ' ' | cut -c1-400)"
    failed=$((failed + 1))
    return 1
}
not() { ! "$@"; }
refuses() { # NAME CMD...: passed when the command fails
    check_name=$1
    shift
    check "$check_name" not "$@"
}
skips() {
    echo "ok - $1 # skipped: $2"
    skipped=$((skipped + 1))
}
closing() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}
section() { echo "# [$(($(date +%s) - STARTED)) s] $*"; }
is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }; }
STARTED=$(date +%s)

# needs_host: what a whole cloud with guests needs, or the end with 77
needs_host() {
    [ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
    for need in unshare nsenter libvirtd qemu-system-x86_64 nft dnsmasq busybox python3 ssh ping curl jq; do
        command -v $need > /dev/null || { echo "needs $need"; exit 77; }
    done
    [ -f "$TOP/guest/out/micro-root.raw" ] || { echo "needs the guest image: guest/build-micro guest/out"; exit 77; }
}

# ---- the cloud ----

URL=https://203.0.113.254:8443
alamo() { on_host env ALAMO_ROOT="$W/cloud" "$TOP/alamo" "$@"; }
cloud_up() { alamo up --fixed-range 192.168.47.0/24 --floating-range 203.0.113.64/26 > "$W/up" 2>&1 || { cat "$W/up"; return 1; }; }
cloud_down() { alamo down > "$W/down" 2>&1 || { cat "$W/down"; return 1; }; }
said() { sed -n "s/^$1: //p" "$W/up"; }
pid_of() { cut -d' ' -f1 "$W/cloud/run/$1.pid"; }

# ---- its API ----

curl_api() { from_outside curl -s -m 30 --cacert "$W/cloud/etc/ca.pem" "$@"; }

# login WHO USER PASSWORD PROJECT: makes WHO's header file
login() {
    jq -n --arg u "$2" --arg p "$3" --arg j "$4" '{auth: {identity: {methods: ["password"], password: {user:
        {name: $u, password: $p, domain: {id: "default"}}}}, scope: {project: {name: $j, domain: {id: "default"}}}}}' > "$W/login.json"
    curl_api -D "$W/login.head" -o "$W/login.body" -H 'Content-Type: application/json' --data-binary "@$W/login.json" "$URL/identity/v3/auth/tokens"
    sed -n 's/\r$//; s/^x-subject-token: /X-Auth-Token: /Ip' "$W/login.head" > "$W/$1.head"
    rm -f "$W/login.json"
    [ -s "$W/$1.head" ] || { cat "$W/login.body"; return 1; }
}

call() {
    who=$1 method=$2 path=$3
    set -- -o "$W/body" -w '%{http_code}' -X "$method" -H "@$W/$who.head" ${4+-H 'Content-Type: application/json' --data-binary "$4"}
    code=$(curl_api "$@" -H "OpenStack-API-Version: compute 2.79" "$URL$path")
    echo "$code" > "$W/code"
    cat "$W/body"
    case $code in 2??) return 0 ;; esac
    echo " ($method $path: $code)"
    return 1
}
get() { call "$1" GET "$2" > "$W/got" && jq -r "$3" "$W/got"; }
answers_code() { # CODE WHO METHOD PATH [BODY]
    wanted=$1
    shift
    call "$@"
    [ "$(cat "$W/code")" = "$wanted" ]
}

# make_server WHO NAME JSON: prints its id.  JSON adds members, and "networks": null takes the default away
make_server() {
    call "$1" POST /compute/v2.1/servers "$(jq -nc --arg n "$2" --arg i "$IMAGE" --arg f "$FLAVOR" --argjson x "$3" \
        '{server: ({name: $n, imageRef: $i, flavorRef: $f, networks: "auto"} + $x)}')" > "$W/made" || { cat "$W/made" >&2; return 1; }
    jq -r .server.id "$W/made"
}
status_of() { get "$1" "/compute/v2.1/servers/$2" .server.status; }
is_status() { is "$(status_of "$1" "$2")" "$3"; }
fault_of() { get "$1" "/compute/v2.1/servers/$2" '.server.fault.message // "no fault"'; }
# becomes WHO ID STATUS [SECONDS]: waits; a server in ERROR says why
becomes() {
    becomes_end=$(($(date +%s) + ${4:-90} * ${ALAMO_SLOW:-1}))
    until s=$(status_of "$1" "$2"); [ "$s" = "$3" ]; do
        [ "$s" != ERROR ] || { fault_of "$1" "$2"; return 1; }
        [ "$(date +%s)" -lt "$becomes_end" ] || { echo "still $s, not $3"; return 1; }
        sleep 0.2
    done
}
act() { call "$1" POST "/compute/v2.1/servers/$2/action" "$3"; }
gone() { answers_code 404 "$1" GET "/compute/v2.1/servers/$2" > /dev/null; }
address_of() { get "$1" "/compute/v2.1/servers/$2" '[.server.addresses[][] | select(."OS-EXT-IPS:type" == "fixed" and .version == 4) | .addr][0]'; }
port_of() { get "$1" "/network/v2.0/ports?device_id=$2" '.ports[0].id'; }
console_of() { act "$1" "$2" '{"os-getConsoleOutput": {}}' | jq -r .output; }
console_says() { console_of "$1" "$2" > "$W/console"; grep -q "$3" "$W/console"; }
give_floating() { # WHO SERVER: prints the address
    call "$1" POST /network/v2.0/floatingips "$(jq -nc --arg n "$PUBLIC" --arg p "$(port_of "$1" "$2")" \
        '{floatingip: {floating_network_id: $n, port_id: $p}}')" > "$W/made" || { cat "$W/made" >&2; return 1; }
    jq -r .floatingip.floating_ip_address "$W/made"
}

# ---- its guests ----

# One connection for each address is kept: a handshake costs an emulated guest a second.
guest_ssh() {
    from=$1 user=$2 address=$3
    shift 3
    $from ssh -i "$W/cloud/etc/demo.key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR -o ConnectTimeout=5 -o ServerAliveInterval=3 -o ServerAliveCountMax=4 \
        -o ControlMaster=auto -o ControlPath="$W/mux-$user-%h" -o ControlPersist=120 "$user@$address" "$@" < /dev/null
}
guest_as() { guest_ssh from_outside "$@"; }
guest() { guest_as cirros "$@"; }
inner_as() { guest_ssh on_host "$@"; }
inner() { inner_as cirros "$@"; }
forget() { # ADDRESS...: the guest behind it is another one, or was started anew
    for address; do
        for mux in "$W"/mux-*-"$address"; do
            [ ! -S "$mux" ] || ssh -o ControlPath="$mux" -O exit x > /dev/null 2>&1
            rm -f "$mux"
        done
    done
}
pings() { from_outside ping -n -q -c1 -W2 "$1"; }
page() { from_outside curl -sf -m 5 "http://$1"; }
has_page() { page "$1" | grep -q "$2"; }
