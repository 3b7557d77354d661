# Property: a forger who does not know question, id, address and port together has no
# effect on a lookup; nor do random octets from the server itself, in any number. The true
# answer, which comes later, is the result.
#
# 1,000 lookups at a time have ten forged datagrams each; 10,000 with PGCARES_DEEP.
# One kind of forged answers comes from the second server, which never answers a query.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Batch;
use List::Util qw(max sum0);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $deep = $ENV{PGCARES_DEEP};
my $watched = $ENV{PGCARES_WATCHED};
plan skip_all => 'a backend under valgrind loses datagrams that come at once' if ($watched // '') eq 'valgrind';
my $lookups = $deep ? 10000 : 1000;

# No answer in this test takes that long.
my $server = NameServer->misbehaving;
my $elsewhere = '127.0.9.1:' . $server->port;
my $node = Session->cluster([ $server, $elsewhere ], "pgcares.timeout = '20s'");
my $session = Session->new($node);
my $other = Session->new($node);
my $pid = $session->pid;

sub forged_so_far
{
	return $other->text(q{SELECT txt FROM dns_txt('forged.example')});
}

# A number of the session's counters
sub counter
{
	my ($name) = @_;
	return $session->text("SELECT value FROM dns_stats() WHERE counter = '$name'");
}

# ---- Forged answers

$session->text("CREATE TABLE names AS SELECT i, 'n' || i AS n FROM generate_series(1, $lookups) i; ANALYZE names");

my $zones = 0;
foreach my $way ('udp', 'udp, randomize_case', 'udp, randomize_case, no edns')
{
	foreach (
		[ 'dns_query_many', q{FROM dns_query_many(ARRAY(SELECT 'forgeries.' || n || '.ZONE' FROM names)) r} ],
		[ 'LATERAL', q{FROM names, LATERAL dns_query('forgeries.' || n || '.ZONE') r} ])
	{
		my ($what, $from) = @$_;
		my $zone = 'f' . ++$zones . '.example';

		$from =~ s/ZONE/$zone/;
		$session->text(Session::set_way($way));
		$server->forget;
		my ($forged, $ignored) = (-forged_so_far(), -counter('ignored'));
		my $result = $session->query("SELECT r.rdata, count(*) $from GROUP BY 1");
		$server->sync;
		$forged += forged_so_far();
		$ignored += counter('ignored');
		my @queries = grep { lc($_->{name}) =~ /\.\Q$zone\E$/ } $server->log;

		is_deeply($result->{error}, undef, "$what, $way: no error");
		is_deeply($result->{rows}, [ [ '192.0.2.1', $lookups ] ], '... all answers are the right ones');
		cmp_ok(scalar @queries, '<=', $lookups * 1.1, '... and none is asked again');
		is(scalar(grep { $_->{transport} ne 'udp' } @queries), 0, '... or over TCP');
		cmp_ok($forged, '>=', $lookups * 10, '... while ten datagrams a lookup were forged');
		cmp_ok($ignored, '>=', $forged * 0.4, '... many of which have reached the socket of the victim');
		note("$forged forged, $ignored ignored, " . @queries . ' queries');
	}
}

# The true answer has 100 ms to come after an error without a question. Without EDNS, only
# this saves the lookup.
foreach my $rcode (1, 2, 4, 5)
{
	$server->forget;
	is($session->text("SELECT host(address) FROM dns_a('barefirst$rcode.waits.example')"), '192.0.2.1',
		"rcode $rcode without a question, then the true answer: the true answer");
	is($server->count, 1, '... and it was asked once');
}
$session->text(Session::set_way('udp'));

sub batch
{
	return Batch->run($server, $session, @_);
}

# ---- Good answers to questions that are over

my $rdata = 'SELECT rdata, count(*) FROM dns_query_many(NAMES) GROUP BY 1';
my ($names) = Batch->names(q{'echoes3.sound'}, $lookups);
is($session->text($rdata =~ s/NAMES/$names/r), "192.0.2.1|$lookups", 'three more answers to each question: the first one counts');

# all answers are late; the first ones are forged and come while the next call waits
($names) = Batch->names(q{'late600'}, 100);
is($session->text("SET pgcares.deadline = '300ms'; " . ($rdata =~ s/NAMES/$names/r)), '|100', 'answers that come too late: none');
is($session->text('RESET pgcares.deadline; ' . ($rdata =~ s/NAMES/$names/r)), '192.0.2.1|100',
	'... and the next call with the same questions does not take them');

# ---- Random octets from the right address and port

my $count = $deep ? 5000 : 1000;
my $batch = batch(q{CASE WHEN g % 5 = 0 THEN 'flood10.delay20' ELSE 'delay20' END}, $count);
$batch->all_succeed($count, 'two random datagrams for each name');
$batch->asked_once($count, '... by the server');
cmp_ok($batch->{stats}{ignored}, '>', $count, '... most datagrams have come');

$batch = batch(q{CASE WHEN g % 100 = 0 THEN 'burst1000.delay50' ELSE 'delay50' END}, $count);
$batch->all_succeed($count, 'bursts of 1,000');
cmp_ok(scalar @{ $batch->{queries} }, '<=', $count * 1.1, '... each was asked once');
cmp_ok($batch->{stats}{ignored}, '>', $count * 5, '... while most of them have come');

# A lookup that waits keeps waiting, costs next to nothing, and can be cancelled.
my $before = $session->cpu_time;
is($session->sqlstate(q{SET pgcares.deadline = '2s'; SELECT * FROM dns_a('flood2000.drop.example')}), 'NDA12',
	'2,000 datagrams in two seconds, and no answer');
SKIP:
{
	skip 'the server is slow', 1 if $watched;
	cmp_ok($session->cpu_time - $before, '<', 0.5, '... cost little processor time');
}
$session->text('RESET pgcares.deadline');

$session->send(q{SELECT * FROM dns_a('burst30000.drop.cancelled.example')});
Session::wait_until(sub { $server->has_seen('burst30000.drop.cancelled.example') }, 'the question');
my $asked = time;
$other->text("SELECT pg_cancel_backend($pid)");
my $result = $session->result;
is(Session::sqlstate_of($result), '57014', '30,000 at once: the statement is cancelled');
SKIP:
{
	skip 'the server is slow', 1 if $watched;
	cmp_ok($result->{time} - $asked, '<', 2, '... in time');
}

# ---- A kept socket has everything that came while no lookup was waiting.

$session->text("SET pgcares.keep_open = on; SET pgcares.timeout = '5s'");
foreach my $label (qw(echoes100 echoes20000 burst20000))
{
	is($session->text("SELECT host(address) FROM dns_a('$label.kept.example')"), '192.0.2.1', "$label: the answer");
	$server->sync;
	$server->forget;
	my $begin = time;
	is($session->text(qq{SELECT host(address) FROM dns_a('sound.$label.example')}), '192.0.2.1', '... and the next one');
	note(sprintf '%.3f s, %d queries', time - $begin, $server->count);
	is($session->text(qq{SELECT host(address) FROM dns_a('$label.kept.example')}), '192.0.2.1', '... and for the same name');
}
is($session->text('SELECT pg_backend_pid()'), $pid, 'the same backend has survived all that');

done_testing();
