#!/bin/sh
# check-fresh.sh: does a newcomer's first minute work? Makes a minimal Debian 12,
# clones HEAD into it, and types `make quickstart` and `make check` there. As root.
# The mirror and everything else about packages is taken from this system's apt. Ends
# with 75 (EX_TEMPFAIL) where no such system can be made here.
set -eu
cd "$(dirname "$0")/.."
src=$(pwd)
suite=bookworm

[ "$(id -u)" = 0 ] || {
	echo "check-fresh: needs root (debootstrap, chroot): sudo make check-fresh" >&2
	exit 1
}
start=$(date +%s)
took() { printf '== %s: %s s\n' "$1" $(($(date +%s) - t0)); }

root=$(mktemp -d "${TMPDIR:-/var/tmp}/gitsign-hsm-fresh.XXXXXX")
root=$(cd "$root" && pwd -P)
chmod 755 "$root"
# runs_inside: the processes that have $root as theirs; false when there are none.
runs_inside() {
	found=
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/root" 2>/dev/null)" != "$root" ] || found="$found ${p##*/}"
	done
	[ -n "$found" ]
}
finish() {
	rc=$?
	trap - EXIT INT TERM HUP
	# What a test that failed has left running keeps the mounts busy.
	i=0
	while runs_inside && [ "$i" -lt 100 ]; do
		i=$((i + 1))
		# shellcheck disable=SC2086 # numbers
		kill -KILL $found 2>/dev/null || :
		sleep 0.1
	done
	for m in $(awk -v r="$root/" 'index($2, r) == 1 { print $2 }' /proc/mounts | sort -r); do
		umount "$m" 2>/dev/null || umount -l "$m" || :
	done
	rm -f "$root.log"
	# Nothing is removed below a mount that would not go.
	if grep -q " $root/" /proc/mounts; then
		echo "check-fresh: still mounted below $root: remove it by hand" >&2
		[ "$rc" != 0 ] || rc=1
	else
		rm -rf "$root"
	fi
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CREATED_BY)' 2>/dev/null |
	awk -v s="$suite" '$2 == s && $3 == "Packages" { print $1; exit }')
[ -n "$mirror" ] || mirror=http://deb.debian.org/debian

t0=$(date +%s)
echo "== a minimal $suite from $mirror"
http_proxy=$(apt-config shell p Acquire::http::Proxy | sed "s/^p='\(.*\)'$/\1/")
[ -z "$http_proxy" ] || [ "$http_proxy" = DIRECT ] || export http_proxy
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
	tail -n 20 "$root.log"
	rm -f "$root.log"
	exit 75
}
rm -f "$root.log"
took debootstrap

# The network and apt as they are here, without what is bound to this machine's disk.
cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || :
cp -L /etc/hosts "$root/etc/hosts" 2>/dev/null || :
mkdir -p "$root/etc/apt/apt.conf.d" "$root/etc/apt/sources.list.d" "$root/usr/share/keyrings"
for f in /etc/apt/apt.conf /etc/apt/apt.conf.d/* /etc/apt/auth.conf; do
	[ ! -f "$f" ] || cp "$f" "$root$f"
done
apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(CREATED_BY)' 2>/dev/null |
	awk -v s="$suite" '$4 == "Packages" && index($2, s) == 1 && $3 == "main" \
		{ print "deb", $1, $2, $3 }' | sort -u >"$root/etc/apt/sources.list"
[ -s "$root/etc/apt/sources.list" ] || echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
[ ! -d /dev/pts ] || mount --bind /dev/pts "$root/dev/pts"
[ ! -d /dev/shm ] || mount --bind /dev/shm "$root/dev/shm"

# What the README asks for before the first make: make and git.
inside() {
	chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -c "$1"
}
t0=$(date +%s)
inside 'apt-get -q update && apt-get -q install -y --no-install-recommends make git' >"$root/apt.log" 2>&1 || {
	tail -n 20 "$root/apt.log"
	exit 75
}
took "make and git"

# The clone of HEAD: committed work alone is what others get.
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
	git clone -q --depth 1 "file://$src" "$root/root/gitsign-hsm"

t0=$(date +%s)
inside 'cd /root/gitsign-hsm && make quickstart' || {
	echo "check-fresh: make quickstart FAILED"
	exit 1
}
took "make quickstart, packages and build included"
t0=$(date +%s)
inside 'cd /root/gitsign-hsm && make quickstart >/dev/null'
took "make quickstart again"

t0=$(date +%s)
inside 'cd /root/gitsign-hsm && make -j2 check' || {
	echo "check-fresh: make check FAILED"
	exit 1
}
took "make check"
[ -z "$(inside 'cd /root/gitsign-hsm && git status --porcelain')" ] || {
	echo "check-fresh: the build leaves files that git does not ignore"
	exit 1
}
echo "== check-fresh: all well in $(($(date +%s) - start)) s"
