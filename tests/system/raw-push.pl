#!/usr/bin/perl
# raw-push.pl REPOSITORY COMMAND...: speaks git's push protocol (gitprotocol-pack(5))
# by hand, so that commands can say what git push never says. A COMMAND is "old new
# ref", sent byte for byte. Prints what the server says; ends with 0 when it took all
# commands, else with 1. By environment:
#   RAW_OBJECTS  the pack holds what `git rev-list --objects` gives for these words
#                (--all); none is sent when every command is a deletion
#   RAW_IDS      or just these objects, which git need not be able to walk
#   RAW_PACK     or these bytes of a file
#   RAW_SHALLOW  ids sent as "shallow" lines
#   RAW_OPTIONS  a file of push options, NUL behind each
#   RAW_CERT     a shell command that is given the server's nonce and prints a push
#                certificate, sent line by line as a block of commands
#   RAW_CERTS    how often the block is sent (1)
#   RAW_AFTER    when set, COMMANDs stand behind the certificate, not in front of it
#   RAW_STATELESS as over HTTP: the server that answers is not the one that gave the nonce
#   RAW_SAVE     a file that the request is kept in
#   RAW_SEND     a file that is sent as the request, with RAW_STATELESS
use strict;
use warnings;
use IPC::Open2;

my ($repo, @commands) = @ARGV;
my $stateless = $ENV{RAW_STATELESS} || $ENV{RAW_SEND};
my ($pid, $from, $server);
my $request = '';
open my $to, '>', \$request or die $!;

# The command's words, one by one.
sub start {
	$pid = open2($from, $server, 'git', 'receive-pack', @_, $repo);
	binmode $_ for $from, $server, *STDOUT;
}
start($stateless ? ('--stateless-rpc', '--advertise-refs') : ());
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

sub file {
	my ($path) = @_;
	open my $f, '<', $path or die "$path: $!";
	binmode $f;
	local $/;
	return scalar <$f>;
}

sub pack_data {
	return file($ENV{RAW_PACK}) if $ENV{RAW_PACK};
	if ($ENV{RAW_IDS}) {
		my @ids = split ' ', $ENV{RAW_IDS};
		return `printf '%s\\n' @ids | git pack-objects -q --stdout`;
	}
	my $objects = $ENV{RAW_OBJECTS} // '--all';
	return `git rev-list --objects $objects | cut -c1-40 | git pack-objects -q --stdout`;
}

my ($nonce, $format) = ('', '');
while (defined(my $line = pkt_read())) {
	last if $line eq '';
	$nonce = $1 if $line =~ /[ \0]push-cert=(\S+)/;
	$format = " $1" if $line =~ /[ \0](object-format=\S+)/;
}
if ($stateless) {
	waitpid $pid, 0;
	start('--stateless-rpc');
}
my $cert = $ENV{RAW_CERT} ? `$ENV{RAW_CERT} '$nonce'` : '';
my @lines = $cert =~ /[^\n]*\n/g;
my $wanted = @commands || grep { /^[0-9a-f]{40,} [0-9a-f]{40,} / } @lines;
my $caps = "\0report-status side-band-64k delete-refs$format" .
	($ENV{RAW_OPTIONS} ? ' push-options' : '') . "\n";

# What begins the list of commands carries the capabilities.
sub say_first {
	my ($text, $plain) = @_;
	pkt_write($text . ($caps // $plain));
	$caps = undef;
}

sub send_certs {
	for (1 .. ($ENV{RAW_CERTS} // 1)) {
		say_first('push-cert', "\n");
		pkt_write($_) for @lines;
		pkt_write("push-cert-end\n");
	}
}

pkt_write("shallow $_\n") for split ' ', $ENV{RAW_SHALLOW} // '';
send_certs() if $cert ne '' && $ENV{RAW_AFTER};
say_first($_, "\n") for @commands;
send_certs() if $cert ne '' && !$ENV{RAW_AFTER};
print {$to} '0000';
if ($ENV{RAW_OPTIONS}) {
	pkt_write($_) for split /\0/, file($ENV{RAW_OPTIONS});
	print {$to} '0000';
}
if ($cert ne '' || $ENV{RAW_PACK} || grep { !/^[0-9a-f]+ 0{40,} / } @commands) {
	print {$to} pack_data();
}
close $to;
if ($ENV{RAW_SAVE}) {
	open my $f, '>:raw', $ENV{RAW_SAVE} or die "$ENV{RAW_SAVE}: $!";
	print {$f} $request;
	close $f;
}
print {$server} $ENV{RAW_SEND} ? file($ENV{RAW_SEND}) : $request;
close $server;

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
exit($ok == $wanted ? 0 : 1);
