# In whatever way PostgreSQL ends, its backends end too: sessions with lookups, batches,
# look-ahead, parallel workers and open cursors. After a crash of one of them, everything
# works as before, and nothing of it is left.

use strict;
use warnings;
use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Seconds until the backends must be gone; number of times that each end is tried
use constant { WITHIN => $ENV{PGCARES_WATCHED} ? 20 : 2, ROUNDS => $ENV{PGCARES_DEEP} ? 10 : 1 };

my $server = NameServer->misbehaving;
# a query that is lost while other sessions flood the server is asked again
my $node = Session->cluster([$server], "pgcares.timeout = '10s'", 'pgcares.tries = 30', 'pgcares.max_tries = 30', "pgcares.max_timeout = '10min'", 'max_worker_processes = 8',
	'restart_after_crash = on', 'dynamic_shared_memory_type = mmap', "work_mem = '64kB'", 'pgcares.max_in_flight = 4096');
my $sound = q{SELECT host(address) FROM dns_a('sound.example')};
my $zones = 0;

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, 300) i;
ALTER TABLE hosts SET (parallel_workers = 2);
ANALYZE hosts;
SQL

# The work of the sessions. The first labels of their names are LABELS, the last ones ZONE.
my $lateral = 'SELECT g, a.* FROM hosts, LATERAL dns_a(LABELS || g || ZONE) a';
my @statements = (
	[ 'a lookup', 'SELECT * FROM dns_a(LABELS || 1 || ZONE)' ],
	[ 'a lookup over TCP', 'SELECT * FROM dns_a(LABELS || 1 || ZONE)', 'pgcares.tcp=on' ],
	[ 'a batch', 'SELECT count(*) FROM dns_query_many(ARRAY(SELECT LABELS || g || ZONE FROM generate_series(1, 2000) g))' ],
	[ 'a batch over TCP', 'SELECT count(*) FROM dns_query_many(ARRAY(SELECT LABELS || g || ZONE FROM generate_series(1, 2000) g))',
		'pgcares.tcp=on' ],
	[ 'look-ahead', $lateral ],
	[ 'look-ahead in all rows', 'SELECT dns_lookup(LABELS || g || ZONE, 4) FROM hosts' ],
	[ 'parallel workers', $lateral, 'parallel_setup_cost=0', 'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0',
		'parallel_leader_participation=off' ],
	[ 'a cursor', "BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT g, a.* FROM hosts, LATERAL dns_a(CASE WHEN g > 3 THEN LABELS ELSE 'sound.' END || g || ZONE) a; FETCH 3 FROM c" ],
	[ 'a batch in temporary files', q{BEGIN; DECLARE c CURSOR FOR SELECT * FROM dns_query_many(ARRAY(SELECT 'big90.' || g FROM generate_series(1, 100) g)) q, LATERAL dns_a(LABELS || ord || ZONE); FETCH 1 FROM c} ]);

# Starts all of them and waits until all have asked; returns the sessions and their
# processes.
sub busy
{
	my ($labels) = @_;
	my (@sessions, %zone);

	$server->forget;
	foreach (@statements)
	{
		my ($what, $sql, @settings) = @$_;
		my $zone = '.z' . ++$zones . '.example';
		my $session = Session->new($node, options => join ' ', map { "-c $_" } @settings);

		push @sessions, $session;
		$zone{$zone} = $what;
		$session->send($sql =~ s/LABELS/'$labels.'/r =~ s/ZONE/'$zone'/r);
		$session->result if $sql =~ /^BEGIN.*sound/;
	}
	# on a busy machine, one of them can have had no turn
	my $enough = time + 30;
	Session::wait_until(
		sub {
			my %asked = map { ($_->{name} // '') =~ /^\Q$labels\E\..*(\.z\d+\.example)$/ ? ($1 => 1) : () } $server->log;
			return keys %asked >= keys(%zone) - (time > $enough ? 1 : 0);
		},
		'questions of all sessions');
	my @processes = grep { cmdline_of($_) !~ /checkpointer|writer|launcher|logger/ } children();
	return (\@sessions, \@processes);
}

sub postmaster
{
	return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
}

# The processes of PostgreSQL
sub children
{
	my $postmaster = postmaster();
	return grep { (stat_of($_))[1] == $postmaster } map { m{(\d+)} } glob '/proc/[0-9]*';
}

# State and parent of a process; X if it is gone
sub stat_of
{
	my ($pid) = @_;

	open(my $stat, '<', "/proc/$pid/stat") or return ('X', 0);
	return (<$stat> // '') =~ /\) (\S) (\d+)/ ? ($1, $2) : ('X', 0);
}

sub cmdline_of
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/cmdline") or return '';
	return <$file> // '';
}

# Tests that all are gone soon.
sub all_gone
{
	my ($start, $what, @processes) = @_;

	Session::wait_until(sub { !grep { (stat_of($_))[0] !~ /[XZ]/ } @processes }, "the end of the backends ($what)");
	my $seconds = time - $start;
	cmp_ok($seconds, '<', WITHIN, sprintf '%s: %d processes are gone', $what, scalar @processes);
	note(sprintf '%s: %.0f ms', $what, 1000 * $seconds);
}

# Sockets of any process that lead to the name server
sub sockets_to_server
{
	my $address = sprintf '0100007F:%04X', $server->port;
	return grep { (split)[2] eq $address && (split)[9] ne '0' } map { split /\n/, slurp_file("/proc/net/$_") } qw(udp tcp);
}

sub files
{
	my @folders = map { $node->data_dir . "/$_" } 'base/pgsql_tmp', 'pg_dynshmem';
	return scalar map { glob "$_/*" } @folders;
}

sub works
{
	my ($what) = @_;
	my $session = Session->new($node);

	is_deeply([ sockets_to_server() ], [], "$what: no socket is left");
	is($session->text($sound), '192.0.2.1', '... a lookup');
	is($session->text(q{SELECT status, count(*) FROM dns_query_many(ARRAY(SELECT 'sound.' || g FROM generate_series(1, 1000) g)) GROUP BY status}),
		'NOERROR|1000', '... a batch');
	is($session->text(q{SELECT count(dns_lookup('sound.' || g, 4)) FROM hosts}), 300, '... and look-ahead');
	$session->close;
}

works('at first');
my $files = files();

foreach my $round (1 .. ROUNDS)
{
	# ---- The server is stopped

	foreach my $mode ('fast', 'immediate')
	{
		my ($sessions, $processes) = busy('drop');
		cmp_ok(scalar @$processes, '>', @statements, "$mode shutdown: all are at work");
		my $start = time;
		my $stop = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', $mode, '-w', 'stop' ], '>', \my $output, '2>', \my $errors);
		all_gone($start, "$mode shutdown", @$processes);
		ok($stop->finish, '... and the server');
		my @results = map { $_->result } @$sessions;
		is(scalar(grep { $results[$_]{ended} || $sessions->[$_]->result->{ended} } 0 .. $#statements), @statements,
			'... the connections are closed');
		# a leader can notice first that its workers are gone
		my %states = map { $statements[$_][0] =~ /parallel/ ? () : (Session::sqlstate_of($results[$_]) => 1) } 0 .. $#statements;
		is(join(' ', sort keys %states), '57P01', '... with an SQLSTATE') if $mode eq 'fast';
		$node->_update_pid(0);
		$node->start;
		works("after a $mode shutdown");
	}

	# ---- The postmaster dies

	{
		my ($sessions, $processes) = busy('drop');
		my ($postmaster, @others) = (postmaster(), children());
		my $start = time;
		$node->kill9;
		all_gone($start, 'death of the postmaster', @$processes);
		# while one of these exists, a new server does not start
		Session::wait_until(sub { !grep { -e "/proc/$_" } $postmaster, @others }, 'the end of all processes');
		$node->start;
		works('after the death of the postmaster');
	}

	# ---- A backend dies: the server restarts

	foreach my $victim (0 .. $#statements)
	{
		next if ROUNDS == 1 && $victim % 2 == 1;
		my ($what) = @{ $statements[$victim] };
		my ($sessions, $processes) = busy('drop');
		my @workers = grep { cmdline_of($_) =~ /parallel worker/ } @$processes;
		my $start = time;

		cmp_ok(files(), '>', $files, "kill -9 of $what: there are files") if $victim == $#statements;
		kill 'KILL', $what =~ /parallel/ ? $workers[0] : $sessions->[$victim]->pid;
		all_gone($start, "kill -9 of $what", @$processes);
		# not with psql, which can be gone before it has its input
		ok(Session::wait_until(sub { eval { Session->new($node) } }, 'the server'), '... the server comes back');
		cmp_ok(files(), '<=', $files, '... no file is left');
		works("after kill -9 of $what");
	}
}

# ---- A smart shutdown waits for lookups

{
	my ($sessions, $processes) = busy('delay300');
	my $stop = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', 'smart', '-w', 'stop' ], '>', \my $output, '2>', \my $errors);

	Session::wait_until(sub { slurp_file($node->logfile) =~ /received smart shutdown request/ }, 'the request');
	my %states;
	foreach (0 .. $#statements)
	{
		# the results of the cursors have been read, except for the last one
		next if $statements[$_][0] eq 'a cursor';
		$states{ Session::sqlstate_of($sessions->[$_]->result) }++;
	}
	is_deeply(\%states, { '00000' => $#statements }, 'smart shutdown: running statements finish');
	is($sessions->[7]->text('FETCH ALL FROM c') =~ tr/\n/\n/, 300 - 3 - 1, '... cursors go on');
	my $start = time;
	$_->close foreach @$sessions;
	all_gone($start, 'smart shutdown', @$processes);
	ok($stop->finish, '... and the server stops');
	$node->_update_pid(0);
}

done_testing();
