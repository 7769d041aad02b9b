# SPDX-License-Identifier: Apache-2.0
# The simulator. Programs that never meet in one process use the same names, and the SDK's shell runs here on a loop and an
# HTTP client that are simulated: such parts are linked into one object each, of which only the sim_ names stay visible.

# Of marathon: its shell without HTTP and probes, and what turns records and launches into bytes.
SIM_MARATHON_SRC  := $(filter-out $(addprefix marathon/,main.c http.c answer.c streams.c probe.c proxy.c bigread.c),$(wildcard marathon/*.c)) $(wildcard marathon/api/*records.c) \
  marathon/api/decode.c marathon/api/encode.c marathon/api/render.c
# On the simulated loop and ensemble: election, detection and both halves of the store.
SIM_IO_SRC        := common/io/leader.c common/io/detector.c common/io/store.c $(wildcard common/io/store_zk*.c)
SIM_FRAMEWORK_SRC := $(SDK_SRC) $(SIM_MARATHON_SRC) $(SIM_IO_SRC) $(wildcard tests/sim/framework/*.c tests/sim/marathon/*.c)
SIM_EXECUTOR_SRC  := $(EXEC_CORE_SRC) executor/sdk/wire.c $(wildcard tests/sim/executor/*.c)
SIM_BLOBS := $(O)/tests/sim/framework.blob.o $(O)/tests/sim/executor.blob.o

# What those need of the rest of marathon is taken from its library.
$(O)/tests/sim/framework.blob.o: $(call obj,$(SIM_FRAMEWORK_SRC)) make/sim.mk $(call libs,marathon)
$(O)/tests/sim/executor.blob.o: $(call obj,$(SIM_EXECUTOR_SRC)) make/sim.mk
$(SIM_BLOBS):
	@mkdir -p $(@D)
	$(Q)ld -r -o $@ $(filter %.o,$^) $(filter %.a,$^)
	$(Q)objcopy --wildcard --keep-global-symbol='sim_*' $@

$(L)/libsim.a: $(SIM_BLOBS)
$(call obj,$(SIM_FRAMEWORK_SRC) $(SIM_EXECUTOR_SRC)): | $(GEN_H)

# A small program with the simulator alone: quick to build for mutants, and with sanitizers.
SIM_LIBS := $(call libs,sim master-wire master-core agent-wire agent-core marathon-core sdk-core io wire proto model base)
$(B)/stoa-sim: $(call obj,tests/sim/standalone/main.c) $(SIM_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -Wl,--start-group $(SIM_LIBS) -Wl,--end-group $(PKG_LIBS)

mutants: ## break one line at a time and show that simulation notices
	$(Q)tests/sim/mutants.sh

NIGHT_SEEDS ?= 10000
NIGHT_FROM  ?= 1000001
nightly: $(B)/stoa-sim ## NIGHT_SEEDS (10000) histories from NIGHT_FROM on, each once, then the mutants
	$(Q)$(B)/stoa-sim --seed=$(NIGHT_FROM) --seeds=$(NIGHT_SEEDS) --quiet
	$(Q)tests/sim/mutants.sh
.PHONY: mutants nightly
