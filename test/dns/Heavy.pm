# Answers that cost far more than their octets: as large as a message can be, and
# made of data that grows most as text. The type asked for chooses the data.
# A name of 255 octets, each of which is written \001, is in the message once, and
# everything else points to it. Messages are made once for each type.

package Heavy;

use strict;
use warnings;
use Answer qw(ASKED cname);
use Wire;

use constant LARGEST => 65535;

my $long_name = pack('(C/a*)*x', map { "\1" x $_ } 63, 63, 63, 61);
my $all_types = join '', map { pack('C2', $_, 32) . "\xff" x 32 } 0 .. 255;

# RDATA, or with {} what repeats in it
my %rdata = (
	A => sub { "\xc0\0\2\1" },
	MINFO => sub { my ($name) = @_; $name x 2 },
	NSEC => sub { my ($name) = @_; $name . $all_types },
	TXT => { '' => "\xff" . "\xff" x 255 },
	NINFO => { '' => "\0" },
	APL => { '' => "\0\1\0\0" },
	SVCB => { pack('n', 1) . "\0" => '' },
	map { $_ => sub { $_[0] } } qw(NS PTR));

my %answers;

# As many records as fit, or one that is as large
sub answer
{
	my ($query) = @_;
	my $type = $query->{type_text};
	my $room = LARGEST - length Wire::message($query);
	my $what = $rdata{$type} // return Answer::answer($query);

	$answers{"$type $room"} //= ref $what eq 'CODE' ? many($query, $what, $room) : [ one($query, $type, $what, $room) ];
	return { message => Wire::reply($query, answer => $answers{"$type $room"}) };
}

# A sound TXT answer of this many octets in all
sub sized
{
	my ($query, $octets) = @_;
	my $left = $octets - length(Wire::message($query)) - length Answer::record_of($query, '');

	return { message => Wire::reply($query, answer => [ Answer::record_of($query, strings($left)) ]) };
}

sub many
{
	my ($query, $what, $room) = @_;
	my $long = pack('n', 0xC000 + 12 + length($query->{question}) + length cname(ASKED, ''));
	my $first = cname(ASKED, $long_name);
	my $record = Wire::record($long, $query->{type}, $what->($long));

	return [ $first, ($record) x (($room - length $first) / length $record) ];
}

sub one
{
	my ($query, $type, $what, $room) = @_;
	my ($begin, $part) = %$what;
	my $left = $room - length Answer::record_of($query, $begin);

	# parameters that have no value, and numbers that ascend
	return Answer::record_of($query, $begin . pack '(nn)*', map { ($_, 0) } 100 .. 99 + $left / 4) if $type eq 'SVCB';
	return Answer::record_of($query, $begin . $part x ($left / length $part));
}

# Character-strings of this many octets in all
sub strings
{
	my ($octets) = @_;
	return join '', (pack('C/a*', 'x' x 255)) x int($octets / 256), $octets % 256 ? pack('C/a*', 'x' x ($octets % 256 - 1)) : ();
}

1;
