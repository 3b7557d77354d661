# A batch ends in time: at once if it is cancelled, and with a row for each element if
# its time is up.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Batch;
use NameServer;
use Session;

# Questions in flight; seconds that a cancel can take every time, and at its best;
# seconds that a busy machine can add to a deadline
use constant { IN_FLIGHT => $ENV{PGCARES_DEEP} ? 10000 : 4000, EVERY => 0.5, BEST => 0.1, ATTEMPTS => 3, SLACK => 1 };

# Memory that can remain, in kB, of questions that need 20 MB in flight, and the rounds in
# which more can remain
use constant { MAX_LEFT => 2048, ROUNDS => 5 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '60s'", "pgcares.max_timeout = '10min'",
	'pgcares.max_in_flight = 16384');
my $other = Session->new($node);
my $lookup = q{SELECT host(address) FROM dns_a('sound.example')};

# Starts a batch and waits until all of it has reached the server, which is silent.
sub start_batch
{
	my ($session, $count) = @_;
	my ($names, $zone) = Batch->names(q{'drop'}, $count);

	$server->forget;
	$session->send("SELECT count(*) FROM dns_query_many($names)");
	Session::wait_until(sub { $server->has_seen("drop.n$count.$zone") }, 'the last question');
}

# Ways to end it; each returns the result and the seconds that it took.
sub by_cancel
{
	my ($session, $count) = @_;

	start_batch($session, $count);
	my $start = time;
	$other->send('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->result;
	$other->result;
	return ($result, $result->{time} - $start);
}

sub by_statement_timeout
{
	my ($session, $count) = @_;
	my ($names) = Batch->names(q{'drop'}, $count);
	my $limit = 0.5;
	my $start = time;
	my $result = $session->query('SET statement_timeout = ' . 1000 * $limit . "; SELECT count(*) FROM dns_query_many($names)");

	$session->text('RESET statement_timeout');
	return ($result, $result->{time} - $start - $limit);
}

sub memory
{
	my ($session) = @_;
	my $contexts = $session->text('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts');

	return ($session->status('RssAnon'), $contexts);
}

# The least growth, in kB, from one measurement to the next, of the process (0) or of its contexts (1)
sub grown
{
	my ($memory, $which) = @_;

	return min(map { $memory->[$_][$which] - $memory->[ $_ - 1 ][$which] } 1 .. $#$memory);
}

# Cancels some more batches, and returns the memory then
sub again
{
	my ($session, $count) = @_;

	by_cancel($session, $count) foreach 1 .. ATTEMPTS;
	return [ memory($session) ];
}

sub is_quick
{
	my ($seconds, $what) = @_;
	my @sorted = sort { $a <=> $b } @$seconds;

	cmp_ok($sorted[-1], '<=', EVERY, "$what: in time");
	cmp_ok($sorted[0], '<=', BEST, '... the best one at once');
	note(sprintf '%s: %s ms', $what, join ' ', map { sprintf '%.0f', 1000 * $_ } @$seconds);
}

# ---- Cancel

foreach my $count (1, IN_FLIGHT)
{
	foreach my $way ('udp', 'tcp')
	{
		my $session = Session->new($node, options => Session::way_options($way));
		my $what = "$count in flight, $way";

		$session->text($lookup);
		# at first the process grows
		by_cancel($session, $count) foreach 1 .. 3;
		my $descriptors = $session->descriptors;
		my @memory = ([ memory($session) ]);
		foreach ([ 'cancel', \&by_cancel ], [ 'statement_timeout', \&by_statement_timeout ])
		{
			my ($name, $way) = @$_;
			my (@states, @seconds);

			foreach (1 .. ATTEMPTS)
			{
				my ($result, $seconds) = $way->($session, $count);
				push @states, Session::sqlstate_of($result);
				push @seconds, $seconds;
			}
			is("@states", join(' ', ('57014') x ATTEMPTS), "$name, $what: SQLSTATE");
			is_quick(\@seconds, "$name, $what");
			is($session->text($lookup), '192.0.2.1', '... and the session goes on');
			push @memory, [ memory($session) ];
		}
		is_deeply($session->descriptors, $descriptors, "$what: descriptors as before");
		# a batch that had more in flight than those before it makes the process grow, once
		push @memory, again($session, $count) while @memory <= ROUNDS && grown(\@memory, 0) >= MAX_LEFT;
		Session::costs_less(grown(\@memory, 0), MAX_LEFT, '... memory of the process');
		cmp_ok(grown(\@memory, 1), '<', MAX_LEFT, '... memory contexts');
		note(join '; ', map { "@$_" } @memory);

		start_batch($session, $count);
		my ($start, $pid) = (time, $session->pid);
		$other->text("SELECT pg_terminate_backend($pid)");
		my $result = $session->result;
		is(Session::sqlstate_of($result), '57P01', "terminate, $what: SQLSTATE");
		cmp_ok($result->{time} - $start, '<', 2 * EVERY, '... in good time');
		note(sprintf 'terminate, %s: %.0f ms', $what, 1000 * ($result->{time} - $start));
		Session::wait_until(sub { !$session->is_alive }, 'the end of the backend');
	}
}

# At random times, while it asks, waits and reads: a batch is cancelled, or its rows are
# right. Answers that come too late go to no row.
{
	my $session = Session->new($node);
	my (@before, %states, @wrong);
	srand(my $seed = time);
	note("seed $seed");

	foreach my $round (-19 .. 200)
	{
		@before = memory($session) if $round == 0;
		my $way = $round % 4 == 0 ? 'tcp' : 'udp';
		my $labels = (q{'sound'}, q{'delay' || g % 30}, q{CASE WHEN g % 50 = 0 THEN 'drop' ELSE 'delay5' END})[ $round % 3 ];
		my ($names) = Batch->names($labels, 200);
		my $result = $session->query(Session::set_way($way) . "; SET pgcares.deadline = '60ms'; "
			  . 'SET statement_timeout = ' . (1 + int rand 100)
			  . "; SELECT count(*), count(DISTINCT ord), count(*) FILTER (WHERE rdata <> '192.0.2.1' OR split_part(question, '.', 2) <> 'n' || ord),"
			  . " count(*) FILTER (WHERE status <> 'NOERROR') FROM dns_query_many($names)");
		my $state = Session::sqlstate_of($result);

		$states{$state}++;
		next if $state eq '57014';
		my $row = join '|', @{ $result->{rows}[0] // [] };
		push @wrong, "$round: $state $row" if $row !~ /^200\|200\|0\|\d+$/;
	}
	$session->text('RESET ALL');
	my @after = memory($session);
	is_deeply(\@wrong, [], '220 batches that are cancelled at random times: the others are right');
	is(join(' ', grep { $_ ne '00000' && $_ ne '57014' } keys %states), '', '... and there is no other SQLSTATE');
	cmp_ok($states{$_} // 0, '>', 20, "... many have $_") foreach '00000', '57014';
	Session::costs_less($after[0] - $before[0], MAX_LEFT, '... memory of the process') or diag("@before; @after");
	cmp_ok($after[1] - $before[1], '<', MAX_LEFT, '... memory contexts');
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
	is($session->text($lookup), '192.0.2.1', '... and the session goes on');
	note(join ', ', map { "$_: $states{$_}" } sort keys %states);
	$session->close;
}

# ---- Deadline: a row for each element by then, with the records that came

my $session = Session->new($node, options => '-c statement_timeout=60s');

# Runs a batch with a deadline, and tests its time.
sub by_deadline
{
	my ($labels, $count, $deadline, $what, %settings) = @_;
	my $batch = Batch->run($server, $session, $labels, $count, %settings, deadline => 1000 * $deadline . 'ms');
	my $seconds = $batch->{seconds};

	is($batch->{state}, '00000', "$what: no error");
	cmp_ok($seconds, '>=', $deadline - 0.005, '... not before the deadline');
	cmp_ok($seconds, '<', $deadline + SLACK, '... and soon after');
	note(sprintf '%s: %.0f ms too much', $what, 1000 * ($seconds - $deadline));
	return $batch;
}

foreach my $window (1, 256, 16384)
{
	foreach my $way ('udp', 'tcp')
	{
		my $what = "10,000 names to a silent server, $window at a time, $way";
		my $batch = by_deadline(q{'drop'}, 10000, 1, $what, max_in_flight => $window, Session::way($way));

		is_deeply($batch->{statuses}, { TIMEOUT => 10000 }, '... a row for each');
		my $asked = keys %{ $batch->{times} };
		ok($asked > 0 && $asked <= min($window, 10000), "... although no more than that were asked: $asked");
	}
}

# some are answered, some late, some never, in any order; then all that are in flight are stuck
{
	my $labels = q{CASE WHEN g <= 500 THEN 'sound' WHEN g <= 600 THEN 'delay300' WHEN g <= 800 THEN 'delay5000' ELSE 'sound' END};
	my $batch = by_deadline($labels, 10000, 3, 'all questions in flight are slow', max_in_flight => 100);

	my $answered = $batch->{statuses}{NOERROR};
	ok($answered > 500 && $answered < 9900 && $batch->{statuses}{TIMEOUT} == 10000 - $answered, "... those that were answered have their records: $answered");
	my $asked = keys %{ $batch->{times} };
	ok($asked >= $answered && $asked <= $answered + 100, "... and the others were not asked: $asked");
}
{
	my $batch = by_deadline("CASE WHEN g % 100 = 0 THEN 'drop' ELSE 'sound' END", 1000, 4, '1 of 100 is silent');
	is_deeply($batch->{statuses}, { NOERROR => 990, TIMEOUT => 10 }, '... only those have no answer');
}
{
	my ($names) = Batch->names(q{CASE WHEN g > 37 THEN 'drop' ELSE 'sound' END}, 40);
	is($session->text("SET pgcares.deadline = '1500ms'; SET pgcares.max_in_flight = 7; "
			  . "SELECT status, count(*), min(ord), max(ord) FROM dns_addresses_many($names) GROUP BY status ORDER BY status"),
		"NOERROR|74|1|37\nTIMEOUT|3|38|40", 'hosts, with a deadline');
	is($session->text("SELECT status, count(*), min(ord), max(ord) FROM dns_query_many(ARRAY[NULL, '', 'drop.example', 'www.invalid']) GROUP BY status ORDER BY min(ord)"),
		"|1|1|1\nBADNAME|1|2|2\nTIMEOUT|1|3|3\nNXDOMAIN|1|4|4", 'elements that need no answer have rows too');
	$session->text('RESET pgcares.deadline; RESET pgcares.max_in_flight');
}

# the time of a question begins when it is asked
{
	my $batch = Batch->run($server, $session, q{CASE WHEN g % 2 = 0 THEN 'drop' ELSE 'delay20' END}, 40,
		max_in_flight => 5, max_timeout => '1500ms', timeout => '500ms', tries => 2);

	is_deeply($batch->{statuses}, { NOERROR => 20, TIMEOUT => 20 }, 'five at a time, each with its time');
	is(scalar keys %{ $batch->{times} }, 40, '... all were asked');
}
{
	my $batch = Batch->run($server, $session, q{'drop'}, 20, max_in_flight => 5, max_timeout => '100ms', timeout => '60s');

	is_deeply($batch->{statuses}, { TIMEOUT => 20 }, 'max_timeout is over before a try: a row for each');
}

# the library still works on questions whose time is up while others are asked
{
	my $batch = Batch->run($server, $session, q{CASE WHEN g % 10 = 0 THEN 'drop' ELSE 'delay50' END}, 1000,
		max_in_flight => 50, max_timeout => '1200ms', timeout => '400ms', tries => 5);

	is_deeply($batch->{statuses}, { NOERROR => 900, TIMEOUT => 100 }, 'questions beside those whose time was up');
}

# both questions of a host, one at a time: the time of the first is up, and the second
# is asked all the same
{
	$server->forget;
	$session->text("SET pgcares.max_in_flight = 1; SET pgcares.max_timeout = '300ms'; SET pgcares.timeout = '60s'");
	is($session->sqlstate("SELECT * FROM dns_addresses('drop.host.example')"), 'NDA12', 'a host, one question at a time: no answer');
	my %types = map { $_->{type} => 1 } $server->log;
	is(join(' ', sort keys %types), 'A AAAA', '... to both questions');
	$session->text('RESET pgcares.max_in_flight; RESET pgcares.max_timeout; RESET pgcares.timeout');
}

is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
