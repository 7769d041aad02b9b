# SPDX-License-Identifier: Apache-2.0
# The programs that run in and for containers. The launcher is static and depends on nothing in the container.

# Its objects are apart: never position-independent, never with a sanitizer (a vforked child shares its memory).
LAUNCHER_OBJ := $(patsubst %.c,$(O)/static/%.o,$(LAUNCHER_SRC) common/base/error.c common/io/beneath.c tests/bench/pause.c)
PAUSE_OBJ    := $(O)/static/tests/bench/pause.o
STATIC_FLAGS := -static -Wl,--gc-sections -Wl,-z,norelro
$(LAUNCHER_OBJ): $(O)/static/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(CFLAGS) -fno-pie -ffunction-sections -fdata-sections $(WARN) -MMD -MP -c -o $@ $<

all: $(B)/stoa-launcher

$(B)/stoa-launcher: $(filter-out $(PAUSE_OBJ),$(LAUNCHER_OBJ))
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(STATIC_FLAGS) -o $@ $^

# Tests with real containers; libisolation is what the agent links, without the agent.
ISOLATION_SRC := $(wildcard agent/isolation/*.c agent/images/*.c)
ISOLATION_TEST_SRC := $(wildcard tests/integration/isolation/*.c)
$(L)/libisolation.a: $(call obj,$(ISOLATION_SRC))
$(B)/tests/integration/isolation: $(call obj,$(ISOLATION_TEST_SRC) tests/support/test.c) \
  $(call libs,isolation io wire proto model base) | $(B)/stoa-launcher $(B)/stoa-fetcher
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)

isolation: $(B)/tests/integration/isolation ## isolation tests on this machine (root for all of them)
	$(Q)tests/run $^
.PHONY: isolation

# The built-in executors: static, without generated protobuf code, libevent and OpenSSL.
EXECUTOR_STATIC_SRC := executor/bin/stoa-executor.c $(EXEC_SRC) $(EXEC_CORE_SRC) executor/sdk/client.c executor/sdk/ev.c \
  executor/sdk/http.c executor/sdk/wire.c common/wire/field.c common/wire/recordio.c common/io/proctree.c $(BASE_SRC)
all: $(B)/stoa-executor
$(B)/stoa-executor: $(call obj,$(EXECUTOR_STATIC_SRC))
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(if $(SAN),$(SANFLAGS),$(STATIC_FLAGS)) -o $@ $^ -lhttp_parser -lm
	$(Q)ln -sf stoa-executor $(B)/mesos-executor && ln -sf stoa-executor $(B)/mesos-default-executor

EXECUTOR_TEST_SRC := $(wildcard tests/integration/executor/*.c) tests/integration/isolation/fixture.c
$(B)/tests/integration/executor: $(call obj,$(EXECUTOR_TEST_SRC) tests/support/test.c executor/sdk/wire.c) \
  $(call libs,isolation exec-core io wire proto model base) | $(B)/stoa-launcher $(B)/stoa-executor $(B)/examples/counter
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)

executor-tests: $(B)/tests/integration/executor ## the built-in executors as real processes
	$(Q)tests/run $^
.PHONY: executor-tests

# The fetcher is only ever run on the host, so it may be dynamic.
FETCHER_SRC := $(wildcard agent/fetcher/*.c)
all: $(B)/stoa-fetcher
$(B)/stoa-fetcher: $(call obj,$(FETCHER_SRC) common/base/error.c common/base/str.c)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ -lcurl -larchive -lz -lm

# The program that runs network plugins, in the host's network too.
NETWORK_SRC := $(wildcard agent/network/*.c) agent/isolation/cni_conf.c
all: $(B)/stoa-network
$(B)/stoa-network: $(call obj,$(NETWORK_SRC)) $(call libs,io wire proto model base)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS)

# What reads images: beside the agent, and only on the host.
IMAGE_SRC := $(wildcard agent/images/helper/*.c) $(addprefix agent/images/,reference.c record.c config.c layer.c)
$(call obj,$(IMAGE_SRC)): | $(GEN_H)
all: $(B)/stoa-image
$(B)/stoa-image: $(call obj,$(IMAGE_SRC)) $(call libs,io wire proto model base)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -larchive $(PKG_LIBS)

$(B)/tests/bench/bench_containers: $(call obj,tests/bench/bench_containers.c) $(call libs,isolation io wire proto model base) \
  | $(B)/stoa-launcher $(B)/tests/bench/pause
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)
$(B)/tests/bench/pause: $(PAUSE_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(STATIC_FLAGS) -o $@ $<
integration: $(B)/tests/integration/isolation $(B)/tests/integration/executor
