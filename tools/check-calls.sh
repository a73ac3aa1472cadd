#!/bin/sh
# check-calls.sh - calls that the house does not use, and where some may stand.
#
#   nowhere              strcpy strcat sprintf gets atoi strtok rand localtime
#                        alloca system assert(0)
#   not in src, include  printf and its kin to a stream: a library prints nothing
#   tools/allocators.txt the files that may call malloc, calloc, realloc, free:
#                        all other memory comes from an arena or a Buffer
# Comments, strings and members (vfs->free) do not count. Every C file begins
# with its licence.
cd "$(dirname "$0")/.." || exit 1
find src include cli examples tests bench -name '*.[ch]' | LC_ALL=C sort | xargs awk '
    function report(what) {
        printf "%s:%d: error: %s\n", FILENAME, FNR, what
        bad = 1
    }
    # The line without comments and strings.
    function code(line,    out, c, two, i) {
        out = ""
        for (i = 1; i <= length(line); i++) {
            c = substr(line, i, 1); two = substr(line, i, 2)
            if (in_comment) {
                if (two == "*/") { in_comment = 0; i++ }
            } else if (quote != "") {
                if (c == "\\") i++
                else if (c == quote) { quote = ""; out = out c }
            } else if (two == "/*") { in_comment = 1; i++ }
            else if (two == "//") break
            else {
                if (c == "\"" || c == "\047") quote = c
                out = out c
            }
        }
        quote = ""
        return out
    }
    function calls(text, name) {
        return text ~ "(^|[^A-Za-z0-9_.>])" name "[ \t]*\\("
    }
    FILENAME == "tools/allocators.txt" {
        if ($0 !~ /^#/ && NF > 0) allocator[$1] = 1
        next
    }
    FNR == 1 {
        in_comment = 0
        if ($0 !~ /SPDX-License-Identifier: Apache-2.0/) report("no SPDX line on top")
        library = FILENAME ~ /^(src|include)\//
    }
    {
        text = code($0)
        for (i = 1; i <= banned_count; i++)
            if (calls(text, banned[i])) report(banned[i] "() is not used here")
        if (text ~ /(^|[^A-Za-z0-9_])assert[ \t]*\([ \t]*(0|false)[ \t]*\)/) report("assert(0)")
        if (!library) next
        for (i = 1; i <= stream_count; i++)
            if (calls(text, stream[i])) report(stream[i] "() in the library")
        for (i = 1; i <= memory_count; i++)
            if (calls(text, memory[i])) {
                seen[FILENAME] = 1
                if (!(FILENAME in allocator)) report(memory[i] "() in a file that tools/allocators.txt does not list")
            }
    }
    BEGIN {
        banned_count = split("strcpy strcat sprintf vsprintf gets atoi strtok rand localtime alloca system", banned, " ")
        stream_count = split("printf fprintf vprintf vfprintf puts fputs putchar perror", stream, " ")
        memory_count = split("malloc calloc realloc free aligned_alloc posix_memalign strdup", memory, " ")
    }
    END {
        for (name in allocator)
            if (!(name in seen)) { printf "tools/allocators.txt: error: %s calls none\n", name; bad = 1 }
        exit bad
    }
' tools/allocators.txt
