# Servers that do more than one thing, and answers that are odd in several ways:
# labels for Behaviour.pm. The labels behind the first one say what is combined.
#
#   each.A.B...   each server another: A at 127.0.0.1, B at 127.0.0.2 ...; A-B stands for A.B
#   then.A.B      A for the first query of a question, B for all others
#   noedns1.A     an error with this rcode for a query with EDNS, A without
#   silent.A      nothing for a query with EDNS, A without
#   tcp.A         truncated over UDP, A over TCP

package Combined;

use strict;
use warnings;
use Answer;
use Wire;

our %label = (
	each => sub {
		my ($query, @further) = @_;
		my ($number) = $query->{to} =~ /(\d+)$/;
		return Behaviour::behave($query, split /-/, $further[ $number - 1 ]);
	},
	then => sub { my ($query, $first, $other) = @_; return Behaviour::behave($query, $query->{times} == 1 ? $first : $other) },
	silent => sub { my ($query, @further) = @_; return defined $query->{edns} ? () : Behaviour::behave($query, @further) },
	tcp => sub { my ($query, @further) = @_; return over_tcp($query, Behaviour::behave($query, @further)) },

	# Errors and truncation with records, which count for nothing
	failplus => sub { answer($_[0], rcode => 2) },
	refusedplus => sub { answer($_[0], rcode => 5) },
	nxdomainplus => sub { answer($_[0], rcode => 3) },
	nxdomaincname => sub { answer($_[0], rcode => 3, answer => [ cname(ASKED, step('gone')) ], authority => [ negative($_[0]) ]) },
	nxdomainbare => sub { answer($_[0], rcode => 3, answer => [], authority => [], no_opt => 1) },
	nxdomaintc => sub { answer($_[0], rcode => 3, tc => $_[0]{transport} eq 'udp', answer => []) },
	failtc => sub { answer($_[0], rcode => 2, tc => $_[0]{transport} eq 'udp', answer => []) },
	refusedtc => sub { answer($_[0], rcode => 5, tc => $_[0]{transport} eq 'udp', answer => []) },
	tcnodata => sub { over_tcp($_[0], answer($_[0], answer => [])) },
	tcnxdomain => sub { over_tcp($_[0], answer($_[0], rcode => 3, answer => [], authority => [ negative($_[0]) ])) },
	tcfail => sub { over_tcp($_[0], answer($_[0], rcode => 2, answer => [])) },
	tcrefused => sub { over_tcp($_[0], answer($_[0], rcode => 5, answer => [])) },
	tcshort => sub { over_tcp($_[0], { message => substr(message_of($_[0]), 0, -5) }) },

	# Empty answers: with and without the flags and the records that tell them apart
	emptyra => sub { answer($_[0], aa => 0, ra => 1, answer => [], authority => []) },
	emptyns => sub { answer($_[0], answer => [], authority => [ ns($_[0]) ]) },
	emptynssoa => sub { answer($_[0], aa => 0, ra => 1, answer => [], authority => [ ns($_[0]), negative($_[0]) ]) },
	othertype => sub { answer($_[0], answer => [ Wire::record(ASKED, $Wire::TYPE{HINFO}, Wire::strings('other', 'type')) ]) },
	otherclass => sub { answer($_[0], answer => [ Wire::record(ASKED, $_[0]{type}, "\xC0\0\2\x42", undef, 3) ]) },
	intoauthority => sub { answer($_[0], answer => [], authority => [ records($_[0]) ]) },
	intoadditional => sub { answer($_[0], answer => [], additional => [ records($_[0]) ]) },

	# Sound answers with more around them
	signed => sub { answer($_[0], answer => [ signature($_[0]), records($_[0]), signature($_[0]) ]) },
	signedcname => sub {
		my ($query) = @_;
		return answer($query, answer => [ reverse cname(ASKED, step('c')), signature($query), at(step('c'), records($query), signature($query)) ]);
	},
	junk => sub {
		my ($query) = @_;
		return answer($query, authority => [ ns($query), negative($query) ],
			additional => [ records($query, forged => 1), map { Wire::record("\0", 65280 + $_, garbage($query, $_)) } 0 .. 20 ]);
	},
	doubled => sub { answer($_[0], answer => [ (records($_[0])) x 20 ]) },
	mixedttl => sub { answer($_[0], answer => [ map { records($_[0], ttl => $_) } 300, 0, 0x80000001, 60 ]) },
	bigudp => sub { my ($query) = @_; return { message => Wire::message($query, answer => [ (records($query)) x 200 ]) } },
	flags => sub { { message => with_flags($_[0], 0x0070) } },

	# No answers, and nothing else behind them
	noresponse => sub { { message => without_flags($_[0], 0x8000) } },
	opcode => sub { answer($_[0], opcode => 4) },
	emptyquestion => sub { answer($_[0], question => '') },
	emptynxdomain => sub { answer($_[0], rcode => 3, question => '', answer => [], no_opt => 1) },
	otherquestion => sub { forged($_[0], question => "\5other" . $_[0]{question}) },
	pointedquestion => sub { answer($_[0], question => "\xC0\x0C" . substr($_[0]{question}, -4)) },
	otherport => sub { $_[0]{transport} eq 'udp' ? { %{ answer($_[0]) }, from => 'port' } : answer($_[0]) },
	manyquestions => sub { answer($_[0], question => $_[0]{question} x 3, count => [ 3, 1, 0, 0 ], no_opt => 1, answer => [ record_of($_[0], "\xC0\0\2\1") ]) },

	# Aliases that go on in odd ways
	dnameself => sub { answer($_[0], answer => [ Wire::record(Answer::parent($_[0]), $Wire::TYPE{DNAME}, Wire::name('x') ), cname(ASKED, ASKED) ]) },
	dnamelong => sub {
		my ($query) = @_;
		return answer($query, answer => [ Wire::record(Answer::parent($query), $Wire::TYPE{DNAME}, pack('(C/a*)*x', map { 'n' x $_ } 63, 63, 63, 60)) ]);
	},
	cnameroot => sub { answer($_[0], answer => [ cname(ASKED, "\0") ], authority => []) },
	cnamefail => sub { answer($_[0], rcode => 2, answer => [ cname(ASKED, step('c')) ]) },
	cnameopen => sub { answer($_[0], aa => 0, ra => 1, answer => [ cname(ASKED, pack('C/a*', 'nodata') . Answer::parent($_[0])) ], authority => []) },
	cnametc => sub { answer($_[0], tc => 1, answer => [ cname(ASKED, step('c')) ]) },
);

# The labels that are combined, two or more at a time
our @parts = qw(sound drop nxdomain nodata nodatabare rcode2 rcode5 rcode4 headeronly referral lame short tc tcclose ednserror ednsbare twoopt
  open1 cnameself otherowner emptyquestion refusedtc nxdomaintc noresponse);

# All combinations, as dotted labels
sub combinations
{
	return ((map { my $first = $_; map { ("each.$first.$_", "then.$first.$_") } grep { $_ ne $first } @parts } @parts),
		map { ("noedns1.$_", "noedns4.$_", "silent.$_", "tcp.$_", "noedns1.tcp.$_", "tcp.noedns1.$_", "each.rcode2.rcode5.$_", "each.$_.rcode5.drop",
			"each.then-drop-rcode2.then-drop-$_.drop", "each.then-drop-rcode5.drop.then-drop-$_", "each.drop.then-drop-short.then-drop-$_",
			"each.noedns1-then-sound-drop.noedns1-drop.noedns1-$_", "noedns4.drop2.$_") } @parts);
}

sub ns
{
	my ($query) = @_;
	return Wire::record(Answer::parent($query), $Wire::TYPE{NS}, Wire::name('ns.example'));
}

# A signature of the records asked for
sub signature
{
	my ($query) = @_;
	return Wire::record(ASKED, $Wire::TYPE{RRSIG},
		pack('nCCNNNn', $query->{type}, 13, 3, 300, 1767225600, 1735689600, 12345) . $query->{wire} . 'x' x 64);
}

# The right answer with more flags, or with fewer
sub with_flags
{
	my ($query, $flags) = @_;
	my $message = message_of($query);

	substr($message, 2, 2) = pack('n', unpack('n', substr($message, 2, 2)) | $flags);
	return $message;
}

sub without_flags
{
	my ($query, $flags) = @_;
	my $message = message_of($query);

	substr($message, 2, 2) = pack('n', unpack('n', substr($message, 2, 2)) & ~$flags);
	return $message;
}

1;
