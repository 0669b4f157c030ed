# Shared by scripts/up and scripts/test; sourced, not run.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# Runs a command as root: directly, or with sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root: run it as root or install sudo ($*)"
	fi
}

# As root.  The file that auth and router append to, both of the group.  One that a daemon made alone is closed to
# the other.  The directory is sticky and root's: once the file is root's too, nobody puts a link in its place.
audit_log() { # FILE GROUP
	if [ -e "$1" ] || [ -L "$1" ]; then
		chown -h "root:$2" "$1" && [ -f "$1" ] && [ ! -L "$1" ] || die "$1 is not a file: move it away"
		chmod 0660 "$1"
	else
		install -m 0660 -g "$2" /dev/null "$1"
	fi
}

# What the build needs.
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libwebsockets-dev libnng-dev libjwt-dev
	libprotobuf-c-dev protobuf-c-compiler libssl-dev libcrypt-dev libsqlite3-dev libjansson-dev libcmocka-dev
	uthash-dev)

# Installs the named Debian packages that are not there.  `command=package` is satisfied by the command, from
# wherever it came.  Silent when all is there.
need_packages() {
	local wanted missing=()

	command -v dpkg-query >/dev/null || die "this script installs Debian packages; on another system install: $*"
	for wanted in "$@"; do
		case $wanted in
		*=*) command -v "${wanted%%=*}" >/dev/null || missing+=("${wanted#*=}") ;;
		*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$wanted" 2>/dev/null)" = installed ] || missing+=("$wanted") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing Debian packages with apt-get: ${missing[*]}"
	as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >&2 || die "apt-get update failed"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y \
		--no-install-recommends "${missing[@]}" >/dev/null || die "apt-get install failed: ${missing[*]}"
}
