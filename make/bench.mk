# SPDX-License-Identifier: Apache-2.0
# Benchmarks: the driver, the limit probes and the scenarios. Never part of a timed test.

SIZE       ?= std
BENCH_NET  := $(call obj,tests/bench/net.c)
BENCH_BIN  := $(B)/tests/bench/driver $(B)/tests/bench/probe_launch $(B)/tests/bench/probe_spawn $(B)/tests/bench/probe_http \
  $(B)/tests/bench/bench_model $(B)/tests/bench/sim_agents $(B)/tests/bench/probe_service $(B)/tests/bench/probe_failover \
  $(B)/tests/bench/failover
BENCH_LIBS := $(call libs,wire proto model base)

$(BENCH_BIN): $(B)/tests/bench/%: $(O)/tests/bench/%.o $(BENCH_NET) $(BENCH_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(BENCH_NET) -Wl,--start-group $(BENCH_LIBS) -Wl,--end-group $(PKG_LIBS)
BENCH_ALLOC := $(B)/tests/bench/bench_alloc
$(BENCH_ALLOC): $(O)/tests/bench/bench_alloc.o $(call libs,master-core model base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -Wl,--start-group $(call libs,master-core model base) -Wl,--end-group -lm
$(call obj,$(wildcard tests/bench/*.c)): | $(GEN_H)

BENCH_CHATTER := $(B)/tests/bench/chatter
$(BENCH_CHATTER): tests/bench/chatter.c $(B)/libstoa-executor.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(WARN) -Iexecutor/include -o $@ $< $(B)/libstoa-executor.a -lhttp_parser -lm

bench-programs: $(BENCH_BIN) $(BENCH_ALLOC) $(BENCH_CHATTER)

bench: all bench-programs ## benchmarks with their limit probes; SIZE=smoke|std|full, ONLY="B01 B09"
	$(Q)STOA_BUILD=$(CURDIR)/$(B) SIZE=$(SIZE) ONLY="$(ONLY)" tests/bench/run

.PHONY: bench bench-programs
