# outside quotes only
$ mql -X -At -v n=5 -v "s=it's" -v 'i=we"ird' <<'E'
> SELECT :n, :'s', 1 AS :"i", ':n', ":'n'" /* :n */ -- :n
> ;
> SELECT $$:n$$, $a$ $$ :n $a$, 7::INT64, ':',
>   ':n', E'\':n';
> E
| 5|it's|1|:n|:'n'
| :n| $$ :n |7|:|:n|':n

# names that are set or not
$ mql -X -At -v a=1 -c 'SELECT :{?a}, :{?b}'
| t|f
$ mql -X -At -c '\set a 1' -c '\echo :a :b :'"'a'"' :"a" :aa'
| 1 :b '1' "1" :aa
$ mql -X -At -v a=1 -v a -c '\echo :a'
| :a

# \set puts its words together; values may hold variables
$ printf "\\\\set a x 'y z' w\n\\\\set b :a :a\n\\\\echo :b\n\\\\unset a\n\\\\echo :a\n\\\\set\n" | mql -X | grep -v VERSION
| xy zwxy zw
| :a
| DBNAME = 'default'
| ON_ERROR_STOP = 'on'
| PROMPT1 = '%/%R%x> '
| PROMPT2 = '%/%R> '
| USER = 'root'
| b = 'xy zwxy zw'

# a part of a statement
$ mql -X -At -v 'list=1, 2' -v op='+' -c 'SELECT 2 IN (:list), 1 :op 2'
| t|3
$ mql -X -At -v 'tail=1; SELECT 2;' -c 'SELECT :tail'
| 1
| 2

$ mql -X -At -v "open='a" -c "SELECT :open', :open;'"
| a|a;
$ mql -X -c '\copy t FROM STDIN; DROP COLLECTION t'
! ERROR:  only one statement is expected here
! LINE 1: COPY t FROM STDIN; DROP COLLECTION t
!                            ^
? 1

# strings that want out
$ mql -X -At -v "s='; SELECT 2; --" -c "SELECT :'s'"
| '; SELECT 2; --
$ mql -X -A -v 'i=a"b\c' -c 'SELECT 1 AS :"i"'
| a"b\c
| 1
| (1 row)

# special ones
$ mql -X -c '\set ECHO loud'
! unrecognized value "loud" for "ECHO": available values are none errors queries all
? 1
$ mql -X -c '\set 1+1 2'
! invalid variable name: "1+1"
? 1
$ mql -X -c '\unset'
! \unset: missing required argument
? 1
$ printf '\\set ECHO queries\nSELECT 1;\n\\set QUIET\n\\t\n\\set QUIET off\n\\t\n' | mql -X -A
| SELECT 1;
| ?column?
| 1
| (1 row)
| Tuples only is off.
$ mql -X -c '\echo :VERSION :DBNAME :ON_ERROR_STOP'
| 0.1.0 default on

# "::" is a cast and a slice is none of ours
$ mql -X -At -v INT64=no -c "SELECT '5'::INT64 + 1"
| 6
