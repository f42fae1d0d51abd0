#!/bin/sh
# The agent: who agrees to a signature, what one yes is good for, the log, the lock.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"
gh_need expect

agent_world
git config --global hsm.agent required
LOG=$HOME/.local/state/gitsign-hsm/agent.log
unset XDG_STATE_HOME DISPLAY WAYLAND_DISPLAY

# last FIELD: of the log's last line; every line has to be JSON.
last() {
	perl -MJSON::PP -e 'my $f = shift; my $l; $l = decode_json($_) while <STDIN>; print $l->{$f} // ""' \
		"$1" <"$LOG"
}
lines() { wc -l <"$LOG" | tr -d ' '; }
# conf NAME VALUE: for a new agent.
conf() {
	git config --global "$@"
	agent_end
}

# git_log PATH: a signature by a new agent with this log.
git_log() {
	conf hsm.agentLog "$1"
	raw
}

# --- the log ---------------------------------------------------------------------
ok 'with a stored PIN nobody is asked' commit one
is 'the log has it' "$(last result) $(last reason)" 'signed not asked'
is 'with the commit that came of it' "$(last object)" "$(git rev-parse HEAD)"
is 'what it was' "$(last purpose)" commit
is 'where' "$(last repository)" "$(pwd)"
is 'by which key' "$(last key)" "$(gh_fp alice)"
is 'for whom' "$(last uid)" "$(id -u)"
ok 'when' perl -MTime::Piece -e 'my $t = Time::Piece->strptime($ARGV[0], "%Y-%m-%dT%H:%M:%SZ");
	exit(abs(time - $t->epoch) > 60)' "$(last time)"
like 'for which program' "$(last program)" 'gitsign-hsm$'
like 'started by which' "$(last parent)" '/git$'
ok 'a process' sh -c 'echo $$ >../asker; exec "$0" --status-fd=2 -bsau ""' "$GH_BIN/gitsign-hsm" \
	<"$GH_WORLD/payload"
is 'by its number' "$(last pid)" "$(cat ../asker)"
ok 'a tag' git tag -s -m 'a tag' v1
is 'has its own id too' "$(last object) $(last purpose)" "$(git rev-parse v1) tag"
gh_setup git init -q --object-format=sha256 ../sha256
ok 'a commit in a SHA-256 repository' git -C ../sha256 commit -q -S --allow-empty -m x
is 'too' "$(last object)" "$(git -C ../sha256 rev-parse HEAD)"
is 'the log is for its owner' "$(stat -c %a "$LOG")" 600
exits 4 'what is refused' "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau nobody@example.com \
	<"$GH_WORLD/payload"
is 'is in the log' "$(last result)" refused
like 'with the reason' "$(last reason)" 'no key on the tokens'
conf hsm.agentLog /proc/nowhere/log
exits 9 'without a log nothing is signed' raw
like 'it says why' "$(cat "$GH_ERR")" 'log /proc/nowhere/log \(hsm.agentLog\) cannot be written'
git config --global hsm.agent auto
ok 'auto signs without the agent then' raw
git config --global hsm.agent required
conf --unset hsm.agentLog
ok 'with one' raw
mv "$LOG" "$LOG.kept"
mkdir "$LOG"
exits 9 'and none when it goes' raw
is 'nothing is handed out' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
rmdir "$LOG"
mv "$LOG.kept" "$LOG"
# A pipe, and one that is full: nothing is waited for.
mkfifo ../pipe
exec 8<>../pipe
exits 9 'what is no file is no log' git_log "$GH_WORLD/pipe"
like 'it says so' "$(cat "$GH_ERR")" 'is not a regular file'
exec 8>&-
exits 9 'nor is a device' git_log /dev/null
# fill BYTES: another log, of so many bytes.
fill() { perl -e 'print "{}" . " " x ($ARGV[0] - 3) . "\n"' "$1" >../other.log; }
size() { wc -c <"$1" | tr -d ' '; }
# full: an agent whose files do not become longer than 4 KiB.
full() {
	conf hsm.agentLog "$GH_WORLD/other.log"
	(ulimit -f 8 && exec "$GH_BIN/gitsign-hsm" agent >/dev/null 2>&1) &
	until_true agent status
}
fill 4000
ok 'a log that has room for a part of a line' full
exits 9 'takes none' raw
like 'it says why' "$(cat "$GH_ERR")" "cannot write the agent's log"
is 'nothing is handed out' "$(size "$GH_OUT")" 0
is 'and nothing is written' "$(size ../other.log)" 4000
fill 2000
ok 'with room it takes it' raw
is 'all of it' "$(grep -c signed ../other.log)" 1
fill $((8 << 20))
agent_end
ok 'one of 8 MiB goes on' raw
not_ok 'as that' test -e ../other.log.1
ok 'a longer one does not' raw
is 'it is kept beside it' "$(grep -c signed ../other.log.1)" 1
is 'and has one line' "$(wc -l <../other.log | tr -d ' ') $(stat -c %a ../other.log)" '1 600'
rm ../other.log*
conf --unset hsm.agentLog

# --- words -------------------------------------------------------------------------
conf hsm.confirm maybe
exits 3 'a strange word keeps the agent from starting' raw
like 'and it says which' "$(cat "$GH_ERR")" 'the agent: hsm.confirm must be never, each or batch'
conf hsm.confirm never
for bad in soon 0 -1 15x 8d 999999h ''; do
	git config --global hsm.agentIdle "$bad"
	exits 3 "hsm.agentIdle = '$bad' is refused" raw
done
like 'it says why' "$(cat "$GH_ERR")" 'hsm.agentIdle wants a time'
git config --global hsm.agentIdle 1s
ok 'an agent that is to end when idle for a second' raw
ok 'does' until_true agent_gone
agent_pinentry
sed -i 's/CONFIRM\*)/& sleep 6;/' ../pinentry
echo OK >../answer
git config --global hsm.pinentry "$GH_WORLD/pinentry"
git config --global hsm.confirm each
ok 'but not while somebody is asked for a yes' raw
ok 'after that' until_true agent_gone
git config --global --unset hsm.pinentry
git config --global hsm.confirm never
git config --global --unset hsm.agentIdle
git config --global hsm.agentLifetime 1s
ok 'one that is to live for a second' raw
ok 'ends' until_true agent_gone
git config --global --unset hsm.agentLifetime
# What a repository says is not for the agent.
git config hsm.agentIdle soon
ok 'a repository does not configure the agent' raw
git config --unset hsm.agentIdle

runs_as() { [ "$(agent_pid)" = "$1" ]; }
again() {
	local i
	i=0
	while [ $i -lt 15 ]; do
		agent stop || return 1
		raw >/dev/null 2>&1 || return 2
		agent stop || return 3
		"$GH_BIN/gitsign-hsm" agent >/dev/null 2>&1 &
		until_true runs_as $! || return 4
		i=$((i + 1))
	done
}
ok 'one that is stopped gives place to the next at once' again
left_at_once() {
	local i
	i=0
	while [ $i -lt 15 ]; do
		raw >/dev/null 2>&1 && agent stop && agent_gone || return 1
		i=$((i + 1))
	done
}
agent_end
ok 'when stop is answered nobody reaches the agent any more' left_at_once
"$GH_BIN/gitsign-hsm" agent >/dev/null 2>&1 &
ok 'until the next' until_true runs_as $!

# --- lock, status --------------------------------------------------------------------
is 'status as JSON' "$(agent status --json | perl -MJSON::PP -0ne 'my $s = decode_json($_);
	print join " ", $s->{pid}, $s->{locked} ? 1 : 0, $s->{modules}, $s->{signatures}, $s->{log}')" \
	"$(agent_pid) 0 0 0 $LOG"
is 'a quarter of an hour without use and eight hours in all, if nothing is said' \
	"$(agent status --json | perl -MJSON::PP -0ne 'my $s = decode_json($_);
	print $s->{idle}, " ", $s->{left} > 28000 && $s->{left} <= 28800 ? 28800 : $s->{left}')" '900 28800'
ok 'a signature' raw
worker=$(agent_worker)
ok 'locked' agent lock
ok 'its module is gone' until_true test ! -e "/proc/$worker"
exits 5 'it signs nothing' raw
like 'it says why' "$(cat "$GH_ERR")" 'the agent is locked: type  gitsign-hsm agent unlock'
is 'that is in the log' "$(last result)" refused
exits 2 'locked twice is an error' agent lock
like 'status says so' "$(agent status)" 'locked$'
ok 'unlocked' agent unlock
ok 'it signs' raw
exits 2 'unlocked twice is an error' agent unlock
exits 2 'another word is none' agent dance
exits 2 'nor is a second' agent status now

# --- pinentry ---------------------------------------------------------------------------
agent_pinentry
conf hsm.pinentry "$GH_WORLD/pinentry"
# asked: how often, since the last time.
asked() {
	wc -l <"$GH_WORLD/asked" | tr -d ' '
	: >"$GH_WORLD/asked"
}
: >"$GH_WORLD/asked"
yes() { echo OK >"$GH_WORLD/answer"; }
no() { echo 'ERR 83886179 Operation cancelled' >"$GH_WORLD/answer"; }
conf hsm.confirm each
yes
ok 'with each, a yes' git commit -q -S --allow-empty -m "$(printf 'Mind the \033[31mcolour')"
like 'to what the commit says, and nothing a terminal obeys' "$(cat "$GH_WORLD/asked")" \
	'commit "Mind the .x1b\[31mcolour"%0A  author: alice <alice@example.com>%0A'
like 'with the place' "$(cat "$GH_WORLD/asked")" "%0A  in $(pwd)"
is 'asked once' "$(asked)" 1
is 'is in the log' "$(last reason)" confirmed
no
exits 1 'a no' raw
like 'is a no' "$(cat "$GH_ERR")" 'the answer was not yes'
is 'it was asked' "$(asked)" 1
is 'and is in the log' "$(last result)" refused
yes
ok 'the next is asked for again' commit two
is 'it is' "$(asked)" 1

conf hsm.confirm batch
ok 'a batch' commit three
is 'is asked for' "$(asked)" 1
ok 'goes on with the next commit' commit four
ok 'and one more' commit five
is 'without a question' "$(asked)" 0
is 'as the log says' "$(last reason)" batch
ok 'an amended commit' git commit -q --amend -S --allow-empty -m six
is 'is in it' "$(asked)" 0
ok 'a commit elsewhere in the repository' git -c advice.detachedHead=false checkout -q HEAD~2
ok 'is not' commit branch
is 'and asked for' "$(asked)" 1
git checkout -q --detach main~1
git branch -q -f side '@{-1}'
ok 'nor is a merge of it' git merge -q -S --no-ff --no-edit side
is 'which goes on with another' "$(asked)" 1
git checkout -q main
gh_setup git init -q ../other
no
not_ok 'a commit in another repository' git -C ../other commit -q -S --allow-empty -m x
is 'is asked for' "$(asked)" 1
not_ok 'a tag is, in a batch too' git tag -s -m x v2
is 'it is' "$(asked)" 1
like 'with its name and target' "$(last reason)" 'not yes'
git init -q --bare ../bare
git -C ../bare config receive.certNonceSeed seed
not_ok 'and a signed push' git push -q --signed ../bare main
is 'is asked for' "$(asked)" 1
is 'as one' "$(last purpose)" 'push certificate'
yes
ok 'with a yes it goes through' git push -q --signed ../bare main
like 'after a look at its refs' "$(cat "$GH_WORLD/asked")" 'push of 1 refs to .*%0A  refs/heads/main from 0000'
asked >/dev/null
no
not_ok 'and so is the end of a batch that was never begun' commit x
asked >/dev/null
yes
ok 'a batch again' commit seven
asked >/dev/null
gh_setup git clone -q . ../clone
no
not_ok 'does not go on in a clone' git -C ../clone commit -q -S --allow-empty -m there
is 'where it is asked for' "$(asked)" 1
is 'and which it is' "$(last repository)" "$(cd ../clone && pwd)"
yes
i=0
while [ $i -lt 20 ]; do
	git commit -q --allow-empty -m "c$i" || bail commit
	i=$((i + 1))
done
ok 'a rebase' git rebase -q -f -S --keep-empty HEAD~20
is 'goes on with the batch that it stands on' "$(asked)" 0
for n in 4 5; do
	conf hsm.batchSize $n
	ok "with $n commits to a batch, a rebase of twenty" git rebase -q -f -S --keep-empty HEAD~20
	is "asks $((20 / n)) times" "$(asked)" $((20 / n))
done
git config --global --unset hsm.batchSize
conf hsm.batchTime 1s
ok 'a batch of a second' commit eight
is 'is asked for' "$(asked)" 1
sleep 1.2
ok 'is over then' commit nine
is 'and asked for again' "$(asked)" 1
conf --unset hsm.batchTime

# A question that nobody can be asked is a no.
git config --global --unset hsm.pinentry
agent_end
exits 5 'without pinentry and terminal' setsid -w sh -c '"$0" --status-fd=2 -bsau "" <"$1"' \
	"$GH_BIN/gitsign-hsm" "$GH_WORLD/payload"
like 'it says what is missing' "$(cat "$GH_ERR")" 'wants a yes.*neither a terminal nor a pinentry'
conf hsm.pinentry /nonexistent/pinentry
exits 5 'nor with a pinentry that is not there' setsid -w sh -c \
	'"$0" --status-fd=2 -bsau "" <"$1"' "$GH_BIN/gitsign-hsm" "$GH_WORLD/payload"
git config --global --unset hsm.pinentry

# --- the terminal ---------------------------------------------------------------------
# on_terminal KEYS PATTERN MESSAGE: git commit on a terminal; what is seen in ../seen.
on_terminal() {
	GH_KEYS=$1 GH_PATTERN=$2 GH_MESSAGE=$3 expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn git commit -q -S --allow-empty -m $env(GH_MESSAGE)
if {$env(GH_PATTERN) ne ""} {
	expect {
		$env(GH_PATTERN) { send -- $env(GH_KEYS) }
		timeout { exit 97 }
		eof { exit 98 }
	}
}
expect { timeout { exit 99 } eof {} }
exit [lindex [wait] 3]
SCRIPT
}
conf hsm.confirm each
ok 'a yes on the terminal' on_terminal 'y
' 'sign this?' ten
like 'to what it says' "$(cat ../seen)" 'commit "ten"'
is 'the commit is good' "$(git log -1 --format='%G? %s')" 'G ten'
ok 'in full' on_terminal 'yes
' 'sign this?' eleven
for word in n '' yellow 'y y' 'yyyyyyyyyyyyyyyyyyyy'; do
	not_ok "'$word' is no yes" on_terminal "$word
" 'sign this?' no
done
# What is typed before the question is seen is no answer to it.
too_early() {
	expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
spawn sh -c {echo ready; until test -e ../go; do sleep 0.1; done; exec git commit -q -S --allow-empty -m early}
expect ready
send "y\n"
expect "y\r\n"
exec touch ../go
expect {
	"sign this?" { send "n\n" }
	timeout { exit 97 }
}
expect { timeout { exit 99 } eof {} }
exit [lindex [wait] 3]
SCRIPT
}
exits 128 'nor is one that came before the question' too_early
is 'nothing was committed' "$(git log -1 --format=%s)" eleven
like 'git says why' "$(cat ../seen)" 'failed to sign'
# The PIN is a yes, where somebody gives it and sees what for.
git config --global --unset hsm.confirm
conf hsm.pinSource prompt
ok 'a PIN' on_terminal "$GH_PIN
" 'PIN for token' twelve
like 'is given for something' "$(cat ../seen)" 'commit "twelve"'
is 'and is a yes' "$(last reason)" pin
ok 'which begins a batch' on_terminal '' '' thirteen
is 'so the log' "$(last reason)" batch
not_ok 'a tag is asked for, if nothing is said' setsid -w git tag -s -m tag v3
is 'as one' "$(last purpose)" tag
like 'whatever was agreed to' "$(last reason)" 'wants a yes'
ok 'another commit is asked for' sh -c 'git checkout -q HEAD~3'
ok 'on the terminal' on_terminal 'y
' 'sign this?' fourteen
is 'so the log' "$(last reason)" confirmed

# --- a client's word ------------------------------------------------------------------
# Whoever has the socket can say that the PIN comes from a store, or come while another
# one gives it: neither is a yes.
# alone NAME=VALUE: a signature where nobody can be asked, with configuration.
alone() {
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=${1%%=*} GIT_CONFIG_VALUE_0=${1#*=} \
		setsid -w "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau '' <"$GH_WORLD/payload"
}
git checkout -q main
exits 5 'a PIN that was typed is not good for a client that says it has a stored one' \
	alone hsm.pinSource=file:/nonexistent/pin
like 'a yes is wanted' "$(last reason)" 'wants a yes'
agent_end
ok 'one that gives the stored PIN is not asked' alone "hsm.pinSource=file:$GH_PIN_FILE"
is 'as the log says' "$(last reason)" 'not asked'
ok 'nor the next one' alone "hsm.pinSource=file:$GH_PIN_FILE"
agent_end
cat >"$GH_WORLD/askpass" <<-EOF
	#!/bin/sh
	echo asked >>$GH_WORLD/pins
	cat $GH_PIN_FILE
EOF
chmod 700 "$GH_WORLD/askpass"
: >"$GH_WORLD/pins"
git config --global hsm.askpass "$GH_WORLD/askpass"
signed() { grep -c '"result":"signed"' "$LOG"; }
before=$(signed)
clients=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	alone hsm.agent=required >/dev/null 2>&1 &
	clients="$clients $!"
done
for p in $clients; do wait "$p" || :; done
isnt 'of twelve at once some get theirs' "$(signed)" "$before"
is 'but none that no PIN was given for' "$(signed)" $((before + $(wc -l <"$GH_WORLD/pins")))
git config --global --unset hsm.askpass
agent_end

# --- a PIN pad ----------------------------------------------------------------------------
# It does not show what the PIN is for: whoever types it there has not agreed to anything.
if [ -f "$GH_TOOLS/mock-p11.so" ]; then
	openssl ecparam -name prime256v1 -genkey -noout -out ../mock.key
	openssl pkey -in ../mock.key -pubout -out ../keys/mock.pub
	gh_certificate mock alice@example.com
	logins() { grep -c '^C_Login$' "$GH_WORLD/mock.log" || :; }
	# pad FAULTS NAME=VALUE...: a new agent with configuration and a token that has a pad.
	pad() {
		agent_end
		export MOCK_P11="pin-pad$1"
		shift
		while [ $# -gt 0 ]; do
			git config --global "${1%%=*}" "${1#*=}"
			shift
		done
		: >"$GH_WORLD/mock.log"
		: >"$GH_WORLD/asked"
	}
	export MOCK_P11_KEY="$GH_WORLD/mock.key" MOCK_P11_CERT="$GH_WORLD/keys/mock.pem" \
		MOCK_P11_LOG="$GH_WORLD/mock.log"
	for kind in '' ,each-time-declared; do
		pad "$kind" hsm.module="$GH_TOOLS/mock-p11.so" hsm.key= hsm.pinentry=off
		exits 5 "a pad is not asked where nobody can be asked for a yes $kind" alone hsm.pinSource=prompt
		like 'it says why' "$(cat "$GH_ERR")" 'wants a yes'
		exits 5 'whatever the client says of its PIN' alone "hsm.pinSource=file:$GH_PIN_FILE"
		is 'the pad has not seen it' "$(logins)" 0
		pad "$kind" "hsm.pinentry=$GH_WORLD/pinentry"
		no
		exits 1 'nor after a no' alone hsm.pinSource=prompt
		is 'which was asked for' "$(asked)" 1
		is 'neither has it that one' "$(logins)" 0
		yes
		ok 'after a yes it is, and it signs' commit pad
		like 'to what it is' "$(cat "$GH_WORLD/asked")" 'commit "pad"'
		isnt 'as the pad says' "$(logins)" 0
		is 'and the log' "$(last reason)" confirmed
		asked >/dev/null
		ok 'the next of a batch' commit 'pad 2'
		is 'is not asked for' "$(asked) $(last reason)" '0 batch'
		pad "$kind" hsm.confirm=never hsm.pinentry=off
		ok 'with never nobody is asked but the pad' alone hsm.pinSource=prompt
		isnt 'which is' "$(logins)" 0
		is 'as the log says' "$(last reason)" 'not asked'
		git config --global --unset hsm.confirm
	done
	agent_end
	git config --global --unset hsm.pinentry
	git config --global hsm.module "$GH_MODULE"
	git config --global hsm.key "$(gh_fp alice)"
	unset MOCK_P11
else
	skip 'no mock module built' 34
fi

# --- two tokens of one module ---------------------------------------------------------------
git checkout -q main
gh_token second
gh_key bob EC:prime256v1 bob@example.com
agent_end
ok 'a PIN for one token' on_terminal "$GH_PIN
" 'PIN for token' fifteen
git config --global user.signingKey "$(gh_fp bob)"
ok 'and one for the other' on_terminal "$GH_PIN
" 'PIN for token "second"' sixteen
git config --global user.signingKey "$(gh_fp alice)"
ok 'the first is logged in all the same' on_terminal 'y
' 'sign this?' seventeen
git config --global user.signingKey "$(gh_fp bob)"
ok 'and so is the second' on_terminal 'y
' 'sign this?' eighteen
is 'in one process' "$(agent_worker | wc -w | tr -d ' ')" 1
git config --global --unset user.signingKey

# --- a socket from systemd --------------------------------------------------------------
git checkout -q main
conf hsm.pinSource "file:$GH_PIN_FILE"
rm -rf "$XDG_RUNTIME_DIR/gitsign-hsm"
mkdir -m 700 "$XDG_RUNTIME_DIR/gitsign-hsm"
perl -MIO::Socket::UNIX -MPOSIX -e '
	$^F = 9; my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 8) or die;
	POSIX::dup2(fileno $s, 3); $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1;
	open STDIN, "<", "/dev/null"; exec $ARGV[1], "agent"' \
	"$XDG_RUNTIME_DIR/gitsign-hsm/agent" "$GH_BIN/gitsign-hsm" >"$GH_WORLD/agent.out" 2>&1 &
pid=$!
ok 'an agent with a socket that is there already' until_true agent status
is 'is the one that was started' "$(agent_pid)" "$pid"
ok 'signs' raw
ok 'and stops' agent stop
ok 'it is gone' until_true test ! -e "/proc/$pid"
ok 'the socket is not its own, and stays' test -S "$XDG_RUNTIME_DIR/gitsign-hsm/agent"
done_testing
