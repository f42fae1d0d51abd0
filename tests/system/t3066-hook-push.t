#!/bin/sh
# What a push was let in with lands by that push alone: however its hooks are run, and as long as
# it lasts.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
server=$GH_WORLD/server
record=$server/gitsign-hsm/record
# wrapper HOOK <SCRIPT: a script in the hook's place; $hook is the hook.
wrapper() {
	rm -f "$server/hooks/$1"
	{
		printf '#!/bin/sh\nhook=%s/%s\n' "$GH_HOOKS" "$1"
		cat
	} >"$server/hooks/$1"
	chmod 755 "$server/hooks/$1"
}
plain() { # HOOK
	rm -f "$server/hooks/$1"
	ln -s "$GH_HOOKS/$1" "$server/hooks/$1"
}
forked() {
	wrapper "$1" <<-'EOF2'
		"$hook" "$@"
		status=$?
		exit $status
	EOF2
}
executed() {
	echo 'exec "$hook" "$@"' | wrapper "$1"
}
# As where a daemon runs the hooks: by a process that is not of receive-pack's.
by_daemon() {
	wrapper "$1" <<-'EOF2'
		exec perl -e 'pipe R, W; $first = fork // die;
			if ($first == 0) {
				$us = $$;
				exit if fork // die;
				select undef, undef, undef, 0.01 while getppid == $us;
				close R;
				system @ARGV;
				print W $? >> 8;
				exit;
			}
			close W; waitpid $first, 0; read R, $status, 10; exit $status' "$hook" "$@"
	EOF2
}
# meanwhile: between pre-receive and the change of the ref alice ceases to be a signer.
sed 's/alice@/nobody@/' ../policy >../policy.without
cp ../policy ../policy.with
chmod 644 ../policy.without ../policy.with
wrapper update <<EOF2
cp "$GH_WORLD/policy.without" "$GH_WORLD/policy"
EOF2
back() { cp ../policy.with ../policy; }
bound() { grep ' p ' "$record" | tail -n 1 | cut -d' ' -f1; }
# lands DESC VERSION; lost DESC
lands() {
	hk_commit "$1"
	gh_run git push origin main
	back
	is "$1" "$(hk_at refs/heads/main)" "$(git rev-parse HEAD)"
	is 'its push is on record, or not' "$(bound)" "$2"
}
lost() {
	hk_commit "$1"
	gh_run git push origin main
	back
	like "$1" "$(tr -s '\n ' '  ' <"$GH_ERR")" 'belongs to no signer'
	isnt 'and does not land' "$(hk_at refs/heads/main)" "$(git rev-parse HEAD)"
	git reset -q --hard HEAD~1
}

# --- how hooks are run ------------------------------------------------------------------------
hk_commit 'one'
plain reference-transaction
lands 'run by receive-pack' v2
forked pre-receive
lands 'pre-receive by a script' v2
forked reference-transaction
lands 'both' v2
executed pre-receive
lands 'a script that turns into the hook' v2
plain reference-transaction
by_daemon pre-receive
lands 'pre-receive by a daemon: for a time it may be anybody' v1
by_daemon reference-transaction
lands 'both by a daemon' v1
plain pre-receive
lost 'reference-transaction alone by a daemon: it cannot tell whose change it is'
plain reference-transaction
exits 0 'git receive-pack as a word of git' git push -q \
	--receive-pack='git -c core.abbrev=40 receive-pack' origin main:refs/heads/other
back
is 'is a push too' "$(bound)" v2

# --- when the push is over ---------------------------------------------------------------------
wrapper update <<'EOF2'
exit 1
EOF2
entry() { sed -n 's/^v[12] \([0-9]*\) p .*/\1/p' "$record" | tail -n 1; }
state() { sed -n "s/^v1 $1 \\([ld]\\) .*/\\1/p" "$record"; }
hk_commit 'kept out'
not_ok 'another hook keeps a push out' git push -q origin main
n=$(entry)
is 'it is pending' "$(state "$n")" ''
cp ../policy.without ../policy
not_ok 'nobody else applies it' git -C "$server" update-ref refs/heads/main "$(git rev-parse HEAD)"
back
rm "$server/hooks/update"
exits 0 'the next push' git push -q origin main:refs/heads/next
is 'finds that it is over' "$(state "$n")" d
accepted 'it may be pushed again' origin main
ok 'the record tells it all' perl "$GH_SRC/system/record-check.pl" "$server"

# Of another system, or of a namespace that is gone: nothing is known, time decides.
wrapper update <<'EOF2'
exit 1
EOF2
other() { # PERL DESC
	hk_commit "$2"
	not_ok 'kept out' git push -q origin main
	n=$(entry)
	hk_entry "$n" "$1"
	exits 1 'another push' git push -q origin main:refs/heads/next2
	is "$2: still pending" "$(state "$n")" ''
	exits 1 'nobody else applies it' sh -c "cp '$GH_WORLD/policy.without' '$GH_WORLD/policy'
		git -C '$server' update-ref refs/heads/main $(git rev-parse HEAD) || exit 1"
	back
}
other '$f[11] =~ s/^[^:]*/"0" x 36/e' 'of another system'
other '$f[11] =~ s/:\d+:/:1:/' 'of another namespace'
for push in x : 1:2:3 "$(printf '%s' a:b:c:d)"; do
	other "\$f[11] = '$push'" "of a push that is $push"
done
hk_entry "$(entry)" 's/(\d+)$/$1 + 1/e for $f[11]'
gh_run git push -q origin main:refs/heads/next3
is 'of a process that came later with that number: over' "$(state "$(($(entry) - 1))")" d

# --- lines that cannot be -------------------------------------------------------------------------
rm "$server/hooks/update"
cp "$record" ../record
for change in '$f[0] = "v1"' '$f[11] = "-"' '$#f = 10' '$#f = 10; $f[0] = "v2"; $f[2] = "l"' '$f[12] = "x"'; do
	hk_entry "$(entry)" "$change"
	refused "a line with $change" 'damaged' origin main
	cp ../record "$record"
done
accepted 'and without' origin main
done_testing
