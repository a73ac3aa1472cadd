# a database whose files are no files: nothing waits, nothing is followed
$ mql -X -q d -c 'SET GLOBAL background_jobs = off; CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32, v FLOAT_VECTOR(2)); CREATE INDEX ON c (n) USING INVERTED; INSERT INTO c VALUES (1, 1, [1, 2]), (2, 2, [3, 4]); FLUSH; INSERT INTO c VALUES (3, 3, [1, 2]); DELETE FROM c WHERE id = 1; FLUSH'
$ cat > try <<'END'
> # MAKE OPTION: each file in turn is something else
> for f in LOCK meta.mdb $(cd d && ls wal/*.log segments/*); do
>     cp -r d k; mv k/$f moved
>     case $1 in fifo) mkfifo k/$f;; link) ln -s "$PWD/moved" k/$f;; esac
>     timeout 60 mql -X -At $2 k -c 'SELECT id, n FROM c ORDER BY id' > out 2>&1
>     code=$?
>     if grep -q 'is not a regular file' out; then code="$code no file"; fi
>     if [ "$(grep '|' out | tr '\n' ' ')" = '2|2 3|3 ' ]; then code="$code answered"; fi
>     echo "$f" | sed 's,[0-9]\{20\},N,; s,.*/.*\.,*.,; s,$,: '"$code,"
>     rm -r k moved
> done | sort | uniq
> END
$ sh try fifo
| *.del: 1 no file
| *.idx: 0 no file answered
| *.log: 2 no file
| *.seg: 1 no file
| LOCK: 2 no file
| meta.mdb: 2 no file
$ sh try fifo --readonly
| *.del: 1 no file
| *.idx: 0 no file answered
| *.log: 2 no file
| *.seg: 1 no file
| LOCK: 2 no file
| meta.mdb: 2 no file
$ sh try link
| *.del: 1 no file
| *.idx: 0 no file answered
| *.log: 2 no file
| *.seg: 1 no file
| LOCK: 2 no file
| meta.mdb: 2 no file
$ sh try link --readonly
| *.del: 1 no file
| *.idx: 0 no file answered
| *.log: 2 no file
| *.seg: 1 no file
| LOCK: 2 no file
| meta.mdb: 2 no file
# the database's directory may be a link
$ ln -s d l; mql -X -At l -c 'SELECT count(*) FROM c'
| 2

# a damaged index costs time, and a notice
$ (echo 'CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32, v FLOAT_VECTOR(2)); CREATE INDEX ON c (n) USING INVERTED;'; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo "INSERT INTO c VALUES ($i, $((i % 100)), [1, 2]);"; done) > fill.mql; mql -X -q -1 e -f fill.mql; mql -X -q e -c FLUSH
$ printf Uf | dd of=$(ls e/segments/*.idx) bs=1 seek=4200 conv=notrunc 2>/dev/null; mql -X -At --readonly e -c 'SELECT id FROM c WHERE n = 2'
| 2
| 102
| 202
! NOTICE:  a damaged index is not used, its rows are scanned: damaged block 0. File "e/segments/5-4.idx", offset 4096.
