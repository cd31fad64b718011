-- What the host's uptime(1) would say, as of its last report.
ALTER TABLE host ADD COLUMN uptime TEXT;
