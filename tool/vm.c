// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vm.c - what can be asked of a virtual machine besides its balloon.
 */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libvirt.h"
#include "output.h"

/**
 * fb_vm_open() - connect to the VM that a call names, and report where that fails.
 * @cli: the call.
 * @qmp: the connection; to be closed by the caller on success alone.
 *
 * Return: FB_EXIT_OK or the exit status.
 */
int fb_vm_open(struct fb_cli *cli, struct fb_qmp *qmp)
{
	int status, rc;

	if (cli->socket && cli->domain)
		return fb_usage(cli, "give either --qmp or --domain");
	if (cli->connect && !cli->domain)
		return fb_usage(cli, "--connect takes a --domain");
	if (!(cli->socket && *cli->socket) && !(cli->domain && *cli->domain))
		return fb_usage(
			cli, "no VM named: give --qmp SOCKET or --domain NAME, or set " FB_ENV_QMP);
	rc = cli->domain ? fb_libvirt_open(qmp, cli->connect, cli->domain) :
			   fb_qmp_open(qmp, cli->socket);
	if (!rc)
		return FB_EXIT_OK;
	status = fb_fail_qmp(cli, qmp);
	fb_qmp_close(qmp);
	return status;
}

/**
 * fb_vm_memory() - the memory that the balloon can give to the guest.
 * @qmp: the connection.
 * @bytes: receives the initial memory and the memory modules plugged in, which is what QEMU
 *         counts as the VM's memory in its balloon command.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_vm_memory(struct fb_qmp *qmp, uint64_t *bytes)
{
	json_object *reply, *device;
	const char *type;
	int rc;

	rc = fb_qmp_call(qmp, "query-memory-size-summary", NULL, &reply);
	if (rc)
		return rc;
	*bytes = fb_json_u64(reply, "base-memory");
	json_object_put(reply);
	rc = fb_qmp_call(qmp, "query-memory-devices", NULL, &reply);
	if (rc)
		return rc == -EREMOTEIO ? 0 : rc;
	for (size_t i = 0;
	     json_object_is_type(reply, json_type_array) && i < json_object_array_length(reply);
	     i++) {
		device = json_object_array_get_idx(reply, i);
		type = fb_json_text(device, "type");
		if (type && !strcmp(type, "dimm"))
			*bytes += fb_json_u64(fb_json_child(device, "data"), "size");
	}
	json_object_put(reply);
	return 0;
}

/**
 * fb_vm_state() - whether the VM runs.
 * @qmp: the connection.
 * @state: receives QEMU's name for the state.
 * @running: receives whether its vCPUs run.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_vm_state(struct fb_qmp *qmp, char state[FB_VM_STATE_MAX], bool *running)
{
	json_object *reply;
	const char *text;
	int rc = fb_qmp_call(qmp, "query-status", NULL, &reply);

	if (rc)
		return rc;
	text = fb_json_text(reply, "status");
	snprintf(state, FB_VM_STATE_MAX, "%s", text ? text : "unknown");
	*running = fb_json_true(reply, "running");
	json_object_put(reply);
	return 0;
}

/**
 * fb_vm_kvm() - whether the VM runs under KVM.
 * @qmp: the connection.
 * @kvm: receives the answer.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_vm_kvm(struct fb_qmp *qmp, bool *kvm)
{
	json_object *reply;
	int rc = fb_qmp_call(qmp, "query-kvm", NULL, &reply);

	if (rc)
		return rc;
	*kvm = fb_json_true(reply, "enabled");
	json_object_put(reply);
	return 0;
}

/**
 * fb_vm_capability() - whether migrations use a capability.
 * @qmp: the connection.
 * @name: QEMU's name for it.
 * @on: receives the answer; false where QEMU does not know it.
 *
 * Return: 0 or a negative errno, see qmp.h.
 */
int fb_vm_capability(struct fb_qmp *qmp, const char *name, bool *on)
{
	json_object *list, *entry;
	const char *found;
	int rc = fb_qmp_call(qmp, "query-migrate-capabilities", NULL, &list);

	*on = false;
	if (rc)
		return rc == -EREMOTEIO ? 0 : rc;
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		entry = json_object_array_get_idx(list, i);
		found = fb_json_text(entry, "capability");
		if (found && !strcmp(found, name))
			*on = fb_json_true(entry, "state");
	}
	json_object_put(list);
	return 0;
}
