#!/bin/sh
# The agent's verifier and others than its user: run as root, which alone can be one.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can be another user'
id nobody >/dev/null 2>&1 || skip_all 'there is no user nobody'
id daemon >/dev/null 2>&1 || skip_all 'there is no user daemon'
agent_world
agent_tree
git commit -q -S --allow-empty -m good
extract HEAD data sig
git config --global hsm.agent auto
chown -R nobody "$GH_WORLD"
chmod 711 "$GH_WORLD"
cd "$GH_WORLD" || bail cd

# user NAME COMMAND...; GROUPS: its supplementary groups.
user() {
	local who
	who=$1
	shift
	setpriv --reuid="$who" --regid="${group:-$(id -g "$who")}" ${groups:---clear-groups} "$@"
}
agent() { user nobody "$GH_BIN/gitsign-hsm" agent "$@"; }
gh_at_exit 'agent stop >/dev/null 2>&1'
verify() { user nobody "$GH_BIN/gitsign-hsm" --status-fd=1 --verify sig - <data; }
served() { without_direct verify; }
ok 'nobody verifies' verify
ok 'and is served by the verifier' until_true served
pid=$(agent status | sed -n 's/^verifier: process \([0-9]*\)$/\1/p')
isnt 'which runs' "$pid" ''

# --- what it has -----------------------------------------------------------------------
fds() { find "/proc/$1/fd" -mindepth 1 -printf '%f %l\n' | sort -n; }
is 'its standard descriptors are nobody'\''s' "$(fds "$pid" | sed -n 1,3p)" "0 /dev/null
1 /dev/null
2 /dev/null"
unlike 'it has not the lock' "$(fds "$pid")" 'gitsign-hsm/'
unlike 'and no module' "$(cat "/proc/$pid/maps")" 'softhsm|pkcs11'
is 'it dumps no core' "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$pid/limits")" '0 0'

# --- other groups ------------------------------------------------------------------------
groups="--groups $(id -g daemon)"
not_ok 'with more groups than the verifier: the direct program' served
ok 'which does it' verify
groups=
group=$(id -g daemon)
not_ok 'in another group: the direct program' served
ok 'which does it' verify
group=
ok 'as before it is served' served

# --- other users --------------------------------------------------------------------------
# ask USER: what the socket says to a message that is none.
ask() {
	user "$1" perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE";
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or print("none: $!") && exit;
		$s->autoflush(1); print $s "\0\0\0\1x"; local $/; my $r = <$s>;
		print "answer: ", defined $r ? $r : ""' "$XDG_RUNTIME_DIR/gitsign-hsm/verify"
}
is 'its user gets an answer' "$(ask nobody)" 'answer: E'
like 'another user does not come to the socket' "$(ask daemon)" '^none: Permission'
chmod 711 run run/gitsign-hsm
chmod 777 run/gitsign-hsm/verify
is 'and where it is opened to all gets no answer' "$(ask daemon)" 'answer: '
is 'nor does root' "$(ask root)" 'answer: '
is 'while its user gets one' "$(ask nobody)" 'answer: E'
chmod 700 run/gitsign-hsm run
ok 'and is served' served

# The other way round: what answers must be ours too.
agent stop
until_true agent_gone
rm -f run/gitsign-hsm/verify
perl -MIO::Socket::UNIX -e 'umask 0; my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die;
	while (my $c = $s->accept) { print $c "AX\0"; close $c }' "$XDG_RUNTIME_DIR/gitsign-hsm/verify" &
gh_at_exit "kill $! 2>/dev/null"
until_true test -S run/gitsign-hsm/verify
sed -i 's/good/evil/' data
exits 1 "root's word is not taken for nobody's verifier" verify
like 'what is bad is bad' "$(cat "$GH_OUT")" '^\[GNUPG:\] BADSIG '
done_testing
