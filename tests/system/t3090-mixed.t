#!/bin/sh
# Histories as people make them, signed by gpgsm, by `openssl cms` and by gitsign-hsm side by
# side: merges, octopus, amended and rebased commits, tags. SHA-256 repositories give the
# same verdicts.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"
gh_need gpgsm

hk_world
gh_key carol EC:prime256v1 carol@example.com

# --- gil signs with gpgsm ----------------------------------------------------------------
gh_setup openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$GH_WORLD/keys/gil.key"
gh_setup openssl pkey -in "$GH_WORLD/keys/gil.key" -pubout -out "$GH_WORLD/keys/gil.pub"
gh_certificate gil gil@example.com
gh_setup openssl pkcs12 -export -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 \
	-inkey "$GH_WORLD/keys/gil.key" -in "$GH_WORLD/keys/gil.pem" -passout pass: \
	-out "$GH_WORLD/gil.p12"
printf '%s\n' disable-crl-checks disable-dirmngr batch no-tty >"$GNUPGHOME/gpgsm.conf"
printf 'allow-loopback-pinentry\n' >"$GNUPGHOME/gpg-agent.conf"
gh_setup gpgsm --batch --import "$GH_ROOTS"
gpgsm --batch --with-colons --list-keys 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):.*/\1 S relax/p' \
	>"$GNUPGHOME/trustlist.txt"
gpgconf --kill gpg-agent 2>/dev/null || :
import() {
	printf '\n' | gpgsm --batch --pinentry-mode loopback --passphrase-fd 0 \
		--import "$GH_WORLD/gil.p12" 2>"$GH_ERR"
}
# On a busy machine the agent may be there too late.
tries=0
until import; do
	tries=$((tries + 1))
	[ "$tries" -lt 5 ] || skip_all "gpgsm imports no software key here: $(tail -n 1 "$GH_ERR")"
	gpgconf --launch gpg-agent 2>/dev/null
done
cat >"$GH_WORLD/gpgsm" <<'EOF'
#!/bin/sh
exec gpgsm --batch --pinentry-mode loopback --passphrase-fd 9 "$@" 9</dev/null
EOF
chmod 755 "$GH_WORLD/gpgsm"

# as NAME: alice, bob and mallory sign with openssl, gil with gpgsm, carol with gitsign-hsm.
as() {
	hk_as "$1"
	case $1 in
	gil)
		git config --global gpg.x509.program "$GH_WORLD/gpgsm"
		git config --global user.signingKey gil@example.com
		;;
	carol)
		git config --global gpg.x509.program "$GH_BIN/gitsign-hsm"
		git config --global user.signingKey "$(gh_fp carol)"
		;;
	*) git config --global gpg.x509.program "$GH_WORLD/signer" ;;
	esac
}

{
	hk_head
	cat <<-EOF
		[signer "carol"]
			email = carol@example.com
			trust = corp
		[signer "gil"]
			email = gil@example.com
			trust = corp
		[rule "main"]
			ref = refs/heads/**
			signer = anyone
			rewind = allow
		[rule "releases"]
			ref = refs/tags/**
			signer = anyone
			accepts = main
	EOF
} >"$GH_WORLD/policy"
chmod 644 "$GH_WORLD/policy"

# commit WHO WORDS: a signed commit with a file of its own.
commit() {
	as "$1"
	hk_commit "$2"
}

# history: on main, in the current repository. Each of the three signs each kind of commit.
history() {
	commit alice 'first, by openssl'
	commit gil 'by gpgsm'
	commit carol 'by gitsign-hsm'
	gh_setup git checkout -q -b topic1
	commit gil 'topic 1'
	commit carol 'topic 1 again'
	gh_setup git checkout -q -b topic2 main
	commit alice 'topic 2'
	gh_setup git checkout -q -b topic3 main
	commit carol 'topic 3'
	commit alice 'to be amended'
	as gil
	gh_setup git commit -q -S --amend -m 'amended by another' --reset-author
	gh_setup git checkout -q main
	as carol
	gh_setup git merge -q -S --no-ff -m 'a merge' topic1
	as gil
	gh_setup git merge -q -S -m 'an octopus' topic2 topic3
	# Somebody else's commits, rebased.
	gh_setup git checkout -q -b topic4 HEAD~1
	commit alice 'rebased 1'
	commit gil 'rebased 2'
	as carol
	gh_setup git rebase -q -f -S main
	gh_setup git checkout -q main
	gh_setup git merge -q --ff-only topic4
	as alice
	gh_setup git cherry-pick -S --allow-empty --keep-redundant-commits topic2 >/dev/null
	# A signed tag merged, which the merge then holds (mergetag).
	gh_setup git checkout -q -b topic5
	commit gil 'topic 5'
	gh_setup git tag -s -m 'for main' for-main
	gh_setup git checkout -q main
	as alice
	gh_setup git merge -q -S --no-ff -m 'merges a tag' for-main
	gh_setup git tag -s -m v1 v1 HEAD~2
	as gil
	gh_setup git tag -s -m v2 v2 HEAD~1
	as carol
	gh_setup git tag -s -m v3 v3
	gh_setup git tag -s -m nested v4 v2
}
# spoilt: a commit by a stranger below merges by good signers.
spoilt() {
	gh_setup git checkout -q -b side "$1"
	commit mallory alien
	commit alice 'on top of it'
	gh_setup git checkout -q -b spoilt main
	as gil
	gh_setup git merge -q -S --no-ff -m 'merges it' side
	commit carol 'and goes on'
}

# words: the hook's, ids and the line breaks they bring left out.
words() {
	said | tr '\n' ' ' | tr -s ' ' | sed 's/[0-9a-f]\{12,\}/ID/g'
}

for format in sha1 sha256; do
	rm -rf "$GH_WORLD/server" "$GH_WORLD/work"
	cd "$GH_WORLD" || bail cd
	gh_setup git init -q --bare --object-format=$format server
	chmod -R go-w server
	rm -f server/hooks/*
	ln -s "$GH_HOOKS/pre-receive" server/hooks/pre-receive
	git -C server config hsm.policy "$GH_WORLD/policy"
	gh_setup git init -q --object-format=$format work
	cd work || bail cd
	git remote add origin "$GH_WORLD/server"
	hk_files=0 # of hook-lib.sh
	export hk_files
	history
	n=$(git rev-list --count main)
	accepted "$format: the whole history at once" origin main v1 v2 v3 v4
	like "$format: all of it" "$(words)" "accepted $n commits, 4 tags by "
	git -C "$GH_WORLD/server" rev-list --count main >"$GH_WORLD/count"
	is "$format: and there it is" "$(cat "$GH_WORLD/count")" "$n"
	ok "$format: with a mergetag" sh -c 'git cat-file commit main | grep -q ^mergetag'
	is "$format: everybody signed" "$(git log --format=%GS%ce main | sort -u | wc -l | tr -d ' ')" \
		"$(git log --format=%ce main | sort -u | wc -l | tr -d ' ')"
	spoilt main~2
	refused "$format: a stranger's commit below is refused" 'certificate /CN=mallory belongs to' \
		origin spoilt
	words >"$GH_WORLD/words.$format"
	like "$format: that one alone" "$(words)" 'refused: 1 of 4 commits'
	unlike "$format: the others are good" "$(words)" 'on top of it|goes on'
	gh_setup git tag -s -m bad bad side
	refused "$format: a tag on it is refused" 'tags a commit that was not let in' origin bad
	gh_setup git tag -f -s -m bad bad main
	accepted "$format: on main it is let in" origin bad
	# Each signature over another's commit.
	for who in alice gil carol; do
		gh_setup git checkout -q -b "by-$who" main
		commit "$who" 'as it was'
		git cat-file commit HEAD | sed 's/as it was/as it was not/' >../forged
		forged=$(git hash-object -t commit -w ../forged)
		refused "$format: what $who signed, changed, is refused" 'signature is not good for this' \
			origin "$forged:refs/heads/by-$who"
		accepted "$format: as it was it is let in" origin "by-$who"
	done
done
is 'both object formats get the same words' "$(cat "$GH_WORLD/words.sha256")" \
	"$(cat "$GH_WORLD/words.sha1")"
gpgconf --kill gpg-agent 2>/dev/null || :

done_testing
