#!/bin/sh
# check.sh BUILD [T] - run every quick test that is built in BUILD, two at a
# time: the cmocka programs, the fuzz replays, the golden files, the shell's
# tests, what the documentation shows, what machine code must hold and the
# embedding example. T: only those whose name contains it.
#
# A test that fails shows what it printed. The last line is always
# "N passed, N failed": tests of cmocka programs, golden files, cases of the
# shell and blocks of the documentation count each, a replay of a corpus and the
# example as one.
cd "$(dirname "$0")/.." || exit 1

# ---- one job: "kind name"; its output, exit status and seconds go to $results
run_one() # build results kind name
{
    build=$1 results=$2 kind=$3 name=$4
    log="$results/$kind.$name"
    set --
    case $kind in
    unit | property | recall | crash) set -- "$build/tests/$kind/$name" ;;
    fuzz) set -- "$build/fuzz_$name" "tests/fuzz/corpus/$name" ;;
    golden) set -- tools/run-sql.sh $(cat "$results/golden.$name.files") ;;
    simd) set -- env MQL_SIMD="$name" tools/run-sql.sh $(cat "$results/simd.files") ;;
    cli) set -- tests/cli/run.sh "$build" ;;
    docs) set -- tools/check-docs.sh "$build" "$(document "$name")" ;;
    objects) set -- tests/objects/run.sh "$build" ;;
    example) set -- "$build/$name" ;;
    esac
    began=$(date +%s)
    MQL="$build/mql" MQL_BUILD="$build" timeout -k 10 "${MQL_TEST_TIMEOUT:-600}" \
        "$@" >"$log.out" 2>&1 </dev/null
    code=$?
    tally "$kind" "$log.out" $code >"$log.count"
    read -r passed failed <"$log.count"
    seconds=$(($(date +%s) - began))
    word=ok
    [ "$failed" = 0 ] || word=FAIL
    printf '%-5s %-32s %4d passed, %d failed  %d s\n' $word "$kind/$name" "$passed" "$failed" $seconds
    if [ "$failed" != 0 ]; then
        case $code in
        124 | 137) echo "  (stopped: it ran too long)" ;;
        12[89] | 13? | 14?) echo "  (ended by signal $((code - 128)))" ;;
        esac
        # The end holds the summary and the sanitizer's words.
        grep -v '^\[ RUN      \]\|^\[       OK \]' "$log.out" >"$log.short"
        if [ "$(wc -l <"$log.short")" -le 150 ]; then
            cat "$log.short"
        else
            head -n 50 "$log.short"; echo "..."; tail -n 100 "$log.short"
        fi | cut -c 1-300 | sed 's/^/  | /'
    fi
}

# The page that is called so.
document() # name
{
    case $1 in
    readme) echo README.md ;;
    *) echo "docs/$1.md" ;;
    esac
}

# "passed failed" of one job. A program that ends badly failed at least once,
# and one that ran nothing failed too.
tally() # kind output code
{
    case $1 in
    unit | property | recall | crash)
        awk -v code="$3" '
            /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
            /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
            /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
            END {
                if (code != 0 && failed == 0) failed = 1
                if (passed + failed + skipped == 0) failed = 1
                print passed + 0, failed + 0
            }' "$2" ;;
    golden | simd | cli | docs | objects)
        # Their last line: "golden: 7 of 8 passed"
        awk -v code="$3" '
            /[0-9]+ of [0-9]+ passed/ {
                for (i = 1; i < NF; i++)
                    if ($(i + 1) == "of") { passed = $i; failed = $(i + 2) - $i; known = 1 }
            }
            END {
                if (!known) { passed = 0; failed = 1 }
                if (code != 0 && failed == 0) failed = 1
                print passed, failed
            }' "$2" ;;
    *) if [ "$3" = 0 ]; then echo 1 0; else echo 0 1; fi ;;
    esac
}

if [ "${1:-}" = --one ]; then
    shift
    run_one "$@"
    exit 0
fi

build=${1:-build}
wanted=${2:-}
results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM

names() # pattern: base names without ending
{
    for file in $1; do
        [ -e "$file" ] && basename "$file" .c
    done
}
# Slow kinds first, so that nothing long is left for the end.
for kind in crash recall property unit; do
    for name in $(names "tests/$kind/test_*$wanted*.c"); do
        echo "$kind $name"
    done
done >"$results/jobs"
for name in $(names "tests/fuzz/fuzz_*$wanted*.c"); do
    [ -d "tests/fuzz/corpus/${name#fuzz_}" ] && echo "fuzz ${name#fuzz_}"
done >>"$results/jobs"
# The golden files in two halves, so that both processors have some.
find tests/sql -name '*.mql' 2>/dev/null | LC_ALL=C sort | sed 's|^tests/sql/||; s|\.mql$||' |
    grep -e "$wanted" >"$results/golden"
awk -v base="$results/golden." '{ print >(base (NR % 2 ? "odd" : "even") ".files") }' "$results/golden"
for half in odd even; do
    [ -s "$results/golden.$half.files" ] && echo "golden $half" >>"$results/jobs"
done
# Those that compare vectors once more as on lesser processors: the same answers.
grep -e '^search/' -e '^vectors/' "$results/golden" >"$results/simd.files"
for simd in scalar avx2; do
    [ -s "$results/simd.files" ] && echo "simd $simd" >>"$results/jobs"
done
case cli in *"$wanted"*) [ -x tests/cli/run.sh ] && echo "cli run" >>"$results/jobs" ;; esac
for name in readme tutorial reference; do
    case docs/$name in *"$wanted"*) [ -f "$(document $name)" ] && echo "docs $name" >>"$results/jobs" ;; esac
done
case prefetches in *"$wanted"*) echo "objects prefetches" >>"$results/jobs" ;; esac
case embed in *"$wanted"*) [ -f examples/embed.c ] && echo "example embed" >>"$results/jobs" ;; esac

xargs -r -P 2 -L 1 "$0" --one "$build" "$results" <"$results/jobs"

# Each job left its count; one that did not was lost, which is a failure.
passed=0 failed=0
while read -r kind name; do
    if read -r p f <"$results/$kind.$name.count" 2>/dev/null; then
        passed=$((passed + p)) failed=$((failed + f))
    else
        echo "FAIL  $kind/$name was not run to its end"
        failed=$((failed + 1))
    fi
done <"$results/jobs"
if [ ! -s "$results/jobs" ]; then
    echo "no test has a name with \"$wanted\" in it"
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
