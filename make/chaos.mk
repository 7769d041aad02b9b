# SPDX-License-Identifier: Apache-2.0
# Chaos on real processes: tests/chaos. The short form is tests/integration/test_chaos.

CHAOS_SECONDS ?= 600
CHAOS_SEED    ?=
CHAOS_JOBS    := $(B)/tests/chaos/jobs

$(CHAOS_JOBS): tests/chaos/jobs.c scheduler-sdk/include/stoa/scheduler.h $(B)/libstoa-scheduler.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(SANFLAGS) $(WARN) -Ischeduler-sdk/include -o $@ $< $(B)/libstoa-scheduler.a $(PKG_LIBS)

chaos: all $(CHAOS_JOBS) ## kill, stop and cut everything for CHAOS_SECONDS (600), then take stock; CHAOS_SEED=N repeats the choices
	$(Q)STOA_BUILD=$(CURDIR)/$(B) CHAOS_SECONDS=$(CHAOS_SECONDS) CHAOS_SEED=$(CHAOS_SEED) tests/chaos/chaos.py

integration: $(CHAOS_JOBS)
.PHONY: chaos
