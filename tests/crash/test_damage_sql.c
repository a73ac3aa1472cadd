/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_damage_sql.c - bytes on the disk change, and files are cut, lost,
 * zeroed, exchanged, old or of another database: every answer is what it was,
 * or an error that says "corrupted" (XX001). No signal, no hang.
 *
 * The database has every kind of file: catalogue, log, segments, deletions,
 * graphs and lists. MQL_TEST_LONG=1 flips one bit of every byte; the quick run
 * every byte at the front of each file and where the log ends, and of the rest
 * one in so many. MQL_TEST_SEED turns both.
 *
 *   test_damage_sql --replay flip:FILE:OFFSET:BIT
 */
#include "machine.h"
#include "run_sql.h"

#include <inttypes.h>
#include <xxhash.h>

enum { COUNT_TRIES, COUNT_REFUSED, COUNT_HARMLESS };

#define FILES_MOST 64
#define QUERIES_MOST 8
#define MEBIBYTE 1048576u

typedef enum DamageKind {
    DAMAGE_FLIP,
    DAMAGE_CUT,
    DAMAGE_ZERO, /* 4096 bytes */
    DAMAGE_DELETE,
    DAMAGE_OTHER, /* the file's bytes are those of `other`, a whole path */
} DamageKind;

static const char *const kind_names[] = {"flip", "cut", "zero", "delete",
                                         "other"};

typedef struct Damage {
    DamageKind kind;
    const char *file; /* below the root */
    uint64_t offset;
    int bit;
    const char *other;
} Damage;

typedef struct WholeFile {
    char name[96];
    Bytes bytes;
} WholeFile;

/* The database as it was: its files and answers. */
typedef struct Sound {
    char *directory, *base, *old, *foreign;
    WholeFile files[FILES_MOST];
    size_t file_count;
    uint64_t answers[QUERIES_MOST];
} Sound;

/* A worker's copy, as it was but for what is under way. */
typedef struct Place {
    char *root;
    uint64_t marks[FILES_MOST]; /* of files that are never written in place */
} Place;

static const char *const queries[] = {
    "SHOW COLLECTIONS",
    "SHOW INDEXES FROM items",
    "SELECT id, n, s, v FROM items ORDER BY id",
    "SELECT id FROM items WHERE n = 7 ORDER BY id",
    "SELECT id FROM items WHERE s = 'name 11' ORDER BY id",
    "SEARCH items ON v FOR (SELECT v FROM items WHERE id = 5) LIMIT 10 WITH "
    "(ef "
    "= 400)",
    "SELECT id FROM items WHERE j.k = 7 ORDER BY id",
    "SELECT id, n FROM others ORDER BY id",
};
#define QUERIES (sizeof queries / sizeof queries[0])

/* ---- the database ---- */

/* Long: 1 MiB in all, few rows of many bytes, so that an answer is quick. */
static int
dimension(void)
{
    return is_long_run() ? 256 : 8;
}

static void
insert_rows(mql_conn *conn, int first, int last)
{
    Buffer sql = BUFFER_INIT;
    uint64_t random = 7;
    buffer_append_text(&sql, "INSERT INTO items VALUES ");
    for (int id = first; id <= last; id++) {
        buffer_printf(&sql, "%s(%d, %d, 'name %d', [", id == first ? "" : ", ",
                      id, id % 50, id % 97);
        for (int i = 0; i < dimension(); i++)
            buffer_printf(&sql, "%s%d", i == 0 ? "" : ", ",
                          (int)((next_random(&random) + (unsigned)id) % 1000));
        buffer_printf(&sql, "], '{\"k\": %d}')", id % 50);
    }
    run_sql(conn, buffer_text(&sql));
    buffer_free(&sql);
}

/* `old`: a copy from the middle of its life. */
static void
make_database(const char *path, const char *old, int rows)
{
    Database database;
    mql_error error;
    assert_int_equal(machine_open(path, NULL, &database, &error), MQL_OK);
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE COLLECTION items (id INT64 PRIMARY KEY, n INT64, s "
             "VARCHAR(20), v VECTOR(%d), j JSON); CREATE COLLECTION others (id "
             "INT64 PRIMARY KEY, n INT64)",
             dimension());
    run_sql(database.conn, sql);
    insert_rows(database.conn, 1, rows);
    run_sql(database.conn,
            "CREATE INDEX items_v ON items (v) USING HNSW WITH (metric_type = "
            "'L2'); CREATE INDEX items_n ON items (n) USING INVERTED; CREATE "
            "INDEX items_s ON items (s) USING INVERTED; CREATE INDEX items_j "
            "ON items (j.k) WITH (json_cast_type = 'DOUBLE'); FLUSH items");
    machine_close(&database);
    if (old != NULL)
        copy_tree(path, old);
    assert_int_equal(machine_open(path, NULL, &database, &error), MQL_OK);
    insert_rows(database.conn, rows + 1, rows * 3 / 2);
    run_sql(database.conn,
            "DELETE FROM items WHERE n = 9; FLUSH items; DELETE FROM items "
            "WHERE n = 10; INSERT INTO others VALUES (1, 2), (3, 4); CREATE "
            "PARTITION p ON others; INSERT INTO others VALUES (5, 6)");
    machine_close(&database);
}

/* ---- questions ---- */

/* Vectors as they are: their text takes long. */
static void
add_column(mql_stmt *stmt, int column, uint64_t *answer)
{
    size_t size = 0;
    uint32_t count = 0;
    const void *bytes = mql_column_vector_f32(stmt, column, &count);
    if (bytes != NULL)
        size = count * sizeof(float);
    else
        bytes = mql_column_text(stmt, column, &size);
    *answer =
        XXH3_64bits_withSeed(bytes, bytes == NULL ? 0 : size, *answer + 1);
}

/* The answer's hash; false: an error. */
static bool
ask(mql_conn *conn, const char *sql, uint64_t *answer, mql_error *error)
{
    mql_stmt *stmt = NULL;
    mql_status status = mql_prepare(conn, sql, -1, &stmt, NULL);
    *answer = 0;
    while (status == MQL_OK && (status = mql_step(stmt)) == MQL_ROW) {
        /* what SHOW says besides may tell the damage */
        int columns = sql[1] == 'H' ? 1 : mql_column_count(stmt);
        for (int i = 0; i < columns; i++)
            add_column(stmt, i, answer);
        status = MQL_OK;
    }
    if (status != MQL_DONE)
        mql_error_get(conn, error);
    mql_finalize(stmt);
    return status == MQL_DONE;
}

static void
describe(const Damage *damage, char *text, size_t size)
{
    snprintf(text, size, "--replay %s:%s:%" PRIu64 ":%d%s%s",
             kind_names[damage->kind], damage->file, damage->offset,
             damage->bit, damage->other == NULL ? "" : "  ",
             damage->other == NULL ? "" : damage->other);
}

static bool
is_clean(const Damage *damage, const mql_error *error)
{
    bool is_loss = damage->kind == DAMAGE_DELETE;
    if (strcmp(error->sqlstate, "XX001") == 0 ||
        (is_loss && strcmp(error->sqlstate, "58P01") == 0))
        return true;
    char text[512];
    describe(damage, text, sizeof text);
    print_message("%s: %s: %s %s\n", text, error->sqlstate, error->message,
                  error->detail);
    return false;
}

/* A flipped byte of a file of rows or of an index that is large: what reads it
 * is asked, and of each 8th byte everything. */
static bool
is_asked(const Damage *damage, size_t query)
{
    const char *dot = strrchr(damage->file, '.');
    bool is_all = damage->kind != DAMAGE_FLIP || damage->offset % 8 == 0;
    if (!is_all && dot != NULL && strcmp(dot, ".seg") == 0)
        return query == 2;
    if (!is_all && dot != NULL && strcmp(dot, ".idx") == 0)
        return query >= 3 && query <= 6;
    return true;
}

/* Whether all is as it was, or says that it is not. */
static bool
judge(const Sound *sound, const char *root, const Damage *damage)
{
    Database database;
    mql_error error;
    bool is_good = true, is_refused = false;
    machine_count(COUNT_TRIES, 1);
    if (machine_open(root, NULL, &database, &error) != MQL_OK) {
        machine_count(COUNT_REFUSED, 1);
        return is_clean(damage, &error);
    }
    for (size_t i = 0; i < QUERIES && is_good; i++) {
        uint64_t answer;
        if (!is_asked(damage, i))
            continue;
        if (!ask(database.conn, queries[i], &answer, &error)) {
            is_refused = true;
            is_good = is_clean(damage, &error);
        } else if (answer != sound->answers[i]) {
            char text[512];
            describe(damage, text, sizeof text);
            print_message("%s: another answer of %s\n", text, queries[i]);
            is_good = false;
        }
    }
    machine_count(is_refused ? COUNT_REFUSED : COUNT_HARMLESS, 1);
    machine_close(&database);
    return is_good;
}

/* ---- damage ---- */

static const WholeFile *
file_of(const Sound *sound, const char *name)
{
    for (size_t i = 0; i < sound->file_count; i++)
        if (strcmp(sound->files[i].name, name) == 0)
            return &sound->files[i];
    fail_msg("no file %s", name);
    return NULL;
}

static void
do_damage(const Sound *sound, const char *root, const Damage *damage)
{
    char *path = path_in(root, damage->file);
    const WholeFile *file = file_of(sound, damage->file);
    if (damage->kind == DAMAGE_DELETE) {
        assert_int_equal(unlink(path), 0);
    } else if (damage->kind == DAMAGE_CUT) {
        assert_int_equal(truncate(path, (off_t)damage->offset), 0);
    } else if (damage->kind == DAMAGE_OTHER) {
        Bytes bytes = read_file(damage->other);
        write_file(path, bytes.data, bytes.size);
        free(bytes.data);
    } else {
        char zeros[4096] = {0};
        uint64_t left = file->bytes.size - damage->offset;
        size_t size = left < sizeof zeros ? (size_t)left : sizeof zeros;
        char byte =
            (char)(file->bytes.data[damage->offset] ^ (char)(1 << damage->bit));
        bool is_flip = damage->kind == DAMAGE_FLIP;
        int fd = open(path, O_WRONLY);
        assert_true(pwrite(fd, is_flip ? &byte : zeros, is_flip ? 1 : size,
                           (off_t)damage->offset) > 0);
        close(fd);
    }
    free(path);
}

/* Another file, another size, another time. */
static uint64_t
mark_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return 0;
    uint64_t parts[] = {status.st_ino, (uint64_t)status.st_size,
                        (uint64_t)status.st_mtim.tv_sec,
                        (uint64_t)status.st_mtim.tv_nsec};
    return XXH3_64bits(parts, sizeof parts);
}

static bool
is_immutable(const char *name)
{
    return strncmp(name, "segments/", 9) == 0;
}

/* What opening writes in place is compared: the clock of files is coarse. */
static bool
is_as_it_was(const Place *place, const WholeFile *file, size_t number,
             const char *path)
{
    if (is_immutable(file->name))
        return mark_of(path) == place->marks[number];
    if (access(path, F_OK) != 0)
        return false;
    Bytes bytes = read_file(path);
    bool is_same = bytes.size == file->bytes.size &&
                   memcmp(bytes.data, file->bytes.data, bytes.size) == 0;
    free(bytes.data);
    return is_same;
}

/* Whatever is in it, and whether it is there, is right. */
static bool
is_reserve(const char *name)
{
    return strcmp(name, "reserve") == 0;
}

/* Files that opening made. */
static void
remove_strangers(const Sound *sound, const char *root, const char *below)
{
    char *path = path_in(root, below);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.' || is_reserve(entry->d_name))
            continue;
        char name[96];
        snprintf(name, sizeof name, "%.40s%s%.40s", below,
                 below[0] == '\0' ? "" : "/", entry->d_name);
        size_t i = 0;
        while (i < sound->file_count && strcmp(sound->files[i].name, name) != 0)
            i++;
        if (entry->d_type == DT_DIR) {
            remove_strangers(sound, root, name);
        } else if (i == sound->file_count) {
            char *file = path_in(root, name);
            assert_int_equal(unlink(file), 0);
            free(file);
        }
    }
    closedir(directory);
    free(path);
}

static void
restore(const Sound *sound, Place *place)
{
    remove_strangers(sound, place->root, "");
    for (size_t i = 0; i < sound->file_count; i++) {
        const WholeFile *file = &sound->files[i];
        char *path = path_in(place->root, file->name);
        if (!is_as_it_was(place, file, i, path)) {
            write_file(path, file->bytes.data, file->bytes.size);
            place->marks[i] = mark_of(path);
        }
        free(path);
    }
}

static void
place_create(const Sound *sound, const char *name, Place *place)
{
    *place = (Place){.root = path_in(sound->directory, name)};
    copy_tree(sound->base, place->root);
    restore(sound, place);
}

/* The flipped byte as it was, in a file that nobody writes. */
static void
flip_back(const Sound *sound, Place *place, const Damage *damage,
          uint64_t flipped)
{
    const WholeFile *file = file_of(sound, damage->file);
    char *path = path_in(place->root, damage->file);
    if (is_immutable(damage->file) && mark_of(path) == flipped) {
        int fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, file->bytes.data + damage->offset, 1,
                                (off_t)damage->offset),
                         1);
        close(fd);
        place->marks[file - sound->files] = mark_of(path);
    }
    free(path);
}

/* Damage, judge, and all as it was. */
static bool
try_damage(const Sound *sound, Place *place, const Damage *damage)
{
    char text[512];
    describe(damage, text, sizeof text);
    machine_doing("%s", text);
    alarm(60);
    do_damage(sound, place->root, damage);
    char *path = path_in(place->root, damage->file);
    uint64_t damaged = mark_of(path);
    free(path);
    bool is_good = judge(sound, place->root, damage);
    alarm(0);
    if (damage->kind == DAMAGE_FLIP)
        flip_back(sound, place, damage, damaged);
    restore(sound, place);
    return is_good;
}

/* ---- the sound database ---- */

static void
add_files(Sound *sound, const char *below)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", sound->base, below);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.' || is_reserve(entry->d_name))
            continue;
        char name[96];
        struct stat status;
        snprintf(name, sizeof name, "%.40s%s%.40s", below,
                 below[0] == '\0' ? "" : "/", entry->d_name);
        snprintf(path, sizeof path, "%s/%s", sound->base, name);
        assert_int_equal(stat(path, &status), 0);
        if (S_ISDIR(status.st_mode)) {
            add_files(sound, name);
        } else if (status.st_size > 0) {
            assert_true(sound->file_count < FILES_MOST);
            WholeFile *file = &sound->files[sound->file_count++];
            snprintf(file->name, sizeof file->name, "%s", name);
            file->bytes = read_file(path);
        }
    }
    closedir(directory);
}

static void
sound_create(Sound *sound)
{
    int rows = is_long_run() ? 400 : 500;
    *sound = (Sound){.directory = temporary_directory()};
    sound->base = path_in(sound->directory, "base");
    sound->old = path_in(sound->directory, "old");
    sound->foreign = path_in(sound->directory, "foreign");
    make_database(sound->base, sound->old, rows);
    make_database(sound->foreign, NULL, rows);
    Database database;
    mql_error error;
    assert_int_equal(machine_open(sound->base, NULL, &database, &error),
                     MQL_OK);
    for (size_t i = 0; i < QUERIES; i++)
        if (!ask(database.conn, queries[i], &sound->answers[i], &error))
            fail_msg("%s: %s", queries[i], error.message);
    machine_close(&database);
    add_files(sound, "");
}

static void
sound_destroy(Sound *sound)
{
    for (size_t i = 0; i < sound->file_count; i++)
        free(sound->files[i].bytes.data);
    remove_tree(sound->directory);
    free(sound->directory);
    free(sound->base);
    free(sound->old);
    free(sound->foreign);
}

static uint64_t
seed(void)
{
    const char *wanted = getenv("MQL_TEST_SEED");
    return wanted == NULL ? 1 : strtoull(wanted, NULL, 10) + 1;
}

/* ---- every byte ---- */

/* The quick run: all of the front and of what the log ends with. */
static bool
is_chosen(const WholeFile *file, uint64_t offset)
{
    bool is_log = strncmp(file->name, "wal/", 4) == 0;
    uint64_t stride = strcmp(file->name, "meta.mdb") == 0 ? 31 : 397;
    if (is_long_run() || (offset + seed()) % stride == 0)
        return true;
    if (is_log)
        return file->bytes.data[offset] != 0 && (offset + seed()) % 5 == 0;
    return offset < 256;
}

static void
flip_all(int worker, void *context)
{
    const Sound *sound = context;
    char name[16];
    snprintf(name, sizeof name, "flip%d", worker);
    Place place;
    place_create(sound, name, &place);
    uint64_t random = seed() * 77 + (uint64_t)worker + 1, number = 0;
    int failed = 0;
    for (size_t i = 0; i < sound->file_count; i++) {
        const WholeFile *file = &sound->files[i];
        for (uint64_t at = 0; at < file->bytes.size && failed < 20; at++) {
            int bit = (int)(next_random(&random) >> 60 & 7);
            if (!is_chosen(file, at) || number++ % WORKERS != (uint64_t)worker)
                continue;
            Damage damage = {DAMAGE_FLIP, file->name, at, bit, NULL};
            failed += try_damage(sound, &place, &damage) ? 0 : 1;
        }
    }
    free(place.root);
    if (failed > 0)
        _exit(1);
}

static void
test_flips(void **state)
{
    (void)state;
    static Sound sound;
    sound_create(&sound);
    int failed = run_workers(flip_all, &sound);
    uint64_t bytes = 0;
    for (size_t i = 0; i < sound.file_count; i++)
        bytes += sound.files[i].bytes.size;
    print_message("%zu files, %" PRIu64 " bytes, %" PRIu64 " flipped: %" PRIu64
                  " refused, %" PRIu64 " harmless\n",
                  sound.file_count, bytes, machine_counted(COUNT_TRIES),
                  machine_counted(COUNT_REFUSED),
                  machine_counted(COUNT_HARMLESS));
    sound_destroy(&sound);
    assert_int_equal(failed, 0);
    assert_true(!is_long_run() || bytes >= MEBIBYTE);
}

/* ---- whole files and pieces ---- */

static const char *
ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot;
}

static int
cut_and_zero(const Sound *sound, Place *place, const WholeFile *file)
{
    int failed = 0;
    uint64_t size = file->bytes.size;
    uint64_t step = is_long_run() ? 512 : size / 9 / 512 * 512 + 512;
    for (uint64_t at = 0; at < size; at += step) {
        for (int off = -1; off <= 1; off++) {
            Damage damage = {DAMAGE_CUT, file->name, at + (uint64_t)off, 0,
                             NULL};
            if ((off < 0 && at == 0) || damage.offset >= size)
                continue;
            failed += try_damage(sound, place, &damage) ? 0 : 1;
        }
        Damage damage = {DAMAGE_ZERO, file->name, at / 4096 * 4096, 0, NULL};
        failed += try_damage(sound, place, &damage) ? 0 : 1;
    }
    return failed;
}

/* The bytes of each other file of its kind, of its own earlier self, and of its
 * like in another database. */
static int
exchange(const Sound *sound, Place *place, const WholeFile *file)
{
    int failed = 0;
    for (size_t i = 0; i < sound->file_count; i++) {
        const char *name = sound->files[i].name;
        if (&sound->files[i] == file ||
            strcmp(ending(name), ending(file->name)) != 0)
            continue;
        char *other = path_in(sound->base, name);
        Damage damage = {DAMAGE_OTHER, file->name, 0, 0, other};
        failed += try_damage(sound, place, &damage) ? 0 : 1;
        free(other);
    }
    for (int i = 0; i < 2; i++) {
        char *other = path_in(i == 0 ? sound->old : sound->foreign, file->name);
        Damage damage = {DAMAGE_OTHER, file->name, 0, 0, other};
        if (access(other, F_OK) == 0)
            failed += try_damage(sound, place, &damage) ? 0 : 1;
        free(other);
    }
    return failed;
}

static void
damage_files(int worker, void *context)
{
    const Sound *sound = context;
    char name[16];
    snprintf(name, sizeof name, "files%d", worker);
    Place place;
    place_create(sound, name, &place);
    int failed = 0;
    for (size_t i = (size_t)worker; i < sound->file_count; i += WORKERS) {
        const WholeFile *file = &sound->files[i];
        Damage lost = {DAMAGE_DELETE, file->name, 0, 0, NULL};
        if (strcmp(file->name, "LOCK") != 0)
            failed += try_damage(sound, &place, &lost) ? 0 : 1;
        failed += cut_and_zero(sound, &place, file);
        failed += exchange(sound, &place, file);
    }
    free(place.root);
    if (failed > 0)
        _exit(1);
}

static void
test_files(void **state)
{
    (void)state;
    static Sound sound;
    sound_create(&sound);
    int failed = run_workers(damage_files, &sound);
    print_message("%" PRIu64 " cut, zeroed, lost or exchanged: %" PRIu64
                  " refused, %" PRIu64 " harmless\n",
                  machine_counted(COUNT_TRIES), machine_counted(COUNT_REFUSED),
                  machine_counted(COUNT_HARMLESS));
    sound_destroy(&sound);
    assert_int_equal(failed, 0);
}

static int
replay(char *text)
{
    static Sound sound;
    Damage damage = {0};
    char *rest = NULL, *kind = strtok_r(text, ":", &rest);
    damage.file = strtok_r(NULL, ":", &rest);
    const char *offset = strtok_r(NULL, ":", &rest);
    const char *bit = strtok_r(NULL, ":", &rest);
    if (kind == NULL || bit == NULL)
        return 2;
    while (damage.kind < DAMAGE_OTHER &&
           strcmp(kind_names[damage.kind], kind) != 0)
        damage.kind++;
    damage.offset = strtoull(offset, NULL, 10);
    damage.bit = (int)strtol(bit, NULL, 10);
    sound_create(&sound);
    Place place;
    place_create(&sound, "root", &place);
    bool is_good = try_damage(&sound, &place, &damage);
    printf("%s\n", is_good ? "nothing is wrong" : "wrong");
    free(place.root);
    sound_destroy(&sound);
    return is_good ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flips),
                                       cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
