.PHONY: programs
programs: $(call ars,$(LAYERS))

# Hooks: each a short main over every layer.
HOOK_SRC := $(wildcard hooks/*.c)
HOOKS := $(patsubst hooks/%.c,$(B)/hooks/%,$(HOOK_SRC))
$(HOOKS): $(B)/hooks/%: $(B)/obj/hooks/%.o $(call ars,$(call reverse,$(LAYERS)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$(LAYERS))
programs: $(HOOKS)
