# make              the library and the shell: build/mql, build/libmql.a, build/libmql.so
# make demo         the main job on real data, from nothing
# make check        every quick test; T=name: only those whose name contains it
# make crash-long   hours of power losses, faults and damage; T=name
# make filters-long 100,000 conditions against a model; SEED=n
# make neon-check   the kernels for 64-bit Arm, cross-compiled and run by qemu
# make tidy         format, floors, headers, lengths, exported names, banned calls
# make bench-deps   Python environments with mql's peers, for make bench
# make bench        mql and its peers on real data (bench/README.md)
# make bench-conditions  SELECT ... WHERE beside DuckDB
# make bench-filters  recall and speed of filtered searches on real data
# make bench-named-filters  the filters of the real sets, mql beside its peers
# make check-milvus  filters: the same keys as a real Milvus server (tests/milvus)
# make fuzz         T=parse: fuzz with clang's libFuzzer for SECONDS
# make install      PREFIX=/usr/local DESTDIR=; make uninstall takes it away again
# make clean        remove build/
# Variables: V=1 (show commands), CC, CFLAGS, BUILD=dir, SAN=address,undefined, T=, PREFIX, DESTDIR,
#            BENCH=dir (of the environments), BENCH_ARGS='--sets nsmc --engines mql,hnswlib'
VERSION := 0.1.0
SONAME  := 0
CC      ?= cc
SAN     ?=
BUILD   ?= build$(if $(SAN),/san)
T       ?=
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
LEMON   ?= lemon
RE2C    ?= re2c
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wwrite-strings -Wundef -Wvla -Wpointer-arith -Werror
# Sanitized code and the parser's driver confuse GCC's flow analysis; clang does
# not know the warning.
UNSURE  := $(if $(findstring clang,$(shell $(CC) --version)),,-Wno-maybe-uninitialized)
GENERATED_WARN := -Wall -Wno-unused $(UNSURE) -Werror
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all $(UNSURE))
HARDEN  := $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong
COMMON  := -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -I$(BUILD)/gen -fPIC \
           -fvisibility=hidden -pthread -MMD -MP $(HARDEN)
Q   := $(if $(V),,@)
SAY = $(if $(V),,@echo "  $(1)  $@")
ALL      = $(COMMON) $(WARN) $(CFLAGS) $(SANITIZE) $(EXTRA)
LIBS    := -llmdb -lxxhash -lzstd -lnettle -lm -pthread

FLOORS  := base storage index engine
# Kernels of the other processors' instruction sets.
FOREIGN := $(if $(findstring aarch64,$(shell $(CC) -dumpmachine)),%_avx2.c %_avx512.c %_avx512vnni.c,%_neon.c %_neondot.c)
SOURCES := $(filter-out $(FOREIGN),$(foreach f,$(FLOORS),$(wildcard src/$(f)/*.c src/$(f)/*/*.c)))
GEN     := $(BUILD)/gen/milvusql.o $(BUILD)/gen/milvusql_scan.o
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(GEN)
CLI     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c))

all: $(BUILD)/mql $(BUILD)/libmql.a $(BUILD)/libmql.so $(BUILD)/mql.pc

# ---- the grammar: both outputs land in build/, nothing generated is ever edited
$(BUILD)/gen/milvusql.c: grammar/milvusql.y
	@mkdir -p $(@D)
	$(Q)$(LEMON) -q -d$(@D) $<
$(BUILD)/gen/milvusql.h: $(BUILD)/gen/milvusql.c ;
$(BUILD)/gen/milvusql_scan.c: grammar/milvusql.re $(BUILD)/gen/milvusql.h
	$(Q)$(RE2C) -W -Werror --no-generation-date -o $@ $<
# \h of the shell: the synopses of the reference
$(BUILD)/gen/help_topics.h: docs/reference.md tools/make-help
	@mkdir -p $(@D)
	$(Q)tools/make-help $< >$@.new && mv $@.new $@
$(BUILD)/cli/help.o: | $(BUILD)/gen/help_topics.h
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(call SAY,CC)
	$(Q)$(CC) $(COMMON) $(CFLAGS) $(SANITIZE) $(GENERATED_WARN) -c -o $@ $<
$(filter $(BUILD)/src/engine/%,$(OBJECTS)): | $(BUILD)/gen/milvusql.h

# ---- another compiler or sanitizer than last time: everything anew
FLAGS := $(CC) $(CFLAGS) $(SANITIZE)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@
$(OBJECTS) $(CLI): $(BUILD)/flags
FORCE:

# ---- compiling: the flags of an instruction set go to its own files only
$(BUILD)/%_avx2.o: EXTRA = -mavx2 -mfma -mf16c
$(BUILD)/%_avx512.o: EXTRA = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
$(BUILD)/%_avx512vnni.o: EXTRA = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx2 -mfma
$(BUILD)/%_neondot.o: EXTRA = -march=armv8.2-a+dotprod
# Rounding and holding to a range become vector code; nobody looks at FP traps.
$(BUILD)/src/index/vector/codes.o $(BUILD)/src/index/vector/nibbles.o: EXTRA = -fno-trapping-math
$(BUILD)/src/index/%.o: CFLAGS := $(patsubst -O2,-O3,$(CFLAGS))
$(BUILD)/src/engine/expr/%.o: CFLAGS := $(patsubst -O2,-O3,$(CFLAGS))
$(BUILD)/src/engine/collection/segment_values.o: CFLAGS := $(patsubst -O2,-O3,$(CFLAGS))
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -c -o $@ $<

# ---- one object whose hidden names are made local: the host program's names
# and ours cannot meet, though inside we use short names such as arena_alloc
$(BUILD)/libmql.a: $(OBJECTS)
	$(call SAY,LD)
	$(Q)$(LD) -r -o $(BUILD)/mql_all.o $^
	$(Q)objcopy --localize-hidden $(BUILD)/mql_all.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/mql_all.o
$(BUILD)/libmql.so.$(SONAME): $(OBJECTS)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -shared -Wl,-soname,libmql.so.$(SONAME) -Wl,-z,relro,-z,now,-z,nodelete -o $@ $^ $(LIBS)
$(BUILD)/libmql.so: $(BUILD)/libmql.so.$(SONAME)
	$(Q)ln -sf $(<F) $@
$(BUILD)/mql: $(CLI) $(BUILD)/libmql.a
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -o $@ $^ $(LIBS) -ledit
$(BUILD)/mql.pc: tools/mql.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed 's|@PREFIX@|$(abspath $(PREFIX))|; s|@VERSION@|$(VERSION)|' $< >$@

# ---- tests
UNITS := $(sort $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*$(T)*.c tests/property/test_*$(T)*.c tests/recall/test_*$(T)*.c)))
CRASH := $(sort $(patsubst %.c,$(BUILD)/%,$(wildcard tests/crash/test_*$(T)*.c)))
$(BUILD)/tests/%: tests/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -Itests -o $@ $< $(OBJECTS) $(LIBS) -lcmocka
# LMDB's own calls to the disk pass through the crash tests' file functions, all
# locks through tests/crash/schedule.c.
WRAPPED := pread mmap pwrite pwritev fdatasync fsync msync ftruncate open write writev \
           $(foreach c,mutex_lock mutex_unlock cond_wait cond_timedwait cond_signal cond_broadcast rwlock_rdlock rwlock_wrlock rwlock_unlock,pthread_$(c))
WRAP := $(foreach c,$(WRAPPED),-Wl,--wrap=$(c))
CRASH_SHARED := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/crash/test_%,$(wildcard tests/crash/*.c)))
$(CRASH_SHARED): EXTRA = -Itests
$(CRASH_SHARED): $(BUILD)/flags
$(CRASH): $(BUILD)/tests/crash/%: tests/crash/%.c $(CRASH_SHARED) $(OBJECTS)
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -Itests $(WRAP) -o $@ $< $(CRASH_SHARED) $(OBJECTS) $(patsubst -llmdb,-l:liblmdb.a,$(LIBS)) -lcmocka
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(OBJECTS)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -Itests -o $@ $< tests/fuzz/replay.c $(OBJECTS) $(LIBS)
$(BUILD)/embed: examples/embed.c $(BUILD)/libmql.a
	$(call SAY,CC)
	$(Q)$(CC) $(ALL) -o $@ $< $(BUILD)/libmql.a $(LIBS)
REPLAYS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz_%,$(wildcard tests/fuzz/fuzz_*$(T)*.c))
tests-built: $(UNITS) $(CRASH) $(REPLAYS) $(BUILD)/embed $(BUILD)/mql

# As many jobs as processors, unless the caller said how many.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
check: deps
	@$(MAKE) --no-print-directory $(PARALLEL) tests-built
	@tools/check.sh $(BUILD) "$(T)"

# What check does in part: every state, every fault, every byte, 300 kills.
crash-long:
	@$(MAKE) --no-print-directory $(PARALLEL) $(CRASH)
	@failed=0; for test in $(CRASH); do \
	    echo "== $$(basename $$test)"; \
	    MQL_TEST_LONG=1 MQL_KILL_ROUNDS=$${MQL_KILL_ROUNDS:-300} $$test || failed=1; \
	done; exit $$failed

# What check does with some thousand of them.
SEED ?= 1
filters-long:
	@$(MAKE) --no-print-directory $(BUILD)/tests/property/test_filter_model $(BUILD)/tests/property/test_batches
	@MQL_TEST_SEED=$(SEED) MQL_TEST_STEPS=100000 $(BUILD)/tests/property/test_filter_model
	@MQL_TEST_SEED=$(SEED) MQL_TEST_STEPS=20000 $(BUILD)/tests/property/test_batches

# What a fuzzer links besides its own file (tools/fuzz.sh).
$(BUILD)/fuzz-objects: $(OBJECTS)
	@echo $^ >$@

# ---- the rest
deps:
	@tools/install-deps
demo: deps
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@examples/fashion/demo.sh $(BUILD)/mql
neon-check:
	@tools/neon-check.sh $(BUILD)
tidy: all
	@tools/tidy.sh $(BUILD)
BENCH ?= build/bench
BENCH_ARGS ?=
bench-deps:
	@bench/deps.sh $(BENCH)
bench: all
	@[ -x $(BENCH)/peers/bin/python ] || { echo "first: make bench-deps"; exit 1; }
	@cd bench && $(abspath $(BENCH))/peers/bin/python -m unittest -q test_bench
	@MQL_BENCH_DEPS=$(BENCH) $(BENCH)/peers/bin/python bench/run --build $(BUILD) $(BENCH_ARGS)
bench-conditions: all
	@$(BENCH)/peers/bin/python bench/conditions.py --build $(BUILD)
bench-filters: all
	@bench/filters.sh $(BUILD)
bench-named-filters: all
	@cd bench && $(abspath $(BENCH))/peers/bin/python -m unittest -q test_bench
	@MQL_BENCH_DEPS=$(BENCH) $(BENCH)/peers/bin/python bench/named_filters.py --build $(BUILD) $(BENCH_ARGS)
MILVUS_ARGS ?=
check-milvus: all
	@python=$(BENCH)/peers/bin/python; [ -x $$python ] || python=python3; \
	    MQL_BENCH_DEPS=$(abspath $(BENCH)) $$python tests/milvus/run --build $(BUILD) $(MILVUS_ARGS)
SECONDS ?= 60
fuzz:
	@tools/fuzz.sh "$(T)" $(SECONDS)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BUILD)/mql $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/libmql.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libmql.so.$(SONAME) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libmql.so.$(SONAME) $(DESTDIR)$(PREFIX)/lib/libmql.so
	$(Q)sed 's|@PREFIX@|$(abspath $(PREFIX))|; s|@VERSION@|$(VERSION)|' tools/mql.pc.in >$(BUILD)/mql.pc
	install -m 644 $(BUILD)/mql.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/
	install -m 644 include/mql.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 docs/mql.1 $(DESTDIR)$(PREFIX)/share/man/man1/
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/mql $(DESTDIR)$(PREFIX)/lib/libmql.a $(DESTDIR)$(PREFIX)/lib/libmql.so* \
	      $(DESTDIR)$(PREFIX)/lib/pkgconfig/mql.pc $(DESTDIR)$(PREFIX)/include/mql.h $(DESTDIR)$(PREFIX)/share/man/man1/mql.1
clean:
	rm -rf $(BUILD)
help:
	@sed -n '/^#/!q; s/^# //p' Makefile
.PHONY: all check crash-long filters-long neon-check tests-built deps demo tidy bench bench-deps bench-conditions bench-filters bench-named-filters check-milvus fuzz install uninstall clean help
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
