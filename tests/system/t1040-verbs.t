#!/bin/sh
# setup, key list, verify, doctor: as a newcomer would type them.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
cat >"$GIT_CONFIG_GLOBAL" <<CONF
[user]
	name = Alice
	email = alice@example.com
[init]
	defaultBranch = main
CONF
PATH=$GH_BIN:$PATH
gh_repo work
cd work || bail cd
cp .git/config before

not_ok 'doctor finds what is missing' gitsign-hsm doctor
like 'with the cure' "$(cat "$GH_OUT")" 'gitsign-hsm setup'
ok 'setup' gitsign-hsm setup --module "$GH_MODULE" --pin-source "file:$GH_PIN_FILE" --roots ../ca/root.pem
like 'says what it changed' "$(cat "$GH_OUT")" 'user.signingKey += [0-9a-f]{64}'
like 'how to go back' "$(cat "$GH_OUT")" 'setup --undo'
is 'the fingerprint' "$(git config user.signingKey)" "$(gh_fp alice)"
is 'absolute anchors' "$(git config hsm.roots)" "$GH_WORLD/ca/root.pem"
ok 'a commit is signed now' git commit -q --allow-empty -m one
is 'and good' "$(git log -1 --format='%G?')" G
ok 'doctor is content' gitsign-hsm doctor
like 'no problem' "$(cat "$GH_OUT")" '^0 problems'
ok 'setup again changes nothing' gitsign-hsm setup
ok 'undo' gitsign-hsm setup --undo
git config --unset-all hsm.nothing || :
is 'puts back what was' "$(git config --local --list | sort)" "$(git config -f before --list | sort)"

git config --global gpg.format openpgp
ok 'setup --global' gitsign-hsm setup --global --module "$GH_MODULE" \
	--pin-source "file:$GH_PIN_FILE" --roots "$GH_ROOTS"
is 'changes the former value' "$(git config --global gpg.format)" x509
ok 'undo --global' gitsign-hsm setup --global --undo
is 'puts it back' "$(git config --global gpg.format)" openpgp
git config --global --unset gpg.format

# What cannot work changes nothing.
refuse() { # EXIT DESCRIPTION PATTERN WORDS...
	local want desc pattern
	want=$1 desc=$2 pattern=$3
	shift 3
	cp .git/config was
	exits "$want" "setup: $desc" gitsign-hsm setup --module "$GH_MODULE" \
		--pin-source "file:$GH_PIN_FILE" "$@"
	like "setup: $desc: why" "$(cat "$GH_ERR")" "$pattern"
	is "setup: $desc: nothing changed" "$(cat .git/config)" "$(cat was)"
}
refuse 4 'no such key' 'no key' --key bob@example.com --roots "$GH_ROOTS"
refuse 3 'anchors of another authority' 'vouch' --roots "$( (cd .. && gh_authority other >/dev/null
	echo "$GH_WORLD/ca/other.pem"))"
refuse 3 'no anchors there' 'nowhere' --roots ../nowhere.pem
refuse 5 'wrong PIN' 'PIN' --roots "$GH_ROOTS" --pin-source "file:$(printf 'x\n' >../w && chmod 600 ../w && echo "$GH_WORLD/w")"
cd "$GH_WORLD" || bail cd
not_ok 'setup outside a repository' gitsign-hsm setup --module "$GH_MODULE" \
	--pin-source "file:$GH_PIN_FILE" --roots "$GH_ROOTS"
cd work || bail cd

gh_setup gitsign-hsm setup --module "$GH_MODULE" --pin-source "file:$GH_PIN_FILE" --roots "$GH_ROOTS"
gh_key tls EC:prime256v1 tls@example.com extendedKeyUsage=serverAuth
ok 'key list' gitsign-hsm key list
like 'the one that can sign' "$(cat "$GH_OUT")" "$(gh_fp alice)"
like 'the one that cannot' "$(cat "$GH_OUT")" 'can sign +no: '
ok 'key list --json' gitsign-hsm key list --json
is 'is JSON' "$(perl -MJSON::PP -0e 'print scalar grep { $_->{canSign} } @{decode_json(<>)}' <"$GH_OUT")" 1
exits 2 'key without a verb' gitsign-hsm key
exits 2 'key with an unknown option' gitsign-hsm key list --frob

git commit -q --allow-empty -m two
git commit -q --no-gpg-sign --allow-empty -m unsigned
git commit -q --allow-empty -m three
git tag -s -m v1 v1
git tag -a --no-sign -m v2 v2
ok 'verify HEAD' gitsign-hsm verify
like 'is good' "$(cat "$GH_OUT")" '^1 of 1 good'
ok 'verify a tag' gitsign-hsm verify v1
exits 1 'verify an unsigned tag' gitsign-hsm verify v2
exits 1 'verify a range with an unsigned commit' gitsign-hsm verify HEAD~3..HEAD
like 'counts' "$(cat "$GH_OUT")" '^2 of 3 good'
like 'and names it' "$(cat "$GH_OUT")" 'unsigned'
exits 1 'the same as JSON' gitsign-hsm verify --json HEAD~3..HEAD
is 'is JSON' "$(perl -MJSON::PP -0e 'print join ",", map { $_->{verdict} } @{decode_json(<>)}' \
	<"$GH_OUT")" good,unsigned,good
ok 'an empty range' gitsign-hsm verify HEAD..HEAD
exits 7 'a revision that is none' gitsign-hsm verify nonsense
exits 8 'a tree' gitsign-hsm verify 'HEAD^{tree}'
for v in setup 'token list' 'token init' 'key list' 'key generate' 'key check' 'cert request' \
	'cert self-sign' 'cert import' verify doctor 'policy check' 'policy init' 'hook install' 'hook remove' 'hook status'; do
	# shellcheck disable=SC2086 # two words
	ok "$v --help" gitsign-hsm $v --help
	like "$v --help: usage" "$(cat "$GH_OUT")" "gitsign-hsm $v"
done
done_testing
