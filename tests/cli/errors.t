# the place, with a caret
$ mql -X -c 'SELECT 1 +'
! ERROR:  syntax error at end of input
! LINE 1: SELECT 1 +
!                   ^
? 1
$ printf 'SELECT 1,\n  2,\n  nothing;\n' | mql -X
! ERROR:  field "nothing" does not exist
! LINE 3:   nothing;
!           ^
? 3

# the statement's lines are counted, not the file's; messages name the file's
$ printf -- '-- a comment\n\nSELECT 1;\n\n/* more */ SELECT\n  nothing;\n' >a.mql; mql -X -At -f a.mql
| 1
! mql:a.mql:6: ERROR:  field "nothing" does not exist
! LINE 2:   nothing;
!           ^
? 3
$ mql -X -At -f - <a.mql
| 1
! mql:<stdin>:6: ERROR:  field "nothing" does not exist
! LINE 2:   nothing;
!           ^
? 3

# a long line is cut around the place
$ mql -X -c "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', nothing, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'"
! ERROR:  field "nothing" does not exist
! LINE 1: ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', nothing, '...
!                                                              ^
? 1
$ mql -X -c "SELECT nothing, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'"
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
!                ^
? 1

# wide characters, combining ones and tabs
$ mql -X -c "SELECT '漢字', nothing"
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT '漢字', nothing
!                        ^
? 1
$ mql -X -c "SELECT 'é', nothing"
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT 'é', nothing
!                     ^
? 1
$ mql -X -c "SELECT '漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字', nothing, '漢字漢字漢字漢字漢字漢字'"
! ERROR:  field "nothing" does not exist
! LINE 1: ...字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字', nothing, '...
!                                                             ^
? 1
$ printf "SELECT\t1,\tnothing" | mql -X
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT 1, nothing
!                   ^
? 3

# detail and hint
$ mql -X -c 'CREATE COLLECTION items (id INT64 PRIMARY KEY, title VARCHAR(9))' -c "INSERT INTO items VALUES (1, 'a'), (1, 'b')"
| CREATE COLLECTION
! ERROR:  duplicate key value violates primary key of collection "items"
! DETAIL:  Key (id)=(1) already exists.
? 1
$ mql -X -c 'CREATE COLLECTION items (id INT64 PRIMARY KEY, title VARCHAR(9))' -c 'SELECT titel FROM items'
| CREATE COLLECTION
! ERROR:  field "titel" does not exist
! LINE 1: SELECT titel FROM items
!                ^
! HINT:  Did you mean "title"?
? 1

# a statement that is not whole
$ printf "SELECT 'abc\n" | mql -X
! ERROR:  unterminated quoted string at or near "'abc"
! LINE 1: SELECT 'abc
!                ^
? 3
$ printf 'SELECT (1;\nSELECT 2;\n' | mql -X
! ERROR:  syntax error at or near ";"
! LINE 1: SELECT (1;
!                  ^
? 3
$ printf '/* never closed\nSELECT 1;\n' | mql -X
! ERROR:  unterminated /* comment at or near "/* never closed
! SELECT 1;"
! LINE 1: /* never closed
!         ^
? 3

# how much is said
$ mql -X -v VERBOSITY=verbose -c 'SELECT nothing'
! ERROR:  42703: field "nothing" does not exist
! LINE 1: SELECT nothing
!                ^
? 1
$ mql -X -v VERBOSITY=terse -c 'SELECT nothing'
! ERROR:  field "nothing" does not exist at character 8
? 1
$ mql -X -v VERBOSITY=sqlstate -c 'SELECT nothing'
! ERROR:  42703
? 1
$ printf 'SELECT nothing;\n\\errverbose\n' | mql -X -v ON_ERROR_STOP=0
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
! ERROR:  42703: field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
$ mql -X -c '\errverbose'
! There is no previous error.
$ mql -X -b -c 'SELECT nothing'
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing
!                ^
! STATEMENT:  SELECT nothing
? 1

# notices go to standard error
$ mql -X -c 'DROP COLLECTION IF EXISTS nothing'
| DROP COLLECTION
! NOTICE:  collection "nothing" does not exist, skipping

# a parameter has no value in the shell
$ mql -X -c 'SELECT $1'
! ERROR:  there is no value for parameter $1
! HINT:  Variables are set by \set NAME VALUE or -v NAME=VALUE and used as :NAME, :'NAME' or :"NAME".
? 1
$ mql -X -c 'SELECT :nothing'
! ERROR:  there is no value for parameter $1
! HINT:  Variables are set by \set NAME VALUE or -v NAME=VALUE and used as :NAME, :'NAME' or :"NAME".
? 1

# what went wrong is in variables
$ printf "SELECT nothing;\n\\\\echo :ERROR :SQLSTATE :LAST_ERROR_SQLSTATE\nSELECT 1 UNION;\nSELECT 1;\n\\\\echo :ERROR :SQLSTATE :ROW_COUNT\n" | mql -X -At -v ON_ERROR_STOP=0 2>/dev/null
| true 42703 42703
| 1
| false 00000 1
$ mql -X -c '\d nothing'
! ERROR:  collection "nothing" does not exist
? 1

# few addresses are enough, where a limit is set (a sanitizer's program cannot run there at all)
$ mql -X -q few -c 'CREATE COLLECTION c (id INT64 PRIMARY KEY)'; (ulimit -v 200000; mql --version > few.out 2>&1 || exit 0; mql -X -q few -c 'INSERT INTO c VALUES (1)'); echo $?
| 0
