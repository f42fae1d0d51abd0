#!/bin/sh
# The MANIFEST and the cases agree: no line without a case, no case without a line.
. "${GH_SRC:-tests}/system/lib.sh"

table=$GH_SRC/attack/MANIFEST
lines=$(mktemp)
cases=$(mktemp)
gh_at_exit "rm -f $lines $cases"

grep -v '^#' "$table" | grep . >"$lines"
is 'each line has five columns' "$(awk -F ' [|] ' 'NF != 5 { print $1 }' "$lines")" ''
is 'each number stands once' "$(awk -F ' [|] ' '{ print $1 }' "$lines" | sort | uniq -d)" ''
is 'each finding is a pattern' "$(awk -F ' [|] ' '{ print $5 }' "$lines" | while read -r p; do
	echo | grep -Eq -e "$p"
	[ $? = 2 ] && echo "$p"
done)" ''

for t in "$GH_SRC"/attack/*.t; do
	sed -n "s/^case_\([0-9a-z]*\)().*/\1 $(basename "$t" .t)/p" "$t"
done | sort >"$cases"
is 'each line has its case in the script that it names' \
	"$(awk -F ' [|] ' '{ print $1, $2 }' "$lines" | sort | comm -23 - "$cases")" ''
is 'each case has its line' \
	"$(awk -F ' [|] ' '{ print $1, $2 }' "$lines" | sort | comm -13 - "$cases")" ''
is 'no case stands twice' "$(uniq -d "$cases")" ''
done_testing
