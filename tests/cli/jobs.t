# each waits until it sees what it waits for, however slow the machine is
# what is due while all jobs are paused is listed, under the name of today; what has ended takes no orders
$ mql -X -q d -c "CREATE COLLECTION old (id INT64 PRIMARY KEY, n INT32); INSERT INTO old VALUES (1, 1); FLUSH"
$ see() { until grep -q "$1" out; do echo "SHOW JOBS;"; sleep 0.05; done; }; : >out
> (echo "PAUSE JOBS; CREATE INDEX i ON old (n) USING INVERTED WITH (build = 'background'); ALTER COLLECTION old RENAME TO young;"; see paused; echo "RESUME JOBS;"; see done; echo "CANCEL JOB 1;") | mql -X -q -At d >out 2>err
> uniq err >&2
> cut -d '|' -f 1-5 out | grep -E 'paused|done' | uniq
| 1|index build|young|paused|0 %
| 1|index build|young|done|100 %
! NOTICE:  background jobs are paused; RESUME JOBS lets them begin
! ERROR:  job 1 has ended
! LINE 1: CANCEL JOB 1;
!                    ^
# an index that is gone needs no job
$ see() { until grep -q "$1" out; do echo "SHOW JOBS;"; sleep 0.05; done; }; : >out
> (echo "DROP INDEX i ON young; PAUSE JOBS; CREATE INDEX i ON young (n) USING INVERTED WITH (build = 'background');"; see paused; echo "CANCEL JOB 1; DROP INDEX i ON young;"; see obsolete) | mql -X -q -At d >out 2>err
> uniq err >&2
> cut -d '|' -f 1-5 out | tail -1
| 1|index build|young|obsolete|0 %
! NOTICE:  background jobs are paused; RESUME JOBS lets them begin
