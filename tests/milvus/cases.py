# SPDX-License-Identifier: Apache-2.0
"""cases.py: filters written by hand, for what the grammar of generate.py does not make: spellings, edges of types, what is refused.

OUTCOMES has what is expected of those under a name: the outcome, and the difference in words.
"""

OUTCOMES = {
    "same": ("same", ""),
    "both refuse": ("both refuse", ""),
    "wider": ("mql only", "Milvus 2.3 refuses; mql answers"),
    "wider, 2.6 too": ("mql only", "Milvus 2.3 refuses, Milvus 2.6 and mql answer"),
    "rules": ("different", "one of the rules of meaning, singly"),
    "contains-cuts": ("different", "`array_contains` of an integer in an ARRAY<DOUBLE> finds elements whose whole part it is. mql: equal numbers"),
    "mod-by-zero": ("server only", "no row is found, and `/ 0` ends the server. mql: error 22012, as Milvus 2.6 refuses it"),
    "zero-prefix": ("different", "`010` is 8 in Milvus; in mql it is 10, as in PostgreSQL"),
    "quoted-backslash": ("different", "a backslash escapes in single quotes, too; in mql, as in SQL, only in double quotes and `E'...'`"),
    "quoted-field": ("different", "`\"t\"` is always a string; in mql it is the field t if there is one: write `'t'`"),
    "string-prefix": ("server only", "`u8\"a\"` and its like; mql: a syntax error"),
    "hex-float": ("server only", "`0x1p-2`; mql: a syntax error"),
}


def outcome(mine, theirs):
    """What came of asking both."""
    if mine.refusal or theirs.refusal:
        return "server only" if not theirs.refusal else "mql only" if not mine.refusal else "both refuse"
    return "same" if mine.same(theirs) else "different"


CASES = {
    "same": [
    "i8 == 0xF", "i8 == 0b101", "i8 in [1, 2,]", "i8 in []", "i8 not in []", "flag == True or flag == FALSE", "b_none == 1",
    "i64 == -9223372036854775807", "i64 == 9223372036854775807", "i8 == 300", "i8 < 300", "i8 != 300", "i8 > -1000",
    "i16 >= 40000", "i32 < 3000000000", "f == 0.1", "d == 0.1", "f < 0.1", "f <= 0.1", "f > 0.1", "f in [0.1, -2.7]", "d == 1e10", "d == 1E10", "d > 1e-3", "d < .5",
    "d == 3", "i8 / 2 == -3", "i8 % 3 == -1", "i8 / -2 == 3", "i8 % -3 == 1", "i8 == 3 * 3", "i8 == 7 / 2", "i8 == -7 % 3", "i8 < 2 + 3 * 2", "d == 1.5 + 2",
    'i8 > 0 and i8 < 5 or flag == true', 'i8 > 0 or i8 < 5 and flag == true', 'not (i8 > 0) and flag == true', '!(i8 > 0) && !(flag == true)',
    "not (not (i8 == 1))", "((((i8 == 1))))", "i8>0 and i8<5", "i8==1||i8==2", "id in [1, 1, 2]", "id == 1 or id == 2000 or id == 2001",
    's == "it\'s"', "s == \"x'y\"", 's == "say \\"hi\\""', 's == "tab\\there"', 's == "a\\\\b"', "s == '日本'", "s > 'Z'", "s == '\"'",
    's == "\\u00c4pfel"', 's == "\\x61"', 's == "\\141"', 's in ["", "a"]', 's not in ["", "a"]', "s like 'ab%'", "s like \"Ä%\"", "s like '日%'",
    'exists j["n"]', 'not exists j["n"]', 'exists $meta["color"]', 'exists color', "color == 'ab'", '$meta["color"] == "ab"',
    'extra["o"]["k"] == 1', 'j["l"][0] == 1', 'j["ll"][0][0] == 1', "j['n'] == 1", 'j["k"] == 9007199254740993', 'j["k"] == 9007199254740992',
    'j["k"] == 1.0', 'j["r"] == 1', 'json_contains(j["l"], 1)', 'json_contains(j["m"], "a")', 'json_contains(j["m"], 1.0)', 'JSON_CONTAINS(j["l"], 1)',
    'json_contains(j["ll"], [1, 2])', 'json_contains_all(j["l"], [1, 2])', 'json_contains_any(j["l"], [1, 2])',
    'array_contains(i8s, 1)', 'array_contains_all(ts, ["a"])', 'array_contains_any(flags, [true])', "array_contains(ds, 1.0)",
    "array_length(i8s) == 2", 'array_length(j["l"]) == 2', "i8s[0] == 1", "ts[0] == 'a'", "ts[1] like 'a%'", "i8s[0] + 1 == 2", "i8s[0] in [1, 2]",
    "1 < i8 < 5", "1 <= i8 <= 5", "5 > i8 > 1", "5 >= i8 >= 1", "1 <= i8 < 5", '1 < j["n"] < 5', '"a" < s < "b"', "0.5 < d <= 2.5", "1 < d < 5",
    "i8 < i16", "i32 == i64", "d > i8", "f < d", "s < t", "s == t", "s != t", "id > i64", "flag < true", "i8s == [1, 2]", 'j["l"] == [1]', "fs == [0.5]", "i64 == 0x7fffffffffffffff",
],
    "both refuse": [
    "", "i8 ==", "== 1", "(i8 == 1", "i8 == 1)", "i8 like 'a%'", "nothing at all", "s == 1", "i8 == 'a'", "flag == 1", "v == 1",
    "i64 == 9223372036854775808", "i8 in [1, 'a']", "s in [1]", "i8 in 1", "s == i8", "i8 / 0 == 1", "array_contains(i8, 1)", "array_length(s) == 1",
    "array_contains(i8s, 'a')", "s[0] == 'a'", "i8 == \"\\q\"", "i8 and flag == true", "s", "1", "exists i8", "json_contains(s, 'a')", "array_contains_all(i8s, 1)",
    "i8 == 1 and", "1 < i8 > 0", "i8 == 1 or or i8 == 2", "not", "i8 + 's' == 1", "s + 1 == 2", "i8 == [1]", "i8 === 1", "@ == 1", "i8s == 1", "j[\"n\" == 1",
],
    "wider, 2.6 too": [
        "i64 == -9223372036854775808", "i64 > -9223372036854775808", 'j["n"] in [1, 2.5]', "array_length(ts) < 2", "i8 + 1 > 2", "s like '%b'", "s like 'a%c'",
        "i8 > 1 AND flag == true", "i8 > 1 OR flag == true", "NOT (i8 > 1)", "i8 is null", "i8 is not null", "s IS NOT NULL", "starts_with(s, 'a')", "empty(s)",
    ],
    "rules": ['exists j["o"]["k"]', 'json_contains_any(j["m"], [1, "a", true])', "array_contains(fs, 0.1)", "s like 'a_c'", 'array_length(j["l"]) == 0', 'j["n"] != 1'],
    "contains-cuts": ["array_contains(ds, 1)"],
    "mod-by-zero": ["i8 % 0 == 1"],
    "zero-prefix": ["i8 == 010", "i64 in [010]"],
    "quoted-backslash": ["s == 'a\\\\b'", "s == 'tab\\there'"],
    "quoted-field": ['s == "t"'],
    "string-prefix": ['s == u8"a"'],
    "hex-float": ["d == 0x1p-2"],
    "wider": [
        "flag", "not flag", "flag and i8 > 1", "i8 == 1.5", "i8 == 1.0", "i8 in [1.5]", "i8 In [1]", "i8 = 1", "i8 <> 1", "i8 BETWEEN 1 AND 5", "i8 in (1, 2)",
        "not i8 == 1", "2 - i8 == 1", "60 / id == 2", "flag == 'true'", "i8 + i16 == 3", "(i8 + 1) * 2 == 4", "d % 2 == 1", "i8 & 1 == 1", "i8 << 1 == 2", "~i8 == 1", "s == 'it''s'",
        "s in [t]", "true", "false", "1 < 2",  "s ilike 'A%'",
        "i8s < [1, 2]", "i8s in [[1]]", "i8s[i8] == 1", "i8s[-1] == 1", 'j["n"] == i8', 'j["k"] in [1, "a"]', "i8 == 1 -- comment",
        "lower(s) == 'a'", "id::varchar == '1'", "v is null", "s > t and not (i8 < abs(i16))", "i8 == null", "j == 1",
    ],
}
