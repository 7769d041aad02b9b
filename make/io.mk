# SPDX-License-Identifier: Apache-2.0
# The HTTP server alone, for a load generator.

BENCH_HTTP := $(B)/tests/bench/bench_http
$(BENCH_HTTP): $(O)/tests/bench/bench_http.o $(call libs,$(DEPS_io))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -Wl,--start-group $(call libs,$(DEPS_io)) -Wl,--end-group $(PKG_LIBS)
bench-programs: $(BENCH_HTTP)
