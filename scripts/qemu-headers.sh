# SPDX-License-Identifier: GPL-2.0-or-later
# Unpacks and configures the source of the installed QEMU below build/qemu-headers/VERSION and
# generates its headers, no more. Sourced after common.sh and apt-private.sh.
# shellcheck shell=sh

# The installed QEMU's source version.
installed_qemu() {
	dpkg-query -W -f '${source:Version}' qemu-system-x86
}

download_qemu() {
	step "downloading the source of QEMU $1, the version installed"
	(cd "$2" && apt-get source --download-only "qemu=$1") >>build/log/apt.log 2>&1 ||
		die "cannot download the source of QEMU $1, the version installed: if the Debian sources offer" \
			"another, run apt-get install qemu-system-x86 and try again (build/log/apt.log)"
}

# Only what the headers depend on is switched on. Debian's own python and meson belong together.
configure_qemu() (
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	cd "$1" && ../configure --target-list=x86_64-softmmu --without-default-features \
		--enable-system --enable-tcg --enable-kvm --enable-plugins --enable-modules \
		--enable-fdt=system --disable-docs --disable-tools
)

generate_headers() (
	cd "$1" && ninja -t targets all | sed -n 's/^\(.*\.h\): CUSTOM_COMMAND.*/\1/p' | xargs ninja
)

fetch_qemu() {
	version=$1
	name=$2
	work=build/qemu-headers/.$name
	rm -rf "$work"
	mkdir -p "$work"
	download_qemu "$version" "$work"
	step "unpacking and configuring QEMU $name for its headers"
	logged qemu dpkg-source --no-check -x "$work"/qemu_*.dsc "$work/tree" ||
		die "cannot unpack the source of QEMU $name: is the disk full? (build/log/qemu.log)"
	# Configured where it stays: the build folder holds absolute paths.
	rm -rf "build/qemu-headers/$name"
	mv "$work/tree" "build/qemu-headers/$name"
	rm -rf "$work"
	mkdir "build/qemu-headers/$name/build"
	logged qemu configure_qemu "build/qemu-headers/$name/build" ||
		die "QEMU $name does not configure: see build/log/qemu.log"
	logged qemu generate_headers "build/qemu-headers/$name/build" ||
		die "QEMU $name does not generate its headers: see build/log/qemu.log"
	touch "build/qemu-headers/$name/.prepared"
}

prepare_qemu_headers() {
	version=$(installed_qemu) || die "qemu-system-x86 is not installed: run make deps"
	name=${version#*:}
	if [ ! -e "build/qemu-headers/$name/.prepared" ]; then
		private_apt_update
		fetch_qemu "$version" "$name"
	fi
	[ "$(readlink build/qemu-headers/current)" = "$name" ] ||
		ln -sfn "$name" build/qemu-headers/current
}
