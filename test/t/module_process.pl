# A lookup behaves like PostgreSQL's own code: it waits in the same way, works wherever SQL
# works, and does not disturb the process, its children and its neighbours.

use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'wal_level = replica', 'max_wal_senders = 2', "shared_preload_libraries = 'pgcares'");
my $session = Session->new($node);
my $other = Session->new($node);
my $version = $session->text('SHOW server_version_num');
my $found = '192.0.2.1|300';
my $names = 0;

sub lookup
{
	my ($behaviour) = @_;
	return sprintf q{SELECT * FROM dns_a('%s.n%d.example')}, $behaviour // 'n', ++$names;
}

# Waiting: it is visible, it costs nothing, and only the backend itself waits.
my $waits_for = 'SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE wait_event IS NOT NULL AND pid = '
  . $session->pid;
foreach my $way ('udp', 'tcp')
{
	my $over = uc $way;
	my $event = $version >= 170000 ? 'Extension|PgcaresAnswer' : 'Extension|Extension';

	$session->text(Session::set_way($way) . "; SET pgcares.timeout = '60s'; SET pgcares.deadline = '2s'; " . lookup());
	my $before = $session->cpu_time;
	$session->send(lookup('drop'));
	Session::wait_until(sub { $server->count(qr/^drop\.n$names\./) }, 'the question');
	my $seen = Session::wait_until(sub { $other->text($waits_for) }, 'a wait event');
	is($seen, $event, "waiting, $over: the wait event");
	is($session->status('Threads'), 1, "waiting, $over: no thread");
	is(Session::sqlstate_of($session->result), 'NDA12', "waiting, $over: the outcome");
	Session::costs_less($session->cpu_time - $before, 0.1, "waited for two seconds, $over: processor time");
	is($session->status('Threads'), 1, "after waiting, $over: no thread");
}

# Many lookups at a time too
foreach my $sql (
	q{SELECT FROM dns_query_many(ARRAY(SELECT 'drop.w' || g || '.example' FROM generate_series(1, 500) g))},
	q{SELECT FROM generate_series(1, 500) g, LATERAL dns_a('drop.w' || g || '.example', 'ignore')})
{
	my ($before, %seen) = ($session->cpu_time);

	$server->forget;
	$session->text(q{RESET pgcares.tcp; SET statement_timeout = '2s'});
	$session->send($sql);
	Session::wait_until(sub { $server->count(qr/^drop\.w/) > 100 }, 'the questions');
	$seen{ $other->text($waits_for) || 'none' }++ foreach 1 .. 100;
	is(Session::sqlstate_of($session->result), '57014', "waiting: $sql");
	cmp_ok($seen{none} // 0, '<', 20, '... the wait event is shown');
	is(scalar(grep { !/none|Extension/ } keys %seen), 0, '... as that of the extension');
	cmp_ok($session->cpu_time - $before, '<', $ENV{PGCARES_WATCHED} ? 20 : 0.2, '... processor time');
}
$session->text('RESET pgcares.tcp; RESET pgcares.timeout; RESET pgcares.deadline; RESET statement_timeout');

# Sockets: none while the session is idle, unless a flag keeps one; and none for the
# programs that the backend starts.
$session->text(lookup());
is_deeply([ $session->inet_sockets ], [], 'idle: no socket');
foreach my $way ('udp, keep_open', 'tcp, keep_open')
{
	my $kind = $way =~ /tcp/ ? 'tcp' : 'udp';

	$session->text(Session::set_way($way) . '; ' . lookup());
	is_deeply([ $session->inet_sockets ], [ "$kind " . $server->address ], "$way: one socket");
	my ($inode) = $session->inet_inodes;
	$session->text("CREATE TEMP TABLE fds (line text); COPY fds FROM PROGRAM 'ls -l /proc/self/fd'");
	cmp_ok($session->text('SELECT count(*) FROM fds'), '>', 2, "$way: a program has descriptors");
	is($session->text("SELECT count(*) FROM fds WHERE line LIKE '%socket:[$inode]%'"), '0', "$way: but not the socket");
	$session->text('DROP TABLE fds');
	is($session->text(lookup()), $found, "$way: the next lookup");
	is_deeply([ $session->inet_inodes ], [$inode], "$way: with the same socket");
}
$session->text('RESET pgcares.tcp; RESET pgcares.keep_open; ' . lookup());
is_deeply([ $session->inet_sockets ], [], 'keep_open, then not: no socket');

# A kept connection that the server has closed meanwhile
{
	my $restarted = NameServer->misbehaving(address => '127.0.0.2');
	my $port = $restarted->port;

	$session->text("SET pgcares.servers = '127.0.0.2:$port'; SET pgcares.tcp = on; SET pgcares.keep_open = on; " . lookup());
	$restarted->stop;
	$restarted = NameServer->misbehaving(address => '127.0.0.2', port => $port);
	is($session->text(lookup()), $found, 'the server was restarted: lookup succeeds');
	$session->text('RESET pgcares.tcp; RESET pgcares.keep_open; RESET pgcares.servers; ' . lookup());
}

# Loaded before the backends start: the postmaster asks nothing, and no two backends are
# alike.
is_deeply([ Session::sockets_of(postmaster_pid()) ], [], 'preloaded: the postmaster has no socket');
$server->forget;
foreach (1 .. 10)
{
	my $fresh = Session->new($node);
	$fresh->text(lookup()) foreach 1 .. 20;
	$fresh->close;
}
foreach my $what (qw(id sport))
{
	my %seen = map { $_->{$what} => 1 } $server->log;
	cmp_ok(scalar keys %seen, '>', 180, "preloaded: 10 backends, 20 lookups each: $what differs");
}

sub postmaster_pid
{
	return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
}

# Parallel workers look up as the leader does, with its settings.
{
	my $forced = $version >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';
	my $query = 'SELECT n, a.* FROM parallel_names, LATERAL dns_a(n) a';

	$session->text(<<'SQL');
CREATE TABLE parallel_names AS SELECT 'p' || i || '.example' AS n FROM generate_series(1, 200) i;
ALTER TABLE parallel_names SET (parallel_workers = 2);
SQL
	my $serial = $session->text("$query ORDER BY n");
	$session->text(join '; ', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
		'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off', 'pgcares.tcp = on');
	like($session->text("EXPLAIN (COSTS OFF) $query"),
		qr/^Gather.*Nested Loop.*Parallel Seq Scan.*Function Scan on dns_a/s, 'parallel: the plan');
	$server->forget;
	is($session->text("SELECT * FROM ($query) q ORDER BY n"), $serial, 'parallel: the rows');
	is($server->count(qr/^p\d+\./), 200, 'parallel: each asked once');
	is_deeply([ grep { $_->{transport} ne 'tcp' } $server->log ], [], 'parallel: with the settings of the leader');
	is_deeply([ $session->inet_sockets ], [], 'parallel: no socket is left');

	my $result = $session->query("SELECT * FROM parallel_names, LATERAL dns_a('nxdomain.' || n)");
	is(Session::sqlstate_of($result), 'ND003', 'parallel: an error of a worker');

	$session->text("SET pgcares.timeout = '60s'");
	$session->send("SELECT * FROM parallel_names, LATERAL dns_a('drop.' || n)");
	Session::wait_until(sub { $server->count(qr/^drop\.p\d+\./) > 0 }, 'a worker');
	$other->text('SELECT pg_cancel_backend(' . $session->pid . ')');
	is(Session::sqlstate_of($session->result), '57014', 'parallel: cancelled');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
		'parallel: the workers end');
	$session->text('RESET ALL');

	# also if the plan would not be parallel by itself
	my $single = q{SELECT * FROM dns_a('n.example')};
	$session->text("SET $forced = on");
	like($session->text("EXPLAIN (COSTS OFF) $single"), qr/Gather/, 'forced parallel: the plan');
	is($session->text($single), $found, 'forced parallel: the row');
	is($session->text('SELECT count(*), count(DISTINCT n) FROM parallel_names, LATERAL dns_a(n)'), '200|200',
		'forced parallel: rows');
	$session->text('RESET ALL');
}

# Read only, and on a standby
{
	is($session->text('BEGIN READ ONLY; ' . lookup() . '; COMMIT'), $found, 'read only: lookup succeeds');

	# PostgreSQL itself writes something now and then
	my $written = sub {
		my $before = $session->text('SELECT pg_current_wal_insert_lsn()');
		$session->text(lookup()) foreach 1 .. 20;
		return $session->text("SELECT pg_current_wal_insert_lsn() - '$before'");
	};
	ok((grep { $written->() == 0 } 1 .. 5), 'nothing is written to the WAL');

	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$node->set_replication_conf;
	$node->reload;
	$node->backup('copy');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	my $reader = Session->new($standby);
	is($reader->text('SELECT pg_is_in_recovery()'), 't', 'standby: it is in recovery');
	is($reader->text(lookup()), $found, 'standby: lookup succeeds');
	is($reader->sqlstate(lookup('nxdomain')), 'ND003', 'standby: lookup fails as it should');
	is($reader->text(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 's' || g || '.example' FROM generate_series(1, 50) g))}), 50,
		'standby: a batch');
	my $ahead = q{SELECT count(a.address) FROM generate_series(1, 50) g, LATERAL dns_a('s' || g || '.example') a};
	like($reader->text("EXPLAIN $ahead"), qr/DnsLookahead/, 'standby: a plan with look-ahead');
	is($reader->text($ahead), 50, 'standby: its rows');
	$reader->close;
	$standby->stop;
}

# One within another: arguments, SQL and PL/pgSQL functions, triggers
$session->text(<<'SQL');
CREATE FUNCTION first_label(n text) RETURNS text LANGUAGE sql AS $$
	SELECT 'x' || split_part(host(address), '.', 4) || '.example' FROM dns_a(n)
$$;
CREATE FUNCTION deep(n text, depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF depth = 0 THEN
		RETURN n;
	END IF;
	RETURN (SELECT 'd' || ttl FROM dns_a(deep(n, depth - 1))) || '.example';
END
$$;
CREATE TABLE hosts (name text, address inet);
CREATE TABLE seen (txt text);
CREATE FUNCTION note_host() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO seen SELECT txt FROM dns_txt('echo.' || NEW.name);
	SELECT address INTO NEW.address FROM dns_a(NEW.name);
	RETURN NEW;
END
$$;
CREATE TRIGGER note BEFORE INSERT ON hosts FOR EACH ROW EXECUTE FUNCTION note_host();
SQL
is($session->text(q{SELECT * FROM dns_a(first_label('n.example'))}), $found, 'a lookup as argument of a lookup');
is($session->text(q{SELECT deep('n.example', 50)}), 'd300.example', '50 lookups deep');
$session->text(<<'SQL');
INSERT INTO hosts SELECT 'h' || a.ttl || g || '.example' FROM generate_series(1, 10) g, dns_a('n' || g || '.example') a
SQL
is($session->text('SELECT count(address) FROM hosts'), '10', 'lookups in a trigger of a query with lookups');
is($session->text(q{SELECT count(*) FROM seen WHERE txt LIKE '%qname=echo.h300%'}), '10', 'their answers are not mixed up');
is_deeply([ $session->inet_sockets ], [], 'nested: no socket is left');

# The extension is dropped, created and moved while a session uses it and keeps a channel.
my $record = 'n.example|192.0.2.1';
$session->text(q{SET pgcares.keep_open = on; CREATE SCHEMA elsewhere; CREATE SCHEMA "Third Place"; } . lookup());
$session->text('PREPARE p AS ' . lookup());
is($session->text('EXECUTE p'), $found, 'a prepared lookup');
$session->text('DROP EXTENSION pgcares');
is($session->sqlstate(lookup()), '42883', 'dropped: there is no such function');
is($session->sqlstate('EXECUTE p'), '42883', 'dropped: nor for the prepared one');
$session->text('CREATE EXTENSION pgcares SCHEMA elsewhere');
is($session->text(q{SELECT * FROM elsewhere.dns_a('n.example')}), $found, 'created in another schema');
is($session->text(q{SELECT name, rdata FROM elsewhere.dns_query('n.example')}), $record, 'also with a row type');
$session->text('ALTER EXTENSION pgcares SET SCHEMA "Third Place"');
is($session->text(q{SELECT * FROM "Third Place".dns_a('n.example')}), $found, 'moved to a schema');
is($session->text(q{SELECT name, rdata FROM "Third Place".dns_query('n.example')}), $record, 'also with a row type');
is($other->text(q{SELECT name, rdata FROM "Third Place".dns_query('n.example')}), $record, 'another session finds it there');
$session->text('ALTER EXTENSION pgcares SET SCHEMA public');
is($session->text('EXECUTE p'), $found, 'moved back: the prepared lookup');

# A dump keeps all grants, and asks nothing.
$session->text(<<'SQL');
CREATE ROLE asker LOGIN;
GRANT EXECUTE ON FUNCTION dns_a(text, text) TO asker;
REVOKE EXECUTE ON FUNCTION dns_to_ascii(text) FROM PUBLIC;
CREATE VIEW mail AS SELECT d.name, m.* FROM (VALUES ('n.example')) d (name), LATERAL dns_mx(d.name) m;
SQL
$server->forget;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $rights = <<'SQL';
SELECT has_function_privilege('asker', 'dns_a(text, text)', 'EXECUTE'),
	has_function_privilege('asker', 'dns_mx(text, text)', 'EXECUTE'),
	has_function_privilege('asker', 'dns_to_ascii(text)', 'EXECUTE'),
	has_function_privilege('asker', 'dns_to_unicode(text)', 'EXECUTE')
SQL
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restore');
is($server->count, 0, 'dump and restore ask nothing');
is($session->text($rights), 't|f|f|t', 'rights');
my $restored = Session->new($node, dbname => 'restored');
is($restored->text($rights), 't|f|f|t', 'rights after dump and restore');
is($restored->text('SELECT count(*) FROM mail'), '1', 'a view after dump and restore');
is($session->text(q{SELECT pg_get_viewdef('mail')}), $restored->text(q{SELECT pg_get_viewdef('mail')}), 'its definition');
my $asker = Session->new($node, dbname => 'restored', user => 'asker');
is($asker->text(q{SELECT * FROM dns_a('n.example')}), $found, 'a role with a grant looks up');
is($asker->sqlstate(q{SELECT * FROM dns_mx('n.example')}), '42501', 'a role without one does not');

# Without a postmaster: single-user mode, as scripts use it that set a cluster up
$node->stop;
my @statements = (lookup(), q{SELECT string_agg(status, ' ') FROM dns_query_many('{n.example,nxdomain.example}')},
	q{SELECT count(*) FROM generate_series(1, 300) g, LATERAL dns_a('n' || g || '.single.example')},
	q{SELECT server IS NOT NULL FROM dns_message('tc.example')});
my $printed = run_single(@statements);
is(join(' ', $printed =~ /^\t 1: \S+ = "(.*?)"/mg), '192.0.2.1 NOERROR NXDOMAIN 300 t', 'lookups in single-user mode');
unlike($printed, qr/\b(?:ERROR|WARNING|FATAL|PANIC):/, '... without an error');
done_testing();

# The output of a server in single-user mode
sub run_single
{
	my @lines = @_;
	my ($in, $out) = (join('', map { "$_\n" } @lines), '');

	IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(120));
	return $out;
}
