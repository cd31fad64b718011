-- What a guest has told of its password, encrypted by it for the key's owner: kept once, until it is cleared.
CREATE TABLE server_password (
    server_id TEXT NOT NULL PRIMARY KEY REFERENCES server (id) ON DELETE CASCADE,
    password TEXT NOT NULL
);
