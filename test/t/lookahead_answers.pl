# Property: an answer that came ahead is given to the statement that asked, to each of
# its calls with that question and the same settings, and to no other; and an answer
# that is late, over TCP, at the second try or malformed is reported as without
# look-ahead.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

use constant ROWS => 50;

my $server = NameServer->misbehaving;
my $second = NameServer->misbehaving(mode => 'hexC0000263');    # every address is 192.0.2.99
my $node = Session->cluster([$server], "pgcares.timeout = '20s'");
my $session = Session->new($node);
my $zones = 0;
my @servers = map { $_->address } $server, $second;

$session->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, 'h' || i AS n, inet '198.18.0.0' + i AS ip FROM generate_series(1, %d) i}, ROWS),
  "SET pgcares.on_error = 'error'",
  'ANALYZE';

# A statement with the names of a new zone, and the zone
sub in_zone
{
	my ($sql) = @_;
	my $zone = 'z' . ++$zones . '.example';

	return ($sql =~ s/NAME/h.n || '.$zone'/gr =~ s/ZONE/$zone/gr, $zone);
}

# The number of queries of this zone, for each server
sub counts
{
	my ($zone) = @_;
	return join ' ', map { $_->count(qr/\.\Q$zone\E$/) } $server, $second;
}

sub asked
{
	my ($sql) = @_;
	my ($statement, $zone) = in_zone($sql);

	$_->forget foreach $server, $second;
	my $result = $session->query($statement);
	return ($result->{error} ? "$result->{error}{C} $result->{error}{M}" : join("\n", map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} }),
		counts($zone));
}

sub check
{
	my ($what, $sql, $rows, $counts) = @_;
	is_deeply([ asked($sql) ], [ $rows, $counts ], $what);
}

# ---- One statement: each question once

my $all = ROWS;
check(@$_) foreach
  [ 'two equal calls', 'SELECT count(dns_lookup(NAME, 4)), count(dns_lookup(NAME, 4)) FROM hosts h', "$all|$all", "$all 0" ],
  [ 'two functions with one question', 'SELECT count(dns_lookup(NAME, 4)), count(a.*) FROM hosts h, LATERAL dns_a(NAME) a', "$all|$all", "$all 0" ],
  [ 'a row read twice', 'SELECT count(*) FROM (SELECT h.n FROM hosts h UNION ALL SELECT h.n FROM hosts h) h, LATERAL dns_a(NAME) a', 2 * $all, "$all 0" ],
  [ 'rescans', 'SELECT sum((SELECT count(*) FROM hosts h, LATERAL dns_a(NAME) a WHERE h.id % 2 = g % 2)) FROM generate_series(1, 6) g', 3 * $all, "$all 0" ],
  [ 'a condition and a column', 'SELECT count(dns_lookup(NAME, 4)) FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL', $all, "$all 0" ],
  [ 'both families', 'SELECT count(dns_lookup(NAME)) FROM hosts h', $all, 2 * $all . ' 0' ],
  [ 'two types', 'SELECT count(*) FROM hosts h, LATERAL dns_a(NAME) a, LATERAL dns_mx(NAME) m', $all, 2 * $all . ' 0' ],
  [ 'two classes', q{SELECT count(*) FROM hosts h, LATERAL dns_query(NAME, 'TXT') a, LATERAL dns_query(NAME, 'TXT', 'CH') b}, $all, 2 * $all . ' 0' ];

# ---- Another statement asks again

my ($sql, $zone) = in_zone('SELECT count(dns_lookup(NAME, 4)) FROM hosts h');
$server->forget;
is($session->text($sql), $all, "a statement, run $_") foreach 1 .. 3;
is(counts($zone), 3 * $all . ' 0', '... asks each time');

$session->text(<<'SQL');
CREATE FUNCTION in_loop(zone text, count int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n bigint := 0;
BEGIN
	FOR r IN SELECT h.n, dns_lookup(h.n || zone, 4) AS a FROM hosts h LOOP
		FOR i IN 1 .. count LOOP
			n := n + (dns_lookup(r.n || zone, 4) = r.a)::int;
			PERFORM FROM dns_a(r.n || zone);
		END LOOP;
	END LOOP;
	RETURN n;
END
$$;
CREATE FUNCTION by_sql(name text) RETURNS inet LANGUAGE sql VOLATILE AS 'SELECT dns_lookup(name, 4) FROM (SELECT 1 OFFSET 0) s';
CREATE FUNCTION by_plpgsql(name text) RETURNS inet LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN dns_lookup(name, 4); END';
CREATE TABLE noted (n text, address inet);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.address := dns_lookup(NEW.n, 4); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON noted FOR EACH ROW EXECUTE FUNCTION note();
SQL
check(@$_) foreach
  [ 'calls in the body of a loop over the same names', q{SELECT in_loop('.ZONE', 1)}, $all, 3 * $all . ' 0' ],
  [ 'a function of SQL with the same lookup', 'SELECT count(dns_lookup(NAME, 4)), count(by_sql(NAME)) FROM hosts h', "$all|$all", 2 * $all . ' 0' ],
  [ 'a function of PL/pgSQL with the same lookup', 'SELECT count(dns_lookup(NAME, 4)), count(by_plpgsql(NAME)) FROM hosts h', "$all|$all", 2 * $all . ' 0' ],
  [ 'a trigger with the same lookup', 'INSERT INTO noted SELECT NAME FROM hosts h WHERE dns_lookup(NAME, 4) IS NOT NULL', '', 2 * $all . ' 0' ];

# two cursors: each asks for itself
($sql, $zone) = in_zone('SELECT h.id, dns_lookup(NAME, 4) FROM hosts h, generate_series(1, 1) g');
$server->forget;
$session->text("BEGIN; DECLARE c NO SCROLL CURSOR FOR $sql; DECLARE d NO SCROLL CURSOR FOR $sql");
foreach my $step (1 .. 5)
{
	is($session->text("FETCH 10 FROM $_"), join("\n", map { "$_|192.0.2.1" } 10 * $step - 9 .. 10 * $step), "two cursors, $_ at step $step") foreach 'c', 'd';
}
$session->text('COMMIT');
is(counts($zone), 2 * $all . ' 0', '... each asks for itself');

# ---- Other settings

$session->text(<<"SQL");
CREATE FUNCTION at_second(name text) RETURNS inet LANGUAGE sql VOLATILE SET pgcares.servers = '$servers[1]'
	AS 'SELECT dns_lookup(name, 4)';
CREATE FUNCTION c_at_second(name text, family int, on_error text) RETURNS inet SET pgcares.servers = '$servers[1]'
	AS '\$libdir/pgcares', 'pgcares_lookup' LANGUAGE C VOLATILE;
SQL
check(@$_) foreach
  [ 'a function with another server', 'SELECT count(*) FROM hosts h WHERE dns_lookup(NAME, 4) = $$192.0.2.1$$ AND at_second(NAME) = $$192.0.2.99$$', $all, "$all $all" ],
  [ 'one of C code with another server', 'SELECT count(*) FROM hosts h WHERE dns_lookup(NAME, 4) = $$192.0.2.1$$ AND c_at_second(NAME, 4, NULL) = $$192.0.2.99$$', $all, "$all $all" ];

# The servers change between two rows: later rows ask the new one.
{
	my ($rows, $counts) = asked(qq{SELECT h.id, dns_lookup(NAME, 4), CASE WHEN h.id = 20 THEN set_config('pgcares.servers', '$servers[1]', false) END FROM hosts h});
	my @rows = split /\n/, $rows;
	is(scalar(grep { /\|192\.0\.2\.1\|/ } @rows), 20, 'other servers between two rows: earlier rows have the answers of the first');
	is(scalar(grep { /\|192\.0\.2\.99\|/ } @rows), $all - 20, '... later rows have those of the second');
	like($counts, qr/ 30$/, '... which is asked for each');
	$session->text('RESET pgcares.servers');

	($rows, $counts) = asked(qq{SELECT h.id, a.address, set_config('pgcares.servers', CASE WHEN h.id % 2 = 0 THEN '$servers[0]' ELSE '$servers[1]' END, false) IS NULL FROM hosts h, LATERAL dns_a(NAME) a});
	@rows = split /\n/, $rows;
	is(scalar(grep { my ($id, $address) = split /\|/; $address eq ($id % 2 || $id == 1 ? '192.0.2.1' : '192.0.2.99') } @rows), $all,
		'servers that change at each row: each row has its own server\'s answer');
	$session->text('RESET pgcares.servers');
}

# Between the plan and the call
$session->text('SET plan_cache_mode = force_generic_plan; PREPARE p (text) AS SELECT count(*), count(DISTINCT a), min(a) FROM (SELECT dns_lookup(h.n || $1, 4) AS a FROM hosts h) s');
is($session->text("EXECUTE p ('.p1.example')"), "$all|1|192.0.2.1", 'a plan that is kept');
is($session->text("SET pgcares.servers = '$servers[1]'; EXECUTE p ('.p1.example')"), "$all|1|192.0.2.99", '... asks the servers of the present settings');
$session->text('RESET pgcares.servers');
is($session->text("EXECUTE p ('.p1.example')"), "$all|1|192.0.2.1", '... the next time too');

# a limit on the questions counts only those that are used
is($session->sqlstate('SELECT dns_lookup(h.n, 4) FROM hosts h LIMIT 5'), '00000', 'few questions');
$session->text('SET pgcares.max_questions = 1');
is((asked('SELECT count(dns_lookup(NAME, 4)) FROM hosts h'))[0], $all, 'max_questions counts for each call');
$session->text('RESET pgcares.max_questions');

# the deadline after other statements have waited: the lookups of one share it
is((asked(q{SELECT count(dns_lookup('delay400.' || NAME, 4)) FROM hosts h}))[0], $all, 'late answers');
$session->text("SET pgcares.deadline = '400ms'; SET pgcares.max_in_flight = 1");
is((asked(q{SELECT count(dns_lookup('delay20.' || NAME, 4)) FROM hosts h WHERE id <= 2}))[0], 2, 'answers within the deadline');
like((asked(q{SELECT count(dns_lookup('delay50.' || NAME, 4)) FROM hosts h}))[0], qr/^NDA12 /, 'a deadline is for all lookups of a statement');
like((asked(q{SELECT dns_lookup('drop.' || NAME, 4) FROM hosts h}))[0], qr/^NDA12 /, '... and ends it');
$session->text('RESET pgcares.deadline; RESET pgcares.max_in_flight');

# ---- Ways in which answers come

# The lines of one text that the other does not have
sub differences
{
	my ($one, $other) = @_;
	my %there = map { $_ => 1 } split /\n/, $other;
	return join "\n", grep { !$there{$_} } split /\n/, $one;
}

$session->text("SET pgcares.timeout = '600ms'");
$session->text(q{CREATE TABLE ways AS SELECT row_number() OVER () AS id, label || '.w' || g AS n FROM generate_series(1, 2) g,
	unnest('{sound,host3,delay50.host7,delay5.nxdomain,nodata,tc,tcpartial,tctc,drop1.host8,drop1.nxdomain,fail1.host9,rcode2,rcode5,
		short,a3,headeronly,twice,wrongid,wrongname,cnameself,cname3,cnameother,big300,badvers,noedns1,garbage,loopptr,ttl0,case,
		mxshort}'::text[]) label; INSERT INTO ways VALUES (70, 'tcclose.w'), (71, 'tcreset.w'), (72, 'drop.w'); ANALYZE ways});
foreach my $call (q{dns_a(w.n || '.ZONE', 'ignore')}, q{dns_mx(w.n || '.ZONE', 'ignore')}, q{dns_query(w.n || '.ZONE', 'TXT', on_error => 'ignore')},
	q{dns_addresses(w.n || '.ZONE', on_error => 'ignore')}, q{dns_message(w.n || '.ZONE', 'MX')})
{
	my $columns = $call =~ /message/ ? 'm.status, m.rcode, m.tc, m.answer, m.transport' : 'm.*';
	my %result;

	foreach my $lookahead ('on', 'off')
	{
		my ($statement, $zone) = in_zone("SELECT w.n, $columns FROM ways w LEFT JOIN LATERAL $call m ON true ORDER BY w.id");
		$result{$lookahead} = $session->text("SET pgcares.lookahead = $lookahead; $statement") =~ s/\Q$zone\E/ZONE/gr;
	}
	$session->text('RESET pgcares.lookahead');
	is(differences($result{on}, $result{off}), differences($result{off}, $result{on}), "answers of all kinds: $call");
}
is_deeply([ $session->inet_sockets ], [], 'no socket is left');

# ---- Servers that fail: one after another is asked, as without look-ahead

{
	my $closed = '127.0.0.1:' . NameServer->closed_port;
	my $mute = NameServer->silent;

	$session->text("SET pgcares.timeout = '600ms'; SET pgcares.tries = 2");
	foreach ([ 'the first server does not listen', $closed ], [ 'the first server is silent', $mute->address ])
	{
		my ($what, $first) = @$_;
		my ($statement) = in_zone('SELECT count(*), count(dns_lookup(NAME, 4)) FROM hosts h');

		is($session->text("SET pgcares.servers = '$first, $servers[0]'; $statement"), "$all|$all", "$what: all succeed");
	}
	my ($statement) = in_zone('SELECT dns_lookup(NAME, 4) FROM hosts h');
	is($session->sqlstate("SET pgcares.servers = '$closed'; $statement"), 'NDA11', 'no server listens');
	($statement) = in_zone('SELECT dns_lookup(NAME, 4) FROM hosts h');
	is($session->sqlstate("SET pgcares.servers = '${\$mute->address}'; $statement"), 'NDA12', 'no server answers');
	$session->text('RESET ALL');
	is((asked('SELECT count(dns_lookup(NAME, 4)) FROM hosts h'))[0], $all, 'the session goes on');
}

done_testing();
