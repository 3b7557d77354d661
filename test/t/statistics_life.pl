# The counts and the progress of all sessions: who may see them, and what becomes of them
# when a backend is killed, a table is full, a database or the extension is dropped, and
# without shared memory.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", 'restart_after_crash = on', "pgcares.timeout = '20s'");
my $super = Session->new($node);
my @views = qw(dns_stat_servers dns_stat_types dns_stat_progress);

sub forever
{
	my ($zone) = @_;
	return "SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'drop.' || g || '.$zone.example' FROM generate_series(1, 20) g))";
}

# Who may see them
$super->text(<<'SQL');
CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_monitor; CREATE ROLE granted LOGIN;
CREATE ROLE reader LOGIN IN ROLE pg_read_all_stats; CREATE ROLE other LOGIN; CREATE ROLE member LOGIN IN ROLE plain;
GRANT EXECUTE ON FUNCTION dns_query_many TO plain;
GRANT SELECT ON dns_stat_servers, dns_stat_types TO granted;
SQL
my %state = (plain => '42501', other => '42501', member => '42501', reader => '42501', monitor => '00000', granted => '00000');
my $busy = Session->new($node, user => 'plain');
$busy->send(forever('secret'));
Session::wait_until(sub { $super->text('SELECT count(*) FROM dns_stat_progress') }, 'progress');
foreach my $role (sort keys %state)
{
	my $session = Session->new($node, user => $role);

	foreach my $object ('dns_stat_servers', 'dns_stat_types', 'dns_server_statistics()', 'dns_type_statistics()')
	{
		is($session->sqlstate("SELECT * FROM $object"), $state{$role}, "$role: $object");
	}
	is($session->sqlstate('SELECT dns_stat_reset()'), $role eq 'monitor' ? '00000' : '42501', "$role: dns_stat_reset()");
	my $sees = $role =~ /plain|member|reader|monitor/ ? 1 : 0;
	foreach my $object ('dns_stat_progress', 'dns_progress()')
	{
		is($session->text("SELECT count(*) FROM $object"), $sees, "$role: rows of another's $object");
	}
	my $all = join '', map { eval { $session->text("SELECT v::text FROM $_ v") } // '' } @views;
	unlike($all, qr/secret/, "$role: no question");
	$session->close;
}
$super->text('SELECT pg_cancel_backend(' . $busy->pid . ')');
is(Session::sqlstate_of($busy->result), '57014', 'cancelled');

# A database that is dropped
$super->text('CREATE DATABASE gone');
{
	my $session = Session->new($node, dbname => 'gone');
	$session->text(q{CREATE EXTENSION pgcares; SELECT dns_stat_reset(); SELECT * FROM dns_a('n.example')});
	$session->close;
}
Session::wait_until(sub { $super->sqlstate('DROP DATABASE gone') eq '00000' }, 'the end of a session');
is($super->text('SELECT questions FROM dns_stat_types'), 1, 'a dropped database: its questions are counted');
is($super->text('SELECT count(*) FROM dns_stat_progress'), 0, '... and it has no progress');

# The extension that is dropped, and moved
$super->text('CREATE SCHEMA elsewhere; ALTER EXTENSION pgcares SET SCHEMA elsewhere');
is($super->text('SELECT questions FROM elsewhere.dns_stat_types'), 1, 'moved: the views work');
{
	my $granted = Session->new($node, user => 'granted');
	$super->text('GRANT USAGE ON SCHEMA elsewhere TO granted');
	is($granted->text('SELECT questions FROM elsewhere.dns_stat_types'), 1, '... and their rights');
}
$super->text('DROP EXTENSION pgcares; CREATE EXTENSION pgcares');
is($super->text('SELECT questions FROM dns_stat_types'), 1, 'created anew: what was counted is there');

# More servers and types than there are rows: the rest is counted together
{
	my $session = Session->new($node);
	$session->text(q{SELECT dns_stat_reset(); SET pgcares.timeout = '10ms'; SET pgcares.tries = 1; SET pgcares.edns = off});
	$session->text(q{SELECT count(*) FROM dns_message_at_many(ARRAY(SELECT format('127.1.%s.%s:9', g / 250, g % 250) FROM generate_series(1, 1100) g), 'n.example')});
	is($super->text('SELECT count(*) || $$ $$ || count(*) FILTER (WHERE address IS NULL) || $$ $$ || sum(queries) FROM dns_stat_servers'),
		'1000 1 1100', 'more servers than rows');
	$session->text(q{SELECT dns_stat_reset(); RESET pgcares.timeout});
	$session->text(q{SELECT count(*) FROM generate_series(1000, 1299) t, LATERAL dns_query('n' || t || '.example', 'TYPE' || t, 'IN', 'ignore')});
	is($super->text('SELECT count(*) || $$ $$ || count(*) FILTER (WHERE type IS NULL) || $$ $$ || sum(queries) FROM dns_stat_types'),
		'200 1 300', 'more types than rows');
	is($super->text('SELECT sum(queries) FROM dns_stat_servers'), 300, '... of a server');
}

# A killed backend: the server begins anew, with counts that are right
foreach my $round (1 .. 3)
{
	my @sessions = map { Session->new($node) } 1 .. 3;
	my $restarts = () = slurp_file($node->logfile) =~ /reinitializing/g;

	$_->send(forever("k$round")) foreach @sessions;
	my $admin = Session->new($node);
	Session::wait_until(sub { $admin->text('SELECT count(*) FROM dns_stat_progress') == 3 }, 'three sessions at work');
	kill KILL => $sessions[ $round - 1 ]->pid;
	Session::wait_until(sub { (() = slurp_file($node->logfile) =~ /reinitializing/g) > $restarts }, 'the restart');
	ok($node->poll_query_until('postgres', 'SELECT true'), "killed, $round: the server works");
	$admin = Session->new($node);
	is($admin->text('SELECT (SELECT count(*) FROM dns_stat_servers) + (SELECT count(*) FROM dns_stat_types) + (SELECT count(*) FROM dns_stat_progress)'),
		0, '... and knows nothing of before');
	$admin->text(q{SELECT * FROM dns_a('n.example')});
	is($admin->text('SELECT questions, queries, noerror, in_flight FROM dns_stat_servers'), '1|1|1|0', '... and counts');
}

# Without shared memory
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
my $plain = Session->new($node);
$plain->text(q{SELECT * FROM dns_a('n.example')});
foreach my $view (@views)
{
	my $result = $plain->query("SELECT * FROM $view");
	is(scalar @{ $result->{rows} }, 0, "not preloaded: $view is empty");
	like(join('', map { "$_->{M} $_->{H}" } @{ $result->{notices} }), qr/shared_preload_libraries/, '... and says why');
}
is($plain->sqlstate('SELECT dns_stat_reset()'), '00000', 'not preloaded: a reset does nothing');

done_testing();
