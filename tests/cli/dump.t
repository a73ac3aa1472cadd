# a dump has definitions, rows in order, indexes behind them, load states, settings
$ mql -X -q d -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY AUTO_ID, s VARCHAR(40), d DOUBLE, j JSON, v FLOAT_VECTOR(2), INDEX i (v) USING FLAT) WITH (enable_dynamic_field = true); CREATE PARTITION "2-p" ON c; CREATE PARTITION "1" ON c'
$ printf '%s\n' "INSERT INTO c (id, s, d, j, v) VALUES (9, E'say \"hi\"\n\\\\\\\\', -0e0, 'null', [1, -0.5]);" "INSERT INTO c (v, x) VALUES ([0, 0], 'dynamic');" "INSERT INTO c (id, s, v) VALUES (1, '', [1e-45, 3.4028235e38]);" "INSERT INTO c PARTITION \"2-p\" (id, s, v) VALUES (2, E'a\n\\\\.\nb\'s', [1, 2]);" 'RELEASE COLLECTION c PARTITION ("2-p");' > fill.mql; mql -X -q d -f fill.mql
$ mql -X -q d -c 'CREATE DATABASE shop; USE shop; CREATE COLLECTION "select" (k VARCHAR(9) PRIMARY KEY, p INT64 PARTITION KEY) WITH (num_partitions = 2)' -c "INSERT INTO \"select\" VALUES ('b', 1), ('a', 2)" -c 'RELEASE COLLECTION "select"; SET GLOBAL hnsw.ef_search = 70'
$ mql dump d
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| USE "default";
| 
| CREATE COLLECTION c (
|     id INT64 PRIMARY KEY AUTO_ID,
|     s VARCHAR(40),
|     d DOUBLE,
|     j JSON,
|     v FLOAT_VECTOR(2)
| ) WITH (enable_dynamic_field = true);
| CREATE PARTITION "1" ON c;
| CREATE PARTITION "2-p" ON c;
| INSERT INTO c PARTITION "2-p" (id, s, d, j, v, "$meta") VALUES (E'2', E'a\n\\.\nb\'s', NULL, NULL, E'[1,2]', NULL);
| COPY c FROM STDIN WITH (FORMAT csv, HEADER true);
| "id","s","d","j","v","$meta"
| 1,"",,,"[1e-45,3.4028235e+38]",
| 9,"say ""hi""
| \\",-0,"null","[1,-0.5]",
| 10,,,,"[0,0]","{""x"":""dynamic""}"
| \.
| ALTER COLLECTION c ALTER FIELD id RESTART WITH 11;
| CREATE INDEX i ON c (v) USING FLAT WITH (metric_type = 'COSINE');
| RELEASE COLLECTION c PARTITION ("2-p");
| 
| CREATE DATABASE shop;
| USE shop;
| 
| CREATE COLLECTION "select" (
|     k VARCHAR(9) PRIMARY KEY,
|     p INT64 PARTITION KEY
| ) WITH (num_partitions = 2);
| COPY "select" FROM STDIN WITH (FORMAT csv, HEADER true);
| "k","p"
| "a",2
| "b",1
| \.
| RELEASE COLLECTION "select";
| 
| SET GLOBAL hnsw.ef_search = '70';
| 
| -- The end.

# the database that a dump makes has the same dump, by -f and in one transaction
$ mql dump d -o d.mql; mql -X -q e -f d.mql; mql dump e | cmp - d.mql
$ mql -X -q e1 -1 -f d.mql; mql dump e1 | cmp - d.mql
$ mql -X -q f -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY AUTO_ID, n INT64)' -c 'INSERT INTO c (n) VALUES (1), (2), (3), (4), (5), (6); DELETE FROM c WHERE n > 4'
$ mql dump f | mql -X -q g; mql dump g | grep RESTART; mql -X -q -At g -c 'INSERT INTO c (n) VALUES (7) RETURNING id'; rm -r f g
| ALTER COLLECTION c ALTER FIELD id RESTART WITH 7;
| 7
$ mql -X -q f -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY AUTO_ID, n INT64)' -c 'INSERT INTO c (n) VALUES (1), (2); DELETE FROM c WHERE n = 2; ALTER DATABASE "default" SET (database.force.deny.ddl = true, database.force.deny.collectionDDL = true)'
$ mql dump f --schema-only | mql -X -q g; mql dump f --data-only | mql -X -q g; mql dump f -o f.mql; mql dump g | cmp - f.mql; rm -r f g f.mql
$ ls
| d
| d.mql
| e
| e1
| fill.mql
$ mql -X -q -At e -c 'INSERT INTO c (v) VALUES ([0, 0]); SELECT id FROM c WHERE id > 9'
| 10
| 11

# parts of it
$ mql dump --schema-only e1 shop.select
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| CREATE DATABASE shop;
| USE shop;
| 
| CREATE COLLECTION "select" (
|     k VARCHAR(9) PRIMARY KEY,
|     p INT64 PARTITION KEY
| ) WITH (num_partitions = 2);
| RELEASE COLLECTION "select";
| 
| -- The end.
$ mql dump e1 --data-only select
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| USE shop;
| 
| COPY "select" FROM STDIN WITH (FORMAT csv, HEADER true);
| "k","p"
| "a",2
| "b",1
| \.
| 
| -- The end.

# what is wrong
$ mql dump d nothing -o x; test -e x
! mql: error: collection "nothing" does not exist
? 1
$ mql dump d -o nowhere/x
! mql: error: could not open file "nowhere/x.partial": No such file or directory
? 1
$ mql dump nothing
! mql: error: database "nothing" does not exist
? 1
$ mql dump d --clean
! Usage: mql dump DATABASE [-o FILE] [--schema-only | --data-only] [COLLECTION ...]
? 1
$ mql dump d --schema-only --data-only
! Usage: mql dump DATABASE [-o FILE] [--schema-only | --data-only] [COLLECTION ...]
? 1
$ mql dump; test -e dump
! Usage: mql dump DATABASE [-o FILE] [--schema-only | --data-only] [COLLECTION ...]
? 1

# properties of databases come last, and keep nobody from a dump
$ mql -X -q props -c "CREATE DATABASE shop WITH (database.max.collections = 1); ALTER DATABASE \"default\" SET (database.force.deny.ddl = true); USE shop; CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1); RELEASE COLLECTION c; ALTER DATABASE shop SET (database.force.deny.writing = true, database.force.deny.reading = true, database.force.deny.collectionDDL = true)"
$ mql dump props -o props.mql; cat props.mql; mql -X -q props2 -f props.mql; mql dump props2 | cmp - props.mql; mql -X -At props2 -c 'SHOW DATABASES'
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| USE "default";
| 
| ALTER DATABASE "default" SET (database.force.deny.ddl = true);
| 
| CREATE DATABASE shop;
| USE shop;
| 
| CREATE COLLECTION c (
|     id INT64 PRIMARY KEY
| );
| COPY c FROM STDIN WITH (FORMAT csv, HEADER true);
| "id"
| 1
| \.
| RELEASE COLLECTION c;
| 
| ALTER DATABASE shop SET (database.force.deny.collectionDDL = true, database.force.deny.reading = true, database.force.deny.writing = true, database.max.collections = 1);
| 
| -- The end.
| default|0|database.force.deny.ddl = true
| shop|1|database.force.deny.collectionDDL = true, database.force.deny.reading = true, database.force.deny.writing = true, database.max.collections = 1
$ mql -X -q props -c "BACKUP DATABASE TO 'props.backup'"; mql -X -q props3 -c "RESTORE DATABASE FROM 'props.backup'"; mql dump props3 | cmp - props.mql

# a key that is always generated
$ mql -X -q always -c "CREATE COLLECTION c (id INT64 PRIMARY KEY GENERATED ALWAYS AS IDENTITY, s VARCHAR(9)); INSERT INTO c (s) VALUES ('a'), (E'b\n\\\\.\nc')"
$ mql dump always -o always.mql; cat always.mql; mql -X -q always2 -f always.mql; mql dump always2 | cmp - always.mql
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| USE "default";
| 
| CREATE COLLECTION c (
|     id INT64 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
|     s VARCHAR(9)
| );
| COPY c FROM STDIN WITH (FORMAT csv, HEADER true);
| "id","s"
| 1,"a"
| \.
| INSERT INTO c (id, s) OVERRIDING SYSTEM VALUE VALUES (E'2', E'b\n\\.\nc');
| ALTER COLLECTION c ALTER FIELD id RESTART WITH 3;
| 
| -- The end.

# rows and definitions apart, of a database that denies writing; only its owner reads the file
$ mql -X -q w -c "CREATE DATABASE s; USE s; CREATE COLLECTION c (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2)); INSERT INTO c VALUES (1, [1, 2]); RELEASE COLLECTION c; ALTER DATABASE s SET (database.force.deny.writing = true, database.force.deny.index = true)"
$ mql dump --schema-only w -o w1; mql dump --data-only w -o w2; stat -c %a w1 w2; cat w2
| 600
| 600
| -- A database of mql. To make it again: mql NEW -f FILE
| 
| USE "default";
| 
| USE s;
| ALTER DATABASE s SET (database.force.deny.writing = false);
| 
| COPY c FROM STDIN WITH (FORMAT csv, HEADER true);
| "id","v"
| 1,"[1,2]"
| \.
| 
| ALTER DATABASE s SET (database.force.deny.writing = true);
| 
| -- The end.
$ mql -X -q w3 -f w1 -f w2; mql dump w > w4; mql dump w3 | cmp - w4

# vectors of every type come back as they were
$ mql -X -q e -c "CREATE COLLECTION t (id INT64 PRIMARY KEY, h HALFVEC(2), f BFLOAT16_VECTOR(2) NULL, i INT8_VECTOR(2), b BIT(16)); INSERT INTO t VALUES (1, [0.1, -65504], [1e-30, 3e38], [-128, 127], X'f00f'), (2, [6e-8, 0], NULL, [0, 1], B'0000000000000001')"; mql dump e > e.mql; mql -X -q e2 -f e.mql; mql -X -At e2 -c 'SELECT * FROM t'
| 1|[0.099975586,-65504]|[9.984021e-31,3.0040553e+38]|[-128,127]|1111000000001111
| 2|[5.9604645e-08,0]||[0,1]|0000000000000001

# users, roles and grants: verifiers, no passwords; every object is found in its database
$ mql -X -q u -c "CREATE COLLECTION c (id INT64 PRIMARY KEY); CREATE DATABASE d; USE d; CREATE COLLECTION c2 (id INT64 PRIMARY KEY); CREATE USER \"bob.b\" PASSWORD 'secret-1'; CREATE USER ada PASSWORD NULL; CREATE ROLE \"z\$\"; CREATE ROLE a; CREATE PRIVILEGE GROUP g; ALTER PRIVILEGE GROUP g ADD (Search, Flush); GRANT \"z\$\", a TO \"bob.b\"; GRANT admin TO ada; GRANT DatabaseAdmin ON DATABASE d TO \"z\$\"; GRANT ALL ON c2 TO \"z\$\"; USE \"default\"; GRANT g, Insert ON c TO a; GRANT Query ON CLUSTER TO public; ALTER USER root PASSWORD 'root-pw'"
$ MQLPASSWORD=root-pw mql dump u > u1; sed -n '/PRIVILEGE GROUP/,$s/32768:.*=/.../p; /^GRANT/p' u1; mql -X -q u2 -f u1; MQLPASSWORD=root-pw mql dump -U root u2 | cmp - u1; grep -c secret-1 u1
| GRANT ROLE admin TO ada;
| CREATE USER "bob.b" PASSWORD 'SCRAM-SHA-256$...';
| GRANT ROLE a TO "bob.b";
| GRANT ROLE "z$" TO "bob.b";
| GRANT Insert ON COLLECTION c TO ROLE a;
| GRANT g ON COLLECTION c TO ROLE a;
| GRANT Query ON CLUSTER TO ROLE public;
| GRANT DatabaseAdmin ON DATABASE d TO ROLE "z$";
| GRANT All ON COLLECTION c2 TO ROLE "z$";
| ALTER USER root PASSWORD 'SCRAM-SHA-256$...';
| 0
? 1

# no byte of a database, its log and its history has a password
$ mql -X -q p -c "CREATE USER marked PASSWORD 'Marker-5678'; ALTER USER marked PASSWORD 'Marker-9012' REPLACE 'Marker-5678'; CREATE ROLE r; GRANT r TO marked" -c "CREATE USER marked PASSWORD 'Marker-3456'" 2>&1; grep -rc Marker- p | grep -v ':0$'
| ERROR:  user "marked" already exists
? 1

# logging in: by the environment, by a file that nobody else may read
$ printf 'root:root-pw\nbob.b:secret-1\n' > pass; chmod 644 pass; MQLPASSFILE=pass mql -X -w u -c 'SELECT current_user()'
! mql: warning: password file "pass" is not used: others may read it (chmod 0600)
! mql: error: could not open database "u": this database needs a user and a password
! HINT:  mql -U NAME asks for the password; programs call mql_connect_as().
? 2
$ chmod 600 pass; MQLPASSFILE=pass mql -X -w -At u -c 'SELECT current_user()'; MQLPASSFILE=pass mql -X -w -At -U bob.b u -c 'SELECT current_user()'; MQLPASSWORD=wrong-1 mql -X -w -U bob.b u -c 'SELECT 1'
| root
| bob.b
! mql: error: could not open database "u": password authentication failed for user "bob.b"
? 2
