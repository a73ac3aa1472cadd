RESET hnsw.ef_search;
RESET ALL;
