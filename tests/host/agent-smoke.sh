#!/bin/bash
# agent-smoke.sh - one micro guest for real: DHCP, metadata, floating address, groups, reboot, power, snapshot, removal;
# the agent is killed in between and nothing notices.
set -u
. "$(dirname "$0")/lib.sh"
needs
[ -f "$IMAGES/micro-vmlinux" ] || skip "needs the micro guest in $IMAGES (guest/build-micro)"
trap host_down EXIT
G=aaaaaaaa-0000-4000-8000-000000000001
docs() { python3 "$HERE/docs.py" "$T" "$@"; }
console() { cat "$T/state/guests/$G/console.log"; }
console_says() { grep -q "$1" "$T/state/guests/$G/console.log"; }
sync_now() { docs network; docs group default any icmp tcp:80 tcp:22; }

say "coming up"
net_up; libvirtd_up; controller_up
cp --sparse=always "$IMAGES/micro-root.raw" "$T/images/dddddddd-0000-4000-8000-000000000001"
cp "$IMAGES/micro-vmlinux" "$T/images/dddddddd-0000-4000-8000-000000000002"
cp "$IMAGES/micro-initrd" "$T/images/dddddddd-0000-4000-8000-000000000003"
docs guest 1 config_drive=true ephemeral_gib=1 swap_mib=16; docs floating 1 203.0.113.100; sync_now
agent_up
say "agent started"
wait_for 60 "the guest's report" is_report $G phase ready
say "guest is ready by report"
wait_for 60 "DHCP and metadata" console_says "micro: .*network up\|datasource"
wait_for 60 "ping through the floating address" outside ping -c1 -W1 203.0.113.100
say "floating address answers ping"
wait_for 60 "the guest's web page" outside curl -sf -m 2 http://203.0.113.100/
say "web page: $(outside curl -s -m 2 http://203.0.113.100/)"
outside curl -s -m 2 http://203.0.113.100:8080/ && die "a port that no group allows is open"
say "console:"; grep -a "micro:" "$T/state/guests/$G/console.log"
console_says "datasource configdrive" || die "the guest did not find its config drive"
wait_for 20 "the floating address's report" is_report eeeeeeee-0000-4000-8000-000000000001 up True

say "kill -9 of the agent: guest, address and DHCP go on"
kill -9 "$(cat "$T/agent.pid")"
outside curl -sf -m 5 http://203.0.113.100/ >/dev/null || die "the guest is gone with the agent"
agent_up

say "soft reboot"
begin=$(date +%s.%N)
docs guest 1 boot_n=1; sync_now
wait_for 90 "the reboot" is_report $G boot_n 1
wait_for 60 "the rebooted guest" is_report $G phase ready
wait_for 60 "boots on the console" sh -c "[ \$(grep -c 'boot done' $T/state/guests/$G/console.log) = 2 ]"
say "rebooted in $(echo "$(date +%s.%N) - $begin" | bc) s"

say "snapshot of the running guest"
docs guest 1 'tasks=[{"id":"99999999-0000-4000-8000-000000000001","kind":"snapshot","image_id":"dddddddd-0000-4000-8000-000000000009","deadline_us":0}]'
wait_for 60 "the snapshot" is_report 99999999-0000-4000-8000-000000000001 done True
[ "$(report 99999999-0000-4000-8000-000000000001 fault)" = None ] || die "the snapshot failed: $(cat "$T/seen.json")"
[ "$(head -c 3 "$T/uploads/dddddddd-0000-4000-8000-000000000009")" = QFI ] || die "the snapshot is no qcow2 file"
qemu-img check -q "$T/uploads/dddddddd-0000-4000-8000-000000000009" || die "the snapshot is damaged"
[ ! -e "$T/state/guests/$G/overlay.qcow2" ] || die "the overlay is left"
docs guest 1 'tasks=[]'

say "hot plug of a port, and its end"
P1=$(python3 -c "import json; print(json.dumps(json.load(open('$T/docs/guest.$G.json'))['ports'][0]))")
P2=$(echo "$P1" | sed 's/bbbbbb01/bbbbbb07/; s/00:01"/00:07"/; s/10.0.0.11/10.0.0.17/; s/"mark": 101/"mark": 107/')
docs guest 1 "ports=[$P1,$P2]"
wait_for 30 "the second tap in the guest" sh -c "nsenter -t $(cat "$T/daemon.pid") -m -n -- $AGENT --config $T/agent.conf --seen | python3 -c \"
import json,sys; assert len(json.load(sys.stdin)['guests'][0]['taps']) == 2\""
docs guest 1 "ports=[$P1]"
wait_for 60 "the second tap's end" sh -c "! ip -n $HOST link show tapbbbbbb07-00"

say "pause, resume, suspend, resume"
docs guest 1 'power="paused"'; wait_for 20 "pause" is_report $G power paused
docs guest 1 'power="on"';     wait_for 20 "resume" is_report $G power on
docs guest 1 'power="suspended"'; wait_for 30 "suspend" is_report $G power suspended
docs guest 1 'power="on"'; wait_for 30 "waking up" is_report $G power on
wait_for 20 "the woken guest" outside curl -sf -m 2 http://203.0.113.100/

say "off by ACPI, on, off by plug"
docs guest 1 'power="off"'; wait_for 70 "off" is_report $G power off
docs guest 1 'power="on"'; wait_for 30 "on" is_report $G power on
docs guest 1 'power="off"' stop_hard=true; wait_for 20 "hard off" is_report $G power off

say "removal leaves nothing"
docs remove guest $G; docs remove floating eeeeeeee-0000-4000-8000-000000000001; docs network
wait_for 30 "removal" is_report $G phase gone
wait_for 10 "the tap's end" sh -c "! ip -n $HOST link show tapbbbbbb01-00"
[ -z "$(in_host virsh list --all --name | tr -d '\n')" ] || die "a domain is left"
[ -z "$(ls "$T/state/guests" "$T/state/records" "$T/state/outbox" | grep -v :)" ] || die "files are left"
kill "$(cat "$T/agent.pid")"
in_host "$AGENT" --config "$T/agent.conf" --teardown || die "teardown"
ip -n "$HOST" link show br0 2>/dev/null && die "the bridge is left"
[ -z "$(in_net nft list ruleset)" ] || die "rules are left"
[ "$(in_net cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || die "ip_forward is left on"
say "PASS"
