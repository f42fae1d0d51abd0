#!/bin/sh
# [key] and [revoked]: keys with conditions of their own, and keys that count no more.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world
hk_key laptop carol@example.com
hk_key other carol@example.com
# spki NAME: the digest of its public key.
spki() {
	openssl pkey -pubin -in "$GH_WORLD/keys/$1.pub" -outform DER | openssl dgst -sha256 -r |
		cut -c1-64
}
# policy_with: the usual policy, and what stands on standard input.
policy_with() {
	hk_policy
	cat >>"$GH_WORLD/policy"
}
carol() {
	cat <<-EOF2
		[signer "carol"]
			email = carol@example.com
		[key "laptop"]
			signer = carol
			trust = corp
			spki = sha256:$(spki laptop)
			$1
	EOF2
}
hk_commit 'the first'
accepted 'the first commit' origin main

# --- [key] -------------------------------------------------------------------------
carol '' | sed 's/^\[signer/[rule "carol"]\n\tref = refs\/heads\/carol\n\tsigner = carol\n&/' |
	policy_with
gh_setup git checkout -q --orphan carol
hk_as other
hk_commit 'with another key'
refused 'another key of the same address is refused' 'belongs to no signer' origin carol
hk_as laptop
gh_setup git commit -q -S --amend --no-edit --reset-author --allow-empty
accepted 'the key that the section names is let in' origin carol
carol 'validUntil = 2020-01-01' |
	sed 's/^\[signer/[rule "carol"]\n\tref = refs\/heads\/carol\n\tsigner = carol\n&/' | policy_with
hk_commit 'too late'
refused 'behind its window it is refused' 'key laptop is not valid any more since' \
	origin carol
carol 'validUntil = 2120-01-01' |
	sed 's/^\[signer/[rule "carol"]\n\tref = refs\/heads\/carol\n\tsigner = carol\n&/' | policy_with
accepted 'within it it is let in' origin carol

# --- [revoked] ---------------------------------------------------------------------
gh_setup git checkout -q main
hk_as alice
hk_commit 'with a good key'
printf '[revoked "alice-1"]\n\tspki = sha256:%s\n\tsince = 2026-01-01\n\treason = keyCompromise\n' \
	"$(spki alice)" | policy_with
refused 'a revoked key is refused' 'the key of certificate .* is revoked since' \
	origin main
printf '[revoked "alice-1"]\n\tcertificate = sha256:%s\n' "$(gh_fp alice)" | policy_with
refused 'so is a revoked certificate' 'certificate [^ ]* is revoked' origin main

# What git says of it on a client.
as_client() {
	git -c gpg.x509.program="$GH_BIN/gitsign-hsm" -c hsm.policy="$GH_WORLD/policy" "$@"
}
is 'git calls it revoked' "$(as_client log -1 --format=%G?)" R
not_ok 'and verifies it not' as_client verify-commit HEAD
printf '[revoked "alice-1"]\n\tspki = sha256:%s\n\tsince = 2120-01-01\n' "$(spki alice)" | policy_with
is 'before that day it is good' "$(as_client log -1 --format=%G?)" G
ok 'and verifies' as_client verify-commit HEAD
accepted 'and is let in' origin main

# For a tag the rule counts that governs its ref, for a commit any.
hk_policy
trust() { as_client "verify-$1" --raw "$2" 2>&1 | sed -n 's/.*\(TRUST_[A-Z]*\).*/\1/p'; }
gh_setup git tag -s -m v1 v1
is 'who signs tags is trusted with one' "$(trust tag v1)" TRUST_FULLY
hk_as bob
hk_commit 'by bob'
gh_setup git tag -s -m v2 v2
is 'another signer with a commit' "$(trust commit HEAD)" TRUST_FULLY
is 'but with no tag' "$(trust tag v2)" TRUST_MARGINAL
gh_setup git reset -q --hard HEAD~1

# An authority's key.
gh_authority sub root
hk_key dora dora@example.com
cat "$GH_WORLD/ca/sub.pem" >>"$GH_WORLD/keys/dora.pem"
openssl pkey -in "$GH_WORLD/ca/sub.key" -pubout -out "$GH_WORLD/keys/sub.pub"
dora() {
	printf '[signer "dora"]\n\temail = dora@example.com\n\ttrust = corp\n'
	printf '[rule "dora"]\n\tref = refs/heads/dora\n\tsigner = dora\n'
}
sed -i "s|set -- -sign|[ \"\$key\" = dora ] \&\& more=\"-certfile $GH_WORLD/ca/sub.pem\"\\nset -- \$more -sign|" \
	"$GH_WORLD/signer"
gh_setup git checkout -q --orphan dora
hk_as dora
hk_commit 'by an intermediate authority'
{
	dora
	printf '[revoked "ca"]\n\tspki = sha256:%s\n' "$(spki sub)"
} | policy_with
refused 'a revoked key of an authority is refused' 'the key of certificate' origin dora
like 'as one that the policy names' "$(said | tr '\n' ' ')" 'is +revoked \(revoked "ca"'
dora | policy_with
accepted 'without that it is let in' origin dora

done_testing
