UPSERT INTO c (id, a) VALUES (1, 2);
