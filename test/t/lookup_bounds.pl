# Property: settings that only superusers may raise bound the cost of a call. Up to a
# bound calls succeed; beyond it they fail with the error 54000, which names the setting.
# This holds for answers that are made to cost far more than their octets too.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Batch;
use NameServer;
use Session;

# Memory that a call can take besides max_answer_memory, in kB; answers of a batch; rows
# whose lookups are started ahead; sessions that ask at the same time
use constant ROOM => 32 * 1024;
my $answers = $ENV{PGCARES_DEEP} ? 60 : 10;
my $ahead = $ENV{PGCARES_DEEP} ? 3000 : 800;
my $sessions = $ENV{PGCARES_DEEP} ? 100 : 4;
my $watched = $ENV{PGCARES_WATCHED};

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '60s'", "pgcares.max_timeout = '10min'", 'max_connections = 120');
my $super = Session->new($node);
$super->text($_) foreach "LOAD 'pgcares'", 'CREATE ROLE plain LOGIN',
  map { "GRANT EXECUTE ON FUNCTION $_ TO plain" } 'dns_query', 'dns_txt', 'dns_search', 'dns_query_at', 'dns_query_many',
  'dns_message_many', 'dns_message_json(text, text, text)', 'dns_reverse_many', 'dns_ptr_many', 'dns_lookup_many', 'dns_addresses_many';
my $plain = Session->new($node, user => 'plain');

# The only value, or the SQLSTATE of an error, which must name the setting
sub value
{
	my ($session, $sql, $setting) = @_;
	my $result = $session->query($sql);
	my $error = $result->{error};

	return $result->{rows}[0][0] if !$error;
	return "$error->{C} without $setting: " . ($error->{H} // '') if ($error->{H} // '') !~ /\bpgcares\.$setting\b/;
	return $error->{C};
}

# Sets a bound for a plain role, as a superuser.
sub limited
{
	my ($setting, $value) = @_;

	$super->text("ALTER ROLE plain SET pgcares.$setting = '$value'");
	$plain->close;
	$plain = Session->new($node, user => 'plain');
	$plain->text('SELECT dns_version()');
}

sub unlimited
{
	my ($setting) = @_;
	$super->text("ALTER ROLE plain RESET pgcares.$setting");
}

sub stays
{
	my ($setting) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($plain->sqlstate($_), '42501', "$_: refused") foreach
	  "SET pgcares.$setting = 1000000", "SELECT set_config('pgcares.$setting', '1000000', false)",
	  "ALTER ROLE plain SET pgcares.$setting = 1000000";
}

# ---- Questions of a call: elements times types

limited('max_questions', 10);
foreach (
	[ 'dns_query_many', 'name', 1 ], [ 'dns_message_many', 'name', 1 ], [ 'dns_reverse_many', 'address', 1 ],
	[ 'dns_ptr_many', 'address', 1 ], [ 'dns_lookup_many', 'name', 2 ], [ 'dns_addresses_many', 'name', 2 ])
{
	my ($function, $kind, $types) = @$_;
	my $element = $kind eq 'name' ? q{'n' || g || '.example'} : q{inet '192.0.2.0' + g};

	foreach my $count (10 / $types - 1, 10 / $types, 10 / $types + 1)
	{
		my $refused = $count * $types > 10;

		$server->forget;
		is(value($plain, "SELECT count(DISTINCT ord) FROM $function(ARRAY(SELECT $element FROM generate_series(1, $count) g))", 'max_questions'),
			$refused ? '54000' : $count, "$function, $count elements with room for 10 questions");
		is($server->count, $refused ? 0 : $count * $types, '... and as many questions are asked');
	}
}
is(value($plain, q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'n.example' FROM generate_series(1, 11)))}, 'max_questions'),
	'54000', 'equal elements count too');
stays('max_questions');
unlimited('max_questions');

# the default: ten million
SKIP:
{
	skip 'ten million names are for --deep', 1 if !$ENV{PGCARES_DEEP};
	is(value($super, q{SELECT count(*) FROM dns_query_many(array_fill('n.example'::text, ARRAY[10000001]))}, 'max_questions'),
		'54000', 'ten million and one name');
}

$server->forget;
is($super->text(q{SELECT count(*), count(DISTINCT ord) FROM dns_query_many(array_fill('n.example'::text, ARRAY[10000]))}),
	'10000|10000', '10,000 equal names');
is($server->count, 1, '... are one question');

# ---- Octets of an answer

limited('max_answer_memory', '2kB');
my %calls = (
	dns_query => q{dns_query('%s', 'TXT')},
	dns_txt => q{dns_txt('%s')},
	dns_query_many => q{dns_query_many('{%s}', 'TXT')},
	dns_query_at => "dns_query_at('${\$server->address}', '%s', 'TXT')",
	dns_search => q{dns_search('%s', 'TXT')});
foreach my $function (sort keys %calls)
{
	foreach my $octets (2047, 2048, 2049)
	{
		is(value($plain, sprintf("SELECT count(*) FROM $calls{$function}", "sized$octets.example"), 'max_answer_memory'),
			$octets > 2048 ? '54000' : '1', "$function: an answer of $octets octets in 2 kB");
	}
}
is(value($plain, q{SELECT dns_message_json('sized2049.example', 'TXT')}, 'max_answer_memory'), '54000', 'dns_message_json: too large');
is(value($plain, q{SELECT count(*) FROM (VALUES ('sized2049.example')) v (n), LATERAL dns_txt(v.n)}, 'max_answer_memory'),
	'54000', 'ahead of the call: too large');
is($plain->text(q{SELECT count(*) FROM generate_series(1, 20) g, LATERAL dns_txt('sized2048.n' || g || '.example')}),
	'20', '... and those that fit come, although all together do not fit');
stays('max_answer_memory');
is_deeply([ $plain->inet_sockets ], [], 'no socket is left');
unlimited('max_answer_memory');

# ---- Answers that cost more than their octets

# The peak memory of a session for a statement, in kB, and the outcome
sub cost
{
	my ($sql, @settings) = @_;
	my $session = Session->new($node, options => join ' ', map { "-c $_" } @settings);

	$session->text(q{SELECT dns_lookup('sound.example')});
	my $before = $session->status('RssAnon');
	my $value = value($session, $sql, 'max_answer_memory');
	my $most = $session->status('VmHWM') - $session->status('RssFile') - $session->status('RssShmem');
	is($session->text(q{SELECT host(dns_lookup('sound.example', 4))}), '192.0.2.1', 'the session goes on');
	is_deeply([ $session->inet_sockets ], [], '... without a socket');
	$session->close;
	return ($value, $most - $before);
}

sub is_bounded
{
	my ($what, $sql, $expected, $limit, @settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($value, $more) = cost($sql, "pgcares.max_answer_memory=${limit}MB", @settings);

	like($value, $expected, "$what, $limit MB: rows, or an error");
	note(sprintf '%s, %d MB: %s, %d kB', $what, $limit, $value, $more);
	cmp_ok($more, '<', $limit * 1024 + ROOM, '... in bounded memory') if !$watched;
}

my $names = "ARRAY(SELECT 'heavy.n' || g || '.example' FROM generate_series(1, $answers) g)";
foreach my $type (qw(A PTR MINFO NSEC TXT NINFO APL SVCB))
{
	is_bounded("batch of $type", "SELECT count(DISTINCT ord) FROM dns_query_many($names, '$type')", qr/^$answers$/, 2,
		'pgcares.max_in_flight=16');
}

# records as one value: the value counts like the message that it is made from
foreach my $type (qw(PTR NSEC NINFO))
{
	my $few = "ARRAY(SELECT 'heavy.m' || g || '.example' FROM generate_series(1, 3) g)";

	is_bounded("messages of $type", "SELECT count(DISTINCT ord) FROM dns_message_many($few, '$type')",
		$type eq 'NINFO' ? qr/^3$/ : qr/^54000$/, 2);
	is_bounded("a message of $type", "SELECT count(*) FROM dns_message('heavy.example', '$type')",
		$type eq 'NINFO' ? qr/^1$/ : qr/^54000$/, 2);
	is_bounded("JSON of $type", "SELECT count(dns_message_json('heavy.example', '$type'))", qr/^(?:1|54000)$/, 2);
}
is_bounded('JSON of names', q{SELECT count(dns_message_json('heavy.example', 'PTR'))}, qr/^54000$/, 2);

# rows of 14 MB each: only one of them is in memory at a time
is_bounded("messages of names", "SELECT count(*) FROM dns_message_many($names, 'PTR')", qr/^$answers$/, 32, 'work_mem=4MB',
	'pgcares.max_in_flight=16');

# as many addresses as an answer can have, each once
is_bounded('addresses', q{SELECT cardinality(addresses) FROM dns_gethostbyname('big4000.example', 4)}, qr/^4000$/, 2);

# more lookups can be in flight ahead of the calls than there is memory for: all answers
# come at the same time, and then the first call is alone with its question, which gets no
# answer
is_bounded('ahead of calls', "SELECT count(*) FROM generate_series(1, $ahead) g, LATERAL dns_a('crowd$ahead.heavy' || g || '.example') a",
	qr/^57014/, 2, 'pgcares.max_in_flight=16384', 'pgcares.tcp=on', 'statement_timeout=4s');

# ---- A server's text about a failure

{
	my $error = $super->query(q{SELECT * FROM dns_a('edelong.example')})->{error};

	is($error->{C}, 'ND002', 'a failure that is explained in 60,000 octets');
	cmp_ok(length $error->{D}, '<', 1500, '... in a much shorter error');
	like($error->{D}, qr/(?:\\255){255}\.\.\.\.$/, '... that shows the cut');
	is($super->text(q{SELECT length(ede_text) FROM dns_message('edelong.example')}), 4 * 60000, '... the message has all of it');
}

# ---- Many sessions, each with a thousand questions in flight

{
	my @sessions = map { Session->new($node, options => '-c pgcares.max_in_flight=1000') } 1 .. $sessions;
	my @before;

	$_->text(q{SELECT dns_lookup('sound.example')}) foreach @sessions;
	foreach my $session (@sessions)
	{
		my ($names, $zone) = Batch->names(q{'drop'}, 1000);

		push @before, $session->status('RssAnon');
		$session->send("SELECT count(*) FROM dns_query_many($names)");
		Session::wait_until(sub { $server->has_seen("drop.n1000.$zone") }, 'its last question');
	}
	my @sockets = map { scalar(my @all = $_->inet_sockets) } @sessions;
	my @more = map { $sessions[$_]->status('RssAnon') - $before[$_] } 0 .. $#sessions;
	$super->text('SELECT pg_cancel_backend(' . $_->pid . ')') foreach @sessions;
	is(join(' ', grep { $_ ne '57014' } map { Session::sqlstate_of($_->result) } @sessions), '', "$sessions sessions: all are cancelled");
	cmp_ok(max(@sockets), '<=', 64, '... none had more than 64 sockets');
	cmp_ok(max(@more), '<', 1000 * 3 + 4096, '... nor more than 3 kB for each question') if !$watched;
	note("at most @{[max @sockets]} sockets and @{[max @more]} kB");
}

# ---- Cancelled while such a result is written

foreach my $type ('PTR', 'NSEC')
{
	my $start = time;
	my $state = $super->sqlstate("SET statement_timeout = '300ms'; SELECT count(*) FROM dns_message_many($names, '$type')");

	is($state, '57014', "messages of $type: cancelled");
	cmp_ok(time - $start, '<', 2, '... in time') if !$watched;
	$super->text('RESET statement_timeout');
}

done_testing();
