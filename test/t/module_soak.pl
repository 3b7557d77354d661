# Many sessions look up, fail, are cancelled and reload the configuration, for a long time:
# none crashes or returns a wrong row, and descriptors and memory do not grow.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use IO::Select;
use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Sessions, and seconds
use constant DEEP => $ENV{PGCARES_DEEP} && !$ENV{PGCARES_WATCHED};
use constant { SESSIONS => DEEP ? 50 : 6, SECONDS => DEEP ? 300 : 6 };

# Share of the time after which a session is warm; growth of memory that is allowed after
# that, in kB; seconds between noises
use constant { WARM => 0.3, MAX_GROWTH => 2048, NOISE_AFTER => 0.2 };

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '20s'",
	'max_connections = 80', 'max_worker_processes = 20', 'log_statement = none', 'log_min_messages = log');
my $noise = Session->new($node);
my $number = 0;

srand(my $seed = time);
note("seed $seed");
$noise->text($_) foreach
  'CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, 100) i',
  'ALTER TABLE hosts SET (parallel_workers = 2)',
  'ANALYZE hosts';

# Statements with their SQLSTATE and first row. ZONE is new each time.
my @statements = (
	[ q{SELECT host(address) FROM dns_a('sound' || ZONE)}, '00000', '192.0.2.1' ],
	[ q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'n' || g || ZONE FROM hosts))}, '00000', 100 ],
	[ q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'big20.n' || g || ZONE FROM hosts WHERE g <= 20))}, '00000', 400 ],
	[ q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'short.n' || g || ZONE FROM hosts)) WHERE status = 'MALFORMED'}, '00000', 100 ],
	[ q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'tc.n' || g || ZONE FROM hosts WHERE g <= 20))}, '00000', 20 ],
	[ q{SELECT count(dns_lookup('n' || g || ZONE, 4)) FROM hosts}, '00000', 100 ],
	[ q{SELECT count(*) FROM hosts, LATERAL dns_a('n' || g || ZONE)}, '00000', 100 ],
	[ q{SELECT count(*) FROM (SELECT FROM hosts, LATERAL dns_a('n' || g || ZONE) LIMIT 3) s}, '00000', 3 ],
	[ q{SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SELECT count(*) FROM hosts, LATERAL dns_a('n' || g || ZONE)}, '00000', 100 ],
	[ q{SET LOCAL pgcares.tcp = on; SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'n' || g || ZONE FROM hosts))}, '00000', 100 ],
	[ q{SELECT * FROM dns_a('nxdomain' || ZONE)}, 'ND003' ],
	[ q{SELECT dns_lookup(CASE WHEN g = 50 THEN 'rcode2.' ELSE '' END || 'n' || g || ZONE, 4) FROM hosts}, 'ND002' ],
	[ q{SELECT count(1 / (g - 50)) FROM hosts, LATERAL dns_a('n' || g || ZONE)}, '22012' ],
	[ q{SET LOCAL pgcares.max_questions = 10; SELECT * FROM dns_query_many(ARRAY(SELECT 'n' || g || ZONE FROM hosts))}, '54000' ],
	[ q{SET LOCAL pgcares.deadline = '50ms'; SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'drop.n' || g || ZONE FROM hosts))}, '00000', 100 ],
	[ q{SET LOCAL statement_timeout = '30ms'; SELECT FROM dns_query_many(ARRAY(SELECT 'drop.n' || g || ZONE FROM hosts))}, '57014' ],
	[ q{SET LOCAL statement_timeout = '30ms'; SELECT FROM hosts, LATERAL dns_a('drop.n' || g || ZONE)}, '57014' ],
	[ q{SELECT dns_reset()}, '00000', '' ]);

# Sends a session a new statement; the session keeps the expected outcome.
sub send_next
{
	my ($session) = @_;
	my ($sql, $state, $row) = @{ $statements[ rand @statements ] };
	my $zone = "'.z" . ++$number . ".example'";

	@$session{qw(sql state row)} = ($sql =~ s/ZONE/$zone/gr, $state, $row);
	$session->send($session->{sql});
}

# Is the outcome right? A cancel can come at any time.
sub is_right
{
	my ($session, $result) = @_;
	my $state = Session::sqlstate_of($result);

	return 1 if $state eq '57014';
	return 0 if $state ne $session->{state};
	return $state ne '00000' || !defined $session->{row} || ($result->{rows}[0][0] // '') eq $session->{row};
}

sub memory
{
	return map { $_->status('RssAnon') } @_;
}

my @sessions = map { Session->new($node) } 1 .. SESSIONS;
my %by_socket = map { ($_->{socket}->fileno => $_) } @sessions;
my $select = IO::Select->new(map { $_->{socket} } @sessions);
my ($start, $last_noise, $done, $cancels, $ending) = (time, time, 0, 0, 0);
my (@wrong, @before, @descriptors, %busy);

foreach (@sessions) { send_next($_); $busy{$_} = 1 }
while (%busy)
{
	foreach my $socket ($select->can_read(NOISE_AFTER))
	{
		my $session = $by_socket{ $socket->fileno };
		my $result = $session->result;

		push @wrong, "$session->{sql}: " . Session::sqlstate_of($result) if !is_right($session, $result);
		$done++;
		delete $busy{$session};
		next if $ending || $result->{ended};
		send_next($session);
		$busy{$session} = 1;
	}
	if (time > $last_noise + NOISE_AFTER)
	{
		$noise->text('SELECT pg_reload_conf(), pg_cancel_backend(' . $sessions[ rand @sessions ]->pid . ')');
		$cancels++;
		$last_noise = time;
	}
	@before = memory(@sessions) if !@before && time > $start + WARM * SECONDS;
	$ending ||= time > $start + SECONDS;
}

is_deeply([ @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ] ], [], "$done statements in @{[ SESSIONS ]} sessions, $cancels cancels: each gave what it should");
is(scalar(grep { !$_->is_alive } @sessions), 0, 'all backends survive');
is_deeply([ map { $_->inet_sockets } @sessions ], [], 'no socket is left');
my @after = memory(@sessions);
my @growth = map { $after[$_] - $before[$_] } 0 .. $#after;
note(sprintf 'growth of memory: %.0f kB on average, %d kB at most', sum(@growth) / @growth, max(@growth));
SKIP:
{
	skip 'memory is not measured under a checker, nor before sessions are warm', 1 if $ENV{PGCARES_WATCHED} || !DEEP;
	cmp_ok(sum(@growth) / @growth, '<', MAX_GROWTH, 'memory does not grow');
}

# all sessions have the same descriptors
my %kinds;
$kinds{ join ' ', @{ $_->descriptors } }++ foreach @sessions;
cmp_ok(scalar keys %kinds, '<=', 2, 'descriptors are the same everywhere') or diag(explain(\%kinds));
foreach my $session (@sessions)
{
	my $row = $session->text(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'end' || g || '.example' FROM hosts))});
	push @wrong, "at the end: $row" if $row != 100;
}
is_deeply(\@wrong, [], 'all sessions go on');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|server process .* exited/, 'the log has no crash');
done_testing();
