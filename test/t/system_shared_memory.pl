# The memory that all sessions share is there if the server loads the module when it starts,
# in the size that is set, and again after a crash; without it, all works as before.

use strict;
use warnings;
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
