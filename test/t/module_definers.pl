# Property: a role's changes to its session, its schemas or its database do not affect the
# functions of others: those of the extension, and those that run with other rights. The
# caller decides only on patience and style, unless they are pinned.

use strict;
use warnings;

use FindBin;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# The answer to "a.example": one A record
my $message = '\x04d285800001000100000000' . '016107' . '6578616d706c6500' . '00010001' . 'c00c000100010000003c0004c0000201';

my $server = NameServer->misbehaving;
my $other = NameServer->misbehaving;
my $node = Session->cluster([$server]);

my $super = Session->new($node);
$super->text($_) foreach
  "LOAD 'pgcares'",
  'CREATE ROLE plain LOGIN',
  'CREATE ROLE second LOGIN',
  'CREATE ROLE app LOGIN IN ROLE plain, second',
  'CREATE DATABASE plains OWNER plain',
  'CREATE SCHEMA mine AUTHORIZATION plain',
  (map { "GRANT EXECUTE ON FUNCTION $_(text, text) TO plain, second" } 'dns_a', 'dns_txt');
my $plain = Session->new($node, user => 'plain');
$plain->text('SELECT dns_version()');

sub refused
{
	my ($session, $sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($session->sqlstate($sql), '42501', $what);
}

# ---- Functions that run with other rights

sub names_asked
{
	my ($asked) = @_;
	return join ' ', map { $_->{name} } $asked->log;
}

$super->text(<<"SQL");
CREATE FUNCTION by_other(name text) RETURNS inet LANGUAGE sql SECURITY DEFINER
	SET pgcares.servers = '${\$other->address}' AS 'SELECT address FROM dns_a(name)'
SQL
foreach my $name ('before', 'after')
{
	$_->forget foreach $server, $other;
	$plain->text("SELECT address FROM dns_a('$name.plain.example')");
	$plain->text("SELECT by_other('$name.definer.example')");
	is(names_asked($server), "$name.plain.example", 'a role asks the server of the configuration');
	is(names_asked($other), "$name.definer.example", '... a definer\'s function asks the one that it sets');
}
refused($plain, 'ALTER FUNCTION by_other(text) RESET ALL', 'the role cannot change that');

# The query and the result of a definer's function, for any settings of the caller. A
# setting that is pinned has no effect; one that is not has only the effect shown here.
my $everybodys = $super->text(q{SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE 'pgcares.%' AND context = 'user'});
my $superusers = $super->text(q{SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE 'pgcares.%' AND context = 'superuser'});
my %change = (
	checking_disabled => [ 'on', qr/cd=0/, 'cd=1' ],
	deadline => [ '1h' ],
	dnssec => [ 'on', qr/do=0/, 'do=1' ],
	edns => [ 'off', qr/edns=1232/, 'edns=none' ],
	edns_udp_size => [ '512', qr/edns=1232/, 'edns=512' ],
	idn => [ 'off' ],
	lookahead => [ 'off' ],
	on_error => [ 'ignore' ],
	randomize_case => [ 'on' ],
	recurse => [ 'off', qr/rd=1/, 'rd=0' ],
	tcp => [ 'on', qr/transport=udp/, 'transport=tcp' ],
	timeout => [ '7s' ],
	tries => [ '1' ]);
my $body = q{SELECT regexp_replace(txt, ' sport=.* qname', ' qname') FROM public.dns_txt('echo.' || name)};
my $pinned = join ' ', map { my $value = $super->text("SHOW $_"); "SET $_ = '$value'" } split / /, $everybodys;

is($everybodys, join(' ', map { "pgcares.$_" } sort keys %change), 'the settings that a caller may change are listed');
$super->text("CREATE FUNCTION open(name text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = '' AS \$\$ $body \$\$");
$super->text("CREATE FUNCTION pinned(name text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = '' $pinned AS \$\$ $body \$\$");
my $usual = $plain->text("SELECT open('d.example')");
like($usual, qr/^transport=udp rd=1 cd=0 ad=0 edns=1232 do=0 .* qname=echo\.d\.example$/, "a definer's function asks as the settings say");
foreach my $setting (sort keys %change)
{
	my ($value, $from, $to) = @{ $change{$setting} };
	my $changed = defined $from ? $usual =~ s/$from/$to/r : $usual;

	$plain->text("SET pgcares.$setting = '$value'");
	is(lc $plain->text("SELECT open('d.example')"), $changed, "pgcares.$setting of the caller: " . ($to // 'the question is as before'));
	is($plain->text("SELECT pinned('d.example')"), $usual, '... pinned, it has no effect');
	$plain->text("RESET pgcares.$setting");
}
$plain->text("SET pgcares.$_ = '$change{$_}[0]'") foreach sort keys %change;
refused($plain, "SET $_ TO DEFAULT", "$_: a caller cannot change it") foreach split / /, $superusers;
is($plain->text("SELECT pinned('d.example')"), $usual, 'all of them together, pinned: no effect');

# a caller can turn an answer into a failure, but not a failure into an answer
$super->text("CREATE FUNCTION guess(name text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT host(address) FROM public.dns_a(name)'");
$super->text("CREATE FUNCTION sure(name text) RETURNS text LANGUAGE sql SECURITY DEFINER $pinned AS 'SELECT host(address) FROM public.dns_a(name)'");
$plain->text('RESET ALL');
$plain->text("SET pgcares.on_error = 'ignore'; SET pgcares.deadline = '30ms'");
is($plain->text(q{SELECT guess('delay300.example') IS NULL}), 't', 'for a caller without patience, a name is missing');
is($plain->text(q{SELECT sure('delay300.example')}), '192.0.2.1', '... but not if patience is pinned');
is($plain->text(q{SELECT guess('nxdomain.example') IS NULL}), 't', '... and a missing name is missing');
is($plain->sqlstate(q{SELECT sure('nxdomain.example')}), 'ND003', '... or an error, if that is pinned');
$plain->text('RESET ALL');

# docs/security.md names them
my ($advice) = slurp_file("$FindBin::Bin/../../docs/security.md") =~ /`SECURITY DEFINER` function that depends (.*?)\n\n/s;
is(join(' ', grep { my $name = $_ =~ s/pgcares\.//r; $name ne 'lookahead' && $advice !~ /`(?:pgcares\.)?$name`/ } split / /, $everybodys),
	'', 'docs/security.md lists the settings to pin');

# ---- One session, several roles

{
	my $app = Session->new($node, user => 'app');
	my $lookup = q{SELECT host(address) FROM dns_a('shared.example')};

	foreach my $keep_open ('off', 'on')
	{
		$super->text("ALTER ROLE app SET pgcares.keep_open = $keep_open");
		$app = Session->new($node, user => 'app');
		$server->forget;
		foreach my $role ('plain', 'second', 'plain')
		{
			$app->text("SET ROLE $role");
			is($app->text($lookup), '192.0.2.1', "keep_open $keep_open: role $role asks");
		}
		is($server->count(qr/^shared\.example$/), 3, '... and each question reaches the server');

		# kept sockets lead to the servers of the configuration, even after a question elsewhere
		$_->forget foreach $server, $other;
		is($app->text(q{SELECT by_other('elsewhere.example')}), '192.0.2.1', "... and so does one of a definer's function");
		is($app->text($lookup), '192.0.2.1', '... and after it one of a role');
		is(names_asked($other) . ', ' . names_asked($server), 'elsewhere.example, shared.example', '... each its own server');
		is(join(' ', grep { /:${\$other->port}$/ } $app->inet_sockets), '', '... and no socket leads to the other one') if $keep_open eq 'off';
	}
}

# a server of choice leaves nothing behind, not even its failure
{
	my $chooser = Session->new($node, options => '-c pgcares.keep_open=on -c pgcares.timeout=250ms -c pgcares.tries=1');
	my $lookup = q{SELECT host(address) FROM dns_a('chosen.example')};

	$chooser->text($lookup);
	my @sockets = $chooser->inet_sockets;
	is($chooser->text(sprintf q{SELECT status FROM dns_message_at('%s', 'x.example')}, $other->address), 'NOERROR', 'a server of choice');
	is_deeply([ $chooser->inet_sockets ], \@sockets, '... leaves no socket, while others stay');
	is($chooser->text(sprintf q{SELECT status FROM dns_message_at('%s', 'drop.example')}, $server->address), 'TIMEOUT', '... fails');
	$server->forget;
	is($chooser->text($lookup), '192.0.2.1', '... and other calls do not notice');
	is($server->count, 1, '... nor ask twice');
}

# The settings of a superuser in a session stay after SET SESSION AUTHORIZATION; the other
# role can return to the configuration, but go no further.
{
	my $session = Session->new($node);

	$session->text("LOAD 'pgcares'; SET pgcares.max_questions = 2; SET SESSION AUTHORIZATION plain");
	is($session->text('SHOW pgcares.max_questions'), '2', 'a limit of the session stays for another role');
	refused($session, 'SET pgcares.max_questions = 3', '... which cannot change it');
	$session->text('RESET ALL');
	is($session->text('SHOW pgcares.max_questions'), '10000000', '... but can return to that of the configuration');
	refused($session, 'SET pgcares.max_questions = 3', '... and go no further');
	$session->text($_) foreach 'RESET SESSION AUTHORIZATION', 'SET pgcares.max_questions = 2', 'DISCARD ALL';
	is($session->text('SHOW pgcares.max_questions'), '10000000', 'DISCARD ALL returns to it too');
}
$super->text('ALTER ROLE app SET pgcares.max_questions = 2');
{
	my $app = Session->new($node, user => 'app');

	$app->text('SELECT dns_version()');
	$app->sqlstate($_) foreach 'RESET ALL', 'DISCARD ALL', 'SET ROLE plain', 'RESET ALL';
	is($app->text('SHOW pgcares.max_questions'), '2', 'a role cannot remove its limit');
	refused($app, 'SET pgcares.max_questions TO DEFAULT', '... since it may not set it, not even to the default');
}

# ---- A search_path full of impostors

my @strangers = (
	'CREATE TYPE mine.dns_record AS (name integer)',
	'CREATE DOMAIN mine.text AS integer',
	'CREATE DOMAIN mine.inet AS integer',
	'CREATE DOMAIN mine.jsonb AS integer',
	"CREATE FUNCTION mine.dns_query(text, text, text, text) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''stranger'''",
	(map { "CREATE FUNCTION mine.$_ LANGUAGE plpgsql AS 'BEGIN RAISE ''stranger''; END'" }
		  'network_host(pg_catalog.inet) RETURNS pg_catalog.text',
		'host(pg_catalog.inet) RETURNS pg_catalog.text',
		'textcat(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text',
		'equal(pg_catalog.text, pg_catalog.text) RETURNS boolean'),
	'CREATE OPERATOR mine.= (FUNCTION = mine.equal, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text)',
	'CREATE OPERATOR mine.|| (FUNCTION = mine.textcat, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text)');
$plain->text($_) foreach @strangers;

my $everything = join ' UNION ALL ', map { "SELECT pg_catalog.to_json(r)::pg_catalog.text FROM public.$_ r" }
  "dns_query('sound.example', 'ANY')", "dns_query('sound.example', 'LOC')", "dns_mx('sound.example')",
  "dns_ptr('192.0.2.1'::pg_catalog.inet)", "dns_txt('sound.example')", "dns_svcb('sound.example')",
  "dns_parse('$message'::pg_catalog.bytea)", "dns_message_json('$message'::pg_catalog.bytea)",
  "dns_lookup('sound.example')", "dns_gethostbyname('sound.example')", "dns_gethostbyaddr('192.0.2.1')",
  "dns_getaddrinfo('sound.example')", "dns_getnameinfo('192.0.2.1')", "dns_search('sound.example')",
  'dns_servers()', 'dns_statuses()', "dns_status_is_final('RCODE12')", 'dns_types()', "dns_address_from_reverse('1.2.0.192.in-addr.arpa')";
my $before = $super->text($everything);
$super->text('SET search_path = mine, pg_catalog, public');
is($super->sqlstate("SELECT 'a' || 'b'::pg_catalog.text"), 'P0001', 'impostors are found first in the search_path');
is($super->text($everything), $before, '... but not by the functions of the extension');
$super->text('RESET search_path');

# The same when the extension is created: in a database with impostors, some of which
# have the names of its functions.
my $definitions = <<'SQL';
SELECT pg_catalog.pg_get_functiondef(oid), probin, proacl, prosupport <> 0
FROM pg_catalog.pg_proc WHERE prosrc LIKE 'pgcares%' ORDER BY oid
SQL
$super->text('CREATE DATABASE clean');
my $super_elsewhere = Session->new($node, dbname => 'clean');
$super_elsewhere->text('CREATE EXTENSION pgcares SCHEMA public');
$before = $super_elsewhere->text($definitions);
my $own = Session->new($node, user => 'plain', dbname => 'plains');
my $super_there = Session->new($node, dbname => 'plains');
$own->text('CREATE SCHEMA mine');
$own->text($_) foreach @strangers;
$super_there->text('SET search_path = mine, pg_catalog, public');
$super_there->text('CREATE EXTENSION pgcares SCHEMA public');
$super_there->text('RESET search_path');
is($super_there->text($definitions), $before, 'CREATE EXTENSION makes the same functions in front of strangers');
$super_there->text('DROP EXTENSION pgcares');
$super_there->text('GRANT CREATE ON SCHEMA public TO plain');
foreach my $stranger (
	"CREATE FUNCTION public.dns_a(name text, on_error text DEFAULT NULL) RETURNS TABLE (address inet, ttl integer)
		LANGUAGE sql AS 'SELECT NULL::inet, 1'",
	'CREATE TYPE public.dns_record AS (name text, ttl integer, class text, type text, rdata text, data jsonb)')
{
	$own->text($stranger);
	like($super_there->sqlstate('CREATE EXTENSION pgcares'), qr/^427/, 'CREATE EXTENSION does not take a stranger\'s');
	$own->text($stranger =~ /TYPE/ ? 'DROP TYPE public.dns_record' : 'DROP FUNCTION public.dns_a(text, text)');
}

# The schema that it is moved to can have impostors too.
$super_there->text('DROP TYPE IF EXISTS public.dns_record; CREATE EXTENSION pgcares SCHEMA public');
$super_there->text('SET search_path = pg_catalog');
my $at_home = $super_there->text($definitions) =~ s/\bpublic\./mine./gr;
like($super_there->sqlstate('ALTER EXTENSION pgcares SET SCHEMA mine'), qr/^427/, 'ALTER EXTENSION SET SCHEMA does not take a stranger\'s');
$own->text('DROP FUNCTION mine.dns_query(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text)');
like($super_there->sqlstate('ALTER EXTENSION pgcares SET SCHEMA mine'), qr/^427/, '... function or type');
$own->text('DROP TYPE mine.dns_record');
$super_there->text('ALTER EXTENSION pgcares SET SCHEMA mine');
is($super_there->text($definitions), $at_home, '... and does not change the functions, although impostors are found first');
is($super_there->text(q{SELECT host(address) FROM mine.dns_a('a.example')}), '192.0.2.1', '... they work');
refused($own, "SELECT * FROM mine.dns_a('a.example')", '... for roles with a grant');
refused($own, $_, "$_: refused") foreach 'DROP EXTENSION pgcares', 'ALTER EXTENSION pgcares SET SCHEMA public',
  'ALTER EXTENSION pgcares UPDATE', 'ALTER EXTENSION pgcares DROP FUNCTION mine.dns_a(text, text)',
  "CREATE OR REPLACE FUNCTION mine.dns_to_ascii(name pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT name'",
  'GRANT EXECUTE ON FUNCTION mine.dns_a(text, text) TO plain';
$super_there->text('DROP EXTENSION pgcares');
refused($own, 'CREATE EXTENSION pgcares', 'the owner of a database cannot create the extension there');

# a user who runs the script by hand gets advice
my ($output, $errors) = ('', '');
IPC::Run::run([ 'psql', '-X', '-f', "$FindBin::Bin/../../pgcares--1.0.sql", $node->connstr('plains') ], '>', \$output, '2>', \$errors);
is("$output$errors", qq{Use "CREATE EXTENSION pgcares" to load this file.\n}, 'the script cannot be run in psql');
is($super_there->text(q{SELECT count(*) FROM pg_proc WHERE prosrc LIKE 'pgcares%'}), '0', '... and creates nothing');

done_testing();
