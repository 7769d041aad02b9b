# SPDX-License-Identifier: Apache-2.0
# libstoa-scheduler: one object with everything inside and only the stoa_ symbols outside, as an archive and as a
# shared library, the pkg-config file, and the examples.

SDK_ARCHIVES := sdk sdk-core io wire proto model base
SDK_SO       := libstoa-scheduler.so.1
SDK_VERSION  ?= 1.12.0
PREFIX       ?= /usr/local
EXAMPLES     := $(patsubst scheduler-sdk/examples/%.c,$(B)/examples/%,$(wildcard scheduler-sdk/examples/*.c))

all: sdk $(EXAMPLES)
sdk: $(B)/libstoa-scheduler.a $(B)/$(SDK_SO) $(B)/stoa-scheduler.pc ## libstoa-scheduler, static and shared, and its pkg-config file

# Only what the SDK reaches is taken from the other archives; its inner names become local.
$(O)/stoa-scheduler.o: $(call libs,$(SDK_ARCHIVES))
	@mkdir -p $(@D)
	$(Q)ld -r -o $@ --whole-archive $(call libs,sdk sdk-core) --no-whole-archive --start-group $(call libs,io wire proto model base) --end-group
	$(Q)objcopy --localize-hidden $@

$(B)/libstoa-scheduler.a: $(O)/stoa-scheduler.o
	$(Q)rm -f $@ && ar rcs $@ $<

$(B)/$(SDK_SO): $(O)/stoa-scheduler.o
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(SDK_SO) -Wl,--gc-sections -Wl,--as-needed -o $@ $< $(PKG_LIBS)
	$(Q)ln -sf $(SDK_SO) $(B)/libstoa-scheduler.so

$(B)/stoa-scheduler.pc: scheduler-sdk/stoa-scheduler.pc.in Makefile make/sdk.mk
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(SDK_VERSION)|' $< >$@

# Built as a stranger would: with the public header and the archive alone.
$(B)/examples/%: scheduler-sdk/examples/%.c scheduler-sdk/include/stoa/scheduler.h $(B)/libstoa-scheduler.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(SANFLAGS) $(WARN) -Ischeduler-sdk/include -o $@ $< $(B)/libstoa-scheduler.a $(PKG_LIBS)

.PHONY: sdk

install-sdk: sdk ## install libstoa-scheduler into DESTDIR and PREFIX (/usr/local)
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/stoa
	$(Q)install -m 644 scheduler-sdk/include/stoa/scheduler.h $(DESTDIR)$(PREFIX)/include/stoa/
	$(Q)install -m 644 $(B)/libstoa-scheduler.a $(B)/$(SDK_SO) $(DESTDIR)$(PREFIX)/lib/
	$(Q)ln -sf $(SDK_SO) $(DESTDIR)$(PREFIX)/lib/libstoa-scheduler.so
	$(Q)install -m 644 $(B)/stoa-scheduler.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/
.PHONY: install-sdk
