# Property: a lookup of what another lookup has found has look-ahead, too, in its argument or
# as a row of it: its question is asked when the answer of the other one is there. Rows, warnings, errors and questions
# are those of the statement without look-ahead, and it takes a few round trips.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Milliseconds of an answer, and rows
use constant { DELAY => 20, ROWS => 40 };

my $server = NameServer->misbehaving;
my $late = NameServer->misbehaving(mode => 'delay' . DELAY);
my $node = Session->cluster([$server], 'jit = off', 'max_parallel_workers_per_gather = 0');
my $setup = Session->new($node);

$setup->text($_) foreach
  sprintf(q{CREATE TABLE hosts AS SELECT i AS id, 'h' || i || '.example' AS name, inet '192.0.2.0' + i AS ip FROM generate_series(1, %d) i}, ROWS),
  q{CREATE TABLE mixed AS SELECT id, CASE id %% 5 WHEN 1 THEN 'nxdomain.' WHEN 2 THEN '..' WHEN 3 THEN NULL ELSE '' END || name AS name, ip FROM hosts} =~ s/%%/%/r,
  q{CREATE TABLE failing AS SELECT id, CASE WHEN id = 20 THEN 'rcode2.' ELSE '' END || name AS name, 25 - id AS n FROM hosts},
  q{CREATE FUNCTION wrapped(name text) RETURNS inet LANGUAGE sql STABLE AS $$SELECT dns_lookup('x.' || host(dns_lookup($1, 4, 'ignore')) || '.example', 4, 'ignore')$$},
  'CREATE ROLE regress_pgcares_nobody', 'GRANT SELECT ON hosts TO regress_pgcares_nobody', 'ANALYZE';

my %with = map { my $way = $_; $way => Session->new($node, options => "-c pgcares.lookahead=$way") } qw(off on);
$_->text(q{SELECT dns_lookup('first.example', 4)}) foreach values %with;

# All that can be seen of a statement, and the questions, sorted
sub seen
{
	my ($session, $sql) = @_;
	$server->forget;
	my $result = $session->query($sql);
	my @seen = ((map { join '|', map { $_ // '\N' } @$_ } @{ $result->{rows} }), (map { "warning: $_->{M}" } @{ $result->{notices} }),
		$result->{error} ? "$result->{error}{C}: $result->{error}{M}" : ());

	return (join("\n", @seen), [ sort map { "$_->{name} $_->{type}" } $server->log ]);
}

# ---- As without look-ahead

foreach (
	# how many calls are looked ahead for, more questions than without, statement
	[ 2, 0, q{SELECT id, dns_lookup('x.' || host(dns_lookup(name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM hosts} ],
	[ 2, 0, q{SELECT id, dns_lookup('x.' || host(dns_lookup(name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM mixed} ],
	[ 2, 0, q{SELECT id FROM mixed WHERE dns_lookup('x.' || host(dns_lookup(name, on_error => 'ignore')) || '.n' || id || '.example', 4, 'ignore') IS NULL} ],
	[ 2, 0, q{SELECT m.id, a.address FROM mixed m LEFT JOIN LATERAL dns_a('x.' || host(dns_lookup(m.name, 4, 'ignore')) || '.n' || m.id || '.example', 'ignore') a ON true} ],
	[ 3, 0, q{SELECT id, dns_lookup('y.' || host(dns_lookup('x.' || host(dns_lookup(name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM mixed} ],
	[ 2, 0, q{SELECT id, dns_message_json(dns_reverse(ip, 'ignore'), 'A')->>'RCODE' FROM mixed} ],
	[ 2, 0, q{SELECT id, wrapped(name) FROM mixed} ],
	# elements of an array, and of an array in a row of a lookup
	[ 1, 0, q{SELECT id, (SELECT string_agg(a.address::text, ' ' ORDER BY p) FROM unnest(ARRAY['x.', NULL, 'y.' || id || '.', 'x.']) p, LATERAL dns_a(p || name, 'ignore') a) FROM mixed} ],
	[ 1, 0, q{SELECT id, (SELECT count(a.address) FROM unnest('{x.,y.,z.}'::text[]) p, LATERAL dns_a(p || name, 'ignore') a WHERE p <> 'y.') FROM mixed} ],
	[ 1, 0, q{SELECT m.id, f.p, f.address FROM mixed m LEFT JOIN LATERAL (SELECT p, a.address FROM unnest(ARRAY['x', 'y' || m.id]) p LEFT JOIN LATERAL dns_a(p || '.' || m.name, 'ignore') a ON true OFFSET 0) f ON true} ],
	[ 1, 0, q{SELECT id, (SELECT count(a.address) FROM unnest(ARRAY[]::text[]) p, LATERAL dns_a(p || name, 'ignore') a) FROM hosts} ],
	[ 1, 0, q{SELECT id, (SELECT count(a.address) FROM unnest(ARRAY['x.']) WITH ORDINALITY p (p, n), LATERAL dns_a(p || name, 'ignore') a) FROM hosts} ],
	[ 1, 0, q{SELECT id, (SELECT count(a.address) FROM unnest('{100,' || 25 - n || '}')::text[]) p, LATERAL dns_a(100 / p::integer || '.' || name, 'ignore') a) FROM failing} =~ s/unnest\('/unnest(('/r ],
	[ 2, 0, q{SELECT id, (SELECT count(t.txt) FROM dns_message(name, 'A') m, LATERAL dns_txt((m.answer[1]).name, 'ignore') t) FROM mixed} ],
	[ 2, 0, q{SELECT id, (SELECT count(t.txt) FROM unnest('{x.,y.}'::text[]) p, LATERAL dns_message(p || name, 'A') m, LATERAL dns_txt('t.' || split_part(m.question, ' ', 1), 'ignore') t) FROM mixed} ],
	# an alias of the inner name leads on
	[ 2, 0, q{SELECT id, dns_lookup('x.' || host(dns_lookup('open2.' || name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM hosts} ],
	[ 3, 0, q{SELECT id, dns_lookup(host(dns_lookup(name, 4, 'ignore')) || host(dns_lookup('z.' || name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM hosts} ],
	[ 2, 40, q{SELECT id, dns_lookup('x.' || host(dns_lookup(name, 4)) || '.n' || id || '.example', 4) FROM failing} ],
	[ 2, 40, q{SELECT id, dns_lookup('x.' || host(dns_lookup('y.' || id || '.n' || id || '.example', 4)) || (100 / n) || '.n' || id || '.example', 4) FROM failing} ],
	[ 2, 40, q{SELECT id, 100 / (n + 10), dns_lookup(host(dns_lookup(name, 4)) || '.rcode2.example', 4, 'ignore') FROM failing} ],
	[ 1, 0, q{SELECT id, dns_lookup('x.' || host(dns_lookup(name, 4, 'warning')) || '.n' || id || '.example', 4, 'warning') FROM mixed} ],
	[ 2, 40, q{SELECT id, dns_lookup('x.' || host(dns_lookup(name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore') FROM hosts LIMIT 7} ])
{
	my ($calls, $more, $sql) = @$_;
	my ($off, $asked) = seen($with{off}, $sql);
	my ($on, $asked_ahead) = seen($with{on}, $sql);
	my ($shown) = $with{on}->text("EXPLAIN $sql") =~ /Look-ahead: (.*)/;

	is($on, $off, $sql);
	cmp_ok(scalar @$asked_ahead, '<=', @$asked + $more, '... the questions');
	is(count_calls($shown // ''), $calls, '... the calls') or diag($shown);
	note(sprintf '%d and %d questions; ends with %s', scalar @$asked, scalar @$asked_ahead, (split /\n/, $off)[-1]);
}

# Calls in a list of calls: those at the level of the list
sub count_calls
{
	my ($text) = @_;
	my ($depth, $calls) = (0, $text eq '' ? 0 : 1);

	$depth += $1 eq '(' ? 1 : $1 eq ')' ? -1 : ($depth == 0 && ++$calls && 0) while $text =~ /([(),])/g;
	return $calls;
}

# ---- Rights: the questions of a call that is refused are not asked

$setup->text('GRANT EXECUTE ON FUNCTION wrapped TO regress_pgcares_nobody');
foreach my $way (qw(off on))
{
	my ($seen, $asked) = seen($with{$way}, 'SET ROLE regress_pgcares_nobody; SELECT wrapped(name) FROM hosts');
	like($seen, qr/^42501: /, "without the right to look up: refused, $way");
	is("@$asked", '', '... and nothing is asked');
	$with{$way}->text('RESET ROLE');
}

# ---- A few round trips

foreach my $sql (
	q{SELECT count(dns_lookup('x.' || host(dns_lookup(name, 4, 'ignore')) || '.n' || id || '.example', 4, 'ignore')) FROM hosts},
	q{SELECT sum((SELECT count(b.address) FROM dns_a(h.name, 'ignore') a, LATERAL dns_a('x.' || host(a.address) || '.' || h.name, 'ignore') b)) FROM hosts h},
	q{SELECT sum(cardinality(ARRAY(SELECT dns_lookup('y.' || host(a.address) || '.' || h.name, 4, 'ignore') FROM dns_a(h.name, 'ignore') a))) FROM hosts h},
	q{SELECT sum((SELECT count(b.address) FROM unnest(ARRAY['zx' || h.id || '.']) p, LATERAL dns_a(p || h.name, 'ignore') a,
		LATERAL dns_a('zy' || host(a.address) || '.' || h.name, 'ignore') b)) FROM hosts h},
	q{SELECT sum((SELECT count(c.address) FROM dns_a('z.' || h.name, 'ignore') a, LATERAL dns_a('z' || host(a.address) || '.' || h.name, 'ignore') b,
		LATERAL dns_a('zz' || host(b.address) || '.' || h.name, 'ignore') c)) FROM hosts h})
{
	my %time;

	foreach my $way (qw(off on))
	{
		$with{$way}->text(sprintf 'SET pgcares.servers = %s', q{'} . $late->address . q{'});
		my $began = time;
		is($with{$way}->text($sql), ROWS, "with late answers, $way: $sql");
		$time{$way} = time - $began;
	}
	note(sprintf '%.0f and %.0f ms', 1000 * $time{off}, 1000 * $time{on});
	cmp_ok($time{off}, '>', 2 * ROWS * DELAY / 1000, '... one after the other');
	cmp_ok($time{on}, '<', $time{off} / 3, '... and together');
}

done_testing();
