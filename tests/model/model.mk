# SPDX-License-Identifier: GPL-2.0-or-later
# model.mk - builds the search of the hinting protocol; it runs as one of the unit tests.

MODEL_OBJ_DIR := $(B)/tests/model
MODEL_OBJS := $(patsubst tests/model/%.c,$(MODEL_OBJ_DIR)/%.o,$(wildcard tests/model/*.c))
MODEL_BIN := $(UNIT_DIR)/hint_model

TESTBINS += $(MODEL_BIN)

$(MODEL_OBJS): $(MODEL_OBJ_DIR)/%.o: tests/model/%.c tests/model/model.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(MODEL_BIN): $(MODEL_OBJS) $(UNIT_DEVICE_OBJS)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

-include $(MODEL_OBJS:.o=.d)
