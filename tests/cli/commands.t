# a script of many
$ cat >a.mql <<'E'
> \echo one   two 'three  four' "five six" 'it''s' 'a\tb'
> \echo -n no
> \echo  newline
> \echo first \echo second
> \qecho to the results
> SELECT 1 AS a \echo in between
> ;
> SELECT 2 AS a \g
> \g
> SELECT 3 AS a, 'x' AS b \gx
> SELECT 4 AS four, 'it''s' AS quoted \gset my_
> \echo :my_four :my_quoted :'my_quoted' :"my_quoted"
> SELECT 5 AS a; SELECT 6 AS b; -- two on a line
> \p
> SELECT 7
> \p
> \r
> \x
> SELECT 8 AS a;
> \x off
> \t
> SELECT 9 AS a;
> \t off
> \a
> SELECT 10 AS a, 11 AS b;
> \f ' - '
> SELECT 12 AS a, 13 AS b;
> \a
> \pset null '(none)'
> SELECT NULL AS n;
> \pset format csv
> SELECT 14 AS a;
> \pset format aligned
> \pset footer off
> SELECT 15 AS a;
> \pset footer
> \pset title 'Above'
> SELECT 16 AS a;
> \pset title
> E
> mql -X -f a.mql
| one two three  four "five six" it's a	b
| nonewline
| first
| second
| to the results
| in between
|  a 
| ---
|  1
| (1 row)
| 
|  a 
| ---
|  2
| (1 row)
| 
|  a 
| ---
|  2
| (1 row)
| 
| -[ RECORD 1 ]
| a | 3
| b | x
| 
| 4 it's 'it''s' "it's"
|  a 
| ---
|  5
| (1 row)
| 
|  b 
| ---
|  6
| (1 row)
| 
| SELECT 6 AS b;
| SELECT 7
| Query buffer reset (cleared).
| Expanded display is on.
| -[ RECORD 1 ]
| a | 8
| 
| Expanded display is off.
| Tuples only is on.
|  9
| 
| Tuples only is off.
| Output format is unaligned.
| a|b
| 10|11
| (1 row)
| Field separator is " - ".
| a - b
| 12 - 13
| (1 row)
| Output format is aligned.
| Null display is "(none)".
|    n    
| --------
|  (none)
| (1 row)
| 
| a
| 14
| Output format is aligned.
| Default footer is off.
|  a  
| ----
|  15
| 
| Default footer is on.
| Title is "Above".
| Above
|  a  
| ----
|  16
| (1 row)
| 
| Title is "".

$ mql -X -q <a.mql | head -8
| one two three  four "five six" it's a	b
| nonewline
| first
| second
| to the results
| in between
|  a 
| ---

# \gset wants one row
$ mql -X db -q -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1), (2)'
$ mql -X db -c 'SELECT id FROM c WHERE id = 0 \gset'
! no rows returned for \gset
? 1
$ mql -X db -c 'SELECT id FROM c \gset' -c '\echo :id'
! more than one row returned for \gset
? 1

# \o
$ printf '\\o out.txt\nSELECT 1 AS a;\n\\qecho results\n\\echo output\n\\o\nSELECT 2 AS a;\n' | mql -X -A && cat out.txt
| output
| a
| 2
| (1 row)
| a
| 1
| (1 row)
| results
$ printf '\\o |sed s/1/one/\nSELECT 1 AS a;\n\\o\nSELECT 1 AS a;\n' | mql -X -A
| a
| one
| (one row)
| a
| 1
| (1 row)
$ printf 'SELECT 1 AS a \\g out2.txt\nSELECT 2 AS a \\g |sed s/2/two/\n' | mql -X -At && cat out2.txt
| two
| 1

# \timing
$ mql -X -At -c '\timing on' -c 'SELECT 1' | sed 's/[0-9.]* ms/N ms/'
| Timing is on.
| 1
| Time: N ms
$ mql -X -c '\timing maybe'
! \timing: unrecognized value "maybe": Boolean expected
? 1

# \! and \cd
$ printf '\\! echo from the system\n\\cd sub\n\\! pwd | sed "s|.*/||"\n\\cd nothing\n' >c.mql; mkdir sub; mql -X -f c.mql
| from the system
| sub
! mql:c.mql:4: error: \cd: could not change directory to "nothing": No such file or directory
? 3
$ printf '\\echo `echo from the system`\n' | mql -X
| from the system

# \warn is for standard error
$ mql -X -c '\warn careful'
! careful

# what there is
$ mql -X db2 -q -c 'CREATE COLLECTION items (id INT64 PRIMARY KEY, title VARCHAR(50), v VECTOR(4)); CREATE COLLECTION others (id INT64 PRIMARY KEY); CREATE INDEX i ON items (title) USING INVERTED; CREATE PARTITION p ON items'
$ mql -X db2 -c '\d'
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
|  items      |    0 | t      | 
|  others     |    0 | t      | 
| (2 rows)
| 
$ mql -X db2 -c '\dt' -c '\dt it*' -c '\dt nothing'
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
|  items      |    0 | t      | 
|  others     |    0 | t      | 
| (2 rows)
| 
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
|  items      |    0 | t      | 
| (1 row)
| 
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
| (0 rows)
| 
$ mql -X db2 -c '\d items'
|                           Collection "items"
|  field |      type       | nullable |     key     | default | comment 
| -------+-----------------+----------+-------------+---------+---------
|  id    | INT64           | f        | primary key | NULL    | 
|  title | VARCHAR(50)     | t        |             | NULL    | 
|  v     | FLOAT_VECTOR(4) | f        |             | NULL    | 
| Indexes:
|     "i" INVERTED (title)
| Partitions: _default, p
| 
$ mql -X db2 -c '\d ITEMS;' -A
| Collection "ITEMS"
| field|type|nullable|key|default|comment
| id|INT64|f|primary key||
| title|VARCHAR(50)|t|||
| v|FLOAT_VECTOR(4)|f|||
| Indexes:
|     "i" INVERTED (title)
| Partitions: _default, p
$ mql -X db2 -c '\d items' --jsonl
| {"field":"id","type":"INT64","nullable":false,"key":"primary key","default":null,"comment":""}
| {"field":"title","type":"VARCHAR(50)","nullable":true,"key":"","default":null,"comment":""}
| {"field":"v","type":"FLOAT_VECTOR(4)","nullable":false,"key":"","default":null,"comment":""}
$ mql -X db2 -q -c 'CREATE ALIAS a FOR items; CREATE ALIAS b FOR items' -c '\d' -c '\d a'
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
|  items      |    0 | t      | 
|  others     |    0 | t      | 
| (2 rows)
| 
|  alias | collection 
| -------+------------
|  a     | items
|  b     | items
| (2 rows)
| 
|                             Collection "a"
|  field |      type       | nullable |     key     | default | comment 
| -------+-----------------+----------+-------------+---------+---------
|  id    | INT64           | f        | primary key | NULL    | 
|  title | VARCHAR(50)     | t        |             | NULL    | 
|  v     | FLOAT_VECTOR(4) | f        |             | NULL    | 
| Indexes:
|     "i" INVERTED (title)
| Partitions: _default, p
| Aliases: a, b
| 
$ mql -X db2 -q --csv -c '\d' -c 'DROP ALIAS a; DROP ALIAS b'
| collection,rows,loaded,comment
| items,0,t,""
| others,0,t,""
$ mql -X db2 -c '\di'
|  index | collection | field |   kind   | options | indexed_rows 
| -------+------------+-------+----------+---------+--------------
|  i     | items      | title | INVERTED |         |            0
| (1 row)
| 
$ mql -X db2 -c '\di others'
|  index | collection | field | kind | options | indexed_rows 
| -------+------------+-------+------+---------+--------------
| (0 rows)
| 
$ mql -X db2 -c '\dP items'
|  partition | rows | loaded 
| -----------+------+--------
|  _default  |    0 | t
|  p         |    0 | t
| (2 rows)
| 
$ mql -X db2 -c '\dP'
! \dP: missing required argument
? 1
$ mql -X db2 -c '\l'
|  database | collections | properties 
| ----------+-------------+------------
|  default  |           2 | 
| (1 row)
| 
$ mql -X db2 -E -c '\di items'
| SHOW INDEXES FROM items
|  index | collection | field |   kind   | options | indexed_rows 
| -------+------------+-------+----------+---------+--------------
|  i     | items      | title | INVERTED |         |            0
| (1 row)
| 
$ mql -X db2 -c '\conninfo' | sed 's|".*/|".../|'
| You are using database "default" in directory "db2" as user "root".
$ printf '\\c nothing\n\\conninfo\n' | mql -X db2 -v ON_ERROR_STOP=0 | sed 's|y ".*/|y ".../|'
| You are using database "default" in directory "db2" as user "root".
! ERROR:  database "nothing" does not exist
$ mql -X db2 -c 'CREATE DATABASE "my data"' -c '\c "my data"' -c '\echo :DBNAME' -c '\dt'
! ERROR:  invalid database name "my data"
! LINE 1: CREATE DATABASE "my data"
!                         ^
! HINT:  Names are letters, digits and _, and do not begin with a digit.
? 1

# help
$ mql -X -c '\h search'
| Statement: SEARCH
| Reference: SEARCH
| Syntax:
| SEARCH c [AS OF moment] [PARTITION (p, ...)] [ON field] FOR target [, target ...]
|     [WHERE condition] [WITH (option = value, ...)] [ORDER BY key [ASC | DESC], ...]
|     [LIMIT k] [OFFSET n] [RETURNING item [AS name], ... | *]
| 
| target: vector | parameter | KEY key | KEYS (key, ...) | (SELECT vector FROM ...)
| 
$ mql -X -c '\h resume job' -c '\h rollback to' -c '\h set'
| Statement: RESUME JOB
| Reference: Background jobs
| Syntax:
| PAUSE | RESUME | CANCEL JOB number
| 
| Statement: RESUME JOBS
| Reference: Background jobs
| Syntax:
| PAUSE | RESUME | CANCEL JOBS
| 
| Statement: ROLLBACK TO
| Reference: Transactions
| Syntax:
| ROLLBACK TO [SAVEPOINT] name
| 
| Statement: SET
| Reference: SET
| Syntax:
| SET [SESSION | LOCAL | GLOBAL] name = value
| SET name TO value
| SET name = DEFAULT
| 
$ mql -X -c '\h nothing'
| There is no help for "nothing"; \h lists what there is.
$ mql -X -c '\?' | head -5
| General
|   \q                       leave; in a file: leave the file
|   \? [variables]           list these commands, or the shell's variables
|   \h [NAME]                help with statements, * for all of them
|   \errverbose              show the last error with its code
$ mql -X -c '\? variables' | head -2
|   ECHO                 what input is shown
|   HISTFILE             where the history is kept

# too much is said, and goes on
$ mql -X -c '\conninfo now' | grep -c using
| 1
! \conninfo: extra argument "now" ignored

# \e runs what the editor leaves
$ printf '#!/bin/sh\necho "SELECT 42;" >"$1"\n' >editor; chmod +x editor; EDITOR=./editor mql -X -At -c '\e'
| 42
$ EDITOR=false mql -X -c '\e' 2>&1 | sed "s/'.*'/FILE/"
| could not run the editor: false FILE
$ printf 'SELECT 1\n\\w w.mql\n\\r\n' | mql -X -q; cat w.mql
| SELECT 1
$ mql -X -c '\s'
! there is no history but on a terminal
? 1

# aliases
$ printf '.tables\n.print hello\n.quit\nSELECT 1;\n' | mql -X db2
|  collection | rows | loaded | comment 
| ------------+------+--------+---------
|  items      |    0 | t      | 
|  others     |    0 | t      | 
| (2 rows)
| 
| hello
$ printf '.nothing\n' | mql -X
! ERROR:  syntax error at or near "."
! LINE 1: .nothing
!         ^
? 3

# windows' line ends and mark
$ printf '\357\273\277SELECT 1 AS a;\r\nSELECT\r\n2 AS b;\r\n\\echo hi\r\n' | mql -X -At
| 1
| 2
| hi

# -a, -e
$ printf -- "-- a comment\n\nSELECT :x AS a;\n\\\\echo hi\nSELECT\n\n  2;\n" >e.mql; mql -X -a -v x=1 <e.mql
| -- a comment
| SELECT :x AS a;
|  a 
| ---
|  1
| (1 row)
| 
| \echo hi
| hi
| SELECT
|   2;
|  ?column? 
| ----------
|         2
| (1 row)
| 
$ mql -X -e -v x=1 <e.mql
| SELECT 1 AS a;
|  a 
| ---
|  1
| (1 row)
| 
| hi
| SELECT
| 
|   2;
|  ?column? 
| ----------
|         2
| (1 row)
| 

# \recall: the statement that is typed, the last one, or what follows
$ cat >r.mql <<'F'
> CREATE COLLECTION near (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2));
> INSERT INTO near VALUES (1, [1, 0]), (2, [0, 2]);
> SEARCH near FOR [1, 0] LIMIT 1 \recall
> \recall
> \recall SEARCH near FOR [1, 1] LIMIT 2
> EXPLAIN (ANALYZE) SEARCH near FOR [1, 0] LIMIT 1;
> \recall
> explain SEARCH near FOR [1, 0] LIMIT 2 \recall
> F
$ mql -X -q rdb -f r.mql | grep Recall
|  Recall@1: 1.0000 (1 of 1 rows)
|  Recall@1: 1.0000 (1 of 1 rows)
|  Recall@2: 1.0000 (2 of 2 rows)
|  Recall@1: 1.0000 (1 of 1 rows)
|  Recall@2: 1.0000 (2 of 2 rows)
