# Name servers die and come back: no name is lost while another server is up, the first
# one is used again soon after it is back, and a single one at once. Dead servers do not
# make a call longer than its deadline.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(max sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Batch;
use NameServer;
use Session;

# Seconds for which servers die and come back; seconds until they are used again
use constant { RESTARTS => $ENV{PGCARES_DEEP} ? 60 : 4, UP_AND_DOWN => 2, AGAIN_WITHIN => 10, SINGLE_WITHIN => 1 };

# Seconds that a busy machine can add to a time
use constant SLACK => $ENV{PGCARES_WATCHED} ? 20 : 1;

# Over TCP as well where there is time for it
my @transports = ('udp', $ENV{PGCARES_DEEP} ? 'tcp' : ());

my $other = NameServer->misbehaving;
my $node = Session->cluster([$other], "pgcares.timeout = '500ms'", 'pgcares.tries = 2');
my $session = Session->new($node, options => '-c statement_timeout=120s');
my $first = NameServer->misbehaving(address => '127.0.0.2');
my $port = $first->port;
my $both = "127.0.0.2:$port, " . $other->address;

sub start
{
	return NameServer->misbehaving(address => '127.0.0.2', port => $port);
}

# Sends a batch, which returns each status and its number of names.
sub send_batch
{
	my ($labels, $count) = @_;
	my ($names, $zone) = Batch->names($labels, $count);

	$session->send("SELECT status, count(DISTINCT ord) FROM dns_query_many($names) GROUP BY status");
	return $zone;
}

# Has this server been asked again by now?
sub asked_again
{
	my ($server, $zone) = @_;
	return scalar grep { ($_->{name} // '') =~ /\Q$zone\E$/ } $server->log;
}

foreach my $way (@transports)
{
	# ---- In the middle of a batch

	$session->text(Session::set_way($way) . "; SET pgcares.servers = '$both'; SELECT dns_reset(); SET pgcares.max_in_flight = 8");
	my $zone = send_batch(q{'delay12'}, 5000);
	Session::wait_until(sub { $first->has_seen("delay12.n200.$zone") }, 'some questions');
	$first->stop;
	Session::wait_until(sub { $other->count(qr/\Q$zone\E$/) > 100 }, 'the other server to be asked');
	$first = start();
	my $back = time;
	Session::wait_until(sub { asked_again($first, $zone) > 10 || $session->has_result }, 'the first server to be asked again');
	my $again = time - $back;
	my $seen = asked_again($first, $zone);
	my $result = $session->result;

	is_deeply({ map { @$_ } @{ $result->{rows} } }, { NOERROR => 5000 }, "a server that dies in a batch, $way: no name is lost");
  SKIP:
	{
		skip 'the batch was over before the server could be tried again', 1 if $seen == 0 && $again < AGAIN_WITHIN;
		cmp_ok($again, '<', AGAIN_WITHIN, '... and it is used again when it is back');
	}
	note(sprintf '%.1f s after it was back', $again);

	# ---- Again and again

	my $start = time;
	my (%statuses, $batches, $kills);
	$session->text('SET pgcares.max_in_flight = 20');
	while (time < $start + RESTARTS)
	{
		my $change = time + UP_AND_DOWN / 2;

		# up for half of the time, down for the other half
		if ($first) { $first->stop; undef $first; $kills++ }
		else { $first = start() }
		while (time < $change)
		{
			send_batch(q{'delay2'}, 200);
			my $result = $session->result;
			$statuses{ Session::sqlstate_of($result) }++ if $result->{error};
			$statuses{ $_->[0] } += $_->[1] foreach @{ $result->{rows} };
			$batches++;
		}
	}
	is_deeply(\%statuses, { NOERROR => 200 * $batches }, "$kills deaths of a server, another one is up, $way: no name is lost");
	note("$batches batches");

	# ---- A single server

	$first //= start();
	$session->text("SET pgcares.servers = '127.0.0.2:$port'; SELECT dns_reset()");
	foreach my $round (1 .. 3)
	{
		my $lookup = sub { $session->sqlstate(sprintf q{SELECT * FROM dns_a('n%d.r%d.example')}, time, $round) };

		is($lookup->(), '00000', "a single server, $way: a lookup");
		$first->stop;
		isnt($lookup->(), '00000', '... fails when the server is dead') foreach 1 .. 5;
		$first = start();
		my ($back, $failed) = (time, 0);
		Session::wait_until(sub { $lookup->() eq '00000' || !++$failed }, 'a lookup that succeeds');
		cmp_ok(time - $back, '<', SINGLE_WITHIN + SLACK - 1, '... and succeeds as soon as it is back');
		note("$failed lookups failed meanwhile");
	}

	# also in the middle of a batch: names that were not asked before succeed
	$session->text('SET pgcares.max_in_flight = 5');
	$zone = send_batch(q{'delay5'}, 1000);
	Session::wait_until(sub { $first->has_seen("delay5.n100.$zone") }, 'some questions');
	kill 'STOP', $first->pid;
	Session->new($node)->text('SELECT pg_sleep(0.7)');
	kill 'CONT', $first->pid;
	my %got = map { @$_ } @{ $session->result->{rows} };
	cmp_ok($got{NOERROR}, '>=', 990, "a server that does nothing for a while, $way: nearly all names get an answer");
	is(sum0(values %got), 1000, '... and all have a row');
	$session->text('RESET ALL');
}

# ---- Dead servers and a deadline

my @silent = map { NameServer->silent(address => "127.0.0.$_") } 3 .. 5;
my @closed = map { "127.0.0.$_:" . NameServer->closed_port("127.0.0.$_") } 6 .. 7;
my $dead = join ', ', $closed[0], (map { $_->address } @silent), $closed[1];

foreach my $way (@transports)
{
	foreach my $tries (3, 10)
	{
		foreach my $count (1, 1000)
		{
			my $batch = Batch->run($silent[0], $session, q{'sound'}, $count, servers => $dead, tries => $tries, Session::way($way),
				timeout => '2s', deadline => '1s');
			my $what = "five dead servers, $tries tries, $count names, $way";

			is_deeply($batch->{statuses}, { TIMEOUT => $count }, "$what: a row for each");
			cmp_ok($batch->{seconds}, '<', 1 + SLACK, '... by the deadline');
			note(sprintf '%s: %.0f ms too much', $what, 1000 * ($batch->{seconds} - 1));
		}
	}
}

is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
