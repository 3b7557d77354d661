# DNS messages as octets, for the misbehaving name server and for probes.
#
# Reads queries and writes answers, both strictly as told: the caller can ask for
# an answer that makes no sense. Names inside are octets; text
# has every octet that is not plain printable ASCII as \DDD. Nothing in here
# opens a socket or keeps a state.

package Wire;

use strict;
use warnings;

our %TYPE = (
	A => 1, NS => 2, CNAME => 5, SOA => 6, PTR => 12, HINFO => 13, MINFO => 14,
	MX => 15, TXT => 16, AAAA => 28, LOC => 29, SRV => 33, NAPTR => 35, DNAME => 39,
	OPT => 41, APL => 42, DS => 43, SSHFP => 44, RRSIG => 46, NSEC => 47, DNSKEY => 48,
	NSEC3 => 50, TLSA => 52, NINFO => 56, SVCB => 64, HTTPS => 65, ANY => 255, URI => 256,
	CAA => 257);
our %CLASS = (IN => 1, CH => 3, ANY => 255);
my %type_text = reverse %TYPE;
my %class_text = reverse %CLASS;

# EDNS options (RFC 5001, 7873, 8914)
our %OPTION = (NSID => 3, COOKIE => 10, EDE => 15);

# The size of datagrams we claim to take.
my $UDP_SIZE = 1232;

# The octets of a name in text: a.b\.c.d\000e, with or without final dot.
sub name
{
	my ($text) = @_;
	my $octets = '';

	while ($text =~ /\G((?:\\\d{3}|\\.|[^.\\])+)\.?/gs)
	{
		my $label = $1;
		$label =~ s/\\(?:(\d{3})|(.))/defined $1 ? chr $1 : $2/ges;
		$octets .= pack('C/a*', $label);
	}
	return "$octets\0";
}

# The text of a name given as labels, without final dot.
sub name_text
{
	my @labels = @_;

	s/([^!-~]|[\\".])/sprintf('\\%03d', ord $1)/ges foreach @labels;
	return join '.', @labels;
}

# Octets as character-strings of a TXT record.
sub strings
{
	return pack('(C/a*)*', @_);
}

sub type_text
{
	my ($type) = @_;
	return $type_text{$type} // "TYPE$type";
}

# A query with one question, ready to send. Resolvers do nothing without RD.
sub query
{
	my ($id, $name, $type, $class) = @_;

	return pack('n6', $id, 0x0100, 1, 0, 0, 0)
	  . name($name) . pack('n2', $TYPE{$type}, $CLASS{ $class // 'IN' });
}

# Take a query apart. Nothing if it is no query with exactly one question.
sub read_query
{
	my ($octets) = @_;
	return if length $octets < 17;

	my ($id, $flags, $questions, $answers, $authority, $additional) = unpack('n6', $octets);
	return if $flags & 0x8000 || $questions != 1;

	my ($labels, $at) = read_labels($octets, 12);
	return if !$labels || length $octets < $at + 4;
	my ($type, $class) = unpack('n2', substr($octets, $at, 4));

	my $query = {
		octets => $octets,
		id => $id,
		flags => $flags,
		opcode => $flags >> 11 & 15,
		rd => $flags >> 8 & 1,
		ad => $flags >> 5 & 1,
		cd => $flags >> 4 & 1,
		labels => $labels,
		wire => substr($octets, 12, $at - 12),
		question => substr($octets, 12, $at + 4 - 12),
		name => name_text(@$labels),
		type => $type,
		type_text => type_text($type),
		class => $class,
		class_text => $class_text{$class} // "CLASS$class",
		do => 0,
		cookie => 0,
		nsid => 0,
		options => {},
	};
	read_opt($query, $at + 4, $answers + $authority + $additional) if $additional;
	return $query;
}

# Labels from an offset on, and the offset behind them. Compression does not
# occur in queries, and is refused.
sub read_labels
{
	my ($octets, $at) = @_;
	my @labels;

	while (1)
	{
		return if $at >= length $octets;
		my $length = ord substr($octets, $at, 1);
		return (\@labels, $at + 1) if $length == 0;
		return if $length > 63 || $at + 1 + $length > length $octets;
		push @labels, substr($octets, $at + 1, $length);
		$at += 1 + $length;
	}
}

# Find the OPT record, and note size, DO bit and options in the query.
sub read_opt
{
	my ($query, $at, $records) = @_;
	my $octets = $query->{octets};

	while ($records-- > 0)
	{
		(undef, $at) = read_labels($octets, $at);
		return if !$at || length $octets < $at + 10;
		my ($type, $size, $ttl, $length) = unpack('nnNn', substr($octets, $at, 10));
		my $rdata = substr($octets, $at + 10, $length);
		$at += 10 + $length;
		next if $type != $TYPE{OPT};

		$query->{edns} = $size;
		$query->{do} = $ttl >> 15 & 1;
		while ($rdata =~ s/^(..)(..)//s)
		{
			my ($code, $size_of) = (unpack('n', $1), unpack('n', $2));
			last if $size_of > length $rdata;
			$query->{options}{$code} = substr($rdata, 0, $size_of, '');
		}
		$query->{cookie} = 1 if exists $query->{options}{ $OPTION{COOKIE} };
		$query->{nsid} = 1 if exists $query->{options}{ $OPTION{NSID} };
	}
}

# A resource record. The owner is octets: a whole name or a pointer.
sub record
{
	my ($owner, $type, $rdata, $ttl, $class) = @_;

	return $owner . pack('nnNn/a*', $type, $class // 1, $ttl // 300, $rdata);
}

# An OPT record, with the upper bits of the rcode and options as [code, octets].
sub opt
{
	my ($rcode, @options) = @_;

	return "\0" . pack('nnNn/a*', $TYPE{OPT}, $UDP_SIZE, $rcode >> 4 << 24,
		join('', map { pack('nn/a*', @$_) } @options));
}

# An answer to a query. Parts:
#   answer, authority, additional   lists of records, as octets
#   rcode                           0 unless given; above 15 with OPT always
#   tc, ra, ad                      flags; AA is set unless aa => 0
#   options                         EDNS options, sent to clients that sent OPT
#   no_opt                          leave OPT out
#   id, opcode, question, count     other than those of the query
# Id and question are echoed octet by octet.
sub message
{
	my ($query, %part) = @_;
	my $rcode = $part{rcode} // 0;
	my $question = $part{question} // $query->{question};
	my @additional = @{ $part{additional} // [] };

	push @additional, opt($rcode, @{ $part{options} // [] })
	  if !$part{no_opt} && (defined $query->{edns} || $rcode > 15);

	my $flags = 0x8000
	  | ($part{opcode} // $query->{opcode}) << 11
	  | ($part{aa} // 1) << 10
	  | ($part{tc} // 0) << 9
	  | $query->{rd} << 8
	  | ($part{ra} // 0) << 7
	  | ($part{ad} // 0) << 5
	  | $query->{cd} << 4
	  | $rcode & 15;
	my @sections = ($part{answer} // [], $part{authority} // [], \@additional);
	my @count = (length $question ? 1 : 0, map { scalar @$_ } @sections);
	@count = @{ $part{count} } if $part{count};

	return pack('n6', $part{id} // $query->{id}, $flags, @count)
	  . $question . join('', map { @$_ } @sections);
}

# The same, but truncated when it is too large for a datagram of this client,
# or for a TCP frame.
sub reply
{
	my ($query, %part) = @_;
	my $message = message($query, %part);
	my $limit = $query->{transport} eq 'tcp' ? 65535 : $query->{edns} // 0;

	$limit = 512 if $limit < 512;
	return $message if length $message <= $limit;
	return message($query, %part, tc => 1, answer => [], authority => [], additional => []);
}

1;
