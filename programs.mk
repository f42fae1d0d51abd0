# The programs. Each links its own objects and the layers, highest first; an
# archive gives only what is asked for, so a program needs no more libraries
# than its code does (tests/lint/needed.txt holds it to that).

# Signing must not wait for libgit2: the verbs that read repositories are a
# program of their own, which gitsign-hsm turns into.
SHARED_OBJS := $(call objs,gitsign-hsm/settings.c gitsign-hsm/select.c gitsign-hsm/signer.c \
	gitsign-hsm/judge_one.c gitsign-hsm/status.c gitsign-hsm/verb_table.c)
SIGN_OBJS := $(SHARED_OBJS) $(call objs,gitsign-hsm/main.c gitsign-hsm/args.c \
	gitsign-hsm/sign.c gitsign-hsm/verify.c)
VERB_OBJS := $(filter-out $(SIGN_OBJS),$(call objs,gitsign-hsm/*.c)) $(SHARED_OBJS)
ALL_ARS := $(call ars,$(call reverse,$(LAYERS)))

PROGRAMS := $(B)/bin/gitsign-hsm $(B)/libexec/gitsign-hsm/verbs
$(B)/bin/gitsign-hsm: $(SIGN_OBJS)
$(B)/libexec/gitsign-hsm/verbs: $(VERB_OBJS)

HOOKS := $(patsubst hooks/%.c,$(B)/hooks/%,$(wildcard hooks/*.c))
$(HOOKS): $(B)/hooks/%: $(B)/obj/hooks/%.o $(call objs,hooks/common/*.c)

$(PROGRAMS) $(HOOKS): $(ALL_ARS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(call libs,$(LAYERS))

.PHONY: programs
programs: $(PROGRAMS) $(HOOKS)
