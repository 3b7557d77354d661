# The extension is dropped, created and moved, and its library is replaced on disk, while
# other sessions use it: they go on or have an error, and never crash.

use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

use constant ROWS => 30;

my $server = NameServer->misbehaving(mode => 'delay1');
my $node = Session->cluster([$server], 'restart_after_crash = on');
my $owner = Session->new($node);
my $found = '192.0.2.1';

$owner->text('CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, ' . ROWS . ') i');
$owner->text('CREATE SCHEMA elsewhere');

# A session at work: it keeps a channel with a socket, plans, and cursors whose rows have
# not all been read.
sub session_at_work
{
	my ($schema, @settings) = @_;
	my $session = Session->new($node, options => join ' ', map { "-c $_" } 'pgcares.keep_open=on', @settings);

	$session->text("SET search_path = $schema, public");
	$session->text($_) foreach
	  q{PREPARE single AS SELECT host(address) FROM dns_a('sound.example')},
	  q{PREPARE batch AS SELECT count(*) FROM dns_query_many(ARRAY['a.example', 'b.example'])},
	  q{PREPARE joined AS SELECT count(*) FROM hosts, LATERAL dns_a('h' || g || '.example') a},
	  q{PREPARE scalar AS SELECT count(dns_lookup('h' || g || '.example', 4)) FROM hosts},
	  'SET plan_cache_mode = force_generic_plan',
	  (map { "EXECUTE $_" } qw(single batch joined scalar)) x 2,
	  'BEGIN',
	  q{DECLARE rows NO SCROLL CURSOR FOR SELECT g, a.address FROM hosts, LATERAL dns_a('c' || g || '.example') a},
	  q{DECLARE calls NO SCROLL CURSOR FOR SELECT g, dns_lookup('d' || g || '.example', 4) FROM hosts},
	  q{DECLARE questions NO SCROLL CURSOR FOR SELECT question, rdata FROM dns_query_many(ARRAY(SELECT 'e' || g || '.example' FROM hosts))},
	  q{DECLARE fresh NO SCROLL CURSOR FOR SELECT g, a.address FROM hosts, LATERAL dns_a('f' || g || '.example') a},
	  (map { "FETCH 3 FROM $_" } qw(rows calls questions));
	return $session;
}

# Reads the rest of the cursors, which go on after any change of the extension.
sub cursors_go_on
{
	my ($session, $what) = @_;

	foreach (qw(rows calls questions))
	{
		is($session->text("FETCH ALL FROM $_") =~ tr/\n/\n/, ROWS - 3 - 1, "$what: the cursor \"$_\" goes on");
	}
	is($session->text('FETCH ALL FROM fresh') =~ tr/\n/\n/, ROWS - 1, '... also one that was not read yet');
	$session->text('COMMIT');
}

sub plans_give
{
	my ($session, $what, %expected) = @_;

	foreach my $plan (sort keys %expected)
	{
		my $result = $session->query("EXECUTE $plan");
		is($result->{error} ? $result->{error}{C} : $result->{rows}[0][0], $expected{$plan}, "$what: the plan \"$plan\"");
	}
}

my %works = (single => $found, batch => 2, joined => ROWS, scalar => ROWS);
my %fails = map { $_ => '42883' } keys %works;

foreach my $lookahead ('on', 'off')
{
	my $what = "look-ahead $lookahead";
	my $session = session_at_work('public', "pgcares.lookahead=$lookahead");

	# moved
	$owner->text('ALTER EXTENSION pgcares SET SCHEMA elsewhere');
	cursors_go_on($session, "$what, moved to a schema that is not searched");
	plans_give($session, "$what, moved", %fails);
	$owner->text('ALTER EXTENSION pgcares SET SCHEMA public');
	plans_give($session, "$what, moved back", %works);
	$session->close;

	# dropped
	$session = session_at_work('public', "pgcares.lookahead=$lookahead");
	$owner->text('DROP EXTENSION pgcares');
	cursors_go_on($session, "$what, dropped");
	plans_give($session, "$what, dropped", %fails);

	# created again, in a schema that comes first
	$owner->text('CREATE EXTENSION pgcares SCHEMA elsewhere');
	plans_give($session, "$what, created in a schema that is not searched", %fails);
	$session->text('SET search_path = elsewhere, public');
	plans_give($session, "$what, found there", %works);
	my @sockets = $session->inet_sockets;
	ok(@sockets >= 1 && @sockets <= 2, "$what: no socket but the kept ones, for lookups alone and in bulk");
	is(scalar(grep { $_ ne 'udp ' . $server->address } @sockets), 0, '... to the server');
	$session->close;

	# while a statement runs
	$session = session_at_work('elsewhere', "pgcares.lookahead=$lookahead");
	$session->text('ROLLBACK');
	$server->forget;
	$session->send(q{SELECT count(*) FROM hosts, LATERAL dns_a('delay100.r' || g || '.example') a});
	Session::wait_until(sub { $server->count(qr/r\d+\.example/) }, 'a question');
	$owner->text('DROP EXTENSION pgcares');
	is($session->result->{rows}[0][0], ROWS, "$what, dropped under a statement that runs: it goes on");
	$owner->text('CREATE EXTENSION pgcares');
	plans_give($session, "$what, created again", %works);
	$session->close;
}

# There is only one version yet; add the next one to this test.
is_deeply([ map { basename($_) } glob "$FindBin::RealBin/../../pgcares--*.sql" ], ['pgcares--1.0.sql'], 'one version');
is($owner->sqlstate('ALTER EXTENSION pgcares UPDATE'), '00000', 'an update to the same version');
isnt($owner->sqlstate(q{ALTER EXTENSION pgcares UPDATE TO '9.9'}), '00000', '... and to one that does not exist');
is($owner->text(q{SELECT host(address) FROM dns_a('sound.example')}), $found, '... change nothing');

# ---- The library is replaced

my ($library) = slurp_file('/proc/' . $owner->pid . '/maps') =~ m{(/\S*/pgcares\.so)$}m;
my $folder = $node->config_data('--pkglibdir');
my ($stage) = $library =~ m{^(.*)\Q$folder\E/pgcares\.so$};

# The library that a process has loaded: its inode, and whether it is deleted
sub loaded
{
	my ($session) = @_;
	return slurp_file('/proc/' . $session->pid . '/maps') =~ m{\s(\d+)\s+/\S*/pgcares\.so( \(deleted\))?$}m ? ($1, $2 ? 1 : 0) : ();
}

SKIP:
{
	skip 'the library is not in a staging folder', 9 if !defined $stage || $stage eq '';
	my $own = PostgreSQL::Test::Utils::tempdir();
	my $copy = "$own$folder/pgcares.so";

	make_path(dirname($copy));
	copy($library, $copy) or die "cannot copy \"$library\": $!\n";
	$node->append_conf('postgresql.conf', "dynamic_library_path = '$own$folder:\$libdir'");
	$node->append_conf('postgresql.conf', "extension_destdir = '$own'") if slurp_file($node->data_dir . '/postgresql.conf') =~ /^extension_destdir/m;
	$node->restart;

	my $old = session_at_work('public');
	my ($inode) = loaded($old);
	is($inode, (stat $copy)[1], 'a session has loaded the library');

	# in the way of "make install"
	copy($library, "$copy.new") or die "cannot copy \"$library\": $!\n";
	rename("$copy.new", $copy) or die "cannot rename \"$copy.new\": $!\n";
	my $new = session_at_work('public');
	isnt((loaded($new))[0], $inode, 'a new session loads the new one');
	is_deeply([ loaded($old) ], [ $inode, 1 ], '... and the old one keeps its own');
	cursors_go_on($_, 'a session') foreach $old, $new;
	plans_give($_, 'a session', %works) foreach $old, $new;

	# workers of the old session load the new library
	$old->text(join '; ', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
		'parallel_leader_participation = off');
	$old->text('ALTER TABLE hosts SET (parallel_workers = 2)');
	like($old->text(q{EXPLAIN SELECT * FROM hosts, LATERAL dns_a('w' || g || '.example')}), qr/Workers Planned/, 'a parallel plan');
	is($old->text(q{SELECT count(*) FROM hosts, LATERAL dns_a('w' || g || '.example')}), ROWS, '... with another library in the workers');

	is($old->sqlstate(q{SELECT * FROM dns_txt('sound.example')}), '00000', 'a function that the old session has not called before');

	# deleted
	unlink $copy;
	$old->text('DISCARD ALL');
	is($old->text(q{SELECT host(address) FROM dns_a('sound.example')}), $found, 'the library is deleted: old sessions go on');
	is(Session->new($node)->sqlstate(q{SELECT host(address) FROM dns_a('sound.example')}), '58P01', '... and new ones have an error');
}

done_testing();
