# SPDX-License-Identifier: Apache-2.0
# What is built: the one executable and the libraries.

all: $(B)/stoa ## build the executable and the libraries

$(B)/stoa: $(call libs,$(ALL_ARCHIVES))
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(PKG_LIBS) $(AGENT_LIBS)

# The pages are part of the executable.
$(O)/webui/webui.o: $(wildcard webui/*/*.html webui/*/*.js webui/*/*.css webui/*/*.ico)

clean: ## remove what was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 16
.PHONY: all clean help
