# SPDX-License-Identifier: Apache-2.0
# The programs that run in and for containers. The launcher is static and depends on nothing in the container.

LAUNCHER_OBJ := $(call obj,$(LAUNCHER_SRC) common/base/error.c)
STATIC_FLAGS := -static -no-pie -Wl,--gc-sections -Wl,-z,norelro

all: $(B)/stoa-launcher

$(B)/stoa-launcher: $(LAUNCHER_OBJ)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(STATIC_FLAGS) -o $@ $^

# Tests with real containers; libisolation is what the agent links, without the agent.
ISOLATION_SRC := $(wildcard agent/isolation/*.c)
ISOLATION_TEST_SRC := $(wildcard tests/integration/isolation/*.c)
$(L)/libisolation.a: $(call obj,$(ISOLATION_SRC))
$(B)/tests/integration/isolation: $(call obj,$(ISOLATION_TEST_SRC) tests/support/test.c common/io/loop.c common/io/proctree.c) $(call libs,isolation base) | $(B)/stoa-launcher
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)

isolation: $(B)/tests/integration/isolation ## isolation tests on this machine (root for all of them)
	$(Q)tests/run $^
.PHONY: isolation
