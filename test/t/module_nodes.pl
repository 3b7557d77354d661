# Property: one statement looks up on several nodes at once, over postgres_fdw, as
# docs/several-machines.md has it: the questions of all nodes are under way together, an
# error arrives with its SQLSTATE, a cancel ends the lookups of all nodes, and rows of our
# types travel. So do those of dblink, but for the cancel. Workers of a batch, one on each node,
# do not mind a node that fails. A standby and a subscriber look up, too. To show that questions are under way
# together, the name server answers only when it has been asked as many as all nodes together
# may ask.

use strict;
use warnings;
use Document;
use FindBin;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# Nodes; the most questions that one of them has in flight, which is the number of its
# names; sound names before these, since reading ahead in a cursor begins with one row
use constant { NODES => 3, EACH => 10, BEFORE => 20 };
use constant ALL => NODES * (BEFORE + EACH);

my $page = Document->new('several-machines.md');
my $server = NameServer->misbehaving;
my $knot = NameServer->knot;
my @nodes = map { node("node$_", $server) } 1 .. NODES;
my $coordinator = node('coordinator', '127.0.0.1:' . NameServer->closed_port);
my @on_node = map { Session->new($_) } @nodes;
my $session = Session->new($coordinator);
my $zones = 0;

# A cluster that asks this name server. The coordinator's is none: it looks nothing up.
sub node
{
	my ($name, $server) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', join "\n", Session::settings([$server]), "pgcares.timeout = '8s'", 'pgcares.tries = 1',
		'pgcares.max_in_flight = ' . EACH, "shared_buffers = '16MB'");
	$node->start;
	return $node;
}

# Runs the statements of a block, each in a transaction of its own. Our nodes take the places
# of the hosts of the page.
sub run
{
	my ($on, $sql) = @_;

	$sql =~ s/host 'node(\d)\.example', dbname 'names'/sprintf "host '%s', port '%s', dbname 'postgres'", $nodes[ $1 - 1 ]->host, $nodes[ $1 - 1 ]->port/ge;
	$sql =~ s/host=node(\d)\.example dbname=names/sprintf 'host=%s port=%s dbname=postgres', $nodes[ $1 - 1 ]->host, $nodes[ $1 - 1 ]->port/ge;
	$on->text($_) foreach Document::statements($sql);
}

foreach my $block ($page->blocks('fdw node'))
{
	run($_, $block =~ s/'5s'/'300ms'/r) foreach @on_node;
}
run($session, $page->block('fdw coordinator'));
$_->close foreach @on_node;
@on_node = map { Session->new($_) } @nodes;

# ---- The statements of the page, with the zones of the page

# Lookups of these sessions' nodes go to this server from now on.
sub ask
{
	my ($who, @sessions) = @_;

	foreach my $session (@sessions)
	{
		$session->text(sprintf q{ALTER SYSTEM SET pgcares.servers = '%s'}, $who->address);
		$session->text('SELECT pg_reload_conf()');
		Session::wait_until(sub { $session->text('SHOW pgcares.servers') eq $who->address }, 'the servers');
	}
}

ask($knot, @on_node);
run($session, $page->block('fdw statement'));
is($session->text(q{SELECT id, name, preference, exchange FROM mail ORDER BY id, preference}), <<'ROWS' =~ s/\n\z//r, 'CREATE TABLE AS keeps the answers of all nodes');
1|shop.example|10|mail1.shop.example
1|shop.example|20|mail2.shop.example
2|a-books.shop.example|10|mail1.shop.example
2|a-books.shop.example|20|mail2.shop.example
3|b-boats.shop.example|10|mail.b-boats.shop.example
4|d-drums.shop.example||
ROWS
is($session->text($page->block('fdw plan')), join("\n", ($page->output('fdw plan') =~ /^-+\n(.*)^\(\d+ rows/ms)[0] =~ /^ (.*)$/mg),
	'the plan is that of the page');
is($session->text(q{SELECT mx FROM domain_mx WHERE (mx).preference = 20 ORDER BY id LIMIT 1}), '(20,mail2.shop.example,3600)', 'a whole row of our type travels');
is($session->text(q{SELECT pg_typeof(mx), mx = ROW(20, 'mail2.shop.example', 3600)::dns_mx_record FROM domain_mx WHERE (mx).preference = 20 LIMIT 1}), 'dns_mx_record|t', '... as that type');
$session->text('INSERT INTO mail SELECT id, name, (mx).preference, (mx).exchange FROM domain_mx');
is($session->text('SELECT count(*), count(DISTINCT (id, preference)) FROM mail'), '12|6', 'INSERT ... SELECT keeps them again');
is(join(' ', map { $_->text('SELECT count(*) > 0 FROM domain') } @on_node), 't t t', 'every node has names');

# dblink, with the same views
my $dblink = Session->new($coordinator);
my @dblink = Document::statements($page->block('dblink statement'));
run($dblink, $page->block('dblink'));

# Sends the page's statement to all nodes, whatever became of another one before.
sub dblink_send
{
	$dblink->text($page->block('dblink cancel'));
	foreach my $node (1 .. NODES)
	{
		my $rest = "SELECT count(*) FROM dblink_get_result('node$node', false) AS r (id bigint, name text, mx dns_mx_record)";
		$dblink->text($rest) foreach 1 .. 2;
	}
	$dblink->text($dblink[0]);
}

dblink_send();
is(join("\n", sort split /\n/, $dblink->text($dblink[1])), <<'ROWS' =~ s/\n\z//r, 'dblink: the statements of the page');
1|shop.example|mail1.shop.example
1|shop.example|mail2.shop.example
2|a-books.shop.example|mail1.shop.example
2|a-books.shop.example|mail2.shop.example
3|b-boats.shop.example|mail.b-boats.shop.example
4|d-drums.shop.example|
ROWS

# ---- Nodes ask at the same time

ask($server, @on_node);

# Fill each node with names of a new zone.
sub fill
{
	my ($label) = @_;
	my $zone = 'z' . ++$zones . '.example';

	$session->text('TRUNCATE domain');
	$session->text(sprintf q{INSERT INTO domain SELECT id, CASE WHEN nth <= %d THEN 'sound' ELSE '%s' END || '.n' || id || '.%s' FROM generate_series(0, %d) r,
		LATERAL (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM generate_series(1, 1000) id
			WHERE satisfies_hash_partition('domain'::regclass, %d, r, id::bigint) LIMIT %d) g ORDER BY id},
		BEFORE, $label, $zone, NODES - 1, NODES, BEFORE + EACH);
	$server->forget;
}

fill('sound');
my $count = 'SELECT count(*), count(mx) FROM domain_mx';
is($session->text($count), ALL . '|' . ALL, 'every name is found');
fill('crowd' . NODES * EACH);
is($session->text($count), ALL . '|' . ALL, 'the questions of all nodes are under way together');

my $count_dblink = $dblink[1] =~ s/^SELECT .*/SELECT count(*), count(r.mx)/r;
fill('crowd' . NODES * EACH);
dblink_send();
is($dblink->text($count_dblink), ALL . '|' . ALL, '... with dblink, too');

# Sets the time for one try on all nodes.
sub timeout
{
	my ($timeout) = @_;

	foreach my $session (@on_node)
	{
		$session->text($_) foreach "ALTER SYSTEM SET pgcares.timeout = '$timeout'", 'SELECT pg_reload_conf()';
		Session::wait_until(sub { $session->text('SHOW pgcares.timeout') eq $timeout }, 'the setting');
	}
}

timeout('500ms');
fill('crowd' . (NODES * EACH + 1));
is($session->sqlstate($count), 'NDA12', '... and no more of them');
fill('crowd' . NODES * EACH);
is($session->sqlstate("SET enable_async_append = off; $count"), 'NDA12', '... but not without async_append');
$session->text('SET enable_async_append = on');
timeout('1min');

# ---- Errors and cancels

fill('rcode2');
my $error = $session->query($count)->{error};
is($error->{C}, 'ND002', 'an error arrives with its SQLSTATE');
like($error->{M}, qr/^could not look up MX records of "rcode2\.n\d+\.z\d+\.example": server failure \(SERVFAIL\)$/, '... and its words');
fill('rcode3');
is($session->text($count), ALL . '|' . NODES * BEFORE, 'a name that does not exist is none');
$_->text(q{CREATE VIEW domain_a AS SELECT d.id, a.address FROM domain d, LATERAL dns_a(d.name) a}) foreach @on_node;
$session->text('CREATE FOREIGN TABLE domain_a (id bigint, address inet) SERVER node1');
is($session->sqlstate('SELECT * FROM domain_a'), 'ND003', '... or an error');
$session->text(q{CREATE FUNCTION state() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM * FROM domain_a; EXCEPTION WHEN SQLSTATE 'ND003' THEN RETURN 'caught'; END $$});
is($session->text('SELECT state()'), 'caught', '... that can be caught');

# No client of a node is in a statement.
sub idle
{
	my ($on) = @_;
	return !$on->text(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()});
}

# Begin a statement that waits for answers which do not come.
sub begin
{
	fill('drop9');
	$session->send($count);
	Session::wait_until(sub { my %ports = map { $_->{sport} => 1 } $server->log; keys %ports >= NODES }, 'questions of all nodes');
}

begin();
is(scalar(grep { idle($_) } @on_node), 0, 'all nodes wait for answers');
my $other = Session->new($coordinator);
$other->text('SELECT pg_cancel_backend(' . $session->pid . ')');
is(Session::sqlstate_of($session->result), '57014', 'a cancel ends the statement');
Session::wait_until(sub { NODES == grep { idle($_) } @on_node }, 'idle nodes');
pass('... and the lookups of all nodes');

# dblink: the nodes go on, whether the session that waits notices the cancel or not.
fill('rcode2');
dblink_send();
is($dblink->sqlstate($count_dblink), 'ND002', 'dblink: an error arrives with its SQLSTATE');
fill('drop9');
dblink_send();
Session::wait_until(sub { my %ports = map { $_->{sport} => 1 } $server->log; keys %ports >= NODES }, 'questions of all nodes');
$dblink->send($count_dblink);
Session::wait_until(sub { $other->text('SELECT state FROM pg_stat_activity WHERE pid = ' . $dblink->pid) eq 'active' }, 'the statement');
$other->text('SELECT pg_cancel_backend(' . $dblink->pid . ')');
my $notices = $coordinator->pg_version >= 17;
is(Session::sqlstate_of($dblink->result), '57014', '... a cancel ends the statement') if $notices;
is(scalar(grep { idle($_) } @on_node), 0, '... but not the lookups of the nodes');
$on_node[0]->text(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'domain_mx' AND state = 'active' AND pid <> pg_backend_pid()});
is(Session::sqlstate_of($dblink->result), '57014', '... a cancel ends the statement with the next result') if !$notices;
$dblink->text($page->block('dblink cancel'));
Session::wait_until(sub { NODES == grep { idle($_) } @on_node }, 'idle nodes');
pass('... and dblink_cancel_query ends them');

$session->text(q{ALTER SERVER node2 OPTIONS (SET options '-c statement_timeout=300ms')});
is($session->sqlstate($count), '57014', q{a node's statement_timeout arrives with its SQLSTATE});
Session::wait_until(sub { NODES == grep { idle($_) } @on_node }, 'idle nodes');
pass('... and ends the lookups of the other nodes');
$session->text(q{ALTER SERVER node2 OPTIONS (SET options '')});

# The coordinator is gone.
my $lost = Session->new($nodes[0]);
$lost->send('SELECT count(*) FROM domain_mx');
Session::wait_until(sub { !idle($on_node[0]) && $server->count }, 'a question');
$lost->{socket}->close;
Session::wait_until(sub { idle($on_node[0]) }, 'the end of a statement without a client');
pass('a node notices that its client is gone');

# Workers of a batch, one on each node
my ($tables, $worker) = slurp_file("$FindBin::RealBin/../../docs/batches.md") =~ /^(CREATE TABLE work.*?;)\nINSERT.*?^(CREATE PROCEDURE.*?^\$\$;)\n/ms;
my @workers = map { Session->new($_) } @nodes;
my $names = q{INSERT INTO work (name) SELECT format('%s.w%d-%%s.batch.example', i) FROM generate_series(1, %d) i};

foreach my $i (0 .. NODES - 1)
{
	$workers[$i]->text($_) foreach $tables, $worker, sprintf $names, 'crowd' . NODES * EACH, $i, EACH;
}
$_->send('CALL ask(' . EACH . ')') foreach @workers;
is(join(' ', map { Session::sqlstate_of($_->result) } @workers), join(' ', ('00000') x NODES), 'workers of a batch, one on each node');
is(join(' ', map { $_->text('SELECT count(*), count(due), min(status) FROM work') } @workers), join(' ', (EACH . '|0|NOERROR') x NODES), '... ask at the same time');

# A node hangs: nothing there takes connections. PostgreSQL 16 and later wait until the statement ends.
my ($postmaster) = slurp_file($nodes[2]->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my $impatient = Session->new($coordinator);
$session->text(q{ALTER SERVER node3 OPTIONS (SET connect_timeout '2')});
$impatient->text(q{SET statement_timeout = '4s'});
kill 'STOP', $postmaster;
is($impatient->sqlstate('SELECT count(*) FROM domain_3'), $coordinator->pg_version >= 16 ? '57014' : '08001', 'connect_timeout or statement_timeout ends a connection to a node that hangs');
kill 'CONT', $postmaster;

# A node fails. Questions of the workers wait for one that is asked when it is away.
begin();
dblink_send();
$dblink->send($count_dblink =~ s/node1, node2, //r);
$workers[$_]->text(sprintf $names, 'crowd' . (NODES * EACH + 1), $_, EACH / 2) foreach 0 .. NODES - 1;
$_->send('CALL ask(' . EACH . ')') foreach @workers;
Session::wait_until(sub { my %asked = map { ("$_->{type} $_->{name}" => 1) } grep { $_->{name} =~ /^crowd/ } $server->log; keys %asked == NODES * EACH }, 'questions of all workers');
$nodes[2]->stop('immediate');
is(Session::sqlstate_of($session->result), '08006', 'a node that fails ends the statement');
is(Session::sqlstate_of($dblink->result), '08006', '... with dblink, too');
$on_node[0]->text(sprintf q{SELECT dns_lookup('crowd%d.one-more.batch.example', 4)}, NODES * EACH + 1);
is(join(' ', map { Session::sqlstate_of($_->result) } @workers), '00000 00000 08006', '... but workers on other nodes go on');
$dblink->text($page->block('dblink cancel'));
Session::wait_until(sub { 2 == grep { idle($_) } @on_node[0, 1] }, 'idle nodes');
pass('... and what the statement looks up on the others');
is($session->sqlstate($count), '08001', '... and the next one, while it is away');
$session->close;

# ---- A standby, and a subscriber

$on_node[0]->text($_) foreach 'ALTER SYSTEM RESET pgcares.timeout', 'SELECT pg_reload_conf()', 'CREATE PUBLICATION names FOR TABLE domain';
ask($knot, @on_node[0, 1]);
$nodes[0]->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($nodes[0], 'copy', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{shared_preload_libraries = 'pgcares'});
$standby->start;
my $replica = Session->new($standby);
is($replica->text($page->block('replica')), ($page->output('replica') =~ /^-[-+]+\n(.*)^\(\d+ row/ms)[0] =~ s/^ | *\n//gr =~ s/ *\| */|/r,
	'a standby looks up');
$on_node[0]->text($_) foreach 'TRUNCATE domain', sprintf q{INSERT INTO domain SELECT i, 'crowd%d.n' || i || '.replica.example' FROM generate_series(1, %d) i}, EACH, EACH;
Session::wait_until(sub { $replica->text(q{SELECT count(*) FROM domain WHERE name LIKE '%.replica.example'}) == EACH }, 'the names on the standby');
$replica->text($_) foreach sprintf(q{SET pgcares.servers = '%s'}, $server->address), 'SET pgcares.cache = on';
is($replica->text('SELECT count(mx) FROM domain_mx'), EACH, '... ahead, too');
is($replica->text(q{SELECT count(*) FROM dns_cache WHERE question LIKE '%.replica.example'}), EACH, '... keeps the answers');
is($replica->text('SELECT count(mx) FROM domain_mx') . $server->count(qr/replica/), EACH . EACH, '... and need not ask again');
is($replica->text(q{SELECT value FROM dns_stats() WHERE counter = 'cache_hits'}), EACH, '... which it counts');

my $subscriber = $on_node[1];
run($subscriber, 'TRUNCATE domain;');
run($subscriber, $page->block('subscriber'));
run($subscriber, sprintf q{CREATE SUBSCRIPTION names CONNECTION 'host=%s port=%s dbname=postgres' PUBLICATION names WITH (copy_data = off);}, $nodes[0]->host, $nodes[0]->port);
$on_node[0]->text(q{INSERT INTO domain VALUES (101, 'a-books.shop.example'), (102, 'd-drums.shop.example')});
Session::wait_until(sub { $subscriber->text('SELECT count(*) FROM domain') == 2 }, 'rows of the subscription');
is($subscriber->text('SELECT id, address FROM domain ORDER BY id'), "101|192.0.2.71\n102|", q{a subscriber's trigger looks up});

done_testing();
