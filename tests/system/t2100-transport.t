#!/bin/sh
# The hook behind each way a push can come: a path, file://, and HTTP through
# git-http-backend. Signed goes in, unsigned comes back with the reason.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
gh_key alice EC:prime256v1 alice@example.com
PATH=$GH_BIN:$PATH
mkdir srv
cat >policy <<CONF
[policy]
	version = 1
	serial = 1
[trust "test"]
	roots = ca/root.pem
[signer "alice"]
	email = alice@example.com
	trust = test
[rule "main"]
	ref = refs/heads/*
	signer = alice
CONF
chmod 600 policy

gh_repo work
cd work || bail cd
gh_use alice
n=0
try() { # NAME URL
	n=$((n + 1))
	git checkout -q --orphan "b$n"
	git commit -q -S --allow-empty -m "signed $n"
	ok "$1: signed goes in" git push "$2" "b$n"
	like "$1: it says so" "$(cat "$GH_ERR")" 'gitsign-hsm: accepted 1 commit'
	is "$1: and is there" "$(git --git-dir="../srv/r$n.git" rev-parse "b$n")" "$(git rev-parse HEAD)"
	git commit -q --allow-empty -m "unsigned $n"
	not_ok "$1: unsigned comes back" git push "$2" "b$n"
	like "$1: with the reason" "$(cat "$GH_ERR")" 'not signed'
	like "$1: with the cure" "$(cat "$GH_ERR")" 'git commit --amend --no-edit -S'
	is "$1: and is not there" "$(git --git-dir="../srv/r$n.git" rev-parse "b$n")" "$(git rev-parse HEAD~1)"
	ok "$1: mended as told" git commit -q --amend --no-edit --allow-empty -S
	ok "$1: goes in" git push "$2" "b$n"
}
server() {
	git init -q --bare "../srv/r$1.git"
	git -C "../srv/r$1.git" config http.receivepack true
	gitsign-hsm hook install --policy "$GH_WORLD/policy" "$GH_WORLD/srv/r$1.git"
}
for i in 1 2 3 4; do gh_setup server $i; done
try path "$GH_WORLD/srv/r1.git"
try file "file://$GH_WORLD/srv/r2.git"

mkfifo "$GH_WORLD/httpd.in"
perl "$GH_SRC/tools/git-http.pl" "$GH_WORLD/srv" <"$GH_WORLD/httpd.in" >"$GH_WORLD/httpd.port" 2>"$GH_WORLD/httpd.log" &
exec 8>"$GH_WORLD/httpd.in"
gh_at_exit "kill $! 2>/dev/null"
until_true test -s "$GH_WORLD/httpd.port" || bail "no server: $(cat "$GH_WORLD/httpd.log")"
port=$(cat "$GH_WORLD/httpd.port")
try http "http://127.0.0.1:$port/r3.git"
git config http.postBuffer 1 # chunked
try 'http, chunked' "http://127.0.0.1:$port/r4.git"
done_testing
