#!/bin/sh
# The agent and large requests: as many as it has room for at a time, and no more memory.
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
# A commit with a message of almost 16 MiB, which is what can be signed.
{
	cat ../payload
	perl -e 'print "0123456789abcde\n" x (1 << 20)' |
		head -c $(((16 << 20) - $(wc -c <../payload)))
} >../large
{
	cat ../large
	echo
} >../too-large
SOCKET=$XDG_RUNTIME_DIR/gitsign-hsm/agent
load() { "$GH_TOOLS/agent-load" "$1" "$2" "$3" "$GH_WORLD/config"; }
peak() { awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status"; }
now() { awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status"; }
gave_back() { [ "$(now)" -lt $((before + 16 * 1024)) ]; }
# one_agent: since $pid was set; what memory it had meanwhile.
one_agent() {
	is 'all that was one agent' "$(agent_pid)" "$pid"
	diag "memory before: $before kB, most: $(peak) kB, now: $(now) kB"
	if sanitized; then
		skip 'the sanitizer keeps what is freed' 2
		return
	fi
	# Room for 68 MiB, and what is made of it on the way.
	ok 'which never had much more than its room' test "$(peak)" -lt $((before + 84 * 1024))
	ok 'and gave it back' until_true gave_back
}
ok 'an agent runs' raw
pid=$(agent_pid)
before=$(now)

# --- those who mean it --------------------------------------------------------------------
ok 'a large commit is signed' raw ../large
cp "$GH_OUT" ../large.sig
ok 'its signature is good' "$GH_BIN/gitsign-hsm" --status-fd=1 --verify ../large.sig ../large
not_ok 'a larger one is not' raw ../too-large
ok 'eight clients with large ones all get theirs' load 8 3 ../large
is 'each' "$(cat "$GH_OUT")" 24
ok 'the last one of the last client is good' "$GH_BIN/gitsign-hsm" --status-fd=1 \
	--verify ../large.sig.7 ../large

# --- those who flood -------------------------------------------------------------------------
# flood PROCESSES CONNECTIONS [REQUEST]: as many processes, each with so many connections, on each
# of which comes as much of a large request as is taken, but for the end; or all of the request in
# that file. Comes back when nothing more is taken. No question is answered.
flood() {
	local i
	rm -f ../flooded.*
	perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE";
		my ($path, $processes, $n, $mark, $file) = @ARGV;
		my @children;
		$SIG{TERM} = sub { kill "TERM", @children; exit };
		for my $p (1 .. $processes) {
			my $pid = fork; if ($pid) { push @children, $pid; next }
			$SIG{TERM} = "DEFAULT";
			my $all = pack("N", 16 << 20) . "\x1b" x ((16 << 20) - 1);
			if (defined $file) { local $/; open my $f, "<:raw", $file or die; $all = <$f> }
			my (@s, %at);
			for (1 .. $n) {
				my $s = IO::Socket::UNIX->new(Peer => $path) or next;
				$s->blocking(0);
				push @s, $s;
			}
			for (my $quiet = 0; 1; ) {
				my $wrote = 0;
				for (@s) {
					my $at = $at{$_} // 0;
					my $k = syswrite $_, $all, 1 << 16, $at if $at < length $all;
					$at{$_} = $at + $k, $wrote += $k if defined $k;
				}
				$quiet = $wrote ? 0 : $quiet + 1;
				if ($quiet == 5) { open my $f, ">", "$mark.$p" }
				select undef, undef, undef, 0.1 unless $wrote;
			}
		}
		sleep 1 while 1' "$SOCKET" "$1" "$2" "$GH_WORLD/flooded" ${3+"$3"} &
	flooder=$!
	gh_at_exit "kill $flooder 2>/dev/null"
	i=0
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		until_true test -e "../flooded.$i" || return 1
	done
}
over() {
	kill $flooder
	wait $flooder 2>/dev/null
	return 0
}
ok 'one process with forty large requests that do not end' flood 1 40
ok 'a small one of another is signed' raw
ok 'and many' load 8 20 ../payload
ok 'and a large one' raw ../large
over
ok 'six processes with four each' flood 6 4
ok 'small ones are signed' load 8 20 ../payload
# Those that do not send what there is room for are turned out when another one waits.
ok 'and a large one' raw ../large
ok 'and more of them' load 4 2 ../large
over
one_agent
# Those that have sent all, and keep the answer to a question to themselves, are not.
agent_end
printf '[hsm]\n\tmodule = %s\n\tpinSource = prompt\n\tkey = %s\n' "$GH_MODULE" "$(gh_fp alice)" >../asks
perl -e 'local $/; my @f = map { open my $f, "<:raw", $_ or die; <$f> } @ARGV;
	print pack "N/a*", "\x1b" . pack("N/a*", "git-sign\@gitsign-hsm") .
		"\x01" . pack("N/a*N/a*N/a*N/a*", $f[0], "", $f[1], "/nowhere")' ../large ../asks >../request
raw >/dev/null 2>&1 && agent lock && agent unlock # an agent that has no PIN
pid=$(agent_pid)
before=$(now)
ok 'four processes with a whole one each, that are asked for a PIN' flood 4 1 "$GH_WORLD/request"
exits 9 'for a large one there is no room' raw ../large
like 'it says so' "$(cat "$GH_ERR")" 'no room for this one: try again'
like 'and the log' "$(tail -n 1 "$HOME/.local/state/gitsign-hsm/agent.log")" '"refused".*no room'
git config --global hsm.agent auto
ok 'which is signed without the agent where that may be' raw ../large
git config --global hsm.agent required
over
ok 'when they are gone there is room' raw ../large
one_agent
agent_end
done_testing
