#!/bin/sh
# signer = trust:NAME with emailDomain, and expiryGrace, at real pushes.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

# policy_of LINE...: of [trust "corp"], then of rule "staff"; "-" parts them.
policy_of() {
	{
		hk_head | sed '/roots = /q'
		while [ $# -gt 0 ] && [ "$1" != - ]; do
			printf '\t%s\n' "$1"
			shift
		done
		[ $# = 0 ] || shift
		hk_head | sed '1,/roots = /d'
		hk_rules
		printf '[rule "staff"]\n\tref = refs/heads/staff\n\tref = refs/heads/old\n\tref = refs/heads/shared\n'
		for line; do
			printf '\t%s\n' "$line"
		done
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}

hk_world
hk_key carol carol@example.com
hk_key dave dave@example.org
gh_setup git checkout -q -b staff

# --- trust:NAME ------------------------------------------------------------------------
policy_of 'emailDomain = example.com' - 'signer = trust:corp'
hk_as carol
hk_commit 'by carol, whom the file does not name'
accepted 'whoever has an address in the domain is let in' origin staff
like 'under that address' "$(said)" 'accepted 1 commit by carol@example.com on refs/heads/staff'
hk_as dave
hk_commit 'by dave'
refused 'an address elsewhere is refused' 'certificate /CN=dave belongs to no signer' origin staff
like 'and it says who may' "$(said | tr '\n' ' ' | tr -s ' ')" \
	'Let one of the signers of this rule sign it: whoever has a certificate of corp with an address in example.com'
gh_setup git reset -q --hard HEAD~1
hk_as carol
git config --global user.email carol.c@example.com
hk_commit 'by carol, as somebody else'
refused 'the committer has the address' 'committer carol.c@example.com, but signed by' origin staff
like 'and it says which' "$(said)" 'git config user.email carol@example.com'
gh_setup git reset -q --hard HEAD~1
hk_as alice
hk_commit 'by alice'
accepted 'a signer of the file is let in under her name' origin staff
like 'that is her' "$(said)" 'by alice on'
hk_policy
policy_of 'emailDomain = example.com' - 'signer = trust:corp'
sed -i '/signer "alice"/a\	validUntil = 2026-01-01' "$GH_WORLD/policy"
hk_commit 'by alice, who has left'
refused 'one who has left is not' 'signer alice is not valid any more' origin staff
gh_setup git reset -q --hard HEAD~1
policy_of 'emailDomain = example.com' - 'signer = trust:corp' 'author = known'
hk_as carol
hk_commit 'of a colleague' --author 'eve <eve@example.com>'
accepted 'an author with an address in the domain is known' origin staff
hk_commit 'of somebody else' --author 'eve <eve@example.org>'
refused 'one with another is not' 'author eve@example.org is no signer of the policy' origin staff
gh_setup git reset -q --hard HEAD~1
hk_as alice
policy_of - 'signer = trust:corp'
refused 'without emailDomain it is a fault of the file' 'has no$|emailDomain' origin staff:staff2
policy_of 'emailDomain = example.com' - 'signer = alice'
hk_as carol
hk_commit 'by carol'
refused 'where the rule names others it admits nobody' 'belongs to no signer' origin staff

# --- who pushes ----------------------------------------------------------------------------
git -C "$GH_WORLD/server" config receive.certNonceSeed "$(openssl rand -hex 16)"
policy_of 'emailDomain = example.com' - 'signer = trust:corp'
accepted 'she may sign the push where she may sign commits' --signed origin staff
like 'in her name' "$(said)" 'by carol@example.com'
policy_of 'emailDomain = example.com' - 'signer = trust:corp' 'pusher = alice' 'keylessUpdate = allow'
refused 'not where the rule names who pushes' 'push certificate: certificate /CN=carol belongs' \
	--signed origin staff:shared
policy_of 'emailDomain = example.com' - 'signer = alice' 'pusher = trust:corp' 'committer = any' \
	'accepts = again' 'pushCertificate = required'
printf '[rule "again"]\n\tref = refs/heads/again\n\tsigner = trust:corp\n' >>"$GH_WORLD/policy"
accepted 'the same commit elsewhere' origin staff:again
accepted 'she pushes what others have signed where the rule says so' --signed origin staff:shared

# --- the client says the same -------------------------------------------------------------
git config --global gpg.x509.program "$GH_BIN/gitsign-hsm"
git config --global hsm.policy "$GH_WORLD/policy"
policy_of 'emailDomain = example.com' - 'signer = alice'
is 'a client without such a rule does not know her' "$(git log -1 --format=%G?%GT)" Gmarginal
policy_of 'emailDomain = example.com' - 'signer = trust:corp'
is 'with it she is trusted' "$(git log -1 --format=%G?%GT)" Gfully
git config --global gpg.x509.program "$GH_WORLD/signer"
gh_setup git reset -q --hard HEAD~1

# --- expiryGrace -----------------------------------------------------------------------------
# late NAME SECONDS: the certificate of that one expired so many seconds ago.
cat >"$GH_WORLD/ca/late.cnf" <<EOF
[ca]
default_ca = x
[x]
database = $GH_WORLD/ca/late.index
serial = $GH_WORLD/ca/late.serial
new_certs_dir = $GH_WORLD/ca
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
EOF
: >"$GH_WORLD/ca/late.index"
echo 77 >"$GH_WORLD/ca/late.serial"
# dated NAME FROM UNTIL, in words of date(1).
dated() {
	gh_setup openssl req -new -config "$GH_WORLD/ca/late.cnf" -key "$GH_WORLD/keys/$1.key" \
		-subj "/CN=$1" -out "$GH_WORLD/ca/late.csr"
	gh_setup openssl ca -batch -config "$GH_WORLD/ca/late.cnf" -in "$GH_WORLD/ca/late.csr" \
		-cert "$GH_WORLD/ca/root.pem" -keyfile "$GH_WORLD/ca/root.key" -notext \
		-startdate "$(date -u -d "$2" +%Y%m%d%H%M%SZ)" \
		-enddate "$(date -u -d "$3" +%Y%m%d%H%M%SZ)" \
		-extfile "$GH_WORLD/keys/$1.ext" -out "$GH_WORLD/keys/$1.pem"
}
late() {
	dated "$1" '3 days ago' "$2 seconds ago"
}

# Signatures that say when they were made: signed OPTION... for those to come.
cat >"$GH_WORLD/signer2" <<EOF
#!/bin/sh
for key; do :; done
"$GH_TOOLS/cms-tool" \$(cat "$GH_WORLD/options") sign "$GH_WORLD/keys/\$key.key" \\
	"$GH_WORLD/keys/\$key.pem" || exit 1
echo >&2
echo '[GNUPG:] SIG_CREATED ' >&2
EOF
chmod 755 "$GH_WORLD/signer2"
git config --global gpg.x509.program "$GH_WORLD/signer2"
signed() {
	echo "$*" >"$GH_WORLD/options"
}
ago() {
	echo "--time=$(($(date +%s) - $1))"
}

gh_setup git checkout -q -b old
signed
hk_as bob
hk_commit 'by bob'
policy_of - 'signer = bob'
accepted 'a certificate in time is let in' origin old
signed --no-time
hk_commit 'without a time'
refused 'a signature without a time is refused' 'does not say when it was made' origin old
gh_setup git reset -q --hard HEAD~1

dated bob '1 day' '3 days'
signed
hk_commit 'too early'
refused 'a certificate that is not valid yet is refused' 'its certificate is valid only from' origin old
like 'for the time being' "$(said | tr '\n' ' ')" 'Push again then: nothing need be signed anew'
unlike 'and that is all' "$(said)" 'git commit --amend'
gh_setup git reset -q --hard HEAD~1

late bob 7200
signed "$(ago 10800)"
hk_commit 'while the certificate was valid'
refused 'an expired certificate is refused' 'its certificate expired at' origin old
like 'and a new one is asked for' "$(said | tr '\n' ' ')" 'Ask for a new certificate.*git commit --amend'
policy_of - 'signer = bob' 'expiryGrace = 1h'
refused 'one that expired longer ago than the grace, too' 'its certificate expired at' origin old
policy_of - 'signer = bob' 'expiryGrace = 3h'
accepted 'within the grace it is let in' origin old
signed "$(ago 3600)"
hk_commit 'after it had expired'
refused 'what was signed after it expired is not' 'its certificate expired at' origin old
gh_setup git reset -q --hard HEAD~1
signed "$(ago 400000)"
hk_commit 'before it was valid'
refused 'nor what was signed before it was valid' 'its certificate expired at' origin old
gh_setup git reset -q --hard HEAD~1

signed "$(ago 10800)"
hk_commit 'by a key that is revoked since'
printf '[revoked "bob"]\n\tspki = sha256:%s\n' \
	"$(openssl pkey -pubin -in "$GH_WORLD/keys/bob.pub" -outform DER | openssl dgst -sha256 -r | cut -c1-64)" \
	>>"$GH_WORLD/policy"
refused 'revocation is not excused' 'is revoked' origin old
policy_of - 'signer = bob' 'expiryGrace = 3h'
sed -i '/signer "bob"/a\	validUntil = 2026-01-01' "$GH_WORLD/policy"
refused 'nor that he has left' 'signer bob is not valid any more' origin old
policy_of - 'signer = bob' 'expiryGrace = 3h'
accepted 'without all that it is let in' origin old

done_testing
