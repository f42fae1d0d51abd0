# agent.sh: one signature, a commit and a rebase with the agent, warm. Sourced by run.sh.
# shellcheck shell=sh disable=SC2086,SC2154
echo "# with the agent, warm, in turn"
git config --global hsm.agent required
gh_at_exit '"$GH_BIN/gitsign-hsm" agent stop >/dev/null 2>&1'
[ -e .git ] || gh_setup git init -q .
# What any agent with this token costs: a daemon that has it open, and does nothing else.
FLOOR_SOCKET=$GH_WORLD/floor.sock
export FLOOR_SOCKET
: >floor.out
"$build/bench/floor" serve "$GH_MODULE" world "$GH_PIN_FILE" "$uri" "$FLOOR_SOCKET" >floor.out &
floor_pid=$!
gh_at_exit 'kill $floor_pid 2>/dev/null'
until grep -q ready floor.out; do
	kill -0 $floor_pid || bail "the daemon that only signs does not come up"
	sleep 0.1
done
turns "${RUNS:-40}" "$GH_BIN/gitsign-hsm --status-fd=2 -bsau $fp" \
	"ssh-keygen -q -Y sign -n git -f file.key" "ssh-keygen -q -Y sign -n git -f token.pub" \
	"gpgsm -q -bsau 0x$scd_fp" "$build/bench/floor"
row agent/ssh-file "$(turn 1)" "$(turn 2)" ms "one signature, agent : ssh-keygen, key in a file"
row agent/ssh-agent "$(turn 1)" "$(turn 3)" ms "one signature, agent : ssh-agent, key in the token"
row agent/gpgsm-scd "$(turn 1)" "$(turn 4)" ms "one signature, agent : gpgsm with gnupg-pkcs11-scd, warm"
row agent/floor "$(turn 1)" "$(turn 5)" ms "one signature, agent : a daemon that has the token open, and only signs"

null="-c commit.gpgSign=true -c gpg.x509.program=$build/bench/null-signer"
four_signers
commits null $null
turns 100 "$none" "$ours" "$COMMIT" "$file" "$agent" "$scd"
last_good ours
last_signed ssh-agent ssh-file scd
added agent/commit 2 3 "agent : a signer that does nothing"
added agent/commit-ssh-file 2 4 "agent : ssh-keygen, key in a file"
added agent/commit-ssh-agent 2 5 "agent : ssh-agent, key in the token"
added agent/commit-gpgsm-scd 2 6 "agent : gpgsm with gnupg-pkcs11-scd"

# rebase NAME WORDS...: the command that rebases the last hundred commits of a copy of `none'.
rebase() {
	cp -R none "rebase-$1"
	REBASE="git -C rebase-$* rebase -q -f --keep-empty HEAD~100"
}
rebase ours $with_ours
r_ours=$REBASE
rebase null $null
r_null=$REBASE
rebase floor -c commit.gpgSign=true -c "gpg.x509.program=$build/bench/floor"
r_floor=$REBASE
rebase file $with_file
r_file=$REBASE
rebase agent $with_agent
r_agent=$REBASE
rebase scd $with_scd
turns 15 "$r_ours" "$r_null" "$r_file" "$r_agent" "$REBASE" "$r_floor"
last_good rebase-ours
last_signed rebase-file rebase-agent rebase-scd
row agent/rebase-100 "$(turn 1)" "$(turn 2)" ms "rebase of 100 commits, agent : a signer that does nothing"
row agent/rebase-100-floor "$(turn 1)" "$(turn 6)" ms "rebase of 100 commits, agent : a daemon that has the token open, and only signs"
row agent/rebase-100-ssh-file "$(turn 1)" "$(turn 3)" ms "rebase of 100 commits, agent : ssh-keygen, key in a file"
row agent/rebase-100-ssh-agent "$(turn 1)" "$(turn 4)" ms "rebase of 100 commits, agent : ssh-agent, key in the token"
row agent/rebase-100-gpgsm-scd "$(turn 1)" "$(turn 5)" ms "rebase of 100 commits, agent : gpgsm with gnupg-pkcs11-scd"
"$GH_BIN/gitsign-hsm" agent stop >/dev/null
git config --global hsm.agent off
