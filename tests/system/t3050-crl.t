#!/bin/sh
# Revocation lists, made by `openssl ca`, judged at real pushes and by the client.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/hook-lib.sh"

hk_world

cat >"$GH_WORLD/ca/crl.cnf" <<EOF
[ca]
default_ca = x
[x]
database = $GH_WORLD/ca/index
crlnumber = $GH_WORLD/ca/number
default_md = sha256
crl_extensions = ext
[ext]
authorityKeyIdentifier = keyid:always
[delta]
authorityKeyIdentifier = keyid:always
2.5.29.27 = critical,DER:020101
EOF
: >"$GH_WORLD/ca/index"
echo 01 >"$GH_WORLD/ca/number"

ca() {
	gh_setup openssl ca -config "$GH_WORLD/ca/crl.cnf" -cert "$GH_WORLD/ca/root.pem" \
		-keyfile "$GH_WORLD/ca/root.key" "$@"
}
# list [OPTION...]: a new list, put in its place by a rename.
list() {
	ca -gencrl -crldays 7 "$@" -out "$GH_WORLD/ca/new.crl"
	chmod 644 "$GH_WORLD/ca/new.crl"
	mv "$GH_WORLD/ca/new.crl" "$GH_WORLD/ca/root.crl"
}
crl_policy() { # [LINE...]: of [trust "corp"]
	{
		hk_head | sed '/roots = /q'
		for line; do
			echo "$line"
		done
		hk_head | sed '1,/roots = /d'
		hk_rules
	} >"$GH_WORLD/policy"
	chmod 644 "$GH_WORLD/policy"
}

list
crl_policy "crl = $GH_WORLD/ca/root.crl"
hk_commit 'by alice'
accepted 'a signer of whom the list says nothing is let in' origin main
hk_as bob
hk_commit 'by bob'
accepted 'another one too' origin main

ca -revoke "$GH_WORLD/keys/bob.pem" -crl_reason keyCompromise
hk_commit 'by bob, whose key is lost'
accepted 'as long as no list tells of it' origin main
list
hk_commit 'by bob, who is on the list'
refused 'a revoked signer is refused' \
	'certificate /CN=bob was revoked at' origin main
like 'with when and why' "$(said | tr '\n' ' ')" 'revoked at [0-9T:-]*Z +\(keyCompromise\)'
like 'and what to do' "$(said)" 'Make a new key, ask for a certificate of it'
gh_setup git reset -q --hard HEAD~1
hk_as alice
hk_commit 'by alice again'
accepted 'others are let in' origin main

# --- lists that do not count --------------------------------------------------------
hk_commit 'waits for a list'
list -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
refused 'a list that is out of date refuses all' 'the CRL of /CN=Test authority root is' origin main
like 'and it says since when' "$(said | tr '\n' ' ')" 'out of date since +2020-02-01T00:00:00Z'
like 'and that the administrator has to mend it' "$(said)" 'administrator has to put a current CRL'
gh_run "$GH_BIN/gitsign-hsm" hook status "$GH_WORLD/server"
is 'hook status calls it a problem' "$GH_STATUS" 3
like 'and shows the list' "$(cat "$GH_OUT")" \
	'^crl .*of /CN=Test authority root \(trust corp\), current until 2020-02-01T00:00:00Z: out of date'
crl_policy "crl = $GH_WORLD/ca/root.crl" 'crlPolicy = ifPresent'
gh_run "$GH_BIN/gitsign-hsm" hook status "$GH_WORLD/server"
is 'where it has to be current' "$GH_STATUS" 0
accepted 'unless the policy takes what is there' origin main
hk_as bob
hk_commit 'by bob, by an old list'
refused 'where a revocation still counts' 'was revoked' origin main
crl_policy "crl = $GH_WORLD/ca/root.crl" 'crlPolicy = off'
accepted 'crlPolicy = off asks no list' origin main
hk_as alice

crl_policy "crl = $GH_WORLD/ca/root.crl"
hk_commit 'and on'
list -crlexts delta
refused 'a delta CRL is named' 'delta CRL' origin main
gh_authority other
gh_setup openssl ca -config "$GH_WORLD/ca/crl.cnf" -cert "$GH_WORLD/ca/other.pem" \
	-keyfile "$GH_WORLD/ca/other.key" -gencrl -crldays 7 -out "$GH_WORLD/ca/root.crl"
chmod 644 "$GH_WORLD/ca/root.crl"
refused "another authority's list is none" 'there is no CRL of' origin main
echo nothing >"$GH_WORLD/ca/root.crl"
refused 'a file without a list is a fault of the policy' 'CRLs of "corp": no CRL' origin main
rm "$GH_WORLD/ca/root.crl"
refused 'so is one that is not there' 'root.crl' origin main
list
chmod 666 "$GH_WORLD/ca/root.crl"
refused 'and one that others can write' 'root.crl' origin main
chmod 644 "$GH_WORLD/ca/root.crl"
accepted 'the right one is taken' origin main

# --- the client ---------------------------------------------------------------------
git config --global gpg.x509.program "$GH_BIN/gitsign-hsm"
git config --global hsm.policy "$GH_WORLD/policy"
bob=$(git log --format=%H --author=bob -n 1)
gh_run git verify-commit --raw "$bob"
is 'the client refuses a revoked signer' "$GH_STATUS" 1
like 'with the status that git knows' "$(cat "$GH_ERR")" '^\[GNUPG:\] REVKEYSIG '
is 'and git shows R' "$(git log -1 --format=%G? "$bob")" R
gh_run git verify-commit --raw HEAD
is 'others are good' "$GH_STATUS" 0
gh_run "$GH_BIN/gitsign-hsm" verify "$bob"
is 'gitsign-hsm verify says the same' "$GH_STATUS" 1
like 'with the reason' "$(cat "$GH_OUT" "$GH_ERR")" 'was revoked at .*keyCompromise'

done_testing
