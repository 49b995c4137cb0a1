# SPDX-License-Identifier: GPL-2.0-or-later
# Messages and checks that the setup scripts share; sourced with the checkout as working folder.
# shellcheck shell=sh

die() {
	printf 'fastballoon: %s\n' "$*" >&2
	exit 1
}

step() {
	printf '== %s\n' "$*"
}

# Runs "$@" with its output in build/log/NAME.log; on failure shows the log's end.
logged() {
	log=build/log/$1.log
	shift
	mkdir -p build/log
	"$@" >>"$log" 2>&1 && return 0
	tail -n 15 "$log" >&2
	return 1
}

# Fails unless DIR (which exists) has MIB mebibytes free.
need_disk() {
	free_mib=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
	[ "${free_mib:-0}" -ge "$1" ] ||
		die "too little disk: $free_mib MiB free below $2, $1 MiB needed; free some and run it again"
}

# Fails unless the machine has MIB mebibytes of memory.
need_memory() {
	memory_mib=$(($(getconf _PHYS_PAGES) / 1024 * $(getconf PAGE_SIZE) / 1024))
	[ "$memory_mib" -ge "$1" ] ||
		die "too little memory: the machine has $memory_mib MiB, the guests need $1 MiB"
}

need_amd64() {
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
		die "no dpkg and apt here: fastballoon is built and tested on Debian 12 (amd64)"
	arch=$(dpkg --print-architecture)
	[ "$arch" = amd64 ] || die "this machine is $arch: only amd64 is supported"
}
