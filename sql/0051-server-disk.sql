-- How often the server was rebuilt: its host replaces disks that were made for a lower number.
ALTER TABLE server ADD COLUMN disk_n BIGINT NOT NULL DEFAULT 0;
