#!/bin/sh
# Tokens other than SoftHSM2: NSS, a token behind p11-kit's remoting, a TPM (by swtpm). Each
# makes a key, a certificate and a signed commit with our verbs; skipped where it is not here.
. "${GH_SRC:-tests}/system/lib.sh"
gh_world
PATH=$GH_BIN:$PATH:/usr/sbin
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # those modules keep what they like
printf 'test1234\n' >token.pin && chmod 600 token.pin

first() { # FILE...: the first that is there
	for f; do
		[ -e "$f" ] && echo "$f" && return
	done
	return 1
}

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
nss=$(first /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so /usr/lib64/libsoftokn3.so)
if [ -n "$nss" ] && command -v certutil >/dev/null; then
	mkdir nss
	gh_setup certutil -N -d "sql:$GH_WORLD/nss" -f token.pin
	git config --global hsm.module "$nss"
	not_ok 'NSS: not without its arguments' gitsign-hsm key generate \
		--token 'NSS Certificate DB' --label x
	git config --global hsm.moduleArgs \
		"configdir='sql:$GH_WORLD/nss' certPrefix='' keyPrefix='' secmod='secmod.db'"
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
	exits 6 'p11-kit: its server is gone' env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=hsm.agent \
		GIT_CONFIG_VALUE_0=off gitsign-hsm --status-fd=2 -bsau p256@example.com <payload
else
	skip 'p11-kit (p11-kit, p11-kit-modules) is not here' 5
fi

# --- a TPM --------------------------------------------------------------------------------------
tpm=$(first /usr/lib/*/libtpm2_pkcs11.so.1 /usr/lib64/pkcs11/libtpm2_pkcs11.so)
if [ -n "$tpm" ] && command -v swtpm >/dev/null && command -v tpm2-abrmd >/dev/null &&
	command -v tpm2_ptool >/dev/null && command -v dbus-daemon >/dev/null; then
	mkdir tpm store
	start_tpm() {
		swtpm socket --tpm2 --tpmstate "dir=$GH_WORLD/tpm" \
			--server "type=unixio,path=$GH_WORLD/tpm.sock" \
			--ctrl "type=unixio,path=$GH_WORLD/tpm.sock.ctrl" \
			--flags not-need-init,startup-clear >swtpm.log 2>&1 &
		swtpm=$!
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			[ -S tpm.sock.ctrl ] && break
			sleep 0.5
		done
		[ "$(id -u)" != 0 ] || root=--allow-root
		tpm2-abrmd --session ${root-} --tcti="swtpm:path=$GH_WORLD/tpm.sock" >tpm.log 2>&1 &
		abrmd=$!
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			tpm2_getrandom --hex 4 >/dev/null 2>&1 && return
			sleep 0.5
		done
		diag "$(cat tpm.log; tpm2_getrandom --hex 4 2>&1)"
		bail 'the TPM does not answer'
	}
	stop_tpm() {
		kill "$abrmd" "$swtpm" 2>/dev/null
		wait "$abrmd" "$swtpm" 2>/dev/null
		rm -f "$GH_WORLD"/tpm.sock*
	}
	dbus-daemon --session --fork --print-address=1 --print-pid=1 >bus 2>bus.log ||
		bail "no bus: $(cat bus.log)"
	DBUS_SESSION_BUS_ADDRESS=$(sed -n 1p bus)
	export DBUS_SESSION_BUS_ADDRESS TPM2_PKCS11_STORE="$GH_WORLD/store"
	export TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2TOOLS_TCTI=tabrmd:bus_type=session
	gh_at_exit 'stop_tpm; kill $(sed -n 2p "$GH_WORLD/bus") 2>/dev/null'
	start_tpm
	gh_setup tpm2_ptool init --path store
	gh_setup tpm2_ptool addtoken --pid=1 --sopin=test4321 --userpin=test1234 --label=tpm --path store
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
gitsign-hsm agent stop >/dev/null 2>&1
done_testing
