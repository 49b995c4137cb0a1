#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Clones HEAD into a minimal Debian 12 below build/bare and runs demo, check or deps and make there.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/common.sh
. scripts/apt-private.sh

root=$PWD/build/bare/root

# The first Debian mirror of the machine's own sources that has the release itself.
machine_mirror() {
	{
		for file in $(source_files .list); do one_line_sources "$file"; done
		for file in $(source_files .sources); do deb822_sources "$file"; done
	} | awk -v suite="$1" '
		$1 == "deb" { sub(/\[[^]]*\] */, ""); if ($3 == suite) print $2 }
		/^Types:/ { uri = ""; found = 0 }
		tolower($1) == "uris:" { uri = $2 }
		tolower($1) == "suites:" { for (i = 2; i <= NF; i++) found = found || $i == suite }
		uri != "" && found { print uri; uri = "" }' | head -n 1
}

make_root() {
	mirror=$(machine_mirror bookworm)
	[ -n "$mirror" ] || die "no Debian source for bookworm in /etc/apt: nothing to debootstrap from"
	step "debootstrap of a minimal Debian 12 below build/bare"
	logged debootstrap debootstrap --variant=minbase --include=git,ca-certificates \
		bookworm "$root" "$mirror" || die "debootstrap failed: see build/log/debootstrap.log"
	apt-config dump | sed -n '/^Acquire::\(http\|https\|Check\)/p' >"$root/etc/apt/apt.conf.d/machine"
}

mount_all() {
	mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" &&
		mount -t tmpfs -o mode=755 tmpfs "$root/dev" || die "cannot mount below $root"
	mkdir "$root/dev/shm" "$root/dev/pts"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" ||
		die "cannot mount below $root"
	ln -s pts/ptmx "$root/dev/ptmx"
	for node in null zero full random urandom tty kvm; do
		[ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$root/dev/$node"
	done
	ln -s /proc/self/fd "$root/dev/fd"
}

unmount_all() {
	for folder in dev/pts dev sys proc; do
		! mountpoint -q "$root/$folder" || umount "$root/$folder" || umount -l "$root/$folder"
	done
}

case "$#:${1:-}" in
1:demo | 1:check) command="./run $1" ;;
1:deps) command="sh scripts/packages.sh && make deps && make -j$(nproc)" ;;
*)
	echo "usage: scripts/bare-check.sh demo|check|deps" >&2
	exit 2
	;;
esac
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
mkdir -p build/bare
need_disk 8000 build/bare
# What is left of a run that was stopped holds it, too, until it has unmounted all.
exec 9>build/bare/lock
flock -n 9 || die "another bare-check.sh is at work in build/bare: wait for its end"

trap unmount_all EXIT
trap 'exit 1' HUP INT TERM
unmount_all
rm -rf --one-file-system "$root"
make_root
git -c safe.directory='*' clone -q --no-hardlinks . "$root/srv/fastballoon" || die "cannot clone HEAD"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount_all
step "$command"
env -i HOME=/root TERM="${TERM:-dumb}" CI=true PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	chroot "$root" sh -c "cd /srv/fastballoon && $command" </dev/null
