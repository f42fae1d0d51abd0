#!/bin/sh
# Whose a signature is: authorities for other purposes, two signers, windows. Each beside
# what is let in.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

# policy_with: standard input behind the usual head; each signer has a branch of that name.
policy_with() {
	{
		hk_head
		cat
		printf '[rule "any"]\n\tref = refs/heads/**\n\tsigner = anyone\n\trewind = allow\n\troots = any\n'
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}
again() {
	gh_setup git commit -q -S --amend --no-edit --reset-author
}
days() {
	date -u -d "$1 days" +%Y-%m-%d
}
hk_world

# --- an authority for another purpose ------------------------------------------------------
gh_authority sub root
hk_key dora dora@example.com
cat >"$GH_WORLD/signer" <<EOF
#!/bin/sh
for key; do :; done
chain="$GH_WORLD/keys/\$key.chain"
[ -e "\$chain" ] || chain=
"$GH_TOOLS/cms-tool" sign "$GH_WORLD/keys/\$key.key" "$GH_WORLD/keys/\$key.pem" \$chain || exit 1
echo >&2
echo '[GNUPG:] SIG_CREATED ' >&2
EOF
# sub_for USES: the same authority, with a new certificate.
sub_for() {
	cp "$GH_WORLD/ca/sub.cnf" "$GH_WORLD/ca/use.cnf"
	[ -z "$1" ] || echo "extendedKeyUsage = $1" >>"$GH_WORLD/ca/use.cnf"
	gh_setup openssl x509 -req -in "$GH_WORLD/ca/sub.csr" -CA "$GH_WORLD/ca/root.pem" \
		-CAkey "$GH_WORLD/ca/root.key" -set_serial "$(date +%N)" -days 30 -sha256 \
		-extfile "$GH_WORLD/ca/use.cnf" -extensions v3 -out "$GH_WORLD/keys/dora.chain"
}
# shellcheck disable=SC2034 # of lib.sh
GH_CA=root
policy_with <<'EOF'
[signer "dora"]
	email = dora@example.com
	trust = corp
EOF
hk_as dora
sub_for serverAuth,clientAuth
hk_commit 'by way of an authority for servers'
refused 'an authority for servers lets nobody sign' 'certificate .*: its$|extendedKeyUsage' origin main
like 'and it says why' "$(said | tr '\n' ' ')" 'extendedKeyUsage lets nothing below it +sign commits'
for use in '' codeSigning emailProtection,serverAuth anyExtendedKeyUsage; do
	sub_for "$use"
	again
	accepted "one for ${use:-whatever it leaves open} does" -f origin main
done
# shellcheck disable=SC2034 # of lib.sh
GH_CA=sub
gh_certificate dora dora@example.com extendedKeyUsage=codeSigning
sub_for emailProtection
again
refused 'what remains of both purposes must be one' 'extendedKeyUsage' -f origin main
sub_for codeSigning
again
accepted 'when it is, it is let in' -f origin main
# shellcheck disable=SC2034 # of lib.sh
GH_CA=root

# --- two signers at once ---------------------------------------------------------------------
hk_key both alice@example.com
gh_setup git checkout -q --orphan both
hk_as both
policy_with </dev/null
gh_certificate both alice@example.com 'subjectAltName=email:alice@example.com,email:bob@example.com'
hk_commit 'by alice, or bob'
refused 'a certificate of two signers is ambiguous' 'belongs to two signers: alice and$' origin both
gh_certificate both alice@example.com
again
accepted 'with the address of one it is let in' -f origin both
spki=$(openssl pkey -pubin -in "$GH_WORLD/keys/both.pub" -outform DER | openssl dgst -sha256 -r | cut -c1-64)
printf '[signer "carol"]\n\temail = carol@example.com\n\tspki = sha256:%s\n' "$spki" | policy_with
hk_commit "carol's key, alice's address"
refused 'a key of one and the address of another are two' 'two signers|belongs to two$' origin both
printf '[signer "carol"]\n\temail = carol@example.com\n\tspki = sha256:%s\n\tvalidUntil = %s\n' "$spki" \
	"$(days -1)" | policy_with
accepted 'when the one is over it is the other' origin both

# --- windows -------------------------------------------------------------------------------------
gh_setup git checkout -q --orphan windows
hk_key erin erin@example.com
hk_as erin
erin() {
	printf '[signer "erin"]\n\temail = erin@example.com\n\ttrust = corp\n'
	printf '\t%s\n' "$@"
}
erin "validFrom = $(days 1)" | policy_with
hk_commit 'too early'
refused 'before the window a signer is refused' "signer erin is not valid before $(days 1)" origin windows
erin "validFrom = $(days -2)" "validUntil = $(days -1)" | policy_with
refused 'behind it, too' "signer erin is not valid any more since|since $(days -1)" origin windows
erin "validFrom = $(days -1)" "validUntil = $(days 2)" | policy_with
accepted 'within it she is let in' origin windows
# A day ends where the next begins.
erin "validUntil = $(days 0)" | policy_with
hk_commit 'on the day after'
refused 'the last day is not in it' 'not valid any more since' origin windows
erin "validFrom = $(days 0)" | policy_with
accepted 'the first one is' origin windows
# The commit's own date says nothing.
erin "validUntil = $(days -1)" | policy_with
GIT_COMMITTER_DATE="$(days -5)T00:00:00" GIT_AUTHOR_DATE="$(days -5)T00:00:00"
export GIT_COMMITTER_DATE GIT_AUTHOR_DATE
hk_commit 'back when she was there'
unset GIT_COMMITTER_DATE GIT_AUTHOR_DATE
refused 'an old date in the commit does not help' 'not valid any more since' origin windows

# --- name constraints ----------------------------------------------------------------------------
# sub_names CONSTRAINT
sub_names() {
	cp "$GH_WORLD/ca/sub.cnf" "$GH_WORLD/ca/use.cnf"
	echo "nameConstraints = critical,$1" >>"$GH_WORLD/ca/use.cnf"
	gh_setup openssl x509 -req -in "$GH_WORLD/ca/sub.csr" -CA "$GH_WORLD/ca/root.pem" \
		-CAkey "$GH_WORLD/ca/root.key" -set_serial "$(date +%N)" -days 30 -sha256 \
		-extfile "$GH_WORLD/ca/use.cnf" -extensions v3 -out "$GH_WORLD/keys/dora.chain"
}
gh_setup git checkout -q main
hk_as dora
policy_with <<'EOF'
[signer "dora"]
	email = dora@example.com
	trust = corp
EOF
sub_names 'permitted;email:example.org'
again
refused 'an authority for another domain lets nobody sign' 'permitted subtree' -f origin main
sub_names 'permitted;email:example.com'
again
accepted 'one for the domain does' -f origin main

done_testing
