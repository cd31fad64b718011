-- One more state: with a size that waits to be confirmed.  A CHECK cannot be changed, but a column can be replaced.
ALTER TABLE server RENAME COLUMN vm_state TO vm_state_before;
ALTER TABLE server ADD COLUMN vm_state TEXT NOT NULL DEFAULT 'building'
    CHECK (vm_state IN ('building', 'active', 'stopped', 'paused', 'suspended', 'resized', 'error'));
UPDATE server SET vm_state=vm_state_before;
ALTER TABLE server DROP COLUMN vm_state_before;
-- The size that a server had before a resize that is neither confirmed nor reverted.
CREATE TABLE server_resize (
    server_id TEXT NOT NULL PRIMARY KEY REFERENCES server (id) ON DELETE CASCADE,
    flavor_id TEXT NOT NULL,
    flavor_name TEXT NOT NULL,
    vcpus BIGINT NOT NULL,
    ram_mib BIGINT NOT NULL,
    root_gib BIGINT NOT NULL,
    ephemeral_gib BIGINT NOT NULL,
    swap_mib BIGINT NOT NULL,
    extra_specs TEXT NOT NULL
);
