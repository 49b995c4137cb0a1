// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_qemu_args.c - fastballoon qemu-args: the options that give a VM a fastballoon device.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "quote.h"
#include "size.h"

#define FB_ARGS_PLUGIN "qemu/fastballoon.so"
#define FB_ARGS_DEVICE \
	"virtio-fastballoon-pci,id=%s,free-page-hint=on,free-page-reporting=on,deflate-on-oom=on"
#define FB_ARGS_IOTHREAD "iothread-%s"
/* QEMU takes -m in whole mebibytes here. */
#define FB_ARGS_MIB (UINT64_C(1) << 20)

enum fb_args_option { FB_OPT_PLUGIN = FB_OPT_OWN, FB_OPT_IOTHREAD, FB_OPT_ID, FB_OPT_MEMORY };

/**
 * struct fb_args - what the options shall say.
 * @plugin: path of the shared object, or NULL to look for it.
 * @id: the device's id.
 * @iothread: whether the device gets an iothread of its own.
 * @memory: the VM's memory in bytes, or 0 to say nothing about it.
 */
struct fb_args {
	const char *plugin;
	const char *id;
	bool iothread;
	uint64_t memory;
};

static const struct option fb_args_options[] = {
	{ "plugin", required_argument, NULL, FB_OPT_PLUGIN },
	{ "iothread", no_argument, NULL, FB_OPT_IOTHREAD },
	{ "id", required_argument, NULL, FB_OPT_ID },
	{ "memory", required_argument, NULL, FB_OPT_MEMORY },
	FB_COMMON_OPTIONS,
};

static int fb_args_memory(const struct fb_cli *cli, struct fb_args *args)
{
	if (fb_size_parse_bytes(optarg, &args->memory) || args->memory < FB_ARGS_MIB)
		return fb_usage(cli, "--memory %s is no size of at least 1M, such as 4G", optarg);
	if (args->memory % FB_ARGS_MIB)
		return fb_usage(cli, "--memory %s is no multiple of 1 MiB", optarg);
	return FB_EXIT_OK;
}

static int fb_args_option(const struct fb_cli *cli, struct fb_args *args, int c)
{
	switch (c) {
	case FB_OPT_PLUGIN:
		args->plugin = optarg;
		return FB_EXIT_OK;
	case FB_OPT_IOTHREAD:
		args->iothread = true;
		return FB_EXIT_OK;
	case FB_OPT_ID:
		args->id = optarg;
		if (fb_qemu_id_ok(optarg))
			return FB_EXIT_OK;
		return fb_usage(cli, "--id %s is no id: a letter, then letters, digits, - . _",
				optarg);
	default:
		return fb_args_memory(cli, args);
	}
}

static bool fb_args_parse(struct fb_cli *cli, struct fb_args *args, int argc, char **argv)
{
	int c;

	cli->status = FB_EXIT_OK;
	while (!cli->status && (c = fb_getopt(cli, argc, argv, ":h", fb_args_options)) != -1) {
		if (c == '?')
			return false;
		cli->status = fb_args_option(cli, args, c);
	}
	if (!cli->status)
		cli->status = fb_no_operands(cli, argc, argv);
	return !cli->status;
}

/*
 * Looks for the shared object relative to this program: in the build tree beside its folder,
 * else in the library folders below the prefix. Returns a path to be freed, or NULL.
 */
static char *fb_args_find_plugin(void)
{
	static const char *const places[] = {
		"/../" FB_ARGS_PLUGIN,
		"/../lib/" FB_MULTIARCH "/" FB_ARGS_PLUGIN,
		"/../lib/" FB_ARGS_PLUGIN,
	};
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *slash, *found = NULL;

	if (len < 0)
		return NULL;
	path[len] = '\0';
	slash = strrchr(path, '/');
	for (size_t i = 0; slash && !found && i < sizeof(places) / sizeof(places[0]); i++) {
		strcpy(slash, places[i]);
		found = realpath(path, NULL);
	}
	return found;
}

__attribute__((format(printf, 2, 3))) static void fb_args_add(json_object *list, const char *format,
							      ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0)
		json_object_array_add(list, json_object_new_string(text));
	va_end(args);
	free(text);
}

static json_object *fb_args_list(const struct fb_args *args, const char *plugin)
{
	json_object *list = json_object_new_array();

	if (args->memory) {
		fb_args_add(list, "-m");
		fb_args_add(list, "%lluM", (unsigned long long)(args->memory / FB_ARGS_MIB));
	}
	fb_args_add(list, "-plugin");
	fb_args_add(list, "%s", plugin);
	if (args->iothread) {
		fb_args_add(list, "-object");
		fb_args_add(list, "iothread,id=" FB_ARGS_IOTHREAD, args->id);
	}
	fb_args_add(list, "-device");
	if (args->iothread)
		fb_args_add(list, FB_ARGS_DEVICE ",iothread=" FB_ARGS_IOTHREAD, args->id, args->id);
	else
		fb_args_add(list, FB_ARGS_DEVICE, args->id);
	return list;
}

static void fb_args_print(const json_object *list)
{
	char *word;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		word = fb_quote_shell(json_object_get_string(json_object_array_get_idx(list, i)));
		printf("%s%s", i ? " " : "", word ? word : "");
		free(word);
	}
	printf("\n");
}

static int fb_args_show(const struct fb_cli *cli, const struct fb_args *args, const char *plugin)
{
	json_object *result = json_object_new_object();
	char *quoted = fb_quote_qemu(plugin);

	if (!quoted) {
		json_object_put(result);
		return fb_fail(cli, NULL, NULL, "out of memory");
	}
	fb_json_add(result, "args", fb_args_list(args, quoted));
	free(quoted);
	if (!cli->json && !cli->quiet)
		fb_args_print(fb_json_child(result, "args"));
	return fb_result(cli, result);
}

static int fb_args_run(struct fb_cli *cli, int argc, char **argv)
{
	struct fb_args args = { .id = "balloon0" };
	char *plugin;
	int status;

	if (!fb_args_parse(cli, &args, argc, argv))
		return cli->status;
	plugin = args.plugin ? realpath(args.plugin, NULL) : fb_args_find_plugin();
	if (plugin)
		status = fb_args_show(cli, &args, plugin);
	else if (args.plugin)
		status = fb_fail(cli, NULL, "give the path of fastballoon.so", "cannot find %s: %s",
				 args.plugin, strerror(errno));
	else
		status = fb_fail(cli, NULL, "build it with make, or give --plugin PATH",
				 "cannot find fastballoon.so, neither built nor installed");
	free(plugin);
	return status;
}

const struct fb_command fb_command_qemu_args = {
	.name = "qemu-args",
	.operands = "",
	.summary = "Print the options that give a QEMU command line the device",
	.options = "  --plugin PATH         the device's shared object, fastballoon.so; default: "
		   "the one\n"
		   "                        built or installed together with this program\n"
		   "  --iothread            give the device an iothread of its own\n"
		   "  --id ID               the device's id; default: balloon0\n"
		   "  --memory SIZE         print -m for this much memory as well\n",
	.run = fb_args_run,
};
