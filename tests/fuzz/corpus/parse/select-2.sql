SELECT a FROM c AS OF now() - 5;
SELECT * FROM (SEARCH c FOR $1 LIMIT 100) s;
SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c ON true, d CROSS JOIN e;
SELECT a FROM x UNION ALL SELECT b FROM y UNION SELECT 1 INTERSECT SELECT 2 EXCEPT VALUES (1) ORDER BY 1;
SELECT id FROM mql_catalog.segments;
SELECT title, text, type, level, user, key, partition, index, search, count, size, row, first, last FROM c;
