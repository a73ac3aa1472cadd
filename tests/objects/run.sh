#!/bin/sh
# run.sh BUILD - what must be found in the machine code of BUILD: prefetches.
# A compiler may throw them away, for nothing depends on them: GCC 12 takes a
# function that only prefetches for one without effect, and may keep no more
# than the first of an unrolled loop. An empty asm statement in the loop is the
# cure. No answer shows that they are gone, only the time does.
#
# Each line of the list names an object, a function and the lines of memory that
# it, with the functions of the same object that it calls, prefetches in a row
# at least. A prefetch in a short loop counts as all of them.
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}/src/index
passed=0 count=0

if ! command -v objdump >/dev/null 2>&1; then
    echo "objects: there is no objdump to read machine code with, nothing was tested"
    echo "objects: 0 of 0 passed"
    exit 0
fi

lines_of() # object function
{
    objdump -d --no-show-raw-insn "$1" | awk -v wanted="$2" '
        function number(text,    i, value) {
            for (i = 1; i <= length(text); i++)
                value = 16 * value + index("0123456789abcdef", substr(text, i, 1)) - 1
            return value
        }
        /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); sub(/\..*/, "", name); next }
        # "  12: prefetcht0 0x40(%rax)", "  16: jne 10 <f+0x10>", Arm: prfm, b.ne
        $2 ~ /^(prefetch|prfm)/ { lines[name]++; places[name] = places[name] " " number(substr($1, 1, length($1) - 1)) }
        $2 ~ /^(j|b$|b\.|cbn?z|tbn?z)/ {
            to = $3
            for (i = 3; i < NF && $(i + 1) !~ /^</; i++) to = $(i + 1)
            from = number(substr($1, 1, length($1) - 1)); to = number(to)
            n = split(places[name], at, " ")
            for (i = 1; i <= n; i++)
                if (to <= at[i] && at[i] < from && from - to < 200) loops[name] = 1
        }
        $2 ~ /^(call|jmp|bl?)$/ && $NF ~ /^</ {
            callee = $NF; gsub(/[<>]/, "", callee); sub(/[+.].*/, "", callee)
            if (callee != name) calls[name] = calls[name] " " callee
        }
        END {
            stack[1] = wanted; depth = 1; seen[wanted] = 1
            while (depth > 0) {
                name = stack[depth--]
                total += lines[name] + 100 * loops[name]
                n = split(calls[name], callees, " ")
                for (i = 1; i <= n; i++)
                    if (!seen[callees[i]]++) stack[++depth] = callees[i]
            }
            print total + 0
        }'
}

while read -r object function least; do
    for file in $build/$object; do
        [ -e "$file" ] || continue
        count=$((count + 1))
        lines=$(lines_of "$file" "$function")
        if [ "$lines" -ge "$least" ]; then
            passed=$((passed + 1))
        else
            echo "FAIL  $function() of $file prefetches $lines lines, not $least"
        fi
    done
done <<END
vector/graph.o graph_walk 8
vector/graph.o graph_walk_masked 4
vector/space.o space_distances 16
vector/exact.o exact_distances 8
vector/hnsw_search.o hnsw_rank 4
vector/small_codes.o small_distances 8
vector/flat_many.o look_eight 8
vector/ivf_collect.o ivf_rank 8
vector/ivf_collect.o ivf_prefetch_list 8
kernels/distance_avx*.o l2_u7_rows 16
kernels/distance_avx*.o dot_i8_rows 16
kernels/distance_avx*.o nibble_rows 17
kernels/distance_neon*.o l2_u7_rows 16
kernels/distance_neon*.o dot_i8_rows 16
kernels/distance_neon*.o nibble_rows 17
kernels/lists_avx512*.o dots_u7 4
END
echo "objects: $passed of $count passed"
[ "$passed" = "$count" ] && [ "$count" -gt 0 ]
