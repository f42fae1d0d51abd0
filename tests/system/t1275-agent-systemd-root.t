#!/bin/sh
# The units under a real user manager of systemd: enabled, activated by the first commit,
# stopped, restarted, ended by themselves. Run as root, which alone can give a manager of
# nobody's what a login would: a control group, and the word that systemd booted.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can start a manager for another user'
id nobody >/dev/null 2>&1 || skip_all 'there is no user nobody'
for p in systemctl unshare setpriv ssh-add; do
	command -v "$p" >/dev/null || skip_all "there is no $p"
done
manager=
for p in /usr/lib/systemd/systemd /lib/systemd/systemd; do
	[ ! -x "$p" ] || manager=$p
done
[ -n "$manager" ] || skip_all 'there is no systemd'

agent_world
unset DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS
conf() { git config --global "$@" && chown nobody "$GIT_CONFIG_GLOBAL"; }
conf hsm.agent required
chown -R nobody "$GH_WORLD"
chmod 711 "$GH_WORLD"
UNITS=$HOME/.config/systemd/user
RUN=$XDG_RUNTIME_DIR/gitsign-hsm

# --- a manager ---------------------------------------------------------------------------
user() { setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"; }
ctl() { user systemctl --user --no-pager "$@"; }
# groups: the directories of control groups that a manager makes its own below.
groups() {
	awk -F: '$2 == "" || $2 == "name=systemd" { print $2 " " $3 }' /proc/self/cgroup |
		while read -r a b; do
			case $a in
			name=*) awk -v p="$b" '$3 == "cgroup" && $4 ~ /name=systemd/ { print $2 p }' /proc/mounts ;;
			*) awk -v p="$a" '$3 == "cgroup2" { print $2 p }' /proc/mounts ;;
			esac
		done
}
groups=
for g in $(groups); do
	g=${g%/}/gitsign-hsm-test-$$
	if mkdir "$g" 2>/dev/null && chown nobody "$g" "$g"/cgroup.*; then
		groups="$groups $g"
	fi
done
[ -n "$groups" ] || skip_all 'no control group can be made here'
empty_groups() {
	local g
	for g in $groups; do
		[ ! -d "$g" ] || find "$g" -depth -type d -exec rmdir {} + || return 1
	done
}
gh_at_exit 'until_true empty_groups'
cat >"$GH_WORLD/manager" <<-EOF
	#!/bin/sh
	mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system || exit
	for g in $groups; do echo \$\$ >"\$g/cgroup.procs" || exit; done
	exec setpriv --reuid=nobody --regid=$(id -g nobody) --clear-groups $manager --user --unit=basic.target
EOF
chmod 755 "$GH_WORLD/manager"
SYSTEMD_LOG_TARGET=console unshare -m "$GH_WORLD/manager" >"$GH_WORLD/manager.log" 2>&1 &
boss=$!
gone() { ! kill -0 "$boss" 2>/dev/null; }
settled() { gone || ctl is-active basic.target; }
gh_at_exit 'ctl exit >/dev/null 2>&1; until_true gone || kill -KILL "$boss"'
until_true settled
! gone || skip_all "no user manager of systemd runs here: $(tail -n 1 "$GH_WORLD/manager.log")"
ok 'a user manager runs' ctl is-active basic.target

# --- enabled ---------------------------------------------------------------------------
user mkdir -p "$UNITS/gitsign-hsm-agent.service.d"
user cp "$GH_SRC"/../contrib/systemd/* "$UNITS"
# Many starts within seconds are this test's, not a fault.
printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecSearchPath=%s\n' "$GH_BIN" |
	user tee "$UNITS/gitsign-hsm-agent.service.d/path.conf" >/dev/null
ok 'it reads the units' ctl daemon-reload
ok 'the socket is enabled' ctl enable --now gitsign-hsm-agent.socket
ok 'and listens' ctl is-active gitsign-hsm-agent.socket
is 'in a directory of the user' "$(stat -c '%U %a' "$RUN")" 'nobody 700'
is 'for the user alone' "$(stat -c '%U %a' "$RUN/agent")" 'nobody 600'
state() { ctl show -P "$1" gitsign-hsm-agent.service; }
is 'no agent runs yet' "$(state ActiveState)" inactive

# --- activated -------------------------------------------------------------------------
commit() { user timeout 60 git commit -q -S --allow-empty -m "$1"; }
agent() { user "$GH_BIN/gitsign-hsm" agent "$@"; }
pid() { state MainPID; }
inactive() { [ "$(state ActiveState)" = "${1:-inactive}" ]; }
ok 'the first commit is signed' commit one
ok 'truly' user git verify-commit HEAD
is 'by an agent of the manager' "$(agent_pid)" "$(pid)"
one=$(pid)
isnt 'which runs' "$one" 0
ok 'the next one too' commit two
is 'by the same' "$(agent_pid)" "$one"
is 'it dumps no core' "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$one/limits")" '0 0'
like 'and gains no rights' "$(cat "/proc/$one/status")" '^NoNewPrivs:.1$'

# again WHAT: it has ended well; the next commit has another one.
again() {
	ok "$1: it is over" until_true inactive
	is 'without a failure' "$(state Result)" success
	ok 'the socket still listens' ctl is-active gitsign-hsm-agent.socket
	ok 'the next commit is signed' commit "$1"
	isnt 'by another one' "$(pid)" "$one"
	one=$(pid)
	is 'of the manager' "$(agent_pid)" "$one"
}
ok 'systemctl stops it' ctl stop gitsign-hsm-agent.service
again 'stopped by systemctl'
ok 'it stops itself' agent stop
again 'stopped by its own word'
ok 'it is restarted' ctl restart gitsign-hsm-agent.service
isnt 'as another one' "$(pid)" "$one"
one=$(pid)
ok 'which signs' commit restarted
is 'itself' "$(agent_pid)" "$one"
ok 'it is locked' agent lock
not_ok 'and does not sign' commit locked
ok 'a restart' ctl restart gitsign-hsm-agent.service
ok 'ends that with all it knew' commit unlocked
one=$(pid)
kill -KILL "$one"
ok 'it is killed' until_true inactive failed
ok 'the next commit is signed' commit killed
isnt 'by another one' "$(pid)" "$one"
conf hsm.agentIdle 2
ok 'with a short time without use' ctl restart gitsign-hsm-agent.service
one=$(pid)
ok 'it signs' commit short
again 'unused'
conf --unset hsm.agentIdle

# --- with the socket for ssh --------------------------------------------------------------
ok 'the agent ends' ctl stop gitsign-hsm-agent.service
conf hsm.sshKey "$(gh_fp alice)"
ok 'the socket for ssh is enabled' ctl enable --now gitsign-hsm-agent-ssh.socket
keys() { user env SSH_AUTH_SOCK="$RUN/ssh" timeout 60 ssh-add -L; }
ok 'ssh-add starts the agent' keys
is 'which has the key' "$(wc -l <"$GH_OUT" | tr -d ' ')" 1
one=$(pid)
ok 'the same signs' commit ssh
is 'a commit' "$(agent_pid)" "$one"
ok 'stopped' ctl stop gitsign-hsm-agent.service
ok 'it comes again by ssh-add' keys
isnt 'another one' "$(pid)" "$one"
ok 'and ends' ctl stop gitsign-hsm-agent.service

# --- one that started by itself -------------------------------------------------------------
ok 'no sockets any more' ctl disable --now gitsign-hsm-agent.socket gitsign-hsm-agent-ssh.socket
not_ok 'none is there' agent status
ok 'the commit starts one' commit alone
own=$(agent_pid)
isnt 'which is not the manager'\''s' "$own" "$(pid)"
ok 'the sockets are enabled while it runs' ctl enable --now gitsign-hsm-agent.socket \
	gitsign-hsm-agent-ssh.socket
ok 'the next commit is signed' commit over
isnt 'by another one' "$(agent_pid)" "$own"
is "the manager's" "$(agent_pid)" "$(pid)"
ended() { [ ! -e "/proc/$own" ]; }
ok 'the one that nobody reaches any more ends' until_true ended
ok 'and leaves the sockets where they are' test -S "$RUN/agent" -a -S "$RUN/ssh"
ok 'a commit is signed' commit last
ok 'and ssh served' keys

# --- the end of the session --------------------------------------------------------------------
own=$(pid)
gh_run ctl exit
ok 'the manager ends' until_true gone
ok 'and the agent with it' until_true ended
done_testing
