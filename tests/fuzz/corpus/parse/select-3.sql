SELECT id FROM t HYBRID SEARCH (e <=> :dv WEIGHT 0.7, BM25_SCORE(s, :q) WEIGHT 0.3) RERANK RRF(k=60) LIMIT 10;
SELECT a.b.c, f[1], j["k"][0]['m'], x::int8::varchar(5), cast(x AS DOUBLE PRECISION), x::int[], x::int[3], "t"."a";
SELECT j -> 'a' ->> 'b', exists meta["a"], exists (a.b), not exists a;
SELECT a IS NULL, a IS NOT NULL, a is true, a IS NOT FALSE, a IS UNKNOWN, a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b;
SELECT a LIKE 'x%', a NOT LIKE 'x' ESCAPE '!', a ILIKE b ESCAPE c, a NOT ILIKE b, a ~ 'x', a =~ r'^\d+$', a !~ 'x';
SELECT a IN (1), a NOT IN [-1, 2.5], a in [], a IN $1, a not in {list}, a IN (SELECT b FROM c), a IN ["x", 1];
