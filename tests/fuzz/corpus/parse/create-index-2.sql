CREATE INDEX ON c (a, b);
