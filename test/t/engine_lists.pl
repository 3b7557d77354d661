# Hundreds of queries are lost while others are answered: every lost one is asked again,
# and the call ends.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# Names that are answered, some that are lost four times, one of a hundred once, and a
# few more that are answered: these show that the others are lost.
use constant { BEFORE => 12000, LOST => 2000, BEHIND => 100 };
use constant COUNT => BEFORE + LOST + BEHIND;

my $labels = sprintf q{CASE WHEN g <= %d OR g > %d THEN 'delay20' WHEN g %% 100 = 99 THEN 'drop1.delay20' ELSE 'drop4.delay20' END}, BEFORE, BEFORE + LOST;

# Shows a backend that does not end sooner.
$PostgreSQL::Test::Utils::timeout_default = 90 if !$ENV{PGCARES_WATCHED};

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '1s'", 'pgcares.tries = 8', 'pgcares.max_tries = 8');
my $session = Session->new($node, options => '-c statement_timeout=80s');

foreach my $round (1 .. 2)
{
	my $batch = Batch->run($server, $session, $labels, COUNT);

	$batch->all_succeed(COUNT, 'a batch, hundreds of queries lost at a time');
	cmp_ok($batch->{stats}{queries}, '>=', COUNT + LOST, '... and they were asked again');
	note("$batch->{stats}{queries} queries, $batch->{stats}{resends} of them again, $batch->{seconds} s");
}

# The same with look-ahead
{
	my ($names, $zone) = Batch->names($labels, COUNT);
	my %before = Batch::stats($session);
	my $result = $session->query("SELECT count(*), count(address) FROM unnest($names) n LEFT JOIN LATERAL dns_a(n, 'ignore') ON true");
	my %after = Batch::stats($session);

	is(Session::sqlstate_of($result), '00000', 'LATERAL: no error');
	is_deeply($result->{rows}, [ [ COUNT, COUNT ] ], '... all succeed');
	cmp_ok($after{queries} - $before{queries}, '>=', COUNT + LOST, '... after being asked again');
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
