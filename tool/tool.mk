# SPDX-License-Identifier: GPL-2.0-or-later
# The operator's command, build/tool/fastballoon, its man pages and its completion.

FB_VERSION ?= 0.1
FB_TOOL := $(B)/tool/fastballoon
FB_TOOL_SRCS := $(wildcard tool/*.c)
FB_TOOL_OBJS := $(FB_TOOL_SRCS:%.c=$(B)/%.o)
FB_TOOL_MAN := $(wildcard tool/man/*.1)
FB_TOOL_CFLAGS = $(CFLAGS_COMMON) -D_GNU_SOURCE -DFB_VERSION='"$(FB_VERSION)"' \
	-DFB_MULTIARCH='"$(shell $(CC) -print-multiarch)"' $(shell pkg-config --cflags json-c)

$(FB_TOOL_OBJS): $(B)/tool/%.o: tool/%.c tool/tool.mk
	@mkdir -p $(@D)
	$(CC) $(FB_TOOL_CFLAGS) -MMD -MP -c -o $@ $<

$(FB_TOOL): $(FB_TOOL_OBJS)
	$(CC) -Wl,-z,relro,-z,now -o $@ $^ $(shell pkg-config --libs json-c)

# The pure parts, under the sanitizers.
FB_TOOL_TEST := $(B)/tests/unit/test_tool_text

$(FB_TOOL_TEST): tests/tool/test_tool_text.c tool/size.c tool/quote.c tool/tool.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -D_GNU_SOURCE -Itool -MMD -MP -o $@ $(filter %.c,$^) \
		$(shell pkg-config --libs cmocka)

# What the tool makes of others' words; its functions lie beside those that ask QEMU.
FB_TOOL_TEST_WORDS := $(B)/tests/unit/test_tool_words

$(FB_TOOL_TEST_WORDS): tests/tool/test_tool_words.c $(filter-out tool/main.c tool/cmd_%.c,$(FB_TOOL_SRCS)) \
		tool/tool.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(FB_TOOL_CFLAGS) -Itool -MMD -MP -o $@ $(filter %.c,$^) \
		$(shell pkg-config --libs cmocka json-c)

# The whole command under the sanitizers, for peers that misbehave.
FB_TOOL_SANITIZED := $(B)/tests/tool/fastballoon

$(FB_TOOL_SANITIZED): $(FB_TOOL_SRCS) $(wildcard tool/*.h) tool/tool.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(FB_TOOL_CFLAGS) -o $@ $(FB_TOOL_SRCS) $(shell pkg-config --libs json-c)

-include $(FB_TOOL_OBJS:.o=.d) $(FB_TOOL_TEST).d $(FB_TOOL_TEST_WORDS).d
ALL += $(FB_TOOL)
TESTBINS += $(FB_TOOL_TEST) $(FB_TOOL_TEST_WORDS) $(FB_TOOL_SANITIZED)
INSTALL_PARTS += tool

.PHONY: install-tool uninstall-tool

install-tool: $(FB_TOOL)
	install -D -m 755 $(FB_TOOL) $(DESTDIR)$(PREFIX)/bin/fastballoon
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(FB_TOOL_MAN) $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 tool/completion/fastballoon \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/fastballoon

uninstall-tool:
	rm -f $(DESTDIR)$(PREFIX)/bin/fastballoon \
		$(FB_TOOL_MAN:tool/man/%=$(DESTDIR)$(PREFIX)/share/man/man1/%) \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/fastballoon
