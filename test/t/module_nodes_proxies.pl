# Property: lookups go through PL/Proxy and pgbouncer as docs/several-machines.md has it.
# PL/Proxy splits an array over its nodes, whose questions are under way together; an error
# keeps its SQLSTATE, and a cancel ends the lookups on the nodes. Through pgbouncer in
# transaction mode, a setting of a transaction is that of no other one. To show that questions
# are under way together, the name server answers only when it has been asked as many as
# all nodes together may ask.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use Document;
use FindBin;
use NameServer;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# Nodes; the most questions that one of them has in flight
use constant { NODES => 2, EACH => 10 };

my $page = Document->new('several-machines.md');
my $server = NameServer->misbehaving;
my $knot = NameServer->knot;
my @nodes = map { Session->cluster([$knot], "pgcares.timeout = '8s'", 'pgcares.tries = 1', 'pgcares.max_in_flight = ' . EACH, "shared_buffers = '16MB'") } 1 .. NODES;
my @on_node = map { Session->new($_) } @nodes;

# Questions go to this server from now on, with this timeout.
sub ask
{
	my ($who, $timeout) = @_;

	foreach my $session (@on_node)
	{
		$session->text($_) foreach sprintf(q{ALTER SYSTEM SET pgcares.servers = '%s'}, $who->address),
		  "ALTER SYSTEM SET pgcares.timeout = '$timeout'", 'SELECT pg_reload_conf()';
		Session::wait_until(sub { $session->text(q{SELECT current_setting('pgcares.servers') || current_setting('pgcares.timeout')}) eq $who->address . $timeout }, 'the settings');
	}
	$who->forget if $who == $server;
}

# No client of a node is in a statement.
sub idle
{
	my ($on) = @_;
	return !$on->text(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()});
}

# The rows that the page shows, as psql -At prints them
sub shown
{
	my ($mark) = @_;
	my ($rows) = $page->output($mark) =~ /^-[-+]+\n(.*)^\(\d+ row/ms;

	return $rows =~ s/^ | *$//mgr =~ s/ *\| */|/gr =~ s/\n\z//r;
}

SKIP:
{
	my $proxy = Session->cluster(['127.0.0.1:1'], "shared_buffers = '16MB'");
	my $session = Session->new($proxy);

	skip 'PL/Proxy is not installed', 1 if !$session->text(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'plproxy'});
	$session->text('DROP EXTENSION pgcares');
	$session->text($_ =~ s/host=node(\d)\.example dbname=names/sprintf 'host=%s port=%s dbname=postgres', $nodes[ $1 - 1 ]->host, $nodes[ $1 - 1 ]->port/ger)
	  foreach Document::statements($page->block('plproxy'));
	is($session->text($page->block('plproxy statement')), shown('plproxy statement'), 'PL/Proxy: the statement of the page');
	is($session->text('SELECT exchange FROM nodes_mx(\'shop.example\') ORDER BY preference LIMIT 1'), 'mail1.shop.example', '... a single name');
	is($session->sqlstate(q{SELECT * FROM nodes_mx('nowhere.shop.example')}), 'ND003', '... an error keeps its SQLSTATE');

	# the worker of docs/batches.md, with tables here and lookups there
	my ($tables, $worker) = slurp_file("$FindBin::RealBin/../../docs/batches.md") =~ /^(CREATE TABLE work.*?;)\nINSERT.*?^(CREATE PROCEDURE.*?^\$\$;)\n/ms;
	$session->text($_) foreach $tables, $worker =~ s/dns_lookup_many/nodes_lookup_many/r,
	  q{INSERT INTO work (name) SELECT format('ip-10-0-0-%s.dyn.example', i) FROM generate_series(1, 50) i}, 'CALL ask(20)';
	is($session->text('SELECT count(*), count(due), min(status) FROM work'), '50|0|NOERROR', '... the worker of a batch');
	is($session->text(q{SELECT count(*) FROM found WHERE name = 'ip-' || replace(host(address), '.', '-') || '.dyn.example'}), '50', '... keeps the answers of all nodes');

	# names whose hash sends as many to each node as it has in flight
	my $names = sub {
		my ($label) = @_;
		return sprintf q{ARRAY(SELECT name FROM generate_series(0, %d) node, LATERAL (SELECT '%s.n' || i || '.z.example' AS name FROM generate_series(1, 1000) i
			WHERE (hashtext('%2$s.n' || i || '.z.example') & %1$d) = node LIMIT %d) n)}, NODES - 1, $label, EACH;
	};
	my $count = 'SELECT status, count(*) FROM nodes_lookup_many(%s) GROUP BY status';
	ask($server, '8s');
	is($session->text(sprintf $count, $names->('crowd' . NODES * EACH)), 'NOERROR|' . NODES * EACH, '... the questions of all nodes are under way together');
	ask($server, '500ms');
	is($session->text(sprintf $count, $names->('crowd' . (NODES * EACH + 1))), 'TIMEOUT|' . NODES * EACH, '... and no more of them');

	ask($server, '1min');
	$session->send(sprintf $count, $names->('drop9'));
	Session::wait_until(sub { my %ports = map { $_->{sport} => 1 } $server->log; keys %ports >= NODES }, 'questions of all nodes');
	is(scalar(grep { idle($_) } @on_node), 0, '... the nodes wait for answers');
	Session->new($proxy)->text('SELECT pg_cancel_backend(' . $session->pid . ')');
	is(Session::sqlstate_of($session->result), '57014', '... a cancel ends the statement');
	Session::wait_until(sub { NODES == grep { idle($_) } @on_node }, 'idle nodes');
	pass('... and the lookups on the nodes');
	$nodes[1]->stop('immediate');
	is($session->sqlstate(sprintf $count, $names->('sound')), 'XX000', '... a node that fails ends the statement');
	$nodes[1]->start;
	$on_node[1] = Session->new($nodes[1]);
}

# ---- pgbouncer

# Starts pgbouncer with one connection for all clients; what stands for it as a node.
sub pooled
{
	my ($node) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $port = NameServer::free_port('127.0.0.1');
	my $user = getpwuid($<);

	append_to_file("$folder/pgbouncer.ini", sprintf <<'CONF', $node->host, $node->port, $user, $folder, $port, $folder);
[databases]
postgres = host=%s port=%s user=%s pool_size=1
[pgbouncer]
pool_mode = transaction
auth_type = any
listen_addr =
unix_socket_dir = %s
listen_port = %s
logfile = %s/log
CONF
	my $pid = fork // die "cannot fork: $!\n";
	if ($pid == 0)
	{
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', "$folder/errors";
		exec(qw(setpriv --pdeathsig TERM -- pgbouncer), "$folder/pgbouncer.ini") or POSIX::_exit(127);
	}
	Session::wait_until(sub { -S "$folder/.s.PGSQL.$port" || waitpid($pid, POSIX::WNOHANG()) }, 'pgbouncer');
	-S "$folder/.s.PGSQL.$port" or die "pgbouncer does not start:\n" . slurp_file("$folder/errors");
	return ($pid, "host=$folder port=$port dbname=postgres user=$user");
}

SKIP:
{
	skip 'pgbouncer is not installed', 1 if !NameServer::in_path('pgbouncer');
	ask($knot, '8s');
	my ($pid, $where) = pooled($nodes[0]);
	my $psql = sub { my ($output, $errors); IPC::Run::run([ 'psql', '-XAtq', '-d', $where, map { ('-c', $_) } @_ ], '>', \$output, '2>', \$errors); return $output . $errors; };

	is($psql->(Document::statements($page->block('pgbouncer'))), shown('pgbouncer') . "\n", 'pgbouncer: the statement of the page');
	is($psql->('SHOW pgcares.timeout'), "8s\n", '... its setting does not meet the next client');
	is($psql->("SET pgcares.timeout = '7s'"), '', '... but a plain SET');
	is($psql->('SHOW pgcares.timeout'), "7s\n", '... does');
	is($psql->('DISCARD ALL', 'SHOW pgcares.timeout', q{SELECT dns_lookup('shop.example', 4)}), "8s\n192.0.2.10\n", '... until DISCARD ALL');

	{
		local $ENV{PGOPTIONS} = '-c pgcares.timeout=3s';
		like($psql->('SHOW pgcares.timeout'), qr/unsupported startup parameter/, '... options of a connection are refused');
	}

	# A cancel gets through to the lookup.
	ask($server, '1min');
	my $errors = '';
	my $client = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $where, '-c', q{SELECT dns_lookup('drop9.x.example')} ], '>', \my $output, '2>', \$errors);
	Session::wait_until(sub { !idle($on_node[0]) && $server->has_seen('drop9.x.example') }, 'the question');
	$client->signal('INT');
	$client->finish;
	like($errors, qr/^ERROR:  57014$/m, '... a cancel gets through');
	Session::wait_until(sub { idle($on_node[0]) }, 'an idle node');
	pass('... and ends the lookup');
	kill 'TERM', $pid;
	waitpid $pid, 0;
}
done_testing();
