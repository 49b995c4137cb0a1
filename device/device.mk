# SPDX-License-Identifier: BSD-3-Clause
# device.mk - builds the device core as a static library for the binding to link.

DEVICE_SRCS := $(addprefix device/,bitmap.c ctrl.c ctrl_name.c device.c discard.c hint.c inflate.c \
	iov.c message.c partial.c range.c report.c request.c stats.c)
DEVICE_OBJS := $(DEVICE_SRCS:%.c=$(B)/%.o)
DEVICE_LIB := $(B)/device/libfastballoon-device.a
DEVICE_CFLAGS := $(CFLAGS_COMMON) -fPIC -fvisibility=hidden

ALL += $(DEVICE_LIB)

$(B)/device/%.o: device/%.c device/device.mk
	@mkdir -p $(@D)
	$(CC) $(DEVICE_CFLAGS) -MMD -MP -c -o $@ $<

$(DEVICE_LIB): $(DEVICE_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

-include $(DEVICE_OBJS:.o=.d)
