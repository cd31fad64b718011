-- Compute: flavors, keypairs, hosts, servers and what belongs to them.
CREATE TABLE flavor (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    vcpus BIGINT NOT NULL CHECK (vcpus > 0),
    ram_mib BIGINT NOT NULL CHECK (ram_mib > 0),
    root_gib BIGINT NOT NULL CHECK (root_gib >= 0),
    ephemeral_gib BIGINT NOT NULL CHECK (ephemeral_gib >= 0),
    swap_mib BIGINT NOT NULL CHECK (swap_mib >= 0),
    rxtx_factor TEXT NOT NULL,
    is_public BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    extra_specs TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE flavor_access (
    flavor_id TEXT NOT NULL REFERENCES flavor (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL,
    PRIMARY KEY (flavor_id, project_id)
);
CREATE TABLE keypair (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    id BIGINT NOT NULL,
    type TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, name)
);
CREATE TABLE host (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    ip TEXT,
    boot_id TEXT,
    hypervisor TEXT,
    hypervisor_version TEXT,
    hypervisor_version_n BIGINT NOT NULL,
    cpu_model TEXT,
    arch TEXT,
    cpus BIGINT NOT NULL,
    ram_mib BIGINT NOT NULL,
    disk_gib BIGINT NOT NULL,
    ram_seen_mib BIGINT NOT NULL,
    disk_seen_gib BIGINT NOT NULL,
    used_vcpus BIGINT NOT NULL CHECK (used_vcpus >= 0),
    used_ram_mib BIGINT NOT NULL CHECK (used_ram_mib >= 0),
    used_disk_gib BIGINT NOT NULL CHECK (used_disk_gib >= 0),
    servers_n BIGINT NOT NULL CHECK (servers_n >= 0),
    running BIGINT NOT NULL,
    az TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    disabled_reason TEXT,
    last_seen_us BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE server (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    description TEXT,
    vm_state TEXT NOT NULL CHECK (vm_state IN ('building', 'active', 'stopped', 'paused', 'suspended', 'error')),
    task_state TEXT,
    power_state BIGINT NOT NULL,
    host_id TEXT REFERENCES host (id),
    gen BIGINT NOT NULL,
    want_power TEXT NOT NULL CHECK (want_power IN ('on', 'off', 'paused', 'suspended')),
    stop_hard BIGINT NOT NULL,
    boot_n BIGINT NOT NULL,
    boot_hard BIGINT NOT NULL,
    place_epoch BIGINT NOT NULL,
    deadline_us BIGINT NOT NULL,
    step TEXT,
    flavor_id TEXT NOT NULL,
    flavor_name TEXT NOT NULL,
    vcpus BIGINT NOT NULL,
    ram_mib BIGINT NOT NULL,
    root_gib BIGINT NOT NULL,
    ephemeral_gib BIGINT NOT NULL,
    swap_mib BIGINT NOT NULL,
    extra_specs TEXT NOT NULL,
    image_id TEXT,
    kernel_id TEXT,
    ramdisk_id TEXT,
    key_name TEXT,
    key_data TEXT,
    user_data TEXT,
    config_drive BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    locked BIGINT NOT NULL,
    locked_by_admin BIGINT NOT NULL,
    locked_reason TEXT,
    az TEXT,
    reservation_id TEXT NOT NULL,
    launch_index BIGINT NOT NULL,
    group_id TEXT,
    disk_config TEXT NOT NULL,
    access_ip_v4 TEXT NOT NULL,
    access_ip_v6 TEXT NOT NULL,
    root_device TEXT NOT NULL,
    deleting BIGINT NOT NULL,
    fault_code BIGINT NOT NULL,
    fault_message TEXT,
    fault_details TEXT,
    fault_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    launched_at BIGINT NOT NULL,
    terminated_at BIGINT NOT NULL
);
CREATE INDEX server_by_project ON server (project_id, created_at);
CREATE INDEX server_by_host ON server (host_id);
CREATE INDEX server_by_deadline ON server (deadline_us) WHERE deadline_us > 0;
CREATE INDEX server_by_created ON server (created_at, id);
CREATE INDEX server_by_group ON server (group_id);
-- The same tags as server.tags, one a row, for the filters of the list.
CREATE TABLE server_tag (
    server_id TEXT NOT NULL REFERENCES server (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (server_id, tag)
);
CREATE INDEX server_tag_by_tag ON server_tag (tag);
CREATE TABLE server_task (
    id TEXT NOT NULL PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES server (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('snapshot')),
    image_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    backup_type TEXT,
    rotation BIGINT NOT NULL,
    deadline_us BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX server_task_by_server ON server_task (server_id);
-- History; it drives nothing.  It outlives the server.
CREATE TABLE server_action (
    server_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    project_id TEXT,
    user_id TEXT,
    message TEXT,
    start_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    open BIGINT NOT NULL,
    PRIMARY KEY (server_id, request_id)
);
CREATE INDEX server_action_by_start ON server_action (start_at);
CREATE TABLE server_event (
    id TEXT NOT NULL PRIMARY KEY,
    server_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    event TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    finish_at BIGINT NOT NULL,
    result TEXT,
    details TEXT,
    host_name TEXT
);
CREATE INDEX server_event_by_action ON server_event (server_id, request_id);
-- What is left of a deleted server: for usage reports.
CREATE TABLE server_past (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    flavor_name TEXT NOT NULL,
    vcpus BIGINT NOT NULL,
    ram_mib BIGINT NOT NULL,
    root_gib BIGINT NOT NULL,
    ephemeral_gib BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    launched_at BIGINT NOT NULL,
    terminated_at BIGINT NOT NULL
);
CREATE INDEX server_past_by_project ON server_past (project_id, terminated_at);
CREATE TABLE console_token (
    token_hash TEXT NOT NULL PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES server (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    expires_us BIGINT NOT NULL
);
CREATE INDEX console_token_by_server ON console_token (server_id);
CREATE TABLE aggregate (
    id BIGINT NOT NULL PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE aggregate_host (
    aggregate_id BIGINT NOT NULL REFERENCES aggregate (id) ON DELETE CASCADE,
    host_id TEXT NOT NULL REFERENCES host (id) ON DELETE CASCADE,
    PRIMARY KEY (aggregate_id, host_id)
);
CREATE INDEX aggregate_host_by_host ON aggregate_host (host_id);
CREATE TABLE server_group (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    policy TEXT NOT NULL CHECK (policy IN ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
    max_server_per_host BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX server_group_by_project ON server_group (project_id);
