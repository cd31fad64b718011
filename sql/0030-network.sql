-- Networks, addresses, ports, groups, routers, floating addresses.
-- tags: one tag per line, with a line break before the first and after the last; "" for none.
CREATE TABLE network (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    admin_state_up BIGINT NOT NULL,
    shared BIGINT NOT NULL,
    is_external BIGINT NOT NULL,
    is_default BIGINT NOT NULL,
    port_security_enabled BIGINT NOT NULL,
    mtu BIGINT NOT NULL,
    network_type TEXT NOT NULL CHECK (network_type IN ('flat', 'local')),
    physical_network TEXT
);
CREATE INDEX network_by_project ON network (project_id);

CREATE TABLE subnetpool (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    shared BIGINT NOT NULL,
    is_default BIGINT NOT NULL,
    ip_version BIGINT NOT NULL,
    prefixes TEXT NOT NULL,
    default_prefixlen BIGINT NOT NULL,
    min_prefixlen BIGINT NOT NULL,
    max_prefixlen BIGINT NOT NULL,
    default_quota BIGINT NOT NULL
);
CREATE INDEX subnetpool_by_project ON subnetpool (project_id);

CREATE TABLE subnet (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES network (id),
    subnetpool_id TEXT REFERENCES subnetpool (id),
    ip_version BIGINT NOT NULL CHECK (ip_version IN (4, 6)),
    cidr TEXT NOT NULL,
    gateway_ip TEXT,
    enable_dhcp BIGINT NOT NULL,
    ipv6_ra_mode TEXT,
    ipv6_address_mode TEXT,
    dns TEXT NOT NULL
);
CREATE INDEX subnet_by_network ON subnet (network_id);
CREATE INDEX subnet_by_project ON subnet (project_id);
CREATE INDEX subnet_by_pool ON subnet (subnetpool_id);

CREATE TABLE subnet_route (
    subnet_id TEXT NOT NULL REFERENCES subnet (id),
    destination TEXT NOT NULL,
    nexthop TEXT NOT NULL,
    PRIMARY KEY (subnet_id, destination, nexthop)
);

-- Addresses are given out round and round: a freed one comes again only after all others.
CREATE TABLE allocation_pool (
    subnet_id TEXT NOT NULL REFERENCES subnet (id),
    first_ip TEXT NOT NULL,
    last_ip TEXT NOT NULL,
    first_slot BIGINT NOT NULL,
    last_slot BIGINT NOT NULL,
    next_slot BIGINT NOT NULL,
    PRIMARY KEY (subnet_id, first_ip)
);

-- server_id is set by network_attach() alone: what a tenant writes into device_id proves nothing.
CREATE TABLE port (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES network (id),
    mac_address TEXT NOT NULL,
    admin_state_up BIGINT NOT NULL,
    status TEXT NOT NULL,
    device_id TEXT NOT NULL,
    device_owner TEXT NOT NULL,
    port_security_enabled BIGINT NOT NULL,
    host_id TEXT NOT NULL,
    vnic_type TEXT NOT NULL,
    profile TEXT NOT NULL,
    mark BIGINT NOT NULL UNIQUE CHECK (mark BETWEEN 1 AND 2147483647),
    server_id TEXT,
    made_for_server BIGINT NOT NULL,
    position BIGINT NOT NULL,
    nic_tag TEXT,
    UNIQUE (network_id, mac_address)
);
CREATE INDEX port_by_project ON port (project_id);
CREATE INDEX port_by_device ON port (device_id);
CREATE INDEX port_by_server ON port (server_id);
CREATE INDEX port_by_host ON port (host_id);

-- slot: distance from the subnet's first address, for finding gaps.
CREATE TABLE port_ip (
    subnet_id TEXT NOT NULL REFERENCES subnet (id),
    ip_address TEXT NOT NULL,
    port_id TEXT NOT NULL REFERENCES port (id),
    slot BIGINT NOT NULL,
    version BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (subnet_id, ip_address)
);
CREATE INDEX port_ip_by_port ON port_ip (port_id);
CREATE INDEX port_ip_by_slot ON port_ip (subnet_id, slot);
CREATE INDEX port_ip_by_address ON port_ip (ip_address);

CREATE TABLE port_pair (
    port_id TEXT NOT NULL REFERENCES port (id),
    ip_address TEXT NOT NULL,
    mac_address TEXT NOT NULL,
    PRIMARY KEY (port_id, ip_address, mac_address)
);

CREATE TABLE security_group (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    stateful BIGINT NOT NULL
);
CREATE INDEX security_group_by_project ON security_group (project_id);
CREATE UNIQUE INDEX security_group_default ON security_group (project_id) WHERE name = 'default';

-- port_range: -1 is null.
CREATE TABLE security_group_rule (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    security_group_id TEXT NOT NULL REFERENCES security_group (id),
    direction TEXT NOT NULL CHECK (direction IN ('ingress', 'egress')),
    ethertype TEXT NOT NULL CHECK (ethertype IN ('IPv4', 'IPv6')),
    protocol TEXT,
    port_range_min BIGINT NOT NULL,
    port_range_max BIGINT NOT NULL,
    remote_group_id TEXT REFERENCES security_group (id),
    remote_ip_prefix TEXT
);
CREATE INDEX security_group_rule_by_group ON security_group_rule (security_group_id);
CREATE INDEX security_group_rule_by_remote ON security_group_rule (remote_group_id);
CREATE INDEX security_group_rule_by_project ON security_group_rule (project_id);

CREATE TABLE port_group (
    port_id TEXT NOT NULL REFERENCES port (id),
    group_id TEXT NOT NULL REFERENCES security_group (id),
    PRIMARY KEY (port_id, group_id)
);
CREATE INDEX port_group_by_group ON port_group (group_id);

-- A router's legs are ports whose device it is; the gateway is one too.
CREATE TABLE router (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    admin_state_up BIGINT NOT NULL,
    gateway_port_id TEXT REFERENCES port (id),
    gateway_network_id TEXT REFERENCES network (id),
    enable_snat BIGINT NOT NULL
);
CREATE INDEX router_by_project ON router (project_id);
CREATE INDEX router_by_gateway_network ON router (gateway_network_id);

CREATE TABLE router_leg (
    port_id TEXT NOT NULL PRIMARY KEY REFERENCES port (id),
    router_id TEXT NOT NULL REFERENCES router (id)
);
CREATE INDEX router_leg_by_router ON router_leg (router_id);

CREATE TABLE router_route (
    router_id TEXT NOT NULL REFERENCES router (id),
    destination TEXT NOT NULL,
    nexthop TEXT NOT NULL,
    PRIMARY KEY (router_id, destination, nexthop)
);

-- The address itself is held by a port of the external network, so that all addresses are unique in one place.
CREATE TABLE floating_ip (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    floating_network_id TEXT NOT NULL REFERENCES network (id),
    floating_ip_address TEXT NOT NULL,
    floating_port_id TEXT NOT NULL REFERENCES port (id),
    port_id TEXT REFERENCES port (id),
    fixed_ip_address TEXT,
    router_id TEXT REFERENCES router (id),
    status TEXT NOT NULL,
    fault TEXT,
    UNIQUE (floating_network_id, port_id, fixed_ip_address)
);
CREATE INDEX floating_ip_by_project ON floating_ip (project_id);
CREATE INDEX floating_ip_by_port ON floating_ip (port_id);
CREATE INDEX floating_ip_by_router ON floating_ip (router_id);
CREATE INDEX floating_ip_by_floating_port ON floating_ip (floating_port_id);
