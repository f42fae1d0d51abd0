# gitsign-hsm: see README.md. `make help` lists the targets.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
# Not every shell has made a path of it.
override PREFIX := $(patsubst ~/%,$(HOME)/%,$(PREFIX))
DESTDIR ?=

# V names a variant of the build with a directory of its own: asan, fuzz, clang, tsan.
V ?=
B := build$(if $(V),/$(V))

ifeq ($(V),clang)
CC := clang
endif
ifeq ($(V),fuzz)
CC := clang
endif
PKG_CONFIG ?= pkg-config
# Empty when a package is missing, so that `make deps` works everywhere.
pkg = $(shell $(PKG_CONFIG) $(1) $(2) 2>/dev/null)

CRYPTO_CFLAGS := $(call pkg,--cflags,libcrypto)
CRYPTO_LIBS := $(call pkg,--libs,libcrypto)
P11_CFLAGS := $(call pkg,--cflags,p11-kit-1)
P11_MODULES := $(call pkg,--variable=p11_module_path,p11-kit-1)
GIT2_CFLAGS := $(call pkg,--cflags,libgit2)
GIT2_LIBS := $(call pkg,--libs,libgit2)
Z_CFLAGS := $(call pkg,--cflags,zlib libdeflate)
Z_LIBS := $(call pkg,--libs,zlib libdeflate)
CURL_CFLAGS := $(call pkg,--cflags,libcurl jansson)
CURL_LIBS := $(call pkg,--libs,libcurl jansson)
ASSUAN_CFLAGS := $(call pkg,--cflags,libassuan gpg-error)
ASSUAN_LIBS := $(call pkg,--libs,libassuan gpg-error)
SECRET_CFLAGS := $(call pkg,--cflags,libsecret-1)
SECRET_LIBS := $(call pkg,--libs,libsecret-1)
FETCH_CFLAGS := $(call pkg,--cflags,libp11 libqrencode libssl)
FETCH_LIBS := $(call pkg,--libs,libp11 libqrencode libssl)
CHECK_CFLAGS := $(call pkg,--cflags,check)
CHECK_LIBS := $(call pkg,--libs,check)

# The OpenSSF compiler hardening guide, as far as gcc 12 and clang 14 know it.
HARDEN_CFLAGS := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-fno-delete-null-pointer-checks -fno-strict-overflow -ftrivial-auto-var-init=zero -fPIE
HARDEN_CPPFLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
HARDEN_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen -Wl,--as-needed -Wl,-O1
# git runs bin/gitsign-hsm for each commit, and loading libc was a quarter of what that costs: it
# is linked in, where there is what that takes. FRONT_LDFLAGS= has it loaded as by the others.
STATIC_PIE = $(foreach f,libc.a rcrt1.o,$(filter /%,$(shell $(CC) -print-file-name=$(f))))
FRONT_LDFLAGS ?= $(if $(V),,$(if $(word 2,$(STATIC_PIE)),-static-pie))
WARN := -Wall -Wextra -Werror -Wformat=2 -Wformat-security -Wconversion -Wno-sign-conversion \
	-Wimplicit-fallthrough -Wvla -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wundef -Wpointer-arith -Wcast-qual

OPT := -O2 -g
ifeq ($(V),asan)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN_CPPFLAGS :=
HARDEN_LDFLAGS := -pie -Wl,--as-needed
endif

ifeq ($(V),fuzz)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
HARDEN_CPPFLAGS :=
HARDEN_LDFLAGS := -pie -Wl,--as-needed
endif
ifeq ($(V),tsan)
CC := clang
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
HARDEN_CPPFLAGS :=
HARDEN_LDFLAGS := -pie -Wl,--as-needed
endif
# Lines that a run goes through, for gcov.
ifeq ($(V),cov)
OPT := -O0 -g --coverage -Wno-maybe-uninitialized
HARDEN_CFLAGS :=
HARDEN_CPPFLAGS :=
HARDEN_LDFLAGS :=
endif
# clang 14 has the option, but wants to be told twice.
ifneq ($(findstring clang,$(CC)),)
HARDEN_CFLAGS += $(shell $(CC) --version | grep -q 'version 1[0-5]\.' && \
	echo -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
endif

CFLAGS ?=
ALL_CFLAGS = -std=gnu11 $(WARN) $(OPT) $(HARDEN_CFLAGS) $(HARDEN_CPPFLAGS) -Ilib -I. \
	-DGH_VERSION='"$(VERSION)"' -D_GNU_SOURCE \
	$(CRYPTO_CFLAGS) $(P11_CFLAGS) $(GIT2_CFLAGS) $(Z_CFLAGS) $(CURL_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(OPT) $(HARDEN_LDFLAGS) $(LDFLAGS)

# VERBOSE=1 shows whole command lines.
Q := $(if $(VERBOSE),,@)
say = $(if $(VERBOSE),,@printf '  %-5s %s\n' $(1) $(2))

# Layers, lowest first: a layer is linked with itself and lower ones only.
LAYERS := base token sig object repo trust record policy cred oauth
LIBS_base := $(CRYPTO_LIBS)
LIBS_repo := $(GIT2_LIBS) $(Z_LIBS)
LIBS_oauth := $(CURL_LIBS)

objs = $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard $(1))))
$(foreach l,$(LAYERS),$(eval OBJS_$(l) := $(call objs,lib/$(l)/*.c)))

# upto(layer): the layers from `layer` down, highest first, as the linker wants them.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
pos = $(words $(shell echo $(LAYERS) | sed 's/\b$(1)\b.*/$(1)/'))
upto = $(call reverse,$(wordlist 1,$(call pos,$(1)),$(LAYERS)))
ars = $(foreach l,$(1),$(B)/lib/lib$(l).a)
libs = $(foreach l,$(1),$(LIBS_$(l))) -ldl -pthread

.PHONY: all
all: have-libraries programs

# The compiler's own words for a missing library help nobody.
.PHONY: have-libraries
have-libraries:
ifeq ($(and $(CRYPTO_LIBS),$(P11_CFLAGS),$(GIT2_LIBS),$(Z_LIBS),$(CURL_LIBS),$(SECRET_LIBS),$(ASSUAN_LIBS),$(FETCH_LIBS)),)
	@echo "make: a library that the build needs is missing: type \`make deps'" >&2; exit 1
endif

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define layer_rule
$(B)/lib/lib$(1).a: $$(OBJS_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call say,AR,$$@)
	$(Q)ar rcs $$@ $$^
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
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(CHECK_LIBS) $(call libs,$(call upto,$(firstword $(subst _, ,$(1)))))
endef
$(foreach t,$(patsubst tests/unit/%.c,%,$(UNIT_SRC)),$(eval $(call unit_rule,$(t))))
$(B)/obj/tests/unit/%.o: ALL_CFLAGS += $(CHECK_CFLAGS) -Wno-conversion

.PHONY: unit
unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do echo "# $$t"; $$t; done

# Everything that is compiled: what another compiler is run over.
.PHONY: all-bins
all-bins: all test-tools $(UNIT_BIN)

# Does each header compile by itself?
HDR_CHECK := $(patsubst %.h,$(B)/hdr/%.ok,$(wildcard lib/*/*.h gitsign-hsm/*.h gitsign-hsm/*/*.h hooks/common/*.h helper/*.h))
$(B)/hdr/%.ok: %.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -include $< -fsyntax-only -x c /dev/null
	@touch $@
.PHONY: hdr-check
hdr-check: $(HDR_CHECK)

# --- tools for the tests: tests/tools/, into $(B)/tests -------------------
.PHONY: test-tools
test-tools:
-include tests/tools/tools.mk

# --- the packages that tests/servers stand on, from the npm registry into build/npm ---
# Where they do not come, the tests that need them are skipped with a word.
NPM := timeout 180 npm ci --fetch-retries=1 --prefix build/npm --ignore-scripts --no-audit --no-fund --no-update-notifier
.PHONY: test-servers
test-servers: build/npm/done
build/npm/done: tests/servers/package.json tests/servers/package-lock.json
	@mkdir -p build/npm
	@cp $^ build/npm/
	$(call say,NPM,build/npm)
	$(Q)if $(NPM) >build/npm/log 2>&1; then touch $@; else \
		rm -rf build/npm/node_modules; tail -n 3 build/npm/log >&2; \
		echo "make: the npm registry cannot be had: the tests of tests/servers are skipped" >&2; fi

# --- measuring: tests/bench/*.c, a program each, into $(B)/bench ----------
BENCH_BIN := $(patsubst tests/bench/%.c,$(B)/bench/%,$(sort $(wildcard tests/bench/*.c)))
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(call ars,$(call reverse,$(LAYERS)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$(LAYERS))
$(B)/obj/tests/bench/%.o: ALL_CFLAGS += -Wno-conversion

# --- fuzz targets: tests/fuzz/fuzz_<what>.c, clang only -------------------
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(B)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

# With V=cov they run over the files that they are given, and that is all.
FUZZ_MAIN := $(if $(filter cov,$(V)),$(B)/obj/tests/fuzz/replay.o)
$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(call ars,$(call reverse,$(LAYERS)))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(call libs,$(LAYERS))

.PHONY: fuzz-bins
fuzz-bins: $(FUZZ_BIN)

# --- the targets that people type ------------------------------------------
.PHONY: deps
deps:
	@contrib/deps.sh -v build check servers lint

# Packages may come while `make check` runs: a second make sees the new flags.
.PHONY: check check-bins check-now
check:
	@contrib/deps.sh build check servers
	@$(MAKE) --no-print-directory check-now
check-bins: all completions test-tools $(UNIT_BIN)
check-now: check-bins $(if $(T),$(if $(findstring /t4,$(T)),test-servers),test-servers)
	@tests/run.sh $(B) $(T)

.PHONY: quickstart
quickstart:
	@contrib/deps.sh build check
	@contrib/quickstart.sh

.PHONY: lint
lint:
	@contrib/deps.sh build check lint
	@tests/lint/run.sh

.PHONY: asan
asan:
	@contrib/deps.sh build check servers
	@$(MAKE) --no-print-directory V=asan check-now

# For programs with threads: the agent (t12*.t) and the hooks (t3090-hook-threads.t).
.PHONY: tsan
tsan:
	@contrib/deps.sh build check lint
	@$(MAKE) --no-print-directory V=tsan all completions test-tools
	@tests/run.sh build/tsan $(or $(T),$(filter-out %-root.t,$(wildcard \
		tests/system/t12*-agent*.t tests/system/t*-threads.t)))

.PHONY: fuzz
fuzz:
	@contrib/deps.sh build lint
	@$(MAKE) --no-print-directory V=fuzz fuzz-bins
	@tests/fuzz/run.sh build/fuzz

# How much of each reader its seeds reach, without any fuzzing.
.PHONY: fuzz-cov
fuzz-cov:
	@contrib/deps.sh build
	@$(MAKE) --no-print-directory V=cov fuzz-bins $(if $(wildcard $(B)/tests/cms-tool),,test-tools)
	@tests/fuzz/cov.sh build/cov

.PHONY: bench
bench:
	@contrib/deps.sh build check lint
	@$(MAKE) --no-print-directory bench-now
.PHONY: bench-now
bench-now: all test-tools $(BENCH_BIN)
	@tests/bench/run.sh $(B)

# The tests that are short in `make check', in full: many pushers, many kills.
.PHONY: soak
soak:
	@GH_SOAK=1 $(MAKE) --no-print-directory check-now T="tests/system/t2200-concurrent.t \
		tests/system/t2210-killed.t"

# Each check taken out in turn: does its case of tests/attack notice? Takes long.
.PHONY: mutants
mutants: all test-tools
	@tests/attack/mutants.sh $(B) $(CASES)

.PHONY: check-fresh
check-fresh:
	@contrib/deps.sh lint
	@contrib/check-fresh.sh

.PHONY: format
format:
	tests/lint/format.sh --fix $$(git ls-files '*.c' '*.h')

INSTALL ?= install
COMPLETED := gitsign-hsm git-credential-hsm
BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/gitsign-hsm
SHAREDIR := $(DESTDIR)$(PREFIX)/share
MANDIR := $(SHAREDIR)/man
DOCDIR := $(SHAREDIR)/doc/gitsign-hsm
# Where systemd looks: below a home in share/ only.
UNITDIR := $(DESTDIR)$(PREFIX)/$(if $(filter $(HOME)/%,$(PREFIX)),share,lib)/systemd/user
DOCS := README.md CHANGELOG.md LICENSE

# Only what stands in the tree: programs and pages come one by one. install-only builds
# nothing, so that tests/run.sh leaves the tree alone.
.PHONY: install install-only
install: all completions
	+@$(MAKE) --no-print-directory install-only
install-only:
	@test -s $(B)/completions/$(lastword $(COMPLETED)).fish || { \
		echo "make: not all is built: type \`make all completions' first" >&2; exit 1; }
	$(INSTALL) -d $(BINDIR) $(LIBEXECDIR)/hooks
	set -e; for f in $(wildcard $(B)/bin/*); do $(INSTALL) -m 755 $$f $(BINDIR)/; done
	set -e; for f in $(wildcard $(B)/libexec/gitsign-hsm/*); do \
		$(INSTALL) -m 755 $$f $(LIBEXECDIR)/; done
	set -e; for f in $(wildcard $(B)/hooks/*); do $(INSTALL) -m 755 $$f $(LIBEXECDIR)/hooks/; done
	set -e; for f in $(wildcard man/*.[1-8]); do d=$(MANDIR)/man$${f##*.}; \
		$(INSTALL) -d $$d; $(INSTALL) -m 644 $$f $$d/; done
	set -e; for p in $(COMPLETED); do \
		$(INSTALL) -Dm 644 $(B)/completions/$$p.bash $(SHAREDIR)/bash-completion/completions/$$p; \
		$(INSTALL) -Dm 644 $(B)/completions/$$p.zsh $(SHAREDIR)/zsh/site-functions/_$$p; \
		$(INSTALL) -Dm 644 $(B)/completions/$$p.fish $(SHAREDIR)/fish/vendor_completions.d/$$p.fish; done
	$(INSTALL) -d $(DOCDIR)/setup $(DOCDIR)/servers
	set -e; for d in setup servers; do $(INSTALL) -m 644 contrib/$$d/*.md $(DOCDIR)/$$d/; done
	$(INSTALL) -m 644 $(DOCS) $(DOCDIR)/
	$(INSTALL) -d $(UNITDIR)
	$(INSTALL) -m 644 contrib/systemd/*.service contrib/systemd/*.socket $(UNITDIR)/
	sed 's|^ExecStart=|&$(PREFIX)/bin/|' contrib/systemd/gitsign-hsm-agent.service \
		>$(UNITDIR)/gitsign-hsm-agent.service

# Completions are made from what the programs say of themselves.
completion_files = $(foreach p,$(COMPLETED),$(B)/completions/$(p).$(1))
$(foreach s,bash zsh fish,$(eval $(call completion_files,$(s)): $(B)/completions/%.$(s): \
	$(B)/bin/% $(SIBLINGS)/verbs $(SIBLINGS)/credential-fetch contrib/completions/make.sh ; \
	@mkdir -p $$(@D) && contrib/completions/make.sh $$< $(s) >$$@.new && mv $$@.new $$@))
.PHONY: completions
completions: $(foreach s,bash zsh fish,$(call completion_files,$(s)))

.PHONY: uninstall
uninstall:
	rm -f $(BINDIR)/gitsign-hsm $(BINDIR)/git-credential-hsm
	rm -rf $(LIBEXECDIR) $(DOCDIR)
	rm -f $(addprefix $(UNITDIR)/,$(notdir $(wildcard contrib/systemd/*.*)))
	set -e; for p in $(COMPLETED); do rm -f $(SHAREDIR)/bash-completion/completions/$$p \
		$(SHAREDIR)/zsh/site-functions/_$$p $(SHAREDIR)/fish/vendor_completions.d/$$p.fish; done
	set -e; for f in $(notdir $(wildcard man/*.[1-8])); do rm -f $(MANDIR)/man$${f##*.}/$$f; done

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo "make              build the programs into build/"
	@echo "make deps         install the Debian packages that are missing (DEPS=no: only tell)"
	@echo "make quickstart   see it work: token, key, signed commit, push, refusals; in a temporary directory"
	@echo "make check        all tests (T=tests/system/x.t: only that one)"
	@echo "make install      into PREFIX=$(PREFIX), below DESTDIR; make uninstall"
	@echo "make lint         style, layers, banned functions, static analysis, man pages"
	@echo "make asan         the tests with address and undefined-behaviour sanitizers"
	@echo "make tsan         the tests of threads with the thread sanitizer (T=tests/system/x.t)"
	@echo "make fuzz         a short run of every fuzz target (FUZZ_SECONDS=60)"
	@echo "make fuzz-cov     how many lines of each reader the seeds reach"
	@echo "make soak         eight pushers with 100 pushes each; hook and receive-pack killed 200 times"
	@echo "make mutants      is each check missed when it is gone? (CASES=\"1a 2\": only these)"
	@echo "make bench        speed beside other programs; compares with tests/bench/RESULTS.md"
	@echo "make check-fresh  quickstart and check in a fresh Debian 12 (as root)"
	@echo "make format       clang-format over all sources"
	@echo "make clean        remove build/"

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
