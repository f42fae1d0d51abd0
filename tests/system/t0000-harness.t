#!/bin/sh
# The harness itself: a world with a token key whose certificate chains to its
# authority, and nothing of the user's in it.
. "${GH_SRC:-tests}/system/lib.sh"
plan 21

gh_world
is 'HOME lies in the world' "$HOME" "$GH_WORLD/home"
is 'the PIN file is for us alone' "$(stat -c %a "$GH_PIN_FILE")" 600

for alg in rsa:2048 EC:prime256v1 EC:secp384r1 EC:secp521r1 EC:edwards25519; do
	gh_key "k-$alg" "$alg" alice@example.com
	ok "$alg: the certificate chains to the root" \
		openssl verify -CAfile "$GH_ROOTS" "$GH_WORLD/keys/k-$alg.pem"
	is "$alg: the token has key and certificate by one id" \
		"$(gh_p11 --list-objects 2>/dev/null | grep -c "^ *label: *k-$alg\$")" 3
done

gh_authority mid root
gh_key bob EC:prime256v1 bob@example.com extendedKeyUsage=serverAuth
ok 'an intermediate authority' openssl verify -CAfile "$GH_ROOTS" \
	-untrusted "$GH_WORLD/ca/mid.pem" "$GH_WORLD/keys/bob.pem"
not_ok 'whose certificates do not verify without it' \
	openssl verify -CAfile "$GH_ROOTS" "$GH_WORLD/keys/bob.pem"
like 'an extension is replaced' "$(openssl x509 -in "$GH_WORLD/keys/bob.pem" -noout -text)" \
	'TLS Web Server Authentication'

gh_repo work
cd work || bail cd
gh_use bob
ok 'git commits' git commit -q --allow-empty -m one
is 'as the one in use' "$(git log -1 --format=%ce)" bob@example.com

# What failed is kept for the end of the run.
mkdir "$GH_WORLD/told"
cat >"$GH_WORLD/small.t" <<'EOF'
. "$GH_SRC/system/lib.sh"
is 'good' a a
is 'bad' a b
done_testing
EOF
exits 1 'a script with a check that fails' \
	env GH_FAILURES="$GH_WORLD/told" sh "$GH_WORLD/small.t"
is 'leaves a note of it' "$(cat "$GH_WORLD/told/small.t")" "$(cat <<-EOF
	not ok 2 - bad
	# got:    a
	# wanted: b
EOF
)"
printf '. "$GH_SRC/system/lib.sh"\nbail gone\n' >"$GH_WORLD/bail.t"
exits 1 'a script that cannot go on fails' sh "$GH_WORLD/bail.t"
printf '. "$GH_SRC/system/lib.sh"\npass x\ndone_testing\n' >"$GH_WORLD/well.t"
exits 0 'one where all is well does not' env GH_FAILURES= sh "$GH_WORLD/well.t"
