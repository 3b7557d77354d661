# The channel finds the number of questions in flight that a server makes use of, and
# remembers it: no more than the server has room for, without many losses. Slow names and
# silent servers do not lower it.
# Once: no version of PostgreSQL changes this.
# Alone: it measures how many questions a name server makes use of, which has a processor.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# The first level (see pace.c), and the share of the names that larger batches ask for
use constant { FIRST => 128, PART => $ENV{PGCARES_DEEP} ? 1 : 0.5 };

# On a busy machine answers are late and fewer are in flight: half of FIRST, if slow
# names count as lost
use constant ENOUGH => 0.3;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'", 'pgcares.max_in_flight = 16384', "pgcares.max_timeout = '60s'");
my $session = Session->new($node);

sub batch
{
	return Batch->run($server, $session, @_);
}

# The most of the last $count questions that wait at one time, for $ms ms at least
sub at_last
{
	my ($batch, $count, $ms) = @_;
	my $late = bless { %$batch, queries => [ @{ $batch->{queries} }[ -$count .. -1 ] ] }, 'Batch';

	return $late->most_at_once($ms / 1000);
}

# ---- Far away

{
	my $batch = batch(q{'delay200'}, 10000);

	$batch->all_succeed(10000, 'far away');
	$batch->asked_once(10000, 'far away');
	cmp_ok($batch->most_at_once(0.2), '>=', 3 * FIRST, '... with many in flight');

	my $again = batch(q{'delay200'}, 2000);
	my $first = $again->{queries}[0]{time};
	cmp_ok(scalar(grep { $_->{time} < $first + 0.2 } @{ $again->{queries} }), '>=', 2 * FIRST, '... from the beginning in the next batch');

	$session->text('SELECT dns_reset()');
	my $limited = batch(q{'delay200'}, 3000, max_in_flight => 200);
	cmp_ok($limited->most_at_once(0.2), '<=', 200, 'never more than the setting allows');
}

# ---- Little room

foreach my $room (150, 400)
{
	$session->text('SELECT dns_reset()');
	my $count = 20000 * PART;
	my $batch = batch("'room$room.delay20'", $count);
	my $lost = @{ $batch->{queries} } / $count - 1;

	$batch->all_succeed($count, "room for $room");
	# the first doublings go on until the first losses are seen
	cmp_ok($lost, '<', 0.5, '... and few are lost');
	cmp_ok(at_last($batch, 5000, 20), '<=', 8 * $room, '... and not many are in flight');
	note(sprintf 'room for %d: %.1f s, %.1f %% lost, %d at a time', $room, $batch->{seconds}, 100 * $lost, at_last($batch, 5000, 20));
}

# ---- Slow names

$session->text('SELECT dns_reset()');
{
	my $batch = batch(q{CASE WHEN g % 100 = 0 THEN 'delay300' ELSE 'delay20' END}, 10000);

	$batch->all_succeed(10000, '1 of 100 slow');
	cmp_ok(at_last($batch, 3000, 20), '>=', ENOUGH * FIRST, '... and not many fewer at a time');
}

# Names so slow that they are asked once more: this does not count as a loss

$session->text('SELECT dns_reset()');
{
	my $batch = batch(q{CASE WHEN g % 12 = 0 THEN 'delay900' ELSE 'delay20' END}, 6000);

	$batch->all_succeed(6000, '1 of 12 very slow');
	cmp_ok($batch->{stats}{resends}, '>', 0, '... and asked again');
	cmp_ok(at_last($batch, 2000, 20), '>=', ENOUGH * FIRST, '... and not many fewer at a time');
	note(sprintf '%.1f s, %d at a time', $batch->{seconds}, at_last($batch, 2000, 20));
}

# ---- Silence

$session->text('SELECT dns_reset()');
{
	my $batch = batch(q{'drop'}, 4000, timeout => '3s', tries => 1, deadline => '4s');

	is_deeply($batch->{statuses}, { TIMEOUT => 4000 }, 'a silent server');
	is(scalar keys %{ $batch->{times} }, 4000, '... and all were asked in time');
}

is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
