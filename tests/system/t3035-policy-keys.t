#!/bin/sh
# The table of gitsign-hsm-policy(5) has every key that the program knows, and no other.
. "${GH_SRC:-tests}/system/lib.sh"

gh_world
page=$GH_BIN/../share/man/man5/gitsign-hsm-policy.5
[ -e "$page" ] || page=$GH_SRC/../man/gitsign-hsm-policy.5

# known SECTION: the keys that the program names when one is wrong.
known() {
	case $1 in
	policy | algorithms | limits) printf '[%s]\n\tnosuchkey = 1\n' "$1" ;;
	*) printf '[%s "x"]\n\tnosuchkey = 1\n' "$1" ;;
	esac >policy
	gh_run "$GH_BIN/gitsign-hsm" policy check policy
	tr -d '\n' <"$GH_ERR" | sed 's/.*(its keys: \([^)]*\)).*/\1/; s/, */ /g' | tr -s ' ' '\n' | sort
}
listed() {
	sed -n "/^\.TS/,/^\.TE/s/^$1\.\(NAME\.\)\{0,1\}\([A-Za-z]*\)	.*/\2/p" "$page" | sort
}

for section in policy trust signer key role rule revoked algorithms limits; do
	is "[$section]" "$(listed "$section" | tr '\n' ' ')" "$(known "$section" | tr '\n' ' ')"
done
is 'each with its default and version' \
	"$(sed -n '/^\.TS/,/^\.TE/p' "$page" | grep -c '^[a-z]*\.[^	]*	[^	]*	[^	]*	[0-9]*$')" \
	"$(sed -n '/^\.TS/,/^\.TE/p' "$page" | grep -c '^[a-z][a-z]*\.[A-Za-z]')"

done_testing
