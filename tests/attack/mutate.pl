#!/usr/bin/perl
# mutate.pl FILE WHAT: takes a check out of a C file. WHAT is a text that stands once in
# it, behind the check: the condition of the last `if` in front of it holds no more,
# though it is still computed. Or WHAT is a substitution, s/.../.../.
use strict;
use warnings;

my ($path, $what) = @ARGV;
open my $f, '<', $path or die "$path: $!\n";
local $/;
my $c = <$f>;
close $f;

if ($what =~ /^s[\/{]/) {
	my $changed = eval "\$c =~ $what";
	die $@ if $@;
	die "$what changes nothing\n" unless $changed;
} else {
	my $at = index $c, $what;
	die "$what: not there\n" if $at < 0;
	die "$what: more than once\n" if index($c, $what, $at + 1) >= 0;
	my $if = rindex $c, 'if (', $at;
	die "no if\n" if $if < 0;
	my ($i, $depth) = ($if + 3, 0);
	do {
		my $ch = substr $c, $i++, 1;
		$depth++ if $ch eq '(';
		$depth-- if $ch eq ')';
	} while $depth > 0;
	my $cond = substr $c, $if + 3, $i - $if - 3;
	substr $c, $if + 3, $i - $if - 3, "($cond && false)";
}
open $f, '>', $path or die "$path: $!\n";
print $f $c;
close $f or die;
