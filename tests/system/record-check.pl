#!/usr/bin/perl
# record-check.pl REPOSITORY: does the record tell how every ref came to its value? By the
# lines alone, apart from the program that writes them: each landed update of a ref starts
# where the one before it ended, and the ref stands where the last one ended, or at an
# update that is still pending. Prints what is wrong; ends with 0 when nothing is.
use strict;
use warnings;

my ($repo) = @ARGV;
my (%entry, @landed, %pending, %value, %at);
my $bad = 0;

sub wrong {
	print "@_\n";
	$bad++;
}

open my $f, '<', "$repo/gitsign-hsm/record" or die "record: $!";
while (<$f>) {
	my ($v, $seq, $state, @rest) = split;
	if ($state eq 'p') {
		wrong("entry $seq stands twice") if $entry{$seq};
		my ($rule, $ref, $old, $new) = @rest[2 .. 5];
		$entry{$seq} = { seq => $seq, ref => $ref, old => $old, new => $new };
		$pending{$seq} = 1;
	} else {
		wrong("entry $seq changes from nothing") unless delete $pending{$seq};
		push @landed, $entry{$seq} if $state eq 'l';
	}
}
for (split /\n/, `git -C '$repo' for-each-ref --format='%(refname) %(objectname)'`) {
	my ($ref, $id) = split;
	$value{$ref} = $id;
}
for my $e (sort { $a->{seq} <=> $b->{seq} } @landed) {
	my $was = $at{ $e->{ref} } // '0' x length $e->{old};
	wrong("entry $e->{seq}: $e->{ref} from $e->{old}, but it was at $was") if $was ne $e->{old};
	$at{ $e->{ref} } = $e->{new};
}
my %open = map { ("$_->{ref} $_->{new}" => 1) } map { $entry{$_} } keys %pending;
for my $ref (keys %value) {
	next if ($at{$ref} // '') eq $value{$ref} || $open{"$ref $value{$ref}"};
	wrong("$ref is at $value{$ref}, which is not on record");
}
for my $ref (keys %at) {
	wrong("$ref is on record, and gone") if !$value{$ref} && $at{$ref} !~ /^0+$/;
}
exit($bad ? 1 : 0);
