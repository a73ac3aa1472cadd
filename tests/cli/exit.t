# all is well
$ mql -X -c ''
$ mql -X </dev/null
$ echo '\q' | mql -X

# -c stops at its first error with 1, and so does all after it
$ mql -X -At -c 'SELECT 1; SELECT nothing; SELECT 2' -c 'SELECT 3'
| 1
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
? 1
$ mql -X -At -v ON_ERROR_STOP=0 -c 'SELECT nothing' -c 'SELECT 3'
| 3
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing
!                ^
$ mql -X -At -v ON_ERROR_STOP=0 -c 'SELECT 3' -c 'SELECT nothing'
| 3
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing
!                ^
? 1

# a file and a pipe with 3
$ printf 'SELECT 1;\nSELECT nothing;\nSELECT 2;\n' >bad.mql; mql -X -At -f bad.mql
| 1
! mql:bad.mql:2: ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
? 3
$ mql -X -At <bad.mql
| 1
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
? 3
$ mql -X -At -f bad.mql -c 'SELECT 3'
| 1
! mql:bad.mql:2: ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
? 3
$ mql -X -At -v ON_ERROR_STOP=0 -f bad.mql
| 1
| 2
! mql:bad.mql:2: ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
$ mql -X -At -v ON_ERROR_STOP=0 <bad.mql
| 1
| 2
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
$ (echo '\set ON_ERROR_STOP off'; cat bad.mql) | mql -X -At
| 1
| 2
! ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^

# errors of backslash commands count
$ printf '\\foo\nSELECT 1;\n' | mql -X -At
! invalid command \foo. Try \? for help.
? 3
$ printf '\\foo\nSELECT 1;\n' >c.mql; mql -X -At -f c.mql
! mql:c.mql:1: error: invalid command \foo. Try \? for help.
? 3
$ mql -X -c '\foo bar'
! invalid command \foo. Try \? for help.
? 1
$ printf '\\x maybe\nSELECT 1;\n' | mql -X -At
! \pset: expanded: unrecognized value "maybe": on, off or auto expected
? 3

# \i: an error inside stops the script around it
$ mkdir -p sub/deep
> echo '\ir deep/b.mql' >sub/a.mql
> printf "SELECT 'b';\nSELECT nothing;\nSELECT 'not here';\n" >sub/deep/b.mql
> printf "\\\\i sub/a.mql\nSELECT 'nor here';\n" | mql -X -At
| b
! mql:sub/deep/b.mql:2: ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
? 3
$ printf "\\\\i sub/a.mql\nSELECT 'after';\n" | mql -X -At -v ON_ERROR_STOP=0
| b
| not here
| after
! mql:sub/deep/b.mql:2: ERROR:  field "nothing" does not exist
! LINE 1: SELECT nothing;
!                ^
$ printf '\\i nothing.mql\nSELECT 1;\n' | mql -X -At
! nothing.mql: No such file or directory
? 3
$ echo '\i circle.mql' >circle.mql; mql -X -f circle.mql 2>&1 | tail -1
| mql:circle.mql:1: error: circle.mql: files are nested more than 50 deep
$ printf "SELECT 1;\n\\\\q\nSELECT 2;\n" >quit.mql; printf "\\\\i quit.mql\nSELECT 3;\n" | mql -X -At
| 1
| 3

# a database that cannot be opened
$ touch file; mql -X file </dev/null
! mql: error: could not open database "file": could not read directory "file": Not a directory
? 2

# output nobody reads ends quietly, as a signal would
$ mkfifo nobody; : <nobody & exec 3>nobody; wait; mql -X -c 'SELECT 1' >&3; echo $?
| 141
$ mql -X -c 'SELECT 1' >/dev/full
! mql: error: could not write to standard output: No space left on device
? 1

# the last statement of a script needs no semicolon; nothing is nothing
$ printf 'SELECT 1' | mql -X -At
| 1
$ printf '; ;;\n-- only a comment\n/* and one */' | mql -X

# a signal ends it as usual, and a temporary database goes with it
$ mkfifo in
> for signal in TERM HUP; do
>     mql -X <in & pid=$!
>     exec 3>in
>     sleep 0.3
>     kill -$signal $pid
>     wait $pid 2>/dev/null
>     echo $?
>     exec 3>&-
>     ls "$TMPDIR"
> done 2>/dev/null
| 143
| 129
