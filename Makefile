# gitsign-hsm: see README.md. `make help` lists the targets.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
DESTDIR ?=

# V names a variant of the build with a directory of its own: asan, fuzz, clang.
V ?=
B := build$(if $(V),/$(V))

CC ?= cc
PKG_CONFIG ?= pkg-config
pkg = $(shell $(PKG_CONFIG) $(1) $(2))

CRYPTO_CFLAGS := $(call pkg,--cflags,libcrypto)
CRYPTO_LIBS := $(call pkg,--libs,libcrypto)
P11_CFLAGS := $(call pkg,--cflags,p11-kit-1)
GIT2_CFLAGS := $(call pkg,--cflags,libgit2)
GIT2_LIBS := $(call pkg,--libs,libgit2)
CHECK_CFLAGS := $(call pkg,--cflags,check)
CHECK_LIBS := $(call pkg,--libs,check)

# The OpenSSF compiler hardening guide, as far as gcc 12 and clang 14 know it.
HARDEN_CFLAGS := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-fno-delete-null-pointer-checks -fno-strict-overflow -ftrivial-auto-var-init=zero -fPIE
HARDEN_CPPFLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
HARDEN_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen -Wl,--as-needed -Wl,-O1
WARN := -Wall -Wextra -Werror -Wformat=2 -Wformat-security -Wconversion -Wno-sign-conversion \
	-Wimplicit-fallthrough -Wvla -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wundef -Wpointer-arith -Wcast-qual

OPT := -O2 -g
ifeq ($(V),asan)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN_CPPFLAGS :=
HARDEN_LDFLAGS := -pie -Wl,--as-needed
endif

CFLAGS ?=
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN_CFLAGS) $(HARDEN_CPPFLAGS) -Ilib -I. \
	-DGH_VERSION='"$(VERSION)"' -D_GNU_SOURCE \
	$(CRYPTO_CFLAGS) $(P11_CFLAGS) $(GIT2_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(OPT) $(HARDEN_LDFLAGS) $(LDFLAGS)

# Layers, lowest first: a layer is linked with itself and lower ones only.
LAYERS := base token sig object repo trust record policy
LIBS_base := $(CRYPTO_LIBS)
LIBS_repo := $(GIT2_LIBS)

objs = $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard $(1))))
$(foreach l,$(LAYERS),$(eval OBJS_$(l) := $(call objs,lib/$(l)/*.c)))

# upto(layer): the layers from `layer` down, highest first, as the linker wants them.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
pos = $(words $(shell echo $(LAYERS) | sed 's/\b$(1)\b.*/$(1)/'))
upto = $(call reverse,$(wordlist 1,$(call pos,$(1)),$(LAYERS)))
ars = $(foreach l,$(1),$(B)/lib/lib$(l).a)
libs = $(foreach l,$(1),$(LIBS_$(l))) -ldl -pthread

.PHONY: all
all: programs

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define layer_rule
$(B)/lib/lib$(1).a: $$(OBJS_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

# --- programs -----------------------------------------------------------
MAIN_LAYERS := $(call reverse,base token sig)
BIN_SRC := $(wildcard gitsign-hsm/*.c)
include programs.mk

# --- unit tests: tests/unit/<layer>_<what>.c ------------------------------
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))

define unit_rule
$(B)/unit/$(1): $(B)/obj/tests/unit/$(1).o $(call ars,$(call upto,$(firstword $(subst _, ,$(1)))))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(CHECK_LIBS) $(call libs,$(call upto,$(firstword $(subst _, ,$(1)))))
endef
$(foreach t,$(patsubst tests/unit/%.c,%,$(UNIT_SRC)),$(eval $(call unit_rule,$(t))))
$(B)/obj/tests/unit/%.o: ALL_CFLAGS += $(CHECK_CFLAGS) -Wno-conversion

.PHONY: unit
unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do echo "# $$t"; $$t; done

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
