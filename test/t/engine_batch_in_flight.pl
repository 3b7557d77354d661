# The questions of a batch in flight: never more than pgcares.max_in_flight, and no
# more on a socket than it can hold answers to. Each question is asked once, unless
# it is lost.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use Descriptors;
use NameServer;
use Session;

# The most descriptors of one lookup: UDP, TCP, and the event set
use constant FOR_A_LOOKUP => 3;

# UDP sockets of a batch
use constant MAX_SOCKETS => 64;

# The share of the names that larger batches ask for
use constant PART => $ENV{PGCARES_DEEP} ? 1 : 0.4;

# No answer in this test takes that long: a question that is asked again sooner was
# lost.
my $timeout = "pgcares.timeout = '20s'";
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], $timeout);
my $session = Session->new($node);

sub batch
{
	return Batch->run($server, $session, @_);
}

# ---- The number in flight

foreach ([ 1, 6 ], [ 10, 50 ], [ 300, 1000 ])
{
	my ($limit, $count) = @$_;
	my $batch = batch(q{'delay200'}, $count, max_in_flight => $limit);
	my $what = "$count names, $limit at a time";

	$batch->all_succeed($count, $what);
	$batch->asked_once($count, $what);
	cmp_ok($batch->most_at_once(0.2), '<=', $limit, "$what: no more");
	cmp_ok($batch->most_at_once(0.2), '>', $limit / 4, '... and not much fewer for long');
}

# hosts have two questions each
{
	my ($names, $zone) = Batch->names(q{'delay200'}, 10);

	$server->forget;
	is($session->text("SET pgcares.max_in_flight = 5; SELECT count(*) FROM dns_addresses_many($names); RESET pgcares.max_in_flight"),
		20, '10 hosts, 5 at a time: all addresses');
	my $batch = bless { queries => [ $server->log ] }, 'Batch';
	is(scalar @{ $batch->{queries} }, 20, '... two questions for each');
	cmp_ok($batch->most_at_once(0.2), '<=', 5, '... which are counted');
}

# A call with many times the allowed number of questions ends.
foreach ([ 1, 2000 ], [ 3, 5000 * PART ], [ 100, 20000 * PART ])
{
	my ($limit, $count) = @$_;
	my $batch = batch(q{'sound'}, $count, max_in_flight => $limit);

	$batch->all_succeed($count, "$count names, $limit at a time");
	$batch->asked_once($count, "$count names, $limit at a time");
}

# ---- All at once, with a server that answers late

# The number of queries that a socket can serve: the kernel grants twice the wanted
# buffer, and an answer takes its octets and the kernel's overhead of a datagram.
my ($most_granted) = slurp_file('/proc/sys/net/core/rmem_max') =~ /(\d+)/;

sub for_a_socket
{
	my ($buffer, $answer) = @_;
	return int(2 * ($buffer < $most_granted ? $buffer : $most_granted) / ($answer + 1024));
}

foreach (
	[ 'usual sockets', 5000 * PART, {}, 256 ],
	[ 'small receive buffers', 5000, { socket_receive_buffer_size => 65536 }, for_a_socket(65536, 1232) ],
	[ 'few queries to a port', 3000 * PART, { udp_max_queries => 20 }, 20 ],
	[ 'large answers', 3000 * PART, { edns_udp_size => 65535, max_edns_udp_size => 65535, socket_receive_buffer_size => 1 << 20 }, for_a_socket(1 << 20, 65535) ],
	[ 'any number to a port', 2000 * PART, { udp_max_queries => 0, edns_udp_size => 512 }, for_a_socket(4 << 20, 512) ])
{
	my ($what, $count, $settings, $to_a_port) = @$_;
	my $batch = batch(q{'delay300'}, $count, %$settings, max_in_flight => 16384);

	$batch->all_succeed($count, $what);
	$batch->asked_once($count, $what);
	cmp_ok($batch->most_at_once(0.3), '<=', MAX_SOCKETS * $to_a_port, '... on 64 sockets at most');
	cmp_ok($batch->most_of_a_port(0.3), '<=', $to_a_port, "... at most $to_a_port to a port");
	cmp_ok($batch->ports, '<=', 2 + $count / $to_a_port, '... and no more ports than necessary');
	note(sprintf '%s: %d names, %.2f s to send, %d ports, %d at once', $what, $count, $batch->seconds_to_ask,
		$batch->ports, $batch->most_at_once(0.3));
}

# Many names: the server needs a second or two for them, in the order of their arrival
{
	my $count = 10000 * PART;
	my $batch = batch(q{'delay300'}, $count, max_in_flight => 16384);

	$batch->all_succeed($count, "$count at once");
	$batch->asked_once($count, "$count at once");
	note(sprintf '%d at once: %.2f s to send, %d ports', $count, $batch->seconds_to_ask, $batch->ports);
}

# The same by the clock: a server that needs seconds for many questions is only slow,
# even if it has answered some. The channel must not have learned anything yet.
{
	my $count = 2000 * PART;

	$session->text('SELECT dns_reset()');
	my $batch = batch(q{'delay' || 300 + g}, $count, max_in_flight => 16384);

	$batch->all_succeed($count, 'a server that is slow for everybody');
	$batch->asked_once($count, 'a server that is slow for everybody');
}

# ---- Lost datagrams

# forgets how long earlier answers took
$session->text('SELECT dns_reset()');
{
	my $batch = batch("CASE WHEN g % 100 = 50 THEN 'drop1' ELSE 'sound' END", 2000);
	my @lost = grep { /^drop/ } keys %{ $batch->{times} };

	$batch->all_succeed(2000, 'each 100th name lost');
	is(scalar @lost, 20, '... 20 names');
	is_deeply([ grep { $batch->{times}{$_} < 2 } @lost ], [], '... each asked until it was answered');
	cmp_ok($batch->{stats}{resends}, '>=', 20, '... and this is counted');
	cmp_ok(@{ $batch->{queries} }, '<=', 2000 * 1.05 + 20, '... and the others hardly more than once');
	cmp_ok($batch->{seconds}, '<', 10, '... long before the end of a try');
	is($batch->{stats}{timeouts}, 0, '... without a timeout');
	# the server can have seen the first query late
	cmp_ok(min($batch->waits), '>=', 0.05, '... but not at once');
	note(sprintf '%.2f s, %d sent again', $batch->{seconds}, $batch->{stats}{resends});
}

# far away, and some are lost twice: the third query does not wait for the end of the try
$session->text('SELECT dns_reset()');
{
	my $lost = "CASE WHEN g IN (110, 510) THEN 'drop2.' WHEN g % 100 = 50 THEN 'drop1.' ELSE '' END || 'delay20'";
	my $batch = batch($lost, 2000);

	$batch->all_succeed(2000, 'far away, two names lost twice');
	is_deeply([ grep { $batch->{times}{$_} < (/^drop2/ ? 3 : 2) } grep { /^drop/ } keys %{ $batch->{times} } ],
		[], '... each asked until it was answered');
	cmp_ok(@{ $batch->{queries} }, '<=', 2000 * 1.05 + 20, '... and the others hardly more than once');
	cmp_ok($batch->{seconds}, '<', 15, '... before the end of a try');
	note(sprintf '%.2f s, %d sent again', $batch->{seconds}, $batch->{stats}{resends});
}

# lost three times: once more within each try, no more often than the settings allow
{
	my $batch = batch("CASE WHEN g % 100 = 50 THEN 'drop3' ELSE 'sound' END", 2000, timeout => '500ms');

	$batch->all_succeed(2000, 'each 100th name lost three times');
	cmp_ok(max(values %{ $batch->{times} }), '<=', 5, '... asked as often as the settings allow, and once more');
	is($batch->{stats}{timeouts}, 0, '... without a timeout');
}

# a server that answers nothing is not asked more often, although it answered the
# call before
{
	my $batch = batch(q{'drop'}, 1000, timeout => '2s', tries => 1);

	is_deeply($batch->{statuses}, { TIMEOUT => 1000 }, 'silence: no answer');
	$batch->asked_once(1000, 'silence');
}

# a slow name among others can seem lost, and still gets its answer
{
	my $batch = batch("CASE WHEN g % 100 = 50 THEN 'delay1500' ELSE 'sound' END", 2000);

	$batch->all_succeed(2000, 'some names are slow');
	cmp_ok(max(values %{ $batch->{times} }), '<=', 4, '... and asked four times at most');
}
$session->close;

# ---- Few descriptors. A third of those that are left is for extensions.

$node->stop;
$node = Session->cluster([$server], $timeout, 'max_files_per_process = 64', 'max_connections = 20');
$session = Session->new($node);
{
	my $before = $session->descriptors;
	my $batch = batch(q{'delay20'}, 2000, udp_max_queries => 10, max_in_flight => 2000);
	my $most = $batch->most_at_once(0.02);

	$batch->all_succeed(2000, '64 files, and sockets for 200');
	$batch->asked_once(2000, '64 files, and sockets for 200');
	cmp_ok($most, '<=', 10 * 64 / 3, '... fewer at a time');
	cmp_ok($most, '>', 10, '... but on more than one socket');
	is_deeply($session->descriptors, $before, '... descriptors as before');
	note("64 files: $most at a time");
}
$session->close;
$node->stop;

$node = Session->cluster([$server], $timeout, 'max_files_per_process = 150', 'max_connections = 100');
$session = Session->new($node);
SKIP:
{
	my $reason = Descriptors->missing($session);
	skip $reason, 1 if $reason;

	my $descriptors = Descriptors->new($node, $session);
	batch(q{'sound'}, 10);
	my $all = $descriptors->take(0);
	$descriptors->give;
	cmp_ok($all, '>', 20, "$all descriptors are for extensions");
	foreach ([ 20, 10000 * PART ], [ FOR_A_LOOKUP, 1000 ])
	{
		my ($left, $count) = @$_;

		$descriptors->take($left);
		my $taken = $session->descriptors;
		my $batch = batch(q{'sound'}, $count, udp_max_queries => 10, max_in_flight => 10000);
		$batch->all_succeed($count, "$left left, $count names");
		$batch->asked_once($count, "$left left, $count names");
		is_deeply($session->descriptors, $taken, '... descriptors as before');

		$batch = batch(q{'tc'}, 100, udp_max_queries => 10, max_in_flight => 10000);
		$batch->all_succeed(100, "$left left, over TCP");
		$descriptors->give;
	}
	foreach my $left (0, 1)
	{
		$descriptors->take($left);
		my $taken = $session->descriptors;
		foreach my $way ('udp', 'tcp')
		{
			my $batch = batch(q{'sound'}, 100, Session::way($way));
			is($batch->{state}, '53000', "$left left, $way: SQLSTATE");
			like($batch->{error}{M} // '', qr/too many open files/, '... message');
		}
		is_deeply($session->descriptors, $taken, '... descriptors as before');
		$descriptors->give;
	}
	is($descriptors->take(0), $all, 'all descriptors are there again');
	$descriptors->give;
	batch(q{'sound'}, 2000)->all_succeed(2000, 'with all descriptors again');
}
done_testing();
