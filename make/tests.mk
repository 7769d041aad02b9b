# SPDX-License-Identifier: Apache-2.0
# Tests. A unit test is tests/unit/<layer>/test_<name>.c, linked with the archives of its layer (DEPS_<layer>).

UNIT_LAYERS := base model wire io master agent sdk executor marathon cli
UNIT_SRC    := $(foreach l,$(UNIT_LAYERS),$(wildcard tests/unit/$(l)/test_*.c))
UNIT_BIN    := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
SUPPORT_OBJ := $(call obj,tests/support/test.c)

define unit_rules
$$(patsubst %.c,$$(B)/%,$$(wildcard tests/unit/$(1)/test_*.c)): $$(B)/tests/unit/$(1)/%: $$(O)/tests/unit/$(1)/%.o $$(SUPPORT_OBJ) $$(call libs,$$(DEPS_$(1)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$< $$(SUPPORT_OBJ) -Wl,--start-group $$(call libs,$$(DEPS_$(1))) -Wl,--end-group $$(PKG_LIBS) $$(AGENT_LIBS)
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

.PHONY: unit layers
