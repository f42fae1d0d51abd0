#!/bin/sh
# The agent and other users: run as root, which alone can be one.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can be another user'
gh_world
id nobody >/dev/null 2>&1 || skip_all 'there is no user nobody'
id daemon >/dev/null 2>&1 || skip_all 'there is no user daemon'
# user NAME COMMAND...
user() {
	local who
	who=$1
	shift
	setpriv --reuid="$who" --regid="$(id -g "$who")" --clear-groups "$@"
}
chmod 711 "$GH_WORLD"
mkdir -m 700 "$GH_WORLD/run"
chown nobody "$GH_WORLD/run"
XDG_RUNTIME_DIR=$GH_WORLD/run
export XDG_RUNTIME_DIR
agent() { user nobody env HOME=/ GIT_CONFIG_GLOBAL=/dev/null "$GH_BIN/gitsign-hsm" agent "$@"; }
gh_at_exit 'agent stop >/dev/null 2>&1'
agent >"$GH_WORLD/agent.out" 2>&1 &
ok 'an agent of nobody runs' until_true agent status

# status USER: what the private socket says to a request for the status, in hex.
status() {
	user "$1" perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE";
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or print("none: $!") && exit;
		$s->autoflush(1); print $s pack("N/a*", "\x1b" . pack("N/a*", "control\@gitsign-hsm") .
		pack("N/a*N/a*", "status", "")); shutdown($s, 1);
		local $/; my $r = <$s>; print "answer: ", defined $r ? length $r : 0' \
		"$XDG_RUNTIME_DIR/gitsign-hsm/agent"
}
like 'its user is served' "$(status nobody)" '^answer: [1-9]'
like 'another user does not come to the socket' "$(status daemon)" '^none: Permission'
chmod 711 "$GH_WORLD/run" "$GH_WORLD/run/gitsign-hsm"
chmod 777 "$GH_WORLD/run/gitsign-hsm/agent"
is 'and where it is opened to all gets no answer' "$(status daemon)" 'answer: 0'
is 'nor does root' "$(status root)" 'answer: 0'
like 'while its user is served' "$(status nobody)" '^answer: [1-9]'
not_ok 'its own user does not use a directory that is open' agent status
chmod 700 "$GH_WORLD/run/gitsign-hsm" "$GH_WORLD/run"
ok 'closed again, it does' agent status

# The other way round: what answers must be ours too.
chown root "$GH_WORLD/run"
not_ok "root's client does not talk to nobody's agent" "$GH_BIN/gitsign-hsm" agent status
like 'it says why' "$(cat "$GH_ERR")" 'must be a directory of yours'
chown nobody "$GH_WORLD/run"
done_testing
