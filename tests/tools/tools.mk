# Tools for the tests, into $(B)/tests.
PRELOADED := $(addprefix $(B)/tests/,clock.so dumps.so cut.so peak.so no-dns.so)
TEST_TOOLS := $(B)/tests/cms-tool $(B)/tests/agent-load $(B)/tests/p11-raw $(B)/tests/mock-p11.so \
	$(B)/tests/kill-worker $(B)/tests/measure $(PRELOADED)
test-tools: $(TEST_TOOLS)

$(B)/tests/cms-tool: $(B)/obj/tests/tools/cms-tool.o $(call ars,$(call upto,sig))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$(call upto,sig))
$(B)/obj/tests/tools/%.o: ALL_CFLAGS += -Wno-conversion

$(B)/tests/agent-load: $(B)/obj/tests/tools/agent-load.o $(call ars,$(call upto,token))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call libs,$(call upto,token))

# A reference for the bench: nothing of ours in it.
$(B)/tests/p11-raw: $(B)/obj/tests/tools/p11-raw.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -ldl

# Nothing of ours, and not instrumented: they trace and measure what is.
$(B)/tests/kill-worker $(B)/tests/measure: $(B)/tests/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -o $@ $<

# A module is somebody else's: never instrumented, whatever loads it is.
$(B)/tests/mock-p11.so: tests/tools/mock-p11.c tests/tools/mock-p11-objects.c tests/tools/mock-p11.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -fPIC -shared -Wl,-Bsymbolic \
		$(P11_CFLAGS) $(CRYPTO_CFLAGS) -o $@ $(filter %.c,$^) $(CRYPTO_LIBS)

$(PRELOADED): $(B)/tests/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -fPIC -shared -o $@ $<
