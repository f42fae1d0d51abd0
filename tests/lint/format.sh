#!/bin/sh
# format.sh [--fix] FILE...: are the files as clang-format (.clang-format) writes them?
# One thing is put back afterwards: initialiser macros stay on one line.
set -eu
fix=
if [ "${1-}" = --fix ]; then
	fix=1
	shift
fi
tmp=$(mktemp "${TMPDIR:-/tmp}/gh-format.XXXXXX")
trap 'rm -f "$tmp"' EXIT
bad=0
for f; do
	clang-format "$f" |
		perl -0pe 's/^#define (\w+)\s*\\\n\t\{\s*\\\n\t\t(.*?)\s*\\\n\t\}/#define $1 { $2 }/mg' >"$tmp"
	cmp -s "$f" "$tmp" && continue
	if [ -n "$fix" ]; then
		cat "$tmp" >"$f"
	else
		bad=$((bad + 1))
		diff -u "$f" "$tmp" | head -n 20
	fi
done
[ "$bad" = 0 ] || {
	echo "$bad files are not formatted: make format"
	exit 1
}
