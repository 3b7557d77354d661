# Signals that wake a backend while it waits for an answer lose no answers and cause no
# further queries: configuration reloads, notifications, latches.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Lookups one after another, and the ms that each of them takes
use constant { LOOKUPS => 10, DELAY => $ENV{PGCARES_DEEP} ? 300 : 100 };

# Names of one statement
use constant NAMES => $ENV{PGCARES_DEEP} ? 10_000 : 2000;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $session = Session->new($node);
my @noise = map { Session->new($node) } 1 .. 2;
my $pid = $session->pid;
my $seconds = LOOKUPS * DELAY / 1000;

# Makes noise until there is a result; returns the result, its time, and the amount of
# noise.
sub in_a_storm
{
	my ($sql) = @_;
	my @statements = ("NOTIFY storm, 'now'", 'SELECT pg_reload_conf()');
	my ($start, $rounds) = (time, 0);

	$session->send($sql);
	while (!$session->has_result)
	{
		# this makes the backend work in the middle of a lookup
		$noise[0]->text("SELECT pg_log_backend_memory_contexts($pid)") if $rounds == 20;
		$noise[$_]->send($statements[$_]) foreach 0 .. $#noise;
		kill $_, $pid foreach qw(URG USR1 HUP);
		$_->result foreach @noise;
		$rounds++;
	}
	my $result = $session->result;
	return ($result, $result->{time} - $start, $rounds);
}

# 10 rows, from new names
sub many
{
	my ($name) = @_;
	return sprintf q{SELECT g, host(address) FROM generate_series(1, %d) g, LATERAL dns_a(format('%s', g))}, LOOKUPS, $name;
}

$session->text('LISTEN storm');
foreach my $way ('udp', 'tcp', 'udp, keep_open')
{
	my $what = $way =~ s{, }{-}r;
	$session->text(Session::set_way($way) . "; SET pgcares.timeout = '5s'; SET pgcares.lookahead = off");

	my ($result, $time, $rounds) = in_a_storm(many('delay' . DELAY . ".n%s.$what.example"));
	note(sprintf '%s: %d rounds in %.1f s', $what, $rounds, $time);
	cmp_ok($rounds, '>', 100, "$what: there was a storm");
	is(Session::sqlstate_of($result), '00000', "$what: lookups succeed");
	is_deeply($result->{rows}, [ map { [ $_, '192.0.2.1' ] } 1 .. LOOKUPS ], "$what: every answer comes");
	cmp_ok($time, '>=', $seconds, "$what: not before the server sends them");
	is($server->count(qr/\.\Q$what\E\.example$/i), LOOKUPS, "$what: each asked once");

	# a timeout comes neither sooner nor later
	$session->text(q{SET pgcares.timeout = '300ms'});
	($result, $time) = in_a_storm("SELECT host(address) FROM dns_a('drop2.$what.example')");
	is_deeply($result->{rows}, [ ['192.0.2.1'] ], "$what: the third try succeeds");
	is($server->count(qr/^drop2\.\Q$what\E\.example$/i), 3, "$what: it is the third");
	cmp_ok($time, '>=', 0.6, "$what: not before it is due");

	$session->text(q{SET pgcares.timeout = '20s'; SET pgcares.deadline = '500ms'});
	($result, $time) = in_a_storm("SELECT * FROM dns_a('drop.$what.example')");
	is(Session::sqlstate_of($result), 'NDA12', "$what: the deadline");
	ok($time > 0.495 && $time < 1.5, "$what: is kept") or diag("$time s");
	is($server->count(qr/^drop\.\Q$what\E\.example$/i), 1, "$what: asked once");
	$session->text('RESET pgcares.deadline');
}

# Many names: in a batch, with look-ahead, and one after another
$session->text("RESET ALL; CREATE TABLE names AS SELECT i AS g FROM generate_series(1, @{[ NAMES ]}) i");
foreach (
	[ 'a batch', q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT LABEL || g || '.batch.example' FROM names)) WHERE rdata = '192.0.2.1'}, 'batch' ],
	[ 'LATERAL', q{SELECT count(*) FROM names, LATERAL dns_a(LABEL || g || '.rows.example') WHERE address = '192.0.2.1'}, 'rows' ],
	[ 'single lookups', q{SELECT count(*) FROM names, LATERAL dns_a('n' || g || '.single.example') WHERE address = '192.0.2.1'}, 'single', 'off' ])
{
	my ($what, $sql, $zone, $lookahead) = @$_;

	$server->forget;
	$session->text('SET pgcares.lookahead = ' . ($lookahead // 'on'));
	my ($result, $time, $rounds) = in_a_storm($sql =~ s/LABEL/'delay50.n'/r);
	note(sprintf '%s: %d rounds in %.1f s', $what, $rounds, $time);
	is(Session::sqlstate_of($result), '00000', "$what in a storm: no error");
	is($result->{rows}[0][0], NAMES, '... every answer comes');
	my %times;
	$times{ $_->{name} }++ foreach grep { ($_->{name} // '') =~ /\.$zone\.example$/ } $server->log;
	is(scalar keys %times, NAMES, '... every name was asked');
	# but for the early second queries, which a busy machine causes
	cmp_ok(scalar(grep { $_ > 1 } values %times), '<=', NAMES / 20, '... once');
}
done_testing();
