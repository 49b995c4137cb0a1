// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - the xbitmap's test cases in userspace, under cmocka. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "cases.h"

#define FB_MAX_CASES 32
#define FB_RANDOM_OPERATIONS 20000

void fb_env_fail_after(long nr_allocations)
{
	fb_shim_fail_after = nr_allocations;
}

long fb_env_live(void)
{
	return fb_shim_live;
}

void fb_env_say(const char *file, int line, const char *check)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, check);
}

unsigned long fb_env_nodes(struct fb_xb *xb, unsigned long expected)
{
	return expected;
}

void *fb_env_alloc(size_t size)
{
	void *memory = calloc(1, size);

	assert_non_null(memory);
	return memory;
}

void fb_env_free(void *memory)
{
	free(memory);
}

static void fb_test_case(void **state)
{
	assert_int_equal(fb_case_run(*state), 0);
}

int main(void)
{
	struct CMUnitTest tests[FB_MAX_CASES] = { 0 };

	assert_true(fb_nr_cases <= FB_MAX_CASES);
	fb_random_operations = FB_RANDOM_OPERATIONS;
	for (unsigned int i = 0; i < fb_nr_cases; i++) {
		tests[i].name = fb_cases[i].name;
		tests[i].test_func = fb_test_case;
		tests[i].initial_state = (void *)&fb_cases[i];
	}
	/* cmocka skips the rest of the array, which is empty. */
	return cmocka_run_group_tests_name("xbitmap", tests, NULL, NULL);
}
