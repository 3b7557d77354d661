# Many sessions share the cache: nobody gets a wrong answer, whatever is kept, forgotten and
# evicted meanwhile; its memory is bounded; what is used stays; a killed backend, a dropped
# database and a full segment do no harm; and no role sees what others have asked.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

use constant { SESSIONS => 100, HITS => 200, WRITERS => 8, NAMES => 6000, BLOCK => 256 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", 'pgcares.cache = on', "pgcares.cache_size = '512kB'",
	"pgcares.shared_memory_size = '4MB'", 'max_connections = 120', 'restart_after_crash = on');
my $session = Session->new($node);

# Names whose answers show which name was asked for
sub host_names
{
	my ($from, $to, $domain) = @_;
	return "ARRAY(SELECT 'host' || n || '.$domain' FROM generate_series($from, $to) n)";
}

sub entries
{
	return $session->text('SELECT count(*) FROM dns_cache');
}

# ---- One entry, many sessions

{
	# looking ahead, a statement would ask the cache once
	my $one = "SET pgcares.lookahead = off; SELECT DISTINCT txt FROM generate_series(1, @{[HITS]}) n, LATERAL dns_txt(substr('host4711.hammer.example', 1 + 0 * n)) r";
	my @sessions = map { Session->new($node) } 1 .. SESSIONS;

	$session->text("SELECT FROM dns_txt('host4711.hammer.example')");
	$server->forget;
	$_->send($one) foreach @sessions;
	is_deeply([ map { $_->result->{rows} } @sessions ], [ ([ ['host 4711'] ]) x SESSIONS ], 'one entry: every session has the answer');
	is($server->count, 0, '... without a question');
	is($session->text(q{SELECT hits FROM dns_cache WHERE question = 'host4711.hammer.example'}), SESSIONS * HITS, '... and all are counted');
	$_->close foreach @sessions;
}

# ---- More answers than there is room for

my $count = $session->text("SELECT count(*) FROM dns_query_many(${\host_names(1, NAMES, 'many.example')}, 'TXT') r WHERE r.status <> 'NOERROR'");
is($count, '0', 'more names than the memory has room for: all have answers');
cmp_ok(entries(), '<=', 512 * 1024 / BLOCK, 'no more entries than fit are kept');
cmp_ok(entries(), '>=', 512 * 1024 / BLOCK / 2, '... and not much fewer');

# Used entries stay, others go.
{
	my $used = "SELECT count(*) FROM dns_query_many(${\host_names(1, 100, 'used.example')}, 'TXT')";

	$session->text($used) foreach 1 .. 4;
	$server->forget;
	foreach my $turn (1 .. 4)
	{
		$session->text("SELECT FROM dns_query_many(${\host_names($turn * 900 + 1, ($turn + 1) * 900, 'passing.example')}, 'TXT')");
		$session->text($used);
	}
	cmp_ok($server->count(qr/used/), '<=', 5, 'a hundred names that are used stay while many others pass');
}

# ---- Answers of all sizes come and go in many sessions, and some are forgotten

{
	my @writers = map { Session->new($node) } 1 .. WRITERS;
	my $names = q{(SELECT CASE n % 7 WHEN 0 THEN 'big' || n % 50 + 1 WHEN 1 THEN 'big250' ELSE 'host' || n END || '.n' || n % 500 || '.storm.example' AS name, n
		FROM generate_series(1, 500) n) s};
	# a TXT record tells its place, or the number of its host
	my $wrong = qq{SELECT count(*) FROM $names, LATERAL dns_query_many(ARRAY[s.name], 'TXT') r WHERE status <> 'NOERROR'
		OR n % 7 > 1 AND rdata <> format('"host %s"', n) OR n % 7 < 2 AND rdata !~ '^"\\d{5}-x{194}"\$'};

	$_->send($wrong) foreach @writers;
	until (grep { $_->has_result } @writers)
	{
		$session->text(q{SELECT dns_cache_flush(), count(*) FROM dns_cache});
	}
	is(join(' ', map { $_->result->{rows}[0][0] } @writers), join(' ', (0) x WRITERS), 'a storm: no wrong answer');
	is($session->text("SELECT count(*) FROM dns_query_many(${\host_names(1, 700, 'after.example')}, 'TXT') WHERE status = 'NOERROR'"), '700',
		'... and all works after it');
	$session->text('SELECT dns_cache_flush()');
	is(entries(), '0', '... nothing is left when all is forgotten');
	$session->text("SELECT FROM dns_query_many(${\host_names(1, NAMES, 'again.example')}, 'TXT')");
	cmp_ok(entries(), '>=', 512 * 1024 / BLOCK / 2, '... and no room has been lost');
}

# An answer that takes too much of the room
{
	$session->text(q{SELECT dns_cache_flush(); SELECT FROM dns_query('big280.large.example', 'TXT')});
	is($session->text(q{SELECT octets > 50000 FROM dns_cache}), 't', 'the largest answer is kept');
}

# ---- Databases and roles

$session->text($_) foreach 'CREATE DATABASE one', 'CREATE DATABASE two';
$session->text("ALTER DATABASE $_ SET pgcares.cache = on") foreach qw(one two);
my ($one, $two) = map { Session->new($node, dbname => $_) } qw(one two);
$_->text('CREATE EXTENSION pgcares') foreach $one, $two;
$one->text(q{SELECT FROM dns_a('sound.one.example')});
$server->forget;
is($two->text(q{SELECT count(*) FROM dns_cache}), '0', 'another database: its entries are not shown');
$two->text(q{SELECT FROM dns_a('sound.one.example')});
is($server->count, 1, '... nor used');
is($two->text('SELECT dns_cache_flush()'), '1', '... nor forgotten');
is($one->text('SELECT question FROM dns_cache'), 'sound.one.example', '... by the other');

# A new database can have the number of an old one.
my $oid = $one->text('SELECT oid FROM pg_database WHERE datname = current_database()');
$one->close;
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'one'});
$session->text('DROP DATABASE one');
$session->text("CREATE DATABASE three OID $oid");
my $three = Session->new($node, dbname => 'three');
$three->text('CREATE EXTENSION pgcares');
is($three->text('SELECT count(*) FROM dns_cache'), '0', 'a dropped database: its answers go with it');

$session->text($_) foreach 'CREATE ROLE plain LOGIN', 'CREATE ROLE watcher LOGIN IN ROLE pg_monitor', 'CREATE ROLE keeper LOGIN',
  'GRANT EXECUTE ON FUNCTION dns_cache_flush TO keeper', 'GRANT EXECUTE ON FUNCTION dns_a(text, text) TO plain';
my ($plain, $watcher, $keeper) = map { Session->new($node, user => $_) } qw(plain watcher keeper);
foreach my $sql ('SELECT * FROM dns_cache', 'SELECT * FROM dns_cache_entries()', 'SELECT dns_cache_flush()', 'SET pgcares.cache = off')
{
	is($plain->sqlstate($sql), '42501', "a plain role: $sql");
}
$session->text(q{SELECT dns_cache_flush(); SELECT FROM dns_a('sound.roles.example')});
$server->forget;
is($plain->text(q{SELECT host(address) FROM dns_a('sound.roles.example')}), '192.0.2.1', '... shares answers');
is($server->count, 0, '... of other roles');
is($watcher->text('SELECT question FROM dns_cache'), 'sound.roles.example', 'pg_monitor sees what is kept');
is($watcher->sqlstate('SELECT dns_cache_flush()'), '42501', '... and cannot forget it');
is($keeper->text('SELECT dns_cache_flush()'), '1', 'a grant lets a role forget');
is($keeper->sqlstate('SELECT FROM dns_cache'), '42501', '... and not see');

# ---- A crash, and a restart

{
	my @writers = map { Session->new($node) } 1 .. 4;

	$_->send("SELECT FROM dns_query_many(${\host_names(1, 60000, 'crash.example')}, 'TXT')") foreach @writers;
	Session::wait_until(sub { entries() >= 1000 }, 'entries');
	kill KILL => $writers[0]->pid;
	Session::wait_until(sub { slurp_file($node->logfile) =~ /all server processes terminated; reinitializing/ }, 'the restart');
	ok($node->poll_query_until('postgres', 'SELECT true'), 'a killed backend: the server works');
	$session = Session->new($node);
	is(entries(), '0', '... and its cache is empty');
	$session->text("SELECT FROM dns_query_many(${\host_names(1, 100, 'later.example')}, 'TXT')");
	is(entries(), '100', '... and works');
	$session->close;
	$node->restart;
	$session = Session->new($node);
	is(entries(), '0', 'nothing outlives the server');
}

# ---- Less shared memory than the cache is to have, and none

$node->append_conf('postgresql.conf', "pgcares.cache_size = '64MB'\npgcares.shared_memory_size = '1MB'");
$node->restart;
$session = Session->new($node);
is($session->text("SELECT count(*) FROM dns_query_many(${\host_names(1, NAMES, 'small.example')}, 'TXT') WHERE status = 'NOERROR'"), NAMES,
	'little shared memory: lookups');
cmp_ok(entries(), '<=', 1024 * 1024 / BLOCK, '... no more entries than fit');

$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
$session = Session->new($node);
$server->forget;
is($session->text(q{SELECT host(address) FROM dns_a('sound.none.example')}), '192.0.2.1', 'not preloaded: lookups') foreach 1, 2;
is($server->count, 2, '... and nothing is kept');
is(entries(), '0', '... nor shown');
is($session->text('SELECT dns_cache_flush()'), '0', '... nor forgotten');

done_testing();
