# A batch returns its rows in the order of the array, for any order of the answers and
# any number in flight; equal questions are asked once, and a slow one delays no other.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

# The ms that slow answers take: enough for a busy machine to ask many others
use constant SLOW => 4000;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '20s'", 'log_temp_files = 0');
my $session = Session->new($node);
srand(my $seed = time);
note("seed $seed");

# An array of names as SQL
sub names
{
	return "'{" . join(',', map { qq{"$_"} } @_) . "}'";
}

# The rows of a statement, a line each
sub rows
{
	return split /\n/, $session->text($_[0]);
}

sub stat_of
{
	my ($counter) = @_;
	return $session->text("SELECT value FROM dns_stats() WHERE counter = '$counter'");
}

# Compares lines, and shows only the first one that differs.
sub same
{
	my ($got, $expected, $what) = @_;
	my ($first) = grep { ($got->[$_] // '') ne ($expected->[$_] // '') } 0 .. ($#$got > $#$expected ? $#$got : $#$expected);

	ok(!defined $first, $what)
	  or diag(sprintf 'line %d of %d is "%s", not "%s"', $first + 1, scalar @$got, map { $_->[$first] // '' } $got, $expected);
}

# The number of files that PostgreSQL has made for data beyond work_mem
sub temporary_files
{
	my @files = slurp_file($node->logfile) =~ /LOG:  temporary file: /g;
	return scalar @files;
}

# ---- Answers in random order

{
	my @late = map { int rand 300 } 1 .. 1000;
	my @kinds = (
		[ 'sound', 'NOERROR|192.0.2.1' ],
		[ 'nxdomain', 'NXDOMAIN|' ],
		[ 'big3', map { "NOERROR|198.18.0.$_" } 1 .. 3 ],
		[ 'rcode2', 'SERVFAIL|' ],
		[ 'big90', map { "NOERROR|198.18.0.$_" } 1 .. 90 ]);    # over TCP
	my @names = map { "delay$late[$_].$kinds[$_ % @kinds][0].n$_.random.example" } 0 .. $#late;
	my @expected;

	foreach my $i (0 .. $#names)
	{
		my (undef, @results) = @{ $kinds[ $i % @kinds ] };
		push @expected, map { $i + 1 . "|$names[$i]|$_" } @results;
	}
	same([ rows('SELECT ord, question, status, rdata FROM dns_query_many(' . names(@names) . ')') ],
		\@expected, '1000 answers in any order: rows in the order of the array');
	# a server that must wait for a processor is asked again
	my %asked = map { ("$_->{transport} $_->{name}" => 1) } grep { $_->{name} =~ /\.random\.example$/ } $server->log;
	is(scalar keys %asked, 1000 + 200, '... each was asked, and 200 over TCP too');
	cmp_ok($server->count(qr/\.random\.example$/), '<=', 1.1 * (1000 + 200), '... once');
}

# both families of an address: the answer for A takes the way over TCP
{
	my @names = map { "big90.n$_.families.example" } 1 .. 50;
	my @expected;

	foreach my $i (1 .. 50)
	{
		push @expected, map { "$i|NOERROR|$_" } '2001:db8::1', map({ "198.18.0.$_" } 1 .. 90);
	}
	same([ rows('SELECT ord, status, address FROM dns_addresses_many(' . names(@names) . ')') ],
		\@expected, 'IPv6 before IPv4, in whichever order the answers come');
	same([ rows('SELECT ord, status, address FROM dns_lookup_many(' . names(@names) . ')') ],
		[ map { "$_|NOERROR|2001:db8::1" } 1 .. 50 ], '... and first, if there is one row each');
}

# ---- Equal questions

# Tests the number of queries of one array, and the numbers of its rows.
sub asks
{
	my ($call, $zone, $queries, $rows, $what) = @_;
	my $shared = stat_of('shared');

	$server->forget;
	is($session->text("SELECT count(*), count(DISTINCT ord), min(ord), max(ord), min(status), max(status) FROM $call"),
		"$rows|NOERROR|NOERROR", "$what: a row for each");
	# a server that must wait for a processor is asked again
	my $asked = $server->count(qr/(?:^|\.)\Q$zone\E$/i);
	cmp_ok($asked, '>=', $queries, "$what: each asked");
	cmp_ok($asked, '<=', 1.1 * $queries, '... once');
	is($server->count, $asked, '... and nothing else');
	return stat_of('shared') - $shared;
}

is(asks(q{dns_query_many(array_fill(text 'n.equal.example', ARRAY[10000]))}, 'equal.example', 1,
		'10000|10000|1|10000', '10,000 equal names'), 9999, '... and the counter shows it');
asks(q{dns_query_many(ARRAY(SELECT CASE g % 4 WHEN 0 THEN '' WHEN 1 THEN 'N' WHEN 2 THEN '\110' ELSE 'n' END
	|| CASE WHEN g % 4 = 0 THEN 'n.Case.example.' ELSE '.cASE.example' END FROM generate_series(1, 10000) g))},
	'case.example', 1, '10000|10000|1|10000', '10,000 equal names, written in four ways');
is(asks(q{dns_query_many(ARRAY(SELECT format('n%s.apart.example', g % 100) FROM generate_series(1, 10000) g))},
		'apart.example', 100, '10000|10000|1|10000', '100 names, each a hundred times and far apart'),
	9900, '... and the counter shows it');
asks(q{dns_query_many(ARRAY(SELECT format('n%s.halves.example', g % 5000) FROM generate_series(1, 10000) g))},
	'halves.example', 5000, '10000|10000|1|10000', '5000 names, each twice');
asks(q{dns_reverse_many(ARRAY(SELECT set_masklen(inet '10.1.2.3', g % 33) FROM generate_series(1, 10000) g))},
	'3.2.1.10.in-addr.arpa', 1, '10000|10000|1|10000', '10,000 times an address');
is(asks(q{dns_addresses_many(array_fill(text 'n.host.example', ARRAY[10000]))}, 'host.example', 2,
		'20000|10000|1|10000', '10,000 times a host'), 19998, '... and each family counts');
asks(q{dns_lookup_many(array_fill(text 'n.first.example', ARRAY[10000]))}, 'first.example', 2,
	'10000|10000|1|10000', '10,000 times a host, one row each');

# names that differ only in length, type or the place of the dots are not equal
asks(q{dns_query_many(ARRAY['a.b.other.example', 'a\.b.other.example', 'ab.other.example', 'a.b.other.example'])},
	'other.example', 3, '4|4|1|4', 'names that are nearly equal');

# the rows of equal names, among slow and failing ones
{
	my @pool = ((map { "delay$_.big3.m$_.example" } 1, 50, 150), (map { "delay$_.nxdomain.m$_.example" } 0, 100), 'sound.m.example');
	my @names = map { $pool[ rand @pool ] } 1 .. 2000;
	my @expected;

	foreach my $i (0 .. $#names)
	{
		push @expected, map { $i + 1 . "|$names[$i]|$_" }
			$names[$i] =~ /big3/ ? map({ "NOERROR|198.18.0.$_" } 1 .. 3)
		  : $names[$i] =~ /nxdomain/ ? 'NXDOMAIN|'
		  : 'NOERROR|192.0.2.1';
	}
	same([ rows('SELECT ord, question, status, rdata FROM dns_query_many(' . names(@names) . ')') ],
		\@expected, 'equal names, some of them slow, with several records or none: each has its rows');
}

# ---- The same rows, for any number in flight and any memory

# Elements of all kinds: NULL, bad names, equal ones, those without records
my $count = $ENV{PGCARES_DEEP} ? 20000 : 8000;
my $elements = <<"SQL";
ARRAY(SELECT CASE
	WHEN g % 1009 = 0 THEN NULL
	WHEN g % 503 = 0 THEN 'a..b'
	WHEN g % 97 = 0 THEN 'nxdomain.w' || g / 9 || '.example'
	WHEN g % 89 = 0 THEN 'nodata.w' || g || '.example'
	WHEN g % 7 = 0 THEN 'n.W' || g % 1000 || '.example'
	WHEN g % 5 = 0 THEN 'big4.w' || g || '.example'
	ELSE 'n' || g || '.w.example' END FROM generate_series(1, $count) g)
SQL
my $digest = "SELECT count(*), md5(string_agg(format('%s|%s|%s|%s', ord, question, status, rdata), E'\\n')) FROM dns_query_many($elements)";
my $expected = $session->text(<<"SQL");
SELECT count(*), md5(string_agg(format('%s|%s|%s|%s', ord, question, status, rdata), E'\\n' ORDER BY ord, n))
FROM (
	SELECT ord, question, CASE
		WHEN question = 'a..b' THEN 'BADNAME'
		WHEN question LIKE 'nxdomain.%' THEN 'NXDOMAIN'
		WHEN question LIKE 'nodata.%' THEN 'NODATA'
		WHEN question IS NOT NULL THEN 'NOERROR' END AS status,
		n, CASE
		WHEN question LIKE 'big4.%' THEN '198.18.0.' || n
		WHEN question ~ '^n[.0-9]' THEN '192.0.2.1' END AS rdata
	FROM unnest($elements) WITH ORDINALITY AS e (question, ord),
		generate_series(1, CASE WHEN question LIKE 'big4.%' THEN 4 ELSE 1 END) AS n) AS t
SQL
cmp_ok((split /\|/, $expected)[0], '>', $count, 'more rows than names are expected');

foreach my $window (1, 7, 256, 1000)
{
	$session->text("SET pgcares.max_in_flight = $window; SET work_mem = '64MB'");
	is($session->text($digest), $expected, "$count names, $window at a time: the expected rows");
}
$session->text('RESET pgcares.max_in_flight');

my $before = temporary_files();
$session->text("SET work_mem = '64kB'");
is($session->text($digest), $expected, 'with 64 kB of work_mem: the same rows');
cmp_ok(temporary_files() - $before, '>=', 2, '... with rows and sort on disk');
$session->text('RESET work_mem');

# ---- Slow names delay no other

# With few in flight, and slow names all over the array or at its beginning: all others
# have been asked before the first slow answer is sent.
foreach my $case (
	[ 50, 1000, 'g % 100 = 1', '1 of 100 is slow' ],
	[ 50, 1000, 'g <= 40', 'the first 40 of 50 in flight are slow' ],
	[ 2, 400, 'g = 1', 'one of two in flight is slow' ])
{
	my ($window, $count, $is_slow, $what) = @$case;

	$server->forget;
	$session->text("SET pgcares.max_in_flight = $window");
	is($session->text(
			"SELECT count(*), bool_and(ord = row), count(*) FILTER (WHERE status <> 'NOERROR') FROM dns_query_many(ARRAY("
			  . "SELECT CASE WHEN $is_slow THEN 'delay" . SLOW . ".' ELSE '' END || 'n' || g || '.$window.example' FROM generate_series(1, $count) g)"
			  . ') WITH ORDINALITY AS t (ord, question, status, reason, name, ttl, class, type, rdata, data, row)'),
		"$count|t|0", "$what: all rows, in order");

	my @queries = $server->log;
	my ($first) = grep { $_->{name} =~ /^delay/ } @queries;
	my %asked = map { $_->{name} => 1 } grep { $_->{time} < $first->{time} + SLOW / 1000 } @queries;
	Session::costs_less($count - keys %asked, 0.03 * $count, '... nearly all were asked before the first slow answer came')
	  or diag(scalar keys %asked);
	Session::costs_less($queries[-1]{time} - $queries[0]{time}, 3 * SLOW / 1000, '... and the last one soon after');
}

# Names that follow each other can all be without an answer, so they are not asked together:
# each few that are asked are from everywhere in the list.  A session that begins anew asks a
# few at a time; those of one flush are sent by their length.
$session->text('RESET pgcares.max_in_flight');
$session->text(q{CREATE TABLE list AS SELECT g AS n, 'n' || g || '.list.example' AS name FROM generate_series(1, 2000) g});
foreach my $case (
	[ 'an array', 'SELECT count(*), bool_and(ord = n) FROM dns_query_many(ARRAY(SELECT name FROM list ORDER BY n)) q, list WHERE list.name = question', 32 ],
	[ 'rows', 'SELECT count(*), count(*) FILTER (WHERE address IS NOT NULL) = 2000 FROM (SELECT * FROM list ORDER BY n) l, LATERAL dns_a(name) a', 64 ])
{
	my ($what, $statement, $few) = @$case;

	$session->text('SELECT dns_reset()');
	$server->forget;
	like($session->text($statement), qr/^\d+\|t$/, "the names of $what");
	my @asked = map { $_->{name} =~ /^n(\d+)/ } $server->log;
	cmp_ok(max(@asked[0 .. $few - 1]) - min(@asked[0 .. $few - 1]), '>', 1500, '... the first few are from everywhere');
}
done_testing();
