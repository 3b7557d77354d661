# If a name server fails, another one is asked; the session remembers the failed one,
# and returns to it when it works again.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Seconds for which a server that is back can go unnoticed while lookups go on: it is
# tried now and then, five seconds after its failure at the earliest.
use constant BACK_WITHIN => 60;

my $good = NameServer->misbehaving;
my $silent = NameServer->silent(address => '127.0.0.2');
my $closed = '127.0.0.3:' . NameServer->closed_port('127.0.0.3');
my $node = Session->cluster([$good]);
my $names = 0;

# A session of its own, with servers in this order; each is an object or a text.
sub session
{
	my ($servers, %settings) = @_;
	my $session = Session->new($node);

	$settings{servers} = join ', ', map { ref $_ ? $_->address : $_ } @$servers;
	$session->text(join '; ', map { "SET pgcares.$_ = '$settings{$_}'" } sort keys %settings);
	return $session;
}

# Looks up a new name; returns the SQLSTATE and the time.
sub lookup
{
	my ($session, $behaviour) = @_;
	my $start = time;
	my $result = $session->query(sprintf "SELECT * FROM dns_a('%s.n%d.example')", $behaviour // 'n', ++$names);

	return wantarray ? (Session::sqlstate_of($result), $result->{time} - $start) : Session::sqlstate_of($result);
}

# How often each of the servers got the last question
sub asked
{
	return join ' ', map { $_->count(qr/\.n$names\.example$/) } @_;
}

foreach my $way ('udp', 'tcp')
{
	my $over = uc $way;
	my %call = (Session::way("$way, no edns"), timeout => '500ms');

	# a dead server
	foreach ([ $silent, 'silent' ], [ $closed, 'closed' ])
	{
		my ($dead, $what) = @$_;
		my $session = session([ $dead, $good ], %call);

		$what = "first server $what, $over";
		is(lookup($session), '00000', "$what: lookup succeeds");
		is(asked($good), '1', "$what: second server asked");
		foreach my $next (1 .. 5)
		{
			my ($state, $seconds) = lookup($session);
			is($state, '00000', "$what: lookup $next after that succeeds");
			cmp_ok($seconds, '<', 0.4, "$what: lookup $next after that does not wait");
			is(asked($silent, $good), '0 1', "$what: lookup $next after that asks the second server only");
		}

		# errors of a lookup or a query do not change that
		is(lookup($session, 'nxdomain'), 'ND003', "$what: no such name");
		is(lookup($session, 'nodata'), 'NDA00', "$what: no such records");
		is($session->sqlstate('SELECT 1 / 0'), '22012', "$what: another error");
		is($session->sqlstate(q{SELECT 1 / (ttl - ttl) FROM dns_a('n.example')}), '22012', "$what: an error beside a lookup");
		is(lookup($session), '00000', "$what: lookup after errors succeeds");
		is(asked($silent, $good), '0 1', "$what: lookup after errors asks the second server only");

		# but dns_reset() does
		$session->text('SELECT dns_reset()');
		is(lookup($session), '00000', "$what: lookup after dns_reset() succeeds");
		is(asked($silent), $dead == $silent ? '1' : '0', "$what: dns_reset() forgets it") if ref $dead;
		$session->close;
	}

	# answers that show that this server is of no use, and answers that count
	foreach ([ rcode2 => 'SERVFAIL', 1 ], [ rcode4 => 'NOTIMP', 1 ], [ rcode5 => 'REFUSED', 1 ],
		[ headeronly => 'REFUSED without a question', 1 ], [ short => 'a malformed answer', 1 ],
		[ a3 => 'a record of the wrong length', 1 ], [ loopptr => 'a name that points to itself', 1 ],
		[ referral => 'a referral', 1 ], [ lame => 'an empty answer without authority and recursion', 1 ],
		[ rcode1 => 'FORMERR', 0, 'ND001' ], [ nxdomain => 'NXDOMAIN', 0, 'ND003' ], [ nodata => 'no records', 0, 'NDA00' ],
		[ rcode9 => 'NOTAUTH', 0, 'ND009' ])
	{
		my ($mode, $what, $fails, $state) = @$_;
		my $first = NameServer->misbehaving(address => '127.0.0.4', mode => $mode);

		is(lookup(session([ $first, $good ], %call)), $fails ? '00000' : $state, "$what, $over: the outcome");
		is(asked($first, $good), $fails ? '1 1' : '1 0', "$what, $over: the second server asked if the first fails");

		my $alone = lookup(session([ $first, $good ], %call, check_response => 'off'));
		isnt($alone, '00000', "$what, no check_response, $over: the outcome") if $fails;
		is(asked($first, $good), '1 0', "$what, no check_response, $over: first server asked only");
		$first->stop;
	}

	# such an answer of one name says nothing of the server: the next name is asked of it
	foreach my $label (qw(rcode2 rcode4 rcode5 headeronly short a3 loopptr counts referral lame))
	{
		my $first = NameServer->misbehaving(address => '127.0.0.4');
		my $session = session([ $first, $good ], %call);

		isnt(lookup($session, $label), '00000', "one name with $label, $over: the outcome");
		is(asked($first, $good), '1 1', '... both servers asked');
		is(lookup($session), '00000', '... the next name');
		is(asked($first, $good), '1 0', '... first server asked');
		$first->stop;
	}

	# nor do such answers among those of a batch; over UDP, some names can be asked twice
	if ($over eq 'TCP')
	{
		my $first = NameServer->misbehaving(address => '127.0.0.4');
		my $session = session([ $first, $good ], %call, timeout => '5s');
		my $statuses = $session->text(<<'SQL');
SELECT status, count(*)
FROM dns_query_many(ARRAY(SELECT CASE WHEN g % 20 = 0 THEN (ARRAY['rcode2.', 'rcode5.', 'short.'])[1 + g / 20 % 3] ELSE '' END || 'g' || g || '.batch.example'
	FROM generate_series(1, 1200) AS g))
GROUP BY status ORDER BY status COLLATE "C"
SQL
		is($statuses, "MALFORMED|20\nNOERROR|1140\nREFUSED|20\nSERVFAIL|20", "a batch with such names, $over: the outcomes");
		is(join(' ', map { $_->count(qr/\.g\d+\.batch\.example$/) } $first, $good), '60 60', '... both servers asked for those');
		is(join(' ', map { $_->count(qr/^g\d+\.batch\.example$/) } $first, $good), '1140 0', '... first server asked for the others');
		is(lookup($session), '00000', '... the next name');
		is(asked($first, $good), '1 0', '... first server asked');
		$first->stop;
	}

	# no server is of any use
	{
		my @failing = map { NameServer->misbehaving(address => "127.0.0.$$_[0]", mode => $$_[1]) }[ 4, 'rcode2' ], [ 5, 'rcode5' ],
		  [ 6, 'rcode4' ];
		my $session = session(\@failing, %call);

		is(lookup($session), 'ND004', "all fail, $over: the outcome is the last one's");
		is(asked(@failing), '1 1 1', "all fail, $over: each asked once");
		is(lookup(session([ $failing[0] ], %call)), 'ND002', "one server that fails, $over: the outcome");
		is(asked($failing[0]), '1', "one server that fails, $over: asked once");

		my $malformed = NameServer->misbehaving(address => '127.0.0.7', mode => 'short');
		is(lookup(session([ $failing[0], $malformed ], %call)), 'NDA10', "all fail, the last one malformed, $over: the outcome");
		is(lookup(session([ $malformed, $failing[0] ], %call)), 'ND002', "all fail, the first one malformed, $over: the outcome");
	}

	# the first server is silent, and the other one is of no use: alone and in bulk, the outcome is what that one says
	{
		my $mute = NameServer->silent(address => '127.0.0.9');

		foreach ([ servfail => 'ND002', 'SERVFAIL' ], [ refuse => 'ND005', 'REFUSED' ], [ referral => 'NDA13', 'REFERRAL' ],
			[ short => 'NDA10', 'MALFORMED' ])
		{
			my ($mode, $state, $status) = @$_;
			my $failing = NameServer->misbehaving(address => '127.0.0.10', mode => $mode);
			my @session = ([ $mute, $failing ], %call, tries => 1);

			is(lookup(session(@session)), $state, "silent, then $mode, $over: the outcome");
			is(asked($mute, $failing), '1 1', '... each asked once') if $over eq 'UDP';
			$names += 2;
			is(session(@session)->text(sprintf "SELECT DISTINCT status FROM dns_query_many('{n.n%d.example, n.n%d.example}')", $names - 1, $names),
				$status, "silent, then $mode, $over, in bulk: the outcome");
			is(asked($mute, $failing), '1 1', '... each asked once') if $over eq 'UDP';
			$failing->stop;
		}
		$mute->stop;
	}

	# the first one is of no use, and the other one is silent or closed: what was heard is better than nothing
	foreach ([ servfail => 'ND002', 'SERVFAIL' ], [ refuse => 'ND005', 'REFUSED' ], [ referral => 'NDA13', 'REFERRAL' ],
		[ short => 'NDA10', 'MALFORMED' ])
	{
		my ($mode, $state, $status) = @$_;
		my $failing = NameServer->misbehaving(address => '127.0.0.10', mode => $mode);

		foreach my $second ($silent, $closed)
		{
			my $what = "$mode, then " . (ref $second ? 'silent' : 'closed');

			foreach my $tries (1, 2)
			{
				my @session = ([ $failing, $second ], %call, tries => $tries);

				is(lookup(session(@session)), $state, "$what, $over, tries = $tries: the outcome");
				$names += 2;
				is(session(@session)->text(sprintf "SELECT DISTINCT status FROM dns_query_many('{n.n%d.example, n.n%d.example}')", $names - 1, $names),
					$status, "$what, $over, tries = $tries, in bulk: the outcome");
			}
		}
		$failing->stop;
	}
	is(lookup(session([ $closed, '127.0.0.2:' . NameServer->closed_port('127.0.0.2') ], %call)), 'NDA11',
		"all closed, $over: the outcome");
}

# A session forgets nothing if a lookup ends by its deadline.
{
	my $session = session([ $silent, $good ], timeout => '200ms');

	is(lookup($session), '00000', 'deadline: the first server is silent');
	$session->text(q{SET pgcares.deadline = '100ms'});
	is(lookup($session, 'drop'), 'NDA12', 'deadline: it ends before a try does');
	is_deeply([ $session->inet_sockets ], [], 'deadline: no socket is left');
	is(lookup($session), '00000', 'deadline: the next lookup succeeds');
	is(asked($silent, $good), '0 1', 'deadline: it asks the second server only');
}

# A server that does not come back is tried now and then, but no lookup waits for it.
{
	my $session = session([ $silent, $good ], timeout => '1s');
	my ($longest, $start) = (0, time);

	is(lookup($session), '00000', 'silent for ever: lookup succeeds');
	$silent->forget;
	Session::wait_until(
		sub {
			my ($state, $seconds) = lookup($session);
			$longest = $seconds if $seconds > $longest;
			return $state ne '00000' || $silent->count || time > $start + BACK_WITHIN;
		},
		'another try');
	is($silent->count, 1, 'silent for ever: it is tried again');
	cmp_ok(scalar $session->inet_sockets, '<=', 1, 'silent for ever: no socket is left, except that of the try');
	Session::wait_until(
		sub {
			my ($state, $seconds) = lookup($session);
			$longest = $seconds if $seconds > $longest;
			return $state ne '00000' || !$session->inet_sockets;
		},
		'the end of the try');
	is(lookup($session), '00000', 'silent for ever: lookups succeed');
	cmp_ok($longest, '<', 0.9, 'silent for ever: no lookup waits for it');
}

# A server that comes back, for a session that goes on
foreach my $kind ('closed', 'silent', 'failing')
{
	my %mode = (silent => 'silent', failing => 'servfail');
	my $first = NameServer->misbehaving(address => '127.0.0.8', mode => $mode{$kind} // 'normal');
	my @where = (address => '127.0.0.8', port => $first->port);
	my $session = session([ $first, $good ], timeout => '200ms');

	$first->stop if $kind eq 'closed';
	is(lookup($session), '00000', "first server $kind: lookup succeeds");
	$first->stop;
	$first = NameServer->misbehaving(@where);

	my ($start, $last, $lookups) = (time, time, 0);
	my %states;
	Session::wait_until(
		sub {
			$states{ lookup($session) } = ++$lookups;
			$last = time;
			return asked($first, $good) eq '1 0' || $last > $start + BACK_WITHIN;
		},
		'the first server to be used again');
	note(sprintf '%s: %d lookups, %.1f s', $kind, $lookups, $last - $start);
	is(join(' ', keys %states), '00000', "first server $kind, then back: all lookups succeed meanwhile");
	cmp_ok($last - $start, '<', BACK_WITHIN, "first server $kind, then back: it is used again");
	foreach (1 .. 5)
	{
		lookup($session);
		is(asked($first, $good), '1 0', "first server $kind, then back: the next lookup asks it only");
	}
	$first->stop;
}
done_testing();
