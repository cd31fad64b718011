-- The order in which servers are listed, so that a page of them needs no sorting.
DROP INDEX server_by_project;
CREATE INDEX server_by_project ON server (project_id, created_at, id);
