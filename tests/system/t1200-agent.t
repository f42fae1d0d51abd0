#!/bin/sh
# The agent: started by itself, one session for many signatures, killed, pulled, hung.
. "${GH_SRC:-tests}/system/lib.sh"

. "${GH_SRC:-tests}/system/agent-lib.sh"

agent_world
required() {
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.agent GIT_CONFIG_VALUE_0=required raw "$@"
}

# --- off, required ---------------------------------------------------------------
ok 'with off no agent is started' commit plain
exits 9 'none runs' agent status
git config --global hsm.agent sometimes
exits 3 'another word for hsm.agent is refused' raw
like 'and it says so' "$(cat "$GH_ERR")" 'hsm.agent must be auto, off, required or ssh'

# --- auto ---------------------------------------------------------------------------
git config --global --unset hsm.agent
ok 'the agent starts by itself, and git does not wait for the agent' timeout 30 git commit -q -S \
	--allow-empty -m one
ok 'the commit verifies' git verify-commit HEAD
ok 'an agent runs now' agent status
like 'it has signed once' "$(agent status)" 'signatures by them: 1'
pid=$(agent_pid)
is 'the directory is for its owner only' "$(stat -c %a "$XDG_RUNTIME_DIR/gitsign-hsm")" 700
is 'and so is the socket' "$(stat -c %a "$XDG_RUNTIME_DIR/gitsign-hsm/agent")" 700
is 'no argument of it says anything' \
	"$(cat /proc/"$pid"/cmdline | tr '\0' ' ')" 'gitsign-hsm-agent --started '
not_ok 'a second agent is refused' agent
like 'it says why' "$(cat "$GH_ERR")" 'running already'

ok 'a tag is signed through it' git tag -s -m tag v1
ok 'and verifies' git verify-tag v1
echo text >"$GH_WORLD/text"
exits 8 'what is no git object is not for the agent: required refuses' required "$GH_WORLD/text"
printf 'tree %040d\nauthor A <a@example.com> 1 +0000\n\nno committer\n' 0 >"$GH_WORLD/torn"
exits 8 'nor is a commit that is none, though it begins like one' required "$GH_WORLD/torn"
like 'it says why' "$(cat "$GH_ERR")" 'signs git objects only'
unlike 'and nothing is claimed' "$(cat "$GH_ERR")" SIG_CREATED
ok 'with auto the program signs that by itself' raw "$GH_WORLD/torn"

git cat-file commit HEAD >"$GH_WORLD/signed"
exits 8 'what is signed already is not signed again' required "$GH_WORLD/signed"
like 'it says why' "$(cat "$GH_ERR")" 'it is signed already'
{
	cat "$GH_WORLD/payload"
	perl -e 'print "text\n" x 3_600_000'
} >"$GH_WORLD/large"
exits 8 'more than 16 MiB are not for the agent' required "$GH_WORLD/large"
ok 'but for the program itself' raw "$GH_WORLD/large"
perl -e 'local $/; my $t = <STDIN>; print substr $t, 0, 16_000_000' <"$GH_WORLD/large" >"$GH_WORLD/less"
ok '16 MB are' required "$GH_WORLD/less"
rm -f "$GH_WORLD/large" "$GH_WORLD/less"

# --- one PIN for a rebase -------------------------------------------------------------
# The PIN comes through a descriptor that exists once, as a person would give it once.
agent_end
git config --global hsm.pinSource fd:9
i=0
while [ $i -lt 100 ]; do
	git commit -q --allow-empty -m "c$i" || bail commit
	i=$((i + 1))
done
first=$(sh -c 'git commit -q -S --allow-empty -m first 9<"$1"; git rev-parse HEAD' sh "$GH_PIN_FILE")
ok 'the PIN is given once' git verify-commit "$first"
ok 'a rebase of 100 commits needs no other' git rebase -q -f -S --keep-empty HEAD~101
is 'all are signed' "$(git log --format=%G? -101 | sort | uniq -c | tr -s ' ')" ' 101 G'
like 'by one session' "$(agent status)" 'modules open: 1, signatures by them: 10[0-9]'
unlike 'the PIN is in no command line' "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ')" \
	"$GH_PIN"
pid=$(agent_pid)
is 'the agent cannot be looked into' "$(cat /proc/"$pid"/environ 2>/dev/null)" ''
like 'and leaves no core' "$(cat /proc/"$pid"/limits)" '^Max core file size +0 +0'

# --- what breaks ------------------------------------------------------------------------
kill -9 "$(agent_worker)"
not_ok 'a killed module process is replaced; the PIN is not known any more' raw
like 'it says what is missing' "$(cat "$GH_ERR")" 'PIN'
git config --global hsm.pinSource "file:$GH_PIN_FILE"
ok 'with a PIN the next signature works' commit again
is 'by the same agent' "$(agent_pid)" "$pid"
mv "$GH_WORLD/tokens" "$GH_WORLD/tokens.away"
mkdir "$GH_WORLD/tokens"
not_ok 'a token that is pulled out signs nothing' git -c hsm.timeout=10 commit -q -S --allow-empty -m x
rmdir "$GH_WORLD/tokens"
mv "$GH_WORLD/tokens.away" "$GH_WORLD/tokens"
ok 'put back, the next signature works' commit back
kill -9 "$(agent_pid)"
until_true agent_gone
ok 'a killed agent is started anew' commit anew
isnt 'it is another one' "$(agent_pid)" "$pid"

printf '%s' "000$GH_PIN" >"$GH_WORLD/wrong"
chmod 600 "$GH_WORLD/wrong"
agent_end
git config --global hsm.pinSource "file:$GH_WORLD/wrong"
exits 5 'a wrong PIN signs nothing' raw
like 'it says so' "$(cat "$GH_ERR")" 'PIN is wrong'
git config --global hsm.pinSource "file:$GH_PIN_FILE"

# --- many at once --------------------------------------------------------------------------
agent_end
many() {
	local pids p
	pids=
	for p in 1 2 3 4 5 6 7 8; do
		(
			for _ in 1 2 3 4 5 6 7 8 9 10; do
				"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau '' <"$GH_WORLD/payload" \
					>"$GH_WORLD/sig.$p" 2>"$GH_WORLD/status.$p" || exit 1
			done
		) &
		pids="$pids $!"
	done
	for p in $pids; do wait "$p" || return 1; done
}
ok 'eight clients, with no agent running, get what they ask for' many
grep -hv GNUPG "$GH_WORLD"/status.* | sed 's/^/# client: /' >&2
ok 'their signatures verify' "$GH_BIN/gitsign-hsm" --status-fd=1 --verify "$GH_WORLD/sig.8" \
	"$GH_WORLD/payload"
like 'all by one agent' "$(agent status)" 'signatures by them: 80'

# --- whose directory -----------------------------------------------------------------------
agent_end
chmod 755 "$XDG_RUNTIME_DIR/gitsign-hsm"
exits 3 'a directory that is open to others is not used' required
like 'it says which' "$(cat "$GH_ERR")" 'mode 0700'
chmod 700 "$XDG_RUNTIME_DIR/gitsign-hsm"
rm -rf "$XDG_RUNTIME_DIR/gitsign-hsm"
mkdir -m 700 "$GH_WORLD/else"
ln -s "$GH_WORLD/else" "$XDG_RUNTIME_DIR/gitsign-hsm"
exits 3 'nor is a link' required
ok 'auto signs without the agent then' commit direct
done_testing
