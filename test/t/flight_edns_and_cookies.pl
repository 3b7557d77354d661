# Property: a server that does not know EDNS, or treats EDNS or cookies oddly, costs one
# more query at most, and for few names only; all names get their answer.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Batch;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# No answer in this test takes that long.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], "pgcares.timeout = '10s'", 'pgcares.max_in_flight = 100');

# Runs a batch of this many names at a server that treats them all alike.
sub at_server
{
	my ($mode, $session, %settings) = @_;
	my $odd = NameServer->misbehaving(mode => $mode);
	my $batch = Batch->run($odd, $session, q{'sound'}, 500, servers => $odd->address, %settings);

	$batch->{server} = $odd;
	return $batch;
}

sub with_edns
{
	my ($batch) = @_;
	return scalar grep { defined $_->{edns} } @{ $batch->{queries} };
}

# ---- Servers that do not know EDNS: the channel remembers that

foreach (
	[ 'noedns1', 'FORMERR with the question' ],
	[ 'ednsbare', 'FORMERR without the question' ],
	[ 'noedns4', 'NOTIMP' ])
{
	my ($mode, $what) = @$_;

	foreach my $way ('udp', 'tcp')
	{
		my $session = Session->new($node);
		my $batch = at_server($mode, $session, Session::way($way));

		$batch->all_succeed(500, "$what, $way");
		cmp_ok(with_edns($batch), '<=', 250, '... few names were asked with EDNS');
		is(scalar @{ $batch->{queries} }, 500 + with_edns($batch), '... and only these twice');

		$session->text(Session::set_way($way) . "; SET pgcares.servers = '${\$batch->{server}->address}'");
		$batch->{server}->forget;
		is($session->text(q{SELECT count(*) FROM generate_series(1, 10) i, LATERAL dns_a('n' || i || '.later.example')}), 10, '... later names are answered too');
		is(join(' ', map { $_->{edns} // 'none' } $batch->{server}->log), join(' ', ('none') x 10), '... none of them with EDNS');
		$session->text('SELECT dns_reset()');
		$batch->{server}->forget;
		$session->text(q{SELECT * FROM dns_a('n.forgotten.example')});
		is(join(' ', map { $_->{edns} // 'none' } $batch->{server}->log), '1232 none', '... until dns_reset()');
	}
}

# A server that has sent an OPT record is asked with EDNS, for any other answer.
foreach (
	[ 'badvers', 'BADVERS' ],
	[ 'ednserror', 'FORMERR with an OPT record' ])
{
	my ($mode, $what) = @$_;
	my $session = Session->new($node);
	my $names = q{CASE WHEN g <= 10 THEN 'sound' ELSE '} . $mode . q{' END};
	my $batch = Batch->run($server, $session, $names, 100, max_in_flight => 1);

	$batch->all_succeed(100, $what);
	is(with_edns($batch), 100, '... all were asked with EDNS, since the server knows it');
	is(scalar @{ $batch->{queries} }, 190, '... and those that failed again without');
}

# The query without EDNS has an id of its own: an error that comes twice is no answer to it.
foreach my $label (qw(ednstwice ednsbaretwice))
{
	foreach my $tcp (qw(off on))
	{
		my $what = $label . ($tcp eq 'on' ? ', tcp' : ', udp');
		my $session = Session->new($node);

		$session->text("SET pgcares.tcp = $tcp; SET pgcares.servers = '${\$server->address}'");
		$server->forget;
		is($session->text("SELECT status FROM dns_message('$label.example')"), 'NOERROR', "$what: an answer");
		my @log = $server->log;
		is(join(' ', map { $_->{edns} // 'none' } @log), '1232 none', '... to the second query, without EDNS');
		isnt($log[0]{id}, $log[1]{id}, '... which has another id');
	}
}

# A question that fails with and without EDNS shows nothing about EDNS.
{
	my $session = Session->new($node);
	my $batch = Batch->run($server, $session, q{'rcode1'}, 100);

	is_deeply($batch->{statuses}, { FORMERR => 100 }, 'FORMERR to every question');
	is(with_edns($batch), 100, '... each was asked with EDNS');
	is(scalar @{ $batch->{queries} }, 200, '... and once more without');
}

# The channel knows each server by itself: a refusal of the first one does not count for
# the second.
{
	my $session = Session->new($node);
	my $old = NameServer->misbehaving(mode => 'noedns1');
	my $batch = Batch->run($old, $session, q{'sound'}, 100, servers => join(', ', map { $_->address } $old, $server));
	$batch->all_succeed(100, 'an old server before another one');

	$server->forget;
	$old->stop;
	$session->text("SET pgcares.timeout = '250ms'; SET pgcares.servers = '" . join(', ', map { $_->address } $old, $server) . q{'});
	is($session->text(q{SELECT host(address) FROM dns_a('second.example')}), '192.0.2.1', '... which stops: the second one is asked');
	is(join(' ', map { $_->{edns} // 'none' } $server->log), '1232', '... with EDNS');
}

# Silence is not a refusal: it is a failure of the server, as it is without EDNS.
{
	my $session = Session->new($node);
	my $mute = NameServer->misbehaving(mode => 'ednsdrop');

	$session->text("SET pgcares.servers = '${\$mute->address}'; SET pgcares.timeout = '250ms'; SET pgcares.tries = 2");
	is($session->sqlstate(q{SELECT * FROM dns_a('a.example')}), 'NDA12', 'no answer to EDNS: a timeout');
	is(join(' ', map { $_->{edns} // 'none' } $mute->log), '1232 1232', '... after as many queries as the settings allow');
	$session->text(q{SET pgcares.edns = off});
	is($session->text(q{SELECT host(address) FROM dns_a('a.example')}), '192.0.2.1', '... and without the flag edns an answer');
}

# ---- OPT records that are wrong

my $session = Session->new($node);
foreach (
	[ 'optversion', '192.0.2.1' ], [ 'twoopt', 'NDA10' ], [ 'optanswer', 'NDA10' ], [ 'optauthority', 'NDA10' ])
{
	my ($label, $outcome) = @$_;

	$server->forget;
	my $result = $session->query("SELECT host(address) FROM dns_a('$label.example')");
	is($result->{error} ? $result->{error}{C} : $result->{rows}[0][0], $outcome, "$label: the outcome");
	is($server->count, 1, '... asked once');
}

# ---- Cookies: pgcares sends none, and ignores those that come

foreach my $way ('udp', 'udp, keep_open', 'tcp, keep_open')
{
	foreach my $label (qw(cookieonce cookieadd cookiewrong cookieshort cookielong))
	{
		my $fresh = Session->new($node);
		my $batch = Batch->run($server, $fresh, "CASE WHEN g % 10 = 1 THEN '$label' ELSE 'sound' END", 200,
			Session::way($way), max_in_flight => 20);

		$batch->all_succeed(200, "$label, $way");
		$batch->asked_once(200, "$label, $way");
		is(scalar(grep { $_->{cookie} } @{ $batch->{queries} }), 0, '... without a cookie');
		$fresh->close;
	}
}
$server->forget;
is($session->text(q{SELECT host(address) FROM dns_a('cookieonce.again.example')}), '192.0.2.1', "lookup $_ of a name: an answer") foreach 1 .. 5;
is($server->count, 5, '... to one query each, although only the first answer had a cookie');

done_testing();
