# The cost of a batch is bounded: memory for each element and for each question in
# flight, and the answers that one call holds. Nothing remains.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# Questions in flight; the memory that they can cost, in kB: 3 each; the memory that can
# remain
use constant { IN_FLIGHT => 10000, MAX_IN_FLIGHT => 30000, MAX_LEFT => 1024 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '60s'", 'pgcares.max_in_flight = 16384');
my $session = Session->new($node);
my $other = Session->new($node);
my $lookup = q{SELECT host(address) FROM dns_a('sound.example')};

# Private memory in kB, by the system's count and by PostgreSQL's
sub memory
{
	my ($session) = @_;
	my $contexts = $session->text('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts');

	return ($session->status('RssAnon'), $contexts);
}

# In flight: the memory of the questions, and sockets
{
	my $fresh = Session->new($node);

	$fresh->text($lookup);
	my $before = $fresh->status('RssAnon');
	my ($names, $zone) = Batch->names(q{'drop'}, IN_FLIGHT);
	$fresh->send("SELECT count(*) FROM dns_query_many($names)");
	Session::wait_until(sub { $server->has_seen('drop.n' . IN_FLIGHT . ".$zone") }, 'the last question');
	my $more = $fresh->status('RssAnon') - $before;
	my $sockets = $fresh->inet_sockets;
	$other->text('SELECT pg_cancel_backend(' . $fresh->pid . ')');
	$fresh->result;
	Session::costs_less($more, MAX_IN_FLIGHT, IN_FLIGHT . ' in flight: memory');
	cmp_ok($sockets, '<=', 64, '... and sockets');
	note(sprintf '%d in flight: %.1f kB each, %d sockets', IN_FLIGHT, $more / IN_FLIGHT, $sockets);
	$fresh->close;
}

# The sizes of the memory contexts of a backend, which it logs on request
sub contexts_of
{
	my ($session) = @_;
	my $totals = sub { [ slurp_file($node->logfile) =~ /Grand total: (\d+) bytes/g ] };
	my $logged = @{ $totals->() };

	$other->text('SELECT pg_log_backend_memory_contexts(' . $session->pid . ')');
	return Session::wait_until(sub { my $now = $totals->(); @$now > $logged && $now->[-1] }, 'memory contexts');
}

# The memory contexts of a batch while it waits for its last answer. The array is a
# value of a table.
my $arrays = 0;

sub memory_of
{
	my ($elements, $count) = @_;
	my $fresh = Session->new($node, options => '-c work_mem=64kB -c pgcares.max_in_flight=1000');
	my $last = 'drop.m' . ++$arrays . '.example';

	$fresh->text("CREATE TEMPORARY TABLE a AS SELECT ARRAY(SELECT $elements FROM generate_series(1, $count) g) || text '$last' AS names; $lookup");
	my $before = contexts_of($fresh);
	$fresh->send('SELECT count(*) FROM a, dns_query_many(names)');
	Session::wait_until(sub { $server->has_seen($last) }, 'the last question');
	my $more = contexts_of($fresh) - $before;
	$other->text('SELECT pg_cancel_backend(' . $fresh->pid . ')');
	is(Session::sqlstate_of($fresh->result), '57014', "$count elements: cancelled at the last");
	$fresh->close;
	return $more;
}

# Besides its place in the array an element has a Datum (8 octets), two marks, and
# the next element that is equal (4).
foreach (
	[ 'equal names', q{repeat('a', 60) || '.' || repeat('b', 60) || '.' || repeat('c', 60) || '.n' || g % 10 || '.example'}, 200 ],
	[ 'names that are not asked', q{'n' || lpad(g::text, 40, '0') || '.invalid'}, 56 ],
	[ 'bad names', q{'..' || lpad(g::text, 40, '0')}, 48 ],
	[ 'other names', q{'n' || lpad(g::text, 40, '0') || '.example'}, 56, 10 ],
	[ 'equal names of U-labels', q{repeat('ü', 20) || '.n' || g % 10 || '.example'}, 56, 5 ])
{
	my ($what, $elements, $octets, $fewer) = @$_;
	my ($small, $large) = map { $_ / ($fewer // 1) } $fewer || $ENV{PGCARES_DEEP} ? (100000, 400000) : (50000, 200000);
	my $each = (memory_of($elements, $large) - memory_of($elements, $small)) / ($large - $small);

	cmp_ok($each, '<', $octets + 14 + 4, "$what: memory for each");
	note(sprintf '%s: %.1f octets for each of %d, of which the array has %d', $what, $each, $large, $octets);
}

# very many elements, and the memory that remains after the second time
{
	my $fresh = Session->new($node, options => '-c work_mem=64kB');
	my $of = sub {
		my ($count) = @_;
		return 'SELECT count(*), count(DISTINCT ord), max(ord), min(status), max(rdata) FROM dns_query_many('
		  . "ARRAY(SELECT 'n' || g % 100 || '.million.example' FROM generate_series(1, $count) g))";
	};

	$server->forget;
	my $count = $ENV{PGCARES_DEEP} ? 1_000_000 : 300_000;
	is($fresh->text($of->($count)), "$count|$count|$count|NOERROR|192.0.2.1", "$count elements");
	is($server->count, 100, '... with 100 names');
	note(sprintf '%d elements: at most %d kB in all', $count, $fresh->status('VmHWM'));

	$fresh->text($of->(100000));
	my @before = memory($fresh);
	$fresh->text($of->(100000)) foreach 1 .. 3;
	my @after = memory($fresh);
	# the free memory of the process varies by a megabyte
	Session::costs_less($after[0] - $before[0], 2 * MAX_LEFT, '100,000 elements, many times: memory of the process') or diag("@before; @after");
	cmp_ok($after[1] - $before[1], '<', MAX_LEFT, '... memory contexts');
	$fresh->close;
}

# ---- Answers that one call holds

foreach my $way ('udp', 'tcp')
{
	my $batch = Batch->run($server, $session, q{'big3000'}, 50, max_answer_memory => '256kB', Session::way($way));
	my $before = $session->status('RssAnon');

	# answers that are read before the next ones come do not count
	like($batch->{state}, qr/^(?:00000|54000)$/, "50 answers of 48 kB in 256 kB, $way: SQLSTATE");
	note("50 answers of 48 kB in 256 kB, $way: $batch->{state}");
	$batch = Batch->run($server, $session, q{'big3000'}, 10, max_answer_memory => '40kB', Session::way($way));
	is($batch->{state}, '54000', "an answer that is larger than allowed, $way: SQLSTATE");
	like($batch->{error}{M} // '', qr/more memory than allowed/, '... message');
	Session::costs_less($session->status('RssAnon') - $before, MAX_LEFT, '... memory');
	is($session->text($lookup), '192.0.2.1', '... and the session goes on');
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
done_testing();
