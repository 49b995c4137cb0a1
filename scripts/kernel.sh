# SPDX-License-Identifier: GPL-2.0-or-later
# Unpacks the Debian kernel of the machine's suites below build/kernels/RELEASE; installs nothing.
# Sourced after common.sh and apt-private.sh.
# shellcheck shell=sh

KERNEL_META=linux-image-amd64

# The release that apt's lists name as current, nothing where they know none.
current_kernel() {
	apt-cache depends "$KERNEL_META" 2>/dev/null |
		sed -n 's/^ *Depends: linux-image-\([0-9].*\)$/\1/p' | head -n 1
}

# The header packages that RELEASE's header package depends on, and itself.
header_packages() {
	echo "linux-headers-$1"
	apt-cache depends "linux-headers-$1" |
		sed -n 's/^ *Depends: \(linux-\(headers\|kbuild\)-.*\)$/\1/p'
}

# The newest release of VERSION, such as 6.12, in the machine's sources or their backports.
newest_release() {
	apt-cache pkgnames "linux-image-$1." |
		sed -n 's/^linux-image-\([0-9.]*[-+][0-9a-z.-]*-amd64\)$/\1/p' |
		grep -v -e cloud -e rt-amd64 | sort -V | tail -n 1
}

# Makes the unpacked headers usable where they lie: Debian's Makefile names /usr/src. Without the
# kernel's type information no tool is needed to copy it into modules.
relocate_headers() {
	rm -f "$1/vmlinux"
	# shellcheck disable=SC2016
	sed -i 's|^include /usr/src/|include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../|' \
		"$1/Makefile"
	! grep -q '^include /' "$1/Makefile"
}

# Links the files that the build and the guests use from FOLDER/root, where the packages lie.
link_kernel() {
	ln -s "root/boot/vmlinuz-$2" "$1/vmlinuz" &&
		ln -s "root/lib/modules/$2" "$1/modules" &&
		ln -s "root/usr/src/linux-headers-$2" "$1/headers" &&
		[ -e "$1/vmlinuz" ] && [ -d "$1/modules/kernel" ] && [ -e "$1/headers/Makefile" ]
}

fetch_kernel() {
	release=$1
	work=build/kernels/.$release
	rm -rf "$work"
	mkdir -p "$work/root"
	step "downloading Linux $release and its headers"
	# shellcheck disable=SC2046
	(cd "$work" && apt-get download "linux-image-$release" $(header_packages "$release")) \
		>>build/log/apt.log 2>&1 ||
		die "cannot download the packages of Linux $release: see the end of build/log/apt.log"
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$work/root" || die "cannot unpack $deb: is the disk full?"
		rm "$deb"
	done
	relocate_headers "$work/root/usr/src/linux-headers-$release" && link_kernel "$work" "$release" ||
		die "the packages of Linux $release are not laid out as those of Debian 12's 6.1 are"
	rm -rf "build/kernels/$release"
	mv "$work" "build/kernels/$release"
}

# True if KERNEL RELEASE is unpacked and no list of the machine names a newer one.
kernel_is_current() {
	[ -n "$1" ] && [ -e "build/kernels/$1/vmlinuz" ] || return 1
	newest=$(current_kernel)
	[ -z "$newest" ] || dpkg --compare-versions "$newest" le "$1"
}

# Unpacks a kernel of each version that KERNELS names, beside the default one.
prepare_more_kernels() {
	for version in ${KERNELS:-}; do
		for there in "build/kernels/$version".*; do
			[ -e "$there/vmlinuz" ] && continue 2
		done
		private_apt_update
		release=$(newest_release "$version")
		[ -n "$release" ] ||
			die "no Linux $version in the machine's Debian sources or their backports (build/log/apt.log)"
		fetch_kernel "$release"
	done
}

prepare_kernel() {
	in_use=$(readlink build/kernels/default)
	kernel_is_current "$in_use" && return 0
	private_apt_update
	newest=$(current_kernel)
	[ -n "$newest" ] ||
		die "no package $KERNEL_META in the machine's Debian sources: check the network and /etc/apt" \
			"(build/log/apt.log)"
	[ -e "build/kernels/$newest/vmlinuz" ] || fetch_kernel "$newest"
	ln -sfn "$newest" build/kernels/default
}
