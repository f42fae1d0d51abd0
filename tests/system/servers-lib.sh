# shellcheck shell=sh
# servers-lib.sh: the pages of contrib/servers, run as they stand; a real sshd.
# Source it after lib.sh.
#
# shellcheck disable=SC3043

# page NAME [N]: the commands of a page (the Nth block of them; all) on standard output.
page() {
	awk -v want="${2-0}" '/^```sh$/ { n++; on = want == 0 || n == want; next } /^```$/ { on = 0 } on' \
		"$GH_SRC/../contrib/servers/$1.md"
}
# page_nginx NAME: its configuration for nginx.
page_nginx() {
	awk '/^```nginx$/ { on = 1; next } /^```$/ { on = 0 } on' "$GH_SRC/../contrib/servers/$1.md"
}

# srv_world: a world with alice on a token, a policy that wants push certificates for
# refs/heads/signed/*, the programs in PATH and a work repository.
srv_world() {
	gh_world
	gh_key alice EC:prime256v1 alice@example.com
	PATH=$GH_BIN:$PATH
	export PATH
	cat >policy <<-EOF2
		[policy]
			version = 1
		[trust "test"]
			roots = $GH_WORLD/ca/root.pem
		[signer "alice"]
			email = alice@example.com
			trust = test
		[rule "heads"]
			ref = refs/heads/*
			signer = alice
		[rule "certified"]
			ref = refs/heads/signed/*
			signer = alice
			pushCertificate = required
	EOF2
	chmod 600 policy
	POLICY=$GH_WORLD/policy
	export POLICY
	gh_repo work
	cd work || bail cd
	gh_use alice
}

# srv_try URL REPOSITORY: what must hold whichever way a push comes.
srv_try() {
	git checkout -q --orphan "try"
	git commit -q -S --allow-empty -m 'signed'
	ok 'signed goes in' git push "$1" HEAD:refs/heads/main
	is 'and is there' "$(git -C "$2" rev-parse main)" "$(git rev-parse HEAD)"
	git commit -q --no-gpg-sign --allow-empty -m 'unsigned'
	not_ok 'unsigned comes back' git push "$1" HEAD:refs/heads/main
	like 'with the reason' "$(cat "$GH_ERR")" 'not signed'
	is 'and is not there' "$(git -C "$2" rev-parse main)" "$(git rev-parse HEAD~1)"
	git reset -q --hard HEAD~1
	git commit -q -S --allow-empty -m 'with a certificate'
	not_ok 'a rule that wants a certificate' git push "$1" HEAD:refs/heads/signed/x
	like 'says so' "$(tr '\n' ' ' <"$GH_ERR")" "without a push certificate"
	ok 'push --signed goes in' git push --signed "$1" HEAD:refs/heads/signed/x
	like 'by name' "$(cat "$GH_ERR")" 'accepted [12] commits? by alice'
	is 'and is there too' "$(git -C "$2" rev-parse refs/heads/signed/x)" "$(git rev-parse HEAD)"
	ok 'a clone' git clone -q "$1" ../clone
	is 'has both' "$(git -C ../clone for-each-ref --format='%(objectname)' refs/remotes/origin/main refs/remotes/origin/signed)" \
		"$(git -C "$2" for-each-ref --format='%(objectname)' refs/heads/main refs/heads/signed)"
}

# srv_sshd: a real sshd for this user, a process for each connection (sshd -i): GIT_SSH_COMMAND
# reaches it, keys/ssh is the client's key. Skips the script where it cannot be had.
srv_sshd() {
	local shell
	[ -x /usr/sbin/sshd ] || skip_all 'no sshd here (package openssh-server)'
	[ "$(id -u)" != 0 ] || [ -d /run/sshd ] || skip_all 'sshd as root wants /run/sshd'
	ssh-keygen -q -t ed25519 -N '' -f "$GH_WORLD/hostkey"
	ssh-keygen -q -t ed25519 -N '' -C alice -f "$GH_WORLD/keys/ssh"
	cat >"$GH_WORLD/sshd.conf" <<-EOF2
		HostKey $GH_WORLD/hostkey
		AuthorizedKeysFile $HOME/.ssh/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PidFile none
		LogLevel VERBOSE
	EOF2
	shell=$(getent passwd "$(id -u)" | cut -d: -f7)
	preload=
	case $shell in
	*/nologin | */false | '')
		# An account without a shell: sshd is told of another.
		for f in /usr/lib/*/libnss_wrapper.so /usr/lib64/libnss_wrapper.so; do
			[ ! -f "$f" ] || preload=$f
		done
		[ -n "$preload" ] || skip_all "user $(id -un) has no shell (package libnss-wrapper)"
		;;
	esac
	echo "$(id -un):x:$(id -u):$(id -g)::$HOME:/bin/sh" >"$GH_WORLD/passwd"
	echo "$(id -gn):x:$(id -g):" >"$GH_WORLD/group"
	cat >"$GH_WORLD/sshd.sh" <<-EOF2
		#!/bin/sh
		[ -z "$preload" ] || export LD_PRELOAD=$preload NSS_WRAPPER_PASSWD=$GH_WORLD/passwd \\
			NSS_WRAPPER_GROUP=$GH_WORLD/group
		exec /usr/sbin/sshd -i -f $GH_WORLD/sshd.conf -E $GH_WORLD/sshd.log
	EOF2
	chmod 755 "$GH_WORLD/sshd.sh"
	GIT_SSH_COMMAND="ssh -F /dev/null -i $GH_WORLD/keys/ssh -o IdentitiesOnly=yes -o BatchMode=yes
		-o UserKnownHostsFile=$GH_WORLD/known -o StrictHostKeyChecking=accept-new
		-o ProxyCommand=$GH_WORLD/sshd.sh"
	GIT_SSH_COMMAND=$(echo "$GIT_SSH_COMMAND" | tr -s '\n\t' '  ')
	export GIT_SSH_COMMAND
}
