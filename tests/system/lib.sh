# shellcheck shell=sh
# lib.sh: what the system tests share. Source it first:
#
#	. "${GH_SRC:-tests}/system/lib.sh"
#	plan 3                          (or done_testing at the end)
#	gh_world                        a temporary world: HOME, git, token, CA
#	gh_key alice EC:prime256v1 alice@example.com
#	gh_repo work && cd work && gh_use alice
#	ok 'a commit is signed' git commit -S --allow-empty -m one
#	not_ok 'and that one refused' git push ...
#	like 'it says why' "$(cat "$GH_ERR")" 'hook: .*unsigned'
#
# A description comes first always. `ok`, `not_ok` and `exits` run a command with
# standard output in $GH_OUT and standard error in $GH_ERR, and show both when the
# test fails. Everything ends when the script ends: world, daemons.
#
# shellcheck disable=SC3043 # local: dash, bash and busybox have it

: "${GH_SRC:=$(pwd)/tests}" "${GH_BIN:=$(pwd)/build/bin}" "${GH_HOOKS:=$(pwd)/build/hooks}"
: "${GH_TOOLS:=$(pwd)/build/tests}" "${GH_LIBEXEC:=$(pwd)/build/libexec/gitsign-hsm}"
export GH_SRC GH_BIN GH_HOOKS GH_TOOLS GH_LIBEXEC

# --- TAP ---------------------------------------------------------------------
gh_n=0
gh_planned=
gh_failed=0
gh_told=/dev/null
[ -z "${GH_FAILURES-}" ] || gh_told=$GH_FAILURES/${0##*/}
GH_WORLD=
GH_OUT=/dev/null
GH_ERR=/dev/null

plan() {
	gh_planned=$1
	echo "1..$1"
}

done_testing() {
	plan "$gh_n"
}

skip_all() {
	echo "1..0 # SKIP $*"
	gh_planned=0
	exit 0
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /' | gh_tell
}

# gh_tell: standard input is for whoever reads what failed: now, and at the end of the run.
gh_tell() {
	tee -a "$gh_told" >&2
}

# bail REASON: this script cannot go on; the others do.
bail() {
	diag "cannot go on: $*"
	exit 1
}

pass() {
	gh_n=$((gh_n + 1))
	echo "ok $gh_n - $1"
}

fail() {
	gh_n=$((gh_n + 1))
	gh_failed=$((gh_failed + 1))
	echo "not ok $gh_n - $1"
	echo "not ok $gh_n - $1" >>"$gh_told"
}

# skip REASON [COUNT]: so many tests are not run.
skip() {
	local i
	i=${2:-1}
	while [ "$i" -gt 0 ]; do
		gh_n=$((gh_n + 1))
		echo "ok $gh_n # SKIP $1"
		i=$((i - 1))
	done
}

# gh_run COMMAND...: its status is left in $GH_STATUS; the two streams in files.
gh_run() {
	GH_STATUS=0
	"$@" >"$GH_OUT" 2>"$GH_ERR" || GH_STATUS=$?
}

gh_show() {
	diag "command: $*"
	diag "status: $GH_STATUS"
	[ "$GH_OUT" = /dev/null ] || sed 's/^/#   out: /' "$GH_OUT" | gh_tell
	[ "$GH_ERR" = /dev/null ] || sed 's/^/#   err: /' "$GH_ERR" | gh_tell
}

# ok DESCRIPTION COMMAND...
ok() {
	local desc
	desc=$1
	shift
	gh_run "$@"
	if [ "$GH_STATUS" = 0 ]; then
		pass "$desc"
	else
		fail "$desc"
		gh_show "$@"
	fi
}

# not_ok DESCRIPTION COMMAND...: fails in an orderly way; a crash does not count.
not_ok() {
	local desc
	desc=$1
	shift
	gh_run "$@"
	if [ "$GH_STATUS" != 0 ] && [ "$GH_STATUS" -lt 126 ] || [ "$GH_STATUS" = 128 ]; then
		pass "$desc"
	else
		fail "$desc"
		gh_show "$@"
	fi
}

# exits STATUS DESCRIPTION COMMAND...
exits() {
	local want desc
	want=$1
	desc=$2
	shift 2
	gh_run "$@"
	if [ "$GH_STATUS" = "$want" ]; then
		pass "$desc"
	else
		fail "$desc"
		diag "wanted status: $want"
		gh_show "$@"
	fi
}

# is DESCRIPTION GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		diag "got:    $2"
		diag "wanted: $3"
	fi
}

# isnt DESCRIPTION GOT UNWANTED
isnt() {
	if [ "$2" != "$3" ]; then
		pass "$1"
	else
		fail "$1"
		diag "got what must not be: $2"
	fi
}

# like DESCRIPTION TEXT PATTERN: some line matches (grep -E).
like() {
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		pass "$1"
	else
		fail "$1"
		diag "no line matches: $3"
		diag "$2"
	fi
}

# unlike DESCRIPTION TEXT PATTERN
unlike() {
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		fail "$1"
		diag "a line matches: $3"
		diag "$2"
	else
		pass "$1"
	fi
}

# until_true COMMAND...: waits for it; false after a minute, which a busy machine may need.
until_true() {
	local i
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -lt 1200 ] || return 1
		sleep 0.05
	done
}

# --- the end -------------------------------------------------------------------
gh_cleanup=:
# gh_at_exit COMMAND: a shell command for the end, the last one first.
gh_at_exit() {
	gh_cleanup="$1
$gh_cleanup"
}

gh_finish() {
	local rc=$? # in one word: `local rc' has a status of its own
	trap - EXIT INT TERM HUP
	set +e # what is gone already ends neither the cleaning nor the run
	cd / || :
	eval "$gh_cleanup"
	if [ -n "$GH_WORLD" ]; then
		if [ -n "${KEEP-}" ]; then
			diag "kept: $GH_WORLD"
		else
			gpgconf --homedir "$GH_WORLD/gnupg" --kill all >/dev/null 2>&1 || :
			rm -rf "$GH_WORLD"
		fi
	fi
	if [ "$rc" = 0 ] && [ "$gh_failed" != 0 ]; then
		rc=1
	fi
	if [ "$rc" = 0 ] && [ -n "$gh_planned" ] && [ "$gh_planned" != 0 ] &&
		[ "$gh_planned" != "$gh_n" ]; then
		diag "planned $gh_planned tests, ran $gh_n"
		rc=1
	fi
	exit "$rc"
}
trap gh_finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the world -------------------------------------------------------------------
gh_need() {
	command -v "$1" >/dev/null 2>&1 || bail "$1 is missing: make deps"
}

# gh_module: the path of SoftHSM's module on this system.
gh_module() {
	local m
	for m in "${GH_MODULE-}" /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
		/usr/lib64/softhsm/libsofthsm.so /usr/local/lib/softhsm/libsofthsm2.so \
		/opt/homebrew/lib/softhsm/libsofthsm2.so; do
		if [ -n "$m" ] && [ -f "$m" ]; then
			echo "$m"
			return
		fi
	done
	bail "SoftHSM's module is not found: make deps, or set GH_MODULE"
}

# gh_setup COMMAND...: a step of preparation; when it fails the test cannot go on.
gh_setup() {
	"$@" >"$GH_WORLD/setup.log" 2>&1 && return
	diag "preparation failed: $*"
	sed 's/^/#   /' "$GH_WORLD/setup.log" | gh_tell
	bail "$1"
}

# gh_world: sets GH_WORLD (the directory, the current one after it), HOME, GH_PIN
# and GH_PIN_FILE, GH_MODULE, GH_TOKEN (label), SOFTHSM2_CONF, git's configuration
# and the authority "root" (GH_ROOTS: its PEM file).
gh_world() {
	gh_need openssl
	gh_need pkcs11-tool
	GH_WORLD=$(mktemp -d "${TMPDIR:-/tmp}/gh.XXXXXX") || bail mktemp
	chmod 700 "$GH_WORLD"
	HOME=$GH_WORLD/home
	GNUPGHOME=$GH_WORLD/gnupg
	GIT_CONFIG_NOSYSTEM=1
	GIT_CONFIG_GLOBAL=$HOME/.gitconfig
	GIT_CEILING_DIRECTORIES=$GH_WORLD
	GIT_TERMINAL_PROMPT=0
	XDG_RUNTIME_DIR=$GH_WORLD/run
	SOFTHSM2_CONF=$GH_WORLD/softhsm2.conf
	LC_ALL=C
	export HOME GNUPGHOME GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL SOFTHSM2_CONF LC_ALL
	export GIT_CEILING_DIRECTORIES GIT_TERMINAL_PROMPT XDG_RUNTIME_DIR
	unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL \
		GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL XDG_CONFIG_HOME OPENSSL_CONF 2>/dev/null || :
	mkdir "$HOME" "$GH_WORLD/ca" "$GH_WORLD/keys" "$GH_WORLD/tokens"
	mkdir -m 700 "$GNUPGHOME" "$XDG_RUNTIME_DIR"
	gh_at_exit '[ ! -S "$XDG_RUNTIME_DIR/gitsign-hsm/agent" ] || "$GH_BIN/gitsign-hsm" agent stop >/dev/null 2>&1'
	GH_OUT=$GH_WORLD/stdout
	GH_ERR=$GH_WORLD/stderr
	: >"$GH_OUT"
	: >"$GH_ERR"
	cd "$GH_WORLD" || bail "cd $GH_WORLD"

	GH_MODULE=$(gh_module) || bail "no module"
	cat >"$SOFTHSM2_CONF" <<-EOF
		directories.tokendir = $GH_WORLD/tokens
		objectstore.backend = file
		log.level = ERROR
		slots.removable = false
	EOF
	GH_PIN=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	GH_PIN_FILE=$GH_WORLD/pin
	(umask 077 && printf '%s\n' "$GH_PIN" >"$GH_PIN_FILE")
	gh_token world
	gh_authority root
	GH_ROOTS=$GH_WORLD/ca/root.pem

	cat >"$GIT_CONFIG_GLOBAL" <<-EOF
		[user]
			name = Nobody
			email = nobody@example.com
		[init]
			defaultBranch = main
		[gc]
			auto = 0
		[advice]
			detachedHead = false
		[gpg]
			format = x509
		[gpg "x509"]
			program = $GH_BIN/gitsign-hsm
		[hsm]
			module = $GH_MODULE
			pinSource = file:$GH_PIN_FILE
			roots = $GH_ROOTS
			agent = off
	EOF
}

# gh_token LABEL: makes a token (PIN: $GH_PIN) and has gh_key use it from here on.
gh_token() {
	gh_setup softhsm2-util --init-token --free --label "$1" --so-pin 12345678 --pin "$GH_PIN"
	GH_TOKEN=$1
}

# gh_authority NAME [PARENT [DAYS]]: makes a certificate authority, P-256:
# $GH_WORLD/ca/NAME.pem and .key; with a parent an intermediate one.
# Certificates come from $GH_CA, the last one made or the one you set.
gh_authority() {
	cat >"$GH_WORLD/ca/$1.cnf" <<-EOF
		[req]
		distinguished_name = dn
		prompt = no
		x509_extensions = v3
		[dn]
		CN = Test authority $1
		[v3]
		basicConstraints = critical,CA:true
		keyUsage = critical,keyCertSign,cRLSign
		subjectKeyIdentifier = hash
	EOF
	gh_setup openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$GH_WORLD/ca/$1.key"
	if [ -n "${2-}" ]; then
		gh_setup openssl req -new -config "$GH_WORLD/ca/$1.cnf" -key "$GH_WORLD/ca/$1.key" \
			-out "$GH_WORLD/ca/$1.csr"
		gh_setup openssl x509 -req -in "$GH_WORLD/ca/$1.csr" -CA "$GH_WORLD/ca/$2.pem" \
			-CAkey "$GH_WORLD/ca/$2.key" -CAcreateserial -days "${3:-30}" -sha256 \
			-extfile "$GH_WORLD/ca/$1.cnf" -extensions v3 -out "$GH_WORLD/ca/$1.pem"
	else
		gh_setup openssl req -x509 -config "$GH_WORLD/ca/$1.cnf" -key "$GH_WORLD/ca/$1.key" \
			-days "${3:-30}" -sha256 -out "$GH_WORLD/ca/$1.pem"
	fi
	GH_CA=$1
}

gh_id=0
# gh_p11 WORDS...: pkcs11-tool, logged in on the token $GH_TOKEN.
gh_p11() {
	pkcs11-tool --module "$GH_MODULE" --token-label "$GH_TOKEN" \
		--login --pin "$GH_PIN" "$@"
}

# gh_spki ALG NAME: the public key as the token has it, PEM on standard output.
# pkcs11-tool 0.23 cannot write out P-384 and above: those are put together from
# the point that it lists and the fixed bytes before it (RFC 5480, RFC 8410).
gh_spki() {
	local prefix point id
	id=$(cat "$GH_WORLD/keys/$2.id")
	case $1 in
	EC:secp384r1) prefix=3076301006072a8648ce3d020106052b81040022036200 ;;
	EC:secp521r1) prefix=30819b301006072a8648ce3d020106052b8104002303818600 ;;
	EC:edwards25519) prefix=302a300506032b6570032100 ;;
	*)
		gh_setup gh_p11 --read-object --type pubkey --id "$id" \
			--output-file "$GH_WORLD/keys/spki.der"
		openssl pkey -pubin -inform DER -in "$GH_WORLD/keys/spki.der"
		return
		;;
	esac
	# The list is of all keys, whatever --id says.
	point=$(gh_p11 --list-objects --type pubkey 2>/dev/null |
		awk -v id="$id" '$1 == "EC_POINT:" { p = $2 } $1 == "ID:" && $2 == id { print p }')
	# The attribute is an OCTET STRING: its header goes.
	case $point in
	0481??*) point=${point#??????} ;;
	04*) point=${point#????} ;;
	esac
	printf '%s%s' "$prefix" "$point" | perl -e 'print pack("H*", <STDIN>)' |
		openssl pkey -pubin -inform DER
}

# gh_keypair NAME ALG: only the key pair, and its public key in keys/NAME.pub.
# ALG as pkcs11-tool wants it: rsa:2048, rsa:3072, EC:prime256v1, EC:secp384r1, ...
gh_keypair() {
	gh_id=$((gh_id + 1))
	printf '%02x\n' "$gh_id" >"$GH_WORLD/keys/$1.id"
	printf '%s\n' "$GH_TOKEN" >"$GH_WORLD/keys/$1.token"
	gh_setup gh_p11 --keypairgen --key-type "$2" --id "$(cat "$GH_WORLD/keys/$1.id")" --label "$1"
	gh_spki "$2" "$1" >"$GH_WORLD/keys/$1.pub" || bail "no public key of $1"
}

# gh_certificate NAME EMAIL [EXT...]: a certificate by $GH_CA over keys/NAME.pub into
# keys/NAME.pem. Each EXT replaces or adds a line of the extensions, e.g.
# 'extendedKeyUsage=serverAuth'; 'subjectAltName=' leaves one out. GH_DAYS (30).
gh_certificate() {
	local name email line key
	name=$1
	email=$2
	shift 2
	{
		echo 'basicConstraints = critical,CA:false'
		echo 'keyUsage = critical,digitalSignature'
		echo 'extendedKeyUsage = codeSigning,emailProtection'
		echo "subjectAltName = email:$email"
		echo 'subjectKeyIdentifier = hash'
		echo 'authorityKeyIdentifier = keyid'
	} >"$GH_WORLD/keys/$name.ext"
	for line; do
		key=${line%%=*}
		sed "/^$key *=/d" "$GH_WORLD/keys/$name.ext" >"$GH_WORLD/keys/$name.ext2"
		[ -z "${line#*=}" ] || echo "$line" >>"$GH_WORLD/keys/$name.ext2"
		mv "$GH_WORLD/keys/$name.ext2" "$GH_WORLD/keys/$name.ext"
	done
	gh_setup openssl x509 -new -force_pubkey "$GH_WORLD/keys/$name.pub" -subj "/CN=$name" \
		-CA "$GH_WORLD/ca/$GH_CA.pem" -CAkey "$GH_WORLD/ca/$GH_CA.key" \
		-set_serial "0x$(openssl rand -hex 8 | sed 's/^./4/')" -days "${GH_DAYS:-30}" -sha256 \
		-extfile "$GH_WORLD/keys/$name.ext" -out "$GH_WORLD/keys/$name.pem"
	echo "$email" >"$GH_WORLD/keys/$name.email"
}

# gh_store FILE NAME: writes the certificate in a PEM file to the token, with the
# id and label of the key NAME.
gh_store() {
	gh_setup openssl x509 -in "$1" -outform DER -out "$GH_WORLD/keys/store.der"
	gh_setup gh_p11 --write-object "$GH_WORLD/keys/store.der" --type cert \
		--id "$(cat "$GH_WORLD/keys/$2.id")" --label "$2"
}

# gh_key NAME ALG EMAIL [EXT...]: key pair, certificate, both on the token. An
# intermediate $GH_CA is stored beside it, when it is not the root.
gh_key() {
	local name alg email
	name=$1
	alg=$2
	email=$3
	shift 3
	gh_keypair "$name" "$alg"
	gh_certificate "$name" "$email" "$@"
	gh_store "$GH_WORLD/keys/$name.pem" "$name"
}

# gh_fp NAME [sha1]: the certificate's fingerprint, lower-case hex.
gh_fp() {
	openssl x509 -in "$GH_WORLD/keys/$1.pem" -noout -fingerprint "-${2:-sha256}" |
		sed 's/.*=//' | tr -d : | tr A-F a-f
}

# gh_uri NAME: the PKCS#11 URI of the key.
gh_uri() {
	echo "pkcs11:token=$(cat "$GH_WORLD/keys/$1.token");id=%$(cat "$GH_WORLD/keys/$1.id")"
}

# gh_use NAME: git signs and commits as this one from here on.
gh_use() {
	git config --global hsm.key "$(gh_fp "$1")" &&
		git config --global user.name "$1" &&
		git config --global user.email "$(cat "$GH_WORLD/keys/$1.email")"
}

# gh_repo NAME: a new repository in $GH_WORLD/NAME; gh_bare NAME: a bare one.
gh_repo() {
	gh_setup git init -q "$GH_WORLD/$1"
}
gh_bare() {
	gh_setup git init -q --bare "$GH_WORLD/$1"
}
