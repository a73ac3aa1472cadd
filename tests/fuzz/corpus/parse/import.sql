IMPORT INTO c FROM 'a.parquet', 'b.json';
