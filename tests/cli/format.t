# a database for all of it
$ cat >make.mql <<'E'
> CREATE COLLECTION t (id INT64 PRIMARY KEY, name VARCHAR(99) NULL, price DOUBLE NULL, ok BOOL NULL,
>     tags ARRAY<VARCHAR(9)>(4) NULL, meta JSON NULL, v VECTOR(5));
> INSERT INTO t VALUES (1, 'red "shoes", new', 9.5, true, ['a', 'b'], '{"k": [1, null]}', [0.5, -1, 2, 3, 4]);
> INSERT INTO t VALUES (200, '', NULL, false, [], '"x"', [0, 0, 0, 0, 0]);
> INSERT INTO t VALUES (30, NULL, -0.25, NULL, NULL, NULL, [1e-10, 1e10, 1, 1, 1]);
> E
> mql -X db -f make.mql
| CREATE COLLECTION
| INSERT 1
| INSERT 1
| INSERT 1

$ mql -X db -c 'SELECT * FROM t ORDER BY id'
|  id  |       name       | price |  ok  |   tags    |      meta      |          v          
| -----+------------------+-------+------+-----------+----------------+---------------------
|    1 | red "shoes", new |   9.5 | t    | ["a","b"] | {"k":[1,null]} | [0.5,-1,2,3,4]
|   30 | NULL             | -0.25 | NULL | NULL      | NULL           | [1e-10,1e+10,1,1,1]
|  200 |                  |  NULL | f    | []        | "x"            | [0,0,0,0,0]
| (3 rows)
| 
$ mql -X -x db -c 'SELECT * FROM t ORDER BY id'
| -[ RECORD 1 ]--------------
| id    | 1
| name  | red "shoes", new
| price | 9.5
| ok    | t
| tags  | ["a","b"]
| meta  | {"k":[1,null]}
| v     | [0.5,-1,2,3,4]
| -[ RECORD 2 ]--------------
| id    | 30
| name  | NULL
| price | -0.25
| ok    | NULL
| tags  | NULL
| meta  | NULL
| v     | [1e-10,1e+10,1,1,1]
| -[ RECORD 3 ]--------------
| id    | 200
| name  | 
| price | NULL
| ok    | f
| tags  | []
| meta  | "x"
| v     | [0,0,0,0,0]
| 
$ mql -X -A db -c 'SELECT * FROM t ORDER BY id'
| id|name|price|ok|tags|meta|v
| 1|red "shoes", new|9.5|t|["a","b"]|{"k":[1,null]}|[0.5,-1,2,3,4]
| 30||-0.25||||[1e-10,1e+10,1,1,1]
| 200|||f|[]|"x"|[0,0,0,0,0]
| (3 rows)
$ mql -X -At db -c 'SELECT * FROM t ORDER BY id'
| 1|red "shoes", new|9.5|t|["a","b"]|{"k":[1,null]}|[0.5,-1,2,3,4]
| 30||-0.25||||[1e-10,1e+10,1,1,1]
| 200|||f|[]|"x"|[0,0,0,0,0]
$ mql -X -t db -c 'SELECT id, name FROM t ORDER BY id'
|    1 | red "shoes", new
|   30 | 
|  200 | 
| 
$ mql -X -xt db -c 'SELECT id, name FROM t ORDER BY id'
| id   | 1
| name | red "shoes", new
| -----+-----------------
| id   | 30
| name | 
| -----+-----------------
| id   | 200
| name | 
| 
$ mql -X -Ax db -c 'SELECT id, name FROM t ORDER BY id'
| id|1
| name|red "shoes", new
| 
| id|30
| name|
| 
| id|200
| name|
$ mql -X --csv db -c 'SELECT * FROM t ORDER BY id'
| id,name,price,ok,tags,meta,v
| 1,"red ""shoes"", new",9.5,t,"[""a"",""b""]","{""k"":[1,null]}","[0.5,-1,2,3,4]"
| 30,,-0.25,,,,"[1e-10,1e+10,1,1,1]"
| 200,"",,f,[],"""x""","[0,0,0,0,0]"
$ mql -X --csv -t db -c 'SELECT id, name FROM t ORDER BY id'
| 1,"red ""shoes"", new"
| 30,
| 200,""
$ mql -X --json db -c 'SELECT * FROM t ORDER BY id'
| [{"id":1,"name":"red \"shoes\", new","price":9.5,"ok":true,"tags":["a","b"],"meta":{"k":[1,null]},"v":[0.5,-1,2,3,4]},
| {"id":30,"name":null,"price":-0.25,"ok":null,"tags":null,"meta":null,"v":[1e-10,1e+10,1,1,1]},
| {"id":200,"name":"","price":null,"ok":false,"tags":[],"meta":"x","v":[0,0,0,0,0]}]
$ mql -X --jsonl db -c 'SELECT * FROM t ORDER BY id'
| {"id":1,"name":"red \"shoes\", new","price":9.5,"ok":true,"tags":["a","b"],"meta":{"k":[1,null]},"v":[0.5,-1,2,3,4]}
| {"id":30,"name":null,"price":-0.25,"ok":null,"tags":null,"meta":null,"v":[1e-10,1e+10,1,1,1]}
| {"id":200,"name":"","price":null,"ok":false,"tags":[],"meta":"x","v":[0,0,0,0,0]}

# separators
$ mql -X -A -F ' ; ' -R / db -c 'SELECT id, ok FROM t ORDER BY id'
| id ; ok/1 ; t/30 ; /200 ; f/(3 rows)
$ mql -X -At -z -0 db -c 'SELECT id, ok FROM t ORDER BY id' | tr '\000' '~'; echo
| 1~t~30~~200~f~

# no rows
$ mql -X db -c 'SELECT id, name FROM t WHERE id = 0'
|  id | name 
| ----+------
| (0 rows)
| 
$ mql -X -x db -c 'SELECT id, name FROM t WHERE id = 0'
| (0 rows)
| 
$ mql -X -A db -c 'SELECT id, name FROM t WHERE id = 0'
| id|name
| (0 rows)
$ mql -X --csv db -c 'SELECT id, name FROM t WHERE id = 0'
| id,name
$ mql -X --json db -c 'SELECT id, name FROM t WHERE id = 0'
| []
$ mql -X --jsonl db -c 'SELECT id, name FROM t WHERE id = 0'

# several results; statements without rows say nothing to machines
$ mql -X -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2); SELECT * FROM c; SELECT 7 AS x'
| CREATE COLLECTION
| INSERT 2
|  id 
| ----
|   1
|   2
| (2 rows)
| 
|  x 
| ---
|  7
| (1 row)
| 
$ mql -X -q -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2); SELECT * FROM c; SELECT 7 AS x'
|  id 
| ----
|   1
|   2
| (2 rows)
| 
|  x 
| ---
|  7
| (1 row)
| 
$ mql -X --json -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2); SELECT * FROM c; SELECT 7 AS x'
| [{"id":1},
| {"id":2}]
| [{"x":7}]
$ mql -X --jsonl -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2); SELECT * FROM c; SELECT 7 AS x'
| {"id":1}
| {"id":2}
| {"x":7}
$ mql -X --csv -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2); SELECT * FROM c; SELECT 7 AS x'
| id
| 1
| 2
| x
| 7
$ mql -X --jsonl -c '\timing on' -c '\x' -c 'SELECT 1 AS a' 2>/dev/null
| {"a":1}
$ mql -X --jsonl -c 'SELECT 1 AS a; SELECT nothing'
| {"a":1}
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing
!                ^
? 1

# cells of several lines, wide characters, control characters
$ mql -X -c "SELECT E'a\nbc' AS \"two
> lines\", 5 AS n, E'\nq' AS w"
|   two +| n | w 
|  lines |   |   
| -------+---+---
|  a    +| 5 |  +
|  bc    |   | q
| (1 row)
| 
$ mql -X -x -c "SELECT E'a\nbc' AS \"two
> lines\", 5 AS n, E'\nq' AS w"
| -[ RECORD 1 ]
| two  +| a +
| lines | bc
| n     | 5
| w     |   +
|       | q
| 
$ mql -X -c "SELECT '漢字' AS wide, 'é' AS combined, 1 AS n"
|  wide | combined | n 
| ------+----------+---
|  漢字 | é        | 1
| (1 row)
| 
$ mql -X -c "SELECT E'\ttab' AS t, E'\x1b[31m' AS e, E'\r' AS r"
|       t      |    e     | r  
| -------------+----------+----
|          tab | \x1B[31m | \r
| (1 row)
| 
$ mql -X --json -c "SELECT E'\t\x1b\r\"\\\\ 漢' AS \"a\"\"b\""
| [{"a\"b":"\t\u001b\r\"\\ 漢"}]
$ mql -X --csv -c "SELECT E'a\nb' AS a, 'c\"d' AS b, ' e ' AS c, '' AS d, NULL AS e"
| a,b,c,d,e
| "a
| b","c""d", e ,"",

# nothing of a result whose statement fails at once
$ mql -X --json -c 'SELECT 1 / 0 AS x'
! ERROR:  division by zero
! LINE 1: SELECT 1 / 0 AS x
!                  ^
? 1
