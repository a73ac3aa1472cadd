CREATE INDEX ON c (f);
CREATE INDEX IF NOT EXISTS i ON c (f) USING HNSW WITH (metric_type = 'COSINE', M = 16, efConstruction = 200);
CREATE INDEX i ON c USING hnsw (f vector_cosine_ops) WITH (m = 16);
CREATE INDEX ON c (meta["category"]) USING INVERTED WITH (json_cast_type = 'VARCHAR');
CREATE INDEX ON c (f) WITH (a = 1) USING flat;
CREATE INDEX CONCURRENTLY ON c (f);
