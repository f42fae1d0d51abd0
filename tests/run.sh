#!/bin/sh
# run.sh BUILD [TEST...]: runs the unit tests, then tests/system/*.t and
# tests/attack/*.t by prove.
#
# The tests see an installed tree, a copy of tests/ and nothing else, in a
# directory below /tmp, as a user without rights when started by root, with an
# environment of their own. With TEST... only those run (paths below tests/). What
# needs several users is called *-root.t and keeps root's rights; without them it is
# skipped. Nothing in the source tree is written until the sum at the end, so that several
# runs go side by side: `make check-bins` has built what is tested.
#
#   GH_BIN      directory of gitsign-hsm       GH_HOOKS  directory of pre-receive
#   GH_LIBEXEC  directory of its siblings      GH_TOOLS  tools built for the tests
#   GH_SRC      the copy of tests/             GH_UNIT   the unit tests
set -eu

build=$1
shift
variant=${build#build}
variant=${variant#/}
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }

stage=$(mktemp -d /tmp/gh-check.XXXXXX)
finish() {
	rc=$?
	trap - EXIT INT TERM HUP
	if [ -n "${KEEP-}" ]; then
		say "# kept: $stage"
	else
		rm -rf "$stage"
	fi
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$stage"

# --- the stage ---------------------------------------------------------------
if ! make -s V="$variant" DESTDIR="$stage" PREFIX=/usr \
	install-only >"$stage/install.log" 2>&1; then
	cat "$stage/install.log"
	say "run.sh: make install-only failed"
	exit 1
fi
mkdir -p "$stage/src" "$stage/unit" "$stage/tools" "$stage/home" "$stage/tmp" "$stage/told" \
	"$stage/unit.logs"
cp -R tests "$stage/src/"
mkdir "$stage/src/contrib"
cp -R contrib/servers contrib/systemd "$stage/src/contrib/"
for f in "$build"/unit/*; do
	[ ! -f "$f" ] || [ ! -f "tests/unit/$(basename "$f").c" ] || cp "$f" "$stage/unit/"
done
[ ! -d "$build/tests" ] || cp -R "$build/tests/." "$stage/tools/"
mkdir -p "$stage/src/build"
ln -s ../../tools "$stage/src/build/tests"
[ ! -d build/npm/node_modules ] || cp -R build/npm "$stage/src/build/"

user=
if [ "$(id -u)" = 0 ]; then
	uid=$(id -u nobody)
	gid=$(id -g nobody)
	chown -R "$uid:$gid" "$stage/home" "$stage/tmp" "$stage/src" "$stage/told" \
		"$stage/unit.logs"
	user="setpriv --reuid=$uid --regid=$gid --clear-groups"
fi

# as WORDS...: runs them as the tests are run.
as() {
	# shellcheck disable=SC2086 # $user is words, or nothing
	(cd "$stage/src" && exec $user env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
		HOME="$stage/home" TMPDIR="$stage/tmp" LC_ALL=C TZ=UTC TERM=dumb \
		GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null \
		GH_BIN="$stage/usr/bin" GH_LIBEXEC="$stage/usr/libexec/gitsign-hsm" \
		GH_HOOKS="$stage/usr/libexec/gitsign-hsm/hooks" GH_TOOLS="$stage/tools" \
		GH_SRC="$stage/src/tests" GH_UNIT="$stage/unit" \
		CK_DEFAULT_TIMEOUT=300 GH_SOAK="${GH_SOAK-}" GH_FAILURES="$stage/told" \
		ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
		UBSAN_OPTIONS=print_stacktrace=1 \
		TSAN_OPTIONS=log_path="$stage/tmp/tsan":ignore_noninstrumented_modules=1 \
		LSAN_OPTIONS=suppressions="$stage/src/tests/lsan.supp":print_suppressions=0 \
		"$@")
}

# --- which tests -------------------------------------------------------------
units=
system=
roots=
if [ $# -gt 0 ]; then
	for t; do
		case $t in
		*-root.t) roots="$roots $t" ;;
		*.t) system="$system $t" ;;
		*) units="$units $stage/unit/$(basename "$t" .c)" ;;
		esac
	done
else
	for t in "$stage"/unit/*; do [ ! -f "$t" ] || units="$units $t"; done
	# The long ones first.
	for t in tests/attack/*.t tests/system/*.t; do
		case $t in
		*-root.t) roots="$roots $t" ;;
		*) [ ! -f "$t" ] || system="$system $t" ;;
		esac
	done
fi

# --- unit tests ----------------------------------------------------------------
failed=0
count=0
checks=0 # that passed, of both kinds
bad=0
# Two at a time; what each says, and its status, stands in unit.logs.
# shellcheck disable=SC2086,SC2016 # paths without blanks; the inner shell's variables
[ -z "$units" ] || printf '%s\n' $units | as xargs -P 2 -n 1 sh -c \
	'timeout -k 5 1200 "$1" >"$0/${1##*/}" 2>&1; echo $? >"$0/${1##*/}.rc"' "$stage/unit.logs"
for t in $units; do
	name=$(basename "$t")
	count=$((count + 1))
	log=$stage/unit.logs/$name
	rc=$(cat "$log.rc")
	sum=$(sed -n 's/^\([0-9]*%: Checks:.*\)/\1/p' "$log" | tail -n 1)
	n=$(echo "$sum" | sed -n 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 - \2 - \3/p')
	checks=$((checks + ${n:-0}))
	if [ "$rc" = 0 ]; then
		printf 'unit %-28s ok    %s\n' "$name" "$sum"
	else
		failed=$((failed + 1))
		sed "s/^/    $name: /" "$log" | tail -n 40 >>"$stage/unit.failed"
		printf 'unit %-28s FAILED (status %s)\n' "$name" "$rc"
		sed 's/^/    /' "$log"
	fi
done
[ -z "$units" ] || say "unit tests: $count programs, $failed failed"

# --- system tests ----------------------------------------------------------------
rc=0
# prove_all TEST...
prove_all() {
	rm -f "$stage/prove.failed"
	{ as prove -j4 --timer "$@" || echo 1 >"$stage/prove.failed"; } | tee "$stage/prove.log"
	tests=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$stage/prove.log" | tail -n 1)
	lost=$(sed -n 's/.*Wstat: .* Failed: \([0-9]*\))$/\1/p' \
		"$stage/prove.log" | awk '{ n += $1 } END { print n + 0 }')
	cat "$stage/prove.log" >>"$stage/prove.all"
	[ ! -e "$stage/prove.failed" ] || rc=1
	[ ! -e "$stage/prove.failed" ] || [ "$lost" != 0 ] || lost=1
	bad=$((bad + lost))
	checks=$((checks + ${tests:-0} - lost))
}
# shellcheck disable=SC2086 # lists of paths without blanks
[ -z "$system" ] || prove_all $system
if [ -n "$roots" ]; then
	user=
	# shellcheck disable=SC2086
	prove_all $roots
fi
# What V=tsan saw in a process, whose standard error may be nowhere.
for f in "$stage"/tmp/tsan.*; do
	[ -f "$f" ] || continue
	cat "$f"
	rc=1
done
if [ "$failed" != 0 ]; then
	say "unit tests: $failed of $count FAILED"
	cat "$stage/unit.failed" # once more at the end, where it is looked for
	rc=1
fi
if [ "$bad" != 0 ]; then
	# `told` holds what the others had to say, too.
	for t in $(sed -n 's/^\(tests[^ ]*\) .*(Wstat: .*/\1/p' "$stage/prove.all"); do
		[ ! -f "$stage/told/${t##*/}" ] || sed "s|^|    ${t##*/}: |" "$stage/told/${t##*/}"
	done
fi
say "tests: $checks passed, $((failed + bad)) failed" | tee "$build/tests.sum"
exit "$rc"
