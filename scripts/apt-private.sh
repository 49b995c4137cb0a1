# SPDX-License-Identifier: GPL-2.0-or-later
# An apt of our own below build/apt: the machine's sources with deb-src added, nothing written
# outside of build/. Sourced after common.sh. Every apt command after private_apt_update uses it.
# shellcheck shell=sh

# The machine's one-line sources, each for binary and source packages.
one_line_sources() {
	awk '$1 == "deb" { sub(/^[ \t]*deb[ \t]+/, ""); print "deb " $0; print "deb-src " $0 }' "$@"
}

# The machine's deb822 stanzas, each for binary and source packages.
deb822_sources() {
	awk '
	function flush() {
		if (binary && enabled)
			printf "Types: deb deb-src\n%s\n", stanza
		stanza = ""; binary = 0; enabled = 1
	}
	BEGIN { enabled = 1 }
	FNR == 1 || /^[ \t]*$/ { flush() }
	/^#/ || /^[ \t]*$/ { next }
	tolower($1) == "types:" { binary = / deb( |$)/; next }
	tolower($1) == "enabled:" { enabled = tolower($2) !~ /^(no|false|0|off|without|disable)$/; next }
	{ stanza = stanza $0 "\n" }
	END { flush() }' "$@"
}

# Files of the machine's sources with the given ending.
source_files() {
	find /etc/apt/sources.list /etc/apt/sources.list.d -maxdepth 1 -name "*$1" 2>/dev/null
}

# The private sources of the machine's release once more, as those of its backports.
backports_sources() {
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	sed -n "s/^\(deb .* $codename\) /\1-backports /p" "$1/sources.list" >"$1/sources.list.d/backports.list"
	awk -v codename="$codename" 'BEGIN { RS = ""; ORS = "\n\n" }
		$0 ~ "(^|\n)Suites:[^\n]*[ \t]" codename "([ \t\n]|$)" {
			sub(/Suites:[^\n]*/, "Suites: " codename "-backports")
			print
		}' "$1/sources.list.d/machine.sources" >"$1/sources.list.d/backports.sources"
}

# The machine's own download settings (proxies and the like), and every folder below build/apt.
private_apt_conf() {
	apt-config dump | sed -n -e '/^Acquire::\(IndexTargets\|Languages\|Changelogs\)/d' -e '/^Acquire/p'
	cat <<END
Acquire::Languages "none";
APT::Sandbox::User "root";
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "$1/empty";
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "$1/sources.list.d";
Dir::State "$1/state";
Dir::State::Status "/var/lib/dpkg/status";
Dir::Cache "$1/cache";
END
}

# Writes build/apt afresh and downloads the package lists, once in a run.
private_apt_update() {
	private=$PWD/build/apt
	[ "${APT_CONFIG:-}" != "$private/apt.conf" ] || return 0
	rm -rf "$private"
	mkdir -p "$private/empty" "$private/sources.list.d" "$private/state/lists/partial" \
		"$private/cache/archives/partial"
	private_apt_conf "$private" >"$private/apt.conf"
	for file in $(source_files .list); do one_line_sources "$file"; done >"$private/sources.list"
	for file in $(source_files .sources); do deb822_sources "$file"; done \
		>"$private/sources.list.d/machine.sources"
	[ -z "${KERNELS:-}" ] || backports_sources "$private"
	APT_CONFIG=$private/apt.conf
	export APT_CONFIG
	step "reading the package lists of the machine's own Debian sources"
	# A source that fails is no failure here: what is missed is named where it is looked for.
	logged apt apt-get update || true
}
