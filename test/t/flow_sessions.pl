# Sessions that share memory have one pace, and pgcares.max_in_flight_total bounds the
# questions of all of them: never more are under way, a session that ends in any way gives
# back what it has, and a new session begins with the level that others have found.
# Once: no version of PostgreSQL changes this.
# Alone: it measures how many questions a name server makes use of, which has a processor.

use strict;
use warnings;
use List::Util qw(max sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# The bound, and how many of that many a session gets that is alone: some are kept for
# sessions that begin
use constant { TOTAL => 40, ALONE => 35 };

# The first level of a session (see pace.c)
use constant FIRST => 2;

my $server = NameServer->misbehaving;
my @lines = ("pgcares.timeout = '30s'", "pgcares.max_timeout = '60s'", 'pgcares.max_in_flight_total = ' . TOTAL, 'max_connections = 60');
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", @lines);
my $apart = Session->cluster([$server], @lines);
my $super = Session->new($node);

my %statement = (
	batch => sub { my ($labels, $count, $zone) = @_;
		"SELECT count(*) FROM dns_query_many(ARRAY(SELECT '$labels.n' || g || '.$zone.example' FROM generate_series(1, $count) g)) WHERE status = 'NOERROR'" },
	LATERAL => sub { my ($labels, $count, $zone) = @_;
		"SELECT count(address) FROM generate_series(1, $count) g, LATERAL dns_a('$labels.n' || g || '.$zone.example', 'ignore')" });

# The questions that a zone was asked
sub asked
{
	my ($zone) = @_;
	my %names = map { $_->{name} => 1 } grep { $_->{name} =~ /\.\Q$zone\E\.example$/ } $server->log;
	return scalar keys %names;
}

sub wait_for
{
	my ($count, $what, @zones) = @_;
	Session::wait_until(sub { sum0(map { asked($_) } @zones) >= $count }, $what);
}

# ---- The bound

# Sessions that begin one after the other, with batches and LATERAL in turn
{
	my @sessions = map { Session->new($node) } 1 .. 5;

	foreach my $number (0 .. $#sessions)
	{
		my $way = $number % 2 ? 'LATERAL' : 'batch';

		$sessions[$number]->send($statement{$way}->('delay100', 300, "bound$number"));
		wait_for(50, 'the first questions of a session', "bound$number");
	}
	is(join(' ', map { $_->result->{rows}[0][0] } @sessions), join(' ', (300) x @sessions), 'five sessions: all names are found');
	my @queries = $server->log;
	cmp_ok(Batch::most_within(0.1, @queries), '<=', TOTAL, '... never more than the bound at a time');
	cmp_ok(Batch::most_within(0.2, @queries), '>', TOTAL / 2, '... and many of them');
	my @last = grep { $_->{name} =~ /\.bound[34]\./ } @queries;
	cmp_ok(Batch::most_within(0.2, @last), '>=', TOTAL / 10, '... of which the last ones get some');
	cmp_ok($super->text('SELECT level FROM dns_stat_servers'), '>', FIRST, '... and the view has their level');
	$_->close foreach @sessions;
}

# Sessions that begin at the same time, more than there are places
{
	my @sessions = map { Session->new($node, options => '-c pgcares.max_in_flight_total=12') } 1 .. 20;

	$server->forget;
	$sessions[$_]->send($statement{batch}->('delay50', 20, "crowd$_")) foreach 0 .. $#sessions;
	is(sum0(map { $_->result->{rows}[0][0] } @sessions), 20 * @sessions, 'twenty sessions and a bound of 12: all names are found');
	cmp_ok(Batch::most_within(0.05, $server->log), '<=', 12 + @sessions, '... beyond the bound, each session has one question at most');
	$_->close foreach @sessions;
}

# A question that is asked alone waits for nobody
{
	my ($busy, $alone) = map { Session->new($node) } 1 .. 2;

	$busy->send($statement{batch}->('drop', 200, 'busy'));
	wait_for(ALONE, 'a session with many questions', 'busy');
	is($alone->text(q{SELECT count(*) FROM dns_a('n.alone.example')}), 1, 'a question alone is answered while all places are taken');
	is(asked('busy'), ALONE, '... by a session that has as many as one alone can have');
	$super->text('SELECT pg_cancel_backend(' . $busy->pid . ')');
	is(Session::sqlstate_of($busy->result), '57014', 'cancelled');
}

# ---- What a session has is given back

my %end = (
	'is terminated' => sub { $super->text('SELECT pg_terminate_backend(' . $_[0]->pid . ')') },
	'is cancelled' => sub { $super->text('SELECT pg_cancel_backend(' . $_[0]->pid . ')') },
	'has a limit of time' => sub { },
	'loses its client' => sub { $_[0]->close });
foreach my $how (sort keys %end)
{
	foreach my $way (sort keys %statement)
	{
		my $zone = lc("$how$way") =~ tr/a-z//cdr;
		my $ends = Session->new($node, options => '-c client_connection_check_interval=50ms' .
			  ($how =~ /limit/ ? ' -c statement_timeout=4s' : ''));
		my $goes_on = Session->new($node);

		$ends->send($statement{$way}->('drop', 200, "a$zone"));
		wait_for(ALONE, 'a session with many questions', "a$zone");
		$goes_on->send($statement{$way}->('drop', 200, "b$zone"));
		wait_for(1, 'the first question of another session', "b$zone");
		cmp_ok(asked("a$zone") + asked("b$zone"), '<=', TOTAL, "a session $how, $way: not too many before that");
		$end{$how}->($ends);
		wait_for(ALONE, 'the places of the session that has ended', "b$zone");
		is(asked("b$zone"), ALONE, '... and the other one gets what it had');
		$super->text('SELECT pg_cancel_backend(' . $goes_on->pid . ')');
		is(Session::sqlstate_of($goes_on->result), '57014', '... until it is cancelled');
		$goes_on->close;
	}
}

# ---- A new session begins with the level of the others

# Questions of a new session before an answer can be there
sub first_questions
{
	my ($where) = @_;
	my $session = Session->new($where, options => '-c pgcares.max_in_flight_total=0');
	my $batch = Batch->run($server, $session, q{'delay100'}, 3000);
	my $first = $batch->{queries}[0]{time};

	$batch->all_succeed(3000, 'a new session');
	$session->close;
	return scalar grep { $_->{time} < $first + 0.08 } @{ $batch->{queries} };
}

first_questions($_) foreach $node, $apart;
# A busy machine finds a lower level
cmp_ok(first_questions($node), '>=', 8 * FIRST, 'a new session asks many at once, as the one before has found');
# And two more when no answer has come for 5 ms
is(first_questions($apart), 2 * FIRST, '... but without shared memory as few as always');

# ---- Without shared memory

{
	my $session = Session->new($apart);
	my $batch = Batch->run($server, $session, q{'delay200'}, 2000, max_in_flight_total => 5);

	$batch->all_succeed(2000, 'without shared memory');
	cmp_ok($batch->most_at_once(0.2), '>', 2 * TOTAL, '... the bound has no effect');
}

# ---- A session that knows the level

# The level is spread over a round trip; a batch that ends meanwhile does not lower it
{
	my $session = Session->new($apart);
	my $asked_first = sub {
		my @queries = @{ Batch->run($server, $session, q{'delay200'}, 3000)->{queries} };
		return scalar grep { $_->{time} < $queries[0]{time} + 0.19 } @queries;
	};

	$asked_first->() foreach 1 .. 4;
	my $known = $asked_first->();
	Batch->run($server, $session, q{'delay200'}, 3000, deadline => '10ms');
	# A busy machine asks fewer in that time
	cmp_ok($asked_first->(), '>=', $known / 2, 'a batch that ends within a round trip leaves the level as it was');
	$session->close;
}

# ---- The setting

$super->text('CREATE ROLE plain LOGIN; CREATE ROLE limited LOGIN; ALTER ROLE limited SET pgcares.max_in_flight_total = 7');
my $plain = Session->new($node, user => 'plain');
is($plain->sqlstate('SET pgcares.max_in_flight_total = 1000'), '42501', 'a plain role cannot change the bound');
is($super->sqlstate('SET pgcares.max_in_flight_total = -1'), '22023', 'it is a number');
is(Session->new($node, user => 'limited')->text('SHOW pgcares.max_in_flight_total'), 7, '... that a role can have');
is($super->text(q{SELECT boot_val || context FROM pg_settings WHERE name = 'pgcares.max_in_flight_total'}), '0superuser', '... and by default there is none');

is_deeply([ $super->inet_sockets ], [], 'no socket is left');
done_testing();
