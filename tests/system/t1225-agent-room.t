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
# flood PROCESSES CONNECTIONS: as many processes, each with so many connections, on each of
# which comes as much of a large request as is taken, but for the end. Comes back when nothing
# more is taken.
flood() {
	local i
	rm -f ../flooded.*
	perl -MIO::Socket::UNIX -e '$SIG{PIPE} = "IGNORE";
		my ($path, $processes, $n, $mark) = @ARGV;
		my @children;
		$SIG{TERM} = sub { kill "TERM", @children; exit };
		for my $p (1 .. $processes) {
			my $pid = fork; if ($pid) { push @children, $pid; next }
			$SIG{TERM} = "DEFAULT";
			my $all = pack("N", 16 << 20) . "\x1b" x ((16 << 20) - 1);
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
		sleep 1 while 1' "$SOCKET" "$1" "$2" "$GH_WORLD/flooded" &
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
exits 9 'for a large one there is no room' raw ../large
like 'it says so' "$(cat "$GH_ERR")" 'no room for this one: try again'
like 'and the log' "$(tail -n 1 "$HOME/.local/state/gitsign-hsm/agent.log")" '"refused".*no room'
git config --global hsm.agent auto
ok 'which is signed without the agent where that may be' raw ../large
git config --global hsm.agent required
over
ok 'when they are gone there is room' raw ../large
is 'all that was one agent' "$(agent_pid)" "$pid"
diag "memory before: $before kB, most: $(peak) kB, now: $(now) kB"
if sanitized; then
	skip 'the sanitizer keeps what is freed' 2
else
	# Room for 68 MiB, and a copy of each for its name in git.
	ok 'which never had more than twice its room' test "$(peak)" -lt $((before + 160 * 1024))
	ok 'and gave it back' test "$(now)" -lt $((before + 16 * 1024))
fi
agent_end
done_testing
