# what is due while all jobs are paused is listed, under the name of today; what has ended takes no orders
$ mql -X -q d -c "CREATE COLLECTION old (id INT64 PRIMARY KEY, n INT32); INSERT INTO old VALUES (1, 1); FLUSH"
$ (echo "PAUSE JOBS; CREATE INDEX i ON old (n) USING INVERTED WITH (build = 'background'); ALTER COLLECTION old RENAME TO young;"; sleep 2; echo "SHOW JOBS; RESUME JOBS;"; sleep 2; echo "SHOW JOBS; CANCEL JOB 1;") | mql -X -q -At d | cut -d '|' -f 1-5
| 1|index build|young|paused|0 %
| 1|index build|young|done|100 %
! NOTICE:  background jobs are paused; RESUME JOBS lets them begin
! ERROR:  job 1 has ended
! LINE 1: CANCEL JOB 1;
!                    ^
# an index that is gone needs no job
$ (echo "DROP INDEX i ON young; PAUSE JOBS; CREATE INDEX i ON young (n) USING INVERTED WITH (build = 'background');"; sleep 2; echo "CANCEL JOB 1; DROP INDEX i ON young;"; sleep 2; echo "SHOW JOBS;") | mql -X -q -At d | cut -d '|' -f 1-5
| 1|index build|young|obsolete|0 %
! NOTICE:  background jobs are paused; RESUME JOBS lets them begin
