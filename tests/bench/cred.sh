# shellcheck shell=sh
# cred.sh: an access token that is kept, given to git: beside git's own helpers for the same
# place. Sourced by run.sh, which has row, pair and the world.
# shellcheck disable=SC2154 # $build, $A, $B of run.sh

# opened COMMAND: files it opens and sockets it makes, with all of its children.
opened() {
	# shellcheck disable=SC2086 # words
	strace -f -qq -e trace=open,openat,socket -o opened.out $1 <payload >/dev/null 2>&1
	grep -cv ENOENT opened.out
}
# started COMMAND: programs executed.
started() {
	# shellcheck disable=SC2086
	strace -f -qq -e trace=execve -o started.out $1 <payload >/dev/null 2>&1
	grep -c ' = 0$' started.out
}
# cred_rows NAME OURS THEIRS WHAT
cred_rows() {
	RUNS=${RUNS:-100} pair "$2" "$3"
	row "cred/$1" "$A" "$B" ms "an access token at hand, whole process : $4"
	if command -v strace >/dev/null; then
		row "cred/$1-opens" "$(opened "$2")" "$(opened "$3")" '' "files and sockets opened for it : $4"
		row "cred/$1-programs" "$(started "$2")" "$(started "$3")" '' "programs executed for it : $4"
	fi
}

echo "# an access token at hand, whole process, median of ${RUNS:-100}, ms"
mv payload payload.sign 2>/dev/null || :
# As git would run it; the helper reads HEAD and config of a repository, which count.
[ -e .git ] || gh_setup git init -q .
libexec=$build/libexec/gitsign-hsm
url=https://git.example.com
for k in hsmIssuer=https://as.example.com hsmClientId=bench hsmKey=pkcs11:id=%01 hsmGrant=client_credentials; do
	git config --global "credential.$url.${k%%=*}" "${k#*=}"
done
token=$(openssl rand -hex 40)
printf 'protocol=https\nhost=git.example.com\n\n' >payload
printf 'protocol=https\nhost=git.example.com\nusername=oauth2\npassword=%s\n\n' "$token" >stored

git config --global "credential.$url.hsmStore" session
"$libexec/credential-session"
"$build/bench/cred-put" "$url" "$token" credential
gh_at_exit "perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(\$ARGV[0])) and kill 15, unpack(\"i\", getsockopt(S, SOL_SOCKET, 17))' '$XDG_RUNTIME_DIR/gitsign-hsm/credential'"
cache="$(git --exec-path)/git-credential-cache --socket $GH_WORLD/cache.d/socket"
mkdir -m 700 cache.d
# shellcheck disable=SC2086
$cache store <stored
gh_at_exit "$cache exit </dev/null"
for c in "$GH_BIN/git-credential-hsm" "$cache"; do
	$c get <payload | grep -q "^password=$token" || bail "$c has no token"
done
cred_rows cache "$GH_BIN/git-credential-hsm get" "$cache get" "git-credential-cache, in memory"

source=/usr/share/doc/git/contrib/credential/libsecret/git-credential-libsecret.c
if [ -f "$source" ] && command -v dbus-run-session >/dev/null; then
	# shellcheck disable=SC2046
	gh_setup cc -O2 -o libsecret "$source" $(pkg-config --cflags --libs libsecret-1 glib-2.0)
	git config --global "credential.$url.hsmStore" secretservice
	export build RUNS GH_WORLD token url
	# Ends with this script: the session reads the pipe to its end.
	mkfifo hold
	in_keyring() {
		exec dbus-run-session -- sh -c '
			printf sesame | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
			gdbus wait --session --timeout 30 org.freedesktop.secrets || exit 97
			"$build/bench/cred-put" "$url" "$token" | "$build/libexec/gitsign-hsm/credential-keyring" store >/dev/null
			./libsecret store <stored
			for c in "$build/bin/git-credential-hsm" ./libsecret; do
				$c get <payload | grep -q "^password=$token" || exit 98
			done
			env >bus
			cat hold' >bus.log 2>&1
	}
	in_keyring &
	bus=$!
	exec 8<>hold 7>hold 8<&-
	i=0
	until [ -s bus ]; do
		i=$((i + 1))
		[ "$i" -lt 600 ] && kill -0 "$bus" 2>/dev/null || bail "no keyring: $(cat bus.log)"
		sleep 0.1
	done
	DBUS_SESSION_BUS_ADDRESS=$(sed -n 's/^DBUS_SESSION_BUS_ADDRESS=//p' bus)
	export DBUS_SESSION_BUS_ADDRESS
	cred_rows libsecret "$GH_BIN/git-credential-hsm get" ./libsecret\ get "git-credential-libsecret, the Secret Service"
fi
mv payload.sign payload 2>/dev/null || :
