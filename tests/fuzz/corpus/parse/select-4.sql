SELECT a BETWEEN 1 AND 2, a NOT BETWEEN b + 1 AND c AND d;
SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE x WHEN 1 THEN 'a' END;
SELECT f(), count(*), count(DISTINCT a), f(a, b => 1), TEXT_MATCH(f, 'a b', minimum_should_match=2), bool_or(a = 1), "f"(1), left(a, 2), extract(year FROM ts);
SELECT json_contains_any(x, [1, 2]), json_contains_all(x, ["a", 1]), array_contains(a, [[1, 2], [3]]), [1, a], [], [1_0], ['a'];
SELECT ts > ISO '2025-01-01T00:00:00Z', ts + INTERVAL 'P1D', timestamptz '2025-01-01';
SELECT $2, :name, {name}, { other }, $1;
