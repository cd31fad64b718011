/* bare-sqlite FILE CREATES INSERTS UPDATES GROUP: the least that making servers can cost in SQLite: per create so
 * many inserts and updates, GROUP creates per transaction, synchronous=FULL.  Prints a line of JSON. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROW_BYTES = 400, COUNTERS = 16 };

static void must(sqlite3 *db, int r)
{
    if (r == SQLITE_OK || r == SQLITE_DONE || r == SQLITE_ROW)
        return;
    fprintf(stderr, "bare-sqlite: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db;

    must(NULL, sqlite3_open(path, &db));
    must(db, sqlite3_exec(db,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "CREATE TABLE row (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, at BIGINT NOT NULL, text TEXT);"
                          "CREATE INDEX row_by_owner ON row (owner, at);"
                          "CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);",
                          NULL, NULL, NULL));
    for (int i = 0; i < COUNTERS; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "INSERT INTO counter VALUES (%d, 0)", i);
        must(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
    }
    return db;
}

static void run(sqlite3 *db, long creates, int inserts, int updates, int group)
{
    sqlite3_stmt *insert, *update, *begin, *commit;
    char text[ROW_BYTES + 1], id[40];

    memset(text, 'x', ROW_BYTES);
    text[ROW_BYTES] = 0;
    must(db, sqlite3_prepare_v2(db, "INSERT INTO row VALUES (?1, 'owner', ?2, ?3)", -1, &insert, NULL));
    must(db, sqlite3_prepare_v2(db, "UPDATE counter SET n = n + 1 WHERE id = ?1", -1, &update, NULL));
    must(db, sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL));
    must(db, sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL));
    for (long i = 0; i < creates; i++) {
        if (i % group == 0) {
            must(db, sqlite3_step(begin));
            sqlite3_reset(begin);
        }
        for (int j = 0; j < inserts; j++) {
            /* scattered like random UUIDs */
            snprintf(id, sizeof id, "%08x-%04d-4000-8000-%012ld", (unsigned)(i * 2654435761u), j, i);
            sqlite3_bind_text(insert, 1, id, -1, SQLITE_STATIC);
            sqlite3_bind_int64(insert, 2, i);
            sqlite3_bind_text(insert, 3, text, ROW_BYTES, SQLITE_STATIC);
            must(db, sqlite3_step(insert));
            sqlite3_reset(insert);
        }
        for (int j = 0; j < updates; j++) {
            sqlite3_bind_int64(update, 1, j % COUNTERS);
            must(db, sqlite3_step(update));
            sqlite3_reset(update);
        }
        if (i % group == group - 1 || i == creates - 1) {
            must(db, sqlite3_step(commit));
            sqlite3_reset(commit);
        }
    }
    sqlite3_finalize(insert);
    sqlite3_finalize(update);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bare-sqlite FILE CREATES INSERTS UPDATES GROUP\n");
        return 2;
    }
    long creates = strtol(argv[2], NULL, 10);
    sqlite3 *db = open_file(argv[1]);
    double wall = wall_s(), cpu = cpu_s();

    run(db, creates, (int)strtol(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10), (int)strtol(argv[5], NULL, 10));
    printf("{\"n\": %ld, \"wall_s\": %.6f, \"cpu_s\": %.6f}\n", creates, wall_s() - wall, cpu_s() - cpu);
    sqlite3_close(db);
    return 0;
}
