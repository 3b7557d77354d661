# Property: superusers decide who may ask, which servers are asked, and who may know them:
# a plain role gets nothing without a grant, changes only settings that are for everybody,
# and learns no address of a name server and no content of a file.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# The answer to "a.example": one A record
my $message = '\x04d285800001000100000000' . '016107' . '6578616d706c6500' . '00010001' . 'c00c000100010000003c0004c0000201';

# The functions that need no grant, each with a call that works.
my %pure = (
	'dns_reverse_address(inet)' => "'192.0.2.1'",
	'dns_address_from_reverse(text)' => "'1.2.0.192.in-addr.arpa'",
	'dns_is_name(text)' => "'a.example'",
	'dns_to_ascii(text)' => "'a.example'",
	'dns_to_unicode(text)' => "'a.example'",
	'dns_unescape(text)' => "'a'",
	'dns_labels(text)' => "'a.example'",
	'dns_parent(text)' => "'a.example'",
	'dns_suffix(text,integer)' => "'a.example', 1",
	'dns_is_below(text,text)' => "'a.example', 'example'",
	'dns_sort_key(text)' => "'a.example'",
	'dns_blocklist_name(text,text)' => "'a.example', 'example'",
	'dns_blocklist_name(inet,text)' => "inet '192.0.2.1', 'example'",
	'dns_srv_key(integer)' => '1',
	'dns_strerror(integer)' => '0',
	'dns_progress()' => '',
	'dns_parse(bytea,text)' => "'$message'::bytea",
	'dns_edns_options(bytea)' => "'$message'::bytea",
	'dns_message_json(bytea)' => "'$message'::bytea",
	'dns_status_is_final(text)' => "'NODATA'",
	'dns_grant_statements(text,text)' => "'plain', 'lookup'",
	'dns_statuses()' => '',
	'dns_types()' => '',
	'dns_version()' => '');

# The functions that need one: those that ask name servers, or tell of them. A function
# that is in neither table fails the test.
my @guarded = sort split ' ', <<'END';
dns_a(text,text) dns_aaaa(text,text) dns_caa(text,text) dns_cname(text,text) dns_hinfo(text,text) dns_https(text,text)
dns_mx(text,text) dns_naptr(text,text) dns_ns(text,text) dns_ptr(text,text) dns_ptr(inet,text) dns_soa(text,text)
dns_srv(text,text) dns_svcb(text,text) dns_tlsa(text,text) dns_txt(text,text) dns_uri(text,text)
dns_query(text,text,text,text) dns_search(text,text,text,text)
dns_lookup(text,integer,text) dns_reverse(inet,text) dns_addresses(text,integer,text)
dns_getaddrinfo(text,text,integer,integer,integer,text[],text) dns_getaddrinfo(text,integer,integer,integer,integer,text[],text)
dns_gethostbyname(text,integer,text) dns_gethostbyaddr(inet,text) dns_getnameinfo(inet,integer,text[],text)
dns_query_many(text[],text,text) dns_addresses_many(text[],integer) dns_ptr_many(inet[])
dns_lookup_many(text[],integer) dns_reverse_many(inet[]) dns_names_in(inet,text[]) dns_has_address(text[],inet)
dns_message(text,text,text) dns_message_many(text[],text,text) dns_message_json(text,text,text)
dns_query_at(text,text,text,text,text) dns_message_at(text,text,text,text) dns_message_at_many(text[],text,text,text)
dns_servers() dns_reset() dns_stats() dns_stat_reset() dns_cache_entries() dns_cache_flush(text,text)
END
# The functions whose rows a view shows: whoever may read the view may call them.
my %shown = ('dns_server_statistics()' => 'dns_stat_servers', 'dns_type_statistics()' => 'dns_stat_types');

# The settings for everybody. All others are for superusers.
my @everybodys = qw(checking_disabled deadline dnssec edns edns_udp_size idn lookahead on_error randomize_case recurse tcp timeout tries);

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

# Each function with a call whose arguments are NULL: it passes the check of rights and
# does nothing. With constants, the planner could leave out the call. Only PostgreSQL
# itself can call a function with internal arguments.
my %functions = map { split /\|/ } lines(<<'SQL');
SELECT p.oid::regprocedure, p.proname || '(' ||
	coalesce((SELECT string_agg('(SELECT NULL::' || format_type(t, NULL) || ')', ', ') FROM unnest(p.proargtypes) t), '') || ')'
FROM pg_proc p, pg_depend d, pg_extension e
WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = e.oid AND e.extname = 'pgcares' AND d.deptype = 'e'
	AND 'internal'::regtype <> ALL (p.proargtypes)
SQL

is_deeply([ sort keys %functions ], [ sort keys %pure, keys %shown, @guarded ], 'each function is in one of the tables');
is($super->text("SELECT string_agg(oid::regprocedure::text, ' ') FROM pg_proc WHERE prosrc LIKE 'pgcares%' AND 'internal'::regtype = ANY (proargtypes)"),
	'dns_support(internal)', '... except one that SQL cannot call');
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
	my ($right, $object) = $shown{$function} ? ('SELECT', $shown{$function}) : ('EXECUTE', "FUNCTION $function");

	$super->text("GRANT $right ON $object TO plain");
	allowed($plain, "SELECT * FROM $functions{$function}", "$function can be granted");
	is(join(' ', grep { $plain->sqlstate("SELECT * FROM $functions{$_}") ne '42501' } @others),
		'', '... and this grants no other');
	$super->text("REVOKE $right ON $object FROM plain");
}
is($server->count, 0, 'none of this asked anything');

is($super->text(<<'SQL'), 'dns_message_at dns_message_at_many dns_query_at', 'three functions have an argument for a server');
SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE prosrc LIKE 'pgcares%' AND proargnames[:pronargs]::text ~ 'server'
SQL
$super->text('GRANT EXECUTE ON FUNCTION dns_a(text, text) TO plain');
is($plain->text("SELECT host(address) FROM dns_a('a.example')"), '192.0.2.1', 'a grant lets a role look up');

# ---- Settings

my %context = map { split /\|/ } lines("SELECT name, context FROM pg_settings WHERE name LIKE 'pgcares.%'");
my @users = grep { $context{$_} eq 'user' } sort keys %context;
my @superusers = grep { $context{$_} eq 'superuser' } sort keys %context;
my @servers = grep { $context{$_} =~ /^(sighup|postmaster)$/ } sort keys %context;

is_deeply(\@users, [ map { "pgcares.$_" } sort @everybodys ], 'the settings for everybody are these');
is(scalar @users + @superusers + @servers, scalar keys %context, 'all others are for superusers, or for the whole server');
is($super->sqlstate("SET $_ = 2048"), '55P02', "$_: nobody can SET it") foreach @servers;
cmp_ok(scalar @superusers, '>=', 14, '... at least fourteen');

my $own = Session->new($node, user => 'plain', dbname => 'plains');
foreach my $setting (@superusers)
{
	my $value = $super->text("SHOW $setting") =~ s/'/''/gr;

	refused($plain, "SET $setting = '$value'", "$setting: SET is refused");
	refused($plain, "SET LOCAL $setting = '$value'", '... and SET LOCAL');
	refused($plain, "SELECT set_config('$setting', '$value', false)", '... and set_config()');
	refused($plain, "ALTER ROLE plain SET $setting = '$value'", '... and ALTER ROLE');
	refused($plain, "ALTER DATABASE plains SET $setting = '$value'", '... and ALTER DATABASE of their own database');
	refused($plain, "CREATE FUNCTION mine.f() RETURNS integer LANGUAGE sql SET $setting = '$value' AS 'SELECT 1'",
		'... and a function with it');
	refused($own, "ALTER DATABASE plains SET $setting = '$value'", '... also where the library is not loaded');
	refused($own, "ALTER ROLE plain SET $setting = '$value'", '... and ALTER ROLE there');
}
foreach my $setting (@users)
{
	my $value = $super->text("SHOW $setting");

	allowed($plain, "SET $setting = '$value'", "$setting: everybody may SET it");
	allowed($plain, "ALTER ROLE plain SET $setting = '$value'", '... and set it for their own role');
	allowed($plain, "ALTER DATABASE plains SET $setting = '$value'", '... and for their own database');
	allowed($plain, "CREATE FUNCTION mine.f() RETURNS integer LANGUAGE sql SET $setting = '$value' AS 'SELECT 1'",
		'... and for a function');
	$plain->text('DROP FUNCTION mine.f()');
}
$super->text($_) foreach 'ALTER ROLE plain RESET ALL', 'ALTER DATABASE plains RESET ALL';

# Before the library is loaded, a setting is only a text. It has no effect.
{
	my $session = Session->new($node, user => 'plain');

	$session->text("SET pgcares.servers = '${\$other->address}'");
	my $result = $session->query("SELECT host(address) FROM dns_a('early.example')");
	is($result->{notices}[0]{C}, '42501', 'SET before the library is loaded: a warning');
	is($other->count, 0, '... and its server is not asked');
	is($result->{rows}[0][0], '192.0.2.1', '... but the one of the configuration');
}

# Options of the connection would replace the configuration, and then neither would apply.
foreach my $setting (@superusers)
{
	my $value = $super->text("SHOW $setting") =~ s/([ \\])/\\$1/gr;
	my $options = "-c $setting=$value";
	my $session = Session->new($node, user => 'plain', options => $options);

	refused($session, "SELECT * FROM dns_a('early.example')", "$setting in the options of a connection: no lookup is possible");
	refused($session, 'SELECT dns_version()', '... nor the next time');
	$super->text("GRANT SET ON PARAMETER $setting TO plain");
	allowed(Session->new($node, user => 'plain', options => $options), 'SELECT dns_version()', '... unless it was granted');
	$super->text("REVOKE SET ON PARAMETER $setting FROM plain");
	allowed(Session->new($node, options => $options), 'SELECT dns_version()', '... and a superuser may');
}
allowed(Session->new($node, user => 'plain', options => '-c pgcares.timeout=1s'), 'SELECT dns_version()', 'a setting for everybody is allowed there');

$super->text($_) foreach 'CREATE ROLE stranger LOGIN', 'CREATE ROLE heir LOGIN IN ROLE plain';
my $stranger = Session->new($node, user => 'stranger');
my $heir = Session->new($node, user => 'heir');
$_->text('SELECT dns_version()') foreach $stranger, $heir;
foreach my $setting (@superusers)
{
	$super->text("GRANT SET ON PARAMETER $setting TO plain");
	allowed($plain, "SET $setting TO DEFAULT", "$setting: the right to set it can be granted");
	is(join(' ', grep { $_ ne $setting && $plain->sqlstate("SET $_ TO DEFAULT") ne '42501' } @superusers),
		'', '... and this grants no other');
	refused($stranger, "SET $setting TO DEFAULT", '... nor another role');
	allowed($heir, "SET $setting TO DEFAULT", '... but a member of the role');
	refused($plain, "ALTER SYSTEM SET $setting TO DEFAULT", '... and not for the cluster');
	$super->text("REVOKE SET ON PARAMETER $setting FROM plain; GRANT ALTER SYSTEM ON PARAMETER $setting TO plain");
	allowed($plain, "ALTER SYSTEM SET $setting TO DEFAULT", '... this is another right');
	refused($plain, "SET $setting TO DEFAULT", '... and does not include the first one');
	$super->text("REVOKE ALTER SYSTEM ON PARAMETER $setting FROM plain");
	refused($_, "SET $setting TO DEFAULT", '... until it is revoked') foreach $plain, $heir;
}
refused($plain, "ALTER SYSTEM SET $_ TO DEFAULT", "$_: not for the cluster") foreach @users;
$plain->text('RESET ALL');
$super->text('GRANT SET ON PARAMETER pgcares.servers TO plain');
$plain->text("SET pgcares.servers = '${\$other->address}'");
$plain->text("SELECT * FROM dns_a('granted.example')");
is($server->count(qr/granted/) . ' ' . $other->count(qr/granted/), '0 1', '... and has its effect');
$plain->text('RESET pgcares.servers');
$super->text('REVOKE SET ON PARAMETER pgcares.servers FROM plain');
refused($plain, "SET pgcares.servers = '$closed'", '... until it is revoked');

# ---- Limits that protect others

# A limit that an administrator sets stays.
$super->text('ALTER ROLE plain SET pgcares.max_in_flight = 10');
{
	my $limited = Session->new($node, user => 'plain');

	$limited->text('SELECT dns_version()');
	refused($limited, 'SET pgcares.max_in_flight = 16384', 'a role with a limit on questions in flight cannot raise it');
	refused($limited, 'RESET pgcares.max_in_flight', '... nor reset it');
	is($limited->text('SHOW pgcares.max_in_flight'), '10', '... it applies');
}
$super->text('ALTER ROLE plain RESET ALL');

# More tries or larger answers than these are for superusers, and for roles with a grant. A
# setting for everybody has no effect above its limit.
$super->text('GRANT EXECUTE ON FUNCTION dns_txt(text, text) TO plain');
foreach my $granted (0, 1)
{
	my $session = Session->new($node, user => 'plain', options => '-c pgcares.timeout=20ms -c pgcares.tries=7 -c pgcares.edns_udp_size=8192');
	my $what = $granted ? 'with the right to' : 'a plain role';

	$session->text('SELECT dns_version()');
	if ($granted)
	{
		$super->text("GRANT SET ON PARAMETER pgcares.$_ TO plain") foreach qw(max_tries max_edns_udp_size);
		$session->text('SET pgcares.max_tries = 100; SET pgcares.max_edns_udp_size = 65535');
	}
	is($session->sqlstate("SELECT * FROM dns_a('drop.tries$granted.example')"), 'NDA12', "$what: a name without an answer");
	is($server->count(qr/^drop\.tries$granted\./), $granted ? 7 : 4, '... is asked as often as allowed');
	like($session->text("SELECT txt FROM dns_txt('echo.example')"), $granted ? qr/edns=8192/ : qr/edns=4096/, '... for answers of the allowed size');
}
$super->text("REVOKE SET ON PARAMETER pgcares.$_ FROM plain") foreach qw(max_tries max_edns_udp_size);

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
	NDA00 => "'nodata.example'");
$plain->text('SET pgcares.tries = 1');
$plain->text("SET pgcares.timeout = '250ms'");
sub tells_nothing
{
	my ($session, $sqlstate, $call, $address) = @_;
	my $error = $session->query("SELECT * FROM dns_a($call)")->{error};
	my $warnings = $session->query("SELECT * FROM dns_a($call, 'warning')")->{notices};
	my ($host, $port) = $address =~ /(.*):(\d+)/;

	is($error->{C}, $sqlstate, "$sqlstate is an error");
	is($warnings->[0]{C}, $sqlstate, '... or a warning') if $sqlstate ne 'NDA00';
	unlike(join(' ', map { values %$_ } $error, @$warnings), qr/\Q$host\E|\b$port\b/, '... without an address');
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

# the plan of look-ahead nodes, the context of an error, and the view of others on a
# session that waits
{
	my $address = qr/\Q127.0.0.1\E|\b${\$server->port}\b/;
	my $waiting = Session->new($node, user => 'plain', options => '-c pgcares.timeout=60s');
	my $error;

	unlike($plain->text("EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT * FROM (VALUES ('a.example'), ('b.example')) v (n), LATERAL dns_a(v.n)"),
		$address, 'EXPLAIN tells no address');
	$plain->text("CREATE FUNCTION mine.f(n text) RETURNS inet LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT address FROM public.dns_a(n)); END'");
	$error = $plain->query("SELECT mine.f('ede.example')")->{error};
	like($error->{W}, qr/function mine\.f/, 'an error in a function has a context');
	unlike(join(' ', values %$error), $address, '... without an address');
	$waiting->send("SELECT * FROM dns_a('drop.example')");
	Session::wait_until(sub { $server->has_seen('drop.example') }, 'the question');
	unlike($plain->text('SELECT * FROM pg_stat_activity'), $address, 'nor does pg_stat_activity');
	$super->text('SELECT pg_cancel_backend(' . $waiting->pid . ')');
	unlike(join(' ', values %{ $waiting->result->{error} }), $address, '... nor a cancelled lookup');
	$plain->text('DROP FUNCTION mine.f(text)');
}

# ---- The content of the files that settings name

my $directory = PostgreSQL::Test::Utils::tempdir();
my @asking = ('dns_a(text, text)', 'dns_search(text, text, text, text)', 'dns_lookup(text, integer, text)',
	'dns_lookup_many(text[], integer)', 'dns_gethostbyaddr(inet, text)', 'dns_message(text, text, text)');
my @calls = ("SELECT * FROM dns_a('topsecret.example')", "SELECT * FROM dns_search('topsecret')", "SELECT dns_lookup('topsecret')",
	"SELECT * FROM dns_lookup_many('{topsecret,password}')", "SELECT * FROM dns_gethostbyaddr('10.9.8.7')",
	"SELECT status FROM dns_message('topsecret.example')",
	"EXPLAIN (ANALYZE, VERBOSE) SELECT dns_lookup(n) FROM (VALUES ('topsecret'), ('password')) v (n)");

append_to_file("$directory/secret", "password=s3cr3t\nnameserver s3cr3t\n10.9.8.s3cr3t host\ns3cr3t 10.9.8.7\nsortlist s3cr3t\noptions ndots:s3cr3t\n");
append_to_file("$directory/large", 's3cr3t ' x 1000);
truncate "$directory/large", (128 << 20) + 1;
append_to_file("$directory/closed", "password=s3cr3t\n");
chmod 0, "$directory/closed";
mkdir "$directory/folder";
$super->text('CREATE ROLE asker LOGIN');
$super->text("GRANT EXECUTE ON FUNCTION $_ TO asker") foreach @asking;
$super->text("ALTER ROLE asker SET pgcares.timeout = '250ms'; ALTER ROLE asker SET pgcares.tries = 1");

foreach my $setting ('resolvconf', 'hosts_file')
{
	$super->text("ALTER ROLE asker SET pgcares.servers = '" . ($setting eq 'resolvconf' ? '' : $server->address) . "'");
	$super->text("ALTER ROLE asker SET pgcares.lookups = " . ($setting eq 'resolvconf' ? 'system' : 'fb'));
	foreach my $file ((map { "$directory/$_" } qw(secret large closed folder missing)), '/dev/zero',
		map { $node->data_dir . "/$_" } qw(pg_hba.conf postgresql.auto.conf global/pg_control base))
	{
		my $what = "$setting, " . $file =~ s{.*/}{}r;

		$super->text("ALTER ROLE asker SET pgcares.$setting = '$file'");
		my $session = Session->new($node, user => 'asker');
		my @results = map { $session->query($_) } @calls;
		my $all = join ' ', map { ((map { values %$_ } grep { defined } $_->{error}, @{ $_->{notices} }), map { map { $_ // '' } @$_ } @{ $_->{rows} }) } @results;
		unlike($all, qr/s3cr3t|password=|METHOD|trust|ALTER SYSTEM/, "$what: no content is shown");
		is(join(' ', grep { !/^(?:00000|NDA26|NDA00|42501|54000)$/ } map { Session::sqlstate_of($_) } @results), '', '... and every call succeeds or is refused');
		$session->close;
	}
	$super->text("ALTER ROLE asker RESET pgcares.$setting");
}

done_testing();
