SET hnsw.ef_search = 100;
SET LOCAL timezone TO 'UTC';
SET GLOBAL a.b.c = on, off, 1;
SET x = DEFAULT;
