# Property: rows of foreign tables are read ahead only where nobody can see it. Each
# statement gives the same rows, the same error after them, and the same questions with
# look-ahead as without, also if the foreign source fails at a later row.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0');
my $setup = Session->new($node);

plan skip_all => 'postgres_fdw and file_fdw are not installed'
  if $setup->sqlstate('CREATE EXTENSION postgres_fdw') ne '00000' || $setup->sqlstate('CREATE EXTENSION file_fdw') ne '00000';

# ---- The foreign tables: sound ones, and some that fail at row 30

my $file = $node->basedir . '/names.csv';
append_to_file($file, join '', map { $_ . ",f$_.example\n" } 1 .. 40);
append_to_file("$file.bad", join '', map { ($_ == 30 ? 'x' : $_) . ",f$_.example\n" } 1 .. 40);
chmod 0644, $file, "$file.bad";
$setup->text($_) foreach
  q{CREATE FUNCTION fails(i int, at int) RETURNS int LANGUAGE plpgsql AS 'BEGIN IF i = at THEN RAISE ''row % fails'', i; END IF; RETURN i; END'},
  q{CREATE TABLE rows AS SELECT i AS id, 'r' || i || '.example' AS name FROM generate_series(1, 40) i},
  q{CREATE VIEW divides AS SELECT id + 0 / (30 - id) AS id, name FROM rows},
  'CREATE VIEW raises AS SELECT fails(id, 30) AS id, name FROM rows',
  q{CREATE VIEW early AS SELECT id, CASE WHEN id = 20 THEN 'rcode2.example' ELSE name END AS name FROM raises},
  sprintf(q{CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres', fetch_size '5')}, $node->host, $node->port),
  'CREATE USER MAPPING FOR PUBLIC SERVER here',
  'CREATE SERVER files FOREIGN DATA WRAPPER file_fdw',
  (map { "CREATE FOREIGN TABLE far_$_ (id int, name text) SERVER here OPTIONS (table_name '$_')" } qw(rows divides raises early)),
  "CREATE FOREIGN TABLE file_rows (id int, name text) SERVER files OPTIONS (filename '$file', format 'csv')",
  "CREATE FOREIGN TABLE file_bad (id int, name text) SERVER files OPTIONS (filename '$file.bad', format 'csv')",
  'CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id)',
  'CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (50)',
  q{CREATE FOREIGN TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100) SERVER here OPTIONS (table_name 'rows')},
  q{INSERT INTO parts SELECT i, 'p' || i || '.example' FROM generate_series(1, 9) i},
  'CREATE TABLE near AS SELECT id, name FROM rows', 'CREATE TABLE kept (id int, ip inet)', 'CREATE SEQUENCE s',
  q{CREATE FUNCTION counted(text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END'},
  'ANALYZE';

my %with = map { $_ => Session->new($node, options => "-c pgcares.lookahead=$_ -c client_min_messages=notice") } qw(off on);
$_->text(q{SELECT dns_lookup('first.example', 4)}) foreach values %with;

# All that can be seen of statements: rows, in their order, the error, notices; and the
# questions, sorted
sub seen
{
	my ($session, @statements) = @_;
	my @seen;

	$server->forget;
	foreach my $sql ('BEGIN', @statements, 'ROLLBACK')
	{
		my $result = $session->query($sql);
		push @seen, (map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }), (map { "notice: $_->{M}" } @{ $result->{notices} }),
		  $result->{error} ? "$result->{error}{C}: $result->{error}{M}" : ();
	}
	return (join("\n", @seen), [ sort map { "$_->{name} $_->{type}" } $server->log ]);
}

sub has_node
{
	my ($sql) = @_;
	return $with{on}->text("EXPLAIN $sql") =~ /DnsLookahead/ ? 'ahead' : 'not ahead';
}

my $loop = 'DO $$DECLARE r record; BEGIN FOR r IN %s LOOP RAISE NOTICE \'%%\', r; %s END LOOP; END$$';

foreach (
	# name, the node, more questions than without, the query, statements around it
	[ 'a sound table', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_rows} ],
	[ 'a condition', 'ahead', 0, q{SELECT id FROM far_rows WHERE dns_lookup(name, 4, 'ignore') IS NOT NULL} ],
	[ 'a table of lookups', 'ahead', 0, q{SELECT r.id, a.address FROM far_rows r LEFT JOIN LATERAL dns_a(r.name, 'ignore') a ON true} ],
	[ 'an error of data', 'ahead', 11, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_divides} ],
	[ 'an error of a remote function', 'ahead', 11, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises} ],
	[ 'a lookup fails first', 'ahead', 11, 'SELECT id, dns_lookup(name, 4) FROM far_early' ],
	[ 'a lookup fails first, in a condition', 'ahead', 11, 'SELECT id FROM far_early WHERE dns_lookup(name, 4) IS NOT NULL' ],
	[ 'rows before the error', 'ahead', 11, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises}, $loop, '' ],
	[ 'a loop that ends first', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises}, $loop, 'EXIT WHEN r.id = 9;' ],
	[ 'a cursor', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises}, 'DECLARE c NO SCROLL CURSOR FOR %s', 'FETCH 7 FROM c', 'FETCH 3 FROM c', 'CLOSE c', 'SELECT count(*) FROM far_rows' ],
	[ 'a cursor, to the error', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises}, 'DECLARE c NO SCROLL CURSOR FOR %s', 'FETCH 25 FROM c', 'FETCH 25 FROM c' ],
	[ 'a limit', 'not ahead', 0, q{SELECT r.id, a.address FROM far_raises r, LATERAL dns_a(r.name, 'ignore') a LIMIT 20} ],
	[ 'an INSERT', 'ahead', 0, q{INSERT INTO kept SELECT id, dns_lookup(name, 4, 'ignore') FROM far_rows RETURNING *} ],
	[ 'an INSERT that fails', 'ahead', 11, q{INSERT INTO kept SELECT id, dns_lookup(name, 4, 'ignore') FROM far_raises RETURNING *} ],
	[ 'an UPDATE of a table here', 'ahead', 0, q{UPDATE near n SET name = 'x' FROM far_rows r, LATERAL dns_a(r.name, 'ignore') a WHERE n.id = r.id RETURNING n.id} ],
	[ 'an UPDATE there', 'not ahead', 0, q{UPDATE far_rows SET name = host(dns_lookup(name, 4, 'ignore')) RETURNING id, name} ],
	[ 'a DELETE there', 'not ahead', 0, q{DELETE FROM far_rows WHERE dns_lookup(name, 4, 'ignore') IS NULL RETURNING id} ],
	[ 'locks there', 'not ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM far_rows FOR UPDATE} ],
	[ 'two foreign tables', 'not ahead', 0, q{SELECT r.id, dns_lookup(r.name, 4, 'ignore'), (SELECT max(f.id) FROM file_rows f WHERE f.id < r.id) FROM far_raises r} ],
	[ 'a function that can use the connection', 'not ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore'), counted(name) FROM far_raises} ],
	[ 'a sequence', 'not ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore'), nextval('s') > 0 FROM far_raises} ],
	[ 'a common table expression', 'ahead', 11, q{WITH f AS MATERIALIZED (SELECT * FROM far_raises) SELECT id, dns_lookup(name, 4, 'ignore') FROM f}, $loop, '' ],
	[ 'a common table expression with a limit', 'ahead', 0, q{WITH f AS MATERIALIZED (SELECT * FROM far_raises LIMIT 20) SELECT id, dns_lookup(name, 4, 'ignore') FROM f} ],
	[ 'a common table expression that is read twice', 'not ahead', 0,
		q{WITH f AS MATERIALIZED (SELECT * FROM far_raises) SELECT id, dns_lookup(name, 4, 'ignore') FROM f UNION ALL SELECT id, NULL FROM f} ],
	[ 'a file', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM file_rows} ],
	[ 'a file with a bad line', 'ahead', 11, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM file_bad}, $loop, '' ],
	[ 'partitions', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM parts} ],
	[ 'partitions, asynchronously', 'ahead', 0, q{SELECT id, dns_lookup(name, 4, 'ignore') FROM parts ORDER BY id, name}, 'ASYNC' ],
	[ 'rows for a window', 'ahead', 0, q{SELECT id, count(dns_lookup(name, 4, 'ignore')) OVER (ORDER BY id) FROM far_rows} ],
	[ 'again and again', 'ahead', 0, q{SELECT n.id, (SELECT count(dns_lookup(r.name, 4, 'ignore')) FROM far_rows r WHERE r.id < n.id) FROM near n WHERE n.id < 5} ],
	[ 'again and again, to the error', 'ahead', 11, q{SELECT n.id, (SELECT count(dns_lookup(r.name, 4, 'ignore')) FROM far_raises r WHERE r.id < 9 * n.id) FROM near n} ],
	[ 'again and again, not to the end', 'not ahead', 0, q{SELECT n.id, EXISTS (SELECT FROM far_rows r, LATERAL dns_a(r.name, 'ignore') a WHERE r.id > n.id) FROM near n} ])
{
	my ($name, $node_there, $more, $query, @around) = @$_;
	my $async = @around && $around[0] eq 'ASYNC' && shift @around;
	my @statements = @around ? map { my $text = $_; /%s/ ? sprintf($text, $query, $around[1] // '') : $text } @around : $query;

	@statements = $statements[0] if @around && $around[0] eq $loop;
	$setup->text(q{ALTER SERVER here OPTIONS (ADD async_capable 'true')}) if $async;
	my ($off, $asked) = seen($with{off}, @statements);
	my ($on, $asked_ahead) = seen($with{on}, @statements);
	is($on, $off, $name);
	cmp_ok(scalar @$asked_ahead, '<=', @$asked + $more, '... the questions');
	is(has_node($query), $node_there, '... the node');
	note(sprintf '%d and %d questions; ends with %s', scalar @$asked, scalar @$asked_ahead, (split /\n/, $off)[-1] // 'nothing');
	$setup->text('ALTER SERVER here OPTIONS (DROP async_capable)') if $async;
}

done_testing();
