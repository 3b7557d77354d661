# The messages of an attacker who poses as the name server, and of a server that
# has gone mad: labels for Behaviour.pm, which explains what a thing to do is.
#
#   forgeries    TRIES forged datagrams, of all kinds in turn, then the truth, then
#                one that comes too late
#   barefirst5   an error with this rcode and without a question; the truth 20 ms later
#   forged       the number of forged datagrams sent until now, as text
#   flood1000    1000 random datagrams, one each ms; meanwhile does as the next
#                label says
#   burst1000    the same, all at once
#   echoes1000   first does as the next label says, then sends 1000 datagrams at
#                once that would have been good answers before
#
# An attacker does not know the question, the id or the address: each kind is wrong
# in one of these, and right in all else. A guess that fits neither id comes first,
# as it does in a real attack.

package Forgery;

use strict;
use warnings;
use Answer;
use Wire;

use constant TRIES => 11;

# Counted by the server as it sends what has the mark "forged".
our $sent = 0;

my $turn = 0;

our %label = (
	forgeries => sub { forgeries($_[0]) },
	forged => sub { text($_[0], $sent) },
);

our %numbered = (
	barefirst => sub { (bare(@_[0, 1]), { %{ answer($_[0]) }, after => 20 }) },
	flood => sub {
		my ($query, $count, @further) = @_;
		return ((map { +{ message => rubbish(), after => $_ } } 1 .. $count), Behaviour::behave($query, @further));
	},
	burst => sub {
		my ($query, $count, @further) = @_;
		return ((map { +{ message => rubbish() } } 1 .. $count), Behaviour::behave($query, @further));
	},
	echoes => sub {
		my ($query, $count, @further) = @_;
		my $echo = { %{ forged($query) }, after => LATER };
		return (Behaviour::behave($query, @further), ($echo) x $count);
	},
);

# Each kind returns a message, or a thing to do. The first ones have another id.
my @guesses = (
	sub { forged($_[0], id => other_id($_[0])) },
	sub { forged($_[0], id => other_id($_[0]), tc => 1) },
	sub { failed($_[0], 1 + rand 5, id => other_id($_[0])) },
	sub { bare($_[0], 1 + rand 5, id => other_id($_[0])) });
my @kinds = (
	# the right id, and another question
	(map { my $change = $_; sub { forged($_[0], question => $change->($_[0])) } }
		  \&other_name, \&other_type, \&other_class, \&longer_name, \&parent_name),
	(map { my $rcode = $_; sub { failed($_[0], $rcode, question => other_name($_[0])) } } 1 .. 5),
	sub { truncated_with($_[0], question => other_name($_[0])) },
	sub { truncated_with($_[0], question => other_type($_[0])) },
	sub { forged($_[0], question => other_name($_[0]) . $_[0]{question}, count => [ 2, 1, 0, 0 ], no_opt => 1) },
	sub { { message => flipped($_[0], other_name($_[0])) } },

	# no question, which only a failure may leave out, and then not for long
	(map { my $rcode = $_; sub { bare($_[0], $rcode) } } 0 .. 5),
	(map { my $rcode = $_; sub { bare($_[0], $rcode, answer => [ elsewhere($_[0]) ]) } } 0 .. 5),
	sub { bare($_[0], 2, tc => 1) },
	sub { bare($_[0], 2, authority => [ negative($_[0]) ]) },

	# no answer at all
	sub { { message => $_[0]{octets} } },
	sub { forged($_[0], opcode => 2) },
	sub { forged($_[0], opcode => 5) },
	sub { { message => with_flags(forged($_[0])->{message}, 0) } },

	# another address or port than that of the server that was asked
	(map { my $from = $_; (
		sub { +{ %{ forged($_[0]) }, from => $from } },
		sub { +{ %{ truncated_with($_[0]) }, from => $from } },
		sub { +{ %{ bare($_[0], 5) }, from => $from } },
		map { my $rcode = $_; sub { +{ %{ failed($_[0], $rcode) }, from => $from } } } 1 .. 5)
	  } 'port', 'address'));

# Only a question whose letters were mixed has a wrong case.
my @with_case = (
	sub { forged($_[0], question => swapped_case($_[0])) },
	sub { failed($_[0], 3, question => swapped_case($_[0])) },
	sub { truncated_with($_[0], question => swapped_case($_[0])) });

sub forgeries
{
	my ($query) = @_;
	return answer($query) if $query->{transport} ne 'udp';

	my @all = (@kinds, $query->{name} =~ /[A-Z]/ ? @with_case : ());
	my @tries = ($guesses[ $turn % @guesses ], map { $all[ $turn++ % @all ] } 3 .. TRIES);
	my $late = { %{ forged($query) }, after => 2 * LATER };

	# The truth follows at once: if the server is short of processor time, an error
	# without a question must not take effect.
	return ((map { +{ %$_, forged => 1 } } (map { $_->($query) } @tries), $late), answer($query));
}

# A failure with the question and without records
sub failed
{
	my ($query, $rcode, %part) = @_;
	return answer($query, rcode => int $rcode, answer => [], %part);
}

# A header, and whatever is said
sub bare
{
	my ($query, $rcode, %part) = @_;
	return answer($query, rcode => int $rcode, answer => [], authority => [], no_opt => 1, %part, question => '');
}

sub truncated_with
{
	my ($query, %part) = @_;
	return answer($query, tc => 1, answer => [], authority => [], %part);
}

# Forged records that do not need the question to be there
sub elsewhere
{
	my ($query) = @_;
	return at($query->{wire}, record_of($query, "\xC0\0\2\x42"));
}

sub other_id
{
	my ($query) = @_;
	return $query->{id} ^ 1 + int rand 65535;
}

# The question with the first label changed
sub other_name
{
	my ($query) = @_;
	my $question = $query->{question};

	substr($question, 1, 1) = $question =~ /^.z/si ? 'y' : 'z';
	return $question;
}

sub other_type
{
	my ($query) = @_;
	return $query->{wire} . pack('n2', $query->{type} ^ 29, $query->{class});
}

sub other_class
{
	my ($query) = @_;
	return $query->{wire} . pack('n2', $query->{type}, 3);
}

sub longer_name
{
	my ($query) = @_;
	return "\1x" . $query->{question};
}

sub parent_name
{
	my ($query) = @_;
	return substr($query->{question}, 1 + length $query->{labels}[0]);
}

# The query with another question, as if it were the answer
sub flipped
{
	my ($query, $question) = @_;
	return with_flags(substr($query->{octets}, 0, 12) . $question . substr($query->{octets}, 12 + length $question), 0x8000);
}

sub with_flags
{
	my ($message, $flags) = @_;

	substr($message, 2, 2) = pack('n', $flags);
	return $message;
}

# Octets at random, or none; most are too short to be a message
sub rubbish
{
	my $length = (0, 1, 2, 5, 11, 12, 13, 17, 40, 300)[ rand 10 ];
	return pack('C*', map { rand 256 } 1 .. $length);
}

1;
