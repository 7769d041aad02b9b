# SPDX-License-Identifier: Apache-2.0
# libmesos.so: the native half of the Java drivers. Built where a JDK has its headers; JAVA_HOME chooses which.

JNI_DIR := $(firstword $(patsubst %/jni.h,%,$(wildcard $(JAVA_HOME)/include/jni.h /usr/lib/jvm/default-java/include/jni.h \
  /usr/lib/jvm/*/include/jni.h)))
LIBMESOS_SRC  := $(wildcard libmesos/*.c)
LIBMESOS_LIBS := $(call libs,mesos-wire wire proto model base)
$(L)/libmesos.a: $(call obj,$(LIBMESOS_SRC))
$(call obj,$(LIBMESOS_SRC)): override CPPFLAGS += -I$(JNI_DIR) -I$(JNI_DIR)/linux

ifneq ($(JNI_DIR),)
all: $(B)/libmesos.so
else
all: no-libmesos
no-libmesos:
	@echo "  libmesos.so is not built: no jni.h (default-jdk-headless has it; or set JAVA_HOME)"
endif

# The SDK and what it is made of are inside, under local names; only what Java looks for is outside. It is never unloaded:
# its threads may be at work.
$(B)/libmesos.so: libmesos/exports $(L)/libmesos.a $(O)/stoa-scheduler.o $(B)/libstoa-executor.a $(LIBMESOS_LIBS)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,libmesos.so -Wl,--version-script=libmesos/exports -Wl,-z,nodelete \
	  -Wl,--no-undefined -Wl,--gc-sections -Wl,--as-needed -o $@ -Wl,--whole-archive $(L)/libmesos.a -Wl,--no-whole-archive \
	  $(O)/stoa-scheduler.o $(B)/libstoa-executor.a $(LIBMESOS_LIBS) $(PKG_LIBS)
.PHONY: no-libmesos

install-libmesos: $(if $(JNI_DIR),$(B)/libmesos.so) ## install libmesos.so, for the Java drivers, into DESTDIR and PREFIX (/usr/local)
ifneq ($(JNI_DIR),)
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib
	$(Q)install -m 755 $(if $(STRIP),-s) $(B)/libmesos.so $(DESTDIR)$(PREFIX)/lib/
else
	@echo "  libmesos.so is not installed: it is not built"
endif
.PHONY: install-libmesos
