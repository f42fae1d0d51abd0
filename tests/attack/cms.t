#!/bin/sh
# Attacks on CMS messages: what the armor holds, apart from whose certificate it is.
#
# shellcheck disable=SC2154,SC2034 # $zero, $one, $two come from lib.sh
. "${GH_SRC:-tests}/attack/lib.sh"

attack_world
keys=$GH_WORLD/keys
gh_setup openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$keys/rsa.key"
gh_setup openssl pkey -in "$keys/rsa.key" -pubout -out "$keys/rsa.pub"
gh_certificate rsa alice@example.com
gh_authority sub root
hk_key sub-alice alice@example.com
cp "$GH_WORLD/ca/sub.pem" "$keys/sub-alice.chain"

forged() { # OPTION... of cms-tool
	attack raw_to_main "$(commit_by alice "$@")"
}
honest() {
	twin raw_to_main "$(commit_by alice "$@")"
}
# in_bag KEY FILE...: from here on these certificates stand behind the signer's.
in_bag() {
	local key
	key=$1
	shift
	cat "$@" >"$keys/$key.chain"
}
no_bag() {
	rm -f "$keys/alice.chain"
}
# with_armor FILE: a draft that carries it.
with_armor() {
	draft "$two" | with_header "$1" | store commit
}

case_94a() {
	forged --digest sha1
	draft "$two" >../plain
	gh_setup openssl cms -sign -binary -nosmimecap -md md5 -signer "$keys/rsa.pem" \
		-inkey "$keys/rsa.key" -outform PEM -in ../plain -out ../sig
	sed -i 's/ CMS-----/ SIGNED MESSAGE-----/' ../sig
	attack raw_to_main "$(with_armor ../sig)"
	honest --digest sha512
}
case_94b() {
	printf '[algorithms]\n\thash = sha512\n' >>../policy
	forged --digest sha256
	honest --digest sha512
}
case_95a() {
	forged --no-attrs
	honest
}
case_95b() {
	forged --no-type
	forged --no-digest
	honest
}
case_95c() {
	forged --type 2a864886f70d010702
	forged --type 2a03
	honest
}
case_95d() {
	forged --extra-attr 2a864886f70d010904
	forged --extra-attr 2a864886f70d010903
	honest
}
case_95f() {
	forged --no-time
	honest --time=2026-11-26
}
case_95e() {
	forged --unsorted
	honest --no-ess
}
case_96a() {
	forged --with-content
	honest
}
case_96b() {
	forged --wrong-digest
	honest
}
case_96c() {
	draft "$one" | armor alice >../sig
	attack raw_to_main "$(with_armor ../sig)"
	draft_tag v1 "$two" | armor alice >../sig
	attack raw_to_main "$(with_armor ../sig)"
	echo file | armor alice >../sig
	attack raw_to_main "$(with_armor ../sig)"
	draft "$two" | armor alice >../sig
	twin raw_to_main "$(with_armor ../sig)"
}
case_97a() {
	forged --trailing
	honest --ber
}
der_armor() { # <DER
	echo '-----BEGIN SIGNED MESSAGE-----'
	base64 -w 64
	echo '-----END SIGNED MESSAGE-----'
}
case_97b() {
	for e in 'print "\x30\x82\x01\x00random"' 'print "\0"' 'print "\x30\x80" x 500' 'print "x" x 300'; do
		perl -e "$e" | der_armor >../sig
		attack raw_to_main "$(with_armor ../sig)"
	done
	draft "$two" | armor alice --der | head -c 400 | der_armor >../sig
	attack raw_to_main "$(with_armor ../sig)"
	honest --pieces
}
case_98a() {
	forged --two-signers
	honest
}
case_98b() {
	forged --no-signer
	honest
}
case_98c() {
	forged --v3
	forged --crl
	honest
}
case_99a() {
	forged --unsigned-attr 2a03
	forged --unsigned-attr 2a864886f70d010906
	honest
}
case_100a() {
	in_bag alice "$keys/bob.pem"
	forged
	in_bag alice "$GH_WORLD/ca/sub.pem"
	forged
	no_bag
	twin raw_to_main "$(commit_by sub-alice)"
}
case_100b() {
	i=0
	: >"$keys/alice.chain"
	while [ "$i" -lt 16 ]; do
		cat "$keys/bob.pem" >>"$keys/alice.chain"
		i=$((i + 1))
	done
	forged
	no_bag
	in_bag sub-alice "$GH_WORLD/ca/sub.pem" "$GH_WORLD/ca/root.pem"
	twin raw_to_main "$(commit_by sub-alice)"
	in_bag sub-alice "$GH_WORLD/ca/sub.pem"
}
case_100c() {
	in_bag alice "$keys/alice.pem"
	forged
	no_bag
	honest
}
case_100d() {
	printf '[limits]\n\tobjectSize = 4m\n' >>../policy
	perl -e 'print "\x30\x83\x10\x00\x00", "\0" x 1048576' | der_armor >../sig
	attack raw_to_main "$(with_armor ../sig)"
	honest
}
case_101a() {
	forged --no-certs
	honest
}
case_102a() {
	attack_want='SignerInfo is not of version 1'
	forged --ski
	attack_want='not named by issuer and serial'
	forged --ski --plain-ski
	honest
}
case_102b() {
	in_bag alice "$keys/bob.pem"
	forged --sid "$keys/bob.pem"
	no_bag
	honest
}
case_103a() {
	forged --ess "$keys/bob.pem"
	honest
}
case_104a() {
	forged --signature-oid 2a8648ce3d040304
	honest
}
case_104b() {
	forged --listed sha512
	honest
}
case_104c() {
	forged --protection sha512
	honest
}
case_104d() {
	attack raw_to_main "$(commit_by rsa --pss)"
	twin raw_to_main "$(commit_by rsa)"
}
case_115a() {
	forged --bend flip
	forged --bend zero
	forged --bend pad
	honest --bend negate
}
case_116a() {
	cp "$keys/mallory.key" "$keys/forger.key"
	cp "$keys/alice.pem" "$keys/forger.pem"
	attack raw_to_main "$(commit_by forger --no-ess)"
	honest
}
case_143a() {
	forged --extra-attr 2a03
	forged --extra-attr 2a864886f70d01090e
	honest
}
case_143b() {
	forged --capability 2a03
	forged --capability 608648016503040102
	honest
}
case_113a() {
	forged --unsigned-attr 2a864886f70d010910020e
	forged --token-other
	forged --tokens
	honest --token
}

attack_run
