// SPDX-License-Identifier: GPL-2.0-or-later
/* test_device.c - life of the device and its configuration space. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "mock_host.h"

#define FB_POISON FB_BIT(VIRTIO_BALLOON_F_PAGE_POISON)

static int fb_setup(void **state)
{
	*state = fb_mock_new(FB_POISON);
	return 0;
}

static int fb_teardown(void **state)
{
	fb_mock_free(*state);
	return 0;
}

static void fb_write_config(struct fb_mock *mock, uint32_t actual, uint32_t poison_val)
{
	struct virtio_balloon_config config = {
		.num_pages = htole32(0xdead),
		.actual = htole32(actual),
		.free_page_hint_cmd_id = htole32(0xdead),
		.poison_val = htole32(poison_val),
	};

	fb_device_set_config(&mock->dev, &config);
}

static void fb_test_config_bytes(void **state)
{
	struct fb_mock *mock = *state;
	struct virtio_balloon_config config;
	static const unsigned char expected[16] = {
		0x78, 0x56, 0x34, 0x12, 0x01, 0x02, 0x00, 0x00,
		0x01, 0x00, 0x00, 0x80, 0xaa, 0xbb, 0xcc, 0xdd,
	};

	fb_device_set_target(&mock->dev, 0x12345678);
	fb_write_config(mock, 0x201, 0xddccbbaa);
	fb_hint_begin(&mock->dev.hint);
	memset(&config, 0xff, sizeof(config));
	fb_device_get_config(&mock->dev, true, &config);
	assert_memory_equal(&config, expected, sizeof(expected));
}

static void fb_test_hint_not_offered(void **state)
{
	struct fb_mock *mock = *state;
	struct virtio_balloon_config config;

	fb_hint_begin(&mock->dev.hint);
	fb_device_get_config(&mock->dev, false, &config);
	assert_int_equal(config.free_page_hint_cmd_id, 0);
}

static void fb_test_target(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_target(&mock->dev, 5);
	fb_device_set_target(&mock->dev, 5);
	assert_int_equal(mock->dev.num_pages, 5);
	assert_int_equal(mock->config_changes, 2);
}

static void fb_test_actual_changed_once(void **state)
{
	struct fb_mock *mock = *state;

	fb_write_config(mock, 7, 0);
	fb_write_config(mock, 7, 1);
	fb_write_config(mock, 7, 2);
	assert_int_equal(mock->actual_changes, 1);
	assert_int_equal(mock->actual_pages, 7);
	fb_write_config(mock, UINT32_MAX, 0);
	assert_int_equal(mock->actual_changes, 2);
	assert_int_equal(mock->actual_pages, UINT32_MAX);
}

/* The driver writes the whole space; only its own fields count. */
static void fb_test_read_only_fields(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_set_target(&mock->dev, 3);
	fb_write_config(mock, 1, 0);
	assert_int_equal(mock->dev.num_pages, 3);
	assert_int_equal(mock->dev.hint.cmd_id, FB_HINT_CMD_ID_MIN);
}

static void fb_test_poison_needs_feature(void **state)
{
	struct fb_mock *mock = *state;

	fb_write_config(mock, 0, 0xaa);
	assert_int_equal(mock->dev.poison_val, 0xaa);
	fb_device_set_features(&mock->dev, 0);
	assert_int_equal(mock->dev.poison_val, 0);
	fb_write_config(mock, 0, 0xaa);
	assert_int_equal(mock->dev.poison_val, 0);
}

static void fb_test_reset(void **state)
{
	struct fb_mock *mock = *state;
	struct virtio_balloon_stat stat = { .tag = 0, .val = htole64(9) };

	fb_mock_add_ram(mock, 0, FB_MIB, FB_PAGE_SIZE);
	fb_device_set_target(&mock->dev, 3);
	fb_write_config(mock, 2, 0xaa);
	FB_SEND_PFNS(mock, FB_MOCK_INFLATEQ, 1, 2);
	fb_mock_send(mock, FB_MOCK_STATSQ, &stat, sizeof(stat), 0, NULL, 0);
	fb_device_reset(&mock->dev);
	assert_int_equal(mock->dev.features, 0);
	assert_int_equal(mock->dev.poison_val, 0);
	assert_int_equal(mock->dev.stats[0], FB_STAT_UNSET);
	assert_int_equal(mock->dev.num_pages, 3);
	assert_int_equal(mock->dev.actual, 2);
	assert_int_equal(mock->dev.counters.inflated_bytes, 2 * FB_PAGE_SIZE);
}

static void fb_test_destroy_twice(void **state)
{
	struct fb_mock *mock = *state;

	fb_device_destroy(&mock->dev);
	fb_device_destroy(&mock->dev);
}

static void fb_test_out_of_memory(void **state)
{
	struct fb_mock *mock = *state;
	struct fb_device dev;

	for (unsigned int nth = 0; nth < 2; nth++) {
		fb_mock_fail_allocation(nth);
		assert_int_equal(fb_mock_init_device(mock, &dev), -ENOMEM);
	}
	assert_int_equal(fb_mock_init_device(mock, &dev), 0);
	fb_device_destroy(&dev);
}

#define FB_TEST(name) cmocka_unit_test_setup_teardown(name, fb_setup, fb_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FB_TEST(fb_test_config_bytes),
		FB_TEST(fb_test_hint_not_offered),
		FB_TEST(fb_test_target),
		FB_TEST(fb_test_actual_changed_once),
		FB_TEST(fb_test_read_only_fields),
		FB_TEST(fb_test_poison_needs_feature),
		FB_TEST(fb_test_reset),
		FB_TEST(fb_test_destroy_twice),
		FB_TEST(fb_test_out_of_memory),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
