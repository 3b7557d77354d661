# Property: a chain of CNAME and DNAME records ends as its last name does, however many
# answers it is spread over: after 16 steps at most, in a loop, or at a name with records or
# without, or for which no useful answer comes. A lookup, a batch and look-ahead agree, and
# an error names the way.
#
# The chains are random. The same seed makes the same ones.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use IO::Socket::INET;
use List::Util qw(shuffle);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Session;
use Wire;

# Chains in all; chains that are asked alone; the most steps that are followed
use constant { CHAINS => $ENV{PGCARES_DEEP} ? 3000 : 400, ALONE => 150, MOST => 16 };

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

# The answer for a last name, and the status. The first of these can be in one answer with
# the steps that lead to it; without, a server says nothing of the last name in that one.
my $soa = Wire::record(Wire::name('example'), $Wire::TYPE{SOA}, "\0\0" . "\0" x 20);
my $ns = Wire::record(Wire::name('example'), $Wire::TYPE{NS}, Wire::name('ns.example'));
my %end = (
	records => [ 'NOERROR', 1, {} ],
	nodata => [ 'NODATA', 1, { authority => [$soa] } ],
	nxdomain => [ 'NXDOMAIN', 1, { rcode => 3, authority => [$soa] } ],
	servfail => [ 'SERVFAIL', 1, { rcode => 2 } ],
	notauth => [ 'NOTAUTH', 1, { rcode => 9 } ],
	bare => [ 'NODATA', 0, {} ],
	refused => [ 'REFUSED', 0, { rcode => 5 } ],
	referral => [ 'REFERRAL', 0, { aa => 0, ra => 1, authority => [$ns] } ],
	lame => [ 'REFERRAL', 0, { aa => 0 } ],
	short => [ 'MALFORMED', 0, {} ],
	silent => [ 'TIMEOUT', 0, undef ]);

sub one_of { return $_[ rand @_ ] }

# A chain: the number of its names but one, the name that the last one leads back to or the
# kind of its end, and for each name the form of its step and the last name that an answer
# about it leads to.
my @chains = map {
	my $steps = one_of(0 .. 20, 14 .. 18);
	+{ steps => $steps, (rand() < 0.2 ? (back => int rand $steps + 1) : (end => one_of(sort keys %end))),
		form => [ map { one_of(qw(cname cname dname both synthesized)) } 0 .. $steps ],
		reach => [ map { $_ + one_of(1, 1, 1, 2, 3, 5, 20) } 0 .. $steps ], combined => rand() < 0.5 }
} 1 .. CHAINS;

# A name of a chain, in any case of letters
sub name_at
{
	my ($chain, $at) = @_;
	return join '', map { rand() < 0.3 ? uc : $_ } split //, "h.s$at.c$chain.example";
}

# The records of a step
sub step
{
	my ($number, $at) = @_;
	my $chain = $chains[$number];
	my $to = $at < $chain->{steps} ? $at + 1 : $chain->{back};
	my ($from_name, $to_name) = map { name_at($number, $_) } $at, $to;
	my $cname = Wire::record(Wire::name($from_name), $Wire::TYPE{CNAME}, Wire::name($to_name));
	my $dname = Wire::record(Wire::name($from_name =~ s/^h\.//ir), $Wire::TYPE{DNAME}, Wire::name($to_name =~ s/^h\.//ir));
	my %records = (cname => [$cname], dname => [$dname], both => [ $dname, $cname ], synthesized => [$cname]);

	return @{ $records{ $chain->{form}[$at] } };
}

# The server's answer about a name of a chain; undefined for silence
sub answer
{
	my ($query, $number, $at) = @_;
	my $chain = $chains[$number];
	my $steps = $chain->{steps} + (defined $chain->{back} ? 1 : 0);
	my $reach = $chain->{reach}[$at];
	my ($status, $joins, $parts) = @{ $end{ $chain->{end} // 'records' } };
	my @records = map { step($number, $_) } $at .. ($reach < $steps ? $reach : $steps) - 1;

	return Wire::message($query, answer => [ shuffle @records ], authority => [ rand() < 0.3 ? $ns : () ])
	  if defined $chain->{back} || $at < $chain->{steps} && !($joins && $chain->{combined} && $reach >= $steps);
	return if !defined $parts;
	push @records, Wire::record(Wire::name(name_at($number, $steps)), $Wire::TYPE{A}, pack 'C4', 10, 0, $number >> 8, $number & 255)
	  if $chain->{end} =~ /records|short/;
	my $message = Wire::message($query, %$parts, answer => [ shuffle @records ], no_opt => 1);
	return $chain->{end} eq 'short' ? substr $message, 0, -2 : $message;
}

# The status of a chain, why, and the names that lead there. The RCODE of an answer counts,
# whatever aliases it has.
sub expected
{
	my ($number) = @_;
	my $chain = $chains[$number];
	my ($status, $joins, $parts) = @{ $end{ $chain->{end} // 'records' } };
	my $names = $chain->{steps} > MOST ? MOST : $chain->{steps};
	my @way = join ' ', map { "h.s$_.c$number.example" } 1 .. $names;
	my $at = 0;

	while (!defined $chain->{back} && $at < $chain->{steps} && $at <= MOST)
	{
		my $reach = $chain->{reach}[$at];

		return ($status, undef, @way) if $reach >= $chain->{steps} && $joins && $chain->{combined} && $parts->{rcode};
		$at = $at < MOST && $reach > MOST ? MOST : $reach;
	}
	return ('MALFORMED', 'its aliases form a chain of more than 16', @way) if $chain->{steps} > MOST;
	return defined $chain->{back} ? ('MALFORMED', 'its aliases form a loop', @way) : ($status, undef, @way);
}

my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "no socket: $!\n";
my $server = fork // die "cannot fork: $!\n";
if ($server == 0)
{
	while (my $from = $socket->recv(my $octets, 4096))
	{
		my $query = Wire::read_query($octets) or next;
		my ($at, $number) = $query->{name} =~ /^h\.s(\d+)\.c(\d+)\.example$/i or next;
		my $answer = answer($query, $number, $at) // next;
		$socket->send($answer, 0, $from);
	}
	POSIX::_exit(0);
}
END { kill 'TERM', $server if $server }

my $node = Session->cluster([ '127.0.0.1:' . $socket->sockport ], "pgcares.timeout = '2s'", 'pgcares.tries = 1', 'pgcares.edns_udp_size = 4096');
my $session = Session->new($node);
my %kinds;

$session->text('CREATE TABLE chains AS SELECT i, format(\'h.s0.c%s.example\', i) AS name FROM generate_series(0, ' . (CHAINS - 1) . ') i; ANALYZE');

# All at the same time
my @batch = map { [ split /\|/ ] } split /\n/, $session->text(<<'SQL');
SELECT m.status, coalesce(m.reason, ''), coalesce(m.rdata, '') FROM dns_query_many(ARRAY(SELECT name FROM chains ORDER BY i)) m ORDER BY m.ord
SQL
my $result = $session->query(<<'SQL');
SELECT coalesce(host(a.address), '') FROM chains LEFT JOIN LATERAL dns_a(name, 'warning') a ON true ORDER BY i
SQL
my @ahead = map { $_->[0] } @{ $result->{rows} };
my %warned = map { /"h\.s0\.c(\d+)\.example".*\((\w+)\)$/ } map { $_->{M} } @{ $result->{notices} };

my (@wrong, @wrong_ahead, @wrong_alone);
foreach my $number (0 .. CHAINS - 1)
{
	my ($status, $why) = expected($number);
	my $address = $status eq 'NOERROR' ? join('.', 10, 0, $number >> 8, $number & 255) : '';
	my ($got, $reason, $rdata) = map { $_ // '' } @{ $batch[$number] }[ 0 .. 2 ];
	my $about = sprintf 'chain %d of %d steps, %s', $number, $chains[$number]{steps}, $chains[$number]{end} // "back to $chains[$number]{back}";

	$kinds{ $why // $status }++;
	push @wrong, "$about: $got $rdata: $reason" if $got ne $status || $rdata ne $address || defined $why && $reason !~ /\Q$why\E/;
	$warned{$number} //= $address ne '' ? 'NOERROR' : 'missing';
	push @wrong_ahead, "$about: $ahead[$number] $warned{$number}"
	  if $ahead[$number] ne $address || $warned{$number} ne ($status =~ /^(?:NODATA|NXDOMAIN)$/ ? 'missing' : $status);
}
is(join("\n", @wrong), '', 'in a batch, chains end as they must');
is(join("\n", @wrong_ahead), '', '... and ahead of the call');
note(join ', ', map { "$_: $kinds{$_}" } sort keys %kinds);

# One after the other; few of those that wait until a query has timed out
my %sqlstate = map { split /\|/ } split /\n/, $session->text('SELECT DISTINCT ON (status) status, sqlstate FROM dns_statuses() WHERE sqlstate IS NOT NULL ORDER BY status, ares_code');
my ($silent, $alone) = (0, 0);
foreach my $number (0 .. CHAINS - 1)
{
	my ($status, $why, $way) = expected($number);
	next if $status eq 'TIMEOUT' && $silent++ > 3 || $alone++ >= ALONE;
	my $result = $session->query("SELECT * FROM dns_a('h.s0.c$number.example')");
	my $error = $result->{error} // { M => '', D => '' };
	my $shown = lc join ' ', $error->{D} =~ /alias of "([^"]*)"/g;
	my $state = Session::sqlstate_of($result);
	my $about = sprintf 'chain %d of %d steps, %s', $number, $chains[$number]{steps}, $chains[$number]{end} // "back to $chains[$number]{back}";

	push @wrong_alone, "$about: $state, $error->{M}, $error->{D}"
	  if $state ne $sqlstate{$status} || $status ne 'NOERROR' && $shown ne $way || defined $why && $error->{M} !~ /\Q$why\E/;
}
is(join("\n", @wrong_alone), '', '... and alone, and the error names the way');
is($session->text('SELECT 1'), '1', '... and the session goes on');

done_testing();
