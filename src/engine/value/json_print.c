/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_print.c - the binary form as compact text.
 */
#include "engine/value/json.h"

#include "base/number.h"

void
json_print_string(Buffer *out, Slice text)
{
    size_t written = 0;
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        static const char from[] = "\"\\\b\f\n\r\t";
        static const char to[] = "\"\\bfnrt";
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_append(out, text.data + written, i - written);
        written = i + 1;
        const char *found = c == 0 ? NULL : strchr(from, c);
        if (found != NULL) {
            buffer_append_char(out, '\\');
            buffer_append_char(out, to[found - from]);
        } else {
            buffer_printf(out, "\\u%04x", c);
        }
    }
    if (written < text.size)
        buffer_append(out, text.data + written, text.size - written);
    buffer_append_char(out, '"');
}

/* A real keeps looking like one, so that it is read back as one. */
static void
print_real(Buffer *out, double real)
{
    char text[NUMBER_TEXT_SIZE];
    size_t size = number_print_double(text, real);
    buffer_append(out, text, size);
    if (strpbrk(text, ".eEN") == NULL)
        buffer_append_text(out, ".0");
}

static void
print_container(Buffer *out, Json json)
{
    bool is_object = json_tag(json) == JSON_OBJECT;
    uint32_t count = json_count(json);
    buffer_append_char(out, is_object ? '{' : '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        if (!is_object) {
            json_print(out, json_element(json, i));
            continue;
        }
        Slice key;
        Json value = json_member_at(json, i, &key);
        json_print_string(out, key);
        buffer_append_char(out, ':');
        json_print(out, value);
    }
    buffer_append_char(out, is_object ? '}' : ']');
}

void
json_print(Buffer *out, Json json)
{
    char text[NUMBER_TEXT_SIZE];
    switch (json_tag(json)) {
    case JSON_NULL:
        buffer_append_text(out, "null");
        return;
    case JSON_FALSE:
        buffer_append_text(out, "false");
        return;
    case JSON_TRUE:
        buffer_append_text(out, "true");
        return;
    case JSON_INTEGER:
        buffer_append(out, text, number_print_int64(text, json_integer(json)));
        return;
    case JSON_REAL:
        print_real(out, json_real(json));
        return;
    case JSON_STRING:
        json_print_string(out, json_string(json));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    print_container(out, json);
}
