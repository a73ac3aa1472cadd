#!/bin/sh
# run.sh [--accept] MQL [NAME...] - the shell's tests: what is typed, what comes
# back. MQL is the program or the folder it was built in.
#
# A file NAME.t holds cases, an empty line between:
#
#     # what it is for
#     $ mql -At -c 'SELECT 1'        the command; "> " begins more lines of it
#     | 1                            a line of its standard output
#     ! a line of its standard error
#     ? 3                            its exit status, when it is not 0
#
# The cases of a file share a folder that is empty at first, and a HOME. The
# last line printed is "N passed, N failed". --accept writes what came back
# into the files: read the difference before you commit it.
accept=no
if [ "${1:-}" = --accept ]; then accept=yes; shift; fi
here=$(cd "$(dirname "$0")" && pwd) || exit 1
mql=${1:-$here/../../build/mql}
[ $# -gt 0 ] && shift
[ -d "$mql" ] && mql=$mql/mql
mql=$(cd "$(dirname "$mql")" && pwd)/$(basename "$mql")
[ -x "$mql" ] || { echo "run.sh: there is no program $mql" >&2; exit 1; }

# Memory, where it can be had: that a disk is slow is not what is tested.
scratch=$(mktemp -d -p /dev/shm mql-cli-XXXXXX 2>/dev/null) ||
    scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/bin" "$scratch/tmp"
ln -s "$mql" "$scratch/bin/mql"
# What the person who runs this has set must not matter.
unset MQLRC XDG_CONFIG_HOME EDITOR VISUAL MQL_EDITOR NO_COLOR SHELL
PATH=$scratch/bin:$PATH TMPDIR=$scratch/tmp LC_ALL=C.UTF-8 TERM=xterm
TESTS=$here
export PATH TMPDIR LC_ALL TERM TESTS

# Split a file into N.head N.cmd N.out N.err N.code.
split() # file folder
{
    awk -v folder="$2" '
        function path(ending) { return folder "/" count "." ending }
        function begin() {
            count++
            printf "" >path("cmd"); printf "" >path("out"); printf "" >path("err")
            code[count] = 0
            printf "%s", head >path("head")
            head = ""
        }
        /^\$ /        { begin(); print substr($0, 3) >path("cmd"); next }
        /^> ?/ && count { print substr($0, 3) >path("cmd"); next }
        /^\|/         { print substr($0, 3) >path("out"); next }
        /^!/          { print substr($0, 3) >path("err"); next }
        /^\? /        { code[count] = substr($0, 3); next }
        /^#/ || /^$/  { head = head $0 "\n"; next }
        { printf "%s:%d: what is this line?\n", FILENAME, FNR >"/dev/stderr"; bad = 1 }
        END {
            for (i = 1; i <= count; i++)
                print code[i] >(folder "/" i ".code")
            print count + 0 >(folder "/count")
            exit bad
        }
    ' "$1"
}

write_case() # folder number: as it came back
{
    cat "$1/$2.head"
    sed '1s/^/$ /; 2,$s/^/> /' "$1/$2.cmd"
    sed 's/^/| /' "$1/got.out"
    sed 's/^/! /' "$1/got.err"
    [ "$(cat "$1/got.code")" = 0 ] || sed 's/^/? /' "$1/got.code"
}

passed=0 failed=0
run_file() # file
{
    name=$(basename "$1" .t)
    folder=$scratch/$name
    mkdir "$folder" "$folder/work" "$folder/home"
    HOME=$folder/home
    export HOME
    split "$1" "$folder" || failed=$((failed + 1))
    count=$(cat "$folder/count")
    [ "$count" -gt 0 ] || failed=$((failed + 1))
    number=0
    while [ $number -lt "$count" ]; do
        number=$((number + 1))
        (cd "$folder/work" && timeout 60 sh "$folder/$number.cmd" </dev/null) \
            >"$folder/got.out" 2>"$folder/got.err"
        echo $? >"$folder/got.code"
        if [ $accept = yes ]; then
            write_case "$folder" $number >>"$folder/accepted"
            passed=$((passed + 1))
            continue
        fi
        if cmp -s "$folder/got.out" "$folder/$number.out" &&
            cmp -s "$folder/got.err" "$folder/$number.err" &&
            cmp -s "$folder/got.code" "$folder/$number.code"; then
            passed=$((passed + 1))
            continue
        fi
        failed=$((failed + 1))
        echo "FAIL $name, case $number:"
        sed 's/^/  $ /' "$folder/$number.cmd"
        for part in out err code; do
            diff -u --label "expected $part" --label "got $part" \
                "$folder/$number.$part" "$folder/got.$part" | sed 's/^/  /'
        done
    done
    if [ $accept = yes ]; then
        cp "$folder/accepted" "$1"
    fi
}

# What needs a terminal is typed by a program, where Python is there to do it.
run_terminal()
{
    if ! command -v python3 >/dev/null 2>&1; then
        echo "terminal: not run, there is no python3"
        return
    fi
    python3 "$here/terminal.py" "$mql" >"$scratch/terminal"
    grep FAIL "$scratch/terminal"
    read -r ok bad <<END
$(tail -1 "$scratch/terminal")
END
    passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-1}))
}

if [ $# -eq 0 ]; then
    for file in "$here"/*.t; do
        run_file "$file"
    done
    [ $accept = yes ] || run_terminal
else
    for name in "$@"; do
        run_file "$here/${name%.t}.t"
    done
fi
echo "cli: $passed of $((passed + failed)) passed"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
