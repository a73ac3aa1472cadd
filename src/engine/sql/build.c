/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.c - nodes that need more than a line of the grammar: expressions in
 * their canonical form, names, types, parameters. clause.c has the parts of
 * statements.
 *
 * Left-deep chains of the grammar become flat here (AND, OR), `1 < a < 5` one
 * CHAIN, a minus before a number the number. What stood in parentheses stays as
 * it is.
 */
#include "engine/sql/parser.h"

#include <stdlib.h>

#include "milvusql.h"

/* ---- names ---- */

Node *
build_name(Parse *parse, Token token)
{
    return node_named(parse, NODE_NAME, token, token);
}

Node *
build_word(Parse *parse, Token token)
{
    return token.text[0] == '"' ? literal_double_quoted(parse, token)
                                : build_name(parse, token);
}

Node *
build_dotted(Parse *parse, Node *name, Token member)
{
    Slice tail = literal_name(parse, member);
    if (has_failed(parse))
        return NULL;
    size_t size = name->text.size + 1 + tail.size;
    if (size > NAME_SIZE_MOST) {
        error_at(parse->err, ERR_NAME_TOO_LONG, name->position,
                 "qualified name is too long: %zu bytes, %u at most", size,
                 NAME_SIZE_MOST);
        return NULL;
    }
    Slice text = literal_copy(parse, NULL, size);
    if (has_failed(parse))
        return NULL;
    char *out = (char *)text.data;
    memcpy(out, name->text.data, name->text.size);
    out[name->text.size] = '.';
    memcpy(out + name->text.size + 1, tail.data, tail.size);
    name->text = text;
    return name;
}

static Slice
upper_case(Parse *parse, Token token)
{
    Slice text = literal_copy(parse, token.text, token.size);
    if (has_failed(parse))
        return text;
    char *out = (char *)text.data;
    for (size_t i = 0; i < text.size; i++) {
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
    return text;
}

/* ---- parameters: $n has its number; names and ? get theirs at the end, behind
 * the largest $n, in order of first appearance ---- */

/* Of `:name`, `{ name }`; empty for ? */
static Slice
parameter_name(Token token)
{
    const char *start = token.text;
    const char *end = token.text + token.size;
    while (start < end && !is_word_byte(*start))
        start++;
    while (end > start && !is_word_byte(end[-1]))
        end--;
    return (Slice){start, (size_t)(end - start)};
}

static Node *
too_many_parameters(Parse *parse, int64_t position)
{
    error_at(parse->err, ERR_LIMIT_EXCEEDED, position,
             "statement has more than %u parameters", PARAMETER_MOST);
    return NULL;
}

static Node *
numbered_parameter(Parse *parse, Node *node, Token token)
{
    uint32_t number = 0;
    for (uint32_t i = 1; i < token.size && number <= PARAMETER_MOST; i++)
        number = number * 10 + (uint32_t)(token.text[i] - '0');
    if (number > PARAMETER_MOST)
        return too_many_parameters(parse, node->position);
    if (number == 0) {
        error_at(parse->err, ERR_UNDEFINED_PARAMETER, node->position,
                 "there is no parameter $0");
        return NULL;
    }
    node->integer = number;
    if (number > parse->largest_number)
        parse->largest_number = number;
    return node;
}

/* The ordinal of a named or ? parameter, 0 after a failure. */
static uint32_t
parameter_ordinal(Parse *parse, Slice name)
{
    uint64_t *known =
        name.size == 0 ? NULL : map_find_bytes(&parse->parameter_names, name);
    if (known != NULL)
        return (uint32_t)*known;
    uint32_t ordinal = ++parse->unnumbered_count;
    if (name.size > 0 &&
        !map_put_bytes(&parse->parameter_names, name, ordinal)) {
        error_no_memory(parse->err);
        return 0;
    }
    return ordinal;
}

Node *
build_parameter(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_PARAMETER, token);
    if (node == NULL)
        return NULL;
    char c = token.text[0];
    if (c == '$')
        return numbered_parameter(parse, node, token);
    if (c == '?') {
        parse->has_question = true;
    } else {
        Slice name = parameter_name(token);
        node->text =
            literal_name(parse, (Token){name.data, (uint32_t)name.size});
    }

    Unnumbered *unnumbered = arena_new(parse->arena, Unnumbered);
    if (unnumbered == NULL) {
        error_no_memory(parse->err);
        return NULL;
    }
    *unnumbered = (Unnumbered){node, parameter_ordinal(parse, node->text),
                               parse->unnumbered};
    parse->unnumbered = unnumbered;
    if (parse->unnumbered_count > PARAMETER_MOST)
        return too_many_parameters(parse, node->position);
    return node;
}

void
build_number_parameters(Parse *parse, Statement *statement)
{
    uint32_t count = parse->largest_number + parse->unnumbered_count;
    if (count == 0)
        return;
    if (parse->has_question && parse->largest_number > 0) {
        error_at(parse->err, ERR_SYNTAX_ERROR,
                 parse->unnumbered->node->position,
                 "parameters ? and $n cannot be used together");
        return;
    }
    if (count > PARAMETER_MOST) {
        too_many_parameters(parse, parse->unnumbered->node->position);
        return;
    }
    Slice *names = arena_alloc_array(parse->arena, count, sizeof *names);
    if (names == NULL) {
        error_no_memory(parse->err);
        return;
    }
    for (Unnumbered *u = parse->unnumbered; u != NULL; u = u->next) {
        u->node->integer = parse->largest_number + u->ordinal;
        names[u->node->integer - 1] = u->node->text;
    }
    statement->parameter_count = count;
    statement->parameter_names = names;
}

/* ---- operators ---- */

static bool
is_in_parentheses(const Node *node)
{
    return (node->flags & FLAG_PARENTHESES) != 0;
}

Node *
build_in_parentheses(Node *expression)
{
    return node_flag(expression, FLAG_PARENTHESES);
}

Node *
build_logic(Parse *parse, NodeKind kind, Token at, Node *left, Node *right)
{
    if (has_failed(parse))
        return NULL;
    if (left->kind == kind && !is_in_parentheses(left))
        return node_add(parse, left, right);
    return node_pair(parse, kind, at, left, right);
}

Node *
build_binary(Parse *parse, Token at, Node *left, Node *right)
{
    static const char *const operators[] = {
        "+", "-",  "*",   "/",   "%",   "**",  "<<",  ">>",  "&",   "#",
        "|", "->", "->>", "<->", "<=>", "<#>", "<+>", "<~>", "<%>",
    };
    Slice text = {at.text, at.size};
    if (slice_equal(text, SLICE_LITERAL("^")))
        text = SLICE_LITERAL("**");
    size_t i = 0;
    while (!slice_equal(text, slice_of(operators[i])))
        i++;
    Node *node = node_word(parse, NODE_BINARY, at, operators[i]);
    return node_add(parse, node_add(parse, node, left), right);
}

/* "<", "<=", ">", ">=" of two comparisons that point the same way; NULL: they
 * do not. */
static const char *
chain_text(Slice first, Slice second)
{
    static const char *const chains[2][2][2] = {
        {{"< <", "< <="}, {"<= <", "<= <="}},
        {{"> >", "> >="}, {">= >", ">= >="}},
    };
    char direction = first.data[0];
    if (direction != second.data[0])
        return NULL;
    return chains[direction == '>'][first.size - 1][second.size - 1];
}

static bool
is_order(Slice text)
{
    return !slice_equal(text, SLICE_LITERAL("=")) &&
           !slice_equal(text, SLICE_LITERAL("<>"));
}

static const char *
compare_text(Token at)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    Slice text = {at.text, at.size};
    if (slice_equal(text, SLICE_LITERAL("==")))
        return "=";
    if (slice_equal(text, SLICE_LITERAL("!=")))
        return "<>";
    size_t i = 0;
    while (!slice_equal(text, slice_of(operators[i])))
        i++;
    return operators[i];
}

Node *
build_compare(Parse *parse, Token at, Node *left, Node *right)
{
    if (has_failed(parse))
        return NULL;
    const char *text = compare_text(at);
    if (left->kind == NODE_COMPARE && !is_in_parentheses(left) &&
        is_order(left->text) && is_order(slice_of(text))) {
        const char *chain = chain_text(left->text, slice_of(text));
        if (chain != NULL) {
            left->kind = NODE_CHAIN;
            left->text = slice_of(chain);
            return node_add(parse, left, right);
        }
    }
    Node *node = node_word(parse, NODE_COMPARE, at, text);
    return node_add(parse, node_add(parse, node, left), right);
}

Node *
build_like(Parse *parse, Token at, Node *left, Node *right)
{
    Node *node = node_pair(parse, NODE_LIKE, at, left, right);
    return node_flag(node, (at.text[0] | 0x20) == 'i' ? FLAG_NOCASE : 0);
}

Node *
build_sign(Parse *parse, Token at, Node *operand)
{
    static const char *const signs[] = {"-", "+", "~"};
    bool is_minus = at.text[0] == '-';
    if (has_failed(parse))
        return NULL;

    bool is_plain = is_minus && !is_in_parentheses(operand);
    if (is_plain && operand == parse->minimum) {
        parse->minimum = NULL; /* it is the negative number already */
        operand->position = parse_position(parse, at);
        return operand;
    }
    if (is_plain &&
        ((operand->kind == NODE_INTEGER && operand->integer != INT64_MIN) ||
         operand->kind == NODE_REAL)) {
        operand->integer = -operand->integer;
        operand->real = -operand->real;
        operand->position = parse_position(parse, at);
        return operand;
    }
    const char *text = is_minus ? signs[0] : signs[1 + (at.text[0] == '~')];
    return node_add(parse, node_word(parse, NODE_UNARY, at, text), operand);
}

/* ---- subscripts, calls, literals with a type ---- */

/* What a member or subscript is taken of is never a string. */
static Node *
as_base(Node *base)
{
    if (base->kind == NODE_DOUBLE_QUOTED) {
        base->kind = NODE_NAME;
        base->flags |= FLAG_QUOTED;
    }
    return base;
}

Node *
build_member(Parse *parse, Node *base, Token member)
{
    if (has_failed(parse))
        return NULL;
    Node *node = node_named(parse, NODE_DOT, member, member);
    if (node != NULL)
        node->position = base->position;
    return node_add(parse, node, as_base(base));
}

Node *
build_subscript(Parse *parse, Token at, Node *base, Node *index)
{
    if (has_failed(parse))
        return NULL;
    if (index->kind == NODE_DOUBLE_QUOTED)
        index->kind = NODE_STRING;
    Node *node = node_pair(parse, NODE_SUBSCRIPT, at, as_base(base), index);
    if (node != NULL)
        node->position = base->position;
    return node;
}

/* The only element of `[5]`, which the scanner took for a vector. */
static Node *
only_element(Parse *parse, Token vector)
{
    const char *comma = memchr(vector.text, ',', vector.size);
    if (comma != NULL) {
        parse_syntax_error(parse, (Token){comma, 1});
        return NULL;
    }
    Node *list = literal_list(parse, vector);
    return list == NULL ? NULL : list->first;
}

Node *
build_subscript_vector(Parse *parse, Node *base, Token vector)
{
    if (has_failed(parse))
        return NULL;
    Node *index = only_element(parse, vector);
    return build_subscript(parse, vector, base, index);
}

/* Functions whose arguments may be named with `=`, as Milvus writes them. */
static bool
has_named_arguments(Slice function)
{
    static const char *const functions[] = {
        "text_match", "text_match_fuzzy", "phrase_match", "match_least",
        "match_most", "match_exact",      "rrf",          "weighted",
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (slice_equal_nocase(function, slice_of(functions[i])))
            return true;
    }
    return false;
}

static void
name_argument(Node *argument)
{
    if (argument->kind != NODE_COMPARE || is_in_parentheses(argument) ||
        argument->text.data[0] != '=' || argument->first->kind != NODE_NAME)
        return;
    Node *value = argument->last;
    argument->kind = NODE_NAMED_ARGUMENT;
    argument->position = argument->first->position;
    argument->text = argument->first->text;
    argument->first = value;
    argument->count = 1;
}

Node *
build_call(Parse *parse, Token name, Node *arguments)
{
    if (has_failed(parse))
        return NULL;
    Node *call = node_named(parse, NODE_CALL, name, name);
    if (call == NULL || arguments == NULL)
        return call;
    if (has_named_arguments(call->text)) {
        for (Node *child = arguments->first; child != NULL; child = child->next)
            name_argument(child);
    }
    return node_take(parse, call, arguments);
}

Node *
build_extract(Parse *parse, Token name, Token unit, Node *from)
{
    Slice function = {name.text, name.size};
    if (!slice_equal_nocase(function, SLICE_LITERAL("extract"))) {
        parse_syntax_error(parse, unit);
        return NULL;
    }
    Node *call = build_call(parse, name, NULL);
    call = node_add(parse, call, node_named(parse, NODE_STRING, unit, unit));
    return node_add(parse, call, from);
}

Node *
build_one(Parse *parse, Token at)
{
    Node *node = node_new(parse, NODE_INTEGER, at);
    if (node != NULL)
        node->integer = 1;
    return node;
}

/* ---- types ---- */

Node *
build_type(Parse *parse, Token first, Token second)
{
    Node *type = node_named(parse, NODE_TYPE_NAME, first, first);
    if (type == NULL || (type->flags & FLAG_QUOTED))
        return type;
    type->text = upper_case(parse, first);
    if (second.size == 0)
        return type;

    Slice word = upper_case(parse, second);
    Slice text = literal_copy(parse, NULL, type->text.size + 1 + word.size);
    if (has_failed(parse))
        return NULL;
    char *out = (char *)text.data;
    memcpy(out, type->text.data, type->text.size);
    out[type->text.size] = ' ';
    memcpy(out + type->text.size + 1, word.data, word.size);
    type->text = text;
    return type;
}

/* ALTER FIELD f TYPE t: TYPE is no keyword. */
Node *
build_alter_type(Parse *parse, Token at, Node *name, Token word, Node *type)
{
    if (!slice_equal_nocase((Slice){word.text, word.size},
                            SLICE_LITERAL("type")))
        parse_syntax_error(parse, word);
    return node_pair(parse, NODE_ALTER_TYPE, at, name, type);
}

Node *
build_alter_restart(Parse *parse, Token at, Node *name, Token word, Node *next)
{
    if (!slice_equal_nocase((Slice){word.text, word.size},
                            SLICE_LITERAL("restart")))
        parse_syntax_error(parse, word);
    return node_pair(parse, NODE_ALTER_RESTART, at, name, next);
}

static bool
is_word(Token token, const char *word)
{
    return slice_equal_nocase((Slice){token.text, token.size}, slice_of(word));
}

/* RECOVER ... ALLOW LOSS */
Node *
build_recover(Parse *parse, Token at, Node *file, Token allow, Token loss)
{
    if (!is_word(allow, "allow"))
        parse_syntax_error(parse, allow);
    else if (!is_word(loss, "loss"))
        parse_syntax_error(parse, loss);
    return node_flag(node_with(parse, NODE_RECOVER, at, file), FLAG_LOSS);
}

uint32_t
build_including(Parse *parse, Token including, Token what)
{
    if (!is_word(including, "including"))
        parse_syntax_error(parse, including);
    else if (!is_word(what, "indexes"))
        parse_syntax_error(parse, what);
    return FLAG_INDEXES;
}

Node *
build_overriding(Parse *parse, Token at, Token system, Token value)
{
    if (!is_word(system, "system"))
        parse_syntax_error(parse, system);
    else if (!is_word(value, "value"))
        parse_syntax_error(parse, value);
    return node_new(parse, NODE_OVERRIDING, at);
}

Node *
build_type_argument(Parse *parse, Node *type, Token integer)
{
    return node_add(parse, type, literal_integer(parse, integer));
}

Node *
build_array_type(Parse *parse, Token at, Node *element, Token capacity)
{
    if (has_failed(parse))
        return NULL;
    Node *type = node_word(parse, NODE_TYPE_NAME, at, "ARRAY");
    type = node_add(parse, type, element);
    if (type == NULL || capacity.size == 0)
        return type;
    if (capacity.text[0] != '[')
        return build_type_argument(parse, type, capacity);

    Node *number = only_element(parse, capacity);
    if (number != NULL && number->kind != NODE_INTEGER)
        parse_syntax_error(parse, capacity);
    return node_add(parse, type, number);
}

Node *
build_typed_literal(Parse *parse, Token type, Token string)
{
    if (has_failed(parse))
        return NULL;
    Node *name = build_type(parse, type, (Token){NULL, 0});
    if (name == NULL)
        return NULL;
    if (name->flags & FLAG_QUOTED) {
        parse_syntax_error(parse, string);
        return NULL;
    }
    if (slice_equal(name->text, SLICE_LITERAL("ISO")))
        name->text = SLICE_LITERAL("TIMESTAMPTZ"); /* Milvus: ISO '2025-..' */
    Node *value = literal_string(parse, string, NODE_STRING);
    return node_pair(parse, NODE_CAST, type, value, name);
}
