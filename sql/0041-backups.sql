-- Which images are backups of a server, for their rotation.
CREATE TABLE server_backup (
    image_id TEXT NOT NULL PRIMARY KEY,
    server_id TEXT NOT NULL,
    backup_type TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX server_backup_by_server ON server_backup (server_id, backup_type);
