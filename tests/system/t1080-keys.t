#!/bin/sh
# Certificates in files, for modules that hold none; keys for tags and for push
# certificates; a token with many keys.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
PATH=$GH_BIN:$PATH
gh_repo work

signer_of() { # REV: the subject of the certificate that signed
	git verify-commit --raw "$1" 2>&1 | sed -n 's/.*GOODSIG [0-9A-F]* //p'
}

# --- hsm.certificate, hsm.chain ------------------------------------------------------
gh_authority middle root
gh_keypair bare EC:prime256v1
gh_certificate bare bare@example.com
gh_keypair other EC:prime256v1
git config --global user.email bare@example.com
cd work || bail cd
not_ok 'no certificate on the token' git commit -q -S --allow-empty -m none
git config --global hsm.certificate "$GH_WORLD/keys/bare.pem"
ok 'hsm.certificate' git commit -q -S --allow-empty -m one
is 'the issuer is not known' "$(git log -1 --format='%G?')" U
git config --global hsm.chain "$GH_WORLD/ca/middle.pem"
ok 'hsm.chain' git commit -q -S --allow-empty -m two
is 'the signature carries it' "$(git log -1 --format='%G?')" G
ok 'key list shows it' gitsign-hsm key list
like 'as one that can sign' "$(cat "$GH_OUT")" 'can sign +yes'
ok 'by its fingerprint' git -c user.signingKey="$(gh_fp bare)" commit -q -S --allow-empty -m three
ok 'by the key of the token' git -c user.signingKey="$(gh_uri bare)" commit -q -S --allow-empty -m four
not_ok 'not by another key of the token' git -c user.signingKey="$(gh_uri other)" commit -q -S \
	--allow-empty -m no
gh_setup gh_store "$GH_WORLD/keys/bare.pem" bare
ok 'also on the token: it is one key' git commit -q -S --allow-empty -m five
# shellcheck disable=SC2034 # lib.sh reads it
GH_CA=root
gh_keypair gone rsa:2048
gh_certificate gone gone@example.com
gh_p11 --delete-object --type pubkey --id "$(cat "$GH_WORLD/keys/gone.id")" >/dev/null 2>&1
git config --global --add hsm.certificate "$GH_WORLD/keys/gone.pem"
not_ok 'a certificate whose public key is nowhere' git -c user.email=gone@example.com commit -q -S \
	--allow-empty -m no
git config --global --add hsm.certificate nowhere.pem
not_ok 'a relative path' git commit -q -S --allow-empty -m no
like 'is told' "$(gitsign-hsm --status-fd=2 -bsau '' <.git/HEAD 2>&1)" 'hsm.certificate is nowhere.pem: .*absolute'
git config --global --unset-all hsm.certificate
git config --global hsm.chain "$GH_WORLD/keys/bare.ext"
not_ok 'a chain that is none' git commit -q -S --allow-empty -m no
git config --global --unset-all hsm.chain

# --- a module as Google's: no PIN, no label, long ids, certificates that it makes up ------------
gh_setup openssl ecparam -name prime256v1 -genkey -noout -out ../kms.key
openssl pkey -in ../kms.key -pubout >../keys/kms.pub
cd .. || bail cd
gh_certificate kms kms@example.com
cp keys/kms.pem kms.pem
gh_certificate kms kms@example.com extendedKeyUsage= subjectAltName= authorityKeyIdentifier=
mv keys/kms.pem made-up.pem
cp kms.pem keys/kms.pem
cd work || bail cd
export MOCK_P11_KEY="$GH_WORLD/kms.key" MOCK_P11_CERT="$GH_WORLD/made-up.pem"
kms() { # COMMAND...: with that module, whose configuration file is its argument
	env MOCK_P11="pin-none,label-none,id-long,key-public,init-args=/etc/kms.yaml" GIT_CONFIG_COUNT=3 \
		GIT_CONFIG_KEY_0=hsm.module GIT_CONFIG_VALUE_0="$GH_TOOLS/mock-p11.so" \
		GIT_CONFIG_KEY_1=hsm.pinSource GIT_CONFIG_VALUE_1=prompt \
		GIT_CONFIG_KEY_2=hsm.moduleArgs GIT_CONFIG_VALUE_2="${args-/etc/kms.yaml}" "$@"
}
args=/etc/other.yaml
exits 6 'not without its configuration' kms gitsign-hsm key list
like 'it says which' "$(cat "$GH_ERR")" 'hsm.moduleArgs'
unset args
git config --global user.email kms@example.com
exits 4 'nothing of what it makes up is ours' kms gitsign-hsm --status-fd=2 -bsau kms@example.com <.git/HEAD
git config --global hsm.certificate "$GH_WORLD/kms.pem"
ok 'a certificate in a file' kms git commit -q -S --allow-empty -m kms
is 'it has signed' "$(git log -1 --format='%G? %GF')" "G $(gh_fp kms | tr a-f A-F)"
ok 'setup finds it by the address' kms gitsign-hsm setup
is 'and not what is made up' "$(git config user.signingKey)" "$(gh_fp kms)"
gh_setup gitsign-hsm setup --undo
exits 4 'there is a choice without an address' kms gitsign-hsm --status-fd=2 -bsau '' <.git/HEAD
like 'by a fingerprint' "$(cat "$GH_ERR")" '2 keys fit; name one by its fingerprint'
ok 'a request' kms gitsign-hsm cert request mock
like 'of a key without a token' "$(kms gitsign-hsm key check nobody 2>&1)" '^  pkcs11:id=%61'
exits 6 'it stores nothing' kms gitsign-hsm cert import ../kms.pem
like 'and the file is to be named' "$(cat "$GH_ERR")" 'stores no certificates .*hsm.certificate'
ok 'doctor' kms gitsign-hsm doctor
like 'the token' "$(cat "$GH_OUT")" '^ok +token +without a label'
git config --global --unset-all hsm.certificate
git config --global user.email bare@example.com
unset MOCK_P11_KEY MOCK_P11_CERT

# --- certificates beside their keys, by another CKA_ID or none -----------------------------
for alg in EC:prime256v1 rsa:2048 EC:secp384r1; do
	name=apart${alg#*:}
	gh_keypair "$name" "$alg"
	gh_certificate "$name" "$name@example.com"
	gh_setup openssl x509 -in "../keys/$name.pem" -outform DER -out ../keys/store.der
	set -- --id ff
	[ "$alg" != rsa:2048 ] || set --
	gh_setup gh_p11 --write-object ../keys/store.der --type cert --label "$name" "$@"
	ok "$alg: the key is known by its public half" git -c user.signingKey="$(gh_fp "$name")" \
		commit -q -S --allow-empty -m "$name"
	is 'it has signed' "$(git log -1 --format='%GF')" "$(gh_fp "$name" | tr a-f A-F)"
	gh_setup gh_p11 --delete-object --type privkey --id "$(cat "../keys/$name.id")"
	exits 4 'without it nothing is' gitsign-hsm --status-fd=2 -bsau "$(gh_fp "$name")" <.git/HEAD
	like 'and it says so' "$(cat "$GH_ERR")" 'no private key that belongs to it'
	gh_setup gh_p11 --delete-object --type cert --label "$name"
done

# --- hsm.tagKey, hsm.pushKey ------------------------------------------------------------
gh_key dev EC:prime256v1 dev@example.com
gh_key release EC:prime256v1 dev@example.com
gh_key push EC:prime256v1 dev@example.com
git config --global user.email dev@example.com
git config --global user.signingKey "$(gh_fp dev)"
git config --global hsm.tagKey "$(gh_fp release)"
git config --global hsm.pushKey "$(gh_fp push)"
ok 'a commit' git commit -q -S --allow-empty -m six
is 'by user.signingKey' "$(signer_of HEAD)" /CN=dev
ok 'a tag' git tag -s -m v1 v1
like 'by hsm.tagKey' "$(git verify-tag --raw v1 2>&1)" 'GOODSIG .*/CN=release'
ok 'a tag with another key' git tag -u "$(gh_fp push)" -m v2 v2
like 'by that' "$(git verify-tag --raw v2 2>&1)" 'GOODSIG .*/CN=push'
git config --global --unset user.signingKey
git config --global hsm.key "$(gh_fp dev)"
ok 'a tag without user.signingKey' git tag -s -m v3 v3
like 'by hsm.tagKey too' "$(git verify-tag --raw v3 2>&1)" 'GOODSIG .*/CN=release'
git config --global hsm.tagKey 1234
not_ok 'a key that is none' git tag -s -m v4 v4
git config --global hsm.tagKey ''
ok 'an empty value takes it back' git tag -s -m v5 v5
like 'then hsm.key signs' "$(git verify-tag --raw v5 2>&1)" 'GOODSIG .*/CN=dev'
ok 'nor does an empty one replace user.signingKey' git -c user.signingKey="$(gh_fp push)" tag -s -m v6 v6
like 'it signs' "$(git verify-tag --raw v6 2>&1)" 'GOODSIG .*/CN=push'
gh_bare server.git
git -C ../server.git config receive.certNonceSeed seed
git -C ../server.git config transfer.advertisePushOptions false
cat >../server.git/hooks/pre-receive <<'EOF'
#!/bin/sh
git cat-file blob "$GIT_PUSH_CERT" >../push.cert
EOF
chmod 755 ../server.git/hooks/pre-receive
ok 'a push certificate' git push -q --signed ../server.git HEAD:refs/heads/main
sed '/^-----BEGIN/,$d' ../push.cert >../push.payload
sed -n '/^-----BEGIN/,$p' ../push.cert >../push.sig
like 'by hsm.pushKey' "$(gitsign-hsm --status-fd=1 --verify ../push.sig ../push.payload)" \
	'GOODSIG .*/CN=push'

# --- many keys -------------------------------------------------------------------------
cd "$GH_WORLD" || bail cd
gh_token many
gh_key one EC:prime256v1 one@example.com
printf 'x\n' >payload
calls() { # how many PKCS#11 calls a signature makes
	rm -f spy
	env ASAN_OPTIONS=detect_leaks=0 PKCS11SPY="$GH_MODULE" PKCS11SPY_OUTPUT="$GH_WORLD/spy" GIT_CONFIG_COUNT=1 \
		GIT_CONFIG_KEY_0=hsm.module GIT_CONFIG_VALUE_0="$spy" gitsign-hsm --status-fd=2 \
		-bsau 'pkcs11:token=many' <payload >/dev/null 2>&1 && grep -c '^[0-9]*: C_' spy
}
for spy in /usr/lib/*/pkcs11-spy.so /usr/lib*/pkcs11/pkcs11-spy.so; do
	[ -e "$spy" ] && break
done
few=$(calls)
for i in 1 2 3 4 5 6 7 8; do
	gh_setup gh_p11 --keypairgen --key-type EC:prime256v1 --id "f$i" --label "f$i"
done
isnt 'a signature calls the module' "${few:-0}" 0
is 'keys beside ours cost no call' "$(calls)" "$few"

# Renewed before its end: same key, person, authority. The one that lasts longer signs.
gh_key early EC:prime256v1 early@example.com
cp keys/early.pem keys/early.old.pem
GH_DAYS=60 gh_certificate early early@example.com
gh_store keys/early.pem early
cd work || bail cd
signs_with() { # FILE WORDS...: is that the certificate in the signature?
	local file
	file=$1
	shift
	gitsign-hsm --status-fd=2 -bsau "$@" <../payload 2>"$GH_ERR" | sed 's/SIGNED MESSAGE/CMS/' >../one.cms
	gh_setup openssl cms -verify -noverify -binary -inform PEM -in ../one.cms -content ../payload \
		-signer ../signer.pem -out /dev/null
	[ "$(openssl x509 -in ../signer.pem -noout -fingerprint)" = \
		"$(openssl x509 -in "$file" -noout -fingerprint)" ]
}
for how in early@example.com "$(gh_uri early)"; do
	ok "renewed early: $how" signs_with ../keys/early.pem "$how"
done
ok 'the old one by its fingerprint' signs_with ../keys/early.old.pem \
	"$(openssl x509 -in ../keys/early.old.pem -outform DER | sha256sum | cut -d' ' -f1)"
# Another name for the same key is a choice; so is another authority.
cp ../keys/early.pem ../keys/early.new.pem
cd ..
GH_DAYS=90 gh_certificate early early@example.com 'subjectAltName=email:early@example.com,email:boss@example.com'
gh_store keys/early.pem early
cd work || bail cd
exits 4 'one more address is another person' gitsign-hsm --status-fd=2 -bsau early@example.com <../payload
like 'they are listed' "$(cat "$GH_ERR")" 'keys fit; name one by its fingerprint'
cd ..

# One key and certificate on two tokens, as those have it who keep one in a drawer.
gh_setup openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out pair.key
openssl pkey -in pair.key -pubout >keys/pair.pub
gh_certificate pair pair@example.com
echo 77 >keys/pair.id
for t in daily drawer; do
	gh_token $t
	gh_setup softhsm2-util --import pair.key --token $t --label pair --id 77 --pin "$GH_PIN"
	gh_store keys/pair.pem pair
done
cd work || bail cd
for how in "$(gh_fp pair)" "$(gh_fp pair sha1)" pair@example.com; do
	exits 4 "two tokens hold it: $how" gitsign-hsm --status-fd=2 -bsau "$how" <../payload
	like 'it says how to choose' "$(cat "$GH_ERR")" "git config hsm.key 'pkcs11:token=drawer;serial=[0-9a-f]*;id=%77'"
	unlike 'and not by a fingerprint' "$(cat "$GH_ERR")" 'by its fingerprint'
done
ok 'setup with one of them' gitsign-hsm setup --key 'pkcs11:token=daily;id=%77' --roots "$GH_ROOTS"
is 'it keeps the fingerprint' "$(git config --local user.signingKey)" "$(gh_fp pair)"
like 'and which token' "$(git config --local hsm.key)" '^pkcs11:token=daily;serial='
git config user.email pair@example.com
ok 'a commit' git commit -q --allow-empty -m pair
is 'is good' "$(git log -1 --format='%G? %s')" 'G pair'
ok 'one by the agent' git -c hsm.agent=auto commit -q --allow-empty -m pair-agent
is 'is good, too' "$(git log -1 --format='%G? %s')" 'G pair-agent'
gh_setup gitsign-hsm agent stop
exits 4 'not when hsm.key names neither' env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.key \
	GIT_CONFIG_VALUE_0="$(gh_fp dev)" gitsign-hsm --status-fd=2 -bsau "$(gh_fp pair)" <../payload
gh_setup gitsign-hsm setup --undo
is 'undo' "$(git config --local hsm.key || echo none)" none
git config --unset user.email
cd ..
# shellcheck disable=SC2034 # lib.sh reads it
GH_TOKEN=many

# Certificates beside ours are not parsed, but for those that are above it.
gh_authority upper root
gh_authority lower upper
printf 'f1\n' >keys/f1.id
printf 'f2\n' >keys/f2.id
gh_store ca/upper.pem f1 # with ids that tell nothing
gh_store ca/lower.pem f2
gh_key below EC:prime256v1 below@example.com
gh_authority root2
gh_key aside EC:prime256v1 aside@example.com
cd work || bail cd
for how in "$(gh_fp below)" "$(gh_fp below sha1)" "$(gh_uri below)" below@example.com; do
	ok "a key under two authorities: $how" git -c user.signingKey="$how" commit -q -S --allow-empty -m x
	is 'the signature carries both' "$(git log -1 --format='%G?')" G
done
exits 4 'a fingerprint that is none of theirs' gitsign-hsm --status-fd=2 -bsau \
	"$(gh_fp aside | tr 0-9a-f 1-9a-f0)" <../payload
like 'they are listed' "$(cat "$GH_ERR")" 'CN=below .*another key'
like 'all of them' "$(cat "$GH_ERR")" 'CN=aside .*another key'
done_testing
