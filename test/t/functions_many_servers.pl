# Property: dns_message_at_many() asks many servers at the same time, and gives one row for
# each, in the order of the array: the row of dns_message_at(). It leaves nothing behind.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $server = NameServer->misbehaving;
my $other = NameServer->misbehaving;
my $failing = NameServer->misbehaving(mode => 'servfail');
my $silent = NameServer->silent;
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $node = Session->cluster([$server], "pgcares.timeout = '2s'", 'max_connections = 20');
my $session = Session->new($node);

# The array of these servers
sub servers
{
	return 'ARRAY[' . join(', ', map { defined $_ ? "'" . (ref $_ ? $_->address : $_) . "'" : 'NULL' } @_) . ']::text[]';
}

sub forget
{
	$_->forget foreach $server, $other, $failing, $silent;
}

# ---- At the same time

foreach my $count (50, 200)
{
	my $start = time;

	forget();
	is($session->text('SELECT count(*), min(ord), max(ord), count(DISTINCT ord), bool_and(ord = row), min(status), max(status), min(server), max(tries) FROM '
			  . 'dns_message_at_many(' . servers(map { $_ % 2 ? $server : $other } 1 .. $count) . q{, 'delay100.sound.example')}
			  . q{ WITH ORDINALITY AS m (ord, question, status, reason, rcode, aa, tc, rd, ra, ad, cd, answer, authority, additional, server,
				transport, elapsed, tries, edns_udp_size, ede_code, ede_text, nsid, wire, row)})
		=~ s/\Q${\$server->address}\E|\Q${\$other->address}\E/SERVER/r,
		"$count|1|$count|$count|t|NOERROR|NOERROR|SERVER|1", "$count servers that answer after 100 ms: a row for each, in order");
	# one after another they take this times 0.1 s
	cmp_ok(time - $start, '<', $count * 0.1 / 2, '... at the same time');
	is($server->count, $count / 2, '... each is asked once');
}

# A server that is silent holds up no other.
{
	my $start = time;

	is($session->text(q{SET pgcares.timeout = '1s'; SET pgcares.tries = 1; SELECT string_agg(status, ' ' ORDER BY ord), }
			  . q{max(elapsed) FILTER (WHERE status <> 'TIMEOUT') < '900 ms' FROM dns_message_at_many(}
			  . servers($silent, $server, undef, $failing, $closed, $silent, $other, $silent) . q{, 'sound.example')}),
		'TIMEOUT NOERROR SERVFAIL UNREACHABLE TIMEOUT NOERROR TIMEOUT|t', 'servers of all kinds');
	cmp_ok(time - $start, '<', 2.5, '... as long as the slowest takes');

	forget();
	$start = time;
	is($session->text(q{SET pgcares.timeout = '2s'; SET pgcares.deadline = '400ms'; SELECT status, count(*) FROM dns_message_at_many(}
			  . servers(($silent) x 100) . q{, 'sound.example') GROUP BY 1; RESET ALL}), 'TIMEOUT|100', 'more servers than are asked at a time, all silent');
	cmp_ok(time - $start, '<', 5, '... share the deadline of the call');
	cmp_ok($silent->count, '>=', 60, '... most of them were asked');
}

# ---- The rows

foreach my $name ('sound.example', 'nxdomain.example', 'NXDOMAIN.Example.', 'nodata.example', 'rcode5.example', 'tc.example', 'big50.example',
	'short.example', 'cnameloop.example', 'ede.example', 'www.invalid')
{
	my $list = servers($server, $failing, $closed, $other);
	my $drop = "- 'elapsed' - 'question' - 'ord' - 'wire'";

	is($session->text("SELECT count(*), bool_and(to_jsonb(m) $drop = to_jsonb(a) $drop), bool_and(m.question = s) "
			  . "FROM unnest($list) WITH ORDINALITY AS s (s, ord), dns_message_at(s, '$name', 'MX') AS a, "
			  . "dns_message_at_many($list, '$name', 'MX') AS m WHERE m.ord = s.ord"),
		'4|t|t', "$name: the row of dns_message_at(), and the server as it was given");
}
is($session->text(q{SELECT ord, question, status, reason, tries FROM dns_message_at_many(} . servers('127.0.0.9', undef) . q{, 'a..b', 'TXT')}),
	"1|127.0.0.9|BADNAME|could not look up TXT records of \"a..b\": the text is not a domain name (BADNAME)|0\n2||||", 'a text that is not a name');
is($session->text(q{SELECT question, status, reason FROM dns_message_at_many(} . servers($closed) . q{, 'A.example', 'MX')}),
	"$closed|UNREACHABLE|could not look up MX records of \"A.example\": no server could be reached (UNREACHABLE)", 'the reason');
is($session->text("SELECT count(*) FROM dns_message_at_many($_)"), '0', "no rows: $_")
  foreach q{'{}', 'a.example'}, q{NULL, 'a.example'}, servers($server) . ', NULL', servers($server) . q{, 'a.example', NULL},
  servers($server) . q{, 'a.example', 'A', NULL};
is($session->text('SELECT count(*), min(status) FROM dns_message_at_many(' . servers(undef, undef) . q{, 'a.example')}), '2|', 'only NULLs');

# ---- Errors come before any question

forget();
foreach ([ servers($server, '127.0.0.1, 127.0.0.2') . q{, 'a.example'}, '22023' ], [ servers($server, '') . q{, 'a.example'}, '22023' ],
	[ servers($server) . q{, 'a.example', 'NOSUCH'}, '22023' ], [ servers($server) . q{, 'a.example', 'A', 'NOSUCH'}, '22023' ])
{
	my ($arguments, $state) = @$_;
	is($session->sqlstate("SELECT * FROM dns_message_at_many($arguments)"), $state, "an error: $arguments");
}
is($session->sqlstate('SET pgcares.max_questions = 2; SELECT * FROM dns_message_at_many(' . servers(($server) x 3) . q{, 'a.example')}),
	'54000', 'too many servers');
$session->text('RESET ALL');
is($server->count, 0, '... and nothing was asked');

# ---- Separate rights

$session->text($_) foreach 'CREATE ROLE plain LOGIN', 'GRANT EXECUTE ON FUNCTION dns_message_many, dns_message_at TO plain';
is(Session->new($node, user => 'plain')->sqlstate('SELECT * FROM dns_message_at_many(' . servers($server) . q{, 'a.example')}), '42501',
	'a right of its own');

# ---- Nothing is left behind

my $list = servers(map { ($server, $failing, $closed, $other) } 1 .. 20);
my $all = "SELECT count(*), count(DISTINCT status) FROM dns_message_at_many($list, 'tc.example')";

$node->append_conf('postgresql.conf', 'max_files_per_process = 120');
$node->restart;
$session = Session->new($node);
$session->text($all);
my ($descriptors, $memory) = ($session->descriptors, $session->status('VmRSS'));
is($session->text($all), '80|3', 'eighty servers, with fewer descriptors than they need at a time') foreach 1 .. 20;
$session->sqlstate("SELECT 1 / (ord - 5) FROM dns_message_at_many($list, 'a.example')") foreach 1 .. 10;
foreach (1 .. 5)
{
	is($session->sqlstate(q{SET statement_timeout = '100ms'; SELECT * FROM dns_message_at_many(} . servers($server, ($silent) x 100) . q{, 'a.example')}),
		'57014', 'a statement is cancelled');
	$session->text('RESET ALL');
}
is_deeply($session->descriptors, $descriptors, '... no descriptor is left');
SKIP:
{
	skip 'memory is not measured under a checker', 1 if $ENV{PGCARES_WATCHED};
	cmp_ok($session->status('VmRSS') - $memory, '<', 4096, '... and no memory');
}

# In the middle of other lookups of the statement, and a statement that reads one row
is($session->text("SELECT count(*) FROM generate_series(1, 5) g, LATERAL dns_a('n' || g || '.example') a, "
		  . 'LATERAL dns_message_at_many(' . servers($server, $other) . q{, 'm' || g || '.example') m WHERE m.status = 'NOERROR'}),
	'10', 'within a statement that looks ahead');
is($session->text("SELECT ord FROM dns_message_at_many($list, 'a.example') LIMIT 1"), '1', 'one row');
is($session->text("SELECT (dns_message_at_many($list, 'a.example')).ord LIMIT 1"), '1', '... of a SELECT list');

done_testing();
