# SPDX-License-Identifier: Apache-2.0
# libstoa-executor: static and shared, its pkg-config file, and the example.

EXECLIB_SRC := $(EXECSDK_SRC) executor/core/session.c executor/core/check.c executor/core/command.c common/wire/field.c \
  common/wire/recordio.c $(BASE_SRC)
EXECLIB_VERSION := 0.1.0
all: $(B)/libstoa-executor.a $(B)/libstoa-executor.so $(B)/stoa-executor.pc $(B)/examples/counter

# One object with only the public names: what the library is made of does not meet what its user is made of.
$(B)/libstoa-executor.a: $(call obj,$(EXECLIB_SRC))
	@$(if $(Q),echo "  AR $@")
	$(Q)ld -r -o $(B)/stoa-executor-all.o $^ && objcopy --localize-hidden $(B)/stoa-executor-all.o && \
	  rm -f $@ && ar rcs $@ $(B)/stoa-executor-all.o && rm $(B)/stoa-executor-all.o

$(B)/libstoa-executor.so: $(call obj,$(EXECLIB_SRC))
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,libstoa-executor.so.0 -Wl,--no-undefined -o $@ $^ $(if $(SAN),-fsanitize=$(SAN)) -lhttp_parser -lm
	$(Q)ln -sf libstoa-executor.so $(B)/libstoa-executor.so.0

# Usable in place (prefix is the checkout); `make install` writes its own.
$(B)/stoa-executor.pc: make/executor.mk
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'Name: stoa-executor' 'Description: executors for Stoa and Apache Mesos agents' \
	  'Version: $(EXECLIB_VERSION)' 'Cflags: -I$(CURDIR)/executor/include' \
	  'Libs: -L$(abspath $(B)) -lstoa-executor' 'Libs.private: -lhttp_parser -lm' >$@

$(B)/examples/counter: executor/examples/counter.c $(B)/libstoa-executor.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(WARN) -Iexecutor/include -o $@ $< $(B)/libstoa-executor.a -lhttp_parser -lm
