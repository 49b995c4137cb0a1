#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the packages of packages.txt that are missing; calls apt only when one is.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/common.sh

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

missing_packages() {
	wanted=$(sed 's/#.*//' scripts/packages.txt)
	# shellcheck disable=SC2086
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
		awk '$2 == "installed" { print $1 }')
	for package in $wanted; do
		printf '%s\n' "$installed" | grep -qxF "$package" || printf '%s ' "$package"
	done
}

need_amd64
missing=$(missing_packages)
[ -n "$missing" ] || exit 0

[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
	die "neither root nor sudo: as root, run apt-get install --no-install-recommends $missing"
mkdir -p build || die "cannot write below $PWD"
need_disk 3000 /usr

step "installing Debian packages: $missing"
[ "$(id -u)" -eq 0 ] || sudo -v || die "sudo refused: as root, run apt-get install $missing"
logged packages as_root apt-get update ||
	die "apt-get update failed: check the network and the sources in /etc/apt (build/log/packages.log)"
# shellcheck disable=SC2086
logged packages as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 \
	install --no-install-recommends $missing </dev/null ||
	die "apt-get install failed: its last lines are above, all are in build/log/packages.log"
left=$(missing_packages)
[ -z "$left" ] || die "apt-get did not install $left: see build/log/packages.log"
