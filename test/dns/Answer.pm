# The answers of the misbehaving name server: sound ones, and the parts of the
# others.
#
# A forged answer is 192.0.2.66, 2001:db8::66 or "forged"; the true answer is
# 192.0.2.1, 2001:db8::1 or "sound". Functions take the query first. They return
# octets, records as octets, or things to do, which are the hashes that
# Behaviour.pm describes. Nothing in here keeps a state.

package Answer;

use strict;
use warnings;
use Exporter qw(import);
use Socket qw(inet_aton inet_pton AF_INET6);
use Wire;

our @EXPORT = qw(ASKED LATER answer at cname cookie cookie_first describe dname ede encoded_frame forged
  forged_first garbage given host message_of negative over_tcp record_of records step swapped_case text truncated);

# A pointer to the name asked: it stands right behind the header.
use constant ASKED => "\xC0\x0C";

# Delay from the forged answer to the true one, in ms.
use constant LATER => 50;

# The RDATA of an answer, by type. $word and $number say whether it is the
# truth (sound, 1) or a forgery (forged, 66).
my %rdata = (
	A => sub { my (undef, undef, $number) = @_; inet_aton("192.0.2.$number") },
	AAAA => sub { my (undef, undef, $number) = @_; inet_pton(AF_INET6, "2001:db8::$number") },
	TXT => sub { my (undef, $word) = @_; Wire::strings($word) },
	NS => \&target,
	CNAME => \&target,
	PTR => \&target,
	DNAME => \&target,
	SOA => \&soa,
	HINFO => sub { my (undef, $word) = @_; Wire::strings($word, 'UNIX') },
	MX => sub { pack('n', 10) . target(@_) },
	SRV => sub { pack('n3', 10, 60, 5060) . target(@_) },
	NAPTR => sub { pack('n2', 100, 10) . Wire::strings('u', 'E2U+sip', '!^.*$!sip:info@example!') . "\0" },
	CAA => sub { my (undef, $word) = @_; "\0\5issue$word" },
	URI => sub { my (undef, $word) = @_; pack('n2', 10, 1) . "https://$word.example/" },
	SVCB => \&svcb,
	HTTPS => \&svcb,
	LOC => sub { pack('C4N3', 0, 0x12, 0x16, 0x13, 2335991648, 2165095648, 9999800) },
	TLSA => sub { "\3\1\1" . octets(32) },
	SSHFP => sub { "\4\2" . octets(32) },
	DS => sub { pack('nCC', 20326, 8, 2) . octets(32) },
	DNSKEY => sub { pack('nCC', 257, 3, 13) . octets(64) },
	RRSIG => sub {
		my ($query) = @_;
		return pack('nCCNNNn', 1, 13, 3, 300, 1767225600, 1735689600, 12345) . $query->{wire} . octets(64);
	},
	NSEC => sub { target(@_) . pack('H*', '0006400080000003') },
	NSEC3 => sub { pack('CCnC/a*C/a*', 1, 1, 10, "\xaa\xbb\xcc\xdd", octets(20)) . pack('H*', '0006400000000002') },
);

sub octets
{
	my ($count) = @_;
	return join '', map { chr } 1 .. $count;
}

# The name that sound answers point to: this label in front of the name asked.
sub target
{
	my ($query, $label) = @_;
	my $name = pack('C/a*', $label) . $query->{wire};

	return length $name <= 255 ? $name : $query->{wire};
}

sub soa
{
	my ($query, $word) = @_;
	return target($query, $word) . target($query, 'hostmaster') . pack('N5', 1, 7200, 3600, 86400, 60);
}

# alpn=h2 port=8443
sub svcb
{
	return pack('n', 1) . target(@_) . pack('nn/a*', 1, "\2h2") . pack('nnn', 3, 2, 8443);
}

# The records that answer the question; some of them for ANY. Options:
#   forged   the attacker's records
#   ttl      another TTL
#   change   a function from good RDATA to other RDATA
sub records
{
	my ($query, %with) = @_;
	my @types = $query->{type} == $Wire::TYPE{ANY} ? qw(A AAAA MX TXT) : $query->{type_text};
	my @records;

	foreach my $type (grep { $rdata{$_} } @types)
	{
		my $rdata = $rdata{$type}->($query, $with{forged} ? ('forged', 66) : ('sound', 1));
		$rdata = $with{change}->($rdata) if $with{change};
		push @records, Wire::record(ASKED, $Wire::TYPE{$type}, $rdata, $with{ttl}, $query->{class});
	}
	return @records;
}

# The same records at another owner
sub at
{
	my ($owner, @records) = @_;
	return map { $owner . substr($_, length ASKED) } @records;
}

# One record of the type asked, whatever that is
sub record_of
{
	my ($query, $rdata) = @_;
	return Wire::record(ASKED, $query->{type}, $rdata, undef, $query->{class});
}

sub cname
{
	my ($owner, $target) = @_;
	return Wire::record($owner, $Wire::TYPE{CNAME}, $target);
}

# A name for chains: this label, then a pointer to the name asked.
sub step
{
	my ($label) = @_;
	return pack('C/a*', $label) . ASKED;
}

# The owner of everything next to the name asked: its name without first label
sub parent
{
	my ($query) = @_;
	my ($first) = @{ $query->{labels} };

	return defined $first ? pack('n', 0xC00C + 1 + length $first) : ASKED;
}

# The SOA that makes a negative answer complete: TTL 600, MINIMUM 60, or others.
sub negative
{
	my ($query, $ttl, $minimum) = @_;
	my $soa = soa($query, 'ns');

	substr($soa, -4) = pack('N', $minimum) if defined $minimum;
	return Wire::record(parent($query), $Wire::TYPE{SOA}, $soa, $ttl // 600, $query->{class});
}

# The answer as octets, sound except for the parts given (those of Wire::message).
# It is truncated if it is too large for a datagram.
sub message_of
{
	my ($query, %part) = @_;
	my @records = @{ $part{answer} // [ records($query) ] };

	return Wire::reply($query,
		authority => @records || $part{rcode} ? [] : [ negative($query) ],
		%part, answer => \@records);
}

sub answer
{
	return { message => message_of(@_) };
}

# An answer with records of this type. A query for another type gets a sound
# answer.
sub given
{
	my ($query, $type, @rdata) = @_;

	return answer($query) if $query->{type} != $Wire::TYPE{$type};
	return answer($query, answer => [ map { record_of($query, $_) } @rdata ]);
}

# The host of this number, unlike any other: the number decides how many addresses
# and mail exchanges it has; these are hosts too. Other types are as for all hosts.
sub host
{
	my ($query, $number, @domain) = @_;
	my @octets = ($number >> 8 & 255, $number & 255);
	my %rdata = (
		A => [ map { pack('C4', 198, $_, @octets) } 18 .. 17 + $number % 5 % 3 ],
		AAAA => [ map { inet_pton(AF_INET6, sprintf '2001:db8::%x:%x', $_, $number) } 1 .. $number % 3 ],
		MX => [ map { pack('n', 10 * $_) . pack('(C/a*)*x', 'host' . (4 * $number + $_), @domain) } 1 .. $number % 4 ],
		TXT => [ map { Wire::strings($_) } "host $number" ]);
	my $rdata = $rdata{ $query->{type_text} } // return answer($query);

	return answer($query, answer => [
			map { Wire::record(ASKED, $query->{type}, $_, 60 + $number % 300, $query->{class}) } @$rdata ]);
}

# The client of this query, as the server sees it
sub describe
{
	my ($query) = @_;
	my %seen = (%$query, edns => $query->{edns} // 'none', qname => $query->{name});

	return join ' ', map { "$_=$seen{$_}" } qw(transport rd cd ad edns do cookie src sport to id qname);
}

# A text as the character-strings of a TXT record
sub text
{
	my ($query, $text) = @_;
	return given($query, TXT => Wire::strings($text =~ /.{1,255}/gs));
}

# A forged answer, which differs from a right one by these parts too.
sub forged
{
	my ($query, %part) = @_;
	return answer($query, answer => [ records($query, forged => 1) ], %part);
}

# First the forgery, then the truth
sub forged_first
{
	my ($query, @forged) = @_;
	return (@forged, { %{ answer($query) }, after => LATER });
}

# The answer that sends a client to TCP, where it gets these things.
sub over_tcp
{
	my ($query, @things) = @_;
	return $query->{transport} eq 'udp' ? truncated($query) : @things;
}

# TC, with records or without
sub truncated
{
	my ($query, @records) = @_;
	return answer($query, tc => 1, answer => \@records, authority => []);
}

sub encoded_frame
{
	my ($message) = @_;
	return pack('n/a*', $message);
}

# Octets at random, whose id is not that of the query
sub garbage
{
	my ($query, $length) = @_;
	# the random numbers for 64 kB would take the server as long as 100 other answers
	my $octets = substr(join('', map { chr int rand 256 } 1 .. ($length < 1000 ? $length : 1000)) x (1 + $length / 1000), 0, $length);

	substr($octets, 0, 2) = pack('n', $query->{id} ^ 0x5555) if $length >= 2;
	return $octets;
}

# The question with the case of every letter swapped. The octets of type and
# class, the last four, are no letters.
sub swapped_case
{
	my ($query) = @_;
	my $question = $query->{question};

	substr($question, 0, -4) =~ tr/a-zA-Z/A-Za-z/;
	return $question;
}

# DNAME from the parent of the name asked, the CNAME made from it if wanted,
# and the records at the new name
sub dname
{
	my ($query, $with_cname) = @_;
	my $new_parent = Wire::name('elsewhere.example');
	my $new = pack('C/a*', $query->{labels}[0]) . $new_parent;

	return answer($query, answer => [
			Wire::record(parent($query), $Wire::TYPE{DNAME}, $new_parent),
			$with_cname ? cname(ASKED, $new) : (),
			at($new, records($query)) ]);
}

# SERVFAIL with an extended error, given as the octets of the option
sub ede
{
	my ($query, $octets) = @_;
	return answer($query, rcode => 2, answer => [], options => [ [ $Wire::OPTION{EDE}, $octets ] ]);
}

# A COOKIE option: the client's part of 8 octets if it sent one, then ours
sub cookie
{
	my ($query) = @_;
	my $client = substr($query->{options}{ $Wire::OPTION{COOKIE} } // "\0" x 8, 0, 8);

	return [ $Wire::OPTION{COOKIE}, "${client}oddserve" ];
}

# A forged answer with this COOKIE before the right one. A client that sent no
# cookie gets one in the right answer unasked.
sub cookie_first
{
	my ($query, $cookie) = @_;
	my @options = (options => [ [ $Wire::OPTION{COOKIE}, $cookie ] ]);

	return answer($query, @options) if !$query->{cookie};
	return forged_first($query, forged($query, @options));
}

1;
