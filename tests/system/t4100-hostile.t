#!/bin/sh
# git-credential-hsm and those who want a token that is not for them: what others' helpers gave
# away, and git's own rules for helpers. Beside each refusal stands the right request, which is
# answered. Each CVE stands at the tests of its recipe.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'

cred_world
gh_keypair svc EC:prime256v1
cred_repo demo.git
oidc_start --audience strict 'id=cli grants=device_code' \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore secretservice
host=${GIT_URL#https://}

# asks FILE [VERB]: the helper with the file on standard input, beside an open keyring.
asks() {
	cred_keyring unlocked sh -c '"$1" "$2" <"$3"' ask "$CRED_HELPER" "${2:-get}" "$1"
}

# controls FILE...: does a byte in them move a cursor or hide what stands there?
controls() {
	LC_ALL=C grep -aq "[$(printf '\001-\010\013-\037\177')]" "$@"
}

# refused DESCRIPTION FORMAT: printf's FORMAT as the request gets no token, costs no request and
# says one line at most, without a control byte.
refused() {
	local before
	before=$(srv_count oidc '^POST /token')
	# shellcheck disable=SC2059 # the format is the request
	printf "$2" >"$GH_WORLD/request"
	gh_run asks "$GH_WORLD/request"
	if [ "$GH_STATUS" -ge 126 ]; then
		fail "$1: no crash"
		gh_show "$1"
	elif grep -aEq '^(password|credential|username)=' "$GH_OUT"; then
		fail "$1: no token"
		gh_show "$1"
	elif [ "$(wc -l <"$GH_ERR")" -gt 1 ] || controls "$GH_OUT" "$GH_ERR"; then
		fail "$1: a line, and no control bytes"
		gh_show "$1"
	else
		is "$1: no token, no request" "$(srv_count oidc '^POST /token')" "$before"
	fi
}

# answered DESCRIPTION FORMAT PATTERN
answered() {
	# shellcheck disable=SC2059
	printf "$2" >"$GH_WORLD/request"
	gh_run asks "$GH_WORLD/request"
	like "$1" "$(cat "$GH_OUT")" "$3"
}

printf 'a\033[2K\n' >"$GH_WORLD/steers"
ok 'the search for control bytes finds one' controls "$GH_WORLD/steers"
printf 'a\tb\n' >"$GH_WORLD/steers"
not_ok 'and none in a plain line' controls "$GH_WORLD/steers"

# --- whose token it is ---------------------------------------------------------------
answered 'the host that has a profile' "protocol=https\nhost=$host\n\n" '^password=.'
unlike 'the answer names no protocol, no host, no path' "$(cat "$GH_OUT")" '^(protocol|host|path|url)='
token=$(sed -n 's/^password=//p' "$GH_OUT")
is 'it is the one that was made' "$token" "$(srv oidc issued what=access_token)"
answered 'the end of input does for the empty line' "protocol=https\nhost=$host\n" '^password=.'
answered 'unknown keys are ignored' "future=1\nprotocol=https\nhost=$host\nfuture[]=2\n\n" '^password=.'
is 'one request for all of these' "$(srv_count oidc '^POST /token')" 1

# CVE-2020-11008: a pattern with a part missing fits any credential.
refused 'no host' 'protocol=https\n\n'
refused 'an empty host' 'protocol=https\nhost=\n\n'
refused 'no protocol' "host=$host\n\n"
refused 'an empty protocol' "protocol=\nhost=$host\n\n"
refused 'nothing at all' ''
refused 'http' "protocol=http\nhost=$host\n\n"
refused 'the protocol of a certificate' 'protocol=cert\nhost=\npath=/file.pem\n\n'
# CVE-2024-53858: one host's token for another.
refused 'another host' 'protocol=https\nhost=evil.example\n\n'
refused 'the same name with more behind it' "protocol=https\nhost=$host.evil.example\n\n"
refused 'another port' 'protocol=https\nhost=127.0.0.1:1\n\n'
refused 'no port' 'protocol=https\nhost=127.0.0.1\n\n'
refused 'a user in the host' "protocol=https\nhost=$host@evil.example\n\n"
refused 'a user before the host' "protocol=https\nhost=evil.example@$host\n\n"
refused 'a path in the host' "protocol=https\nhost=$host/evil\n\n"
refused 'a query in the host' "protocol=https\nhost=evil.example?$host\n\n"
refused 'a host that is not ASCII' 'protocol=https\nhost=127.0.0.1\303\251\n\n'
# CVE-2024-50338, CVE-2024-52006, CVE-2026-82249: a lone CR read as the end of a line.
refused 'a lone CR in the host' "protocol=https\nhost=$host\rhost=evil.example\n\n"
refused 'a lone CR before the right host' "protocol=https\nhost=evil.example\rhost=$host\n\n"
refused 'a lone CR in the user' "protocol=https\nhost=$host\nusername=a\rhost=evil.example\n\n"
refused 'a CR behind the user' "protocol=https\nhost=$host\nusername=a\r\n\n"
refused 'a NUL in the host' "protocol=https\nhost=$host\000.evil.example\n\n"
# CVE-2024-50349: decoded bytes that steer a terminal, in what is said of a request.
refused 'an escape in the user' "protocol=https\nhost=$host\nusername=\033[2K\033[1Gtrusted.example\n\n"
refused 'an escape in the host' "protocol=https\nhost=\033]0;x\007$host\n\n"
refused 'an escape in the protocol' "protocol=\033[2J\nhost=$host\n\n"
refused 'an escape in a line without "="' "protocol=https\nhost=$host\n\033[2J\n\n"
refused 'an escape in the path' "protocol=https\nhost=$host\npath=\033[2Jdemo.git\n\n"
refused 'a blank in the host' "protocol=https\nhost=$host \n\n"
# CVE-2020-5260, CVE-2024-53263: an end of line inside a value.
refused 'an encoded end of line' "protocol=https\nhost=$host%%0ahost=evil.example\n\n"
refused 'a second host, the last wins' "protocol=https\nhost=$host\nhost=evil.example\n\n"

refused 'a line without "="' "protocol=https\nhost=$host\nnonsense\n\n"
refused 'an end in the middle of a line' "protocol=https\nhost=$host"

# CVE-2025-48386: more than there is room for.
awk 'BEGIN { printf "protocol=https\nhost="; for (i = 0; i < 1e6; i++) printf "aaaaaaaaaa"; print "\n" }' \
	>"$GH_WORLD/long"
gh_run asks "$GH_WORLD/long"
unlike 'a line of ten million bytes' "$(cat "$GH_OUT")" '^password='
awk 'BEGIN { print "protocol=https"; for (i = 0; i < 1e5; i++) print "k" i "=v"; print "host=evil.example\n" }' \
	>"$GH_WORLD/many"
gh_run asks "$GH_WORLD/many"
unlike 'a hundred thousand lines' "$(cat "$GH_OUT")" '^password='

# --- verbs -------------------------------------------------------------------------------
printf 'protocol=https\nhost=%s\n\n' "$host" >"$GH_WORLD/right"
ok 'a verb of the future is ignored' asks "$GH_WORLD/right" frobnicate
is 'in silence' "$(cat "$GH_OUT" "$GH_ERR")" ''
printf 'protocol=https\nhost=%s\nusername=x\npassword=not-ours\n\n' "$host" >"$GH_WORLD/other"
ok "another helper's password is rejected" asks "$GH_WORLD/other" erase
asks "$GH_WORLD/right" >"$GH_WORLD/still" 2>/dev/null
is 'ours stays' "$(sed -n 's/^password=//p' "$GH_WORLD/still")" "$token"
ok "another helper's password is stored nowhere" asks "$GH_WORLD/other" store
asks "$GH_WORLD/right" >"$GH_WORLD/still" 2>/dev/null
is 'ours is still it' "$(sed -n 's/^password=//p' "$GH_WORLD/still")" "$token"

# --- a newer git -----------------------------------------------------------------------------
answered 'Bearer where git can' \
	"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=$host\nwwwauth[]=Bearer realm=\"git\"\n\n" \
	'^authtype=[Bb]earer$'
like 'the token is the credential' "$(cat "$GH_OUT")" "^credential=$token\$"
like 'the capability is echoed' "$(head -n 1 "$GH_OUT")" '^capability\[\]=authtype$'
like 'and it is for no cache' "$(cat "$GH_OUT")" '^ephemeral=(1|true)$'
answered 'Basic where it cannot' "protocol=https\nhost=$host\n\n" '^password=.'
unlike 'without words that it does not know' "$(cat "$GH_OUT")" '^(authtype|credential|ephemeral|capability)'

# --- stock git, and what is seen of it ----------------------------------------------------------
traced() {
	cred_keyring unlocked env GIT_TRACE=1 GIT_TRACE_CURL=1 GIT_CURL_VERBOSE=1 GIT_TRACE_SETUP=1 \
		git clone -q "$GIT_URL/demo.git" "$1"
}
ok 'git clones' traced one
unlike 'its traces hold no token' "$(cat "$GH_ERR")" "$token"
unlike 'nor the PIN' "$(cat "$GH_ERR")" "$GH_PIN"
is 'still one request' "$(srv_count oidc '^POST /token')" 1

# --- URLs that others wrote: stock git makes the request of them ------------------------------------
# crafted DESCRIPTION URL [OPTION...]: git gets no token for it, says no control byte and asks nobody.
crafted() {
	local before what url
	what=$1
	url=$2
	shift 2
	before=$(srv_count oidc '^POST /token')
	rm -rf crafted
	not_ok "$what: no clone" cred_keyring unlocked git clone -q "$@" "$url" crafted
	is "$what: no request" "$(srv_count oidc '^POST /token')" "$before"
	not_ok "$what: no control bytes" controls "$GH_ERR"
	unlike "$what: no prompt" "$(cat "$GH_ERR")" '^(Username|Password) for'
}
# wanted PATH: the headers of the last request for it.
wanted() {
	srv git last path="$1"
}
crafted 'CVE-2020-5260: an end of line in the host' "https://$host%0ahost=evil.example/demo.git"
crafted 'CVE-2020-5260: and in the user' "https://a%0ahost=evil.example@$host/demo.git"
crafted 'CVE-2024-52006: a CR in the host' "https://$host%0d/demo.git"
crafted 'CVE-2024-50349: escapes in the user' "https://%1b%5b2K%1b%5b1Gtrusted.example@$host/demo.git"
# (git would stop in the middle of what it writes, and what stands there is a request.)
crafted 'CVE-2024-50349: a CR in the user' "https://trusted.example%0d@$host/demo.git" \
	-c credential.protectProtocol=false
ok 'a user without them gets in' cred_keyring unlocked git clone -q "https://alice@$host/demo.git" alice

# What a person is asked names the profile and the issuer, nothing that stands in the URL alone.
cred_profile "$GIT_URL2" hsmIssuer "$OIDC_URL" hsmClientId cli hsmGrant device_code hsmStore session
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
: >"$GH_ERR"
{ cred_until 'a code' grep -aq 'enter  ' "$GH_ERR" && srv oidc device deny=1 >/dev/null; } &
not_ok 'CVE-2024-50349: a user that reads like a question' env GIT_TERMINAL_PROMPT=1 \
	git clone -q "https://trusted.example%20wants%20your%20yes%e2%80%ae@${GIT_URL2#https://}/demo.git" crafted
like 'the profile asks' "$(cat "$GH_ERR")" "^git-credential-hsm: access to $GIT_URL2 wants your yes at $OIDC_URL\$"
unlike 'and nobody else' "$(grep -av '^fatal: ' "$GH_ERR")" 'trusted'
git config --global --remove-section "credential.$GIT_URL2"
srv oidc clear >/dev/null

# CVE-2024-53858: what a repository brings along asks at another host, which has no profile.
cred_repo sub.git
cred_repo super.git
gh_setup git --git-dir="$CRED_ROOT/super.git" update-ref refs/heads/main "$(
	cd "$CRED_ROOT/super.git" || bail super
	blob=$(printf '[submodule "sub"]\n\tpath = sub\n\turl = %s/sub.git\n' "$GIT_URL2" | git hash-object -w --stdin)
	git commit-tree -m super "$(printf '100644 blob %s\t.gitmodules\n160000 commit %s\tsub\n' "$blob" \
		"$(git --git-dir="$CRED_ROOT/sub.git" rev-parse main)" | git mktree --missing)"
)"
crafted 'CVE-2024-53858: a submodule elsewhere' "$GIT_URL/super.git" --recurse-submodules
like 'which was asked for there' "$(wanted /sub.git/info/refs)" '"host":"localhost'
unlike 'without a token' "$(wanted /sub.git/info/refs)" '"authorization"'
like 'while the repository itself got one' "$(wanted /super.git/git-upload-pack)" '"authorization"'

# A server that sends git elsewhere: the helper is asked for that place.
srv git clear >/dev/null
srv git fault kind=status status=302 on='/demo.git/info/refs' \
	header="Location: $GIT_URL2/sub.git/info/refs?service=git-upload-pack" >/dev/null
crafted 'a redirection elsewhere' "$GIT_URL/demo.git"
like 'which git follows' "$(wanted /sub.git/info/refs)" '"host":"localhost'
unlike 'without a token' "$(wanted /sub.git/info/refs)" '"authorization"'
srv git clear >/dev/null
ok 'the right server, once more' cred_keyring unlocked git clone -q "$GIT_URL/demo.git" two

# --- many at once ----------------------------------------------------------------------------------
srv oidc clear >/dev/null
srv oidc revoke token="$token" >/dev/null
printf 'protocol=https\nhost=%s\nusername=%s\npassword=%s\n\n' "$host" \
	"$(sed -n 's/^username=//p' "$GH_WORLD/still")" "$token" >"$GH_WORLD/ours"
ok 'our own token is rejected' asks "$GH_WORLD/ours" erase
ok 'fifty processes at once' cred_keyring unlocked sh -c '
	i=0
	while [ "$i" -lt 50 ]; do
		i=$((i + 1))
		"$1" get <"$2" >"$2.$i" 2>"$2.$i.err" &
	done
	wait' many "$CRED_HELPER" "$GH_WORLD/right"
is 'get one token between them' "$(sed -n 's/^password=//p' "$GH_WORLD"/right.* | sort | uniq -c | awk '{ print $1 }')" 50
is 'for one request' "$(srv_count oidc '^POST /token')" 1
done_testing
