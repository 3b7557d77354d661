# The misbehaving name server's reaction to a query: a table of labels.
#
# The first label of the name asked chooses the behaviour, in any case of
# letters. A label that is not in the tables below means a sound answer. plan()
# returns the list of things to do, and misbehaving.pl does them. A thing to do
# is a hash with some of
#   message   octets to send, as one datagram or one TCP frame
#   frame     octets to send over TCP as they are, without a length
#   after     wait at least this many ms
#   from      'port' or 'address': send from one that nobody asked (UDP)
#   slow      send one octet, then wait this many ms (TCP)
#   stall     send nothing more on the connection for this many ms (TCP)
#   hold      send behind the connection's next message, or after this many ms
#   close     end the connection then; 'reset' ends it the hard way (TCP)
#   crowd     a number and a text: wait until that many questions with it wait
#   room      do nothing if this many things wait already
#   flood     again and again, as fast as possible, until the client is gone
#   drip      the same, one of them at a time (TCP)
# An empty list is silence. Nothing in here waits or sends. It only keeps counts:
# how often each question was asked, and each name or names below it.

package Behaviour;

use strict;
use warnings;
use Answer;
use Combined;
use Edns;
use Flood;
use Forgery;
use Heavy;
use Wire;

# RDATA in the name
my $hex = qr/^hex((?:[0-9a-f]{2})*)$/i;

my %times_asked;
my %queries_below;

# Names that no host has, to harm clients that print them or pass them to a shell
my @hostile = (
	'<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '&lt;b&gt;', '-rf', '--version',
	'`id`', '$(id)', ';id', '|id', "a\nb", "a\0b", "a\rb", "a\tb", 'a b', "';DROP TABLE t--",
	'../../etc/passwd', '%s%n', "\x1b[31m", "\xff\xfe", "caf\xc3\xa9");

# The EDE text of a server that means well; 22 is "No Reachable Authority"
my $ede = pack('n', 22) . 'nobody home';

# Labels. Each function gets the query and the further labels.
my %label = (
	%Combined::label, %Edns::label, %Flood::label, %Forgery::label,
	sound => sub { answer($_[0]) },

	# Outcomes
	drop => sub { () },
	nodata => sub { answer($_[0], answer => []) },
	referral => sub { answer($_[0], aa => 0, ra => 1, answer => [], authority => [ Wire::record(Wire::name('example'), 2, Wire::name('ns.example')) ]) },
	lame => sub { answer($_[0], aa => 0, answer => []) },
	nomx => sub { answer($_[0], $_[0]{type_text} eq 'MX' ? (answer => []) : ()) },
	nodatabare => sub { answer($_[0], answer => [], authority => []) },
	nxdomain => sub { answer($_[0], rcode => 3, answer => [], authority => [ negative($_[0]) ]) },
	ra => sub { answer($_[0], ra => 1) },
	ad => sub { answer($_[0], ad => 1) },
	ttlmax => sub { answer($_[0], answer => [ records($_[0], ttl => 0xFFFFFFFF) ]) },
	ttltop => sub { answer($_[0], answer => [ records($_[0], ttl => 0x80000000) ]) },
	ttl0 => sub { answer($_[0], answer => [ records($_[0], ttl => 0) ]) },
	twice => sub { (answer($_[0]), answer($_[0])) },
	failstwice => sub { map { answer($_[0], rcode => 2, answer => []) } 1 .. 2 },
	case => sub { answer($_[0], question => swapped_case($_[0])) },

	# Reports of what the server saw
	echo => sub { text($_[0], describe($_[0])) },
	count => sub {
		my ($query, @further) = @_;
		return text($query, $queries_below{ lc Wire::name_text(@further) } // 0);
	},

	# EDNS
	badvers => sub { defined $_[0]{edns} ? answer($_[0], rcode => 16, answer => []) : answer($_[0]) },
	nsid => sub { answer($_[0], options => [ [ $Wire::OPTION{NSID}, 'odd' ] ]) },
	nsidhigh => sub { answer($_[0], options => [ [ $Wire::OPTION{NSID}, "\0\\\xff\"x" ] ]) },
	nsidempty => sub { answer($_[0], options => [ [ $Wire::OPTION{NSID}, '' ] ]) },
	optunknown => sub { answer($_[0], options => [ [ 65001, 'what?' ] ]) },
	ede => sub { ede($_[0], $ede) },
	edeempty => sub { ede($_[0], substr($ede, 0, 2)) },
	edehigh => sub { ede($_[0], pack('n', 22) . "\xff\xfe\0\n\"\x1b[0m") },
	edeutf8 => sub { ede($_[0], pack('n', 22) . "caf\xc3\xa9") },
	edecut => sub { ede($_[0], pack('n', 22) . "caf\xc3") },
	edelong => sub { ede($_[0], pack('n', 22) . "\xff" x 60000) },
	edeshort => sub { ede($_[0], "\0") },
	cookie => sub {
		my ($query) = @_;
		my $first = $query->{times} == 1 && $query->{cookie};
		return answer($query, options => $first ? [ cookie($query) ] : []);
	},
	cookiewrong => sub { cookie_first($_[0], ~substr(cookie($_[0])->[1], 0, 8) . 'oddserve') },
	cookieshort => sub { cookie_first($_[0], substr(cookie($_[0])->[1], 0, 7)) },
	cookielong => sub { cookie_first($_[0], cookie($_[0])->[1] . 'x' x 40) },

	# Truncation
	tc => sub { over_tcp($_[0], answer($_[0])) },
	tcpartial => sub {
		my ($query) = @_;
		return $query->{transport} eq 'udp' ? truncated($query, records($query, forged => 1)) : answer($query);
	},
	tctc => sub { over_tcp($_[0], truncated($_[0], records($_[0], forged => 1))) },
	tcreferral => sub { over_tcp($_[0], answer($_[0], aa => 0, ra => 1, tc => 1, answer => [], authority => [ Wire::record(Wire::name('example'), 2, Wire::name('ns.example')) ])) },
	tcclose => sub { over_tcp($_[0], { close => 1 }) },
	tcreset => sub { over_tcp($_[0], { close => 'reset' }) },

	# Faults of TCP; over UDP all of these are truncated
	tcpsilent => sub { over_tcp($_[0]) },
	tcplen0 => sub { over_tcp($_[0], { frame => "\0\0" }, answer($_[0])) },
	tcplong => sub {
		my $message = message_of($_[0]);
		return over_tcp($_[0], { frame => pack('n', 100 + length $message) . $message, close => 1 });
	},
	tcphalf => sub {
		my $frame = encoded_frame(message_of($_[0]));
		return over_tcp($_[0], { frame => substr($frame, 0, length($frame) / 2), close => 1 });
	},
	# a length that the message does not have, on a connection that goes on
	tcpmore => sub {
		my $message = message_of($_[0]);
		return over_tcp($_[0], { frame => pack('n', 100 + length $message) . $message });
	},
	tcpless => sub {
		my $message = message_of($_[0]);
		return over_tcp($_[0], { frame => pack('n', length($message) - 10) . $message });
	},
	tcprubbish => sub { over_tcp($_[0], { message => garbage($_[0], 65535) }) },
	tcphang => sub { over_tcp($_[0], { stall => 3600_000 }) },
	tcpthrice => sub { over_tcp($_[0], map { answer($_[0]) } 1 .. 3) },
	tcptwice => sub { over_tcp($_[0], answer($_[0]), answer($_[0])) },
	tcpreorder => sub { over_tcp($_[0], { %{ answer($_[0]) }, hold => 100 }) },

	# Forged answers, the truth behind each
	wrongid => sub { forged_first($_[0], forged($_[0], id => $_[0]{id} ^ 1)) },
	wrongname => sub {
		my ($query) = @_;
		my $question = $query->{question};
		substr($question, 1, 1) = $question =~ /^.z/si ? 'y' : 'z';
		return forged_first($query, forged($query, question => $question));
	},
	wrongtype => sub {
		my ($query) = @_;
		my $type = $Wire::TYPE{ $query->{type_text} eq 'TXT' ? 'A' : 'TXT' };
		return forged_first($query, forged($query, question => $query->{wire} . pack('n2', $type, $query->{class})));
	},
	wrongclass => sub {
		my ($query) = @_;
		return forged_first($query, forged($query, question => $query->{wire} . pack('n2', $query->{type}, 3)));
	},
	wrongopcode => sub { forged_first($_[0], forged($_[0], opcode => 2)) },
	noquestion => sub {
		my ($query) = @_;
		my @records = at($query->{wire}, records($query, forged => 1));
		return forged_first($query, answer($query, question => '', answer => \@records));
	},
	reflect => sub { forged_first($_[0], { message => $_[0]{octets} }) },
	wrongport => sub { from_elsewhere($_[0], 'port') },
	wrongaddr => sub { from_elsewhere($_[0], 'address') },
	garbage => sub {
		my ($query) = @_;
		return forged_first($query, { message => '' },
			map { +{ message => garbage($query, $_) } } 1, 2, 11, 12, 13, 17, 30, 60, 200, 500);
	},

	# Malformed messages, of the right id and question
	short => sub { { message => substr(Wire::message($_[0], answer => [ records($_[0]) ], no_opt => 1), 0, -2) } },
	headeronly => sub { answer($_[0], rcode => 5, answer => [], question => '', no_opt => 1) },
	counts => sub { answer($_[0], count => [ 1, 65535, 0, 0 ], no_opt => 1) },
	loopptr => sub {
		my ($query) = @_;
		return answer($query, answer => [ at(pointer($query, 0), records($query)) ]);
	},
	# the owner of the first record is that of the second, which comes later
	fwdptr => sub {
		my ($query) = @_;
		my @records = records($query);
		return answer($query) if !@records;
		return answer($query, answer =>
				[ at(pointer($query, length $records[0]), $records[0]), at($query->{wire}, $records[0]) ]);
	},
	longname => sub { with_record_at($_[0], pack('C/a*', 'n' x 63) x 5 . "\0") },
	badlabel => sub { with_record_at($_[0], "\x41\0\0") },
	badlabel80 => sub { with_record_at($_[0], "\x81\0\0") },
	a3 => sub { given($_[0], A => "\xc0\0\2") },
	a8 => sub { given($_[0], A => "\xc0\0\2\1\xc0\0\2\1") },
	aaaa15 => sub { given($_[0], AAAA => "\x20\1\x0d\xb8" . "\0" x 11) },
	mxshort => sub { given($_[0], MX => "\0\x0a") },
	soashort => sub { given($_[0], SOA => "\2ns\0\1h\0" . "\0" x 16) },
	srvshort => sub { given($_[0], SRV => "\0\0\0\0\0") },
	txtlen => sub { given($_[0], TXT => "\xc8short") },
	caalen => sub { given($_[0], CAA => "\0\x20issue") },
	rdshort => sub { answer($_[0], answer => [ records($_[0], change => sub { substr($_[0], 0, -1) }) ]) },
	rdlong => sub { answer($_[0], answer => [ records($_[0], change => sub { "$_[0]\0" }) ]) },
	rdempty => sub { answer($_[0], answer => [ records($_[0], change => sub { '' }) ]) },
	trailing => sub { { message => message_of($_[0]) . 'and more' } },
	twoopt => sub { answer($_[0], no_opt => 1, additional => [ Wire::opt(0), Wire::opt(0) ]) },
	optlong => sub {
		my $opt = "\0" . pack('nnNn/a*', $Wire::TYPE{OPT}, 1232, 0, pack('nn', $Wire::OPTION{EDE}, 50) . $ede);
		return answer($_[0], no_opt => 1, additional => [$opt]);
	},
	twoq => sub {
		my ($query) = @_;
		my $count = [ 2, scalar records($query), 0, 0 ];
		return answer($query, question => $query->{question} x 2, count => $count, authority => [], no_opt => 1);
	},

	# Unusual, but nothing is wrong with it
	naptr255 => sub {
		my $strings = Wire::strings("\xff", "\xff\xfe", "!\xff!");
		return given($_[0], NAPTR => pack('n2', 1, 2) . $strings . "\1\xff\0");
	},
	caaempty => sub { given($_[0], CAA => "\0\5issue") },
	urihigh => sub { given($_[0], URI => pack('n2', 1, 2) . "https://caf\xc3\xa9.example/\xff\0") },
	txtempty => sub { given($_[0], TXT => "\0") },
	hinfo255 => sub { given($_[0], HINFO => Wire::strings("\xff" x 255, "\0")) },
	srvcomp => sub { given($_[0], SRV => pack('n3', 1, 2, 443) . ASKED) },
	txtall => sub { given($_[0], TXT => Wire::strings(map { join '', map { chr } @$_ } [ 0 .. 127 ], [ 128 .. 255 ])) },
	nameall => sub {
		my ($query) = @_;
		my %before = (PTR => '', NS => '', CNAME => '', MX => pack('n', 10), SRV => pack('n3', 0, 0, 1));
		my $before = $before{ $query->{type_text} } // return answer($query);
		my @names = map { name_of_octets(@$_) } [ 0 .. 127 ], [ 128 .. 255 ];
		return given($query, $query->{type_text}, map { $before . $_ } @names);
	},
	hostile => sub { given($_[0], PTR => map { pack('C/a*', $_) . "\7example\0" } @hostile) },

	# Records that are not asked for, and ways to those that are
	otherowner => sub { answer($_[0], answer => [ unrelated($_[0]) ]) },
	otherplus => sub { answer($_[0], answer => [ unrelated($_[0]), records($_[0]) ]) },
	cnameself => sub { answer($_[0], answer => [ cname(ASKED, ASKED) ]) },
	cnameloop => sub { answer($_[0], answer => [ cname(ASKED, step('loop')), cname(step('loop'), ASKED) ]) },
	cnameother => sub { answer($_[0], answer => [ cname(ASKED, step('other')) ], authority => [ negative($_[0]) ]) },
	openloop => sub { answer($_[0], answer => [ cname(ASKED, first($_[0], 'openback')) ], authority => []) },
	openback => sub { answer($_[0], answer => [ cname(ASKED, first($_[0], 'openloop')) ], authority => []) },
	cnameplus => sub {
		my ($query) = @_;
		my @records = records($query);
		return answer($query, answer => [ cname(ASKED, step('a')), @records, at(step('a'), @records) ]);
	},
	cnameback => sub { answer($_[0], answer => [ reverse chain($_[0], 3) ]) },
	twocname => sub {
		my ($query) = @_;
		my @names = (step('a'), step('b'));
		return answer($query, answer =>
				[ (map { cname(ASKED, $_) } @names), map { at($_, records($query)) } @names ]);
	},
	dname => sub { dname($_[0], 1) },
	dnameonly => sub { dname($_[0], 0) },
);

# Labels that end in a number: the query, the number, the further labels.
my %numbered = (
	%Forgery::numbered,
	rcode => sub { answer($_[0], rcode => $_[1], answer => []) },
	noedns => sub {
		my ($query, $rcode, @further) = @_;
		return behave($query, @further) if !defined $query->{edns};
		return answer($query, rcode => $rcode, answer => [], no_opt => 1);
	},
	# do as the next label says: late; late by a time that depends on the name; when
	# that many names with the same end were asked; if the server has no more things
	# to do than that; or after silence or SERVFAIL at first
	delay => sub { my ($query, $ms, @further) = @_; return late_by($ms, behave($query, @further)) },
	jitter => sub {
		my ($query, $ms, @further) = @_;
		return late_by($ms * (unpack('%32C*', lc $query->{name}) % 8) / 8, behave($query, @further));
	},
	crowd => sub {
		my ($query, $count, $next, @end) = @_;
		return map { +{ %$_, crowd => [ $count, lc Wire::name_text(@end) ] } } behave($query, $next, @end);
	},
	room => sub {
		my ($query, $count, @further) = @_;
		return map { +{ %$_, room => $count } } behave($query, @further);
	},
	drop => sub {
		my ($query, $count, @further) = @_;
		return $query->{times} > $count ? behave($query, @further) : ();
	},
	fail => sub {
		my ($query, $count, @further) = @_;
		return $query->{times} > $count ? behave($query, @further) : answer($query, rcode => 2, answer => []);
	},
	# all answers late, the first one so late that it is wrong by then
	late => sub {
		my ($query, $ms) = @_;
		return { %{ $query->{times} == 1 ? forged($query) : answer($query) }, after => $ms };
	},
	cname => sub { answer($_[0], answer => [ chain(@_) ]) },
	# so many CNAMEs, one in each answer; then as the next label says
	open => sub {
		my ($query, $steps, @further) = @_;
		return behave($query, @further) if !$steps;
		return answer($query, answer => [ cname(ASKED, first($query, 'open' . ($steps - 1))) ], authority => []);
	},
	host => \&host,
	heavy => \&Heavy::answer, sized => \&Heavy::sized,
	big => sub {
		my ($query, $count) = @_;
		my %rdata = (
			A => sub { pack('N', 0xC6120000 + $_[0]) },    # 198.18.0.0/15
			TXT => sub { Wire::strings(sprintf('%05d-', $_[0]) . 'x' x 194) });
		my $rdata = $rdata{ $query->{type_text} } // return answer($query);
		return given($query, $query->{type_text}, map { $rdata->($_) } 1 .. $count);
	},
	# a zone with so many name servers: the first is this label with 1, at 127.0.0.1
	own => sub {
		my ($query, $count) = @_;
		my %rdata = (NS => [ map { pack('C/a*', "own$_") . $query->{wire} } 1 .. $count ], A => [ pack('C4', 127, 0, 0, $count) ], AAAA => []);
		my $rdata = $rdata{ $query->{type_text} } // return answer($query);
		return given($query, $query->{type_text}, @$rdata);
	},
	# a sender policy that includes the same with one less, and ends with 0
	spf => sub {
		my ($query, $count, @domain) = @_;
		my $include = $count ? 'include:' . join('.', 'spf' . ($count - 1), @domain) : '';

		return text($query, "v=spf1 a $include mx -all");
	},
	tcpslow => sub { over_tcp($_[0], { %{ answer($_[0]) }, slow => $_[1] }) },
	tcpgarbage => sub { over_tcp($_[0], { message => garbage(@_) }, answer($_[0])) },
	# records with this TTL; no such name, with an SOA record of this TTL or this MINIMUM
	ttl => sub { answer($_[0], answer => [ records($_[0], ttl => $_[1]) ]) },
	soattl => sub { answer($_[0], rcode => 3, answer => [], authority => [ negative($_[0], $_[1], 7200) ]) },
	soaminimum => sub { answer($_[0], rcode => 3, answer => [], authority => [ negative($_[0], 7200, $_[1]) ]) },
	oddclass => sub {
		my ($query, $class) = @_;
		return answer($query, additional =>
				[ Wire::record(ASKED, $Wire::TYPE{TXT}, Wire::strings('odd'), undef, $class) ]);
	},
	hostile => sub { given($_[0], PTR => pack('C/a*', $hostile[ $_[1] ] // 'sound') . "\7example\0") },
);

# Numbers for those that may go without
my %usual_number = (heavy => 1, big => { A => 3750, TXT => 280 }, tcpgarbage => 40, tcpslow => 10, oddclass => 3);

# Everything to do about a query. $always is a label that goes before all names.
sub plan
{
	my ($query, $always) = @_;

	note($query);
	return behave($query, $always, @{ $query->{labels} }) if defined $always;
	return answer($query, rcode => 4, answer => []) if $query->{opcode} != 0;
	return text($query, 'odd') if $query->{class_text} eq 'CH' && lc $query->{name} eq 'version.bind';
	return behave($query, @{ $query->{labels} });
}

# Modes of the server that are no labels: every connection ends at once; none is
# ever read from
sub modes { return qw(tcpslam tcpdeaf) }

# Is there such a label?
sub knows
{
	my ($name) = @_;
	return $label{$name} || $name =~ $hex || $name =~ /^([a-z]+)\d{0,9}$/ && $numbered{$1};
}

# All labels; those that need a number have one.
sub labels
{
	return (sort(keys %label), map { $_ . ($usual_number{$_} && !ref $usual_number{$_} ? '' : 3) } sort keys %numbered);
}

# Do as the first of these labels says.
sub behave
{
	my ($query, @labels) = @_;
	my $first = lc(shift @labels // '');
	my ($word, $number) = $first =~ /^([a-z]+)(\d{0,9})$/;

	return $label{$first}->($query, @labels) if $label{$first};
	return answer($query, answer => [ record_of($query, octets_in($first, @labels)) ]) if $first =~ $hex;
	return answer($query) if !defined $word || !$numbered{$word};

	if ($number eq '')
	{
		$number = $usual_number{$word} // return answer($query);
		$number = $number->{ $query->{type_text} } // 0 if ref $number;
	}
	return $numbered{$word}->($query, $number, @labels);
}

# Count the query: how often its question came, and for every name it ends in.
sub note
{
	my ($query) = @_;
	my $name = lc $query->{name};

	$query->{times} = ++$times_asked{"$query->{type} $query->{class} $name"};
	return if $name =~ /^count\./;
	do { $queries_below{$name}++ } while ($name =~ s/^(?:\\\d{3}|[^.\\])+\.//);
}

# The octets that are written in labels: hexC000 and, for more, hex0201
sub octets_in
{
	my $octets = '';

	foreach (@_)
	{
		$_ =~ $hex or last;
		$octets .= pack('H*', $1);
	}
	return $octets;
}

# A chain of this many CNAMEs, and the records at its end
sub chain
{
	my ($query, $steps) = @_;
	my @names = (ASKED, map { step("c$_") } 1 .. $steps);

	return ((map { cname($names[ $_ - 1 ], $names[$_]) } 1 .. $steps), at($names[-1], records($query)));
}

# The name asked with another first label
sub first
{
	my ($query, $label) = @_;
	return pack('C/a*', $label) . Answer::parent($query);
}

# The same things to do, this many ms later
sub late_by
{
	my ($ms, @things) = @_;
	return map { +{ %$_, after => $ms + ($_->{after} // 0) } } @things;
}

# A pointer to this many octets behind the beginning of the first record
sub pointer
{
	my ($query, $offset) = @_;
	return pack('n', 0xC000 + 12 + length($query->{question}) + $offset);
}

# The right answer behind a record whose owner is no name
sub with_record_at
{
	my ($query, $owner) = @_;
	return answer($query, answer => [ Wire::record($owner, 1, "\xc0\0\2\x42"), records($query) ]);
}

# Forged records of a name that has nothing to do with the question
sub unrelated
{
	my ($query) = @_;
	return at(Wire::name('unrelated.example'), records($query, forged => 1));
}

# A name of these octets, up to 63 in a label
sub name_of_octets
{
	return pack('(C/a*)*', join('', map { chr } @_) =~ /.{1,63}/gs) . "\0";
}

# A forged answer from a port or address that nobody asked. There is no such
# thing over TCP.
sub from_elsewhere
{
	my ($query, $from) = @_;
	my @forged = $query->{transport} eq 'udp' ? { %{ forged($query) }, from => $from } : ();

	return forged_first($query, @forged);
}

1;
