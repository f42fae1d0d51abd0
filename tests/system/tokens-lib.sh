# shellcheck shell=sh
# Tokens beside SoftHSM2 for the tests: NSS softokn and a TPM (by swtpm). Source it behind
# lib.sh, when gh_world has been called.
#
# shellcheck disable=SC3043,SC2034 # local: dash, bash and busybox have it; variables for the tests

PATH=$GH_BIN:$PATH:/usr/sbin

first() { # FILE...: the first that is there
	for f; do
		[ -e "$f" ] && echo "$f" && return
	done
	return 1
}

# --- NSS: a module that wants arguments ---------------------------------------------------
# nss_here: sets nss (the module); false where it cannot be had.
nss_here() {
	nss=$(first /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so /usr/lib64/libsoftokn3.so) &&
		command -v certutil >/dev/null
}
# nss_make PINFILE: a database in $GH_WORLD/nss; sets nss_args.
nss_make() {
	mkdir nss || bail 'mkdir nss'
	gh_setup certutil -N -d "sql:$GH_WORLD/nss" -f "$1"
	nss_args="configdir='sql:$GH_WORLD/nss' certPrefix='' keyPrefix='' secmod='secmod.db'"
}

# --- a TPM --------------------------------------------------------------------------------
# tpm_here: sets tpm (the module); false where it cannot be had.
tpm_here() {
	tpm=$(first /usr/lib/*/libtpm2_pkcs11.so.1 /usr/lib64/pkcs11/libtpm2_pkcs11.so) &&
		command -v swtpm >/dev/null && command -v tpm2-abrmd >/dev/null &&
		command -v tpm2_ptool >/dev/null && command -v dbus-daemon >/dev/null
}
start_tpm() {
	swtpm socket --tpm2 --tpmstate "dir=$GH_WORLD/tpm" \
		--server "type=unixio,path=$GH_WORLD/tpm.sock" \
		--ctrl "type=unixio,path=$GH_WORLD/tpm.sock.ctrl" \
		--flags not-need-init,startup-clear >"$GH_WORLD/swtpm.log" 2>&1 &
	swtpm=$!
	until_true test -S "$GH_WORLD/tpm.sock.ctrl"
	[ "$(id -u)" != 0 ] || root=--allow-root
	tpm2-abrmd --session ${root-} --tcti="swtpm:path=$GH_WORLD/tpm.sock" \
		>"$GH_WORLD/tpm.log" 2>&1 &
	abrmd=$!
	until_true tpm2_getrandom --hex 4 && return
	diag "$(cat "$GH_WORLD/tpm.log"; tpm2_getrandom --hex 4 2>&1)"
	bail 'the TPM does not answer'
}
# stop_tpm [SIGNAL]
stop_tpm() {
	kill "${1--TERM}" "$abrmd" "$swtpm" 2>/dev/null
	wait "$abrmd" "$swtpm" 2>/dev/null
	rm -f "$GH_WORLD"/tpm.sock*
}
# tpm_make PIN: a TPM with a token "tpm", running; its bus and place are in the environment.
tpm_make() {
	mkdir tpm store || bail 'mkdir tpm'
	dbus-daemon --session --fork --print-address=1 --print-pid=1 >bus 2>bus.log ||
		bail "no bus: $(cat bus.log)"
	DBUS_SESSION_BUS_ADDRESS=$(sed -n 1p bus)
	export DBUS_SESSION_BUS_ADDRESS TPM2_PKCS11_STORE="$GH_WORLD/store"
	export TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2TOOLS_TCTI=tabrmd:bus_type=session
	gh_at_exit 'stop_tpm; kill $(sed -n 2p "$GH_WORLD/bus") 2>/dev/null'
	start_tpm
	gh_setup tpm2_ptool init --path store
	gh_setup tpm2_ptool addtoken --pid=1 --sopin=test4321 --userpin="$1" --label=tpm --path store
}
