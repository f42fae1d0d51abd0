# shellcheck shell=sh
# cred-lib.sh: the real parts around git-credential-hsm: authorization servers, git over https, the
# Secret Service. Source it instead of lib.sh:
#
#	. "${GH_SRC:-tests}/system/cred-lib.sh"
#	cred_world                              gh_world, and TLS for the servers
#	gh_keypair svc EC:prime256v1            a key that proves who asks
#	oidc_start "id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
#	git_start --scope read_repository       serves $CRED_ROOT; cred_repo demo fills it
#	cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" ...
#	ok 'a clone' git clone -q "$GIT_URL/demo.git"
#	is 'one token' "$(srv oidc issued what=access_token | wc -l)" 1
#	srv oidc fault on='POST /token' kind=status status=500
#
# What the servers can do is told at the top of tests/servers/*.mjs.
#
# shellcheck disable=SC3043,SC2034 # local: dash, bash and busybox have it; sourced
. "${GH_SRC:-tests}/system/lib.sh"

CRED_SERVERS=$GH_SRC/servers
CRED_HELPER=$GH_BIN/git-credential-hsm

# cred_world: gh_world, then $CRED_DIR (what the servers read: a certificate for 127.0.0.1 and
# localhost by the authority "root"), $CRED_ROOT (repositories), git's trust in that authority, a
# D-Bus that is not there, no terminal colours, no proxies.
cred_world() {
	gh_need node
	gh_need curl
	[ -d "$CRED_SERVERS/../../build/npm/node_modules/oidc-provider" ] ||
		skip_all 'the packages of tests/servers are not there: make test-servers'
	gh_world
	CRED_DIR=$GH_WORLD/srv
	CRED_ROOT=$GH_WORLD/repositories
	mkdir "$CRED_DIR" "$CRED_ROOT"
	unset GIT_SSL_CAINFO GIT_SSL_CAPATH SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE GIT_ASKPASS \
		SSH_ASKPASS DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS BROWSER https_proxy \
		HTTPS_PROXY http_proxy all_proxy ALL_PROXY XDG_CACHE_HOME \
		XDG_DATA_HOME 2>/dev/null || :
	NODE_EXTRA_CA_CERTS=$GH_ROOTS
	export NODE_EXTRA_CA_CERTS
	gh_at_exit cred_session_stop
	cp "$GH_ROOTS" "$CRED_DIR/clients.pem"
	cred_tls_key server 127.0.0.1
	git config --global http.sslCAInfo "$GH_ROOTS"
	# The servers read this to its end, which comes when the script does, however it ends.
	mkfifo "$CRED_DIR/alive"
	exec 9<>"$CRED_DIR/alive"
}

# cred_session_pid: of the daemon that keeps tokens in memory; nothing when there is none.
cred_session_pid() {
	perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or exit; connect($s, pack_sockaddr_un($ARGV[0])) or exit;
		print unpack("i", getsockopt($s, SOL_SOCKET, 17)), "\n"' "$XDG_RUNTIME_DIR/gitsign-hsm/credential" 2>/dev/null
}
cred_session_stop() {
	local pid
	pid=$(cred_session_pid)
	[ -z "$pid" ] || kill "$pid"
}

# cred_tls_key NAME CN [NAMES]: a key in a file and a server's certificate: $CRED_DIR/NAME.{key,pem}.
cred_tls_key() {
	gh_setup openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
		-keyout "$CRED_DIR/$1.key" -out "$CRED_DIR/$1.csr"
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' \
		"${3:-DNS:localhost,IP:127.0.0.1}" >"$CRED_DIR/$1.ext"
	gh_setup openssl x509 -req -in "$CRED_DIR/$1.csr" -CA "$GH_ROOTS" \
		-CAkey "$GH_WORLD/ca/root.key" -set_serial "0x4$(openssl rand -hex 7)" -days 30 \
		-extfile "$CRED_DIR/$1.ext" -out "$CRED_DIR/$1.pem"
}

# cred_until WHAT COMMAND...: waits until the command succeeds; bails when it does not.
cred_until() {
	local what
	what=$1
	shift
	until_true "$@" || bail "waited in vain: $what"
}

# --- servers -------------------------------------------------------------------
# srv_start NAME SCRIPT WORDS...: sets SRV_PID, SRV_PORT; the server's words go to
# $CRED_DIR/NAME.log. srv_stop NAME ends it.
srv_start() {
	local name script
	name=$1
	script=$2
	shift 2
	rm -f "$CRED_DIR/$name.out" "$CRED_DIR/$name.ctl"
	node "$CRED_SERVERS/$script.mjs" --dir "$CRED_DIR" "$@" <"$CRED_DIR/alive" \
		>"$CRED_DIR/$name.out" 2>"$CRED_DIR/$name.log" 9>&- &
	SRV_PID=$!
	echo "$SRV_PID" >"$CRED_DIR/$name.pid"
	gh_at_exit "srv_stop $name"
	cred_until "the start of $name" srv_started "$name"
	if ! grep -q '^{' "$CRED_DIR/$name.out"; then
		sed 's/^/#   /' "$CRED_DIR/$name.log" | gh_tell
		bail "the server $name does not start"
	fi
	SRV_PORT=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$CRED_DIR/$name.out")
}

# Listening, or dead.
srv_started() {
	grep -q '^{' "$CRED_DIR/$1.out" || ! kill -0 "$SRV_PID"
}

srv_stop() {
	[ -f "$CRED_DIR/$1.pid" ] || return 0
	kill "$(cat "$CRED_DIR/$1.pid")" 2>/dev/null || :
	wait "$(cat "$CRED_DIR/$1.pid")" 2>/dev/null || :
	rm -f "$CRED_DIR/$1.pid"
}

# srv NAME COMMAND [KEY=VALUE...]: a word to the server's control socket; prints the answer.
srv() {
	local name command word
	name=$1
	command=$2
	shift 2
	for word; do
		set -- "$@" --data-urlencode "$word"
		shift
	done
	curl -sS --fail-with-body --max-time 60 --unix-socket "$CRED_DIR/$name.ctl" "$@" \
		"http://control/$command"
}

# srv_count NAME REGEX: how many lines "METHOD PATH STATUS FAULT" of its log match.
srv_count() {
	srv "$1" count of="$2"
}

# oidc_start [--OPTION...] CLIENT...: sets OIDC_URL, the issuer. A client is one argument of words.
oidc_start() {
	local word
	for word; do
		case $word in
		id=*) set -- "$@" --client "$word" ;;
		*) set -- "$@" "$word" ;;
		esac
		shift
	done
	srv_start oidc oidc "$@"
	OIDC_URL=https://127.0.0.1:$SRV_PORT
}

# git_start WORDS...: sets GIT_URL, at 127.0.0.1, and GIT_URL2, the same at localhost.
git_start() {
	srv_start git git --root "$CRED_ROOT" "$@"
	GIT_URL=https://127.0.0.1:$SRV_PORT
	GIT_URL2=https://localhost:$SRV_PORT
}

# github_start NAME WORDS...: the App whose key is keys/NAME.pub. Sets GITHUB_URL.
github_start() {
	local name
	name=$1
	shift
	srv_start github github --root "$CRED_ROOT" --key "$(cred_pub "$name")" "$@"
	GITHUB_URL=https://127.0.0.1:$SRV_PORT
}

# --- keys ------------------------------------------------------------------------
# cred_pub NAME: the file of its public key, PEM.
cred_pub() {
	echo "$GH_WORLD/keys/$1.pub"
}

cred_b64() {
	openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# cred_jwt NAME ALG HEADER PAYLOAD: a JSON web token made by the token's key: ES256 or RS256.
# HEADER and PAYLOAD are members of JSON objects without the braces.
cred_jwt() {
	local head body mech
	head=$(printf '{"alg":"%s",%s}' "$2" "$3" | cred_b64)
	body=$(printf '{%s}' "$4" | cred_b64)
	printf '%s.%s' "$head" "$body" >"$CRED_DIR/jwt.in"
	if [ "$2" = ES256 ]; then
		openssl dgst -sha256 -binary "$CRED_DIR/jwt.in" >"$CRED_DIR/jwt.hash"
		mech='-m ECDSA --signature-format rs'
	else
		cp "$CRED_DIR/jwt.in" "$CRED_DIR/jwt.hash"
		mech='-m SHA256-RSA-PKCS'
	fi
	# shellcheck disable=SC2086 # words
	gh_setup gh_p11 --sign $mech --id "$(cat "$GH_WORLD/keys/$1.id")" \
		--input-file "$CRED_DIR/jwt.hash" --output-file "$CRED_DIR/jwt.sig"
	printf '%s.%s.%s' "$head" "$body" "$(cred_b64 <"$CRED_DIR/jwt.sig")"
}

# cred_assertion NAME CLIENT AUD [PAYLOAD]: a client's assertion by an EC key, RFC 10070's form;
# members of PAYLOAD come last, so they win.
cred_assertion() {
	local now
	now=$(date +%s)
	cred_jwt "$1" ES256 '"typ":"client-authentication+jwt"' "$(printf \
		'"iss":"%s","sub":"%s","aud":"%s","iat":%s,"exp":%s,"jti":"%s"%s' "$2" "$2" "$3" \
		"$now" "$((now + 60))" "$(openssl rand -hex 16)" "${4:+,$4}")"
}

# --- a client by hand: curl ----------------------------------------------------------
# cred_curl WORDS...: curl that trusts the test's authority; the status is appended as a last line.
cred_curl() {
	curl -sS --max-time 60 --cacert "$GH_ROOTS" -w '\n%{http_code}\n' "$@"
}

# cred_post URL KEY=VALUE...: a form.
cred_post() {
	local url word
	url=$1
	shift
	for word; do
		set -- "$@" --data-urlencode "$word"
		shift
	done
	cred_curl "$@" "$url"
}

# cred_field KEY: the value of a string member in the JSON on standard input.
cred_field() {
	sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1
}

# --- git -----------------------------------------------------------------------------
# cred_repo PATH: a bare repository below $CRED_ROOT with one commit, open for pushes.
cred_repo() {
	mkdir -p "$CRED_ROOT/$(dirname "$1")"
	gh_setup git init -q --bare "$CRED_ROOT/$1"
	gh_setup git --git-dir="$CRED_ROOT/$1" config http.receivepack true
	gh_setup git --git-dir="$CRED_ROOT/$1" update-ref refs/heads/main \
		"$(git --git-dir="$CRED_ROOT/$1" commit-tree -m one \
			"$(git --git-dir="$CRED_ROOT/$1" mktree </dev/null)")"
}

# cred_profile URL KEY VALUE...: git's configuration for a URL: this helper alone, and its keys.
cred_profile() {
	local url
	url=$1
	shift
	git config --global --replace-all "credential.$url.helper" ''
	git config --global --add "credential.$url.helper" "$CRED_HELPER"
	while [ $# -gt 1 ]; do
		git config --global --replace-all "credential.$url.$1" "$2"
		shift 2
	done
}

# With the repository demo.git on the server at GIT_URL: set_to KEY VALUE mends its profile,
# clone [OPTION...] clones it anew, requests tells how often the issuer was asked.
set_to() {
	git config --global "credential.$GIT_URL.$1" "$2"
}
clone() {
	rm -rf clone
	git clone -q "$@" "$GIT_URL/demo.git" clone
}
requests() {
	srv_count oidc 'POST /token'
}

# cred_ask VERB LINE...: the helper as git calls it, the lines on its standard input.
cred_ask() {
	local verb
	verb=$1
	shift
	printf '%s\n' "$@" '' | "$CRED_HELPER" "$verb"
}

# --- Secret Service ----------------------------------------------------------------------
# cred_keyring STATE COMMAND...: in a session bus of its own with gnome-keyring: unlocked; locked
# (there, with another password); empty (a service without a default collection); none (a bus
# without a service). The keyring itself stays in $HOME between calls. `nobus`: no bus at all.
# --unlock returns before the daemon has its name: a client in between would start a second one.
cred_keyring() {
	local state
	state=$1
	shift
	if [ "$state" = nobus ]; then
		env -u DBUS_SESSION_BUS_ADDRESS "$@"
		return
	fi
	gh_need dbus-run-session
	gh_need gdbus
	CRED_STATE=$state dbus-run-session --config-file="$(cred_bus_conf "$state")" -- sh -c '
		exec 2>&8 8>&-
		wait_name() {
			gdbus wait --session --timeout 30 org.freedesktop.secrets || exit 97
		}
		daemon() {
			gnome-keyring-daemon "$@" --components=secrets >/dev/null 2>&1
			wait_name
		}
		case $CRED_STATE in
		unlocked) printf %s sesame | daemon --unlock ;;
		locked) printf %s wrong | daemon --unlock ;;
		empty) daemon --start --daemonize ;;
		esac
		unset CRED_STATE
		"$@"' keyring "$@" 8>&2 2>"$CRED_DIR/bus.log"
}

# Where there is to be no service, the bus must not start one: a configuration without services.
cred_bus_conf() {
	if [ "$1" != none ]; then
		echo /usr/share/dbus-1/session.conf
		return
	fi
	cat >"$CRED_DIR/bus.conf" <<-EOF
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>session</type>
		  <listen>unix:tmpdir=$GH_WORLD</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow send_destination="*" eavesdrop="true"/>
		    <allow eavesdrop="true"/>
		    <allow own="*"/>
		  </policy>
		</busconfig>
	EOF
	echo "$CRED_DIR/bus.conf"
}
