-- Identity: who there is, what they may, where the services are, and how much a project may use.
-- "user" and "group" are words of SQL; every table here has the domain's name in front.
CREATE TABLE identity_domain (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    tags TEXT NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL
);

-- parent_id is another project, or the domain for a project at the top.
CREATE TABLE identity_project (
    id TEXT NOT NULL PRIMARY KEY,
    domain_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    tags TEXT NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX identity_project_parent ON identity_project (parent_id);
CREATE INDEX identity_project_name ON identity_project (name);

-- epoch: raised by what ends all tokens of the user at once; a token carries the one it was made under.
CREATE TABLE identity_user (
    id TEXT NOT NULL PRIMARY KEY,
    domain_id TEXT NOT NULL,
    name TEXT NOT NULL,
    default_project_id TEXT,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    password_hash TEXT,
    epoch BIGINT NOT NULL CHECK (epoch >= 0),
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX identity_user_name ON identity_user (name);

CREATE TABLE identity_group (
    id TEXT NOT NULL PRIMARY KEY,
    domain_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE TABLE identity_membership (
    user_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX identity_membership_group ON identity_membership (group_id);

-- domain_id '' is a role of the whole cloud; the others count only through the roles they imply.
CREATE TABLE identity_role (
    id TEXT NOT NULL PRIMARY KEY,
    domain_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE TABLE identity_implied (
    prior_id TEXT NOT NULL,
    implied_id TEXT NOT NULL,
    PRIMARY KEY (prior_id, implied_id)
);
CREATE INDEX identity_implied_implied ON identity_implied (implied_id);

-- inherited: holds for the projects below the target, not for the target itself.
CREATE TABLE identity_grant (
    actor_type TEXT NOT NULL CHECK (actor_type IN ('user', 'group')),
    actor_id TEXT NOT NULL,
    target_type TEXT NOT NULL CHECK (target_type IN ('project', 'domain', 'system')),
    target_id TEXT NOT NULL,
    role_id TEXT NOT NULL,
    inherited BIGINT NOT NULL CHECK (inherited IN (0, 1)),
    PRIMARY KEY (actor_type, actor_id, target_type, target_id, role_id, inherited)
);
CREATE INDEX identity_grant_target ON identity_grant (target_id);
CREATE INDEX identity_grant_role ON identity_grant (role_id);

-- Tokens that were given back before their time; rows go when the time has come.
CREATE TABLE identity_revoked (
    audit_id TEXT NOT NULL PRIMARY KEY,
    expires_us BIGINT NOT NULL
);
CREATE INDEX identity_revoked_expires ON identity_revoked (expires_us);

CREATE TABLE identity_app_cred (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    secret_hash TEXT NOT NULL,
    role_ids TEXT NOT NULL,
    unrestricted BIGINT NOT NULL CHECK (unrestricted IN (0, 1)),
    expires_us BIGINT NOT NULL,
    UNIQUE (user_id, name)
);
CREATE INDEX identity_app_cred_project ON identity_app_cred (project_id);

CREATE TABLE identity_credential (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    project_id TEXT,
    type TEXT NOT NULL,
    blob TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX identity_credential_user ON identity_credential (user_id);
CREATE INDEX identity_credential_project ON identity_credential (project_id);

CREATE TABLE identity_region (
    id TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    parent_region_id TEXT,
    extra TEXT NOT NULL
);
CREATE INDEX identity_region_parent ON identity_region (parent_region_id);

CREATE TABLE identity_service (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    name TEXT,
    description TEXT,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    extra TEXT NOT NULL
);

-- url: a path of our own ("/image"), shown under the public URL of the day, or a whole URL.
CREATE TABLE identity_endpoint (
    id TEXT NOT NULL PRIMARY KEY,
    service_id TEXT NOT NULL,
    region_id TEXT,
    interface TEXT NOT NULL CHECK (interface IN ('public', 'internal', 'admin')),
    url TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    extra TEXT NOT NULL
);
CREATE INDEX identity_endpoint_service ON identity_endpoint (service_id);
CREATE INDEX identity_endpoint_region ON identity_endpoint (region_id);

CREATE TABLE identity_policy (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    blob TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE quota_limit (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    value BIGINT NOT NULL CHECK (value >= -1),
    PRIMARY KEY (project_id, resource)
);

CREATE TABLE quota_use (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    value BIGINT NOT NULL CHECK (value >= 0),
    PRIMARY KEY (project_id, resource)
);
