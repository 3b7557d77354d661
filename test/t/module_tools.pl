# Property: the functions of pgcares_tools are as concurrent as the lookups in them: over
# many rows, the questions of each step are under way at the server at the same time, in
# each place of a statement where the functions are said to be. They ask nothing that
# they do not need, and DANE only counts what has been verified.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Resolver;
use Session;

# Rows, and the time in ms that the server takes for each answer
use constant { ROWS => 60, DELAY => 600 };

my $slow = NameServer->misbehaving(mode => 'delay' . DELAY);
my $server = NameServer->misbehaving;
my $node = Session->cluster([$slow], "pgcares.timeout = '8s'", 'pgcares.tries = 1', 'pgcares.udp_port = ' . $slow->port);
my $session = Session->new($node);
my $zones = 0;

$session->text($_) foreach 'CREATE EXTENSION pgcares_tools',
  sprintf("CREATE TABLE hosts AS SELECT i AS id, 'h' || i AS n, inet '192.0.2.0' + i AS ip FROM generate_series(1, %d) i", ROWS),
  'ANALYZE';

# Flow control begins with few questions: let it find out what the server can take.
$session->text(q{SELECT count(*) FROM dns_lookup_many(ARRAY(SELECT 'n' || i || '.warm.example' FROM generate_series(1, 500) i), 4)});

# A statement whose NAME is a name in a zone of its own. Each step is a pattern of the
# questions, type and name, that one row asks at the same time.
sub together
{
	my ($what, $sql, $expected, @steps) = @_;
	my $zone = 'z' . ++$zones . '.example';

	$slow->forget;
	is($session->text($sql =~ s/NAME/h.n || '.$zone'/gr), $expected, "$what: the result");
	my @queries = $slow->log;

	# as many as flow control lets through; one row after the other, there would be one or two
	foreach my $step (@steps)
	{
		my @those = grep { "$_->{type} $_->{name}" =~ $step } @queries;

		cmp_ok(Batch::most_within(0.9 * DELAY / 1000, @those), '>', ROWS / 4, "... many of " . @those . " questions like $step at once");
	}
}

my $rows = ROWS;

# ---- From a table, in one step

together('dns_accepts_mail', 'SELECT count(*) FROM hosts h WHERE dns_accepts_mail(NAME)', $rows, qr/^MX h/, qr/^A h/, qr/^AAAA h/);
together('... in the SELECT list', 'SELECT count(ok) FROM (SELECT dns_accepts_mail(NAME) AS ok FROM hosts h OFFSET 0) s', $rows, qr/^MX h/, qr/^A h/);
together($_->[0], "SELECT count(*) FROM hosts h $_->[1] LATERAL dns_spf(NAME) s $_->[2]", $rows, qr/^TXT h/) foreach
  [ 'dns_spf', 'CROSS JOIN', '' ], [ '... LEFT JOIN', 'LEFT JOIN', 'ON true' ];
together($_->[0], "SELECT count(*) FROM hosts h $_->[1] LATERAL dns_dmarc(NAME) d $_->[2] WHERE d.status = 'none'", $rows, qr/^TXT _dmarc\.h/) foreach
  [ 'dns_dmarc', 'CROSS JOIN', '' ], [ '... LEFT JOIN', 'LEFT JOIN', 'ON true' ];
together('dns_dane', 'SELECT count(*) FROM hosts h, LATERAL dns_dane(NAME, 443) d', 0, qr/^TLSA _443\._tcp\.h/);
together('dns_propagation', "SELECT count(*) FROM hosts h, LATERAL dns_propagation(NAME, 'A', '{${\$slow->address},${\$slow->address}}') p", 2 * $rows, qr/^A h/);

# ---- From a table, in two steps

together('dns_mail_hosts', 'SELECT count(*) FROM hosts h, LATERAL dns_mail_hosts(NAME) m', $rows, qr/^MX h/);
is($slow->count(qr/^h/), ROWS, '... which asks for no addresses where there are MX records');
together('... implicit', q{SELECT count(*) FROM hosts h, LATERAL dns_mail_hosts('nomx.' || NAME) m WHERE kind = 'implicit'}, $rows, qr/^MX nomx\.h/, qr/^A nomx\.h/);
together('... whose result is joined', q{SELECT count(m.kind) FROM hosts g LEFT JOIN (SELECT h.id, m.* FROM hosts h CROSS JOIN LATERAL dns_mail_hosts('nomx.' || NAME) m) m USING (id)},
	$rows, qr/^MX nomx\.h/, qr/^A nomx\.h/);
together('dns_fcrdns', 'SELECT count(*) FROM hosts h, LATERAL dns_fcrdns(h.ip) f', $rows, qr/^PTR \d/, qr/^A sound\.\d/);
together('dns_zone', 'SELECT count(*) FROM hosts h, LATERAL dns_zone(NAME) z', $rows, qr/^SOA h/);
together('... of aliases', q{SELECT count(*) FROM hosts h, LATERAL dns_zone('cname1.' || NAME) z}, $rows, qr/^SOA cname1\.h/, qr/^SOA h/);
together('dns_srv_targets', 'SELECT count(*) FROM hosts h, LATERAL dns_srv_targets(NAME) s', $rows, qr/^SRV h/, qr/^A sound\.h/, qr/^AAAA sound\.h/);
together('dns_zone_check', q{SELECT count(*) FROM hosts h, LATERAL dns_zone_check('own1.' || NAME) c WHERE c.status = 'NOERROR' AND c.serial = 1}, $rows,
	qr/^NS own1\.h/, qr/^A own1\.own1\.h/, qr/^SOA own1\.h/);
together('dns_blocklist', q{SELECT count(*) FROM hosts h, LATERAL dns_blocklist(h.ip, '{bl.example}') b}, $rows, qr/^A \d.*bl/, qr/^TXT \d.*bl/);
together('... of names', q{SELECT count(*) FROM hosts h, LATERAL dns_blocklist(NAME, '{bl.example}') b}, $rows, qr/^A h.*bl/, qr/^TXT h.*bl/);

together($_->[0], $_->[1], $_->[2], qr/^PTR \d/, qr/^A sound\.\d/) foreach
  [ 'dns_fcrdns_in', q{SELECT count(*) FROM hosts h WHERE dns_fcrdns_in(h.ip, '{arpa}')}, 1 ],
  [ '... in the SELECT list', q{SELECT string_agg(f::text, '' ORDER BY id) FROM (SELECT id, dns_fcrdns_in(h.ip, '{arpa}') AS f FROM hosts h OFFSET 0) s}, 'true' . 'false' x ($rows - 1) ];

# ---- From an array

together('dns_spf_cost', 'SELECT count(*) FROM dns_spf_cost(ARRAY(SELECT NAME FROM hosts h)) c', $rows, qr/^TXT h/);
together('... with includes', q{SELECT count(*) FROM dns_spf_cost(ARRAY(SELECT 'spf2.' || NAME FROM hosts h)) c WHERE lookups = 8}, $rows,
	(map { qr/^TXT spf$_\.h/ } 2, 1, 0), qr/^A spf2\.h/, qr/^A spf0\.h/, qr/^MX spf0\.h/, qr/^MX spf2\.h/);
together($_->[0], "SELECT count(*) || ' ' || sum(confirmed::integer) FROM dns_fcrdns_in_many($_->[1], '{arpa}') f", "$rows 1", qr/^PTR \d/, qr/^A sound\.\d/) foreach
  [ 'dns_fcrdns_in_many', 'ARRAY(SELECT ip FROM hosts)' ],
  [ '... of constants', "'{" . join(',', map { "192.0.2.$_" } 1 .. ROWS) . "}'" ];

# ---- Where the rows without a result stay, and in subqueries: each step, too

foreach (
	[ 'dns_mail_hosts', q{dns_mail_hosts('nomx.' || NAME)}, qr/^MX nomx\.h/, qr/^A nomx\.h/ ],
	[ 'dns_fcrdns', 'dns_fcrdns(h.ip)', qr/^PTR \d/, qr/^A sound\.\d/ ],
	[ 'dns_zone', q{dns_zone('cname1.' || NAME)}, qr/^SOA cname1\.h/, qr/^SOA h/ ],
	[ 'dns_srv_targets', 'dns_srv_targets(NAME)', qr/^SRV h/, qr/^A sound\.h/, qr/^AAAA sound\.h/ ],
	[ 'dns_zone_check', q{dns_zone_check('own1.' || NAME)}, qr/^NS own1\.h/, qr/^A own1\.own1\.h/, qr/^SOA own1\.h/ ],
	[ 'dns_blocklist', q{dns_blocklist(NAME, '{bl.example}')}, qr/^A h.*bl/, qr/^TXT h.*bl/ ],
	[ 'dns_propagation', "dns_propagation(NAME, 'A', '{${\$slow->address}}')", qr/^A h/ ])
{
	my ($name, $call, @steps) = @$_;

	together("$name, LEFT JOIN", "SELECT count(f.*) FROM hosts h LEFT JOIN LATERAL $call f ON true", $rows, @steps);
	together('... in a subquery', "SELECT sum((SELECT count(*) FROM $call f)) FROM hosts h", $rows, @steps);
}

# ---- One zone: every address of every name server at once, wherever it stands

{
	my @servers = ($slow, map { NameServer->misbehaving(address => "127.0.0.$_", port => $slow->port, mode => 'delay' . DELAY) } 2, 3);
	my $rows = 'c.server, c.address, c.status, c.serial';

	foreach my $sql ("SELECT $rows FROM dns_zone_check('own3.NAME') c ORDER BY 2",
		"SELECT $rows FROM (VALUES ('own3.NAME'), ('own0.NAME')) v (zone) LEFT JOIN LATERAL dns_zone_check(v.zone) c ON true ORDER BY 2 LIMIT 3",
		"SELECT $rows FROM hosts h LEFT JOIN LATERAL dns_zone_check(CASE WHEN h.id = 1 THEN 'own3.NAME' END) c ON true ORDER BY 2 LIMIT 3",
		"SELECT (SELECT string_agg(concat_ws('|', $rows), E'\\n' ORDER BY 2) FROM dns_zone_check('own3.NAME') c)")
	{
		my $zone = 'one' . ++$zones . '.example';

		$_->forget foreach @servers;
		is($session->text($sql =~ s/NAME/$zone/gr), join("\n", map { "own$_.own3.$zone|127.0.0.$_|NOERROR|1" } 1 .. 3), "one zone: $sql");
		my @queries = sort { $a->{time} <=> $b->{time} } grep { $_->{type} eq 'SOA' && $_->{name} =~ /^own3/ } map { $_->log } @servers;
		is(Batch::most_within(0.9 * DELAY / 1000, @queries), 3, '... all servers are asked at once');
	}
}

# ---- Rows are the same without look-ahead

my $knot = NameServer->knot;
$session->text("SET pgcares.servers = '${\$knot->address}'");
$session->text(<<'SQL');
CREATE TABLE names AS SELECT n::text AS n, inet '192.0.2.0' + i::integer AS ip FROM unnest('{two.mail,four.mail,no.mail,mixed.mail,text.mail,alias.mail,nowhere,
	ok.spf,ten.spf,two.spf,bad.spf,loop.spf,void3.spf,corp,a.corp,x.agency.gov,lame,_sip._tcp.srv,_none._tcp.srv,out.alias,in.alias,www.tree}'::text[])
	WITH ORDINALITY AS u (n, i);
UPDATE names SET n = n || '.test';
INSERT INTO names VALUES ('a..b', '192.0.2.203'), ('n.elsewhere', '192.0.2.204'), (NULL, NULL), ('shop.example', '192.0.2.25');
ANALYZE names;
SQL
foreach my $call (q{dns_mail_hosts(n, 'ignore')}, 'dns_spf(n)', 'dns_spf_cost(n)', 'dns_dmarc(n)', q{dns_fcrdns(ip, 'ignore')}, q{dns_blocklist(n, '{dbl.test,bl.test}')},
	q{dns_blocklist(ip, '{bl.test,parked.test}')}, 'dns_zone(n)', q{dns_srv_targets(n, 'ignore')}, 'dns_dane(n, 443)', 'dns_accepts_mail(n)', q{dns_fcrdns_in(ip, '{test}')}, q{dns_fcrdns_in_many(ARRAY[ip], '{test}')})
{
	foreach my $join ('CROSS JOIN LATERAL %s f', 'LEFT JOIN LATERAL %s f ON true')
	{
		# the order of equal priorities is random
		my $from = sprintf "names $join", $call;
		my $sql = $call =~ /srv/ ? "SELECT n, f.target, f.addresses::text FROM $from ORDER BY 1, 2" : "SELECT n, ip, f::text FROM $from ORDER BY 1, 2, 3";
		my ($with, $without) = map { $session->text("SET pgcares.lookahead = $_; $sql") } 'on', 'off';

		is($with, $without, "the same rows: $from");
		isnt($with, '', '... and there are some') if $call !~ /dane/;
	}
}
$session->text('RESET pgcares.lookahead');

# ---- Questions that are left out

$session->text("SET pgcares.servers = '${\$server->address}'");
$server->forget;
is($session->text(q{SELECT count(*) FROM dns_mail_hosts('rcode2.one.example', 'ignore')}), 0, 'an MX that cannot be looked up: no host');
is(join(' ', map { $_->{type} } grep { $_->{name} =~ /one/ } $server->log), 'MX', '... and no question for addresses, nor a second one');
is($session->sqlstate(q{SELECT * FROM dns_mail_hosts('rcode2.two.example')}), 'ND002', '... or the error');
$server->forget;
is($session->text(q{SELECT count(*) FROM dns_mail_hosts('nxdomain.three.example')}), 0, 'no such domain: no host');
is(join(' ', map { $_->{type} } $server->log), 'MX', '... and no question for addresses');
$server->forget;
is($session->text(q{SELECT listed, codes FROM dns_blocklist('nxdomain', '{bl.example}')}), 'f|{}', 'not in a block list');
is($server->count(qr/^nxdomain/), 1, '... and no question for the reason');
$server->forget;
is($session->text(q{SELECT dns_fcrdns_in('192.0.2.1', '{elsewhere}')}), 'f', 'a name outside of the domains');
is($server->count, 1, '... whose addresses are not asked for');

# a plain EXPLAIN asks nothing
$server->forget;
$session->text("EXPLAIN SELECT * FROM $_") foreach q{dns_mail_hosts('a.example')}, q{dns_spf('a.example')}, q{dns_spf_cost('a.example')},
  q{dns_dmarc('a.example')}, q{dns_fcrdns('192.0.2.1')}, q{dns_zone('a.example')}, q{dns_zone_check('a.example')}, q{dns_srv_targets('a.example')},
  q{dns_accepts_mail('a.example')}, q{dns_fcrdns_in('192.0.2.1', '{example}')}, q{dns_dane('a.example', 25)}, q{dns_blocklist('192.0.2.1', '{bl.example}')};
is($server->count, 0, 'EXPLAIN asks nothing');

# ---- DANE: only what has been verified, over a way that is trusted

my $resolver = Resolver->validating;
$session->text("SET pgcares.servers = '${\$resolver->address}'; SET pgcares.trust_ad = on");
is($session->text(q{SELECT cert_usage, selector, matching_type, length(data), ad FROM dns_dane('www.secure.example', 443)}), '3|1|1|32|t', 'verified');
is($session->text(qq{SELECT count(*) FROM dns_dane('$_->[0]', 443)}), 0, $_->[1]) foreach
  [ 'www.insecure.example', 'not signed' ], [ 'www.bogus.example', 'signatures that have expired' ], [ 'missing.secure.example', 'no such name' ];
$session->text('SET pgcares.trust_ad = off');
is($session->text(q{SELECT count(*) FROM dns_dane('www.secure.example', 443)}), 0, 'the way is not trusted');

done_testing();
