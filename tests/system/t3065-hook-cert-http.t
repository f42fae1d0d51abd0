#!/bin/sh
# Push certificates over HTTP: the answer to a nonce comes in another connection, later.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
gh_need perl
{
	hk_head
	cat <<-EOF
		[rule "main"]
			ref = refs/heads/*
			commits = signed
			signer = alice
			pushCertificate = required
			delete = allow
	EOF
} >../policy
mkdir ../srv
chmod 755 ../srv
hk_server srv/project.git
git -C ../srv/project.git config http.receivepack true
gh_setup "$GH_BIN/gitsign-hsm" hook install --policy "$GH_WORLD/policy" ../srv/project.git

mkfifo ../httpd.in
perl "$GH_SRC/tools/git-http.pl" "$GH_WORLD/srv" <../httpd.in >../httpd.port 2>../httpd.log &
gh_at_exit "kill $! 2>/dev/null"
exec 8>../httpd.in
until_true test -s ../httpd.port || bail "no server: $(cat ../httpd.log)"
url=http://127.0.0.1:$(cat ../httpd.port)/project.git
git remote set-url origin "$url"
git -C ../srv/project.git config hsm.pushUrl "$url"

hk_commit 'one'
refused 'without --signed it gets the words for HTTP' 'pushed over HTTP without a push certificate' \
	origin main
refused 'and the command' '^    git push --signed$' origin main
accepted 'with it it goes in' --signed origin main
hk_commit 'two'

# A pause, such as for a PIN: git says SLOP when its own slop is shorter.
mv ../signer ../signer.quick
printf '#!/bin/sh\nsleep 2\nexec "%s/signer.quick" "$@"\n' "$GH_WORLD" >../signer
chmod 755 ../signer
git -C ../srv/project.git config receive.certNonceSlop 0
accepted 'a pause is no reason to refuse' --signed origin main
git -C ../srv/project.git config hsm.certMaxAge 1s
refused 'a pause that is too long is' 'nonce is [0-9]+ s old, and 1 are allowed' --signed \
	origin main:other
git -C ../srv/project.git config receive.certNonceSlop 600
refused 'whatever slop git is told' 'nonce is [0-9]+ s old, and 1 are allowed' --signed \
	origin main:other
git -C ../srv/project.git config --unset hsm.certMaxAge
git -C ../srv/project.git config receive.certNonceSeed another
accepted 'in time it goes in, with a new seed too' --signed origin main:other
git -C ../srv/project.git config --unset receive.certNonceSeed
mv ../signer.quick ../signer
hk_commit 'three'
refused 'a server that does not ask has words of its own' 'this server does not ask' origin main
not_ok 'and git does not send one' git push --signed origin main

done_testing
