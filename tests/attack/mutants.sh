#!/bin/sh
# mutants.sh BUILD [CASE...]: each check of the table in `mutants` is taken out of a copy
# of the sources, one at a time, and its case must fail then. A case that does not notice
# proves nothing about the check.
set -u
build=$1
shift
cd "$(dirname "$0")/../.." || exit 1
top=$(mktemp -d "${TMPDIR:-/tmp}/gh-mutants.XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 130' INT TERM HUP
tree=$top/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
mkdir "$tree/build"
# Objects that are there already are not compiled again.
cp -a "$build/obj" "$build/lib" "$build/tests" "$tree/build/" 2>/dev/null

log=$top/log
export GH_SRC="$tree/tests" GH_BIN="$tree/build/bin" GH_HOOKS="$tree/build/hooks" \
	GH_TOOLS="$tree/build/tests" GH_LIBEXEC="$tree/build/libexec/gitsign-hsm"
# A check that is gone leaves warnings behind; the hooks are all that the cases run.
hooks=$(printf 'build/hooks/%s ' pre-receive post-receive reference-transaction reference-transaction-judge)
compile() {
	# shellcheck disable=SC2086 # paths
	make -s -C "$tree" WARN= $hooks test-tools >"$log" 2>&1
}
say() { printf '%-6s %-5s %s: %s\n' "$@"; }

compile || {
	cat "$log"
	exit 1
}
dead=0
bad=0
line=0
while IFS= read -r entry; do
	line=$((line + 1))
	case $entry in
	'#'* | '') continue ;;
	esac
	n=${entry%% | *}
	rest=${entry#* | }
	file=${rest%% | *}
	what=${rest#* | }
	if [ $# -gt 0 ]; then
		case " $* " in
		*" $n "*) ;;
		*) continue ;;
		esac
	fi
	script=$(awk -F ' [|] ' -v n="$n" '$1 == n { print $2 }' tests/attack/MANIFEST)
	cp -p "$tree/$file" "$top/saved" && perl tests/attack/mutate.pl "$tree/$file" "$what" 2>"$log"
	if cmp -s "$top/saved" "$tree/$file" || [ -z "$script" ]; then
		say STALE "$n" "$file" "$what"
		sed 's/^/    /' "$log"
		bad=$((bad + 1))
		continue
	fi
	if ! compile; then
		say BROKEN "$n" "$file" "$what"
		sed 's/^/    /' "$log"
		bad=$((bad + 1))
	elif ! ATTACK_ONLY=$n timeout -k 5 900 sh "$tree/tests/attack/$script.t" >"$log" 2>&1 &&
		! grep -aq '^1\.\.' "$log"; then
		say BROKEN "$n" "$file" "$what: nothing works without it"
		bad=$((bad + 1))
	elif grep -av ' twin: ' "$log" | grep -aq '^not ok'; then
		say dead "$n" "$file" "$what"
		dead=$((dead + 1))
	else
		say ALIVE "$n" "$file" "$what"
		bad=$((bad + 1))
	fi
	cp -p "$top/saved" "$tree/$file"
	touch "$tree/$file"
done <tests/attack/mutants
echo "mutants: $dead dead, $bad not"
[ "$bad" = 0 ]
