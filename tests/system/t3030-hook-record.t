#!/bin/sh
# The record under the hook: lost, unusable, cut off in the middle; SHA-256 repositories.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
state=$GH_WORLD/server/gitsign-hsm

# hook_under COMMAND: the hook, started in the middle of a shell's doing.
hook_under() {
	rm -f ../server/hooks/pre-receive
	printf '#!/bin/sh\n%s\nexec "%s/pre-receive"\n' "$1" "$GH_HOOKS" >../server/hooks/pre-receive
	chmod 755 ../server/hooks/pre-receive
}
hook_plain() {
	rm -f ../server/hooks/pre-receive
	ln -s "$GH_HOOKS/pre-receive" ../server/hooks/pre-receive
}
entries() { wc -l <"$state/record" | tr -d ' '; }

hk_commit 'one'
accepted 'the first push is let in' origin main
is 'the state directory is ours alone' "$(stat -c %a "$state")" 700
is 'the record too' "$(stat -c %a "$state/record")" 600

# --- a record that cannot be used ---------------------------------------------------
hk_commit 'two'
if [ "$(id -u)" != 0 ]; then
	chmod 0 "$state/record"
	refused 'a record that cannot be read is refused' 'record' origin main
	chmod 600 "$state/record"
else
	skip 'root reads everything'
fi
chmod g+w "$state"
refused 'a state directory that others can write to is refused' 'chmod' origin main
chmod g-w "$state"
chmod o+w "$state/record"
refused 'a record that others can write to is refused' 'chmod' origin main
chmod o-w "$state/record"
cp "$state/record" ../record.good
sed -i '1s/main/maim/' "$state/record"
refused 'a record that was changed is refused' 'damaged' origin main
like 'and it says whose matter that is' "$(said | tail -n 1)" 'administrator has to mend this'
cp ../record.good "$state/record"
printf 'torn' >>"$state/record"
gh_run git push origin main
is 'a torn last line is cut off' "$GH_STATUS" 0
like 'and told' "$(said | tr '\n' ' ')" 'torn'
hk_commit 'three'
accepted 'and then all is well' origin main
rm -f "$state/record"
ln -s ../../record.good "$state/record"
hk_commit 'four'
refused 'a symbolic link is no record' 'record' origin main
rm -f "$state/record"

# --- a record that is gone ------------------------------------------------------------
# Nobody knows any more what was judged: all of it is judged again.
rm -rf "$state"
hk_unsigned 'hole'
hk_commit 'five'
refused 'without a record nothing is accepted: the hole shows' 'not signed' origin main
gh_setup git reset -q --hard HEAD~2
accepted 'a history that is all signed is let in again' origin main
git -C ../server config hsm.stateDir "$GH_WORLD/elsewhere/state"
hk_commit 'six'
refused 'a state directory in none is refused' 'elsewhere' origin main
git -C ../server config hsm.stateDir state
refused 'a relative one too' 'absolute' origin main
mkdir ../elsewhere
chmod 755 ../elsewhere
git -C ../server config hsm.stateDir "$GH_WORLD/elsewhere/state"
accepted 'made where its parent stands' origin main
git -C ../server config --unset hsm.stateDir

# --- broken off ----------------------------------------------------------------------
# A limit of no bytes on files: the hook has judged when its first write fails.
before=$(hk_at refs/heads/main)
lines=$(entries)
hk_commit 'seven'
hook_under 'ulimit -f 0'
refused 'without room for the record the push is refused' 'cannot write' origin main
is 'the branch stands as before' "$(hk_at refs/heads/main)" "$before"
is 'and so does the record' "$(entries)" "$lines"
hook_plain
accepted 'the same push goes in afterwards' origin main

# Recorded, but the update did not land: the record must not vouch for it.
hk_commit 'eight'
never=$(git rev-parse HEAD)
printf '#!/bin/sh\n[ "$1" != prepared ]\n' >../server/hooks/reference-transaction
chmod 755 ../server/hooks/reference-transaction
not_ok 'the update fails after the hook' git push origin main
isnt 'and did not land' "$(hk_at refs/heads/main)" "$never"
rm ../server/hooks/reference-transaction
gh_setup git reset -q --hard HEAD~1
hk_unsigned 'nine'
refused 'an unsigned commit is still refused' 'not signed' origin main
gh_setup git reset -q --hard HEAD~1
hk_commit 'ten'
accepted 'another commit goes in its place' origin main
gh_setup git reset -q --hard "$never"
refused 'what did not land is nothing to rewind to' 'not a fast-forward' -f origin main
gh_setup git fetch -q
gh_setup git reset -q --hard origin/main

# The client is gone before the answer: what has landed is known the next time.
hk_commit 'eleven'
printf '#!/bin/sh\nkill -9 $PPID\n' >../server/hooks/post-receive
chmod 755 ../server/hooks/post-receive
git push -q origin main >/dev/null 2>&1
rm ../server/hooks/post-receive
is 'killed after the update: it landed' "$(hk_at refs/heads/main)" "$(git rev-parse HEAD)"
hk_commit 'twelve'
accepted 'and the next push builds on it' origin main
is 'one commit was new' "$(said | grep -c 'accepted 1 commit ')" 1

# --- limits ------------------------------------------------------------------------------
# What is refused by a limit gives the lock back: the next push goes in.
hk_policy_limits() {
	hk_policy
	printf '[limits]\n\t%s\n' "$1" >>"$GH_WORLD/policy"
}
hk_policy_limits 'refs = 2'
accepted 'two refs are not more than two' origin main main:refs/heads/x main:refs/heads/y
refused 'three are' '3 refs in one push, and the policy allows 2' origin main:refs/heads/p \
	main:refs/heads/q main:refs/heads/r
hk_policy

# A loose object that is cut off makes libgit2 1.5 loop. git itself does not look at this
# one, a tip on record whose branch is gone: it is the hook that must end.
gh_setup git checkout -q -b broken
hk_commit 'to be broken'
accepted 'a branch' origin broken
accepted 'and its end' origin :broken
object=$(git rev-parse HEAD | sed 's|^..|&/|')
gh_setup chmod u+w "../server/objects/$object"
cp "../server/objects/$object" ../object
head -c 40 ../object >"../server/objects/$object"
gh_setup git checkout -q main
hk_policy_limits 'time = 3s'
hk_commit 'thirteen'
gh_run git push origin main:refs/heads/other
like 'over a broken object the hook comes to an end' "$GH_STATUS $(said | tr '\n' ' ')" \
	'^0 |^1 .*(git fsck|corrupt)'
cp ../object "../server/objects/$object"
hk_policy
accepted 'mended, the push goes in' origin main

# --- what the record knows and git has forgotten --------------------------------------------
accepted 'a branch that may go' origin main~1:refs/heads/forgotten
gh_setup git checkout -q -b forgotten
hk_commit 'forgotten'
accepted 'goes on' origin HEAD:forgotten
accepted 'and goes' origin :forgotten
gh_setup git -C ../server reflog expire --expire=now --all
gh_setup git -C ../server gc -q --prune=now
not_ok 'its last commit with it' git -C ../server cat-file -e "$(git rev-parse HEAD)"
gh_setup git checkout -q main
accepted 'where rewinds are allowed its name may be used again' origin main:refs/heads/forgotten

# --- SHA-256 ------------------------------------------------------------------------------
GIT_DEFAULT_HASH=sha256
export GIT_DEFAULT_HASH
cd "$GH_WORLD" || bail 'cd'
hk_server server256
gh_repo work256
cd work256 || bail 'cd work256'
git remote add origin "$GH_WORLD/server256"
hk_as alice
hk_commit 'one'
hk_commit 'two'
is 'ids are long' "$(git rev-parse HEAD | tr -d '\n' | wc -c | tr -d ' ')" 64
accepted 'SHA-256: signed commits are let in' origin main
gh_setup git tag -s -m v1 v1
accepted 'SHA-256: a signed tag too' origin v1
hk_unsigned 'three'
refused 'SHA-256: an unsigned commit is refused' 'not signed' origin main
refused 'SHA-256: a tag that is moved is refused' '.' -f origin HEAD:refs/tags/v1
gh_setup git reset -q --hard HEAD~1
gh_setup git tag -a --no-sign -m v2 v2
refused 'SHA-256: an unsigned tag is refused' 'not signed' origin v2
hk_as mallory
hk_commit 'by mallory'
refused 'SHA-256: an unknown signer is refused' 'mallory' origin main
hk_as alice
gh_setup git reset -q --hard HEAD~2
hk_commit 'another two'
refused 'SHA-256: a rewind is refused' 'not a fast-forward' -f origin main
accepted 'SHA-256: where the rule allows it, it is let in' origin main:refs/heads/topic
gh_setup git -C ../server256 gc -q
gh_setup git fetch -q
gh_setup git reset -q --hard origin/main
hk_commit 'three'
gh_setup git checkout -q -b side HEAD~1
hk_commit 'beside'
gh_setup git checkout -q main
gh_setup git merge -q -S -m merge side
accepted 'SHA-256: a merge, over packed objects' origin main
is 'SHA-256: three commits were new' "$(said | grep -c 'accepted 3 commits')" 1

# --- a slow disk ---------------------------------------------------------------------------
# Here objects come from `git cat-file`: one that waits stands for a disk that does.
mkdir ../slow
cat >../slow/git <<EOF
#!/bin/sh
case \$1\$2\$3\$4\$5 in
*cat-file*) sleep \$(cat "$GH_WORLD/slow/seconds") ;;
esac
exec "$(command -v git)" "\$@"
EOF
chmod 755 ../slow/git
slow_hook() {
	echo "$1" >../slow/seconds
	rm -f ../server256/hooks/pre-receive
	printf '#!/bin/sh\nPATH="%s/slow:$PATH"\nexec "%s/pre-receive"\n' "$GH_WORLD" "$GH_HOOKS" \
		>../server256/hooks/pre-receive
	chmod 755 ../server256/hooks/pre-receive
}
slow_hook 2
hk_commit 'four'
hk_commit 'five'
gh_run git push origin main
is 'from a slow disk the push goes in' "$GH_STATUS" 0
like 'how far it is was shown' "$(tr '\r' '\n' <"$GH_ERR")" \
	'^remote: Verifying signatures: 0 of [12] so far'
like 'and ended on a line of its own' "$(cat "$GH_ERR")" \
	'Verifying signatures: 100% \(2/2\) *$'
slow_hook 0
# One within a second: a busy machine may want several tries.
short_push() {
	hk_commit 'short'
	gh_run git push origin main
	[ "$GH_STATUS" = 0 ] && ! grep -q 'Verifying' "$GH_ERR"
}
if until_true short_push; then
	pass 'a short push shows none'
else
	fail 'a short push shows none'
	gh_show git push origin main
fi
slow_hook 60
hk_policy_limits 'time = 1s'
hk_commit 'seven'
refused 'a push that takes too long is refused' 'git fsck' origin main
gh_run env GL_PROTOCOL=web git push origin main
like 'on a page of GitLab too' "$(cat "$GH_ERR")" '^remote: GL-HOOK-ERR: .*took longer than 1 s'
unlike 'on no other' "$(gh_run git push origin main; cat "$GH_ERR")" 'GL-HOOK-ERR'
slow_hook 0
hk_policy
accepted 'and the lock is free again' origin main

done_testing
