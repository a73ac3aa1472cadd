HYBRID SEARCH c (ON dense FOR $1 WITH (ef = 64) LIMIT 20), (ON sparse FOR 'red shoes' LIMIT 20) WHERE a = 1 RANK BY RRF(k=60) LIMIT 5;
HYBRID SEARCH c (ON a FOR $1), (ON b FOR $2) RERANK WEIGHTED(0.7, 0.3) WITH (norm_score = true) RETURNING id;
