#!/bin/sh
# What the DHCP client runs at each event: $1 is the event; interface, ip, mask, router... come in the
# environment.  Writes /run/net.INTERFACE, for which the metadata client waits.
. /etc/init.d/lib

up=/run/net.$interface

case $1 in
deconfig)
    # At boot there is nothing to take away yet: save the processes.
    if [ -e "$up" ]; then
        rm -f "$up"
        ip -4 addr flush dev "$interface"
    fi
    ;;
bound | renew)
    # The first interface gets its routes without a metric, further ones must not compete with it.
    metric=
    [ "$interface" = eth0 ] || metric="metric $((100 + ${interface#eth}))"

    ip addr replace "$ip/$mask" ${broadcast:+broadcast $broadcast} dev "$interface"
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    if [ -n "$staticroutes" ]; then
        # option 121: pairs of destination and gateway; it replaces the router option
        gateway=
        set -- $staticroutes
        while [ $# -ge 2 ]; do
            via="via $2"
            [ "$2" != 0.0.0.0 ] || via=
            [ "$1" != 0.0.0.0/0 ] || gateway=$2
            ip route replace "$1" $via dev "$interface" $metric
            shift 2
        done
    else
        gateway=${router%% *}
        [ -z "$gateway" ] || ip route replace default via "$gateway" dev "$interface" $metric
    fi

    if [ "$interface" = eth0 ] || [ ! -s /etc/resolv.conf ]; then
        {
            [ -z "$domain" ] || echo "search $domain"
            for n in $dns; do echo "nameserver $n"; done
        } > /etc/resolv.conf
    fi
    # A name from the metadata service is better than one from DHCP.
    if [ -n "$hostname" ] && [ "$interface" = eth0 ] && [ ! -s /etc/metadata/hostname ]; then
        echo "$hostname" > /etc/hostname
        hostname "$hostname"
    fi
    [ -e "$up" ] || say "network $ip/$mask gateway ${gateway:-none}"
    echo "$ip" > "$up"
    ;;
esac
exit 0
