#!/bin/bash
# debian.sh: the Debian cloud image with the real cloud-init, once: it installs a web server by user data, from a server
# outside, and its page is fetched through the floating address.  Needs guest/out/debian.qcow2 (guest/build-debian guest/out)
# or mmdebstrap to make it; two minutes of processor time under emulation.  Not run by tests/host/run, and not seen to pass yet.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
cd "$TOP" || exit 1
. tests/host/world.sh
. tests/host/own-host.sh
WORLD=${WORLD:-d$$}
W=/tmp/alamo-$WORLD
. tests/host/client.sh
needs_host
command -v dpkg-deb > /dev/null || { echo "needs dpkg-deb"; exit 77; }
if [ ! -f guest/out/debian.qcow2 ]; then
    command -v mmdebstrap > /dev/null || { echo "needs the Debian image: guest/build-debian guest/out (wants mmdebstrap)"; exit 77; }
    guest/build-debian guest/out > /tmp/build-debian.$$ 2>&1 || { tail -n 3 /tmp/build-debian.$$; rm -f /tmp/build-debian.$$; echo "the Debian image cannot be built here"; exit 77; }
    rm -f /tmp/build-debian.$$
fi

finish() {
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
    DEBIAN=$(call admin POST /image/v2/images '{"name": "debian", "disk_format": "qcow2", "container_format": "bare",
        "visibility": "public", "os_admin_user": "debian"}' | jq -r .id)
    is "$(curl_api -m 300 -o "$W/body" -w '%{http_code}' -X PUT -H "@$W/admin.head" -H 'Content-Type: application/octet-stream' \
        -T guest/out/debian.qcow2 "$URL/image/v2/images/$DEBIAN/file")" 204 || { cat "$W/body"; return 1; }
}

own_host_up "$WORLD" "$W" || exit 1
chmod 711 "$W"
check "up" cloud_up || { closing; exit 1; }
login admin admin "$(cat "$W/cloud/etc/admin.password")" admin
login demo demo "$(cat "$W/cloud/etc/demo.password")" demo
PUBLIC=$(get demo '/network/v2.0/networks?router:external=true' '.networks[0].id')
FIRST=$(get demo '/compute/v2.1/servers?name=first' '.servers[0].id')
act demo "$FIRST" '{"os-stop": null}' > /dev/null # one guest at a time
FLAVOR=$(get demo /compute/v2.1/flavors '.flavors[] | select(.name == "m1.tiny").id')
check "a package outside" package
check "the image" upload
ID=$(IMAGE=$DEBIAN make_server demo debian "$(jq -nc --arg u "$(echo "$USER_DATA" | base64 -w0)" '{key_name: "demo", user_data: $u}')")
check "a Debian server" becomes demo "$ID" ACTIVE 120
FIP=$(give_floating demo "$ID")
check "the page that user data installed, through the floating address" wait_for 400 "the page" has_page "$FIP/" "installed by user data" ||
    console_of demo "$ID" | tail -n 40
check "ssh as the image's user" wait_for 60 "ssh" guest_as debian "$FIP" true
check "cloud-init knew the cloud for OpenStack" guest_as debian "$FIP" 'cloud-id | grep -x openstack && cloud-init status | grep -v error'
check "cloud-init gave it its name" is "$(guest_as debian "$FIP" hostname)" debian
closing
