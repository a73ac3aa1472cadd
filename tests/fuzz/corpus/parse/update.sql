UPDATE c SET a = a + 1, b = 'x' WHERE id IN (1, 2) RETURNING id;
