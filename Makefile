# SPDX-License-Identifier: GPL-2.0
# make            build/nettrace
# make check      unit tests, no root needed
# make static     build/nettrace without shared libraries, for containers and VMs
# make check-fuzz the fuzz targets over their corpora; make fuzz: for hours, needs clang's libFuzzer
# make install    the program, its manual, completion for bash, JSON schema: PREFIX (/usr/local), DESTDIR
# V=1 shows commands; CC=gcc or clang; BPF needs clang 14 or later.

VERSION := 0.1.0
BUILD := build
PREFIX ?= /usr/local
CC ?= gcc
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
PROTOC_C ?= protoc-c
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow=local
ifneq ($(findstring clang,$(CC)),)
WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes
endif
override CPPFLAGS += -Iinclude -Isrc -I$(BUILD) -D_GNU_SOURCE -DNETTRACE_VERSION='"$(VERSION)"'
override CFLAGS += -std=gnu11 $(WARNINGS) -MMD -MP

BPF_ARCH := $(shell uname -m | sed -e s/x86_64/x86/ -e s/aarch64/arm64/)

Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
ifeq ($(V),1)
Q :=
say = @:
endif

# The pure side: no libbpf, clock, locale, environment or globals. build/pure-check links it alone, with libraries
# that ask nothing of the host either: compression and protobuf.
PURE := options options_table options_values options_help filter digits out reason check probe_list near packet probe_table \
	probe_plan dict annotation journey journey_open journey_outcome lifetime_model segments scope sort trace cause departure transit wait attribution pipeline \
	latency latency_text latency_json slowest \
	recording_facts recording_file recording_write recording_read render render_text render_jsonl json \
	perfetto_cpus perfetto_trace render_perfetto pcapng render_pcapng
LIVE := main session replay output facts inspect prepare host names kernel kernel_trial machine symbols tracer observers bpf_objects detach rings index sweep shelves latencies \
	latency_live counters source_ring log
PURE := $(foreach f,$(PURE),$(if $(wildcard src/$(f).c),$(f)))
LIVE := $(foreach f,$(LIVE),$(if $(wildcard src/$(f).c),$(f)))
TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

PURE_LIBS := -lprotobuf-c -lzstd -lz -pthread
LIBS := -lbpf -lelf $(PURE_LIBS)
STATIC_LIBS := $(LIBS)

DOCS := $(BUILD)/nettrace.8 $(BUILD)/completion/nettrace

all: $(BUILD)/nettrace $(BUILD)/pure-check $(DOCS)

$(BUILD)/nettrace: $(LIVE:%=$(BUILD)/%.o) $(BUILD)/libnettrace.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

static: $(LIVE:%=$(BUILD)/%.o) $(BUILD)/libnettrace.a
	$(call say,LINK,$(BUILD)/nettrace-static)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $(BUILD)/nettrace-static $^ $(STATIC_LIBS)

$(BUILD)/libnettrace.a: $(PURE:%=$(BUILD)/%.o) $(BUILD)/perfetto.pb-c.o
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Links every object of the pure side against libc and $(PURE_LIBS) only: an undefined symbol is an impurity.
$(BUILD)/pure-check: $(BUILD)/libnettrace.a
	$(call say,LINK,$@)
	$(Q)printf 'int main(void) { return 0; }\n' | $(CC) $(filter-out -MMD -MP,$(CFLAGS)) $(LDFLAGS) \
		-x c - -x none -o $@ -Wl,--whole-archive $< -Wl,--no-whole-archive $(PURE_LIBS)

# The manual and the completion come from the tables in the program.
$(BUILD)/docs: $(BUILD)/docs.o $(BUILD)/libnettrace.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PURE_LIBS)

$(BUILD)/nettrace.8: src/man/nettrace.8.in $(BUILD)/docs
	$(call say,MAN,$@)
	$(Q)$(BUILD)/docs man <$< >$@

$(BUILD)/completion/nettrace: $(BUILD)/docs
	$(call say,BASH,$@)
	$(Q)mkdir -p $(@D) && $(BUILD)/docs bash >$@

$(BUILD)/%.o: src/%.c | $(BUILD)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/perfetto.pb-c.h: src/perfetto.proto | $(BUILD)
	$(call say,PROTO,$<)
	$(Q)$(PROTOC_C) --proto_path=src --c_out=$(BUILD) $<

$(BUILD)/perfetto.pb-c.c: $(BUILD)/perfetto.pb-c.h ;

$(BUILD)/perfetto.pb-c.o: $(BUILD)/perfetto.pb-c.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

PERFETTO := perfetto_trace perfetto_cpus render_perfetto

$(PERFETTO:%=$(BUILD)/%.o) $(PERFETTO:%=$(BUILD)/san/%.o): $(BUILD)/perfetto.pb-c.h

# One source, built six times: with kprobes or fentry, and for kernels that allow more and more (bpf/read.bpf.h).
BPF_CC := $(CLANG) -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Wno-unused-function -Iinclude -Ibpf
BPF_OBJECTS := nettrace nettrace_parts nettrace_direct nettrace_fentry nettrace_fentry_parts nettrace_fentry_direct
BPF_DEFINES = $(if $(findstring _fentry,$*),-DNT_FENTRY) $(if $(findstring _parts,$*),-DNT_PARTS) \
	$(if $(findstring _direct,$*),-DNT_PARTS -DNT_DIRECT -mcpu=v3)

$(BUILD)/tracer.o $(BUILD)/rings.o $(BUILD)/sweep.o $(BUILD)/shelves.o $(BUILD)/latencies.o $(BUILD)/observers.o $(BUILD)/bpf_objects.o: $(BPF_OBJECTS:%=$(BUILD)/%.skel.h)

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@

$(BPF_OBJECTS:%=$(BUILD)/%.bpf.o): $(BUILD)/%.bpf.o: bpf/nettrace.bpf.c | $(BUILD)
	$(call say,BPF,$@)
	$(Q)$(BPF_CC) $(BPF_DEFINES) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

$(BUILD):
	$(Q)mkdir -p $@

$(BUILD)/test_%: tests/unit/test_%.c $(BUILD)/libnettrace.a
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(BUILD)/libnettrace.a -lcmocka $(PURE_LIBS)

# It looks into the object.
$(BUILD)/test_probe_programs: $(BUILD)/nettrace.bpf.o $(BUILD)/nettrace_fentry.bpf.o

check: $(TESTS:%=$(BUILD)/%) $(BUILD)/pure-check $(DOCS)
	$(Q)sh tests/unit/run.sh $(TESTS:%=$(BUILD)/%)

# The fuzz targets over their corpora, with the sanitizers: an ordinary test. libasan comes with gcc.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(BUILD)/san/%.o: src/%.c | $(BUILD)/san
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c -o $@ $<

$(BUILD)/san:
	$(Q)mkdir -p $@

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/run.c $(PURE:%=$(BUILD)/san/%.o) $(BUILD)/perfetto.pb-c.o
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) $(SANITIZE) -o $@ $^ $(PURE_LIBS)

check-fuzz: $(FUZZ:%=$(BUILD)/%)
	$(Q)sh tests/fuzz/check.sh $(BUILD) $(FUZZ)

# libFuzzer, for FUZZ_SECONDS each; what it finds and what is new stays under build/fuzz.
FUZZ_SECONDS ?= 3600

$(BUILD)/libfuzz_%: tests/fuzz/fuzz_%.c $(PURE:%=src/%.c) $(BUILD)/perfetto.pb-c.c
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(CPPFLAGS) -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -o $@ $^ $(PURE_LIBS)

fuzz: $(FUZZ:%=$(BUILD)/lib%)
	$(Q)sh tests/fuzz/fuzz.sh $(BUILD) $(FUZZ_SECONDS) $(FUZZ)

# For scripts/bench.sh: programs that do nothing, as the floor to compare with.
$(BUILD)/empty.bpf.o: tests/bench/empty.bpf.c | $(BUILD)
	$(call say,BPF,$<)
	$(Q)$(BPF_CC) -c -o $@ $<

$(BUILD)/bench-empty: tests/bench/empty.c $(BUILD)/empty.skel.h
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) $(LDFLAGS) -o $@ $< -lbpf -lelf -lz

bench-tools: $(BUILD)/nettrace $(BUILD)/bench-empty

# For tests in guests: faults of a known cause and length.
$(BUILD)/inject.bpf.o: tests/inject/inject.bpf.c | $(BUILD)
	$(call say,BPF,$<)
	$(Q)$(BPF_CC) -c -o $@ $<

$(BUILD)/inject: tests/inject/inject.c $(BUILD)/inject.skel.h
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) $(LDFLAGS) -o $@ $< -lbpf -lelf -lz

# And what is followed at a moment.
$(BUILD)/tracked: tests/inject/tracked.c | $(BUILD)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lbpf -lelf -lz

# And what the machine beneath a guest does to it.
$(BUILD)/beat: tests/inject/beat.c | $(BUILD)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $<

test-tools: $(BUILD)/inject $(BUILD)/tracked $(BUILD)/beat

install: $(BUILD)/nettrace $(DOCS)
	install -D -m 755 $(BUILD)/nettrace $(DESTDIR)$(PREFIX)/sbin/nettrace
	install -D -m 644 $(BUILD)/nettrace.8 $(DESTDIR)$(PREFIX)/share/man/man8/nettrace.8
	install -D -m 644 $(BUILD)/completion/nettrace $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nettrace
	install -D -m 644 src/jsonl.schema.json $(DESTDIR)$(PREFIX)/share/nettrace/jsonl.schema.json

clean:
	$(Q)rm -rf $(BUILD)

-include $(wildcard $(BUILD)/*.d $(BUILD)/san/*.d)

.PHONY: all static check check-fuzz fuzz bench-tools test-tools install clean
.DELETE_ON_ERROR:
