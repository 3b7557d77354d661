# No descriptor and no memory is left after a lookup, for any end of it.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

# The growth of memory that is allowed, in kB, and the lookups after which a session is
# warm
use constant { MAX_GROWTH => 1024, WARM_UP => 250 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'pgcares.tries = 1');
my $session = Session->new($node);

# Repetitions of some of the ways if there is time for them; under a checker there is none
my %many = $ENV{PGCARES_DEEP} && !$ENV{PGCARES_WATCHED}
  ? ('failures' => 100_000, 'an error after each lookup' => 100_000, 'savepoints' => 100_000, 'LIMIT 1' => 10_000,
	'a cursor closed early' => 10_000, 'EXISTS' => 10_000, 'statement_timeout' => 1000)
  : ();

# Lookups in one statement
use constant AT_ONCE => 10_000;

# Many lookups: a block of PL/pgSQL for each, which also handles the errors. The
# variable n has the name, i the number in the statement.
sub lookups
{
	my ($count, $block, @settings) = @_;

	return map { lookups(AT_ONCE, $block, @settings) } 1 .. $count / AT_ONCE if $count > AT_ONCE;
	return join '; ', (map { "SET LOCAL $_" } @settings), <<"SQL";
DO \$\$
DECLARE
	n text;
	c refcursor;
	x int;
BEGIN
	FOR i IN 1 .. $count LOOP
		$block
	END LOOP;
END
\$\$
SQL
}

# A block that must raise one of these errors; any other outcome ends the loop
sub failing
{
	my ($block, @states) = @_;
	my $expected = join ' OR ', map { "SQLSTATE '$_'" } @states;

	return <<"SQL";
BEGIN
	$block
	RAISE EXCEPTION 'no error with %', n;
EXCEPTION WHEN $expected THEN
	NULL;
END;
SQL
}

# Savepoints of the client, ten to a transaction
sub savepoints
{
	my ($count, $lookup) = @_;
	my $transaction = join ';', 'BEGIN', ("SAVEPOINT s; $lookup; ROLLBACK TO SAVEPOINT s; RELEASE s") x 10, 'COMMIT';

	return ($transaction) x ($count / 10);
}

my $failing = failing(<<'SQL', qw(ND002 ND003 ND005 NDA10));
n := (ARRAY['nxdomain', 'short', 'rcode2', 'a3', 'rcode5', 'loopptr'])[i % 6 + 1] || '.n' || i || '.example';
PERFORM * FROM dns_a(n);
SQL
my $hosts = failing(<<'SQL', qw(NDA00 ND002 NDA10));
n := (ARRAY['nodata', 'rcode2', 'aaaa15', 'a3'])[i % 4 + 1] || '.n' || i || '.example';
PERFORM dns_reverse('192.0.2.1'), dns_lookup('n' || i || '.example');
PERFORM * FROM dns_search(n, on_error => 'ignore');
PERFORM * FROM dns_addresses(n);
SQL
my $bare = failing("n := 'headeronly.n' || i || '.example'; PERFORM * FROM dns_a(n);", 'ND005');
my $silent = failing("n := 'drop.n' || i || '.example'; PERFORM * FROM dns_a(n);", 'NDA12');
my $error_later = failing("n := 'n' || i || '.example'; PERFORM * FROM dns_a(n); x := 1 / (i - i);", '22012');
my $error_beside =
  failing("n := 'n' || i || '.example'; PERFORM 1 / (ttl - 300), generate_series(1, 9) FROM dns_a(n);", '22012');
my $refused = failing("n := 'n' || i || '.example'; PERFORM * FROM dns_a(n);", 'NDA11');
my $too_large = failing("n := 'big70.n' || i || '.example'; PERFORM * FROM dns_a(n);", '54000');

# The ways to end a lookup: title, number of lookups, and their statements
my @ways = (
	[ 'failures', 2000, sub { lookups($_[0], $failing) } ],
	[ 'failures over TCP', 1000, sub { lookups($_[0], $failing, 'pgcares.tcp = on') } ],
	[ 'failures, the socket kept', 1000, sub { lookups($_[0], $failing, 'pgcares.keep_open = on') } ],
	[ 'errors without a question', 100, sub { lookups($_[0], $bare) } ],
	[ 'hosts', 1500, sub { lookups($_[0], $hosts, "pgcares.lookups = 'fb'") } ],
	[ 'silence', 300, sub { lookups($_[0], $silent, "pgcares.timeout = '10ms'") } ],
	[ 'silence over TCP', 300, sub { lookups($_[0], $silent, "pgcares.timeout = '10ms'", 'pgcares.tcp = on') } ],
	[ 'no server listens', 1000,
		sub { lookups($_[0], $refused, "pgcares.servers = '127.0.0.1:" . NameServer->closed_port . "'") } ],
	[ 'too large answers', 1000, sub { lookups($_[0], $too_large, "pgcares.max_answer_memory = '1kB'") } ],
	[ 'deadlines', 300, sub { lookups($_[0], $silent, "pgcares.deadline = '5ms'") } ],
	[ 'an error after each lookup', 1500, sub { lookups($_[0], $error_later) } ],
	[ 'an error in the query of the lookup', 1500, sub { lookups($_[0], $error_beside) } ],
	[ 'savepoints', 1000, sub { savepoints($_[0], "SELECT * FROM dns_a('n.example')") } ],
	[ 'errors in savepoints', 200,
		sub {
			map { ('BEGIN; SAVEPOINT s', q{SELECT * FROM dns_a('nxdomain.example')}, 'ROLLBACK TO SAVEPOINT s; COMMIT') } 1 .. $_[0]
		} ],
	[ 'LIMIT 1', 1000,
		sub { lookups($_[0], q{PERFORM * FROM dns_a('big20.example') LIMIT 1; PERFORM dns_a('big20.example') LIMIT 1;}) } ],
	[ 'a cursor closed early', 1000,
		sub {
			lookups($_[0], q{
				OPEN c FOR SELECT ttl FROM generate_series(1, 9) g, LATERAL dns_a('big20.n' || g || '.example');
				FETCH c INTO x;
				CLOSE c;
				OPEN c FOR SELECT (dns_a('big20.n' || g || '.example')).ttl FROM generate_series(1, 9) g;
				FETCH c INTO x;
				CLOSE c;})
		} ],
	[ 'EXISTS', 1000, sub { lookups($_[0], q{ASSERT EXISTS (SELECT FROM dns_a('big20.example'));}) } ],
	[ 'statement_timeout', 30,
		sub { (q{SET statement_timeout = '5ms'}, (q{SELECT * FROM dns_a('drop.example')}) x $_[0], 'RESET statement_timeout') } ],
);

# Runs them, and one more lookup with the usual settings; returns the SQLSTATEs, each
# once.
sub run
{
	my @statements = @_;
	my %states = map { $session->sqlstate($_) => 1 } @statements, q{SELECT * FROM dns_a('n.example')};

	return join ' ', sort keys %states;
}

# Private memory in kB, by the system's count and by PostgreSQL's
sub memory
{
	my $contexts = $session->text('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	return ($session->status('RssAnon'), $contexts / 1024);
}

my %states = ('errors in savepoints' => '00000 ND003', 'statement_timeout' => '00000 57014');
foreach (@ways)
{
	my ($name, undef, $statements) = @$_;
	run($statements->($name =~ /silence|deadline|timeout|question/ ? 10 : WARM_UP));
}
memory();

foreach (@ways)
{
	my ($name, $count, $statements) = @$_;
	my @commands = $statements->($many{$name} // $count);
	my $descriptors = $session->descriptors;
	my @before = memory();

	is(run(@commands), $states{$name} // '00000', "$name: as expected");

	my @after = memory();
	is_deeply($session->descriptors, $descriptors, "$name: descriptors as before");
	Session::costs_less($after[0] - $before[0], MAX_GROWTH, "$name: memory of the process");
	cmp_ok($after[1] - $before[1], '<', MAX_GROWTH, "$name: memory contexts");
	note(sprintf '%s: %d kB, contexts %d kB more', $name, $after[0] - $before[0], $after[1] - $before[1]);
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');
cmp_ok(scalar(grep { $_->{transport} eq 'tcp' } $server->log), '>=', 1000 + 300, 'all that should go over TCP did');
is($session->text(q{SELECT * FROM dns_a('n.example')}), '192.0.2.1|300', 'the session goes on');
done_testing();
