#!/bin/sh
# The terminal: the PIN is asked for on /dev/tty, without echo, once; what goes
# wrong is told there when git (before 2.40) hides it.
. "${GH_SRC:-tests}/system/lib.sh"
gh_need expect
gh_world
gh_key alice EC:prime256v1 alice@example.com
gh_repo work
cd work || bail cd
gh_use alice
git config --global hsm.pinSource prompt
git config commit.gpgSign true

# on_terminal KEYS MESSAGE: git commit on a terminal of its own; what is seen goes
# into $GH_WORLD/seen, git's status is returned.
on_terminal() {
	GH_KEYS=$1 GH_MESSAGE=$2 expect -f - >"$GH_WORLD/seen" 2>&1 <<'SCRIPT'
set timeout 60
set stty_init "echo"
spawn git commit -q --allow-empty -m $env(GH_MESSAGE)
expect {
	"PIN for token" { expect ": "; send -- $env(GH_KEYS) }
	timeout { exit 97 }
	eof { exit 98 }
}
expect { timeout { exit 99 } eof {} }
set end [wait]
if {[llength $end] > 4} { exit 100 }
exit [lindex $end 3]
SCRIPT
}

ok 'the PIN is asked for and taken' on_terminal "$GH_PIN
" one
is 'the commit is good' "$(git log -1 --format='%G? %s')" 'G one'
like 'the prompt names the token' "$(cat ../seen)" 'PIN for token "world": '
unlike 'no echo' "$(sed '/^spawn/d' ../seen)" "$GH_PIN"

not_ok 'a wrong PIN' on_terminal "0000
" two
is 'is asked for once' "$(grep -c 'PIN for token' ../seen)" 1
like 'and the reason is seen' "$(cat ../seen)" 'the PIN is wrong. It was sent once'
is 'once' "$(grep -c 'the PIN is wrong' ../seen)" 1
is 'no commit' "$(git log -1 --format=%s)" one
not_ok 'an empty PIN' on_terminal "
" three
like 'is not sent' "$(cat ../seen)" 'the PIN is empty: nothing was sent'
not_ok 'end of file' on_terminal "$(printf '\004')" four
like 'is told' "$(cat ../seen)" 'no PIN was entered'
not_ok 'interrupted' on_terminal "$(printf '\003')" five
is 'no commit of all these' "$(git log -1 --format=%s)" one
ok 'the token was not harmed' on_terminal "$GH_PIN
" six
like 'and warns of the wrong one before' "$(cat ../seen)" 'PIN for token "world"'

# The echo comes back, also after an interrupt.
GH_FP=$(gh_fp alice) expect -f - >"$GH_WORLD/echo" 2>&1 <<'SCRIPT'
set timeout 60
spawn sh -c "trap : INT; stty -a; \"\$GH_BIN/gitsign-hsm\" --status-fd=2 -bsau \$GH_FP <.git/HEAD; stty -a"
expect "PIN for token"
send "\003"
expect eof
SCRIPT
is 'the echo is back after Ctrl-C' "$(grep -c ' echo ' ../echo)" 2
done_testing
