# SPDX-License-Identifier: Apache-2.0
# Where things go on a node. The executable lies with its helpers in one folder, where the agent looks for them; the names that
# people and unit files use are links to it. What is configured already is never overwritten.

LIBEXECDIR ?= $(PREFIX)/libexec/stoa
UNITDIR    ?= $(if $(filter /usr,$(PREFIX)),/lib,/etc)/systemd/system
DEFAULTDIR ?= /etc/default
HELPERS    := stoa-launcher stoa-executor stoa-fetcher stoa-network stoa-image
NAMES      := stoa mesos-master mesos-agent mesos-slave mesos-execute marathon
UNITS      := stoa-master stoa-agent stoa-marathon
# /usr/libexec/stoa from /usr/bin
TO_LIBEXEC = $(shell realpath -ms --relative-to=$(PREFIX)/bin $(LIBEXECDIR) 2>/dev/null)

install: all install-sdk install-libmesos ## install programs, libraries and systemd units into DESTDIR and PREFIX (/usr/local)
	$(Q)install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(LIBEXECDIR) $(UNITDIR) $(DEFAULTDIR) $(PREFIX)/include/stoa $(PREFIX)/lib/pkgconfig)
	$(Q)install -m 755 $(if $(STRIP),-s) $(addprefix $(B)/,stoa $(HELPERS)) $(DESTDIR)$(LIBEXECDIR)/
	$(Q)ln -sf stoa-executor $(DESTDIR)$(LIBEXECDIR)/mesos-executor
	$(Q)ln -sf stoa-executor $(DESTDIR)$(LIBEXECDIR)/mesos-default-executor
	$(Q)for n in $(NAMES); do ln -sf $(TO_LIBEXEC)/stoa $(DESTDIR)$(PREFIX)/bin/$$n || exit 1; done
	$(Q)install -m 644 executor/include/stoa/executor.h $(DESTDIR)$(PREFIX)/include/stoa/
	$(Q)install -m 644 $(B)/libstoa-executor.a $(B)/libstoa-executor.so $(DESTDIR)$(PREFIX)/lib/
	$(Q)ln -sf libstoa-executor.so $(DESTDIR)$(PREFIX)/lib/libstoa-executor.so.0
	$(Q)sed -e 's|-I[^ ]*/executor/include|-I$(PREFIX)/include|' -e 's|-L[^ ]*|-L$(PREFIX)/lib|' $(B)/stoa-executor.pc \
	  >$(DESTDIR)$(PREFIX)/lib/pkgconfig/stoa-executor.pc
	$(Q)for u in $(UNITS); do sed 's|@BINDIR@|$(PREFIX)/bin|' packaging/systemd/$$u.service.in >$(DESTDIR)$(UNITDIR)/$$u.service || exit 1; done
	$(Q)install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 bash-completion/completions)
	$(Q)$(B)/stoa help --roff >$(B)/stoa.commands
	$(Q)sed -e "s|@VERSION@|$$($(B)/stoa version | cut -d' ' -f2)|" -e '/@COMMANDS@/{r $(B)/stoa.commands' -e 'd}' packaging/stoa.1.in \
	  >$(DESTDIR)$(PREFIX)/share/man/man1/stoa.1
	$(Q)install -m 644 packaging/completion/stoa $(DESTDIR)$(PREFIX)/share/bash-completion/completions/
	$(Q)for f in stoa $(UNITS); do [ -e $(DESTDIR)$(DEFAULTDIR)/$$f ] || \
	  install -m 644 packaging/default/$$f $(DESTDIR)$(DEFAULTDIR)/$$f || exit 1; done

uninstall: ## remove what install put there, but for what was configured
	$(Q)rm -rf $(DESTDIR)$(LIBEXECDIR)
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(NAMES)) $(addprefix $(DESTDIR)$(UNITDIR)/,$(addsuffix .service,$(UNITS)))
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/,share/man/man1/stoa.1 share/bash-completion/completions/stoa include/stoa/scheduler.h include/stoa/executor.h lib/pkgconfig/stoa-scheduler.pc \
	  lib/pkgconfig/stoa-executor.pc lib/libstoa-scheduler.a lib/libstoa-scheduler.so lib/$(SDK_SO) lib/libstoa-executor.a \
	  lib/libstoa-executor.so lib/libstoa-executor.so.0 lib/libmesos.so)

deb: all ## a Debian package of programs and units, for the nodes: build/stoa_VERSION_ARCH.deb
	$(Q)packaging/make-deb $(B)

.PHONY: install uninstall deb
