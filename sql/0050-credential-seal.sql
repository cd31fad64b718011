-- 1: blob is sealed with the installation's key.  What is there yet is sealed at the next start.
ALTER TABLE identity_credential ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
