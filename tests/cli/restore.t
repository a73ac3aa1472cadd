# RESTORE DATABASE: the databases of a backup into one that is open
$ mql -X -q d -c "CREATE COLLECTION c (id INT64 PRIMARY KEY AUTO_ID, s VARCHAR(9), v FLOAT_VECTOR(2)) WITH (enable_dynamic_field = true); INSERT INTO c (s, v) VALUES ('a', [1, 0]), ('b', [0, 1]), ('c', [1, 1]); CREATE INDEX cv ON c (v) USING HNSW WITH (metric_type = 'L2'); FLUSH; DELETE FROM c WHERE s = 'c'; CREATE PARTITION p ON c; INSERT INTO c PARTITION p (s, v, w) VALUES ('d', [2, 2], 5); DELETE FROM c WHERE s = 'd'; ALTER COLLECTION c ADD FIELD k INT64 DEFAULT 7"
$ mql -X -q d -c "CREATE DATABASE shop; USE shop; CREATE COLLECTION e (id VARCHAR(9) PRIMARY KEY, t INT64 PARTITION KEY) WITH (num_partitions = 3); INSERT INTO e VALUES ('x', 1), ('y', 2), ('z', 3); CREATE COLLECTION gone (id INT64 PRIMARY KEY); RELEASE COLLECTION gone; SET GLOBAL retention = '1h'; BACKUP DATABASE TO 'b'"
$ mql -X r -c "RESTORE DATABASE FROM 'b'" -c "CHECK DATABASE" -c "VERIFY BACKUP 'b'"
| RESTORE DATABASE
|  object | file | offset | problem 
| --------+------+--------+---------
| (0 rows)
| 
| VERIFY BACKUP
$ mql dump d -o d.mql; mql dump r -o r.mql; cmp d.mql r.mql

# generated keys go on behind those that are gone
$ mql -X -At r -c "SHOW retention" -c "INSERT INTO c (s) VALUES (NULL)" -c "SELECT id, s, k FROM c"
| 1h
! ERROR:  null value in field "v" of collection "c" violates not-null constraint
! DETAIL:  Row 1.
? 1
$ mql -X -At r -c "INSERT INTO c (s, v) VALUES ('n', [3, 3]) RETURNING id" -c "SELECT id, s, k FROM c ORDER BY id" -c "EXPLAIN SEARCH c FOR [1, 0] LIMIT 1"
| 5
| INSERT 1
| 1|a|7
| 2|b|7
| 5|n|7
| Project
|   Output: id, distance
|   ->  Search on c using cv (HNSW, L2)

# beside what is there, within a transaction, all or nothing
$ mql -X -q o -c "SET GLOBAL retention = '2h'; CREATE DATABASE mine; USE mine; CREATE COLLECTION c (id INT64 PRIMARY KEY); INSERT INTO c VALUES (1)"
$ mql -X -At o -c "BEGIN; RESTORE DATABASE FROM 'b'; SELECT count(*) FROM c; ROLLBACK" -c "SHOW DATABASES"
| BEGIN
| RESTORE DATABASE
| 2
| ROLLBACK
| default|0|
| mine|1|
$ mql -X -At o -c "BEGIN; RESTORE DATABASE FROM 'b'; SAVEPOINT s; DROP COLLECTION c; ROLLBACK TO s; COMMIT" -c "SHOW DATABASES" -c "SELECT id FROM c ORDER BY id" -c "SHOW retention"
| BEGIN
| RESTORE DATABASE
| SAVEPOINT
| DROP COLLECTION
| ROLLBACK
| COMMIT
| default|1|
| mine|1|
| shop|2|
| 1
| 2
| 2h
$ mql -X o -c "RESTORE DATABASE FROM 'b'"
! ERROR:  database "default" already has collections
! HINT:  RESTORE DATABASE brings all databases of a backup; into a new directory: mql restore BACKUP DIR
? 1
$ mql -X o -c "DROP COLLECTION c" -c "RESTORE DATABASE FROM 'b'"
| DROP COLLECTION
! ERROR:  database "shop" already exists
! HINT:  RESTORE DATABASE brings all databases of a backup; into a new directory: mql restore BACKUP DIR
? 1
$ mql -X o -c "DROP DATABASE shop CASCADE" -c "BEGIN; CREATE DATABASE shop" -c "RESTORE DATABASE FROM 'b'"
| DROP DATABASE
| BEGIN
| CREATE DATABASE
! ERROR:  database "shop" already exists
! HINT:  RESTORE DATABASE brings all databases of a backup; into a new directory: mql restore BACKUP DIR
? 1
$ mql -X o --readonly -c "RESTORE DATABASE FROM 'b'"
! ERROR:  cannot execute RESTORE DATABASE in a read-only transaction
? 1
$ mql -X -At o -c "SHOW DATABASES"
| default|0|
| mine|1|

# users, roles and grants come beside those that are here; new roles bring all of theirs, the others what is on new objects
$ mql -X -q ga -c "CREATE DATABASE shop; USE shop; CREATE COLLECTION c (id INT64 PRIMARY KEY); CREATE USER ada PASSWORD 'secret-1'; CREATE USER bob PASSWORD NULL; CREATE ROLE reader; CREATE ROLE writer; CREATE PRIVILEGE GROUP g; ALTER PRIVILEGE GROUP g ADD (Flush); GRANT reader, writer TO ada; GRANT writer TO bob; GRANT Query ON c TO reader; GRANT g ON c TO writer; GRANT Insert ON DATABASE shop TO writer; GRANT ManageOwnership ON CLUSTER TO reader, writer; GRANT Search ON c TO public; BACKUP DATABASE TO 'gb'"
$ mql -X -q gn -c "CREATE COLLECTION c (id INT64 PRIMARY KEY); CREATE ROLE reader; CREATE USER bob PASSWORD NULL; GRANT Delete ON c TO reader" -c "RESTORE DATABASE FROM 'gb'"; mql -X -At gn -c 'SHOW USERS; SHOW GRANTS; SHOW ROLES'; mql -X -At -w -U ada gn -c 'SHOW COLLECTIONS' -c 'USE shop' -c 'SHOW COLLECTIONS'; mql -X -q gn -c 'CHECK DATABASE'
| ada|reader, writer|f|t
| bob||f|f
| root|admin|t|f
| admin|All|cluster||
| public|Search|collection|shop|c
| reader|Delete|collection|default|c
| reader|Query|collection|shop|c
| writer|ManageOwnership|cluster||
| writer|Insert|database|shop|
| writer|g|collection|shop|c
| admin|root|t
| public|everybody|t
| reader|ada|f
| writer|ada|f
| c||t|
| USE
| c|0|t|
|  object | file | offset | problem 
| --------+------+--------+---------
| (0 rows)
| 
$ mql -X -q gx -c "CREATE PRIVILEGE GROUP g" -c "RESTORE DATABASE FROM 'gb'"; mql -X -At gx -c 'SHOW DATABASES; SHOW USERS'
| default|0|
| root|admin|t|f
! ERROR:  privilege group "g" is here with other privileges

# damage
$ printf x | dd of=b/meta.backup bs=1 seek=100 conv=notrunc 2>/dev/null; mql -X -At n -c "RESTORE DATABASE FROM 'b'"; mql -X -At n -c "SHOW DATABASES"; ls n/tmp n/segments
| default|0|
| n/segments:
| 
| n/tmp:
! ERROR:  file "b/meta.backup" is not what was backed up
! DETAIL:  File "b/meta.backup".
