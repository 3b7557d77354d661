# Servers that do not know EDNS or get it wrong, and cookies that nobody asked
# for: labels for Behaviour.pm.

package Edns;

use strict;
use warnings;
use Answer;
use Wire;

our %label = (
	# Queries with an OPT record are not understood: an error with the question and
	# an OPT record, one without either, each of them once more before the answer to the
	# query without EDNS, nothing
	ednserror => sub { without_edns($_[0], rcode => 1, answer => []) },
	ednsbare => sub { without_edns($_[0], rcode => 1, answer => [], question => '', no_opt => 1) },
	ednstwice => sub { twice($_[0], 0, rcode => 1, answer => []) },
	ednsbaretwice => sub { twice($_[0], 130, rcode => 1, answer => [], question => '', no_opt => 1) },
	ednsdrop => sub { defined $_[0]{edns} ? () : answer($_[0], no_opt => 1) },

	# An OPT record where it should not be, of a version that nobody asked for
	optanswer => sub { answer($_[0], answer => [ Wire::opt(0), record_of($_[0], "\xC0\0\2\1") ], no_opt => 1) },
	optauthority => sub { answer($_[0], authority => [ Wire::opt(0) ], no_opt => 1) },
	optversion => sub { answer($_[0], no_opt => 1, additional => [ "\0" . pack('nnNn', $Wire::TYPE{OPT}, 1232, 1 << 16, 0) ]) },

	# A cookie, the first time only, or always
	cookieonce => sub { answer($_[0], $_[0]{times} == 1 ? (options => [ cookie($_[0]) ]) : ()) },
	cookieadd => sub { answer($_[0], options => [ cookie($_[0]) ]) },
);

sub without_edns
{
	my ($query, %part) = @_;
	return answer($query, defined $query->{edns} ? %part : ());
}

# The second error comes this many ms after the first one.  An error without a question
# waits for 100 ms, and the answer comes so soon that the try does not end.
sub twice
{
	my ($query, $ms, %part) = @_;

	return { %{ answer($query) }, after => 60 } if !defined $query->{edns};
	return (answer($query, %part), { %{ answer($query, %part) }, after => $ms });
}

1;
