# The settings bound the time of a lookup: pgcares.timeout for each of pgcares.tries,
# and never more than pgcares.deadline and pgcares.max_timeout.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Seconds that a busy machine can add to a time
use constant SLACK => 1;

my $server = NameServer->misbehaving;
my @silent = map { NameServer->silent(address => "127.0.0.$_") } 2 .. 4;
my $node = Session->cluster([$server]);
my $names = 0;

# A session of its own, with a channel that has learned nothing
sub session
{
	my %settings = @_;
	my @options = map { "-c pgcares.$_=$settings{$_}" } sort keys %settings;

	# if a limit does not work, the test must not last long
	return Session->new($node, options => join ' ', '-c statement_timeout=10s', @options);
}

sub lookup
{
	my ($behaviour) = @_;
	return sprintf "SELECT * FROM dns_a('%s.n%d.example')", $behaviour, ++$names;
}

# The time until the outcome, and its SQLSTATE
sub outcome
{
	my ($session, $sql) = @_;
	my $start = time;
	my $result = $session->query($sql);

	return ($result->{time} - $start, Session::sqlstate_of($result));
}

sub takes
{
	my ($session, $sql, $seconds, $expected, $what) = @_;
	my ($taken, $got) = outcome($session, $sql);

	is($got, $expected, "$what: outcome");
	# the clocks differ in their last millisecond
	ok($taken > $seconds - 0.005 && $taken < $seconds + SLACK, "$what: time") or diag("$taken s, not $seconds");
}

# The limits
my $silent = join ',', map { $_->address } @silent;
my %patient = (timeout => '20s', tries => 10, max_tries => 100);
foreach my $way ('udp', 'tcp')
{
	my $over = uc $way;
	my %call = (%patient, Session::way($way));

	takes(session(%call, servers => $silent, deadline => '500ms'), lookup('n'), 0.5, 'NDA12',
		"deadline, three silent servers, $over");
	takes(session(%call, servers => $silent, timeout => '10ms', deadline => '300ms'), lookup('n'), 0.3, 'NDA12',
		"deadline, three silent servers, many tries, $over");
	takes(session(%call, deadline => '300ms'), lookup('delay5000'), 0.3, 'NDA12', "deadline, a late answer, $over");
	takes(session(%call, servers => $silent, max_timeout => '500ms'), lookup('n'), 0.5, 'NDA12',
		"max_timeout, three silent servers, $over");
	takes(session(%call, servers => $silent, timeout => '10ms', tries => 100, max_timeout => '300ms'),
		lookup('n'), 0.3, 'NDA12', "max_timeout, three silent servers, many tries, $over");
	takes(session(%call, deadline => '500ms'), lookup('delay100'), 0.1, '00000', "deadline, an answer in time, $over");
}
takes(session(%patient, deadline => '500ms', tcp => 'on'), lookup('tcpslow100'), 0.5, 'NDA12',
	'deadline, an answer octet by octet');
takes(session(%patient, deadline => '500ms'), lookup('tcpsilent'), 0.5, 'NDA12', 'deadline, truncated, then silent');

# Each call has its own deadline: the second one begins after the first.
{
	my $session = session(%patient, deadline => '500ms');
	takes($session, lookup('delay300'), 0.3, '00000', 'deadline, first call');
	takes($session, lookup('delay300'), 0.3, '00000', 'deadline, second call');
	takes($session, lookup('drop'), 0.5, 'NDA12', 'deadline, third call');
}

# The servers count the tries. A session that has seen quick answers waits as long for
# a slow one: this fails if the library derives its timeouts from VERDICT_DONE
# (src/flight/flight.h).
foreach my $way ('udp', 'tcp')
{
	my $over = uc $way;

	foreach my $warm (0, 1)
	{
		my $what = "$over, " . ($warm ? 'after quick answers' : 'a new channel');
		my $ready = sub {
			my $session = session(Session::way($way), @_);
			$session->text(lookup('sound')) foreach 1 .. 10 * $warm;
			return $session;
		};

		takes($ready->(timeout => '2s', tries => 4), lookup('delay800'), 0.8, '00000', "slow answer, $what");
		is($server->count(qr/^delay800\.n$names\./), 1, "slow answer, $what: asked once");

		takes($ready->(timeout => '100ms', tries => 3), lookup('drop'), 0.3, 'NDA12', "three tries, $what");
		is($server->count(qr/^drop\.n$names\./), 3, "three tries, $what: asked three times");

		takes($ready->(timeout => '1s', tries => 1), lookup('drop'), 1, 'NDA12', "one try, $what");
		is($server->count(qr/^drop\.n$names\./), 1, "one try, $what: asked once");

		takes($ready->(timeout => '100ms', tries => 4), lookup('drop2'), 0.2, '00000', "third try, $what");
		is($server->count(qr/^drop2\.n$names\./), 3, "third try, $what: asked three times");
	}
	takes(session(Session::way($way), servers => $silent, timeout => '50ms', tries => 2), lookup('n'), 0.3, 'NDA12',
		"two tries at three servers, $over");
	is_deeply([ map { $_->count(qr/^n\.n$names\./) } @silent ], [ 2, 2, 2 ],
		"two tries at three servers, $over: asked twice each");
}

# No limit of the library makes a long timeout shorter.
takes(session(timeout => '10s', tries => 2, deadline => '5500ms'), lookup('drop'), 5.5, 'NDA12', 'a long timeout');
is($server->count(qr/^drop\.n$names\./), 1, 'a long timeout: asked once');
# The lookups of a statement share the deadline, in whatever functions they are, asked
# ahead or not; the next statement has its own.
foreach my $lookahead ('on', 'off')
{
	my $session = session(deadline => '1s', timeout => '600ms', tries => 1, lookahead => $lookahead);
	my $what = "look-ahead $lookahead, a statement";

	$session->text(q{CREATE OR REPLACE FUNCTION pg_temp.one(name text) RETURNS inet LANGUAGE plpgsql AS $$BEGIN RETURN dns_lookup(name, 4, 'ignore'); END$$});
	$server->forget;
	$names++;
	foreach my $sql (
		qq{SELECT count(a.address) FROM generate_series(1, 8) g LEFT JOIN LATERAL dns_a('drop.l' || g || '.n$names.example', 'ignore') a ON true},
		qq{SELECT count(pg_temp.one('drop.p' || g || '.n$names.example')) FROM generate_series(1, 8) g},
		qq{DO \$\$BEGIN FOR i IN 1..8 LOOP PERFORM dns_lookup('drop.d' || i || '.n$names.example', 4, 'ignore'); END LOOP; END\$\$})
	{
		my ($taken, $got) = outcome($session, $sql);

		is($got, '00000', "$what: outcome");
		cmp_ok($taken, '<', 1 + SLACK, "$what: time");
	}
	takes($session, lookup('sound'), 0, '00000', "$what: the next one");

	# A statement that ends its transactions has the time in each of them.
	my $each = 'FOR i IN 1..6 LOOP PERFORM dns_lookup(%s || i || %s, 4); %s END LOOP;';
	foreach my $end ('COMMIT;', 'ROLLBACK;', '')
	{
		my $sql = sprintf "DO \$\$BEGIN $each END\$\$", q{'delay300.e'}, sprintf(q{'.n%d.example'}, ++$names), $end;
		is($session->sqlstate($sql), $end ? '00000' : 'NDA12', "look-ahead $lookahead, six lookups of 300 ms: " . ($end || 'one transaction'));
	}
}

done_testing();
