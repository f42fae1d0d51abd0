#!/usr/bin/perl
# graph.pl COMMIT-GRAPH COMMIT PARENT: gives a commit another first parent in a
# commit-graph file (gitformat-commit-graph(5)), both of which must stand in it.
use strict;
use warnings;
use Digest::SHA 'sha1';

my ($path, $commit, $parent) = @ARGV;
open my $f, '<:raw', $path or die "$path: $!";
local $/;
my $data = <$f>;
close $f;
my $chunks = ord substr $data, 6, 1;
my %at;
for my $i (0 .. $chunks - 1) {
	my ($id, $high, $low) = unpack 'a4NN', substr $data, 8 + 12 * $i, 12;
	$at{$id} = $low;
}
my $n = unpack 'N', substr $data, $at{OIDF} + 4 * 255, 4;
my %index = map { unpack('H*', substr $data, $at{OIDL} + 20 * $_, 20) => $_ } 0 .. $n - 1;
die 'not in the graph' unless defined $index{$commit} && defined $index{$parent};
substr $data, $at{CDAT} + 36 * $index{$commit} + 20, 4, pack 'N', $index{$parent};
$data = substr $data, 0, -20;
chmod 0600, $path;
open $f, '>:raw', $path or die "$path: $!";
print $f $data, sha1($data);
close $f or die;
