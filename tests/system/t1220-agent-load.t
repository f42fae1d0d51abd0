#!/bin/sh
# The agent under load and over time: many clients, strange clients, nothing that grows.
. "${GH_SRC:-tests}/system/lib.sh"
. "${GH_SRC:-tests}/system/agent-lib.sh"

agent_world
git config --global hsm.agent required
cat >"$GH_WORLD/config" <<-EOF
	[hsm]
		module = $GH_MODULE
		pinSource = file:$GH_PIN_FILE
		key = $(gh_fp alice)
EOF
ok 'an agent runs' commit one
pid=$(agent_pid)

load() { "$GH_TOOLS/agent-load" "$1" "$2" "$GH_WORLD/payload" "$GH_WORLD/config"; }
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
threads() { awk '/^Threads:/ { print $2 }' "/proc/$1/status"; }
# Its own three (the verifier's one), and up to four that wait for clients.
most=7
! thread_sanitized || most=8 # it has one
idle() { [ "$(threads "$pid")" -le $most ]; }

ok 'eight clients, a few signatures each' load 8 50
ok 'their threads end' until_true idle
worker=$(agent_worker)
before=$(($(rss "$pid") + $(rss "$worker")))
each=1000
! sanitized || each=100
ok "eight clients, $each signatures each" load 8 $each
is 'all came' "$(cat "$GH_OUT")" $((8 * each))
for i in 0 7; do
	ok "the last one of client $i is good" "$GH_BIN/gitsign-hsm" --status-fd=1 \
		--verify "$GH_WORLD/payload.sig.$i" "$GH_WORLD/payload"
done
ok 'their threads end too' until_true idle
is 'by the same agent' "$(agent_pid)" "$pid"
is 'and the same process for the module' "$(agent_worker)" "$worker"
after=$(($(rss "$pid") + $(rss "$worker")))
# SoftHSM and malloc have room for noise; a leak of a signature each would be 20 MB.
diag "memory before: $before kB, after: $after kB"
if sanitized; then
	skip 'the sanitizer keeps what is freed'
elif [ "$after" -lt $((before + 6144)) ]; then
	pass 'nothing has grown'
else
	fail "memory grew from $before to $after kB"
fi

# --- clients that make no sense ---------------------------------------------------------
# say HEX: sends these bytes to the private socket; prints what comes back, in hex.
say() {
	perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 9;
		$s->autoflush(1); print $s pack("H*", $ARGV[1]); shutdown($s, 1);
		local $/; my $r = <$s>; print unpack("H*", defined $r ? $r : "")' \
		"$XDG_RUNTIME_DIR/gitsign-hsm/agent" "$1"
}
# frame BYTES: the hex of a frame with the text in it, \xNN for others (perl).
frame() { perl -e 'my $b = eval qq{"$ARGV[0]"}; print unpack("H*", pack("N/a*", $b))' "$1"; }
is 'a length that is too much ends the connection' "$(say ffffffff0b)" ''
is 'and none at all' "$(say 00000000)" ''
is 'half a frame is no request' "$(say 0000000a0b)" ''
is 'an unknown message is refused' "$(say "$(frame '\x7f')")" 0000000105
for m in '\x0b' '\x0d\x00\x00\x00\x01x' '\x11' '\x12' '\x13' '\x14' '\x16\x00\x00\x00\x00' \
	'\x1a' '\x19'; do
	is "the private socket does not serve ssh: $m" "$(say "$(frame "$m")")" 0000000105
done
is 'an extension that is not known is refused' \
	"$(say "$(frame '\x1b\x00\x00\x00\x05query')")" 0000000105
is 'a request that is cut off is refused' \
	"$(say "$(frame '\x1b\x00\x00\x00\x14git-sign\x40gitsign-hsm\x01\x00\x00\x00\x09')")" 000000011c
is 'an answer nobody asked for is refused' \
	"$(say "$(frame '\x1b\x00\x00\x00\x16git-answer\x40gitsign-hsm\x02')")" 0000000105
ok 'and the agent goes on' raw
is 'as the same' "$(agent_pid)" "$pid"
ok 'alone again' until_true idle
perl -MIO::Socket::UNIX -e 'my @s = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) } 1 .. 80;
	print "up\n"; STDOUT->flush; sleep 600' "$XDG_RUNTIME_DIR/gitsign-hsm/agent" >"$GH_WORLD/up" &
idlers=$!
gh_at_exit "kill $idlers 2>/dev/null"
until_true grep -q up "$GH_WORLD/up"
exits 9 'when too many are connected, others are turned away' raw
git config --global hsm.agent auto
ok 'and sign without it where they may' raw
kill $idlers
ok 'when they go' until_true idle
git config --global hsm.agent required
ok 'it serves again' raw

# --- killed while it works -------------------------------------------------------------
# Each signature is whole, or there is none and a reason. SoftHSM empties token.object at a login
# before it writes it anew: killed there, the token is gone for good. That is for it to mend.
cp -R "$GH_WORLD/tokens" "$GH_WORLD/tokens.kept"
mended=0
mend_token() {
	[ -n "$(find "$GH_WORLD/tokens" -name token.object -size 0)" ] || return 0
	cp -R "$GH_WORLD/tokens.kept/." "$GH_WORLD/tokens/"
	mended=$((mended + 1))
}
git config --global hsm.agent required
: >../killing
(
	while [ -e "$GH_WORLD/killing" ]; do
		kill -9 "$(agent_worker)" 2>/dev/null
		sleep 0.1
		kill -9 "$(agent_pid)" 2>/dev/null
		sleep 0.1
	done
) &
killer=$!
good=0
bad=0
torn=0
i=0
while [ $i -lt 100 ]; do
	i=$((i + 1))
	if raw >../one.sig 2>../one.err; then
		if "$GH_BIN/gitsign-hsm" --status-fd=1 --verify ../one.sig ../payload >/dev/null 2>&1; then
			good=$((good + 1))
		else
			torn=$((torn + 1))
		fi
	elif [ -s ../one.sig ] || grep -q SIG_CREATED ../one.err || ! grep -q '^gitsign-hsm: ' ../one.err; then
		torn=$((torn + 1))
		sed 's/^/# /' ../one.err >&2
	else
		bad=$((bad + 1))
	fi
	mend_token
done
rm -f ../killing
wait $killer 2>/dev/null
mend_token
diag "signed: $good, refused: $bad, token mended: $mended"
is 'no signature is torn' "$torn" 0
isnt 'some are made all the same' "$good" 0
ok 'left alone, all is well' raw
done_testing
