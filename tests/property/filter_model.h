/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_model.h - what a condition means, for one row.
 *
 * A term is a production of filter_grammar.h: how it is written, what it takes,
 * what it gives. filter_mean() says what it is worth for a row, in three-valued
 * logic; it knows nothing of batches, masks, folding, indexes or zones, and
 * shares no code with the engine.
 */
#ifndef TESTS_FILTER_MODEL_H
#define TESTS_FILTER_MODEL_H

#include "property/filter_values.h"

/* ---- terms ---- */

static inline Mean filter_mean(Model *model, const Term *term,
                               const ModelRow *row);

static inline Mean
mean_of_name(const Term *term, const ModelRow *row)
{
    const Mean *cells[] = {&row->b, &row->m, &row->i, &row->n, &row->f, &row->d,
                           &row->s, &row->z, &row->a, &row->w, &row->j};
    static const char names[] = "bminfdszawj";
    if (term->name == 'k')
        return mean_integer(row->id);
    if (term->sort == 'p') {
        if (row->j.worth == WORTH_NULL)
            return unknown;
        const Doc *doc = doc_at(row->j.doc, (int)term->integer);
        if (doc->kind == DOC_ABSENT)
            return unknown;
        return (Mean){.sort = 'p', .doc = doc};
    }
    return *cells[strchr(names, term->name) - names];
}

static inline Mean
mean_of_leaf(const Term *term, const ModelRow *row)
{
    if (term->is_nothing)
        return unknown;
    if (term->name != 0)
        return mean_of_name(term, row);
    bool is_float = term->op == 'F' && isfinite((float)term->real);
    return (Mean){.sort = term->sort,
                  .integer = term->integer,
                  .real = is_float ? (double)(float)term->real : term->real,
                  .text = term->text};
}

/* AND: what comes before decides; leniently, whatever is FALSE does. OR is the
 * same turned round. */
static inline Mean
mean_of_logic(Model *model, const Term *term, const ModelRow *row, bool is_or)
{
    Mean answer = mean_truth(true);
    bool has_null = false;
    Worth worst = WORTH_VALUE;
    for (uint32_t i = 0; i < term->count; i++) {
        Mean item = filter_mean(model, term->items[i], row);
        item = is_or ? turned(item) : item;
        if (is_worth(item, false))
            return mean_truth(is_or);
        if (item.worth >= WORTH_ERROR && !model->is_lenient)
            return item;
        if (item.worth > worst && item.worth >= WORTH_ERROR)
            worst = item.worth;
        has_null = has_null || item.worth == WORTH_NULL;
        if (item.worth < WORTH_ERROR)
            answer = both(answer, item);
    }
    if (worst >= WORTH_ERROR)
        return (Mean){.worth = has_null ? WORTH_EITHER : worst};
    return is_or ? turned(answer) : answer;
}

static inline Mean
mean_of_case(Model *model, const Term *term, const ModelRow *row)
{
    Mean first = filter_mean(model, term->items[0], row);
    if (first.worth >= WORTH_ERROR)
        return first;
    if (term->production->kind == IS_CASE)
        return filter_mean(model, term->items[is_worth(first, true) ? 1 : 2],
                           row);
    if (term->production->kind == IS_COALESCE)
        return first.worth == WORTH_NULL
                   ? filter_mean(model, term->items[1], row)
                   : first;
    /* CASE a WHEN b THEN c ELSE d */
    Mean second = filter_mean(model, term->items[1], row);
    if (second.worth >= WORTH_ERROR)
        return second;
    bool is_equal = is_worth(compare_means(0, &first, &second), true);
    return filter_mean(model, term->items[is_equal ? 2 : 3], row);
}

/* IS NULL of a path is NOT EXISTS, as in Milvus; j -> 'n' is PostgreSQL's, for
 * which JSON's null is a value. */
static inline bool
is_milvus_path(const Term *term)
{
    return term->sort == 'p' && term->integer != ARROW_PATH;
}

/* What takes NULLs. */
static inline bool
mean_with_nulls(Model *model, const Term *term, const Mean *items, Mean *mean)
{
    int order = 0;
    switch (term->production->kind) {
    case IS_NULL:
        *mean = mean_truth(
            items[0].worth == WORTH_NULL ||
            (is_milvus_path(term->items[0]) && !doc_exists(items[0].doc)));
        return true;
    case IS_TRUE:
    case IS_FALSE:
        *mean =
            mean_truth(is_worth(items[0], term->production->kind == IS_TRUE));
        return true;
    case IS_EXISTS:
        *mean = mean_truth(items[0].worth == WORTH_VALUE &&
                           doc_exists(items[0].doc));
        return true;
    case IS_DISTINCT:
        *mean = is_distinct(&items[0], &items[1]);
        return true;
    case IS_CONCAT:
        *mean = join(model, items, term->count);
        return true;
    case IS_NULLIF:
        *mean = order_of(items[0], items[1], &order) && order == 0 ? unknown
                                                                   : items[0];
        return true;
    case IS_GREATEST:
    case IS_LEAST:
        *mean = items[items[0].worth == WORTH_NULL];
        if (order_of(items[0], items[1], &order))
            *mean =
                items[(order < 0) == (term->production->kind == IS_GREATEST)];
        return true;
    case IS_IN:
        *mean = is_among(items, term->count);
        return true;
    case IS_BETWEEN: {
        Mean low = compare_means(5, &items[0], &items[1]);
        *mean = both(low, compare_means(3, &items[0], &items[2]));
        return true;
    }
    case IS_CHAIN: {
        Mean low = compare_means(2, &items[1], &items[0]);
        *mean = both(low, compare_means(3, &items[0], &items[2]));
        return true;
    }
    default:
        return false;
    }
}

/* The text that is matched: of JSON, a string's. */
static inline bool
text_matched(Model *model, const Mean *item, Text *text)
{
    Mean mean = item->sort == 'p' ? mean_of_doc(item->doc) : *item;
    *text = mean.text;
    if (mean.worth != WORTH_VALUE || mean.sort != 't')
        return false;
    if (characters(*text) < TEXT_MOST)
        return true;
    model->is_too_long = true;
    return false;
}

static inline Mean
mean_of_pattern(Model *model, const Term *term, const Mean *items)
{
    const Term *pattern = term->items[1];
    Text text;
    if (!text_matched(model, &items[0], &text))
        return unknown;
    if (term->production->kind == IS_MATCH)
        return mean_truth(
            regexp_matches(pattern->regexp, pattern->ignores_case, text));
    bool ignores_case = strstr(term->production->form, "ilike") != NULL;
    char escape = strstr(term->production->form, "escape") != NULL ? '!' : '\\';
    return mean_truth(like_places(text, pattern->text, escape, ignores_case));
}

/* What is NULL when one of its items is. */
static inline Mean
mean_of_values(Model *model, const Term *term, Mean *items)
{
    Kind kind = term->production->kind;
    Mean item;
    switch (kind) {
    case IS_COMPARE:
        return compare_means(term->op, &items[0], &items[1]);
    case IS_LIKE:
    case IS_MATCH:
        return mean_of_pattern(model, term, items);
    case IS_CONTAINS:
    case IS_CONTAINS_ANY:
    case IS_CONTAINS_ALL:
        return holds_of(kind, items, term->count);
    case IS_CONTAINED:
        item = items[0];
        items[0] = items[1];
        items[1] = item;
        return holds_of(IS_CONTAINS, items, 2);
    case IS_ARRAY_LENGTH:
        if (items[0].sort != 'p')
            return mean_integer(items[0].list.count);
        return items[0].doc->kind == DOC_ARRAY
                   ? mean_integer(items[0].doc->count)
                   : unknown;
    case IS_ELEMENT:
        return element_of(&items[0], term->op);
    case IS_TO_TEXT:
        return print_integer(model, items[0].integer);
    case IS_NOT:
        return turned(items[0]);
    case IS_DAY:
        return mean_real(model, (double)(items[0].integer / 24 + 1));
    case IS_HOUR:
        return mean_real(model, (double)(items[0].integer % 24));
    case IS_DAY_START:
        items[0].integer -= items[0].integer % 24;
        return items[0];
    default:
        break;
    }
    if (kind <= IS_SHIFT_RIGHT)
        return calculate(model, kind, &items[0], &items[1]);
    if (term->items[0]->sort == 't')
        return of_texts(model, kind, items);
    return of_one_number(model, kind, &items[0]);
}

/* Errors of the parts, then the whole. Depth is that of the term. */
static inline Mean
mean_of_items(Model *model, const Term *term, const ModelRow *row)
{
    Mean items[TERM_ITEMS] = {0};
    Mean mean;
    bool has_null = false;
    Worth worst = WORTH_VALUE;
    for (uint32_t i = 0; i < term->count; i++) {
        items[i] = filter_mean(model, term->items[i], row);
        has_null = has_null || items[i].worth == WORTH_NULL;
        if (items[i].worth >= WORTH_ERROR && items[i].worth > worst)
            worst = items[i].worth;
    }
    /* x IN (a, b) and x BETWEEN a AND b are decided by what comes first. */
    Kind kind = term->production->kind;
    bool may_decide = kind == IS_IN || kind == IS_BETWEEN || kind == IS_CHAIN;
    if (worst >= WORTH_ERROR)
        return (Mean){.worth = may_decide ? WORTH_EITHER : worst};
    if (mean_with_nulls(model, term, items, &mean))
        return mean;
    return has_null ? unknown : mean_of_values(model, term, items);
}

static inline Mean
filter_mean(Model *model, const Term *term, const ModelRow *row)
{
    Mean mean;
    if (term->production == NULL)
        return mean_of_leaf(term, row);
    switch (term->production->kind) {
    case IS_AND:
    case IS_OR:
        mean = mean_of_logic(model, term, row, term->production->kind == IS_OR);
        break;
    case IS_CASE:
    case IS_CASE_OF:
    case IS_COALESCE:
        mean = mean_of_case(model, term, row);
        break;
    default:
        mean = mean_of_items(model, term, row);
    }
    return term->production->is_negated ? turned(mean) : mean;
}

#endif
