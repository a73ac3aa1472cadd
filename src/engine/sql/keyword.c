/* SPDX-License-Identifier: Apache-2.0 */
/* keyword.c - the keywords of keywords.def: word to token code, and the list.
 */
#include "engine/sql/parser.h"

#include <string.h>

#include "milvusql.h"

#define KEYWORD_SIZE_MOST 16u

typedef struct Keyword {
    const char *word; /* upper case */
    int code;
} Keyword;

static const Keyword keywords[] = {
#define KEYWORD(word) {#word, TK_##word},
#include "engine/sql/keywords.def"
#undef KEYWORD
};

#define KEYWORD_COUNT (sizeof keywords / sizeof keywords[0])

static char
upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* <0, 0, >0; `word` is upper case already. */
static int
compare(const char *word, size_t size, const char *keyword)
{
    int order = strncmp(word, keyword, size);
    return order != 0 ? order : -(keyword[size] != '\0');
}

int
keyword_code(const char *word, size_t size)
{
    char folded[KEYWORD_SIZE_MOST];
    if (size > sizeof folded)
        return 0;
    for (size_t i = 0; i < size; i++)
        folded[i] = upper(word[i]);

    size_t low = 0;
    size_t high = KEYWORD_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(folded, size, keywords[middle].word);
        if (order == 0)
            return keywords[middle].code;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

int
keyword_code_at(int32_t index)
{
    return index >= 0 && (size_t)index < KEYWORD_COUNT ? keywords[index].code
                                                       : 0;
}

const char *
sql_keyword(int32_t index)
{
    return index >= 0 && (size_t)index < KEYWORD_COUNT ? keywords[index].word
                                                       : NULL;
}
