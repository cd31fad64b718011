-- Images: one row each; the bytes are a file named by the id.
-- defect: why no server can be made of it though its bytes are harmless to keep, or null.
CREATE TABLE image (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT,
    status TEXT NOT NULL CHECK (status IN ('queued', 'saving', 'active', 'deactivated')),
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private', 'shared', 'community')),
    disk_format TEXT,
    container_format TEXT,
    size BIGINT NOT NULL,
    virtual_size BIGINT NOT NULL,
    checksum TEXT,
    os_hash_algo TEXT,
    os_hash_value TEXT,
    min_disk BIGINT NOT NULL,
    min_ram BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    os_hidden BIGINT NOT NULL,
    properties TEXT NOT NULL,
    tags TEXT NOT NULL,
    defect TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX image_by_owner ON image (owner);
CREATE INDEX image_by_visibility ON image (visibility);

-- With whom a shared image is shared.
CREATE TABLE image_member (
    image_id TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    member_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (image_id, member_id)
);
CREATE INDEX image_member_by_member ON image_member (member_id);

-- Ids that were used: an image's id never comes back, and its file is swept when no server's disk is based
-- on it; until then such a server is still described by what is kept here.
CREATE TABLE image_gone (
    id TEXT NOT NULL PRIMARY KEY,
    gone_at BIGINT NOT NULL,
    swept BIGINT NOT NULL,
    disk_format TEXT,
    size BIGINT NOT NULL,
    os_hash_value TEXT,
    properties TEXT NOT NULL
);
CREATE INDEX image_gone_by_swept ON image_gone (swept, gone_at);
