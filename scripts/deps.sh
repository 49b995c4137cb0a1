#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make deps: Debian packages, and below build/ the guest kernel and the installed QEMU's headers.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/common.sh
. scripts/apt-private.sh
. scripts/kernel.sh
. scripts/qemu-headers.sh

# Kbuild and apt's configuration cannot quote a path.
case $PWD in
*[!A-Za-z0-9/._+-]*) die "the checkout's path has a character that the kernel's build cannot take: $PWD" ;;
esac

need_amd64
mkdir -p build/log build/kernels build/qemu-headers || die "cannot write below $PWD/build"
exec 9>build/deps.lock
flock 9
# What is unpacked in part has a name that begins with a dot.
trap 'rm -rf build/apt build/kernels/.[0-9]* build/qemu-headers/.[0-9]*' EXIT
trap 'exit 1' HUP INT TERM
need_memory 3000
if [ -e build/deps.stamp ]; then
	need_disk 1000 build
else
	need_disk 3000 build
fi

sh scripts/packages.sh || exit 1
prepare_kernel
prepare_more_kernels
prepare_qemu_headers

now="kernel $(readlink build/kernels/default), QEMU $(readlink build/qemu-headers/current)"
if [ "$(cat build/deps.stamp 2>/dev/null)" != "$now" ]; then
	echo "$now" >build/deps.stamp
	step "prepared: $now"
fi
