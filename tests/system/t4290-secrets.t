#!/bin/sh
# git-credential-hsm: no PIN, access token, refresh token, code or proof of who asks stands in
# arguments, in the environment, on standard error or in git's traces, at any verb; and what the
# processes hold is not for others to read.
# shellcheck disable=SC3043 # local: dash, bash and busybox have it
. "${GH_SRC:-tests}/system/cred-lib.sh"

cred_world
cred_repo demo.git
gh_keypair svc EC:prime256v1
gh_keypair app rsa:2048
cred_repo acme/widgets.git
oidc_start "id=svc grants=client_credentials auth=private_key_jwt key=$(cred_pub svc)" \
	'id=cli grants=device_code,refresh_token' 'id=ci grants=token_exchange'
git_start --scope read_repository
github_start app --client-id Iv1.test --installation '77 Acme widgets contents=write,metadata=read'
GIT_TERMINAL_PROMPT=1
export GIT_TERMINAL_PROMPT
hsm() {
	"$CRED_HELPER" "$@"
}
: >said
# Everything that anybody could have seen. git's own traces show what git is told to send: "redacted".
seen() {
	GIT_TRACE=1 GIT_TRACE_CURL=1 GIT_CURL_VERBOSE=1 GIT_TRACE2=1 GIT_TRACE_SETUP=1 \
		"$@" >"$GH_WORLD/o" 2>&1
	echo "status $?" >>said
	cat "$GH_WORLD/o" >>said
}
# secrets: all that must not be seen, a line each.
secrets() {
	echo "$GH_PIN"
	srv oidc issued what=access_token
	srv oidc issued what=refresh_token
	srv github issued
	cat "$GH_WORLD/more" 2>/dev/null
}
: >"$GH_WORLD/more"
form_secrets() {
	{ srv oidc last path=/token && echo; } | tr ',' '\n' |
		sed -n 's/.*"\(client_assertion\|device_code\|refresh_token\|subject_token\|code\|code_verifier\)":"\([^"]*\)".*/\2/p' >>"$GH_WORLD/more"
}
# fails FAULT COMMAND...: what is on its way when it goes wrong is as secret.
fails() {
	local fault
	fault=$1
	shift
	srv oidc clear >/dev/null
	srv github clear >/dev/null
	# shellcheck disable=SC2086 # words
	srv $fault >/dev/null
	seen "$@"
	form_secrets
	{ srv github last path=/api/v3/app/installations/77/access_tokens && echo; } |
		sed -n 's/.*"authorization":"Bearer \([^"]*\)".*/\1/p' >>"$GH_WORLD/more"
	srv oidc clear >/dev/null
	srv github clear >/dev/null
}
# The first answer is "not yet".
polled() {
	[ "$(srv_count oidc '^POST /token 400')" -gt 0 ]
}
person() {
	cred_until 'a code' grep -q 'enter  ' "$GH_WORLD/o"
	cred_until 'a question too early' polled
	srv oidc device user_code="$(sed -n 's/^  enter  //p' "$GH_WORLD/o")" >/dev/null
}

# --- every grant, with every trace ------------------------------------------------------
cred_profile "$GIT_URL" hsmIssuer "$OIDC_URL" hsmClientId svc hsmKey "$(gh_uri svc)" \
	hsmGrant client_credentials hsmScope read_repository hsmStore session
seen git ls-remote "$GIT_URL/demo.git"
form_secrets
seen git ls-remote "$GIT_URL/demo.git"
for verb in status explain login logout test; do
	if [ "$verb" = status ]; then seen hsm status; else seen hsm "$verb" "$GIT_URL/demo.git"; fi
done
form_secrets
# Answers that are none: with a token in them, too.
for how in 'kind=status status=500' 'kind=status status=400' kind=torn kind=cut 'kind=edit set=token_type=mac' \
	'kind=dup set=access_token="x"' 'kind=edit set=refresh_token=7'; do
	fails "oidc fault times=0 on=/token $how" hsm login "$GIT_URL"
done
git config --global --unset "credential.$GIT_URL.hsmKey"
cred_profile "$GIT_URL" hsmClientId cli hsmGrant device_code \
	hsmScope 'openid offline_access read_repository'
srv oidc fault kind=edit times=0 on='POST /device/auth' set=interval=1 >/dev/null
: >"$GH_WORLD/o"
person &
seen git ls-remote "$GIT_URL/demo.git"
form_secrets
printf 'protocol=https\nhost=%s\npassword=%s\n\n' "${GIT_URL#https://}" \
	"$(srv oidc issued what=access_token | tail -n 1)" | hsm erase
seen git ls-remote "$GIT_URL/demo.git"
form_secrets
printf 'protocol=https\nhost=%s\npassword=%s\n\n' "${GIT_URL#https://}" \
	"$(srv oidc issued what=access_token | tail -n 1)" | hsm erase
for how in 'kind=status status=500' 'kind=status status=400' kind=torn; do
	fails "oidc fault times=0 on=/token $how" git ls-remote "$GIT_URL/demo.git"
done
seen hsm logout "$GIT_URL"
srv oidc workload >identity
{ cat identity && echo; } >>"$GH_WORLD/more"
cred_profile "$GIT_URL" hsmClientId ci hsmGrant token_exchange hsmSubjectToken "file:$GH_WORLD/identity"
seen git ls-remote "$GIT_URL/demo.git"
cred_profile "$GITHUB_URL" hsmGrant github_app hsmClientId Iv1.test hsmKey "$(gh_uri app)" \
	hsmStore session useHttpPath true
seen git ls-remote "$GITHUB_URL/acme/widgets.git"
for how in 'kind=status status=500' 'kind=status status=403' kind=torn; do
	fails "github fault times=0 on=access_tokens $how" hsm login "$GITHUB_URL/acme/widgets.git"
done
seen hsm logout "$GITHUB_URL/acme/widgets.git"
is 'all of it was done' "$(grep -c '^status 0' said)" 13
is 'and what is to fail did' "$(grep -c '^status [1-9]' said)" 13
secrets | grep . >all
ok 'there are secrets to look for' test "$(wc -l <all)" -ge 10
like 'and traces to look in' "$(wc -c <said)" '^[0-9]{5,}$'
isnt 'the search finds one' "$(srv oidc issued what=access_token | cat said - | grep -cFf all)" 0
is 'none was said' "$(grep -cFf all said)" 0

# What TLS is made of would be as good as what goes through it: libcurl writes it where the environment says.
cred_profile "$GIT_URL" hsmClientId svc hsmKey "$(gh_uri svc)" hsmGrant client_credentials \
	hsmScope read_repository hsmStore none
git config --global --unset "credential.$GIT_URL.hsmSubjectToken"
ok 'a login with SSLKEYLOGFILE' env SSLKEYLOGFILE="$GH_WORLD/tls" "$CRED_HELPER" login "$GIT_URL"
ok 'and one for git' sh -c 'printf "protocol=https\nhost=%s\n\n" "$1" |
	SSLKEYLOGFILE=$2 "$3" get | grep -q "^password=."' get "${GIT_URL#https://}" "$GH_WORLD/tls" "$CRED_HELPER"
ok 'leave no secrets of TLS behind' test ! -e "$GH_WORLD/tls"

# --- while it runs ---------------------------------------------------------------------------
# The answer is slow to come: arguments and environments of all our processes, as the system tells them.
srv oidc clear >/dev/null
srv oidc fault kind=slow ms=500 on='POST /token' >/dev/null
git ls-remote "$GIT_URL/demo.git" >"$GH_WORLD/o" 2>&1 &
git_pid=$!
in_hand() {
	: >"$GH_WORLD/more"
	form_secrets
	[ -s "$GH_WORLD/more" ]
}
cred_until 'the request' in_hand
secrets | grep . >all
: >running
: >unreadable
for p in /proc/[0-9]*; do
	case $({ tr '\0' '\n' <"$p/cmdline" | head -n 1; } 2>/dev/null) in
	*credential-fetch | *git-credential-hsm)
		{ tr '\0' '\n' <"$p/cmdline"; } >>running 2>/dev/null
		{ tr '\0' '\n' <"$p/environ"; } >>running 2>/dev/null || echo "$p" >>unreadable
		{ true <"$p/mem"; } 2>/dev/null && echo "$p/mem" >>running
		;;
	esac
done
kill "$git_pid" 2>/dev/null
like 'the program was found' "$(cat running)" 'credential-fetch'
is 'no secret in arguments or environments' "$(grep -cFf all running)" 0
unlike 'nobody else reads its memory' "$(cat running)" '/mem$'
if [ "$(id -u)" != 0 ]; then
	like 'nor its environment' "$(cat unreadable)" '^/proc/'
fi

done_testing
