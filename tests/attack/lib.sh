# shellcheck shell=sh
# lib.sh: what the attack scripts share. MANIFEST says what each case is; a script holds
# a function case_NUMBER for each of its lines there and ends with attack_run:
#
#	. "${GH_SRC:-tests}/attack/lib.sh"
#	attack_world
#	case_1a() {
#		attack raw "$zero $zero refs/heads/main"
#		twin raw "$zero $one refs/heads/new"
#	}
#	attack_run
#
# Every case starts from the same server and work repository, so that each can run by
# itself (ATTACK_ONLY="1a 2"). An attack has to come back with the finding that the
# MANIFEST names, and to leave refs and record as they were; the twin has to go in.
#
# shellcheck disable=SC3043,SC2034

. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

# shellcheck disable=SC2034 # for the scripts
zero=0000000000000000000000000000000000000000

# attack_world: hk_world, and two commits by alice on main: $one and $two. What a script
# prepares after it and before attack_run is there for every case.
attack_world() {
	hk_world
	hk_commit 'one'
	hk_commit 'two'
	one=$(git rev-parse HEAD~1)
	two=$(git rev-parse HEAD)
	gh_setup git push -q origin main
}

# --- objects by hand ----------------------------------------------------------
# draft [PARENT...]: the text of an unsigned commit with the tree of HEAD; who it is by:
# draft_by, draft_message.
draft_by='alice <alice@example.com>'
draft_message=draft
draft() {
	local p
	printf 'tree %s\n' "$(git rev-parse 'HEAD^{tree}')"
	for p; do printf 'parent %s\n' "$p"; done
	printf 'author %s 1700000000 +0000\ncommitter %s 1700000000 +0000\n\n%s\n' \
		"$draft_by" "$draft_by" "$draft_message"
}
# draft_tag NAME TARGET [TYPE]
draft_tag() {
	printf 'object %s\ntype %s\ntag %s\ntagger %s 1700000000 +0000\n\n%s\n' \
		"$2" "${3:-commit}" "$1" "$draft_by" "$draft_message"
}
# armor KEY [OPTION... of cms-tool] <PAYLOAD: a signature of KEY (with KEY.chain behind it).
armor() {
	local key chain
	key=$1
	shift
	chain=
	[ ! -f "$GH_WORLD/keys/$key.chain" ] || chain=$GH_WORLD/keys/$key.chain
	# shellcheck disable=SC2086 # a path, or nothing
	"$GH_TOOLS/cms-tool" "$@" sign "$GH_WORLD/keys/$key.key" "$GH_WORLD/keys/$key.pem" $chain
}
# with_header FILE [NAME] <OBJECT: the object with the file as a folded header.
with_header() {
	perl -e 'undef $/; open F, "<", shift or die; $s = <F>; $s =~ s{\n\z}{}; $s =~ s/\n/\n /g;
		$n = shift // "gpgsig"; $_ = <STDIN>; s/\n\n/\n$n $s\n\n/ or die; print' "$@"
}
# signed KEY [OPTION...] <COMMIT: with its signature in the header.
signed() {
	cat >"$GH_WORLD/draft"
	armor "$@" <"$GH_WORLD/draft" >"$GH_WORLD/draft.sig" || diag "cms-tool $*"
	with_header "$GH_WORLD/draft.sig" <"$GH_WORLD/draft"
}
# signed_tag KEY [OPTION...] <TAG
signed_tag() {
	cat >"$GH_WORLD/draft"
	cat "$GH_WORLD/draft"
	armor "$@" <"$GH_WORLD/draft" || diag "cms-tool $*"
}
# store TYPE <OBJECT: its id
store() {
	git hash-object -t "$1" -w --literally --stdin
}
# commit_by KEY [OPTION...]: the id of a draft on $two, signed so.
commit_by() {
	draft "$two" | signed "$@" | store commit
}

# bad_and_good: sets $bad, unsigned, and $good, both on $two.
bad_and_good() {
	hk_unsigned 'bad'
	bad=$(git rev-parse HEAD)
	gh_setup git reset -q --hard "$two"
	hk_commit 'good'
	good=$(git rev-parse HEAD)
}

# --- sending ------------------------------------------------------------------
# push WORDS...: git push to the server. send "OLD NEW REF"...: raw, with just the
# objects that the server does not have (every one that RAW_IDS names, when set).
push() {
	git push origin "$@"
}
# Objects that git cannot walk are named one by one.
send() {
	raw "$@"
}
# to_main ID: git's own client, for a commit that it can read.
to_main() {
	git push origin "$1:refs/heads/main"
}
# raw_to_main ID: ours, for one that it cannot.
raw_to_main() {
	RAW_IDS="$1 $(git rev-parse 'HEAD^{tree}')" raw "$two $1 refs/heads/main"
}

# --- judging ------------------------------------------------------------------
attack_state() {
	git -C "$GH_WORLD/server" for-each-ref --format='%(refname) %(objectname)'
	git -C "$GH_WORLD/server" symbolic-ref HEAD
	if [ -f "$GH_WORLD/server/gitsign-hsm/record" ]; then
		grep -c ' refs/' "$GH_WORLD/server/gitsign-hsm/record"
	else
		echo 0
	fi
}
# What the server said, as one line: its lines are wrapped where they end.
attack_said() {
	cat "$GH_OUT" "$GH_ERR" | sed 's/^remote: //; s/ *$//' | tr -s ' \n' '  '
}
# Lines of ours that are too long (and not one word), or that carry what a terminal would obey. git's own
# "ng" lines have a name as it was sent.
attack_shape() {
	cat "$GH_OUT" "$GH_ERR" | grep -v '^ng \|^To \|^ ! \|^error: \|^hint: ' |
		sed "s/Verifying signatures: [0-9a-z%() \/]*$(printf '\r')//g" |
		sed -n 's/^remote: //p' | sed 's/ *$//' | grep -v '^ *[^ ]*$' |
		grep -E ".{73}|$(printf '[\001-\010\013-\037\177]')" >"$GH_WORLD/shape"
}
attack_line() { # COLUMN
	awk -F ' [|] ' -v n="$attack_case" -v c="$1" '$1 == n { print $c }' \
		"$GH_SRC/attack/MANIFEST" | sed 's/ *$//'
}
attack_say() { # OK? WHAT COMMAND...
	local good what
	good=$1
	what=$2
	shift 2
	if [ "$good" = yes ]; then
		pass "$attack_case $what"
	else
		fail "$attack_case $what"
		gh_show "$@"
	fi
}

# attack COMMAND...: has to come back with the finding, and to change nothing. Where a case
# has attacks of many kinds, attack_want is what the next has to say beside it.
attack() {
	local before finding good
	attacks=$((attacks + 1))
	finding=$(attack_line 5)
	before=$(attack_state)
	gh_run "$@"
	good=no
	if [ "$GH_STATUS" != 0 ] && [ "$GH_STATUS" -lt 126 ] || [ "$GH_STATUS" = 128 ]; then
		if [ "$(attack_state)" != "$before" ]; then
			diag "something changed on the server"
		elif [ "$finding" != - ] && ! attack_said | grep -Eq -e "$finding"; then
			diag "not found: $finding"
		elif [ -n "$attack_want" ] && ! attack_said | grep -Eq -e "$attack_want"; then
			diag "not found: $attack_want"
		elif [ "$finding" != - ] && ! attack_said | grep -Eq 'gitsign-hsm: (push )?refused'; then
			diag "not the hook's refusal"
		elif attack_shape; then
			diag "lines that must not be printed:" "$(cat -v "$GH_WORLD/shape")"
		else
			good=yes
		fi
	fi
	attack_say "$good" "$(attack_line 3)${attack_want:+: $attack_want}" "$@"
	attack_want=
}
# twin COMMAND...: has to go in.
twin() {
	local before good
	twins=$((twins + 1))
	before=$(attack_state)
	gh_run "$@"
	good=no
	if [ "$GH_STATUS" = 0 ] && attack_said | grep -q 'gitsign-hsm: accepted'; then
		if [ "$(attack_state)" = "$before" ]; then
			diag "nothing changed on the server"
		else
			good=yes
		fi
	fi
	attack_say "$good" "twin: $(attack_line 4)" "$@"
}

# --- running ------------------------------------------------------------------
attack_fresh() {
	cd "$GH_WORLD" || bail "cd"
	rm -rf server work
	cp -a base/server base/work base/policy .
	cd work || bail "cd work"
	draft_by='alice <alice@example.com>'
	draft_message=draft
	hk_as alice
	attacks=0
	twins=0
	attack_want=
}

# attack_run: every case of this script that the MANIFEST has, in its order.
attack_run() {
	local group
	group=$(basename "$0" .t)
	mkdir "$GH_WORLD/base"
	gh_setup cp -a "$GH_WORLD/server" "$GH_WORLD/work" "$GH_WORLD/policy" "$GH_WORLD/base"
	for attack_case in $(awk -F ' [|] ' -v g="$group" '$2 == g { print $1 }' \
		"$GH_SRC/attack/MANIFEST"); do
		case " ${ATTACK_ONLY-$attack_case} " in
		*" $attack_case "*) ;;
		*) continue ;;
		esac
		attack_fresh
		if ! command -v "case_$attack_case" >/dev/null; then
			fail "$attack_case of the MANIFEST has no case"
			continue
		fi
		"case_$attack_case"
		[ "$attacks" != 0 ] && [ "$twins" != 0 ] || fail "$attack_case has no attack, or no twin"
	done
	cd "$GH_WORLD" || bail "cd"
	done_testing
}
