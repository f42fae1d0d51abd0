#!/bin/sh
# From a blank token to a signed commit with nothing but our own verbs; what they refuse.
. "${GH_SRC:-tests}/system/lib.sh"
gh_need expect
gh_world
PATH=$GH_BIN:$PATH
printf '%s\n' 12345678 >so && chmod 600 so

# --- token -----------------------------------------------------------------------
ok 'token init' gitsign-hsm token init --label mine --pin-source "file:$GH_PIN_FILE" \
	--so-pin-source "file:$GH_WORLD/so"
like 'says what comes next' "$(cat "$GH_OUT")" 'key generate --token mine'
exits 4 'not a second one of that name' gitsign-hsm token init --label mine \
	--pin-source "file:$GH_PIN_FILE" --so-pin-source "file:$GH_WORLD/so"
exits 2 'no label' gitsign-hsm token init
exits 2 'a label that is too long' gitsign-hsm token init --label "$(printf 'x%032d' 0)" \
	--pin-source "file:$GH_PIN_FILE" --so-pin-source "file:$GH_WORLD/so"
ok 'token list' gitsign-hsm token list
like 'names it' "$(cat "$GH_OUT")" '^mine$'
like 'and what it can do' "$(cat "$GH_OUT")" 'makes keys rsa ecdsa ed25519'
ok 'token list --json' gitsign-hsm token list --json
is 'is JSON' "$(perl -MJSON::PP -0e 'print join ",", sort map { $_->{label} } @{decode_json(<>)}' \
	<"$GH_OUT")" mine,world

cat >ask.exp <<'EOF'
set timeout 60
spawn -noecho gitsign-hsm token init --label typed
foreach {prompt pin} [list {new SO PIN} 87654321 {once more} 87654321 {new PIN} 1234 {once more} [lindex $argv 0]] {
	expect {
		-re $prompt { send "$pin\r" }
		timeout { exit 99 }
		eof { exit 98 }
	}
}
expect eof
exit [lindex [wait] 3]
EOF
exits 5 'PINs that differ' expect ask.exp 1235
ok 'PINs on the terminal' expect ask.exp 1234
unlike 'not echoed' "$(cat "$GH_OUT")" '87654321|1234'

# --- key ----------------------------------------------------------------------------
generate() {
	gitsign-hsm key generate --token mine "$@"
}
exits 2 'a label that no URI could name' gitsign-hsm key generate --token mine \
	--label "$(printf 'x%0255d' 0)"
exits 4 'which token?' gitsign-hsm key generate --label k
like 'it lists them' "$(cat "$GH_ERR")" '--token "mine"'
exits 4 'no such token' gitsign-hsm key generate --token other --label k
exits 2 'no label' generate
exits 2 'no such type' generate --label k --type dsa
exits 2 'an id that is none' generate --label k --id 0g
n=0
for t in p256 p384 p521 ed25519 rsa3072; do
	n=$((n + 1))
	ok "generate $t" generate --label "$t" --type "$t" --id "a$n"
	like "$t: its uri" "$(cat "$GH_OUT")" "uri +pkcs11:token=mine;id=%A$n;object=$t"
	case $t in
	p521 | ed25519) like "$t: who cannot verify it" "$(cat "$GH_OUT")" 'but +.*gpgsm 2\.2' ;;
	*) unlike "$t: everybody can verify it" "$(cat "$GH_OUT")" 'gpgsm' ;;
	esac
done
exits 4 'an id twice' generate --label again --id a1
exits 5 'a wrong PIN' generate --label k --pin-source "file:$GH_WORLD/so"
ok 'a PIN each time' generate --label each --each-time
ok 'key check' gitsign-hsm key check p256
like 'is content' "$(cat "$GH_OUT")" '^0 problems'
ok 'key check --json' gitsign-hsm key check --json p256
is 'is JSON' "$(perl -MJSON::PP -0e '$k = decode_json(<>); print "$k->{level} ", $k->{good} ? 1 : 0, $k->{extractable} ? 1 : 0' \
	<"$GH_OUT")" 'declared 10'
# shellcheck disable=SC2034 # lib.sh reads it
GH_TOKEN=mine
gh_setup gh_p11 --keypairgen --key-type EC:prime256v1 --id bb --label lax --usage-decrypt \
	--usage-derive --usage-sign --extractable
exits 1 'key check: a lax key' gitsign-hsm key check lax
like 'it can be taken away' "$(cat "$GH_OUT")" 'PROBLEM +extractable +yes'
like 'it derives' "$(cat "$GH_OUT")" 'PROBLEM +derives +yes'
exits 4 'key check: which one?' gitsign-hsm key check
like 'key check: they are listed' "$(cat "$GH_ERR")" 'more than one key fits'
exits 4 'key check: no such key' gitsign-hsm key check nobody

# A token that ignores what it is asked for; the key is destroyed again.
openssl ecparam -name prime256v1 -genkey -noout -out mock.key
export MOCK_P11_KEY="$GH_WORLD/mock.key" MOCK_P11_LOG="$GH_WORLD/mock.log"
mock() { # FAULTS WORDS...
	: >mock.log
	MOCK_P11=$1
	shift
	env MOCK_P11="$MOCK_P11" gitsign-hsm key generate --module "$GH_TOOLS/mock-p11.so" --label k "$@"
}
ok 'a mock token makes a key' mock ''
is 'it stays' "$(grep -c C_DestroyObject mock.log)" 0
# CKA_TOKEN PRIVATE SENSITIVE EXTRACTABLE SIGN DECRYPT UNWRAP SIGN_RECOVER DERIVE, in this order;
# kind, label, id and what mechanisms it may be used with.
for a in 1=1 2=1 103=1 162=0 108=1 105=0 107=0 109=0 10c=0 100=- 3=- 102=- 40000600=-; do
	ok "asked of the private key: $a" grep -qx "private $a" mock.log
done
is 'and no more' "$(grep -c '^private ' mock.log)" 13
mock '' --each-time >/dev/null 2>&1
ok 'with --each-time CKA_ALWAYS_AUTHENTICATE' grep -qx 'private 202=1' mock.log
for f in made-readable:SENSITIVE made-mute:CKA_SIGN made-extractable:EXTRACTABLE \
	made-decrypts:DECRYPT made-unwraps:UNWRAP made-derives:DERIVE made-recovers:SIGN_RECOVER \
	made-other:cannot made-hidden:cannot made-trailing:cannot; do
	exits 6 "${f%:*}" mock "${f%:*}"
	like "${f%:*}: why" "$(cat "$GH_ERR")" "${f#*:}.*destroyed"
	is "${f%:*}: both halves are gone" "$(grep -c C_DestroyObject mock.log)" 2
done
exits 6 'a PIN each time, which it does not know' mock '' --each-time
like 'why' "$(cat "$GH_ERR")" 'ALWAYS_AUTHENTICATE.*destroyed'
exits 6 'another curve than it was asked for' mock '' --type p384
like 'why' "$(cat "$GH_ERR")" 'kind or size.*destroyed'
# NSS says so of every key. What was asked for is there; `key check' tells.
ok 'a module that calls it imported' mock made-elsewhere
for f in point-octets point-raw point-bits; do
	ok "$f: the public key is read" mock "$f"
done
exits 6 'a point that is cut off' mock point-cut
gh_setup openssl genpkey -algorithm ED25519 -out mock-ed.key
for f in point-octets point-raw point-bits; do
	for n in '' ,params-name; do
		ok "Ed25519, $f$n: the public key is read" env MOCK_P11_KEY="$GH_WORLD/mock-ed.key" \
			MOCK_P11="$f$n" gitsign-hsm key generate --module "$GH_TOOLS/mock-p11.so" \
			--label k --type ed25519
		like "Ed25519, $f$n: it is that" "$(cat "$GH_OUT")" "spki +sha256:$(openssl pkey \
			-in mock-ed.key -pubout -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)"
	done
done
exits 6 'Ed25519: a point that is cut off' env MOCK_P11_KEY="$GH_WORLD/mock-ed.key" \
	MOCK_P11=point-cut gitsign-hsm key generate --module "$GH_TOOLS/mock-p11.so" --label k --type ed25519
exits 6 'a module that makes none' mock C_GenerateKeyPair=null
exits 6 'one that fails' mock C_GenerateKeyPair=0x30
# Google's module takes attributes of its own only.
for c in 0x7:CKR_ARGUMENTS_BAD 0xd1:CKR_TEMPLATE_INCONSISTENT 0x5:CKR_GENERAL_ERROR; do
	exits 6 "one that takes no template: ${c#*:}" mock "C_GenerateKeyPair=${c%:*}"
	like "${c#*:}: its own tool makes keys" "$(cat "$GH_ERR")" "${c#*:}.*with the token's own tool"
done

# --- key check, fact by fact -------------------------------------------------------------------
looked() { # FAULTS
	env MOCK_P11="key-public$1" gitsign-hsm key check --module "$GH_TOOLS/mock-p11.so" mock
}
ok 'a key as it should be' looked ''
for f in made-readable:sensitive made-extractable:extractable made-decrypts:decrypts \
	made-unwraps:unwraps made-derives:derives made-recovers:recovers made-mute:signs \
	made-elsewhere:'made on the token' was-readable:'always sensitive' \
	was-extractable:'never extractable'; do
	exits 1 "key check: ${f%%:*}" looked ",${f%%:*}"
	like "${f%%:*}: told" "$(cat "$GH_OUT")" "PROBLEM +${f#*:} +(yes|no): "
	is "${f%%:*}: and nothing else" "$(grep -c PROBLEM "$GH_OUT")" 1
done
exits 1 'a module that tells nothing of it' env MOCK_P11=cert-apart gitsign-hsm key check \
	--module "$GH_TOOLS/mock-p11.so" 'pkcs11:id=%01'
is 'is not believed' "$(grep -c 'PROBLEM .* not told: ' "$GH_OUT")" 6

# --- a token that shows nothing before a login, as YubiHSM 2 ---------------------------------
openssl req -x509 -new -key mock.key -subj /CN=shy -days 9 -addext subjectAltName=email:shy@example.com \
	-addext keyUsage=critical,digitalSignature -out shy.pem 2>/dev/null
shy() { # WORDS...
	: >mock.log
	env MOCK_P11="login-first,key-public,pin=$GH_PIN" MOCK_P11_CERT="$GH_WORLD/shy.pem" gitsign-hsm "$@" \
		--module "$GH_TOOLS/mock-p11.so"
}
ok 'shy: key check' shy key check mock
is 'shy: one login' "$(grep -c C_Login mock.log)" 1
ok 'shy: cert request' shy cert request mock
cp "$GH_OUT" shy.req
ok 'shy: openssl verifies it' openssl req -in shy.req -verify -noout
ok 'shy: cert import finds what is there' shy cert import shy.pem
openssl req -x509 -new -key mock.key -subj /CN=new -days 9 -addext keyUsage=critical,digitalSignature \
	-out shy2.pem 2>/dev/null
exits 6 'shy: another one goes on to the token' shy cert import shy2.pem
like 'shy: which stores nothing' "$(cat "$GH_ERR")" 'stores no certificates'
is 'shy: with one login, for writing' "$(grep -c C_Login mock.log)" 1
exits 5 'shy: a wrong PIN' shy cert request mock --pin-source "file:$GH_WORLD/so"
is 'shy: sent once' "$(grep -c C_Login mock.log)" 1
ok 'shy: key list' shy key list
is 'shy: asks for no PIN' "$(grep -c C_Login mock.log)" 0
like 'shy: and tells how' "$(cat "$GH_OUT")" 'with --login'
ok 'shy: key list --login' shy key list --login
like 'shy: the certificate' "$(cat "$GH_OUT")" 'e-mail +shy@example.com'
exits 6 'no token that wants a PIN' env MOCK_P11=pin-none gitsign-hsm key list --login \
	--module "$GH_TOOLS/mock-p11.so"

# --- cert ------------------------------------------------------------------------------
uri='pkcs11:token=mine;object=p256'
sh -c "gitsign-hsm cert request '$uri' --email a@example.com --email b@example.com --subject '/CN=A B/O=C\\/D'" \
	>req.pem 2>"$GH_ERR"
ok 'cert request: openssl verifies it' openssl req -in req.pem -verify -noout
openssl req -in req.pem -noout -text -nameopt RFC2253 >req.txt
like 'its subject' "$(cat req.txt)" 'Subject: O=C/D,CN=A B'
like 'its addresses' "$(cat req.txt)" 'email:a@example.com, email:b@example.com'
like 'its use' "$(cat req.txt)" 'Code Signing, E-mail Protection'
for t in p384 p521 ed25519 rsa3072 each; do
	gitsign-hsm cert request "$t" >req2.pem 2>"$GH_ERR"
	ok "cert request: $t" openssl req -in req2.pem -verify -noout
done
like 'user.email serves' "$(openssl req -in req2.pem -noout -text)" 'email:nobody@example.com'
# A public key that is not the private one's: what the token signs does not verify.
gh_setup gh_p11 --keypairgen --key-type EC:prime256v1 --id cc --label odd --usage-sign
gh_setup gh_p11 --delete-object --type pubkey --id cc
gh_setup openssl pkey -in mock.key -pubout -outform DER -out odd.der
gh_setup gh_p11 --write-object odd.der --type pubkey --id cc --label odd
for v in request self-sign; do
	exits 6 "cert $v: a public key that is another's" gitsign-hsm cert "$v" odd
	like "cert $v: why" "$(cat "$GH_ERR")" 'does not verify.*nothing was written'
	is "cert $v: nothing is printed" "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
done
gh_setup gh_p11 --delete-object --type pubkey --id cc
exits 2 'an address that is none' gitsign-hsm cert request p256 --email 'a b'
exits 2 'one that is longer than certificates take' gitsign-hsm cert request p256 \
	--email "$(printf 'x%0243d@example.com' 0)"
ok 'the longest' gitsign-hsm cert request p256 --email "$(printf 'x%0242d@example.com' 0)"
exits 2 'a subject that is none' gitsign-hsm cert request p256 --subject 'CN=x'
exits 4 'no such key' gitsign-hsm cert request nobody
exits 5 'a wrong PIN' gitsign-hsm cert request p256 --pin-source "file:$GH_WORLD/so"

gh_authority middle root
cat >ext <<'EOF'
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,emailProtection
subjectAltName = email:a@example.com
EOF
gh_setup openssl x509 -req -in req.pem -CA ca/middle.pem -CAkey ca/middle.key -CAcreateserial \
	-days 9 -extfile ext -out leaf.pem
cat leaf.pem ca/middle.pem ca/root.pem >answer.pem
exits 4 'cert import: of another key' gitsign-hsm cert import ca/root.pem
gh_setup openssl req -new -key mock.key -subj /CN=other -out other.csr
gh_setup openssl x509 -req -in other.csr -CA ca/middle.pem -CAkey ca/middle.key -CAcreateserial \
	-days 9 -extfile ext -out other.pem
exits 4 'cert import: of a key that is not here' gitsign-hsm cert import other.pem
like 'why' "$(cat "$GH_ERR")" 'no key on the token belongs to this certificate'
gh_setup openssl x509 -req -in req2.pem -CA ca/middle.pem -CAkey ca/middle.key -CAcreateserial \
	-days 9 -extfile ext -out second.pem
cat leaf.pem second.pem >two.pem
exits 4 'cert import: of two keys' gitsign-hsm cert import two.pem
is 'nothing was stored' "$(gitsign-hsm key list --json)" "$(printf '[]')"
exits 3 'no such file' gitsign-hsm cert import nowhere.pem
exits 8 'no certificate in it' gitsign-hsm cert import ext
ok 'cert import' gitsign-hsm cert import answer.pem
is 'the certificate and its issuer, not the root' "$(grep -c '^stored' "$GH_OUT")" 2
ok 'cert import again' gitsign-hsm cert import answer.pem
is 'stores nothing' "$(grep -c '^was there' "$GH_OUT")" 2

git config --global user.email a@example.com
gh_repo work
cd work || bail cd
ok 'setup finds the key' gitsign-hsm setup --key a@example.com
ok 'a commit is signed' git commit -q --allow-empty -m one
is 'and good, through the intermediate' "$(git log -1 --format='%G?')" G

# --- cert self-sign -----------------------------------------------------------------------
exits 2 'days that are none' gitsign-hsm cert self-sign p384 --days 0
gitsign-hsm cert self-sign --store --email self@example.com --days 30 p384 >../self.pem 2>"$GH_ERR"
ok 'cert self-sign: openssl verifies it' openssl verify -CAfile ../self.pem ../self.pem
ok 'setup with it as its own anchor' gitsign-hsm setup --key self@example.com --roots ../self.pem
git config user.email self@example.com
ok 'a commit with it' git commit -q --allow-empty -m two
is 'is good' "$(git log -1 --format='%G?')" G
not_ok 'not under other anchors' git -c hsm.roots="$GH_ROOTS" verify-commit HEAD

# --- two tokens of one name --------------------------------------------------------------
gh_token mine
exits 4 'key generate: two are called so' gitsign-hsm key generate --token mine --label twin
like 'it says how to choose' "$(cat "$GH_ERR")" 'by its serial'
gitsign-hsm token list --brief | awk -F'\t' '$1 == "mine" { print $2 }' >../serials
is 'both are listed' "$(grep -cf ../serials "$GH_ERR")" 2
first=$(sed -n 1p ../serials) second=$(sed -n 2p ../serials)
ok 'by its serial' gitsign-hsm key generate --token "$second" --label twin
ok 'it is on that one' gitsign-hsm key check "pkcs11:serial=$second;object=twin"
exits 4 'and not on the other' gitsign-hsm key check "pkcs11:serial=$first;object=twin"
done_testing
