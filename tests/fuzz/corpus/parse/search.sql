SEARCH c FOR [0.1, 0.2];
SEARCH products FOR [0.12, 0.08, 0.44] WHERE category IN ['shoes', 'bags'] AND price BETWEEN 10 AND 99 LIMIT 5 RETURNING title, price;;
SEARCH c AS OF '2024-01-01' PARTITION (p, q) ON v FOR $1, 'text', KEY 42, KEYS (1, 2), (SELECT v FROM q) LIMIT 3 OFFSET 1 WITH (ef = 64, exact = on) OUTPUT * WHERE a == 1 ORDER BY distance DESC NULLS LAST GROUP BY category SIZE 2 STRICT;
SEARCH c FOR {query} CONSISTENCY LEVEL Strong;
