#!/bin/sh
# neon-check.sh BUILD - the kernels for 64-bit Arm on another machine: their
# tests are cross-compiled with nothing but the kernels and the C library, and
# run by qemu, on a processor without sums of four products and on one with.
# CC_ARM: the compiler; QEMU: the emulator.
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}/neon
: "${CC_ARM:=aarch64-linux-gnu-gcc}" "${QEMU:=qemu-aarch64}"
command -v "$CC_ARM" >/dev/null 2>&1 && command -v "$QEMU" >/dev/null 2>&1 ||
    tools/install-deps gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user || exit 1
mkdir -p "$build" || exit 1

objects=
compile() # flags... source
{
    for source; do :; done
    object=$build/$(basename "$source" .c).o
    "$CC_ARM" -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -O3 -g -Wall -Wextra -Wshadow -Wundef -Wvla \
        -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Werror -c -o "$object" "$@" || exit 1
    objects="$objects $object"
}
for source in src/base/element.c src/index/kernels/*.c; do
    case $source in
    *_avx*) ;;
    *_neondot.c) compile -march=armv8.2-a+dotprod "$source" ;;
    *) compile "$source" ;;
    esac
done
kernels=$objects
failed=0
for test in test_kernels test_elements test_lists; do
    objects=$kernels
    compile -Itests/neon -Itests "tests/unit/$test.c"
    "$CC_ARM" -static -o "$build/$test" $objects -lm || exit 1
    for processor in cortex-a53 max; do
        echo "== $test on $processor"
        "$QEMU" -cpu $processor "$build/$test" || failed=1
    done
done
exit $failed
