# Property: the cost of an answer depends on its size only, even if a hostile zone
# fills it with chains and loops of aliases, names led through thousands of pointers,
# or thousands of records. Processor time is compared with that of sound answers in
# the same run.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Batch;
use IO::Select;
use IO::Socket::INET;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

plan skip_all => 'times mean nothing here' if $ENV{PGCARES_WATCHED};

# Octets of a large answer: a datagram has room for 65,507.
use constant LARGE => 64900;

# A sound answer has 4,000 small records. Each of as many names through 125 pointers takes a
# dozen times as long; what grows with the square of the size takes thousands.
use constant TIMES => 50;

my $server = NameServer->misbehaving;
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => NameServer->closed_port, Proto => 'udp')
  or die "cannot make a socket: $!\n";
my $node = Session->cluster([$server], "pgcares.timeout = '20s'");
my $session = Session->new($node);

# ---- Chains of aliases

sub cost_of_batch
{
	my ($label) = @_;
	my ($least) = sort { $a <=> $b } map {
		my $before = $session->cpu_time;
		Batch->run($server, $session, "'$label'", 1000);
		$session->cpu_time - $before;
	} 1, 2;

	return $least;
}

my $usual = cost_of_batch('cname15');
foreach my $label (qw(cnameself cnameloop cname17 cname40 twocname cnameplus))
{
	my $cost = cost_of_batch($label);
	cmp_ok($cost, '<', 4 * $usual + 0.1, "1,000 answers, $label");
	note(sprintf '%.2f s, and %.2f for those with sound chains', $cost, $usual);
}

# ---- Large answers, of a server that is this test

# Processor time of 25 calls; $message makes an answer from a query.
sub cost
{
	my ($call, $message) = @_;
	my $before = $session->cpu_time;

	foreach (1 .. 25)
	{
		$session->send("SELECT count(*) FROM $call");
		die "no query for $call\n" if !IO::Select->new($socket)->can_read($PostgreSQL::Test::Utils::timeout_default);
		my $from = $socket->recv(my $octets, 65535);
		$socket->send($message->(Wire::read_query($octets)), 0, $from);
		my $result = $session->result;
		die "$result->{error}{M}\n" if $result->{error};
	}
	return $session->cpu_time - $before;
}

# An answer with these records first, and then as many copies of the last one as fit
sub filled
{
	my ($query, $last, @first) = @_;
	my $begin = $query->{question} . join '', @first;
	my $count = int((LARGE - 12 - length $begin) / length $last);

	return pack('n6', $query->{id}, 0x8500, 1, @first + $count, 0, 0) . $begin . $last x $count;
}

# A record of an unknown type whose data are names, each with a pointer to the one
# before; and a pointer to the last of them
sub ladder
{
	my ($query, $steps, $step) = @_;
	my $at = 12 + length($query->{question}) + 12;
	my $rdata = "\1a\0";
	my $last = $at;

	foreach (1 .. $steps)
	{
		my $here = $at + length $rdata;
		$rdata .= $step . pack('n', 0xC000 | $last);
		$last = $here;
	}
	return (Wire::record("\xC0\x0C", 65280, $rdata), pack('n', 0xC000 | $last));
}

# $count records of the type of the question, each with other data
sub numbered
{
	my ($query, $count, $rdata) = @_;
	return map { Wire::record("\xC0\x0C", $query->{type}, $rdata->($_)) } 1 .. $count;
}

my %message = (
	sound => sub { filled($_[0], Wire::record("\xC0\x0C", 1, "\xC0\0\2\1")) },
	pointers => sub {
		my ($record, $pointer) = ladder($_[0], 8000, '');
		return filled($_[0], Wire::record($pointer, 65281, ''), $record);
	},
	labels => sub {
		my ($record, $pointer) = ladder($_[0], 125, "\1b");
		return filled($_[0], Wire::record($pointer, 65281, ''), $record);
	},
	dnames => sub { filled($_[0], Wire::record("\0", $Wire::TYPE{DNAME}, "\xC0\x0C")) },
	addresses => sub { filled($_[0], "\0" . pack('nnNn', 65281, 1, 0, 0), numbered($_[0], 4000, sub { pack('N', 0x0A000000 + $_[0]) })) },
	names => sub { filled($_[0], "\0" . pack('nnNn', 65281, 1, 0, 0), numbered($_[0], 3000, sub { sprintf "\4%04x\xC0\x0C", $_[0] })) });

$session->text("SET pgcares.servers = '127.0.0.1:${\$socket->sockport}'; SET pgcares.lookups = 'b'");
cost(q{dns_a('warm.example')}, $message{sound});
my $sound = cost(q{dns_a('www.example')}, $message{sound});
foreach (
	[ q{dns_a('www.example', 'ignore')}, 'pointers', 'names led through thousands of pointers' ],
	[ q{dns_a('www.example', 'ignore')}, 'labels', 'names of as many pointers as a name can have' ],
	[ q{dns_a('www.example', 'ignore')}, 'dnames', 'thousands of DNAMEs' ],
	[ q{dns_addresses('www.example', 4)}, 'addresses', 'thousands of addresses' ],
	[ q{dns_gethostbyaddr('192.0.2.1')}, 'names', 'thousands of names of an address' ])
{
	my ($call, $kind, $what) = @$_;
	my $cost = cost($call, $message{$kind});

	cmp_ok($cost, '<', TIMES * $sound, "$what: no more than @{[ TIMES ]} times the time of sound records");
	note(sprintf '%.3f s, and %.3f', $cost, $sound);
}

done_testing();
