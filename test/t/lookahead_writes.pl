# Property: a statement writes the same with look-ahead: in UPDATE, DELETE, INSERT and
# MERGE, with RETURNING, in triggers and with row locks, also if another transaction has
# changed a row after it was read ahead.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving(mode => 'jitter2');
my $node = Session->cluster([$server]);
my $setup = Session->new($node);
my %session = map { $_ => Session->new($node, options => "-c pgcares.lookahead=$_") } 'on', 'off';

$setup->text($_) foreach
  "CREATE TABLE template AS SELECT i AS id, 'host' || i || '.example' AS n, inet '198.18.0.0' + i AS ip, NULL::inet AS address, ''::text AS note FROM generate_series(1, 40) i",
  'CREATE TABLE hosts (LIKE template)',
  'ALTER TABLE hosts ADD PRIMARY KEY (id)',
  'CREATE TABLE other (id int PRIMARY KEY, address inet, note text)',
  'CREATE TABLE parts (LIKE template) PARTITION BY LIST (id)',
  'CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1, 2, 3)',
  'CREATE TABLE part2 PARTITION OF parts DEFAULT',
  # a partition with its columns in another order
  'CREATE TABLE turned (LIKE template) PARTITION BY RANGE (id)',
  'CREATE TABLE turned1 PARTITION OF turned FOR VALUES FROM (1) TO (8)',
  'CREATE TABLE turned2 (note text, gone int, ip inet, address inet, n text, id int)',
  'ALTER TABLE turned2 DROP gone', 'ALTER TABLE turned ATTACH PARTITION turned2 DEFAULT',
  'CREATE SEQUENCE s',
  'ANALYZE';

# Fills the tables again.
sub fill
{
	my ($session) = @_;
	$session->text(q{TRUNCATE hosts, other, parts, turned; INSERT INTO hosts SELECT * FROM template; INSERT INTO parts SELECT * FROM template;
		INSERT INTO turned SELECT * FROM template;
		INSERT INTO other SELECT id, NULL, n FROM template WHERE id % 3 = 0; SELECT setval('s', 1)});
}

# The contents of all tables
my $contents = q{SELECT * FROM hosts ORDER BY id; SELECT * FROM other ORDER BY id; SELECT tableoid::regclass, * FROM parts ORDER BY id;
	SELECT tableoid::regclass, * FROM turned ORDER BY id};

# Rows of a result and its error; sorted, since RETURNING has no order
sub text_of
{
	my ($result) = @_;
	return join "\n", (sort map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }),
	  $result->{error} ? "$result->{error}{C} $result->{error}{M}" : ();
}

sub has_node
{
	my ($sql) = @_;
	return $session{on}->text("EXPLAIN $sql") =~ /DnsLookahead/ ? 1 : 0;
}

# ---- Statements that write; 1 for those that look ahead

my @statements = (
	[ 1, q{UPDATE hosts SET address = dns_lookup(n, 4, 'ignore')} ],
	[ 1, q{UPDATE hosts SET address = dns_lookup(n, 4, 'ignore') WHERE dns_reverse(ip) LIKE '%.1_.%' RETURNING id, address} ],
	[ 1, q{UPDATE hosts SET n = dns_reverse(ip), address = dns_lookup(n, 4, 'ignore') RETURNING *} ],
	[ 1, q{UPDATE hosts SET (address, note) = (SELECT address, ttl::text FROM dns_a(n, 'ignore') ORDER BY 1 LIMIT 1)} ],
	[ 1, q{UPDATE hosts h SET address = a.address FROM other o, LATERAL dns_a(o.note, 'ignore') a WHERE h.id = o.id AND a.address << '198.18.0.0/16'} ],
	[ 1, q{UPDATE hosts SET note = 'x' WHERE id < 5 RETURNING id, dns_reverse(ip)} ],
	[ 1, q{UPDATE hosts SET n = dns_reverse(ip) RETURNING id, dns_lookup(n, 4, 'ignore'), dns_reverse(ip)} ],
	[ 1, q{UPDATE parts SET note = 'x', id = id + 2 WHERE id IN (1, 2, 3, 9) RETURNING tableoid::regclass, id, dns_lookup(n, 4, 'ignore')} ],
	[ 1, q{UPDATE turned SET note = dns_reverse(ip) RETURNING tableoid::regclass, id, dns_lookup(n, 4, 'ignore')} ],
	[ 1, q{UPDATE hosts h SET note = 'x' FROM (SELECT id FROM other UNION ALL SELECT id FROM other) o WHERE h.id = o.id RETURNING h.id, dns_lookup(h.n, 4, 'ignore')} ],
	[ 1, q{UPDATE hosts h SET note = 'x' FROM other o LEFT JOIN parts p ON p.id = o.id + 1 WHERE h.id = o.id RETURNING h.id, dns_lookup(h.n, 4, 'ignore'), dns_lookup(p.n, 4, 'ignore')} ],
	[ 1, q{DELETE FROM hosts h USING other o, LATERAL dns_mx(o.note, 'ignore') q WHERE h.id = o.id AND q.preference = 20 RETURNING h.id, dns_reverse(h.ip)} ],
	[ 1, q{DELETE FROM turned WHERE id % 2 = 0 RETURNING id, dns_lookup(n, 4, 'ignore'), dns_reverse(ip)} ],
	[ 1, q{MERGE INTO turned t USING hosts h ON t.id = h.id AND t.id < 20 WHEN MATCHED AND dns_lookup(t.n, 4, 'ignore') IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET note = dns_reverse(t.ip), n = h.n WHEN NOT MATCHED THEN INSERT VALUES (h.id + 100, h.n)} ],
	[ 0, q{INSERT INTO other SELECT id, NULL, n FROM hosts ON CONFLICT (id) DO UPDATE SET address = dns_lookup(other.note, 4, 'ignore')} ],
	[ 1, q{UPDATE parts SET address = dns_lookup(n, 4, 'ignore'), id = id + 1 WHERE id IN (1, 3, 5)} ],
	[ 1, q{DELETE FROM hosts WHERE dns_lookup(n, 4, 'ignore') IS NULL RETURNING id} ],
	[ 1, q{DELETE FROM hosts h USING other o, LATERAL dns_mx(o.note, 'ignore') q WHERE h.id = o.id AND q.preference = 20} ],
	[ 1, q{DELETE FROM hosts WHERE EXISTS (SELECT FROM dns_mx(n, 'ignore')) RETURNING n} ],
	[ 1, q{INSERT INTO other SELECT id + 100, dns_lookup(n, 4, 'ignore'), note FROM hosts RETURNING *} ],
	[ 1, q{INSERT INTO hosts SELECT h.id + 100, h.n, q.address FROM hosts h, LATERAL (SELECT min(address) AS address FROM dns_a(h.n, 'ignore')) q} ],
	[ 1, q{INSERT INTO other SELECT id, dns_lookup(n, 4, 'ignore'), 'new' FROM hosts ON CONFLICT (id) DO UPDATE SET address = EXCLUDED.address, note = other.note || EXCLUDED.note RETURNING *} ],
	[ 1, q{INSERT INTO other SELECT id, dns_lookup(n, 4, 'ignore'), 'new' FROM hosts ON CONFLICT DO NOTHING RETURNING id} ],
	[ 1, q{INSERT INTO other SELECT id, NULL, n FROM hosts ON CONFLICT (id) DO UPDATE SET address = dns_lookup(EXCLUDED.note, 4, 'ignore')} ],
	[ 0, q{INSERT INTO other VALUES (201, dns_lookup('host1.example', 4), 'a'), (202, dns_lookup('host2.example', 4), 'b')} ],
	[ 1, q{MERGE INTO other o USING (SELECT id, dns_lookup(n, 4, 'ignore') AS address FROM hosts) h ON o.id = h.id WHEN MATCHED AND h.address IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET address = h.address WHEN NOT MATCHED THEN INSERT VALUES (h.id, h.address, 'merged')} ],
	[ 1, q{MERGE INTO other o USING (SELECT h.id, q.* FROM hosts h LEFT JOIN LATERAL (SELECT max(exchange) AS exchange FROM dns_mx(h.n, 'ignore')) q ON true) h ON o.id = h.id WHEN MATCHED THEN UPDATE SET note = h.exchange} ],
	[ 1, q{MERGE INTO other o USING hosts h ON o.id = h.id WHEN MATCHED THEN UPDATE SET address = dns_lookup(h.n, 4, 'ignore') WHEN NOT MATCHED THEN INSERT VALUES (h.id, dns_lookup(h.n, 4, 'ignore'), dns_reverse(h.ip))} ],
	[ 1, q{MERGE INTO other o USING hosts h ON o.id = h.id WHEN MATCHED AND o.id % 2 = 0 THEN DELETE WHEN MATCHED AND dns_lookup(h.n, 4, 'ignore') IS NULL THEN DO NOTHING WHEN MATCHED THEN UPDATE SET note = dns_reverse(h.ip)} ],
	[ 1, q{MERGE INTO parts p USING hosts h ON p.id = h.id + 3 WHEN MATCHED THEN UPDATE SET id = h.id, address = dns_lookup(h.n, 4, 'ignore') WHEN NOT MATCHED THEN INSERT VALUES (h.id, h.n, h.ip, dns_lookup(h.n, 4, 'ignore'))} ],
	[ 1, q{INSERT INTO other (note, id) SELECT n, id + 100 FROM hosts RETURNING id, dns_lookup(note, 4, 'ignore')} ],
	[ 0, q{INSERT INTO parts SELECT * FROM hosts RETURNING id, tableoid::regclass, dns_lookup(n, 4, 'ignore')} ],
	[ 1, q{UPDATE other o SET note = 'x' FROM hosts h WHERE h.id = o.id RETURNING o.id, dns_lookup(h.n, 4, 'ignore')} ],
	[ 1, q{WITH d AS (DELETE FROM hosts WHERE id % 2 = 0 RETURNING *) INSERT INTO other SELECT id + 100, dns_lookup(n, 4, 'ignore'), n FROM d} ],
	[ 1, q{WITH u AS (UPDATE hosts SET address = dns_lookup(n, 4, 'ignore') RETURNING *) SELECT u.id, q.* FROM u, LATERAL dns_a(u.n, 'ignore') q} ],
	[ 1, q{SELECT id, dns_reverse(ip) FROM hosts FOR UPDATE} ],
	[ 1, q{SELECT h.id, q.* FROM hosts h, LATERAL dns_mx(h.n, 'ignore') q FOR UPDATE OF h} ],
	[ 1, q{SELECT id, nextval('s'), dns_reverse(ip) FROM hosts} ],
	[ 1, q{CREATE TABLE made AS SELECT id, dns_reverse(ip) AS name FROM hosts; SELECT * FROM made; DROP TABLE made} ]);

foreach (@statements)
{
	my ($looks_ahead, $sql) = @$_;
	my %result;

	foreach my $lookahead ('off', 'on')
	{
		fill($session{$lookahead});
		$result{$lookahead} = text_of($session{$lookahead}->query($sql)) . "\n---\n" . $session{$lookahead}->text($contents);
	}
	is($result{on}, $result{off}, $sql);
	is(has_node($sql =~ s/;.*//sr), $looks_ahead, $looks_ahead ? '... with the node' : '... without the node');
}

# Triggers, which have lookups of their own, and a default
$setup->text(<<'SQL');
CREATE TABLE checked (id int, n text, address inet, by_default inet DEFAULT dns_lookup('host1.example', 4));
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.address := dns_lookup(NEW.n, 4, 'ignore');
	IF TG_OP = 'INSERT' THEN
		UPDATE hosts SET note = note || 'seen' WHERE id = NEW.id + 1;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER look BEFORE INSERT OR UPDATE ON checked FOR EACH ROW EXECUTE FUNCTION look();
SQL
{
	my %result;
	foreach my $lookahead ('off', 'on')
	{
		fill($setup);
		$session{$lookahead}->text(q{TRUNCATE checked; INSERT INTO checked SELECT id, dns_reverse(ip) FROM hosts; INSERT INTO checked SELECT h.id, q.exchange FROM hosts h, LATERAL dns_mx(h.n, 'ignore') q});
		$result{$lookahead} = $setup->text("SELECT * FROM checked ORDER BY id, n; $contents");
	}
	is($result{on}, $result{off}, 'a trigger that looks up and writes to the rows that are read ahead');
}

# ---- A row that another transaction has changed meanwhile: it is looked up again

my $other = Session->new($node);

# The writes of a statement when rows change after it has read them
sub write_beside
{
	my ($session, $sql, $change) = @_;

	fill($setup);
	$other->text("BEGIN; $change");
	$session->send($sql);
	Session::wait_until(sub {
			$setup->text('SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = $$Lock$$ AND pid = ' . $session->pid) },
		'the lock');
	$other->text('COMMIT');
	return text_of($session->result) . "\n---\n" . $setup->text($contents);
}

my @changes = (
	[ 'another name', q{UPDATE hosts SET n = 'host99.example', ip = '198.18.0.99' WHERE id IN (2, 20)} ],
	[ 'no name', q{UPDATE hosts SET n = NULL, ip = NULL WHERE id = 2} ],
	[ 'a row that no longer counts', q{UPDATE hosts SET id = 1002 WHERE id = 2} ],
	[ 'a name that does not exist', q{UPDATE hosts SET n = 'nxdomain.example' WHERE id = 2} ],
	[ 'no row', q{DELETE FROM hosts WHERE id = 2} ]);
my @shapes = (
	[ 'a scalar in SET', q{UPDATE hosts SET address = dns_lookup(n, 4, 'ignore'), note = dns_reverse(ip) WHERE id < 30} ],
	[ 'a condition', q{UPDATE hosts SET note = 'x' WHERE id < 30 AND dns_lookup(n, 4, 'ignore') IS NOT NULL} ],
	[ 'UPDATE FROM LATERAL', q{UPDATE hosts u SET note = q.exchange FROM hosts h, LATERAL (SELECT max(exchange) AS exchange FROM dns_mx(h.n, 'ignore')) q WHERE u.id = h.id AND u.id < 30} ],
	[ 'from a subquery', q{UPDATE hosts u SET note = s.m FROM (SELECT id, dns_reverse(ip) AS m FROM hosts OFFSET 0) s WHERE u.id = s.id AND u.id < 30} ],
	[ 'a CTE with FOR UPDATE', q{WITH l AS MATERIALIZED (SELECT id, n FROM hosts WHERE id < 30 FOR UPDATE) UPDATE hosts u SET address = dns_lookup(l.n, 4, 'ignore') FROM l WHERE u.id = l.id} ],
	[ 'correlated, with EXISTS', q{UPDATE hosts SET note = (SELECT string_agg(exchange, ',') FROM dns_mx(n, 'ignore')) WHERE id < 30 AND EXISTS (SELECT FROM dns_mx(n, 'ignore'))} ],
	[ 'DELETE', q{DELETE FROM hosts WHERE id < 30 AND dns_lookup(n, 4, 'ignore') IS NULL OR n LIKE 'host2.%' AND dns_lookup(n, 4, 'ignore') IS NOT NULL} ],
	[ 'FOR UPDATE', q{SELECT id, dns_lookup(n, 4, 'ignore') FROM hosts WHERE id < 30 FOR UPDATE} ],
	[ 'FOR UPDATE with LATERAL', q{SELECT h.id, q.exchange FROM hosts h LEFT JOIN LATERAL dns_mx(h.n, 'ignore') q ON true WHERE h.id < 30 FOR UPDATE OF h} ],
	[ 'FOR UPDATE with ORDER BY', q{SELECT id, dns_lookup(n, 4, 'ignore') FROM hosts WHERE id < 30 ORDER BY n FOR UPDATE} ],
	[ 'MERGE', q{MERGE INTO hosts t USING (SELECT id, dns_reverse(ip) AS m FROM template) s ON t.id = s.id AND t.id < 30 WHEN MATCHED THEN UPDATE SET note = s.m} ],
	[ 'RETURNING', q{UPDATE hosts SET note = 'x' WHERE id < 30 RETURNING id, dns_lookup(n, 4, 'ignore'), dns_reverse(ip)} ],
	[ 'RETURNING of a new value', q{UPDATE hosts SET n = 'new.' || n WHERE id < 30 RETURNING id, dns_lookup(n, 4, 'ignore')} ],
	[ 'RETURNING of DELETE', q{DELETE FROM hosts WHERE id < 30 RETURNING id, dns_lookup(n, 4, 'ignore')} ],
	[ 'an action of MERGE, of the table', q{MERGE INTO hosts t USING template s ON t.id = s.id AND t.id < 30 WHEN MATCHED THEN UPDATE SET note = dns_reverse(t.ip)} ],
	[ 'an action of MERGE', q{MERGE INTO hosts t USING template s ON t.id = s.id AND t.id < 30 WHEN MATCHED THEN UPDATE SET note = dns_reverse(s.ip) WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id + 2000, dns_reverse(s.ip))} ]);

foreach my $change (@changes)
{
	foreach my $shape (@shapes)
	{
		my ($on, $off) = map { write_beside($session{$_}, $shape->[1], $change->[1]) } 'on', 'off';
		is($on, $off, "$shape->[0], beside $change->[0]");
	}
}
like(write_beside($session{on}, $shapes[0][1], $changes[0][1]), qr/^2\|host99\.example\|198\.18\.0\.99\|198\.18\.0\.99\|sound\.99\./m,
	'the new name is looked up');

# Locked rows are skipped, or are an error
{
	my %result;

	foreach my $lookahead ('off', 'on')
	{
		fill($setup);
		$other->text('BEGIN; SELECT FROM hosts WHERE id IN (2, 20) FOR UPDATE');
		$result{$lookahead} = join "\n---\n", map { text_of($session{$lookahead}->query("SELECT id, dns_reverse(ip) FROM hosts FOR UPDATE $_")) } 'SKIP LOCKED', 'NOWAIT';
		$other->text('ROLLBACK');
	}
	is($result{on}, $result{off}, 'SKIP LOCKED and NOWAIT');
	like($result{on}, qr/^55P03/m, '... with locked rows');
}

# Under REPEATABLE READ the statement fails.
foreach my $lookahead ('off', 'on')
{
	my $session = $session{$lookahead};

	$session->text('SET default_transaction_isolation = $$repeatable read$$');
	like(write_beside($session, $shapes[0][1], $changes[0][1]), qr/^40001 /, "REPEATABLE READ, $lookahead: cannot be serialised");
	$session->text('RESET default_transaction_isolation');
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
}

done_testing();
