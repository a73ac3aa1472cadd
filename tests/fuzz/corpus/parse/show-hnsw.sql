SHOW hnsw.ef_search;
