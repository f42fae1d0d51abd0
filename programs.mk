.PHONY: programs
programs: $(call ars,$(LAYERS))

# Hooks: each a short main over every layer.
HOOK_SRC := $(wildcard hooks/*.c)
HOOKS := $(patsubst hooks/%.c,$(B)/hooks/%,$(HOOK_SRC))
$(HOOKS): $(B)/hooks/%: $(B)/obj/hooks/%.o $(call ars,$(call reverse,$(LAYERS)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$(LAYERS))
# Programs are linked once every room has its code.
ROOMS := $(and $(wildcard lib/base/der*.c),$(wildcard lib/base/alg*.c),$(wildcard lib/base/pem*.c),$(wildcard lib/sig/cms*.c),$(wildcard lib/object/*.c),$(wildcard lib/repo/*.c))
ifneq ($(ROOMS),)
programs: $(HOOKS)
endif
