# Property: look-ahead changes no result. Each query of test/lookahead/cases gives the
# same rows as without, in the same order if it has an ORDER BY, for any limit on memory
# and questions in flight, any delay of answers, and any plan; and nothing is left.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cases;
use NameServer;
use Session;

# The least number of queries that have the node: without it, equal results prove nothing
use constant WITH_NODE => 190;

my $server = NameServer->misbehaving;
my $late = NameServer->misbehaving(mode => 'jitter2');
my $node = Session->cluster([$server], 'max_worker_processes = 8', 'max_parallel_workers = 8', 'jit = off');
my $setup = Session->new($node);
Cases->prepare($setup);
my @cases = Cases->all;
my $late_servers = 'pgcares.servers=' . $late->address;
my $major = int($setup->text('SHOW server_version_num') / 10000);
my $forced = $major >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

# The expected results are those without look-ahead.
my $off = Cases->session($node, 'pgcares.lookahead=off');
my %expected = map { $_->{name} => Cases->run($off, $_) } @cases;
is(join(' ', grep { $expected{$_} =~ /^(?:[0-9A-Z]{5}: |connection lost)/ } sort keys %expected), '',
	'without look-ahead: no error');
cmp_ok(scalar(grep { $_ ne '' } values %expected), '>', 200, '... and rows');
is($off->text(q{SELECT cardinality(calls_ahead('SELECT dns_reverse(address) FROM hs'))}), 0,
	'... and no node');

# Runs all cases the first time and with PGCARES_DEEP, otherwise a third of them: another
# third each time and on each version of PostgreSQL. Shows the names of those with another
# result.
my $times = 0;

sub same_results
{
	my ($what, $session, $run) = @_;
	my $descriptors = $session->descriptors;
	my $from = $times++ && !$ENV{PGCARES_DEEP} ? ($times + $major) % 3 : undef;
	my @wrong;

	foreach my $case (map { $cases[$_] } grep { !defined $from || $_ % 3 == $from } 0 .. $#cases)
	{
		my $result = $run->($session, $case);
		next if $result eq $expected{ $case->{name} };
		push @wrong, $case->{name};
		diag("$what: $case->{name}\n--- expected\n$expected{$case->{name}}\n--- got\n$result\n") if @wrong <= 3;
		last if $result eq 'connection lost';
	}
	is("@wrong", '', "$what: the results");
	is_deeply($session->descriptors, $descriptors, "$what: descriptors as before");
}

sub query { return Cases->run(@_) }

my @variants = (
	[ 'the default settings' ],
	[ 'one in flight', 'pgcares.max_in_flight=1' ],
	[ '512 in flight, late', 'pgcares.max_in_flight=512', $late_servers ],
	[ 'little memory, three in flight, late', 'work_mem=64kB', 'pgcares.max_in_flight=3', $late_servers ],
	[ 'little memory, late', 'work_mem=64kB', 'pgcares.max_in_flight=512', $late_servers ],
	[ 'over TCP, late', 'pgcares.tcp=on', $late_servers ],
	[ 'compiled', 'jit=on', 'jit_above_cost=0', 'jit_inline_above_cost=-1', 'jit_optimize_above_cost=-1' ],
	[ 'no nested loops', 'enable_nestloop=off' ],
	[ 'no hashes', 'enable_hashjoin=off', 'enable_hashagg=off', 'enable_memoize=off', 'enable_material=off' ],
	[ 'no sequential scans', 'enable_seqscan=off', 'enable_bitmapscan=off', 'enable_sort=off' ],
	[ 'a parallel plan by force', "$forced=on" ],
	[ 'parallel workers, late', 'parallel_setup_cost=0', 'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0',
		'min_parallel_index_scan_size=0', 'parallel_leader_participation=off', $late_servers ]);

foreach (@variants)
{
	my ($what, @settings) = @$_;
	my $session = Cases->session($node, @settings);

	$session->text(q{SELECT dns_reverse('198.18.0.1')});
	same_results($what, $session, \&query);
	is_deeply([ $session->inet_sockets ], [], "$what: no socket is left");
	$session->close;
}

# Through cursors, which are read piece by piece. A cursor that can go back has no node on
# top, others have one.
foreach my $kind ('', 'NO SCROLL', 'SCROLL')
{
	my $session = Cases->session($node, "pgcares.servers=" . ($kind eq '' ? $late : $server)->address);

	$session->text(q{SELECT dns_reverse('198.18.0.1')});
	same_results($kind eq '' ? 'cursors, late' : "$kind cursors", $session, sub { Cases->run_in_cursor(@_, $kind) });
	is_deeply([ $session->inet_sockets ], [], '... no socket is left');
	$session->close;
}

# The node is there.
{
	my $session = Cases->session($node);
	my $with_node = grep { $session->text(sprintf q{%sSELECT cardinality(calls_ahead($case$%s$case$)) > 0},
			Cases::settings_of($_) =~ s/SET LOCAL role[^;]*;//r, $_->{query}) =~ /t$/ } @cases;

	cmp_ok($with_node, '>=', WITH_NODE, 'queries with the node');
	note("$with_node of " . @cases . ' queries have the node');
}

done_testing();
