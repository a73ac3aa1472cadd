/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - run a fuzz target over files: those found once, and any others.
 *
 *   fuzz_NAME FILE-OR-FOLDER...
 *
 * libFuzzer brings a main() of its own; without it this one is linked, so that
 * `make check` replays every corpus with the compiler at hand.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file's bytes in a block of exactly their size, so that a sanitizer sees
 * the first byte read too much. NULL: could not be read. */
static uint8_t *
load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    struct stat status;
    if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
        fclose(file);
        return NULL;
    }
    *size = (size_t)status.st_size;
    uint8_t *data = malloc(*size == 0 ? 1 : *size);
    if (data != NULL && fread(data, 1, *size, file) != *size) {
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

static int
replay_file(const char *path)
{
    size_t size;
    uint8_t *data = load(path, &size);
    if (data == NULL) {
        perror(path);
        return 0;
    }
    /* Known before the crash, if there is one. */
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int
replay_folder(const char *path, DIR *folder)
{
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        count += replay_file(name);
    }
    return count;
}

int
main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            count += replay_file(argv[i]);
            continue;
        }
        count += replay_folder(argv[i], folder);
        closedir(folder);
    }
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
