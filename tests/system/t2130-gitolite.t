#!/bin/sh
# gitolite, set up by contrib/servers/gitolite.md, behind a real sshd.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/servers-lib.sh"

command -v gitolite >/dev/null || skip_all 'no gitolite here (package gitolite3)'
srv_world
srv_sshd
cp "$GH_WORLD/keys/ssh.pub" "$GH_WORLD/alice.pub"
ADMIN=$GH_WORLD/alice.pub
export ADMIN
git config --global safe.directory '*'
umask 077
page gitolite 1 >../setup
ok 'gitolite is set up by the page' sh -e ../setup
cat >>"$HOME/.gitolite/conf/gitolite.conf" <<EOF2
repo project
    RW+ = alice
    -   refs/heads/forbidden = alice
EOF2
ok 'a repository' gitolite compile
gh_setup gitolite trigger POST_COMPILE
page gitolite 2 >../setup
ok 'the hook is installed by the page' sh -e ../setup
repo=$HOME/repositories/project.git
srv_try "$(id -un)@server.example:project" "$repo"
page gitolite 3 >../setup
ok 'gitolite setup leaves it there' sh -e ../setup
git commit -q --no-gpg-sign --allow-empty -m 'unsigned'
not_ok 'and it still refuses' git push "$(id -un)@server.example:project" HEAD:refs/heads/main
like 'in its words' "$(cat "$GH_ERR")" 'not signed'
done_testing
