#!/usr/bin/perl
#
# Compares the functions of pgcares_tools with lookups of the same questions, over many
# rows and a name server that answers after 5 ms:
#
#   make installcheck REGRESS= ISOLATION= PROVE_TESTS=bench/tools.pl PROVE_FLAGS=-v
#
# Each line has the least time of a function over all rows, that of its slowest chain of
# plain lookups, the ratio of both, the processor time of the session for a row, and the
# questions of each. On a busy machine compare the processor times. BENCH_ROWS and BENCH_ONLY
# (a pattern of names) make it shorter; BENCH_STORE=1 writes tools.txt, in the current
# folder's bench/.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(min);
use NameServer;
use Session;

use constant { ROWS => $ENV{BENCH_ROWS} // 10_000, ROUNDS => 2 };

my $server = NameServer->misbehaving(mode => 'delay5');
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", "work_mem = '64MB'", 'log_statement = none', 'jit = off',
	"pgcares.timeout = '8s'", 'pgcares.udp_port = ' . $server->port);
my $other = NameServer->misbehaving(mode => 'delay5');
my $two = join ',', map { $_->address } $server, $other;
my $session = Session->new($node);
my $i = 0;
my @lines;

$session->text($_) foreach 'CREATE EXTENSION pgcares_tools',
  sprintf("CREATE TABLE hosts AS SELECT i AS id, 'h' || i || '.zone.example' AS name, inet '10.0.0.0' + i AS ip FROM generate_series(1, %d) i", ROWS),
  'ANALYZE';

my @pairs = (
	[ 'dns_mail_hosts', 'LATERAL dns_mail_hosts(h.name) m', q{LATERAL dns_mx(h.name, 'missing_ok') m} ],
	[ 'dns_fcrdns', 'LATERAL dns_fcrdns(h.ip) f', q{LATERAL dns_ptr(h.ip, 'missing_ok') p, LATERAL dns_a(p.ptrdname, 'missing_ok') a} ],
	[ 'dns_blocklist', q{LATERAL dns_blocklist(h.ip, '{list.example}') b}, q{LATERAL dns_a(dns_blocklist_name(h.ip, 'list.example'), 'missing_ok') a, LATERAL dns_txt(dns_blocklist_name(h.ip, 'list.example'), 'missing_ok') t} ],
	[ 'dns_spf', 'LATERAL dns_spf(h.name) s', q{LATERAL dns_txt(h.name, 'missing_ok') t} ],
	[ 'dns_srv_targets', q{LATERAL dns_srv_targets(h.name) s}, q{LATERAL dns_srv(h.name, 'missing_ok') s, LATERAL dns_a(s.target, 'missing_ok') a, LATERAL dns_aaaa(s.target, 'missing_ok') b} ],
	[ 'dns_dmarc', 'LATERAL dns_dmarc(h.name) d', join ', ', map { "LATERAL dns_txt('_dmarc.' || dns_suffix(h.name, $_), 'missing_ok') t$_" } 3, 2, 1 ],
	[ 'dns_zone_check', q{LATERAL dns_zone_check('own1.' || h.name) c},
		q{LATERAL dns_ns('own1.' || h.name, 'missing_ok') n, LATERAL dns_a(n.nsdname, 'missing_ok') a, LATERAL dns_aaaa(n.nsdname, 'missing_ok') b, LATERAL dns_message_at(host(a.address), 'own1.' || h.name, 'SOA') m} ],
	[ 'dns_fcrdns_in', q{LATERAL (SELECT dns_fcrdns_in(h.ip, '{arpa}')) f}, q{LATERAL dns_ptr(h.ip, 'missing_ok') p, LATERAL dns_a(p.ptrdname, 'missing_ok') a} ],
	[ 'dns_fcrdns_in_many', q{dns_fcrdns_in_many(ARRAY(SELECT ip FROM hosts), '{arpa}') f WHERE h.id = f.ord},
		q{LATERAL dns_ptr(h.ip, 'missing_ok') p, LATERAL dns_a(p.ptrdname, 'missing_ok') a} ],
	[ 'dns_spf_cost', q{dns_spf_cost(ARRAY(SELECT 'spf1.' || name FROM hosts ORDER BY id)) c WHERE c.domain = 'spf1.' || h.name},
		join ', ', map { my ($f, $label) = split / /; "LATERAL dns_$f('$label.' || h.name, 'missing_ok') " . $f . $label } 'txt spf1', 'a spf1', 'txt spf0', 'a spf0', 'mx spf0', 'mx spf1' ],
	[ 'dns_propagation', qq{LATERAL dns_propagation(h.name, 'A', '{$two}') p}, join ', ', map { "LATERAL dns_message_at('$_', h.name, 'A') m" . ++$i } split /,/, $two ],
	[ 'dns_dane', 'LATERAL dns_dane(h.name, 25) d', q{LATERAL dns_message('_25._tcp.' || h.name, 'TLSA') t} ],
	[ 'dns_zone', 'LATERAL dns_zone(h.name) z', q{LATERAL dns_message(h.name, 'SOA') m} ],
	[ 'dns_accepts_mail', 'LATERAL (SELECT dns_accepts_mail(h.name)) a',
		q{LATERAL dns_message(h.name, 'MX') m, LATERAL dns_message(h.name, 'A') a, LATERAL dns_message(h.name, 'AAAA') b} ]);

# The least seconds, the least microseconds of processor time for a row, and the questions
# of one run
sub cost
{
	my ($what) = @_;
	my (@times, @cpu, $questions);

	foreach (0 .. ROUNDS)
	{
		$server->forget;
		my $before = $session->cpu_time;
		my ($time) = $session->text("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) SELECT * FROM hosts h, $what") =~ /Execution Time: ([\d.]+)/;
		$questions = $server->log;
		next if $_ == 0;
		push @times, $time / 1000;
		push @cpu, ($session->cpu_time - $before) * 1e6 / ROWS;
	}
	return (min(@times), min(@cpu), $questions);
}

foreach (grep { !$ENV{BENCH_ONLY} || $_->[0] =~ /^($ENV{BENCH_ONLY})$/ } @pairs)
{
	my ($name, @what) = @$_;
	my ($time, $cpu, $questions) = cost($what[0]);
	my ($chain_time, $chain_cpu, $chain_questions) = cost($what[1]);

	push @lines, sprintf '%-18s %8.2f %8.2f %7.2f %7.0f %7.0f %9d %9d', $name, $time, $chain_time, $time / $chain_time, $cpu, $chain_cpu, $questions, $chain_questions;
	note($lines[-1]);
}
if ($ENV{BENCH_STORE})
{
	open my $file, '>', "$FindBin::Bin/tools.txt" or die "tools.txt: $!\n";
	printf $file <<'END', ROWS;
# Functions of pgcares_tools, and their slowest chain of plain lookups: seconds for %d rows with answers after 5 ms, their
# ratio, microseconds of a processor for a row, and questions to the first server. PostgreSQL 15. Written by tools.pl.
function           seconds    chain   ratio      us   chain questions     chain
END
	print $file "$_\n" foreach @lines;
	close $file or die "tools.txt: $!\n";
}
ok(1, 'measured');
done_testing();
