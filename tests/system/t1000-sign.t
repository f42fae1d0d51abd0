#!/bin/sh
# Signing with each algorithm, with each way to name a key; what other programs
# make of the signatures.
. "${GH_SRC:-tests}/system/lib.sh"
gh_need gpgsm
gh_world

gh_key rsa2 rsa:2048 rsa2@example.com
gh_key rsa3 rsa:3072 rsa3@example.com
gh_key rsa4 rsa:4096 rsa4@example.com
gh_key p256 EC:prime256v1 p256@example.com
gh_key p384 EC:secp384r1 p384@example.com
gh_key p521 EC:secp521r1 p521@example.com
# An Ed25519 key on the token hides every key from libp11 0.4.12; not from us.
gh_key ed EC:edwards25519 ed@example.com

printf 'tree %040d\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n' \
	0 >payload
sed 's/^x$/y/' payload >other

sign() {
	"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$1" <payload >sig.pem 2>status
}
verify() {
	"$GH_BIN/gitsign-hsm" --status-fd=1 --verify "$1" - <"$2"
}
unpem() { # PEM of any label to DER
	sed '/^-----/d' "$1" | openssl base64 -d -out "$2"
}
openssl_cms() {
	unpem "$1" sig.der
	openssl cms -verify -cades -inform DER -in sig.der -content "$2" -binary \
		-CAfile "$GH_ROOTS" -purpose any -out /dev/null
}
openssl_smime() { # PKCS7_verify, the API that Ruby and with it GitLab use
	unpem "$1" sig.der
	openssl smime -verify -inform DER -in sig.der -content "$2" -binary \
		-CAfile "$GH_ROOTS" -purpose any -out /dev/null
}

# gpgsm_trusts: the one certificate it has, as an anchor. An agent that runs has read the list before.
gpgsm_trusts() {
	gpgsm --batch --with-colons --list-keys 2>/dev/null |
		awk -F: '$1 == "fpr" { print $10 " S relax"; exit }' >>"$GNUPGHOME/trustlist.txt"
	gpgconf --kill gpg-agent
}
gh_setup gpgsm --batch --import "$GH_ROOTS"
gpgsm_trusts
printf '%s\n' disable-crl-checks disable-dirmngr batch no-tty >"$GNUPGHOME/gpgsm.conf"
gpgsm_verify() {
	gpgsm --status-fd 1 --verify "$1" "$2" 2>gpgsm.err >gpgsm.out &&
		grep -q '^\[GNUPG:\] GOODSIG ' gpgsm.out
}

for k in rsa2 rsa3 rsa4 p256 p384 p521; do
	ok "$k signs" sign "$(gh_fp $k)"
	like "$k: git's line" "$(cat status)" '^\[GNUPG:\] SIG_CREATED D (1|19) ([89]|10) 00 [0-9T]+ [0-9A-F]{64}$'
	is "$k: it is not the first line" "$(sed -n '1s/ H[0-9]*$//p' status)" '[GNUPG:] BEGIN_SIGNING'
	is "$k: the armor git knows" "$(sed -n 1p sig.pem)" '-----BEGIN SIGNED MESSAGE-----'
	is "$k: a newline ends it" "$(tail -c 1 sig.pem | od -An -tx1 | tr -d ' ')" 0a
	cp sig.pem "$k.sig"
	ok "$k: openssl cms agrees" openssl_cms "$k.sig" payload
	not_ok "$k: openssl cms, other payload" openssl_cms "$k.sig" other
	ok "$k: PKCS7_verify agrees" openssl_smime "$k.sig" payload
	not_ok "$k: PKCS7_verify, other payload" openssl_smime "$k.sig" other
	# gpgsm 2.2 wants the order of the curve to be a multiple of 8 bits.
	if [ "$k" = p521 ]; then
		skip "gpgsm 2.2 verifies no P-521"
	else
		ok "$k: gpgsm agrees" gpgsm_verify "$k.sig" payload
	fi
	not_ok "$k: gpgsm, other payload" gpgsm_verify "$k.sig" other
	not_ok "$k: we refuse another payload" verify "$k.sig" other
	like "$k: as bad" "$(cat "$GH_OUT")" '^\[GNUPG:\] BADSIG '
done

# RSA under 3072 bits signs where it must, and is not trusted by default.
# RFC 8419: OpenSSL 3.0 and gpgsm 2.2 cannot verify it in CMS, we can.
# SoftHSM2 loses a curve's name; tests/lsan.supp knows it by frames that the fast unwinder
# does not see.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:fast_unwind_on_malloc=0"
ok 'ed signs' sign "$(gh_fp ed)"
like "ed: git's line" "$(cat status)" '^\[GNUPG:\] SIG_CREATED D 22 10 00 [0-9T]+ [0-9A-F]{64}$'
cp sig.pem ed.sig
not_ok 'ed: we refuse another payload' verify ed.sig other
like 'ed: as bad' "$(cat "$GH_OUT")" '^\[GNUPG:\] BADSIG '

for k in rsa3 rsa4 p256 p384 p521 ed; do
	ok "$k: we agree" verify "$k.sig" payload
	like "$k: good" "$(cat "$GH_OUT")" '^\[GNUPG:\] GOODSIG [0-9A-F]{64} /CN='"$k"
done
not_ok 'rsa2: too short to be trusted' verify rsa2.sig payload
like 'rsa2: says so' "$(cat "$GH_OUT")" '^\[GNUPG:\] TRUST_NEVER'

# --- a key that wants its PIN for each signature ---------------------------------
echo 77 >keys/each.id
echo "$GH_TOKEN" >keys/each.token
gh_setup gh_p11 --keypairgen --key-type EC:prime256v1 --id 77 --label each --always-auth
gh_spki EC:prime256v1 each >keys/each.pub
gh_certificate each each@example.com
gh_store keys/each.pem each
ok 'a key with CKA_ALWAYS_AUTHENTICATE signs' sign "$(gh_fp each)"
cp sig.pem each.sig
ok 'and verifies' verify each.sig payload
echo 0000 >wrong && chmod 600 wrong
with_wrong_pin() {
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.pinSource GIT_CONFIG_VALUE_0="file:$GH_WORLD/wrong" \
		"$GH_BIN/gitsign-hsm" --status-fd=2 -bsau "$(gh_fp each)" <payload
}
exits 5 'not with a wrong PIN' with_wrong_pin

# --- ways to name a key ---------------------------------------------------------
names() { # DESCRIPTION KEY WANTED
	ok "$1" sign "$2"
	cp "$GH_ERR" names.err
	like "$1: the right one" "$(cat status)" "$(gh_fp "$3" | tr a-f A-F)\$"
}
names 'by SHA-256' "$(gh_fp p256)" p256
names 'by SHA-1' "$(gh_fp p256 sha1)" p256
names 'by SHA-1, upper case, 0x' "0x$(gh_fp p256 sha1 | tr a-f A-F)" p256
names 'by SHA-256 with colons' "$(gh_fp p256 | sed 's/../&:/g;s/:$//')" p256
names 'by e-mail' p384@example.com p384
names 'by <e-mail>' '<p384@example.com>' p384
names 'by name and e-mail' 'P. Three <p384@EXAMPLE.com>' p384
names 'by URI' "$(gh_uri rsa3)" rsa3
names 'by URI with the label' 'pkcs11:token=world;object=rsa3' rsa3
git config --global hsm.key "$(gh_fp p384)"
names 'nothing: hsm.key' '' p384

refuses() { # STATUS DESCRIPTION KEY PATTERN
	exits "$1" "$2" sign "$3"
	is "$2: nothing written" "$(wc -c <sig.pem | tr -d ' ')" 0
	unlike "$2: no SIG_CREATED" "$(cat status)" SIG_CREATED
	like "$2: the reason" "$(cat status)" "$4"
}
refuses 4 'unknown fingerprint' "$(printf '%064d' 7)" 'no key on the tokens'
refuses 4 'half a fingerprint' "$(gh_fp p256 | cut -c1-32)" 'names no key'
refuses 4 'local part in another case' 'P256@example.com' 'no key on the tokens'
refuses 4 'nobody' 'Nobody <nobody@example.com>' 'no key on the tokens'
refuses 2 'a PIN in the URI' "pkcs11:token=world;object=p256?pin-value=$GH_PIN" 'pin-value'
unlike 'and the PIN is not repeated' "$(cat status)" "$GH_PIN"
refuses 4 'another token' 'pkcs11:token=elsewhere;object=p256' 'no certificate|no key'

gh_keypair again EC:prime256v1
gh_certificate again p256@example.com
gh_store "$GH_WORLD/keys/again.pem" again
refuses 4 'two keys with one address' p256@example.com '2 keys fit'
like 'both are listed' "$(cat status)" 'CN=again'
git config --global hsm.key "$(gh_fp p256)"
names 'unless hsm.key says which' p256@example.com p256
git config --global --unset hsm.key
refuses 4 'nothing, and many keys' '' 'keys fit'

# --- what a key must be for -------------------------------------------------------
gh_key server EC:prime256v1 server@example.com 'extendedKeyUsage=serverAuth'
refuses 4 'a TLS server key' server@example.com 'codeSigning|emailProtection'
gh_key enc EC:prime256v1 enc@example.com 'keyUsage=critical,keyAgreement'
refuses 4 'an encryption key' enc@example.com digitalSignature
gh_keypair old EC:prime256v1
GH_DAYS=-1 gh_certificate old old@example.com
gh_store "$GH_WORLD/keys/old.pem" old
refuses 4 'an expired certificate' old@example.com 'expired at'

# --- gpgsm's signatures: BER, rsaEncryption, SMIMECapabilities ---------------------
gh_setup openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out soft.key
openssl pkey -in soft.key -pubout -out keys/soft.pub
gh_certificate soft soft@example.com
cp keys/soft.pem soft.pem
gh_authority other
# shellcheck disable=SC2034 # of lib.sh
GH_CA=root
openssl pkcs12 -export -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 \
	-inkey soft.key -in soft.pem -passout pass: -out soft.p12 2>/dev/null
printf 'allow-loopback-pinentry\n' >"$GNUPGHOME/gpg-agent.conf"
if printf '\n' | gpgsm --batch --pinentry-mode loopback --passphrase-fd 0 --import soft.p12 2>gpgsm.err; then
	# The payload is on standard input: the passphrase comes another way.
	gpgsm --batch --pinentry-mode loopback --passphrase-fd 9 -bsau soft@example.com \
		<payload >gpgsm.sig 2>gpgsm.err 9</dev/null || sed 's/^/# /' gpgsm.err >&2
	ok "gpgsm's signature verifies here" verify gpgsm.sig payload
	like "gpgsm's is good" "$(cat "$GH_OUT")" '^\[GNUPG:\] GOODSIG .*CN=soft'
	not_ok "and not for another payload" verify gpgsm.sig other
	git config --global hsm.roots "$GH_WORLD/ca/other.pem"
	not_ok "nor with other anchors" verify gpgsm.sig payload
	like 'whose chain is unknown' "$(cat "$GH_OUT")" TRUST_UNDEFINED
	git config --global hsm.roots "$GH_ROOTS"
else
	skip 'gpgsm does not import a software key here' 5
fi
openssl cms -sign -binary -in payload -signer soft.pem -inkey soft.key -outform DER \
	-out soft.der -md sha256 -nosmimecap 2>/dev/null
{
	echo '-----BEGIN SIGNED MESSAGE-----'
	openssl base64 -in soft.der
	echo '-----END SIGNED MESSAGE-----'
} >soft.sig
ok "openssl cms's signature verifies here" verify soft.sig payload
not_ok 'and not for another payload' verify soft.sig other
done_testing
