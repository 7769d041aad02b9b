# SPDX-License-Identifier: Apache-2.0
# Stoa. `make help` lists the targets. One file, no recursion: every folder of sources becomes one archive,
# every archive names below the ones that it may use, and `make layers` proves it from the objects.

CC      ?= gcc
comma   := ,
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
VARIANT := $(if $(SAN),san-$(subst $(comma),-,$(SAN)))$(if $(findstring clang,$(CC)),$(if $(SAN),-)clang)
B       ?= build$(if $(VARIANT),/$(VARIANT))
O       := $(B)/obj
PROTOC_OUT := $(B)/gen

PKGS    := libprotobuf-c libevent libevent_openssl libcjson openssl sqlite3 zlib
EXTRA_PKGS := libcgroup libseccomp libcurl libarchive
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wvla -Wformat=2 -Wmissing-prototypes
OPT     ?= -O2
CFLAGS  ?= $(OPT) -g
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
# Fields that the protocol calls deprecated are still what old frameworks send: reading them is our business.
override CPPFLAGS += -D_GNU_SOURCE -DPROTOBUF_C__NO_DEPRECATED -I. -I$(PROTOC_OUT) -Ischeduler-sdk/include -Iexecutor/include
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(SANFLAGS) -fvisibility=hidden -fPIC
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lhttp_parser -lzookeeper_st -lm -lpthread -ldl
AGENT_LIBS := -lcgroup -lseccomp -lcap

.DEFAULT_GOAL := all

# --- sources, by folder ---------------------------------------------------------------------------------
BASE_SRC     := $(wildcard common/base/*.c)
MODEL_SRC    := $(wildcard common/model/*.c)
WIRE_SRC     := $(wildcard common/wire/*.c)
IO_SRC       := $(wildcard common/io/*.c)
PROTOS       := $(wildcard proto/*.proto)
GEN_C        := $(patsubst proto/%.proto,$(PROTOC_OUT)/proto/%.pb-c.c,$(PROTOS))
GEN_H        := $(GEN_C:.c=.h)
MASTER_CORE_SRC   := $(wildcard master/core/*.c master/core/alloc/*.c)
MASTER_WIRE_SRC   := $(wildcard master/wire/*.c)
MASTER_SRC        := $(wildcard master/*.c)
AGENT_CORE_SRC    := $(wildcard agent/core/*.c)
AGENT_WIRE_SRC    := $(wildcard agent/wire/*.c)
AGENT_SRC         := $(wildcard agent/*.c agent/isolation/*.c agent/images/*.c)
SDK_CORE_SRC      := $(wildcard scheduler-sdk/core/*.c)
SDK_SRC           := $(wildcard scheduler-sdk/*.c)
EXECSDK_SRC       := $(wildcard executor/sdk/*.c)
EXEC_CORE_SRC     := $(wildcard executor/core/*.c)
EXEC_SRC          := $(wildcard executor/*.c)
MARATHON_CORE_SRC := $(wildcard marathon/core/*.c)
MARATHON_SRC      := $(wildcard marathon/*.c marathon/api/*.c)
CLI_SRC           := $(wildcard cli/*.c cli/bench/*.c)
WEBUI_SRC         := $(wildcard webui/*.c)
SIM_SRC           := $(wildcard tests/sim/*.c)
LIBMESOS_WIRE_SRC := $(wildcard libmesos/wire/*.c)
LAUNCHER_SRC      := $(wildcard agent/launcher/*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
GEN_OBJ := $(patsubst $(PROTOC_OUT)/%.c,$(O)/gen/%.o,$(GEN_C))

# --- archives -------------------------------------------------------------------------------------------
L := $(B)/lib
$(L)/libbase.a:          $(call obj,$(BASE_SRC))
$(L)/libmodel.a:         $(call obj,$(MODEL_SRC))
$(L)/libproto.a:         $(GEN_OBJ)
$(L)/libwire.a:          $(call obj,$(WIRE_SRC))
$(L)/libio.a:            $(call obj,$(IO_SRC))
$(L)/libmaster-core.a:   $(call obj,$(MASTER_CORE_SRC))
$(L)/libmaster-wire.a:   $(call obj,$(MASTER_WIRE_SRC))
$(L)/libmaster.a:        $(call obj,$(MASTER_SRC))
$(L)/libagent-core.a:    $(call obj,$(AGENT_CORE_SRC))
$(L)/libagent-wire.a:    $(call obj,$(AGENT_WIRE_SRC))
$(L)/libagent.a:         $(call obj,$(AGENT_SRC))
$(L)/libsdk-core.a:      $(call obj,$(SDK_CORE_SRC))
$(L)/libsdk.a:           $(call obj,$(SDK_SRC))
$(L)/libexecsdk.a:       $(call obj,$(EXECSDK_SRC))
$(L)/libexec-core.a:     $(call obj,$(EXEC_CORE_SRC))
$(L)/libexec.a:          $(call obj,$(EXEC_SRC))
$(L)/libmarathon-core.a: $(call obj,$(MARATHON_CORE_SRC))
$(L)/libmarathon.a:      $(call obj,$(MARATHON_SRC))
$(L)/libmesos-wire.a:    $(call obj,$(LIBMESOS_WIRE_SRC))
$(L)/libcli.a:           $(call obj,$(CLI_SRC))
$(L)/libwebui.a:         $(call obj,$(WEBUI_SRC))
$(L)/libsim.a:           $(call obj,$(SIM_SRC))

# What each archive is linked with in a test of its own layer; the order is the link order.
DEPS_base     := base
DEPS_model    := model base
DEPS_wire     := wire proto model base
DEPS_io       := io wire proto model base
DEPS_master   := master master-wire master-core webui io wire proto model base
DEPS_agent    := agent agent-wire agent-core io wire proto model base
DEPS_sdk      := sdk sdk-core io wire proto model base
DEPS_executor := exec exec-core execsdk io wire proto model base
DEPS_marathon := marathon marathon-core webui sdk sdk-core io wire proto model base
DEPS_libmesos := mesos-wire wire proto model base
DEPS_cli      := cli $(DEPS_master) $(DEPS_agent) $(DEPS_marathon)
CORE_ARCHIVES := base model master-core agent-core sdk-core exec-core marathon-core mesos-wire
ALL_ARCHIVES  := cli sim master master-wire master-core agent agent-wire agent-core \
                 marathon marathon-core sdk sdk-core webui io wire proto model base
libs = $(foreach a,$(1),$(L)/lib$(a).a)

$(L)/lib%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(O)/gen/%.o: $(PROTOC_OUT)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<

$(PROTOC_OUT)/proto/%.pb-c.c $(PROTOC_OUT)/proto/%.pb-c.h: proto/%.proto $(PROTOS)
	@mkdir -p $(PROTOC_OUT)
	@$(if $(Q),echo "  PROTOC $<")
	$(Q)protoc-c --c_out=$(PROTOC_OUT) $<

# Kept, not removed as intermediate files: make would otherwise generate them again and again.
.SECONDARY: $(GEN_C) $(GEN_H)

# Whatever may include generated headers waits for them.
$(call obj,$(WIRE_SRC) $(IO_SRC) $(MASTER_SRC) $(MASTER_WIRE_SRC) $(AGENT_SRC) $(AGENT_WIRE_SRC) $(SDK_SRC) \
  $(SDK_CORE_SRC) $(EXECSDK_SRC) $(EXEC_SRC) $(EXEC_CORE_SRC) $(MARATHON_SRC) $(CLI_SRC) $(SIM_SRC)): | $(GEN_H)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
include $(wildcard make/*.mk)
