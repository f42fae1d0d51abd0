#!/bin/sh
# shellcheck disable=SC2016 # perl's variables
# The agent with the sockets that systemd made: the units, both sockets, wrong descriptors.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"
gh_need systemd-socket-activate
gh_need systemd-analyze
gh_need ssh-add

agent_world
unset DISPLAY WAYLAND_DISPLAY
conf() { git config --global "$@"; }
conf hsm.agent required
RUN=$XDG_RUNTIME_DIR/gitsign-hsm

# --- the units -----------------------------------------------------------------------
mkdir "$GH_WORLD/units"
cp "$GH_SRC"/../contrib/systemd/* "$GH_WORLD/units"
sed -i "s|^ExecStart=gitsign-hsm |ExecStart=$GH_BIN/gitsign-hsm |" "$GH_WORLD"/units/*.service
verify_units() {
	systemd-analyze --user --man=no verify "$GH_WORLD"/units/* 2>&1 | tee "$GH_WORLD/verify"
	! grep -q "$GH_WORLD/units" "$GH_WORLD/verify"
}
gh_run verify_units
if grep -q 'initialize manager' "$GH_WORLD/verify"; then # a chroot without control groups
	skip 'systemd-analyze does not run here' 2
else
	ok 'systemd takes the units' verify_units
	echo 'ListenSteam=x' >>"$GH_WORLD/units/gitsign-hsm-agent.socket"
	not_ok 'and would say what is wrong' verify_units
fi
is 'they name the sockets that the programs look for' \
	"$(sed -n 's/^ListenStream=%t//p' "$GH_SRC"/../contrib/systemd/*.socket | tr '\n' ' ')" \
	'/gitsign-hsm/ssh /gitsign-hsm/agent '

# --- both sockets ----------------------------------------------------------------------
# activate FILE...: systemd's own program listens, and starts the agent with the first client.
activate() {
	local f
	for f; do
		shift
		set -- "$@" -l "$RUN/$f"
	done
	rm -rf "$RUN"
	mkdir -m 700 "$RUN"
	env | sed -n 's/^\([A-Za-z_0-9]*\)=.*/\1/p' >"$GH_WORLD/names"
	while read -r f; do set -- "$@" -E "$f"; done <"$GH_WORLD/names"
	systemd-socket-activate "$@" "$GH_BIN/gitsign-hsm" agent </dev/null \
		>"$GH_WORLD/agent.out" 2>&1 &
	pid=$!
}
sockets() { test -S "$RUN/agent" && test -S "$RUN/ssh"; }
gone() { ! test -e "/proc/$pid"; }

conf hsm.sshKey "$(gh_fp alice)"
activate agent ssh
ok 'systemd has both sockets' until_true sockets
ok 'the first signature starts the agent' raw
is 'the one that systemd started' "$(agent_pid)" "$pid"
ok 'and it answers on the socket for ssh' env SSH_AUTH_SOCK="$RUN/ssh" ssh-add -L
is 'with the key' "$(wc -l <"$GH_OUT" | tr -d ' ')" 1
ok 'it stops' agent stop
ok 'and is gone' until_true gone
ok 'the sockets are not its own, and stay' sockets

activate ssh agent
until_true sockets
ok 'in the other order, and started by ssh' env SSH_AUTH_SOCK="$RUN/ssh" ssh-add -L
ok 'each is what its name says' raw
is 'in one agent' "$(agent_pid)" "$pid"
agent_end

conf hsm.agentIdle 1s
activate agent ssh
until_true sockets
ok 'one that may be idle for a second is started too' raw
ok 'unused it ends' until_true gone
ok 'and leaves the sockets' sockets
conf --unset hsm.agentIdle

# --- what is no such socket ---------------------------------------------------------------
# handed PERL [COUNT [PID]]: the agent, with what PERL opens as $s as descriptor 3.
handed() {
	rm -rf "$RUN"
	mkdir -m 700 "$RUN"
	timeout 20 perl -MSocket -MPOSIX -e '$^F = 9; my ($d, $bin, $n, $pid) = @ARGV; my $s;
		'"$1"' POSIX::dup2(fileno $s, 3) or die; $ENV{LISTEN_PID} = $pid || $$; $ENV{LISTEN_FDS} = $n;
		open STDIN, "<", "/dev/null"; exec $bin, "agent"' \
		"$RUN" "$GH_BIN/gitsign-hsm" "${2-1}" "${3-0}"
}
U='socket $s, AF_UNIX, SOCK_STREAM, 0 or die;'
B='bind $s, sockaddr_un("$d/agent") or die;'
L='listen $s, 8 or die;'
no_socket() {
	exits 3 "$1 is refused" handed "$2"
	like 'it says what is wanted' "$(cat "$GH_ERR")" 'no UNIX stream socket that listens'
}
no_socket 'a file' 'open $s, "<", "/dev/null" or die;'
no_socket 'a socket that does not listen' "$U $B"
no_socket 'datagrams' "socket \$s, AF_UNIX, SOCK_DGRAM, 0 or die; $B"
no_socket 'packets' "socket \$s, AF_UNIX, SOCK_SEQPACKET, 0 or die; $B $L"
no_socket 'a port' "socket \$s, AF_INET, SOCK_STREAM, 0 or die; $L"
exits 3 'another name is refused' handed "$U bind \$s, sockaddr_un(\"\$d/other\") or die; $L"
like 'it says which are wanted' "$(cat "$GH_ERR")" 'must be gitsign-hsm/agent or gitsign-hsm/ssh'
exits 3 'the same one twice too' handed "$U $B $L"' POSIX::dup2(fileno $s, 4);' 2
like 'it says so' "$(cat "$GH_ERR")" 'each once'
for n in 0 3 x 99999999999999999999; do
	exits 3 "LISTEN_FDS=$n is refused" handed "$U $B $L" "$n"
	like 'it says so' "$(cat "$GH_ERR")" "one socket or two, not $n"
done

# A socket for ssh that nothing can be asked on is a mistake too.
T='bind $s, sockaddr_un("$d/ssh") or die;'
keys=$(git config --global hsm.sshKey)
conf --unset hsm.sshKey
exits 3 'a socket for ssh without a key for it is refused' handed "$U $T $L"
like 'it says what to do' "$(cat "$GH_ERR")" 'name one in hsm.sshKey, or disable'
conf hsm.sshKey "$keys"

# What is for another process is not looked at: the agent makes its own.
handed 'open $s, "<", "/dev/null" or die;' 1 1 >"$GH_WORLD/agent.out" 2>&1 &
ok 'LISTEN_PID of another: it has sockets of its own' until_true agent status
ok 'and signs' raw
ok 'and stops' agent stop
ok 'with them' until_true test ! -S "$RUN/agent"
# systemd looks for a program in a list of its own, which is not that of whoever installed it.
unit=$GH_BIN/../lib/systemd/user/gitsign-hsm-agent.service
if [ -e "$unit" ]; then
	is 'the installed unit names the installed program' "$(grep '^ExecStart=' "$unit")" \
		'ExecStart=/usr/bin/gitsign-hsm agent'
else
	skip 'not installed' 1
fi
done_testing
