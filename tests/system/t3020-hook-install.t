#!/bin/sh
# hook install, remove, status; policy init, check: a server set up from nothing.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hsm="$GH_BIN/gitsign-hsm"
gh_bare fresh
chmod -R go-w ../fresh
rm -f ../fresh/hooks/*
git remote add fresh "$GH_WORLD/fresh"
cp ../fresh/config ../config.before

# --- policy init, check ------------------------------------------------------------
exits 2 'policy init: an unknown kind of server is refused' "$hsm" policy init --for mars
exits 2 'a signer without an e-mail is refused' "$hsm" policy init --signer alice
ok 'without names it prints a file to fill in' "$hsm" policy init --for plain
like 'and says what' "$(cat "$GH_ERR")" '^Fill in: roots'
ok 'with names it writes a whole one' "$hsm" policy init -o ../made --roots "$GH_ROOTS" \
	--signer alice=alice@example.com --signer bob=bob@example.com
unlike 'with nothing to fill in' "$(cat "$GH_ERR")" 'Fill in'
exits 2 'what is there is not overwritten' "$hsm" policy init -o ../made
ok 'policy check takes it' "$hsm" policy check ../made
like 'and shows the rules' "$(cat "$GH_OUT")" \
	'^main +refs/heads/main +commits signed +alice,bob +- +enforce'
like 'with what they allow' "$(cat "$GH_OUT")" \
	'^work +refs/heads/\*\* +commits signed +anyone +rewind,delete,keyless +enforce'
ok 'as JSON too' "$hsm" policy check --json ../made
cp "$GH_OUT" ../json
ok 'that a JSON reader takes' perl -MJSON::PP -e \
	'my $p = decode_json(join "", <>); exit($p->{serial} == 1 && @{$p->{rules}} == 3 ? 0 : 1)' \
	../json
sed 's/commits = signed/comits = signed/' ../made >../typo
exits 3 'a mistake is refused' "$hsm" policy check ../typo
like 'with its line' "$(cat "$GH_ERR")" 'typo:[0-9]+: '

# --- install ---------------------------------------------------------------------------
exits 3 'install needs a policy' "$hsm" hook install ../fresh
exits 7 'and a repository' "$hsm" hook install --policy ../made ../nothing
like 'it says which one is not there' "$(cat "$GH_ERR")" \
	'cannot open the repository ../nothing: No such file or directory'
exits 7 'a file is none' "$hsm" hook install --policy ../made ../made
like 'and is called no directory' "$(cat "$GH_ERR")" 'the repository ../made: Not a directory'
exits 3 'status says that there is no hook' "$hsm" hook status ../fresh
like 'in words' "$(cat "$GH_OUT")" 'PROBLEM +not installed'
echo '#!/bin/sh' >../fresh/hooks/pre-receive
exits 3 'another hook is not replaced' "$hsm" hook install --policy ../made ../fresh
like 'and it says how to keep both' "$(cat "$GH_ERR")" 'keep both'
rm ../fresh/hooks/pre-receive
git -C ../fresh config core.hooksPath /nowhere
exits 3 'core.hooksPath elsewhere is refused' "$hsm" hook install --policy ../made ../fresh
like 'by name' "$(cat "$GH_ERR")" 'core.hooksPath'
git -C ../fresh config --unset core.hooksPath
git -C ../fresh config hook.pre-receive.enabled false
exits 3 'a hook that is switched off is refused' "$hsm" hook install --policy ../made ../fresh
git -C ../fresh config --remove-section hook.pre-receive
chmod g+w ../fresh/refs
exits 3 'a repository that others can write to is refused' "$hsm" hook install --policy ../made \
	../fresh
chmod g-w ../fresh/refs
is 'refusals change nothing' "$(git -C ../fresh config --local --list)" \
	"$(git config --file ../config.before --list)"

mode=$(stat -c %a ../fresh/config)
hk_unsigned 'from before'
gh_setup git push fresh main HEAD:refs/heads/old
gh_setup git tag light
gh_setup git push fresh light
ok 'install' "$hsm" hook install --policy ../made --introduce ../fresh
like 'it says what it changed' "$(cat "$GH_OUT")" 'receive.fsckObjects = true'
is 'one introduction covers what is there' "$(git -C ../fresh config --get-all hsm.introduction)" \
	"$(git rev-parse HEAD)"
is 'the policy is set, absolute' "$(git -C ../fresh config hsm.policy)" "$GH_WORLD/made"
seed=$(git -C ../fresh config receive.certNonceSeed)
is 'git has a seed to ask for push certificates' "$(printf %s "$seed" | grep -c '^[0-9a-f]\{64\}$')" 1
like 'which is told of' "$(cat "$GH_OUT")" '^receive.certNonceSeed: made'
unlike 'and not shown' "$(cat "$GH_OUT" "$GH_ERR")" "$seed"
is 'and how long one is good' "$(git -C ../fresh config receive.certNonceSlop)" 600
is 'the mode of the configuration is what it was' "$(stat -c %a ../fresh/config)" "$mode"
chmod 600 ../fresh/config
ok 'installing again is fine' "$hsm" hook install --policy ../made --introduce ../fresh
is 'the seed stays' "$(git -C ../fresh config --get-all receive.certNonceSeed)" "$seed"
is 'and introduces nothing twice' "$(git -C ../fresh config --get-all hsm.introduction | wc -l)" 1
ok 'status is good' "$hsm" hook status ../fresh
like 'with the policy' "$(cat "$GH_OUT")" "^policy +$GH_WORLD/made"
like 'and the introduction' "$(cat "$GH_OUT")" "^introduction +$(git rev-parse HEAD)"
hk_unsigned 'from after'
refused 'what is new is judged' 'not signed' fresh main
like 'alone' "$(said | tail -n 1)" 'refused: 1 of 1 commit'
gh_setup git commit -q --amend --no-edit -S
accepted 'a signed one is let in' fresh main
ok 'status' "$hsm" hook status ../fresh
like 'has the tip' "$(cat "$GH_OUT")" '^record .* 1 entry, 1 tip$'
rm ../fresh/hooks/pre-receive
cp "$GH_HOOKS/pre-receive" ../fresh/hooks/pre-receive
chmod 644 ../fresh/hooks/pre-receive
exits 3 "a hook without its x bit is a problem" "$hsm" hook status ../fresh
like "and said to be one" "$(cat "$GH_OUT")" "PROBLEM +the hook is not executable"
rm ../fresh/hooks/pre-receive
ln -s "$GH_HOOKS/pre-receive" ../fresh/hooks/pre-receive

# --- remove ----------------------------------------------------------------------------
ok 'remove' "$hsm" hook remove ../fresh
not_ok 'the hook is gone' test -e ../fresh/hooks/pre-receive
is 'the configuration is as before, but for the introduction' \
	"$(git -C ../fresh config --local --list | grep -v '^hsm.introduction')" \
	"$(git config --file ../config.before --list)"
ok 'removing again is fine' "$hsm" hook remove ../fresh
echo '#!/bin/sh' >../fresh/hooks/pre-receive
exits 3 'another hook is not removed' "$hsm" hook remove ../fresh
ok 'it is still there' test -e ../fresh/hooks/pre-receive

done_testing
