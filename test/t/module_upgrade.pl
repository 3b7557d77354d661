# pg_upgrade, dump and restore keep the objects that use the extension, its grants and its
# schema. None of them asks a question, nor does a subscriber of replicated tables.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'wal_level = logical', 'max_wal_senders = 4');
my $session = Session->new($node);

# ---- The database

$session->text($_) foreach
  'CREATE SCHEMA "Name Service"',
  'ALTER EXTENSION pgcares SET SCHEMA "Name Service"',
  'CREATE EXTENSION pgcares_tools SCHEMA "Name Service"',
  'CREATE ROLE asker LOGIN',
  'GRANT USAGE ON SCHEMA "Name Service" TO asker',
  'GRANT EXECUTE ON FUNCTION "Name Service".dns_a(text, text), "Name Service".dns_query_many(text[], text, text) TO asker WITH GRANT OPTION',
  'REVOKE EXECUTE ON FUNCTION "Name Service".dns_to_ascii(text) FROM PUBLIC',
  q{ALTER ROLE asker SET pgcares.timeout = '3s'},
  q{ALTER DATABASE postgres SET pgcares.tries = 2},
  q{ALTER DATABASE postgres SET pgcares.cache = on},
  q{CREATE VIEW mail AS SELECT d.name, m.* FROM (VALUES ('n.example')) d (name), LATERAL "Name Service".dns_mx(d.name) m},
  q{COMMENT ON VIEW mail IS 'asks'},
  q{CREATE MATERIALIZED VIEW addresses AS SELECT g, a.* FROM generate_series(1, 3) g, LATERAL "Name Service".dns_a('n' || g || '.example') a},
  q{CREATE TABLE hosts (id int PRIMARY KEY, name text DEFAULT 'n.example', address inet DEFAULT "Name Service".dns_lookup('n.example', 4))},
  q{CREATE FUNCTION address_of(name text) RETURNS inet LANGUAGE sql VOLATILE SET pgcares.timeout = '1s' SET search_path = "Name Service"
	RETURN (SELECT address FROM "Name Service".dns_a(name) LIMIT 1)},
  q{CREATE VIEW takers AS SELECT m.* FROM (VALUES ('n.example')) d (name), LATERAL "Name Service".dns_mail_hosts(d.name) m},
  'INSERT INTO hosts (id) VALUES (1)';

# The parts that must be the same in a copy
my %same = (
	'functions of the extension' => q{SELECT p.oid::regprocedure::text FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcares') ORDER BY 1},
	'their rights' => q{SELECT p.oid::regprocedure::text, p.proacl::text FROM pg_proc p WHERE prosrc LIKE 'pgcares\_%' ORDER BY 1},
	'schema and version' => q{SELECT extnamespace::regnamespace, extversion FROM pg_extension WHERE extname = 'pgcares'},
	'bodies of pgcares_tools' => q{SELECT pg_get_functiondef(p.oid) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcares_tools') ORDER BY 1},
	'the view' => q{SELECT pg_get_viewdef('mail'), obj_description('mail'::regclass, 'pg_class')},
	'the function' => q{SELECT pg_get_functiondef('address_of'::regproc)},
	'settings' => q{SELECT coalesce(d.datname, ''), coalesce(r.rolname, ''), s.setconfig::text FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2},
	'rows' => q{SELECT * FROM hosts UNION ALL SELECT g, '', address FROM addresses ORDER BY 1, 2});
my %before = map { $_ => $session->text($same{$_}) } keys %same;
cmp_ok(length $before{$_}, '>', 5, "not empty: $_") foreach sort keys %same;

sub is_the_same
{
	my ($copy, $what, @but) = @_;

	foreach my $part (sort keys %same)
	{
		next if grep { $part eq $_ } @but;
		is($copy->text($same{$part}), $before{$part}, "$what: $part");
	}
	is($server->count, 0, "$what: nothing was asked");
	cmp_ok($copy->text('SELECT count(*) FROM mail'), '>', 0, '... until the view is read');
	cmp_ok($copy->text('SELECT count(*) FROM takers'), '>', 0, '... also with functions of pgcares_tools');
	is($copy->text(q{SELECT host(address_of('sound.example'))}), '192.0.2.1', '... or the function is called');
	is($copy->text('INSERT INTO hosts (id) VALUES (2) RETURNING host(address)'), '192.0.2.1', '... or the default');
	$copy->text('REFRESH MATERIALIZED VIEW addresses');
}

# ---- Dump and restore

{
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';

	$server->forget;
	foreach my $format ('plain', 'custom')
	{
		my $database = "restored_$format";
		$node->command_ok([ 'pg_dump', '-F', $format, '-f', "$dump.$format", $node->connstr('postgres') ], "pg_dump, $format");
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->command_ok($format eq 'plain'
			? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.$format", $node->connstr($database) ]
			: [ 'pg_restore', '-e', '-j', '2', '-d', $node->connstr($database), "$dump.$format" ], "restore, $format");
		# restoring reads a materialized view, but not a table
		cmp_ok($server->count, '<=', 3, '... asks no more than the materialized view needs');
		$server->forget;
		is_the_same(Session->new($node, dbname => $database), "restored from $format", 'settings');
		$server->forget;
	}
}

# ---- Logical replication: values are copied, and not asked again

{
	my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
	$subscriber->init;
	$subscriber->append_conf('postgresql.conf', join "\n", Session::settings([$server]), '');
	$subscriber->start;
	my $there = Session->new($subscriber);
	$session->text('CREATE PUBLICATION p FOR TABLE hosts');
	$there->text($_) foreach
	  'CREATE EXTENSION pgcares',
	  q{CREATE TABLE hosts (id int PRIMARY KEY, name text DEFAULT 'n.example', address inet DEFAULT dns_lookup('there.example', 4))},
	  <<'SQL',
CREATE FUNCTION asks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.name := TG_NAME || (SELECT count(*) FROM public.dns_a(TG_NAME || '.example'));
	RETURN NEW;
END
$$
SQL
	  'CREATE TRIGGER usual BEFORE INSERT ON hosts FOR EACH ROW EXECUTE FUNCTION asks()',
	  'CREATE SUBSCRIPTION s CONNECTION ' . "'" . $node->connstr('postgres') =~ s/'/''/gr . "'" . ' PUBLICATION p';
	ok($subscriber->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')"),
		'logical replication: the first rows are copied');
	$server->forget;
	$session->text('INSERT INTO hosts (id) SELECT g FROM generate_series(10, 19) g');
	cmp_ok($server->count(qr/^n\.example/), '>', 0, '... the publisher asks for new rows');
	$server->forget;
	$node->wait_for_catchup('s');
	is($there->text('SELECT count(*), min(host(address)), min(name) FROM hosts WHERE id >= 10'), '10|192.0.2.1|n.example', '... the subscriber has the rows');
	is($server->count, 0, '... and has asked for nothing');

	# a trigger that is enabled on the subscriber asks
	$there->text('ALTER TABLE hosts ENABLE ALWAYS TRIGGER usual');
	$session->text(q{INSERT INTO hosts VALUES (20, 'x', '192.0.2.9')});
	$node->wait_for_catchup('s');
	is($there->text('SELECT name FROM hosts WHERE id = 20'), 'usual1', '... but the worker looks up in a trigger that always runs');
	is($server->count(qr/^usual\.example/), 1, '... once');
	$there->text('DROP SUBSCRIPTION s');
	$session->text('DROP PUBLICATION p; DELETE FROM hosts WHERE id > 1');
	$subscriber->stop;
}

# ---- pg_upgrade, to the same version of PostgreSQL, and to a server that is preloaded

SKIP:
{
	skip 'pg_upgrade starts servers that nothing watches', 1 if $ENV{PGCARES_WATCHED};
	skip 'the pg_upgrade of PostgreSQL 18 looks for libraries only in the folder of the installation', 1
	  if $node->pg_version >= 18 && !-e $node->config_data('--pkglibdir') . '/pgcares.so';
	my $new = PostgreSQL::Test::Cluster->new('new');
	my $bindir = $node->config_data('--bindir');

	$session->close;
	$node->safe_psql('postgres', "DROP DATABASE $_") foreach 'restored_plain', 'restored_custom';
	$node->stop;
	$new->init;
	$new->append_conf('postgresql.conf', join "\n", Session::settings([$server]), "shared_preload_libraries = 'pgcares'", '');
	$server->forget;
	chdir PostgreSQL::Test::Utils::tempdir();
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
			'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
	$new->start;
	my $first = Session->new($new);
	is($first->text('SELECT (SELECT count(*) FROM "Name Service".dns_cache) + (SELECT count(*) FROM "Name Service".dns_stat_types)'), 0,
		'pg_upgrade: no answers and no counts');
	is_the_same(Session->new($new), 'after pg_upgrade');
	is($first->text(q{SELECT count(*) FROM "Name Service".dns_cache WHERE question = 'sound.example' AND type = 'A'}), 1, '... answers are kept, as the database is set');
	is($first->text(q{SELECT noerror > 0 FROM "Name Service".dns_stat_types WHERE type = 'A'}), 't', '... and counted');

	my $asker = Session->new($new, user => 'asker');
	is($asker->text('SHOW pgcares.timeout'), '3s', '... a setting of a role');
	is($asker->text(q{SELECT host(address) FROM "Name Service".dns_a('sound.example')}), '192.0.2.1', '... a role with a grant looks up');
	is($asker->sqlstate(q{SELECT * FROM "Name Service".dns_mx('sound.example')}), '42501', '... a role without one does not');
	$new->stop;
}

done_testing();
