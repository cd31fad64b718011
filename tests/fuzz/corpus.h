/* corpus.h - corpus_each() for the unit tests, which are one file each. */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "fuzz.h"

/* The seeds lie beside this file, whose path the compiler knows as seen from the build folder; and that is
 * where the test program is, two folders down. */
static inline int corpus_open(const char *folder)
{
    char program[PATH_MAX], path[PATH_MAX * 2];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

    if (n < 0)
        return -1;
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    bool absolute = __FILE__[0] == '/';
    snprintf(path, sizeof path, "%s%s%.*s/corpus/%s", absolute ? "" : program, absolute ? "" : "/../../",
             (int)(sizeof __FILE__ - sizeof "/corpus.h"), __FILE__, folder);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Calls 'f' with each seed in tests/fuzz/corpus/'folder'; returns their number, 0 when the folder is not
 * found. */
typedef void corpus_function(const char *name, const uint8_t *data, size_t size);
static inline size_t corpus_each(const char *folder, corpus_function *f)
{
    enum { SEED_MAX = 1 << 20 };
    int fd = corpus_open(folder);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    uint8_t *buffer = malloc(SEED_MAX);
    size_t n = 0;

    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        CLEAN_FD seed = openat(fd, entry->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(seed, buffer, SEED_MAX);
        if (size < 0)
            continue;
        uint8_t *exact = malloc((size_t)size + !size); /* so that a sanitizer sees a read beyond it */
        memcpy(exact, buffer, (size_t)size);
        f(entry->d_name, exact, (size_t)size);
        free(exact);
        n++;
    }
    if (directory)
        closedir(directory);
    free(buffer);
    return n;
}
