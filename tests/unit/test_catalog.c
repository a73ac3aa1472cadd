/* SPDX-License-Identifier: Apache-2.0 */
/* test_catalog.c - definitions as bytes and back, and finding their parts. */
#include "files.h"

#include "engine/catalog/catalog.h"

static char *
text(Collection *collection, const char *words)
{
    char *copy = catalog_copy_text(&collection->arena, slice_of(words));
    assert_non_null(copy);
    return copy;
}

static void
set_field(Collection *collection, uint32_t position, const char *name,
          Type type)
{
    Field *field = &collection->fields[position];
    field->id = position + 1;
    field->name = text(collection, name);
    field->type = type;
    field->comment = text(collection, position == 1 ? "what it costs" : "");
    field->default_value = VALUE_NULL;
}

/* An index over that path of field 6. */
static void
add_path_index(Collection *collection, const char *path)
{
    Buffer bytes = BUFFER_INIT;
    OK(json_parse(slice_of(path), &bytes, err));
    const IndexDefinition index = {.id = 16,
                                   .name = text(collection, "by_kind"),
                                   .field = 6,
                                   .cast = CAST_ARRAY_DOUBLE,
                                   .path = buffer_slice(&bytes),
                                   .kind =
                                       index_kind_find(slice_of("INVERTED"))};
    OK(collection_add_index(collection, &index, err));
    buffer_free(&bytes);
}

/* One of everything. */
static Collection *
make_collection(void)
{
    Collection *collection = NULL;
    OK(collection_create(&collection, err));
    Arena *arena = &collection->arena;
    collection->id = 12;
    collection->database = 1;
    collection->name = text(collection, "items");
    collection->comment = text(collection, "all of them");
    collection->fields = arena_alloc_array(arena, 6, sizeof(Field));
    collection->field_count = 6;
    collection->next_field_id = 9;
    set_field(collection, 0, "id", type_of(TYPE_INT64));
    set_field(collection, 1, "price", type_of(TYPE_DOUBLE));
    set_field(collection, 2, "Tags", (Type){TYPE_ARRAY, 16, TYPE_VARCHAR, 32});
    set_field(collection, 3, "tags", (Type){.kind = TYPE_VARCHAR, .length = 9});
    set_field(collection, 4, "v",
              (Type){.kind = TYPE_FLOAT_VECTOR, .length = 3});
    set_field(collection, 5, "meta", type_of(TYPE_JSON));
    collection->fields[0].is_primary = true;
    collection->fields[0].is_auto_id = true;
    collection->fields[1].is_nullable = true;
    collection->fields[1].has_default = true;
    collection->fields[1].default_value = value_double(1.5);
    collection->fields[3].has_default = true;
    collection->fields[3].default_value = value_text(slice_of("none"));
    collection->fields[3].is_partition_key = true;
    collection->has_partition_key = true;
    collection->partitions = arena_alloc_array(arena, 2, sizeof(Partition));
    collection->partition_count = 2;
    collection->partitions[0] =
        (Partition){13, text(collection, "_default"), true};
    collection->partitions[1] =
        (Partition){14, text(collection, "east"), false};
    collection->indexes = arena_alloc_array(arena, 2, sizeof(IndexDefinition));
    collection->index_count = 1;
    IndexDefinition *index = &collection->indexes[0];
    *index = (IndexDefinition){.id = 15,
                               .name = text(collection, "near"),
                               .field = 5,
                               .kind = index_kind_find(slice_of("HNSW")),
                               .is_auto = true,
                               .metric = METRIC_COSINE,
                               .mapping = MAPPING_ON};
    collection->fields[2].mapping = MAPPING_OFF;
    index_options_default(index->kind->build_options, &index->options);
    OK(index_option_set(index->kind->build_options, &index->options,
                        slice_of("M"), true, 24, (Slice){NULL, 0}, err));
    add_path_index(collection, "[\"a\\\"b\", 2, \"c\"]");
    collection->properties = arena_alloc_array(arena, 1, sizeof(Property));
    collection->property_count = 1;
    collection->properties[0] = (Property){
        text(collection, "collection.ttl.seconds"), text(collection, "86400")};
    OK(collection_add_alias(collection, slice_of("shop"), err));
    OK(collection_add_alias(collection, slice_of("Stock"), err));
    OK(collection_add_alias(collection, slice_of("all"), err));
    collection->is_loaded = true;
    collection->flushed = 77;
    collection->expired = 40;
    collection->next_auto_id = 501;
    return collection;
}

static void
test_everything_comes_back(void **state)
{
    (void)state;
    Collection *collection = make_collection();
    Collection *copy = NULL;
    OK(collection_copy(collection, &copy, err));
    Buffer before = BUFFER_INIT;
    Buffer after = BUFFER_INIT;
    collection_encode(&before, collection);
    collection_encode(&after, copy);
    assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    assert_string_equal(copy->name, "items");
    assert_string_equal(copy->comment, "all of them");
    assert_int_equal(copy->flushed, 77);
    assert_int_equal(copy->expired, 40);
    assert_int_equal(copy->next_auto_id, 501);
    assert_int_equal(copy->next_field_id, 9);
    assert_true(copy->is_loaded);
    assert_true(copy->has_partition_key);
    assert_true(copy->fields[0].is_auto_id);
    assert_true(copy->fields[1].default_value.real == 1.5);
    assert_true(
        slice_equal(copy->fields[3].default_value.bytes, slice_of("none")));
    assert_int_equal(copy->fields[2].type.element_length, 32);
    assert_int_equal(copy->indexes[0].options.values[0],
                     collection->indexes[0].options.values[0]);
    assert_int_equal(copy->indexes[0].metric, METRIC_COSINE);
    assert_int_equal(copy->indexes[0].cast, CAST_NONE);
    assert_int_equal(copy->indexes[1].cast, CAST_ARRAY_DOUBLE);
    Buffer path = BUFFER_INIT;
    json_path_print(&path, copy->indexes[1].path);
    assert_string_equal(buffer_text(&path), "['a\"b'][2][\"c\"]");
    buffer_free(&path);
    assert_string_equal(collection_property(copy, "collection.ttl.seconds"),
                        "86400");
    assert_null(collection_property(copy, "mmap.enabled"));
    assert_int_equal(copy->indexes[0].mapping, MAPPING_ON);
    assert_int_equal(copy->fields[2].mapping, MAPPING_OFF);
    assert_int_equal(copy->fields[1].mapping, MAPPING_UNSET);
    assert_int_equal(copy->alias_count, 3);
    assert_string_equal(copy->aliases[0], "Stock");
    assert_string_equal(copy->aliases[1], "all");
    assert_string_equal(copy->aliases[2], "shop");
    buffer_free(&before);
    buffer_free(&after);
    collection_release(collection);
    collection_release(copy);
}

static bool
is_mapped(const Collection *collection, uint32_t field, bool usual)
{
    return field_is_mapped(collection, &collection->fields[field], usual);
}

/* The nearest that says something decides. */
static void
test_mapping(void **state)
{
    (void)state;
    Collection *collection = make_collection();
    Collection *other = make_collection();
    const IndexDefinition *index = &collection->indexes[0];
    for (int usual = 0; usual < 2; usual++) {
        assert_int_equal(collection_is_mapped(collection, usual != 0), usual);
        assert_int_equal(is_mapped(collection, 1, usual != 0), usual);
        assert_false(is_mapped(collection, 2, usual != 0));
        assert_true(index_is_mapped(collection, index, usual != 0));
    }
    assert_true(collection_maps_alike(collection, other));
    collection->properties[0] =
        (Property){text(collection, "MMAP.enabled"), text(collection, "Off")};
    assert_false(collection_maps_alike(collection, other));
    assert_false(collection_is_mapped(collection, true));
    assert_false(is_mapped(collection, 1, true));
    assert_true(index_is_mapped(collection, index, false));
    collection->indexes[0].mapping = MAPPING_UNSET;
    assert_false(index_is_mapped(collection, index, true));
    other->properties[0] = collection->properties[0];
    assert_false(collection_maps_alike(other, collection));
    other->indexes[0].mapping = MAPPING_UNSET;
    assert_true(collection_maps_alike(other, collection));
    other->fields[1].mapping = MAPPING_ON;
    assert_false(collection_maps_alike(collection, other));
    assert_true(is_mapped(other, 1, false));
    collection_release(collection);
    collection_release(other);
}

static void
test_parts_are_found(void **state)
{
    (void)state;
    Collection *collection = make_collection();
    assert_int_equal(collection_find_field(collection, slice_of("Tags")), 2);
    assert_int_equal(collection_find_field(collection, slice_of("tags")), 3);
    assert_int_equal(collection_find_field(collection, slice_of("TAGS")), -2);
    assert_int_equal(collection_find_field(collection, slice_of("PRICE")), 1);
    assert_int_equal(collection_find_field(collection, slice_of("prize")), -1);
    assert_int_equal(collection_find_field_id(collection, 5), 4);
    assert_int_equal(collection_find_field_id(collection, 7), -1);
    assert_int_equal(collection_find_partition(collection, slice_of("EAST")),
                     1);
    assert_int_equal(collection_find_partition_id(collection, 13), 0);
    assert_int_equal(collection_find_partition_id(collection, 15), -1);
    assert_int_equal(collection_find_index(collection, slice_of("near")), 0);
    assert_int_equal(collection_find_index(collection, slice_of("far")), -1);
    collection_release(collection);
}

static void
check_path(const char *path, bool is_path)
{
    Buffer bytes = BUFFER_INIT;
    OK(json_parse(slice_of(path), &bytes, err));
    assert_int_equal(json_path_check(buffer_slice(&bytes)), is_path);
    buffer_free(&bytes);
}

/* What no statement makes is no path, and no definition has it. */
static void
test_paths(void **state)
{
    (void)state;
    check_path("[]", true);
    check_path("[\"\", 0, 7]", true);
    check_path("[-1]", false);
    check_path("[1.5]", false);
    check_path("[[1]]", false);
    check_path("{\"a\": 1}", false);
    check_path("\"a\"", false);
    static const char *const wrong[] = {"[-1]", "[null]", "{}", "1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Collection *collection = make_collection(), *copy;
        collection->index_count = 1;
        add_path_index(collection, wrong[i]);
        FAILS("XX001", collection_copy(collection, &copy, err));
        collection->indexes[1].path = (Slice){NULL, 0};
        FAILS("XX001", collection_copy(collection, &copy, err));
        collection->indexes[1].field = 2;
        FAILS("XX001", collection_copy(collection, &copy, err));
        collection->indexes[1].cast = CAST_NONE;
        OK(collection_copy(collection, &copy, err));
        collection_release(copy);
        collection_release(collection);
    }
}

static void
check_match(const Collection *collection, const char *name, NameMatch match,
            const char *expected)
{
    const char *as = NULL;
    assert_int_equal(collection_match(collection, slice_of(name), &as), match);
    if (expected == NULL)
        assert_null(as);
    else
        assert_string_equal(as, expected);
}

/* Its own name and its aliases mean it, the exact spelling before others. */
static void
test_names(void **state)
{
    (void)state;
    Collection *collection = make_collection();
    check_match(collection, "items", NAME_MATCH_EXACT, "items");
    check_match(collection, "Items", NAME_MATCH_NOCASE, "items");
    check_match(collection, "Stock", NAME_MATCH_EXACT, "Stock");
    check_match(collection, "stock", NAME_MATCH_NOCASE, "Stock");
    check_match(collection, "item", NAME_MATCH_NONE, NULL);
    OK(collection_add_alias(collection, slice_of("ITEMS"), err));
    check_match(collection, "ITEMS", NAME_MATCH_EXACT, "ITEMS");
    check_match(collection, "Items", NAME_MATCH_NOCASE, "items");
    assert_int_equal(collection_find_alias(collection, slice_of("all")), 2);
    assert_int_equal(collection_find_alias(collection, slice_of("ALL")), -1);
    collection_remove_alias(collection, 2);
    check_match(collection, "all", NAME_MATCH_NONE, NULL);
    check_match(collection, "shop", NAME_MATCH_EXACT, "shop");
    assert_int_equal(collection->alias_count, 3);
    collection_release(collection);
}

static void
test_closest_name(void **state)
{
    (void)state;
    const Slice names[] = {slice_of("price"), slice_of("embedding"),
                           slice_of("id")};
    assert_int_equal(name_closest(slice_of("prise"), names, 3), 0);
    assert_int_equal(name_closest(slice_of("EMBEDING"), names, 3), 1);
    assert_int_equal(name_closest(slice_of("weight"), names, 3), -1);
    assert_int_equal(name_closest(slice_of("x"), names, 3), -1);
    assert_int_equal(name_closest(slice_of("x"), NULL, 0), -1);
}

/* Any bytes are a definition that is sound, or an error. */
static void
test_hostile_bytes(void **state)
{
    (void)state;
    Collection *collection = make_collection();
    Buffer good = BUFFER_INIT;
    uint64_t random = 99;
    collection_encode(&good, collection);
    collection_release(collection);
    for (size_t size = 0; size < good.size; size++) {
        /* a copy of its own size, for AddressSanitizer */
        char *cut = malloc(size + 1);
        memcpy(cut, good.data, size);
        FAILS("XX001", collection_decode((Slice){cut, size}, &collection, err));
        assert_null(collection);
        free(cut);
    }
    for (int i = 0; i < 40000; i++) {
        char *bytes = malloc(good.size);
        memcpy(bytes, good.data, good.size);
        for (uint64_t n = next_random(&random) % 3 + 1; n > 0; n--)
            bytes[next_random(&random) % good.size] =
                (char)(next_random(&random) >> 40);
        Error failure = ERROR_INIT;
        mql_status status =
            collection_decode((Slice){bytes, good.size}, &collection, &failure);
        if (status == MQL_OK) {
            assert_true(collection->primary < collection->field_count);
            assert_true(collection->partition_count > 0);
            collection_release(collection);
        } else {
            assert_int_equal(status, MQL_CORRUPT);
        }
        free(bytes);
    }
    buffer_free(&good);
}

static void
test_database(void **state)
{
    (void)state;
    Property property = {(char *)(uintptr_t) "timezone",
                         (char *)(uintptr_t) "UTC"};
    DatabaseDefinition database = {5, (char *)(uintptr_t) "shop", &property, 1};
    DatabaseDefinition copy;
    Arena arena;
    Buffer bytes = BUFFER_INIT;
    arena_init(&arena, 0);
    database_encode(&bytes, &database);
    OK(database_decode(buffer_slice(&bytes), &arena, &copy, err));
    assert_int_equal(copy.id, 5);
    assert_string_equal(copy.name, "shop");
    assert_string_equal(copy.properties[0].value, "UTC");
    for (size_t size = 0; size < bytes.size; size++)
        FAILS("XX001",
              database_decode((Slice){bytes.data, size}, &arena, &copy, err));
    arena_free(&arena);
    buffer_free(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_comes_back),
        cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_parts_are_found),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_closest_name),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
