# a backup, its check, and a database from it
$ mql -X -q d -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2)); INSERT INTO c VALUES (1, [1, 2]); FLUSH; INSERT INTO c VALUES (2, [3, 4])'
$ mql -X d -c "BACKUP DATABASE TO 'b'" -c "VERIFY BACKUP 'b'"
| BACKUP DATABASE
| VERIFY BACKUP
$ mql -X -q d -c 'DELETE FROM c'
$ mql restore b r
$ mql -X -At r -c 'SELECT * FROM c ORDER BY id'
| 1|[1,2]
| 2|[3,4]

# a backup is no database, and nothing is restored over another
$ mql -X b -c 'SELECT 1'
! mql: error: could not open database "b": "b" is a backup, not a database
! HINT:  Restore it: mql restore b DIRECTORY
? 2
$ mkdir full; touch full/x; mql restore b full
! mql: error: directory "full" is not empty
! DETAIL:  It has a file "x".
? 1
$ mql restore d x
! mql: error: "d" is not a backup
! DETAIL:  There is no file "d/MANIFEST".
! HINT:  A backup that was interrupted has none.
? 1

# a flipped byte
$ printf x | dd of=b/meta.backup bs=1 seek=100 conv=notrunc 2>/dev/null; mql -X d -c "VERIFY BACKUP 'b'"; mql restore b r2; test -e r2
! ERROR:  file "b/meta.backup" is not what was backed up
! DETAIL:  File "b/meta.backup".
! mql: error: file "b/meta.backup" is not what was backed up
! DETAIL:  File "b/meta.backup".
? 1

# a damaged database is not backed up
$ printf Uf | dd of=$(ls d/segments/*.seg | head -n 1) bs=1 seek=4200 conv=notrunc 2>/dev/null; mql -X d -c "BACKUP DATABASE TO 'b2'"; test -e b2
! ERROR:  damaged block 1
! DETAIL:  File "d/segments/5.seg", offset 4160.
? 1
