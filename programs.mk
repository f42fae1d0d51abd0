.PHONY: programs
programs: $(call ars,$(LAYERS))
