#!/bin/sh
# check-docs.sh [--accept] BUILD [FILE...] - run what the documentation shows and
# compare. Without files: README.md, docs/tutorial.md, docs/reference.md.
#
# A fenced block says what it is, and nothing else may stand behind the fence:
#
#     ```mql          statements and backslash commands, as a person types them;
#                     they must not fail, unless the text below shows an ERROR
#     ```text         right behind one: what the shell prints for it, exactly but
#                     for blanks at the ends of lines and empty lines at the end
#     ```mql new      the same in a new database; the blocks of a file share one
#     ```console      "$ command" lines and what each prints, in the same folder
#     ```syntax       shapes of statements: [optional], a | b
#     ```c, ```sh     shown, not run
#
# All of them run in an empty folder in which "build" is BUILD, "examples" is
# examples/ and shop.db the database. --accept writes what was printed into the
# files: read the difference before you commit it.
accept=no
if [ "${1:-}" = --accept ]; then accept=yes; shift; fi
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$(cd "${1:-$root/build}" && pwd) || exit 1
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- README.md docs/tutorial.md docs/reference.md
[ -x "$build/mql" ] || { echo "check-docs.sh: there is no $build/mql" >&2; exit 1; }

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
unset MQLRC NO_COLOR
LC_ALL=C.UTF-8 HOME=$scratch TMPDIR=$scratch
export LC_ALL HOME TMPDIR

# Cut the blocks of a file out: N.kind, N.line, N.body, and N.text when a text
# stands right behind; "list" names them. Fails at a fence of no known kind.
cut_blocks() # file folder
{
    awk -v folder="$2" -v name="$1" '
        BEGIN {
            split("mql,mql new,text,console,syntax,c,sh", kinds, ",")
            for (i in kinds) known[kinds[i]] = 1
        }
        /^ *```/ && !inside {
            kind = $0
            sub(/^ *```/, "", kind)
            if (!(kind in known)) {
                printf "%s:%d: what is a block \"%s\"?\n", name, FNR, kind
                bad = 1
            }
            inside = 1
            target = ""
            if (kind == "mql" || kind == "mql new" || kind == "console") {
                count++
                target = folder "/" count ".body"
                printf "" >target
                print kind >(folder "/" count ".kind")
                print FNR >(folder "/" count ".line")
                print count >(folder "/list")
                last = count
            } else if (kind == "text" && last) {
                target = folder "/" last ".text"
                printf "" >target
            }
            if (kind !~ /^mql/) last = 0
            next
        }
        /^ *```/ { inside = 0; target = ""; next }
        inside   { if (target != "") print >target; next }
        !/^$/    { last = 0 }
        END      { exit bad }' "$root/$1"
}

# The block as a session: each "$ command" and what it prints.
run_console() # body
{
    while IFS= read -r line; do
        case $line in
        '$ '*) printf '%s\n' "$line"
               sh -c "${line#\$ }" </dev/null 2>&1 ;;
        esac
    done <"$1"
}

# Without blanks at the ends of lines and empty lines at the end.
trim() # file
{
    sed 's/ *$//' "$1" | awk '
        /^$/ { empty++; next }
        { for (; empty > 0; empty--) print ""; print }' >"$1.trimmed"
    mv "$1.trimmed" "$1"
}

# Run block N in the folder; what differs is printed.
run_block() # file folder number
{
    block=$2/$3
    read -r kind <"$block.kind"
    [ "$kind" = "mql new" ] && rm -rf shop.db
    if [ "$kind" = console ]; then
        run_console "$block.body" >"$block.out"
        trim "$block.out"
        cmp -s "$block.body" "$block.out" && return 0
        diff -u "$block.body" "$block.out" | sed 1,2d
        return 1
    fi
    build/mql -X shop.db <"$block.body" >"$block.out" 2>&1
    code=$?
    trim "$block.out"
    expected=0
    if [ -e "$block.text" ]; then
        trim "$block.text"
        grep -q ERROR "$block.text" && expected=3
        # With ON_ERROR_STOP off the session goes on and ends well.
        [ $code = 0 ] && expected=0
        if ! cmp -s "$block.text" "$block.out"; then
            diff -u "$block.text" "$block.out" | sed 1,2d
            return 1
        fi
    fi
    [ $code = $expected ] && return 0
    echo "exit status $code"
    cat "$block.out"
    return 1
}

# Put what was printed where the expected text stands.
accept_file() # file folder
{
    awk -v folder="$2" '
        function put(path,    line) {
            while ((getline line <path) > 0) print line
            close(path)
        }
        /^ *```/ && !inside {
            print
            inside = 1
            skip = 0
            kind = $0
            sub(/^ *```/, "", kind)
            if (kind == "mql" || kind == "mql new" || kind == "console") {
                last = ++count
                if (kind == "console") { put(folder "/" count ".out"); skip = 1 }
            } else if (kind == "text" && last) {
                put(folder "/" last ".out")
                skip = 1
            }
            if (kind !~ /^mql/) last = 0
            next
        }
        /^ *```/ { inside = 0; skip = 0; print; next }
        inside   { if (!skip) print; next }
        !/^$/    { last = 0 }
        { print }' "$root/$1" >"$2/accepted" && cp "$2/accepted" "$root/$1"
}

passed=0 total=0
for file in "$@"; do
    folder=$scratch/blocks
    rm -rf "$scratch"/*
    mkdir "$folder" "$scratch/here"
    ln -s "$build" "$scratch/here/build"
    ln -s "$root/examples" "$scratch/here/examples"
    cd "$scratch/here" || exit 1
    : >"$folder/list"
    if ! cut_blocks "$file" "$folder"; then
        total=$((total + 1))
        continue
    fi
    while read -r number; do
        total=$((total + 1))
        if run_block "$file" "$folder" "$number" >"$scratch/difference"; then
            passed=$((passed + 1))
        elif [ $accept = no ]; then
            read -r line <"$folder/$number.line"
            echo "FAIL $file:$line"
            cat "$scratch/difference"
        fi
    done <"$folder/list"
    [ $accept = yes ] && accept_file "$file" "$folder"
done
echo "docs: $passed of $total passed"
[ $passed = $total ]
