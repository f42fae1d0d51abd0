#!/bin/sh
# ssh with the agent's keys, and git commit -S on a machine reached by ssh -A: a real
# sshd on a pipe, as root, whose shell may log in.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

[ "$(id -u)" = 0 ] || skip_all 'sshd needs root'
gh_need ssh
[ -x /usr/sbin/sshd ] || skip_all 'there is no sshd'
agent_world
LOG=$HOME/.local/state/gitsign-hsm/agent.log
unset DISPLAY WAYLAND_DISPLAY
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f ../host.key
cat >../sshd.conf <<-EOF
	HostKey $GH_WORLD/host.key
	AuthorizedKeysFile $GH_WORLD/authorized
	PermitRootLogin yes
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	UsePAM no
	StrictModes no
	PidFile none
	AllowAgentForwarding yes
EOF
echo "there $(cut -d' ' -f1,2 <../host.key.pub)" >../known
cat >../ssh.conf <<-EOF
	Host there
	ProxyCommand /usr/sbin/sshd -i -f $GH_WORLD/sshd.conf
	User root
	UserKnownHostsFile $GH_WORLD/known
	GlobalKnownHostsFile /dev/null
	IdentityFile none
	BatchMode yes
EOF
SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/gitsign-hsm/ssh
export SSH_AUTH_SOCK
remote() { timeout 60 ssh -F "$GH_WORLD/ssh.conf" "$@"; }
restart() {
	agent_end
	agent >"$GH_WORLD/agent.out" 2>&1 &
	until_true test -S "$SSH_AUTH_SOCK"
}
gh_key rita rsa:2048 rita@example.com
gh_key edith EC:edwards25519 edith@example.com
: >../authorized

# --- logging in ------------------------------------------------------------------------
for k in alice rita edith; do
	git config --global --unset-all hsm.sshKey
	git config --global hsm.sshKey "$(gh_fp $k)"
	restart
	: >../authorized
	exits 255 "$k: not let in yet" remote there true
	ssh-add -L >../authorized
	ok "$k: ssh logs in with the token's key" remote there true
	like "$k: the log has it" "$(tail -n 1 "$LOG")" '"purpose":"ssh login".*"result":"signed"'
done
: >../stranger.authorized
ssh-keygen -q -t ecdsa -N '' -f ../stranger
cp ../stranger.pub ../authorized
exits 255 'another key is not let in' remote there true
ssh-add -L >../authorized

# --- git there ---------------------------------------------------------------------------
# The home there: what a person has on another machine. No module, no token, no PIN.
mkdir -m 700 ../there ../there/run
cat >../there/.gitconfig <<-EOF
	[user]
		name = edith
		email = edith@example.com
		signingKey = $(gh_fp edith)
	[gpg]
		format = x509
	[gpg "x509"]
		program = $GH_BIN/gitsign-hsm
	[hsm]
		agent = ssh
		roots = $GH_ROOTS
EOF
there() {
	remote "$1" there "cd $GH_WORLD/there && export HOME=$GH_WORLD/there \
		GIT_CONFIG_GLOBAL=$GH_WORLD/there/.gitconfig XDG_RUNTIME_DIR=$GH_WORLD/there/run; $2"
}
gh_setup git init -q ../there/repo
commit_there() { there "$1" "cd repo && git commit -q -S --allow-empty -m '$2'"; }
not_ok 'without -A there is no agent there' commit_there -a one
not_ok 'with -A, and not allowed: refused' commit_there -A one
ok 'it says why' there -A "cd repo && printf 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n' |
	$GH_BIN/gitsign-hsm --status-fd=2 -bsau $(gh_fp edith) 2>&1 | grep 'hsm.agentForward there is not confirm'"
git config --global hsm.agentForward confirm
restart
not_ok 'allowed, and nobody to ask: refused' commit_there -A one
like 'and in the log' "$(tail -n 1 "$LOG")" '"refused".*wants a yes'
agent_pinentry
git config --global hsm.pinentry "$GH_WORLD/pinentry"
restart
echo 'ERR 83886179 Operation cancelled' >../answer
not_ok 'a no here refuses it there' commit_there -A one
is 'nothing was committed' "$(git -C ../there/repo log --oneline 2>/dev/null | wc -l | tr -d ' ')" 0
echo OK >../answer
ok 'a yes here signs it there' commit_there -A one
ok 'and the next' commit_there -A two
is 'each was asked for' "$(grep -c 'SETDESC commit "\(one\|two\)"' ../asked)" 3
is 'they are good' "$(git -C ../there/repo log --format='%G? %s' | tr '\n' ' ')" 'G two G one '
like 'the log here has them' "$(tail -n 1 "$LOG")" \
	"\"object\":\"$(git -C ../there/repo rev-parse HEAD)\".*\"result\":\"signed\",\"reason\":\"confirmed\""
not_ok 'what there names as module means nothing here' there -A \
	"cd repo && git -c hsm.module=/nonexistent -c hsm.key=nobody@example.com -c user.signingKey=nobody@example.com commit -q -S --allow-empty -m x"
ok 'a tag' there -A "cd repo && git tag -s -m tag v1"
is 'is asked for too' "$(grep -c 'SETDESC tag "v1"' ../asked)" 1
done_testing
