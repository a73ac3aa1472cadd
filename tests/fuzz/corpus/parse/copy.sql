COPY c FROM 'file.csv';
COPY c (id, title) FROM 'a.npy', 'b.npy' WITH (FORMAT npy, HEADER, DELIMITER ';', NULL '', on_error = stop);
COPY c FROM STDIN (FORMAT csv, HEADER true);
COPY c TO STDOUT;
COPY (SELECT id FROM c) TO 'out.jsonl' WITH (FORMAT jsonl);
