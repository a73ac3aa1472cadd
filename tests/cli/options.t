# the version and the help are there without a database
$ mql --version
| mql 0.1.0
$ mql -V
| mql 0.1.0
$ mql --help | head -4
| mql - a vector database in a directory, spoken to in MilvusQL
| 
| Usage:
|   mql [OPTION]... [DIR]
$ mql '-?' | head -1
| mql - a vector database in a directory, spoken to in MilvusQL

# wrong use
$ mql --bogus
! mql: error: unknown option --bogus
! Try "mql --help" for more information.
? 1
$ mql -y
! mql: error: unknown option -y
! Try "mql --help" for more information.
? 1
$ mql -qy
! mql: error: unknown option -y
! Try "mql --help" for more information.
? 1
$ mql -c
! mql: error: option -c needs an argument
! Try "mql --help" for more information.
? 1
$ mql --file
! mql: error: option --file needs an argument
! Try "mql --help" for more information.
? 1
$ mql --csv=yes
! mql: error: option --csv=yes takes no argument
! Try "mql --help" for more information.
? 1
$ mql a b
! mql: error: one directory is enough, what is "b"?
! Try "mql --help" for more information.
? 1
$ mql -P format=nothing
! mql: error: \pset: format: allowed formats are aligned, unaligned, csv, json, jsonl
! Try "mql --help" for more information.
? 1
$ mql -P nothing=1
! mql: error: \pset: unknown option: nothing
! Try "mql --help" for more information.
? 1
$ mql -v 'a b=1'
! mql: error: invalid variable name: "a b"
! Try "mql --help" for more information.
? 1
$ mql -v ON_ERROR_STOP=maybe
! mql: error: unrecognized value "maybe" for "ON_ERROR_STOP": Boolean expected
! Try "mql --help" for more information.
? 1
$ mql -1
! mql: error: -1 (--single-transaction) needs -c or -f
! Try "mql --help" for more information.
? 1
$ mql -1At one.db -c 'CREATE COLLECTION t (id INT64 PRIMARY KEY)' -c 'INSERT INTO t VALUES (1)'
| CREATE COLLECTION
| INSERT 1
$ mql -1At one.db -c 'INSERT INTO t VALUES (2)' -c 'INSERT INTO t VALUES (1)'
| INSERT 1
! ERROR:  duplicate key value violates primary key of collection "t"
! DETAIL:  Key (id)=(1) already exists.
? 1
$ mql -At one.db -c 'SELECT id FROM t'
| 1

# options in any order, in one word, long and short
$ mql -XAtc 'SELECT 1'
| 1
$ mql -c 'SELECT 1' -X -A -t
| 1
$ mql --no-startup-file --no-align --tuples-only --command='SELECT 1' --command 'SELECT 2'
| 1
| 2
$ mql -X -At db -c 'SELECT 1' -q
| 1

# -c and -f keep their order
$ echo "SELECT 'file';" >f.mql
> mql -XAt -c "SELECT 'first'" -f f.mql -c "SELECT 'last'"
| first
| file
| last

# -f - is standard input
$ echo "SELECT 'stdin'" | mql -XAt -f -
| stdin

# --readonly: nothing is made, nothing is changed
$ mql -X --readonly nothing -c 'SELECT 1'
! mql: error: could not open database "nothing": database "nothing" does not exist
? 2
$ mql -X ro -qc 'CREATE COLLECTION c (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2))'
$ mql -X --readonly ro -At -c 'SELECT count(*) FROM c' -c 'DROP COLLECTION c'
| 0
! ERROR:  cannot execute DROP COLLECTION in a read-only transaction
? 1

# --new and --existing
$ mql -X --existing nothing -c 'SELECT 1'
! mql: error: could not open database "nothing": database "nothing" does not exist
? 2
$ mql -X --new made -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY)'
| CREATE COLLECTION
$ mql -X --existing made -At -c 'SELECT count(*) FROM c'
| 0
$ mql -X --new made -c 'SELECT 1'
! mql: error: could not open database "made": database "made" already exists
? 2

# what cannot be opened
$ touch file; mql -X file -c 'SELECT 1'
! mql: error: could not open database "file": could not read directory "file": Not a directory
? 2
$ mql -X -f nothing.mql
! mql: error: nothing.mql: No such file or directory
? 1
$ mql -X -o no/such/file -c 'SELECT 1'
! mql: error: no/such/file: No such file or directory
? 1

# -o
$ mql -X -At -o out.txt -c "SELECT 'there'" -c "\\echo here" && cat out.txt
| here
| there
$ mql -X -At -o '|sed s/a/b/' -c "SELECT 'a'"
| b

# -d
$ mql -X db -c 'CREATE DATABASE other' -c '\c other' -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY)'
| CREATE DATABASE
| You are now using database "other".
| CREATE COLLECTION
$ mql -X -At -d other db -c 'SELECT count(*) FROM c'
| 0
$ mql -X -d nothing db -c 'SELECT 1'
! ERROR:  database "nothing" does not exist
? 2
$ mql -X -At db -l
| default|0|
| other|1|

# the startup file
$ echo '\pset null nil' >$HOME/.mqlrc; mql -q -c 'SELECT NULL AS n'
|   n  
| -----
|  nil
| (1 row)
| 
$ mql -qX -c 'SELECT NULL AS n'
|   n   
| ------
|  NULL
| (1 row)
| 
$ echo '\pset null mine' >rc; MQLRC=rc mql -q -c 'SELECT NULL AS n'
|   n   
| ------
|  mine
| (1 row)
| 
$ rm $HOME/.mqlrc

# each option has its place in the manual
$ mql --help | sed -n 's/.*  *--\([a-z-]*\).*/\1/p' | while read word; do
>     grep -q "Fl -$word" "$TESTS/../../docs/mql.1" || echo "missing: $word"
> done

# each backslash command too
$ mql -X -c '\?' | sed -n 's/^  \\\([^ ]*\).*/\1/p' | while read word; do
>     grep -qF ".It Ic \\e$word" "$TESTS/../../docs/mql.1" || echo "missing: $word"
> done
