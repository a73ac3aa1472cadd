#!/bin/sh
# demo.sh MQL - run demo.mql with the shell MQL on a new database beside it, as
# a person at the keyboard would, and say how to go on.
set -eu
case ${1:-} in
'') echo "usage: $0 path/to/mql" >&2; exit 1 ;;
/*) mql=$1 ;;
*) mql=$PWD/$1 ;;
esac
cd "$(dirname "$0")/../.."
root=$PWD
# Names that can be typed again: from here if that is possible.
shown=${mql#"$root"/}
database=$(dirname "$shown")/fashion.db

# The one of an earlier run; nothing else has this name in a build folder.
rm -rf "$database"
"$mql" -X -a -f examples/fashion/demo.mql "$database"

cat <<END

That was the main job. The database is the folder $database; go on with

    $shown $database

and type, for example,

    SEARCH items FOR KEY 7 WHERE price < 10000 LIMIT 3 RETURNING category, price;
    \\d items
    \\?

docs/ has a tutorial of ten minutes; examples/fashion/demo.mql is what ran here.
END
