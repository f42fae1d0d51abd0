#!/bin/sh
# Tokens other than SoftHSM2: NSS, a token behind p11-kit's remoting, a TPM (by swtpm). Each
# makes a key, a certificate and a signed commit with our verbs; skipped where it is not here.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
. "${GH_SRC:-tests}/system/tokens-lib.sh"
nss='' nss_args='' tpm='' # which it sets
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # those modules keep what they like
printf 'test1234\n' >token.pin && chmod 600 token.pin

# works NAME TYPE [TOKEN]: the token that the configuration names makes a key and signs with
# it. $letter: what git says of the commits.
letter=G
works() {
	ok "$1: key generate $2" gitsign-hsm key generate ${3:+--token "$3"} --label "$2" --type "$2"
	gitsign-hsm cert self-sign --store --email "$2@example.com" "$2" >"$2.pem" 2>"$GH_ERR"
	ok "$1: its certificate" openssl verify -CAfile "$2.pem" "$2.pem"
	gh_repo "$1-$2"
	(cd "$1-$2" && git config user.email "$2@example.com" &&
		git config hsm.roots "$GH_WORLD/$2.pem" && git commit -q -S --allow-empty -m one &&
		git commit -q -S --allow-empty -m two) >"$GH_OUT" 2>"$GH_ERR"
	is "$1: commits are $letter" "$(git -C "$1-$2" log --format='%G?' | tr '\n' ' ')" \
		"$letter $letter "
	exits 5 "$1: not with a wrong PIN" env GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=hsm.pinSource \
		GIT_CONFIG_VALUE_0="file:$GH_WORLD/wrong.pin" GIT_CONFIG_KEY_1=hsm.agent \
		GIT_CONFIG_VALUE_1=off gitsign-hsm --status-fd=2 -bsau "$2@example.com" <payload
}
echo payload >payload
echo wrong123 >wrong.pin && chmod 600 wrong.pin
git config --global hsm.pinSource "file:$GH_WORLD/token.pin"

# --- NSS: a module that wants arguments ---------------------------------------------------
if nss_here; then
	nss_make token.pin
	git config --global hsm.module "$nss"
	not_ok 'NSS: not without its arguments' gitsign-hsm key generate \
		--token 'NSS Certificate DB' --label x
	git config --global hsm.moduleArgs "$nss_args"
	works NSS p256 'NSS Certificate DB'
	works NSS rsa3072 'NSS Certificate DB'
	git config --global --unset hsm.moduleArgs
else
	skip 'NSS (libnss3, libnss3-tools) is not here' 9
fi

# --- p11-kit: the module is in another process ----------------------------------------------
client=$(first /usr/lib/*/pkcs11/p11-kit-client.so /usr/lib64/pkcs11/p11-kit-client.so)
if [ -n "$client" ] && p11-kit server --help >/dev/null 2>&1; then
	printf 'test1234\n' >so.pin && chmod 600 so.pin
	git config --global hsm.module "$GH_MODULE"
	gh_setup gitsign-hsm token init --label far --pin-source "file:$GH_WORLD/token.pin" \
		--so-pin-source "file:$GH_WORLD/so.pin"
	eval "$(p11-kit server --provider "$GH_MODULE" --name "$GH_WORLD/far.sock" 'pkcs11:token=far')"
	gh_at_exit 'kill $P11_KIT_SERVER_PID 2>/dev/null'
	export P11_KIT_SERVER_ADDRESS
	git config --global hsm.module "$client"
	works p11-kit p256 far
	kill "$P11_KIT_SERVER_PID"
	while kill -0 "$P11_KIT_SERVER_PID" 2>/dev/null; do sleep 0.1; done
	exits 6 'p11-kit: its server is gone' env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.agent \
		GIT_CONFIG_VALUE_0=off gitsign-hsm --status-fd=2 -bsau p256@example.com <payload
else
	skip 'p11-kit (p11-kit, p11-kit-modules) is not here' 5
fi

# --- a TPM --------------------------------------------------------------------------------------
if tpm_here; then
	tpm_make test1234
	git config --global hsm.module "$tpm"
	works TPM p256
	stop_tpm
	start_tpm
	ok 'TPM: it is started again' git -C TPM-p256 commit -q -S --allow-empty -m three
	letter=U # swtpm has no longer ones, and 2048 bits are too short to be trusted
	works TPM rsa2048
else
	skip 'a TPM (swtpm, tpm2-abrmd, libtpm2-pkcs11-1, libtpm2-pkcs11-tools) is not here' 9
fi
done_testing
