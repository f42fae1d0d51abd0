#!/bin/sh
# Plain git over SSH, set up by contrib/servers/ssh.md, behind a real sshd.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/servers-lib.sh"

srv_world
srv_sshd
REPO=$GH_WORLD/srv/project.git
PUBKEY=$GH_WORLD/keys/ssh.pub
SERVER=$(id -un)@server.example
export REPO PUBKEY SERVER
mkdir ../srv
page ssh 1 >../setup
ok 'the repository is set up by the page' sh -e ../setup
page ssh 2 >../setup
ok 'so are the keys' sh -e ../setup
like 'whoever logs in can run git alone' "$(cat "$HOME/.ssh/authorized_keys")" \
	'^restrict,command="git-shell -c \\"\$SSH_ORIGINAL_COMMAND\\"" ssh-ed25519 '
# shellcheck disable=SC2086 # words
not_ok 'no shell' $GIT_SSH_COMMAND "$SERVER" true
srv_try "ssh://$SERVER$REPO" "$REPO"
git commit -q -S --allow-empty -m 'as the page has it'
git branch -f main HEAD
page ssh 3 >../setup
ok 'the push of the page' sh -e ../setup
is 'is there' "$(git -C "$REPO" rev-parse main)" "$(git rev-parse HEAD)"
done_testing
