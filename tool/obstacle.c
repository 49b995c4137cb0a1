// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * obstacle.c - why a guest does not do what its balloon is asked.
 */
#include "obstacle.h"

#include <stdio.h>

#include "vm.h"

/**
 * fb_obstacle_find() - look for what keeps the guest's driver from working.
 * @qmp: the connection.
 * @balloon: the device.
 * @obstacle: receives what was found.
 *
 * Return: whether anything was found; false too where QEMU does not answer.
 */
bool fb_obstacle_find(struct fb_qmp *qmp, const struct fb_balloon *balloon,
		      struct fb_obstacle *obstacle)
{
	char state[FB_VM_STATE_MAX];
	enum fb_driver driver;
	bool running;

	if (fb_vm_state(qmp, state, &running))
		return false;
	if (!running) {
		snprintf(obstacle->cause, sizeof(obstacle->cause), "the VM does not run (%s)",
			 state);
		obstacle->remedy = "resume it with the QMP command cont";
		return true;
	}
	if (fb_balloon_driver(qmp, balloon, &driver, NULL) || driver != FB_DRIVER_ABSENT)
		return false;
	snprintf(obstacle->cause, sizeof(obstacle->cause),
		 "no driver in the guest has taken the balloon");
	obstacle->remedy = "let the guest boot, or load virtio_fastballoon or virtio_balloon in it";
	return true;
}
