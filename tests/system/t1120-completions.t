#!/bin/sh
# Completions say what the program says: every verb, every option, nothing else.
. "${GH_SRC:-tests}/system/lib.sh"
share=$GH_BIN/../share
command -v bash >/dev/null || skip_all 'no bash'
GH_WORLD=$(mktemp -d) || bail mktemp
export GH_OUT="$GH_WORLD/stdout" GH_ERR="$GH_WORLD/stderr"
cd "$GH_WORLD" || bail cd
readable() { # SHELL FILE
	ok "$1: installed" cp "$share/$2" c.$1
	if command -v "$1" >/dev/null; then
		ok "$1 can read it" "$1" -n "c.$1"
	else
		skip "no $1 here"
	fi
}
readable bash bash-completion/completions/gitsign-hsm
readable zsh zsh/site-functions/_gitsign-hsm
readable fish fish/vendor_completions.d/gitsign-hsm.fish

cat >complete.bash <<'EOF'
. ./c.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_gitsign_hsm
printf '%s\n' "${COMPREPLY[@]}" | sort
EOF
completes() { # WORDS...: what bash offers, in a line
	bash complete.bash gitsign-hsm "$@" | tr '\n' ' ' | sed 's/ $//'
}
"$GH_BIN/gitsign-hsm" --help | awk '/^verbs:$/ { on = 1; next } on && /^$/ { exit }
	on { w = substr($0, 3); sub(/  .*/, "", w); print w }' >verbs
is 'every noun' "$(completes '')" \
	"$({ cut -d' ' -f1 verbs | uniq; echo --help; echo --version; } | sort | tr '\n' ' ' | sed 's/ $//')"
while read -r noun verb; do
	# shellcheck disable=SC2086 # there may be no second word
	"$GH_BIN/gitsign-hsm" $noun $verb --help </dev/null 2>/dev/null | awk '/^Options:$/ { on = 1; next }
		on && /^[^ ]/ { exit } on && match($0, /--[a-z-]+/) && RSTART < 12 { print substr($0, RSTART, RLENGTH) }' |
		sort | tr '\n' ' ' | sed 's/ $//' >options
	if [ -n "$verb" ]; then
		like "$noun: $verb" " $(completes "$noun" '') " " $verb "
		is "$noun $verb: its options" "$(completes "$noun" "$verb" --)" "$(cat options)"
		like "$noun $verb: fish" "$(cat c.fish)" "from $noun' -f -a $verb -d"
		like "$noun $verb: zsh" "$(cat c.zsh)" "\"$noun $verb\"\\) _arguments"
	else
		is "$noun: its options" "$(completes "$noun" --)" "$(cat options)"
		like "$noun: fish" "$(cat c.fish)" " -a $noun -d"
	fi
done <verbs
is 'nothing for what is no verb' "$(completes nonsense --)" ''
touch policy.txt
is 'a file where a file is wanted' "$(completes setup --policy pol)" policy.txt
isnt 'and no file where none is' "$(completes setup --po)" policy.txt

cat >complete-helper.bash <<'EOF'
. "$1"
COMP_WORDS=(git-credential-hsm "${@:2}")
COMP_CWORD=$(($# - 1))
_git_credential_hsm
printf '%s\n' "${COMPREPLY[@]}"
EOF
like 'the credential helper: its verbs' "$(bash complete-helper.bash \
	"$share/bash-completion/completions/git-credential-hsm" lo | tr '\n' ' ')" '^login logout $'
like 'and their options' "$(bash complete-helper.bash \
	"$share/bash-completion/completions/git-credential-hsm" configure --is)" '^--issuer$'
done_testing
