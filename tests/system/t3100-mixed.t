#!/bin/sh
# Real histories in which some sign with gpgsm, some with `openssl cms`, some with
# gitsign-hsm: branches, merges, an octopus, tags, amended and rebased commits; the same
# in SHA-1 and in SHA-256, with the same verdicts.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
cd "$GH_WORLD" || bail cd
# carol signs with gitsign-hsm and a token, dave with gpgsm, alice and bob with openssl.
gh_key carol EC:prime256v1 carol@example.com
gh_setup openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out keys/dave.key
gh_setup openssl pkey -in keys/dave.key -pubout -out keys/dave.pub
gh_certificate dave dave@example.com
gh_setup openssl pkcs12 -export -inkey keys/dave.key -in keys/dave.pem -certfile ca/root.pem \
	-passout pass: -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out dave.p12
printf '%s\n' disable-crl-checks disable-dirmngr batch no-tty >"$GNUPGHOME/gpgsm.conf"
echo allow-loopback-pinentry >"$GNUPGHOME/gpg-agent.conf"
# On a busy machine the agent may be there too late.
tries=0
until printf '\n' | gpgsm --batch --pinentry-mode loopback --passphrase-fd 0 --import dave.p12 \
	>gpgsm.err 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 5 ] || skip_all "gpgsm imports no key here: $(tail -n 1 gpgsm.err)"
	gpgconf --launch gpg-agent 2>/dev/null
done
gpgsm --batch --with-colons --list-keys 2>/dev/null | awk -F: '$1 == "fpr" { print $10, "S relax" }' \
	>"$GNUPGHOME/trustlist.txt"
gpgconf --kill gpg-agent
cat >gpgsm-dave <<EOF2
#!/bin/sh
exec gpgsm --batch --pinentry-mode loopback --passphrase-fd 9 "\$@" 9</dev/null
EOF2
chmod 755 gpgsm-dave
cat >program <<EOF2
#!/bin/sh
# Each signs with a program of their own: the key's name is the last word.
for key; do :; done
case \$key in
carol) exec "$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp carol)" ;;
dave@*) exec "$GH_WORLD/gpgsm-dave" "\$@" ;;
*) exec "$GH_WORLD/signer" "\$@" ;;
esac
EOF2
chmod 755 program
git config --global gpg.x509.program "$GH_WORLD/program"

hk_rules() {
	cat <<-EOF2
		[signer "carol"]
			email = carol@example.com
			trust = corp
		[signer "dave"]
			email = dave@example.com
			trust = corp
		[rule "main"]
			ref = refs/heads/main
			signer = anyone
		[rule "few"]
			ref = refs/heads/few
			signer = alice
			signer = bob
		[rule "tags"]
			ref = refs/tags/*
			tag = signed
			target = any
			signer = anyone
	EOF2
}
hk_policy
as() { # NAME
	hk_as "$1"
	[ "$1" != dave ] || git config --global user.signingKey dave@example.com
}

# history HASH: makes one, pushes it piece by piece; a line of verdicts in verdicts.HASH.
history() {
	GIT_DEFAULT_HASH=$1
	export GIT_DEFAULT_HASH
	cd "$GH_WORLD" || bail cd
	hk_server "server.$1"
	gh_repo "work.$1"
	cd "work.$1" || bail cd
	git remote add origin "$GH_WORLD/server.$1"
	for who in alice bob carol dave; do
		as "$who"
		hk_commit "by $who"
	done
	accepted "$1: four people, three programs" origin main
	for who in alice bob carol dave; do
		as "$who"
		gh_setup git checkout -q -b "$who" main
		hk_commit "work of $who"
		hk_commit "more work of $who"
	done
	as dave
	gh_setup git checkout -q main
	gh_setup git merge -q -S -m 'merge alice' --no-ff alice
	accepted "$1: a merge by gpgsm" origin main
	as carol
	gh_setup git merge -q -S -m 'an octopus' bob carol dave
	is "$1: it has four parents" "$(git cat-file commit HEAD | grep -c '^parent ')" 4
	accepted "$1: an octopus by gitsign-hsm" origin main
	refused "$1: what is not by these people" 'signed by (carol|dave), who may not sign here' \
		origin main:few
	for who in alice carol dave; do
		as "$who"
		gh_setup git tag -s -m "by $who" "v-$who"
		accepted "$1: a tag by $who" origin "v-$who"
	done
	gh_setup git tag -s -m 'of a tag' v-nested v-dave
	accepted "$1: a tag of a tag, by two programs" origin v-nested

	# Amended: another commit, with a signature of its own.
	as dave
	hk_commit 'to be amended'
	before=$(git rev-parse HEAD)
	gh_setup git commit -q -S --amend -m 'amended'
	isnt "$1: amended by gpgsm" "$(git rev-parse HEAD)" "$before"
	accepted "$1: amended" origin main
	# Rebased, with and without signatures.
	gh_setup git checkout -q -b topic HEAD~1
	as alice
	hk_commit 'topic one'
	hk_commit 'topic two'
	gh_setup git rebase -q --no-gpg-sign -f main
	refused "$1: rebased without signatures" 'not signed' origin topic:main
	gh_setup git rebase -q -f -S HEAD~2
	accepted "$1: rebased with" origin topic:main
	as dave
	gh_setup git checkout -q -b side topic
	hk_commit 'to be picked'
	as carol
	gh_setup git checkout -q main
	gh_setup git reset -q --hard topic
	hk_commit 'in between'
	gh_setup git cherry-pick -S side
	gh_setup git revert --no-edit -S HEAD
	accepted "$1: picked and reverted" origin main
	# Good history, one bad commit in the middle of it.
	as bob
	hk_commit 'good'
	good=$(git rev-parse HEAD)
	git cat-file commit HEAD | sed 's/^good$/bad/' >../bent
	bad=$(git hash-object -t commit -w ../bent)
	gh_setup git reset -q --hard "$bad"
	as dave
	hk_commit 'on top'
	refused "$1: a changed commit below a good one" 'not good for this commit' origin main
	gh_setup git reset -q --hard "$good"
	accepted "$1: the unchanged one" origin main
	# A signed tag merged, which the merge then holds.
	as alice
	gh_setup git checkout -q -b tagged
	hk_commit 'to be tagged'
	gh_setup git tag -s -m 'for main' for-main
	gh_setup git checkout -q main
	as carol
	gh_setup git merge -q -S --no-ff -m 'merges a tag' for-main
	is "$1: a mergetag" "$(git cat-file commit HEAD | grep -c '^mergetag ')" 1
	accepted "$1: a merge with a mergetag" origin main
	# All of it at once, to a server that knows nothing of it.
	hk_server "cold.$1"
	accepted "$1: the whole history at once" "$GH_WORLD/cold.$1" main v-alice v-carol v-dave v-nested
	like "$1: all of it" "$(said | tr '\n' ' ')" "accepted $(git rev-list --count main) commits, 4 tags"
	git -C "$GH_WORLD/server.$1" fsck --no-dangling >../fsck 2>&1
	is "$1: git finds nothing wrong" "$(cat ../fsck)" ''
	git -c gpg.x509.program="$GH_BIN/gitsign-hsm" -c hsm.policy="$GH_WORLD/policy" \
		log --format='%G? %s' main | sort >"../verdicts.$1"
	unlike "$1: all are good to a client" "$(cat "../verdicts.$1")" '^[^G]'
}
history sha1
history sha256
is 'the verdicts are the same' "$(cat ../verdicts.sha256)" "$(cat ../verdicts.sha1)"
done_testing
