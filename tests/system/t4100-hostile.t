#!/bin/sh
# git-credential-hsm and those who want a token that is not for them: what others' helpers gave
# away (CVE-2020-5260, CVE-2020-11008, CVE-2024-50338, CVE-2024-53858 and their kin), and git's own
# rules for helpers. Beside each refusal stands the right request, which is answered.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"
[ -x "$CRED_HELPER" ] || skip_all 'git-credential-hsm is not built'

cred_world
gh_keypair svc EC:prime256v1
cred_repo demo.git
oidc_start --audience strict \
	"id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)"
git_start --scope read_repository
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore secretservice
host=${GIT_URL#https://}

# asks FILE [VERB]: the helper with the file on standard input, beside an open keyring.
asks() {
	cred_keyring unlocked sh -c '"$1" "$2" <"$3"' ask "$CRED_HELPER" "${2:-get}" "$1"
}

# refused DESCRIPTION FORMAT: printf's FORMAT as the request gets no token and costs no request.
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

# --- whose token it is ---------------------------------------------------------------
answered 'the host that has a profile' "protocol=https\nhost=$host\n\n" '^password=.'
unlike 'the answer names no protocol, no host, no path' "$(cat "$GH_OUT")" '^(protocol|host|path|url)='
token=$(sed -n 's/^password=//p' "$GH_OUT")
is 'it is the one that was made' "$token" "$(srv oidc issued what=access_token)"
answered 'the end of input does for the empty line' "protocol=https\nhost=$host\n" '^password=.'
answered 'unknown keys are ignored' "future=1\nprotocol=https\nhost=$host\nfuture[]=2\n\n" '^password=.'
is 'one request for all of these' "$(srv_count oidc '^POST /token')" 1

refused 'no host' 'protocol=https\n\n'
refused 'an empty host' 'protocol=https\nhost=\n\n'
refused 'no protocol' "host=$host\n\n"
refused 'an empty protocol' "protocol=\nhost=$host\n\n"
refused 'nothing at all' ''
refused 'http' "protocol=http\nhost=$host\n\n"
refused 'the protocol of a certificate' 'protocol=cert\nhost=\npath=/file.pem\n\n'
refused 'another host' 'protocol=https\nhost=evil.example\n\n'
refused 'the same name with more behind it' "protocol=https\nhost=$host.evil.example\n\n"
refused 'another port' 'protocol=https\nhost=127.0.0.1:1\n\n'
refused 'no port' 'protocol=https\nhost=127.0.0.1\n\n'
refused 'a user in the host' "protocol=https\nhost=$host@evil.example\n\n"
refused 'a user before the host' "protocol=https\nhost=evil.example@$host\n\n"
refused 'a path in the host' "protocol=https\nhost=$host/evil\n\n"
refused 'a query in the host' "protocol=https\nhost=evil.example?$host\n\n"
refused 'a host that is not ASCII' 'protocol=https\nhost=127.0.0.1\303\251\n\n'
refused 'a lone CR in the host' "protocol=https\nhost=$host\rhost=evil.example\n\n"
refused 'a lone CR before the right host' "protocol=https\nhost=evil.example\rhost=$host\n\n"
refused 'a NUL in the host' "protocol=https\nhost=$host\000.evil.example\n\n"
refused 'an escape in the path' "protocol=https\nhost=$host\npath=\033[2Jdemo.git\n\n"
refused 'a blank in the host' "protocol=https\nhost=$host \n\n"
refused 'an encoded end of line' "protocol=https\nhost=$host%%0ahost=evil.example\n\n"
refused 'a second host, the last wins' "protocol=https\nhost=$host\nhost=evil.example\n\n"

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
