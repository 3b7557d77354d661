# Property: the id, the source port and the letters' case of the next query cannot be told
# from those before (RFC 5452 section 9.2): each is as even, and as unlike the last one, as
# chance makes it.
#
# Chance exceeds a limit once in ten million runs. The same functions also get generators
# that are worse than chance, and must find them out. 20,000 queries; 50,000 with
# PGCARES_DEEP.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Batch;
use IO::Socket::INET;
use List::Util qw(max min sum0);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $deep = $ENV{PGCARES_DEEP};
my $queries = $deep ? 50000 : 20000;
my $singles = $deep ? 20000 : 5000;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", "pgcares.timeout = '20s'");
my $session = Session->new($node);

# The normal deviate that is exceeded once in ten million times, on one side
use constant RARE => 5.2;

# ---- Chance

# The bounds of a chi-square statistic with this many degrees of freedom (Wilson and
# Hilferty's approximation)
sub chance
{
	my ($freedom) = @_;
	my $part = 2 / (9 * $freedom);
	return map { $freedom * (1 - $part + $_ * sqrt $part)**3 } -RARE, RARE;
}

# The chi-square statistic of numbers from 0 .. buckets - 1
sub unevenness
{
	my ($buckets, @numbers) = @_;
	my @count = (0) x $buckets;

	$count[$_]++ foreach @numbers;
	my $even = @numbers / $buckets;
	return sum0(map { ($_ - $even)**2 / $even } @count);
}

# Are numbers as even as chance makes them? Counting makes them more even.
sub is_even
{
	my ($buckets, @numbers) = @_;
	my ($least, $most) = chance($buckets - 1);
	my $uneven = unevenness($buckets, @numbers);

	return $uneven > $least && $uneven < $most;
}

sub is_random
{
	my (@ids) = @_;
	my @steps = map { $ids[$_] - $ids[ $_ - 1 ] & 65535 } 1 .. $#ids;

	return is_even(256, map { $_ >> 8 } @ids) && is_even(256, map { $_ & 255 } @ids)
	  && is_even(256, map { $_ >> 8 } @steps) && is_even(256, map { $_ & 255 } @steps);
}

# Do two lists of numbers below the number of buckets look drawn in the same way?
sub are_alike
{
	my ($buckets, $ours, $theirs) = @_;
	my @difference = (0) x $buckets;
	my @sum = (0) x $buckets;

	foreach ([ 1, $ours ], [ -1, $theirs ])
	{
		my ($sign, $numbers) = @$_;
		do { $difference[$_] += $sign; $sum[$_]++ } foreach @$numbers;
	}
	my @used = grep { $sum[$_] } 0 .. $buckets - 1;
	return sum0(map { $difference[$_]**2 / $sum[$_] } @used) < (chance(@used - 1))[1];
}

# Pairs of equal numbers
sub pairs
{
	my %count;

	$count{$_}++ foreach @_;
	return sum0(map { $_ * ($_ - 1) / 2 } values %count);
}

# Are there as many equal pairs as chance makes out of this many possible ones?
sub is_chance_of_pairs
{
	my ($pairs, $possible) = @_;
	my $mean = $possible / 65536;
	return abs($pairs - $mean) < RARE * sqrt($mean) + RARE**2 / 5;
}

# These functions must accept chance and find out everything else. The numbers come from
# Perl's small generator, which no query uses.
srand 20260101;
my @good = map { int rand 65536 } 1 .. $queries;
ok(is_random(@good), 'random ids: accepted');
foreach (
	[ 'ids in sequence', map { $_ & 65535 } 1 .. $queries ],
	[ 'ids by steps of a prime', map { $_ * 40503 & 65535 } 1 .. $queries ],
	[ 'every second id follows the one before', map { $_ % 2 ? $good[$_] : $good[ $_ - 1 ] + 1 & 65535 } 1 .. $#good ],
	[ 'ids of 15 bits', map { $_ & 32767 } @good ],
	[ 'ids with a bit that is set in 55 of 100', map { rand 10 < 1 ? $_ | 16 : $_ } @good ],
	[ 'ids of which 1 of 30 is one of sixteen', map { rand 30 < 1 ? $_ & 0x0f0f & 0x00f0 : $_ } @good ])
{
	my ($what, @ids) = @$_;
	ok(!is_random(@ids), "$what: found out");
}
ok(!is_chance_of_pairs(pairs(@good[ 0 .. 4899 ], @good[ 0 .. 99 ]), 5000 * 4999 / 2), 'one backend like another: found out');

# ---- Ids

sub ids
{
	return map { $_->{id} } @_;
}

my $batch = Batch->run($server, $session, q{'sound'}, $queries);
$batch->all_succeed($queries, 'one batch');
my @in_batch = @{ $batch->{queries} };
ok(is_random(ids(@in_batch)), '... ids are even, and so are the differences of neighbours');

# one lookup at a time, each with a socket of its own
$server->forget;
$session->text("SET pgcares.lookahead = off; SELECT count(*) FROM generate_series(1, $singles) i, LATERAL dns_a('n' || i || '.single.example')");
my @in_turn = grep { $_->{name} =~ /\.single\.example$/ } $server->log;
is(scalar @in_turn, $singles, 'lookups one by one');
ok(is_random(ids(@in_turn)), '... ids are even, and so are the differences of neighbours');

# thousands that wait at the same time
$batch = Batch->run($server, $session, q{'crowd4000'}, 4000, max_in_flight => 4000);
is($batch->{statuses}{NOERROR}, 4000, '4,000 questions in flight at the same time');
# a query that seems lost is sent again later, when ids are free again
my %query_of = map { $_->{name} => $_ } reverse @{ $batch->{queries} };
is(pairs(ids(values %query_of)), 0, '... no two have the same id');

# backends that each began with the state of the postmaster
$server->forget;
my @backends = map { Session->new($node) } 1 .. 50;
$_->text(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'b' || i || '.backend.example' FROM generate_series(1, 100) i))}) foreach @backends;
my @of_backends = ids(grep { $_->{name} =~ /\.backend\.example$/ } $server->log);
is(scalar @of_backends, 5000, '50 backends, 100 queries each, the library loaded by the postmaster');
ok(is_chance_of_pairs(pairs(@of_backends), 5000 * 4999 / 2), '... as many have the same id as by chance');
ok(is_chance_of_pairs(sum0(map { my $place = $_; pairs(map { $of_backends[ 100 * $_ + $place ] } 0 .. 49) } 0 .. 99), 100 * 50 * 49 / 2),
	'... also among the first, second and later ones of each');
$_->close foreach @backends;

# ---- Source ports

my ($low, $high) = split ' ', slurp_file('/proc/sys/net/ipv4/ip_local_port_range');

# Ports as parts of the system's range
sub parts
{
	return map { int(64 * ($_ - $low) / ($high - $low + 1)) } @_;
}

# A port that the system chooses
sub any_port
{
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Proto => 'udp')
	  or die "cannot make a socket: $!\n";
	return $socket->sockport;
}

my @ports = map { $_->{sport} } @in_turn;
is(scalar(grep { $_ < $low || $_ > $high } @ports), 0, 'ports: all are in the system\'s range');
ok(are_alike(64, [ parts(@ports) ], [ parts(map { any_port() } @ports) ]), '... and as even as it chooses them');
ok(!are_alike(64, [ parts(@ports) ], [ parts(map { $low + ($_ - $low) * 0.9 } @ports) ]), '... and ports that are less even would be found out');
is(scalar(grep { $ports[$_] == $ports[ $_ - 1 ] } 1 .. $#ports) < 10, 1, '... and differ between lookups');

# The system does not give a used port to another socket, and answers take 50 ms here: so
# queries of a port that follow each other sooner belong to one socket.
sub runs
{
	my @runs;
	my ($port, $time) = (0, 0);

	foreach my $query (@_)
	{
		if ($query->{sport} == $port && $query->{time} < $time + 0.05) { $runs[-1]++ }
		else { push @runs, 1 }
		($port, $time) = @$query{qw(sport time)};
	}
	return @runs;
}

foreach my $limit (1, 16, 256)
{
	$session->text("SET pgcares.udp_max_queries = $limit");
	$batch = Batch->run($server, $session, q{'delay50'}, 2000, max_in_flight => 600, deadline => '20s');
	$batch->all_succeed(2000, "udp_max_queries $limit");
	my @runs = runs(@{ $batch->{queries} });
	cmp_ok(max(@runs), '<=', $limit, '... no port has more queries');
	cmp_ok($batch->most_of_a_port(0.05), '<=', $limit, '... by another count too');
	cmp_ok(scalar @runs, '>=', 2000 / $limit, '... and then another one is used');
}
$session->text('RESET pgcares.udp_max_queries');
cmp_ok(max(runs(@in_batch)), '<=', 256, 'by default: 256');

# A question that is asked again, since there was no answer, has its letters as before,
# but another port and another id, so that an answer tells which query it belongs to.
$session->text(q{SET pgcares.randomize_case = on; SET pgcares.timeout = '250ms'});
$server->forget;
is($session->text("SELECT count(rdata) FROM dns_query_many(ARRAY(SELECT 'drop1.sound.' || i || '.again.example' FROM generate_series(1, 100) i))"),
	100, '100 names that are asked again');
my %again;
push @{ $again{ lc $_->{name} } }, $_ foreach grep { lc($_->{name}) =~ /\.again\.example$/ } $server->log;
is(scalar(grep { @$_ == 2 && $_->[0]{sport} != $_->[1]{sport} } values %again), 100, '... each once, from another port');
is(scalar(grep { $_->[0]{name} eq $_->[1]{name} } values %again), 100, '... with the same letters');
cmp_ok(scalar(grep { $_->[0]{id} != $_->[1]{id} } values %again), '>=', 99, '... and another id');
$session->text('RESET pgcares.timeout');

# ---- Letters

my $letters = 'thequickbrownfoxjumpsoverthelazydog.andthenitsleeps';
$server->forget;
is($session->text("SELECT count(*) FROM dns_query_many(ARRAY(SELECT '$letters.' || i || '.case.example' FROM generate_series(1, 2000) i))"),
	2000, 'randomize_case: 2,000 names');
my @asked = map { substr $_->{name}, 0, length $letters } grep { lc($_->{name}) =~ /\.case\.example$/ } $server->log;
my $limit = RARE * sqrt(2000) / 2;
my @upper = map { my $at = $_; scalar grep { substr($_, $at, 1) =~ /[A-Z]/ } @asked } grep { substr($letters, $_, 1) ne '.' } 0 .. length($letters) - 1;
is(scalar(grep { abs($_ - 1000) > $limit } @upper), 0, '... each letter is a capital half of the time') or diag("@upper");
my %distinct = map { $_ => 1 } @asked;
is(scalar keys %distinct, 2000, '... no two queries have the same letters');
my $changes = sum0(map { ($asked[$_] ^ $asked[ $_ - 1 ]) =~ tr{ }{} } 1 .. $#asked);
cmp_ok(abs($changes / (@asked - 1) / @upper - 0.5), '<', 0.02, '... half of them differ from those of the query before');

done_testing();
