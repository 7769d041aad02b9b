# SPDX-License-Identifier: Apache-2.0
# Tests. A unit test is tests/unit/<layer>/test_<name>.c, linked with the archives of its layer (DEPS_<layer>).
# A fuzz target is tests/fuzz/fuzz_<name>.c, an integration test an executable tests/integration/test_* that prints TAP.

UNIT_LAYERS := base model wire io master agent sdk executor marathon cli libmesos
UNIT_SRC    := $(foreach l,$(UNIT_LAYERS),$(wildcard tests/unit/$(l)/test_*.c))
UNIT_BIN    := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
SUPPORT_OBJ := $(call obj,tests/support/test.c)
LINK_TEST    = $(CC) $(ALL_CFLAGS) -o $@ $(1) -Wl,--start-group $(2) -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)

define unit_rules
$$(patsubst %.c,$$(B)/%,$$(wildcard tests/unit/$(1)/test_*.c)): $$(B)/tests/unit/$(1)/%: $$(O)/tests/unit/$(1)/%.o $$(SUPPORT_OBJ) $$(call libs,$$(DEPS_$(1)))
	@mkdir -p $$(@D)
	$$(Q)$$(call LINK_TEST,$$< $$(SUPPORT_OBJ),$$(call libs,$$(DEPS_$(1))))
unit-$(1): $$(patsubst %.c,$$(B)/%,$$(wildcard tests/unit/$(1)/test_*.c))
	$$(Q)tests/run $$^
.PHONY: unit-$(1)
endef
$(foreach l,$(UNIT_LAYERS),$(eval $(call unit_rules,$(l))))
$(call obj,$(UNIT_SRC)): | $(GEN_H)

unit: $(UNIT_BIN) ## unit tests: no root, no network, under a minute
	$(Q)tests/run $(UNIT_BIN)

layers: $(call libs,$(CORE_ARCHIVES)) ## show that the cores are pure and the arrows go one way
	$(Q)tests/layers $(L) $(CORE_ARCHIVES)

lint: ## banned functions, SPDX lines, long files, names that may not appear
	$(Q)tests/lint

format: ## format the sources with clang-format
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

# --- fuzzing: everything below is built once more, by clang, with coverage and sanitizers -----------------------
FUZZ_SECONDS ?= 5
FUZZ_SEED    ?= 0
FUZZ_B       := build/fuzz
FUZZ_SRC     := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN     := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
FUZZ_LIBS    := $(call libs,$(filter-out cli sim,$(ALL_ARCHIVES)) execsdk exec-core)

fuzz: ## run every fuzz target for FUZZ_SECONDS (5) each, from FUZZ_SEED on (0: any)
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined B=$(FUZZ_B) OPT=-O1 fuzz-programs
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) tests/fuzz/run $(FUZZ_B)/tests/fuzz

fuzz-programs: $(FUZZ_BIN)
$(FUZZ_BIN): $(B)/%: $(O)/%.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)
$(call obj,$(FUZZ_SRC)): | $(GEN_H)

# --- the rest ---------------------------------------------------------------------------------------------------
SEEDS ?= 500
SEED  ?=
sim: all ## simulate SEEDS (500) seeds, each twice; SEED=N replays one with its trace
	$(Q)$(if $(SEED),$(B)/stoa sim --seed=$(SEED) --trace,$(B)/stoa sim --seeds=$(SEEDS) --twice)

integration: all ## real processes on loopback, real clients; root and cgroups where the machine has them
	$(Q)STOA_BUILD=$(CURDIR)/$(B) TEST_TIMEOUT=1200 tests/run $(filter-out tests/integration/test_chaos,$(wildcard tests/integration/test_* tests/interop/test_*))

interop: all ## unmodified clients from the package registries against a running Stoa
	$(Q)STOA_BUILD=$(CURDIR)/$(B) TEST_TIMEOUT=1200 tests/run $(wildcard tests/interop/test_*)

check: ## install what the tests need, build, run everything this machine can run
	$(Q)scripts/install-packages test || scripts/install-packages build
	$(Q)MAKE="$(MAKE)" tests/check

demo: ## install, build, start a cluster with an example app; ONCE=1: prove that it heals, clean up, exit
	$(Q)scripts/install-packages run
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)STOA=$(CURDIR)/$(B)/stoa ONCE="$(ONCE)" scripts/demo

.PHONY: unit layers lint format fuzz fuzz-programs sim integration interop check demo
