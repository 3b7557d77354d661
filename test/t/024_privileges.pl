# Property: who may ask, whom to ask and who may know that is for superusers to
# decide: a plain role gets nothing that it was not granted, changes no setting
# that is not its own, learns no address of a name server, and nothing that it
# puts into a search_path changes what a function of the extension does.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# The answer to "a.example": one A record
my $message = '\x04d285800001000100000000' . '016107' . '6578616d706c6500' . '00010001' . 'c00c000100010000003c0004c0000201';

# What needs no grant, and a call of each that works. All else does.
my %pure = (
	'dns_reverse_address(inet)' => "'192.0.2.1'",
	'dns_address_from_reverse(text)' => "'1.2.0.192.in-addr.arpa'",
	'dns_to_ascii(text)' => "'a.example'",
	'dns_to_unicode(text)' => "'a.example'",
	'dns_strerror(integer)' => '0',
	'dns_parse(bytea)' => "'$message'::bytea",
	'dns_message_json(bytea)' => "'$message'::bytea",
	'dns_statuses()' => '',
	'dns_types()' => '',
	'dns_version()' => '');

# What everybody may set. All else is for superusers.
my @everybodys = qw(checking_disabled deadline dnssec edns_udp_size idn lookahead max_in_flight on_error timeout tries);

my $server = NameServer->misbehaving;
my $other = NameServer->misbehaving;
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $node = Session->cluster([$server]);

my $super = Session->new($node);
$super->text($_) foreach
  "LOAD 'pgcares'",
  'CREATE ROLE plain LOGIN',
  'CREATE DATABASE plains OWNER plain',
  'CREATE SCHEMA mine AUTHORIZATION plain';
my $plain = Session->new($node, user => 'plain');

sub refused
{
	my ($session, $sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($session->sqlstate($sql), '42501', $what);
}

sub allowed
{
	my ($session, $sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $result = $session->query($sql);

	is($result->{error} ? "$result->{error}{C} $result->{error}{M}" : 'done', 'done', $what);
}

sub lines
{
	my ($sql) = @_;
	return split /\n/, $super->text($sql);
}

# ---- Functions

# Each with a call whose arguments are NULL: it gets past the check of rights
# and does nothing. Were they constants, the planner could leave out the call.
# A function with internal arguments is for the server to call.
my %functions = map { split /\|/ } lines(<<'SQL');
SELECT p.oid::regprocedure, p.proname || '(' ||
	coalesce((SELECT string_agg('(SELECT NULL::' || format_type(t, NULL) || ')', ', ') FROM unnest(p.proargtypes) t), '') || ')'
FROM pg_proc p, pg_depend d, pg_extension e
WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = e.oid AND e.extname = 'pgcares' AND d.deptype = 'e'
	AND 'internal'::regtype <> ALL (p.proargtypes)
SQL
my @guarded = grep { !exists $pure{$_} } sort keys %functions;

is_deeply([ grep { !exists $functions{$_} } sort keys %pure ], [], 'the functions that need no grant are there');
cmp_ok(scalar @guarded, '>=', 20, 'there are more than twenty others');
foreach my $function (sort keys %pure)
{
	my ($name) = $function =~ /^(\w+)/;
	allowed($plain, "SELECT * FROM $name($pure{$function})", "$function is for everybody");
}
refused($plain, "SELECT * FROM $functions{$_}", "$_ is not") foreach @guarded;
refused($plain, "SELECT * FROM dns_a('a.example')", 'neither is a lookup with a name');
refused($plain, 'SELECT * FROM dns_servers()', '... nor the list of servers');

foreach my $function (@guarded)
{
	my @others = grep { $_ ne $function } @guarded;

	$super->text("GRANT EXECUTE ON FUNCTION $function TO plain");
	allowed($plain, "SELECT * FROM $functions{$function}", "$function can be granted");
	is(join(' ', grep { $plain->sqlstate("SELECT * FROM $functions{$_}") ne '42501' } @others),
		'', '... and no other is by that');
	$super->text("REVOKE EXECUTE ON FUNCTION $function FROM plain");
}
is($server->count, 0, 'nothing was asked in all this');

$super->text('GRANT EXECUTE ON FUNCTION dns_a(text, text) TO plain');
is($plain->text("SELECT host(address) FROM dns_a('a.example')"), '192.0.2.1', 'a grant lets a role look up');

# ---- Settings

my %context = map { split /\|/ } lines("SELECT name, context FROM pg_settings WHERE name LIKE 'pgcares.%'");
my @users = grep { $context{$_} eq 'user' } sort keys %context;
my @superusers = grep { $context{$_} eq 'superuser' } sort keys %context;

is_deeply(\@users, [ map { "pgcares.$_" } sort @everybodys ], 'the settings for everybody are these');
is(scalar @users + @superusers, scalar keys %context, 'all others are for superusers');
cmp_ok(scalar @superusers, '>=', 14, '... and they are many');

my $own = Session->new($node, user => 'plain', dbname => 'plains');
foreach my $setting (@superusers)
{
	my $value = $super->text("SHOW $setting") =~ s/'/''/gr;

	refused($plain, "SET $setting = '$value'", "$setting: SET is refused");
	refused($plain, "SET LOCAL $setting = '$value'", '... and SET LOCAL');
	refused($plain, "SELECT set_config('$setting', '$value', false)", '... and set_config()');
	refused($plain, "ALTER ROLE plain SET $setting = '$value'", '... and ALTER ROLE');
	refused($plain, "ALTER DATABASE plains SET $setting = '$value'", '... and ALTER DATABASE of one\'s own');
	refused($plain, "CREATE FUNCTION mine.f() RETURNS integer LANGUAGE sql SET $setting = '$value' AS 'SELECT 1'",
		'... and a function with it');
	refused($own, "ALTER DATABASE plains SET $setting = '$value'", '... and that where the library is not loaded');
	refused($own, "ALTER ROLE plain SET $setting = '$value'", '... and ALTER ROLE there');
}
foreach my $setting (@users)
{
	my $value = $super->text("SHOW $setting");

	allowed($plain, "SET $setting = '$value'", "$setting: everybody may SET it");
	allowed($plain, "ALTER ROLE plain SET $setting = '$value'", '... and set it for oneself');
	allowed($plain, "ALTER DATABASE plains SET $setting = '$value'", '... and for a database of one\'s own');
	allowed($plain, "CREATE FUNCTION mine.f() RETURNS integer LANGUAGE sql SET $setting = '$value' AS 'SELECT 1'",
		'... and for a function');
	$plain->text('DROP FUNCTION mine.f()');
}
$super->text($_) foreach 'ALTER ROLE plain RESET ALL', 'ALTER DATABASE plains RESET ALL';

# Before the library is loaded, a setting is only a text. It has no effect.
foreach my $case ([ 'PGOPTIONS', '-c pgcares.servers=' . $other->address ], [ 'SET', '' ])
{
	my ($way, $options) = @$case;
	my $session = Session->new($node, user => 'plain', options => $options);

	$session->text("SET pgcares.servers = '${\$other->address}'") if $way eq 'SET';
	my $result = $session->query("SELECT host(address) FROM dns_a('early.example')");
	is($result->{notices}[0]{C}, '42501', "$way before the library is loaded: a warning");
	is($other->count, 0, '... and the server is not asked');
	is($result->{rows}[0][0], '192.0.2.1', '... but the one of the configuration') if $way eq 'SET';
}

foreach my $setting (@superusers)
{
	$super->text("GRANT SET ON PARAMETER $setting TO plain");
	allowed($plain, "SET $setting TO DEFAULT", "$setting: the right to set it can be granted");
	$super->text("REVOKE SET ON PARAMETER $setting FROM plain");
}
$plain->text('RESET ALL');
$super->text('GRANT SET ON PARAMETER pgcares.servers TO plain');
$plain->text("SET pgcares.servers = '${\$other->address}'");
$plain->text("SELECT * FROM dns_a('granted.example')");
is($server->count(qr/granted/) . ' ' . $other->count(qr/granted/), '0 1', '... and has its effect');
$plain->text('RESET pgcares.servers');
$super->text('REVOKE SET ON PARAMETER pgcares.servers FROM plain');
refused($plain, "SET pgcares.servers = '$closed'", '... until it is revoked');

# ---- Addresses of servers

refused($plain, 'SHOW pgcares.servers', 'a plain role does not see pgcares.servers: SHOW');
refused($plain, "SELECT current_setting('pgcares.servers')", '... current_setting()');
is($plain->text("SELECT count(*) FROM pg_settings WHERE name = 'pgcares.servers'"), '0', '... pg_settings');
unlike($plain->text('SHOW ALL'), qr/\Q${\$server->address}/, '... SHOW ALL');
$super->text('CREATE ROLE reader LOGIN IN ROLE pg_read_all_settings');
my $reader = Session->new($node, user => 'reader');
$reader->text('SELECT dns_version()');
is($reader->text('SHOW pgcares.servers'), $server->address, 'a member of pg_read_all_settings sees it');

my %failures = (
	ND002 => "'ede.example'",
	ND005 => "'rcode5.example'",
	NDA10 => "'a3.example'",
	NDA12 => "'drop.example'",
	ND000 => "'nodata.example'");
$plain->text('SET pgcares.tries = 1');
$plain->text("SET pgcares.timeout = '250ms'");
sub tells_nothing
{
	my ($session, $sqlstate, $call, $address) = @_;
	my $error = $session->query("SELECT * FROM dns_a($call)")->{error};
	my $warnings = $session->query("SELECT * FROM dns_a($call, 'warning')")->{notices};
	my ($host, $port) = $address =~ /(.*):(\d+)/;

	is($error->{C}, $sqlstate, "$sqlstate is an error");
	is($warnings->[0]{C}, $sqlstate, '... or a warning') if $sqlstate ne 'ND000';
	unlike(join(' ', map { values %$_ } $error, @$warnings), qr/\Q$host\E|\b$port\b/, '... that tells no address');
}
tells_nothing($plain, $_, $failures{$_}, $server->address) foreach sort keys %failures;
$node->append_conf('postgresql.conf', "pgcares.servers = '$closed'");
$node->restart;
$super = Session->new($node);
$plain = Session->new($node, user => 'plain');
tells_nothing($plain, 'NDA11', "'a.example'", $closed);
$node->append_conf('postgresql.conf', "pgcares.servers = '${\$server->address}'");
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgcares'");
$node->restart;
$super = Session->new($node);
$plain = Session->new($node, user => 'plain');
refused($plain, 'SHOW pgcares.servers', 'with shared_preload_libraries, it is hidden from the first statement on');
ok(!eval { Session->new($node, user => 'plain', options => '-c pgcares.servers=' . $other->address) },
	'... and PGOPTIONS with it are refused');

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
	is(names_asked($other), "$name.definer.example", '... a definer\'s function the one it sets');
}
refused($plain, 'ALTER FUNCTION by_other(text) RESET ALL', 'the role cannot change that');

# ---- A search_path full of strangers

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
  'dns_servers()', 'dns_statuses()', 'dns_types()', "dns_address_from_reverse('1.2.0.192.in-addr.arpa')";
my $before = $super->text($everything);
$super->text('SET search_path = mine, pg_catalog, public');
is($super->sqlstate("SELECT 'a' || 'b'::pg_catalog.text"), 'P0001', 'strangers are found first in the search_path');
is($super->text($everything), $before, '... but not by the functions of the extension');
$super->text('RESET search_path');

# The same when the extension is made: in a database with strangers, and where
# they have its names.
my $definitions = <<'SQL';
SELECT pg_catalog.pg_get_functiondef(oid) FROM pg_catalog.pg_proc WHERE prosrc LIKE 'pgcares%' ORDER BY oid
SQL
$before = $super->text($definitions);
$own = Session->new($node, user => 'plain', dbname => 'plains');
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

done_testing();
