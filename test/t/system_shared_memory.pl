# The memory that all sessions share is there if the server loads the module when it starts,
# in the size that is set, and again after a crash; without it, and if nothing of it is
# left, all works as before.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", "pgcares.shared_memory_size = '1MB'",
	'restart_after_crash = on');
my $sound = q{SELECT host(address) FROM dns_a('sound.example')};

sub segment
{
	return Session->new($node)->text(q{SELECT size FROM pg_shmem_allocations WHERE name = 'pgcares'});
}

is(Session->new($node)->text($sound), '192.0.2.1', 'preloaded: a lookup');
is(Session->new($node)->text(q{SELECT context FROM pg_settings WHERE name = 'pgcares.shared_memory_size'}), 'postmaster',
	'preloaded: the size is fixed');
my $small = segment();
cmp_ok($small, '>=', 1 << 20, 'preloaded: a segment of 1 MB');
cmp_ok($small, '<', 3 << 20, '... and not much more');

# A crash
{
	my $session = Session->new($node);

	$session->send(q{SELECT FROM dns_query_many(ARRAY(SELECT 'drop.' || g || '.example' FROM generate_series(1, 100) g))});
	Session::wait_until(sub { $server->count(qr/^drop\./) >= 100 }, 'the questions');
	kill KILL => $session->pid;
	Session::wait_until(sub { slurp_file($node->logfile) =~ /all server processes terminated; reinitializing/ }, 'the restart');
	ok($node->poll_query_until('postgres', 'SELECT true'), 'a killed backend: the server works');
	is(segment(), $small, '... with a segment of the same size');
	is(Session->new($node)->text($sound), '192.0.2.1', '... and lookups');
}

# Nothing is left of it, in the smallest size. The module fill.c takes it all.
{
	my $folder = PostgreSQL::Test::Utils::tempdir;
	chomp(my $headers = `pg_config --includedir-server`);
	system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', "-I$headers", '-o', "$folder/fill.so", "$FindBin::RealBin/../system/fill.c") == 0
	  or BAIL_OUT('cannot build fill.so');

	$node->append_conf('postgresql.conf', 'pgcares.cache = on');
	$node->restart;
	my $session = Session->new($node);
	$session->text("CREATE FUNCTION fill_shared_memory(bigint) RETURNS bigint AS '$folder/fill.so' LANGUAGE C");
	cmp_ok($session->text("SELECT fill_shared_memory($small)"), '>', 900 * 1024, 'all of the smallest size is taken');
	is($session->text("SELECT fill_shared_memory($small)"), '0', '... and nothing is left');

	my $names = q{ARRAY(SELECT 'sound.' || g || '.full.example' FROM generate_series(1, 50) g)};
	my @sessions = map { Session->new($node) } 1 .. 5;
	$server->forget;
	foreach my $round (1, 2)
	{
		is($_->text($sound), '192.0.2.1', 'no memory is left: a lookup') foreach @sessions;
		is($_->text("SELECT count(*) FROM dns_lookup_many($names, 4) WHERE status = 'NOERROR'"), '50', '... a batch') foreach @sessions;
		is($_->text("SELECT count(a.*) FROM unnest($names) n, LATERAL dns_a(n) a"), '50', '... look-ahead') foreach @sessions;
	}
	is($server->count, 2 * 5 * 101, '... and nothing is kept');
	is($session->text('SELECT (SELECT count(*) FROM dns_cache) || $$ $$ || dns_cache_flush()'), '0 0', '... nor shown, nor forgotten');
	is($session->text('SELECT sum(questions) || $$ $$ || sum(noerror) FROM dns_stat_servers'), 2 * 5 * 101 . ' ' . 2 * 5 * 101, '... all is counted');
	$sessions[0]->send(q{SELECT FROM dns_query_many(ARRAY(SELECT 'drop.' || g || '.full.example' FROM generate_series(1, 100) g))});
	Session::wait_until(sub { $session->text('SELECT known FROM dns_stat_progress') eq '100' }, 'the progress of a call');
	pass('... and progress is shown');
	is(() = slurp_file($node->logfile) =~ /LOG:  (?:53200: )?no shared memory is left/g, 1, '... and the log says once why nothing is kept');

	# new shared memory, after a crash
	my $restarts = () = slurp_file($node->logfile) =~ /reinitializing/g;
	kill KILL => $sessions[0]->pid;
	Session::wait_until(sub { (() = slurp_file($node->logfile) =~ /reinitializing/g) > $restarts }, 'the restart');
	ok($node->poll_query_until('postgres', 'SELECT true'), '... a killed backend: the server works');
	my $new = Session->new($node);
	$new->text($sound);
	is($new->text('SELECT count(*) FROM dns_cache'), '1', '... and its new memory is free');
	$node->append_conf('postgresql.conf', 'pgcares.cache = off');
}

# Another size
$node->append_conf('postgresql.conf', "pgcares.shared_memory_size = '20MB'");
$node->restart;
is(int((segment() - $small) / (1 << 20)), 19, 'another size');
is(Session->new($node)->sqlstate('SET pgcares.shared_memory_size = 2048'), '55P02', 'the size cannot be set in a session');

# Not preloaded: a size that is set is no mistake
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
my $plain = Session->new($node);
is($plain->text($sound), '192.0.2.1', 'not preloaded: a lookup');
is($plain->text(q{SELECT count(*) FROM pg_shmem_allocations WHERE name = 'pgcares'}), '0', '... and no segment');
is($plain->text('SHOW pgcares.shared_memory_size'), '20MB', '... and the setting has no effect');
is($plain->sqlstate('SET pgcares.shared_memory_size = 2048'), '55P02', '... and cannot be set in a session either');

done_testing();
