# The programs. Each links its own objects and the layers, highest first; an
# archive gives only what is asked for, so a program needs no more libraries
# than its code does (tests/lint/needed.txt holds it to that).

# Signing must not wait for a library: bin/gitsign-hsm needs libc only and asks the
# agent; what needs libcrypto (direct, agent) or libgit2 (verbs) are programs of
# their own, which gitsign-hsm turns into.
SIGNER_OBJS := $(call objs,$(addprefix gitsign-hsm/,settings.c select.c \
	cert_files.c signer.c make.c status.c))
FRONT_OBJS := $(call objs,$(addprefix gitsign-hsm/,main.c args.c front.c front_verify.c \
	deliver.c settings.c verb_table.c))
DIRECT_OBJS := $(SIGNER_OBJS) $(call objs,$(addprefix gitsign-hsm/,direct.c verifier.c verifier_sample.c \
	args.c sign.c foreign.c verify.c deliver.c judge_one.c))
AGENT_OBJS := $(SIGNER_OBJS) $(call objs,gitsign-hsm/agent/*.c)
SHARED_OBJS := $(SIGNER_OBJS) $(call objs,gitsign-hsm/judge_one.c gitsign-hsm/verb_table.c)
VERB_OBJS := $(filter-out $(FRONT_OBJS) $(DIRECT_OBJS),$(call objs,gitsign-hsm/*.c)) $(SHARED_OBJS)
ALL_ARS := $(call ars,$(call reverse,$(LAYERS)))

SIBLINGS := $(B)/libexec/gitsign-hsm
PROGRAMS := $(B)/bin/gitsign-hsm $(addprefix $(SIBLINGS)/,direct agent verbs)
$(B)/bin/gitsign-hsm: $(FRONT_OBJS)
$(B)/bin/gitsign-hsm: MORE_LDFLAGS := $(FRONT_LDFLAGS)
$(SIBLINGS)/direct: $(DIRECT_OBJS)
$(SIBLINGS)/agent: $(AGENT_OBJS)
$(SIBLINGS)/verbs: $(VERB_OBJS)
$(B)/obj/gitsign-hsm/modules.o: ALL_CFLAGS += -DGH_P11_MODULES='"$(P11_MODULES)"'

PROGRAMS += $(SIBLINGS)/pinentry
$(SIBLINGS)/pinentry: $(call objs,gitsign-hsm/pinentry/*.c)
$(SIBLINGS)/pinentry: MORE_LIBS := $(ASSUAN_LIBS)
$(call objs,gitsign-hsm/pinentry/*.c): ALL_CFLAGS += $(ASSUAN_CFLAGS)

# The credential helper: the program that git runs needs libc only; the siblings that it
# turns into bring the libraries.
HELPER_OBJS := $(call objs,helper/ask.c helper/say.c helper/sibling.c helper/store.c)
HELPERS := $(B)/bin/git-credential-hsm $(addprefix $(SIBLINGS)/credential-,session keyring fetch)
PROGRAMS += $(HELPERS)
$(HELPERS): $(HELPER_OBJS)
$(B)/bin/git-credential-hsm: $(call objs,helper/main.c)
$(SIBLINGS)/credential-session: $(call objs,helper/session.c helper/memory.c)
$(SIBLINGS)/credential-keyring: $(call objs,helper/keyring.c helper/keyring_main.c)
$(SIBLINGS)/credential-keyring: MORE_LIBS := $(SECRET_LIBS)
$(B)/obj/helper/keyring.o: ALL_CFLAGS += $(SECRET_CFLAGS)
FETCH_OBJS := $(call objs,helper/fetch*.c helper/grant*.c helper/key.c helper/key_find.c \
	helper/mtls.c helper/people.c helper/verb*.c helper/report.c helper/explain*.c \
	$(addprefix gitsign-hsm/,settings.c select.c cert_files.c gitcmd.c))
$(SIBLINGS)/credential-fetch: $(FETCH_OBJS)
$(SIBLINGS)/credential-fetch: MORE_LIBS := $(FETCH_LIBS)
$(FETCH_OBJS): ALL_CFLAGS += $(FETCH_CFLAGS)

HOOKS := $(patsubst hooks/%.c,$(B)/hooks/%,$(wildcard hooks/*.c))
$(HOOKS): $(B)/hooks/%: $(B)/obj/hooks/%.o
# Of all the times that git runs this one few are of interest: it loads nothing.
HOOK_FRONT := $(B)/hooks/reference-transaction
$(filter-out $(HOOK_FRONT),$(HOOKS)): $(call objs,hooks/common/*.c)

# Linked in, libcrypto would not be seen by tests/lint/needed.txt: the front gets no library.
$(PROGRAMS) $(HOOKS): LINK_LIBS = $(if $(filter %/bin/gitsign-hsm,$@),,$(call libs,$(LAYERS)))
$(PROGRAMS) $(HOOKS): $(ALL_ARS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(MORE_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
		$(LINK_LIBS) $(MORE_LIBS)

.PHONY: programs
programs: $(PROGRAMS) $(HOOKS)
