#!/bin/sh
# run.sh [CHECK...]: the checks of `make lint`, all or the ones named.
set -u
cd "$(dirname "$0")/../.." || exit 1

tmp=$(mktemp -d "${TMPDIR:-/tmp}/gh-lint.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT

# Files of the tree: those git knows; outside of a repository all there are.
files() {
	if [ -e .git ] && command -v git >/dev/null; then
		git ls-files --cached -- "$@" 2>/dev/null || git -c safe.directory='*' ls-files -- "$@"
	else
		find . -path ./build -prune -o -type f -print | sed 's|^\./||' |
			while read -r f; do
				for p; do
					# shellcheck disable=SC2254 # a pattern
					case $f in $p) echo "$f" ;; esac
				done
			done
	fi | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}

check_format() {
	# shellcheck disable=SC2046 # paths without blanks
	tests/lint/format.sh $(files '*.c' '*.h')
}

# Comments and string literals are no calls; ignoring a signal is no handler.
check_banned() {
	pattern=$(grep -v '^#' tests/lint/banned.txt | paste -sd '|' -)
	files '*.c' '*.h' | grep -v '^tests/' | while read -r f; do
		perl -0pe 's{/\*.*?\*/}{"\n" x ($& =~ tr/\n//)}gse; s/"(\\.|[^"\\\n])*"/""/g' "$f" |
			grep -nE "(^|[^A-Za-z0-9_.>])($pattern) *\(" |
			grep -vE 'signal\(SIG[A-Z0-9]+, SIG_(IGN|DFL)\)' | sed "s|^|$f:|"
	done >"$tmp/banned"
	[ ! -s "$tmp/banned" ] || {
		cat "$tmp/banned"
		return 1
	}
}

# A layer includes itself and lower ones. (Of the programs, the linker tells.)
check_layers() {
	layers=$(sed -n 's/^LAYERS := //p' Makefile)
	files 'lib/*.[ch]' 'tests/unit/*.c' | while read -r f; do
		case $f in
		lib/*) layer=$(echo "$f" | cut -d/ -f2) ;;
		tests/*) layer=$(basename "$f" | cut -d_ -f1) ;;
		esac
		allowed=$(echo " $layers " | sed "s/\( $layer \).*/\1/")
		sed -n 's/^#include "\([a-z0-9]*\)\/.*/\1/p' "$f" | sort -u | while read -r l; do
			case " $layers " in
			*" $l "*) ;;
			*) continue ;;
			esac
			case $allowed in
			*" $l "*) ;;
			*) echo "$f: $layer must not know $l" ;;
			esac
		done
	done >"$tmp/layers"
	[ ! -s "$tmp/layers" ] || {
		cat "$tmp/layers"
		return 1
	}
}

check_headers() {
	make -s -j2 hdr-check
}

check_clang() {
	make -s -j2 V=clang CC=clang all-bins
}

check_sh() {
	files '*' | grep -v '^build/' | while read -r f; do
		case $f in
		*.sh) echo "$f" ;;
		*) head -n 1 "$f" 2>/dev/null | grep -aq '^#! */bin/sh\|^#!/usr/bin/env sh' && echo "$f" ;;
		esac
	done >"$tmp/sh"
	# SC3043: dash, bash and busybox have `local`.
	# shellcheck disable=SC2046
	shellcheck -S warning -e SC1090,SC1091,SC3043,SC3043 $(cat "$tmp/sh")
}

check_man() {
	set -- man/*.[1-8]
	[ -e "$1" ] || return 0
	mandoc -T lint -W warning "$@" || return 1
	# What Debian's man makes of them on a terminal of 80 columns.
	groff -ww -mandoc -t -rLL=78n -T utf8 -z "$@" >"$tmp/groff" 2>&1
	[ ! -s "$tmp/groff" ] || {
		cat "$tmp/groff"
		return 1
	}
}

check_cppcheck() {
	# shellcheck disable=SC2046 # words on purpose
	cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --inline-suppr \
		--library=posix,gnu --error-exitcode=1 --suppressions-list=tests/lint/cppcheck.supp \
		-D_GNU_SOURCE -D__linux__ -Ilib -I. $(for d in lib gitsign-hsm hooks helper; do
			[ -z "$(files "$d/*.c")" ] || echo "$d"
		done)
}

check_needed() {
	make -s -j2 all || return 1
	grep -v '^#' tests/lint/needed.txt | while read -r program allowed; do
		[ -e "build/$program" ] || continue
		readelf -d "build/$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r lib; do
			case " $allowed " in
			*" $lib "*) ;;
			*) echo "$program needs $lib: not in tests/lint/needed.txt" ;;
			esac
		done
	done >"$tmp/needed"
	find build/bin build/libexec build/hooks -type f 2>/dev/null | while read -r p; do
		grep -q "^${p#build/} " tests/lint/needed.txt || echo "${p#build/}: not in tests/lint/needed.txt"
	done >>"$tmp/needed"
	[ ! -s "$tmp/needed" ] || {
		cat "$tmp/needed"
		return 1
	}
}

# Each verb of --help has its place in a manual page.
check_verbs() {
	[ -x build/bin/gitsign-hsm ] && [ -e man/gitsign-hsm.1 ] || return 0
	build/bin/gitsign-hsm --help 2>/dev/null |
		sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p' >"$tmp/verbs"
	[ -s "$tmp/verbs" ] || {
		echo "gitsign-hsm --help lists no verbs"
		return 1
	}
	mandoc -T utf8 man/*.1 | sed 's/.\x08//g' >"$tmp/man"
	while read -r verb; do
		# "hook install | remove" names "hook remove" too.
		grep -Eq "$(echo "$verb" | sed 's/ /( [a-z|]+)* /')" "$tmp/man" || echo "man/gitsign-hsm.1 says nothing about: $verb"
	done <"$tmp/verbs" >"$tmp/verbs.bad"
	[ ! -s "$tmp/verbs.bad" ] || {
		cat "$tmp/verbs.bad"
		return 1
	}
}

# Each option that a program tells of has its place in a manual page.
check_options() {
	[ -x build/bin/gitsign-hsm ] || return 0
	mandoc -T utf8 man/*.[1-8] | sed 's/.\x08//g' >"$tmp/man"
	for program in gitsign-hsm git-credential-hsm; do
		"build/bin/$program" --help | sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p' |
			while read -r verb; do
				# shellcheck disable=SC2086 # words on purpose
				"build/bin/$program" $verb --help </dev/null |
					sed -n "s/^  *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/$verb: \2/p"
			done
	done | sort -u >"$tmp/options"
	[ -s "$tmp/options" ] || {
		echo "no verb has an option"
		return 1
	}
	while read -r line; do
		grep -q -e "${line#*: }\([^a-z-]\|\$\)" "$tmp/man" || echo "no manual page says anything about $line"
	done <"$tmp/options" >"$tmp/options.bad"
	[ ! -s "$tmp/options.bad" ] || {
		cat "$tmp/options.bad"
		return 1
	}
}

# A lock file names versions and checksums, never where somebody once got them.
check_npm() {
	files '*package-lock.json' | while read -r f; do
		! grep -Hn '"resolved"' "$f"
	done || return 1
	files 'tests/servers/*.mjs' | while read -r f; do node --check "$f" || echo "$f"; done >"$tmp/npm" 2>&1
	[ ! -s "$tmp/npm" ] || {
		cat "$tmp/npm"
		return 1
	}
}

# Long files hide their design; the limit is the project's own.
check_size() {
	files 'lib/*.c' 'gitsign-hsm/*.c' 'hooks/*.c' 'helper/*.c' | while read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le 700 ] || echo "$f: $n lines (700 at most): split it"
	done >"$tmp/size"
	[ ! -s "$tmp/size" ] || {
		cat "$tmp/size"
		return 1
	}
}

failed=
[ $# -gt 0 ] || set -- banned layers size headers clang sh man npm cppcheck needed verbs options
for check; do
	t0=$(date +%s)
	if "check_$check" >"$tmp/out" 2>&1; then
		printf 'lint %-9s ok (%s s)\n' "$check" $(($(date +%s) - t0))
	else
		printf 'lint %-9s FAILED\n' "$check"
		sed 's/^/    /' "$tmp/out"
		failed="$failed $check"
	fi
done
[ -z "$failed" ] || {
	echo "lint: failed:$failed"
	exit 1
}
echo "lint: all ok"
