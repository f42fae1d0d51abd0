#!/bin/sh
# credential-session: the memory that access tokens are kept in. What is put in comes out, nobody
# else gets it, nothing of it is left behind.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/lib.sh"
daemon=$GH_LIBEXEC/credential-session
[ -x "$daemon" ] || skip_all 'credential-session is not built'
gh_need perl
gh_world
dir=$XDG_RUNTIME_DIR/gitsign-hsm
socket=$dir/credential

# The names of asks and answers in lib/cred/wire.h.
load=1 save=2 erase=3 clear=4
frame() {
	perl "$GH_SRC/system/frame.pl" "$socket" "$@"
}
# tokens ACCESS [REFRESH [EXPIRES]]: as lib/cred/tokens.c writes them.
tokens() {
	printf 'gitsign-hsm tokens 1\nissued=1\nexpires=%s\nrefresh_expires=0\nbearer=1\nusername=u\n' "${3:-0}"
	[ -z "${2-}" ] || printf 'refresh=%s\n' "$2"
	[ -z "$1" ] || printf 'access=%s\n' "$1"
	echo end
}
gone() {
	[ ! -S "$socket" ]
}
# start [MS]: and its process id, which is the one that took the lock.
start() {
	gh_setup "$daemon" "${1:-600000}"
	DAEMON=$(perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; connect($s, pack_sockaddr_un($ARGV[0])) or die "$!\n";
		print unpack("i", getsockopt($s, SOL_SOCKET, 17)), "\n"' "$socket")
}
stop() {
	kill "$DAEMON" 2>/dev/null
	until_true gone
}
gh_at_exit 'kill $DAEMON 2>/dev/null || :'

# --- in and out -----------------------------------------------------------------
start
is 'its directory is for us alone' "$(stat -c %a "$dir")" 700
is 'so is its socket' "$(stat -c '%a %F' "$socket")" '700 socket'
is 'nothing is in it' "$(frame $load 'p|r')" 'ghc1 2'
is 'something is put in' "$(frame $save 'p|r' "$(tokens one)
")" 'ghc1 1'
is 'and comes out' "$(frame $load 'p|r')" "ghc1 1
$(tokens one)"
is 'not under another request' "$(frame $load 'p|x')" 'ghc1 2'
is 'not under another profile' "$(frame $load 'q|r')" 'ghc1 2'
is 'not under the profile alone' "$(frame $load 'p')" 'ghc1 2'
is 'the next one replaces it' "$(frame $save 'p|r' "$(tokens two ref)
")" 'ghc1 1'
is 'whole' "$(frame $load 'p|r')" "ghc1 1
$(tokens two ref)"

# --- erase: compare and swap --------------------------------------------------------
gh_setup frame $save 'p|other' "$(tokens three)
"
gh_setup frame $save 'pp|r' "$(tokens two ref)
"
gh_setup frame $erase p one
is 'the loser of a race erases nothing' "$(frame $load 'p|r')" "ghc1 1
$(tokens two ref)"
gh_setup frame $erase p two
is 'what is erased leaves its refresh token' "$(frame $load 'p|r')" "ghc1 1
$(tokens '' ref)"
is 'another request of the profile keeps its own' "$(frame $load 'p|other')" "ghc1 1
$(tokens three)"
is 'a profile whose name begins the same keeps its own' "$(frame $load 'pp|r')" "ghc1 1
$(tokens two ref)"
gh_setup frame $erase p three
is 'without a refresh token nothing is left' "$(frame $load 'p|other')" 'ghc1 2'
gh_setup frame $clear p
is 'clear forgets the refresh token' "$(frame $load 'p|r')" 'ghc1 2'
is 'and no other profile' "$(frame $load 'pp|r' | head -n 1)" 'ghc1 1'

# --- what has expired --------------------------------------------------------------------
gh_setup frame $save 'old|r' "$(tokens old '' 1000)
"
gh_setup frame $save 'old|refresh' "$(tokens old ref 1000)
"
gh_setup frame $save 'odd|r' "no tokens"
is 'expired tokens are forgotten' "$(frame $load 'old|r')" 'ghc1 2'
is 'where they can be refreshed they stay' "$(frame $load 'old|refresh' | head -n 1)" 'ghc1 1'
is 'what is none is not kept' "$(frame $load 'odd|r')" 'ghc1 2'

# --- words that are none ---------------------------------------------------------------------
is 'an unknown ask' "$(frame 9 'p|r' | head -n 1)" 'ghc1 4'
for bad in 00 67686331010000000000000300000000 676863310100000000ffffff00000000 \
	676863310100000000000000ffffffff 67686332010000000000000000000000 \
	6768633101010000000000000000000000 67686331010000000000000000000000ff; do
	like "bytes $bad" "$(frame raw $bad)" '^closed after 0'
done
is 'it goes on' "$(frame $load 'pp|r' | head -n 1)" 'ghc1 1'
# Clients that say nothing, more than it takes, do not keep others out for long.
perl -MIO::Socket::UNIX -e 'my @s = map { IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $ARGV[0]) } 1 .. 80; print "open\n"; close STDOUT; sleep 100' "$socket" >silent &
silent=$!
gh_at_exit "kill $silent 2>/dev/null || :"
until_true test -s silent
answers() {
	[ "$(frame $load 'pp|r' | head -n 1)" = 'ghc1 1' ]
}
ok 'eighty silent clients end' until_true answers
kill "$silent"

# --- its memory -----------------------------------------------------------------------------------
frame $save 'secret|r' "$(tokens sentinel-4711)
" >/dev/null
if [ "$(id -u)" != 0 ]; then
	not_ok 'nobody reads its environment, its memory is no dump' cat "/proc/$DAEMON/environ"
else
	skip 'root reads all'
fi
like 'its limits allow no core' "$(cat "/proc/$DAEMON/limits")" 'core file size +0 +0'
if grep -q __asan_init "$daemon"; then
	skip 'ASan makes mlock() nothing'
else
	like 'what it holds is locked into memory' "$(cat "/proc/$DAEMON/status")" '^VmLck:[^0-9]*[1-9]'
fi
is 'nothing of it stands in a file' "$(grep -rl sentinel-4711 "$GH_WORLD" 2>/dev/null | grep -v frame)" ''

# --- its end --------------------------------------------------------------------------------------
ok 'a second one leaves the first in place' "$daemon"
is 'with what it has' "$(frame $load 'secret|r' | head -n 1)" 'ghc1 1'
kill -TERM "$DAEMON"
ok 'it ends when told so, and takes its socket away' until_true gone
start
is 'the next one knows nothing' "$(frame $load 'secret|r')" 'ghc1 2'
kill -KILL "$DAEMON"
dead() {
	! kill -0 "$DAEMON" 2>/dev/null
}
until_true dead
start
is 'one comes after one that was killed' "$(frame $load 'secret|r')" 'ghc1 2'
stop
start 300
ok 'it does not stay without a token' until_true gone
start 5000
frame $save 'p|r' "$(tokens one)
" >/dev/null
sleep 6
is 'but with one it does' "$(frame $load 'p|r' | head -n 1)" 'ghc1 1'
stop
chmod 750 "$dir"
exits 3 'a directory that others can look into is refused' "$daemon"
like 'with what to do' "$(cat "$GH_ERR")" '0700'
chmod 700 "$dir"
exits 2 'an argument that is no number' "$daemon" soon
done_testing
