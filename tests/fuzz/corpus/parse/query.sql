QUERY c WHERE a > 1 RETURNING id, a LIMIT 3;
query c;
