#!/bin/sh
# The agent and time: certificates that it knows already and that begin, expire or are renewed.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"
agent_world
unset DISPLAY WAYLAND_DISPLAY
DAY=86400
# clock SECONDS: what the agent's clock is off by.
clock() { echo "$1" >"$GH_WORLD/clock.new" && mv "$GH_WORLD/clock.new" "$GH_WORLD/clock"; }
# start: an agent with that clock.
start() {
	agent_end
	LD_PRELOAD=$GH_TOOLS/clock.so GH_CLOCK=$GH_WORLD/clock \
		ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		"$GH_BIN/gitsign-hsm" agent >/dev/null 2>"$GH_WORLD/agent.err" &
	until_true agent status || bail "no agent: $(cat "$GH_WORLD/agent.err")"
}
git config --global hsm.agent required

# --- not in force any more, not yet ---------------------------------------------------------
clock 0
start
pid=$(agent_pid)
ok 'a certificate in force signs' raw
worker=$(agent_worker)
for days in 31 -1; do
	clock $((days * DAY))
	exits 4 "$days days on it does not" raw
	like 'it says why' "$(cat "$GH_ERR")" "$([ $days -gt 0 ] && echo 'expired at' || echo 'not valid before') 20"
	is 'nothing is handed out' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
	clock 0
	ok 'now it does again' raw
done
clock $((29 * DAY))
ok 'a day before its end it does' raw
is 'that was one agent' "$(agent_pid)" "$pid"
isnt 'which had the certificate already' "$worker" ''

# --- renewed ---------------------------------------------------------------------------------
# By e-mail: the key stays, and has a new certificate on the token.
printf '#!/bin/sh\necho given >>%s\ncat %s\n' "$GH_WORLD/given" "$GH_PIN_FILE" >../give
chmod 700 ../give
git config --global hsm.pinSource "command:$GH_WORLD/give"
git config --global hsm.key alice@example.com
clock 0
start
ok 'a key by its e-mail address' raw
cp ../keys/alice.pem ../keys/old.pem
GH_DAYS=60 gh_certificate alice alice@example.com
gh_store ../keys/alice.pem alice
ok 'goes on with the certificate that is known' raw
clock $((31 * DAY))
ok 'and with the new one when that is over' raw
sed 's/SIGNED MESSAGE/CMS/' "$GH_OUT" >../one.cms
gh_setup openssl cms -verify -noverify -binary -inform PEM -in ../one.cms -content ../payload \
	-signer ../signer.pem -out /dev/null
is 'it is the new one' "$(openssl x509 -in ../signer.pem -noout -fingerprint)" \
	"$(openssl x509 -in ../keys/alice.pem -noout -fingerprint)"
is 'for no other PIN' "$(grep -c given ../given)" 1
clock $((61 * DAY))
exits 4 'until that is over, too' raw
like 'it says why' "$(cat "$GH_ERR")" 'expired at 20'

# --- while somebody is asked ------------------------------------------------------------------
cat >"$GH_WORLD/pinentry" <<-EOF2
	#!/bin/sh
	echo 'OK hello'
	while read -r l; do
		case \$l in CONFIRM*) cp $GH_WORLD/later $GH_WORLD/clock ;; esac
		echo OK
	done
EOF2
chmod 700 "$GH_WORLD/pinentry"
git config --global hsm.pinentry "$GH_WORLD/pinentry"
git config --global hsm.confirm each
gh_use alice
clock 0
start
echo $((29 * DAY)) >../later
ok 'a yes that takes a month' raw
clock 0
echo $((61 * DAY)) >../later
exits 4 'and one that takes two is none' raw
like 'it says why' "$(cat "$GH_ERR")" 'the certificate: expired at 20'
is 'nothing is handed out' "$(wc -c <"$GH_OUT" | tr -d ' ')" 0
agent_end
done_testing
