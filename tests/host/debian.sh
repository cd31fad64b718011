#!/bin/bash
# debian.sh: the Debian cloud image with the real cloud-init, once: it installs a web server by user data, from a server
# outside, and its page is fetched through the floating address; closing line "N passed, N failed, N skipped".
#
# Makes guest/out/debian.qcow2 when it is missing or older than its builder.  Two to four minutes under emulation, most of
# them the guest's boot.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
cd "$TOP" || exit 1
. tests/host/world.sh
. tests/host/own-host.sh
WORLD=${WORLD:-d$$}
W=/tmp/alamo-$WORLD
. tests/host/client.sh
needs_host
for need in dpkg-deb mmdebstrap; do
    command -v $need > /dev/null || { echo "needs $need"; exit 77; }
done

# Without a way to Debian's packages there is nothing to test; any other failure of the builder is one of ours.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! guest/build-debian guest/out > "$log" 2>&1; then
    tail -n 5 "$log"
    grep -Eiq 'failed to fetch|unable to (fetch|connect)|could not (resolve|connect)|temporary failure|no source of' "$log" || exit 1
    echo "Debian's packages cannot be had here: no image"
    exit 77
fi
tail -n 1 "$log"

finish() {
    rm -f "$log"
    [ -n "${KEEP-}" ] && return
    forget '*'
    alamo down > /dev/null 2>&1
    own_host_down
}
trap finish EXIT

# A package with a page and a unit, at the web server outside.
package() {
    root=$W/deb
    mkdir -p "$root/DEBIAN" "$root/srv/hello" "$root/lib/systemd/system"
    printf 'Package: hello-web\nVersion: 1\nArchitecture: all\nMaintainer: tests <tests@example>\nDescription: a page\n' > "$root/DEBIAN/control"
    echo "installed by user data" > "$root/srv/hello/index.html"
    printf '[Service]\nExecStart=/usr/bin/python3 -m http.server 80 -d /srv/hello\n' > "$root/lib/systemd/system/hello-web.service"
    dpkg-deb --root-owner-group -b "$root" "/run/alamo-world-$WORLD/www/hello-web.deb"
}
USER_DATA='#cloud-config
runcmd:
  - curl -sf -o /tmp/hello-web.deb http://outside.example/hello-web.deb
  - dpkg -i /tmp/hello-web.deb
  - systemctl daemon-reload
  - systemctl start hello-web'

upload() {
    IMAGE=$(call admin POST /image/v2/images '{"name": "debian", "disk_format": "qcow2", "container_format": "bare",
        "visibility": "public", "os_admin_user": "debian"}' | jq -r .id)
    is "$(curl_api -m 300 -o "$W/body" -w '%{http_code}' -X PUT -H "@$W/admin.head" -H 'Content-Type: application/octet-stream' \
        -T guest/out/debian.qcow2 "$URL/image/v2/images/$IMAGE/file")" 204 || { cat "$W/body"; return 1; }
}
flavor() {
    FLAVOR=$(call admin POST /compute/v2.1/flavors '{"flavor": {"name": "debian", "ram": 512, "vcpus": 2, "disk": 2}}' | jq -r .flavor.id)
    [ -n "$FLAVOR" ]
}

own_host_up "$WORLD" "$W" || exit 1
chmod 711 "$W"
check "up" cloud_up || { closing; exit 1; }
login admin admin "$(cat "$W/cloud/etc/admin.password")" admin
login demo demo "$(cat "$W/cloud/etc/demo.password")" demo
PUBLIC=$(get demo '/network/v2.0/networks?router:external=true' '.networks[0].id')

# One guest at a time.  libvirt knows whether a guest ended by itself or had its plug pulled.
ended_by() { is "$(on_host virsh domstate --reason "$(on_host virsh list --all --name | head -n 1)" | tr -d '\n')" "shut off ($1)"; }
FIRST=$(get demo '/compute/v2.1/servers?name=first' '.servers[0].id')
act demo "$FIRST" '{"os-stop": null}' > /dev/null
check "a micro server is stopped" becomes demo "$FIRST" SHUTOFF
check "by its own hand, within the time of grace" ended_by shutdown
call demo DELETE "/compute/v2.1/servers/$FIRST" > /dev/null
check "a package outside" package
check "the image" upload
check "a flavor whose disk is twice the image's" flavor
ID=$(make_server demo web1 "$(jq -nc --arg u "$(echo "$USER_DATA" | base64 -w0)" '{key_name: "demo", user_data: $u}')")
check "a Debian server" becomes demo "$ID" ACTIVE 120
FIP=$(give_floating demo "$ID")
check "the page that user data installed, through the floating address" wait_for 400 "the page" has_page "$FIP/" "installed by user data" || {
    console_of demo "$ID" | tail -n 60
    closing
    exit 1
}

# One look into the guest: each command costs it a second.
facts() {
    guest_as debian "$FIP" 'test -s /run/cloud-init/result.json && cat /run/cloud-init/result.json && echo &&
        echo "cloud-id $(basename "$(readlink /run/cloud-init/cloud-id)")" && echo "host $(hostname)" &&
        echo "disk $(lsblk -nbdo SIZE /dev/vda)" && df --output=size -B1M / | sed "s/^ */root /" && sudo -n true && echo "root by sudo"' > "$W/facts"
}
fact() { grep "$1" "$W/facts" || { cat "$W/facts"; return 1; }; }
root_grown() { [ "$(sed -n 's/^root \([0-9]*\)$/\1/p' "$W/facts")" -ge 1900 ] || { cat "$W/facts"; return 1; }; }
no_errors() { fact '"errors": \[\]'; }

check "ssh as the image's user, with the server's key; cloud-init has finished" wait_for 120 "the end of cloud-init" facts
check "cloud-init took its data from OpenStack's metadata" fact '"datasource": "DataSourceOpenStack'
check "and knew the cloud for OpenStack" fact '^cloud-id cloud-id-openstack'
check "without an error" no_errors
check "host name" fact '^host web1$'
check "the root file system has grown to the flavor's disk" root_grown
check "the image's user is root by sudo" fact '^root by sudo'
check "ssh as the OpenStack user, made by vendor data" guest_as demo "$FIP" 'test "$(id -un)" = demo && sudo -n true'
check "alamo ssh NAME logs in as the image says" is "$(alamo ssh web1 id -un 2> "$W/ssh.err")" debian
call demo DELETE "/compute/v2.1/servers/$ID" > /dev/null
forget "$FIP"
check "it goes" wait_for 60 "its end" gone demo "$ID"
check "check finds nothing" wait_for 20 "that" alamo check
closing
