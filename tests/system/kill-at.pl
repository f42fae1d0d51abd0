#!/usr/bin/perl
# kill-at.pl MICROSECONDS WHAT COMMAND...: runs a command and, after that time, kills by
# SIGKILL what it has started: "hook" (pre-receive, post-receive), "server" (receive-pack)
# or "all" of it. What is not there is waited for a little. Prints what was killed.
use strict;
use warnings;
use Time::HiRes 'usleep';

my ($us, $what, @cmd) = @ARGV;
my $top = fork() // die;
if (!$top) {
	setpgrp 0, 0;
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	exec @cmd;
	exit 127;
}

sub below {
	my (%parent, %name);
	for my $stat (glob '/proc/[0-9]*/stat') {
		open my $f, '<', $stat or next;
		my $line = <$f> // next;
		my ($pid, $comm, $rest) = $line =~ /^(\d+) \((.*)\) (.*)/s or next;
		(undef, $parent{$pid}) = split ' ', $rest;
		$name{$pid} = $comm;
	}
	my @found;
	for my $pid (keys %parent) {
		my $p = $pid;
		$p = $parent{$p} while $p && $p != $top && $parent{$p};
		push @found, $pid if ($p // 0) == $top && $pid != $top;
	}
	return map { [ $_, $name{$_} ] } @found;
}

sub wanted {
	my ($pid, $name) = @{ $_[0] };
	return $name =~ /^(pre|post)-receive$/ if $what eq 'hook';
	open my $f, '<', "/proc/$pid/cmdline" or return 0;
	my $line = <$f> // '';
	return $line =~ /receive-pack/;
}

usleep $us;
my $killed = 'nothing';
if ($what eq 'all') {
	kill 'KILL', -$top;
	$killed = 'all';
} else {
	for (1 .. 100) {
		my @hit = grep { wanted($_) } below();
		if (@hit) {
			usleep int rand 3000;
			kill 'KILL', map { $_->[0] } @hit;
			$killed = $what;
			last;
		}
		last if waitpid($top, 1) == $top;
		usleep 500;
	}
}
waitpid $top, 0;
print "$killed\n";
