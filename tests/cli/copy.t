$ mql -X db -c 'CREATE COLLECTION t (id INT64 PRIMARY KEY, name VARCHAR(20) NULL, v VECTOR(2))'
| CREATE COLLECTION

# in a script the data come after the statement
$ cat >copy.mql <<'E'
> COPY t FROM STDIN WITH (FORMAT csv);
> 1,one,"[1,2]"
> 2,"two
> lines","[3,4]"
> \.
> SELECT * FROM t ORDER BY id;
> COPY t FROM STDIN WITH (FORMAT jsonl); SELECT count(*) FROM t;
> {"id": 3, "name": "three; \\echo no", "v": [5, 6]}
> \.
> \copy t FROM STDIN WITH (FORMAT csv)
> 4,:x,"[7,8]"
> \.
> E
> mql -X db -f copy.mql
| COPY 2
|  id | name  |   v   
| ----+-------+-------
|   1 | one   | [1,2]
|   2 | two  +| [3,4]
|     | lines | 
| (2 rows)
| 
| COPY 1
|  count 
| -------
|      3
| (1 row)
| 
| COPY 1
$ mql -X db -At -c 'SELECT id, name FROM t ORDER BY id'
| 1|one
| 2|two
| lines
| 3|three; \echo no
| 4|:x

# the end of the input is the end of the data
$ printf 'COPY t FROM STDIN WITH (FORMAT csv);\n5,five,"[1,1]"\n6,six,"[1,1]"' | mql -X db
| COPY 2

# with -c they are standard input
$ printf '7,seven,"[1,1]"\n' | mql -X db -c 'COPY t FROM STDIN WITH (FORMAT csv)' -c 'SELECT count(*) FROM t' -At
| COPY 1
| 7

# after a mistake the rest of the data is no statement
$ printf 'COPY t FROM STDIN WITH (FORMAT csv);\n8,eight,"[1]"\n9,nine,"[1,1]"\n\\.\nSELECT count(*) FROM t;\n' | mql -X db -At -v ON_ERROR_STOP=0
| 7
! ERROR:  expected 2 dimensions, not 1
! DETAIL:  STDIN, line 1, field v: "[1]"
$ printf 'COPY t FROM STDIN WITH (FORMAT csv);\n8,eight,"[1]"\n9,nine,"[1,1]"\n\\.\nSELECT count(*) FROM t;\n' | mql -X db -At
! ERROR:  expected 2 dimensions, not 1
! DETAIL:  STDIN, line 1, field v: "[1]"
? 3

# in a file inside a file
$ printf 'COPY t FROM STDIN WITH (FORMAT csv);\n10,ten,"[1,1]"\n\\.\n' >inner.mql; printf '\\i inner.mql\nSELECT count(*) FROM t;\n' | mql -X db -At
| COPY 1
| 8
