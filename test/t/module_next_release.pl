# Property: an upgrade script carries a database from one release to the next. It gives the
# same objects as creating the next release, keeps grants, views and sessions, and grants
# nothing that is new. There is one release yet, so the next one is made here: it has a new
# function in a group, another default, and a new column in the rows of a function.
#
# Once: the upgrade of an extension does not depend on the version of PostgreSQL

use strict;
use warnings;

use File::Copy qw(copy);
use File::Path qw(make_path);
use FindBin;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $tree = "$FindBin::RealBin/../..";
my ($version) = slurp_file("$tree/pgcares.control") =~ /^default_version = '(.*)'/m;
my $next = $version =~ s/(\d+)$/$1 + 1/er;

# ---- The releases, in a stage of their own

my $session = Session->new($node);
$session->text("LOAD 'pgcares'");
my ($library) = slurp_file('/proc/' . $session->pid . '/maps') =~ m{(/\S*/pgcares\.so)$}m;
$session->close;
my ($pkglib, $share) = map { $node->config_data($_) } '--pkglibdir', '--sharedir';
plan skip_all => 'the library is not in a staging folder' if $library !~ m{.\Q$pkglib\E/pgcares\.so$};

my $own = PostgreSQL::Test::Utils::tempdir() . '/own';
make_path("$own$pkglib", "$own$share/extension");
copy($library, "$own$pkglib/pgcares.so") or die "cannot copy $library: $!";
chmod 0755, "$own$pkglib/pgcares.so";

# What the next release adds; the C function of the old shape of rows stays.
my $added = <<'SQL';
CREATE FUNCTION dns_new(name text)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'pgcares_lookup'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1;
COMMENT ON FUNCTION dns_new(text) IS 'new in the next release';
REVOKE ALL ON FUNCTION dns_new(text) FROM PUBLIC;
ALTER FUNCTION dns_servers() ROWS 7;
ALTER TYPE dns_server_record ADD ATTRIBUTE tls boolean;
COMMENT ON COLUMN dns_server_record.tls IS 'new in the next release';
SQL
my $script = slurp_file("$tree/pgcares--$version.sql");
my $control = slurp_file("$tree/pgcares.control");
put("pgcares--$version.sql", $script);
put("pgcares--$version--$next.sql", qq{\\echo Use "ALTER EXTENSION pgcares UPDATE" to load this file. \\quit\n$added});
put("pgcares--$next.sql", "$script$added");
put('pgcares.control', $control =~ s/^(default_version = )'.*'/$1'$version'/mr);

$node->append_conf('postgresql.conf', slurp_file($node->data_dir . '/postgresql.conf') =~ /^extension_destdir/m
	? "extension_destdir = '$own'"
	: "extension_control_path = '$own$share:\$system'");
$node->restart;

# ---- A database with the old release

$session = Session->new($node);
is($session->text(q{SELECT extversion FROM pg_extension WHERE extname = 'pgcares'}), $version, 'a database with the old release');
$session->text($_) foreach
  'CREATE ROLE analyst LOGIN',
  q{CREATE VIEW found AS SELECT d.name, a.* FROM (VALUES ('a.example')) d (name), LATERAL dns_a(d.name) a},
  'GRANT SELECT ON found TO analyst';
$session->text($_) foreach split /\n/, $session->text(q{SELECT dns_grant_statements('analyst', 'lookup')});
$session->text('REVOKE EXECUTE ON FUNCTION dns_to_ascii(text) FROM PUBLIC');

my $analyst = Session->new($node, user => 'analyst');
my $lookup = q{SELECT host(address) FROM dns_a('a.example')};
$analyst->text("PREPARE prepared AS $lookup");
is($analyst->text('EXECUTE prepared'), '192.0.2.1', '... that a role uses');
my $rights = q{SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE prosrc LIKE 'pgcares\_%' AND proname <> 'dns_new' ORDER BY 1};
my $before = $session->text($rights);

# ---- The next release comes

put('pgcares.control', $control =~ s/^(default_version = )'.*'/$1'$next'/mr);
is($session->text(q{SELECT path FROM pg_extension_update_paths('pgcares') WHERE source = '} . $version . q{' AND target = '} . $next . q{'}),
	"$version--$next", 'there is a way to the next release');
is($session->sqlstate('ALTER EXTENSION pgcares UPDATE'), '00000', 'a database goes to the next release');
is($session->text(q{SELECT extversion FROM pg_extension WHERE extname = 'pgcares'}), $next, '... and has it');
is($session->text($rights), $before, '... with all grants');
is($session->text('SELECT host(address) FROM found'), '192.0.2.1', '... a view goes on');
is($analyst->text('EXECUTE prepared'), '192.0.2.1', '... and a session with a plan');
is($analyst->text($lookup), '192.0.2.1', '... and its role');
is($analyst->sqlstate(q{SELECT * FROM dns_new('a.example')}), '42501', '... which cannot call what is new without a grant');
is($session->sqlstate('SELECT * FROM dns_servers()'), '42804', 'rows of another shape are an error, if the library is too old for them');

# ---- The same objects as in a new database

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
my $fresh = Session->new($node, dbname => 'fresh');
$fresh->text('CREATE EXTENSION pgcares');
$session->text('GRANT EXECUTE ON FUNCTION dns_to_ascii(text) TO PUBLIC');
$session->text($_ =~ s/^GRANT/REVOKE/r =~ s/ TO / FROM /r) foreach split /\n/, $session->text(q{SELECT dns_grant_statements('analyst', 'lookup')});
my %same = (
	members => q{SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcares') ORDER BY 1},
	functions => q{SELECT pg_get_functiondef(oid), obj_description(oid, 'pg_proc') FROM pg_proc WHERE prosrc LIKE 'pgcares\_%' ORDER BY oid::regprocedure::text},
	'rights of functions' => q{SELECT oid::regprocedure::text, ARRAY(SELECT (a.grantee::regrole, a.privilege_type)::text FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a ORDER BY 1)::text
		FROM pg_proc WHERE prosrc LIKE 'pgcares\_%' ORDER BY 1},
	columns => q{SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute
		WHERE attrelid::regclass::text ~ '^dns_' AND attnum > 0 ORDER BY attrelid::regclass::text, attnum});
foreach my $part (sort keys %same)
{
	my $expected = $fresh->text($same{$part});

	cmp_ok(length $expected, '>', 500, "$part are there");
	is($session->text($same{$part}), $expected, '... and the same, upgraded or new');
}

done_testing();

sub put
{
	my ($file, $text) = @_;
	my $path = "$own$share/extension/$file";

	open(my $out, '>', $path) or die "cannot write $path: $!";
	print $out $text;
	close $out or die "cannot write $path: $!";
}
