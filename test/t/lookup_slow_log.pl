# Slow lookups are logged, one line each, however they were asked and whatever came of
# them; quick ones are not, and no client sees the line.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Document;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $silent = NameServer->silent(address => '127.0.0.2');
my $node = Session->cluster([$server], "log_line_prefix = '%e '", "log_statement = 'none'", 'log_disconnections = off', 'log_connections = off', 'log_error_verbosity = terse');
my $session = Session->new($node);
my ($first, $second) = map { quotemeta $_->address } $server, $silent;
my $names = 0;

# The lines that a statement adds to the log
sub logged
{
	my ($sql) = @_;
	my $from = -s $node->logfile;
	my $result = $session->query($sql);
	my $mark = 'mark ' . ++$names;

	ok(!grep({ $_->{M} =~ /slow lookup/ } @{ $result->{notices} }), 'no client sees it');
	$session->text("DO \$\$ BEGIN RAISE LOG '$mark'; END \$\$");
	return grep { !/\Q$mark\E|RAISE|CONTEXT|STATEMENT:  DO/ } split /\n/, substr(slurp_file($node->logfile), $from);
}

# A line without the name, the addresses and the numbers in it
sub shape
{
	return $_[0] =~ s/"(?:[^"\\]|\\.)*"/NAME/r =~ s/servers [\d.: ]+,/servers SOME,/r =~ s/\d+(\.\d+)?(?= ms)|(?<=tries )\d+/N/gr =~ s/\n//r;
}

my %ask = (
	single => q{SELECT count(*) FROM dns_query('%s', 'MX', 'IN', 'ignore')},
	batch => q{SELECT count(*) FROM dns_query_many(ARRAY['%s'], 'MX')},
	'look-ahead' => q{SELECT count(m.*) FROM (VALUES ('%s')) AS n (name), LATERAL dns_mx(name, 'ignore') m},
	message => q{SELECT count(*) FROM dns_message('%s', 'MX')});
my @outcomes = (
	[ 'delay200.nxdomain', 'NXDOMAIN', 'ND003' ], [ 'delay200.nodata', 'NODATA', 'NDA00' ],
	[ 'delay200.rcode2', 'SERVFAIL', 'ND002' ], [ 'delay200.mxshort', 'MALFORMED', 'NDA10' ], [ 'delay200.sound', 'NOERROR', '00000' ]);

$session->text(q{SET pgcares.log_min_duration = '150ms'; SET client_min_messages = debug1});
foreach my $ask (sort keys %ask)
{
	foreach (@outcomes)
	{
		my ($behaviour, $outcome, $state) = @$_;
		my $name = "$behaviour.n" . ++$names . '.example';
		my @lines = logged(sprintf $ask{$ask}, $name);

		is(scalar @lines, 1, "$ask, $outcome: one line") or diag(join "\n", @lines);
		like($lines[0] // '', qr/^$state LOG:  slow lookup: name "\Q$name\E", type MX, outcome $outcome, SQLSTATE $state, servers $first, tries 1, (\d+\.\d{3}) ms$/,
			'... with all of it');
		my ($ms) = ($lines[0] // '') =~ /(\S+) ms$/;
		cmp_ok($ms // 0, '>=', 150, '... and the time');
	}
	is_deeply([ logged(sprintf $ask{$ask}, 'n' . ++$names . '.example') ], [], "$ask: a quick one is not logged");
}

# Every status has its line; only a text that is no name is no question.
{
	my %label = (NOERROR => 'sound', NODATA => 'nodata', REFERRAL => 'referral', MALFORMED => 'mxshort', TIMEOUT => 'drop', UNREACHABLE => 'sound');
	my $closed = '127.0.0.3:' . NameServer->closed_port('127.0.0.3');

	$session->text(q{SET pgcares.log_min_duration = 0; SET pgcares.timeout = '100ms'; SET pgcares.tries = 1});
	foreach my $row (split /\n/, $session->text(q{SELECT status, sqlstate, code FROM dns_statuses() WHERE status IS NOT NULL}))
	{
		my ($status, $state, $code) = split /\|/, $row;
		my $label = $label{$status} // "rcode$code";
		my ($set, $reset) = $status eq 'UNREACHABLE' ? ("SET pgcares.servers = '$closed'", 'RESET pgcares.servers') :
		  $status eq 'NOSERVER' ? (q{SET pgcares.servers = ''; SET pgcares.default_server = off}, 'RESET pgcares.servers; RESET pgcares.default_server') : ('SELECT', 'SELECT');

		$session->text($set);
		foreach my $ask (sort keys %ask)
		{
			my $name = $status eq 'BADNAME' ? 'a..b' : "$label.s" . ++$names . '.example';
			my @lines = logged(sprintf $ask{$ask}, $name);
			my $expected = $status eq 'BADNAME' ? qr/^$/ :
			  qr/^$state LOG:  slow lookup: name "\Q$name\E", type MX, outcome $status, SQLSTATE $state, servers \S+, tries \d, \d+\.\d{3} ms$/;
			like(join("\n", @lines), $expected, "$ask: status $status");
		}
		$session->text($reset);
	}
	$session->text(q{SET pgcares.log_min_duration = '150ms'; RESET pgcares.timeout; RESET pgcares.tries});
}

# Two servers, several tries; a name that is no text
$session->text("SET pgcares.servers = '" . $silent->address . ', ' . $server->address . q{'; SET pgcares.timeout = '100ms'; SET pgcares.tries = 2});
my @lines = logged(q{SELECT count(*) FROM dns_a('drop.a\"\010%s.example', 'ignore')});
like($lines[0], qr/^NDA12 LOG:  slow lookup: name "drop\.a\\"\\010%s\.example", type A, outcome TIMEOUT, SQLSTATE NDA12, servers $second $first, tries 4, \d+\.\d+ ms$/, 'a timeout');
is(scalar @lines, 1, '... is one line');
is(shape($lines[0] =~ s/^NDA12 //r), shape(Document->new('statistics.md')->text('log line')), '... as docs/statistics.md shows it');
$session->text('RESET pgcares.timeout; RESET pgcares.tries; RESET pgcares.servers');

# Each of a call; each question of a host
is(scalar(logged(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'delay200.b' || g || '.example' FROM generate_series(1, 5) g))})), 5, 'a batch: each slow one');
is(scalar(logged(q{SELECT count(*) FROM dns_addresses('delay200.h.example', on_error => 'ignore')})), 2, 'a host: both questions');
is(scalar(logged(q{SELECT count(a.*) FROM generate_series(1, 5), LATERAL dns_a('delay200.same.example', 'ignore') a})), 1, 'look-ahead: equal questions once');
is(scalar(logged(q{SELECT dns_a('delay200.error.nxdomain.example')})), 1, 'logged without an error');
like((logged(q{SELECT dns_a('delay200.nxdomain.e.example')}))[0], qr/^ND003 LOG/, 'logged before the error');

# The deadline
$session->text(q{SET pgcares.deadline = '200ms'});
foreach my $ask (sort keys %ask)
{
	@lines = logged(sprintf $ask{$ask}, 'drop.d' . ++$names . '.example');
	is(scalar(grep { /outcome TIMEOUT/ } @lines), 1, "$ask: the deadline") or diag(join "\n", @lines);
}
$session->text('RESET pgcares.deadline');

# All, and none
$session->text('SET pgcares.log_min_duration = 0');
foreach my $ask (sort keys %ask)
{
	is(scalar(logged(sprintf $ask{$ask}, 'n' . ++$names . '.example')), 1, "$ask: 0 logs all");
}
like((logged(q{SELECT count(*) FROM dns_a('n.onion', 'ignore')}))[0] // '', qr/name "n\.onion", type A, outcome NXDOMAIN, SQLSTATE ND003, servers none, tries 0, /, 'one that is never asked');
$session->text('SET pgcares.log_min_duration = -1');
is_deeply([ logged(q{SELECT count(*) FROM dns_a('delay200.x.example', 'ignore')}) ], [], '-1 logs none');

# Only superusers decide
$session->text('CREATE ROLE plain LOGIN');
is(Session->new($node, user => 'plain')->sqlstate(q{SELECT dns_to_ascii('a'); SET pgcares.log_min_duration = 0}), '42501', 'for superusers');

done_testing();
