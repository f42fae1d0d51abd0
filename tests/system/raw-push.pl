#!/usr/bin/perl
# raw-push.pl REPOSITORY COMMAND...: speaks git's push protocol (gitprotocol-pack(5))
# by hand, so that commands can say what git push never says. A COMMAND is "old new
# ref", sent byte for byte. The pack holds every object of the repository in the
# current directory, or what `git rev-list` gives for the words in RAW_OBJECTS; none
# is sent when every command is a deletion. RAW_SHALLOW: ids sent as "shallow" lines.
# Prints what the server says; ends with 0 when it took all commands, else with 1.
use strict;
use warnings;
use IPC::Open2;

my ($repo, @commands) = @ARGV;
my $pid = open2(my $from, my $to, 'git', 'receive-pack', $repo);
binmode $_ for $from, $to;
$SIG{PIPE} = 'IGNORE';

sub read_n {
	my ($n) = @_;
	my $buf = '';
	while (length $buf < $n) {
		my $got = read $from, $buf, $n - length $buf, length $buf;
		return undef unless $got;
	}
	return $buf;
}

sub pkt_read {
	my $len = read_n(4);
	return undef unless defined $len && $len =~ /^[0-9a-f]{4}$/;
	return '' if hex($len) < 4;
	return read_n(hex($len) - 4);
}

sub pkt_write {
	my ($data) = @_;
	print {$to} sprintf('%04x', length($data) + 4), $data;
}

while (defined(my $line = pkt_read())) {
	last if $line eq '';
}
pkt_write("shallow $_\n") for split ' ', $ENV{RAW_SHALLOW} // '';
my $first = 1;
my $pack = 0;
for my $c (@commands) {
	pkt_write($c . ($first ? "\0report-status side-band-64k delete-refs\n" : "\n"));
	$first = 0;
	$pack = 1 unless $c =~ /^[0-9a-f]+ 0{40} /;
}
print {$to} '0000';
if ($pack) {
	my $objects = $ENV{RAW_OBJECTS} // '--all';
	my $data = `git rev-list --objects $objects | cut -c1-40 | git pack-objects -q --stdout`;
	print {$to} $data;
}
close $to;

my $report = '';
while (defined(my $p = pkt_read())) {
	last if $p eq '';
	my $band = ord $p;
	if ($band == 1) {
		$report .= substr $p, 1;
	} else {
		print substr $p, 1;
	}
}
waitpid $pid, 0;
my $ok = 0;
while ($report =~ s/^([0-9a-f]{4})//) {
	my $n = hex $1;
	last if $n < 4;
	my $line = substr $report, 0, $n - 4, '';
	print $line;
	$ok++ if $line =~ /^ok /;
}
exit($ok == @commands ? 0 : 1);
