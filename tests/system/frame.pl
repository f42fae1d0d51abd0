#!/usr/bin/perl
# frame.pl WHERE CODE ID [BODY]: one frame (lib/cred/wire.h) to a store, the answer's code and body on
# standard output. WHERE: a socket, or "program ARGUMENTS" with words. In ID "|" stands for NUL.
# CODE "raw": ID is sent as it is, in hexadecimal, and what comes back is printed.
use strict;
use warnings;
use IO::Socket::UNIX;
use IPC::Open2;

my ($where, $code, $id, $body) = (@ARGV, '');
my ($in, $out);
if (-S $where) {
	my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $where) or die "$where: $!\n";
	($in, $out) = ($s, $s);
} else {
	open2($out, $in, split / /, $where);
}
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { print "no answer\n"; exit 3 };
alarm 60;
$id =~ tr/|/\0/ unless $code eq 'raw';
my $frame = $code eq 'raw' ? pack('H*', $id) : pack('a4 C x3 N N', 'ghc1', $code, length $id, length $body) . $id . $body;
$in->autoflush(1);
print $in $frame;
ref $in eq 'IO::Socket::UNIX' ? shutdown($in, 1) : close $in;
my $all = do { local $/; <$out> } // '';
if (length $all < 16) {
	print 'closed after ', length $all, " bytes\n";
	exit 1;
}
my ($magic, $said, $n, $m) = unpack 'a4 C x3 N N', $all;
print "$magic $said\n", substr($all, 16 + $n);
