# Property: "make installcheck" passes on a server that preloads the library. Without Knot
# it ends at once and says how to go on, and what it says works.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgcares'");
$node->start;
my $place = PostgreSQL::Test::Utils::tempdir();
my $bindir = $node->config_data('--bindir');

# The status and the output of installcheck with these words
sub installcheck
{
	my (@words) = @_;
	my $output = '';
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);

	# those of the make that runs this test
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS REGRESS ISOLATION PROVE_TESTS PROVE_FLAGS)};
	mkdir "$place/out";
	my $passed = IPC::Run::run([ 'make', '-C', "$FindBin::Bin/../..", "PG_CONFIG=$bindir/pg_config", 'installcheck', @words,
			"EXTRA_REGRESS_OPTS=--outputdir=$place/out" ], '<', '/dev/null', '>', \$output, '2>&1');
	return ($passed, $output);
}

my ($passed, $output) = installcheck('ISOLATION=', 'TAP_TESTS=');
ok($passed, 'make installcheck passes on a server that preloads the library') or diag($output, slurp_file("$place/out/regression.diffs"));
like($output, qr/settings/, '... with the tests of settings');

{
	my $begun = time;
	local $ENV{KNOTD} = '/nonexistent/knotd';

	($passed, $output) = installcheck('TAP_TESTS=');
	ok(!$passed, 'without Knot it fails');
	cmp_ok(time - $begun, '<', 30, '... at once');
	like($output, qr/Knot.*is not installed/, '... and says what is missing');
	my ($advice) = $output =~ /make installcheck (\S+)$/m;
	ok($advice, '... and how to go on');
	($passed, $output) = installcheck($advice // ());
	ok($passed, "make installcheck with that passes") or diag($output);
	like($output, qr/offline/, '... with the tests that ask no name server');
	unlike($output, qr/isolation|prove/, '... and no others');
}

done_testing();
